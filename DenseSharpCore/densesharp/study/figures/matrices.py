"""Matrices: confusion, reclassification, and agreement of readers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from densesharp.study.analysis.class_results import AgreementResults, Changes, ClassResults
from densesharp.study.analysis.outline_results import OutlineResults
from densesharp.study.analysis.study_results import who
from densesharp.study.figures.figure_style import BLUE, ORANGE, Plot, new_figure

BLUES = LinearSegmentedColormap.from_list("blues", ["#FFFFFF", BLUE])
DIVERGING = LinearSegmentedColormap.from_list("diverging", [ORANGE, "#FFFFFF", BLUE])


def _cells(axes: Any, shares: Any, texts: Any, cmap: Any, limits: tuple[float, float]) -> None:
    """A heat map with a text in each cell, white on dark cells."""
    values = np.ma.masked_invalid(np.array(shares, dtype=float))
    edges = np.arange(values.shape[0] + 1) - 0.5
    # Vector cells, not an image, so that print stays sharp.
    axes.pcolormesh(
        edges, edges, values, cmap=cmap, vmin=limits[0], vmax=limits[1], edgecolors="white", lw=0.8
    )
    axes.set_aspect("equal")
    axes.invert_yaxis()
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            dark = (
                value is not np.ma.masked
                and cmap((value - limits[0]) / (limits[1] - limits[0]))[:3]
            )
            light = dark and 0.299 * dark[0] + 0.587 * dark[1] + 0.114 * dark[2] < 0.55
            text = texts[row][column]
            axes.text(
                column, row, text, ha="center", va="center", fontsize=8,
                color="white" if light else "black",
            )  # fmt: skip
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def confusion_plot(classes: ClassResults) -> Plot:
    """Confusion matrices of the mean reader in each condition and of the model."""
    names = classes.class_names
    panels = classes.confusion
    figure, grid = new_figure(0.6 + 3.1 * len(panels), 3.3, len(panels))
    rows: list[list[Any]] = []
    for axes, (source, matrices) in zip(grid[0], panels.items(), strict=True):
        counts = np.array(matrices.mean.counts, dtype=float)
        totals = counts.sum(1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
        texts = [
            [f"{n:.4g}\n{100 * s:.0f} %" for n, s in zip(*pair, strict=True)]
            for pair in zip(counts, shares, strict=True)
        ]
        _cells(axes, shares, texts, BLUES, (0, 1))
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("Called")
        axes.set_title(who(source), loc="left")
        for i, truth in enumerate(names):
            for j, called in enumerate(names):
                rows.append([source, truth, called, counts[i, j], shares[i, j]])
    grid[0][0].set_ylabel("Pathology")
    caption = "Confusion matrices: counts (mean over readers) and share of each class of pathology."
    alt = "Confusion matrices of readers and model against pathology."
    header = ("who", "pathology", "called", "count", "row_share")
    return Plot("confusion", caption, alt, figure, header, rows)


def reclassification_plot(names: Sequence[str], changes: Changes) -> Plot:
    """How classes changed from unaided to aided, by pathology and by right or wrong model."""
    parts = changes.reclassification
    width, height = 0.9 + 2.5 * len(names), 0.5 + 2.6 * len(parts)
    figure, grid = new_figure(width, height, len(names), len(parts))
    rows: list[list[Any]] = []
    for line, (part, by_truth) in zip(grid, parts.items(), strict=True):
        for axes, truth in zip(line, names, strict=True):
            counts = np.array(by_truth[truth], dtype=float)
            better = _improvement(names.index(truth), len(names))
            signed = np.where(counts > 0, better, 0) * 0.55
            texts = [[f"{n:.0f}" if n else "" for n in row] for row in counts]
            _cells(axes, signed, texts, DIVERGING, (-1, 1))
            axes.set_xticks(range(len(names)), names, fontsize=7)
            axes.set_yticks(range(len(names)), names, fontsize=7)
            title = f"pathology {truth}\n{part} ({counts.sum():.0f})"
            axes.set_title(title, fontsize=8, loc="left")
            for i, before in enumerate(names):
                for j, after in enumerate(names):
                    rows.append([part, truth, before, after, int(counts[i, j])])
        line[0].set_ylabel("Unaided")
    for axes in grid[-1]:
        axes.set_xlabel("Aided")
    caption = (
        "Reclassification from unaided (rows) to aided (columns), readings of all readers, by "
        "pathology and by whether the model was right. Blue: closer to pathology, orange: further "
        "away, white: as far as before."
    )
    alt = "Tables of class changes between unaided and aided readings."
    header = ("model", "pathology", "unaided", "aided", "readings")
    return Plot("reclassification", caption, alt, figure, header, rows)


def _improvement(truth: int, size: int) -> Any:
    """+1 where the aided class is closer to the truth than the unaided, -1 where further away."""
    distance = np.abs(np.arange(size) - truth)
    return np.sign(distance[:, None] - distance[None, :])


def agreement_plot(agreement: AgreementResults) -> Plot:
    """Quadratic kappa of every pair of readers, model and pathology, per condition."""
    panels = agreement.conditions
    size = len(next(iter(panels.values())).pairs.names)
    edge = max(2.6, 0.55 * size + 1.0)
    figure, grid = new_figure(0.4 + edge * len(panels), edge, len(panels))
    rows: list[list[Any]] = []
    for axes, (condition, part) in zip(grid[0], panels.items(), strict=True):
        names = part.pairs.names
        values = np.full((size, size), np.nan)
        pairs = [(j, i) for i in range(size) for j in range(i)]
        for (i, j), one in zip(pairs, part.pairs.quadratic_kappa.values(), strict=True):
            rows.append([condition, names[i], names[j], one.value, *(one.ci or ("", ""))])
            if one.value is not None:
                values[i, j] = values[j, i] = one.value
        _heat(axes, names, values, condition)
    caption = (
        "Agreement on the class: quadratically weighted kappa of each pair of readers, the model "
        "and pathology."
    )
    alt = "Heat maps of weighted kappa between readers, model and pathology."
    header = ("condition", "first", "second", "quadratic_kappa", "low", "high")
    return Plot("agreement", caption, alt, figure, header, rows)


def dice_plot(outlines: OutlineResults) -> Plot:
    """Mean Dice of every pair of readers and the model."""
    names = outlines.dice_matrix.names
    values = np.array(outlines.dice_matrix.values, dtype=float)
    np.fill_diagonal(values, np.nan)
    edge = max(2.6, 0.55 * len(names) + 1.0)
    figure, grid = new_figure(edge + 0.4, edge)
    _heat(grid[0][0], names, values, f"mean Dice, {outlines.condition}")
    rows = [
        [names[i], names[j], None if np.isnan(values[i, j]) else values[i, j]]
        for i in range(len(names))
        for j in range(i)
    ]
    caption = "Agreement of outlines: mean Dice coefficient of each pair over the cases both drew."
    alt = "Heat map of mean Dice between readers and model."
    return Plot("dice_matrix", caption, alt, figure, ("first", "second", "mean_dice"), rows)


def _heat(axes: Any, names: Sequence[str], values: Any, title: str) -> None:
    texts = [["" if np.isnan(v) else f"{v:.2f}" for v in row] for row in values]
    _cells(axes, values, texts, BLUES, (0, 1))
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title, loc="left")
