"""Long and short axis of one nodule as lines in the slice that they were measured in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike

from densesharp.image.grid import ras_to_lps

from . import views
from .nodule import Nodule
from .transform_sync import carried

NAMES = ("Long axis", "Short axis")
MARK = "DenseSharp.Axis"
"""Attribute of our lines: they are drawn anew and never saved."""

COLOR = (1.0, 0.95, 0.35)
GLYPH_PERCENT, TEXT_PERCENT = 0.7, 2.6
"""Of a view's size."""

_SAME_MM = 0.5

LINE_SHARE = 0.35
"""Of a glyph's size."""


def lines_of(volume_node: Any, nodule: Nodule) -> list[tuple[ArrayLike, ArrayLike]]:
    """Ends of long and short axis, world RAS mm where the CT lies now; empty without them."""
    measured = nodule.result.shown().measurements
    if measured is None:
        return []

    def place(point: ArrayLike) -> ArrayLike:
        return carried(volume_node, nodule.world, ras_to_lps(point))

    axes = (measured.long_axis, measured.short_axis)
    return [(place(axis.start), place(axis.end)) for axis in axes]


def show_axes(scene: Any, lines: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
    """Draw the axes of one nodule, and those of no other.

    Args:
        scene: where to.
        lines: long and short axis from point to point, world RAS mm; empty to draw none.
    """
    for node in axis_nodes(scene):
        scene.RemoveNode(node)
    planes = _views_along(scene, lines)
    for name, ends in zip(NAMES, lines, strict=False):
        node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
        node.SetAttribute(MARK, "1")
        node.SetSaveWithScene(False)
        node.SetHideFromEditors(True)
        node.SetLocked(True)
        _style(node, planes)
        for end in ends:
            node.AddControlPointWorld(vtk.vtkVector3d(*(float(x) for x in end)), "")


def axis_nodes(scene: Any) -> list[Any]:
    """The lines that are drawn now."""
    lines = views.nodes_of(scene, "vtkMRMLMarkupsLineNode")
    return [node for node in lines if node.GetAttribute(MARK)]


def _views_along(scene: Any, lines: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[str]:
    """Ids of the slice views in whose plane the lines lie: others would show where they cross."""
    tilts = {}
    for view in views.nodes_of(scene, "vtkMRMLSliceNode"):
        matrix = view.GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        along = [np.subtract(end, start) for start, end in lines]
        tilts[view.GetID()] = sum(abs(normal @ line) for line in along)
    least = min(tilts.values(), default=0.0)
    return [view for view, tilt in tilts.items() if tilt <= least + _SAME_MM]


def _style(node: Any, planes: list[str]) -> None:
    """Thin, in the slice that it lies in only."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    for view in planes:
        display.AddViewNodeID(view)
    display.SetVisibility3D(False)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(GLYPH_PERCENT)
    display.SetCurveLineSizeMode(display.UseLineThickness)
    display.SetLineThickness(LINE_SHARE)
    display.SetTextScale(TEXT_PERCENT)
    for set_color in (display.SetColor, display.SetSelectedColor, display.SetActiveColor):
        set_color(*COLOR)
