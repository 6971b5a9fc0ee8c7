"""Outlines made elsewhere as nodules: segments of any segmentation, labels of any label map.

A segmentation of another program, of a DICOM SEG or of a colleague may lie on other voxels than the
CT's and under other transforms; it is counted in the CT's voxels where it lies in the world.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from densesharp.image.masks import NoduleMask, mask_from_box

from . import labelmaps, outline_origin, segments
from .errors import SceneError
from .geometry import grid_of, ijk_to_local, local_to_world, matrix_to_array, voxels_of
from .reach import LARGEST_MM, is_too_large
from .scan import ScanNodules

MOST = 30
"""So many nodules are taken from one node at most."""


@dataclass(frozen=True)
class ForeignOutline:
    """An outline that can become a nodule.

    Attributes:
        name: of its segment or label.
        source: the node and the segment it comes from, in words.
        mask: its voxels in the CT.
    """

    name: str
    source: str
    mask: NoduleMask


def outlines_in(node: Any, scan: ScanNodules) -> tuple[list[ForeignOutline], list[str]]:
    """The outlines of a node that may be nodules, and names of those that may not.

    Raises:
        SceneError: nothing is chosen, the node bends space, or it holds none.
    """
    if node is None:
        raise SceneError("No segmentation or label map is chosen.")
    parent = node.GetParentTransformNode()
    if parent is not None and not parent.IsTransformToWorldLinear():
        message = f"'{node.GetName()}' lies under a transform that bends space: harden it first."
        raise SceneError(message)
    parts = _labels if node.IsA("vtkMRMLLabelMapVolumeNode") else _segments
    found, left_out = [], []
    for name, array, start, matrix in parts(node):
        mask = _counted_in_ct(array, start, matrix, node, scan)
        if mask is None or is_too_large(mask) or len(found) == MOST:
            left_out.append(name)
        else:
            found.append(ForeignOutline(name, f"{node.GetName()}, {name}", mask))
    if not found:
        raise SceneError(
            f"'{node.GetName()}' holds no outline that lies in this CT and is small enough for a "
            f"nodule ({LARGEST_MM:.0f} mm)."
        )
    return found, left_out


def take_over(scan: ScanNodules, nodule_id: str, found: ForeignOutline) -> None:
    """Give a nodule an outline made elsewhere; it is to be measured then."""
    segment_id = scan.outline(nodule_id)
    node = scan.segmentation_node
    segments.write_mask(node, segment_id, scan.volume_node, found.mask)
    outline_origin.set_origin(node, segment_id, found.source)
    scan.rename(nodule_id, found.name)


Part = tuple[str, NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]


def _segments(node: Any) -> Iterator[Part]:
    """Name, voxels, first voxel, and (4, 4) indices to the node's RAS, of every segment."""
    node.CreateBinaryLabelmapRepresentation()
    segmentation = node.GetSegmentation()
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        image = segment.GetRepresentation(segments.LABELMAP)
        if image is None or image.GetPointData().GetScalars() is None:
            continue
        box = labelmaps.box_of(image, segment.GetLabelValue())
        if box is not None:
            inside = labelmaps.voxels_of(image)[box] == segment.GetLabelValue()
            start = np.array(image.GetExtent())[::2] + [part.start for part in box[::-1]]
            yield segment.GetName(), inside.astype(np.uint8), start, labelmaps.matrix_of(image)


def _labels(node: Any) -> Iterator[Part]:
    """The same of every label of a label map volume."""
    voxels = voxels_of(node)
    for label, box in labelmaps.boxes(voxels).items():
        inside = (voxels[box] == label).astype(np.uint8)
        start = np.array([part.start for part in box[::-1]])
        yield f"Label {label}", inside, start, ijk_to_local(node)


def _counted_in_ct(
    array: NDArray[np.uint8],
    start: NDArray[np.int64],
    matrix: NDArray[np.float64],
    node: Any,
    scan: ScanNodules,
) -> NoduleMask | None:
    """The mask in the CT's voxels; None when nothing of it lies in the CT, or it is no nodule."""
    own = _to_world(node) @ matrix
    if (np.array(array.shape[::-1]) * np.linalg.norm(own[:3, :3], axis=0) > LARGEST_MM).any():
        return None  # a lung takes seconds to be counted in other voxels
    ct = local_to_world(scan.volume_node) @ ijk_to_local(scan.volume_node)
    array, start = labelmaps.resampled(array, start, own, ct)
    grid = grid_of(scan.volume_node)
    mask = mask_from_box(array > 0, start, grid)
    return segments.trim_mask(mask, grid) if mask is not None else None


def _to_world(node: Any) -> NDArray[np.float64]:
    parent, matrix = node.GetParentTransformNode(), vtk.vtkMatrix4x4()
    if parent is not None:
        parent.GetMatrixTransformToWorld(matrix)
    return matrix_to_array(matrix)
