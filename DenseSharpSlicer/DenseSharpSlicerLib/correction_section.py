"""Correcting an outline without leaving the panel: Slicer's own Segment Editor widget in Review."""

from __future__ import annotations

from typing import Any

import slicer

from densesharp_scene.compared import smooth_again
from densesharp_scene.nodule import Nodule

from .session import Session

EFFECTS = ("Paint", "Draw", "Erase", "Smoothing", "Islands")
"""What a nodule's outline is corrected with; the module Segment Editor has them all."""

UNDO_STATES = 10

TAG = "DenseSharp"
"""Of the editor's own node, so that the module Segment Editor keeps its state."""


class CorrectionSection:
    """Shows the editor for the selected nodule while its button is down."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self._editor: Any = None
        self._shown: tuple[str, str] | None = None
        self.ui.editorFrame.visible = False
        self.ui.hereButton.visible = hasattr(slicer, "qMRMLSegmentEditorWidget")
        self.ui.hereButton.connect("toggled(bool)", self.onHere)

    def refresh(self) -> None:
        """Follow the selected nodule."""
        nodule = self.session.nodule
        self.ui.hereButton.enabled = nodule is not None
        if nodule is None:
            self.stop()
        elif self.ui.hereButton.checked:
            self._follow(nodule)

    def onHere(self, checked: bool) -> None:
        """Show the editor, or end correcting."""
        nodule = self.session.nodule
        if not checked or nodule is None:
            self.stop()
            self.session.changed()
            return
        if self._editor is None:
            self._editor = self._make()
        self.ui.editorFrame.visible = True
        self._editor.setupViewObservations()
        self._follow(nodule)

    def stop(self) -> None:
        """The mouse no longer paints; called when the module is left too."""
        if self._editor is not None and self._shown is not None:
            self._editor.setActiveEffectByName("")
            self._editor.removeViewObservations()
            smooth_again(slicer.mrmlScene)
        self._shown = None
        self.ui.editorFrame.visible = False
        blocked = self.ui.hereButton.blockSignals(True)
        self.ui.hereButton.checked = False
        self.ui.hereButton.blockSignals(blocked)

    def _make(self) -> Any:
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMaximumNumberOfUndoStates(UNDO_STATES)
        editor.setMRMLScene(slicer.mrmlScene)
        editor.setEffectNameOrder(list(EFFECTS))
        editor.autoShowSourceVolumeNode = False  # two CTs side by side stay so
        editor.unorderedEffectsVisible = False
        editor.segmentationNodeSelectorVisible = False
        editor.sourceVolumeNodeSelectorVisible = False
        editor.switchToSegmentationsButtonVisible = False
        self.ui.editorFrame.layout().addWidget(editor)
        return editor

    def _follow(self, nodule: Nodule) -> None:
        scan = self.session.opened()
        segment_id = scan.outline(nodule.id)  # an empty one to draw where the model found none
        shown = (scan.segmentation_node.GetID(), segment_id)
        if shown != self._shown:
            self._shown = shown
            self._editor.setMRMLSegmentEditorNode(_editor_node())
            self._editor.setSegmentationNode(scan.segmentation_node)
            self._editor.setSourceVolumeNode(scan.volume_node)
            self._editor.setCurrentSegmentID(segment_id)


def _editor_node() -> Any:
    node = slicer.mrmlScene.GetSingletonNode(TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag(TAG)
        node = slicer.mrmlScene.AddNode(node)
    return node
