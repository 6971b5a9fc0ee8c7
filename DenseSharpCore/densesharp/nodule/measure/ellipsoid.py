"""The ellipsoid that tells a mask's voxels from those around it.

A mask only says which voxel centres lie inside. Of all ellipsoids, the one with the mask's moments
is found at once; but where a tip just misses a voxel's centre it is up to half a voxel short. The
ellipsoid that leaves the mask's voxels inside and all others outside is several times nearer. To
find it is logistic regression with the ten terms of a quadric, because the side of a quadric on
which a point lies is linear in its coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_BAND = 1.5  # voxels on both sides of the surface that are told apart
_AT_MOST = 2000  # of them, the nearest ones; more only cost time
_AT_LEAST = 20  # on each side, for ten unknowns
_SLOPE = 4.0  # at the start: the logarithm of the odds one voxel inside
_STEPS = 10
_PAIRS = ((0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2))  # the six different numbers of a form
_CHANGE = 0.15  # of a radius or the middle, relative; farther from the moments' it is no refinement


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """The points x with (x - middle) form (x - middle) <= 1.

    Attributes:
        middle: (3,) mm along (k, j, i) from the centre of the first voxel.
        form: (3, 3) per mm2, symmetric and positive.
    """

    middle: Float
    form: Float

    @property
    def volume(self) -> float:
        """Volume in mm3."""
        return float(4 / 3 * np.pi / np.sqrt(np.linalg.det(self.form)))

    def depth(self, shape: tuple[int, ...], spacing: Float) -> Float:
        """How deep the voxels of an array lie under the surface, mm, to first order.

        Args:
            shape: (k, j, i).
            spacing: mm along k, j, i.

        Returns:
            Negative outside.
        """
        depth, _, _ = self._depth(shape, spacing)
        return depth

    def depth_and_filled(self, shape: tuple[int, ...], spacing: Float) -> tuple[Float, Float]:
        """The depth of voxels, and the share of each that is filled, exact for a plane along them.

        Args:
            shape: (k, j, i).
            spacing: mm along k, j, i.
        """
        depth, normal, length = self._depth(shape, spacing)
        width = sum(step * np.abs(n) for step, n in zip(spacing, normal, strict=True))
        width = np.divide(width, length, out=np.full_like(length, spacing.max()), where=length > 0)
        return depth, np.clip(0.5 + depth / width, 0, 1)

    def _depth(self, shape: tuple[int, ...], spacing: Float) -> tuple[Float, list[Float], Float]:
        """Depth, the three parts of the gradient, and its length."""
        places = [
            axis * step - begin
            for axis, step, begin in zip(
                np.ogrid[tuple(slice(n) for n in shape)], spacing, self.middle, strict=True
            )
        ]
        normal = [
            np.asarray(sum(row[axis] * places[axis] for axis in range(3))) for row in self.form
        ]
        radius = np.sqrt(np.maximum(sum(n * x for n, x in zip(normal, places, strict=True)), 0))
        length = np.sqrt(sum(n * n for n in normal))
        steepest = float(np.sqrt(np.linalg.eigvalsh(self.form)[-1]))
        slope = np.divide(length, radius, out=np.full_like(radius, steepest), where=radius > 0)
        return (1 - radius) / slope, normal, length  # the radius is 1 on the surface


def fit_ellipsoid(mask: NDArray[np.bool_], spacing: Float) -> Ellipsoid:
    """The ellipsoid that best tells a mask's voxels from those around it.

    Args:
        mask: (k, j, i), not empty.
        spacing: mm along k, j, i.
    """
    start = by_moments(mask, spacing)
    found = _refined(mask, spacing, start)
    return found if found is not None else start


def by_moments(mask: NDArray[np.bool_], spacing: Float) -> Ellipsoid:
    """The ellipsoid with a mask's middle, second moments and volume."""
    voxels = np.argwhere(mask)
    middle = voxels.mean(axis=0)
    moments = np.einsum("na,nb->ab", voxels - middle, voxels - middle) / len(voxels)
    spread, axes = np.linalg.eigh(moments)
    # One voxel alone has the moments of a cube, not of a point.
    form = (axes / (5 * np.maximum(spread, 1 / 12))) @ axes.T / np.outer(spacing, spacing)
    volume = Ellipsoid(middle, form).volume
    form *= (volume / (len(voxels) * spacing.prod())) ** (2 / 3)
    return Ellipsoid(middle * spacing, form)


