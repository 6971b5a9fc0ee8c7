"""A cube of CT around a point, resampled and scaled as the network expects it.

Only the crop is resampled, never the whole CT. Source of the numbers: Zhao et al. 2018
(10.1158/0008-5472.CAN-18-0696) and its published code: 1 mm isotropic, trilinear; window
-1024..400 HU to 8-bit grey, rounded; network units are grey / 128 - 1; outside the CT is air.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from densesharp.geometry import Grid, box_slices, cube_grid, index_box
from densesharp.records import Patch, Volume

EDGE = 32
"""Edge of the network's input in voxels of 1 mm."""

WINDOW = (-1024.0, 400.0)
"""HU that map to grey 0 and 255; everything outside saturates."""

ON_FACE = 1e-6
"""Voxels from an outer face that count as lying on it: points are rounded."""


def to_network_units(hu: ArrayLike) -> NDArray[np.float32]:
    """Hounsfield units to network units: -1 at -1024 HU and below, 0.992 at 400 HU and above."""
    low, high = WINDOW
    values = np.asarray(hu, dtype=np.float32)
    grey = np.rint((np.clip(values, low, high) - low) * (255.0 / (high - low)))
    return np.asarray(grey / 128.0 - 1.0, dtype=np.float32)


def to_sitk(array: NDArray[np.generic], grid: Grid) -> sitk.Image:
    """An array `[k, j, i]` on a grid as a SimpleITK image (a copy)."""
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def resample(
    array: NDArray[np.generic], source: Grid, target: Grid, outside: float
) -> NDArray[np.float32]:
    """Trilinear resampling of an array from one grid to another.

    Args:
        array: (k, j, i) on `source`.
        source: its grid.
        target: where the values are wanted.
        outside: value beyond the outer faces of the source's voxels.

    Returns:
        (k, j, i) float32 on `target`.
    """
    reference = sitk.ResampleImageFilter()
    # Starting threads takes longer than resampling a box this small.
    reference.SetNumberOfThreads(1)
    reference.SetSize(list(target.size))
    reference.SetOutputOrigin(target.origin.tolist())
    reference.SetOutputSpacing(target.spacing.tolist())
    reference.SetOutputDirection(target.direction.ravel().tolist())
    reference.SetInterpolator(sitk.sitkLinear)
    reference.SetDefaultPixelValue(outside)
    image = to_sitk(np.asarray(array, dtype=np.float32), source)
    values: NDArray[np.float32] = sitk.GetArrayFromImage(reference.Execute(image))
    return values


def cut_patch(volume: Volume, center_lps: ArrayLike, edge: int = EDGE) -> Patch:
    """The network's input around a point.

    Args:
        volume: the CT, any spacing and direction.
        center_lps: (3,) LPS mm, the middle of the cube.
        edge: voxels of 1 mm along each side.
    """
    grid = cube_grid(center_lps, edge)
    # Two voxels more than the cube touches, so that the crop's edge is never interpolated.
    start, size = index_box(volume.grid, grid, margin=2)
    if not size.all():
        return Patch(to_network_units(np.full(grid.shape, WINDOW[0])), grid, inside=0.0)
    crop = volume.array[box_slices(start, size)]
    hu = resample(crop, volume.grid.crop(start, size), grid, outside=WINDOW[0])
    return Patch(to_network_units(hu), grid, inside=share_inside(grid, volume.grid))


def share_inside(grid: Grid, other: Grid) -> float:
    """Share of the voxels of `grid` whose centres lie inside `other`, 0..1."""
    return float(inside_mask(grid, other).mean())


def inside_mask(grid: Grid, other: Grid) -> NDArray[np.bool_]:
    """(k, j, i) of `grid`: which of its voxel centres lie inside `other`.

    A centre on an outer face counts as outside: interpolation takes some of them for air.
    """

    def inside(ijk: NDArray[Any]) -> NDArray[np.bool_]:
        index = other.to_index(grid.to_world(ijk))
        faces = (index > -0.5 + ON_FACE) & (index < np.array(other.size) - 0.5 - ON_FACE)
        return np.asarray(faces.all(axis=-1))

    last = np.array(grid.size) - 1
    corners = np.stack(np.meshgrid(*[(0, end) for end in last], indexing="ij"), -1).reshape(-1, 3)
    if inside(corners).all():
        return np.ones(grid.shape, dtype=np.bool_)
    k, j, i = np.indices(grid.shape)
    return inside(np.stack([i, j, k], axis=-1))
