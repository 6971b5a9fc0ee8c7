"""The records of reading times and of the sessions of a crossover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from densesharp.stats.estimates import Estimate, optional
from densesharp.stats.reading_time import ReadingTime, TimeSummary


class ReadingTimePoint(NamedTuple):
    """One reading: its place in the session where known, and active seconds."""

    condition: str
    reader: str
    position: float | None
    seconds: float


@dataclass(frozen=True)
class TimeResults:
    """Reading times: condition -> `all` and each reader; every reading; the mixed model."""

    summary: Mapping[str, Mapping[str, TimeSummary]]
    points: Sequence[ReadingTimePoint]
    group_reason: str | None = optional(written_with="model")
    model: ReadingTime | None = optional()


@dataclass(frozen=True)
class FirstSession:
    """Areas and their differences in the first session alone: parallel groups."""

    auc: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


@dataclass(frozen=True)
class SessionAccuracy:
    """Share of right classes in one session under one condition."""

    session: int
    condition: str
    readings: int
    accuracy: float | None


@dataclass(frozen=True)
class SessionResults:
    """Whether the sessions of a crossover are comparable."""

    first_session_auc: Mapping[str, FirstSession]
    accuracy: Sequence[SessionAccuracy] | None = optional()
