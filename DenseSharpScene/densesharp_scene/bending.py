"""Transforms that bend or shear space: how far a CT is from a straight one, and a straight copy.

Slicer puts a DICOM series under a grid transform as soon as its slices lie 0.001 mm off an even
stack. What bends by less than a tenth of a voxel is taken as straight.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from densesharp.image.grid import ORTHOGONAL_TOLERANCE
from densesharp.image.volume import Notice

TOLERANCE = 0.1
"""Voxels by which space may be bent."""

AIR_HU = -1000.0
"""Fills what a straight copy holds beyond a sheared CT."""

ACQUISITION = "acquisition transform"
"""In the name of the transform that Slicer's DICOM module makes."""

SOURCE = "DenseSharp.source"
"""Role under which a straight copy refers to the CT as it was loaded."""

REMEMBERED = 8

_known: OrderedDict[tuple[Any, ...], Straight] = OrderedDict()


@dataclass(frozen=True, eq=False)
class Straight:
    """The nearest straight place of a CT under transforms.

    Attributes:
        world: (4, 4) IJK to world RAS mm, axes at right angles.
        off_mm: how far the voxel that is furthest from it lies.
        off_voxels: the same in voxels, along the axis where it is most.
    """

    world: NDArray[np.float64]
    off_mm: float
    off_voxels: float

    @property
    def near(self) -> bool:
        """Whether it may stand for the bent one."""
        return self.off_voxels <= TOLERANCE


def straight(node: Any, matrix: NDArray[np.float64]) -> Straight:
    """The nearest straight place of a volume node under a transform that bends space.

    Looks at nine points of every slice.

    Args:
        node: volume node with voxels.
        matrix: (4, 4) its IJK to its own RAS.
    """
    size = node.GetImageData().GetDimensions()
    parent = node.GetParentTransformNode()
    # VTK counts modifications over all objects: no other transform has this time.
    key = (parent.GetTransformToWorldMTime(), size, matrix.tobytes())
    if key not in _known:
        _known[key] = _fit(parent, size, matrix)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return _known[key]


def notices(node: Any, matrix: NDArray[np.float64]) -> tuple[Notice, ...]:
    """What a reader must know of a CT that is taken as straight."""
    parent = node.GetParentTransformNode()
    if parent is None or parent.IsTransformToWorldLinear():
        return ()
    off = straight(node, matrix)
    message = (
        f"The transform '{parent.GetName()}' bends the CT by up to {off.off_mm:.3f} mm "
        f"({off.off_voxels:.2f} voxels): it is taken as straight."
    )
    return (Notice("bent_space", message, "info"),)


def straightened(volume_node: Any) -> Any:
    """A copy of a CT with its transforms worked into the voxels; the CT stays as it is.

    Under Slicer's own transform for DICOM slices the copy refers to the CT: results go back to its
    slices, which lie there. Under any other one they lie elsewhere, and none could go back.
    """
    scene = volume_node.GetScene()
    name = scene.GenerateUniqueName(f"{volume_node.GetName()} straight")
    copy = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    image = vtk.vtkImageData()
    image.DeepCopy(volume_node.GetImageData())
    copy.CopyOrientation(volume_node)
    copy.SetAndObserveImageData(image)
    copy.CreateDefaultDisplayNodes()
    copy.GetDisplayNode().CopyContent(volume_node.GetDisplayNode())
    copy.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    copy.HardenTransform()
    _lay_at_right_angles(copy)
    if _is_of_the_slices(volume_node.GetParentTransformNode()):
        copy.SetNodeReferenceID(SOURCE, volume_node.GetID())
    return copy


def _is_of_the_slices(parent: Any | None) -> bool:
    """Whether a transform is the one that Slicer gives a DICOM series of uneven slices."""
    if parent is None or not parent.IsA("vtkMRMLGridTransformNode"):
        return False
    return ACQUISITION in parent.GetName() and parent.GetParentTransformNode() is None


