"""Distances between the surfaces of two masks, with surface elements weighted by their area.

The definition of Nikolov et al. 2018/2021: every 2 x 2 x 2 neighbourhood that the surface crosses
is one element at its centre, with the area of the surface in it (marching cubes through the
midpoints of voxel edges); an element's distance is that to the nearest element of the other
surface. Other libraries count border voxels and find other numbers: name the definition.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.tables import FloatArray

DEFINITION = "surface elements weighted by area (Nikolov et al. 2021)"
EMPTY = "One of the masks is empty."
BOTH_EMPTY = "Both masks are empty."

Spacing = tuple[float, float, float]
Mask = npt.NDArray[np.bool_]


@functools.lru_cache(maxsize=64)
def _areas(spacing: Spacing) -> FloatArray:
    """Shape (256,): area in mm2 of the surface in a neighbourhood of each pattern of 8 voxels.

    Bit 4 z + 2 y + x of the pattern is the voxel (z, y, x) of the neighbourhood.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkMarchingCubes, vtkMassProperties, vtkTriangleFilter

    areas = np.zeros(256)
    for pattern in range(1, 255):
        image = vtkImageData()
        image.SetDimensions(2, 2, 2)
        image.SetSpacing(spacing[2], spacing[1], spacing[0])
        voxels = np.array([pattern >> bit & 1 for bit in range(8)], dtype=np.float64)
        image.GetPointData().SetScalars(numpy_to_vtk(voxels, deep=True))
        surface, triangles, measure = vtkMarchingCubes(), vtkTriangleFilter(), vtkMassProperties()
        surface.SetInputData(image)
        surface.SetValue(0, 0.5)
        triangles.SetInputConnection(surface.GetOutputPort())
        measure.SetInputConnection(triangles.GetOutputPort())
        areas[pattern] = measure.GetSurfaceArea()
    return areas


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances of the elements of each surface to the other, with the elements' areas.

    Attributes:
        first: shape (a,): mm, ascending, from the first mask's surface to the second's.
        first_area: shape (a,): mm2.
        second: shape (b,): from the second's to the first's.
        second_area: shape (b,).
    """

    first: FloatArray
    first_area: FloatArray
    second: FloatArray
    second_area: FloatArray


def surface_distances(first: Mask, second: Mask, spacing: Spacing) -> SurfaceDistances | None:
    """Distances between the surfaces of two masks; None if a mask is empty.

    Args:
        first: shape (k, j, i).
        second: the same shape.
        spacing: mm between voxels along k, j, i.
    """
    if not first.any() or not second.any():
        return None
    both = first | second
    box = tuple(
        slice(int(found.min()), int(found.max()) + 1)
        for found in (np.flatnonzero(both.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    )
    patterns = [_patterns(np.pad(mask[box], 1)) for mask in (first, second)]
    areas = _areas(spacing)
    surfaces = [(code > 0) & (code < 255) for code in patterns]
    distances = [ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces]
    out = []
    for own, other in ((0, 1), (1, 0)):
        found = distances[other][surfaces[own]]
        order = np.argsort(found, kind="stable")
        out += [found[order], areas[patterns[own][surfaces[own]]][order]]
    return SurfaceDistances(*out)


def _patterns(mask: Mask) -> npt.NDArray[np.int64]:
    """The pattern of every 2 x 2 x 2 neighbourhood, shape one less along each axis."""
    code = np.zeros(tuple(n - 1 for n in mask.shape), dtype=np.int64)
    for bit in range(8):
        z, y, x = bit >> 2 & 1, bit >> 1 & 1, bit & 1
        part = mask[z : z + code.shape[0], y : y + code.shape[1], x : x + code.shape[2]]
        code |= part.astype(np.int64) << bit
    return code


def hausdorff(distances: SurfaceDistances | None, percent: float = 95.0) -> Estimate:
    """The larger of the two area-weighted quantiles of the distances, in mm."""
    if distances is None:
        return not_estimable(EMPTY)
    pairs = (
        (distances.first, distances.first_area),
        (distances.second, distances.second_area),
    )
    return Estimate(max(_quantile(*pair, percent) for pair in pairs), method=DEFINITION)


def _quantile(distances: FloatArray, areas: FloatArray, percent: float) -> float:
    share = np.cumsum(areas) / areas.sum()
    return float(distances[min(int(np.searchsorted(share, percent / 100)), len(distances) - 1)])


def assd(distances: SurfaceDistances | None) -> Estimate:
    """Average symmetric surface distance in mm: the mean over both surfaces' area.

    Returns:
        The distance; without a value where one of the surfaces is missing.
    """
    if distances is None:
        return not_estimable(EMPTY)
    total = distances.first @ distances.first_area + distances.second @ distances.second_area
    area = distances.first_area.sum() + distances.second_area.sum()
    return Estimate(float(total / area), method=DEFINITION)


def normalized_surface_dice(distances: SurfaceDistances | None, tolerance: float) -> Estimate:
    """Share of both surfaces' area that lies within `tolerance` mm of the other surface."""
    if distances is None:
        return not_estimable(EMPTY)
    near = distances.first_area[distances.first <= tolerance].sum()
    near += distances.second_area[distances.second <= tolerance].sum()
    area = distances.first_area.sum() + distances.second_area.sum()
    return Estimate(float(near / area), method=f"{DEFINITION}, {tolerance:g} mm")
