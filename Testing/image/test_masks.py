"""Components, pasting onto the CT's grid, overlap: against counted and analytic answers."""

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from densesharp.image.grid import Grid, cube_grid
from densesharp.image.masks import (
    NoduleMask,
    centroid,
    component_at,
    dice,
    distance_to,
    grow,
    mask_from_box,
    paste,
    trim,
    with_volume_of,
    within_reach,
)
from densesharp.image.sampling import resample
from phantoms import grid_around, rotation, signed_permutations


def ball(grid: Grid, center, radius) -> np.ndarray:
    """Probability that crosses 0.5 at `radius` and falls off over 2 mm."""
    distance = grid.distance_to(center)
    return np.clip((radius - distance) / 2 + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.7, 0.6, 2.5)])
def test_distances_to_a_mask_are_those_of_scipy(spacing):
    grid = Grid((20, 18, 12), np.zeros(3), np.array(spacing), np.eye(3))
    mask = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=grid.shape), 2) > 0.08
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing[::-1])
    assert 0 < mask.mean() < 0.5
    assert distance_to(mask, grid) == pytest.approx(expected, abs=1e-5)


def test_the_part_at_the_point_is_kept_and_the_other_dropped():
    grid = cube_grid([0, 0, 0], 32)
    two = np.maximum(ball(grid, [-8, 0, 0], 4), ball(grid, [8, 0, 0], 4))
    part = component_at(two, grid, [-8, 1, 0])
    np.testing.assert_array_equal(part, ball(grid, [-8, 0, 0], 4) >= 0.5)


def test_a_click_beside_the_nodule_finds_the_nearest_part_within_reach():
    grid = cube_grid([0, 0, 0], 32)
    one = ball(grid, [0, 0, 0], 4)
    assert component_at(one, grid, [8.5, 0, 0]).any()
    assert component_at(one, grid, [12, 0, 0]) is None
    assert component_at(np.zeros_like(one), grid, [0, 0, 0]) is None


@pytest.mark.parametrize(("beyond_mm", "reached"), [(4.9, True), (5.1, False)])
def test_reach_is_counted_from_the_corner_of_the_nearest_voxel(beyond_mm, reached):
    """A voxel of 1 x 2 x 2 mm reaches 1.5 mm from its middle, along its diagonal."""
    grid = Grid((9, 9, 9), (0, 0, 0), (1, 2, 2), np.eye(3))
    one = np.zeros(grid.shape, np.float32)
    one[4, 4, 4] = 1
    point = grid.to_world([4, 4, 4]) + (0, 1.5 + beyond_mm, 0)
    assert (component_at(one, grid, point) is not None) is reached
    assert within_reach(one > 0, grid, point) is reached


def test_voxels_that_meet_only_at_a_corner_are_two_parts():
    grid = cube_grid([0, 0, 0], 4)
    probability = np.zeros(grid.shape, np.float32)
    probability[1, 1, 1] = probability[2, 2, 2] = 1
    assert component_at(probability, grid, grid.to_world([1, 1, 1])).sum() == 1


@pytest.mark.parametrize("direction", [*signed_permutations(), rotation(0.4, 0.2, -0.7)])
def test_a_ball_is_pasted_in_its_place_in_every_direction(direction):
    patch = cube_grid([40.2, -61.7, 103.1], 32)
    center, radius = [42.0, -60.0, 104.0], 7.0
    target = grid_around([45, -65, 100], (80, 75, 50), (0.7, 0.75, 1.25), direction)
    mask = paste(ball(patch, center, radius), patch, target)
    expected = target.distance_to(center) <= radius
    full = mask.full(target)
    assert dice_of(full.astype(bool), expected) > 0.98
    volume = mask.array.sum() * target.voxel_volume
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    for face in (0, -1):
        assert all(mask.array.take(face, axis).any() for axis in range(3)), "the box is tight"


