"""Two time points of one nodule side by side, at the same scale, with what changed."""

import textwrap
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from densesharp.files import atomic_path
from densesharp.image.volume import Volume
from densesharp.nodule.followup import Change, FollowUp
from densesharp.report.labels import DISCLAIMER, minus_signs
from densesharp.report.pictures import draw_view
from densesharp.report.planes import views_of, width_for
from densesharp.report.style import INK, PAPER, QUIET, RULE, VERDICT_COLOURS
from densesharp.words import counted

SIZE = (15.0, 8.6)
DPI = 100

TREND_COLOURS = {
    "growth": VERDICT_COLOURS["refused"],
    "unclear": VERDICT_COLOURS["caution"],
    "unknown": VERDICT_COLOURS["caution"],
}

_ROWS = (
    ("volume_mm3", "Volume", "mm³", 0),
    ("mass_mg", "Mass", "mg", 0),
    ("mean_diameter_mm", "Mean diameter", "mm", 1),
    ("long_axis_mm", "Long axis", "mm", 1),
    ("solid_long_axis_mm", "Solid part", "mm", 1),
    ("mean_hu", "Mean density", "HU", 0),
)


def write_followup_picture(
    target: str | Path, followup: FollowUp, first: Volume, second: Volume
) -> None:
    """Write the comparison as PNG.

    Args:
        target: the file.
        followup: the comparison.
        first: the earlier CT.
        second: the later CT.
    """
    figure = Figure(figsize=SIZE, facecolor=PAPER)
    FigureCanvasAgg(figure)
    _header(figure, followup)
    width = max(width_for(followup.first), width_for(followup.second))
    pairs = (("First CT", followup.first, first), ("Second CT", followup.second, second))
    for row, (name, result, volume) in enumerate(pairs):
        for column, view in enumerate(views_of(result, volume, width)):
            axes = figure.add_axes((0.025 + 0.226 * column, 0.475 - 0.405 * row, 0.216, 0.37))
            title = f"{name}, {view.plane}" if column == 0 else view.plane.capitalize()
            draw_view(axes, view, title, result.measurements)
    _changes(figure, followup)
    figure.text(0.972, 0.028, DISCLAIMER, fontsize=10, color=INK, fontweight="bold", ha="right")
    with atomic_path(target) as path:
        figure.savefig(path, format="png", dpi=DPI)


def _header(figure: Figure, followup: FollowUp) -> None:
    trend = followup.trend[0].upper() + followup.trend[1:]
    if followup.trend == "unknown":
        trend = "Cannot be compared"
    colour = TREND_COLOURS.get(followup.trend, INK)
    figure.text(0.025, 0.945, trend, fontsize=19, color=colour, fontweight="bold", va="center")
    when = "time between the CTs not given"
    if followup.days is not None:
        when = f"{counted(followup.days, 'day')} between the CTs"
    if followup.match is not None:
        when += f"; place found by registration (similarity {followup.match.similarity:.2f})"
    figure.text(0.025, 0.9, when, fontsize=10.5, color=QUIET, va="center")


def _changes(figure: Figure, followup: FollowUp) -> None:
    """The table of changes, doubling times and remarks at the right."""
    left, right, y, step = 0.715, 0.972, 0.85, 0.036
    figure.text(left, y, "What changed", fontsize=10, color=INK, va="center")
    for key, name, unit, digits in _ROWS:
        if key not in followup.changes:
            continue
        change = followup.changes[key]
        y -= step
        values = f"{change.first:.{digits}f} → {change.second:.{digits}f} {unit}"
        figure.text(left, y, name, fontsize=9.5, color=QUIET, va="center")
        figure.text(0.915, y, minus_signs(values), fontsize=9.5, color=INK, va="center", ha="right")
        figure.text(right, y, _relative(change), fontsize=9.5, color=INK, va="center", ha="right")
        below = y - step / 2
        figure.add_artist(Line2D([left, right], [below, below], color=RULE, linewidth=0.7))
    y -= 1.5 * step
    for text, colour in _remarks(followup):
        lines = textwrap.wrap(text, 54)
        figure.text(left, y, "\n".join(lines), fontsize=9, color=colour, va="top", linespacing=1.3)
        y -= 0.0245 * len(lines) + 0.014


def _relative(change: Change) -> str:
    """The change in per cent; densities have none."""
    return "" if change.name == "mean_hu" else minus_signs(change.percent)


def _remarks(followup: FollowUp) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    volume, diameter = followup.changes.get("volume_mm3"), followup.changes.get("mean_diameter_mm")
    if volume is not None and diameter is not None:
        limits = f"Measurement error may reach ±{volume.limit or 0:.0%} of the volume and "
        found.append((f"{limits}{diameter.limit or 0:.0f} mm of the mean diameter.", QUIET))
    for name, days in (
        ("Volume", followup.volume_doubling_days),
        ("Mass", followup.mass_doubling_days),
    ):
        if days is not None:
            found.append((f"{name} doubling time {counted(days, 'day')}", INK))
    found += [(notice.message, VERDICT_COLOURS["caution"]) for notice in followup.notices]
    return found
