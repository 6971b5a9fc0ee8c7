"""The section Nodules: the table of one CT's nodules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError
from densesharp_scene import measured_axes
from densesharp_scene.card import LIST_COLUMNS, list_row
from densesharp_scene.compared import look_at_pair
from densesharp_scene.nodule import Nodule
from densesharp_scene.scan import ScanNodules
from densesharp_scene.segments import toggle_outlines
from densesharp_scene.views import shows, zoom_back, zoom_to

from . import placing
from .session import Session
from .translated import translated

MOST_ROWS = 8
"""The table grows to this many rows, then it scrolls."""

FIELD_MM, FIELD_TIMES = 60.0, 2.5
"""So wide a slice view shows a nodule: these mm, or so many times its long axis."""

FEWEST_ROWS = 3
ROW_HEIGHT = 24
"""Pixels, where no row tells its own."""


class NodulesSection:
    """Shows all nodules; selecting one jumps to it, its name can be edited in place."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self._filling = False
        table = self.ui.nodulesTable
        table.setColumnCount(len(LIST_COLUMNS))
        table.setHorizontalHeaderLabels([translated(name) for name in LIST_COLUMNS])
        table.verticalHeader().setVisible(False)
        table.horizontalHeader().setStretchLastSection(False)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.horizontalHeader().setMinimumSectionSize(20)
        table.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        self.ui.nodulesTable.connect("itemSelectionChanged()", self.onSelected)
        self.ui.nodulesTable.connect("cellClicked(int,int)", self.onClicked)
        self.ui.nodulesTable.connect("itemChanged(QTableWidgetItem*)", self.onRenamed)
        self.ui.previousButton.connect("clicked()", self.onPrevious)
        self.ui.nextButton.connect("clicked()", self.onNext)
        self.ui.undoButton.connect("clicked()", self.onUndo)
        self.ui.redoButton.connect("clicked()", self.onRedo)
        self.ui.deleteButton.connect("clicked()", self.onDelete)
        self.ui.zoomCheckBox.connect("toggled(bool)", self.onZoom)
        self.ui.outlineCheckBox.connect("toggled(bool)", self.onOutline)
        self.ui.axesCheckBox.connect("toggled(bool)", self.onAxes)
        self._axes: list[tuple[Any, int]] = []

    def refresh(self) -> None:
        """Fill the table anew and select the chosen nodule in it."""
        nodules = self.session.nodules
        self._filling = True
        try:
            self._fill(nodules)
        finally:
            self._filling = False
        self.onAxes(self.ui.axesCheckBox.checked)
        several = len(nodules) > 1
        self.ui.previousButton.enabled = several
        self.ui.nextButton.enabled = several
        self.ui.deleteButton.enabled = self.session.nodule is not None
        self.ui.undoButton.enabled = self.session.can_undo()
        self.ui.redoButton.enabled = self.session.can_redo()

    def _fill(self, nodules: Sequence[Nodule]) -> None:
        self.ui.nodulesTable.setRowCount(len(nodules))
        for row, nodule in enumerate(nodules):
            for column, text in enumerate((*astuple(list_row(nodule)), self._state(nodule))):
                self._write(row, column, text)
        self._fitTable(len(nodules))
        ids = [nodule.id for nodule in nodules]
        if self.session.selected not in ids:
            self.ui.nodulesTable.setCurrentCell(-1, -1)
        elif self.ui.nodulesTable.currentRow() != ids.index(self.session.selected):
            self.ui.nodulesTable.selectRow(ids.index(self.session.selected))

    def _write(self, row: int, column: int, text: str) -> None:
        """Put a text into a cell; one that holds it already is left alone, it may be edited now."""
        item = self.ui.nodulesTable.item(row, column)
        if item is None:
            self.ui.nodulesTable.setItem(row, column, _item(text, editable=column == 0))
        elif item.text() != text:
            item.setText(text)

    def _fitTable(self, count: int) -> None:
        """All columns in sight at any width, so that no scroll bar hides a row: names give way."""
        table = self.ui.nodulesTable
        for column in range(1, len(LIST_COLUMNS)):
            table.resizeColumnToContents(column)
        table.resizeRowsToContents()
        rows = [table.rowHeight(row) for row in range(min(count, MOST_ROWS))]
        spare = max(FEWEST_ROWS - len(rows), 0) * (rows[0] if rows else ROW_HEIGHT)
        header = max(table.horizontalHeader().height, ROW_HEIGHT)
        table.setFixedHeight(header + sum(rows) + spare + 2 * table.frameWidth)

    def _state(self, nodule: Nodule) -> str:
        scan = self.session.scan
        if self.session.is_running(nodule.id):
            return _("running")
        if scan is not None and self.session.outdated(nodule):
            return _("outdated")
        words = {"accepted": _("accepted"), "rejected": _("rejected")}
        verdicts = {"ok": _("ok"), "caution": _("caution"), "refused": _("refused")}
        return words.get(nodule.review.decision, verdicts[nodule.result.verdict])

    def onSelected(self) -> None:
        """A row was selected: show that nodule."""
        row = self.ui.nodulesTable.currentRow()
        if not self._filling and 0 <= row < len(self.session.nodules):
            nodule_id = self.session.nodules[row].id
            if nodule_id != self.session.selected:
                self._select(nodule_id)

    def onClicked(self, row: int) -> None:
        """A row was clicked, the selected one too: bring the views there."""
        self._select(self.session.nodules[row].id)

    def _select(self, nodule_id: str) -> None:
        """Select a nodule and bring the views there, near when wished."""
        self.session.select(nodule_id)
        self._come_near()
        self.session.changed()

    def _come_near(self) -> None:
        self._lookAtPair()
        if not self.ui.zoomCheckBox.checked:
            return
        nodule = self.session.nodule
        measured = nodule.result.measurements if nodule is not None else None
        across = measured.long_axis_mm if measured is not None else 0.0
        zoom_to(slicer.mrmlScene, max(FIELD_MM, FIELD_TIMES * across))

    def _lookAtPair(self) -> None:
        """Views that show the earlier CT go to the same nodule there, not to its place here."""
        scan, nodule = self.session.scan, self.session.nodule
        prior = self.ui.priorSelector.currentNode()
        if scan is None or nodule is None or prior is None or prior is scan.volume_node:
            return
        if shows(slicer.mrmlScene, prior):
            self.session.run(lambda: look_at_pair(scan, nodule.id, self.session.scan_of(prior)))

    def onZoom(self, near: bool) -> None:
        """Near the selected nodule, or as wide as before."""
        if near and self.session.nodule is not None:
            self._select(self.session.selected)
        elif not near:
            zoom_back(slicer.mrmlScene)

    def onAxes(self, shown: bool) -> None:
        """The axes of the selected nodule, or none; none while its outline is newer than they."""
        for line, tag in self._axes:
            line.RemoveObserver(tag)
        self._axes = []
        for other in self.session.others():
            measured_axes.hide(other)
        scan, nodule = self.session.scan, self.session.nodule
        if scan is None or not scan.alive:
            self._tellAxes(None)
        elif shown and nodule is not None and self.session.outdated(nodule) is None:
            self._tellAxes(self._showAxes(scan, nodule.id))
        else:
            measured_axes.hide(scan)
            self._tellAxes(None)

    def _showAxes(self, scan: ScanNodules, nodule_id: str) -> measured_axes.Lengths | None:
        try:
            with placing.same_list():
                found = measured_axes.show(scan, nodule_id)
        except DenseSharpError:  # the CT lies under a transform that bends space
            return None
        for line in measured_axes.lines_of(scan):
            for event, follow in (
                (line.PointModifiedEvent, self._onAxisDragged),
                (line.PointEndInteractionEvent, self._onAxisLeft),
            ):
                self._axes.append((line, line.AddObserver(event, follow)))
        return found

    def _onAxisDragged(self, _caller: Any, _event: str) -> None:
        scan = self.session.scan
        if scan is not None and scan.alive:
            self._tellAxes(measured_axes.lengths(scan))

    def _onAxisLeft(self, _caller: Any, _event: str) -> None:
        """The drag is over: the card's sentence has the new length, and it can be undone."""
        self.session.run(self.session.take_lines)

    def _tellAxes(self, found: measured_axes.Lengths | None) -> None:
        """The lengths of the lines, and whose they are."""
        text = _("Axes")
        if found is not None:
            words = _("Axes {long:.1f} x {short:.1f} mm")
            own = _("Axes {long:.1f} x {short:.1f} mm (yours)")
            template = own if found.by_reader else words
            text = template.format(long=found.long_mm, short=found.short_mm)
        self.ui.axesCheckBox.text = text

    def onOutline(self, shown: bool) -> None:
        """Outlines in the slice views off or on."""
        scan = self.session.scan
        node = scan.known("segmentation") if scan is not None and scan.alive else None
        if node is not None and bool(node.GetDisplayNode().GetVisibility2DOutline()) != shown:
            toggle_outlines(node)

    def onRenamed(self, item: Any) -> None:
        """The name in the first column was edited."""
        scan = self.session.scan
        if self._filling or scan is None or item.column() != 0:
            return
        nodule_id = self.session.nodules[item.row()].id
        self.session.run(lambda: self.session.rename(nodule_id, item.text()))
        self.session.changed()

    def onPrevious(self) -> None:
        """The nodule above, from the first to the last."""
        self._step(-1)

    def onNext(self) -> None:
        """The nodule below, from the last to the first."""
        self._step(1)

    def _step(self, step: int) -> None:
        self.session.step(step)
        self._come_near()
        self.session.changed()

    def onUndo(self) -> None:
        """Take back the last step."""
        self.session.run(self.session.undo)
        self.session.changed()

    def onRedo(self) -> None:
        """Bring back what was undone last."""
        self.session.run(self.session.redo)
        self.session.changed()

    def onDelete(self) -> None:
        """Remove the selected nodule."""
        self.session.run(self.session.delete)
        self.session.changed()


def _item(text: str, editable: bool) -> Any:
    item = qt.QTableWidgetItem(text)
    if not editable:
        item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
    return item
