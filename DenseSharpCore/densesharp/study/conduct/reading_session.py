"""Reading a study: one reader, one case at a time, in the order of the schedule.

`Reading` is what every front end uses. It writes an event before anything happens on the screen (a
case opened, the model shown) and after each submission; it gives the model's result only when the
design allows it. State is rebuilt from the store on every start, so a crash loses at most the form
that was not submitted yet, and of that only what came after the last saved draft.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from densesharp.errors import StudyError
from densesharp.study.conduct import answer_form as form
from densesharp.study.conduct.answer_form import Answer, answer_from_data
from densesharp.study.conduct.design import Case
from densesharp.study.conduct.events import Body, Event, Kind, next_event, utc_text
from densesharp.study.conduct.model_results import Aid, load_aid
from densesharp.study.conduct.own_progress import SessionInfo, SessionStatus
from densesharp.study.conduct.protocol import ReaderState
from densesharp.study.conduct.reader_masks import Mask
from densesharp.study.conduct.schedule import AnswerStep, Item
from densesharp.study.conduct.store import ChainMovedOn, Draft, Store
from densesharp.study.conduct.study_folder import Study, hash_image
from densesharp.study.conduct.timing import CaseTimer, Clock, Spent, spent_from_data
from densesharp.version import __version__

SOFTWARE = f"densesharp {__version__}"


@dataclass
class OpenCase:
    """The case on the screen.

    Attributes:
        item: its entry in the schedule.
        case: image and seed, for the front end's loader only, never for the screen.
        image: path of the CT.
        step: what is asked now.
        number: index of the step, 0 or 1.
        of: number of steps.
        answer: the form to begin with: the draft, the earlier answer, or empty.
        mask: NRRD bytes of the reader's own outline so far, if any.
        aid: the model's result, None unless the design shows it now.
        timer: the time spent.
        correcting: whether a submitted answer is being corrected.
        nodule: which of the nodules of this CT that are read one after the other.
        nodules: how many they are.
    """

    item: Item
    case: Case
    image: Path
    step: AnswerStep
    number: int
    of: int
    answer: Answer
    mask: bytes | None
    aid: Aid | None
    timer: CaseTimer
    correcting: bool
    nodule: int = 1
    nodules: int = 1


class Reading:
    """One reader's reading of a study.

    Raises (all methods):
        StudyError: the rules of the study do not allow it, or the store cannot be used.
    """

    def __init__(self, study: Study, store: Store, reader: str, clock: Clock | None = None) -> None:
        self.study = study
        self.store = store
        self.clock = clock or Clock()
        self._state = ReaderState(study, reader)
        self._open: OpenCase | None = None
        self._unsure: Event | None = None
        self._catch_up()

    @property
    def reader(self) -> str:
        """The reader's id."""
        return self._state.reader.id

    @property
    def open(self) -> OpenCase | None:
        """The case on the screen."""
        return self._open

    def sessions(self) -> list[SessionInfo]:
        """The work list: all sessions with progress."""
        total = self.study.sessions(self.reader)
        return [self._session_info(number) for number in range(1, total + 1)]

    def start_session(self, number: int, override: str = "") -> None:
        """Start a session.

        Args:
            number: which.
            override: the reason for not waiting out the washout, recorded; empty otherwise.
        """
        self._catch_up()
        if self._state.head is None:
            self._write("begin", {
                "study": self.study.design.study,
                "design_sha256": self.study.design.sha256,
                "store": self.store.meta()["store"],
            })  # fmt: skip
        earliest = self._state.earliest_start(number)
        early = earliest is not None and self.clock.now() < earliest
        self._write("session", {
            "session": number,
            "override": override.strip() if early else "",
            "software": SOFTWARE,
        })  # fmt: skip

    def open_case(self) -> OpenCase:
        """Open the case that is due; the model's result comes with it where the design says so.

        Returns:
            The case as the reader sees it.
        """
        self._catch_up()
        current = self._state.current()
        if current is None:
            raise StudyError("No session is running: start a session first.")
        item, number = current
        case = self.study.design.case(item.case)
        image = self._checked_image(case)
        self._write("open", {"item": item.item, "case": item.case})
        answer, spent = self._begin_form(item, number)
        self._open = self._show_step(
            item, case, image, number, answer, CaseTimer(self.clock, spent)
        )
        return self._open

    def submit(
        self, answer: Answer, mask: Mask | None = None, look: Mapping[str, float] | None = None
    ) -> OpenCase | None:
        """Submit the answer to the open case; it is locked and on the disk when this returns.

        Args:
            answer: the form.
            mask: the reader's outline, if any.
            look: window and zoom, kept where the design says so.

        Returns:
            The same case with its next step (such as the model shown), None when it is complete.
        """
        opened = self._require_open()
        form.require_complete(answer, self.study.design.mask, mask is not None)
        if not self._stored_after_all(opened, answer, mask):
            body = self._answer_body(opened, answer, mask)
            if self.study.design.hanging == "logged":
                body["hanging"] = dict(look or {})
            self._write("answer", body, mask)
        # Should showing the next step fail, the case is opened anew at that step.
        self._open = None
        number = opened.number + 1
        if not opened.correcting and number < opened.of:
            self._open = self._show_step(
                opened.item, opened.case, opened.image, number, answer, CaseTimer(self.clock)
            )
        return self._open

    def reopen(self, item: str) -> OpenCase:
        """Open a submitted case of the running session again, where the design allows it.

        Returns:
            The case as the reader sees it, with the answer that was given.
        """
        self._catch_up()
        self._write("reopen", {"item": item})
        return self.open_case()

    def save_draft(self, answer: Answer) -> None:
        """Keep the unsubmitted form, so that it is there again after a crash."""
        opened = self._require_open()
        draft: Draft = {
            "item": opened.item.item,
            "step": opened.number,
            "form": answer.to_data(),
            "time": opened.timer.count().to_data(),
        }
        try:
            self.store.save_draft(self.reader, self._last_number, draft)
        except ChainMovedOn:
            # After a lost connection the chain may have grown by this window's own answer:
            # submitting again finds out and tells the reader.
            if self._unsure is None:
                raise

    def submitted(self) -> list[Item]:
        """The running session's complete items, in order: what `reopen` may name."""
        session = self._state.running()
        items = self.study.session(self.reader, session) if session else ()
        return [item for item in items if self._state.complete(item)]

    def told_right(self) -> tuple[int, int]:
        """Of the cases of which the class was told afterwards: how many were right, and all."""
        answers = [
            (self.study.design.case(record.answers[last]["case"]).feedback, record.answers[last])
            for record in self._state.items.values()
            if record.answers and (last := max(record.answers)) >= 0
        ]
        told = [answer["form"]["nodule_class"] == truth for truth, answer in answers if truth]
        return sum(told), len(told)

    # Details

    def _session_info(self, number: int) -> SessionInfo:
        state = self._state
        earliest = state.earliest_start(number)
        status: SessionStatus = "later"
        if state.finished(number):
            status = "finished"
        elif number in state.started:
            status = "running"
        elif number == state.next_session():
            waiting = earliest is not None and self.clock.now() < earliest
            status = "waiting" if waiting else "ready"
        items = self.study.session(self.reader, number)
        answers = [answer for item in items for answer in state.items[item.item].answers.values()]
        return SessionInfo(
            number, state.done(number), len(items), status, earliest, state.started.get(number),
            state.last_answer.get(number), sum(each["time"]["active_s"] for each in answers),
        )  # fmt: skip

    def _checked_image(self, case: Case) -> Path:
        path = self.study.image(case)
        if case.image_sha256 and hash_image(path) != case.image_sha256:
            raise StudyError(
                "The image of this case is not the one that the study was designed with: tell "
                "whoever runs the study."
            )
        return path

    def _begin_form(self, item: Item, number: int) -> tuple[Answer, Spent]:
        draft = self.store.draft(self.reader)
        try:
            if draft and (draft["item"], draft["step"]) == (item.item, number):
                return answer_from_data(draft["form"]), spent_from_data(draft["time"])
        except (StudyError, KeyError, TypeError, ValueError, AttributeError):
            pass  # Drafts are outside the record: a damaged one is no reason to stop reading.
        answers = self._state.items[item.item].answers
        last = answers.get(number) or answers.get(number - 1)
        return (answer_from_data(last["form"]) if last else Answer()), Spent()

    def _show_step(
        self, item: Item, case: Case, image: Path, number: int, answer: Answer, timer: CaseTimer
    ) -> OpenCase:
        """Bring a step to the screen; showing the model is logged before it is shown."""
        all_steps = self._state.steps(item)
        step = all_steps[number]
        aid = None
        if step.aid:
            aid = load_aid(self.study, case)
            self._write("aid", {"item": item.item, "step": number, **aid.logged()})
        correcting = self._state.reopened == item.item
        mask = self._own_mask(item, number)
        return OpenCase(
            item, case, image, step, number, len(all_steps), answer, mask, aid, timer, correcting,
            *self._place_in_ct(item),
        )  # fmt: skip

    def _place_in_ct(self, item: Item) -> tuple[int, int]:
        """Which of how many nodules of one CT that follow one another an item is."""
        items = self.study.session(self.reader, item.session)
        for _, run in groupby(items, lambda each: (each.block, self._ct(each))):
            names = [each.item for each in run]
            if item.item in names:
                return names.index(item.item) + 1, len(names)
        return 1, 1

    def _ct(self, item: Item) -> str:
        case = self.study.design.case(item.case)
        return case.image_sha256 or case.id

    def _own_mask(self, item: Item, number: int) -> bytes | None:
        answers = self._state.items[item.item].answers
        last = answers.get(number) or answers.get(number - 1)
        return self.store.mask(last["mask_sha256"]) if last and last["mask_sha256"] else None

    def _answer_body(self, opened: OpenCase, answer: Answer, mask: Mask | None) -> Body:
        record = self._state.items[opened.item.item]
        earlier = record.answers.get(opened.number) or record.answers.get(opened.number - 1)
        return {
            "item": opened.item.item,
            "case": opened.item.case,
            "step": opened.number,
            "form": answer.to_data(),
            "mask_sha256": mask.sha256 if mask else "",
            "mask_edits": mask.edits if mask else 0,
            "changed": answer.differs(answer_from_data(earlier["form"])) if earlier else None,
            "opened": utc_text(record.opened) if record.opened else "",
            "visits": record.visits,
            "time": opened.timer.count().to_data(),
            "software": SOFTWARE,
        }

    def _require_open(self) -> OpenCase:
        if self._open is None:
            raise StudyError("No case is open.")
        return self._open

    def _write(self, kind: Kind, body: Body, mask: Mask | None = None) -> None:
        event = next_event(self._state.head, self.reader, self.clock.now(), kind, body)
        self._state.check(event)
        try:
            self.store.append(event, mask)
        except ChainMovedOn:
            self._open = None
            raise
        except StudyError:
            # A lost connection leaves open whether the event was stored.
            self._unsure = event
            raise
        self._state.apply(event)

    def _stored_after_all(self, opened: OpenCase, answer: Answer, mask: Mask | None) -> bool:
        """Whether a submission that failed with an error had reached the store all the same.

        Raises:
            StudyError: it had, but is not what is submitted now, or another window went on.
        """
        unsure = self._unsure
        if unsure is None:
            return False
        arrived = self._catch_up()
        if unsure.hash not in {event.hash for event in arrived}:
            if arrived:
                self._open = None
                raise ChainMovedOn(self.reader)
            return False
        if unsure.kind != "answer":
            return False
        stored = (unsure.body["form"], unsure.body["mask_sha256"])
        if stored != (answer.to_data(), mask.sha256 if mask else ""):
            self._tell_stored(opened, answer, unsure)
        return True

    def _tell_stored(self, opened: OpenCase, answer: Answer, stored: Event) -> NoReturn:
        """Tell that another answer than the one on the screen was stored.

        Where the design allows corrections, what is on the screen becomes one.
        """
        self._open = None
        first = "Your first answer to this case was saved just before the connection was lost"
        if not self.study.design.going_back or opened.item not in self.submitted():
            message = f"{first}, and is final: what you changed after it was not taken. Read on."
            raise StudyError(message)
        again = self.reopen(opened.item.item)
        since = opened.timer.count().since(spent_from_data(stored.body["time"]))
        again.timer = CaseTimer(self.clock, since)
        self.save_draft(answer)
        raise StudyError(f"{first}. Submit once more to replace it with what is on the screen now.")

    @property
    def _last_number(self) -> int:
        """Number of the last event that this object knows, -1 before the first."""
        return -1 if self._state.head is None else self._state.head.number

    def _catch_up(self) -> list[Event]:
        """Take events into account that this object has not seen in the store; gives them."""
        arrived = self.store.events(self.reader, self._last_number)
        for event in arrived:
            self._state.apply(event)
        # Only now is it known whether the last write was stored.
        self._unsure = None
        return arrived
