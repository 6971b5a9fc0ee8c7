"""How long readers really waited between their sessions, and who started earlier and why."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

from densesharp.stats.tables import Table
from densesharp.study.exported.export_integrity import Record

COLUMNS = ("reader", "session", "t_open", "t_submit")


@dataclass(frozen=True)
class Washout:
    """What the answers' times and the record say.

    Attributes:
        gaps: reader -> session -> days since the last answer of the session before.
        reasons: (reader, session) -> the reason that was recorded for starting early.
    """

    gaps: Mapping[str, Mapping[int, float]]
    reasons: Mapping[tuple[str, int], str]


def washout_of(answers: Table, record: Record | None) -> Washout | None:
    """Gaps and reasons; None when the answers have no times.

    Raises:
        TableError: a time cannot be read.
    """
    if any(name not in answers.columns for name in COLUMNS) or not any(answers.columns["t_submit"]):
        return None
    return Washout(_gaps(answers), _reasons(record or {}))


@dataclass(frozen=True)
class EarlySession:
    """A session that began before the washout was over, or with a recorded reason to."""

    reader: str
    session: int
    days: float | None
    reason: str | None


@dataclass(frozen=True)
class WashoutSummary:
    """Reader -> the shortest gap between sessions in days, and the sessions that began early."""

    shortest_days: Mapping[str, float | None]
    early: Sequence[EarlySession]


def describe_washout(washout: Washout | None, planned: float | None) -> WashoutSummary | None:
    """The part of results.json: shortest gaps, and the sessions that began early."""
    if washout is None:
        return None
    days = {
        (reader, session): gap
        for reader, gaps in washout.gaps.items()
        for session, gap in gaps.items()
    }  # fmt: skip
    short = {key for key, gap in days.items() if planned is not None and gap < planned}
    return WashoutSummary(
        {r: min(g.values(), default=None) for r, g in washout.gaps.items()},
        [
            EarlySession(*key, days.get(key), washout.reasons.get(key))
            for key in sorted(short | set(washout.reasons))
        ],
    )


def _gaps(answers: Table) -> dict[str, dict[int, float]]:
    numbers = answers.numbers("session", empty=np.nan)
    spans: dict[str, dict[int, tuple[datetime, datetime]]] = {}
    for row, reader in enumerate(answers.columns["reader"]):
        sessions = spans.setdefault(reader, {})
        times = [_time(answers, row, name) for name in ("t_open", "t_submit")]
        if np.isnan(numbers[row]) or times[0] is None or times[1] is None:
            continue
        session = int(numbers[row])
        first, last = sessions.get(session, (times[0], times[1]))
        sessions[session] = min(first, times[0]), max(last, times[1])
    found: dict[str, dict[int, float]] = {}
    for reader, sessions in sorted(spans.items()):
        order = sorted(sessions)
        found[reader] = {
            later: (sessions[later][0] - sessions[earlier][1]) / timedelta(days=1)
            for earlier, later in itertools.pairwise(order)
        }
    return found


def _time(answers: Table, row: int, column: str) -> datetime | None:
    cell = answers.columns[column][row]
    if not cell:
        return None
    try:
        # Python 3.10 does not know the Z of UTC.
        moment = datetime.fromisoformat(cell.replace("Z", "+00:00"))
    except ValueError as error:
        reason = f"'{cell}' is not a time as in 2026-01-31T14:05:00+00:00."
        raise answers.error(row, column, reason) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _reasons(record: Record) -> dict[tuple[str, int], str]:
    return {
        (reader, int(event.body["session"])): str(event.body["override"])
        for reader, events in record.items()
        for event in events
        if event.kind == "session" and event.body.get("override")
    }
