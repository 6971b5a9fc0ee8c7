"""Outlines in a study: one grid per case, nothing lost, nothing moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_simulation import CT_GRID, SEED, ball_mask

from densesharp.errors import StudyError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, mask_from_box
from densesharp.study.conduct.reader_masks import case_box, decode, make_mask, nodule_mask

OBLIQUE = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, -1.0]])
WIDE = Grid((200, 180, 90), (-70.0, -60.0, 100.0), (0.7, 0.7, 2.5), OBLIQUE)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_mask_comes_back_voxel_by_voxel(data):
    middle = np.array(WIDE.size) // 2
    start = [data.draw(st.integers(int(m) - 6, int(m))) for m in middle]
    size = [data.draw(st.integers(1, 6)) for _ in range(3)]
    seed = data.draw(st.integers(0, 1000))
    array = np.random.default_rng(seed).integers(0, 2, size[::-1]).astype(bool)
    array[0, 0, 0] = True
    mask = mask_from_box(array, start, WIDE)
    again = nodule_mask(make_mask(mask, WIDE, WIDE.center).nrrd, WIDE)
    assert again.start == mask.start
    np.testing.assert_array_equal(again.array, mask.array)
    assert again.grid.same_as(mask.grid)


def test_all_masks_of_a_case_share_one_grid():
    start, size = case_box(CT_GRID, SEED)
    for radius in (2, 5):
        array, grid = decode(ball_mask(radius).nrrd)
        assert array.shape == tuple(size[::-1])
        assert grid.same_as(CT_GRID.crop(start, size))


def test_the_same_mask_has_the_same_hash_and_another_has_another():
    assert ball_mask(4).sha256 == ball_mask(4).sha256 != ball_mask(4.5).sha256


def test_a_mask_far_from_the_nodule_is_refused():
    away = WIDE.to_index(WIDE.center) + (60 / 0.7, 0, 0)
    mask = NoduleMask(
        np.ones((1, 1, 1), np.uint8), tuple(int(n) for n in away), WIDE.crop(away, (1, 1, 1))
    )
    with pytest.raises(StudyError, match="further than 40 mm"):
        make_mask(mask, WIDE, WIDE.center)


def test_an_empty_mask_is_refused():
    mask = NoduleMask(np.zeros((1, 1, 1), np.uint8), (0, 0, 0), CT_GRID.crop((0, 0, 0), (1, 1, 1)))
    with pytest.raises(StudyError, match="outline is empty"):
        make_mask(mask, CT_GRID, SEED)


def test_a_seed_outside_the_image_is_refused():
    with pytest.raises(StudyError, match="outside the image"):
        case_box(CT_GRID, (1000.0, 0.0, 0.0))


def test_damaged_bytes_are_refused():
    with pytest.raises(StudyError, match="damaged"):
        decode(b"NRRD0005 and then nothing")
