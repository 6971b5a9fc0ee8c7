"""What a session knows: each of its parts takes this and never the whole session."""

from __future__ import annotations

from dataclasses import dataclass

from .backend import LocalBackend
from .errors import SceneError
from .nodule import Nodule
from .scan import ScanNodules

NO_CT = "No CT is chosen: open one first."


@dataclass
class SessionState:
    """What a reader works on.

    Attributes:
        backend: what computes.
        scan: the CT that is shown, with its nodules.
        selected: the nodule whose card is shown.
        expected: the claim of the last click, whose answer is to be selected. Every choice of a
            reader ends that: no answer may take a nodule away from under the hands.
        came: number of the last answer about the selected nodule, as long as the reader cannot have
            seen it; 0 for none.
        answers: how many answers have come.
        drawing: the nodule that a brush stroke is drawn on; None between strokes.
        reader: who decides.
    """

    backend: LocalBackend
    scan: ScanNodules | None = None
    selected: str | None = None
    expected: str | None = None
    came: int = 0
    answers: int = 0
    drawing: str | None = None
    reader: str = ""

    def answered(self, nodule_id: str) -> None:
        """An answer is in the scene, which its reader sees a moment later."""
        self.answers += 1
        if nodule_id == self.selected:
            self.came = self.answers

    def opened(self) -> ScanNodules:
        """The CT that is shown.

        Raises:
            SceneError: there is none.
        """
        if self.scan is None:
            raise SceneError(NO_CT)
        return self.scan

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """Nodules of the CT that is shown."""
        return self.scan.nodules if self.scan is not None and self.scan.alive else ()

    @property
    def nodule(self) -> Nodule | None:
        """The selected nodule."""
        return next((nodule for nodule in self.nodules if nodule.id == self.selected), None)
