"""A mask smoothed so that its outline can be followed between the voxels.

Smoothing takes the voxels' steps away, but it also pulls tips in. What it would take from an
ellipsoid is known, and nodules are roughly ellipsoids: so only the difference between the mask and
its ellipsoid is smoothed, and the ellipsoid itself is added as it is. Of the difference only what
is more than the chance of where the voxels lie counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densesharp.image.grid import Grid
from densesharp.nodule.measure.ellipsoid import fit_ellipsoid

Float = NDArray[np.float64]

SMOOTHING = (1.0, 0.3)
"""Standard deviation of the smoothing: in widths of the coarsest voxel, and at most this share of
the radius of the ball with the mask's volume."""

CHANCE = 2.0
"""Standard deviations of chance below which a difference from the ellipsoid does not count."""

LEVEL = 0.5

_BLOCK = 1 << 15
"""So many numbers are smoothed at a time: they stay in the processor's cache."""


def smoothed(mask: NDArray[np.bool_], grid: Grid, pad: int) -> Float:
    """The mask smoothed, padded on all sides and scaled to `LEVEL` at its outline.

    As many voxels lie above `LEVEL` as in the mask, so that its volume is kept.

    Args:
        mask: (k, j, i), not empty.
        grid: where its voxels lie.
        pad: voxels added on each side.
    """
    padded = np.pad(mask, pad)
    spacing = grid.spacing[::-1]
    radius = (3 * mask.sum() * grid.voxel_volume / (4 * np.pi)) ** (1 / 3)
    deviation = min(SMOOTHING[0] * float(spacing.max()), SMOOTHING[1] * float(radius))
    depth, filled = fit_ellipsoid(padded, spacing).depth_and_filled(padded.shape, spacing)
    field = _difference(padded, filled, deviation / spacing) + _edge(depth / deviation)
    count = int(mask.sum())
    ordered = np.partition(field.ravel(), [field.size - count - 1, field.size - count])
    level = (ordered[-count - 1] + ordered[-count]) / 2
    return np.asarray(field * (LEVEL / level))


def _difference(mask: NDArray[np.bool_], filled: Float, deviations: Float) -> Float:
    """What the mask has more than its ellipsoid, smoothed, without what is within chance.

    Twice the Gaussian less the Gaussian applied twice leaves quadratic surfaces in place. A voxel
    that is filled by a share f is in the mask or not, by chance, with the variance f (1 - f). The
    rest is shrunk by the non-negative garrote (Breiman, Technometrics 1995;37:373-384), which
    leaves large differences, such as spikes, nearly as they are.

    Args:
        mask: (k, j, i).
        filled: share of each voxel that its ellipsoid fills.
        deviations: (3,) voxels along k, j, i.
    """
    once = _gaussian(mask - filled, deviations)
    twice = _gaussian(once, deviations)
    # The square of a Gaussian is a narrower Gaussian times the sum of the squared weights.
    variance = _gaussian(filled * (1 - filled), deviations / np.sqrt(2))
    for deviation in deviations:
        variance *= (_weights(deviation) ** 2).sum()
    ratio = once**2 / np.maximum(variance, 1e-9)
    kept = np.maximum(1 - CHANCE**2 / np.maximum(ratio, 1e-9), 0)
    return np.asarray(kept * (2 * once - twice))


def _edge(depth: Float) -> Float:
    """What the same smoothing makes of a half-space; depth in standard deviations."""
    return np.asarray(2 * _normal_share(depth) - _normal_share(depth / np.sqrt(2)))


def _normal_share(x: Float) -> Float:
    """Share of a normal distribution below x, within 0.0002.

    Source: Page, Applied Statistics 1977;26:75-76. SciPy's would be loaded for this alone.
    """
    return np.asarray(0.5 + 0.5 * np.tanh(np.sqrt(2 / np.pi) * x * (1 + 0.044715 * x * x)))


def _gaussian(field: Float, deviations: Float) -> Float:
    """Smooth along each axis; outside the array is 0.

    Args:
        field: (k, j, i).
        deviations: (3,) voxels along k, j, i.
    """
    shape = field.shape
    for axis, deviation in enumerate(deviations):
        length, beside = shape[axis], int(np.prod(shape[axis + 1 :]))
        lines = np.ascontiguousarray(field).reshape(-1, length, beside)
        smoothed = np.empty_like(lines)
        planes, columns = max(1, _BLOCK // lines[0].size), max(8, _BLOCK // length)
        for first in range(0, len(lines), planes):
            for left in range(0, beside, columns):
                part = np.s_[first : first + planes, :, left : left + columns]
                _smooth_lines(lines[part], _weights(deviation), smoothed[part])
        field = smoothed.reshape(shape)
    return field


def _smooth_lines(source: Float, weights: Float, out: Float) -> None:
    """Smooth along the second of three axes.

    Args:
        source: what is smoothed.
        weights: a symmetric kernel.
        out: takes the result.
    """
    reach = len(weights) // 2
    np.multiply(source, weights[reach], out=out)
    part = np.empty_like(source)
    for step in range(1, min(reach, source.shape[1] - 1) + 1):
        np.multiply(source, weights[reach + step], out=part)
        out[:, step:] += part[:, :-step]
        out[:, :-step] += part[:, step:]


def _weights(deviation: float) -> Float:
    """A Gaussian of sum 1, cut at three standard deviations."""
    reach = int(np.ceil(3 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.asarray(weights / weights.sum())
