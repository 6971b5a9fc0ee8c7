"""Outlines of a mask, finer than its voxels, in every slice of the three planes.

A mask only says which voxel centres lie inside. Distances between the centres of the outermost
voxels are about a voxel too short for a box, and between their corners a voxel too long for a
sphere, where the longest of many lines is picked. So the mask is smoothed a little, in all three
directions, and the outline runs where the smoothed mask has the value that keeps the mask's volume;
docs/explanation/measurements.md gives the errors.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from densesharp.image.grid import Grid
from densesharp.nodule.measure.smoothing import LEVEL, smoothed

Plane = Literal["axial", "coronal", "sagittal"]
Float = NDArray[np.float64]

PAD = 2
"""Voxels beside a mask in which its outline may run."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """The outlines of all slices of one plane.

    Attributes:
        plane: the patient's plane.
        normal: grid axis (0 i, 1 j, 2 k) across the slices.
        field: (slice, row, column) smoothed mask, scaled so that the outline runs at `LEVEL`;
            padded in the plane by `PAD`.
        points: (n, 3) continuous index (i, j, k) where the outlines cross the lines between
            neighbouring voxel centres, ordered by slice.
        slices: (n,) slice of each point.
    """

    plane: Plane
    normal: int
    field: Float
    points: Float
    slices: NDArray[np.int64]

    @property
    def in_plane(self) -> tuple[int, int]:
        """Grid axes along the columns and along the rows."""
        column, row = (axis for axis in range(3) if axis != self.normal)
        return column, row


def planes_of(grid: Grid) -> dict[Plane, int]:
    """The grid axis that is nearest to the normal of each of the patient's planes."""
    cosines = np.abs(grid.direction)  # rows: patient x, y, z; columns: grid i, j, k
    best = max(
        itertools.permutations(range(3)), key=lambda axes: cosines[range(3), list(axes)].sum()
    )
    return {"axial": best[2], "coronal": best[1], "sagittal": best[0]}


def all_outlines(mask: NDArray[np.bool_], grid: Grid) -> list[Outlines]:
    """Outlines in the axial, the coronal and the sagittal plane."""
    field = smoothed(mask, grid, PAD)
    return [_outlines(field, plane, normal) for plane, normal in planes_of(grid).items()]


def outlines(mask: NDArray[np.bool_], plane: Plane, grid: Grid) -> Outlines:
    """The outlines of a mask (k, j, i) in the slices of one plane.

    Args:
        mask: (k, j, i).
        plane: axial, coronal or sagittal.
        grid: of the mask.
    """
    return _outlines(smoothed(mask, grid, PAD), plane, planes_of(grid)[plane])


def _outlines(padded: Float, plane: Plane, normal: int) -> Outlines:
    field = np.moveaxis(padded, 2 - normal, 0)[PAD:-PAD]
    along_rows = _crossings(field)
    along_columns = _crossings(np.swapaxes(field, 1, 2))[:, [0, 2, 1]]
    found = np.concatenate([along_rows, along_columns])
    found = found[np.argsort(found[:, 0], kind="stable")]
    column, row = (axis for axis in range(3) if axis != normal)
    points = np.empty_like(found)
    points[:, normal], points[:, row], points[:, column] = found.T
    points[:, [row, column]] -= PAD
    return Outlines(plane, normal, field, points, found[:, 0].astype(np.int64))


def _crossings(field: Float) -> Float:
    """(n, 3) slice, row, column where the field crosses the level between two rows."""
    low, high = field[:, :-1], field[:, 1:]
    where = (low >= LEVEL) != (high >= LEVEL)
    found = np.argwhere(where).astype(np.float64)
    found[:, 1] += (LEVEL - low[where]) / (high[where] - low[where])
    return found


def segments(field: Float) -> Float:
    """Straight pieces of the outline of one slice (marching squares).

    In a cell whose four edges are all crossed, the crossings are joined in every way: the pieces
    only serve to find how far the outline reaches, and none leaves the cell.

    Args:
        field: (row, column) smoothed mask, padded.

    Returns:
        (n, 2, 2) begin and end, each (column, row) in voxels of the unpadded slice.
    """
    rows = np.full((field.shape[0] - 1, field.shape[1]), np.nan)
    columns = np.full((field.shape[0], field.shape[1] - 1), np.nan)
    for target, low, high in (
        (rows, field[:-1], field[1:]),
        (columns, field[:, :-1], field[:, 1:]),
    ):
        where = (low >= LEVEL) != (high >= LEVEL)
        target[where] = (LEVEL - low[where]) / (high[where] - low[where])
    row, column = np.nonzero(~np.isnan(rows[:, :-1]) | ~np.isnan(rows[:, 1:])
                             | ~np.isnan(columns[:-1]) | ~np.isnan(columns[1:]))  # fmt: skip
    edges = [
        np.stack([column, row + rows[row, column]], axis=1),
        np.stack([column + 1, row + rows[row, column + 1]], axis=1),
        np.stack([column + columns[row, column], row], axis=1),
        np.stack([column + columns[row + 1, column], row + 1], axis=1),
    ]
    pairs = [np.stack(pair, axis=1) for pair in itertools.combinations(edges, 2)]
    pieces = np.concatenate(pairs)
    return np.asarray(pieces[~np.isnan(pieces).any(axis=(1, 2))] - PAD)
