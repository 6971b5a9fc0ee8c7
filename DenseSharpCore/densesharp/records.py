"""The records that flow through DenseSharp: frozen, checked on construction, to and from JSON.

    Volume + Seed -> Patch -> Prediction -> Measurements -> NoduleResult

A record that exists is valid. Arrays inside records are `[k, j, i]` and must not be changed.
Coordinates are LPS mm; JSON files carry RAS mm (as 3D Slicer shows them) under names that say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import ImageError, SeedError
from densesharp.geometry import Grid, ras_to_lps

SCHEMA = 1
"""Version of the JSON that `NoduleResult.to_json` writes."""

CLASS_NAMES = ("AAH-AIS", "MIA", "IAC")
"""Invasiveness classes in their order: pre-invasive, minimally invasive, invasive."""

Verdict = Literal["ok", "caution", "refused"]
NoduleType = Literal["solid", "part-solid", "ground-glass"]
Light = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Notice:
    """Something the reader must know about an image or a result.

    Attributes:
        code: short stable name for programs, such as `slice_thickness`.
        message: one sentence for the radiologist.
        severity: `info` only informs; `caution` and `refused` decide the verdict.
    """

    code: str
    message: str
    severity: Literal["info", "caution", "refused"] = "caution"


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT in Hounsfield units on its own grid.

    Attributes:
        array: (k, j, i) numeric HU; int16 as read where possible.
        grid: where its voxels lie, LPS mm.
        notices: what reading found (thick slices, contrast, ...).
        series: identity needed to refer back to a DICOM source (empty otherwise); never shown.

    Raises:
        ImageError: not three-dimensional, not numeric, or it does not fit the grid.
    """

    array: NDArray[Any]
    grid: Grid
    notices: tuple[Notice, ...] = ()
    series: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or self.array.dtype.kind not in "iuf":
            message = (
                f"The image has {self.array.ndim} dimensions of type {self.array.dtype}: "
                "a CT with three dimensions and one number per voxel is needed."
            )
            raise ImageError(message)
        if self.array.shape != self.grid.shape:
            message = f"Array {self.array.shape} and grid {self.grid.shape} do not fit."
            raise ImageError(message)
        object.__setattr__(self, "notices", tuple(self.notices))
        object.__setattr__(self, "series", MappingProxyType(dict(self.series)))


@dataclass(frozen=True, eq=False)
class Seed:
    """A click: a point in or near a nodule.

    Attributes:
        lps: (3,) LPS mm.

    Raises:
        SeedError: not three finite numbers.
    """

    lps: NDArray[np.float64]

    def __post_init__(self) -> None:
        try:
            point = np.array(self.lps, dtype=np.float64)
        except (TypeError, ValueError) as error:
            message = f"The seed {self.lps!r} is not three numbers."
            raise SeedError(message) from error
        if point.shape != (3,) or not np.isfinite(point).all():
            message = f"The seed {self.lps!r} is not three finite numbers."
            raise SeedError(message)
        point.setflags(write=False)
        object.__setattr__(self, "lps", point)

    @property
    def ras(self) -> NDArray[np.float64]:
        """(3,) RAS mm."""
        return ras_to_lps(self.lps)

    @classmethod
    def from_ras(cls, point: ArrayLike) -> Seed:
        """A seed from RAS mm, as 3D Slicer shows them."""
        return cls(ras_to_lps(point))

    @classmethod
    def from_ijk(cls, index: ArrayLike, grid: Grid) -> Seed:
        """A seed from (continuous) voxel indices (i, j, k) of an image."""
        return cls(grid.to_world(index))


