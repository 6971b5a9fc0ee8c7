"""The section Result: the card of the selected nodule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError
from densesharp.nodule.records import Prediction
from densesharp.report.labels import Row
from densesharp_scene.card import NOTHING_SELECTED, Probability, ResultCard, result_card
from densesharp_scene.geometry import EVIDENCE
from densesharp_scene.scan import ScanNodules
from densesharp_scene.views import overlay_volume

from . import card
from .pace import show_value
from .session import Session
from .translated import translated


class ResultSection:
    """Classes, calls, verdict, measurements, guideline hints and the report sentence."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self.threshold = 0.5
        self._shown: ResultCard | None = None
        self._drawn: dict[str, Any] = {}
        self._evidence: Prediction | None = None
        self._evidenceScan: ScanNodules | None = None
        self.parts = (self._showHead, self._showAdvice, self._showRest)
        self._bars = (self.ui.classBar0, self.ui.classBar1, self.ui.classBar2)
        table = self.ui.measurementsTable
        table.setColumnCount(2)
        table.horizontalHeader().setVisible(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.verticalHeader().setVisible(False)
        self.ui.evidenceCheckBox.connect("toggled(bool)", self.onEvidence)
        self.ui.copyButton.connect("clicked()", self.onCopy)
        self.ui.thresholdSlider.connect("valueChanged(double)", self.onThreshold)

    def refresh(self) -> None:
        """Show the selected nodule."""
        for part in self.parts:
            part()

    def _showHead(self) -> None:
        nodule = self.session.nodule
        self.ui.copyButton.enabled = nodule is not None
        self._showEvidence()
        if nodule is None:
            self._shown = None
            self.ui.resultCard.visible = False
            self.ui.resultTitle.text = translated(NOTHING_SELECTED)
            self.ui.outdatedLabel.visible = False
            return
        reason, running = self.session.outdated(nodule), self.session.is_running(nodule.id)
        shown = self._shown = result_card(self.session.shown(nodule), running)
        self.ui.resultTitle.text = card.bold(shown.title)
        self.ui.outdatedLabel.visible = reason is not None
        self.ui.outdatedLabel.text = reason or ""
        self._showClasses(shown)
        self.ui.verdictLabel.text = card.verdict(shown)
        self._showText("uncertaintyLabel", translated(shown.spread))
        self._showText("stabilityLabel", card.light(shown.stability))

    def _showAdvice(self) -> None:
        """The longest text: laying it out takes as long as all others."""
        if self._shown is not None:
            self._showText("guidelineLabel", card.advice(self._shown.advice))

    def _showRest(self) -> None:
        if self._shown is None:
            return
        self._showMeasurements(self._shown.measurements)
        if self._isNew("reportEdit", self._shown.sentence):
            self.ui.reportEdit.setPlainText(self._shown.sentence)
        # Last: each part that appears in a card in sight makes Qt lay out the whole panel.
        self.ui.resultCard.visible = True

    def _showClasses(self, shown: ResultCard) -> None:
        self.ui.classFrame.visible = bool(shown.classes)
        for bar, probability in zip(self._bars, shown.classes, strict=False):
            _fill(bar, probability)
        questions = ((self.ui.invasiveBar, self.ui.invasiveCall),
                     (self.ui.iacBar, self.ui.iacCall))  # fmt: skip
        for (bar, call), probability in zip(questions, shown.questions, strict=False):
            _fill(bar, probability)
            call.text = _("yes") if probability.value >= self.threshold else _("no")
        self.ui.trainingLabel.text = translated(shown.training)

    def _isNew(self, control: str, content: Any) -> bool:
        """Whether a control shows something else; laying out the card anew takes 40 ms."""
        same = self._drawn.get(control) == content
        self._drawn[control] = content
        return not same

    def _showMeasurements(self, rows: Sequence[Row]) -> None:
        if not self._isNew("measurementsTable", tuple(rows)):
            return
        self.ui.measurementsTable.visible = bool(rows)
        self.ui.measurementsTable.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self.ui.measurementsTable.setItem(number, 0, qt.QTableWidgetItem(translated(row.label)))
            self.ui.measurementsTable.setItem(number, 1, qt.QTableWidgetItem(translated(row.text)))
        self.ui.measurementsTable.resizeColumnToContents(0)
        self.ui.measurementsTable.resizeRowsToContents()
        heights = sum(self.ui.measurementsTable.rowHeight(row) for row in range(len(rows)))
        self.ui.measurementsTable.setFixedHeight(heights + 4)

    def _showText(self, name: str, text: str) -> None:
        if self._isNew(name, text):
            label = getattr(self.ui, name)
            label.visible = bool(text)
            label.text = text

    def _showEvidence(self) -> None:
        """The overlay follows the selection; nothing is written while it stays the same."""
        scan, nodule = self.session.scan, self.session.nodule
        prediction = nodule.result.prediction if nodule is not None else None
        self.ui.evidenceCheckBox.enabled = prediction is not None
        wanted = prediction if self.ui.evidenceCheckBox.checked else None
        if wanted is self._evidence and scan is self._evidenceScan:
            return
        if self._evidenceScan is not None and self._evidenceScan.alive:
            self._evidenceScan.show_evidence(None)
        self._evidence, self._evidenceScan = wanted, scan
        if wanted is None or scan is None or nodule is None:
            return
        try:
            scan.show_evidence(nodule.id)
        except DenseSharpError as error:
            self.session.say(str(error), failed=True)

    def followScene(self) -> None:
        """A scene was opened: its views may show an evidence map."""
        overlay = overlay_volume(slicer.mrmlScene)
        shown = overlay is not None and bool(overlay.GetAttribute(EVIDENCE))
        wasBlocked = self.ui.evidenceCheckBox.blockSignals(True)
        self.ui.evidenceCheckBox.checked = shown
        self.ui.evidenceCheckBox.blockSignals(wasBlocked)

    def onEvidence(self) -> None:
        """Show or hide where the model saw its class."""
        self.refresh()

    def onThreshold(self, value: float) -> None:
        """Read the two calls at another threshold."""
        self.threshold = value
        if self.session.nodule is not None:
            self._showClasses(result_card(self.session.nodule))

    def onCopy(self) -> None:
        """Put the report sentence on the clipboard."""
        slicer.app.clipboard().setText(self.ui.reportEdit.toPlainText())
        self.session.say(_("The report sentence is on the clipboard."))
        self.session.changed()


def _fill(bar: Any, probability: Probability) -> None:
    """Show a probability and its spread."""
    show_value(bar, round(100 * probability.value))
    bar.format = f"{probability.text} {probability.spread}".rstrip()
