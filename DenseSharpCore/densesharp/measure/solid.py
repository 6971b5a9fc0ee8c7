"""The solid part of a nodule at a threshold, and what type of nodule it makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.geometry import Grid
from densesharp.measure.axes import caliper
from densesharp.measure.contours import Plane, planes_of
from densesharp.records import NoduleType, SolidPart

SOLID_THRESHOLD_HU = -300.0
"""Usual threshold; there is no agreed one, so the threshold is printed with every number."""

CURVE_HU = tuple(float(hu) for hu in range(-750, 1, 50))
"""Thresholds of the curve: from the lower bound of ground glass to soft tissue."""

SPECK_MM3 = 4.2
"""Volume of a ball of 2 mm. Smaller islands above the threshold are noise or cut vessels."""

RIM_MM = 1.0
"""Width of the rim where voxels hold nodule and lung (partial volume)."""

MOSTLY = 0.8
"""Share of the core above the threshold from which a nodule is called solid."""


@dataclass(frozen=True, eq=False)
class SolidMeter:
    """Measures the solid part of one nodule at any threshold.

    Attributes:
        values: (k, j, i) HU in the mask's box.
        inside: (k, j, i) the mask.
        grid: the box's grid.
        plane: the patient's plane of the nodule's long axis.
        long_axis_mm: the nodule's long axis.
    """

    values: NDArray[np.float64]
    inside: NDArray[np.bool_]
    grid: Grid
    plane: Plane
    long_axis_mm: float

    def above(self, threshold: float) -> SolidPart:
        """Volume, largest diameter in the plane of the long axis, and CTR above a threshold.

        The solid part is made of the islands (voxels that share a face, an edge or a corner) that
        hold at least `SPECK_MM3` and reach into the core: an island in the rim alone is a vessel,
        a fissure or the chest wall at the outline. The diameter is that of the largest island, not
        from one island to another.
        """
        normal = planes_of(self.grid)[self.plane]
        islands = self._islands(self.inside & (self.values > threshold))
        volume = float(sum(island.sum() for island in islands) * self.grid.voxel_volume)
        diameters = [caliper(island, self.plane, normal, self.grid) for island in islands]
        largest = min(max(diameters, default=0.0), self.long_axis_mm)
        return SolidPart(threshold, volume, largest, largest / self.long_axis_mm)

    def curve(self) -> tuple[SolidPart, ...]:
        """The solid part at each of `CURVE_HU`."""
        parts: list[SolidPart] = []
        counts = [int((self.inside & (self.values > hu)).sum()) for hu in CURVE_HU]
        for index, threshold in enumerate(CURVE_HU):
            # A higher threshold keeps a subset: the same number of voxels is the same solid part.
            if index and counts[index] == counts[index - 1]:
                parts.append(replace(parts[-1], threshold_hu=threshold))
            else:
                parts.append(self.above(threshold))
        return tuple(parts)

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """(k, j, i) the voxels `RIM_MM` or more inside the outline, or else the innermost ones."""
        depth = _depth(self.inside, self.grid)
        # Distances run between voxel centres; the outline lies half a voxel nearer.
        limit = RIM_MM + float(self.grid.spacing.min()) / 2
        return np.asarray(depth >= min(limit, float(depth.max())))

    def _islands(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """The parts of a mask that make up a solid part, each in a box of its own."""
        if mask.sum() * self.grid.voxel_volume < SPECK_MM3 or not (mask & self.core).any():
            return []
        connect = sitk.ConnectedComponentImageFilter()
        connect.FullyConnectedOn()
        connect.SetNumberOfThreads(1)  # starting threads takes longer than a box this small
        image = connect.Execute(sitk.GetImageFromArray(mask.astype(np.uint8)))
        labels = sitk.GetArrayViewFromImage(image)
        sizes = np.bincount(labels.ravel()) * self.grid.voxel_volume
        reaching = np.unique(labels[self.core])
        return [_cropped(labels == n) for n in reaching if n and sizes[n] >= SPECK_MM3]


def _cropped(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The smallest box that holds a mask which is not empty."""
    ends = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    return mask[tuple(slice(first, last + 1) for first, last in ends)]


def nodule_type(meter: SolidMeter, solid: SolidPart) -> NoduleType:
    """Solid, part-solid or ground-glass.

    * ground-glass: there is no solid part at the threshold (see `SolidMeter.above`);
    * solid: at least `MOSTLY` of the core lies above the threshold;
    * part-solid: everything between.

    Observers themselves agree only moderately here (solid or not: all agreed in 58 %, van Riel et
    al., cited in MacMahon 2017), so the type is a description, not a finding.
    """
    if solid.volume_mm3 == 0:
        return "ground-glass"
    share = float((meter.values[meter.core] > solid.threshold_hu).mean())
    return "solid" if share >= MOSTLY else "part-solid"


def _depth(inside: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """(k, j, i) mm from each voxel of the mask to the nearest voxel centre outside; 0 outside."""
    image = sitk.GetImageFromArray(np.pad(inside, 1).astype(np.uint8))
    image.SetSpacing([float(step) for step in grid.spacing])
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False,
                                            useImageSpacing=True)  # fmt: skip
    return np.asarray(sitk.GetArrayFromImage(distance)[1:-1, 1:-1, 1:-1] * inside, dtype=np.float64)
