"""How long a case was looked at: active, wall and paused seconds.

Wall time runs from opening a case to submitting it. Active time is the part of it in which the
window had the focus, the reading was not paused and the last input was under 60 s ago. Durations
come from a monotonic clock, so setting the computer's clock does not change them. Time on a case
before a crash is kept from the last saved draft. Each step and each correction is counted apart;
the export adds them up.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TypedDict

IDLE_AFTER_S = 60.0


class Clock:
    """The computer's clocks, in one place so that tests can replace them."""

    def now(self) -> datetime:
        """Wall clock time in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds that only ever go forward."""
        return time.monotonic()


class SpentData(TypedDict):
    """`Spent` as JSON values, seconds to the millisecond."""

    active_s: float
    wall_s: float
    paused_s: float
    pauses: int
    first_action: str


@dataclass
class Spent:
    """Time spent on a case so far, in seconds; `first_action` is UTC text or empty."""

    active_s: float = 0.0
    wall_s: float = 0.0
    paused_s: float = 0.0
    pauses: int = 0
    first_action: str = ""

    def plus(self, later: "Spent") -> "Spent":
        """This time and a later one together."""
        return Spent(
            self.active_s + later.active_s,
            self.wall_s + later.wall_s,
            self.paused_s + later.paused_s,
            self.pauses + later.pauses,
            self.first_action or later.first_action,
        )

    def since(self, earlier: "Spent") -> "Spent":
        """What was added to an earlier state of the same count."""
        return Spent(
            self.active_s - earlier.active_s,
            self.wall_s - earlier.wall_s,
            self.paused_s - earlier.paused_s,
            self.pauses - earlier.pauses,
        )

    def to_data(self) -> SpentData:
        """JSON values, seconds to the millisecond."""
        return {
            "active_s": round(self.active_s, 3),
            "wall_s": round(self.wall_s, 3),
            "paused_s": round(self.paused_s, 3),
            "pauses": self.pauses,
            "first_action": self.first_action,
        }


def spent_from_data(data: SpentData) -> Spent:
    """The time from JSON values."""
    return Spent(**data)


@dataclass
class CaseTimer:
    """Counts the time on one open case; starts at once, in focus, with the opening as input."""

    clock: Clock
    spent: Spent = field(default_factory=Spent)
    paused: bool = False
    focused: bool = True

    def __post_init__(self) -> None:
        self._counted_to = self._last_input = self.clock.monotonic()

    def restart(self) -> None:
        """Count from now: the image was still being read, nobody could look at it."""
        self._counted_to = self._last_input = self.clock.monotonic()

    def touch(self) -> None:
        """The reader moved the mouse, scrolled or pressed a key."""
        self.count()
        self._last_input = self._counted_to
        if not self.spent.first_action:
            moment = self.clock.now().astimezone(timezone.utc)
            self.spent.first_action = moment.isoformat(timespec="milliseconds")

    def set_focus(self, focused: bool) -> None:
        """The window got or lost the focus."""
        self.count()
        self.focused = focused

    def pause(self) -> None:
        """The reader takes a break; the case should be hidden meanwhile."""
        if not self.paused:
            self.count()
            self.paused = True
            self.spent.pauses += 1

    def resume(self) -> None:
        """The break is over."""
        if self.paused:
            self.count()
            self.paused = False
            self._last_input = self._counted_to

    def count(self) -> Spent:
        """Bring the sums up to now.

        Returns:
            The sums.
        """
        now = self.clock.monotonic()
        self.spent.wall_s += now - self._counted_to
        if self.paused:
            self.spent.paused_s += now - self._counted_to
        elif self.focused:
            idle_from = self._last_input + IDLE_AFTER_S
            self.spent.active_s += max(0.0, min(now, idle_from) - self._counted_to)
        self._counted_to = now
        return self.spent
