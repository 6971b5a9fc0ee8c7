"""Lung from a real CT: places without a nodule, cut out for simulated nodules to be put into.

    CT -> lungs, and what in them is no normal lung -> places -> a cube around one of them

A simulated nodule keeps 8 mm away from everything thick and dense inside the lung (nodules, hilar
vessels, consolidation) and from large airways and bullae. A nodule thinner than a vessel, or
fainter than 150 HU above the lung, cannot be told from normal lung this way and may stay in a cube,
outside the mask.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.files import why_missing
from densesharp.image.grid import Grid, cube_grid
from densesharp.image.sampling import resample
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.nodule.patch import EDGE, WINDOW
from densesharp.simulate.background import Background, RealScan, add_nodule_vessel
from densesharp.simulate.fields import Field, soft_step
from densesharp.simulate.latents import Latents
from densesharp.simulate.scanner import Scanner

STEP_MM = 2.0
"""Grid that lungs and places are looked for on."""

AIR_HU, EMPTY_HU = -500.0, -960.0
"""Lung is less dense than the one and, emphysema included, denser than the other."""

SMALLEST_LUNG_MM3 = 100_000.0
VESSEL_RADIUS_MM = 8.0
"""Dents of the lung up to twice this wide are vessels or nodules, and belong to the lung."""

THICK_RADIUS_MM = 3.0
DENSER_HU, EMPTIER_HU = 150.0, 80.0
"""What differs from the lung by this over more than twice that radius is no vessel of the
periphery: a nodule, a hilar vessel; or an airway, a bulla."""

KEEP_AWAY_MM = 8.0
"""Distance from a simulated nodule's surface to anything that is no normal lung."""

ENDINGS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


@dataclass(frozen=True, eq=False)
class RealLung:
    """A CT, and where nodules may be put in it.

    Attributes:
        name: of the CT's file or folder.
        volume: the CT.
        grid: of the two fields below, 2 mm along the patient's axes.
        depth: (k, j, i) mm to the pleura, positive inside the lungs.
        room: (k, j, i) mm to what is there that is no normal lung.
    """

    name: str
    volume: Volume
    grid: Grid
    depth: Field
    room: Field

    def with_room(self, latents: Latents) -> "RealLung":
        """This lung.

        Raises:
            ImageError: it has no place for such a nodule.
        """
        if not len(self.places(latents)):
            message = f"'{self.name}' has no place for a nodule of {latents.diameter_mm:.0f} mm."
            raise ImageError(message)
        return self

    def places(self, latents: Latents) -> NDArray[np.int64]:
        """(n, 3) indices (k, j, i) of `grid` where the middle of such a nodule may lie."""
        radius = latents.diameter_mm / 2
        low, high = (0.2, 0.9) if latents.pleural else (1.15, np.inf)
        free = (self.depth > low * radius + (0 if latents.pleural else 2)) & (
            self.depth < high * radius
        )
        free &= self.room > radius + KEEP_AWAY_MM
        # All that the network may see of the nodule is inside the CT.
        margin = int(np.ceil((EDGE / 2 + 4) / STEP_MM))
        inner = np.zeros_like(free)
        inner[margin:-margin, margin:-margin, margin:-margin] = True
        return np.argwhere(free & inner)

    def cut(
        self, rng: np.random.Generator, latents: Latents, edge: int
    ) -> tuple[Background, Scanner]:
        """Cut out a cube with a place for a nodule in its middle.

        Args:
            rng: chooses the place.
            latents: the nodule that shall fit.
            edge: voxels of 1 mm along each side of the cube.

        Returns:
            The lung, its vessels towards the nodule added, and how the CT was scanned.

        Raises:
            ImageError: there is no room for such a nodule.
        """
        places = self.with_room(latents).places(latents)
        index = places[int(rng.integers(len(places)))][::-1] + rng.uniform(-0.5, 0.5, 3)
        cube = cube_grid(self.grid.to_world(index), edge)
        scanned = resample(self.volume.array, self.volume.grid, cube, WINDOW[0])
        depth = resample(self.depth, self.grid, cube, -100.0)
        aerated = (depth > 2) & (scanned < AIR_HU)
        parenchyma = float(np.median(scanned[aerated]))
        quiet = without_noise(scanned, aerated)
        hu = quiet.copy()
        hilum = self._towards_hilum(index)
        for _ in range(latents.vessels):
            add_nodule_vessel(rng, hu, np.zeros(3), hilum)
        # A vessel ends where the lung does, and is drawn inside it only.
        hu = quiet + soft_step(depth, 1.0) * (hu - quiet)
        # The kernel and the noise are in the CT already; what is added gets slices like its own.
        scanner = Scanner(float(max(self.volume.grid.spacing)), 0.5, 0.0, 0.0)
        background = Background(
            hu, depth, parenchyma, RealScan(scanned, quiet, cube.center, self.name)
        )
        return background, scanner

    def _towards_hilum(self, index: NDArray[np.float64]) -> Field:
        """Unit vector (k, j, i) from a place (i, j, k) to the middle between the lungs."""
        middle = np.argwhere(self.depth > 0).mean(axis=0)
        away = middle - index[::-1]
        return np.asarray(away / max(float(np.linalg.norm(away)), 1e-6), dtype=np.float32)


