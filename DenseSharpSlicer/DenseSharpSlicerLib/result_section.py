"""The section Result: the card of the selected nodule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
import slicer

from densesharp.errors import DenseSharpError
from densesharp.nodule.records import CLASS_NAMES, Measurements, NoduleResult, Prediction
from densesharp.report.labels import percent_words
from densesharp_scene.geometry import EVIDENCE
from densesharp_scene.scan import ScanNodules
from densesharp_scene.views import overlay_volume

from . import card
from .session import Session


class ResultSection:
    """Classes, calls, verdict, measurements, guideline hints and the report sentence."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self.threshold = 0.5
        self._evidence: Prediction | None = None
        self._evidenceScan: ScanNodules | None = None
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
        nodule, scan = self.session.nodule, self.session.scan
        self.ui.resultCard.visible = nodule is not None
        self._showEvidence()
        if nodule is None or scan is None:
            self.ui.resultTitle.text = card.nothing_selected()
            self.ui.outdatedLabel.visible = False
            return
        reason, result = self.session.outdated(scan, nodule), nodule.result.shown()
        self.ui.resultTitle.text = card.title(nodule)
        self.ui.outdatedLabel.visible = reason is not None
        self.ui.outdatedLabel.text = reason or ""
        self._showClasses(result)
        self._showQuality(nodule.id, result)
        self._showMeasurements(result.measurements)
        self._showText(self.ui.guidelineLabel, card.guidelines(result.guidelines))
        self.ui.reportEdit.setPlainText(card.sentence(result))

    def _showClasses(self, result: NoduleResult) -> None:
        probabilities: Mapping[str, float] | None = result.class_probabilities
        self.ui.classFrame.visible = probabilities is not None
        if probabilities is None:
            return
        for bar, name in zip(self._bars, CLASS_NAMES, strict=True):
            _fill(bar, probabilities[name])
        _fill(self.ui.invasiveBar, result.probability_invasive or 0.0)
        _fill(self.ui.iacBar, result.probability_iac or 0.0)
        self.ui.invasiveCall.text = card.call(result.probability_invasive or 0.0, self.threshold)
        self.ui.trainingLabel.text = card.training(result)
        self.ui.iacCall.text = card.call(result.probability_iac or 0.0, self.threshold)

    def _showQuality(self, nodule_id: str, result: NoduleResult) -> None:
        scan = self.session.scan
        running = scan is not None and self.session.analyst.is_running(scan, nodule_id)
        self.ui.verdictLabel.text = card.verdict(result)
        self._showText(self.ui.uncertaintyLabel, card.uncertainty(result.uncertainty))
        self._showText(self.ui.stabilityLabel, card.stability(result.stability, running))

    def _showMeasurements(self, measured: Measurements | None) -> None:
        rows = card.measurement_rows(measured) if measured else []
        self.ui.measurementsTable.visible = bool(rows)
        self.ui.measurementsTable.setRowCount(len(rows))
        for row, (name, value) in enumerate(rows):
            self.ui.measurementsTable.setItem(row, 0, qt.QTableWidgetItem(name))
            self.ui.measurementsTable.setItem(row, 1, qt.QTableWidgetItem(value))
        self.ui.measurementsTable.resizeColumnToContents(0)
        self.ui.measurementsTable.resizeRowsToContents()
        heights = sum(self.ui.measurementsTable.rowHeight(row) for row in range(len(rows)))
        self.ui.measurementsTable.setFixedHeight(heights + 4)

    def _showText(self, label: Any, text: str) -> None:
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
            self._showClasses(self.session.nodule.result.shown())

    def onCopy(self) -> None:
        """Put the report sentence on the clipboard."""
        slicer.app.clipboard().setText(self.ui.reportEdit.toPlainText())
        self.session.say(card.copied())
        self.session.changed()


def _fill(bar: Any, probability: float) -> None:
    """Show a probability, 0 to 1."""
    bar.value = round(100 * probability)
    bar.format = percent_words(probability)
