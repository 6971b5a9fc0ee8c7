"""The model alone against readers, and power: identities, other programs' single numbers."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from densesharp.errors import StudyError
from densesharp.stats.auc import auc_estimate, delong_test
from densesharp.stats.estimates import holm
from densesharp.stats.model_vs_readers import sensitivity_at, standalone
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_result import Components
from densesharp.stats.power import cases_needed, pilot_from, power
from densesharp.stats.power_single import single_cases, single_power
from densesharp.stats.tables import Readings

FULL = {"rel": 1e-6, "abs": 1e-12}


@pytest.fixture
def reader_one_as_model(van_dyke):
    return van_dyke.ratings[0, 0], van_dyke.select(treatments=["1"], readers=["2", "3", "4", "5"])


def test_the_fixed_case_form_warns_and_non_inferiority_is_that_of_googles_library(
    reader_one_as_model,
):
    found = standalone(*reader_one_as_model, margin=0.05)
    assert "fixed" in found.rrfc.method
    assert found.non_inferiority.p == pytest.approx(0.0393703, abs=6e-8)
    ninety = standalone(*reader_one_as_model, margin=0.05, confidence=0.9)
    assert (found.non_inferiority.level, ninety.non_inferiority.level) == (0.025, 0.05)
    half = stats.t(ninety.rrrc.df).ppf(0.95) * ninety.rrrc.se
    assert ninety.rrrc.ci[1] - ninety.rrrc.value == pytest.approx(half)


def test_it_equals_two_treatments_with_the_model_repeated(reader_one_as_model):
    model, readings = reader_one_as_model
    twice = np.stack([np.repeat(model[None], 4, 0), readings.ratings[0]])
    study = Readings(("model", "reader"), readings.readers, readings.cases, readings.truth, twice)
    result = analyse(study)
    single = standalone(model, readings)
    assert result.rrrc.differences["model", "reader"].se == pytest.approx(single.rrrc.se)
    assert result.rrrc.test.df2 == pytest.approx(single.rrrc.df)
    fixed = result.frrc.differences["model", "reader"]
    assert (fixed.se, fixed.p) == pytest.approx((single.frrc.se, single.frrc.p))


def test_each_reader_is_tested_with_holm(reader_one_as_model):
    model, readings = reader_one_as_model
    ratings = readings.ratings.copy()
    ratings[0, 1, :20] = np.nan
    some = dataclasses.replace(readings, ratings=ratings)
    found = standalone(model, some).each_reader
    raw = []
    for r, one in enumerate(found.values()):
        read = np.arange(len(model)) >= (20 if r == 1 else 0)
        test = delong_test(model[read], readings.ratings[0, r, read], readings.truth[read])
        assert (one.value, one.se, one.ci) == (test.value, test.se, test.ci)
        assert "Holm" in one.method
        raw.append(test.p)
    assert [one.p for one in found.values()] == holm(raw)


def test_readers_who_are_all_alike_leave_the_error_of_cases(reader_one_as_model):
    model, readings = reader_one_as_model
    same = dataclasses.replace(readings, ratings=np.repeat(readings.ratings[:, :1], 4, axis=1))
    found = standalone(model, same)
    # The limit of readers that do not differ: what cases alone leave open.
    assert found.rrrc.se == pytest.approx(found.frrc.se)
    assert (found.rrrc.ci, found.rrrc.df) == (pytest.approx(found.frrc.ci), None)
    assert found.rrfc.ci is None
    single = delong_test(model, readings.ratings[0, 0], readings.truth)
    assert found.frrc.value == pytest.approx(single.value)
    assert found.frrc.se == pytest.approx(single.se, rel=0.02), "jackknife and DeLong are close"


def test_one_reader_gives_no_random_reader_test(reader_one_as_model):
    model, readings = reader_one_as_model
    found = standalone(model, readings.select(readers=["2"]), margin=0.05)
    assert found.rrrc.p is None
    assert "one reader" in found.rrrc.reason
    assert found.non_inferiority.p is None
    assert found.frrc.p is not None, "one reader still stands for himself or herself"
    assert found.each_reader["2"].p is not None


def test_sensitivity_at_a_specificity_lies_on_the_curve(van_dyke):
    ratings, truth = van_dyke.ratings[0, 0], van_dyke.truth
    at = (ratings[~truth] < 3).mean()
    assert sensitivity_at(ratings, truth, at) == pytest.approx((ratings[truth] >= 3).mean())
    assert sensitivity_at(ratings, np.ones(114, bool), 0.9) is None


def test_cases_for_eighty_percent_power(van_dyke):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    assert cases_needed(pilot, 6, 0.0438).cases == 251
    assert power(pilot, 6, 250, 0.0438).power < 0.8 <= power(pilot, 6, 251, 0.0438).power
    assert cases_needed(pilot, 6, 0.0438, limit=251).cases == 251
    assert cases_needed(pilot, 6, 0.0438, limit=250) is None
    assert cases_needed(pilot, 6, 0.9).cases == 2
    for effect in np.linspace(0.09, 0.3, 12):
        enough = (k for k in range(2, 200) if power(pilot, 6, k, effect).power >= 0.8)
        assert cases_needed(pilot, 6, effect).cases == next(enough)


@pytest.mark.parametrize(
    ("cases", "both", "fixed"), [(100, 0.49, 0.67), (200, 0.68, 0.92), (400, 0.82, 1.0)]
)
def test_four_readers(van_dyke, cases, both, fixed):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    assert power(pilot, 4, cases, 0.05, "rrrc").power == pytest.approx(both, abs=6e-3)
    assert power(pilot, 4, cases, 0.05, "frrc").power == pytest.approx(fixed, abs=6e-3)


def test_power_of_the_three_forms_by_hand():
    """40 cases from a pilot of 80, so that the covariances double; t and z by scipy."""
    pilot = pilot_from(Components(None, 0.001, 0.002, 0.0016, 0.0011, 0.004), 80)
    noise, excess = 2 * (0.004 - 0.002), 2 * (0.0016 - 0.0011)
    for form, denominator in (
        ("rrrc", 0.001 + noise + 4 * excess),
        ("frrc", noise + 4 * excess),
        ("rrfc", 0.001 + noise - excess),
    ):
        found = power(pilot, 5, 40, 0.08, form, alpha=0.1)
        shift = 0.08 / np.sqrt(2 * denominator / 5)
        assert found.ncp == pytest.approx(shift**2)
        df = 4 if form == "rrfc" else 4 * (denominator / (0.001 + noise - excess)) ** 2
        law = stats.norm(shift) if form == "frrc" else stats.nct(df, shift)
        edge = stats.norm.isf(0.05) if form == "frrc" else stats.t(df).isf(0.05)
        assert found.power == pytest.approx(law.sf(edge) + law.cdf(-edge), rel=1e-6), form
        assert found.ddf == (None if form == "frrc" else pytest.approx(df))
    assert power(pilot, 1, 40, 0.08, "frrc").ncp == pytest.approx(0.08**2 / (2 * noise))
    # Negative components count as none.
    odd = pilot_from(Components(None, -0.001, 0.002, 0.001, 0.0011, 0.004), 40)
    assert power(odd, 5, 40, 0.08).ncp == pytest.approx(5 * 0.08**2 / (2 * 0.002))


def test_power_that_no_number_of_cases_reaches(van_dyke):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    assert cases_needed(pilot, 3, 0.005) is None
    with pytest.raises(StudyError, match="two readers"):
        power(pilot, 1, 100, 0.05)
    with pytest.raises(StudyError, match="pilot"):
        pilot_from(Components(None, None, None, None, None, None), 10)


@given(st.floats(0.55, 0.95), st.floats(0.2, 5), st.floats(0.1, 0.95))
def test_the_size_for_one_area_has_the_power_it_was_asked_for(auc, ratio, target):
    size = single_cases(auc, target, ratio)
    assert size.others == pytest.approx(ratio * size.diseased)
    assert single_power(auc, size.diseased, size.others).power == pytest.approx(target)


def test_power_of_one_area_is_about_that_of_simulated_studies():
    """Binormal ratings, DeLong's test: how often is an area of 0.7 told from chance?"""
    rng = np.random.default_rng(7)
    truth = np.arange(60) < 24
    shift = np.sqrt(2) * stats.norm.ppf(0.7)
    shown = [auc_estimate(rng.normal(size=60) + shift * truth, truth).p < 0.05 for _ in range(1000)]
    assert np.mean(shown) == pytest.approx(single_power(0.7, 24, 36).power, abs=0.06)


def test_an_area_that_is_no_better_than_chance_cannot_be_planned_for():
    for auc in (0.5, 0.4, 1.0):
        with pytest.raises(StudyError, match=r"between 0\.5"):
            single_power(auc, 10, 10)
    with pytest.raises(StudyError, match="cases with and cases without"):
        single_cases(0.7, ratio=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_the_raw_p_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for raw, new in zip(p_values, adjusted, strict=True):
        assert raw <= new <= min(1, raw * len(p_values)) + 1e-12
    assert holm([0.01, None, 0.04]) == pytest.approx([0.02, None, 0.04])


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.floats(0.005, 0.2))
def test_power_grows_with_cases_and_effect(readers, effect):
    pilot = pilot_from(Components(0.0, 0.0002, 0.00035, 0.0003, 0.00024, 0.0008), 114)
    small = power(pilot, readers, 100, effect).power
    assert power(pilot, readers, 200, effect).power >= small - 1e-9
    assert power(pilot, readers, 100, effect * 1.5).power >= small - 1e-9
