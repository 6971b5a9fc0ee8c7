"""Knows whether work would be lost, and asks before another CT takes the place of the open one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from densesharp_scene import ScanNodules, segments

if TYPE_CHECKING:
    from .session import Session

NODES = ("segment", "seed")
"""Where the scene keeps a nodule: no work of a reader."""


class Unsaved:
    """Compares the nodules with what was saved last.

    Args:
        session: whose CT is looked at.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._saved = ""
        self._next: Callable[[], None] | None = None

    def state(self) -> str:
        """All that a reader can lose: nodules, names, outlines, decisions."""
        scan = self._session.scan
        return "" if scan is None or not scan.alive else _state_of(scan)

    @property
    def any(self) -> bool:
        """Whether something changed since the CT was opened or saved."""
        return self.state() != self._saved

    def saved(self, state: str) -> None:
        """This state is in the files now."""
        self._saved = state

    def ask(self, go_on: Callable[[], None]) -> None:
        """Go on at once when nothing would be lost; else ask the reader first."""
        if not self.any:
            go_on()
            return
        self._next = go_on
        self._session.publish({"leaving": True})
        self._session.say("", "info")

    def save(self) -> None:
        """Save, then go on; what was changed while it was saved keeps the question open."""
        self._session.exports.save(lambda: None if self.any else self.discard())

    def discard(self) -> None:
        """Go on without what was not saved."""
        go_on = self._next
        self.stay()
        if go_on is not None:
            go_on()

    def stay(self) -> None:
        """Keep the CT that is open."""
        self._next = None
        self._session.publish({"leaving": False})


def _state_of(scan: ScanNodules) -> str:
    kept = []
    for nodule in scan.nodules:
        record = {key: value for key, value in nodule.to_json().items() if key not in NODES}
        kept.append([record, segments.digest(scan.mask_of(nodule.id))])
    return json.dumps(kept)
