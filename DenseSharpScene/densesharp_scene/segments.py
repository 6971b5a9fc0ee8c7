"""Masks as segments: one segment for each nodule, only the nodule's box is written.

The segmentation lies under the CT's own transform and has the whole CT as reference geometry, so
the voxels of a segment are the voxels of the CT. It also keeps which voxels those are: only an
outline that a reader put on others in Slicer is resampled, when it is read.
"""

import hashlib
import json
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from densesharp.image.grid import Grid, box_slices
from densesharp.image.masks import NoduleMask, mask_from_box

from . import labelmaps
from .geometry import ijk_to_local
from .surfaces import LABELMAP, SURFACE, renew_surface, show_surface, wants_surfaces
from .views import nodes_of

VOXELS = "DenseSharp.Voxels"
"""Attribute of a segmentation: the CT's IJK to its own RAS in which outlines are counted, JSON."""

FIRST_COLOR = "DenseSharp.FirstColor"
"""Attribute of a segmentation: which of `COLORS` its first nodule has; CTs differ in that."""

COLORS_APART = 3

OUTLINE_PIXELS = 2

LARGE = 2_000_000
"""Voxels of what is no nodule any more: a ball of 120 mm on voxels of half a cubic millimeter."""

SMOOTHING = "0.25"
"""Smoothing of the shown surface: 0 leaves voxel stairs, above 0.5 small nodules shrink."""

TERMINOLOGY = (
    "Segmentation category and type - DICOM master list"
    "~SCT^49755003^Morphologically Altered Structure"
    "~SCT^27925004^Nodule~^^"
    "~Anatomic codes - DICOM master list~SCT^39607008^Lung~^^"
)

COLORS = (
    (1.00, 0.84, 0.25), (0.34, 0.80, 0.98), (0.98, 0.55, 0.35), (0.50, 0.90, 0.60),
    (0.95, 0.60, 0.85), (0.62, 0.66, 1.00), (0.80, 0.95, 0.35), (0.40, 0.92, 0.88),
)  # fmt: skip
"""Light colours that stand out on lung and on soft tissue; nodules take them in turn, a further
round each time darker, so that 24 nodules of a CT have colours of their own."""

SHADES = (1.0, 0.72, 0.52)


BESIDE_OPACITY = 0.25
"""Of the surfaces of nodules that are not the selected one."""


def create_segmentation(scene: Any, volume_node: Any) -> Any:
    """A segmentation node for the nodules of one CT."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volume_node.GetName()} nodules")
    node.CreateDefaultDisplayNodes()
    others = nodes_of(scene, "vtkMRMLSegmentationNode")
    count = sum(other.GetAttribute(VOXELS) is not None for other in others)
    node.SetAttribute(FIRST_COLOR, str(COLORS_APART * count))
    lay_on(node, volume_node)
    node.GetSegmentation().SetConversionParameter("Smoothing factor", SMOOTHING)
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetSliceIntersectionThickness(OUTLINE_PIXELS)
    display.SetPreferredDisplayRepresentationName3D(SURFACE)
    # Outlines where the surface meets the slice, within half a voxel of the mask that is measured;
    # where there is no surface Slicer draws the voxels' edges.
    display.SetPreferredDisplayRepresentationName2D(SURFACE)
    return node


def lay_on(node: Any, volume_node: Any) -> None:
    """Put a segmentation under its CT's transform and count its outlines in the CT's voxels."""
    # First the transform: Slicer multiplies a difference of the two into the geometry.
    if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAttribute(VOXELS, json.dumps(ijk_to_local(volume_node).ravel().tolist()))


def counted_in(node: Any) -> NDArray[np.float64] | None:
    """(4, 4) the CT's IJK to its own RAS as `lay_on` found it; None before that."""
    stored = node.GetAttribute(VOXELS)
    return np.array(json.loads(stored), dtype=np.float64).reshape(4, 4) if stored else None


