"""A simulated chest: body, ribs, spine, mediastinum, both lungs with their vessels and airways.

Shapes are simple (superellipses, domes, tubes) and sized like an adult's, so that the picture reads
as a chest CT in every plane. It is a phantom: no patient, and no anatomy to measure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.image.grid import Grid
from densesharp.progress import Progress, silent
from densesharp.simulate.background import AIRWAY_HU, FAT_HU, MUSCLE_HU, VESSEL_HU, add_tube
from densesharp.simulate.fields import Field, smooth_noise, soft_step

PARENCHYMA_HU = -862.0
HEART_HU, LIVER_HU, DISC_HU, CARTILAGE_HU, MARROW_HU, CORTEX_HU = (
    45.0,
    58.0,
    85.0,
    110.0,
    190.0,
    520.0,
)

CARINA = np.array([0.0, 12.0, 28.0])
HILA = {"right": np.array([-38.0, 12.0, 5.0]), "left": np.array([40.0, 14.0, 8.0])}
"""LPS mm."""

Point = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chest:
    """A chest without nodules.

    Attributes:
        hu: (k, j, i) float32 HU before the scanner.
        lung: (k, j, i) float32 mm to the nearest lung boundary, positive inside the lungs.
        grid: where the voxels lie, LPS mm.
    """

    hu: Field
    lung: Field
    grid: Grid


def make_chest(rng: np.random.Generator, grid: Grid, progress: Progress = silent) -> Chest:
    """Build the chest on a grid along the patient's axes (identity direction).

    Args:
        rng: of everything random.
        grid: where the voxels shall lie, LPS mm.
        progress: told before each part of the chest.

    Returns:
        Densities of the whole chest, and where its lungs are.
    """
    progress(0.0, "Drawing the lungs")
    x, y, z = _axes(grid)
    cavity = _cavity(x, y, z)
    lung = _signed_distance((cavity > 0) & ~_central(x, y, z) & (z > _dome(x, y)), grid)
    lung += np.float32(0.5) * _broad_noise(rng, grid.shape, 3.0)
    progress(0.15, "Drawing the body")
    hu = _body(rng, x, y, z, _signed_distance(cavity > 0, grid))
    progress(0.35, "Drawing mediastinum and spine")
    _mediastinum(rng, hu, x, y, z, cavity)
    _spine(hu, x, y, z)
    air = _parenchyma(rng, y, grid.shape)
    for side, hilum in HILA.items():
        progress(0.6 if side == "right" else 0.8, f"Drawing the vessels of the {side} lung")
        inside = lung * ((x < 0) if side == "right" else (x > 0))
        _grow_tree(rng, air, inside, grid, hilum)
    hu += soft_step(lung, 1.2) * (air - hu)
    _airways(hu, grid)
    return Chest(hu, lung, grid)


def _axes(grid: Grid) -> tuple[Field, Field, Field]:
    """Broadcastable LPS mm coordinates x (left), y (posterior), z (superior)."""
    i, j, k = (
        (grid.origin[n] + grid.spacing[n] * np.arange(grid.size[n])).astype(np.float32)
        for n in range(3)
    )
    return i[None, None, :], j[None, :, None], k[:, None, None]


def _signed_distance(mask: NDArray[np.bool_], grid: Grid) -> Field:
    """Distance in mm to the surface of a mask, positive inside; from every second voxel."""
    sparse, spacing = mask[::2, ::2, ::2], 2 * grid.spacing[::-1]
    inside = ndimage.distance_transform_edt(sparse, sampling=spacing)
    outside = ndimage.distance_transform_edt(~sparse, sampling=spacing)
    distance = ndimage.gaussian_filter((inside - outside).astype(np.float32), 1.0)
    return _enlarged(distance, mask.shape)


def _broad_noise(
    rng: np.random.Generator, shape: tuple[int, ...], scale: float | tuple[float, ...]
) -> Field:
    """Like `smooth_noise` for scales of 3 voxels and more, made on every third voxel."""
    sparse = tuple(-(-n // 3) + 1 for n in shape)
    return _enlarged(smooth_noise(rng, sparse, tuple(np.broadcast_to(scale, 3) / 3.0)), shape)


def _enlarged(field: Field, shape: tuple[int, ...]) -> Field:
    """Stretch a field to `shape` by linear interpolation, one axis after the other."""
    for axis, length in enumerate(shape):
        where = np.linspace(0, field.shape[axis] - 1, length)
        below = np.minimum(where.astype(int), field.shape[axis] - 2)
        part = (where - below).astype(np.float32)
        part = part.reshape([-1 if n == axis else 1 for n in range(3)])
        low, high = field.take(below, axis), field.take(below + 1, axis)
        field = low + part * (high - low)
    return field


def _taper(z: Field) -> Field:
    """1 in the lower chest, falling towards the apex at z = 122."""
    return np.sqrt(np.clip(1 - np.clip((z + 30) / 152, 0, 1) ** 2.6, 0, 1))


def _cavity(x: Field, y: Field, z: Field) -> Field:
    """Positive inside the rib cage; 1 in its middle."""
    scale = np.maximum(_taper(z), np.float32(1e-3))
    width, depth = 128 * scale, 88 * (0.35 + 0.65 * scale)
    back = y + 10
    return np.where(scale > 0.02, 1 - np.abs(x / width) ** 2.3 - np.abs(back / depth) ** 2.3, -1)


def _central(x: Field, y: Field, z: Field) -> NDArray[np.bool_]:
    """Mediastinum and heart: what separates the lungs."""
    low = np.clip(-(z - 20) / 80, 0, 1)
    half = 24 + 6 * np.exp(-(((z - 5) / 22) ** 2)) + 10 * np.clip((y - 25) / 40, 0, 1)
    half = half - 14 * np.exp(-(((y + 55) / 18) ** 2)) * (1 - low)
    strip = np.abs(x - 2) < half
    heart = ((x - 22) / 58) ** 2 + ((y + 22) / 46) ** 2 + ((z + 52) / 50) ** 2 < 1
    aorta = ((x - 24) ** 2 + (y - 50) ** 2 < 14**2) & (z < 52)
    arch = ((x - 14) / 26) ** 2 + ((y - 12) / 38) ** 2 + ((z - 52) / 13) ** 2 < 1
    return strip | heart | aorta | arch


def _dome(x: Field, y: Field) -> Field:
    """Height of the diaphragm."""
    right = -48 - ((x + 62) ** 2 + (y + 8) ** 2) / 95
    left = -62 - ((x - 66) ** 2 + (y + 5) ** 2) / 95
    return np.maximum(right, left)


def _body(rng: np.random.Generator, x: Field, y: Field, z: Field, depth: Field) -> Field:
    """Skin, fat, muscle and ribs around the cavity; `depth` is mm into the cavity."""
    shoulder = 1 + 0.12 * np.clip((z - 60) / 60, 0, 1)
    body = 1 - np.abs(x / (152 * shoulder)) ** 2.5 - np.abs((y - 2) / 108) ** 2.5
    skin = body * 50  # mm, near enough for layers
    ripple = 3 * _broad_noise(rng, depth.shape, (6, 10, 10))
    hu = np.full(depth.shape, -1000, np.float32)
    hu += soft_step(skin + 0 * depth, 1.5) * (FAT_HU + 1000)
    hu += soft_step(1.8 - np.abs(skin - 1.5) + 0 * depth, 1.0) * (20 - FAT_HU) * (skin > -1)
    muscle = soft_step(np.minimum(depth + 20 + ripple, skin - 5), 1.5)
    hu += muscle * (MUSCLE_HU - hu)
    planes = soft_step(1.2 - np.abs(depth + 13 + 1.4 * ripple), 1.0) * (skin > 5)
    hu += planes * (FAT_HU + 30 - hu)
    hu += soft_step(depth + 1.5, 1.0) * (FAT_HU - hu)
    _ribs(hu, x, y, z, -depth)
    return hu


def _ribs(hu: Field, x: Field, y: Field, z: Field, outside: Field) -> None:
    """Slanting hoops at 25 mm distance, cartilage in front, and the sternum."""
    phase = (z - 0.42 * y + 6.0) % 25.0 - 12.5
    ring = 1 - np.sqrt(((outside - 5.0) / 3.6) ** 2 + (phase / 6.2) ** 2)
    rib = 3.6 * ring * (np.abs(x) > 16) - 9 * (np.abs(x) <= 16)
    front = (y < -62) & (np.abs(x) < 55)
    bone = np.where(front, CARTILAGE_HU, _bone(rib))
    hu += soft_step(rib, 1.0) * (bone - hu)
    flat = 1 - (np.abs(x) / 17) ** 4 - ((outside - 8.0) / 5.0) ** 2 - (np.abs(z - 10) / 72) ** 8
    sternum = 5.0 * flat - 50 * (y > -40)
    hu += soft_step(sternum, 1.0) * (_bone(sternum) - hu)
    side = np.abs(x) - 88 + 0.35 * (z - 40)
    blade = 1 - ((outside - 17 - 0.06 * np.abs(side)) / 3.0) ** 2 - (side / 36) ** 2
    blade = blade - ((z - 55) / 52) ** 2
    scapula = 3.0 * blade - 50 * (y < 30)
    hu += soft_step(scapula, 1.0) * (_bone(scapula) - hu)


def _bone(depth: Field) -> Field:
    """HU by mm under the surface of a bone: cortex, then marrow."""
    cortex: Field = MARROW_HU + soft_step(1.8 - depth, 1.2) * (CORTEX_HU - MARROW_HU)
    return cortex


def _mediastinum(
    rng: np.random.Generator, hu: Field, x: Field, y: Field, z: Field, cavity: Field
) -> None:
    """Fat with heart, great vessels and, below the diaphragm, liver, stomach and spleen."""
    below = soft_step((_dome(x, y) - z) * (cavity > 0) - 1.0, 2.0)
    organ = np.where(x < 12, LIVER_HU, 48.0) + 6 * _broad_noise(rng, hu.shape, 5.0)
    hu += below * (cavity > 0.0) * (organ - hu)
    heart = 45 * (1 - ((x - 22) / 54) ** 2 - ((y + 22) / 42) ** 2 - ((z + 52) / 46) ** 2)
    hu += soft_step(heart, 2.0) * (HEART_HU - hu)
    for middle_x, middle_y, radius, low, high in (
        (24, 50, 12, -125, 52),  # descending aorta
        (4, -18, 15, -30, 48),  # ascending aorta
        (-24, -10, 9, -20, 90),  # superior vena cava
        (20, -12, 13, -15, 22),  # pulmonary trunk
        (-12, 0, 6, 55, 135),  # brachiocephalic artery and branches
        (20, 4, 5, 55, 135),
        (8, 34, 5, -125, 135),  # oesophagus
    ):
        tube = radius - np.sqrt((x - middle_x) ** 2 + (y - middle_y) ** 2)
        tube = np.minimum(tube, np.minimum(z - low, high - z))
        hu += soft_step(tube, 1.5) * (VESSEL_HU - hu)
    arch = 12 * (1 - ((x - 14) / 22) ** 2 - ((y - 14) / 36) ** 2 - ((z - 52) / 11) ** 2)
    hu += soft_step(arch, 1.5) * (VESSEL_HU - hu)
    for side in (-1, 1):  # pulmonary arteries to the hila
        artery = 9 - np.sqrt((y - 2 - 0.25 * np.abs(x)) ** 2 + (z - 10 - 2 * side) ** 2)
        artery = np.minimum(artery, np.minimum(side * x + 4, 40 - side * x))
        hu += soft_step(artery, 1.5) * (VESSEL_HU - hu)


def _spine(hu: Field, x: Field, y: Field, z: Field) -> None:
    """Vertebral bodies with discs, canal, arch and spinous process."""
    back = 60 - 0.0008 * (z - 10) ** 2
    waist = 1.5 * np.cos(2 * np.pi * z / 24)
    body = 16 - waist - np.sqrt(x**2 + ((y - back) * 1.15) ** 2)
    disc = np.abs((z + 5) % 24 - 12) < 2.4
    hu += soft_step(body, 1.2) * (np.where(disc, DISC_HU, _bone(body)) - hu)
    arch = 15 - np.sqrt(x**2 + (y - back - 24) ** 2) + 0 * z
    hu += soft_step(arch, 1.2) * (_bone(arch) - hu)
    canal = 9 - np.sqrt(x**2 + (y - back - 22) ** 2) + 0 * z
    hu += soft_step(canal, 1.2) * (30 - hu)
    level = (z + 5) % 24 - 12
    process = 5 - np.sqrt(x**2 + (level / 1.6) ** 2)
    process = np.minimum(process, np.minimum(y - back - 30, back + 44 - y))
    hu += soft_step(process, 1.2) * (_bone(process) - hu)
    for side in (-1, 1):
        wing = 6 - np.sqrt((y - back - 20 - 0.25 * side * x) ** 2 + (level / 1.2) ** 2)
        wing = np.minimum(wing, np.minimum(side * x - 8, 34 - side * x))
        hu += soft_step(wing, 1.2) * (_bone(wing) - hu)


def _parenchyma(rng: np.random.Generator, y: Field, shape: tuple[int, int, int]) -> Field:
    hu = np.float32(PARENCHYMA_HU) + np.float32(0.35) * y + np.zeros(shape, np.float32)
    hu += 10 * _broad_noise(rng, shape, 5.0) + 12 * smooth_noise(rng, shape, 1.2)
    return np.asarray(hu)


def _grow_tree(rng: np.random.Generator, hu: Field, lung: Field, grid: Grid, hilum: Point) -> None:
    """Arteries with their airways, and veins, from a hilum to everywhere in one lung."""
    away = 1.0 if hilum[0] > 0 else -1.0
    for airway in (True, False):
        for _ in range(13 if airway else 10):
            heading = np.array([away * rng.uniform(0.15, 1), rng.normal(0, 0.7), rng.normal(0, 1)])
            start = hilum + rng.normal(0, 4, 3) + np.array([0, 0 if airway else -10, 0])
            _grow_branch(rng, hu, lung, grid, start, heading, rng.uniform(2.6, 4.0), airway)


def _grow_branch(
    rng: np.random.Generator,
    hu: Field,
    lung: Field,
    grid: Grid,
    start: Point,
    heading: Point,
    radius: float,
    airway: bool,
) -> None:
    heading = heading / np.linalg.norm(heading)
    beside = np.cross(heading, rng.standard_normal(3))
    beside *= (radius * 1.6 + 0.6) / np.linalg.norm(beside)
    length = rng.uniform(3.0, 6.0) * radius + 7
    for _ in range(max(int(length / 5), 1)):
        heading = heading + rng.normal(0, 0.1, 3)
        heading /= np.linalg.norm(heading)
        end = start + 5.5 * heading
        if _at(lung, grid, end) < 1.5 and radius < 2.4:
            return
        _tube(hu, grid, start, end, radius, VESSEL_HU)
        if airway and radius > 1.0:
            _tube(hu, grid, start + beside, end + beside, 0.8 * radius + 0.7, -250.0)
            _tube(hu, grid, start + beside, end + beside, 0.8 * radius, AIRWAY_HU)
        start = end
    if radius < 0.4:
        return
    for share in (rng.uniform(0.75, 0.92), rng.uniform(0.5, 0.75)):
        turned = heading + rng.normal(0, 0.42, 3)
        _grow_branch(rng, hu, lung, grid, start, turned, radius * share, airway)


def _airways(hu: Field, grid: Grid) -> None:
    """Trachea and main bronchi."""
    ways = [(np.array([0.0, 10.0, 140.0]), CARINA, 8.5)]
    ways += [(CARINA, hilum, 6.0) for hilum in HILA.values()]
    for start, end, radius in ways:
        _tube(hu, grid, start, end, radius + 1.5, 20.0)
    for start, end, radius in ways:
        _tube(hu, grid, start, end, radius, AIRWAY_HU)


def _tube(hu: Field, grid: Grid, start: Point, end: Point, radius: float, value: float) -> None:
    first, last = (grid.to_index(point)[::-1] for point in (start, end))
    add_tube(hu, first, last, radius, value, grid.spacing[::-1])


def _at(field: Field, grid: Grid, point: Point) -> float:
    index = np.clip(np.round(grid.to_index(point)), 0, np.array(grid.size) - 1).astype(int)
    return float(field[index[2], index[1], index[0]])
