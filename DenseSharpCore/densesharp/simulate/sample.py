"""The bundled sample: a simulated chest CT with nodules of known class, size and place."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.files import atomic_path, ensure_folder, write_text
from densesharp.image.grid import Grid, cube_grid, ras_to_lps
from densesharp.image.sampling import to_sitk, write_image
from densesharp.nodule.records import CLASS_NAMES
from densesharp.progress import Progress, part, silent
from densesharp.simulate.chest import PARENCHYMA_HU, Chest, make_chest
from densesharp.simulate.fields import Field, smooth_noise
from densesharp.simulate.latents import Latents
from densesharp.simulate.tissue import Tissue, blend, make_tissue
from densesharp.stats.estimates import to_json

SEED = 20181215
SIZE, SPACING = (312, 226, 196), (1.0, 1.0, 1.25)
NOISE_HU = 10.0
STEP_HU = 16
"""HU are rounded to this so that the file stays small; the error, 5 HU, is half the noise."""

NOTE = "Simulated chest phantom with simulated nodules: no patient, classes are the generator's."


@dataclass(frozen=True)
class Placed:
    """A nodule to put into the chest: where (LPS mm) and what."""

    place: str
    lps: tuple[float, float, float]
    latents: Latents


NODULES = (
    Placed("right lower lobe", (-72.0, 34.0, -18.0),
           Latents("IAC", "part-solid", 19.0, -520.0, 0.62, 1.3, 0.6, 0.55, 2, False, True)),
    Placed("right upper lobe", (-62.0, -22.0, 62.0),
           Latents("AIS", "ground-glass", 9.0, -640.0, 0.0, 1.6, 0.3, 0.1, 1, False, False)),
    Placed("left upper lobe", (66.0, -30.0, 44.0),
           Latents("MIA", "part-solid", 12.0, -590.0, 0.38, 1.5, 0.4, 0.2, 1, False, False)),
    Placed("left lower lobe", (98.0, -28.0, -30.0),
           Latents("IAC", "solid", 13.0, -500.0, 1.0, 0.9, 0.6, 0.95, 2, False, False)),
    Placed("right lower lobe", (-55.0, 48.0, 20.0),
           Latents("AAH", "ground-glass", 5.6, -620.0, 0.0, 1.4, 0.2, 0.0, 0, False, False)),
    Placed("left upper lobe", (52.0, 24.0, 72.0),
           Latents("MIA", "ground-glass", 10.0, -575.0, 0.0, 1.4, 0.5, 0.1, 1, False, True)),
)  # fmt: skip


@dataclass(frozen=True)
class SampleNodule:
    """What is known about a nodule of the sample CT, as in `sample.json`; places in mm."""

    JSON_NAMES: ClassVar = {"class_name": "class"}
    id: int
    place: str
    class_name: str
    center_lps: tuple[float, ...]
    center_ras: tuple[float, ...]
    volume_mm3: float
    equivalent_diameter_mm: float
    solid_volume_mm3: float
    mean_hu: float
    latents: Latents


@dataclass(frozen=True, eq=False)
class SampleChest:
    """The sample CT.

    Attributes:
        hu: (k, j, i) int16.
        labels: (k, j, i) uint8, n for nodule n, exact.
        grid: LPS mm.
        nodules: what is known about each.
    """

    hu: NDArray[np.int16]
    labels: NDArray[np.uint8]
    grid: Grid
    nodules: list[SampleNodule]


def make_sample(seed: int = SEED, progress: Progress = silent) -> SampleChest:
    """Make the sample CT; the same seed gives the same voxels.

    Returns:
        The CT and the truth about its nodules.
    """
    rng = np.random.default_rng(seed)
    grid = _grid()
    chest = make_chest(rng, grid, part(progress, 0.0, 0.9))
    progress(0.9, "Putting in the nodules")
    labels = np.zeros(grid.shape, np.uint8)
    nodules = [
        _insert(rng, chest, labels, number, placed) for number, placed in enumerate(NODULES, 1)
    ]
    return SampleChest(_scanned(rng, chest.hu), labels, grid, nodules)


def write_sample(folder: str | Path, seed: int = SEED, progress: Progress = silent) -> None:
    """Write `sample_ct.nrrd`, `sample_mask.nrrd` and `sample.json` into a folder.

    Args:
        folder: made where it is missing.
        seed: of everything random.
        progress: told before each part of the work.

    Raises:
        OutputError: the folder cannot be written to.
    """
    root = ensure_folder(folder)
    sample = make_sample(seed, part(progress, 0.0, 0.65))
    progress(0.65, "Writing the CT and its mask")
    _write_image(root / "sample_ct.nrrd", sample.hu, sample.grid)
    _write_image(root / "sample_mask.nrrd", sample.labels, sample.grid)
    values = {"simulated": True, "note": NOTE, "seed": seed, "nodules": to_json(sample.nodules)}
    write_text(root / "sample.json", json.dumps(values, indent=1) + "\n")


def _grid() -> Grid:
    half = (np.array(SIZE) - 1) / 2 * SPACING
    return Grid(SIZE, np.array([0.0, 2.0, 6.0]) - half, np.array(SPACING), np.eye(3))


def _insert(
    rng: np.random.Generator, chest: Chest, labels: NDArray[np.uint8], number: int, placed: Placed
) -> SampleNodule:
    """Put one nodule into the chest, in place, and say what is known about it."""
    edge = 2 * int(placed.latents.diameter_mm) + 16
    cube = cube_grid(placed.lps, edge)
    tissue = make_tissue(rng, placed.latents, edge)
    start = np.floor(chest.grid.to_index(cube.origin)).astype(int)
    size = np.ceil(edge / chest.grid.spacing).astype(int)
    part = chest.grid.crop(start, size)
    i, j, k = (slice(a, a + n) for a, n in zip(start, size, strict=True))
    fine = _resampled(tissue, cube, part)
    chest.hu[k, j, i] = blend(chest.hu[k, j, i], fine, PARENCHYMA_HU)
    labels[k, j, i][fine.mask] = number
    inside = chest.hu[k, j, i][fine.mask]
    index = np.argwhere(fine.mask)[:, ::-1]
    center = part.to_world(index.mean(axis=0))
    latents = placed.latents
    volume = float(fine.mask.sum() * part.voxel_volume)
    return SampleNodule(
        id=number,
        place=placed.place,
        class_name=CLASS_NAMES[latents.class_index],
        center_lps=tuple(round(float(v), 2) for v in center),
        center_ras=tuple(round(float(v), 2) for v in ras_to_lps(center)),
        volume_mm3=round(volume, 1),
        equivalent_diameter_mm=round((6 * volume / np.pi) ** (1 / 3), 2),
        solid_volume_mm3=round(float((fine.solid & fine.mask).sum() * part.voxel_volume), 1),
        mean_hu=round(float(inside.mean()), 1),
        latents=latents,
    )


def _resampled(tissue: Tissue, cube: Grid, grid: Grid) -> Tissue:
    """A nodule on another grid, by linear interpolation."""
    where = np.moveaxis(cube.to_index(grid.points)[..., ::-1], -1, 0)

    def at(field: NDArray[Any]) -> Field:
        return np.asarray(
            ndimage.map_coordinates(field.astype(np.float32), where, order=1, mode="nearest")
        )

    return Tissue(at(tissue.share), at(tissue.hu), at(tissue.distance), at(tissue.solid) > 0.5)


def _scanned(rng: np.random.Generator, hu: Field) -> NDArray[np.int16]:
    image = ndimage.gaussian_filter(hu, (0.3, 0.55, 0.55), truncate=3)
    noise = smooth_noise(rng, hu.shape, (0.4, 0.7, 0.7))
    # Air around the body is left clean: its noise would make half of the file.
    image += np.float32(NOISE_HU) * noise * (image > -985)
    image = np.clip(np.round(image / STEP_HU) * STEP_HU, -1024, 1500)
    return np.asarray(image, dtype=np.int16)


def _write_image(path: Path, array: NDArray[Any], grid: Grid) -> None:
    image = to_sitk(array, grid)
    image.SetMetaData("NRRD_content", "simulated")
    image.SetMetaData("description", NOTE)
    with atomic_path(path) as temporary:
        write_image(image, temporary, level=9)
