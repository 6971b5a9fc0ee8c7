"""What is measured on a mask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from densesharp.image.grid import ras_to_lps
from densesharp.nodule.records.json_values import plain


def tenth(value: float) -> float:
    """Rounded to one decimal, halves up as in guidelines; `round` takes them to even."""
    return math.floor(10 * value + 0.5 + 1e-9) / 10


NoduleType = Literal["solid", "part-solid", "ground-glass"]

TYPE_AGREEMENT: Mapping[NoduleType, float] = {
    "solid": 0.83,
    "part-solid": 0.26,
    "ground-glass": 0.67,
}
"""How often a second radiologist gives a nodule the type that the first gave it: pairs of readers
of all nodules of 441 LIDC-IDRI patients that two or more outlined (ratings 1-2, 3-4, 5)."""

READERS_DIFFER = 1.90
"""Natural logarithm of the factor between volumes, times the root of the diameter in mm; see
`Measurements.volume_interval_mm3`."""


@dataclass(frozen=True)
class Segment:
    """A measured line between two points, LPS mm."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]

    @property
    def length(self) -> float:
        """Length in mm."""
        return math.dist(self.start, self.end)


@dataclass(frozen=True)
class SolidPart:
    """The part of the nodule above one threshold.

    Attributes:
        threshold_hu: voxels of the mask above it count as solid.
        volume_mm3: their volume.
        long_axis_mm: largest in-plane diameter of the solid part, in the plane of the long axis.
        ctr: consolidation-to-tumor ratio, solid over total long axis, 0..1.
    """

    threshold_hu: float
    volume_mm3: float
    long_axis_mm: float
    ctr: float


@dataclass(frozen=True)
class Measurements:
    """What is measured on the mask on the CT's own grid. Lengths mm, volumes mm3, density HU.

    Attributes:
        volume_mm3: voxels times voxel volume.
        long_axis_mm, short_axis_mm: long axis and largest perpendicular axis, same slice, in the
            plane (axial, coronal or sagittal) where the long axis is largest (Fleischner).
        mean_diameter_mm: mean of the two.
        plane: that plane, an axis name of the patient.
        long_axis, short_axis: where they lie.
        max_3d_diameter_mm: largest distance between two points of the mask.
        mean_hu, sd_hu, min_hu, max_hu: over the voxels of the mask.
        mass_mg: volume x (mean HU + 1000) / 1000.
        solid: at the chosen threshold (default -300 HU).
        solid_curve: the same at a series of thresholds.
        nodule_type: as most radiologists would call it.

    Examples:
        >>> found = result.measurements
        >>> found.mean_diameter_mm == (found.long_axis_mm + found.short_axis_mm) / 2
        True
        >>> round(found.volume_mm3 * (found.mean_hu + 1000) / 1000) == round(found.mass_mg)
        True
    """

    volume_mm3: float
    long_axis_mm: float
    short_axis_mm: float
    mean_diameter_mm: float
    plane: Literal["axial", "coronal", "sagittal"]
    long_axis: Segment
    short_axis: Segment
    max_3d_diameter_mm: float
    max_3d_diameter: Segment
    mean_hu: float
    sd_hu: float
    min_hu: float
    max_hu: float
    mass_mg: float
    solid: SolidPart
    solid_curve: tuple[SolidPart, ...]
    nodule_type: NoduleType

    @property
    def fleischner_mean_mm(self) -> int:
        """Mean diameter to the nearest whole mm, halves up (Fleischner 2017)."""
        return math.floor(self.mean_diameter_mm + 0.5)

    @property
    def lung_rads_mean_mm(self) -> float:
        """Mean of the axes, each to one decimal, to one decimal (Lung-RADS 2022)."""
        return tenth((tenth(self.long_axis_mm) + tenth(self.short_axis_mm)) / 2)

    @property
    def volume_interval_mm3(self) -> tuple[float, float]:
        """Where the volumes of other radiologists' outlines of this nodule lie, as a rule.

        V / f to V f with f = exp(READERS_DIFFER / sqrt(d)), d mm the diameter of a ball of volume
        V: fitted so that it holds the outlines of all readers of 90 % of 56 LIDC-IDRI nodules, and
        held those of 91 % of the nodules left out of the fit.
        """
        factor = self._factor()
        return self.volume_mm3 / factor, self.volume_mm3 * factor

    @property
    def mean_diameter_interval_mm(self) -> tuple[float, float]:
        """The same of the mean diameter: a length is the cube root of a volume."""
        factor = self._factor() ** (1 / 3)
        return self.mean_diameter_mm / factor, self.mean_diameter_mm * factor

    def _factor(self) -> float:
        # The smallest voxel's volume keeps records defined that no mask would give.
        diameter = (6 * max(self.volume_mm3, 1.0) / math.pi) ** (1 / 3)
        return math.exp(READERS_DIFFER / math.sqrt(diameter))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, RAS mm for points."""
        return {
            "volume_mm3": self.volume_mm3,
            "volume_interval_mm3": list(self.volume_interval_mm3),
            "long_axis_mm": self.long_axis_mm,
            "short_axis_mm": self.short_axis_mm,
            "mean_diameter_mm": self.mean_diameter_mm,
            "mean_diameter_interval_mm": list(self.mean_diameter_interval_mm),
            "fleischner_mean_mm": self.fleischner_mean_mm,
            "lung_rads_mean_mm": self.lung_rads_mean_mm,
            "plane": self.plane,
            "long_axis_ras": _segment_to_json(self.long_axis),
            "short_axis_ras": _segment_to_json(self.short_axis),
            "max_3d_diameter_mm": self.max_3d_diameter_mm,
            "max_3d_diameter_ras": _segment_to_json(self.max_3d_diameter),
            "mean_hu": self.mean_hu,
            "sd_hu": self.sd_hu,
            "min_hu": self.min_hu,
            "max_hu": self.max_hu,
            "mass_mg": self.mass_mg,
            "solid_threshold_hu": self.solid.threshold_hu,
            "solid_volume_mm3": self.solid.volume_mm3,
            "solid_long_axis_mm": self.solid.long_axis_mm,
            "ctr": self.solid.ctr,
            "ctr_curve": [plain(part) for part in self.solid_curve],
            "nodule_type": self.nodule_type,
            "nodule_type_agreement": TYPE_AGREEMENT[self.nodule_type],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurements:
        """The record that `to_json` wrote."""
        names = ("volume_mm3", "long_axis_mm", "short_axis_mm", "mean_diameter_mm", "plane",
                 "max_3d_diameter_mm", "mean_hu", "sd_hu", "min_hu", "max_hu", "mass_mg",
                 "nodule_type")  # fmt: skip
        return cls(
            **{name: data[name] for name in names},
            long_axis=_segment_from_json(data["long_axis_ras"]),
            short_axis=_segment_from_json(data["short_axis_ras"]),
            max_3d_diameter=_segment_from_json(data["max_3d_diameter_ras"]),
            solid=SolidPart(
                data["solid_threshold_hu"],
                data["solid_volume_mm3"],
                data["solid_long_axis_mm"],
                data["ctr"],
            ),
            solid_curve=tuple(SolidPart(**part) for part in data["ctr_curve"]),
        )


def _segment_to_json(segment: Segment) -> list[list[float]]:
    return [ras_to_lps(segment.start).tolist(), ras_to_lps(segment.end).tolist()]


def _segment_from_json(points: list[list[float]]) -> Segment:
    start, end = (tuple(ras_to_lps(point).tolist()) for point in points)
    return Segment(start, end)
