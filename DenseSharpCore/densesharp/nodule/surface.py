"""A nodule as a closed surface: LPS mm, normals outward, as STL, PLY or VTP.

The surface is the level of the model's *probability*, which is smooth already; a mask drawn or
corrected by hand has steps, so it is smoothed first and the level is chosen that keeps its volume.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import OutputError
from densesharp.files import atomic_path, plain_target
from densesharp.image.grid import Grid
from densesharp.image.masks import THRESHOLD
from densesharp.nodule.records import NoduleResult

if TYPE_CHECKING:
    from vtkmodules.vtkCommonCore import vtkStringArray
    from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData

SPACE, LPS = "SPACE", "LPS"
"""3D Slicer looks for SPACE=LPS in a surface file to know its axes: a remark in STL and PLY, a
field in VTP."""


def nodule_surface(result: NoduleResult) -> vtkPolyData | None:
    """The surface of a result's nodule; None when it has no outline.

    Outlines that came from the model are drawn from its probability, all others from the mask.
    """
    field = outline_field(result)
    if field is None:
        return None
    values, grid = field
    if values.dtype == np.uint8:
        return mask_surface(values.astype(np.bool_), grid)
    return level_surface(values, grid)


def outline_field(result: NoduleResult) -> tuple[NDArray[np.generic], Grid] | None:
    """The field whose level `THRESHOLD` is the nodule's outline, and its grid.

    It is the model's probability (float32), which is smooth, or else the mask (uint8).
    """
    if result.mask is None or not result.mask.array.any():
        return None
    edited = any(notice.code == "edited_by_hand" for notice in result.notices)
    if result.prediction is None or edited or result.prediction.mask.max() < THRESHOLD:
        return result.mask.array, result.mask.grid
    return result.prediction.mask, result.prediction.patch.grid


def level_surface(values: NDArray[np.generic], grid: Grid, level: float = THRESHOLD) -> vtkPolyData:
    """The closed surface where a field crosses a level; beyond its edge the field is zero.

    Args:
        values: (k, j, i) larger inside.
        grid: its grid, any spacing and direction.
        level: above zero.
    """
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    edges = vtkFlyingEdges3D()
    edges.SetInputData(_vtk_image(values))
    edges.SetValue(0, level)
    edges.ComputeNormalsOff()
    edges.Update()
    return _in_world(edges.GetOutput(), grid)


def mask_surface(mask: NDArray[np.bool_], grid: Grid) -> vtkPolyData:
    """A smooth closed surface around a mask (k, j, i), with the mask's own volume."""
    field = np.pad(mask, 1).astype(np.float64)
    for axis in range(3):
        field = field / 2 + (np.roll(field, 1, axis) + np.roll(field, -1, axis)) / 4
    wanted = float(mask.sum() * grid.voxel_volume)
    around = grid.crop((-1, -1, -1), np.array(grid.size) + 2)
    low, high = 0.0, float(field.max())
    for _ in range(12):  # halving: the level is then known to 1/4096
        middle = (low + high) / 2
        if surface_volume(level_surface(field, around, middle)) > wanted:
            low = middle
        else:
            high = middle
    return level_surface(field, around, (low + high) / 2)


def surface_volume(surface: vtkPolyData) -> float:
    """Volume (mm3) enclosed by a closed surface of triangles, negative if it is inside out.

    Sum of the tetrahedra between each triangle and a point inside (divergence theorem).
    """
    corners = surface_triangles(surface)
    if not len(corners):
        return 0.0
    a, b, c = np.moveaxis(corners - corners.reshape(-1, 3).mean(axis=0), 1, 0)
    return float(np.einsum("ni,ni->", a, np.cross(b, c)) / 6)


