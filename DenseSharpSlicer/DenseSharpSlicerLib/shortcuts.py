"""Single keys of the panel; they work while the module is open, in the views and in the panel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import qt
import slicer

KEYS = {
    "placeButton": "N",
    "acceptButton": "A",
    "rejectButton": "X",
    "moreButton": "M",
    "lessButton": "L",
    "evidenceCheckBox": "E",
    "undoButton": "U",
    "zoomCheckBox": "C",
    "outlineCheckBox": "O",
    "previousButton": ",",
    "nextButton": ".",
}
"""Control -> its key, written on it. None is Slicer's own: `Testing/slicer_api.py` lists those of
the main window, the views and Segment Editor."""


class Shortcuts:
    """Made when the module is entered, gone when it is left.

    A key presses its control. It is no key of the whole window: a name that is typed elsewhere
    must not decide about a nodule.

    Args:
        ui: the panel's controls.
        panel: the panel.
        usable: whether the panel may be used now; else a key does nothing.
    """

    def __init__(self, ui: Any, panel: Any, usable: Callable[[], bool]) -> None:
        self._ui = ui
        self._panel = panel
        self._usable = usable
        self._keys: list[Any] = []
        for name, key in KEYS.items():
            control = getattr(ui, name)
            control.text = f"{control.text} ({key})"

    def enable(self) -> None:
        """Listen to the keys; a second call changes nothing."""
        if self._keys:
            return
        manager = slicer.app.layoutManager()
        views = [manager.viewport()] if manager is not None else []
        for place in (self._panel, *views):
            for name, key in KEYS.items():
                self._keys.append(self._make(place, name, key))

    def _make(self, place: Any, name: str, key: str) -> Any:
        shortcut = qt.QShortcut(place)
        shortcut.setKey(qt.QKeySequence(key))
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", partial(self._press, name))
        return shortcut

    def _press(self, name: str) -> None:
        if self._usable():
            getattr(self._ui, name).click()

    def disable(self) -> None:
        """Listen no longer."""
        for key in self._keys:
            key.setEnabled(False)
            key.setParent(None)
            key.deleteLater()
        self._keys = []
