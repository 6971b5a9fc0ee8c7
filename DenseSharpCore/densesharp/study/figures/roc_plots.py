"""ROC curves and the forest plot of areas."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from densesharp.stats.estimates import Interval
from densesharp.stats.formatting import bounded
from densesharp.stats.mrmc_records import BinormalCurve, FormSection
from densesharp.study.analysis.mark_results import MarkResults
from densesharp.study.analysis.study_results import StudyDescription, who
from densesharp.study.analysis.task_results import Curve, TaskResults
from densesharp.study.figures.figure_style import (
    GREY,
    MODEL_COLOR,
    Plot,
    color_of,
    fill,
    legend,
    line_style,
    markers,
    new_figure,
    tint,
    unit_square,
)

LABELS = ("False positive fraction (1 − specificity)", "Sensitivity")


def roc_plot(name: str, task: TaskResults, study: StudyDescription) -> Plot:
    """Mean curves, the model's curve with its band, and every reader's curve and point.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        study: whose names and colors it takes.
    """
    figure, grid = new_figure(9.2, 4.7, 2)
    left, right = grid[0]
    rows: list[list[Any]] = []
    for axes in (left, right):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        unit_square(axes)
        axes.set(xlabel=LABELS[0], ylabel=LABELS[1])
    _draw_means(left, task, study, rows)
    _draw_model(left, task, rows)
    _draw_points(left, task, study, rows)
    _draw_readers(right, task, study, rows)
    left.set_title("Average reader, model and operating points", loc="left")
    right.set_title("Each reader", loc="left")
    legend(left, "lower right")
    legend(right, "lower right")
    caption = (
        f"ROC curves: {task.title}. Left: {_left(task)} Right: every reader's empirical curve "
    )
    caption += "from the ratings."
    alt = f"ROC curves of readers and model for {task.title}."
    header = ("series", "condition", "reader", "threshold", "fpr", "tpr", "tpr_low", "tpr_high")
    return Plot(f"roc_{name}", caption, alt, figure, header, rows)


def _left(task: TaskResults) -> str:
    """What the left panel shows."""
    means = "mean of the readers' curves (vertical averaging)"
    model = "the model alone with its pointwise 95 % bootstrap band"
    if not any(condition != "model" for condition in task.operating_points):
        return f"{means} and {model}." if task.roc.model else f"{means}."
    points = (
        "each reader's chosen class as a point (hollow unaided, filled aided, joined by an arrow; "
        "shape by reader group; crosses are the readers' averages"
    )
    if not task.roc.model:
        return f"{means}, and {points})."
    return f"{means}, {model}, and {points}, the star is the model)."


def _draw_means(axes: Any, task: TaskResults, study: StudyDescription, rows: list[Any]) -> None:
    grid = task.roc.fpr_grid
    for condition, heights in task.roc.mean.items():
        if heights is None:
            continue
        color = color_of(condition, study.conditions)
        axes.plot([0, *grid], [0, *heights], color=color, lw=1.8, label=who(condition))
        rows += [
            ["mean", condition, "", None, x, y, None, None]
            for x, y in zip(grid, heights, strict=True)
        ]


def _draw_model(axes: Any, task: TaskResults, rows: list[Any]) -> None:
    curve, band = task.roc.model, task.roc.model_band
    if not curve:
        return
    if band:
        grid = task.roc.fpr_grid
        shade = tint(MODEL_COLOR, 0.15)
        axes.fill_between(grid, band.low, band.high, color=shade, lw=0, zorder=0)
        rows += [
            ["model band", "", "model", None, x, None, low, high]
            for x, low, high in zip(grid, band.low, band.high, strict=True)
        ]
    rows += _draw_curve(axes, curve, "model", color=MODEL_COLOR, lw=1.8, label=who("model"))


def _draw_curve(
    axes: Any, curve: Curve, reader: str, condition: str = "", **style: Any
) -> list[list[Any]]:
    """An empirical curve; its rows of the CSV."""
    axes.plot(curve.fpr, curve.tpr, **style)
    series = "reader" if condition else "model"
    points = zip(curve.thresholds, curve.fpr, curve.tpr, strict=True)
    return [[series, condition, reader, cut, x, y, None, None] for cut, x, y in points]


def _draw_points(axes: Any, task: TaskResults, study: StudyDescription, rows: list[Any]) -> None:
    shapes = markers(study)
    places: dict[str, dict[str, tuple[float, float]]] = {}
    for condition, readers in task.operating_points.items():
        for reader, point in readers.items():
            hits = point.sensitivity.value if point else None
            quiet = point.specificity.value if point else None
            if hits is None or quiet is None:
                continue
            x, y = 1 - quiet, hits
            color = color_of(condition, study.conditions)
            axes.plot(
                x, y, shapes.get(reader, "*"), ms=10 if condition == "model" else 6, mec=color,
                mfc=fill(condition, color), mew=1.2, zorder=4,
            )  # fmt: skip
            places.setdefault(reader, {})[condition] = (x, y)
            rows.append(["operating point", condition, reader, None, x, y, None, None])
    for condition, mean in task.average_points.items():
        if mean.sensitivity is None or mean.specificity is None:
            continue
        x, y = 1 - mean.specificity, mean.sensitivity
        color = color_of(condition, study.conditions)
        axes.plot(x, y, "P", ms=9, mec=color, mfc=fill(condition, color), mew=1.4, zorder=5)
        rows.append(["average point", condition, "", None, x, y, None, None])
    for place in places.values():
        if "unaided" in place and "aided" in place and place["unaided"] != place["aided"]:
            arrow = {"arrowstyle": "->", "color": GREY, "lw": 0.9, "shrinkA": 4, "shrinkB": 4}
            axes.annotate("", place["aided"], place["unaided"], arrowprops=arrow)


def _draw_readers(axes: Any, task: TaskResults, study: StudyDescription, rows: list[Any]) -> None:
    for condition, readers in task.roc.readers.items():
        color = color_of(condition, study.conditions)
        for number, (reader, curve) in enumerate(readers.items()):
            if curve is None:
                continue
            label = who(condition, reader) if len(readers) <= 5 else None
            style = {"color": color, "lw": 1, "ls": line_style(number), "label": label}
            rows += _draw_curve(axes, curve, reader, condition, **style)


Line = tuple[Any, Any] | None
"""x and y of a reader's curve; None where there is none."""


