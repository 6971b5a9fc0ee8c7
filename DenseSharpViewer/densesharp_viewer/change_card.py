"""What the page shows of a nodule at two dates: a sentence, a table, and its course."""

from typing import Any

from densesharp.nodule.followup import FollowUp, followup_sentence
from densesharp.nodule.followup.timeline import TimePoint, timeline_svg
from densesharp.report.labels import minus_signs
from densesharp_scene import Nodule

NO_CHANGE: dict[str, Any] = {"text": "", "rows": [], "chart": ""}

_ROWS = (
    ("volume_mm3", "Volume", "mm³", 0),
    ("mean_diameter_mm", "Mean diameter", "mm", 1),
    ("long_axis_mm", "Long axis", "mm", 1),
    ("solid_long_axis_mm", "Solid part", "mm", 1),
    ("mass_mg", "Mass", "mg", 0),
)


def change_card(change: FollowUp | None, before: Nodule | None) -> dict[str, Any]:
    """The page's copy of a comparison; empty without one.

    The chart is drawn with known dates only.
    """
    if change is None or before is None:
        return NO_CHANGE
    points = [TimePoint(0.0, change.first), TimePoint(change.days or 0.0, change.second)]
    return {
        "text": f"Compared with {before.name} of the earlier CT. {followup_sentence(change)}",
        "rows": _rows(change),
        "chart": timeline_svg(points, "dark") if change.days else "",
    }


def _rows(change: FollowUp) -> list[dict[str, str]]:
    rows = []
    for name, label, unit, digits in _ROWS:
        found = change.changes.get(name)
        if found is None:
            continue
        share = f" ({found.percent})" if found.percent else ""
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
