"""Interactive surfaces of nodules, in a notebook or as a page that needs no network.

Needs the extra `explore` (plotly). Coordinates are LPS mm.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from densesharp.files import write_text
from densesharp.image.grid import Grid
from densesharp.image.masks import THRESHOLD
from densesharp.nodule.surface import level_surface, mask_surface, surface_triangles

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Mesh3d

COLOURS = ("#e4572e", "#4c9f70", "#3d6fb6", "#c9a227")


def mesh(
    values: NDArray[np.generic],
    grid: Grid | None = None,
    *,
    level: float = THRESHOLD,
    step_size: int = 1,
    name: str = "nodule",
    colour: str = COLOURS[0],
    opacity: float = 1.0,
) -> Mesh3d:
    """Make the surface where values cross a level, as a plotly trace.

    Args:
        values: (k, j, i) a mask (bool), a probability, or HU (then give a level in HU).
        grid: where the voxels lie; default 1 mm voxels around the origin.
        level: value on the surface; larger is inside.
        step_size: average over cubes of so many voxels first; 2 or 3 make a mesh with a quarter or
            a ninth of the triangles. For looking only: large steps cut corners, a ball of 18 mm
            loses 8 % of its volume with a step of 3.
        name: in the legend.
        colour: as `#rrggbb`.
        opacity: 0 to 1.

    Returns:
        The trace, in LPS mm, to be shown by `scene`.
    """
    from plotly.graph_objects import Mesh3d

    points, triangles = surface_mesh(values, grid, level, step_size)
    x, y, z = points.T
    i, j, k = triangles.T
    return Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, name=name, color=colour, opacity=opacity, showlegend=True,
        flatshading=False, hoverinfo="name+x+y+z",
        lighting={"ambient": 0.45, "diffuse": 0.7, "specular": 0.25, "roughness": 0.6},
        lightposition={"x": -200, "y": -400, "z": 300},
    )  # fmt: skip


def surface_mesh(
    values: NDArray[np.generic],
    grid: Grid | None = None,
    level: float = THRESHOLD,
    step_size: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners (n, 3) in LPS mm, and triangles (m, 3) that name their corners, facing outward.

    Args:
        values: see `mesh`.
        grid: see `mesh`.
        level: see `mesh`.
        step_size: see `mesh`.

    Raises:
        ValueError: the step is below 1, or nothing crosses the level.
    """
    if step_size < 1:
        raise ValueError(f"A step of {step_size} voxels is impossible: give 1 or more.")
    if grid is None:
        k, j, i = values.shape
        grid = Grid((i, j, k), (1 - np.array([i, j, k])) / 2, np.ones(3), np.eye(3))
    if values.dtype == np.bool_ and step_size == 1:
        surface = mask_surface(values.astype(np.bool_), grid)
    else:
        # Beyond the array is zero, which shall be the lowest value there is.
        lowest = float(values.min())
        field, coarse = coarser(values.astype(np.float64) - lowest, grid, step_size)
        surface = level_surface(field, coarse, level - lowest)
    corners = surface_triangles(surface) if surface.GetNumberOfPoints() else np.empty((0, 3, 3))
    if not len(corners):
        raise ValueError(f"Nothing crosses the level {level:g}: there is no surface.")
    points, numbers = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return points, numbers.reshape(-1, 3)


def coarser(field: NDArray[np.float64], grid: Grid, step: int) -> tuple[NDArray[np.float64], Grid]:
    """Means over cubes of `step` voxels, and their grid; what is left over counts as zero.

    Args:
        field: (k, j, i) values.
        grid: where they lie.
        step: voxels along each side of a cube.
    """
    size = -(-np.array(field.shape) // step)
    padded = np.pad(field, [(0, n * step - m) for n, m in zip(size, field.shape, strict=True)])
    blocks = padded.reshape(size[0], step, size[1], step, size[2], step)
    first = grid.to_world(np.full(3, (step - 1) / 2))
    k, j, i = (int(n) for n in size)
    around = Grid((i, j, k), first, grid.spacing * step, grid.direction)
    return blocks.mean(axis=(1, 3, 5)), around


def scene(*traces: Mesh3d, title: str = "") -> Figure:
    """A scene with some surfaces, to turn and zoom; a notebook shows it."""
    from plotly.graph_objects import Figure

    names = ("left, mm", "posterior, mm", "superior, mm")
    axes = {
        f"{axis}axis": {"title": name, "showbackground": False, "gridcolor": "#dddddd"}
        for axis, name in zip("xyz", names, strict=True)
    }
    # From in front of the patient, a little from above and the side.
    camera = {"eye": {"x": -1.0, "y": -1.7, "z": 0.7}, "up": {"x": 0, "y": 0, "z": 1}}
    figure = Figure(data=list(traces))
    figure.update_layout(
        title=title, scene={**axes, "aspectmode": "data", "camera": camera},
        margin={"l": 0, "r": 0, "t": 40 if title else 0, "b": 0}, height=520,
    )  # fmt: skip
    return figure


def write_page(figure: Figure, target: str | Path) -> None:
    """Write a scene as one HTML file that holds all it needs (about 5 MB) and loads nothing.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(target, figure.to_html(include_plotlyjs=True, full_html=True))