def binormal_plot(
    name: str, task: TaskResults, curves: Mapping[str, Mapping[str, BinormalCurve]]
) -> Plot:
    """Each reader's fitted curve over the points of the empirical one, a panel a condition.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        curves: condition -> reader -> the fitted curve.
    """
    lines = {
        condition: {r: None if one.tpf is None else (one.fpf, one.tpf) for r, one in part.items()}
        for condition, part in curves.items()
    }
    figure, rows = _reader_panels(lines, LABELS, task.roc.readers)
    caption = (
        f"Binormal curves: {task.title}. Lines are fitted, dots are the points of the empirical "
        "curves; a reader whose ratings allow no curve has dots only."
    )
    alt = f"Binormal ROC curves of each reader for {task.title}."
    header = ("condition", "reader", "fpr", "tpr")
    return Plot(f"binormal_{name}", caption, alt, figure, header, rows)


def marks_plot(marks: MarkResults) -> Plot:
    """AFROC or LROC curves of each reader, a panel a condition."""
    lines = {
        condition: {r: None if one is None else (one.fpf, one.found) for r, one in part.items()}
        for condition, part in marks.curves.items()
    }
    what, labels = "LROC", ("False positive fraction", "Lesions found")
    if marks.paradigm == "FROC":
        what, labels = "Weighted AFROC", (labels[0], "Weight of the lesions found")
    figure, rows = _reader_panels(lines, labels, {})
    caption = f"{what} curves of each reader, a panel a condition."
    header = ("condition", "reader", "fpf", "found")
    return Plot("marks", caption, f"{what} curves of each reader.", figure, header, rows)


