"""What a session tells its front end, and what it asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from densesharp.errors import DenseSharpError

from .nodule import Nodule

Kind = Literal["done", "info", "caution", "error"]


@dataclass(frozen=True)
class Progress:
    """What is computed now.

    Attributes:
        busy: whether anything is.
        fraction: how much of it is done, 0 to 1.
        text: what is done now.
    """

    busy: bool = False
    fraction: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Question:
    """Something that only the reader can decide.

    Attributes:
        text: what is asked.
        answers: key and words of each answer; the first is the one that loses nothing.
    """

    text: str
    answers: tuple[tuple[str, str], ...]


class Listener:
    """Is told what happens; a front end overrides what it shows."""

    def changed(self) -> None:
        """Nodules, the selection or what runs is not as it was: draw anew."""

    def said(self, text: str, kind: Kind) -> None:
        """A sentence for the reader: `done` that something ended well, `info`, `caution` that
        something could not be done, `error` a fault of ours. Empty takes back what was said.
        """

    def progressed(self, progress: Progress) -> None:
        """Work went on."""

    def showing(self, shown: Callable[[], None]) -> None:
        """A first answer was taken over: call `shown` once it is drawn, the rest waits for it."""
        shown()

    def asked(self, question: Question | None) -> None:
        """A question for the reader, to be given to `NoduleSession.answer`; None: it is over."""

    def looked_at(self, nodule: Nodule) -> None:
        """The slice views were brought to a nodule."""


def attempt(action: Callable[[], Any], listener: Listener) -> bool:
    """Do something that may be refused; the reader is told why, and False is returned."""
    try:
        action()
    except DenseSharpError as error:
        listener.said(str(error), "caution")
        listener.changed()
        return False
    return True
