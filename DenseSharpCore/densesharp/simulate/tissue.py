"""From a nodule's latents to tissue in a 1 mm cube: density, share of each voxel, exact mask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from densesharp.simulate.fields import BumpySurface, Field, coordinates, smooth_noise, soft_step
from densesharp.simulate.latents import Latents
from densesharp.simulate.shapes import RealOutline, Shape

BUBBLE_HU = -900.0
SOLID_HU = 40.0
"""Soft tissue at 120 kVp without contrast; densities of solid parts scatter around it."""


@dataclass(frozen=True, eq=False)
class Tissue:
    """A nodule in a cube, before it is put into a lung.

    Attributes:
        share: (k, j, i) 0..1, how far each voxel is nodule.
        hu: (k, j, i) density of the nodule itself, HU.
        distance: (k, j, i) mm to the outline, positive inside; the mask is where it is positive.
        solid: (k, j, i) bool, solid part.
    """

    share: Field
    hu: Field
    distance: Field
    solid: NDArray[np.bool_]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(k, j, i) exact mask: the outline drawn where half of the density has fallen."""
        return self.distance > 0


def make_tissue(
    rng: np.random.Generator,
    latents: Latents,
    edge: int,
    center: ArrayLike = (0, 0, 0),
    lung: Field | None = None,
    shape: Shape | None = None,
) -> Tissue:
    """Make a nodule with the given latents.

    Args:
        rng: source of the shape.
        latents: what to make.
        edge: voxels of 1 mm along each side of the cube.
        center: (k, j, i) mm from the cube's middle.
        lung: (k, j, i) mm to the pleura, positive in the lung; the nodule ends there.
        shape: a real nodule's, instead of one that is made up.

    Returns:
        Its densities and its outline.
    """
    positions = coordinates(edge) - np.asarray(center, dtype=np.float32)
    size = positions.shape[:3]
    if shape is None:
        outline = BumpySurface(rng, latents.diameter_mm, 0.14, latents.lobulation, _spikes(latents))
        distance = outline.distance(positions)
        roughness = 0.05 * latents.diameter_mm * rng.uniform(0.3, 1.0 + latents.lobulation)
        distance += np.float32(roughness) * smooth_noise(rng, size, 1 + latents.diameter_mm / 12)
    else:
        distance = RealOutline(rng, shape, latents.diameter_mm).distance(positions)
    if lung is not None:
        distance = np.minimum(distance, lung)
    distance = _keep_middle(distance, positions)
    share = soft_step(distance, latents.margin_mm)

    hu = np.float32(latents.ground_glass_hu) + 45 * smooth_noise(rng, size, rng.uniform(0.7, 1.6))
    solid_share = _solid_share(rng, latents, positions, distance)
    solid_hu = np.float32(rng.normal(SOLID_HU - 10, 25)) + 10 * smooth_noise(rng, size, 1.0)
    hu += solid_share * (solid_hu - hu)
    if latents.bubble:
        hu += _bubbles(rng, latents, positions) * (BUBBLE_HU - hu)
    solid = (solid_share > 0.5) & (distance > 0)
    return Tissue(share, hu.astype(np.float32), distance.astype(np.float32), solid)


def blend(lung: Field, tissue: Tissue, parenchyma_hu: float) -> Field:
    """Put a nodule into a lung: it fills what air there is, vessels and pleura keep their density.

    Args:
        lung: (k, j, i) HU without the nodule.
        tissue: the nodule.
        parenchyma_hu: density of the surrounding parenchyma, where the nodule has its own density.
    """
    filled = np.clip((lung - parenchyma_hu) / (SOLID_HU - parenchyma_hu), 0, 1)
    blended: Field = lung + tissue.share * (tissue.hu - parenchyma_hu) * (1 - filled)
    return blended


def _spikes(latents: Latents) -> float:
    # Spikes are an edge of denser tissue; a faint ground-glass nodule shows less of them.
    return latents.spiculation * (0.5 if latents.nodule_type == "ground-glass" else 1.0)


def _solid_share(
    rng: np.random.Generator, latents: Latents, positions: Field, distance: Field
) -> Field:
    if latents.nodule_type == "ground-glass":
        return np.zeros(distance.shape, dtype=np.float32)
    if latents.nodule_type == "solid":
        return np.ones(distance.shape, dtype=np.float32)
    radius = latents.solid_diameter_mm / 2
    spare = max(latents.diameter_mm / 2 - radius, 0) * 0.7
    offset = rng.uniform(-1, 1, 3) * spare / 3**0.5
    core = BumpySurface(rng, latents.solid_diameter_mm, 0.18, lobulation=0.6)
    inside = core.distance(positions - offset.astype(np.float32))
    inside += np.float32(0.12 * radius) * smooth_noise(rng, distance.shape, 1.2)
    return soft_step(inside, max(0.8, 0.5 * latents.margin_mm))


def _bubbles(rng: np.random.Generator, latents: Latents, positions: Field) -> Field:
    total = np.zeros(positions.shape[:3], dtype=np.float32)
    radius = latents.diameter_mm / 2
    for _ in range(int(rng.integers(1, 4))):
        offset = rng.uniform(-0.4, 0.4, 3).astype(np.float32) * np.float32(radius)
        size = np.float32(rng.uniform(0.08, 0.22) * radius + 0.4)
        distance = size - np.linalg.norm(positions - offset, axis=-1)
        total = np.maximum(total, soft_step(distance, 1.0))
    return total


def _keep_middle(distance: Field, positions: Field) -> Field:
    """Cut off islands: only the piece nearest to the nodule's centre stays inside."""
    labels, count = ndimage.label(distance > 0)
    if count > 1:
        index = np.arange(1, count + 1)
        nearest = ndimage.minimum(np.linalg.norm(positions, axis=-1), labels, index)
        other = (labels > 0) & (labels != 1 + int(np.argmin(nearest)))
        distance[ndimage.binary_dilation(other)] = -5.0
    return distance
