"""What a session knows: each of its parts takes this and never the whole session."""

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
        came: number of the last answer about the selected nodule, or of its selection by something
            else than its reader, as long as that cannot have been seen; 0 for none.
        answers: how many of these have come.
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

    def select(self, nodule_id: str | None, chosen: bool) -> None:
        """A nodule is selected; one that its reader has not chosen is seen only a moment later."""
        self.selected, self.came = nodule_id, 0
        if not chosen:
            self.answered(nodule_id)

    def answered(self, nodule_id: str | None) -> None:
        """An answer is in the scene, which its reader sees a moment later."""
        self.answers += 1
        if nodule_id is not None and nodule_id == self.selected:
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
