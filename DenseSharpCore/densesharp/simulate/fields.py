"""Small numeric pieces the simulator is built from: coordinates, smooth noise, bumpy outlines."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

Field = NDArray[np.floating[Any]]
"""Numbers (k, j, i) or (k, j, i, 3); float32 as a rule, to be fast."""


def coordinates(edge: int) -> Field:
    """Positions (edge, edge, edge, 3) in mm of a 1 mm cube's voxels, middle 0, order (k, j, i)."""
    axis = np.arange(edge, dtype=np.float32) - (edge - 1) / 2
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], scale: float | tuple[float, ...]
) -> Field:
    """Gaussian noise blurred by `scale` voxels and brought to mean 0, standard deviation 1.

    Args:
        rng: source of everything random.
        shape: of the field.
        scale: voxels; one number, or one per axis.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, scale, truncate=2.5, mode="wrap")
    noise -= noise.mean()
    noise /= max(float(noise.std()), 1e-6)
    return np.asarray(noise)


def soft_step(distance: Field, width: float) -> Field:
    """0 outside to 1 inside over `width` mm around the surface where `distance` (mm) is zero."""
    step: Field = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    return step


def unit_vectors(rng: np.random.Generator, count: int) -> Field:
    """`count` directions (count, 3), uniform on the sphere."""
    vectors = rng.standard_normal((count, 3)).astype(np.float32)
    unit: Field = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def sphere_points(count: int = 2000) -> Field:
    """`count` directions (count, 3) spread evenly (Fibonacci lattice), for averages."""
    n = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * n / count), np.pi * (1 + 5**0.5) * n
    sine = np.sin(polar)
    return np.stack([np.cos(polar), sine * np.cos(turn), sine * np.sin(turn)], -1).astype(
        np.float32
    )


class BumpySurface:
    """A closed surface around a centre: a turned ellipsoid with broad bumps and thin spikes.

    Args:
        rng: source of the random shape.
        diameter_mm: diameter of the ball of the same volume.
        elongation: standard deviation of the logarithm of the three axes' ratio.
        lobulation: 0..1, depth of broad bumps.
        spiculation: 0..1, length of thin spikes.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        diameter_mm: float,
        elongation: float,
        lobulation: float = 0.0,
        spiculation: float = 0.0,
    ) -> None:
        axes = np.exp(rng.normal(0, elongation, 3))
        axes /= np.prod(axes) ** (1 / 3)
        self._inverse = (Rotation.random(random_state=rng).as_matrix() / axes).astype(np.float32)
        lobes = int(rng.integers(4, 9))
        spikes = int(rng.integers(6, 20)) if spiculation > 0 else 0
        self._directions = unit_vectors(rng, lobes + spikes)
        self._sharpness = np.r_[rng.uniform(4, 9, lobes), rng.uniform(40, 120, spikes)]
        self._heights = np.r_[
            rng.uniform(-0.2, 0.5, lobes) * lobulation, rng.uniform(0.1, 0.9, spikes) * spiculation
        ]
        volume = np.mean(self._profile(sphere_points()) ** 3)
        self._radius = np.float32(diameter_mm / 2 / volume ** (1 / 3))

    def _profile(self, directions: Field) -> Field:
        cosines = directions @ self._directions.T
        bumps = np.exp((cosines - 1) * self._sharpness.astype(np.float32))
        # Some matrix kernels also read what lies behind a short vector: what they report of that
        # is no fault of the product. A NaN in it would stay and be seen.
        with np.errstate(invalid="ignore"):
            profile: Field = 1 + bumps @ self._heights.astype(np.float32)
        return np.asarray(np.maximum(profile, np.float32(0.3)))

    def distance(self, positions: ArrayLike) -> Field:
        """Distance to the surface in mm, positive inside, of positions (..., 3) from the centre.

        Exact for a ball; along the ray from the centre otherwise.
        """
        turned = np.asarray(positions, dtype=np.float32) @ self._inverse
        length = np.linalg.norm(turned, axis=-1)
        directions = turned / np.maximum(length, np.float32(1e-3))[..., None]
        reach = np.float32(3.0) * self._radius
        near = length < reach
        distance = self._radius - length
        distance[near] = self._radius * self._profile(directions[near]) - length[near]
        return np.asarray(distance)
