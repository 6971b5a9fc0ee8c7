"""Masks: the component at a seed, pasting back onto the CT's own grid, overlap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import ImageError
from densesharp.image.grid import Grid, box_slices, index_box
from densesharp.image.sampling import inside_mask, resample

THRESHOLD = 0.5
"""Probability from which a voxel belongs to the nodule."""

REACH_MM = 5.0
"""How far from the seed a nodule may begin and still be the one that was meant."""


@dataclass(frozen=True, eq=False)
class NoduleMask:
    """A mask as a box cut out of the CT's own grid.

    Attributes:
        array: (k, j, i) uint8, 1 inside the nodule; the box is as small as the nodule allows.
        start: index (i, j, k) of the box's first voxel in the CT.
        grid: the grid of the box itself (same spacing and direction as the CT's).
    """

    array: NDArray[np.uint8] = field(repr=False)
    start: tuple[int, int, int]
    grid: Grid

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape or self.array.dtype != np.uint8:
            raise ImageError(f"Mask {self.array.shape} {self.array.dtype} does not fit its grid.")

    @classmethod
    def from_array(cls, mask: NDArray[Any], grid: Grid) -> NoduleMask:
        """A mask from an array of the CT's size.

        Args:
            mask: (k, j, i), not 0 inside the nodule.
            grid: the CT's grid.

        Raises:
            ImageError: the array does not fit the grid, or is empty.

        Examples:
            >>> inside = np.zeros((9, 9, 9), dtype=bool)
            >>> inside[4, 3:6, 2:7] = True
            >>> grid = densesharp.Grid((9, 9, 9), np.zeros(3), np.ones(3), np.eye(3))
            >>> mask = densesharp.NoduleMask.from_array(inside, grid)
            >>> mask.start, mask.array.shape
            ((2, 3, 4), (1, 3, 5))
        """
        if mask.shape != grid.shape:
            raise ImageError(f"The mask {mask.shape} and the CT {grid.shape} do not fit.")
        found = mask_from_box(np.asarray(mask != 0), (0, 0, 0), grid)
        if found is None:
            raise ImageError("The mask is empty: no voxel of it lies inside a nodule.")
        return found

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels of the box along (i, j, k)."""
        return self.grid.size

    @property
    def end(self) -> tuple[int, int, int]:
        """Index (i, j, k) of the CT after the box's last voxel."""
        i, j, k = (int(n) for n in np.add(self.start, self.size))
        return i, j, k

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Slices `[k, j, i]` of the CT's array that the box covers."""
        return box_slices(self.start, self.size)

    @property
    def centroid(self) -> NDArray[np.float64]:
        """(3,) LPS mm of the middle of its voxels."""
        return centroid(self.array.astype(np.bool_), self.grid)

    def values(self, array: NDArray[Any]) -> NDArray[Any]:
        """(n,) what an array `[k, j, i]` of the CT's size holds inside the nodule."""
        return np.asarray(array[self.box][self.array > 0])

    def trimmed(self, grid: Grid) -> NoduleMask | None:
        """The same voxels in the smallest box on the CT's grid; None when there are none."""
        return mask_from_box(self.array.astype(np.bool_), self.start, grid)

    def union(self, other: NoduleMask, grid: Grid) -> NoduleMask | None:
        """The voxels of both masks of a CT, given the CT's grid; None when there are none."""
        low, both = _together(self, other)
        return mask_from_box(np.asarray(both.any(axis=0)), low, grid)

    def full(self, grid: Grid) -> NDArray[np.uint8]:
        """The mask as an array of the CT's size, (k, j, i) uint8.

        Examples:
            >>> array = result.mask.full(volume.grid)
            >>> array.shape == volume.array.shape
            True
            >>> int(array.sum()) * volume.grid.voxel_volume == result.measurements.volume_mm3
            True
        """
        array = np.zeros(grid.shape, dtype=np.uint8)
        array[self.box] = self.array
        return array


def component_at(
    probability: NDArray[np.float32], grid: Grid, point: ArrayLike, reach: float = REACH_MM
) -> NDArray[np.bool_] | None:
    """The connected part of the mask at a point, or the nearest one within reach.

    Args:
        probability: (k, j, i) of nodule.
        grid: its grid.
        point: (3,) LPS mm.
        reach: mm from the point to the nearest voxel of the part.

    Returns:
        (k, j, i) of the voxels that share faces and lie at `THRESHOLD` or above; None if there are
        none within reach.
    """
    mask = probability >= THRESHOLD
    if not mask.any():
        return None
    nearest, distance = _nearest(mask, grid, point)
    if distance > reach:
        return None
    labels = label(mask)
    return np.asarray(labels == labels[nearest])


def within_reach(mask: NDArray[np.bool_], grid: Grid, point: ArrayLike) -> bool:
    """Whether a mask comes within `REACH_MM` of a point.

    Args:
        mask: (k, j, i), not empty.
        grid: its grid.
        point: (3,) LPS mm.
    """
    return _nearest(mask, grid, point)[1] <= REACH_MM


def _nearest(
    mask: NDArray[np.bool_], grid: Grid, point: ArrayLike
) -> tuple[tuple[int, int, int], float]:
    """(k, j, i) of the voxel nearest to a point, and mm between them."""
    ijk = np.argwhere(mask)[:, ::-1]
    distance = np.linalg.norm(grid.to_world(ijk) - np.asarray(point, dtype=np.float64), axis=1)
    nearest = int(distance.argmin())
    i, j, k = ijk[nearest].tolist()
    # The point may lie anywhere inside the nearest voxel.
    return (k, j, i), float(distance[nearest] - np.linalg.norm(grid.spacing) / 2)


def label(mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """(k, j, i) 0 outside, n inside the n-th part whose voxels share faces."""
    connect = sitk.ConnectedComponentImageFilter()
    # Starting threads takes longer than labelling a box this small.
    connect.SetNumberOfThreads(1)
    labels = np.zeros(mask.shape, dtype=np.uint32)
    if not mask.any():
        return labels
    # A nodule is a small part of its box: the filter sees no more than that.
    ends = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(first, last + 1) for first, last in ends)
    image = connect.Execute(sitk.GetImageFromArray(mask[box].astype(np.uint8)))
    labels[box] = sitk.GetArrayFromImage(image)
    return labels


def grow(mask: NDArray[np.bool_], voxels: int = 1) -> NDArray[np.bool_]:
    """The mask with `voxels` more on every side (a box, corners included)."""
    grown = np.array(mask, dtype=np.bool_)
    for axis in range(3):
        # A box is the same as growing along each axis in turn, which numpy does in microseconds.
        from_here = np.moveaxis(grown.copy(), axis, 0)
        to_there = np.moveaxis(grown, axis, 0)
        for step in range(1, min(voxels, len(from_here) - 1) + 1):
            to_there[step:] |= from_here[:-step]
            to_there[:-step] |= from_here[step:]
    return grown


def with_volume_of(shares: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The mask behind an interpolated mask: its highest voxels, as many as it holds in all.

    A level of one half would make small masks smaller, because interpolation moves it inwards where
    a surface is curved: a ball of 6 mm at 1 mm loses 5 % of its volume each time.

    Args:
        shares: (k, j, i) what interpolation made of 0 and 1.
    """
    count = min(round(float(shares.sum())), shares.size - 1)
    level = np.partition(shares.ravel(), shares.size - count - 1)[shares.size - count - 1]
    # Voxels at the level itself are taken all or not at all, whichever is nearer to the volume.
    above = shares > level
    including = (shares >= level) & (shares > 0)
    return np.asarray(including if including.sum() - count < count - above.sum() else above)


def distance_to(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """(k, j, i) mm from each voxel's middle to the nearest one of a mask that is not empty."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(grid.spacing.tolist())
    signed = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayFromImage(signed).astype(np.float64), 0)


def centroid(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """(3,) LPS mm of the middle of a mask."""
    ijk = np.argwhere(mask)[:, ::-1].mean(axis=0)
    return grid.to_world(ijk)


def paste(probability: NDArray[np.float32], grid: Grid, target: Grid) -> NoduleMask | None:
    """A probability on the patch's grid as a mask on the CT's own grid.

    The probability is resampled trilinearly, then thresholded: smoother than resampling a mask,
    and right for any spacing and direction of the CT. Beyond the CT's border the model saw air, so
    what it says there does not count: else the outermost voxels of a nodule would be lost.

    Args:
        probability: (k, j, i) of nodule, 0..1.
        grid: the patch's grid.
        target: the CT's grid.

    Returns:
        The largest connected part in the smallest box that holds it; None when no voxel of the
        CT reaches the threshold.
    """
    start, size = index_box(target, grid, margin=1)
    if not size.all():
        return None
    box = target.crop(start, size)
    inside = inside_mask(grid, target)
    shares = resample(np.where(inside, probability, np.float32(0)), grid, box, outside=0.0)
    if not inside.all():
        known = resample(inside.astype(np.float32), grid, box, outside=0.0)
        shares = np.divide(shares, known, out=np.zeros_like(shares), where=known > 0)
    return trim(shares >= THRESHOLD, start, target)


def trim(mask: NDArray[np.bool_], start: ArrayLike, target: Grid) -> NoduleMask | None:
    """The largest connected part of a mask, in the smallest box.

    Args:
        mask: (k, j, i) somewhere in the CT.
        start: index (i, j, k) of its first voxel in the CT.
        target: the CT's grid.
    """
    if not mask.any():
        return None
    labels = label(mask)
    sizes = np.bincount(labels.ravel())
    return mask_from_box(labels == 1 + int(sizes[1:].argmax()), start, target)


def mask_from_box(mask: NDArray[np.bool_], start: ArrayLike, target: Grid) -> NoduleMask | None:
    """All parts of a mask (an edited one, say) in the smallest box; None when it is empty.

    Args:
        mask: (k, j, i) somewhere in the CT.
        start: index (i, j, k) of its first voxel in the CT.
        target: the CT's grid.
    """
    if not mask.any():
        return None
    found = np.argwhere(mask)
    low, high = found.min(axis=0), found.max(axis=0) + 1
    inner = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    i, j, k = (int(n) for n in np.asarray(start) + low[::-1])
    return NoduleMask(
        np.ascontiguousarray(inner, dtype=np.uint8),
        (i, j, k),
        target.crop((i, j, k), (high - low)[::-1]),
    )


def dice(first: NoduleMask | None, second: NoduleMask | None) -> float:
    """Dice overlap of two masks on the same CT, 0..1; two empty masks agree fully."""
    if first is None or second is None:
        return 1.0 if first is second else 0.0
    _, both = _together(first, second)
    voxels = int(both.sum())
    return float(2 * both.all(axis=0).sum() / voxels) if voxels else 1.0


def _together(first: NoduleMask, second: NoduleMask) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Start (3,) of the box around both masks, and both in it: (2, k, j, i)."""
    low = np.minimum(first.start, second.start)
    i, j, k = np.maximum(first.end, second.end) - low
    both = np.zeros((2, k, j, i), dtype=np.bool_)
    for plane, mask in zip(both, (first, second), strict=True):
        plane[box_slices(np.array(mask.start) - low, mask.size)] = mask.array > 0
    return low, both
