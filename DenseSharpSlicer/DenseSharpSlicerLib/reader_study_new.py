"""The section New study: the fields of a plan as a form."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError
from densesharp.study.conduct.design_fields import FIELDS, Field
from densesharp.study.conduct.new_study import create, summary


class NewStudySection:
    """Fills `studyNewFields` with one line for each field and makes the study."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self._form = qt.QFormLayout(ui.studyNewFields)
        self.widgets = {field.name: self._add(field) for field in FIELDS}
        self.ui.studyCreateButton.connect("clicked()", self.onCreate)

    def _add(self, field: Field) -> Any:
        widget = _widget_of(field)
        widget.setToolTip(field.help)
        row = widget
        if field.kind in ("file", "folder"):
            row = self._with_browse(field, widget)
        label = field.label + (" *:" if field.required else ":")
        self._form.addRow(label, row)
        return widget

    def _with_browse(self, field: Field, line: Any) -> Any:
        row = qt.QWidget()
        layout = qt.QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        button = qt.QPushButton("…")
        button.setToolTip(_("Choose"))
        button.connect("clicked()", lambda: _browse(field, line))
        layout.addWidget(line)
        layout.addWidget(button)
        return row

    def values(self) -> dict[str, str | bool]:
        """What is filled in."""
        return {field.name: _value_of(field, self.widgets[field.name]) for field in FIELDS}

    def onCreate(self) -> None:
        """Make the study; Slicer waits while the images are read."""
        label = self.ui.studyCreatedLabel

        def progress(fraction: float, text: str) -> None:
            label.text = f"{text} ({fraction:.0%})"
            slicer.app.processEvents()

        self.ui.studyCreateButton.enabled = False
        try:
            values = self.values()
            study = create(values, progress)
            label.text = summary(study, values)
            self.ui.studyFolderEdit.text = str(study.folder)
        except DenseSharpError as error:
            label.text = str(error)
        finally:
            self.ui.studyCreateButton.enabled = True


def _widget_of(field: Field) -> Any:
    if field.kind == "switch":
        return qt.QCheckBox()
    if field.kind == "choice":
        box = qt.QComboBox()
        for value, label in field.choices:
            box.addItem(label, value)
        box.setCurrentIndex([value for value, _label in field.choices].index(field.default))
        return box
    line = qt.QLineEdit()
    line.text = field.default
    return line


def _value_of(field: Field, widget: Any) -> str | bool:
    if field.kind == "switch":
        return bool(widget.checked)
    return str(widget.currentData if field.kind == "choice" else widget.text)


def _browse(field: Field, line: Any) -> None:
    window = slicer.util.mainWindow()
    if field.kind == "folder":
        chosen = qt.QFileDialog.getExistingDirectory(window, field.label)
    else:
        chosen = qt.QFileDialog.getOpenFileName(window, field.label, "", "CSV (*.csv)")
    if chosen:
        line.text = chosen
