"""Distances that a reader measures: two clicks make a line, which can be dragged afterwards."""

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike

from . import views
from .measured_axes import show_in_plane, style
from .scan import ScanNodules

MARK = "DenseSharp.Ruler"
"""Attribute of our rulers."""

COLOR = (0.55, 0.95, 0.75)


def click(scan: ScanNodules, ras: ArrayLike) -> float | None:
    """Begin a ruler at a place (world RAS mm), or end the one begun and give its mm."""
    begun = next((line for line in lines(scan.scene) if line.GetNumberOfControlPoints() == 1), None)
    line = begun or _create(scan)
    line.AddControlPointWorld(vtk.vtkVector3d(*np.asarray(ras, dtype=np.float64).tolist()))
    if begun is None:
        return None
    show_in_plane(line, scan.volume_node)
    line.SetLocked(False)
    return length(line)


def length(line: Any) -> float:
    """Length of a ruler, mm."""
    ends = [line.GetNthControlPointPositionWorld(index) for index in range(2)]
    return float(np.linalg.norm(np.subtract(*ends)))


def lines(scene: Any) -> list[Any]:
    """All rulers of a scene."""
    found = views.nodes_of(scene, "vtkMRMLMarkupsLineNode")
    return [line for line in found if line.GetAttribute(MARK)]


def clear(scene: Any) -> None:
    """Remove all rulers."""
    for line in lines(scene):
        scene.RemoveNode(line)


def forget_begun(scene: Any) -> None:
    """Remove a ruler that has its first end only."""
    for line in lines(scene):
        if line.GetNumberOfControlPoints() < 2:
            scene.RemoveNode(line)


def _create(scan: ScanNodules) -> Any:
    line = scan.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Ruler")
    line.SetAttribute(MARK, "1")
    line.SetLocked(True)
    line.CreateDefaultDisplayNodes()
    line.SetAndObserveTransformNodeID(scan.volume_node.GetTransformNodeID())
    style(line, COLOR)
    return line
