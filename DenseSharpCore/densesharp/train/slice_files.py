"""Nodules of whose CT only one slice is at hand: read, checked, and lifted to cubes.

Where the masks are of the same slice, the height is made up (`slice_to_volume.py`); where they have
the slices above and below it too, the nodule has its true shape (`slice_to_shape.py`).
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid, cube_grid
from densesharp.io.image_files import is_volume_file, read_header, read_voxels
from densesharp.train.dataset import consensus
from densesharp.train.mask_files import mask_names, read_masks
from densesharp.train.own_grid import OwnMasks, Rule, on_cube, own_masks
from densesharp.train.slice_to_shape import lift_to_shape
from densesharp.train.slice_to_volume import draw_lift, volume_of_slice

ON_PIXELS = 0.05
"""Voxels that a slice may lie beside one of its masks' slices."""


@dataclass(frozen=True, eq=False)
class OutlinedSlice:
    """One slice of a CT, and what readers outlined on it and perhaps above and below.

    Attributes:
        hu: (j, i).
        masks: (reader, k, j, i) inside the outline; k is 1 where only the slice was outlined.
        level: index k of the slice.
        pixel_mm: width of a pixel.
        slice_mm: distance of the slices.
    """

    hu: NDArray[np.float32]
    masks: NDArray[np.bool_]
    level: int
    pixel_mm: float
    slice_mm: float


def is_one_slice(path: Path) -> bool:
    """Whether an image is a single slice; a file at fault is none, `read_volume` names it."""
    try:
        return is_volume_file(path) and read_header(path).grid.size[2] == 1
    except ImageError:
        return False


def read_slice(root: Path, row: Mapping[str, str], rule: Rule) -> OutlinedSlice:
    """Read a slice and its readers' masks.

    Args:
        root: the folder that names are relative to.
        row: the line of the table.
        rule: that the masks were drawn by.

    Returns:
        Both on the same pixels.

    Raises:
        ImageError: a file cannot be read, or holds no slice of a CT or no mask.
        GeometryError: pixels are not square, or the masks do not lie on the slice.
    """
    header = read_header(root / row["image"])
    width, height, _ = header.grid.spacing
    if abs(width - height) > 1e-3 * width:
        message = f"the pixels of the slice are not square ({width:.3f} x {height:.3f} mm)"
        raise GeometryError(message)
    if header.layers > 1:
        raise ImageError("the slice is in color: it is no CT")
    hu = read_voxels(header, row["image"]).astype(np.float32)[0]
    first = mask_names(row)[0]
    try:
        grid = read_header(root / first).grid
    except ImageError as error:
        raise ImageError(f"the mask cannot be read: {error}") from error
    level = _level(header.grid, grid, first)
    drawn = own_masks(read_masks(root, grid, row, math.inf), grid, rule)
    masks = _on(drawn, grid)
    if not consensus(masks)[level].any():
        raise ImageError("half of the readers or more marked nothing on the slice itself")
    return OutlinedSlice(hu, masks, level, float(width), float(grid.spacing[2]))


def _level(image: Grid, masks: Grid, name: str) -> int:
    """Which slice of the masks' grid an image of one slice is."""
    at = masks.to_index(image.to_world(np.array([[0, 0, 0], np.array(image.size) - 1])))
    last = (image.size[0] - 1, image.size[1] - 1)
    off = (
        np.abs(at[:, :2] - [(0, 0), last]).max(),
        np.ptp(at[:, 2]),
        abs(at[0, 2] - round(at[0, 2])),
    )
    level = round(float(at[0, 2]))
    if masks.size[:2] != image.size[:2] or max(off) > ON_PIXELS or not 0 <= level < masks.size[2]:
        raise GeometryError(f"the mask '{name}' has no slice with the pixels of the image")
    return level


def _on(drawn: OwnMasks, grid: Grid) -> NDArray[np.bool_]:
    """(reader, k, j, i) of a grid: what lies inside the outlines."""
    inner = drawn.by("inner")
    i, j, k = np.rint(grid.to_index(drawn.grid.origin)).astype(int)
    # The box has a voxel more on every side, which may lie beyond the grid.
    wide = np.zeros((len(inner), *(n + 2 for n in grid.shape)), dtype=np.bool_)
    nk, nj, ni = inner.shape[1:]
    wide[:, k + 1 : k + 1 + nk, j + 1 : j + 1 + nj, i + 1 : i + 1 + ni] = inner
    return wide[:, 1:-1, 1:-1, 1:-1]


def lifted(one: OutlinedSlice, name: str, edge: int) -> dict[str, NDArray[Any]]:
    """The arrays of a nodule's file, but `voxel` in HU.

    Args:
        one: the slice.
        name: of the nodule; a height that is made up depends on it alone.
        edge: voxels along each side of the cube.
    """
    marked = consensus(one.masks)
    if len(marked) == 1:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        how = draw_lift(rng, float(marked.sum()) * one.pixel_mm**2)
        hu, seg = volume_of_slice(one.hu, marked[0], one.pixel_mm, how, edge)
        return {"voxel": hu, "seg": seg.astype(np.uint8)}
    shares = one.masks.mean(axis=0, dtype=np.float32)
    hu, middle = lift_to_shape(one.hu, shares, one.level, one.pixel_mm, one.slice_mm, edge)
    nk, nj, ni = marked.shape
    spacing = np.array((one.pixel_mm, one.pixel_mm, one.slice_mm))
    own = Grid((ni, nj, nk), np.zeros(3), spacing, np.eye(3))
    cube = cube_grid(own.to_world(middle), edge)
    made: dict[str, NDArray[Any]] = {"voxel": hu, "seg": on_cube(marked, own, cube)}
    made["slice_mm"] = np.asarray(one.slice_mm, np.float32)
    if len(one.masks) > 1:
        made["readers"] = np.stack([on_cube(mask, own, cube) for mask in one.masks])
    return made
