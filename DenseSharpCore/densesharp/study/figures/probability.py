"""Ratings as probabilities: reliability, decision curves, histograms."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from densesharp.study.analysis.study_results import StudyDescription, who
from densesharp.study.analysis.task_results import Calibration, Decision, TaskResults
from densesharp.study.figures.figure_style import (
    GREY,
    Plot,
    color_of,
    draw_bars,
    legend,
    new_figure,
    tint,
    unit_square,
)


def reliability_plot(
    name: str, title: str, sources: Mapping[str, Calibration], study: StudyDescription
) -> Plot:
    """Observed share against mean probability in ten bins, with counts below.

    Args:
        name: of the file, without its ending.
        title: above it.
        sources: calibration by who gave the probabilities.
        study: whose names and colors it takes.
    """
    figure, grid = new_figure(0.4 + 3.1 * len(sources), 4.3, len(sources), 2)
    rows: list[list[Any]] = []
    for column, (source, part) in enumerate(sources.items()):
        color = color_of(source, study.conditions)
        axes, below = grid[0][column], grid[1][column]
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        for one in part.bins:
            x, y = one.mean_probability, one.observed.value
            low, high = one.observed.ci or (None, None)
            axes.plot([x, x], [low, high], color=color, lw=1.1)
            axes.plot(x, y, "o", color=color, ms=4.5)
            below.bar((one.low + one.high) / 2, one.n, 0.09, color=tint(color, 0.7))
            rows.append([source, one.low, one.high, one.n, x, y, low, high])
        unit_square(axes)
        axes.set_title(who(source, "readers"), loc="left")
        below.set(xlim=(-0.02, 1.02), xlabel="Stated probability")
        below.set_box_aspect(0.28)
    grid[0][0].set_ylabel("Observed share, 95 % (Wilson)")
    grid[1][0].set_ylabel("Readings")
    caption = (
        f"Reliability: {title}. Ten bins of equal width; readers pooled, intervals for readers "
        "and cases like these. On the dotted line probabilities mean what they say."
    )
    alt = f"Reliability diagrams for {title}."
    header = ("source", "bin_low", "bin_high", "n", "mean_probability", "observed", "low", "high")
    return Plot(f"reliability_{name}", caption, alt, figure, header, rows)


def decision_plot(name: str, title: str, part: Decision, study: StudyDescription) -> Plot:
    """Net benefit over the threshold probability.

    Args:
        name: of the file, without its ending.
        title: above it.
        part: net benefits.
        study: whose names and colors it takes.
    """
    thresholds = np.array(part.thresholds)
    figure, grid = new_figure(5.6, 3.6)
    axes = grid[0][0]
    rows: list[list[Any]] = []
    everyone = np.array(part.treat_all)
    axes.axhline(0, color=GREY, lw=1, label="act on none")
    axes.plot(thresholds, everyone, color=GREY, lw=1, ls="--", label="act on all")
    rows += [["act on all", x, y] for x, y in zip(thresholds, everyone, strict=True)]
    top = float(everyone.max())
    for source, values in part.net_benefit.items():
        if values is None:
            continue
        label = who(source)
        axes.plot(thresholds, values, color=color_of(source, study.conditions), lw=1.6, label=label)
        rows += [[label, x, y] for x, y in zip(thresholds, values, strict=True)]
        top = max(top, max(values))
    axes.set_ylim(-0.1 * max(top, 0.1), 1.08 * max(top, 0.1))
    axes.set(xlabel="Threshold probability", ylabel="Net benefit")
    legend(axes, "best")
    caption = f"Decision curve: {title}. Net benefit of acting on positive readings."
    alt = f"Decision curves for {title}."
    return Plot(
        f"decision_{name}", caption, alt, figure, ("source", "threshold", "net_benefit"), rows
    )


def histogram_plot(name: str, task: TaskResults, study: StudyDescription) -> Plot:
    """How the rating scale was used: histograms by reader and class of pathology.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        study: whose names and colors it takes.
    """
    edges = np.array(task.histograms.edges)
    counts = task.histograms.counts
    readers = [row.reader for row in study.readers]
    classes = study.class_names
    size = 1.0 + 2.3 * len(classes), 0.6 + 1.15 * len(readers)
    figure, grid = new_figure(*size, len(classes), len(readers), shared=True)
    rows: list[list[Any]] = []
    middles, part = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0]) / len(counts)
    for line, reader in zip(grid, readers, strict=True):
        for axes, truth in zip(line, classes, strict=True):
            for number, (condition, by_reader) in enumerate(counts.items()):
                values = by_reader[reader][truth]
                left = edges[:-1] + (number + 0.05) * part
                color = color_of(condition, study.conditions)
                draw_bars(axes, left, 0.9 * part, values, color=color, label=condition)
                pairs = zip(middles, values, strict=True)
                rows += [[condition, reader, truth, m, int(n)] for m, n in pairs]
            axes.tick_params(labelsize=7)
        line[0].set_ylabel(reader)
    grid[0][0].set_ylim(0, max(grid[0][0].get_ylim()[1], 1))
    for axes, truth in zip(grid[0], classes, strict=True):
        axes.set_title(truth, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("Rating")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    caption = f"Ratings of every reader by class of pathology: {task.title}."
    alt = f"Histograms of ratings for {task.title}."
    header = ("condition", "reader", "pathology", "rating_bin_middle", "readings")
    return Plot(f"ratings_{name}", caption, alt, figure, header, rows)
