# ruff: noqa: N801, N815 - the names are Slicer's
"""Slicer's MRML widgets that the panels use: the panel's frame and the node selector.

The node selector's rules (what becomes current when, and which signals follow in which order) are
those measured on Slicer's own widget.
"""

from types import ModuleType
from typing import Any

import vtk
from PySide6.QtCore import Property, Signal

from slicer_standin import qt


class qMRMLWidget(qt.QWidget):
    """The frame of a module's panel; hands the scene on to the widgets inside."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._followers: list[Any] = []

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        for follow in self._followers:
            follow(scene)
        self.mrmlSceneChanged.emit(scene)

    def followScene(self, setter: Any) -> None:
        """A connection of the `.ui` file: `setter` is called with each new scene."""
        self._followers.append(setter)


_EDITOR_PARTS = (
    "unorderedEffectsVisible", "segmentationNodeSelectorVisible", "sourceVolumeNodeSelectorVisible",
    "switchToSegmentationsButtonVisible", "autoShowSourceVolumeNode",
)  # fmt: skip


class qMRMLSortFilterProxyModel(qt.QObject):
    """Which nodes a selector lists: of the real one, the ids that it leaves out."""

    def __init__(self, changed: Any) -> None:
        super().__init__()
        self._ids: tuple[str, ...] = ()
        self._changed = changed

    def _set_ids(self, ids: Any) -> None:
        self._ids = tuple(ids)
        self._changed()

    hiddenNodeIDs = Property("QStringList", lambda self: self._ids, _set_ids)


class qMRMLNodeComboBox(qt.QWidget):
    """A combo box with the nodes of some types in the scene."""

    currentNodeChanged = Signal((object,), (bool,))
    currentNodeIDChanged = Signal(str)
    nodeAddedByUser = Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._types: list[str] = []
        self._flags = {
            "noneEnabled": False,
            "addEnabled": True,
            "removeEnabled": True,
            "renameEnabled": False,
            "editEnabled": False,
            "showHidden": False,
            "showChildNodeTypes": True,
            "selectNodeUponCreation": True,
        }
        self._base_name = ""
        self._nodes: list[Any] = []
        self._current: Any = None
        self._wanted: Any = None
        self._tags: list[tuple[Any, int]] = []
        self._listed = qMRMLSortFilterProxyModel(self._refresh)
        self._box = qt.QComboBox(self)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.connect("activated(int)", self._on_activated)
        self.setEnabled(False)

    def sortFilterProxyModel(self) -> Any:
        return self._listed

    # the scene -----------------------------------------------------------------------------

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        for source, tag in self._tags:
            source.RemoveObserver(tag)
        self._tags, self._scene = [], scene
        self.setEnabled(scene is not None)
        if scene is None:
            self._nodes = []
            self._select(None)
            return
        events = {
            scene.NodeAddedEvent: self._on_added,
            scene.NodeAboutToBeRemovedEvent: self._on_removed,
            scene.EndBatchProcessEvent: self._on_batch,
        }
        for event, call in events.items():
            self._tags.append((scene, scene.AddObserver(event, _with_object(call))))
        self._refresh()
        if self._wanted is not None:
            self._select(self._wanted)
        elif not self.noneEnabled and self._nodes:
            self._select(self._nodes[0])

    def _fits(self, node: Any) -> bool:
        if node is None or not any(map(node.IsA, self._types)):
            return False
        if not self.showChildNodeTypes and node.GetClassName() not in self._types:
            return False
        hidden = node.GetHideFromEditors() and not self.showHidden
        return not hidden and node.GetID() not in self._listed.hiddenNodeIDs

    def _refresh(self) -> None:
        count = self._scene.GetNumberOfNodes() if self._scene else 0
        nodes = (self._scene.GetNthNode(index) for index in range(count))
        self._nodes = [node for node in nodes if self._fits(node)]
        self._fill()

    def _fill(self) -> None:
        self._box.clear()
        if self.noneEnabled:
            self._box.addItem("None")
        for node in self._nodes:
            self._box.addItem(node.GetName())
        if self._current in self._nodes:
            self._box.setCurrentIndex(self._nodes.index(self._current) + int(self.noneEnabled))
        elif self._current is None:
            self._box.setCurrentIndex(0 if self.noneEnabled else -1)

    def _on_added(self, node: Any) -> None:
        if not self._alive() or not self._fits(node) or self._scene.IsBatchProcessing():
            return
        first = not self._nodes
        self._refresh()
        if first and not (self.noneEnabled or self.addEnabled or self.removeEnabled):
            self._select(node)

    def _on_removed(self, node: Any) -> None:
        if not self._alive() or node not in self._nodes:
            return
        row = self._nodes.index(node)
        self._nodes.remove(node)
        if node is self._current:
            following = self._nodes[min(row, len(self._nodes) - 1)] if self._nodes else None
            self._select(following)
        self._fill()

    def _on_batch(self, node: Any) -> None:
        if not self._alive():
            return
        self._refresh()
        if self._current is not None and self._current not in self._nodes:
            self._select(self._nodes[0] if self._nodes else None)

    def _alive(self) -> bool:
        """VTK observers outlive the C++ widget."""
        from shiboken6 import isValid

        return bool(isValid(self))

    # the current node ----------------------------------------------------------------------

    def currentNode(self) -> Any:
        return self._current

    def setCurrentNode(self, node: Any) -> None:
        if self._scene is None:
            self._wanted = node
            return
        self._select(node if self._fits(node) else None)

    def setCurrentNodeID(self, node_id: str) -> None:
        self.setCurrentNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def _select(self, node: Any) -> None:
        if node is self._current:
            return
        self._current = node
        if node is not None and node not in self._nodes:
            self._refresh()
        self._fill()
        self.currentNodeChanged[object].emit(node)
        self.currentNodeChanged[bool].emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _on_activated(self, index: int) -> None:
        index -= int(self.noneEnabled)
        self._select(self._nodes[index] if index >= 0 else None)

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int) -> Any:
        return self._nodes[index]

    def addNode(self, type_name: str = "") -> Any:
        name = self._scene.GenerateUniqueName(self._base_name or "Node")
        node = self._scene.AddNewNodeByClass(type_name or self._types[0], name)
        self._select(node)
        self.nodeAddedByUser.emit(node)
        return node

    # properties ----------------------------------------------------------------------------

    def _set_flag(self, name: str, value: bool) -> None:
        self._flags[name] = bool(value)
        if self._scene is None:
            return
        self._refresh()
        if name == "noneEnabled" and not value and self._current is None and self._nodes:
            self._select(self._nodes[0])

    def _set_types(self, types: Any) -> None:
        self._types = list(types)
        if self._scene is not None:
            self._refresh()

    nodeTypes = Property("QStringList", lambda self: tuple(self._types), _set_types)
    baseName = Property(
        str, lambda self: self._base_name, lambda self, name: setattr(self, "_base_name", name)
    )
    currentNodeID = Property(
        str,
        lambda self: self._current.GetID() if self._current is not None else "",
        setCurrentNodeID,
    )
    for _name in (
        "noneEnabled", "addEnabled", "removeEnabled", "renameEnabled", "editEnabled",
        "showHidden", "showChildNodeTypes", "selectNodeUponCreation",
    ):  # fmt: skip
        locals()[_name] = Property(
            bool,
            lambda self, name=_name: self._flags[name],
            lambda self, value, name=_name: self._set_flag(name, value),
        )


class qMRMLSegmentEditorWidget(qt.QWidget):
    """Segment Editor's widget: of the real one, what it is told, and whether it paints."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.told: dict[str, Any] = {}
        self.watching = False
        self._shown = dict.fromkeys(_EDITOR_PARTS, True)

    def setupViewObservations(self) -> None:
        self.watching = True

    def removeViewObservations(self) -> None:
        self.watching = False

    for _name in (
        "setMRMLScene", "setMRMLSegmentEditorNode", "setSegmentationNode", "setSourceVolumeNode",
        "setCurrentSegmentID", "setEffectNameOrder", "setMaximumNumberOfUndoStates",
        "setActiveEffectByName",
    ):  # fmt: skip
        locals()[_name] = lambda self, value, name=_name: self.told.update({name: value})
    for _name in _EDITOR_PARTS:
        locals()[_name] = Property(
            bool,
            lambda self, name=_name: self._shown[name],
            lambda self, value, name=_name: self._shown.update({name: value}),
        )


def _with_object(call: Any) -> Any:
    """A VTK observer that hands the event's node on."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def observe(caller: Any, event: str, node: Any) -> None:
        call(node)

    @vtk.calldata_type(vtk.VTK_INT)
    def observe_plain(caller: Any, event: str, value: Any = None) -> None:
        call(None)

    return observe_plain if call.__name__ == "_on_batch" else observe


def publish(slicer: ModuleType) -> None:
    """Put the widgets into the `slicer` module and allow them in `.ui` files."""
    slicer.qMRMLSegmentEditorWidget = qMRMLSegmentEditorWidget
    for cls in (qMRMLWidget, qMRMLNodeComboBox):
        setattr(slicer, cls.__name__, cls)
        qt.CUSTOM_WIDGETS[cls.__name__] = cls
