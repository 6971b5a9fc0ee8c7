"""The section Nodules: the table of one CT's nodules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import qt
from slicer.i18n import tr as _

from densesharp_scene.card import LIST_COLUMNS, list_row
from densesharp_scene.nodule import Nodule

from .session import Session
from .translated import translated

MOST_ROWS = 8
"""The table grows to this many rows, then it scrolls."""


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
        table.horizontalHeader().setStretchLastSection(True)
        self.ui.nodulesTable.connect("itemSelectionChanged()", self.onSelected)
        self.ui.nodulesTable.connect("cellClicked(int,int)", self.onClicked)
        self.ui.nodulesTable.connect("itemChanged(QTableWidgetItem*)", self.onRenamed)
        self.ui.previousButton.connect("clicked()", self.onPrevious)
        self.ui.nextButton.connect("clicked()", self.onNext)
        self.ui.undoButton.connect("clicked()", self.onUndo)
        self.ui.redoButton.connect("clicked()", self.onRedo)
        self.ui.deleteButton.connect("clicked()", self.onDelete)

    def refresh(self) -> None:
        """Fill the table anew and select the chosen nodule in it."""
        nodules = self.session.nodules
        self._filling = True
        try:
            self._fill(nodules)
        finally:
            self._filling = False
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
        """Columns as wide as their texts, the last one takes the rest; rows close together."""
        for column in range(len(LIST_COLUMNS) - 1):
            self.ui.nodulesTable.resizeColumnToContents(column)
        self.ui.nodulesTable.resizeRowsToContents()
        rowHeight = self.ui.nodulesTable.rowHeight(0) if count else 24
        shown = min(max(count, 2), MOST_ROWS)
        self.ui.nodulesTable.setFixedHeight(rowHeight * (shown + 1) + 12)

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
                self.session.select(nodule_id)
                self.session.changed()

    def onClicked(self, row: int) -> None:
        """A row was clicked, the selected one too: bring the views there."""
        self.session.select(self.session.nodules[row].id)
        self.session.changed()

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
