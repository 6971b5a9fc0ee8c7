"""The section Review: decisions, corrections, comparison with an earlier CT."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp.report.labels import review_words
from densesharp.words import plain_name
from densesharp_scene.compared import side_by_side
from densesharp_scene.dates import tell_days
from densesharp_scene.linked import Linked
from densesharp_scene.nodule import Decision
from densesharp_scene.scan import ScanNodules

from . import followup, preferences
from .session import Session
from .translated import translated

DARK = 128
"""A ground darker than this (0..255) wants light text."""


class ReviewSection:
    """Accept or reject, correct the outline, compare."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self.linked = Linked()
        self.ui.readerEdit.text = preferences.read("Reader")
        self.ui.readerEdit.connect("editingFinished()", self.onReader)
        self.ui.acceptButton.connect("clicked()", self.onAccept)
        self.ui.rejectButton.connect("clicked()", self.onReject)
        self.ui.reopenButton.connect("clicked()", self.onReopen)
        self.ui.editButton.connect("clicked()", self.onEdit)
        self.ui.updateButton.connect("clicked()", self.onUpdate)
        self.ui.autoUpdateCheckBox.connect("toggled(bool)", self.onAutoUpdate)
        self.ui.priorSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onPrior)
        self.ui.daysSpinBox.connect("valueChanged(int)", self.onDays)
        self.ui.findPriorButton.connect("clicked()", self.onFindPrior)
        self.ui.besideButton.connect("clicked()", self.onBeside)

    def refresh(self) -> None:
        """Show the decision and the change of the selected nodule."""
        nodule, scan = self.session.nodule, self.session.scan
        for button in (self.ui.acceptButton, self.ui.rejectButton):
            button.enabled = nodule is not None
        self.ui.reopenButton.enabled = nodule is not None and nodule.review.decision != "open"
        self.ui.editButton.enabled = nodule is not None
        self.ui.updateButton.enabled = (
            nodule is not None and scan is not None and self.session.outdated(nodule) is not None
        )
        self.ui.decisionLabel.text = (
            translated(review_words(nodule.review)) if nodule is not None else ""
        )
        self.ui.decisionLabel.visible = nodule is not None
        self._showChange()

    def _showChange(self) -> None:
        prior, scan = self.ui.priorSelector.currentNode(), self.session.scan
        text = followup.describe(self.session, prior, self.ui.daysSpinBox.value)
        self.ui.findPriorButton.enabled = (
            self.session.nodule is not None
            and self.session.nodule.segment_id != ""
            and prior is not None
            and scan is not None
            and prior is not scan.volume_node
        )
        self.ui.besideButton.enabled = (
            self.session.nodule is not None
            and prior is not None
            and scan is not None
            and prior is not scan.volume_node
        )
        self.ui.changeLabel.visible = bool(text)
        self.ui.changeLabel.text = text
        self._showChart()

    def _showChart(self) -> None:
        """The volume at all dates of the nodule; away with fewer than two."""
        ground = self.ui.chartLabel.palette.color(qt.QPalette.Window)
        svg = followup.chart(self.session, "dark" if ground.lightness() < DARK else "light")
        picture = qt.QPixmap()
        shown = bool(svg) and picture.loadFromData(qt.QByteArray(svg.encode()), "SVG")
        self.ui.chartLabel.visible = shown
        if shown:
            self.ui.chartLabel.setPixmap(picture)

    def onReader(self) -> None:
        """Remember who reads."""
        preferences.write("Reader", plain_name(self.ui.readerEdit.text))

    def onAccept(self) -> None:
        """Accept the selected nodule."""
        self._decide("accepted")

    def onReject(self) -> None:
        """Reject the selected nodule."""
        self._decide("rejected")

    def onReopen(self) -> None:
        """Take the decision back."""
        self._decide("open")

    def _decide(self, decision: Decision) -> None:
        if self.session.nodule is None:
            return
        self.session.state.reader = plain_name(self.ui.readerEdit.text)
        self.session.run(lambda: self.session.decide(decision))
        self.session.changed()

    def onEdit(self) -> None:
        """Open the selected nodule in Segment Editor."""
        scan, nodule = self.session.scan, self.session.nodule
        if scan is None or nodule is None:
            return
        try:
            slicer.util.selectModule("SegmentEditor")
            editor = slicer.util.getModuleWidget("SegmentEditor").editor
        except RuntimeError:
            self.session.say(_("Segment Editor needs Slicer's main window."), failed=True)
            self.session.changed()
            return
        segment_id = scan.outline(nodule.id)  # an empty one to draw where the model found none
        editor.setSegmentationNode(scan.segmentation_node)
        editor.setSourceVolumeNode(scan.volume_node)
        editor.setCurrentSegmentID(segment_id)

    def onUpdate(self) -> None:
        """Analyse what no longer fits again: a corrected outline as it is, else from its point."""
        if self.session.nodule is not None:
            self.session.run(self.session.rerun)
            self.session.changed()

    def onAutoUpdate(self, checked: bool) -> None:
        """Whether corrected outlines are analysed at once."""
        self.session.auto_update = checked

    def onPrior(self) -> None:
        """Another earlier CT was chosen: how long ago, as it was entered or as DICOM tells."""
        prior, scan = self.ui.priorSelector.currentNode(), self.session.scan
        if prior is not None and scan is not None:
            self.ui.daysSpinBox.value = followup.days_between(prior, scan.volume_node)
        self.onDays()

    def onDays(self) -> None:
        """Another time between the two CT was entered; it is kept with them."""
        prior, scan = self.ui.priorSelector.currentNode(), self.session.scan
        if prior is not None and scan is not None and prior is not scan.volume_node:
            tell_days(scan.volume_node, prior, self.ui.daysSpinBox.value)
        self._showChange()

    def onBeside(self) -> None:
        """Show both CTs side by side, each at the nodule; they scroll and zoom together."""
        scan, nodule = self.session.scan, self.session.nodule
        prior, manager = self.ui.priorSelector.currentNode(), slicer.app.layoutManager()
        if scan is None or nodule is None or prior is None:
            return
        if manager is not None:
            manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
        self.session.run(lambda: self._showBeside(scan, nodule.id, prior))
        self.session.changed()

    def _showBeside(self, scan: ScanNodules, nodule_id: str, prior: Any) -> None:
        self.linked.unlink()
        self.linked.link(*side_by_side(scan, nodule_id, self.session.scan_of(prior)))

    def onFindPrior(self) -> None:
        """Look for the selected nodule in the earlier CT."""
        scan, nodule = self.session.scan, self.session.nodule
        prior = self.ui.priorSelector.currentNode()
        if scan is not None and nodule is not None:
            self.session.run(lambda: self.session.find_again(self.session.scan_of(prior)))
            self.session.changed()
