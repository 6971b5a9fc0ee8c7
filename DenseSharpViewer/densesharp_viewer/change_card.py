"""What the page shows of a nodule at two dates: a sentence, a table, and a chart over the days."""

from __future__ import annotations

from typing import Any

from densesharp.nodule.followup import FollowUp, followup_sentence
from densesharp.report.labels import minus_signs
from densesharp_scene import Nodule

from .case import Case

NO_CHANGE: dict[str, Any] = {"text": "", "rows": [], "chart": None}

_ROWS = (
    ("volume_mm3", "Volume", "mm³", 0),
    ("mean_diameter_mm", "Mean diameter", "mm", 1),
    ("long_axis_mm", "Long axis", "mm", 1),
    ("solid_long_axis_mm", "Solid part", "mm", 1),
    ("mass_mg", "Mass", "mg", 0),
)

WIDTH, HEIGHT = 320, 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 12, 24
"""Room around the chart for its numbers, pixels."""


def change_card(
    change: FollowUp | None, before: Nodule | None, case: Case, days: int | None
) -> dict[str, Any]:
    """The page's copy of a comparison; empty without one."""
    if change is None or before is None:
        return NO_CHANGE
    return {
        "text": f"Compared with {before.name} of the earlier CT. {followup_sentence(change)}",
        "rows": _rows(change),
        "chart": _chart(change, case, days),
    }


def _rows(change: FollowUp) -> list[dict[str, str]]:
    rows = []
    for name, label, unit, digits in _ROWS:
        found = change.changes.get(name)
        if found is None:
            continue
        share = "" if found.relative is None else f" ({_signed(100 * found.relative, 0)} %)"
        rows.append(
            {
                "label": label,
                "before": f"{found.first:.{digits}f}",
                "now": minus_signs(f"{found.second:.{digits}f} {unit}"),
                "change": minus_signs(f"{_signed(found.difference, digits)}{share}"),
            }
        )
    return rows


def _signed(value: float, digits: int) -> str:
    """A number with its sign, and none where it rounds to zero."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else f"{0:.{digits}f}"


def _chart(change: FollowUp, case: Case, days: int | None) -> dict[str, Any] | None:
    """Volume over days, and by how much a repeated scan alone could differ from the first.

    Only with known dates: a line between two times needs to know how far apart they are.
    """
    volume = change.changes.get("volume_mm3")
    if volume is None or not days:
        return None
    limit = (volume.limit or 0.0) * volume.first
    low, high = max(volume.first - limit, 0.0), volume.first + limit
    top = 1.15 * max(high, volume.second)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM), 1)

    left, right = float(_LEFT), float(WIDTH - _RIGHT)
    return {
        "size": f"0 0 {WIDTH} {HEIGHT}",
        "line": f"{left},{y(volume.first)} {right},{y(volume.second)}",
        "band": {"x": left, "y": y(high), "width": right - left, "height": y(low) - y(high)},
        "points": [
            {"x": left, "y": y(volume.first), "text": f"{volume.first:.0f}", "day": case.date,
             "anchor": "start"},
            {"x": right, "y": y(volume.second), "text": f"{volume.second:.0f}",
             "day": f"{days} days later", "anchor": "end"},
        ],
        "base": HEIGHT - _BOTTOM,
        "below": HEIGHT - 6,
        "words": f"Volume in mm³ over {days} days. Gray: what a repeated scan alone may differ by.",
    }  # fmt: skip
