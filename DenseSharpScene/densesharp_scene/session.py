"""One reader's work on the nodules of a CT, the same for desktop Slicer and the browser.

    idle -> computing -> first -> complete -> decided

The first answer to a click (`first`) can be looked at while its spread is computed. Knows MRML, the
worker and plain values: no Qt, no web. A front end calls the methods on its main thread, `poll` now
and then (or when `wake` is called), and is told through its `Listener` what to show.
"""

from collections.abc import Callable
from typing import Literal

from numpy.typing import ArrayLike

from densesharp.errors import DenseSharpError
from densesharp.report.labels import Phrase

from . import measured_axes
from .answers import Answers, Request
from .backend import LocalBackend
from .clicks import Clicks
from .drawing import Drawing
from .errors import SceneError
from .events import Listener, attempt
from .export import Export
from .jobs import Jobs
from .nodule import Decision, Nodule
from .outdated import Outdated
from .prior_search import PriorSearch
from .questions import Questions
from .scan import ScanNodules
from .session_state import SessionState
from .views import slice_places
from .worker import JobEvent, JobHandle

State = Literal["idle", "computing", "first", "complete", "decided"]


class NoduleSession:
    """What a reader does, step by step.

    Args:
        backend: what computes, such as `LocalBackend`.
        listener: the front end.
        wake: called on the worker's thread when `poll` has something to do.

    Attributes:
        state: the CT that is shown, the selection, who reads.
        jobs: the work in the background.
        answers: the questions to the model.
        drawing: brush strokes.
        export: writes files, report and DICOM objects.
        clicks: what clicks and dragged points mean.
        questions: what only the reader can decide.
        priors: looks for nodules in an earlier CT.
    """

    def __init__(
        self,
        backend: LocalBackend,
        listener: Listener | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.listener = listener or Listener()
        self.state = SessionState(backend)
        self.jobs = Jobs(self.listener, wake)
        self.answers = Answers(self.state, self.jobs, self.listener, self._arrived)
        self.drawing = Drawing(self.state, self.answers, self.listener)
        self.export = Export(self.state, self.jobs)
        self.questions = Questions(self.listener)
        self.clicks = Clicks(self.state, self.answers, self.questions, self.listener)
        self.clicks.on_known = lambda nodule_id: self.select(nodule_id, jump=False)
        self.clicks.on_move = lambda ras, add: self.drawing.click(ras, add=add)
        self.priors = PriorSearch(self.jobs, self.answers)
        self._outdated = Outdated()

    # What there is

    @property
    def scan(self) -> ScanNodules | None:
        """The CT that is shown, with its nodules."""
        return self.state.scan

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """Nodules of the CT that is shown."""
        return self.state.nodules

    @property
    def nodule(self) -> Nodule | None:
        """The selected nodule."""
        return self.state.nodule

    @property
    def selected(self) -> str | None:
        """Its id."""
        return self.state.selected

    @property
    def backend(self) -> LocalBackend:
        """What computes."""
        return self.state.backend

    @property
    def busy(self) -> bool:
        """Whether an answer, or anything else in the background, is waited for."""
        return self.jobs.busy

    def is_hurried(self) -> bool:
        """Whether a reader paints, or waits for the first answer to something."""
        return self.state.drawing is not None or self.answers.awaited

    def opened(self) -> ScanNodules:
        """The CT that is shown.

        Raises:
            SceneError: there is none.
        """
        return self.state.opened()

    def shown(self, nodule: Nodule) -> Nodule:
        """A nodule as a card shows it: with name, decision, and cautions about its neighbors."""
        return self.state.opened().handed_out(nodule.id)

    def stage(self, nodule_id: str | None = None) -> State:
        """How far a nodule is: the selected one, unless another is named."""
        scan, nodule_id = self.state.scan, nodule_id or self.state.selected
        if scan is None or not scan.alive:
            return "idle"
        request = self.answers.of(scan, nodule_id)
        nodule = next((each for each in scan.nodules if each.id == nodule_id), None)
        if nodule is None:
            return "computing" if request or self.answers.clicks(scan) else "idle"
        if request is not None and not request.shown:
            return "computing"
        if nodule.review.decision != "open":
            return "decided"
        return "first" if request is not None else "complete"

    def is_running(self, nodule_id: str) -> bool:
        """Whether something is computed for a nodule of the CT that is shown."""
        scan = self.state.scan
        return scan is not None and self.answers.of(scan, nodule_id) is not None

    def outdated(self, nodule: Nodule, scan: ScanNodules | None = None) -> str | None:
        """Why a result does not fit the scene or the model any more; None when it does."""
        scan = scan or self.state.opened()
        return self._outdated.why(scan, nodule, self.state.backend.model_hash)

    # The CT

    def show(self, scan: ScanNodules | None) -> None:
        """Work on another CT, or on none; its first nodule is selected."""
        state = self.state
        state.scan, state.selected, state.expected, state.drawing = scan, None, None, None
        state.came = 0
        if scan is not None:
            scan.model = state.backend.model_hash
            state.selected = scan.nodules[0].id if scan.nodules else None

    def use(self, backend: LocalBackend) -> None:
        """Answer with another model or device from now on."""
        self.state.backend = backend
        if self.state.scan is not None:
            self.state.scan.model = backend.model_hash

    def forget(self) -> None:
        """The scene closes: stop everything, and let go of its nodules."""
        self.questions.answer()
        self.jobs.drop_all()
        self.answers.forget()
        self._outdated.clear()
        self.show(None)

    def close(self) -> None:
        """The program ends."""
        self.forget()
        self.jobs.close()

    def click(self, ras: ArrayLike) -> None:
        """A click at a world point (RAS mm); see `Clicks.click`."""
        self.clicks.click(self.state.opened(), ras)

    def poll(self) -> None:
        """Take over what the worker has done; never waits."""
        self.jobs.poll()

    # Clicks and answers

    def _arrived(self, request: Request, nodule: Nodule) -> None:
        """The first answer to something is in the scene."""
        if request.then is not None:
            request.then(nodule)
        state = self.state
        chosen = request.asked == state.expected and request.scan is state.scan
        if not chosen or state.drawing is not None:
            return
        state.selected, state.expected = nodule.id, None
        if slice_places(request.scan.scene) == request.looks:  # else the reader has gone on
            self._look(centered=False)

    # What a reader does with a nodule

    def select(self, nodule_id: str | None, jump: bool = True, chosen: bool = True) -> None:
        """Show the card of a nodule, `chosen` by the reader, and bring the views to it."""
        if self.state.drawing not in (None, nodule_id):
            self.drawing.end()
        self.stay()
        self.state.select(nodule_id, chosen)
        self._look(jump)
        self.listener.changed()

    def stay(self) -> None:
        """The reader works on the nodule that is shown: no coming answer takes its place."""
        self.state.expected = None

    def step(self, by: int) -> None:
        """Select the next or the previous nodule, from the last to the first, and jump there."""
        ids = [nodule.id for nodule in self.nodules]
        if ids:
            here = ids.index(self.state.selected) if self.state.selected in ids else -by
            self.select(ids[(here + by) % len(ids)])

    def rename(self, nodule_id: str, name: str) -> None:
        """Give a nodule another name."""
        self.state.opened().rename(nodule_id, name)
        self.listener.changed()

    def decide(self, decision: Decision, nodule_id: str | None = None) -> None:
        """Accept or reject a nodule, or open it again; the same decision twice opens it again.

        One that was decided on before its answer was complete is then answered again.

        Args:
            decision: what the reader decided.
            nodule_id: about which nodule; else about the selected one.

        Raises:
            SceneError: an answer is to come that the reader has not seen, or nothing is selected.
        """
        scan, nodule = self._meant(nodule_id)
        if decision != "open" and (
            self.state.drawing == nodule.id or self.answers.pending(scan, nodule.id)
        ):
            raise SceneError("A new answer is being computed: decide when it is there.")
        self.stay()
        again = nodule.review.decision == decision
        scan.decide(nodule.id, "open" if again else decision, self.state.reader)
        if nodule.decided_early and scan.nodule(nodule.id).review.decision == "open":
            self.answers.analyse(scan, nodule.id)
        self.listener.changed()

    def delete(self, nodule_id: str | None = None) -> None:
        """Remove a nodule (the selected one) and select the one that takes its place."""
        scan, nodule = self._meant(nodule_id)
        row = [each.id for each in scan.nodules].index(nodule.id)
        self.answers.cancel(scan, nodule.id)
        scan.delete(nodule.id)
        if self.state.drawing == nodule.id:
            self.state.drawing = None
        if self.state.selected == nodule.id:
            left = scan.nodules  # the views go along: the next key must not hit one unseen
            self.select(left[min(row, len(left) - 1)].id if left else None, chosen=False)
        self.listener.said(Phrase("{name} deleted: undo brings it back.", name=nodule.name), "info")
        self.listener.changed()

    def take_lines(self) -> None:
        """A reader let go of an axis of the selected nodule: one step of undo."""
        scan, selected = self.state.opened(), self.state.selected
        if selected is not None and scan.take_lines(selected):
            found = measured_axes.lengths(scan)
            # What was said last was about the outline's own axes.
            own = found is not None and found.by_reader
            self.listener.said(measured_axes.words(found) if found and own else "", "info")
        self.listener.changed()

    def rerun(self, nodule_id: str | None = None) -> None:
        """Answer for a nodule again: a corrected outline as it is, else from its point.

        Whether a correction that has its answer already is kept is asked first.
        """
        scan, nodule = self._meant(nodule_id)
        if scan.is_edited(nodule.id):
            self.drawing.correct(scan, nodule.id)
        else:
            self.clicks.analyse_again(
                scan, nodule.id, lambda: self.drawing.correct(scan, nodule.id)
            )

    # Undo

    def can_undo(self) -> bool:
        """Whether `undo` would do something."""
        try:
            return self._last_step() is not None
        except DenseSharpError:  # nothing is written under a transform that bends space
            return False

    def can_redo(self) -> bool:
        """Whether `redo` would do something."""
        scan = self.state.scan
        return scan is not None and scan.alive and scan.next_step is not None

    def undo(self) -> None:
        """Take back the last step on this CT, say what it was, and select its nodule.

        A correction of the selected nodule that has no answer yet comes first.
        """
        scan, click = self.state.opened(), self._last_click()
        if click is not None:
            self.answers.cancel(scan, click.asked)
            self.listener.said("Undone: the last click.", "info")
            return
        last = self._last_step()
        if last is None:
            self.listener.said("Nothing to undo.", "info")
            return
        self.answers.cancel(scan, last)
        self._stepped(scan, last, Phrase("Undone: {what}.", what=scan.undo(last)))

    def redo(self) -> None:
        """Bring back what was undone last, say what it was, and select its nodule."""
        scan = self.state.opened()
        following = scan.next_step
        if following is not None:
            self.answers.cancel(scan, following)
        what = scan.redo()
        if following is None or not what:
            self.listener.said("Nothing to redo.", "info")
            return
        self._stepped(scan, following, Phrase("Redone: {what}.", what=what))

    def _last_click(self) -> Request | None:
        """The click that is still computed, when nothing was done after it."""
        scan = self.state.scan
        clicks = self.answers.clicks(scan) if scan is not None and scan.alive else []
        return clicks[-1] if scan and clicks and clicks[-1].steps == scan.steps else None

    def _last_step(self) -> str | None:
        """The nodule that `undo` would change."""
        scan, selected = self.state.scan, self.state.selected
        if scan is None or not scan.alive:
            return None
        return selected if selected and scan.repainted(selected) else scan.last_step

    def _stepped(self, scan: ScanNodules, nodule_id: str, text: str) -> None:
        """A nodule was brought to a former or later state."""
        self.state.drawing = None
        ids = [nodule.id for nodule in scan.nodules]
        there = nodule_id in ids
        self.stay()
        if not there and self.state.selected not in ids:
            self.select(ids[-1] if ids else None, chosen=False)
        elif there and nodule_id != self.state.selected:
            self.select(nodule_id, chosen=False)
        if there and scan.is_edited(nodule_id) and scan.mask_of(nodule_id) is not None:
            self.drawing.correct(scan, nodule_id)
        self.listener.said(text, "info")
        self.listener.changed()

    # Work

    def warm_up(self, ready: Callable[[JobEvent], None] = lambda _event: None) -> None:
        """Load the model now, so that the first click need not wait for it."""
        backend = self.state.backend
        self.jobs.submit(lambda handle: backend.open(handle.progress), ready)

    def do(self, work: Callable[[JobHandle], str], key: str = "work") -> None:
        """Have something done in the background; `work` returns the sentence to show then."""

        def ended(event: JobEvent) -> None:
            if event.kind == "done":
                self.listener.said(event.value, "info")

        self.jobs.submit(work, ended, key=key)

    def cancel(self) -> None:
        """Stop everything that is computed; what is shown already stays."""
        if self.jobs.busy:
            self.jobs.cancel_all()
            self.listener.said("Cancelled.", "done")

    def _meant(self, nodule_id: str | None) -> tuple[ScanNodules, Nodule]:
        """The nodule that a reader means: the one that is named, else the selected one."""
        scan = self.state.opened()
        nodule_id = nodule_id or self.state.selected
        if nodule_id is None:
            raise SceneError("No nodule is selected: choose one in the list.")
        return scan, scan.nodule(nodule_id)

    def _look(self, centered: bool) -> None:
        """Bring the views to the selected nodule."""
        scan, nodule = self.state.scan, self.nodule
        if scan is not None and nodule is not None:
            attempt(lambda: scan.jump(nodule.id, centered), self.listener)
            self.listener.looked_at(nodule)
