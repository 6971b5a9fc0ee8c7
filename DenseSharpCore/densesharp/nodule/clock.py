"""How long each part of an analysis took."""

from __future__ import annotations

import time


class StageTimes:
    """Collects how long each part took, in ms."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Count what passed since the last lap under a name."""
        now = time.perf_counter()
        self._laps[name] = self._laps.get(name, 0.0) + (now - self._last) * 1e3
        self._last = now

    def times(self) -> dict[str, float]:
        """Ms by name, and `total` since the clock was made."""
        total = (time.perf_counter() - self._start) * 1e3
        return {name: round(ms, 2) for name, ms in {**self._laps, "total": total}.items()}