def _refined(mask: NDArray[np.bool_], spacing: Float, start: Ellipsoid) -> Ellipsoid | None:
    """Logistic regression by Newton's method, from the moments; None where it leads astray.

    Where an ellipsoid separates the voxels the slope grows without end, and the surface comes to
    lie midway between both sides; a few steps are enough.
    """
    distance = np.abs(start.depth(mask.shape, spacing))
    reach = min(_BAND * spacing.max(), _nearest(distance, _AT_MOST))
    near = np.argwhere(distance <= reach)
    inside = mask[tuple(near.T)].astype(np.float64)
    if not _AT_LEAST <= inside.sum() <= len(near) - _AT_LEAST:
        return None
    terms = _quadric_in_voxels(near * spacing - start.middle, start.form, spacing)
    scale = np.abs(terms).mean(axis=0)
    if not scale.all():  # all in one plane: nothing is known of the third direction
        return None
    terms /= scale
    weights = _SLOPE * scale * np.concatenate([start.form[_PAIRS], np.zeros(3), [1.0]])
    for _ in range(_STEPS):
        odds = np.clip(np.einsum("nt,t->n", terms, weights), -30, 30)
        chance = 1 / (1 + np.exp(-odds))
        bend = np.einsum("nt,nu->tu", terms * (chance * (1 - chance))[:, None], terms)
        ridge = 1e-9 * np.trace(bend) * np.eye(len(bend))
        weights += np.linalg.solve(bend + ridge, np.einsum("nt,n->t", terms, inside - chance))
    return _as_ellipsoid(weights / scale, start)


def _quadric_in_voxels(x: Float, form: Float, spacing: Float) -> Float:
    """(n, 10) the terms of a quadric at points, divided by the gradient of one of them.

    With the coefficients of that one they add up to the depth under its surface in voxels.

    Args:
        x: (n, 3) mm from its middle.
        form: (3, 3) of it.
        spacing: (3,) mm.
    """
    first, second = map(list, _PAIRS)
    products = -x[:, first] * x[:, second] * (1, 1, 1, 2, 2, 2)
    normal = np.einsum("nb,ab->na", x, form)
    radius = np.sqrt(np.einsum("na,na->n", x, normal)).clip(1e-6)
    gradient = 2 * np.einsum("na,a->n", np.abs(normal), spacing) / radius
    terms = np.concatenate([products, x, np.ones((len(x), 1))], axis=1)
    return np.asarray(terms / gradient[:, None].clip(1e-9))


def _nearest(distance: Float, count: int) -> float:
    """The distance within which `count` voxels lie."""
    if distance.size <= count:
        return np.inf
    return float(np.partition(distance.ravel(), count)[count])


def _as_ellipsoid(terms: Float, start: Ellipsoid) -> Ellipsoid | None:
    """The ellipsoid of a quadric's ten terms; None if it is none, or far from the start."""
    form = np.empty((3, 3))
    form[_PAIRS] = form[_PAIRS[::-1]] = terms[:6]
    if np.linalg.eigvalsh(form)[0] <= 0:
        return None
    shift = np.linalg.solve(2 * form, terms[6:9])
    size = terms[9] + shift @ form @ shift
    if size <= 0:
        return None
    form = form / size
    # The roots of these numbers are the ratios of the two ellipsoids' radii in every direction.
    ratios = np.linalg.eigvals(np.linalg.solve(start.form, form)).real ** -0.5
    if np.abs(np.log(ratios)).max() > _CHANGE or shift @ start.form @ shift > _CHANGE**2:
        return None
    return Ellipsoid(start.middle + shift, form)
