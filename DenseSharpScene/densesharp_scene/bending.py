"""Transforms that bend space: how far a CT is from a straight one, and a straight copy of it.

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

from densesharp.image.volume import Notice

TOLERANCE = 0.1
"""Voxels by which space may be bent."""

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

    The copy refers to the CT, whose DICOM slices its results go back to.
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
    copy.SetNodeReferenceID(SOURCE, volume_node.GetID())
    return copy


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
