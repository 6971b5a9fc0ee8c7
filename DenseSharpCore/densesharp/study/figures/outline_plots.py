"""Outlines: distributions of overlap and distance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from densesharp.study.analysis.outline_results import OutlineComparison, OutlineResults
from densesharp.study.figures.figure_style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Plot,
    boxplot,
    new_figure,
    tint,
)

KINDS = {
    "reader-reader": ("reader –\nreader", BLUE),
    "model-reader": ("model –\nreader", GREEN),
    "reader-consensus": ("reader –\nothers", PURPLE),
    "model-consensus": ("model –\nconsensus", ORANGE),
}
MEASURES = {"dice": "Dice", "hd95_mm": "HD95 (mm)", "nsd_1mm": "NSD at 1 mm"}


def overlap_plot(outlines: OutlineResults) -> Plot:
    """Dice, HD95 and NSD by kind of pair; grey lines join the means of a case."""
    comparisons = [
        row
        for row in outlines.comparisons
        if not (row.kind == "model-consensus" and row.second != "staple")
    ]
    figure, grid = new_figure(10.0, 3.9, len(MEASURES))
    rows: list[list[Any]] = []
    for axes, (measure, title) in zip(grid[0], MEASURES.items(), strict=True):
        values = [(r, v) for r in comparisons if (v := getattr(r, measure)) is not None]
        _draw_measure(axes, values)
        axes.set_title(title, loc="left")
        rows += [[measure, row.kind, row.case, row.first, row.second, v] for row, v in values]
    caption = (
        "Outlines compared case by case: boxes show median and quartiles of all pairs, grey lines "
        "join the mean of each case. Consensus is STAPLE; a reader is compared with the consensus "
        f"of the other readers. Distances: {outlines.definition}."
    )
    alt = "Box plots of Dice, HD95 and NSD between readers, model and consensus."
    header = ("measure", "kind", "case", "first", "second", "value")
    return Plot("outlines", caption, alt, figure, header, rows)


def _draw_measure(axes: Any, values: Sequence[tuple[OutlineComparison, float]]) -> None:
    means: dict[str, dict[int, float]] = {}
    kinds = [kind for kind in KINDS if any(row.kind == kind for row, _ in values)]
    for position, kind in enumerate(kinds):
        by_case: dict[str, list[float]] = {}
        for row, value in values:
            if row.kind == kind:
                by_case.setdefault(row.case, []).append(value)
        chosen = [value for row, value in values if row.kind == kind]
        color = KINDS[kind][1]
        boxplot(axes, chosen, position, 0.5, (color, tint(color, 0.25), color))
        for case, of_case in by_case.items():
            means.setdefault(case, {})[position] = float(np.mean(of_case))
    for line in means.values():
        axes.plot(list(line), list(line.values()), color=tint(GREY, 0.6), lw=0.5, zorder=0)
    axes.set_xticks(range(len(kinds)), [KINDS[kind][0] for kind in kinds], fontsize=7.5)
    axes.set_xlim(-0.6, len(kinds) - 0.4)
