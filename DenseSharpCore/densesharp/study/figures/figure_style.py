"""How all figures look: colours that colour-blind readers can tell apart, vector output, CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from densesharp.files import atomic_path
from densesharp.stats.tables import write_rows
from densesharp.study.analysis.study_results import StudyDescription

# Okabe & Ito 2008.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, YELLOW, GREY = "#56B4E9", "#E69F00", "#8A8A8A"

MODEL_COLOR = GREEN
_COLORS = {"unaided": BLUE, "aided": ORANGE, "model": MODEL_COLOR}
_OTHER_COLORS = (BLUE, ORANGE, PURPLE, YELLOW, SKY)
_GROUP_MARKERS = ("o", "s", "^", "D")

RC: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.fonttype": "none",
    # A reader's name may hold dollar signs.
    "text.parse_math": False,
    "svg.hashsalt": "densesharp",
}


@dataclass(frozen=True)
class Plot:
    """One figure with the numbers in it.

    Attributes:
        name: file name without ending.
        caption: what it shows and how to read it.
        alt: one sentence for readers who do not see it.
        figure: the drawing.
        header: columns of the CSV.
        rows: rows of the CSV: every plotted number.
    """

    name: str
    caption: str
    alt: str
    figure: Figure
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1, *, shared: bool = False
) -> tuple[Figure, Any]:
    """A figure in inches with a grid of axes (always a 2-D array).

    Args:
        width: inches.
        height: inches.
        columns: of axes.
        rows: of axes.
        shared: whether all axes have the same scales, which are written at the border only.

    Returns:
        The figure and its axes.
    """
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)


def save(plot: Plot, folder: Path) -> None:
    """Write NAME.svg and NAME.csv into a folder.

    Raises:
        OutputError: they cannot be written.
    """
    with mpl.rc_context(RC), atomic_path(folder / f"{plot.name}.svg") as path:
        _lay_out(plot.figure)
        plot.figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "densesharp"})
    write_rows(folder / f"{plot.name}.csv", plot.header, iter(plot.rows))


def _lay_out(figure: Figure) -> None:
    """Place the axes for good: with a layout to come, `savefig` draws all twice."""
    FigureCanvasSVG(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def color_of(source: str, conditions: Sequence[str]) -> str:
    """The colour of a condition or of the model; unaided and aided always have the same."""
    if source in _COLORS:
        return _COLORS[source]
    return _OTHER_COLORS[list(conditions).index(source) % len(_OTHER_COLORS)]


def tint(color: str, share: float) -> str:
    """A colour mixed with white; PDF programs differ in how they draw transparent ones."""
    red, green, blue = (share * part + 1 - share for part in to_rgb(color))
    return to_hex((red, green, blue))


def markers(study: StudyDescription) -> dict[str, str]:
    """Reader -> marker: one shape for each group."""
    groups = sorted({row.group for row in study.readers})
    shape = {group: _GROUP_MARKERS[i % len(_GROUP_MARKERS)] for i, group in enumerate(groups)}
    return {row.reader: shape[row.group] for row in study.readers}


def fill(condition: str, color: str) -> str:
    """Face colour of a marker: unaided hollow, others filled."""
    return "white" if condition == "unaided" else color


def boxplot(axes: Any, values: Sequence[float], place: float, width: float, look: Any) -> None:
    """One box with whiskers.

    Args:
        axes: to draw on.
        values: what it shows; outliers are left out.
        place: on the x axis.
        width: of the box.
        look: colours of lines, of the box and of the median.
    """
    lines, face, middle = look
    box = axes.boxplot(
        [values], positions=[place], widths=width, showfliers=False, patch_artist=True
    )
    box["boxes"][0].set(facecolor=face, edgecolor=lines)
    for part in (*box["whiskers"], *box["caps"]):
        part.set(color=lines)
    box["medians"][0].set(color=middle)


def draw_bars(axes: Any, left: Any, width: float, heights: Any, **look: Any) -> None:
    """Bars as one outline, which is quicker to draw than many.

    Args:
        axes: to draw on.
        left: shape (n,): left ends.
        width: of all.
        heights: shape (n,).
        look: color and label.
    """
    x = np.column_stack([left, left, left + width, left + width])
    y = np.column_stack([0 * heights, heights, heights, 0 * heights])
    axes.fill(x.ravel(), y.ravel(), lw=0, **look)


def draw_dots(axes: Any, x: Any, y: Any, color: str) -> None:
    """Many points as one path of small diamonds: files stay small and quick to draw."""
    across, up = (0.01 * max(float(np.quantile(values, 0.9)), 1e-9) for values in (x, y))
    corners = np.array([[across, 0], [0, up], [-across, 0], [0, -up], [across, 0]])
    places = np.column_stack([x, y])[:, None, :] + corners
    codes = [Outline.MOVETO, *[Outline.LINETO] * 3, Outline.CLOSEPOLY] * len(x)
    axes.add_patch(PathPatch(Outline(places.reshape(-1, 2), codes), color=color, lw=0))
    axes.autoscale_view()


def line_style(number: int) -> Any:
    """A line's dashes, one of five that can be told apart."""
    return ("-", "--", "-.", ":", (0, (7, 1.5, 1, 1.5, 1, 1.5)))[number % 5]


def legend(axes: Any, place: str) -> None:
    """A legend, if anything on the axes has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place)


def unit_square(axes: Axes) -> None:
    """Axes of an ROC curve or reliability diagram: 0 to 1, equal scales."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_aspect("equal")
