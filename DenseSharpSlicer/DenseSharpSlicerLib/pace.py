"""What the panel does when: answers first, then the views, then the panel in short pieces.

Slicer's main thread draws views and panel, and keeps Python while it does and while it waits in
Qt's event loop: it gives Python up only inside Python code that waits. So each look of the panel's
timer lets the worker run for a moment, and does no more than one piece of drawing: a key or the
wheel never waits for the whole panel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

POLL_MS = 1
"""How long Slicer's event loop is left alone between two looks."""

YIELD_SECONDS = 0.008
"""How long a look lets the worker run, unless it answers before."""

MOVING_SECONDS = 0.001
"""The same while views move and nobody waits for a first answer."""

PROGRESS_SECONDS = 0.25
"""How often progress is drawn: a label that changes makes Slicer compose its whole window."""

PATIENCE_SECONDS = 0.3
"""A first answer that comes sooner is shown without a word of being computed before it."""

VIEWS_SECONDS = 0.05
"""Slicer's views draw an answer within that time; the panel follows."""


class Pace:
    """Looks for answers and draws, each time a little.

    Args:
        session: what the panel shows.
        pieces: each draws a part of the panel.
        progress: draws the standing line.

    Attributes:
        resting: nothing is left to do or to draw.
        progress: as given.
    """

    def __init__(
        self, session: Session, pieces: Sequence[Callable[[], None]], progress: Callable[[], None]
    ) -> None:
        self._session = session
        self._pieces, self.progress = tuple(pieces), progress
        self._left: list[Callable[[], None]] = []
        self._due = self._progress_at = 0.0
        self.resting = True

    def look(self) -> bool:
        """Do what has come up, and draw a piece of the panel; False when nothing is left to do."""
        now = time.monotonic()
        woken = self.resting
        if woken:
            self._progress_at = now
        if self._session.tick() or (woken and self._session.idle):
            self._begin()
        if not self._session.idle:
            self._session.jobs.wait(self._share())
        if self._left and now >= self._due:
            self.draw()
        elif now >= self._progress_at + PROGRESS_SECONDS:
            self._progress_at = now
            self.progress()
        self.resting = self._session.idle and not self._left
        return not self.resting

    def _share(self) -> float:
        """How long the worker may run now."""
        session = self._session
        moving = session.jobs.views_move and not session.answers.awaited
        return MOVING_SECONDS if moving else YIELD_SECONDS

    def draw(self) -> None:
        """Draw the next piece of the panel; after the last one a question may be put."""
        self._left.pop(0)()
        if not self._left:
            self._session.told.put_question()

    def draw_all(self) -> None:
        """Draw the whole panel now: a reader has pressed something."""
        self._left.clear()
        for piece in self._pieces:
            piece()

    def _begin(self) -> None:
        """The panel is to be drawn, from its first piece on."""
        waits = self._session.answers.awaited
        due = time.monotonic() + (PATIENCE_SECONDS if waits else VIEWS_SECONDS)
        self._due = min(due, self._due) if waits and self._left else due
        self._left = list(self._pieces)
        self._session.told.drawn = True


def show_value(bar: Any, value: int) -> None:
    """Give a bar a value that is drawn with all else.

    Qt draws it at once, and with it Slicer composes its whole window: 10 ms for each bar.
    """
    if bar.value != value:
        bar.updatesEnabled = False
        bar.value = value
        bar.updatesEnabled = True
