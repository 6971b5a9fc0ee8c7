"""How large an isolated solid nodule is by its density, which no blur along the slices changes.

A scanner blurs a nodule but loses nothing of it: what its voxels have more than the lung, summed
over the nodule and what the blur spread around it, is its volume times its contrast (as Kuhnigk et
al., IEEE TMI 2006;25:417-434, use it). Where nothing else lies near, that tells the volume better
than any outline of blurred voxels.
"""

import numpy as np
from numpy.typing import NDArray

from densesharp.image.masks import THRESHOLD, distance_to
from densesharp.nodule.patch import USUAL_SHARPNESS, to_hu
from densesharp.nodule.records import Patch

BLUR_MM = 3
"""How far the scanner spreads a nodule: so much around its outline is summed."""

AROUND_MM = (2, 5)
"""Where the lung around must be free of anything dense, and from 3 mm on tells its density."""

DENSE_HU, DENSE_SHARE = -400.0, 0.01
"""Vessel or wall: with more of it around, a nodule is not isolated."""

LUNG_HU = -650.0
"""Median around the nodule above which it does not lie in aerated lung."""

SOLID_HU = (0.0, 200.0)
"""Median inside a nodule that is solid without being calcified."""

BLURRED_HU = -100.0
"""The least of it on slices so thick that lung shines into the middle of a small nodule."""

SOFT_TISSUE_HU = 40.0
SEEN_MM = (6.0, 12.0)
"""Up to the first diameter blur hides the density inside, and that of soft tissue is taken; from
the second on it is measured."""

LARGEST_FACTOR = 1.25
"""The outline is not moved farther than to this many times its volume, or to a part of it."""

FACTORS = (0.2, 5.0)
"""What the odds are multiplied with at the least and at the most."""

PASSES = 8
"""Of halving the range of the factor: to within 1 %."""


def with_odds(mask: NDArray[np.floating], factor: float) -> NDArray[np.float32]:
    """Probabilities whose odds are multiplied with a factor."""
    return np.asarray(factor * mask / (1 - mask + factor * mask), dtype=np.float32)


def true_volume(patch: Patch, inside: NDArray[np.bool_]) -> float | None:
    """Volume of an isolated solid nodule by its density, mm3.

    Args:
        patch: around the nodule, voxels of 1 mm.
        inside: (k, j, i) its outline, not empty.

    Returns:
        The volume, or None where the nodule is not solid or not isolated, so that density tells
        nothing.
    """
    hu = to_hu(patch.array)
    away = distance_to(inside, patch.grid)
    depth = distance_to(~inside, patch.grid)
    near, far = AROUND_MM
    around = hu[(away > near) & (away <= far)]
    lung_around = hu[(away > BLUR_MM) & (away <= far)]
    if not lung_around.size or (around > DENSE_HU).mean() > DENSE_SHARE:
        return None
    lung = float(np.median(lung_around))
    core = float(np.median(hu[depth >= min(2.0, depth.max() - 0.5)]))
    is_blurred = patch.sharpness is not None and patch.sharpness < USUAL_SHARPNESS
    least = BLURRED_HU if is_blurred else SOLID_HU[0]
    if lung > LUNG_HU or not least < core < SOLID_HU[1]:
        return None
    diameter = np.cbrt(6 * inside.sum() / np.pi)
    seen = float(np.interp(diameter, SEEN_MM, (0, 1)))
    contrast = seen * core + (1 - seen) * SOFT_TISSUE_HU - lung
    return float((hu[away <= BLUR_MM] - lung).sum() / contrast)


def odds_of_true_volume(patch: Patch, mask: NDArray[np.floating], near: NDArray[np.bool_]) -> float:
    """What the odds of all voxels are multiplied with, so that the outline has its true volume.

    Args:
        patch: around the nodule.
        mask: (k, j, i) probability.
        near: (k, j, i) the nodule and its rim, in which its probability counts.

    Returns:
        The factor; 1 where density tells nothing.
    """
    inside = near & (mask >= THRESHOLD)
    wanted = true_volume(patch, inside) if inside.any() else None
    if wanted is None:
        return 1.0
    ends = [np.flatnonzero(near.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(first, last + 1) for first, last in ends)
    own = np.pad(np.where(near, mask, 0)[box], 1)
    count = _volume_at(own, 1.0)
    goal = float(np.clip(wanted, count / LARGEST_FACTOR, count * LARGEST_FACTOR))
    low, high = FACTORS
    for _ in range(PASSES):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if _volume_at(own, middle) < goal else (low, middle)
    return float(np.sqrt(low * high))


def _volume_at(mask: NDArray[np.floating], factor: float) -> float:
    """Volume of the outline, mm3, when all odds are multiplied with a factor.

    Args:
        mask: (k, j, i) probability, 0 at its rim; counted in halves of voxels between its values.
        factor: of the odds.
    """
    fine = with_odds(mask, factor)
    for axis in range(3):
        halves = [0.75 * fine + 0.25 * np.roll(fine, step, axis) for step in (1, -1)]
        shape = [n * (1 + (at == axis)) for at, n in enumerate(fine.shape)]
        fine = np.stack(halves, axis=axis + 1).reshape(shape)
    return float((fine >= THRESHOLD).sum()) / 8
