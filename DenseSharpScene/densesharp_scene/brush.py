"""Painting and erasing on a mask: pure arrays, no scene."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask


def paint(
    mask: NoduleMask | None,
    grid: Grid,
    start: ArrayLike,
    end: ArrayLike,
    radius_mm: float,
    normal: ArrayLike | None = None,
    erase: bool = False,
) -> NoduleMask:
    """A mask after one stroke of a round brush.

    Args:
        mask: before the stroke; None when empty.
        grid: the CT's grid.
        start: LPS mm where the stroke begins.
        end: LPS mm where it ends.
        radius_mm: of the brush.
        normal: unit vector across the plane painted on; only voxels within half a voxel of that
            plane change. None paints a ball.
        erase: take voxels away instead of adding them.

    Returns:
        The new mask in a box that holds mask and stroke; it may be empty.
    """
    begin = np.asarray(start, dtype=np.float64)
    finish = np.asarray(end, dtype=np.float64)
    low, high = _stroke_box(grid, begin, finish, radius_mm)
    if mask is not None:
        low = np.minimum(low, mask.start)
        high = np.maximum(high, np.add(mask.start, mask.array.shape[::-1]))
    size = np.maximum(high - low, 1)
    array = np.zeros(size[::-1], dtype=np.uint8)
    if mask is not None:
        k, j, i = np.subtract(mask.start, low)[::-1]
        depth, rows, columns = mask.array.shape
        array[k : k + depth, j : j + rows, i : i + columns] = mask.array
    box = grid.crop(low, size)
    array[_touched(box, begin, finish, radius_mm, normal)] = 0 if erase else 1
    first, second, third = (int(n) for n in low)
    return NoduleMask(array, (first, second, third), box)


def _stroke_box(
    grid: Grid, start: NDArray[np.float64], end: NDArray[np.float64], radius_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one-past-last index (i, j, k) of the voxels a stroke can reach, inside the CT."""
    ends = grid.to_index(np.stack([start, end]))
    reach = radius_mm / grid.spacing + 1
    low = np.floor(ends.min(axis=0) - reach).astype(np.int64)
    high = np.ceil(ends.max(axis=0) + reach).astype(np.int64) + 1
    limit = np.array(grid.size)
    return np.clip(low, 0, limit - 1), np.clip(high, 1, limit)


def _touched(
    box: Grid,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radius_mm: float,
    normal: ArrayLike | None,
) -> NDArray[np.bool_]:
    """Voxels of a box within the radius of the line from start to end."""
    points = box.points
    line = end - start
    length2 = float(line @ line)
    along = np.clip((points - start) @ line / length2, 0, 1) if length2 > 0 else 0.0
    nearest = start + np.multiply.outer(along, line) if length2 > 0 else start
    inside = np.linalg.norm(points - nearest, axis=-1) <= radius_mm
    if normal is not None:
        across = np.asarray(normal, dtype=np.float64)
        half = float(np.abs(across @ (box.direction * box.spacing)).max()) / 2 + 1e-6
        inside &= np.abs((points - start) @ across) <= half
    return np.asarray(inside)
