"""What the reader knows of a nodule: where it lies in words, and what was decided and measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

Decision = Literal["open", "accepted", "rejected"]
DECISIONS: tuple[Decision, ...] = ("open", "accepted", "rejected")


@dataclass(frozen=True)
class Review:
    """What a reader decided about one version of a nodule.

    Attributes:
        decision: open, accepted or rejected.
        reader: who decided.
        time: when, ISO 8601 with time zone.
    """

    decision: Decision = "open"
    reader: str = ""
    time: str = ""

    @classmethod
    def now(cls, decision: Decision, reader: str) -> Review:
        """A decision taken at this moment."""
        if decision == "open":
            return cls()
        stamp = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(decision, reader, stamp)

    @property
    def local_time(self) -> str:
        """When, in this computer's time: `2026-05-04 13:20`; empty while it is open."""
        if not self.time:
            return ""
        return datetime.fromisoformat(self.time).astimezone().strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class ReaderAxes:
    """What a reader measured by dragging the axes' lines; they belong to one outline.

    Attributes:
        long_axis_mm, short_axis_mm: lengths; None where the line was left as measured.
    """

    long_axis_mm: float | None
    short_axis_mm: float | None

    @property
    def which(self) -> str:
        """Which of them were measured, in words."""
        if self.short_axis_mm is None:
            return "long axis"
        return "short axis" if self.long_axis_mm is None else "axes"


@dataclass(frozen=True)
class Place:
    """Where the middle of an outline lies in the chest (see `nodule.place`).

    Attributes:
        side: `right` or `left` of the body's midline; empty where that cannot be told.
        level: `upper`, `middle` or `lower` third of the lung that is imaged; empty likewise.
        slice: number of the slice across the body, from 1, counted from the patient's feet.
        slices: how many the CT has, of the axis that runs most from feet to head.
    """

    side: str
    level: str
    slice: int
    slices: int