def _reader_panels(
    lines: Mapping[str, Mapping[str, Line]],
    labels: tuple[str, str],
    dots: Mapping[str, Mapping[str, Curve | None]],
) -> tuple[Any, list[list[Any]]]:
    """A panel for each condition with a line for each reader; the figure and the rows of its CSV.

    Args:
        lines: condition -> reader -> curve.
        labels: of the axes.
        dots: condition -> reader -> empirical curve, whose points are drawn below.
    """
    figure, grid = new_figure(0.4 + 4.4 * len(lines), 4.5, len(lines), shared=True)
    rows: list[list[Any]] = []
    for axes, (condition, readers) in zip(grid[0], lines.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        unit_square(axes)
        axes.set_xlabel(labels[0])
        axes.set_title(condition, loc="left")
        for number, (reader, line) in enumerate(readers.items()):
            color = color_of(reader, list(readers))
            points = dots.get(condition, {}).get(reader)
            if points is not None:
                axes.plot(points.fpr, points.tpr, ".", color=tint(color, 0.5), ms=3, zorder=1)
            if line is None:
                continue
            axes.plot(*line, color=color, lw=1.2, ls=line_style(number // 5), label=reader)
            rows += [[condition, reader, x, y] for x, y in zip(*line, strict=True)]
        legend(axes, "lower right")
    grid[0][0].set_ylabel(labels[1])
    return figure, rows


def forest_plot(name: str, task: TaskResults, study: StudyDescription) -> Plot:
    """Areas of every reader and condition, reader means with two intervals, the model's line.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        study: whose names and colors it takes.
    """
    document = task.auc
    complete = document.complete_cases if document.rrrc.p is None else None
    lines: list[tuple[str, str, float, Interval | None, str]] = []
    for reader in document.study.readers:
        for condition in document.study.treatments:
            found = task.reader_auc[condition][reader]
            if found.auc.value is not None:
                lines.append((reader, condition, found.auc.value, found.logit_interval, "reader"))
    forms: tuple[tuple[str, FormSection, str], ...] = (
        ("rrrc", (complete or document).rrrc, "random readers"),
        ("frrc", (complete or document).frrc, "these readers"),
    )
    for form, section, text in forms:
        for condition, one in section.printed().items():
            if one.value is not None:
                ci = bounded(one, 0).ci
                lines.append((f"mean, {text}", condition, one.value, ci, form))
    figure, grid = new_figure(7.2, 1.2 + 0.26 * max(len(lines), 2))
    axes = grid[0][0]
    _draw_forest(axes, lines, study)
    rows: list[list[Any]] = [[*line[:3], *(line[3] or (None, None)), line[4]] for line in lines]
    model = task.model.auc if task.model else None
    if model and model.value is not None:
        axes.axvline(model.value, color=MODEL_COLOR, lw=1.4, label="model alone")
        ci = task.model.logit_interval if task.model else None
        if ci:
            axes.axvspan(*ci, color=tint(MODEL_COLOR, 0.12), lw=0, zorder=0)
        rows.append(["model", "", model.value, *(ci or (None, None)), "model"])
        legend(axes, "lower left")
    axes.set_xlabel("Area under the ROC curve, 95 % interval")
    axes.set_title(task.title, loc="left")
    caption = (
        f"Area under the ROC curve: {task.title}. Reader means are shown twice: for readers "
        "like these (random readers and cases) and for exactly these readers (fixed). Intervals "
        "are made on the logit scale."
    )
    if complete:
        caption += f" Means are of the {complete.study.cases} cases that all readers read."
    alt = f"Forest plot of areas under the ROC curve for {task.title}."
    header = ("reader", "condition", "auc", "low", "high", "kind")
    return Plot(f"forest_{name}", caption, alt, figure, header, rows)


def _draw_forest(axes: Any, lines: list[Any], study: StudyDescription) -> None:
    heights = np.arange(len(lines))[::-1].astype(float)
    for height, (_, condition, value, ci, kind) in zip(heights, lines, strict=True):
        color = color_of(condition, study.conditions)
        if ci:
            axes.plot(ci, [height] * 2, color=color, lw=1.4)
        marker = "o" if kind == "reader" else "D"
        face = fill(condition, color)
        axes.plot(value, height, marker, ms=6, mec=color, mfc=face, mew=1.2)
        if kind != "reader" and condition == lines[0][1]:
            axes.axhline(height + 0.5, color=GREY, lw=0.5)
    names = [f"{label} · {condition}" for label, condition, *_ in lines]
    axes.set_yticks(heights, names)
    axes.set_ylim(-0.7, len(lines) - 0.3)
    values = [v for line in lines for v in (line[2], *(line[3] or ()))]
    low = min([0.5, *values]) if values else 0.0
    axes.set_xlim(max(-0.02, low - 0.02), 1.01)
    axes.grid(axis="x", color="#DDDDDD", lw=0.6)
