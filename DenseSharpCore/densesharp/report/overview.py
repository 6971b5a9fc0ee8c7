"""The overview picture of one nodule: what a radiologist wants to see at a glance."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from densesharp.files import atomic_path
from densesharp.image.grid import ras_to_lps
from densesharp.image.volume import Volume
from densesharp.nodule.records import NoduleResult
from densesharp.nodule.surface import nodule_surface
from densesharp.report.labels import (
    DISCLAIMER,
    VERDICT_WORDS,
    measurement_rows,
    minus_signs,
    name_of,
    ordered,
    stability_sentence,
)
from densesharp.report.pictures import draw_classes, draw_context, draw_surface, draw_view
from densesharp.report.planes import context_view, views_of
from densesharp.report.style import INK, PAPER, QUIET, RULE, VERDICT_COLOURS

SIZE = (15.0, 9.2)
DPI = 100

LIGHT_COLOURS = {
    "green": VERDICT_COLOURS["ok"],
    "amber": VERDICT_COLOURS["caution"],
    "red": VERDICT_COLOURS["refused"],
}


def write_overview(
    target: str | Path, result: NoduleResult, volume: Volume, model: str, trained_on: str
) -> None:
    """Write the overview of a result as PNG.

    Args:
        target: file to write.
        result: the nodule.
        volume: the CT it was found in.
        model: the model's name.
        trained_on: what the model learnt from.
    """
    figure = draw_overview(result, volume, model, trained_on)
    with atomic_path(target) as path:
        figure.savefig(path, format="png", dpi=DPI)


def draw_overview(result: NoduleResult, volume: Volume, model: str, trained_on: str) -> Figure:
    """Three planes, place, surface, classes, numbers, verdict and provenance on one page.

    Of a refused result it shows place and reasons only.

    Args:
        result: the nodule.
        volume: the CT.
        model: the model's name.
        trained_on: what it learnt from, as its card says.
    """
    result = result.shown()
    figure = Figure(figsize=SIZE, facecolor=PAPER)
    FigureCanvasAgg(figure)
    _header(figure, result)
    views = views_of(result, volume)
    for column, view in enumerate(views):
        axes = figure.add_axes((0.025 + 0.242 * column, 0.475, 0.232, 0.38))
        draw_view(axes, view, view.plane.capitalize(), result.measurements)
    context = figure.add_axes((0.025, 0.075, 0.2, 0.34))
    draw_context(context, context_view(result, volume), views[0].width_mm,
                 np.array(result.center_lps))  # fmt: skip
    draw_surface(figure.add_axes((0.235, 0.075, 0.2, 0.34)), nodule_surface(result))
    draw_classes(figure.add_axes((0.46, 0.09, 0.28, 0.315)), result)
    _numbers(figure, result)
    _remarks(figure, result)
    _footer(figure, model, trained_on)
    return figure


def _header(figure: Figure, result: NoduleResult) -> None:
    """Id, type and class on the left, the verdict on the right."""
    measured = result.measurements
    name = name_of(result)
    title = name if measured is None else f"{name}: {measured.nodule_type}"
    if result.predicted_class:
        title += f", predicted {result.predicted_class}"
    figure.text(0.025, 0.945, title, fontsize=19, color=INK, fontweight="bold", va="center")
    where = "RAS {:.1f}, {:.1f}, {:.1f} mm".format(*ras_to_lps(result.center_lps).round(1) + 0.0)
    figure.text(0.025, 0.905, minus_signs(where), fontsize=10.5, color=QUIET, va="center")
    colour = VERDICT_COLOURS[result.verdict]
    pill = FancyBboxPatch((0.785, 0.922), 0.187, 0.04, boxstyle="round,pad=0,rounding_size=0.012",
                          mutation_aspect=SIZE[0] / SIZE[1], color=colour,
                          transform=figure.transFigure)  # fmt: skip
    figure.add_artist(pill)
    figure.text(0.8785, 0.941, VERDICT_WORDS[result.verdict], fontsize=12, color="white",
                fontweight="bold", ha="center", va="center")  # fmt: skip


def _numbers(figure: Figure, result: NoduleResult) -> None:
    """The table of key numbers at the right."""
    left, right, top, step = 0.765, 0.972, 0.866, 0.03
    measured = result.measurements
    figure.text(left, top, "Measurements", fontsize=10, color=INK, va="center")
    if measured is None:
        why = "none: no outline" if result.mask is None else "none: the answer is refused"
        figure.text(left, top - step, why, fontsize=9.5, color=QUIET, va="center")
        return
    for number, row in enumerate(measurement_rows(result), start=1):
        y = top - step * number - 0.004
        figure.text(left, y, row.label, fontsize=9.5, color=QUIET, va="center")
        figure.text(right, y, row.text, fontsize=10, color=INK, va="center", ha="right")
        below = y - step / 2
        figure.add_artist(Line2D([left, right], [below, below], color=RULE, linewidth=0.7))


def _remarks(figure: Figure, result: NoduleResult) -> None:
    """Stability of the click and the reasons of the verdict."""
    left, top = 0.765, 0.4
    lines: list[tuple[str, str]] = []
    if result.stability is not None:
        words = stability_sentence(result.stability)
        lines.append((words, LIGHT_COLOURS[result.stability.light]))
    for notice in ordered(result.notices):
        colour = INK if notice.severity == "info" else VERDICT_COLOURS[notice.severity]
        lines.append((notice.message, colour))
    figure.text(left, top, "Remarks", fontsize=10, color=INK, va="center")
    if not lines:
        lines = [("Nothing to remark.", QUIET)]
    y = top - 0.03
    for text, colour in lines:
        wrapped = textwrap.wrap(text, 44)
        figure.text(left, y, "\n".join(wrapped), fontsize=9, color=colour, va="top",
                    linespacing=1.25)  # fmt: skip
        y -= 0.0235 * len(wrapped) + 0.011


def _footer(figure: Figure, model: str, trained_on: str) -> None:
    lines = textwrap.wrap(
        f"Model {model}, trained on {trained_on}", 120, max_lines=2, placeholder=" …"
    )
    text = "\n".join(lines)
    figure.text(0.025, 0.028, text, fontsize=9, color=QUIET, va="center")
    figure.text(0.972, 0.028, DISCLAIMER, fontsize=10, color=INK, fontweight="bold", ha="right",
                va="center")  # fmt: skip