def lies_on(node: Any, volume_node: Any) -> bool:
    """Whether a segmentation lies under the CT's transform, counted in the CT's present voxels."""
    voxels = counted_in(node)
    if voxels is None or node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        return False
    change = np.linalg.solve(voxels, ijk_to_local(volume_node)) - np.eye(4)
    size = volume_node.GetImageData().GetDimensions()
    return bool(np.abs(change @ [[0, size[0]], [0, size[1]], [0, size[2]], [1, 1]]).max() < 0.02)


def show_hidden(node: Any) -> None:
    """Show the segments of an opened scene again where Slicer opened every one of them hidden."""
    display, names = node.GetDisplayNode(), node.GetSegmentation().GetSegmentIDs()
    if display is not None and not any(display.GetSegmentVisibility(name) for name in names):
        display.SetAllSegmentsVisibility(True)


def toggle_outlines(node: Any) -> bool:
    """Outlines in the slice views off or on again; returns whether they are on now."""
    display = node.GetDisplayNode()
    display.SetVisibility2DOutline(not display.GetVisibility2DOutline())
    return bool(display.GetVisibility2DOutline())


def color_of(node: Any, number: int) -> tuple[float, ...]:
    """The colour of nodule `number` in this segmentation, red, green, blue in 0..1."""
    turn, place = divmod(number - 1 + int(node.GetAttribute(FIRST_COLOR) or 0), len(COLORS))
    return tuple(SHADES[turn % len(SHADES)] * part for part in COLORS[place])


def add_segment(node: Any, name: str, number: int) -> str:
    """An empty segment for nodule `number`; returns its id (use it, names may repeat)."""
    color = color_of(node, number)
    segment_id: str = node.GetSegmentation().AddEmptySegment("", name, list(color))
    segment = node.GetSegmentation().GetSegment(segment_id)
    segment.SetTag(segment.GetTerminologyEntryTagName(), TERMINOLOGY)
    return segment_id


def keep_segment(
    node: Any, segment_id: str, volume_node: Any, mask: NoduleMask | None, name: str, number: int
) -> str:
    """Bring the segment of nodule `number` in step with its mask; returns its id.

    It is made when it is missing, and removed (empty id) when there is no mask.
    """
    exists = node.GetSegmentation().GetSegment(segment_id) is not None
    if mask is None:
        if exists:
            node.GetSegmentation().RemoveSegment(segment_id)
        return ""
    if not exists:
        segment_id = add_segment(node, name, number)
    there = read_mask(node, segment_id, index_grid(volume_node))
    if there is not None and digest(there) == digest(mask):
        # Whoever corrects it in Segment Editor keeps these very voxels, and the steps of undo.
        renew_surface(node, segment_id)
    else:
        write_mask(node, segment_id, volume_node, mask)
    return segment_id


