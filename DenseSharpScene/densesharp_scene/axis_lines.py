"""Which lines of measured axes a reader has dragged, and how long they are then.

A line says in attributes where it was put, and where readers left it for other nodules.
"""

import json
from collections.abc import Sequence
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

OwnLine = tuple[str, tuple[tuple[float, ...], ...]] | None
"""Fingerprint of the outline that a reader measured on, and both ends of the line, world RAS mm."""

LONGER_MM = 0.05
"""A line whose length differs by less was moved with its CT, not measured anew."""

_SAME_MM = 1e-3


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


def own_lines(record: Any | None, nodule_id: str) -> tuple[OwnLine, ...]:
    """Where a reader left the lines of a nodule, for `put_back`; None where nothing was dragged."""
    lines = [record.GetNodeReference(role) if record is not None else None for role in AXES]
    return tuple(_own_line(line, nodule_id) if line is not None else None for line in lines)


def measure_the_same(one: Sequence[OwnLine], other: Sequence[OwnLine]) -> bool:
    """Whether two states of a nodule's lines have the same lengths on the same outlines."""
    return all(
        a is b is None or bool(a and b and a[0] == b[0] and abs(_span(a) - _span(b)) < _SAME_MM)
        for a, b in zip(one, other, strict=True)
    )


def put_back(record: Any, nodule_id: str, lines: Sequence[OwnLine]) -> None:
    """Leave the lines of a nodule where a reader once left them; they are drawn anew for it."""
    for role, own in zip(AXES, lines, strict=True):
        line = record.GetNodeReference(role)
        if line is not None:
            _keep(line, nodule_id, own)
            if _owner(line)[0] == nodule_id:
                line.RemoveAttribute(BELONGS)


def keep_dragged(line: Any) -> None:
    """Remember where a reader left a line, before another nodule takes it or it is saved."""
    nodule_id, _ = _owner(line)
    if nodule_id:
        _keep(line, nodule_id, _own_line(line, nodule_id))


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


def _owner(line: Any) -> tuple[str, str]:
    """The nodule that a line is drawn for, and its outline; empty before the first."""
    owner = json.loads(line.GetAttribute(BELONGS) or "[]")
    return (owner[0], owner[1]) if owner else ("", "")


def _own_line(line: Any, nodule_id: str) -> OwnLine:
    owner, outline = _owner(line)
    if owner == nodule_id and was_dragged(line):
        return outline, tuple(tuple(point.tolist()) for point in ends(line))
    kept = json.loads(line.GetAttribute(DRAGGED + nodule_id) or "null")
    drawn = owner == nodule_id and line.GetNumberOfControlPoints() == len(AXES)
    dragged_back = drawn and kept is not None and kept[0] == outline
    return None if kept is None or dragged_back else (kept[0], tuple(map(tuple, kept[1])))


def _keep(line: Any, nodule_id: str, own: OwnLine) -> None:
    if own is None:
        line.RemoveAttribute(DRAGGED + nodule_id)
    else:
        line.SetAttribute(DRAGGED + nodule_id, json.dumps(own))


def _span(own: tuple[str, tuple[tuple[float, ...], ...]]) -> float:
    return length([np.array(point) for point in own[1]])


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
