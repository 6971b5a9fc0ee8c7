"""A reader's own progress in words: how much is read and when, how long it took, what is left.

Nothing tells how well: no answer is compared with anything. Time is given for whole sessions only,
as seconds of a case beside the next one would hurry a reader whose time is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from densesharp.words import counted

SessionStatus = Literal["finished", "running", "ready", "waiting", "later"]

ENOUGH = 5
"""Cases after which a reader's pace is known."""


@dataclass(frozen=True)
class SessionInfo:
    """One line of the reader's work list.

    Attributes:
        number: 1, 2, ...
        done: items submitted.
        total: items in all.
        status: "waiting" means that the washout is not over.
        earliest: end of the washout, None when there is none.
        started: when it was started, None before.
        last: time of the latest answer.
        active_s: active seconds of its answers.
    """

    number: int
    done: int
    total: int
    status: SessionStatus
    earliest: datetime | None
    started: datetime | None = None
    last: datetime | None = None
    active_s: float = 0.0


def progress_lines(sessions: Sequence[SessionInfo]) -> tuple[str, ...]:
    """What the progress page says; nothing before the first answer."""
    begun = [session for session in sessions if session.started is not None]
    if not any(session.done for session in begun):
        return ()
    done, total = (sum(getattr(s, name) for s in sessions) for name in ("done", "total"))
    finished = sum(session.status == "finished" for session in sessions)
    lines = [f"{done} of {counted(total, 'case')} read, {finished} of "
             f"{counted(len(sessions), 'session')} finished."]  # fmt: skip
    lines += map(_session_line, begun)
    active = sum(session.active_s for session in sessions)
    if ENOUGH <= done < total:
        lines.append(f"At this pace about {_duration(active / done * (total - done))} are left.")
    return tuple(lines)


def _session_line(session: SessionInfo) -> str:
    text = f"Session {session.number}: begun {session.started:%Y-%m-%d %H:%M} UTC"
    if session.status == "finished" and session.last is not None:
        text += f", finished {session.last:%Y-%m-%d %H:%M} UTC"
    return f"{text}, {counted(session.done, 'case')} in {_duration(session.active_s)} of reading."


def _duration(seconds: float) -> str:
    """`48 min`, `2 h 5 min`; less than one minute is one."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
