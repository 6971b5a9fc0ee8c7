"""Correct an outline by a click: add or take away what the model's probability says of a point.

    probability around the point -> level just under the point's -> the part that hangs together
    with the point, within reach -> added to the outline, or taken from it

No painting: where the model sees less than one half of a nodule, a click says how much is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import SeedError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, distance_to, grow, label, mask_from_box
from densesharp.image.sampling import resample
from densesharp.image.volume import Volume
from densesharp.nodule.inference import run_at
from densesharp.nodule.pipeline import update_mask
from densesharp.nodule.records import NoduleResult
from densesharp.nodule.settings import DEFAULTS, AnalysisSettings

if TYPE_CHECKING:
    from densesharp.model.engines import Engine

NIL = 1e-4
"""Below this probability the model sees nothing of a nodule at a point."""

UNDER = 0.7
"""How far under the point's own probability the level lies: what is like it comes along."""

LOWER = (1.0, 0.5, 0.2, 0.1, 0.04, 0.02)
"""How far the level may sink further until what is added touches the outline."""

SLACK_MM = 2.0
"""How much longer than the shortest way from the point to the outline's edge a way through a voxel
may be, that the click changes it: it moves the edge to the point, and nothing far aside."""

FARTHEST_MM = 10.0
"""And never farther: a point so far from the outline's edge is about something else."""

OUTSIDE = "That point lies outside the CT."
IS_INSIDE = "This point is in the outline already: a plus click adds what lies outside."
IS_OUTSIDE = "This point is not in the outline: a minus click takes away what lies inside."
TOO_FAR = (
    "This point lies {away:.0f} mm from the outline, too far to belong to it: mark another nodule "
    "there, or paint."
)
SEES_NOTHING = "The model sees nothing of a nodule at this point: paint there instead."
TAKES_ALL = "Nothing of the outline would be left: delete or reject the nodule instead."


@dataclass(frozen=True, eq=False)
class Move:
    """A plus or a minus click.

    Attributes:
        point: (3,) LPS mm.
        add: the outline shall hold the point; else it shall not.
    """

    point: NDArray[np.float64]
    add: bool


def correct_by_clicks(
    volume: Volume,
    result: NoduleResult,
    mask: NoduleMask | None,
    moves: Sequence[Move],
    engine: Engine,
    settings: AnalysisSettings = DEFAULTS,
) -> tuple[NoduleResult, str]:
    """Move an outline by clicks, and answer for the new one as for any correction.

    Args:
        volume: the CT.
        result: the nodule as it was; its id and seed stay.
        mask: its outline now; None without one.
        moves: the clicks in their order.
        engine: a loaded model.
        settings: what the user chose.

    Returns:
        A new result with the notice `edited_by_hand` (see `update_mask`), and why a click changed
        nothing, where others did; empty when all did.

    Raises:
        SeedError: no click changes anything, and why.

    Examples:
        >>> above = Move(result.mask.centroid + [0, 0, 14], add=True)  # beyond the outline
        >>> more, _ = correct_by_clicks(volume, result, result.mask, [above], engine)
        >>> more.measurements.volume_mm3 > result.measurements.volume_mm3
        True
    """
    refused: SeedError | None = None
    moved = mask
    for move in moves:
        try:
            moved = moved_outline(volume, moved, move, engine)
        except SeedError as error:
            refused = error
    if moved is None or moved is mask:
        raise refused or SeedError(IS_OUTSIDE)
    answer = update_mask(volume, result, moved, engine, settings)
    return answer, str(refused or "")


def moved_outline(
    volume: Volume, mask: NoduleMask | None, move: Move, engine: Engine
) -> NoduleMask:
    """The outline after one click.

    Args:
        volume: the CT.
        mask: the outline before; None without one.
        move: the click.
        engine: a loaded model.

    Raises:
        SeedError: the click changes nothing, and why; or it would leave nothing.
    """
    add = move.add
    if not volume.grid.contains(move.point):
        raise SeedError(OUTSIDE)
    around = _Around.at(volume.grid, mask, np.asarray(move.point, dtype=np.float64))
    if around.outline[around.index] == add:
        raise SeedError(IS_INSIDE if add else IS_OUTSIDE)
    if add and around.edge_mm > FARTHEST_MM:
        raise SeedError(TOO_FAR.format(away=around.edge_mm))
    probability = _probability(volume, mask, around, engine, add)
    after = _with_point(around, probability) if add else _without_point(around, probability)
    moved = mask_from_box(after, around.start, volume.grid)
    if moved is None:
        raise SeedError(TAKES_ALL)
    return moved


