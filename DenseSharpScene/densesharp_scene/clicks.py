"""What a click means: a new nodule, a known one, or once more the one before."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from densesharp.report.labels import Phrase

from .answers import Answers
from .events import Listener, attempt
from .geometry import contains
from .questions import Questions
from .scan import ScanNodules
from .session_state import SessionState

SAME_CLICK_MM = 5.0
"""A click so near to one that is still computed means the same nodule."""

OUTSIDE = "That point lies outside the CT: click inside the lung."
Meaning = Literal["mark", "more", "less"]

IN_3D = "Nodules are marked in the slice views: a point in the 3D view lies nowhere in the CT."


class Clicks:
    """Turns clicks and dragged points into questions to the model.

    Args:
        state: whose selection follows a click.
        answers: asks the model.
        questions: asks the reader.
        listener: told what a click meant.

    Attributes:
        meaning: what clicks in the views mean: a nodule, or more or less of the selected one.
        on_known: selects a nodule that was clicked.
        on_move: moves the selected nodule's outline to a point, or from it.
    """

    def __init__(
        self, state: SessionState, answers: Answers, questions: Questions, listener: Listener
    ) -> None:
        self._state, self._answers = state, answers
        self._questions, self._listener = questions, listener
        self.meaning: Meaning = "mark"
        self.on_known: Callable[[str], None] = lambda _nodule_id: None
        self.on_move: Callable[[ArrayLike, bool], None] = lambda _ras, _add: None

    def click(self, scan: ScanNodules, ras: ArrayLike) -> None:
        """A click at a world point (RAS mm).

        In a known outline it selects that nodule; beside a click that is still computed it takes
        its place; else it marks a new nodule.
        """
        if not self._means_another(scan, ras):
            self._ask_about(scan, scan.claim(scan.place(np.asarray(ras).tolist())))

    def take_points(self, scan: ScanNodules, nowhere: Collection[str] = ()) -> None:
        """Analyse what was placed or dragged in a CT's list of points.

        Args:
            scan: the CT.
            nowhere: ids of points that were not placed in a slice view.
        """
        for claim in self._answers.dragged(scan):
            attempt(partial(self._ask_about, scan, claim), self._listener)
        for nodule_id in scan.moved_seeds():
            back = partial(scan.put_seed_back, nodule_id)
            attempt(partial(self.analyse_again, scan, nodule_id, back), self._listener)
        for seed_id in scan.new_seeds():
            attempt(partial(self._take_point, scan, seed_id, seed_id in nowhere), self._listener)

    def analyse_again(self, scan: ScanNodules, nodule_id: str, keep: Callable[[], None]) -> None:
        """Answer for a nodule at its point; `keep` instead where a reader's outline is to stay."""
        nodule = scan.nodule(nodule_id)
        anew = partial(self._answers.analyse, scan, nodule_id)
        if nodule.edited or scan.is_edited(nodule_id):
            self._questions.keep_correction(nodule.name, keep, anew)
        else:
            anew()

    def _take_point(self, scan: ScanNodules, seed_id: str, nowhere: bool) -> None:
        ras = scan.point(seed_id)
        if nowhere:
            self._listener.said(IN_3D, "caution")
        moves = self.meaning != "mark"
        if nowhere or moves or self._means_another(scan, ras):
            scan.remove_point(seed_id)
            if moves and not nowhere:
                self.on_move(ras, self.meaning == "more")
        else:
            self._ask_about(scan, scan.claim(seed_id))

    def _means_another(self, scan: ScanNodules, ras: ArrayLike) -> bool:
        """Whether a click marks nothing new; what it means instead is done."""
        if not contains(scan.volume_node, ras):
            self._listener.said(OUTSIDE, "caution")
            return True
        known = scan.nodule_at(ras)
        if known is not None:
            self._show_known(scan, known)
            return True
        near = self._answers.click_near(scan, ras, SAME_CLICK_MM)
        if near is not None:
            scan.move_claim(near.asked, ras)
            self._ask_about(scan, near.asked)
        return near is not None

    def _show_known(self, scan: ScanNodules, nodule_id: str) -> None:
        if scan is self._state.scan:
            self.on_known(nodule_id)
        name = scan.nodule(nodule_id).name
        text = Phrase("This is {name}: it is selected, not marked once more.", name=name)
        self._listener.said(text, "info")

    def _ask_about(self, scan: ScanNodules, claim: str) -> None:
        """Its answer will be selected."""
        self._listener.said("", "info")  # what an earlier click was told is over
        self._state.expected = claim
        self._answers.analyse(scan, claim)
