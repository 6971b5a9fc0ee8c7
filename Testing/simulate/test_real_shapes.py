"""Simulated nodules with the shapes of masks: volume, flat axis, one shape after the other."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import ImageError
from densesharp.simulate.fields import coordinates
from densesharp.simulate.shapes import RealOutline, read_shapes, shape_of
from densesharp.simulate.simulated_set import Recipe, make_case

AXES = np.meshgrid(*[np.arange(24) - 11.5] * 3, indexing="ij")


def ellipsoid(k: float, j: float, i: float) -> np.ndarray:
    """With these half axes in voxels."""
    return sum((axis / half) ** 2 for axis, half in zip(AXES, (k, j, i), strict=True)) < 1


@pytest.mark.parametrize("diameter", [6.0, 12.0, 20.0])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (2.0, 0.7, 0.7)])
def test_a_shape_is_scaled_to_the_drawn_volume(diameter: float, spacing: tuple) -> None:
    shape = shape_of(ellipsoid(4, 7, 6), spacing)
    assert shape.diameter_mm == pytest.approx(
        2 * (4 * 7 * 6 * np.prod(spacing)) ** (1 / 3), rel=0.02
    )
    inside = RealOutline(np.random.default_rng(0), shape, diameter).distance(coordinates(48)) > 0
    assert inside.sum() == pytest.approx(np.pi / 6 * diameter**3, rel=0.1)


def test_the_flat_axis_stays_across_the_slices() -> None:
    shape = shape_of(ellipsoid(3, 8, 8), (1, 1, 1))
    for seed in range(5):
        inside = RealOutline(np.random.default_rng(seed), shape, 16).distance(coordinates(40)) > 0
        spread = np.argwhere(inside).std(axis=0)
        assert spread[0] < 0.6 * spread[1:].min()


def test_a_long_shape_points_every_way_in_the_plane() -> None:
    shape = shape_of(ellipsoid(4, 3, 9), (1, 1, 1))
    ratios = []
    for seed in range(8):
        inside = RealOutline(np.random.default_rng(seed), shape, 12).distance(coordinates(40)) > 0
        spread = np.argwhere(inside).std(axis=0)
        ratios.append(spread[1] / spread[2])
    assert min(ratios) < 0.8
    assert max(ratios) > 1.25


@pytest.fixture
def two_masks(tmp_path: Path) -> Path:
    labels = ellipsoid(3, 8, 8).astype(np.uint8)
    labels[0, 0, :22] = 2  # a rod
    labels[23, 23, :3] = 3  # too few voxels to say anything
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "masks.nrrd"))
    (tmp_path / "notes.txt").write_text("no mask")
    return tmp_path


def test_each_label_of_each_file_is_a_shape(two_masks: Path) -> None:
    names = [shape.name for shape in read_shapes(str(two_masks))]
    assert names == ["masks.nrrd:1", "masks.nrrd:2"]


def test_nodules_of_a_set_take_the_shapes_in_turn(two_masks: Path) -> None:
    recipe = Recipe(seed=1, diagnoses=("MIA",), edge=48, shapes=str(two_masks))
    flat, again, other = (make_case(recipe, n) for n in (0, 0, 2))
    np.testing.assert_array_equal(flat.mask, again.mask)
    for case in (flat, other):
        spread = np.argwhere(case.mask).std(axis=0)
        assert spread[0] < 0.7 * spread[1:].min()
    plain = make_case(Recipe(seed=1, diagnoses=("MIA",), edge=48), 0)
    assert plain.latents == flat.latents
    assert (plain.mask != flat.mask).any()


def test_what_holds_no_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_shapes(str(tmp_path / "gone"))
    with pytest.raises(ImageError, match="no mask of 20 voxels"):
        read_shapes(str(tmp_path))
