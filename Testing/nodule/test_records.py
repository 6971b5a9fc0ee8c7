"""Records refuse what is impossible and survive JSON unchanged."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densesharp.errors import ImageError, SeedError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.records import (
    CLASS_NAMES,
    Measurements,
    NoduleResult,
    Patch,
    Seed,
    Segment,
    SolidPart,
    Stability,
    Uncertainty,
)
from densesharp.nodule.records.json_values import plain

GRID = Grid((4, 3, 2), np.array([1.0, 2, 3]), np.array([0.5, 0.6, 1.5]), np.eye(3))
NUMBERS = st.floats(-1e4, 1e4)
POINTS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
SHARES = st.floats(0, 1)


MEASURED = (
    "volume_mm3", "long_axis_mm", "short_axis_mm", "mean_diameter_mm", "max_3d_diameter_mm",
    "mean_hu", "sd_hu", "min_hu", "max_hu", "mass_mg",
)  # fmt: skip


def solid_parts():
    return st.builds(SolidPart, NUMBERS, NUMBERS, NUMBERS, SHARES)


def by_class():
    return st.fixed_dictionaries(dict.fromkeys(CLASS_NAMES, SHARES))


def results():
    measurements = st.builds(
        Measurements,
        plane=st.sampled_from(["axial", "coronal", "sagittal"]),
        nodule_type=st.sampled_from(["solid", "part-solid", "ground-glass"]),
        **dict.fromkeys(MEASURED, NUMBERS),
        **{name: st.builds(Segment, POINTS, POINTS)
           for name in ("long_axis", "short_axis", "max_3d_diameter")},
        solid=solid_parts(),
        solid_curve=st.lists(solid_parts(), max_size=3).map(tuple),
    )  # fmt: skip
    return st.builds(
        NoduleResult,
        id=st.just("nodule_001"),
        seed=POINTS.map(lambda p: Seed(np.round(p, 3))),
        center_lps=POINTS.map(lambda p: tuple(np.round(p, 3).tolist())),
        class_probabilities=st.none() | by_class(),
        uncertainty=st.none()
        | st.builds(Uncertainty.of_one_run, SHARES)
        | st.builds(
            Uncertainty,
            samples=st.integers(2, 99),
            sd_invasive=SHARES,
            sd_iac=SHARES,
            entropy=SHARES,
            volume_sd_mm3=NUMBERS,
            sd_class=by_class(),
            volume_range_mm3=st.tuples(NUMBERS, NUMBERS),
        ),
        stability=st.none()
        | st.builds(
            Stability,
            offset_mm=NUMBERS,
            seeds=st.integers(1, 9),
            found=st.integers(0, 9),
            same_class=SHARES,
            dice_min=SHARES,
            sd_class=by_class(),
            volume_cv=st.none() | NUMBERS,
            light=st.sampled_from(["green", "amber", "red"]),
        ),
        measurements=st.none() | measurements,
        guidelines=st.just({"fleischner": {"text": "x"}}),
        verdict=st.sampled_from(["ok", "caution", "refused"]),
        notices=st.lists(st.builds(Notice), max_size=2).map(tuple),
        timings_ms=st.just({"total": 1.5}),
        shift_mm=NUMBERS,
        passes=st.integers(0, 4),
        evidence_inside=st.none() | SHARES,
        trained_on=st.text(max_size=20),
        prediction=st.none(),
        mask=st.none(),
    )


@given(results())
def test_a_result_survives_json(result):
    text = json.dumps(result.to_json(), allow_nan=False)
    again = NoduleResult.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    np.testing.assert_allclose(again.center_lps, result.center_lps, atol=1e-4)
    np.testing.assert_allclose(again.seed.lps, result.seed.lps, atol=1e-4)


def test_of_a_single_run_no_spread_is_written():
    """Unknown is not 0; a file that says 0 of one run, as before, is read as unknown too."""
    spread = plain(Uncertainty.of_one_run(0.4))
    assert (spread["samples"], spread["entropy"]) == (1, 0.4)
    unknown = ("sd_invasive", "sd_iac", "volume_sd_mm3", "volume_range_mm3", "outline_agreement")
    assert [spread[name] for name in unknown] == [None] * len(unknown)
    assert spread["sd_class"] == dict.fromkeys(CLASS_NAMES)
    before = {
        **spread, "sd_class": dict.fromkeys(CLASS_NAMES, 0.0), "volume_range_mm3": [99.0, 99.0],
        **dict.fromkeys(("sd_invasive", "sd_iac", "volume_sd_mm3"), 0.0),
        "sd_measurements": {"volume_mm3": 0.0},
    }  # fmt: skip
    assert Uncertainty.from_json(before) == Uncertainty.of_one_run(0.4)


def test_json_carries_ras_and_both_binary_answers():
    result = NoduleResult(
        id="n", seed=Seed(np.array([1.0, 2, 3])), center_lps=(4.0, 5.0, 6.0),
        class_probabilities={"AAH-AIS": 0.2, "MIA": 0.5, "IAC": 0.3}, uncertainty=None,
        stability=None, measurements=None, guidelines={}, verdict="ok", notices=(),
        timings_ms={}, shift_mm=0.0, passes=1, evidence_inside=0.5,
    )  # fmt: skip
    data = result.to_json()
    assert data["seed_ras"] == [-1, -2, 3]
    assert data["center_ras"] == [-4, -5, 6]
    assert data["predicted_class"] == "MIA"
    assert data["probability_invasive"] == pytest.approx(0.8)
    assert data["probability_iac"] == pytest.approx(0.3)


@given(results())
def test_of_a_refused_result_neither_class_nor_size_is_shown(result):
    shown = result.shown().to_json()
    hidden = {name for name, value in result.to_json().items() if shown[name] != value}
    answers = {"class_probabilities", "predicted_class", "probability_invasive", "probability_iac",
               "uncertainty", "measurements", "guidelines"}  # fmt: skip
    if result.verdict == "refused":
        assert hidden <= answers
        assert not any(shown[name] for name in answers)
    else:
        assert not hidden


@given(results())
def test_a_result_that_says_nothing_of_its_training_is_read(result):
    document = result.to_json()
    del document["trained_on"]
    assert NoduleResult.from_json(document).trained_on == ""


@pytest.mark.parametrize(
    ("long", "short", "fleischner", "lung_rads"),
    [
        (7.44, 5.55, 6, 6.5),
        (7.449, 5.549, 6, 6.5),
        (6.0, 5.0, 6, 5.5),
        (5.0, 3.98, 4, 4.5),
        (10.04, 8.0, 9, 9.0),
    ],
)
def test_diameters_are_rounded_as_each_guideline_asks(long, short, fleischner, lung_rads):
    line, solid = Segment((0, 0, 0), (1, 0, 0)), SolidPart(-300, 0, 0, 0)
    found = Measurements(
        1, long, short, (long + short) / 2, "axial", line, line, 1, line, 0, 0, 0, 0, 0, solid, (),
        "solid",
    )  # fmt: skip
    assert found.fleischner_mean_mm == fleischner
    assert found.lung_rads_mean_mm == pytest.approx(lung_rads)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4), np.int16), np.zeros((2, 3, 4, 3), np.uint8), np.zeros((2, 3, 4), complex),
     np.zeros((4, 3, 2), np.int16)],
)  # fmt: skip
def test_a_volume_that_is_no_ct_is_refused(array):
    with pytest.raises(ImageError):
        Volume(array, GRID)


@pytest.mark.parametrize("point", [[1, 2], [1, 2, np.nan], [np.inf, 0, 0], "abc", [[1, 2, 3]]])
def test_a_seed_that_is_no_point_is_refused(point):
    with pytest.raises(SeedError):
        Seed(point)


def test_what_a_seed_and_a_volume_hold_cannot_be_changed_afterwards():
    point, series, notices = [1, 2, 3], {"series_uid": "1.2"}, [Notice("a", "A.")]
    seed = Seed(point)
    volume = Volume(np.zeros(GRID.shape, np.int16), GRID, notices, series)
    point[0], series["series_uid"] = 9, "3.4"
    notices.clear()
    np.testing.assert_array_equal(seed.lps, [1, 2, 3])
    assert volume.series == {"series_uid": "1.2"}
    assert [notice.code for notice in volume.notices] == ["a"]
    with pytest.raises(ValueError, match="read-only"):
        seed.lps[0] = 9
    with pytest.raises(TypeError):
        volume.series["series_uid"] = "3.4"


def test_a_seed_knows_both_conventions():
    np.testing.assert_array_equal(Seed.from_ras([1, 2, 3]).lps, [-1, -2, 3])
    np.testing.assert_array_equal(Seed(np.array([1.0, 2, 3])).ras, [-1, -2, 3])
    np.testing.assert_array_equal(Seed.from_ijk([1, 1, 1], GRID).lps, [1.5, 2.6, 4.5])


def test_a_mask_or_patch_that_does_not_fit_its_grid_is_refused():
    with pytest.raises(ImageError):
        NoduleMask(np.zeros((2, 3, 4), bool), (0, 0, 0), GRID)
    with pytest.raises(ImageError):
        NoduleMask(np.zeros((3, 3, 4), np.uint8), (0, 0, 0), GRID)
    with pytest.raises(ImageError):
        Patch(np.zeros((2, 3, 4)), GRID, 1.0)
