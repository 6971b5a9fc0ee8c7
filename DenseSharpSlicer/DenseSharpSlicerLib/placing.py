"""Slicer's place mode for marking nodules in the views."""

from __future__ import annotations

from typing import Any

import slicer


def interaction_node() -> Any:
    """The node that says what the mouse does in the views."""
    return slicer.app.applicationLogic().GetInteractionNode()


def start(seeds_node: Any) -> None:
    """Each click in a view makes a point of this list, until place mode is left."""
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(seeds_node)
    logic.StartPlaceMode(True)


def stop() -> None:
    """The mouse moves the views again."""
    if is_placing():
        interaction_node().SwitchToViewTransformMode()


def is_placing() -> bool:
    """Whether the views are in place mode."""
    node = interaction_node()
    return bool(node is not None and node.GetCurrentInteractionMode() == node.Place)