def surface_triangles(surface: vtkPolyData) -> NDArray[np.float64]:
    """(n, 3, 3) LPS mm of the corners of every triangle."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(surface.GetPoints().GetData())
    corners = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return np.asarray(points[corners], dtype=np.float64)


def surface_normals(surface: vtkPolyData) -> NDArray[np.float64]:
    """(n, 3) outward unit vector of every triangle, the mean of those at its corners."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    normals = vtk_to_numpy(surface.GetPointData().GetNormals())
    corners = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    mean = normals[corners].mean(axis=1)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.asarray(mean / np.maximum(length, 1e-12), dtype=np.float64)


def write_surface(surface: vtkPolyData, target: str | Path) -> None:
    """Write STL (binary), PLY (binary) or VTP by the name's ending, with LPS marked in the file.

    Raises:
        OutputError: another ending, or the file cannot be written.
    """
    path = Path(target)
    writer = _writer(path)
    with atomic_path(path) as temporary, plain_target(temporary) as name:
        writer.SetInputData(surface)
        writer.SetFileName(name)
        for part in (writer, writer.GetExecutive()):
            part.AddObserver("ErrorEvent", lambda *_: None)  # which VTK would print
        if not writer.Write() or writer.GetErrorCode() or _is_cut_ply(surface, Path(name)):
            raise OSError(errno.EIO, "is the disk full?")


def _is_cut_ply(surface: vtkPolyData, path: Path) -> bool:
    """Whether a PLY lacks bytes of its points and triangles, of which VTK's writer says nothing."""
    whole = 12 * surface.GetNumberOfPoints() + 13 * surface.GetNumberOfCells()
    return path.suffix == ".ply" and path.stat().st_size < whole


def _writer(path: Path) -> Any:
    """The VTK writer for a name; VTK's writers share no base with a file name."""
    ending = path.suffix.lower()
    if ending == ".stl":
        from vtkmodules.vtkIOGeometry import vtkSTLWriter

        stl = vtkSTLWriter()
        stl.SetFileTypeToBinary()
        stl.SetHeader(f"DenseSharp nodule, mm. {SPACE}={LPS}")
        return stl
    if ending == ".ply":
        from vtkmodules.vtkIOPLY import vtkPLYWriter

        ply = vtkPLYWriter()
        ply.AddComment(f"{SPACE}={LPS}")
        return ply
    if ending == ".vtp":
        from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

        return vtkXMLPolyDataWriter()
    raise OutputError(f"A surface is written as .stl, .ply or .vtp, not as '{path.name}'.")


def _vtk_image(values: NDArray[np.generic]) -> vtkImageData:
    """A field (k, j, i) as vtkImageData in index coordinates, with a border of zeros."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    padded = np.pad(np.asarray(values, dtype=np.float32), 1)
    image = vtkImageData()
    image.SetDimensions(*padded.shape[::-1])
    image.SetOrigin(-1, -1, -1)
    image.GetPointData().SetScalars(numpy_to_vtk(padded.ravel(), deep=True))
    return image


def _in_world(surface: vtkPolyData, grid: Grid) -> vtkPolyData:
    """Move a surface from indices to LPS mm, corners ordered and normals pointing outward."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals, vtkReverseSense

    moved = vtkPolyData()
    moved.DeepCopy(surface)
    if surface.GetNumberOfPoints() == 0:
        return moved
    index = vtk_to_numpy(surface.GetPoints().GetData())
    points = vtkPoints()
    points.SetData(numpy_to_vtk(grid.to_world(index).astype(np.float32), deep=True))
    moved.SetPoints(points)
    moved.GetPointData().Initialize()
    if surface_volume(moved) < 0:
        reverse = vtkReverseSense()
        reverse.SetInputData(moved)
        reverse.Update()
        moved = reverse.GetOutput()
    normals = vtkPolyDataNormals()
    normals.SetInputData(moved)
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    outward: vtkPolyData = normals.GetOutput()
    outward.GetFieldData().AddArray(_space_field())
    return outward


def _space_field() -> vtkStringArray:
    """The remark on the axes, as a field."""
    from vtkmodules.vtkCommonCore import vtkStringArray

    field = vtkStringArray()
    field.SetName(SPACE)
    field.InsertNextValue(LPS)
    return field
