"""The measured axes of a nodule as lines on the CT, which a reader may drag to own measurements.

Slicer draws each line with its length in mm, and follows a drag by itself. A line that was dragged
is the reader's: it is named so and stays, until the nodule has another outline.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from densesharp.image.grid import ras_to_lps

from . import record
from .scan import ScanNodules
from .seeds import MOVED_MM

AXES = ("long axis", "short axis")
"""Roles of the two lines, and their names."""

BELONGS = "DenseSharp.Axis"
"""Attribute of a line: nodule, outline and where the line was put, as JSON."""

COLOR = (0.1, 0.9, 1.0)


@dataclass(frozen=True)
class Lengths:
    """What the two lines measure.

    Attributes:
        long_mm, short_mm: their lengths.
        by_reader: a reader dragged one of them.
    """

    long_mm: float
    short_mm: float
    by_reader: bool


def show(scan: ScanNodules, nodule_id: str) -> Lengths | None:
    """Show a nodule's axes and hide any other's; None when nothing was measured."""
    nodule = scan.nodule(nodule_id)
    measured = nodule.result.shown().measurements
    if measured is None:
        hide(scan)
        return None
    for role, segment in zip(AXES, (measured.long_axis, measured.short_axis), strict=True):
        line = record.referenced(scan.record_node, role, lambda role=role: _create(scan, role))
        ends = [
            scan.where_now(nodule_id, ras_to_lps(point)) for point in (segment.start, segment.end)
        ]
        owner = [nodule_id, nodule.mask_digest, np.round(ends, 6).tolist()]
        if line.GetAttribute(BELONGS) != json.dumps(owner):
            _put(line, ends)
            line.SetAttribute(BELONGS, json.dumps(owner))
        line.SetName(f"{nodule.name} {role}{' (reader)' if _was_dragged(line) else ''}")
        line.GetDisplayNode().SetVisibility(True)
    return lengths(scan)


def hide(scan: ScanNodules) -> None:
    """Show no axes."""
    for line in _lines(scan):
        line.GetDisplayNode().SetVisibility(False)


def lengths(scan: ScanNodules) -> Lengths | None:
    """What the lines measure now; None while there are none."""
    lines = _lines(scan)
    if len(lines) != len(AXES):
        return None
    measured = [float(np.linalg.norm(np.subtract(*_ends(line)))) for line in lines]
    return Lengths(measured[0], measured[1], any(_was_dragged(line) for line in lines))


def lines_of(scan: ScanNodules) -> list[Any]:
    """The nodes of the lines, to be told of a drag."""
    return _lines(scan)


def _lines(scan: ScanNodules) -> list[Any]:
    found = (scan.known(role) for role in AXES)
    return [line for line in found if line is not None and line.GetNumberOfControlPoints() == 2]


def _create(scan: ScanNodules, role: str) -> Any:
    line = scan.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", role)
    line.CreateDefaultDisplayNodes()
    line.SetAndObserveTransformNodeID(scan.volume_node.GetTransformNodeID())
    display = line.GetDisplayNode()
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(True)
    display.SetVisibility3D(False)
    for set_color in (display.SetColor, display.SetSelectedColor, display.SetActiveColor):
        set_color(*COLOR)
    return line


def _put(line: Any, ends: list[NDArray[np.float64]]) -> None:
    was_modifying = line.StartModify()
    line.RemoveAllControlPoints()
    for point in ends:
        line.AddControlPointWorld(vtk.vtkVector3d(*point.tolist()))
    line.EndModify(was_modifying)


def _ends(line: Any) -> list[NDArray[np.float64]]:
    ends = []
    for index in range(2):
        point = [0.0, 0.0, 0.0]
        line.GetNthControlPointPositionWorld(index, point)
        ends.append(np.array(point))
    return ends


def _was_dragged(line: Any) -> bool:
    put = np.array(json.loads(line.GetAttribute(BELONGS))[2])
    return bool(np.abs(put - _ends(line)).max() > MOVED_MM)
