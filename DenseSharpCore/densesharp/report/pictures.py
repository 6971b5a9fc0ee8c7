"""Parts of a picture on matplotlib axes: views of the CT, surface, bars. No screen, no GL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from densesharp.nodule.records import Measurements, NoduleResult
from densesharp.report.labels import deviation_words, percent_words
from densesharp.report.planes import LUNG_WINDOW, View
from densesharp.report.style import INK, QUIET

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData

OUTLINE = "#ffc233"
AXIS = "#6ee7ff"
CLASS_COLOURS = {"AAH-AIS": "#3f8f8b", "MIA": "#d99a2b", "IAC": "#b8483f"}
FACETED = 2000
"""Up to so many triangles the facets of a surface are seen."""

BINARY_COLOUR = "#5b6b86"

_ON_CT: dict[str, Any] = {
    "color": "white",
    "fontsize": 9,
    "path_effects": [withStroke(linewidth=2, foreground="black", alpha=0.6)],
}


def draw_view(axes: Axes, view: View, title: str, measured: Measurements | None = None) -> None:
    """A view in the lung window with outline, axes, orientation letters and a scale bar.

    Args:
        axes: to draw into.
        view: the slice.
        title: above it.
        measured: whose axes are drawn where they lie in this plane.
    """
    half = view.width_mm / 2
    extent = (-half, half, half, -half)
    low, high = LUNG_WINDOW
    axes.imshow(view.hu, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")
    if view.mask is not None and (view.mask >= 0.5).any():
        step = view.width_mm / len(view.mask)
        at = (np.arange(len(view.mask)) + 0.5) * step - half
        axes.contour(at, at, view.mask, levels=[0.5], colors=OUTLINE, linewidths=1.3)
    if measured is not None and measured.plane == view.plane:
        for segment in (measured.long_axis, measured.short_axis):
            axes.plot(*view.line(segment).T, color=AXIS, linewidth=1, solid_capstyle="butt")
    _letters(axes, view.letters, _ON_CT)
    _scale_bar(axes, half)
    axes.set(xlim=(-half, half), ylim=(half, -half))
    axes.set_title(title, fontsize=10, color=INK, loc="left", pad=4)
    axes.axis("off")


def draw_context(axes: Axes, view: View, box_mm: float, at: NDArray[np.float64]) -> None:
    """The whole slice with a frame where the nodule lies.

    Args:
        axes: to draw into.
        view: the whole slice.
        box_mm: side of the frame.
        at: (3,) LPS mm, its middle.
    """
    half = view.width_mm / 2
    low, high = LUNG_WINDOW
    extent = (-half, half, half, -half)
    axes.imshow(view.hu, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="bilinear")
    x, y = view.on_screen(at)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * box_mm / 2
    axes.plot(*(corners + np.array([x, y])).T, color=OUTLINE, linewidth=1.2)
    _letters(axes, view.letters, _ON_CT)
    axes.set(xlim=(-half, half), ylim=(half, -half))
    axes.set_title("Where it lies", fontsize=10, color=INK, loc="left", pad=4)
    axes.axis("off")


def _letters(axes: Axes, letters: tuple[str, ...], style: dict[str, Any]) -> None:
    """Orientation letters at the left, right, top and bottom edge."""
    places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.97), (0.5, 0.03))
    for letter, (x, y) in zip(letters, places, strict=True):
        axes.text(x, y, letter, transform=axes.transAxes, ha="center", va="center", **style)


def _scale_bar(axes: Axes, half: float) -> None:
    """10 mm at the lower left."""
    left, bottom = -half * 0.9, half * 0.9
    line: dict[str, Any] = {"linewidth": 2.5, "solid_capstyle": "butt"}
    axes.plot([left, left + 10], [bottom, bottom], color="black", alpha=0.5, **line)
    axes.plot([left, left + 10], [bottom, bottom], color="white", **line)
    axes.text(left + 5, bottom - half * 0.035, "10 mm", ha="center", va="bottom", **_ON_CT)


def draw_surface(axes: Axes, surface: vtkPolyData | None) -> None:
    """The surface seen from the front, a little from the left and above, lit from the viewer."""
    from densesharp.nodule.surface import surface_normals, surface_triangles

    axes.set_title("Surface, from the front", fontsize=10, color=INK, loc="left", pad=4)
    axes.axis("off")
    axes.set_aspect("equal")
    if surface is None:
        axes.text(0.5, 0.5, "no outline", transform=axes.transAxes, ha="center", color=QUIET)
        return
    surface = finer(surface)
    corners, normals = surface_triangles(surface), surface_normals(surface)
    right, up, toward = _camera()
    corners = corners - (corners.max(axis=(0, 1)) + corners.min(axis=(0, 1))) / 2
    seen = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ toward > 0
    corners, normals = corners[seen], normals[seen]
    order = np.argsort((corners @ toward).mean(axis=1))
    light = 0.55 * toward - 0.35 * right + 0.75 * up
    shade = np.clip(normals @ (light / np.linalg.norm(light)), 0, 1)[order, None]
    base = np.array([0.93, 0.74, 0.42])
    colours = np.clip(base * (0.42 + 0.58 * shade) + 0.1 * shade**12, 0, 1)
    flat = np.stack([corners @ right, corners @ up], axis=-1)[order]
    style = {"facecolors": colours, "edgecolors": colours, "linewidths": 0.4}
    axes.add_collection(PolyCollection(list(flat), **style))
    reach = float(np.abs(flat).max()) * 1.25
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    _letters(axes, ("R", "L", "S", "I"), {"color": QUIET, "fontsize": 9})


def finer(surface: vtkPolyData) -> vtkPolyData:
    """A small surface with four times the triangles, so that no facets are seen."""
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
    from vtkmodules.vtkFiltersModeling import vtkLoopSubdivisionFilter

    if surface.GetNumberOfCells() > FACETED:
        return surface
    divide = vtkLoopSubdivisionFilter()
    divide.SetInputData(surface)
    normals = vtkPolyDataNormals()
    normals.SetInputConnection(divide.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.Update()
    finer_surface: vtkPolyData = normals.GetOutput()
    return finer_surface


def _camera() -> tuple[NDArray[np.float64], ...]:
    """LPS directions to the right, up and toward the viewer."""
    toward = np.array([0.35, -1.0, 0.3])
    toward /= np.linalg.norm(toward)
    right = np.cross((0.0, 0.0, 1.0), toward)
    right /= np.linalg.norm(right)
    return right, np.cross(toward, right), toward


def draw_classes(axes: Axes, result: NoduleResult) -> None:
    """Bars of the three classes and of the two binary answers, with their spread."""
    axes.axis("off")
    axes.set_title("Predicted invasiveness", fontsize=10, color=INK, loc="left", pad=4)
    if result.class_probabilities is None:
        axes.text(0, 0.6, "No class is given: the answer is refused.", fontsize=9, color=QUIET,
                  transform=axes.transAxes)  # fmt: skip
        return
    for y, row in zip((4.6, 3.7, 2.8, 1.3, 0.4), class_rows(result), strict=True):
        _bar(axes, y, *row, bold=row[0] == result.predicted_class)
    axes.text(-0.34, 2.02, "Two-class answers", fontsize=8.5, color=QUIET, va="center")
    if result.uncertainty is not None and result.uncertainty.samples > 1:
        runs = f"± is the SD over {result.uncertainty.samples} runs, not how often it is right."
        axes.text(-0.34, -0.42, runs, fontsize=8.5, color=QUIET, va="center")
    axes.set(xlim=(-0.36, 1.3), ylim=(-0.6, 5.1))


def class_rows(result: NoduleResult) -> list[tuple[str, float, float | None, str]]:
    """Name, probability, its SD (None when unknown) and colour of the classes and binaries."""
    probabilities = result.class_probabilities or {}
    spread = result.uncertainty
    deviations: dict[str, float | None] = {}
    if spread is not None:
        deviations = {**spread.sd_class, "invasive": spread.sd_invasive, "iac": spread.sd_iac}
    rows: list[tuple[str, float, float | None, str]] = [
        (name, probabilities.get(name, 0.0), deviations.get(name), colour)
        for name, colour in CLASS_COLOURS.items()
    ]
    invasive, iac = result.probability_invasive or 0.0, result.probability_iac or 0.0
    rows.append(("MIA or IAC", invasive, deviations.get("invasive"), BINARY_COLOUR))
    rows.append(("IAC alone", iac, deviations.get("iac"), BINARY_COLOUR))
    return rows


def _bar(
    axes: Axes, y: float, name: str, value: float, deviation: float | None, colour: str, bold: bool
) -> None:
    weight = "bold" if bold else "normal"
    axes.barh(y, 1, height=0.56, color="#eef1f5")
    axes.barh(y, value, height=0.56, color=colour, alpha=1 if bold else 0.75)
    axes.text(-0.34, y, name, fontsize=9.5, color=INK, va="center", fontweight=weight)
    text = percent_words(value)
    if deviation is not None:
        ends = np.clip([value - deviation, value + deviation], 0, 1)
        axes.plot(ends, [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")
        for end in ends:
            axes.plot([end, end], [y - 0.14, y + 0.14], color=INK, linewidth=1.2)
        text += f" {deviation_words(100 * deviation)}%"
    axes.text(1.03, y, text, fontsize=9.5, color=INK, va="center", fontweight=weight)
