"""Which lines of measured axes a reader has dragged, and how long they are then.

A line says in attributes where it was put, and where readers left it for other nodules.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.image.volume import Notice
from densesharp.nodule.records import ReaderAxes

AXES = ("long axis", "short axis")
"""Roles of the two lines, and their names."""

BELONGS = "DenseSharp.Axis"
"""Attribute of a line: nodule, outline and where the line was put, as JSON."""

DRAGGED = "DenseSharp.Dragged."
"""Attribute of a line, with a nodule's id: its outline, and where a reader left the line."""

OF_FORMER_OUTLINE = Notice(
    "axes_of_former_outline",
    "A reader measured axes on a former outline; they are not reported with this one: drag them "
    "again if they still hold.",
    "info",
)

LONGER_MM = 0.05
"""A line whose length differs by less was moved with its CT, not measured anew."""


def reader_axes(record: Any | None, nodule_id: str, outline: str) -> ReaderAxes | None:
    """What a reader measured of a nodule by dragging; None where nothing.

    Args:
        record: of its CT; None where it has none.
        nodule_id: the nodule.
        outline: fingerprint of its outline; what was measured on another one is not told.
    """
    if record is None:
        return None
    lines = [record.GetNodeReference(role) for role in AXES]
    long, short = (_own_length(line, nodule_id, outline) for line in lines)
    return None if long is None and short is None else ReaderAxes(long, short)


def measured_before(record: Any | None, nodule_id: str) -> bool:
    """Whether a reader has dragged axes of a nodule, on whatever outline it had then."""
    lines = [record.GetNodeReference(role) for role in AXES] if record is not None else []
    return any(_dragged_for(line, nodule_id) for line in lines if line is not None)


def ends(line: Any) -> list[NDArray[np.float64]]:
    """Both ends of a line, world RAS mm."""
    found = []
    for index in range(2):
        point = [0.0, 0.0, 0.0]
        line.GetNthControlPointPositionWorld(index, point)
        found.append(np.array(point))
    return found


def length(points: list[NDArray[np.float64]]) -> float:
    """Distance of two ends, mm."""
    return float(np.linalg.norm(points[1] - points[0]))


def was_dragged(line: Any) -> bool:
    """Whether a reader gave a line another length than it was put with."""
    owner = line.GetAttribute(BELONGS)
    if not owner or line.GetNumberOfControlPoints() != len(AXES):
        return False
    put = [np.array(point) for point in json.loads(owner)[2]]
    return abs(length(put) - length(ends(line))) > LONGER_MM


def keep_dragged(line: Any) -> None:
    """Remember where a reader left a line, before another nodule takes it or it is saved."""
    if was_dragged(line):
        nodule_id, outline, _ = json.loads(line.GetAttribute(BELONGS))
        kept = [outline, [point.tolist() for point in ends(line)]]
        line.SetAttribute(DRAGGED + nodule_id, json.dumps(kept))


def forget(record: Any, nodule_id: str) -> None:
    """Forget what was measured of a nodule that never was: the next one may get its id."""
    for line in filter(None, map(record.GetNodeReference, AXES)):
        line.RemoveAttribute(DRAGGED + nodule_id)
        if json.loads(line.GetAttribute(BELONGS) or "[]")[:1] == [nodule_id]:
            line.RemoveAttribute(BELONGS)


def left_at(line: Any, nodule_id: str, outline: str) -> list[NDArray[np.float64]] | None:
    """Where a reader left the line of a nodule, whose outline is still the same."""
    kept = json.loads(line.GetAttribute(DRAGGED + nodule_id) or "null")
    return [np.array(point) for point in kept[1]] if kept and kept[0] == outline else None


def _dragged_for(line: Any, nodule_id: str) -> bool:
    owner = json.loads(line.GetAttribute(BELONGS) or "[]")[:1]
    on_it = owner == [nodule_id] and was_dragged(line)
    return on_it or line.GetAttribute(DRAGGED + nodule_id) is not None


def _own_length(line: Any | None, nodule_id: str, outline: str) -> float | None:
    if line is None:
        return None
    owner = json.loads(line.GetAttribute(BELONGS) or "[]")[:2]
    if owner == [nodule_id, outline] and line.GetNumberOfControlPoints() == 2:
        return length(ends(line)) if was_dragged(line) else None
    left = left_at(line, nodule_id, outline)
    return None if left is None else length(left)