def mark_segment(node: Any, segment_id: str, name: str, decision: str) -> None:
    """Show a nodule's name and decision (open, accepted, rejected) on its segment, if any."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    status = {"open": logic.InProgress, "accepted": logic.Completed, "rejected": logic.Flagged}
    segment.SetName(name)
    logic.SetSegmentStatus(segment, status[decision])
    display = node.GetDisplayNode()
    rejected = decision == "rejected"
    display.SetSegmentOpacity(segment_id, 0.4 if rejected else 1.0)
    display.SetSegmentVisibility3D(segment_id, not rejected)


def write_mask(node: Any, segment_id: str, volume_node: Any, mask: NoduleMask) -> None:
    """Put a mask into its segment and show its outline and surface.

    Args:
        node: segmentation node.
        segment_id: of an existing segment; what it held is replaced.
        volume_node: the CT whose voxels the mask counts.
        mask: its box of the CT.
    """
    segmentation, surfaces = node.GetSegmentation(), wants_surfaces(node)
    # Segments can share one image that spans all of them: a nodule keeps its own small one.
    segmentation.SeparateSegmentLabelmap(segment_id)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    image = _to_image(mask, node, volume_node)
    logic.SetBinaryLabelmapToSegment(image, node, segment_id, logic.MODE_REPLACE)
    if surfaces:
        show_surface(node)


def share_labelmaps(node: Any, volume_node: Any) -> None:
    """Put nodules that do not touch each other into common images, before the scene is saved.

    A segmentation file stores every image over the extent of all of them, so that a hundred
    nodules with an image each take minutes to write. Later writes separate them again.
    """
    segmentation, surfaces = node.GetSegmentation(), wants_surfaces(node)
    grid = index_grid(volume_node)
    masks = {
        segment_id: mask
        for segment_id in segmentation.GetSegmentIDs()
        if (mask := read_mask(node, segment_id, grid)) is not None
    }
    if len(masks) < 2:
        return
    was_modifying = node.StartModify()
    for layer in _layers(masks):
        whole = _union([masks[segment_id] for segment_id in layer], grid)
        image = _to_image(whole, node, volume_node)
        voxels = labelmaps.voxels_of(image)
        corner = np.array(image.GetExtent())[::2]
        for value, segment_id in enumerate(layer, start=1):
            mask = masks[segment_id]
            part = voxels[box_slices(np.array(mask.start) - corner, mask.array.shape[::-1])]
            part[mask.array > 0] = value
            segment = segmentation.GetSegment(segment_id)
            segment.SetLabelValue(value)
            segment.AddRepresentation(LABELMAP, image)
    if surfaces:
        show_surface(node)
    node.EndModify(was_modifying)


def read_mask(node: Any, segment_id: str, grid: Grid) -> NoduleMask | None:
    """The voxels of a segment as the core's mask; None when empty or gone.

    Args:
        node: segmentation node that lies under the CT's transform.
        segment_id: which segment.
        grid: the CT's grid in the world.
    """
    segment = node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(LABELMAP) if segment else None
    if image is None or image.GetPointData().GetScalars() is None:
        return None
    box = labelmaps.box_of(image, segment.GetLabelValue())
    if box is None:
        return None
    inside = labelmaps.voxels_of(image)[box] == segment.GetLabelValue()
    array = np.ascontiguousarray(inside).astype(np.uint8)
    start = np.array(image.GetExtent())[::2] + [part.start for part in box[::-1]]
    voxels = counted_in(node)
    if voxels is not None and not labelmaps.same_voxels(image, voxels):
        array, start = labelmaps.resampled(array, start, labelmaps.matrix_of(image), voxels)
        return mask_from_box(array > 0, start, grid)
    i, j, k = (int(n) for n in start)
    return NoduleMask(array, (i, j, k), grid.crop(start, array.shape[::-1]))


def version_of(node: Any, segment_id: str) -> tuple[Any, ...]:
    """Changes whenever the voxels of a segment do, or which voxels they are counted in."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation(LABELMAP) if segment else None
    if image is None:
        return ()
    place = image.GetAddressAsString("")
    return place, image.GetMTime(), segment.GetLabelValue(), node.GetAttribute(VOXELS)


def is_resampled(node: Any, segment_id: str) -> bool:
    """Whether a reader put a segment on other voxels than the CT's."""
    segment, voxels = node.GetSegmentation().GetSegment(segment_id), counted_in(node)
    image = segment.GetRepresentation(LABELMAP) if segment else None
    if image is None or voxels is None or image.GetPointData().GetScalars() is None:
        return False
    return not labelmaps.same_voxels(image, voxels)


def trim_mask(mask: NoduleMask, grid: Grid) -> NoduleMask | None:
    """The same voxels in the smallest box that lies inside the CT; None when none is left."""
    low = np.maximum(-np.array(mask.start), 0)
    high = np.minimum(np.array(grid.size) - np.array(mask.start), mask.array.shape[::-1])
    if (high <= low).any():
        return None
    inside = mask.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]] > 0
    box = labelmaps.box_around(inside)
    if box is None:
        return None
    start = np.array(mask.start) + low + np.array([part.start for part in box[::-1]])
    array = np.ascontiguousarray(inside[box]).astype(np.uint8)
    i, j, k = (int(n) for n in start)
    return NoduleMask(array, (i, j, k), grid.crop(start, array.shape[::-1]))


