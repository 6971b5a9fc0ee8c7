"""Outlines of real nodules for simulated ones: masks of any user, scaled, turned, mirrored.

A mask's signed distance, which can be read between its voxels, is scaled to the diameter that was
drawn. It is turned about the slice axis only and mirrored: readers' masks are flatter along the
slices than across them, and a simulated nodule keeps that.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.files import why_missing
from densesharp.io.image_files import read_header, read_voxels
from densesharp.simulate.fields import Field

MARGIN = 3
"""Voxels around a mask in which its distance is computed; beyond, the distance of the margin's
outermost voxels grows by the way to it."""

SMALLEST_VOXELS = 20
"""Fewer say nothing of a shape."""

WARP = 0.1
"""Standard deviation of the logarithm of three small stretches, along the mask's own axes."""

ENDINGS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")


@dataclass(frozen=True, eq=False)
class Shape:
    """One nodule's mask.

    Attributes:
        name: of its file, and its label.
        distance: (k, j, i) mm to its surface, positive inside.
        spacing: (3,) mm along k, j, i.
        middle: (3,) index (k, j, i) of its centre of mass.
        diameter_mm: of the ball with its volume.
    """

    name: str
    distance: Field
    spacing: NDArray[np.float64]
    middle: NDArray[np.float64]
    diameter_mm: float


def shape_of(mask: NDArray[np.bool_], spacing: ArrayLike, name: str = "") -> Shape:
    """The shape of a mask.

    Args:
        mask: (k, j, i), not empty.
        spacing: mm along k, j, i.
        name: to tell it by.
    """
    mm = np.asarray(spacing, dtype=np.float64)
    ends = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    box = mask[tuple(slice(first, last + 1) for first, last in ends)]
    padded = np.pad(box, MARGIN)
    inside = ndimage.distance_transform_edt(padded, sampling=mm)
    outside = ndimage.distance_transform_edt(~padded, sampling=mm)
    volume = float(box.sum() * mm.prod())
    # The surface lies between voxel centers. Where exactly is decided by the volume.
    distance = inside - outside
    level = float(np.partition(distance.ravel(), -int(box.sum()) - 1)[-int(box.sum()) - 1])
    level = (level + float(distance[padded].min())) / 2
    return Shape(
        name,
        (distance - level).astype(np.float32),
        mm,
        np.array(ndimage.center_of_mass(padded)),
        (6 * volume / np.pi) ** (1 / 3),
    )


@functools.lru_cache(maxsize=2)
def read_shapes(path: str) -> tuple[Shape, ...]:
    """The shapes of a file of masks, or of all such files in a folder; each label is a nodule.

    Raises:
        ImageError: a file cannot be read, or there is no nodule of 20 voxels or more.
    """
    source = Path(path)
    if not source.exists():
        raise ImageError(why_missing(source))
    files = [source] if source.is_file() else sorted(source.iterdir())
    shapes: list[Shape] = []
    for file in files:
        if not file.name.lower().endswith(ENDINGS):
            continue
        header = read_header(file)
        labels = read_voxels(header, file.name)
        if labels.ndim != 3:
            raise ImageError(f"'{file.name}' has several layers: export one label map for each.")
        spacing = header.grid.spacing[::-1]
        for number in np.unique(labels[labels > 0]):
            mask = labels == number
            if mask.sum() >= SMALLEST_VOXELS:
                shapes.append(shape_of(mask, spacing, f"{file.name}:{number:g}"))
    if not shapes:
        raise ImageError(f"'{source}' holds no mask of {SMALLEST_VOXELS} voxels or more.")
    return tuple(shapes)


class RealOutline:
    """A real nodule's surface around a centre, as `fields.Outline` is a made-up one.

    Args:
        rng: source of the turn, the mirroring and a small warp.
        shape: whose surface.
        diameter_mm: diameter of the ball of the same volume.
    """

    def __init__(self, rng: np.random.Generator, shape: Shape, diameter_mm: float) -> None:
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array(
            [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
        )
        stretch = np.exp(rng.normal(0, WARP, 3))
        stretch /= np.prod(stretch) ** (1 / 3)
        self._scale = diameter_mm / shape.diameter_mm
        mirrored = rng.choice([-1.0, 1.0], 3)
        self._to_shape = turn * (mirrored / stretch / self._scale)
        self._shape = shape

    def distance(self, positions: ArrayLike) -> Field:
        """Distance to the surface in mm, positive inside, of positions (..., 3) from the centre."""
        shape = self._shape
        points = np.asarray(positions, dtype=np.float32) @ self._to_shape.astype(np.float32)
        index = points / shape.spacing + shape.middle
        last = np.array(shape.distance.shape) - 1
        nearest = np.clip(index, 0, last)
        beyond = np.linalg.norm((index - nearest) * shape.spacing, axis=-1)
        value = ndimage.map_coordinates(shape.distance, np.moveaxis(nearest, -1, 0), order=1)
        return np.asarray((value - beyond) * self._scale, dtype=np.float32)
