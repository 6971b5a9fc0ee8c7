"""The measured axes of a nodule as lines on the CT, which a reader may drag to own measurements.

Slicer follows a drag by itself. A line that was dragged is the reader's: it is named so, drawn with
its length, and stays until the nodule has another outline. Each is drawn in the slice that it lies
in only.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from densesharp.image.grid import ras_to_lps
from densesharp.report.labels import Phrase

from . import record, views
from .axis_lines import AXES, BELONGS, ends, keep_dragged, left_at, length, was_dragged
from .scan import ScanNodules

COLOR = (1.0, 0.95, 0.35)
GLYPH_PERCENT, TEXT_PERCENT = 0.9, 2.6
"""Of a view's size."""

LINE_SHARE = 0.3
"""Of a glyph's size."""

_SAME_MM = 0.5


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
        measured_at = [
            scan.where_now(nodule_id, ras_to_lps(point)) for point in (segment.start, segment.end)
        ]
        owner = [nodule_id, nodule.mask_digest, np.round(measured_at, 6).tolist()]
        if line.GetAttribute(BELONGS) != json.dumps(owner) or not line.GetNumberOfControlPoints():
            keep_dragged(line)
            _put(line, left_at(line, nodule_id, nodule.mask_digest) or measured_at)
            line.SetAttribute(BELONGS, json.dumps(owner))
        show_in_plane(line, scan.volume_node)
        dragged = was_dragged(line)
        line.SetName(f"{nodule.name} {role}{' (reader)' if dragged else ''}")
        # The card has the others' lengths, and two labels in one small nodule hide it.
        line.GetDisplayNode().SetPropertiesLabelVisibility(dragged)
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
    measured = [length(ends(line)) for line in lines]
    return Lengths(measured[0], measured[1], any(was_dragged(line) for line in lines))


def words(found: Lengths) -> str:
    """What a reader measured, for the card."""
    text = "Measured by the reader: {long} × {short} mm"
    return Phrase(text, long=f"{found.long_mm:.1f}", short=f"{found.short_mm:.1f}")


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
    style(line, COLOR)
    return line


def style(line: Any, color: tuple[float, float, float]) -> None:
    """Thin, with its length, in slices only."""
    display = line.GetDisplayNode()
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(True)
    display.SetVisibility3D(False)
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(GLYPH_PERCENT)
    display.SetCurveLineSizeMode(display.UseLineThickness)
    display.SetLineThickness(LINE_SHARE)
    display.SetTextScale(TEXT_PERCENT)
    for set_color in (display.SetColor, display.SetSelectedColor, display.SetActiveColor):
        set_color(*color)


def show_in_plane(line: Any, volume_node: Any) -> None:
    """Show a line in the views of its CT in whose plane it lies: others would show a dot."""
    along = np.subtract(*ends(line))
    tilts = {}
    for view in views.views_of(line.GetScene(), volume_node):
        matrix = view.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        tilts[view.GetID()] = abs(normal @ along)
    least = min(tilts.values(), default=0.0)
    planes = sorted(view for view, tilt in tilts.items() if tilt <= least + _SAME_MM)
    display = line.GetDisplayNode()
    if sorted(display.GetViewNodeIDs() or ()) != planes:
        was_modifying = display.StartModify()
        display.RemoveAllViewNodeIDs()
        for view in planes:
            display.AddViewNodeID(view)
        display.EndModify(was_modifying)


def _put(line: Any, points: list[NDArray[np.float64]]) -> None:
    was_modifying = line.StartModify()
    line.RemoveAllControlPoints()
    for point in points:
        line.AddControlPointWorld(vtk.vtkVector3d(*point.tolist()))
    line.EndModify(was_modifying)
