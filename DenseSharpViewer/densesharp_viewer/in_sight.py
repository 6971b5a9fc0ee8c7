"""What the page shows by now: nothing is decided about what its reader cannot have seen yet.

An answer, or the next CT, is known here before it is drawn in the browser. Whatever is pressed in
that moment is about what was there before. So the page tells what it has drawn.
"""

from densesharp_scene.errors import SceneError
from densesharp_scene.session_state import SessionState

from .page_listener import Publish


class InSight:
    """Refuses what would be about something unseen."""

    def __init__(self, state: SessionState, publish: Publish) -> None:
        self._state, self._publish = state, publish
        self._ct = self._unseen = 0

    def another_ct(self) -> int:
        """Another CT is open; the number that the page tells once it shows it."""
        self._ct = self._unseen = self._ct + 1
        return self._ct

    def shows(self, ct: int) -> None:
        """The page shows a CT."""
        if ct == self._unseen:
            self._unseen = 0

    def seen(self, answer: int) -> None:
        """The page shows the card of an answer."""
        if self._state.came == answer:
            self._state.came = 0
            self._publish({"came": 0})

    def check_ct(self) -> None:
        """What is done now is about the CT that is open.

        Raises:
            SceneError: the page still shows the one before, whose nodules have the same numbers.
        """
        if self._unseen:
            raise SceneError("Another CT has only just come: look at it, then do that again.")

    def nodule(self, nodule_id: str | None = None) -> str | None:
        """The nodule that a key or a button means: the selected one, unless another is named.

        Raises:
            SceneError: an answer about it has come that the reader cannot have seen yet.
        """
        state, selected = self._state, self._state.nodule
        if state.came and selected is not None and nodule_id in (None, selected.id):
            raise SceneError(f"{selected.name} has only just come: look at it, then press again.")
        return nodule_id or state.selected
