"""Long axis, short axis and largest 3D diameter from the outlines of a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densesharp.image.grid import Grid
from densesharp.nodule.measure.contours import PAD, Outlines, Plane, outlines, planes_of, segments
from densesharp.nodule.records import Segment

Float = NDArray[np.float64]

_ANGLES = np.arange(32) * (np.pi / 32)
_FAN = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)  # (32, 2) half a turn; it maps onto
# itself when axes are flipped or swapped, so that the order of storage changes nothing

_EQUAL = 1e-6  # of a width; places that differ by less are the same

_AT_ONCE = 500  # points times directions fit into the processor's cache


def _half_sphere() -> Float:
    """(145, 3) unit vectors over half a sphere, symmetric for the same reason as `_FAN`."""
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3)
    order = steps @ (49, 7, 1)  # positive for one of each pair of opposite vectors
    lowest = np.gcd.reduce(steps, axis=1) == 1
    chosen = steps[(order > 0) & lowest]
    return np.asarray(chosen / np.linalg.norm(chosen, axis=1, keepdims=True))


_HALF_SPHERE = _half_sphere()


@dataclass(frozen=True)
class Axes:
    """Long and short axis in one slice.

    Attributes:
        plane: the patient's plane of the slice.
        long: the longest line across the outline.
        short: the longest line at a right angle to it.
    """

    plane: Plane
    long: Segment
    short: Segment


def in_plane_axes(families: list[Outlines], grid: Grid) -> Axes:
    """The axes in the slice, of any plane, with the longest long axis.

    Slices whose long axes differ by less than half a voxel cannot be told apart; the one with the
    largest area is taken, earlier planes in the list first.

    Source: Bankier et al., Radiology 2017;285:584-600 (10.1148/radiol.2017162894): both axes in the
    same slice, in the plane that shows the nodule largest.
    """
    widths = [_widths(family, grid) for family in families]
    limit = max(float(width.max()) for _, width in widths) - 0.5 * float(grid.spacing.max())
    best: tuple[float, float] | None = None
    chosen, chosen_slice = families[0], 0
    for family, (numbers, width) in zip(families, widths, strict=True):
        column, row = family.in_plane
        pixel = float(grid.spacing[column] * grid.spacing[row])
        for number in np.flatnonzero(width >= limit):
            area = float(family.field[numbers[number]].sum()) * pixel
            rank = (round(area, 6), round(float(width[number]), 6))
            if best is None or rank > best:
                best, chosen, chosen_slice = rank, family, int(numbers[number])
    return _axes_in_slice(chosen, chosen_slice, grid)


def caliper(mask: NDArray[np.bool_], plane: Plane, grid: Grid) -> float:
    """Largest diameter (mm) of a mask in any slice of a plane.

    Args:
        mask: (k, j, i).
        plane: axial, coronal or sagittal.
        grid: of the mask.
    """
    family = outlines(mask, plane, grid)
    numbers, widths = _widths(family, grid)
    begin, end = _longest(_in_plane_mm(family, int(numbers[widths.argmax()]), grid), _FAN)
    return float(np.linalg.norm(end - begin))


def at_most(shape: tuple[int, ...], plane: Plane, grid: Grid) -> float:
    """What the `caliper` of a mask that fills a box is at most, mm.

    Args:
        shape: (k, j, i) of the box.
        plane: axial, coronal or sagittal.
        grid: of the mask.
    """
    edges = (np.array(shape[::-1]) + 2 * PAD) * grid.spacing
    return float(np.linalg.norm(np.delete(edges, planes_of(grid)[plane])))


def max_3d_diameter(families: list[Outlines], grid: Grid) -> Segment:
    """The longest line between two points of the outlines of all planes."""
    points = np.concatenate([family.points for family in families])
    begin, end = _longest(points * grid.spacing, _HALF_SPHERE)
    return _segment(begin / grid.spacing, end / grid.spacing, grid)


def _in_plane_mm(family: Outlines, number: int, grid: Grid) -> Float:
    """(n, 2) mm along columns and rows of one slice's outline."""
    axes = list(family.in_plane)
    return np.asarray(family.points[family.slices == number][:, axes] * grid.spacing[axes])


