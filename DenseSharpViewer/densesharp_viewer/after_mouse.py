"""What the mouse asked for, done before anything that the reader does next."""

from collections.abc import Callable


class AfterMouse:
    """Waits until Slicer itself has handled a mouse event, but not longer than the next action.

    Args:
        later: runs a function once the event is handled.
    """

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self._later = later
        self._waiting: list[Callable[[], None]] = []

    def add(self, function: Callable[[], None]) -> None:
        """Do this after the event."""
        self._waiting.append(function)
        self._later(self.run)

    def run(self) -> None:
        """Do all that waits, in order."""
        while self._waiting:
            self._waiting.pop(0)()
