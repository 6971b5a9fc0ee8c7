"""A slice lifted to the shape that readers outlined above and below it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import TableError
from densesharp.train.builder import build_dataset
from densesharp.train.dataset import read_dataset
from densesharp.train.slice_to_shape import lift_to_shape

TISSUE, LUNG = 0, -850
PIXEL, SLICE, EDGE = 0.7, 2.0, 40
RADII = (2.5, 5.0, 6.5, 6.5, 4.0)
"""mm of the nodule on five slices: thicker below the shown one (the third) than above it."""
ASIDE = (0.0, 0.0, 0.0, 1.4, 2.8)
"""mm that its middle has moved to the right."""


def disc(radius: float, aside: float = 0.0, size: int = 71) -> np.ndarray:
    y, x = np.indices((size, size)) - (size - 1) / 2
    return np.hypot(y * PIXEL, x * PIXEL - aside) < radius


def stack(change: float = 0.0) -> np.ndarray:
    """The nodule on nine slices, two empty ones at both ends; each radius changed."""
    slices = [disc(r + change, a) for r, a in zip(RADII, ASIDE, strict=True)]
    empty = np.zeros((71, 71), dtype=bool)
    return np.stack([empty, empty, *slices, empty, empty])


def image() -> np.ndarray:
    """The third slice: tissue, lung, and a vessel far away from it."""
    hu = np.where(disc(RADII[2]), TISSUE, LUNG).astype(np.float32)
    hu[:, 66:68] = -100
    return hu


def test_the_grey_values_follow_the_true_shape_and_not_a_made_up_one() -> None:
    shares = stack().astype(np.float32)
    hu, (i, j, k) = lift_to_shape(image(), shares, 4, PIXEL, SLICE, EDGE)
    assert (i, j) == pytest.approx((35, 35))
    voxels = [int(one.sum()) for one in shares]
    assert k == pytest.approx(np.dot(voxels, range(9)) / sum(voxels))
    # Independently: the area of tissue at each height is that of the disc there.
    offsets = np.arange(EDGE) - (EDGE - 1) / 2
    bright = hu > (TISSUE + LUNG) / 2
    bright[:, :, 36:] = False  # the vessel
    for level, (radius, aside) in enumerate(zip(RADII, ASIDE, strict=True), 2):
        n = int(np.abs(offsets - (level - k) * SLICE).argmin())
        if not 2 < level < 6:
            continue  # the ends are blurred by the slice's thickness
        assert bright[n].sum() == pytest.approx(np.pi * radius**2, rel=0.15), level
        middle = np.argwhere(bright[n]).mean(axis=0) - (EDGE - 1) / 2
        assert middle == pytest.approx((0, aside), abs=0.4), level
    heights = offsets[bright.any(axis=(1, 2))]
    assert np.ptp(heights) + 1 == pytest.approx(len(RADII) * SLICE, abs=2)


def test_the_outlined_slice_stays_as_it_is_at_its_own_height() -> None:
    shares = stack().astype(np.float32)
    shares[2:4] = 0  # so that the middle of the nodule lies on slice 5
    shares[6] = shares[4]
    hu, (i, j, k) = lift_to_shape(image(), shares, 5, PIXEL, 1.0, EDGE + 1)
    assert k == pytest.approx(5)
    y, x = np.meshgrid(*[np.arange(EDGE + 1) - EDGE / 2] * 2, indexing="ij")
    index = (np.rint(j + y / PIXEL).astype(int), np.rint(i + x / PIXEL).astype(int))
    flat = (np.abs(j + y / PIXEL - index[0]) < 1e-3) & (np.abs(i + x / PIXEL - index[1]) < 1e-3)
    assert flat.sum() > 20  # places that fall on pixels: every seventh along both axes
    np.testing.assert_allclose(hu[EDGE // 2][flat], image()[index][flat], atol=0.5)


def test_beyond_the_ring_every_slice_is_the_real_one() -> None:
    hu, _ = lift_to_shape(image(), stack().astype(np.float32), 4, PIXEL, SLICE, EDGE + 4)
    # The vessel lies 21.7 mm from the middle, the ring ends 10 mm beyond the nodule.
    column = hu[:, :, -1]
    assert column.std(axis=0).max() < 1


def write_case(folder: Path, masks: list[np.ndarray], **slices: object) -> Path:
    level = slices.pop("level", 4)
    assert isinstance(level, int)
    files = [("ct", image()[None].astype(np.int16), level)]
    files += [(f"r{n}", mask.astype(np.uint8), 0) for n, mask in enumerate(masks)]
    for name, array, first in files:
        file = sitk.GetImageFromArray(array)
        file.SetSpacing((PIXEL, PIXEL, SLICE))
        file.SetOrigin((-30, 12, 5 + first * SLICE))
        sitk.WriteImage(file, str(folder / f"{name}.nrrd"))
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("name", "image", "mask"))
        writer.writerow(("a", "ct.nrrd", ";".join(f"r{n}.nrrd" for n in range(len(masks)))))
    return folder / "table.csv"


def test_the_builder_keeps_the_true_shape_of_every_reader(tmp_path: Path) -> None:
    drawn = [stack(change) for change in (-0.7, 0.0, 0.7)]
    table = write_case(tmp_path, drawn)
    assert build_dataset(table, tmp_path / "set", edge=EDGE) == 1
    (sample,) = read_dataset(tmp_path / "set")
    assert sample.slice_mm == pytest.approx(SLICE)
    assert sample.readers is not None
    for mask, true in zip(sample.readers, drawn, strict=True):
        assert mask.sum() == pytest.approx(true.sum() * PIXEL**2 * SLICE, rel=0.12)
    # What half of the readers marked lies on the tissue.
    bright = sample.voxel > 110
    bright[:, :, 36:] = False
    both = 2 * (bright & sample.seg).sum() / (bright.sum() + sample.seg.sum())
    assert both > 0.88
    # Thicker below the shown slice than above, as it was outlined: no made-up ellipsoid is.
    areas = sample.seg.sum(axis=(1, 2))
    filled = np.flatnonzero(areas)
    assert areas[filled[-3]] > 1.3 * areas[filled[2]]


@pytest.mark.parametrize(
    ("level", "change", "words"),
    [
        (12, 0.0, "has no slice with the pixels of the image"),
        (0, 0.0, "marked nothing on the slice itself"),
        (4, 99.0, "has no slice with the pixels of the image"),
    ],
)
def test_a_slice_that_is_none_of_its_masks_is_named(
    tmp_path: Path, level: int, change: float, words: str
) -> None:
    table = write_case(tmp_path, [stack()], level=level)
    if change:
        mask = sitk.ReadImage(str(tmp_path / "r0.nrrd"))
        mask.SetOrigin((change, 12, 5))
        sitk.WriteImage(mask, str(tmp_path / "r0.nrrd"))
    with pytest.raises(TableError, match=words):
        build_dataset(table, tmp_path / "set", edge=EDGE)
