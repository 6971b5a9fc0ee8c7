"""Knows whether work would be lost, and asks before another CT takes the place of the open one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from densesharp_scene import Nodule, ScanNodules, segments
from densesharp_scene.session_state import SessionState

from .page_listener import NO_MESSAGE, Publish

NODES = ("segment", "seed")
"""Where the scene keeps a nodule: no work of a reader."""


@dataclass(frozen=True)
class _Known:
    """A nodule as it was seen last.

    Attributes:
        nodule: its record.
        version: of its outline in the scene.
        text: what a reader can lose of it.
    """

    nodule: Nodule
    version: tuple[Any, ...]
    text: str


class Unsaved:
    """Compares the nodules with what was saved last.

    Args:
        state: whose CT is looked at.
        publish: told whether to ask.

    Attributes:
        save_then: saves, and calls what it is given when all is written.
    """

    def __init__(self, state: SessionState, publish: Publish) -> None:
        self._state, self._publish = state, publish
        self.save_then: Callable[[Callable[[], None]], None] = lambda _then: None
        self._saved = ""
        self._known: dict[str, _Known] = {}
        self._next: Callable[[], None] | None = None

    def state(self) -> str:
        """All that a reader can lose: nodules, names, outlines, decisions."""
        scan = self._state.scan
        if scan is None or not scan.alive:
            return ""
        real = [nodule for nodule in scan.nodules if not nodule.refused_click]
        self._known = {nodule.id: self._look_at(scan, nodule) for nodule in real}
        hints = [dict(scan.handed_out(nodule.id).result.guidelines) for nodule in real]
        return json.dumps([hints, [known.text for known in self._known.values()]])

    def _look_at(self, scan: ScanNodules, nodule: Nodule) -> _Known:
        """Again only when the nodule or its outline has changed: asked whenever the page is."""
        node = scan.known("segmentation")
        version = segments.version_of(node, nodule.segment_id) if node is not None else ()
        known = self._known.get(nodule.id)
        if known is not None and known.nodule is nodule and known.version == version:
            return known
        return _Known(
            nodule, version, _record_of(nodule) + segments.digest(scan.mask_of(nodule.id))
        )

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
        self._publish({"leaving": True, "message": NO_MESSAGE})

    def save(self) -> None:
        """Save, then go on; what was changed while it was saved keeps the question open."""
        self.save_then(lambda: None if self.any else self.discard())

    def discard(self) -> None:
        """Go on without what was not saved."""
        go_on = self._next
        self.stay()
        if go_on is not None:
            go_on()

    def stay(self) -> None:
        """Keep the CT that is open."""
        self._next = None
        self._publish({"leaving": False})


def _record_of(nodule: Nodule) -> str:
    """What is stored of a nodule but for its places in the scene."""
    return json.dumps({key: value for key, value in nodule.to_json().items() if key not in NODES})
