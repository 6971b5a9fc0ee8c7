"""Label map images of segments: where each label lies, and its voxels counted in the CT's.

Slicer lets readers choose other voxels for a segmentation than the CT's (*Specify geometry*), and
puts all segments into one image when it saves. Both are undone here, while reading.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util.numpy_support import vtk_to_numpy

from .geometry import array_to_matrix, matrix_to_array

TOLERANCE = 0.02
"""Voxels; file formats round the last digits."""

REMEMBERED = 64
"""So many images' boxes are kept; one image for each nodule, or one for all after saving."""

MANY = 1_000_000
"""From so many voxels on that belong to a label, the places of all of them cost more than a look
along each axis."""

Box = tuple[slice, ...]

_boxes: OrderedDict[tuple[Any, ...], dict[int, Box]] = OrderedDict()


def voxels_of(image: Any) -> NDArray[Any]:
    """The labels `[k, j, i]` as a view on the image's memory."""
    array: NDArray[Any] = vtk_to_numpy(image.GetPointData().GetScalars())
    return array.reshape(image.GetDimensions()[::-1])


def box_of(image: Any, label: int) -> Box | None:
    """The smallest box (k, j, i) around a label in an image; None when no voxel has it.

    An image is searched once for all its labels, until it is modified: after saving, all nodules
    of both lungs share one.
    """
    # VTK counts modifications over all objects, so no other image ever has the same time.
    key = (image.GetAddressAsString(""), image.GetMTime(), image.GetExtent())
    if key not in _boxes:
        _boxes[key] = boxes(voxels_of(image))
        while len(_boxes) > REMEMBERED:
            _boxes.popitem(last=False)
    _boxes.move_to_end(key)
    return _boxes[key].get(label)


def boxes(voxels: NDArray[Any]) -> dict[int, Box]:
    """The smallest box around each label other than 0."""
    if np.count_nonzero(voxels) > MANY:
        found = {int(label): box_around(voxels == label) for label in np.unique(voxels) if label}
        return {label: box for label, box in found.items() if box is not None}
    places = np.flatnonzero(voxels)
    labels, index = voxels.ravel()[places], np.unravel_index(places, voxels.shape)
    inside = {int(label): [axis[labels == label] for axis in index] for label in np.unique(labels)}
    return {
        label: tuple(slice(int(n.min()), int(n.max()) + 1) for n in axes)
        for label, axes in inside.items()
    }


def box_around(inside: NDArray[np.bool_]) -> Box | None:
    """The smallest box (k, j, i) around True; None when there is none."""
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hits = np.flatnonzero(inside.any(axis=others))
        if not len(hits):
            return None
        spans.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(spans)


def matrix_of(image: Any) -> NDArray[np.float64]:
    """(4, 4) from an oriented image's indices to its segmentation's RAS mm."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return matrix_to_array(matrix)


def to_image(array: NDArray[np.uint8], start: ArrayLike, matrix: NDArray[np.float64]) -> Any:
    """A box of voxels as an oriented image.

    Args:
        array: `[k, j, i]`.
        start: (3,) its first voxel (i, j, k) in the grid that `matrix` belongs to.
        matrix: (4, 4) that grid's indices to the segmentation's RAS mm.
    """
    image = slicer.vtkOrientedImageData()
    low = np.asarray(start)
    image.SetExtent(*_extent(low, low + array.shape[::-1] - 1))
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = array.ravel()
    image.SetImageToWorldMatrix(array_to_matrix(matrix))
    return image


def same_voxels(image: Any, matrix: NDArray[np.float64]) -> bool:
    """Whether an image's indices are those of the grid that `matrix` belongs to.

    Args:
        image: oriented image.
        matrix: (4, 4) the grid's indices to the segmentation's RAS mm.
    """
    change = np.linalg.solve(matrix, matrix_of(image)) - np.eye(4)
    return bool(np.abs(change @ _corners(image.GetExtent())).max() < TOLERANCE)


def resampled(
    array: NDArray[np.uint8],
    start: ArrayLike,
    own: NDArray[np.float64],
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Voxels of another geometry, counted in the CT's by nearest neighbour as Slicer does it.

    Args:
        array: `[k, j, i]`, 0 and 1.
        start: (3,) its first voxel (i, j, k).
        own: (4, 4) its indices to the segmentation's RAS mm.
        matrix: (4, 4) the CT's indices to the same.

    Returns:
        The voxels `[k, j, i]` and where their first one lies (i, j, k).
    """
    image = to_image(array, start, own)
    corners = np.linalg.solve(matrix, own @ _corners(image.GetExtent()))[:3]
    low = np.floor(corners.min(axis=1)).astype(np.int64)
    high = np.ceil(corners.max(axis=1)).astype(np.int64)
    reference = to_image(np.zeros((high - low + 1)[::-1], np.uint8), low, matrix)
    found = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, reference, found, False
    )
    return voxels_of(found).copy(), np.array(found.GetExtent())[::2].astype(np.int64)


def _extent(low: NDArray[Any], high: NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(n) for pair in zip(low, high, strict=True) for n in pair)


def _corners(extent: tuple[int, ...]) -> NDArray[np.float64]:
    """(4, 8) outer corners of the voxels of an extent, as homogeneous indices."""
    low, high = np.array(extent[::2]) - 0.5, np.array(extent[1::2]) + 0.5
    picks = np.array(np.meshgrid(*[(0, 1)] * 3, indexing="ij")).reshape(3, 8)
    index = np.where(picks == 0, low[:, None], high[:, None])
    return np.vstack([index, np.ones(8)])