def digest(mask: NoduleMask | None) -> str:
    """A fingerprint of the masked voxels, whatever box they lie in; empty without a mask."""
    if mask is None:
        return ""
    if mask.array.size > LARGE and np.count_nonzero(mask.array) > LARGE:
        return _digest_of_large(mask)
    k, j, i = np.nonzero(mask.array)
    index = np.stack([i, j, k], axis=1).astype("<i4") + np.array(mask.start, dtype="<i4")
    return hashlib.sha256(np.ascontiguousarray(index).tobytes()).hexdigest()[:16]


def _digest_of_large(mask: NoduleMask) -> str:
    """The same for what is no nodule: all above a threshold, a lung. In 0.1 s instead of 1.5."""
    inside = mask.array > 0
    box = labelmaps.box_around(inside) or ()
    start = [first + part.start for first, part in zip(mask.start, box[::-1], strict=True)]
    inside = inside[box]
    where = repr((start, inside.shape)).encode()
    return hashlib.sha256(where + np.packbits(inside).tobytes()).hexdigest()[:16]


def labelmap_volume(node: Any, volume_node: Any, segment_ids: list[str], name: str) -> Any:
    """A label map volume node of the CT's size; label n is the n-th of `segment_ids`.

    A label map holds one label for each voxel: where nodules overlap the later one wins.
    """
    labelmap = volume_node.GetScene().AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
    labelmap.CopyOrientation(volume_node)
    labelmap.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    labelmap.CreateDefaultDisplayNodes()
    image = vtk.vtkImageData()
    image.SetDimensions(volume_node.GetImageData().GetDimensions())
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    labels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    labels[:] = 0
    grid = index_grid(volume_node)
    for value, segment_id in enumerate(segment_ids, start=1):
        mask = read_mask(node, segment_id, grid)
        if mask is not None:
            labels[mask.full(grid) > 0] = value
    labelmap.SetAndObserveImageData(image)
    return labelmap


def index_grid(volume_node: Any) -> Grid:
    """The CT's voxels counted in voxels, for work that needs no millimetres."""
    return Grid(volume_node.GetImageData().GetDimensions(), np.zeros(3), np.ones(3), np.eye(3))


def _layers(masks: dict[str, NoduleMask]) -> list[list[str]]:
    """Segment ids in groups whose boxes do not meet; a label is one byte, so 255 at most."""
    layers: list[list[str]] = []
    for segment_id, mask in masks.items():
        for layer in layers:
            if len(layer) < 255 and not any(_meet(mask, masks[other]) for other in layer):
                layer.append(segment_id)
                break
        else:
            layers.append([segment_id])
    return layers


def _meet(one: NoduleMask, other: NoduleMask) -> bool:
    low = np.maximum(one.start, other.start)
    high = np.minimum(
        np.add(one.start, one.array.shape[::-1]), np.add(other.start, other.array.shape[::-1])
    )
    return bool((low < high).all())


def _union(masks: list[NoduleMask], grid: Grid) -> NoduleMask:
    """An empty box around all boxes."""
    low = np.min([mask.start for mask in masks], axis=0)
    high = np.max([np.add(mask.start, mask.array.shape[::-1]) for mask in masks], axis=0)
    size = high - low
    i, j, k = (int(n) for n in low)
    return NoduleMask(np.zeros(size[::-1], np.uint8), (i, j, k), grid.crop(low, size))


def _to_image(mask: NoduleMask, node: Any, volume_node: Any) -> Any:
    """A mask as an oriented image: the CT's whole matrix, the extent says where the box lies."""
    voxels = counted_in(node)
    matrix = ijk_to_local(volume_node) if voxels is None else voxels
    return labelmaps.to_image(mask.array, mask.start, matrix)


def stand_out(node: Any, segment_id: str) -> None:
    """Show one segment's surface in full and let the others be seen through."""
    display, segmentation = node.GetDisplayNode(), node.GetSegmentation()
    names = list(segmentation.GetSegmentIDs())
    for name in names:
        opacity = 1.0 if segment_id not in names or name == segment_id else BESIDE_OPACITY
        if display.GetSegmentOpacity3D(name) != opacity:
            display.SetSegmentOpacity3D(name, opacity)
