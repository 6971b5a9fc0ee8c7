"""Every rule of the verdict at its limit."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from densesharp.image.grid import Grid, cube_grid
from densesharp.image.masks import mask_from_box
from densesharp.image.volume import Notice, Volume
from densesharp.nodule import reliability, spread
from densesharp.nodule.click_stability import light_of
from densesharp.nodule.records import Measurements, Patch, Prediction, Stability, Uncertainty
from densesharp.nodule.reliability import (
    AGREEMENT_LIMIT,
    NODULE_LIMIT,
    class_notices,
    mask_notices,
    nothing_found,
    spread_notices,
    stability_notices,
    verdict_of,
)

CT = Grid((60, 56, 52), (-15, -28, -26), (0.5, 1, 1), np.eye(3))
MIDDLE = slice(14, 18)


def prediction(marked=(MIDDLE,) * 3, inside=1.0, evidence=1.0, classes=(0.2, 0.6, 0.2)):
    """A prediction whose mask is a box of the patch in the middle of the CT."""
    grid = cube_grid((0, 0, 0), 32)
    mask = np.zeros(grid.shape, np.float32)
    mask[marked] = 0.5
    patch = Patch(np.zeros(grid.shape, np.float32), grid, inside)
    probabilities = np.array(classes)
    return Prediction(
        probabilities, probabilities[None], mask, np.array([1.0]), mask, evidence, patch, 0.0, 1
    )


def codes(found: Prediction, box=(slice(28, 32),) * 3, array=None) -> dict[str, str]:
    """Code -> severity, for a mask that is a box of the CT."""
    array = np.zeros(CT.shape, np.int16) if array is None else array
    marked = np.zeros(CT.shape, bool)
    marked[box] = True
    notices = mask_notices(found, mask_from_box(marked, (0, 0, 0), CT), Volume(array, CT))
    return {notice.code: notice.severity for notice in notices}


def test_a_plain_nodule_gives_nothing_to_worry_about():
    assert codes(prediction()) == {}


@pytest.mark.parametrize(("voxels", "small"), [(19, True), (20, False)])
def test_under_10_mm3_the_answer_has_no_meaning(voxels, small):
    """Voxels of half a mm3."""
    box = (slice(30, 31), slice(30, 31), slice(20, 20 + voxels))
    assert codes(prediction(), box) == ({"mask_too_small": "refused"} if small else {})


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("along", "expected"),
    [
        (slice(3, 29), {}),
        (slice(2, 20), {"mask_touches_cube": "caution"}),
        (slice(0, 20), {"mask_touches_cube": "caution"}),
        (slice(20, 30), {"mask_touches_cube": "caution"}),
        (slice(1, 31), {"mask_touches_cube": "caution"}),
        (slice(0, 32), {"larger_than_cube": "refused"}),
    ],
)
def test_a_mask_at_the_faces_of_the_cube(axis, along, expected):
    marked = [MIDDLE] * 3
    marked[axis] = along
    assert codes(prediction(tuple(marked))) == expected


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("first", "cut"),
    [(0, True), (1, False), (-5, False), (-4, True)],
)
def test_a_mask_at_the_outermost_voxels_of_the_scan_is_cut(axis, first, cut):
    box = [slice(28, 32)] * 3
    first %= CT.shape[axis]
    box[axis] = slice(first, first + 4)
    expected = {"field_of_view_cut": "caution"} if cut else {}
    assert codes(prediction(), tuple(box)) == expected


@pytest.mark.parametrize(("inside", "near"), [(0.74, True), (0.75, False)])
def test_a_patch_that_lies_partly_outside_the_scan(inside, near):
    assert codes(prediction(inside=inside)) == ({"near_border": "caution"} if near else {})


@pytest.mark.parametrize(
    ("dense", "hu", "saturated"),
    [(3, 400, False), (4, 399, False), (4, 400, True), (64, 3000, True)],
)
def test_a_twentieth_above_the_window_is_saturated(dense, hu, saturated):
    """Of 64 voxels, 3 are 4.7 % and 4 are 6.3 %."""
    array = np.zeros(CT.shape, np.int16)
    inside = np.zeros(CT.shape, bool)
    inside[28:32, 28:32, 28:32] = True
    array[tuple(index[:dense] for index in np.nonzero(inside))] = hu
    array[0, 0, :20] = 3000  # elsewhere: of no matter
    assert codes(prediction(), array=array) == ({"saturated": "caution"} if saturated else {})


def test_a_twentieth_exactly_is_saturated():
    array = np.zeros(CT.shape, np.int16)
    array[30, 30, 20] = 400
    box = (slice(30, 31), slice(30, 31), slice(20, 40))
    assert codes(prediction(), box, array) == {"saturated": "caution"}


@pytest.mark.parametrize(("share", "off"), [(0.99, True), (1.0, False), (1.01, False)])
def test_evidence_must_be_denser_at_the_nodule_than_in_the_cube(share, off):
    """A box of 4 voxels, 3 more on each side, is 10 of 32 in each direction."""
    found = codes(prediction(evidence=share * (10 / 32) ** 3))
    assert found == ({"evidence_off_mask": "info"} if off else {})


def spread_of(sd: float, of: str = "MIA") -> Uncertainty:
    classes = {"AAH-AIS": 0.0, "MIA": 0.0, "IAC": 0.0, of: sd}
    return Uncertainty(8, classes, 0.0, 0.0, 0.5, 1.0, (1.0, 2.0))


@pytest.mark.parametrize(
    ("classes", "spread", "expected"),
    [
        ((0.25, 0.5, 0.25), spread_of(0.2), {}),
        ((0.26, 0.49, 0.25), spread_of(0.0), {"class_uncertain": "info"}),
        ((0.2, 0.6, 0.2), spread_of(0.21), {"class_spread": "caution"}),
        ((0.2, 0.6, 0.2), spread_of(0.5, of="IAC"), {}),
        ((0.3, 0.45, 0.25), spread_of(0.3), {"class_uncertain": "info", "class_spread": "caution"}),
        ((0.3, 0.44, 0.26), spread_of(0.0), {"class_uncertain": "caution"}),
    ],
)
def test_a_class_below_half_is_noted_and_one_of_wide_spread_is_doubted(classes, spread, expected):
    notices = class_notices(prediction(classes=classes), spread)
    assert {notice.code: notice.severity for notice in notices} == expected


@pytest.mark.parametrize(
    ("same", "overlap", "light"),
    [(1.0, 0.8, "green"), (1.0, 0.79, "amber"), (5 / 6, 0.9, "amber"), (0.5, 0.5, "amber"),
     (0.49, 0.9, "red"), (1.0, 0.49, "red")],
)  # fmt: skip
def test_the_light_of_a_moved_click(same, overlap, light):
    assert light_of(same, overlap) == light
    found = stability_notices(Stability(3.0, 6, 6, same, {}, 0.1, overlap, light))
    assert [notice.code for notice in found] == (["unstable_click"] if light == "red" else [])
    assert all(("check the outline" in notice.message) is (overlap < 0.5) for notice in found)


@pytest.mark.parametrize(
    ("agreement", "silent", "expected"),
    [
        (1.0, 0, {}),
        (AGREEMENT_LIMIT, 0, {}),
        (AGREEMENT_LIMIT - 0.01, 0, {"outline_unsure": "caution"}),
        (0.95, 1, {"outline_unsure": "caution"}),
        (NODULE_LIMIT, 0, {"outline_unsure": "caution"}),
        (NODULE_LIMIT - 0.01, 0, {"perhaps_no_nodule": "caution"}),
        (NODULE_LIMIT - 0.01, 1, {"perhaps_no_nodule": "caution"}),
        (0.5, 2, {"no_nodule": "refused"}),
        (0.0, 4, {"no_nodule": "refused"}),
    ],
)
def test_an_outline_that_turning_changes_is_doubted(agreement, silent, expected):
    spread = replace(spread_of(0.0), samples=4, outline_agreement=agreement, silent=silent)
    found = spread_notices(size_of(1.5), spread)
    assert {notice.code: notice.severity for notice in found} == expected
    assert any("vessel" in notice.message for notice in found) == (
        "outline_unsure" not in expected and bool(expected)
    )


@pytest.mark.parametrize(
    ("volume", "outside"), [(0.99, True), (1.0, False), (2.0, False), (2.01, True)]
)
def test_a_volume_outside_its_own_spread_is_never_ok(volume, outside):
    spread = replace(spread_of(0.0), outline_agreement=1.0)
    found = spread_notices(size_of(volume), spread)
    assert [notice.code for notice in found] == (["volume_outside_spread"] if outside else [])
    assert verdict_of(found) == ("caution" if outside else "ok")


@pytest.mark.parametrize(
    ("shown", "expected"), [(98, (98, 110)), (113, (100, 113)), (96, (100, 110)), (114, (100, 110))]
)
def test_the_range_takes_in_a_volume_that_only_voxels_at_the_edge_tell_apart(shown, expected):
    """Up to 3 % beyond are no other outline."""
    found = replace(
        prediction(), volume_samples_mm3=np.array([100.0, 110.0]), samples=np.eye(3)[:2]
    )
    assert spread.spread_of(found, (), shown).volume_range_mm3 == pytest.approx(expected)


def test_of_a_single_run_no_spread_is_known():
    assert spread_notices(size_of(5.0), Uncertainty.of_one_run(0.5)) == []


def size_of(volume_mm3: float) -> Measurements:
    """What spread_notices reads of measurements."""
    return SimpleNamespace(volume_mm3=volume_mm3)


@pytest.mark.parametrize(("shift", "far"), [(2.4, False), (2.6, True)])
def test_recentring_beyond_the_nodules_radius_is_said(shift, far):
    """A box of 64 mm3, as large as a ball of 2.48 mm radius."""
    found = replace(prediction(), shift_mm=shift)
    box = (slice(28, 32), slice(28, 32), slice(28, 36))  # voxels of half a mm3
    assert codes(found, box) == ({"far_from_click": "caution"} if far else {})


def test_a_click_inside_a_large_mass_is_told_from_one_in_lung():
    found = prediction()
    dense = replace(found.patch, array=np.full_like(found.patch.array, 0.5))
    lung = replace(found.patch, array=np.full_like(found.patch.array, -0.8))
    assert nothing_found(dense).code == "larger_than_cube"
    assert nothing_found(lung).code == "no_nodule"
    assert {nothing_found(patch).severity for patch in (dense, lung)} == {"refused"}


def test_a_click_near_the_edge_of_a_large_mass_is_told_from_one_beside_it():
    array = np.full((32, 32, 32), -0.8, np.float32)
    array[:, :, 10:] = 0.5  # lung begins 6 mm from the click
    patch = replace(prediction().patch, array=array)
    assert nothing_found(patch).code == "larger_than_cube"
    array[:, :, 22:] = -0.8  # a small part of the cube: a nodule that is not seen
    assert nothing_found(patch).code == "no_nodule"
    array[:, :, 22:] = 0.5
    array[:, :, 10:14] = -0.8
    assert nothing_found(patch).code == "no_nodule"


@pytest.mark.parametrize(
    ("apart", "expected"), [(0, set()), (4, set()), (6, set()), (9, {"two_parts"})]
)
def test_two_balls_that_a_neck_joins_are_told(apart, expected):
    """Balls of 10 mm whose middles lie so far apart."""
    points = np.indices((32, 32, 32)) - 15.5
    ends = [points - np.reshape([0, 0, side * apart / 2], (3, 1, 1, 1)) for side in (-1, 1)]
    mask = np.min([np.linalg.norm(each, axis=0) for each in ends], axis=0) < 5
    found = prediction()
    found = replace(found, mask=mask.astype(np.float32))
    assert {notice.code for notice in reliability._two_parts(found)} == expected


@pytest.mark.parametrize(
    ("beyond", "piece", "edge", "severity"),
    [
        (0.45, False, 16, ""),
        (0.55, True, 16, "refused"),
        (0.45, False, 8, ""),
        (0.55, True, 8, "caution"),
    ],
)
def test_a_piece_of_a_mass_is_called_larger_than_the_cube(beyond, piece, edge, severity):
    """An outline of 16 or 8 mm in the middle, and dense tissue on a part of its surroundings."""
    low, high = 16 - edge // 2, 16 + edge // 2
    middle = slice(low, high)
    found = prediction((middle,) * 3)
    array = np.full_like(found.patch.array, -0.8)
    array[middle, middle, middle] = 0.5
    rim = np.zeros(array.shape, bool)
    rim[(slice(low - 2, high + 2),) * 3] = True
    rim[middle, middle, middle] = False
    places = np.argwhere(rim)[: round(beyond * rim.sum())]
    array[tuple(places.T)] = 0.5
    found = replace(found, patch=replace(found.patch, array=array))
    assert codes(found) == ({"larger_than_cube": severity} if piece else {})


def test_the_verdict_is_the_worst_reason():
    notices = [Notice("a", "A.", severity) for severity in ("info", "caution", "refused")]
    assert [verdict_of(notices[:n]) for n in range(4)] == ["ok", "ok", "caution", "refused"]
    assert verdict_of(reversed(notices)) == "refused"
