"""The network's input: check values, resampling against SciPy, borders, all directions."""

import numpy as np
import pytest
from scipy import ndimage

from densesharp.geometry import Grid
from densesharp.patch import cut_patch, inside_mask, to_network_units
from densesharp.records import Volume
from phantoms import rotation, signed_permutations


@pytest.mark.parametrize(
    ("hu", "units"),
    [(-3000, -1), (-1024, -1), (-750, -0.6171875), (-600, -0.40625), (-300, 0.015625),
     (0, 0.4296875), (400, 0.9921875), (3071, 0.9921875)],
)  # fmt: skip
def test_the_window_gives_the_papers_check_values(hu, units):
    assert to_network_units([hu])[0] == units


def gradient_volume(grid: Grid) -> Volume:
    """HU that grow linearly with LPS, so that trilinear resampling is exact."""
    k, j, i = np.indices(grid.shape)
    x, y, z = np.moveaxis(grid.to_world(np.stack([i, j, k], -1)), -1, 0)
    return Volume((3 * x - 2 * y + z - 400).astype(np.float32), grid)


@pytest.mark.parametrize("direction", [*signed_permutations(), rotation(0.3, -0.2, 0.5)])
def test_a_linear_field_is_cut_exactly_in_every_direction(direction):
    spacing = np.array([0.7, 0.9, 1.25])
    middle = np.array([12.0, -34, 56])
    size = np.array([90, 70, 50])
    origin = middle - (direction * spacing) @ ((size - 1) / 2)
    volume = gradient_volume(Grid(tuple(size), origin, spacing, direction))
    patch = cut_patch(volume, middle + [0.3, -0.2, 0.1])
    k, j, i = np.indices(patch.grid.shape)
    x, y, z = np.moveaxis(patch.grid.to_world(np.stack([i, j, k], -1)), -1, 0)
    expected = to_network_units(3 * x - 2 * y + z - 400)
    # Grey levels are rounded: float noise may tip a value over, never by more than one level.
    assert np.abs(patch.array - expected).max() <= 1 / 128 + 1e-6
    assert (patch.array != expected).mean() < 0.01
    assert patch.inside == 1


def test_resampling_agrees_with_scipy_on_noise():
    rng = np.random.default_rng(1)
    grid = Grid((60, 60, 40), np.array([-20.0, -25, -30]), np.array([0.8, 0.8, 1.6]), np.eye(3))
    array = rng.normal(-500, 200, grid.shape).astype(np.float32)
    patch = cut_patch(Volume(array, grid), [3, 0, 1])
    k, j, i = np.indices(patch.grid.shape)
    index = grid.to_index(patch.grid.to_world(np.stack([i, j, k], -1)))
    hu = ndimage.map_coordinates(array, np.moveaxis(index[..., ::-1], -1, 0), order=1)
    assert np.abs(patch.array - to_network_units(hu)).max() <= 1 / 128 + 1e-6


def test_outside_the_scan_is_air_and_the_share_is_told():
    grid = Grid((40, 40, 40), np.zeros(3), np.ones(3), np.eye(3))
    volume = Volume(np.full(grid.shape, 400, np.int16), grid)
    patch = cut_patch(volume, [-0.5, 19.5, 19.5])
    assert patch.inside == 0.5
    assert (patch.array[:, :, :16] == -1).all()
    assert (patch.array[:, :, 16:] == to_network_units(400)).all()


def test_a_patch_far_outside_is_all_air():
    grid = Grid((8, 8, 8), np.zeros(3), np.ones(3), np.eye(3))
    patch = cut_patch(Volume(np.zeros(grid.shape, np.int16), grid), [500, 0, 0])
    assert patch.inside == 0
    assert (patch.array == -1).all()


def test_inside_mask_counts_voxels_whose_centres_are_inside():
    large = Grid((10, 10, 10), np.zeros(3), np.ones(3), np.eye(3))
    small = Grid((4, 1, 1), np.array([-1.5, 0, 0]), np.ones(3), np.eye(3))
    np.testing.assert_array_equal(inside_mask(small, large)[0, 0], [False, False, True, True])