def _widths(family: Outlines, grid: Grid) -> tuple[NDArray[np.int64], Float]:
    """Slice numbers and the largest width (mm) of each over a fan of directions."""
    axes = list(family.in_plane)
    along = _along(_FAN, family.points[:, axes] * grid.spacing[axes])
    numbers, first = np.unique(family.slices, return_index=True)
    spread = np.maximum.reduceat(along, first, axis=1) - np.minimum.reduceat(along, first, axis=1)
    return numbers, spread.max(axis=0)


def _along(directions: Float, points: Float) -> Float:
    """(m, n) how far n points lie along m directions.

    Not `directions @ points.T`: that starts threads of the linear algebra library, which cost more
    than so small a product and get in the way of the engine's.
    """
    places = np.ascontiguousarray(points.T)
    along: Float = directions[:, :1] * places[0]
    for axis in range(1, len(places)):
        along += directions[:, axis, None] * places[axis]
    return along


def _longest(points: Float, directions: Float) -> tuple[Float, Float]:
    """The two points farthest from each other, among those that are outermost in a direction.

    Of equally outermost points all are taken: which of them comes first is a matter of rounding
    and of the order of storage.

    Args:
        points: (n, d).
        directions: (m, d) unit vectors, half of the directions there are.
    """
    outer = np.zeros(len(points), dtype=np.bool_)
    for some in np.array_split(directions, min(len(directions), len(points) // _AT_ONCE + 1)):
        along = _along(some, points)
        highest, lowest = along.max(axis=1, keepdims=True), along.min(axis=1, keepdims=True)
        margin = _EQUAL * (highest - lowest)
        outer |= ((along >= highest - margin) | (along <= lowest + margin)).any(axis=0)
    candidates = points[outer]
    distance = np.linalg.norm(candidates[:, None] - candidates[None], axis=2)
    first, second = np.unravel_index(int(distance.argmax()), distance.shape)
    return candidates[first], candidates[second]


def _axes_in_slice(family: Outlines, number: int, grid: Grid) -> Axes:
    """Long axis and the longest perpendicular line of one slice."""
    column, row = family.in_plane
    spacing = grid.spacing[[column, row]]
    begin, end = _longest(_in_plane_mm(family, number, grid), _FAN)
    across = _across(segments(family.field[number]) * spacing, end - begin)

    def place(first: Float, second: Float) -> Segment:
        ends = np.empty((2, 3))
        ends[:, family.normal] = number
        ends[:, [column, row]] = np.stack([first, second]) / spacing
        return _segment(ends[0], ends[1], grid)

    return Axes(family.plane, place(begin, end), place(*across))


def _across(pieces: Float, axis: Float) -> tuple[Float, Float]:
    """The longest line at a right angle to an axis, from the outline to the outline.

    Args:
        pieces: (n, 2, 2) the outline in mm.
        axis: (2,) direction of the long axis.
    """
    u = axis / np.linalg.norm(axis)
    v = np.array([-u[1], u[0]])
    t, w = pieces @ u, pieces @ v  # (n, 2) along and across
    stations = np.unique(np.round(t, 9))
    length = t[:, 1] - t[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (stations[:, None] - t[None, :, 0]) / length
    # A piece at a right angle to the axis has both of its ends at one station.
    flat = np.abs(length) < 1e-9
    share[:, flat] = np.where(np.abs(stations[:, None] - t[None, flat, 0]) < 1e-9, 0.0, np.nan)
    share[(share < -1e-9) | (share > 1 + 1e-9)] = np.nan
    at = w[None, :, 0] + share * (w[:, 1] - w[:, 0])
    at = np.concatenate([at, at + (w[:, 1] - w[:, 0]) * flat], axis=1)
    low = np.where(np.isnan(at), np.inf, at).min(axis=1)
    high = np.where(np.isnan(at), -np.inf, at).max(axis=1)
    best = int((high - low).argmax())
    return stations[best] * u + low[best] * v, stations[best] * u + high[best] * v


def _segment(begin: Float, end: Float, grid: Grid) -> Segment:
    """A line between two continuous indices (i, j, k), in LPS mm."""
    ends = [tuple(float(value) for value in point) for point in grid.to_world([begin, end])]
    return Segment((ends[0][0], ends[0][1], ends[0][2]), (ends[1][0], ends[1][1], ends[1][2]))
