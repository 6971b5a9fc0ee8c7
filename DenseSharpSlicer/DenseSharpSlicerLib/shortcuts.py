"""Keys of the panel; they work only while the module is open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import qt
import slicer

KEYS = {
    "mark": "Ctrl+Shift+N",
    "accept": "Ctrl+Shift+Y",
    "reject": "Ctrl+Shift+R",
    "evidence": "Ctrl+Shift+M",
    "undo": "Ctrl+Shift+Z",
    "zoom": "Ctrl+Shift+L",
    "outlines": "Ctrl+Shift+O",
    "previous": "Ctrl+Shift+PgUp",
    "next": "Ctrl+Shift+PgDown",
}
"""Action -> key. A key that Slicer uses too works for neither: `Testing/slicer_api.py` lists those
(the Markups and Sequences tool bars have some everywhere); IBus takes Ctrl+Shift+E and U."""


class Shortcuts:
    """Made when the module is entered, gone when it is left.

    Args:
        actions: what each key of `KEYS` does.
        owner: gets the keys when there is no main window.
        usable: whether the panel may be used now; else a key does nothing.
    """

    def __init__(
        self, actions: dict[str, Callable[[], None]], owner: Any, usable: Callable[[], bool]
    ) -> None:
        self._actions = actions
        self._owner = owner
        self._usable = usable
        self._keys: list[Any] = []

    def enable(self) -> None:
        """Listen to the keys; a second call changes nothing."""
        if self._keys:
            return
        parent = slicer.util.mainWindow() or self._owner
        for name, action in self._actions.items():
            key = qt.QShortcut(parent)
            key.setKey(qt.QKeySequence(KEYS[name]))
            key.connect("activated()", partial(self._press, action))
            self._keys.append(key)

    def _press(self, action: Callable[[], None]) -> None:
        if self._usable():
            action()

    def disable(self) -> None:
        """Listen no longer."""
        for key in self._keys:
            key.setEnabled(False)
            key.setParent(None)
            key.deleteLater()
        self._keys = []
