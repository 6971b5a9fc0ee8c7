"""The model alone against readers, and power, against RJafroc and the Google library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.errors import StudyError
from densesharp.study.estimates import holm
from densesharp.study.mrmc import Components, analyse
from densesharp.study.power import cases_needed, pilot_from, power
from densesharp.study.standalone import sensitivity_at, standalone
from densesharp.study.tables import Readings

FULL = {"rel": 1e-6, "abs": 1e-12}


@pytest.fixture
def reader_one_as_model(van_dyke):
    return van_dyke.ratings[0, 0], van_dyke.select(treatments=["1"], readers=["2", "3", "4", "5"])


def test_single_treatment_analysis_of_rjafroc(reader_one_as_model, expected):
    wanted = expected("vandyke_expected")["RJafroc_standalone_reader1_vs_readers2to5_treatment1"]
    found = standalone(*reader_one_as_model, margin=0.05)
    both, fixed = wanted["1T-RRRC"], wanted["1T-RRFC"]
    # RJafroc subtracts the model from the readers.
    assert found.model == pytest.approx(both["fomCAD"], **FULL)
    assert list(found.readers.values()) == pytest.approx(both["fomRAD"], **FULL)
    assert found.rrrc.value == pytest.approx(-both["avgDiffFom"], **FULL)
    assert found.rrrc.ci == pytest.approx([-x for x in both["CIAvgDiffFom"][::-1]], **FULL)
    assert found.rrrc.df == pytest.approx(both["df"], **FULL)
    assert found.rrrc.p == pytest.approx(both["pval"], **FULL)
    assert found.rrrc.se == pytest.approx(wanted["2T-RRRC"]["ciDiffFom"][0]["StdErr"], **FULL)
    assert found.rrfc.statistic == pytest.approx(-fixed["Tstat"], **FULL)
    assert found.rrfc.p == pytest.approx(fixed["pval"], **FULL)
    assert "fixed" in found.rrfc.method
    assert found.non_inferiority.p == pytest.approx(0.0393703, abs=6e-8)


def test_it_equals_two_treatments_with_the_model_repeated(reader_one_as_model, expected):
    model, readings = reader_one_as_model
    wanted = expected("vandyke_expected")["RJafroc_standalone_reader1_vs_readers2to5_treatment1"]
    twice = np.stack([np.repeat(model[None], 4, 0), readings.ratings[0]])
    study = Readings(("model", "reader"), readings.readers, readings.cases, readings.truth, twice)
    result = analyse(study)
    single = standalone(model, readings)
    assert result.rrrc.differences["model", "reader"].se == pytest.approx(single.rrrc.se)
    assert result.rrrc.test.df2 == pytest.approx(single.rrrc.df)
    assert result.rrrc.test.statistic == pytest.approx(wanted["2T-RRRC"]["FStat"], **FULL)
    assert result.components.cov1 == pytest.approx(wanted["2T-RRRC"]["cov1"], **FULL)
    assert result.components.var_tr == pytest.approx(wanted["2T-RRRC"]["varTR"], **FULL)
    means = wanted["2T-RRRC"]["ciAvgRdrEachTrt"][1]
    assert result.rrrc.means["reader"].df == pytest.approx(means["DF"], **FULL)


def test_each_reader_is_tested_with_holm(reader_one_as_model):
    found = standalone(*reader_one_as_model).each_reader
    assert len(found) == 4
    assert all("Holm" in one.method for one in found.values())


def test_one_reader_gives_no_random_reader_test(reader_one_as_model):
    model, readings = reader_one_as_model
    found = standalone(model, readings.select(readers=["2"]), margin=0.05)
    assert found.rrrc.p is None
    assert "one reader" in found.rrrc.reason
    assert found.non_inferiority.p is None
    assert found.each_reader["2"].p is not None


def test_sensitivity_at_a_specificity_lies_on_the_curve(van_dyke):
    ratings, truth = van_dyke.ratings[0, 0], van_dyke.truth
    at = (ratings[~truth] < 3).mean()
    assert sensitivity_at(ratings, truth, at) == pytest.approx((ratings[truth] >= 3).mean())
    assert sensitivity_at(ratings, np.ones(114, bool), 0.9) is None


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("J10_K165_effect_0.0438_RRRC", "rrrc"),
        ("J10_K131_effect_0.0438_FRRC", "frrc"),
        ("J10_K53_effect_0.0438_RRFC", "rrfc"),
        ("J6_K251_effect_0.05_RRRC", "rrrc"),
    ],
)
def test_power_of_rjafroc(van_dyke, expected, key, form):
    row = expected("vandyke_expected")["RJafroc_power"][key][0]
    readers, cases = (int(part[1:]) for part in key.split("_")[:2])
    result = analyse(van_dyke)
    # RJafroc's effect "0.0438" is the observed difference, unrounded.
    effect = 0.05 if "0.05" in key else result.rrrc.differences["1", "2"].value
    found = power(pilot_from(result.components, 114), readers, cases, effect, form)
    name = form.upper()
    assert found.power == pytest.approx(row[f"power{name}"], **FULL)
    assert found.ncp == pytest.approx(row[f"ncp{name}"], **FULL)
    if form == "rrrc":
        assert found.ddf == pytest.approx(row["df2RRRC"], **FULL)


def test_cases_for_eighty_percent_power(van_dyke, expected):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    wanted = expected("vandyke_expected")["RJafroc_power"]["K_for_J6_effect_0.05"][0]
    found = cases_needed(pilot, 6, 0.05)
    assert found.cases == wanted["KRRRC"] == 170
    assert found.power == pytest.approx(wanted["powerRRRC"], **FULL)
    assert cases_needed(pilot, 6, 0.0438).cases == 251


@pytest.mark.parametrize(
    ("cases", "both", "fixed"), [(100, 0.49, 0.67), (200, 0.68, 0.92), (400, 0.82, 1.0)]
)
def test_four_readers(van_dyke, cases, both, fixed):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    assert power(pilot, 4, cases, 0.05, "rrrc").power == pytest.approx(both, abs=6e-3)
    assert power(pilot, 4, cases, 0.05, "frrc").power == pytest.approx(fixed, abs=6e-3)


def test_power_that_no_number_of_cases_reaches(van_dyke):
    pilot = pilot_from(analyse(van_dyke).components, 114)
    assert cases_needed(pilot, 3, 0.005) is None
    with pytest.raises(StudyError, match="two readers"):
        power(pilot, 1, 100, 0.05)
    with pytest.raises(StudyError, match="pilot"):
        pilot_from(Components(None, None, None, None, None, None), 10)


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
