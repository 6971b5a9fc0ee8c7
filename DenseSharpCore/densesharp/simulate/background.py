"""The lung around a nodule: parenchyma, vessels, airways, fissure, pleura, ribs or mediastinum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.simulate.fields import Field, coordinates, smooth_noise, soft_step, unit_vectors

MUSCLE_HU, FAT_HU, VESSEL_HU, AIRWAY_HU = 50.0, -100.0, 40.0, -980.0


@dataclass(frozen=True, eq=False)
class RealScan:
    """A cube of a real CT, which has been through a scanner already.

    Attributes:
        hu: (k, j, i) HU.
        quiet: (k, j, i) the same without its noise.
        center: LPS mm of the cube's middle in the CT.
        name: of the CT.
    """

    hu: Field
    quiet: Field
    center: NDArray[np.float64]
    name: str


@dataclass(frozen=True, eq=False)
class Background:
    """A lung without a nodule.

    Attributes:
        hu: (k, j, i) HU.
        lung: (k, j, i) mm to the pleura, positive inside the lung.
        parenchyma_hu: density of the air-filled parenchyma.
        cut_from: of a lung from a real CT, what was there; None for a simulated lung.
    """

    hu: Field
    lung: Field
    parenchyma_hu: float
    cut_from: RealScan | None = None


def simulated_lung(
    rng: np.random.Generator,
    edge: int,
    pleura_mm: float,
    nodule_vessels: int = 0,
    nodule_center: ArrayLike = (0, 0, 0),
) -> Background:
    """Simulate the lung in a 1 mm cube.

    Args:
        rng: source of everything random.
        edge: voxels along each side.
        pleura_mm: distance from the cube's middle to the pleura.
        nodule_vessels: vessels that end in the nodule.
        nodule_center: (k, j, i) mm from the cube's middle.

    Returns:
        Densities, distance to the pleura, and where a nodule may lie.
    """
    positions = coordinates(edge)
    outward = unit_vectors(rng, 1)[0] * np.array([0.45, 1, 1], np.float32)
    outward /= np.linalg.norm(outward)
    lung, inner = _lung_and_wall(rng, positions, outward, pleura_mm)
    parenchyma = float(rng.normal(-865, 32))
    air = _parenchyma(rng, positions, parenchyma)
    draw_vessels(rng, air, -outward, int(rng.poisson(26 * (edge / 80) ** 2)) + 2)
    for _ in range(nodule_vessels):
        add_nodule_vessel(rng, air, np.asarray(nodule_center, dtype=np.float64), -outward)
    if rng.random() < 0.25:
        _fissure(rng, air, positions)
    hu = inner + soft_step(lung, 1.0) * (air - inner)
    return Background(hu.astype(np.float32), lung, parenchyma)


def draw_vessels(rng: np.random.Generator, hu: Field, hilum: Field, count: int) -> None:
    """Add `count` branching vessels, some with an airway beside them, to `hu` in place.

    Args:
        rng: source of everything random.
        hu: (k, j, i) HU, changed in place.
        hilum: (k, j, i) mm to the hilum, where vessels come from.
        count: number of trees.
    """
    edge = np.array(hu.shape, dtype=np.float64)
    for _ in range(count):
        start = rng.uniform(-0.1, 1.1, 3) * edge
        radius = float(np.clip(rng.lognormal(-0.2, 0.5), 0.4, 3.0))
        heading = -hilum + rng.normal(0, 0.55, 3)
        _branch(rng, hu, start - 20 * heading, heading, radius, depth=2)


def _branch(
    rng: np.random.Generator,
    hu: Field,
    start: NDArray[np.float64],
    heading: NDArray[np.float64],
    radius: float,
    depth: int,
) -> None:
    heading = heading / np.linalg.norm(heading)
    airway = radius > 0.8 and rng.random() < 0.35
    beside = np.cross(heading, rng.standard_normal(3))
    beside *= 1.8 * radius / max(float(np.linalg.norm(beside)), 1e-6)
    for _ in range(int(rng.integers(3, 6))):
        heading = heading + rng.normal(0, 0.16, 3)
        heading /= np.linalg.norm(heading)
        end = start + heading * rng.uniform(5, 9)
        add_tube(hu, start, end, radius, VESSEL_HU)
        if airway:
            add_tube(hu, start + beside, end + beside, radius + 0.5, -150.0)
            add_tube(hu, start + beside, end + beside, radius * 0.8, AIRWAY_HU)
        start, radius = end, radius * 0.95
    if depth and radius > 0.4:
        for _ in range(2):
            turned = heading + rng.normal(0, 0.5, 3)
            _branch(rng, hu, start, turned, radius * rng.uniform(0.6, 0.85), depth - 1)


def add_nodule_vessel(
    rng: np.random.Generator, hu: Field, center: NDArray[np.float64], hilum: Field
) -> None:
    """Draw a vessel from a nodule towards the hilum into `hu` in place.

    Args:
        rng: its course and width.
        hu: (k, j, i) HU.
        center: (k, j, i) mm of the nodule's middle from the cube's.
        hilum: (k, j, i) direction.
    """
    start = center + (np.array(hu.shape) - 1) / 2
    heading = hilum + rng.normal(0, 0.7, 3)
    radius = rng.uniform(0.5, 1.2)
    for _ in range(6):
        heading = heading / np.linalg.norm(heading)
        end = start + heading * 6
        add_tube(hu, start, end, radius, VESSEL_HU)
        start, radius, heading = end, radius * 1.08, heading + rng.normal(0, 0.15, 3)


def add_tube(
    hu: Field,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radius: float,
    value: float,
    spacing: ArrayLike = (1.0, 1.0, 1.0),
) -> None:
    """Draw a straight tube into `hu` in place, with a partial-volume edge of one voxel.

    Args:
        hu: (k, j, i) HU.
        start: (k, j, i) voxel position of one end; may lie outside.
        end: the other end.
        radius: mm.
        value: HU of the tube.
        spacing: mm along (k, j, i).
    """
    step = np.asarray(spacing, dtype=np.float64)
    reach = (radius + 1) / step
    low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach) + 1, hu.shape).astype(int)
    if (high <= low).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    axes = np.ogrid[box]
    offsets = [((a - s) * w).astype(np.float32) for a, s, w in zip(axes, start, step, strict=True)]
    along = ((end - start) * step).astype(np.float32)
    dot = sum(o * a for o, a in zip(offsets, along, strict=True))
    t = np.clip(dot / max(float(along @ along), 1e-6), 0, 1)
    squared = sum((o - t * a) ** 2 for o, a in zip(offsets, along, strict=True))
    share = np.clip(radius + 0.5 - np.sqrt(squared), 0, min(1.0, 2 * radius))
    region = hu[box]
    if value < region.mean():
        region += share * (value - region)
    else:  # a vessel never thins what is denser than it
        region += share * np.maximum(value - region, 0)


def _lung_and_wall(
    rng: np.random.Generator, positions: Field, outward: Field, pleura_mm: float
) -> tuple[Field, Field]:
    """Distance to the pleura (positive in the lung) and the HU of what lies behind it."""
    curvature = float(rng.choice([-1, 1], p=[0.2, 0.8])) * rng.uniform(35, 150)
    middle = outward * np.float32(pleura_mm - curvature)
    lung = np.float32(curvature) - np.sign(curvature) * np.linalg.norm(positions - middle, axis=-1)
    if curvature < 0:
        lung = np.linalg.norm(positions - middle, axis=-1) + np.float32(curvature)
    lung += np.float32(rng.uniform(0, 1.2)) * smooth_noise(rng, lung.shape, 5.0)
    depth = -lung
    if curvature < 0 or rng.random() < 0.25:
        level = rng.choice([MUSCLE_HU, rng.uniform(100, 280)], p=[0.75, 0.25])
        wall = np.full(lung.shape, level, np.float32)
        wall += soft_step(smooth_noise(rng, lung.shape, 6.0) - 1.2, 0.5) * (FAT_HU - level)
    else:
        wall = _chest_wall(rng, positions, depth)
    return lung.astype(np.float32), wall


def _chest_wall(rng: np.random.Generator, positions: Field, depth: Field) -> Field:
    fat = soft_step(smooth_noise(rng, depth.shape, (3.0, 4.0, 4.0)) + 0.1, 0.6)
    wall = np.float32(MUSCLE_HU) + fat * np.float32(FAT_HU - MUSCLE_HU)
    wall += soft_step(2.0 - depth, 1.0) * (MUSCLE_HU - wall)
    tilt = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
    along = positions[..., 0] + positions[..., 1] * tilt[0] + positions[..., 2] * tilt[1]
    period, thick, high = rng.uniform(22, 30), rng.uniform(3.0, 4.5), rng.uniform(5, 8)
    phase = (along + rng.uniform(0, period)) % period - period / 2
    ellipse = np.sqrt(((depth - thick - 1.5) / thick) ** 2 + (phase / high) ** 2)
    rib = (1 - ellipse) * np.float32(thick)
    marrow = np.float32(rng.uniform(80, 300))
    bone = np.float32(rng.uniform(350, 900)) * soft_step(2.0 - rib, 1.0) + marrow * soft_step(
        rib - 2.0, 1.0
    )
    inside = soft_step(rib, 1.0)
    wall += inside * (bone - wall)
    return np.asarray(wall)


def _parenchyma(rng: np.random.Generator, positions: Field, level: float) -> Field:
    shape = positions.shape[:3]
    hu = np.float32(level) + np.float32(rng.uniform(0, 0.7)) * positions[..., 1]
    hu += np.float32(rng.uniform(5, 18)) * smooth_noise(rng, shape, 4.0)
    hu += np.float32(rng.uniform(5, 22)) * smooth_noise(rng, shape, 1.0)
    if rng.random() < 0.2:  # emphysema
        holes = soft_step(smooth_noise(rng, shape, rng.uniform(2, 5)) - 0.8, 0.8)
        hu += holes * (-970 - hu)
    if rng.random() < 0.15:  # hazy density that is no nodule
        haze = soft_step(smooth_noise(rng, shape, rng.uniform(6, 9)) - 0.7, 2.0)
        hu += haze * np.float32(rng.uniform(40, 160))
    return np.asarray(hu, dtype=np.float32)


def _fissure(rng: np.random.Generator, hu: Field, positions: Field) -> None:
    normal = unit_vectors(rng, 1)[0]
    curve = 1.5 * smooth_noise(rng, hu.shape, 9.0)
    distance = positions @ normal + np.float32(rng.uniform(-25, 25)) + curve
    hu += np.float32(rng.uniform(80, 250)) * soft_step(0.5 - np.abs(distance), 1.0)