@dataclass(frozen=True)
class Lungs:
    """Several CTs, of which one is wanted.

    Attributes:
        paths: of the CTs; see `find_cts`.
        first: the one to take, or else the next that has room.
    """

    paths: tuple[str, ...]
    first: int

    def with_room(self, latents: Latents) -> RealLung:
        """The first lung, from `first` on and round again, that has a place for such a nodule.

        Raises:
            ImageError: none has, or a CT cannot be used.
        """
        for n in range(len(self.paths)):
            lung = read_lung(self.paths[(self.first + n) % len(self.paths)])
            if len(lung.places(latents)):
                return lung
        raise ImageError(f"No CT has a place for a nodule of {latents.diameter_mm:.0f} mm.")


def without_noise(hu: Field, aerated: NDArray[np.bool_]) -> Field:
    """Take the noise out of a cube, and leave vessels and edges.

    Args:
        hu: (k, j, i) HU.
        aerated: (k, j, i) where the lung is, whose noise is measured.
    """
    rough = hu - ndimage.gaussian_filter(hu, 1.0)
    # 1.4826 makes the median absolute deviation a standard deviation; vessels do not move it.
    spread = 1.4826 * float(np.median(np.abs(rough[aerated])))
    quiet: Field = hu - np.clip(rough, -3 * spread, 3 * spread)
    return quiet


def find_cts(path: str | Path) -> list[Path]:
    """The CTs a path stands for: itself, the image files in a folder, or its folders of DICOM.

    Raises:
        ImageError: the path does not exist.
    """
    source = Path(path)
    if not source.exists():
        raise ImageError(why_missing(source))
    if source.is_file():
        return [source]
    entries = sorted(entry for entry in source.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.name.lower().endswith(ENDINGS)]
    folders = [entry for entry in entries if entry.is_dir()]
    return files or folders or [source]


@functools.lru_cache(maxsize=4)
def read_lung(path: str) -> RealLung:
    """Read a CT and find its lungs.

    Returns:
        The CT with its lungs and what is no normal lung in them.

    Raises:
        ImageError: it cannot be used, or no lung was found in it.
    """
    source = Path(path)
    return real_lung(read_volume(source), source.name)


def real_lung(volume: Volume, name: str = "CT") -> RealLung:
    """Find the lungs of a CT, and what in them is no normal lung.

    Returns:
        The CT with its lungs and what is no normal lung in them.

    Raises:
        ImageError: no lung was found.
    """
    grid = _coarse_grid(volume.grid)
    hu = resample(volume.array, volume.grid, grid, WINDOW[0])
    lungs = _lungs(hu)
    if not lungs.any():
        raise ImageError(f"No lung was found in '{name}': a chest CT with whole lungs is needed.")
    inside = ndimage.distance_transform_edt(lungs, sampling=STEP_MM)
    outside = ndimage.distance_transform_edt(~lungs, sampling=STEP_MM)
    # A boundary lies half a voxel from the centres on both its sides.
    depth = np.where(lungs, inside - STEP_MM / 2, STEP_MM / 2 - outside).astype(np.float32)
    depth = ndimage.gaussian_filter(depth, 1.0)  # the pleura has no steps
    unlike = _unlike_lung(hu, lungs)
    room = ndimage.distance_transform_edt(~unlike, sampling=STEP_MM).astype(np.float32)
    return RealLung(name, volume, grid, depth, room)


def _coarse_grid(grid: Grid) -> Grid:
    """2 mm along the patient's axes around a CT."""
    corners = grid.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil((high - low) / STEP_MM).astype(int) + 1
    return Grid((int(size[0]), int(size[1]), int(size[2])), low, np.full(3, STEP_MM), np.eye(3))


def _lungs(hu: Field) -> NDArray[np.bool_]:
    """Both lungs, with the vessels and nodules in them, without the air around the body."""
    air = hu < AIR_HU
    labels, count = ndimage.label(air)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * STEP_MM**3
    large = [n for n in range(1, count + 1) if sizes[n] >= SMALLEST_LUNG_MM3]
    # The air around the body, and in the bowel, is emptier than any lung.
    medians = ndimage.median(hu, labels, large) if large else []
    kept = [n for n, median in zip(large, medians, strict=True) if median > EMPTY_HU]
    lungs = np.isin(labels, kept)
    closed = _closed(lungs, VESSEL_RADIUS_MM)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in closed])
    return np.asarray(filled)


def _closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Closing with a ball, by distances; quicker than with a structuring element."""
    pad = int(np.ceil(radius_mm / STEP_MM)) + 1
    padded = np.pad(mask, pad, mode="edge")
    grown = ndimage.distance_transform_edt(~padded, sampling=STEP_MM) <= radius_mm
    closed = ndimage.distance_transform_edt(grown, sampling=STEP_MM) > radius_mm
    inner = tuple(slice(pad, -pad) for _ in range(3))
    return np.asarray(closed[inner] | mask)


def _unlike_lung(hu: Field, lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is denser or emptier than the lung over more than a peripheral vessel's width."""
    smooth = ndimage.gaussian_filter(hu, 1.0)
    level = float(np.median(hu[lungs & (hu < AIR_HU)]))
    dense = _opened((smooth > level + DENSER_HU) & lungs, THICK_RADIUS_MM)
    return dense | _opened((smooth < level - EMPTIER_HU) & lungs, THICK_RADIUS_MM)


def _opened(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Opening: what a ball of that radius fits into."""
    core = ndimage.distance_transform_edt(mask, sampling=STEP_MM) > radius_mm
    near = ndimage.distance_transform_edt(~core, sampling=STEP_MM) <= radius_mm
    return np.asarray(near & mask)
