"""An outline from one click without a model: balls of known size in lung, leaks, nothing there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densesharp.image.grid import Grid
from densesharp.image.masks import dice, mask_from_box
from densesharp.image.volume import Volume
from densesharp.study.conduct.click_outline import LUNG_HU, outline_at

OBLIQUE = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])


def scan(radius=6.0, density=30.0, spacing=(0.7, 0.7, 1.0), direction=None, vessel=False):
    """A ball at the middle of lung, its edge blurred over a voxel; a vessel along x if asked."""
    axes = np.eye(3) if direction is None else direction
    grid = Grid((64, 64, 48), (-20.0, 5.0, 100.0), spacing, axes)
    points = grid.points - grid.center
    distance = np.linalg.norm(points, axis=-1)
    share = np.clip((radius - distance) / max(spacing) + 0.5, 0, 1)
    if vessel:
        line = np.linalg.norm(points[..., 1:], axis=-1)
        share = np.maximum(share, np.clip(1.5 - line + 0.5, 0, 1))
    noise = 25 * np.random.default_rng(0).normal(size=grid.shape)
    values = LUNG_HU + share * (density - LUNG_HU) + noise
    return Volume(values.astype(np.int16), grid), distance <= radius


@pytest.mark.parametrize("density", [30, -400, -600], ids=["solid", "part-solid", "ground-glass"])
@pytest.mark.parametrize(
    ("spacing", "direction"),
    [((0.7, 0.7, 1.0), None), ((0.6, 0.6, 2.5), None), ((0.7, 0.7, 1.0), OBLIQUE)],
    ids=["isotropic", "thick", "oblique"],
)
def test_a_ball_is_outlined_wherever_inside_it_is_clicked(density, spacing, direction):
    volume, truth = scan(density=float(density), spacing=spacing, direction=direction)
    wanted = mask_from_box(truth, (0, 0, 0), volume.grid)
    for offset in ((0, 0, 0), (2.5, -2, 1)):
        found = outline_at(volume, volume.grid.center + offset, 10.0)
        assert dice(found, wanted) > 0.93


def test_the_circle_keeps_a_vessel_from_being_taken_along():
    volume, truth = scan(vessel=True)
    found = outline_at(volume, volume.grid.center, 7.5)
    wanted = mask_from_box(truth, (0, 0, 0), volume.grid)
    assert dice(found, wanted) > 0.9
    i, j, k = np.argwhere(found.full(volume.grid))[:, ::-1].T
    points = volume.grid.to_world(np.stack([i, j, k], axis=-1))
    assert np.linalg.norm(points - volume.grid.center, axis=-1).max() <= 7.5 + 1e-6


def test_lung_and_places_outside_the_ct_outline_nothing():
    volume, _ = scan()
    assert outline_at(volume, volume.grid.center + (0, 15, 0), 5.0) is None
    assert outline_at(volume, volume.grid.center + (500, 0, 0), 5.0) is None


def test_a_click_at_the_border_of_the_ct_stays_inside_it():
    volume, _ = scan(radius=60.0)
    found = outline_at(volume, volume.grid.to_world((1, 1, 1)), 8.0)
    assert min(found.start) == 0
    assert found.array.any()


@given(st.lists(st.integers(0, 12), min_size=12, max_size=12))
def test_joined_outlines_hold_the_voxels_of_both(numbers):
    volume, _ = scan()
    parts = []
    for a, b, c, size in np.array(numbers).reshape(3, 4):
        array = np.zeros(volume.grid.shape, bool)
        array[c : c + size + 1, b : b + 2, a : a + 3] = True
        parts.append(mask_from_box(array, (0, 0, 0), volume.grid))
    joined = parts[0].union(parts[1], volume.grid)
    joined = joined.union(parts[2], volume.grid)
    wanted = sum(part.full(volume.grid) for part in parts) > 0
    assert (joined.full(volume.grid) == wanted).all()