def is_sheared(matrix: NDArray[np.float64]) -> bool:
    """Whether the axes of a (4, 4) matrix are not at right angles, by more than headers round."""
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not spacing.all():
        return False
    axes = matrix[:3, :3] / spacing
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > ORTHOGONAL_TOLERANCE)


def _rotation_in(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The axes at right angles that are nearest to those of a matrix (3, 3), and the spacing."""
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    left, _, right = np.linalg.svd(matrix[:3, :3] / spacing)
    return left @ right, spacing


def _lay_at_right_angles(node: Any) -> None:
    """Resample a sheared volume: Slicer hardens a shear into the axes, not into the voxels."""
    stored = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(stored)
    sheared = np.array([[stored.GetElement(row, n) for n in range(4)] for row in range(4)])
    if not is_sheared(sheared):
        return
    turned, spacing = _rotation_in(sheared)
    straight_axes = np.eye(4)
    straight_axes[:3, :3] = turned * spacing
    last = np.array(node.GetImageData().GetDimensions()) - 1.0
    picks = np.array(np.meshgrid(*[(0, 1)] * 3)).reshape(3, -1)
    ends = np.vstack([picks * last[:, np.newaxis], np.ones(8)])
    reach = np.linalg.solve(straight_axes, sheared @ ends)[:3]
    low = np.floor(reach.min(axis=1))
    straight_axes[:3, 3] = straight_axes[:3, :3] @ low
    back, there = vtk.vtkTransform(), vtk.vtkMatrix4x4()
    there.DeepCopy(np.linalg.solve(sheared, straight_axes).ravel())
    back.SetMatrix(there)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(node.GetImageData())
    reslice.SetResliceTransform(back)
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(AIR_HU)
    high = np.ceil(reach.max(axis=1)) - low
    reslice.SetOutputExtent(0, int(high[0]), 0, int(high[1]), 0, int(high[2]))
    reslice.SetOutputOrigin(0.0, 0.0, 0.0)
    reslice.SetOutputSpacing(1.0, 1.0, 1.0)
    reslice.Update()
    stored.DeepCopy(straight_axes.ravel())
    node.SetIJKToRASMatrix(stored)
    node.SetAndObserveImageData(reslice.GetOutput())


def to_world(parent: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) world RAS mm of points (n, 3) below a transform node, whatever it does to space."""
    transform = vtk.vtkGeneralTransform()
    parent.GetTransformToWorld(transform)
    given, found = vtk.vtkPoints(), vtk.vtkPoints()
    given.SetDataTypeToDouble()
    found.SetDataTypeToDouble()
    given.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64), deep=True))
    transform.TransformPoints(given, found)
    moved: NDArray[np.float64] = vtk_to_numpy(found.GetData()).copy()
    return moved


def _fit(parent: Any, size: tuple[int, ...], matrix: NDArray[np.float64]) -> Straight:
    last = np.array(size) - 1.0
    plane = [np.unique((0.0, last[axis] / 2, last[axis])) for axis in (0, 1)]
    i, j, k = np.meshgrid(*plane, np.arange(size[2], dtype=float), indexing="ij")
    index = np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)])
    there = to_world(parent, (matrix @ index)[:3].T)
    if size[2] == 1 or min(size) < 2:  # one slice says nothing of its own normal
        return Straight(matrix, np.inf, np.inf)
    fitted = np.linalg.lstsq(index.T, there, rcond=None)[0].T
    spacing = np.linalg.norm(fitted[:, :3], axis=0)
    left, _, right = np.linalg.svd(fitted[:, :3] / spacing)
    world = np.eye(4)
    world[:3, :3] = (left @ right) * spacing
    world[:3, 3] = (there - index[:3].T @ world[:3, :3].T).mean(axis=0)
    off = there - (world @ index)[:3].T
    voxels = np.linalg.solve(world[:3, :3], off.T)
    return Straight(world, float(np.linalg.norm(off, axis=1).max()), float(np.abs(voxels).max()))
