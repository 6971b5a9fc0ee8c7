"""Slicer's place mode for marking nodules in the views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from densesharp_scene.record import records


def interaction_node() -> Any:
    """The node that says what the mouse does in the views."""
    return slicer.app.applicationLogic().GetInteractionNode()


def selection_node() -> Any:
    """The node that says which list is placed into."""
    return slicer.app.applicationLogic().GetSelectionNode()


def start(seeds_node: Any) -> None:
    """Each click in a view makes a point of this list, until place mode is left."""
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(seeds_node)
    logic.StartPlaceMode(True)


@contextmanager
def same_list() -> Iterator[None]:
    """Inside it lists may be made: Slicer would place the next points into the newest of them."""
    node = selection_node()
    active = node.GetActivePlaceNodeID() if node is not None else None
    yield
    if active and node.GetActivePlaceNodeID() != active:
        slicer.modules.markups.logic().SetActiveList(slicer.mrmlScene.GetNodeByID(active))


def stop() -> None:
    """The mouse moves the views again."""
    if is_placing():
        interaction_node().SwitchToViewTransformMode()


def is_placing() -> bool:
    """Whether the views are in place mode for a list of ours; other modules place points too."""
    node = interaction_node()
    if node is None or node.GetCurrentInteractionMode() != node.Place:
        return False
    active = slicer.mrmlScene.GetNodeByID(selection_node().GetActivePlaceNodeID() or "")
    ours = (entry.GetNodeReference("seeds") for entry in records(slicer.mrmlScene))
    return active is not None and active in ours
