"""Events of a study and the hash chain that makes tampering show.

Everything that happens is one event: a session begun, a case opened, the model shown, an answer
submitted. Each reader has one chain. An event's hash covers its own content and the hash of the
event before it, so a changed, removed or inserted event breaks every later link. Cutting off the
end of a chain does not break a link; it shows when the heads printed by `verify` or stored in an
earlier export are compared (`densesharp study verify --heads`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal, TypedDict

from densesharp.files import sha256
from densesharp.study.conduct.answer_form import AnswerData
from densesharp.study.conduct.design import canonical_json
from densesharp.study.conduct.timing import Spent, SpentData, spent_from_data

Kind = Literal["begin", "session", "open", "aid", "answer", "reopen"]

START = "0" * 64
"""The hash before the first event of a chain."""


class Body(TypedDict, total=False):
    """What an event says, as JSON values; which of these, its kind decides.

    Attributes:
        study: (begin) short name.
        design_sha256: (begin) hash of the design.
        store: (begin) mark of the store.
        session: (session) number.
        override: (session) why the washout was not waited for; "" where it was.
        item: (all others) of the schedule.
        case: (open, answer) the item's.
        step: (aid, answer) 0 or 1.
        model: (aid) its name.
        model_sha256: (aid) hash of the model's file.
        mask_sha256: (aid, answer) hash of the outline; "" where there is none.
        sealed_probabilities: (aid) what was shown, see `model_results`.
        probabilities: (aid, of the first versions) the same, open.
        form: (answer) as filled in.
        mask_edits: (answer) strokes of the outline.
        changed: (answer) whether it differs from the one before; None at the first.
        opened: (answer) when the case was first opened, UTC.
        visits: (answer) how often it was.
        time: (answer) what was spent on this step.
        hanging: (answer) window and zoom, where the design notes them.
        software: (session, answer) name and version.
    """

    study: str
    design_sha256: str
    store: str
    session: int
    override: str
    item: str
    case: str
    step: int
    model: str
    model_sha256: str
    mask_sha256: str
    sealed_probabilities: str
    probabilities: Mapping[str, float]
    form: AnswerData
    mask_edits: int
    changed: bool | None
    opened: str
    visits: int
    time: SpentData
    hanging: Mapping[str, float]
    software: str


@dataclass(frozen=True)
class Event:
    """One link of a reader's chain.

    Attributes:
        reader: the chain it belongs to.
        number: 0, 1, 2, ... without gaps.
        time: UTC, ISO 8601 with milliseconds.
        kind: what happened.
        body: what it says.
        previous: hash of the event before, `START` for the first.
        hash: hash of all of the above.
    """

    reader: str
    number: int
    time: str
    kind: Kind
    body: Body
    previous: str
    hash: str

    @property
    def moment(self) -> datetime:
        """The event's time."""
        return datetime.fromisoformat(self.time)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def event_hash(reader: str, number: int, time: str, kind: str, body: Body, previous: str) -> str:
    """sha256 over the canonical JSON of an event's content and the hash before it.

    Args:
        reader: whose chain it is.
        number: its place there, from 1 on.
        time: UTC, ISO 8601.
        kind: of event.
        body: what happened.
        previous: hash of the event before.
    """
    content = [reader, number, time, kind, body, previous]
    return sha256(canonical_json(content))


def next_event(last: Event | None, reader: str, moment: datetime, kind: Kind, body: Body) -> Event:
    """The event that follows `last` in a reader's chain.

    Args:
        last: the last one; None at the beginning.
        reader: whose chain it is.
        moment: now.
        kind: of event.
        body: what happened.
    """
    number = 0 if last is None else last.number + 1
    previous = START if last is None else last.hash
    time = utc_text(moment)
    digest = event_hash(reader, number, time, kind, body, previous)
    return Event(reader, number, time, kind, body, previous, digest)


def chain_problems(reader: str, events: Iterable[Event]) -> list[str]:
    """What is wrong with the links of one reader's chain; empty when it is whole."""
    problems = []
    expected_number, expected_previous = 0, START
    for event in events:
        where = f"Event {event.number} of reader {reader}"
        if event.number != expected_number:
            problems.append(f"{where} follows event {expected_number - 1}: events were removed.")
        elif event.previous != expected_previous:
            problems.append(f"{where} does not continue the event before it.")
        content = (event.reader, event.number, event.time, event.kind, event.body, event.previous)
        if event_hash(*content) != event.hash:
            problems.append(f"{where} was changed after it was written.")
        expected_number, expected_previous = event.number + 1, event.hash
    return problems


def valid_answers(events: Iterable[Event]) -> dict[tuple[str, int], tuple[Event, Spent]]:
    """(item, step) -> the answer that counts, superseded ones left out, and the time it took.

    An answer took all the time on its item up to then: the reader of a second step or a correction
    has seen the case before.
    """
    spent: defaultdict[str, Spent] = defaultdict(Spent)
    answers: dict[tuple[str, int], tuple[Event, Spent]] = {}
    for event in events:
        if event.kind == "answer":
            name = event.body["item"]
            spent[name] = spent[name].plus(spent_from_data(event.body["time"]))
            answers[name, event.body["step"]] = event, spent[name]
    return answers
