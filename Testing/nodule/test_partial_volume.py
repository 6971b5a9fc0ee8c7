"""Volume by density: balls whose volume is known, blurred by scipy as a scanner would."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from densesharp.image.grid import cube_grid
from densesharp.nodule.inference import locate, predict
from densesharp.nodule.partial_volume import odds_of_true_volume, true_volume, with_odds
from densesharp.nodule.patch import slice_sharpness, to_hu, to_network_units
from densesharp.nodule.records import Patch
from phantoms import ThresholdEngine, grid_around, smooth_ball

PARTS = 4
GRID = cube_grid(np.zeros(3), 32)


def shares(radius: float, middle: tuple[float, float, float] = (15.3, 15.8, 15.6)) -> np.ndarray:
    """(k, j, i) how much of each voxel of 1 mm a ball fills."""
    fine = (np.arange(32 * PARTS) + 0.5) / PARTS - 0.5
    z, y, x = (fine - at for at in middle)
    square = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x**2
    return (square < radius**2).reshape((32, PARTS) * 3).mean(axis=(1, 3, 5))


def scanned(share: np.ndarray, hu: float = 40, deviations=(1.2, 0.4, 0.4)) -> Patch:
    """What a scanner with thick slices makes of a nodule in lung of -850 HU."""
    units = to_network_units(ndimage.gaussian_filter(-850 + share * (hu + 850), deviations))
    return Patch(units, GRID, 1.0, slice_sharpness(units))


def ball(radius: float) -> float:
    return 4 / 3 * np.pi * radius**3


def test_network_units_become_hu_again():
    hu = np.linspace(-1024, 400, 50)
    assert to_hu(to_network_units(hu)) == pytest.approx(hu, abs=1424 / 255 / 2 + 0.01)


@pytest.mark.parametrize("radius", [3, 4, 5, 7, 10])
@pytest.mark.parametrize("outlined", [0.9, 1.08])
def test_density_tells_the_volume_however_it_is_outlined(radius, outlined):
    patch = scanned(shares(radius))
    inside = shares(radius * outlined) >= 0.5
    assert true_volume(patch, inside) == pytest.approx(ball(radius), rel=0.03)


def test_a_large_nodule_counts_by_its_own_density():
    inside = shares(7) >= 0.5
    assert true_volume(scanned(shares(7), hu=120), inside) == pytest.approx(ball(7), rel=0.03)


@pytest.mark.parametrize("radius", [4, 5, 9])
@pytest.mark.parametrize("outlined", [0.98, 1.06])
def test_the_outline_gets_that_volume(radius, outlined):
    mask = ndimage.gaussian_filter(shares(radius * outlined), 0.8)
    moved = with_odds(mask, odds_of_true_volume(scanned(shares(radius)), mask, mask > 0.01))
    fine = ndimage.zoom(moved, 5, order=1, grid_mode=True, mode="nearest")
    assert (fine >= 0.5).sum() / 125 == pytest.approx(ball(radius), rel=0.04)


def test_an_outline_is_not_moved_far():
    mask = ndimage.gaussian_filter(shares(5), 0.8)
    moved = with_odds(mask, odds_of_true_volume(scanned(shares(6)), mask, mask > 0.001))
    ratio = (moved >= 0.5).sum() / (mask >= 0.5).sum()
    assert 1.1 < ratio < 1.35


def vessel() -> np.ndarray:
    share = shares(5)
    share[14:18, 14:18] = 1
    return share


NEIGHBOR = np.maximum(shares(5), shares(4, (15, 15, 26)))


@pytest.mark.parametrize(
    ("share", "hu"),
    [(vessel(), 40), (shares(5), -500), (shares(5), 350), (NEIGHBOR, 40)],
    ids=["vessel", "ground-glass", "calcified", "neighbor"],
)
def test_where_density_tells_nothing_the_outline_stays(share, hu):
    mask = ndimage.gaussian_filter(shares(5), 0.8)
    assert odds_of_true_volume(scanned(share, hu), mask, mask > 0.01) == 1


def test_beside_the_chest_wall_the_outline_stays():
    share = shares(5)
    share[:, :9] = 1
    mask = ndimage.gaussian_filter(shares(5), 0.8)
    assert odds_of_true_volume(scanned(share), mask, mask > 0.01) == 1
    assert odds_of_true_volume(scanned(share), mask * 0, mask > 0.01) == 1


def test_a_model_that_is_taught_the_edge_is_corrected_and_no_other():
    center = np.array([12.0, -30.0, 45.0])
    grid = grid_around(center, (90, 90, 70), (0.8, 0.8, 1.0), np.eye(3))
    a_ball_in_lung = smooth_ball(grid, center, 6.0, inside=40.0)
    plain, taught = ThresholdEngine(-700), ThresholdEngine(-700)
    taught.model = replace(taught.model, card=replace(taught.model.card, slice_shift=1e-9))
    found = [
        (predict(locate(a_ball_in_lung, center, engine), engine, 2)[0].mask >= 0.5).sum()
        for engine in (plain, taught)
    ]
    assert found[1] < found[0]
