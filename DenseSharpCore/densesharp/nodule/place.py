"""Where a nodule lies, in words: side, third of the lung, slice.

No lobes are known here. The side is told by the middle of the body in the slices around the nodule,
the level by thirds of the range in which there is lung. Lung is what is as thin as air and has body
on both sides of it in its row; a CT that shows too little of the chest gets no side and no level.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.volume import Volume
from densesharp.nodule.records import Place

STEP_MM = 4.0
"""Every so many mm is looked at: enough for a midline, and it takes a few milliseconds."""

BODY_HU = -300.0
LUNG_HU = -500.0

LUNG_SHARE = 0.1
"""A slice shows lung when it has this share of what the fullest slice has: less is the trachea."""

SMALLEST_LUNG_MM3 = 300_000.0
"""Less lung than this in all (0.3 L of about 5) is a piece of a chest, whose middle tells nothing.
"""

NEAR_MM = 20.0
"""Slices up to this far from the nodule tell the middle of the body."""

MIDLINE_MM = 5.0
"""So near to the midline no side is told."""

STRIP_MM, OPEN_SHARE = 10.0, 0.5
"""Where more than this share of a strip around the middle is lung there is no mediastinum: the CT
shows one lung, whose middle is not that of the body."""


@dataclass(frozen=True, eq=False)
class _Chest:
    """What a CT shows of a chest, LPS mm.

    Attributes:
        heights: (n,) of the slices looked at.
        middles: (n,) left-right position of the body's middle there; not a number where it shows
            no body or lies in a lung.
        low: lowest height with lung.
        high: highest height with lung.
    """

    heights: NDArray[np.float64]
    middles: NDArray[np.float64]
    low: float
    high: float


_chests: WeakKeyDictionary[Volume, _Chest | None] = WeakKeyDictionary()
"""What each CT shows, as long as it is in use: its voxels are never changed in place."""


def place_of(volume: Volume, point: ArrayLike) -> Place:
    """Where a point of a CT lies in the chest.

    Args:
        volume: the CT.
        point: (3,) LPS mm, such as the centroid of an outline.
    """
    lps = np.asarray(point, dtype=np.float64)
    grid = volume.grid
    axis = int(np.abs(grid.direction[2]).argmax())
    count = grid.size[axis]
    index = int(np.clip(np.round(grid.to_index(lps)[axis]), 0, count - 1))
    number = index + 1 if grid.direction[2, axis] > 0 else count - index
    if volume not in _chests:
        _chests[volume] = _chest_of(volume)
    chest = _chests[volume]
    if chest is None:
        return Place("", "", number, count)
    return Place(_side(chest, lps), _level(chest, float(lps[2])), number, count)


def _side(chest: _Chest, lps: NDArray[np.float64]) -> str:
    near = np.abs(chest.heights - lps[2]) <= NEAR_MM
    middles = chest.middles[near & np.isfinite(chest.middles)]
    if not len(middles):
        return ""
    beside = float(lps[0] - np.median(middles))
    if abs(beside) < MIDLINE_MM:
        return ""
    return "left" if beside > 0 else "right"


def _level(chest: _Chest, height: float) -> str:
    share = (height - chest.low) / (chest.high - chest.low)
    return "upper" if share > 2 / 3 else "middle" if share > 1 / 3 else "lower"


def _chest_of(volume: Volume) -> _Chest | None:
    """None where too little of a chest is shown."""
    steps = np.maximum(np.round(STEP_MM / volume.grid.spacing), 1).astype(int)
    # To (S, A, L): the axes that lie nearest to height, depth and width, in that order.
    axes = [2 - int(np.abs(volume.grid.direction[row]).argmax()) for row in (2, 1, 0)]
    if sorted(axes) != [0, 1, 2]:
        return None
    k, j, i = (slice(None, None, int(step)) for step in steps[::-1])
    seen = np.ascontiguousarray(volume.array[k, j, i].transpose(axes))
    body = seen > BODY_HU
    # Lung has body on both sides in its row; the air around the patient has it on one at most.
    before = np.logical_or.accumulate(body, axis=2)
    after = np.logical_or.accumulate(body[..., ::-1], axis=2)[..., ::-1]
    lung = (seen < LUNG_HU) & before & after
    if lung.sum() * volume.grid.voxel_volume * steps.prod() < SMALLEST_LUNG_MM3:
        return None
    heights = _coordinates(volume, axes[0], 2, steps)
    widths = _coordinates(volume, axes[2], 0, steps)
    full = lung.sum(axis=(1, 2))
    shown = heights[full >= LUNG_SHARE * full.max()]
    counts = body.sum(axis=(1, 2))
    middles = np.where(counts > 0, body.sum(axis=1) @ widths / np.maximum(counts, 1), np.nan)
    strip = np.abs(widths - middles[:, np.newaxis]) <= STRIP_MM
    thin, thick = ((kind.sum(axis=1) * strip).sum(axis=1) for kind in (lung, body))
    middles[thin > OPEN_SHARE * (thin + thick)] = np.nan
    half = STEP_MM / 2
    return _Chest(heights, middles, float(shown.min()) - half, float(shown.max()) + half)


def _coordinates(
    volume: Volume, axis: int, row: int, steps: NDArray[np.int_]
) -> NDArray[np.float64]:
    """(n,) LPS mm along one axis of the array, through the middle of the CT."""
    count, step = volume.array.shape[axis], int(steps[2 - axis])
    index = np.tile((np.array(volume.grid.size) - 1) / 2, (len(range(0, count, step)), 1))
    index[:, 2 - axis] = np.arange(0, count, step)
    return np.asarray(volume.grid.to_world(index)[:, row])
