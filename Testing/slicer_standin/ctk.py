# ruff: noqa: N801, N815 - the names are CTK's
"""`import ctk`: the few CTK widgets that the panels use, with CTK's defaults and member names."""

from typing import Any

from PySide6.QtCore import Property, QEvent, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSizePolicy, QStyle, QStyleOptionButton

from slicer_standin import qt


class ctkCollapsibleButton(qt.QWidget):
    """A titled section that opens and closes on a click on its title."""

    contentsCollapsed = Signal(bool)
    toggled = Signal(bool)
    clicked = Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text = ""
        self._collapsed = False
        self._hidden_before: set[int] = set()
        # As in CTK: what it would like to have is the least that it gets.
        self.setSizePolicy(QSizePolicy.Minimum, QSizePolicy.Preferred)
        self.setContentsMargins(0, self._header(), 0, 0)

    def _header(self) -> int:
        return int(self.fontMetrics().height()) + 10

    def _get_text(self) -> str:
        return self._text

    def _set_text(self, text: str) -> None:
        self._text = text
        self.update()

    def _get_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        widgets = [child for child in self.children() if child.isWidgetType()]
        if collapsed:
            self._hidden_before = {id(child) for child in widgets if child.isHidden()}
        for child in widgets:
            child.setVisible(not collapsed and id(child) not in self._hidden_before)
        self.setMaximumHeight(self._header() if collapsed else 16777215)
        self.toggled.emit(not collapsed)
        self.contentsCollapsed.emit(collapsed)
        self.update()

    text = Property(str, _get_text, _set_text)
    collapsed = Property(bool, _get_collapsed, _set_collapsed)
    checked = Property(
        bool,
        lambda self: not self._collapsed,
        lambda self, checked: self._set_collapsed(not checked),
    )

    def mouseReleaseEvent(self, event: Any) -> None:
        if event.position().y() <= self._header():
            self._set_collapsed(not self._collapsed)
            self.clicked.emit(not self._collapsed)

    def paintEvent(self, event: QEvent) -> None:
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = self.rect.adjusted(0, 0, 0, self._header() - self.height)
        option.text = ("▸ " if self._collapsed else "▾ ") + self._text
        painter = QPainter(self)
        self.style().drawControl(QStyle.CE_PushButtonBevel, option, painter, self)
        text_area = option.rect.adjusted(8, 0, 0, 0)
        self.style().drawItemText(
            painter, text_area, int(qt.Qt.AlignVCenter), option.palette, True, option.text
        )
        painter.end()


class ctkSliderWidget(qt.QWidget):
    """A slider and a spin box for one number. 0..99, two decimals; the value is not rounded."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    _STEPS = 1000

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._minimum, self._maximum, self._value = 0.0, 99.0, 0.0
        self._step = 1.0
        self._busy = False
        self._slider = qt.QSlider(qt.Qt.Horizontal, self)
        self._slider.setRange(0, self._STEPS)
        self._box = qt.QDoubleSpinBox(self)
        self._box.setRange(0.0, 99.0)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(self._box)
        self._slider.connect("valueChanged(int)", self._on_slider)
        self._box.connect("valueChanged(double)", self.setValue)

    def _on_slider(self, position: int) -> None:
        if not self._busy:
            raw = self._minimum + (self._maximum - self._minimum) * position / self._STEPS
            steps = round((raw - self._minimum) / self._step)
            self.setValue(self._minimum + steps * self._step)

    def setValue(self, value: float) -> None:
        value = min(max(float(value), self._minimum), self._maximum)
        if self._busy or value == self._value:
            return
        self._value = value
        self._show()
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def _show(self) -> None:
        self._busy = True
        span = (self._maximum - self._minimum) or 1.0
        self._slider.setValue(round((self._value - self._minimum) / span * self._STEPS))
        self._box.setValue(self._value)
        self._busy = False

    def setDecimals(self, decimals: int) -> None:
        self._box.setDecimals(decimals)

    def setSpinBoxVisible(self, visible: bool) -> None:
        self._box.setVisible(visible)

    def reset(self) -> None:
        self.setValue(self._minimum)

    def _set_limit(self, name: str, limit: float) -> None:
        setattr(self, name, float(limit))
        self._busy = True
        self._box.setRange(self._minimum, self._maximum)
        self._busy = False
        clamped = min(max(self._value, self._minimum), self._maximum)
        self._show() if clamped == self._value else self.setValue(clamped)

    def _set_step(self, step: float) -> None:
        self._step = float(step)
        self._box.setSingleStep(step)

    value = Property(float, lambda self: self._value, setValue)
    minimum = Property(
        float, lambda self: self._minimum, lambda self, v: self._set_limit("_minimum", v)
    )
    maximum = Property(
        float, lambda self: self._maximum, lambda self, v: self._set_limit("_maximum", v)
    )
    singleStep = Property(float, lambda self: self._step, lambda self, v: self._set_step(v))
    decimals = Property(int, lambda self: self._box.decimals, setDecimals)
    suffix = Property(str, lambda self: self._box.suffix, lambda self, v: self._box.setSuffix(v))
    prefix = Property(str, lambda self: self._box.prefix, lambda self, v: self._box.setPrefix(v))


class ctkPathLineEdit(qt.QWidget):
    """A path with a button that opens the file dialog."""

    currentPathChanged = Signal(str)
    Files = 2

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._filters: list[str] = []
        self._key = ""
        self._edit = qt.QLineEdit(self)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._edit)
        browse = qt.QToolButton(self)
        browse.setText("…")
        row.addWidget(browse)
        browse.connect("clicked()", self.browse)
        self._edit.connect("textChanged(QString)", self.currentPathChanged.emit)

    def browse(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self, "", "", ";;".join(self._filters))
        if path:
            self._edit.text = path

    def addCurrentPathToHistory(self) -> None:
        qt.QSettings().setValue(self._key, self._edit.text)

    currentPath = Property(
        str, lambda self: self._edit.text, lambda self, path: self._edit.setText(path)
    )
    nameFilters = Property(
        "QStringList",
        lambda self: self._filters,
        lambda self, v: setattr(self, "_filters", list(v)),
    )
    settingKey = Property(str, lambda self: self._key, lambda self, v: setattr(self, "_key", v))


class ctkMessageBox(qt.QMessageBox):
    """Slicer's message boxes; `slicer.util.*Display` opens them outside of testing mode."""

    dontShowAgain = False


for _cls in (ctkCollapsibleButton, ctkSliderWidget, ctkPathLineEdit):
    qt.CUSTOM_WIDGETS[_cls.__name__] = _cls
