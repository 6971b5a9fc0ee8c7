"""What a reader must know of an outline that the model did not make here."""

from typing import Any

import vtk

from densesharp.image.volume import Notice

from .segments import is_resampled

ORIGIN = "DenseSharp.Origin"
"""Tag of a segment whose outline was made elsewhere: by what, in words."""


def origin_of(node: Any, segment_id: str) -> str:
    """Where an outline that was made elsewhere comes from, in words; empty for all others."""
    segment, value = node.GetSegmentation().GetSegment(segment_id), vtk.reference("")
    return str(value) if segment is not None and segment.GetTag(ORIGIN, value) else ""


def set_origin(node: Any, segment_id: str, words: str) -> None:
    """Keep where an outline comes from; empty words forget it."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is not None and words:
        segment.SetTag(ORIGIN, words)
    elif segment is not None:
        segment.RemoveTag(ORIGIN)


def outline_notices(node: Any, segment_id: str) -> tuple[Notice, ...]:
    """What a reader must know of an outline that the model did not make here."""
    words = origin_of(node, segment_id)
    made = f"The outline was made elsewhere: {words}."
    origin = (Notice("outline_made_elsewhere", made, "info"),) if words else ()
    return (*origin, *_resampling_notice(node, segment_id))


def _resampling_notice(node: Any, segment_id: str) -> tuple[Notice, ...]:
    if not is_resampled(node, segment_id):
        return ()
    message = (
        "The outline lies on other voxels than the CT's (Specify geometry in Segment Editor): it "
        "is measured on the CT's voxels."
    )
    return (Notice("outline_resampled", message, "info"),)