def dice_of(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_a_nodule_at_the_border_is_cut_where_the_scan_ends():
    patch = cube_grid([0, 0, 0], 32)
    target = Grid((20, 40, 40), np.array([0.0, -20, -20]), np.ones(3), np.eye(3))
    mask = paste(ball(patch, [0, 0, 0], 6), patch, target)
    assert mask.start[0] == 0
    half = 2 / 3 * np.pi * 6**3
    # The voxels whose centres lie at x = 0 reach half a voxel over the middle.
    assert mask.array.sum() == pytest.approx(half + 0.5 * np.pi * 36, rel=0.03)


def test_nothing_is_pasted_where_nothing_is():
    patch = cube_grid([0, 0, 0], 32)
    near = Grid((20, 20, 20), np.array([-10.0, -10, -10]), np.ones(3), np.eye(3))
    far = Grid((20, 20, 20), np.array([100.0, 0, 0]), np.ones(3), np.eye(3))
    assert paste(np.zeros(patch.shape, np.float32), patch, near) is None
    assert paste(ball(patch, [0, 0, 0], 6), patch, far) is None


def test_trimming_keeps_the_largest_part_and_editing_keeps_all():
    target = Grid((10, 10, 10), np.zeros(3), np.ones(3), np.eye(3))
    mask = np.zeros((4, 4, 8), bool)
    mask[1:3, 1:3, 1:3] = True
    mask[0, 0, 7] = True
    largest = trim(mask, (1, 2, 3), target)
    assert largest.array.sum() == 8
    assert largest.start == (2, 3, 4)
    every = mask_from_box(mask, (1, 2, 3), target)
    assert every.array.sum() == 9
    assert every.start == (2, 2, 3)
    np.testing.assert_array_equal(every.full(target)[3:7, 2:6, 1:9], mask)
    assert mask_from_box(np.zeros_like(mask), (0, 0, 0), target) is None


def test_dice_counts_shared_voxels_whatever_the_boxes():
    target = Grid((20, 20, 20), np.zeros(3), np.ones(3), np.eye(3))

    def box(start, size) -> NoduleMask:
        array = np.ones(size[::-1], np.uint8)
        return NoduleMask(array, start, target.crop(start, size))

    assert dice(box((0, 0, 0), (4, 4, 4)), box((2, 0, 0), (4, 4, 4))) == 0.5
    assert dice(box((0, 0, 0), (4, 4, 4)), box((0, 0, 0), (4, 4, 4))) == 1
    assert dice(box((0, 0, 0), (2, 2, 2)), box((9, 9, 9), (2, 2, 2))) == 0
    assert dice(None, box((0, 0, 0), (2, 2, 2))) == 0
    assert dice(None, None) == 1


@pytest.mark.parametrize("seed", range(8))
def test_dice_is_that_of_the_whole_images(seed):
    rng = np.random.default_rng(seed)
    target = Grid((9, 11, 13), np.zeros(3), np.ones(3), np.eye(3))
    masks = []
    for _ in range(2):
        start = rng.integers(1, 5, 3)
        array = (rng.random(rng.integers(2, 5, 3)) < 0.7).astype(np.uint8)
        masks.append(NoduleMask(array, tuple(start), target.crop(start, array.shape[::-1])))
    full = [mask.full(target).astype(bool) for mask in masks]
    assert dice(*masks) == pytest.approx(dice_of(*full))


def test_two_masks_without_a_voxel_agree():
    grid = Grid((4, 4, 4), np.zeros(3), np.ones(3), np.eye(3))
    empty = NoduleMask(np.zeros(grid.shape, np.uint8), (0, 0, 0), grid)
    assert dice(empty, empty) == dice(None, None) == 1


def test_growing_adds_a_box_and_the_centroid_is_the_middle():
    grid = cube_grid([5, 6, 7], 9)
    mask = np.zeros(grid.shape, bool)
    mask[4, 4, 4] = True
    assert grow(mask, 2).sum() == 125
    np.testing.assert_allclose(centroid(mask, grid), [5, 6, 7])


@pytest.mark.parametrize("voxels", [1, 2, 3, 9])
def test_growing_is_what_simpleitk_does_with_a_box(voxels):
    mask = np.random.default_rng(voxels).random((8, 9, 11)) > 0.99
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    expected = SimpleITK.BinaryDilate(image, [voxels] * 3, SimpleITK.sitkBox)
    np.testing.assert_array_equal(grow(mask, voxels), SimpleITK.GetArrayFromImage(expected) > 0)


def test_an_interpolated_mask_keeps_its_volume():
    """A level of one half loses a tenth of a small ball; its place and form stay right."""
    rng = np.random.default_rng(2)
    grid = cube_grid((0, 0, 0), 24)
    kept, halved = [], []
    for _ in range(20):
        place = rng.uniform(-0.5, 0.5, 3)
        ball = grid.distance_to(place) <= 3
        moved = cube_grid(rng.uniform(-0.5, 0.5, 3), 24)
        shares = resample(ball, grid, moved, 0.0)
        found = with_volume_of(shares)
        kept.append(found.sum() / ball.sum())
        halved.append((shares >= 0.5).sum() / ball.sum())
        assert centroid(found, moved) == pytest.approx(place, abs=0.45)
        distance = moved.distance_to(place)
        assert distance[found].max() < 3.7
        assert distance[~found].min() > 2.3
    assert np.mean(kept) == pytest.approx(1, abs=0.01)
    assert max(np.abs(np.array(kept) - 1)) < 0.05
    assert np.mean(halved) < 0.97


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_mask_that_is_the_same_everywhere_is_taken_all_or_not_at_all(value):
    found = with_volume_of(np.full((4, 4, 4), value, dtype=np.float32))
    assert found.sum() == (64 if value >= 0.5 else 0)


def test_a_mask_that_was_not_interpolated_stays_what_it_is():
    mask = np.random.default_rng(0).random((9, 8, 7)) < 0.3
    assert (with_volume_of(mask.astype(np.float32)) == mask).all()


def two_masks(seed: int) -> tuple[Grid, list[np.ndarray], list[NoduleMask]]:
    """Two random masks of a CT: as full arrays and as boxes."""
    grid = Grid((9, 8, 7), (0, 0, 0), (1, 1, 2), np.eye(3))
    random = np.random.default_rng(seed)
    full = []
    for _ in range(2):
        array = np.zeros(grid.shape, bool)
        k, j, i = random.integers(0, (4, 5, 6))
        array[k : k + 3, j : j + 3, i : i + 3] = random.random((3, 3, 3)) < 0.6
        array[k, j, i] = True
        full.append(array)
    return grid, full, [mask_from_box(array, (0, 0, 0), grid) for array in full]


@pytest.mark.parametrize("seed", range(20))
def test_box_values_middle_and_union_are_those_of_the_full_arrays(seed):
    grid, full, masks = two_masks(seed)
    ct = np.random.default_rng(seed).normal(size=grid.shape)
    for array, mask in zip(full, masks, strict=True):
        np.testing.assert_array_equal(mask.full(grid), array)
        np.testing.assert_array_equal(ct[mask.box][mask.array > 0], ct[array])
        np.testing.assert_array_equal(mask.values(ct), ct[array])
        np.testing.assert_array_equal(np.subtract(mask.end, mask.start), mask.size)
        middle = grid.to_world(np.argwhere(array)[:, ::-1]).mean(axis=0)
        np.testing.assert_allclose(mask.centroid, middle)
    both = masks[0].union(masks[1], grid)
    np.testing.assert_array_equal(both.full(grid), full[0] | full[1])
    overlap = 2 * (full[0] & full[1]).sum() / (full[0].sum() + full[1].sum())
    assert dice(*masks) == pytest.approx(overlap)


def test_a_mask_is_trimmed_to_its_voxels():
    grid, full, _ = two_masks(1)
    whole = NoduleMask(full[0].astype(np.uint8), (0, 0, 0), grid)
    np.testing.assert_array_equal(whole.trimmed(grid).full(grid), full[0])
    assert whole.trimmed(grid).array.size < whole.array.size
    assert (
        NoduleMask(
            np.zeros((2, 2, 2), np.uint8), (1, 1, 1), grid.crop((1, 1, 1), (2, 2, 2))
        ).trimmed(grid)
        is None
    )
