"""Surfaces of segments: computed when voxels change, and left away when a reader wants none.

Slicer's button *Show 3D* takes the surface from every segment. A brush stroke does so too, from the
segment that is painted on; only there have the voxels changed since the surface was made.
"""

from collections import OrderedDict
from typing import Any

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"

REMEMBERED = 1000

_made_from: OrderedDict[tuple[str, str], int] = OrderedDict()
"""Segmentation and segment -> when the voxels were changed of which its surface was made."""


def show_surface(node: Any) -> None:
    """Make sure that every segment has its surface; only missing ones are computed."""
    segmentation = node.GetSegmentation()
    if not segmentation.GetNumberOfSegments():
        return
    segmentation.CreateRepresentation(SURFACE)
    for name in segmentation.GetSegmentIDs():
        voxels = segmentation.GetSegment(name).GetRepresentation(LABELMAP)
        if voxels is not None:
            _made_from[_key(segmentation, name)] = voxels.GetMTime()
    while len(_made_from) > REMEMBERED:
        _made_from.popitem(last=False)


def renew_surface(node: Any, segment_id: str) -> None:
    """Compute the surface of a segment again when its voxels were changed after it."""
    wanted = wants_surfaces(node)
    remove_old_surface(node, segment_id)
    if wanted:
        show_surface(node)


def remove_old_surface(node: Any, segment_id: str) -> None:
    """Take the surface of a segment away when its voxels were changed after it."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    voxels, surface = (segment.GetRepresentation(kind) for kind in (LABELMAP, SURFACE))
    if surface is not None and surface.GetMTime() < voxels.GetMTime():
        segment.RemoveRepresentation(SURFACE)


def wants_surfaces(node: Any) -> bool:
    """Whether surfaces are shown in 3D; where no segment has voxels yet, they are."""
    segmentation = node.GetSegmentation()
    painted = [name for name in segmentation.GetSegmentIDs() if _has_voxels(segmentation, name)]
    if any(segmentation.GetSegment(name).GetRepresentation(SURFACE) for name in painted):
        return True
    return all(_painted_since(segmentation, name) for name in painted)


def _has_voxels(segmentation: Any, name: str) -> bool:
    image = segmentation.GetSegment(name).GetRepresentation(LABELMAP)
    return image is not None and image.GetNumberOfPoints() > 0


def _painted_since(segmentation: Any, name: str) -> bool:
    """Whether the voxels were changed after the surface was made, which takes it away."""
    made_from = _made_from.get(_key(segmentation, name))
    voxels = segmentation.GetSegment(name).GetRepresentation(LABELMAP)
    return made_from is not None and made_from != voxels.GetMTime()


def _key(segmentation: Any, name: str) -> tuple[str, str]:
    return segmentation.GetAddressAsString(""), name
