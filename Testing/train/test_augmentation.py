"""Augmentation: exact where it should be, within its ranges elsewhere."""

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.train.augment import (
    IN_PLANE,
    LIKE_PAPER,
    ORIENTATIONS,
    Augmentation,
    augmented_patch,
    middle_patch,
    network_units,
    turn,
)


@pytest.fixture
def a_cube_with_an_off_centre_box() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    voxel = rng.integers(0, 256, (48, 48, 48)).astype(np.uint8)
    seg = np.zeros((48, 48, 48), bool)
    seg[20:28, 22:26, 24:30] = True
    return voxel, seg


def test_the_48_orientations_are_all_different_and_lose_nothing() -> None:
    cube = np.arange(27).reshape(3, 3, 3)
    turned = [turn(cube, *orientation) for orientation in ORIENTATIONS]
    assert len({t.tobytes() for t in turned}) == 48
    assert all(sorted(t.ravel()) == sorted(cube.ravel()) for t in turned)
    assert len(IN_PLANE) == 16


def test_without_shift_and_zoom_the_patch_is_a_turned_middle(
    a_cube_with_an_off_centre_box: tuple[np.ndarray, np.ndarray],
) -> None:
    voxel, seg = a_cube_with_an_off_centre_box
    patch, mask = augmented_patch(
        np.random.default_rng(1), voxel, seg, Augmentation(0.0, (1.0, 1.0))
    )
    middle, expected = middle_patch(voxel, seg)
    assert any(
        np.allclose(patch, turn(middle, *o), atol=1e-6) and np.array_equal(mask, turn(expected, *o))
        for o in ORIENTATIONS
    )


def test_masks_on_thick_slices_keep_their_slice_axis() -> None:
    seg = np.zeros((48, 48, 48), bool)
    seg[23:25, 16:32, 16:32] = True  # flat across the slices
    for n in range(20):
        _, mask = augmented_patch(
            np.random.default_rng(n), seg.astype(np.uint8), seg, LIKE_PAPER, keep_slice_axis=True
        )
        extent = np.ptp(np.argwhere(mask), axis=0)
        assert extent[0] < extent[1]
        assert extent[0] < extent[2]


def test_shift_and_zoom_stay_in_their_ranges(
    a_cube_with_an_off_centre_box: tuple[np.ndarray, np.ndarray],
) -> None:
    voxel, _ = a_cube_with_an_off_centre_box
    seg = np.zeros((48, 48, 48), bool)
    seg[20:28, 20:28, 20:28] = True
    for n in range(40):
        patch, mask = augmented_patch(np.random.default_rng(n), voxel, seg, LIKE_PAPER)
        assert patch.shape == (32, 32, 32)
        assert patch.dtype == np.float32
        assert patch.min() >= -1
        assert patch.max() < 1
        center = np.argwhere(mask).mean(axis=0)
        assert np.abs(center - 15.5).max() <= 3 * 1.15 + 0.6
        assert 0.75 * 8 - 1 <= np.ptp(np.argwhere(mask)[:, 0]) + 1 <= 1.15 * 8 + 1.01


def test_smaller_patches_can_be_asked_for(
    a_cube_with_an_off_centre_box: tuple[np.ndarray, np.ndarray],
) -> None:
    how = Augmentation(3, (0.8, 1.15), edge=24)
    patch, mask = augmented_patch(np.random.default_rng(0), *a_cube_with_an_off_centre_box, how)
    assert patch.shape == mask.shape == (24, 24, 24)


def test_patches_have_a_multiple_of_four_voxels_from_twelve_on() -> None:
    for edge in (12, 16, 32):
        assert Augmentation(0, (1.0, 1.0), edge=edge).edge == edge
    for edge in (0, 8, 14, 30):
        with pytest.raises(TableError, match="give a multiple of 4 from 12 on"):
            Augmentation(0, (1.0, 1.0), edge=edge)


def test_grey_values_are_offset_and_noisy_by_what_is_asked_for() -> None:
    """The offset is normal, the noise's own deviation half-normal: its mean is sqrt(2 / pi)."""
    seg = np.zeros((40, 40, 40), bool)
    seg[18:22, 18:22, 18:22] = True
    grey = np.full(seg.shape, 128, np.uint8)
    how = Augmentation(0, (1.0, 1.0), grey=10, edge=12)
    patches = [augmented_patch(np.random.default_rng(n), grey, seg, how)[0] for n in range(400)]
    offsets, noise = (np.array([f(p) for p in patches]) * 128 for f in (np.mean, np.std))
    assert abs(offsets.mean()) < 1.5  # three standard errors
    assert offsets.std() == pytest.approx(10, rel=0.11)
    assert noise.mean() == pytest.approx(10 * np.sqrt(2 / np.pi), rel=0.12)
    strong = Augmentation(0, (1.0, 1.0), grey=400, edge=12)
    patches = [augmented_patch(np.random.default_rng(n), grey, seg, strong)[0] for n in range(20)]
    assert min(p.min() for p in patches) == -1
    assert max(p.max() for p in patches) == 255 / 128 - 1


def test_network_units_are_the_papers() -> None:
    assert network_units(np.array([0, 128, 255])) == pytest.approx([-1, 0, 0.9921875])


def test_the_middle_patch_moves_by_whole_voxels(
    a_cube_with_an_off_centre_box: tuple[np.ndarray, np.ndarray],
) -> None:
    voxel, seg = a_cube_with_an_off_centre_box
    patch, _ = middle_patch(voxel, seg, (1, -2, 3))
    assert np.array_equal(patch, network_units(voxel[9:41, 6:38, 11:43]))


def test_a_zoomed_and_moved_mask_has_the_zoomed_volume() -> None:
    """Thresholding at one half would make small nodules smaller than their labels say."""
    ball = np.linalg.norm(np.stack(np.indices((48, 48, 48)), -1) - 23.7, axis=-1) <= 3
    how = Augmentation(shift_mm=3, zoom=(1.1, 1.1), edge=32)
    rng = np.random.default_rng(1)
    grey = np.zeros(ball.shape, dtype=np.uint8)
    volumes = [augmented_patch(rng, grey, ball, how)[1].sum() for _ in range(20)]
    assert np.mean(volumes) == pytest.approx(ball.sum() * 1.1**3, rel=0.02)
