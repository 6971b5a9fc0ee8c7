"""From a volume node to the core's `Volume`, and between its voxels and the world.

MRML speaks RAS mm, the core LPS mm; this file is the border. A volume node may lie under linear
transforms; then the world is where the views show it, and so is every coordinate of the core.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from densesharp.errors import GeometryError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice, Volume
from densesharp.io.checks import check_hu, thickness_notices

from . import bending
from .errors import SceneError
from .views import WINDOWS, nodes_of, set_window

NOTICES = "DenseSharp.Notices"
"""Attribute of a volume node: what reading its file found, as JSON."""

EVIDENCE = "DenseSharp.Evidence"
"""Attribute of a volume node that holds an evidence map."""

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def matrix_to_array(matrix: vtk.vtkMatrix4x4) -> NDArray[np.float64]:
    """A VTK matrix as (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def array_to_matrix(array: ArrayLike) -> vtk.vtkMatrix4x4:
    """(4, 4) as a VTK matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix


def ijk_to_local(volume_node: Any) -> NDArray[np.float64]:
    """(4, 4) from voxel indices to the volume's own RAS, before any parent transform."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return matrix_to_array(matrix)


def is_bent(volume_node: Any) -> bool:
    """Whether a CT is bent by more than may be taken as straight, or sheared."""
    parent = volume_node.GetParentTransformNode()
    if volume_node.GetImageData() is None:
        return False
    if parent is None or parent.IsTransformToWorldLinear():
        return bending.is_sheared(ijk_to_world(volume_node))
    return not bending.straight(volume_node, ijk_to_local(volume_node)).near


def local_to_world(volume_node: Any) -> NDArray[np.float64]:
    """(4, 4) RAS to RAS of the transforms above a CT; identity without any.

    Those that bend it by less than a tenth of a voxel count as the nearest straight one.

    Raises:
        SceneError: they bend it by more.
    """
    parent = volume_node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        _image_of(volume_node)
        local = ijk_to_local(volume_node)
        found = bending.straight(volume_node, local)
        if not found.near:
            raise SceneError(
                f"'{volume_node.GetName()}' lies under the non-linear transform "
                f"'{parent.GetName()}', which bends it by up to {found.off_mm:.2f} mm "
                f"({found.off_voxels:.1f} voxels): press 'Use a straight copy', or harden the "
                "transform in the module Data."
            )
        return np.asarray(found.world @ np.linalg.inv(local))
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return matrix_to_array(matrix)


def ijk_to_world(volume_node: Any) -> NDArray[np.float64]:
    """(4, 4) from voxel indices (i, j, k) to world RAS mm.

    Raises:
        SceneError: the transforms above bend space.
    """
    return local_to_world(volume_node) @ ijk_to_local(volume_node)


def grid_of(volume_node: Any) -> Grid:
    """Where the voxels lie in the world, LPS mm.

    Raises:
        SceneError: no voxels, or under a non-linear transform.
        GeometryError: the axes are not at right angles.
    """
    image = _image_of(volume_node)
    affine = RAS_TO_LPS @ ijk_to_world(volume_node)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or (spacing <= 0).any():
        raise GeometryError(f"'{volume_node.GetName()}' has no usable spacing: load the CT again.")
    if bending.is_sheared(affine):
        raise GeometryError(
            f"The axes of '{volume_node.GetName()}' are not at right angles (gantry tilt, or a "
            "transform that shears): press 'Use a straight copy'."
        )
    return Grid(image.GetDimensions(), affine[:3, 3], spacing, affine[:3, :3] / spacing)


def voxels_of(volume_node: Any) -> NDArray[Any]:
    """The voxels (k, j, i) as a view on the node's memory: nothing is copied.

    Raises:
        SceneError: it is no volume with one number per voxel.
    """
    image = _image_of(volume_node)
    if image.GetNumberOfScalarComponents() != 1:
        raise SceneError(
            f"'{volume_node.GetName()}' has {image.GetNumberOfScalarComponents()} numbers per "
            "voxel: choose a CT."
        )
    array: NDArray[Any] = vtk_to_numpy(image.GetPointData().GetScalars())
    return array.reshape(image.GetDimensions()[::-1])


def volume_from_node(volume_node: Any, notices: tuple[Notice, ...] | None = None) -> Volume:
    """The core's view of a CT in the scene; shares memory with the node.

    Args:
        volume_node: scalar volume node.
        notices: what `notices_of` said, when it is known already.

    Raises:
        SceneError: not a CT, a frame of a sequence, or under a non-linear transform.
        GeometryError: the axes are not at right angles.
        ImageError: the values are not Hounsfield units.
    """
    check_volume(volume_node)
    array, grid = voxels_of(volume_node), grid_of(volume_node)
    loaded = volume_node.GetNodeReference(bending.SOURCE)
    uids = ((loaded or volume_node).GetAttribute("DICOM.instanceUIDs") or "").split()
    series: dict[str, Any] = {"sop_instance_uids": tuple(uids)} if uids else {}
    if loaded is not None:
        series["resampled"] = True
    known = notices_of(volume_node) if notices is None else notices
    return Volume(
        array, grid, (*known, *bending.notices(volume_node, ijk_to_local(volume_node))), series
    )


def notices_of(volume_node: Any) -> tuple[Notice, ...]:
    """What a reader must know about a CT: as its file was read, else from spacing and values.

    Looks at every voxel when the node does not carry what reading found.

    Raises:
        ImageError: the values are not Hounsfield units.
    """
    stored = volume_node.GetAttribute(NOTICES)
    if stored:
        return tuple(Notice(**entry) for entry in json.loads(stored))
    _, values = check_hu(voxels_of(volume_node), volume_node.GetName())
    return (*thickness_notices(float(grid_of(volume_node).spacing.max())), *values)


def add_volume_node(scene: Any, volume: Volume, name: str) -> Any:
    """Put a CT that the core has read into a scene, in the lung window.

    The node keeps what reading found.
    """
    image = vtk.vtkImageData()
    image.SetDimensions(volume.grid.size)
    scalars = numpy_to_vtk(np.ascontiguousarray(volume.array).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(array_to_matrix(RAS_TO_LPS @ volume.grid.affine))
    node.CreateDefaultDisplayNodes()
    # Before the voxels come: Slicer looks at all of them, for seconds, to choose a window itself.
    set_window(node, *WINDOWS["lung"])
    node.SetAndObserveImageData(image)
    node.SetAttribute(NOTICES, json.dumps([vars(notice) for notice in volume.notices]))
    uids = volume.series.get("sop_instance_uids")
    if uids:
        # An enhanced CT has one instance for all slices.
        node.SetAttribute("DICOM.instanceUIDs", " ".join(dict.fromkeys(uids)))
    return node


def may_be_ct(node: Any) -> bool:
    """Whether a volume node is a scalar volume and none of our evidence maps."""
    plain = node.GetClassName() == "vtkMRMLScalarVolumeNode"
    return plain and not node.GetAttribute(EVIDENCE)


def check_volume(volume_node: Any) -> None:
    """Refuse what is no single CT.

    Raises:
        SceneError: nothing chosen, a label map, or a frame of a sequence.
    """
    if volume_node is None:
        raise SceneError("No CT is chosen: load one or choose it in the list.")
    if not volume_node.IsA("vtkMRMLScalarVolumeNode") or volume_node.IsA(
        "vtkMRMLLabelMapVolumeNode"
    ):
        raise SceneError(f"'{volume_node.GetName()}' is no CT volume: choose a scalar volume.")
    if volume_node.GetAttribute(EVIDENCE):
        message = f"'{volume_node.GetName()}' is an evidence map of DenseSharp: choose the CT."
        raise SceneError(message)
    if _is_sequence_frame(volume_node):
        raise SceneError(
            f"'{volume_node.GetName()}' is one frame of a sequence and changes while it plays: "
            "copy the frame to a volume of its own and choose that."
        )


def world_to_ijk(volume_node: Any, ras: ArrayLike) -> NDArray[np.float64]:
    """Continuous voxel indices (i, j, k) of a world point, RAS mm."""
    point = np.append(np.asarray(ras, dtype=np.float64), 1.0)
    return np.asarray(np.linalg.solve(ijk_to_world(volume_node), point)[:3])


def contains(volume_node: Any, ras: ArrayLike) -> bool:
    """Whether a world point (RAS mm) lies inside the volume."""
    index = world_to_ijk(volume_node, ras)
    size = np.array(volume_node.GetImageData().GetDimensions())
    return bool((index >= -0.5).all() and (index <= size - 0.5).all())


def _image_of(volume_node: Any) -> vtk.vtkImageData:
    image = volume_node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise SceneError(f"'{volume_node.GetName()}' holds no voxels: load the CT again.")
    return image


def _is_sequence_frame(volume_node: Any) -> bool:
    scene = volume_node.GetScene()
    if scene is None:
        return False
    browsers = nodes_of(scene, "vtkMRMLSequenceBrowserNode")
    return any(browser.IsProxyNodeID(volume_node.GetID()) for browser in browsers)
