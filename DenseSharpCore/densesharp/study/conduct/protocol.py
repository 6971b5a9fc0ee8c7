"""What may happen next in a reader's chain of events: the one place that knows the study's rules.

The reading session asks before it writes; `verify` replays a finished chain through the same rules.
So what could not have been done by reading shows as a problem.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import NoReturn

from densesharp.errors import StudyError
from densesharp.study.conduct import answer_form as form
from densesharp.study.conduct.events import Body, Event
from densesharp.study.conduct.schedule import AnswerStep, Item, steps
from densesharp.study.conduct.study_folder import Study


@dataclass
class ItemRecord:
    """What has happened to one item.

    Attributes:
        visits: how often it was opened.
        opened: time of the first opening.
        aids: steps for which the model was shown.
        answers: step -> body of the valid (latest) answer.
        revisions: step -> how often the answer was corrected.
    """

    visits: int = 0
    opened: datetime | None = None
    aids: set[int] = field(default_factory=set)
    answers: dict[int, Body] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)


class ReaderState:
    """Where one reader stands, folded from the reader's events."""

    def __init__(self, study: Study, reader: str) -> None:
        self.study = study
        self.reader = study.design.reader(reader)
        self.head: Event | None = None
        self.latest = datetime.min.replace(tzinfo=timezone.utc)
        self.started: dict[int, datetime] = {}
        self.last_answer: dict[int, datetime] = {}
        self.items: defaultdict[str, ItemRecord] = defaultdict(ItemRecord)
        self.opened: str | None = None
        self.reopened: str | None = None

    # Where the reader stands

    def steps(self, item: Item) -> tuple[AnswerStep, ...]:
        """The answers that an item asks for."""
        return steps(self.study.design, item)

    def complete(self, item: Item) -> bool:
        """Whether all answers to an item are in."""
        return len(self.items[item.item].answers) == len(self.steps(item))

    def done(self, session: int) -> int:
        """How many items of a session are complete."""
        return sum(map(self.complete, self.study.session(self.reader.id, session)))

    def finished(self, session: int) -> bool:
        """Whether all items of a session are complete."""
        return all(map(self.complete, self.study.session(self.reader.id, session)))

    def next_session(self) -> int | None:
        """The first session that is not finished; None when all are."""
        sessions = range(1, self.study.sessions(self.reader.id) + 1)
        return next((number for number in sessions if not self.finished(number)), None)

    def running(self) -> int | None:
        """The session that was started and is not finished."""
        session = self.next_session()
        return session if session in self.started else None

    def current(self) -> tuple[Item, int] | None:
        """The item to read now and its step; None when no session is running."""
        if self.reopened is not None:
            item = self.study.by_item[self.reopened]
            return item, len(self.steps(item)) - 1
        session = self.running()
        if session is None:
            return None
        items = self.study.session(self.reader.id, session)
        item = next(item for item in items if not self.complete(item))
        return item, len(self.items[item.item].answers)

    def earliest_start(self, session: int) -> datetime | None:
        """When the washout before a session ends; None when there is nothing to wait for."""
        last = self.last_answer.get(session - 1)
        return last and last + timedelta(days=self.study.design.washout_days)

    # What may come next

    def check(self, event: Event) -> None:
        """Check that an event may come next.

        Raises:
            StudyError: it may not; the sentence says why.
        """
        body = event.body
        if (event.kind == "begin") != (self.head is None):
            _refuse("A reader's record starts with joining the study, once.")
        if event.kind == "begin":
            self._check_begin(body)
        elif event.kind == "session":
            self._check_session(int(body["session"]), str(body["override"]), event.moment)
        elif event.kind == "reopen":
            self._check_reopen(str(body["item"]))
        else:
            self._check_current(event)

    def _check_begin(self, body: Body) -> None:
        if body["design_sha256"] != self.study.design.sha256:
            _refuse("This record belongs to another design than the study folder's.")

    def _check_session(self, session: int, override: str, moment: datetime) -> None:
        due = self.next_session()
        if due is None:
            _refuse("All sessions are finished: there is nothing left to read.")
        if session in self.started:
            _refuse(f"Session {session} was started already: continue it.")
        if session != due:
            _refuse(f"Session {session} cannot be read now: session {due} comes first.")
        earliest = self.earliest_start(session)
        if earliest is not None and moment < earliest and not override.strip():
            self._refuse_early(session, moment, earliest)

    def _refuse_early(self, session: int, moment: datetime, earliest: datetime) -> None:
        days = self.study.design.washout_days
        if moment < self.last_answer[session - 1]:
            _refuse(
                f"The computer's clock shows {moment:%Y-%m-%d %H:%M} UTC, earlier than the last "
                f"answer of session {session - 1}: set the clock before starting session {session}."
            )
        _refuse(
            f"Session {session} may start on {earliest:%Y-%m-%d %H:%M} UTC, {days:g} days after "
            f"the last answer of session {session - 1}. Starting earlier needs a reason, which is "
            "recorded."
        )

    def _check_reopen(self, name: str) -> None:
        item = self.study.by_item.get(name)
        if not self.study.design.going_back:
            _refuse("A submitted answer is final in this study.")
        if item is None or item.reader != self.reader.id:
            _refuse(f"There is no case '{name}' on the list of reader {self.reader.id}.")
        if item.session != self.running() or not self.complete(item):
            _refuse("Only a submitted answer of the running session can be corrected.")

    def _check_current(self, event: Event) -> None:
        current = self.current()
        name = str(event.body["item"])
        if current is None:
            _refuse("No session is running: start a session first.")
        elif name != current[0].item:
            _refuse(f"'{name}' is not the case to read now: cases are read in the list's order.")
        elif event.kind != "open" and self.opened != name:
            _refuse("The case is not open.")
        elif event.kind == "aid":
            self._check_aid(*current, int(event.body["step"]))
        elif event.kind == "answer":
            self._check_answer(*current, event.body)

    def _check_aid(self, item: Item, due: int, step: int) -> None:
        if step != due or not self.steps(item)[step].aid:
            _refuse("The design does not allow the model's result to be shown now.")

    def _check_answer(self, item: Item, due: int, body: Body) -> None:
        step = int(body["step"])
        if step != due:
            _refuse("This answer was submitted already.")
        if self.steps(item)[step].aid and step not in self.items[item.item].aids:
            _refuse("The model's result was not shown before this answer.")
        answer = form.answer_from_data(body["form"])
        form.require_complete(
            answer, self.study.design.mask, bool(body["mask_sha256"]), stored=True
        )

    # What happened

    def apply(self, event: Event) -> None:
        """Take an event into account; the rules are not checked.

        Raises:
            StudyError: it is damaged.
        """
        try:
            self._apply(event)
        except (KeyError, TypeError, ValueError) as error:
            raise StudyError(
                f"Event {event.number} of reader {event.reader} is damaged ({error!r}): "
                "'densesharp study verify' lists all that is wrong. Nothing was changed."
            ) from error

    def _apply(self, event: Event) -> None:
        body = event.body
        # A clock that was set back makes nothing earlier than what came before it.
        self.latest = max(self.latest, event.moment)
        if event.kind == "session":
            self.started[int(body["session"])] = event.moment
            self.opened = self.reopened = None
        elif event.kind == "reopen":
            self.reopened, self.opened = str(body["item"]), None
        elif event.kind != "begin":
            self._apply_to_item(event, str(body["item"]))
        self.head = event

    def _apply_to_item(self, event: Event, name: str) -> None:
        record = self.items[name]
        if event.kind == "open":
            record.visits += 1
            record.opened = record.opened or event.moment
            self.opened = name
            return
        step = int(event.body["step"])
        if event.kind == "aid":
            record.aids.add(step)
            return
        if step in record.answers:
            record.revisions[step] = record.revisions.get(step, 0) + 1
        record.answers[step] = event.body
        item = self.study.by_item[name]
        self.last_answer[item.session] = self.latest
        if self.reopened == name or self.complete(item):
            self.opened = self.reopened = None


def _refuse(message: str) -> NoReturn:
    raise StudyError(message)
