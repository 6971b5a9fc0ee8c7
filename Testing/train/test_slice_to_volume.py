"""One outlined slice lifted to a cube: against shapes whose volume is known by formula."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import TableError
from densesharp.train.builder import build_dataset
from densesharp.train.dataset import read_dataset
from densesharp.train.slice_to_volume import (
    SURROUNDINGS_MM,
    Lift,
    draw_lift,
    outline_radii,
    volume_of_slice,
)

EDGE = 48
LUNG, TISSUE = -800.0, 20.0


def disc(radius_mm: float, pixel_mm: float, size: int = 71) -> np.ndarray:
    y, x = (np.indices((size, size)) - size // 2) * pixel_mm
    return np.hypot(y, x) <= radius_mm


@pytest.mark.parametrize("pixel_mm", [0.6, 1.0])
@pytest.mark.parametrize(("radius", "height"), [(5.0, 5.0), (8.0, 6.0), (4.0, 7.0)])
def test_a_disc_becomes_an_ellipsoid(radius: float, height: float, pixel_mm: float) -> None:
    mask = disc(radius, pixel_mm)
    image = np.where(mask, TISSUE, LUNG)
    _, seg = volume_of_slice(image, mask, pixel_mm, Lift(height), EDGE)
    area = mask.sum() * pixel_mm**2  # of the disc of pixels
    assert seg.sum() == pytest.approx(4 / 3 * area * height, rel=0.06)
    k, j, i = np.argwhere(seg).T - EDGE // 2
    assert abs(k.mean()) < 0.1
    assert abs(j.mean()) < 0.1
    assert abs(i.mean()) < 0.1
    assert k.max() == pytest.approx(height, abs=1)


def test_the_outlined_slice_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(-600, 200, (71, 71)).astype(np.float32)
    mask = np.zeros((71, 71), dtype=bool)
    mask[31:40, 34:37] = mask[34:37, 29:42] = True  # a cross about pixel (35, 35)
    hu, seg = volume_of_slice(image, mask, 1.0, Lift(5.0), EDGE)
    assert hu[EDGE // 2] == pytest.approx(image[11:59, 11:59], abs=0.01)
    assert np.array_equal(seg[EDGE // 2], mask[11:59, 11:59])


@pytest.mark.parametrize("lean", [(0.0, 0.0), (0.4, -0.3)])
def test_the_mask_fits_the_grey_values_in_every_slice(lean: tuple[float, float]) -> None:
    mask = disc(7, 0.7)
    hu, seg = volume_of_slice(np.where(mask, TISSUE, LUNG), mask, 0.7, Lift(8.0, lean), EDGE)
    tissue = hu > (TISSUE + LUNG) / 2
    tissue[:, 0] = tissue[:, -1] = False
    assert 2 * (tissue & seg).sum() / (tissue.sum() + seg.sum()) > 0.98
    for k in range(EDGE // 2 - 5, EDGE // 2 + 6):
        y, x = np.argwhere(seg[k]).mean(axis=0) - EDGE // 2
        z = k - EDGE // 2
        assert (y, x) == pytest.approx((z * lean[0], z * lean[1]), abs=0.2)


def test_each_slice_is_the_outlined_one_seen_through_the_radial_map() -> None:
    """Grey values that tell the distance from the middle, against the map of the module's head."""
    radius, height, z = 8.0, 8.0, 4
    y, x = np.indices((101, 101)) - 50
    image = -10.0 * np.hypot(y, x)
    hu, seg = volume_of_slice(image, np.hypot(y, x) <= radius, 1.0, Lift(height), EDGE)
    middle = EDGE // 2
    shrunk = np.sqrt(1 - (z / height) ** 2)  # an ellipsoid
    for k in (middle - z, middle + z):
        shown = hu[k, middle, middle:] / -10
        assert shown[3] == pytest.approx(3 / shrunk, abs=0.1)
        assert shown[5] == pytest.approx(5 / shrunk, abs=0.1)
        wide = (radius + SURROUNDINGS_MM - shrunk * radius) / SURROUNDINGS_MM
        for r in (10, 14):
            expected = radius + (r - shrunk * radius) / wide
            assert shown[r] == pytest.approx(expected, abs=0.15)
        assert shown[20] == pytest.approx(20, abs=0.1)
        assert seg[k, middle, middle:].sum() == 8  # 7 shows 8.1; the last pixel ends at 8.5


