"""The ellipsoid behind a mask, against the ellipsoid that the mask was drawn from."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from densesharp.image.grid import Grid
from densesharp.nodule.measure.ellipsoid import Ellipsoid, by_moments, fit_ellipsoid
from densesharp.nodule.measure.smoothing import smoothed
from phantoms import rotation

SPACINGS = [(1.0, 1.0, 1.0), (1.0, 0.7, 0.7), (1.25, 0.6, 0.6)]


def drawn(semi, center, turn, spacing, edge_mm=24.0):
    """(k, j, i) mask of an ellipsoid; all in mm along k, j, i from the first voxel's centre."""
    return squared_radius(semi, center, turn, spacing, edge_mm) <= 1


def squared_radius(semi, center, turn, spacing, edge_mm=24.0):
    counts = np.ceil(edge_mm / np.asarray(spacing)).astype(int)
    places = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(counts, spacing, strict=True)],
                                  indexing="ij"), axis=-1)  # fmt: skip
    return (((places - center) @ turn / semi) ** 2).sum(axis=-1)


def radii(ellipsoid: Ellipsoid) -> np.ndarray:
    return np.linalg.eigvalsh(ellipsoid.form) ** -0.5


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("semi", [(3.0, 4.0, 6.0), (3.0, 4.0, 5.0), (4.0, 6.0, 8.0)])
def test_the_fit_is_several_times_nearer_than_the_moments(semi, spacing):
    rng = np.random.default_rng(5)
    errors, steps = [], np.array(spacing)
    for _ in range(15):
        center = 12 + rng.uniform(-0.5, 0.5, 3) * spacing
        mask = drawn(semi, center, rotation(*rng.uniform(-3, 3, 3)), spacing)
        fitted = fit_ellipsoid(mask, steps)
        off = [np.sort(radii(each)) - semi for each in (fitted, by_moments(mask, steps))]
        errors.append(np.array(off) / max(spacing))
        assert np.abs(fitted.middle - center).max() < 0.15 * max(spacing)
        assert fitted.volume == pytest.approx(4 / 3 * np.pi * np.prod(semi), rel=0.03)
    fit, moments = np.abs(np.swapaxes(errors, 0, 1))
    assert fit.max() < 0.2
    assert (fit**2).mean() < (moments**2).mean() / 2


@settings(max_examples=40, deadline=None)
@given(
    semi=st.tuples(*[st.floats(3, 8)] * 3),
    place=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_the_fit_tells_the_voxels_apart(semi, place, turn):
    """Nearly every voxel lies on its own side, and no fewer than by the moments' ellipsoid."""
    spacing = np.ones(3)
    radius = squared_radius(semi, 12 + np.array(place), rotation(*turn), spacing)
    assume(np.abs(radius - 1).min() > 1e-6)  # else rounding decides what is inside
    mask = radius <= 1
    fitted, moments = (
        ((each.depth_and_filled(mask.shape, spacing)[0] > 0) != mask).sum()
        for each in (fit_ellipsoid(mask, spacing), by_moments(mask, spacing))
    )
    assert fitted <= moments
    assert fitted <= max(2, 0.02 * mask.sum())


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    filled=st.floats(0.02, 1),
    seed=st.integers(0, 2**32 - 1),
    spacing=st.tuples(*[st.floats(0.4, 5)] * 3),
)
def test_any_mask_has_an_ellipsoid(shape, filled, seed, spacing):
    """Ragged, flat, thin or full: finite, positive, near the mask and of about its volume."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < filled
    mask[tuple(n // 2 for n in shape)] = True
    steps = np.array(spacing)
    found = fit_ellipsoid(mask, steps)
    assert np.linalg.eigvalsh(found.form)[0] > 0
    assert found.volume == pytest.approx(mask.sum() * steps.prod(), rel=0.6)
    inside = np.argwhere(mask) * steps
    assert (found.middle > inside.min(axis=0) - steps).all()
    assert (found.middle < inside.max(axis=0) + steps).all()


def test_a_mask_without_neighbouring_slices_has_the_moments_ellipsoid():
    mask = np.random.default_rng(0).random((1, 5, 9)) < 0.5
    spacing = np.array([1.0, 2.0, 0.5])
    assert fit_ellipsoid(mask, spacing).form == pytest.approx(by_moments(mask, spacing).form)


def test_a_single_voxel_is_a_ball_of_its_volume():
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[1, 2, 3] = True
    found = fit_ellipsoid(mask, np.ones(3))
    assert found.middle == pytest.approx([1, 2, 3])
    assert radii(found) == pytest.approx([(3 / (4 * np.pi)) ** (1 / 3)] * 3)


def test_shares_are_the_volume_and_depth_is_the_distance_of_a_ball():
    ball = Ellipsoid(np.array([6.1, 5.8, 6.3]), np.eye(3) / 16)
    depth, filled = ball.depth_and_filled((13, 13, 13), np.ones(3))
    k, j, i = np.indices((13, 13, 13))
    distance = np.sqrt((k - 6.1) ** 2 + (j - 5.8) ** 2 + (i - 6.3) ** 2)
    assert depth == pytest.approx(4 - distance, abs=1e-9)
    assert filled.sum() == pytest.approx(4 / 3 * np.pi * 64, rel=0.05)


def test_a_spike_is_not_taken_for_chance():
    """A ball with a spike of two voxels: the outline still reaches out for most of it."""
    grid = Grid((24, 24, 24), np.zeros(3), np.ones(3), np.eye(3))
    ball = drawn((5.0, 5.0, 5.0), np.full(3, 11.3), np.eye(3), (1.0, 1.0, 1.0))
    spiked = ball.copy()
    spiked[11:13, 11:13, 16:20] = True
    reach = [np.argwhere(smoothed(mask, grid, 2) >= 0.5)[:, 2].max() for mask in (ball, spiked)]
    assert reach[1] - reach[0] >= 2
