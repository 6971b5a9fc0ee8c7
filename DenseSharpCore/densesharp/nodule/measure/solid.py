"""The solid part of a nodule at a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.image.grid import Grid
from densesharp.nodule.measure.axes import at_most, caliper
from densesharp.nodule.measure.contours import Plane
from densesharp.nodule.records import SolidPart

SOLID_THRESHOLD_HU = -300.0
"""Usual threshold; there is no agreed one, so the threshold is printed with every number."""

CURVE_HU = tuple(float(hu) for hu in range(-750, 1, 50))
"""Thresholds of the curve: from the lower bound of ground glass to soft tissue."""

SPECK_MM3 = 4.2
"""Volume of a ball of 2 mm. Smaller islands above the threshold are noise or cut vessels."""

RIM_MM = 1.0
"""Width of the rim where voxels hold nodule and lung (partial volume)."""


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

    def above(self, thresholds: Sequence[float]) -> list[SolidPart]:
        """Volume, largest diameter in the plane of the long axis, and CTR above each threshold.

        The solid part is made of the islands (voxels that share a face, an edge or a corner) that
        hold at least `SPECK_MM3` and reach into the core: an island in the rim alone is a vessel,
        a fissure or the chest wall at the outline. The diameter is that of the largest island, not
        from one island to another.
        """
        masks = np.stack([self.inside & (self.values > threshold) for threshold in thresholds])
        found: dict[int, tuple[float, float]] = {0: (0.0, 0.0)}
        parts = []
        for threshold, mask, labels in zip(thresholds, masks, _labelled(masks), strict=True):
            # Every mask is a subset of those at lower thresholds: equal counts are equal masks.
            count = int(mask.sum())
            if count not in found:
                islands = self._islands(labels)
                volume = sum(int(island.sum()) for island in islands) * self.grid.voxel_volume
                found[count] = volume, min(self._widest(islands), self.long_axis_mm)
            volume, diameter = found[count]
            parts.append(SolidPart(threshold, volume, diameter, diameter / self.long_axis_mm))
        return parts

    def _widest(self, islands: list[NDArray[np.bool_]]) -> float:
        """Largest diameter (mm) of an island; those that cannot be the widest are not measured."""
        widest = 0.0
        for island in sorted(islands, key=lambda each: each.size, reverse=True):
            if at_most(island.shape, self.plane, self.grid) > widest:
                widest = max(widest, caliper(island, self.plane, self.grid))
        return widest

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """(k, j, i) the voxels `RIM_MM` or more inside the outline.

        Of a nodule too small for that: its inner voxels, or all where none has only neighbours.
        """
        finest = float(self.grid.spacing.min())
        # The outline lies half a voxel beyond the outermost voxel centres.
        for distance in (RIM_MM + finest / 2, 1.01 * finest):
            core = _eroded(self.inside, self.grid, distance)
            if core.any():
                return core
        return self.inside

    def _islands(self, labels: NDArray[np.generic]) -> list[NDArray[np.bool_]]:
        """The parts that make up a solid part, each in a box of its own."""
        sizes = np.bincount(labels.ravel()) * self.grid.voxel_volume
        reaching = np.unique(labels[self.core])
        return [_cropped(labels == n) for n in reaching if n and sizes[n] >= SPECK_MM3]


def _labelled(masks: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Number the connected parts of each mask (n, k, j, i); parts of two masks never share one."""
    apart = np.pad(masks, [(0, 0), (0, 1), (0, 0), (0, 0)])  # an empty slice below each mask
    connect = sitk.ConnectedComponentImageFilter()
    connect.FullyConnectedOn()
    connect.SetNumberOfThreads(1)  # starting threads takes longer than boxes this small
    pile = sitk.GetImageFromArray(apart.reshape(-1, *apart.shape[2:]).astype(np.uint8))
    labels = sitk.GetArrayFromImage(connect.Execute(pile)).reshape(apart.shape)
    return np.asarray(labels[:, :-1], dtype=np.uint32)


def _cropped(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The smallest box that holds a mask which is not empty."""
    ends = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    return mask[tuple(slice(first, last + 1) for first, last in ends)]


def _eroded(mask: NDArray[np.bool_], grid: Grid, distance: float) -> NDArray[np.bool_]:
    """(k, j, i) the voxels of a mask with no voxel centre outside it nearer than a distance."""
    reach = (distance / grid.spacing[::-1]).astype(int)
    padded = np.pad(mask, [(n, n) for n in reach])
    kept = mask.copy()
    for offset in np.ndindex(*(2 * reach + 1)):
        if np.linalg.norm((offset - reach) * grid.spacing[::-1]) < distance:
            begin = np.array(offset)
            kept &= padded[tuple(map(slice, begin, begin + mask.shape))]
    return np.asarray(kept)
