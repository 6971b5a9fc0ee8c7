"""Meshes: volume, place and coarseness against an analytic ball; a page that loads nothing."""

import re
from pathlib import Path

import numpy as np
import pytest

from densesharp.explore.mesh import COLOURS, mesh, scene, surface_mesh, write_page
from densesharp.image.grid import Grid

pytest.importorskip("plotly")
RADIUS = 9.0


def ball(edge: int = 32) -> np.ndarray:
    """Distance inside a ball's surface, mm, its middle in the cube's middle."""
    axis = np.arange(edge) - (edge - 1) / 2
    return RADIUS - np.sqrt(sum(np.meshgrid(axis**2, axis**2, axis**2)))


def volume(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    return float(np.einsum("ni,ni->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize(("step", "error"), [(1, 0.03), (2, 0.04), (3, 0.09)])
def test_a_ball_keeps_volume_and_place_at_every_step_size(step: int, error: float) -> None:
    points, triangles = surface_mesh(ball() > 0, step_size=step)
    assert volume(points, triangles) == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=error)
    assert points.mean(axis=0) == pytest.approx([0, 0, 0], abs=0.4)
    assert np.linalg.norm(points, axis=1) == pytest.approx(RADIUS, abs=0.8)
    # Closed: every edge belongs to two triangles, once in each direction.
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    assert {tuple(edge) for edge in edges} == {tuple(edge) for edge in edges[:, ::-1]}


def test_larger_steps_have_fewer_triangles() -> None:
    counts = [len(surface_mesh(ball() > 0, step_size=step)[1]) for step in (1, 2, 3)]
    assert counts[1] < 0.35 * counts[0]
    assert counts[2] < 0.6 * counts[1]


def test_hu_and_a_grid_that_is_not_the_patients_axes() -> None:
    hu = np.clip(-850 + 850 * (ball() + 0.5), -850, 0)
    turned = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    grid = Grid((32, 32, 32), np.array([100.0, 50, -20]), np.array([1.0, 1, 2]), turned)
    points, triangles = surface_mesh(hu, grid, level=-425)
    assert volume(points, triangles) == pytest.approx(2 * 4 / 3 * np.pi * RADIUS**3, rel=0.02)
    assert points.mean(axis=0) == pytest.approx(grid.center, abs=0.1)
    assert np.ptp(points, axis=0) == pytest.approx([18, 18, 36], abs=0.3)


def test_no_surface_and_an_impossible_step_are_said() -> None:
    with pytest.raises(ValueError, match="no surface"):
        surface_mesh(np.zeros((8, 8, 8), np.float32))
    with pytest.raises(ValueError, match="1 or more"):
        surface_mesh(ball() > 0, step_size=0)


def test_a_page_shows_its_surfaces_and_loads_nothing(tmp_path: Path) -> None:
    traces = (
        mesh(ball() > 0, step_size=3, name="outline", opacity=0.3),
        mesh(ball() > 4, step_size=2, name="solid part", colour=COLOURS[2]),
    )
    write_page(scene(*traces, title="A ball"), tmp_path / "ball.html")
    page = (tmp_path / "ball.html").read_text(encoding="utf-8")
    assert "solid part" in page
    assert "Plotly.newPlot" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
