"""A CT that was moved after its nodules were answered: by a transform, hardening, Center Volume.

Outlines are voxels of the CT and points mark places in it, so both go along; what was computed in
the old place counts as outdated.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray

from . import seeds, segments
from .errors import SceneError
from .geometry import array_to_matrix, ijk_to_local, ijk_to_world, local_to_world


def where(volume_node: Any) -> NDArray[np.float64]:
    """(4, 4) IJK to world RAS; not a number where a transform bends space."""
    try:
        return ijk_to_world(volume_node)
    except SceneError:
        return np.full((4, 4), np.nan)


def voxels(volume_node: Any) -> str:
    """Which image a CT has: resampled, as hardening a transform that bends space does, another."""
    image = volume_node.GetImageData()
    return str(image.GetAddressAsString("")) if image is not None else ""


def kept_voxels(node: Any, volume_node: Any) -> bool:
    """Whether a segmentation is counted in the CT's voxels, whatever lies above the two."""
    counted = segments.counted_in(node)
    return counted is not None and np.array_equal(counted, ijk_to_local(volume_node))


def carried(volume_node: Any, world: NDArray[np.float64], point: ArrayLike) -> NDArray[np.float64]:
    """Where a place in the CT lies now.

    Args:
        volume_node: the CT.
        world: (4, 4) IJK to world RAS when `point` was right.
        point: (3,) world RAS mm.
    """
    now, place = ijk_to_world(volume_node), np.asarray(point, dtype=np.float64)
    if np.array_equal(now, world):
        return place
    return np.asarray((now @ np.linalg.solve(world, np.append(place, 1.0)))[:3])


def why_outdated(volume_node: Any, world: NDArray[np.float64]) -> str | None:
    """Why a result of an earlier place does not fit any more, as a sentence; None when it does."""
    try:
        change = ijk_to_world(volume_node) - world
    except SceneError as error:  # under a transform that bends space
        return str(error)
    corners = np.array([[0, 0, 0, 1], [*volume_node.GetImageData().GetDimensions(), 1]]).T
    if np.abs(change @ corners).max() > seeds.MOVED_MM:
        return "The CT was moved after this result: run it again."
    return None


def was_hardened(node: Any) -> bool:
    """Whether outlines lie on other voxels than those they were written on."""
    names = node.GetSegmentation().GetSegmentIDs() if node is not None else ()
    return any(segments.is_resampled(node, name) for name in names)


def bring_segments(node: Any, volume_node: Any, *, in_place: bool = False) -> None:
    """Put a segmentation under the CT's transform and its outlines on the CT's voxels.

    Args:
        node: segmentation node.
        volume_node: the CT.
        in_place: outlines stay where they are seen: the CT was resampled, or a transform was
            worked into them. Else they keep their voxels.
    """
    grid = segments.index_grid(volume_node)
    if in_place:
        _stay_in_the_world(node, volume_node)
        segments.lay_on(node, volume_node)
    found = {
        segment_id: segments.read_mask(node, segment_id, grid)
        for segment_id in node.GetSegmentation().GetSegmentIDs()
    }
    segments.lay_on(node, volume_node)
    for segment_id, mask in found.items():
        if mask is not None and segments.is_resampled(node, segment_id):
            segments.write_mask(node, segment_id, volume_node, mask)


def _stay_in_the_world(node: Any, volume_node: Any) -> None:
    """Count outlines below the CT's transform, not below their own, where they are seen."""
    if node.GetTransformNodeID() == volume_node.GetTransformNodeID():
        return
    node.HardenTransform()
    below = vtk.vtkTransform()
    below.SetMatrix(array_to_matrix(np.linalg.inv(local_to_world(volume_node))))
    node.GetSegmentation().ApplyLinearTransform(below)


def along(
    node: Any, volume_node: Any, names: Collection[str], before: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Where points belong that were placed before a CT was moved, world RAS mm.

    Args:
        node: list of points.
        volume_node: the CT.
        names: ids of these points.
        before: (4, 4) IJK to world RAS where the CT lay; not a number where it was bent.
    """
    went_along = node.GetTransformNodeID() == volume_node.GetTransformNodeID()
    if went_along or np.isnan(before).any():
        return {}
    found = {name: seeds.seed_position(node, name) for name in names}
    return {
        name: carried(volume_node, before, place)
        for name, place in found.items()
        if place is not None
    }


def bring_points(node: Any, volume_node: Any, places: Mapping[str, ArrayLike]) -> None:
    """Put points under the CT's transform.

    Args:
        node: list of points.
        volume_node: the CT.
        places: point id to world RAS mm where it belongs; all others stay where they are.
    """
    here = {name: seeds.seed_position(node, name) for name in seeds.placed_seeds(node)}
    if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    for name, place in {**here, **places}.items():
        if place is not None:
            seeds.move_seed(node, name, place)
