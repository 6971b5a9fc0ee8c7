"""The brush against a count of voxels done here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask
from densesharp_scene.brush import paint
from densesharp_scene.reach import far_part_mm

TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
GRID = Grid((30, 28, 20), np.array([5.0, -3, 2]), np.array([0.8, 0.9, 2.0]), TURN)

inside = st.tuples(st.floats(0, 29), st.floats(0, 27), st.floats(0, 19))


def full(mask):
    return mask.full(GRID) > 0


def near(start, end, radius):
    """Voxels within the radius of a line, by walking along it in small steps."""
    points = GRID.points
    return np.min(
        [
            np.linalg.norm(points - (start + t * (end - start)), axis=-1)
            for t in np.linspace(0, 1, 41)
        ],
        axis=0,
    ) <= radius  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(start=inside, end=inside, radius=st.floats(1, 6))
def test_a_stroke_covers_what_lies_near_its_line(start, end, radius):
    begin, finish = GRID.to_world(start), GRID.to_world(end)
    painted = full(paint(None, GRID, begin, finish, radius))
    assert not (near(begin, finish, radius - 0.3) & ~painted).any()
    assert not (painted & ~near(begin, finish, radius + 0.3)).any()


def test_without_ball_only_the_plane_changes():
    center = GRID.to_world([15, 14, 10])
    painted = full(paint(None, GRID, center, center, 5.0, normal=(0, 0, 1)))
    assert painted[10].sum() > 50
    assert painted[[9, 11]].sum() == 0


@pytest.mark.parametrize("erase", [False, True])
def test_other_voxels_stay(erase):
    rng = np.random.default_rng(5)
    array = (rng.random((6, 7, 8)) > 0.5).astype(np.uint8)
    mask = NoduleMask(array, (4, 5, 3), GRID.crop((4, 5, 3), (8, 7, 6)))
    point = GRID.to_world([8, 8, 6])
    after = full(paint(mask, GRID, point, point, 2.5, erase=erase))
    touched = near(point, point, 2.5)
    np.testing.assert_array_equal(after[~touched], full(mask)[~touched])
    assert (after[touched] != erase).all()


def test_a_stroke_at_the_border_stays_inside():
    corner = GRID.to_world([0, 0, 0])
    after = paint(None, GRID, corner, corner, 4.0)
    assert min(after.start) >= 0
    assert full(after)[0, 0, 0]


@pytest.mark.parametrize("gap", [9, 11, 25])
def test_a_far_part_is_as_far_as_its_nearest_voxel(gap):
    """1 mm voxels, boxes beside each other: millimeters are counted voxels; 10 are near."""
    array = np.zeros((8, 8, 60), np.uint8)
    array[:, :, 4:10] = 1
    grid = Grid((60, 8, 8), np.array([900.0, -700.0, 1200.0]), np.ones(3), np.eye(3))
    former = NoduleMask(array.copy(), (0, 0, 0), grid)
    array[2:5, 2:5, 9 + gap :][:, :, :4] = 1
    drawn = NoduleMask(array, (0, 0, 0), grid)
    found = far_part_mm(drawn, former, grid.to_world([7, 4, 4]))
    assert found == pytest.approx(gap if gap > 10 else 0, abs=1e-6)
    assert far_part_mm(former, None, grid.to_world([7, 4, 4])) == 0
    assert far_part_mm(drawn, None, grid.to_world([0, 4, 4])) == pytest.approx(
        9 + gap if 9 + gap > 16 else 0, abs=1e-6
    )
