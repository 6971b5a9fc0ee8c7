"""The course of the study: flow chart and reading time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from densesharp.study.analysis.study_results import StudyDescription
from densesharp.study.analysis.time_results import ReadingTimePoint, TimeResults
from densesharp.study.figures.figure_style import (
    GREY,
    Plot,
    boxplot,
    color_of,
    draw_dots,
    fill,
    legend,
    markers,
    new_figure,
    tint,
)
from densesharp.words import counted

MOST_MARKERS = 500
"""Readings of a condition above which their places are drawn as one path."""


def flow_plot(study: StudyDescription) -> Plot:
    """From cases to analysed readings (STARD)."""
    readings = study.readings
    total = {condition: sum(by_reader.values()) for condition, by_reader in readings.items()}
    # In a nested design nobody was to read everything.
    expected = None if study.reading_design else study.cases * len(study.readers)
    by_class = ", ".join(f"{n} {name}" for name, n in study.cases_by_class.items())
    boxes = [
        ("Cases with a reference standard", f"{study.cases + study.unread_cases}"),
        ("Cases read", f"{study.cases} ({by_class})"),
        ("Readers", f"{len(study.readers)}"),
    ]
    rows: list[list[Any]] = [[title, text] for title, text in boxes]
    rows += [["Cases not read", study.unread_cases]]
    figure, grid = new_figure(7.4, 4.3)
    axes = grid[0][0]
    axes.set_axis_off()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    style = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": "#444444"}
    arrow = {"arrowstyle": "->", "color": "#444444", "shrinkA": 0, "shrinkB": 0}
    heights = (9.2, 6.9, 4.6)
    for height, (title, text) in zip(heights, boxes, strict=True):
        axes.text(5, height, f"{title}\n{text}", ha="center", va="center", bbox=style)
    # From edge to edge of boxes of two lines; those at the bottom have three.
    half, half_last = 0.62, 0.84
    for top, bottom in ((9.2, 6.9), (6.9, 4.6)):
        axes.annotate("", (5, bottom + half), (5, top - half), arrowprops=arrow)
    if study.unread_cases:
        text = f"Not read\n{study.unread_cases}"
        axes.text(9, 8.05, text, ha="center", va="center", bbox=style | {"ec": GREY})
        axes.annotate("", (8.45, 8.05), (5, 8.05), arrowprops=arrow | {"color": GREY})
    places = np.linspace(0, 10, 2 * len(total) + 1)[1::2]
    for x, (condition, count) in zip(places, total.items(), strict=True):
        missing = 0 if expected is None else expected - count
        text = f"{condition}\n{counted(count, 'reading')}\n{missing} missing"
        color = color_of(condition, study.conditions)
        axes.text(x, 1.3, text, ha="center", va="center", bbox=style | {"ec": color, "lw": 1.5})
        axes.annotate("", (x, 1.3 + half_last), (5, 4.6 - half), arrowprops=arrow)
        rows += [[f"Readings, {condition}", count], [f"Missing, {condition}", missing]]
    caption = "Flow of cases and readings."
    return Plot("flow", caption, "Flow chart of cases and readings.", figure, ("box", "n"), rows)


def time_plot(time: TimeResults, study: StudyDescription) -> Plot:
    """Active reading time by reader and condition, and over the course of a session."""
    points = time.points
    has_positions = any(point[2] is not None for point in points)
    figure, grid = new_figure(9.2, 3.9, 2 if has_positions else 1)
    left = grid[0][0]
    readers = [row.reader for row in study.readers]
    conditions = study.conditions
    step = 0.8 / len(conditions)
    for c, condition in enumerate(conditions):
        color = color_of(condition, conditions)
        for r, reader in enumerate(readers):
            values = [p[3] for p in points if p[0] == condition and p[1] == reader]
            if not values:
                continue
            place = r + (c - (len(conditions) - 1) / 2) * step
            look = color, fill(condition, tint(color, 0.6)), "black"
            boxplot(left, values, place, 0.8 * step, look)
    left.set_xticks(range(len(readers)), readers)
    left.set(xlim=(-0.6, len(readers) - 0.4), ylabel="Active time per case (s)")
    left.set_ylim(bottom=0)
    left.set_title("By reader", loc="left")
    if has_positions:
        _draw_course(grid[0][1], points, study)
    caption = (
        "Active reading time. Left: median, quartiles and range without outliers by reader and "
        "condition. Right: each reading against its place in the session, with a running median."
    )
    alt = "Reading time by reader and condition and over the session."
    header = ("condition", "reader", "position", "active_seconds")
    return Plot("time", caption, alt, figure, header, points)


def _draw_course(axes: Any, points: Sequence[ReadingTimePoint], study: StudyDescription) -> None:
    shapes = markers(study)
    for condition in study.conditions:
        color = color_of(condition, study.conditions)
        placed = (p for p in points if p[0] == condition and p[2] is not None)
        chosen = sorted((p[2], p[3], p[1]) for p in placed)
        if not chosen:
            continue
        place, seconds = (np.array([row[i] for row in chosen]) for i in (0, 1))
        if len(chosen) > MOST_MARKERS:
            draw_dots(axes, place, seconds, tint(color, 0.5))
        for reader in sorted({row[2] for row in chosen}) if len(chosen) <= MOST_MARKERS else ():
            mine = np.array([row[2] == reader for row in chosen])
            axes.plot(
                place[mine], seconds[mine], shapes[reader], ms=2.5, mec=tint(color, 0.5), mew=0.6,
                mfc=fill(condition, tint(color, 0.5)),
            )  # fmt: skip
        window = max(5, len(chosen) // 10)
        starts = range(0, len(chosen) - window + 1, max(1, window // 2))
        x = [float(np.median(place[s : s + window])) for s in starts]
        y = [float(np.median(seconds[s : s + window])) for s in starts]
        axes.plot(x, y, color=color, lw=1.8, label=condition)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Position in the session")
    axes.set_title("Over the session", loc="left")
    legend(axes, "upper right")
