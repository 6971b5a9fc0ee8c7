"""Bland-Altman plots: the model's volumes and diameters against the readers'."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from densesharp.stats.bland_altman import LimitsOfAgreement
from densesharp.study.analysis.outline_results import (
    DiameterAgreement,
    Ratios,
    SizePair,
    VolumeAgreement,
)
from densesharp.study.figures.figure_style import BLUE, GREY, ORANGE, Plot, new_figure, tint

LINES = {"bias": "bias", "lower": "lower limit", "upper": "upper limit"}


def volume_plot(volume: VolumeAgreement) -> Plot:
    """Ratio model to reader over the geometric mean of the two, on logarithmic axes."""
    model, reader = _pairs(volume)
    middle, ratio = np.sqrt(reader * model), model / reader
    figure, grid = new_figure(7.0, 4.0)
    axes = grid[0][0]
    axes.set_xscale("log")
    axes.set_yscale("log")
    rows = _draw(axes, volume.points, middle, ratio, volume.ratio, 1.0)
    axes.set_xlabel("Geometric mean of the two volumes (mm³)")
    axes.set_ylabel("Model volume / reader volume")
    low, high = axes.get_ylim()
    low, high = min(0.45, low), max(2.2, high)
    axes.set_ylim(low, high)
    steps = [q for q in (0.1, 0.2, 0.25, 0.5, 0.75, 1, 1.33, 2, 4, 5, 10) if low <= q <= high]
    axes.set_yticks(steps, [f"{step:g}" for step in steps])
    span = float(middle.min()) * 0.9, float(middle.max()) * 1.1
    ticks = [m * 10**e for e in range(7) for m in (1, 2, 5) if span[0] <= m * 10**e <= span[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    caption = (
        "Volume of the model's outline against the readers': ratio with bias and 95 % limits of "
        "agreement on the log scale, shaded with their 95 % intervals (several readers per case: "
        "Bland & Altman 2007, Zou 2013)."
    )
    alt = "Bland-Altman plot of volumes by model and readers."
    header = ("case", "reader", "geometric_mean_mm3", "ratio_model_to_reader", "low", "high")
    return Plot("volume_agreement", caption, alt, figure, header, rows)


def diameter_plot(diameter: DiameterAgreement) -> Plot:
    """Difference model minus reader over the mean of the two, in mm."""
    model, reader = _pairs(diameter)
    figure, grid = new_figure(7.0, 4.0)
    axes = grid[0][0]
    middle, gap = (model + reader) / 2, model - reader
    rows = _draw(axes, diameter.points, middle, gap, diameter.limits, 0.0)
    axes.set_xlabel("Mean of the two diameters (mm)")
    axes.set_ylabel("Model diameter − reader diameter (mm)")
    caption = (
        "Mean diameter of the model's outline against the readers': difference with bias and 95 % "
        "limits of agreement, shaded with their 95 % intervals (several readers per case: Bland & "
        f"Altman 2007, Zou 2013). Diameter: {diameter.definition}."
    )
    alt = "Bland-Altman plot of mean diameters by model and readers."
    header = ("case", "reader", "mean_mm", "model_minus_reader_mm", "low", "high")
    return Plot("diameter_agreement", caption, alt, figure, header, rows)


def _pairs(sizes: VolumeAgreement | DiameterAgreement) -> tuple[Any, Any]:
    points = sizes.points
    return np.array([p[2] for p in points]), np.array([p[3] for p in points])


def _draw(
    axes: Any,
    points: Sequence[SizePair],
    x: Any,
    y: Any,
    limits: Ratios | LimitsOfAgreement | None,
    equal: float,
) -> list[list[Any]]:
    """Points, the line of equality, bias and limits with intervals; the rows of the CSV."""
    axes.scatter(x, y, s=16, color=BLUE, edgecolors="white", lw=0.4, zorder=3)
    axes.axhline(equal, color=GREY, lw=0.8, ls=":")
    rows: list[list[Any]] = [
        [point[0], point[1], float(a), float(b), None, None]
        for point, a, b in zip(points, x, y, strict=True)
    ]
    for name, label in LINES.items():
        one = getattr(limits, name, None)
        if one is None or one.value is None:
            continue
        low, high = one.ci or (None, None)
        if low is not None:
            axes.axhspan(low, high, color=tint(ORANGE, 0.14), lw=0, zorder=0)
        axes.axhline(one.value, color=ORANGE, lw=1.2, ls="-" if name == "bias" else "--")
        axes.annotate(
            f"{label} {one.value:.2f}", (1.01, one.value),
            xycoords=("axes fraction", "data"), fontsize=7.5, va="center", color=ORANGE,
        )  # fmt: skip
        rows.append([label, "", None, one.value, low, high])
    return rows