def test_what_is_far_from_the_nodule_is_the_real_slice_everywhere() -> None:
    rng = np.random.default_rng(1)
    mask = disc(4, 1.0)
    image = rng.normal(-700, 150, (71, 71)).astype(np.float32)
    hu, _ = volume_of_slice(image, mask, 1.0, Lift(5.0), EDGE)
    y, x = np.indices((EDGE, EDGE)) - EDGE // 2
    far = np.hypot(y, x) > 4.6 + SURROUNDINGS_MM
    for k in range(EDGE):
        assert hu[k][far] == pytest.approx(image[11:59, 11:59][far], abs=1e-3)


def test_above_the_nodule_there_is_lung_and_no_nodule() -> None:
    mask = disc(6, 1.0)
    hu, seg = volume_of_slice(np.where(mask, TISSUE, LUNG), mask, 1.0, Lift(5.0), EDGE)
    assert not seg[: EDGE // 2 - 5].any()
    assert np.median(hu[EDGE // 2 - 8][seg[EDGE // 2]]) == pytest.approx(LUNG, abs=1)


def test_the_outlines_radius_is_measured_in_every_direction() -> None:
    y, x = np.indices((81, 81)) - 40
    radii = outline_radii((x / 20.0) ** 2 + (y / 10.0) ** 2 <= 1, np.array([40.0, 40.0]), 0.5)
    assert radii[0] == pytest.approx(10, abs=0.4)  # along x
    assert radii[len(radii) // 4] == pytest.approx(5, abs=0.4)  # along y


def test_a_discs_radius_is_that_of_its_area() -> None:
    mask = disc(10, 0.5)
    radii = outline_radii(mask, np.array([35.0, 35.0]), 0.5)
    assert radii.mean() == pytest.approx(np.sqrt(mask.sum() * 0.25 / np.pi), abs=0.12)


def test_heights_are_like_widths_and_follow_from_the_seed() -> None:
    drawn = [draw_lift(np.random.default_rng(n), np.pi * 36) for n in range(200)]
    heights = [each.half_height_mm for each in drawn]
    assert 0.7 * 6 <= min(heights) < 4.6
    assert 6.5 < max(heights) <= 1.15 * 6
    leans = np.array([each.lean for each in drawn])
    assert 0.95 * np.tan(np.pi / 6) < np.hypot(*leans.T).max() <= np.tan(np.pi / 6)
    assert len({tuple(signs) for signs in np.sign(leans)}) == 4  # to all sides
    for values, low, high in (
        ([each.bend for each in drawn], 1.8, 2.8),
        ([each.smoothing_mm for each in drawn], 0.3, 1.0),
    ):
        assert low <= min(values) < low + 0.05 < high - 0.05 < max(values) <= high
    assert draw_lift(np.random.default_rng(3), 50.0) == draw_lift(np.random.default_rng(3), 50.0)


def write_slice(folder: Path, mask: np.ndarray, spacing=(0.7, 0.7, 2.5)) -> Path:
    for kind, array in (("ct", np.where(mask, TISSUE, LUNG).astype(np.int16)), ("mask", mask * 1)):
        image = sitk.GetImageFromArray(array[None].astype(np.int16))
        image.SetSpacing(spacing)
        sitk.WriteImage(image, str(folder / f"{kind}.nrrd"))
    table = folder / "table.csv"
    table.write_text("name,image,mask,patient\na,ct.nrrd,mask.nrrd,p\nb,ct.nrrd,mask.nrrd,p\n")
    return table


def test_the_builder_lifts_images_of_one_slice(tmp_path: Path) -> None:
    table = write_slice(tmp_path, disc(6, 0.7))
    assert build_dataset(table, tmp_path / "set", edge=EDGE) == 2
    first, second = read_dataset(tmp_path / "set")
    assert first.seg[EDGE // 2].sum() == pytest.approx(np.pi * 36, rel=0.05)
    assert first.voxel[EDGE // 2, EDGE // 2, EDGE // 2] == round((TISSUE + 1024) / 1424 * 255)
    assert not np.array_equal(first.seg, second.seg)  # two names, two heights


@pytest.mark.parametrize(("change", "words"), [("pixels", "not square"), ("mask", "is empty")])
def test_a_slice_that_cannot_be_lifted_is_named(tmp_path: Path, change: str, words: str) -> None:
    mask = disc(6, 0.7) if change == "pixels" else np.zeros((71, 71), dtype=bool)
    table = write_slice(tmp_path, mask, (0.7, 0.9, 2.5) if change == "pixels" else (0.7, 0.7, 2.5))
    with pytest.raises(TableError, match=f"a: .*{words}"):
        build_dataset(table, tmp_path / "set", edge=EDGE)
