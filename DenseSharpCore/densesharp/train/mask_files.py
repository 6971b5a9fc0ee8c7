"""Masks as users keep them: label maps on the CT's voxels, one file for each reader."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.masks import centroid
from densesharp.io.image_files import read_header, read_voxels

_OFF_CENTER = 0.05
"""Voxels that a mask's voxel may lie beside one of the CT."""

_SECOND, _APART_MM = 0.1, 10.0
"""A second nodule: a piece of this share of the first, with more than this between their surfaces;
smaller and nearer pieces are how readers draw one."""


def mask_names(row: Mapping[str, str]) -> list[str]:
    """The mask files of a line: one, or one of each reader."""
    return [name.strip() for name in row["mask"].split(";") if name.strip()]


def read_masks(
    root: Path, grid: Grid, row: Mapping[str, str], edge: float
) -> dict[str, NDArray[np.bool_]]:
    """Where each reader of a line saw the nodule, by name of the mask.

    Args:
        root: the folder that the names of masks are relative to.
        grid: that of the CT.
        row: the line of the table.
        edge: edge of the patch in mm.

    Raises:
        ImageError: a mask cannot be read, holds no nodule, or another one than the other masks.
        GeometryError: a mask is not on the CT's voxels.
    """
    masks = {name: _read_mask(root / name, grid, row, edge) for name in mask_names(row)}
    _check_same_nodule(masks, grid)
    return masks


def _check_same_nodule(masks: Mapping[str, NDArray[np.bool_]], grid: Grid) -> None:
    """Refuse masks of which one lies well apart from the first."""
    balls = [
        (name, centroid(mask, grid), (mask.sum() * grid.voxel_volume * 3 / (4 * np.pi)) ** (1 / 3))
        for name, mask in masks.items()
    ]
    for name, middle, radius in balls[1:]:
        first, there, other = balls[0]
        apart = float(np.linalg.norm(middle - there))
        if apart - radius - other > _APART_MM:
            raise ImageError(
                f"the masks '{first}' and '{name}' lie {apart:.0f} mm apart: masks in one line are "
                "of the same nodule"
            )


def _read_mask(path: Path, grid: Grid, row: Mapping[str, str], edge: float) -> NDArray[np.bool_]:
    """Where on the CT's grid (k, j, i) a mask holds the nodule of a line.

    Args:
        path: the mask: the CT's voxels, all or some, in any order of the axes.
        grid: that of the CT.
        row: the line.
        edge: mm that the nodule may reach.
    """
    try:
        header = read_header(path)
        labels = read_voxels(header, path.name)
    except ImageError as error:
        raise ImageError(f"the mask cannot be read: {error}") from error
    _check_labels(labels, path.name)
    marked = _marked(labels, row, path.name)
    places = header.grid.to_world(np.argwhere(marked)[:, ::-1])
    if float(np.ptp(places, axis=0).max()) > edge:
        raise ImageError(
            f"what the mask '{path.name}' marks reaches over {np.ptp(places, axis=0).max():.0f} "
            f"mm, more than the cube of {edge:g} mm: give each nodule a line and a label of its own"
        )
    on_ct = _on_grid(places, header.grid, grid, path.name)
    _check_one_nodule(on_ct, grid, path.name)
    return on_ct


def _check_one_nodule(marked: NDArray[np.bool_], grid: Grid, name: str) -> None:
    """Refuse a mask of all but the nodule, and one of two nodules that lie close."""
    if all(side.any() for axis in range(3) for side in np.moveaxis(marked, axis, 0)[[0, -1]]):
        message = f"the mask '{name}' marks the CT from side to side: is it turned inside out?"
        raise ImageError(message)
    pieces, count = ndimage.label(marked, np.ones((3, 3, 3)))
    if count < 2:
        return
    voxels = np.bincount(pieces.ravel())[1:]
    first, second = np.argsort(voxels)[::-1][:2]
    middles = ndimage.center_of_mass(marked, pieces, [first + 1, second + 1])
    apart = np.linalg.norm(np.diff(grid.to_world(np.array(middles)[:, ::-1]), axis=0))
    radii = (voxels[[first, second]] * grid.voxel_volume * 3 / (4 * np.pi)) ** (1 / 3)
    if voxels[second] > _SECOND * voxels[first] and apart - radii.sum() > _APART_MM:
        raise ImageError(
            f"the mask '{name}' marks two pieces {apart:.0f} mm apart: give each nodule a line and "
            "a label of its own"
        )


def _check_labels(labels: NDArray[Any], name: str) -> None:
    """Refuse what is no label map."""
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            message = f"the mask '{name}' holds voxels without a value (NaN): save it with 0 there"
            raise ImageError(message)
        if (labels != np.rint(labels)).any():
            message = f"the mask '{name}' holds fractions (a probability?): save a label map"
            raise ImageError(message)
    if labels.min() < 0:
        message = f"the mask '{name}' holds {labels.min():g}: save it with 0 outside the nodule"
        raise ImageError(message)


def _marked(labels: NDArray[Any], row: Mapping[str, str], name: str) -> NDArray[np.bool_]:
    """Where a label map, of one layer or several, holds the nodule of a line."""
    label = row.get("label")
    marked = np.asarray(labels == int(label) if label else labels != 0)
    if marked.ndim == 4:
        filled = int(marked.any(axis=(0, 1, 2)).sum())
        if filled > 1:
            what = f"label {label}" if label else "something"
            raise ImageError(
                f"the mask '{name}' holds {what} in {filled} layers (overlapping segments): "
                "export one label map for each"
            )
        marked = np.asarray(marked.any(axis=3))
    if not marked.any():
        raise ImageError(f"the mask '{name}' is empty{f' at label {label}' if label else ''}")
    return marked


def _on_grid(places: NDArray[np.float64], own: Grid, grid: Grid, name: str) -> NDArray[np.bool_]:
    """The voxels of a grid with these centers (n, 3), LPS mm."""
    index = grid.to_index(places)
    nearest = np.rint(index).astype(np.int64)
    inside = bool((nearest >= 0).all() and (nearest < grid.size).all())
    same = np.isclose(own.voxel_volume, grid.voxel_volume, rtol=1e-3)
    if not (same and inside and np.abs(index - nearest).max() < _OFF_CENTER):
        raise GeometryError(f"the mask '{name}' does not lie on the CT's grid")
    marked = np.zeros(grid.shape, dtype=np.bool_)
    marked[tuple(nearest[:, ::-1].T)] = True
    return marked
