"""What may belong to a nodule: hand-made outlines stay where the model looks, and in one place."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.masks import NoduleMask, label
from densesharp.nodule.patch import EDGE

from .overlap import shared

REACH_MM = 10.0
"""Further away from the outline a stroke is about something else."""

LARGEST_MM = 80.0
"""Wider outlines are no nodule's: lungs, lobes, everything but the nodule."""

_SPOTS = 2000
"""So many voxels of an outline stand for all of it when distances are asked for."""


def is_too_large(mask: NoduleMask) -> bool:
    """Whether an outline is wider than any nodule."""
    return bool((np.array(mask.array.shape[::-1]) * mask.grid.spacing > LARGEST_MM).any())


def stroke_is_near(
    point: ArrayLike, middle: ArrayLike, mask: NoduleMask | None, radius_mm: float
) -> bool:
    """Whether a brush at a point still draws on the nodule.

    Args:
        point: (3,) LPS mm of the brush.
        middle: (3,) LPS mm of the nodule, or of its click.
        mask: its outline; None without one.
        radius_mm: of the brush.
    """
    away = np.abs(np.asarray(point) - np.asarray(middle)).max()
    if away > EDGE / 2:
        return False
    if mask is None or not mask.array.any():
        return True
    distances = np.linalg.norm(_spots(mask) - np.asarray(point), axis=1)
    return bool(distances.min() <= REACH_MM + radius_mm)


def far_part_mm(mask: NoduleMask, former: NoduleMask | None, middle: ArrayLike) -> float:
    """How far the farthest part of a hand-made outline lies from the nodule, mm; 0 for all near.

    Args:
        mask: the outline; parts that share no faces are looked at one by one.
        former: the outline of the last answer; None without one.
        middle: (3,) LPS mm of the nodule, or of its click.
    """
    known = _spots(former) if former is not None else np.atleast_2d(np.asarray(middle, float))
    allowed = REACH_MM if former is not None else EDGE / 2
    labels = label(mask.array > 0)
    farthest = 0.0
    for number in range(1, int(labels.max()) + 1):
        part = NoduleMask((labels == number).astype(np.uint8), mask.start, mask.grid)
        if shared(part, former) > 0:
            continue
        nearest = _between_mm(_spots(part), known)
        farthest = max(farthest, nearest if nearest > allowed else 0.0)
    return farthest


def _between_mm(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Least distance between (n, 3) and (m, 3) points."""
    middle = one.mean(axis=0)  # else squares of far coordinates would lose what is small
    one, other = one - middle, other - middle
    squares = (one**2).sum(axis=1)[:, np.newaxis] + (other**2).sum(axis=1) - 2 * one @ other.T
    return float(np.sqrt(max(squares.min(), 0.0)))


def _spots(mask: NoduleMask) -> NDArray[np.float64]:
    """(n, 3) LPS mm of voxels spread over a mask."""
    index = np.argwhere(mask.array)[:, ::-1]
    step = max(1, len(index) // _SPOTS)
    return np.asarray(mask.grid.to_world(index[::step]), dtype=np.float64)
