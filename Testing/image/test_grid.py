"""Grids: index to world and back against SimpleITK, crops, refusals."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from densesharp.errors import GeometryError
from densesharp.image.grid import Grid, box_slices, cube_grid, index_box, ras_to_lps
from phantoms import rotation, signed_permutations

ANGLES = st.floats(-np.pi, np.pi)
SPACINGS = st.tuples(*[st.floats(0.3, 6)] * 3)
ORIGINS = st.tuples(*[st.floats(-500, 500)] * 3)


def as_sitk(grid: Grid) -> sitk.Image:
    image = sitk.Image([int(n) for n in grid.size], sitk.sitkUInt8)
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


@given(ANGLES, ANGLES, ANGLES, SPACINGS, ORIGINS, st.tuples(*[st.floats(-20, 60)] * 3))
def test_index_and_world_agree_with_simpleitk(a, b, c, spacing, origin, index):
    grid = Grid((40, 30, 20), np.array(origin), np.array(spacing), rotation(a, b, c))
    expected = as_sitk(grid).TransformContinuousIndexToPhysicalPoint(index)
    np.testing.assert_allclose(grid.to_world(index), expected, atol=1e-6)
    np.testing.assert_allclose(grid.to_index(expected), index, atol=1e-6)
    np.testing.assert_allclose((grid.affine @ [*index, 1])[:3], expected, atol=1e-6)


@pytest.mark.parametrize("direction", signed_permutations(), ids=range(48))
def test_every_stored_axis_order_maps_like_simpleitk(direction):
    grid = Grid((7, 5, 3), np.array([10.0, -20, 30]), np.array([0.7, 0.8, 2.5]), direction)
    corner = np.array([6, 4, 2])
    expected = as_sitk(grid).TransformIndexToPhysicalPoint(corner.tolist())
    np.testing.assert_allclose(grid.to_world(corner), expected, atol=1e-9)
    assert grid.contains(expected)


def test_ras_and_lps_differ_in_the_signs_of_x_and_y():
    np.testing.assert_array_equal(ras_to_lps([[1, 2, 3]]), [[-1, -2, 3]])


def test_a_cube_has_its_middle_where_it_was_asked_for():
    grid = cube_grid([3.25, -4.5, 100], 32)
    np.testing.assert_allclose(grid.center, [3.25, -4.5, 100])
    np.testing.assert_allclose(grid.to_world([0, 0, 0]), [3.25 - 15.5, -4.5 - 15.5, 84.5])


def test_the_outer_faces_of_the_voxels_belong_to_the_image():
    grid = Grid((4, 4, 4), np.zeros(3), np.ones(3), np.eye(3))
    assert grid.contains([-0.5, 0, 3.5])
    assert not grid.contains([-0.51, 0, 0])
    assert not grid.contains([0, 3.51, 0])


@given(ANGLES, ANGLES, ANGLES, st.tuples(*[st.floats(-40, 60)] * 3))
def test_the_box_of_a_grid_in_another_holds_every_shared_voxel(a, b, c, center):
    large = Grid((40, 30, 20), np.zeros(3), np.array([0.7, 0.9, 2.0]), rotation(a, b, c))
    cube = cube_grid(center, 8)
    start, size = index_box(large, cube)
    k, j, i = np.indices(cube.shape)
    index = large.to_index(cube.to_world(np.stack([i, j, k], -1).reshape(-1, 3)))
    nearest = np.floor(index + 0.5)
    inside = ((nearest >= 0) & (nearest < large.size)).all(axis=1)
    assert (nearest[inside] >= start).all()
    assert (nearest[inside] < start + size).all()
    assert (start >= 0).all()
    assert (start + size <= large.size).all()


def test_box_slices_reverse_the_order_of_the_axes():
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    part = array[box_slices((1, 2, 3), (4, 3, 1))]
    assert part.shape == (1, 3, 4)
    assert part[0, 0, 0] == array[3, 2, 1]


def test_a_crop_keeps_its_place():
    grid = Grid((9, 8, 7), np.array([1.0, 2, 3]), np.array([0.5, 1, 2]), rotation(0.1, 0.2, 0.3))
    crop = grid.crop((2, 3, 4), (5, 4, 2))
    np.testing.assert_allclose(crop.to_world([1, 1, 1]), grid.to_world([3, 4, 5]))
    assert crop.shape == (2, 4, 5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"spacing": np.array([1, 1, 0.0])},
            r"size \[4, 4, 4\] or spacing \[1.0, 1.0, 0.0\] is not",
        ),
        ({"spacing": np.array([1, 1, -1.0])}, "not positive"),
        ({"size": (4, 0, 4)}, "not positive"),
        ({"origin": np.array([0, np.nan, 0])}, "not numbers"),
        ({"direction": np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]])}, "right angles"),
        ({"direction": np.eye(2)}, "no complete 3D geometry"),
        ({"size": (4, 4)}, "no complete 3D geometry"),
    ],
)
def test_a_grid_that_cannot_be_trusted_is_refused(change, words):
    good = {"size": (4, 4, 4), "origin": np.zeros(3), "spacing": np.ones(3), "direction": np.eye(3)}
    with pytest.raises(GeometryError, match=words):
        Grid(**{**good, **change})


def test_grids_are_the_same_only_where_their_voxels_are():
    grid = Grid((50, 50, 50), np.zeros(3), np.full(3, 0.7), np.eye(3))
    near = Grid((50, 50, 50), np.full(3, 1e-5), np.full(3, 0.7), np.eye(3))
    assert grid.same_as(near)
    assert not grid.same_as(Grid((50, 50, 50), np.full(3, 0.5), np.full(3, 0.7), np.eye(3)))
    assert not grid.same_as(Grid((50, 50, 50), np.zeros(3), np.full(3, 0.701), np.eye(3)))
    assert not grid.same_as(Grid((50, 50, 49), np.zeros(3), np.full(3, 0.7), np.eye(3)))
    # Offsets count in the finest spacing; along the grid they may add up, voxel by voxel.
    thick = Grid((50, 50, 50), np.zeros(3), (0.5, 0.5, 5.0), np.eye(3))
    for offset, same in ((0.9, True), (1.1, False)):
        moved = Grid((50, 50, 50), (0, offset * 0.5 * 50 * 1e-4, 0), (0.5, 0.5, 5.0), np.eye(3))
        assert thick.same_as(moved) is same
        wider = Grid((50, 50, 2), np.zeros(3), (0.5, 0.5, 5.0 + offset * 0.5e-4), np.eye(3))
        assert Grid((50, 50, 2), np.zeros(3), (0.5, 0.5, 5.0), np.eye(3)).same_as(wider) is same


def test_a_grid_holds_plain_numbers_that_nobody_can_change():
    grid = Grid(tuple(np.array([3, 4, 5])), [0, 0, 0], [1, 1, 1], np.eye(3))
    assert [type(n) for n in grid.size] == [int] * 3
    for values in (grid.origin, grid.spacing, grid.direction):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 7


@given(ANGLES, ANGLES, ANGLES, SPACINGS, ORIGINS)
def test_a_grid_is_read_from_a_simpleitk_image(a, b, c, spacing, origin):
    grid = Grid((5, 4, 3), np.array(origin), np.array(spacing), rotation(a, b, c))
    read = Grid.from_sitk(as_sitk(grid))
    assert read.size == grid.size
    np.testing.assert_allclose(read.affine, grid.affine, atol=1e-9)


def test_a_picture_of_two_dimensions_has_no_grid():
    with pytest.raises(GeometryError, match="2 dimensions"):
        Grid.from_sitk(sitk.Image([4, 4], sitk.sitkUInt8))


def test_distances_are_those_of_simpleitks_points():
    grid = Grid((4, 5, 6), np.array([3.0, -2.0, 8.0]), np.array([0.7, 1.1, 2.5]), rotation(1, 2, 3))
    image, point = as_sitk(grid), np.array([1.0, 2.0, 3.0])
    distance = grid.distance_to(point)
    assert distance.shape == grid.shape
    for i, j, k in ((0, 0, 0), (3, 1, 5), (2, 4, 0)):
        world = image.TransformIndexToPhysicalPoint((i, j, k))
        assert distance[k, j, i] == pytest.approx(np.linalg.norm(world - point))


def test_points_and_corners_are_those_of_simpleitk():
    grid = Grid((4, 5, 6), np.array([3.0, -2.0, 8.0]), np.array([0.7, 1.1, 2.5]), rotation(1, 2, 3))
    image = as_sitk(grid)
    for i, j, k in ((0, 0, 0), (3, 1, 5), (2, 4, 0)):
        there = image.TransformIndexToPhysicalPoint((i, j, k))
        np.testing.assert_allclose(grid.points[k, j, i], there)
    for beyond in (0, 0.5):
        ends = [(-beyond, n - 1 + beyond) for n in grid.size]
        wanted = {
            tuple(np.round(image.TransformContinuousIndexToPhysicalPoint(index), 6))
            for index in itertools.product(*ends)
        }
        assert {tuple(np.round(corner, 6)) for corner in grid.corners(beyond)} == wanted
