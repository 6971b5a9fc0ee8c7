"""The network's input: check values, resampling against SciPy, borders, all directions."""

import numpy as np
import pytest
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.sampling import inside_mask, resample
from densesharp.image.volume import Volume
from densesharp.nodule.patch import cut_patch, slice_axis, slice_sharpness, to_network_units
from densesharp.simulate.scanner import Scanner, scan
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
    x, y, z = np.moveaxis(grid.points, -1, 0)
    return Volume((3 * x - 2 * y + z - 400).astype(np.float32), grid)


@pytest.mark.parametrize("direction", [*signed_permutations(), rotation(0.3, -0.2, 0.5)])
def test_a_linear_field_is_cut_exactly_in_every_direction(direction):
    spacing = np.array([0.7, 0.9, 1.25])
    middle = np.array([12.0, -34, 56])
    size = np.array([90, 70, 50])
    origin = middle - (direction * spacing) @ ((size - 1) / 2)
    volume = gradient_volume(Grid(tuple(size), origin, spacing, direction))
    patch = cut_patch(volume, middle + [0.3, -0.2, 0.1])
    x, y, z = np.moveaxis(patch.grid.points, -1, 0)
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
    index = grid.to_index(patch.grid.points)
    hu = ndimage.map_coordinates(array, np.moveaxis(index[..., ::-1], -1, 0), order=1)
    assert np.abs(patch.array - to_network_units(hu)).max() <= 1 / 128 + 1e-6


def test_outside_the_scan_is_air_and_the_share_is_told():
    grid = Grid((40, 40, 40), np.zeros(3), np.ones(3), np.eye(3))
    volume = Volume(np.full(grid.shape, 400, np.int16), grid)
    patch = cut_patch(volume, [-0.5, 19.5, 19.5])
    assert patch.inside == 0.5
    assert (patch.array[:, :, :16] == -1).all()
    assert (patch.array[:, :, 16:] == to_network_units(400)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_without_a_value_near_the_click_are_refused(value):
    grid = Grid((60, 60, 60), np.zeros(3), np.ones(3), np.eye(3))
    array = np.full(grid.shape, -850, np.float32)
    array[30, 30, 30] = value
    with pytest.raises(ImageError, match="without a value"):
        cut_patch(Volume(array, grid), (30, 30, 30))
    assert np.isfinite(cut_patch(Volume(array, grid), (0, 0, 0)).array).all()


def test_a_patch_far_outside_is_all_air():
    grid = Grid((8, 8, 8), np.zeros(3), np.ones(3), np.eye(3))
    patch = cut_patch(Volume(np.zeros(grid.shape, np.int16), grid), [500, 0, 0])
    assert patch.inside == 0
    assert (patch.array == -1).all()


def test_inside_mask_counts_voxels_whose_centres_are_inside():
    large = Grid((10, 10, 10), np.zeros(3), np.ones(3), np.eye(3))
    small = Grid((4, 1, 1), np.array([-1.5, 0, 0]), np.ones(3), np.eye(3))
    np.testing.assert_array_equal(inside_mask(small, large)[0, 0], [False, False, True, True])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_centre_on_an_outer_face_counts_as_outside(axis):
    spacing = np.array([0.8, 0.7, 1.25])
    large = Grid((10, 9, 8), np.array([5.0, -3, 7]), spacing, np.eye(3))
    size = np.ones(3, int)
    size[axis] = large.size[axis] + 1
    start = np.where(np.arange(3) == axis, -0.5, 0)
    small = Grid(tuple(size), large.to_world(start), spacing, np.eye(3))
    found = inside_mask(small, large).ravel()
    assert not found[0]
    assert not found[-1]
    assert found[1:-1].all()
    # A grid that ends within the last voxel is inside.
    within = Grid(tuple(np.maximum(size - 1, 1)), large.to_world(start * 0.9), spacing, np.eye(3))
    assert inside_mask(within, large).all()


def test_an_oblique_grid_of_other_spacing_is_filled_as_scipy_does():
    rng = np.random.default_rng(2)
    source = Grid((14, 12, 10), (3.0, -2, 1), (0.8, 1.0, 1.5), rotation(0.1, 0.4, -0.2))
    target = Grid((7, 6, 5), source.to_world([3, 3, 2.5]), (0.9, 0.6, 1.1), rotation(0.3, 0.2, 0.1))
    values = rng.normal(0, 100, source.shape).astype(np.float32)
    index = source.to_index(target.points)
    assert (index >= 0).all()
    assert (index <= np.array(source.size) - 1).all()
    expected = ndimage.map_coordinates(values, np.moveaxis(index[..., ::-1], -1, 0), order=1)
    np.testing.assert_allclose(resample(values, source, target, 0.0), expected, atol=1e-3)


def test_thick_slices_are_smooth_along_their_axis():
    rng = np.random.default_rng(3)
    seen = []
    for thickness in (0.6, 1.0, 2.5):
        scanner = Scanner(thickness, blur_mm=0.5, edge=0.5, noise_hu=25)
        cubes = [scan(np.full((44, 44, 44), -850, np.float32), scanner, rng) for _ in range(3)]
        seen.append(np.mean([slice_sharpness(cube) for cube in cubes]))
        # The same cube on its side, with the slices told, is as sharp.
        assert slice_sharpness(cubes[0].transpose(1, 2, 0), 2) == pytest.approx(
            slice_sharpness(cubes[0])
        )
    assert seen[0] > 1.2 * seen[1] > 2.4 * seen[2]


@pytest.mark.parametrize("direction", signed_permutations()[::7])
def test_the_slice_axis_is_where_the_slices_lie_apart(direction):
    grid = Grid((40, 40, 20), np.zeros(3), np.array([0.7, 0.7, 2.5]), direction)
    across_k = slice_axis(Volume(np.zeros(grid.shape, np.float32), grid))
    assert across_k == 2 - int(np.abs(direction[:, 2]).argmax())
    grid = Grid((20, 40, 40), np.zeros(3), np.array([2.5, 0.7, 0.7]), direction)
    assert slice_axis(Volume(np.zeros(grid.shape, np.float32), grid)) == 2 - int(
        np.abs(direction[:, 0]).argmax()
    )


def test_a_patch_knows_how_sharp_it_is_and_noise_alone_is_sharp_both_ways():
    grid = Grid((50, 50, 50), np.zeros(3), np.ones(3), np.eye(3))
    noise = np.random.default_rng(0).normal(-500, 80, grid.shape).astype(np.float32)
    patch = cut_patch(Volume(noise, grid), (24.5, 24.5, 24.5))
    assert patch.sharpness == pytest.approx(1, abs=0.02)
    flat = Volume(np.full(grid.shape, -850, np.float32), grid)
    assert cut_patch(flat, (24.5, 24.5, 24.5)).sharpness == 1