@dataclass(frozen=True, eq=False)
class Patch:
    """What the network sees: a cube along the patient's axes.

    Attributes:
        array: (32, 32, 32) float32 in network units (-1..1), axes superior, posterior, left.
        grid: 1 mm cube, identity direction.
        inside: share of the cube that lies inside the CT, 0..1; the rest is padded with air.
    """

    array: NDArray[np.float32]
    grid: Grid
    inside: float

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape or self.array.dtype != np.float32:
            message = f"Patch {self.array.shape} {self.array.dtype} does not fit its grid."
            raise ImageError(message)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says about one patch, over all members and augmentations.

    Attributes:
        class_probabilities: (3,) calibrated, in the order of `CLASS_NAMES`, sum 1.
        samples: (n, 3) the same for each member and augmentation; their spread is the uncertainty.
        mask: (32, 32, 32) float32 probability of nodule; zero outside the seed's component.
        volume_samples_mm3: (n,) volume of each member's and augmentation's own mask.
        evidence: (32, 32, 32) float32 >= 0, class activation of the predicted class, maximum 1
            (all zero where nothing speaks for the class).
        evidence_inside: share of the evidence inside the mask (grown by 1 mm), 0..1.
        patch: the patch it belongs to (after recentring).
        shift_mm: distance from the seed to the middle of that patch.
        passes: how often the patch was recentred and run.
    """

    class_probabilities: NDArray[np.float64]
    samples: NDArray[np.float64]
    mask: NDArray[np.float32]
    volume_samples_mm3: NDArray[np.float64]
    evidence: NDArray[np.float32]
    evidence_inside: float
    patch: Patch
    shift_mm: float
    passes: int

    def __post_init__(self) -> None:
        total = float(self.class_probabilities.sum())
        if self.class_probabilities.shape != (len(CLASS_NAMES),) or abs(total - 1) > 1e-6:
            message = f"Class probabilities {self.class_probabilities} do not sum to one."
            raise ImageError(message)
        if self.mask.shape != self.patch.grid.shape or self.evidence.shape != self.mask.shape:
            message = "Mask and evidence must lie on the patch's grid."
            raise ImageError(message)

    @property
    def predicted_class(self) -> str:
        """The most probable class."""
        return CLASS_NAMES[int(self.class_probabilities.argmax())]

    @property
    def probability_invasive(self) -> float:
        """Probability of MIA or IAC."""
        return float(self.class_probabilities[1:].sum())

    @property
    def probability_iac(self) -> float:
        """Probability of IAC."""
        return float(self.class_probabilities[2])


@dataclass(frozen=True)
class Uncertainty:
    """Spread over ensemble members and augmentations (standard deviations).

    Attributes:
        samples: number of member x augmentation runs; with 1 every spread is zero and unknown.
        sd_class: SD of each class probability.
        sd_invasive: SD of P(MIA or IAC).
        sd_iac: SD of P(IAC).
        entropy: of the mean class probabilities, 0 (certain) .. 1 (all classes equal).
        volume_sd_mm3: SD of the volume.
        volume_range_mm3: smallest and largest volume.
    """

    samples: int
    sd_class: Mapping[str, float]
    sd_invasive: float
    sd_iac: float
    entropy: float
    volume_sd_mm3: float
    volume_range_mm3: tuple[float, float]


@dataclass(frozen=True)
class Stability:
    """What happens to the answer when the click moves a little.

    Attributes:
        offset_mm: how far the seed was moved.
        seeds: number of moved seeds.
        found: how many of them led to a nodule.
        same_class: share of moved seeds with the same predicted class, 0..1.
        sd_class: SD of each class probability over the seeds.
        volume_cv: SD over mean of the volume; None when fewer than two seeds found a nodule.
        dice_min: smallest Dice of a moved seed's mask with the mask of the click itself.
        light: green (same answer), amber (some change) or red (another answer).
    """

    offset_mm: float
    seeds: int
    found: int
    same_class: float
    sd_class: Mapping[str, float]
    volume_cv: float | None
    dice_min: float
    light: Light


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
        ctr: consolidation-to-tumour ratio, solid over total long axis, 0..1.
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
        nodule_type: from the solid part.
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
        both = round(self.long_axis_mm, 1) + round(self.short_axis_mm, 1)
        return round(both / 2, 1)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, RAS mm for points."""
        return {
            "volume_mm3": self.volume_mm3,
            "long_axis_mm": self.long_axis_mm,
            "short_axis_mm": self.short_axis_mm,
            "mean_diameter_mm": self.mean_diameter_mm,
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
            "ctr_curve": [_plain(part) for part in self.solid_curve],
            "nodule_type": self.nodule_type,
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


@dataclass(frozen=True, eq=False)
class NoduleMask:
    """A mask as a box cut out of the CT's own grid.

    Attributes:
        array: (k, j, i) uint8, 1 inside the nodule; the box is as small as the nodule allows.
        start: index (i, j, k) of the box's first voxel in the CT.
        grid: the grid of the box itself (same spacing and direction as the CT's).
    """

    array: NDArray[np.uint8]
    start: tuple[int, int, int]
    grid: Grid

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape or self.array.dtype != np.uint8:
            message = f"Mask {self.array.shape} {self.array.dtype} does not fit its grid."
            raise ImageError(message)

    def full(self, grid: Grid) -> NDArray[np.uint8]:
        """The mask as an array of the CT's size, (k, j, i) uint8."""
        array = np.zeros(grid.shape, dtype=np.uint8)
        i, j, k = self.start
        depth, rows, columns = self.array.shape
        array[k : k + depth, j : j + rows, i : i + columns] = self.array
        return array


@dataclass(frozen=True, eq=False)
class NoduleResult:
    """Everything known about one nodule. Front ends, files and reports show this and no more.

    A result that was refused before the model ran (slices too thick) has no class, measurements,
    mask or prediction; one where no nodule was found has a class of no meaning left out too.
    `prediction` and `mask` are also None in a result that was read back from JSON alone.
    """

    id: str
    seed: Seed
    center_lps: tuple[float, float, float]
    class_probabilities: Mapping[str, float] | None
    uncertainty: Uncertainty | None
    stability: Stability | None
    measurements: Measurements | None
    guidelines: Mapping[str, Any]
    verdict: Verdict
    notices: tuple[Notice, ...]
    timings_ms: Mapping[str, float]
    shift_mm: float
    passes: int
    evidence_inside: float | None
    prediction: Prediction | None = None
    mask: NoduleMask | None = None

    @property
    def predicted_class(self) -> str | None:
        """The most probable class, if there is one."""
        probabilities = self.class_probabilities
        return max(probabilities, key=probabilities.__getitem__) if probabilities else None

    @property
    def probability_invasive(self) -> float | None:
        """Probability of MIA or IAC."""
        probabilities = self.class_probabilities
        return probabilities["MIA"] + probabilities["IAC"] if probabilities else None

    @property
    def probability_iac(self) -> float | None:
        """Probability of IAC."""
        return self.class_probabilities["IAC"] if self.class_probabilities else None

    def to_json(self) -> dict[str, Any]:
        """The `nodules` entry of result.json (see docs/reference/result-json.md)."""
        return {
            "id": self.id,
            "seed_ras": _point(self.seed.ras),
            "center_ras": _point(ras_to_lps(self.center_lps)),
            "shift_mm": self.shift_mm,
            "passes": self.passes,
            "class_probabilities": dict(self.class_probabilities)
            if self.class_probabilities
            else None,
            "predicted_class": self.predicted_class,
            "probability_invasive": self.probability_invasive,
            "probability_iac": self.probability_iac,
            "evidence_inside": self.evidence_inside,
            "uncertainty": _plain(self.uncertainty) if self.uncertainty else None,
            "stability": _plain(self.stability) if self.stability else None,
            "measurements": self.measurements.to_json() if self.measurements else None,
            "guidelines": dict(self.guidelines),
            "verdict": self.verdict,
            "warnings": [_plain(notice) for notice in self.notices],
            "timings_ms": dict(self.timings_ms),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NoduleResult:
        """The record that `to_json` wrote, without arrays."""
        uncertainty = data["uncertainty"]
        if uncertainty:
            volumes = tuple(uncertainty["volume_range_mm3"])
            uncertainty = Uncertainty(**{**uncertainty, "volume_range_mm3": volumes})
        x, y, z = ras_to_lps(data["center_ras"])
        return cls(
            id=data["id"],
            seed=Seed.from_ras(data["seed_ras"]),
            center_lps=(float(x), float(y), float(z)),
            class_probabilities=(
                dict(data["class_probabilities"]) if data["class_probabilities"] else None
            ),
            uncertainty=uncertainty or None,
            stability=Stability(**data["stability"]) if data["stability"] else None,
            measurements=(
                Measurements.from_json(data["measurements"]) if data["measurements"] else None
            ),
            guidelines=dict(data["guidelines"]),
            verdict=data["verdict"],
            notices=tuple(Notice(**entry) for entry in data["warnings"]),
            timings_ms=dict(data["timings_ms"]),
            shift_mm=data["shift_mm"],
            passes=data["passes"],
            evidence_inside=data["evidence_inside"],
        )


def _plain(record: Any) -> dict[str, Any]:
    """A flat record as a dictionary of JSON values."""
    values = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    return {
        name: dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def _point(values: ArrayLike) -> list[float]:
    return [round(float(value), 4) for value in np.asarray(values)]


def _segment_to_json(segment: Segment) -> list[list[float]]:
    return [ras_to_lps(segment.start).tolist(), ras_to_lps(segment.end).tolist()]


def _segment_from_json(points: list[list[float]]) -> Segment:
    start, end = (tuple(ras_to_lps(point).tolist()) for point in points)
    return Segment(start, end)
