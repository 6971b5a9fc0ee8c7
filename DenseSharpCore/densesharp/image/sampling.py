"""Values of an image on another grid, and which of a grid's voxels lie inside another."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.files import plain_target
from densesharp.image.grid import Grid

ON_FACE = 1e-6
"""Voxels from an outer face that count as lying on it: points are rounded."""


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


def share_inside(grid: Grid, other: Grid) -> float:
    """Share of the voxels of `grid` whose centres lie inside `other`, 0..1."""
    return float(inside_mask(grid, other).mean())


def inside_mask(grid: Grid, other: Grid) -> NDArray[np.bool_]:
    """(k, j, i) of `grid`: which of its voxel centres lie inside `other`.

    A centre on an outer face counts as outside: interpolation takes some of them for air.
    """

    def inside(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        index = other.to_index(points)
        faces = (index > -0.5 + ON_FACE) & (index < np.array(other.size) - 0.5 - ON_FACE)
        return np.asarray(faces.all(axis=-1))

    if inside(grid.corners()).all():
        return np.ones(grid.shape, dtype=np.bool_)
    return inside(grid.points)


def write_image(image: sitk.Image, path: Path, level: int = -1) -> None:
    """Write an image compressed, whatever its name.

    Args:
        image: what to write.
        path: where to; its suffix names the format.
        level: zlib's, 0 to 9; -1 takes the format's own.
    """
    with plain_target(path) as name:
        sitk.WriteImage(image, name, True, level)
