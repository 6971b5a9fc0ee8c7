"""Is a study's record whole and could it have come about by reading? `densesharp study verify`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from densesharp.errors import StudyError
from densesharp.files import sha256
from densesharp.study.conduct.events import Event, chain_problems
from densesharp.study.conduct.model_results import load_aid, logged_probabilities
from densesharp.study.conduct.protocol import ReaderState
from densesharp.study.conduct.schedule import steps
from densesharp.study.conduct.study_folder import OLD_ORDER, Study
from densesharp.words import counted

if TYPE_CHECKING:
    # An analysis needs no database.
    from densesharp.study.conduct.store import Store


@dataclass
class Verification:
    """What was found.

    Attributes:
        problems: signs of tampering or damage; empty when the record is whole.
        notices: things to know that are no fault, such as a clock that was set back.
        heads: reader -> hash of the last event. Kept elsewhere, they show later whether the end
            of a chain was cut off or the whole rewritten.
        answers: number of submitted answers, corrections not counted.
        planned: number of answers that the design plans.
        readers: number of readers of the design.
    """

    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    answers: int = 0
    planned: int = 0
    readers: int = 0

    @property
    def found(self) -> str:
        """How much of what was planned is in the record."""
        return (
            f"{self.answers} of {self.planned} planned answers, {len(self.heads)} of "
            f"{counted(self.readers, 'reader')}"
        )

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(study: Study, store: Store, heads: Mapping[str, str] | None = None) -> Verification:
    """Check every reader's chain: links, rules of the study, masks, clock.

    Args:
        study: the opened study (opening checked design and schedule).
        store: its store.
        heads: heads noted earlier; each must still be part of its chain.

    Returns:
        Problems, notices, heads of the chains, and how many answers.

    Raises:
        StudyError: the store cannot be read.
    """
    record = {reader: store.events(reader) for reader in store.readers()}
    result = verify_record(study, record, heads)
    for events in record.values():
        _check_masks(store, events, result)
        _check_shown(study, events, result)
    return result


def verify_record(
    study: Study, record: Mapping[str, list[Event]], heads: Mapping[str, str] | None = None
) -> Verification:
    """Check every reader's chain: links, rules of the study, clock, heads noted earlier.

    Args:
        study: its design and schedule.
        record: reader -> events, oldest first.
        heads: heads noted earlier; each must still be part of its chain.
    """
    result = Verification(
        planned=sum(len(steps(study.design, item)) for item in study.schedule),
        readers=len(study.design.readers),
    )
    if study.design.order_reveals_truth:
        result.notices.append(OLD_ORDER)
    for reader, events in record.items():
        result.problems += chain_problems(reader, events)
        _replay(study, reader, events, result)
        if not result.problems:
            _check_clock(reader, events, result)
        result.heads[reader] = events[-1].hash
        given = (event.body for event in events if event.kind == "answer")
        result.answers += len({(str(body.get("item")), str(body.get("step"))) for body in given})
    for reader, head in (heads or {}).items():
        if head not in {event.hash for event in record.get(reader, ())}:
            result.problems.append(
                f"The last event noted earlier for reader {reader} is gone: the end of the "
                "record was removed or rewritten."
            )
    return result


def _replay(study: Study, reader: str, events: list[Event], result: Verification) -> None:
    try:
        state = ReaderState(study, reader)
    except StudyError as error:
        result.problems.append(str(error))
        return
    for event in events:
        where = f"Event {event.number} of reader {reader}"
        try:
            _check_rules(state, event, where, result)
            state.apply(event)
        except (KeyError, TypeError, ValueError, StudyError) as error:
            cause = error.__cause__ or error
            result.problems.append(f"{where} is damaged ({cause!r}).")
            return
        if event.kind == "session" and event.body["override"]:
            result.notices.append(
                f"Reader {reader} started session {event.body['session']} before the end of the "
                f"washout: {event.body['override']}"
            )


def _check_rules(state: ReaderState, event: Event, where: str, result: Verification) -> None:
    try:
        state.check(event)
    except StudyError as error:
        result.problems.append(f"{where} breaks the study's rules: {error}")


def _check_masks(store: Store, events: list[Event], result: Verification) -> None:
    for event in events:
        digest = event.body.get("mask_sha256") if event.kind == "answer" else None
        if not digest:
            continue
        nrrd = store.mask(digest)
        if nrrd is None or sha256(nrrd) != digest:
            state = "missing" if nrrd is None else "changed"
            result.problems.append(
                f"The outline of event {event.number} of reader {event.reader} is {state}."
            )


def _check_shown(study: Study, events: list[Event], result: Verification) -> None:
    """What the log says was shown is the result that was frozen with the design."""
    for event in events:
        if event.kind != "aid" or study.design.aid is None:
            continue
        where = f"Event {event.number} of reader {event.reader}"
        item = study.by_item.get(str(event.body.get("item")))
        if item is None:
            continue  # told by the rules
        try:
            noted = logged_probabilities(event.body, item.case)
        except (KeyError, TypeError, ValueError):
            result.problems.append(f"{where} does not say what of the model was shown.")
            continue
        try:
            frozen = load_aid(study, study.design.case(item.case))
        except StudyError as error:
            result.problems.append(f"{where} cannot be compared with the model's result: {error}")
            continue
        shown = (noted, event.body.get("model_sha256"), event.body.get("mask_sha256"))
        if shown != (dict(frozen.probabilities), frozen.model_sha256, frozen.mask_sha256):
            result.problems.append(f"{where} names another result than the design's.")


def _check_clock(reader: str, events: list[Event], result: Verification) -> None:
    for earlier, event in itertools.pairwise(events):
        back = earlier.moment - event.moment
        if back > timedelta(0):
            result.notices.append(
                f"The clock went back by {back.total_seconds():.0f} s before event {event.number} "
                f"of reader {reader}; durations are not affected, dates are."
            )
