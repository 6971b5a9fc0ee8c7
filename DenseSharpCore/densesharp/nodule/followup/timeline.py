"""One nodule at any number of dates: volumes with intervals, in a sentence and a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from densesharp.nodule.followup.change import compare, volume_limit
from densesharp.nodule.records import NoduleResult
from densesharp.words import counted

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 14, 14, 26, 20
"""Pixels around the area of the points, for their numbers and days."""

COLORS = {"light": ("#1f77b4", "#333333"), "dark": ("#7cb7e8", "#e6e6e6")}
"""Of points and of text, on a light and on a dark ground."""


@dataclass(frozen=True, eq=False)
class TimePoint:
    """A nodule at one date.

    Attributes:
        day: days since some day that is the same for all dates.
        result: what was measured.
        name: of the CT.
    """

    day: float
    result: NoduleResult
    name: str = ""

    @property
    def volume(self) -> float:
        """Volume, mm3; 0 where nothing was measured."""
        measured = self.result.measurements
        return measured.volume_mm3 if measured is not None else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Smallest and largest volume (mm3) that measurement error alone explains.

        Two scans of an unchanged nodule differ by no more than `volume_limit` (95 %); one of them
        then lies within that over the square root of two around the truth.
        """
        half = volume_limit(self.result, self.result) / math.sqrt(2) if self.volume else 0.0
        return self.volume / (1 + half), self.volume * (1 + half)


def in_order(points: Sequence[TimePoint]) -> list[TimePoint]:
    """Those that were measured, earliest first."""
    measured = [point for point in points if point.result.measurements is not None]
    return sorted(measured, key=lambda point: point.day)


def timeline_sentence(points: Sequence[TimePoint]) -> str:
    """All volumes in their order, and what changed from the first to the last date.

    Args:
        points: two at least; in any order.
    """
    ordered = in_order(points)
    if len(ordered) < 2:
        return ""
    first, last = ordered[0], ordered[-1]
    days = last.day - first.day
    change = compare(first.result, last.result, days or None)
    volumes = ", ".join(f"{point.volume:.0f}" for point in ordered)
    text = f"{len(ordered)} CTs over {counted(days, 'day')}: {volumes} mm³; {change.trend}"
    doubling = change.volume_doubling_days
    return f"{text}, volume doubling time {counted(doubling, 'day')}." if doubling else f"{text}."


def timeline_svg(points: Sequence[TimePoint], theme: str = "light") -> str:
    """A chart of the volumes over the days, each with its interval, as SVG.

    Args:
        points: of one nodule; in any order.
        theme: a key of `COLORS`.

    Returns:
        The picture, without ground; empty with fewer than two measured dates.
    """
    ordered = in_order(points)
    if len(ordered) < 2:
        return ""
    ink, text = COLORS[theme]
    places = _places(ordered)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    base = HEIGHT - BOTTOM + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(timeline_sentence(ordered))}</title>",
        f'<path d="M{LEFT} {base}H{WIDTH - RIGHT}" stroke="{text}" stroke-opacity="0.4"/>',
        f'<polyline points="{line}" fill="none" stroke="{ink}" stroke-width="1.5"/>',
    ]
    for point, (x, y, low, high) in zip(ordered, places, strict=True):
        anchor = "start" if x < 40 else "end" if x > WIDTH - 40 else "middle"
        edge = x - 6 if anchor == "start" else x + 6 if anchor == "end" else x
        parts += [
            f'<path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8'
            f'M{x - 4:.1f} {high:.1f}h8" stroke="{ink}" stroke-width="1.2"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{ink}"/>',
            _text(edge, high - 5, anchor, text, f"{point.volume:.0f} mm³"),
            _text(edge, HEIGHT - 3, anchor, text, f"day {point.day - ordered[0].day:.0f}"),
        ]
    return "".join([*parts, "</svg>"])


def _places(ordered: Sequence[TimePoint]) -> list[tuple[float, float, float, float]]:
    """For each date x, y, y of the lowest and of the highest volume; pixels."""
    days = ordered[-1].day - ordered[0].day or 1.0
    ends = [point.interval for point in ordered]
    least, most = min(low for low, _ in ends), max(high for _, high in ends)

    def across(point: TimePoint) -> float:
        return LEFT + 6 + (WIDTH - LEFT - RIGHT - 12) * (point.day - ordered[0].day) / days

    def up(volume: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (most - volume) / (most - least)

    return [(across(p), up(p.volume), up(p.interval[0]), up(p.interval[1])) for p in ordered]


def _text(x: float, y: float, anchor: str, color: str, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'