@dataclass(frozen=True, eq=False)
class _Around:
    """A box of the CT that holds an outline and what a click can reach.

    Attributes:
        start: index (i, j, k) of the box's first voxel in the CT.
        grid: of the box.
        outline: (k, j, i) in the box.
        point: (3,) LPS mm of the click.
        index: (k, j, i) of the click's voxel in the box.
        distance: (k, j, i) mm from the click.
        edge_mm: from the click to the nearest voxel on the outline's other side.
    """

    start: NDArray[np.int64]
    grid: Grid
    outline: NDArray[np.bool_]
    point: NDArray[np.float64]
    index: tuple[int, int, int]
    distance: NDArray[np.float64]
    edge_mm: float

    @classmethod
    def at(cls, whole: Grid, mask: NoduleMask | None, point: NDArray[np.float64]) -> _Around:
        reach = np.ceil((FARTHEST_MM + 1) / whole.spacing).astype(np.int64)
        middle = np.clip(
            np.round(whole.to_index(point)).astype(np.int64), 0, np.array(whole.size) - 1
        )
        low, high = middle - reach, middle + reach + 1
        if mask is not None:
            low, high = np.minimum(low, mask.start), np.maximum(high, mask.end)
        low, high = np.maximum(low, 0), np.minimum(high, whole.size)
        grid = whole.crop(low, high - low)
        outline = np.zeros(grid.shape, dtype=np.bool_)
        if mask is not None:
            i, j, k = np.subtract(mask.start, low)
            depth, rows, columns = mask.array.shape
            outline[k : k + depth, j : j + rows, i : i + columns] = mask.array > 0
        k, j, i = (int(n) for n in (middle - low)[::-1])
        distance = grid.distance_to(point)
        other = outline != outline[k, j, i]
        edge = float(distance[other].min()) if other.any() else 0.0
        return cls(low, grid, outline, point, (k, j, i), distance, edge)

    @property
    def reach(self) -> NDArray[np.bool_]:
        """(k, j, i) what a click changes at most: what lies between it and the outline's edge."""
        if not self.outline.any():
            return np.asarray(self.distance <= FARTHEST_MM)
        other = self.outline != self.outline[self.index]
        way = self.distance + distance_to(other, self.grid)
        near = (way <= self.edge_mm + SLACK_MM) & (self.distance <= FARTHEST_MM)
        near[self.index] = True
        return np.asarray(near)

    def part(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(k, j, i) the connected part of chosen voxels that holds the click's."""
        labels = label(chosen)
        return np.asarray(chosen & (labels == labels[self.index]))


def _probability(
    volume: Volume, mask: NoduleMask | None, around: _Around, engine: Engine, add: bool
) -> NDArray[np.float32]:
    """(k, j, i) the model's probability in the box: seen from the nodule, else from the point.

    Raises:
        SeedError: a plus click where the model sees nothing from either.
    """
    centers = [around.point] if mask is None else [mask.centroid, around.point]
    for center in centers:
        patch, output, _ = run_at(volume, center, center, engine)
        mean = output.mask.mean(axis=(0, 1))
        seen = resample(mean, patch.grid, around.grid, outside=0.0)
        if not add or seen[around.index] >= NIL:
            return seen
    raise SeedError(SEES_NOTHING)


def _with_point(around: _Around, probability: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(k, j, i) the outline with the part around the point."""
    touched = grow(around.outline) if around.outline.any() else around.reach
    free, own = around.reach & ~around.outline, float(probability[around.index])
    parts = (
        around.part(free & (probability >= max(own * UNDER * lower, NIL * UNDER)))
        for lower in LOWER
    )
    alone = next(parts)
    if (alone & touched).any():
        return np.asarray(around.outline | alone)
    added = next((part for part in parts if (part & touched).any()), alone)
    return np.asarray(around.outline | added)


def _without_point(around: _Around, probability: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(k, j, i) the outline without the part around the point, and without what that cuts off."""
    level = (1 - float(probability[around.index])) * UNDER
    taken = around.part(around.reach & around.outline & (1 - probability >= level))
    left = around.outline & ~taken
    kept = np.zeros_like(left)
    parts, pieces = label(around.outline), label(left)
    for part in range(1, int(parts.max()) + 1):
        sizes = np.bincount(pieces[left & (parts == part)])
        if sizes.any():
            kept |= pieces == int(sizes.argmax())
    return kept
