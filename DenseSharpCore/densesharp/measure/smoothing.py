"""A mask smoothed so that its outline can be followed between the voxels.

Smoothing takes the voxels' steps away, but it also pulls tips in. What it would take from an
ellipsoid is known, and nodules are roughly ellipsoids: so only the difference between the mask and
the ellipsoid with the same moments is smoothed, and the ellipsoid itself is added as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densesharp.geometry import Grid

Float = NDArray[np.float64]

SMOOTHING = (1.4, 0.39)
"""Standard deviation of the smoothing: in widths of the coarsest voxel, and at most this share of
the radius of the ball with the mask's volume."""

LEVEL = 0.5


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
    depth, filled = _ellipsoid(padded, spacing)
    difference = padded - filled
    field = _sharpened(difference, deviation / spacing) + _edge(depth / deviation)
    count = int(mask.sum())
    ordered = np.partition(field.ravel(), [field.size - count - 1, field.size - count])
    level = (ordered[-count - 1] + ordered[-count]) / 2
    return np.asarray(field * (LEVEL / level))


def _ellipsoid(mask: NDArray[np.bool_], spacing: Float) -> tuple[Float, Float]:
    """The ellipsoid with the mask's middle, second moments and volume.

    Args:
        mask: (k, j, i).
        spacing: mm along k, j, i.

    Returns:
        Depth under its surface in mm, to first order, negative outside; and the share of each voxel
        that it fills, exact for a plane along the voxels.
    """
    voxels = np.argwhere(mask)
    middle = voxels.mean(axis=0)
    moments = np.einsum("na,nb->ab", voxels - middle, voxels - middle) / len(voxels)
    spread, axes = np.linalg.eigh(moments)
    # One voxel alone has the moments of a cube, not of a point.
    form = (axes / (5 * np.maximum(spread, 1 / 12))) @ axes.T / np.outer(spacing, spacing)
    volume = 4 / 3 * np.pi / np.sqrt(np.linalg.det(form))
    form *= (volume / (len(voxels) * spacing.prod())) ** (2 / 3)
    k, j, i = np.ogrid[tuple(slice(n) for n in mask.shape)]
    places = [
        (k - middle[0]) * spacing[0],
        (j - middle[1]) * spacing[1],
        (i - middle[2]) * spacing[2],
    ]
    normal = [sum(row[axis] * places[axis] for axis in range(3)) for row in form]  # of any length
    radius = np.sqrt(np.maximum(sum(n * x for n, x in zip(normal, places, strict=True)), 0))
    length = np.sqrt(sum(n * n for n in normal))
    steepest = float(np.sqrt(np.linalg.eigvalsh(form)[-1]))
    slope = np.divide(length, radius, out=np.full_like(radius, steepest), where=radius > 0)
    depth = (1 - radius) / slope  # the radius is 1 on the surface
    width = sum(step * np.abs(n) for step, n in zip(spacing, normal, strict=True))
    width = np.divide(width, length, out=np.full_like(length, spacing.max()), where=length > 0)
    return depth, np.clip(0.5 + depth / width, 0, 1)


def _sharpened(field: Float, deviations: Float) -> Float:
    """Twice the Gaussian less the Gaussian applied twice: it leaves quadratic surfaces in place."""
    once = _gaussian(field, deviations)
    return np.asarray(2 * once - _gaussian(once, deviations))


def _edge(depth: Float) -> Float:
    """What `_sharpened` makes of a half-space; depth under its surface in standard deviations."""
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
    for axis, deviation in enumerate(deviations):
        reach = int(np.ceil(3 * deviation))
        weights = np.exp(-0.5 * (np.arange(reach + 1) / deviation) ** 2)
        weights /= weights[0] + 2 * weights[1:].sum()
        source = np.moveaxis(field, axis, 0)
        smoothed = weights[0] * source
        for step in range(1, min(reach, len(source) - 1) + 1):
            part = weights[step] * source
            smoothed[step:] += part[:-step]
            smoothed[:-step] += part[step:]
        field = np.moveaxis(smoothed, 0, axis)
    return field
