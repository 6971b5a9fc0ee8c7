"""Seeds: one list of points for each CT, one point for each nodule.

A point is known by its id, which survives saving and dragging; its number in the list does not.
"""

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray

SIZE_PERCENT = 3.0
"""Width of the shown cross, percent of a view: thin, and the same however near the picture is, or
it covers a nodule of 6 mm."""

COLOR = (0.1, 0.9, 1.0)
"""Stands out on dark lung, on a bright nodule and beside the outlines."""

MOVED_MM = 0.01
"""A point or CT that lies further than this from where it was has been moved."""


def create_seeds(scene: Any, volume_node: Any) -> Any:
    """A list of points under the CT's transform, shown as thin crosses without labels."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{volume_node.GetName()} seeds")
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    display = node.GetDisplayNode()
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(SIZE_PERCENT)
    display.SetGlyphTypeFromString("Cross2D")
    display.SetPointLabelsVisibility(False)
    display.SetVisibility3D(False)
    display.SetPropertiesLabelVisibility(False)
    for set_color in (display.SetColor, display.SetSelectedColor, display.SetActiveColor):
        set_color(*COLOR)
    return node


def add_seed(node: Any, ras: ArrayLike, label: str) -> str:
    """Add a point at world RAS mm; returns its id."""
    r, a, s = (float(x) for x in np.asarray(ras))
    index = node.AddControlPointWorld(vtk.vtkVector3d(r, a, s), label)
    return str(node.GetNthControlPointID(index))


def seed_position(node: Any, seed_id: str) -> NDArray[np.float64] | None:
    """World RAS mm of a point; None when it is gone or not placed yet."""
    index = _index_of(node, seed_id)
    if index is None or node.GetNthControlPointPositionStatus(index) != node.PositionDefined:
        return None
    point = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, point)
    return np.array(point)


def was_moved(node: Any, seed_id: str, ras: ArrayLike) -> bool:
    """Whether a point lies elsewhere than at world RAS mm; not when it is gone."""
    position = seed_position(node, seed_id)
    return position is not None and bool(np.linalg.norm(position - np.asarray(ras)) > MOVED_MM)


def move_seed(node: Any, seed_id: str, ras: ArrayLike) -> None:
    """Put a point somewhere else, world RAS mm."""
    index = _index_of(node, seed_id)
    if index is not None:
        r, a, s = (float(x) for x in np.asarray(ras))
        node.SetNthControlPointPositionWorld(index, r, a, s)


def label_seed(node: Any, seed_id: str, label: str) -> None:
    """Give a point its nodule's name."""
    index = _index_of(node, seed_id)
    if index is not None:
        node.SetNthControlPointLabel(index, label)


def remove_seed(node: Any, seed_id: str) -> None:
    """Remove a point; nothing happens when it is gone already."""
    index = _index_of(node, seed_id)
    if index is not None:
        node.RemoveNthControlPoint(index)


def placed_seeds(node: Any) -> list[str]:
    """Ids of all points that have a place (a point that follows the mouse has none)."""
    return [
        str(node.GetNthControlPointID(index))
        for index in range(node.GetNumberOfControlPoints())
        if node.GetNthControlPointPositionStatus(index) == node.PositionDefined
    ]


def _index_of(node: Any, seed_id: str) -> int | None:
    index = int(node.GetNthControlPointIndexByID(seed_id)) if seed_id else -1
    return index if index >= 0 else None
