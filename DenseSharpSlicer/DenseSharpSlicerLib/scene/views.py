"""What the slice views show: background, overlay, window, and where they look."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from numpy.typing import ArrayLike

WINDOWS = {"lung": (1500.0, -600.0), "mediastinum": (400.0, 40.0), "bone": (1800.0, 400.0)}
"""Window width and level in HU."""


def set_window(volume_node: Any, width: float, level: float) -> None:
    """Set window width and level (HU) of a CT."""
    display = volume_node.GetDisplayNode()
    was_modifying = display.StartModify()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(width, level)
    display.EndModify(was_modifying)


def show_background(scene: Any, volume_node: Any) -> None:
    """Show a CT in all slice views."""
    for composite in _nodes(scene, "vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(volume_node.GetID() if volume_node else None)


def background_volume(scene: Any) -> Any | None:
    """The volume shown in the first slice view that shows one."""
    for composite in _nodes(scene, "vtkMRMLSliceCompositeNode"):
        node = scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        if node is not None:
            return node
    return None


def show_overlay(scene: Any, volume_node: Any | None, opacity: float = 0.5) -> None:
    """Show a volume over the CT in all slice views; None shows none."""
    for composite in _nodes(scene, "vtkMRMLSliceCompositeNode"):
        composite.SetForegroundVolumeID(volume_node.GetID() if volume_node else None)
        composite.SetForegroundOpacity(opacity if volume_node else 0.0)


def jump_to(scene: Any, ras: ArrayLike, centered: bool = True) -> None:
    """Bring all slice views and the crosshair to a world point (RAS mm)."""
    r, a, s = (float(x) for x in np.asarray(ras))
    node = slicer.vtkMRMLSliceNode
    mode = node.CenteredJumpSlice if centered else node.OffsetJumpSlice
    node.JumpAllSlices(scene, r, a, s, mode)
    for crosshair in _nodes(scene, "vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(r, a, s)


def _nodes(scene: Any, class_name: str) -> list[Any]:
    collection = scene.GetNodesByClass(class_name)
    collection.UnRegister(None)
    return [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]
