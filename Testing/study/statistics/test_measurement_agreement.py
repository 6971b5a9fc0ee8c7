"""Bland-Altman, concordance, the mixed model and reading time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.study.bland_altman import (
    concordance,
    exact_limits,
    limits_of_agreement,
    repeated_limits,
)
from densesharp.study.mixed_model import fit_mixed_model
from densesharp.study.reading_time import reading_time, summarize

FULL = {"rel": 1e-6, "abs": 1e-9}


@pytest.fixture(scope="module")
def methods(rows_of):
    rows = rows_of("giavarina2015")
    return tuple(np.array([float(row[name]) for row in rows]) for name in ("method_a", "method_b"))


def test_giavarina_limits(methods, expected):
    wanted = expected("giavarina2015_expected")["A_vs_B"]
    found = limits_of_agreement(*methods)
    assert found.n == wanted["n"]
    assert found.bias.value == pytest.approx(wanted["bias"], **FULL)
    assert found.sd.value == pytest.approx(wanted["sd"], **FULL)
    assert found.bias.ci == pytest.approx(wanted["ci_bias"], **FULL)
    assert (found.lower.value, found.upper.value) == pytest.approx(wanted["loa"], **FULL)
    assert found.lower.se == pytest.approx(wanted["se_loa_1999"], **FULL)
    assert found.lower.ci == pytest.approx(wanted["ci_lower_loa_1999"], **FULL)
    assert found.upper.ci == pytest.approx(wanted["ci_upper_loa_1999"], **FULL)
    older = limits_of_agreement(*methods, approximate=True)
    assert older.lower.se == pytest.approx(wanted["se_loa_1986_sqrt3overn"], **FULL)
    assert older.lower.ci == pytest.approx(wanted["ci_lower_loa_1986"], **FULL)
    assert older.upper.ci == pytest.approx(wanted["ci_upper_loa_1986"], **FULL)


def test_exact_limits_hold_the_true_limit_as_often_as_they_say():
    """No independent program exists: the coverage is checked by simulation."""
    rng = np.random.default_rng(0)
    hits = 0
    for sample in rng.normal(size=(400, 10)):
        low, high = exact_limits(sample, np.zeros(10))[1]
        hits += low <= 1.96 <= high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)
    assert exact_limits(np.ones(3), np.ones(3)) is None


def test_concordance_is_that_of_epir(methods, expected):
    wanted = expected("giavarina2015_expected")["A_vs_B"]["ccc"]
    found = concordance(*methods)
    assert found.value == pytest.approx(wanted["est"], **FULL)
    assert found.ci == pytest.approx((wanted["lo"], wanted["hi"]), **FULL)


def test_what_cannot_be_compared_says_so():
    assert limits_of_agreement(np.ones(1), np.ones(1)).bias.value is None
    same = limits_of_agreement(np.arange(4.0), np.arange(4.0))
    assert same.bias.value == 0
    assert same.lower.ci is None
    assert concordance(np.ones(5), np.arange(5.0)).value is None
    assert concordance(np.arange(5.0), np.arange(5.0)).ci is None
    assert concordance(np.ones(2), np.ones(2)).value is None


def test_replicated_differences_of_bland_and_altman_2007():
    rng = np.random.default_rng(1)
    cases = np.repeat(np.arange(400), 4)
    differences = 1.0 + rng.normal(0, 2, 400)[cases] + rng.normal(0, 1, 1600)
    found = repeated_limits(differences, cases)
    # Balanced: the components of the analysis of variance.
    table = differences.reshape(400, 4)
    within = table.var(axis=1, ddof=1).mean()
    between = table.mean(1).var(ddof=1) - within / 4
    assert found.sd.value == pytest.approx(np.sqrt(within + between))
    assert found.sd.value == pytest.approx(np.sqrt(5), rel=0.1)
    single = repeated_limits(differences[:10], np.arange(10))
    assert single.sd.value == pytest.approx(differences[:10].std(ddof=1))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=4, max_size=20))
def test_swapping_the_methods_turns_the_limits_round(pairs):
    first, second = np.array(pairs, dtype=float).T
    a, b = limits_of_agreement(first, second), limits_of_agreement(second, first)
    assert a.lower.value == pytest.approx(-b.upper.value)
    x, y = concordance(first, second), concordance(second, first)
    assert (x.value or 0) == pytest.approx(y.value or 0)


def penicillin(rows_of):
    rows = rows_of("penicillin")
    return (
        np.array([float(row["diameter"]) for row in rows]),
        {name: np.array([ord(row[name]) for row in rows]) for name in ("plate", "sample")},
    )


def test_crossed_random_effects_of_lme4(rows_of, expected):
    wanted = expected("penicillin_expected")
    diameter, factors = penicillin(rows_of)
    found = fit_mixed_model(diameter, {}, factors)
    row = wanted["fixed"][0]
    one = found.fixed["intercept"]
    # Our criterion is 9e-9 below lme4's: the digits on which they differ are lme4's tolerance.
    assert found.criterion <= wanted["reml_criterion"]
    assert found.criterion == pytest.approx(wanted["reml_criterion"], abs=1e-7)
    assert one.value == pytest.approx(row["Estimate"], **FULL)
    assert one.se == pytest.approx(row["Std. Error"], rel=1e-4)
    assert one.df == pytest.approx(row["df"], rel=2e-4)
    assert one.p == pytest.approx(row["Pr(>|t|)"], rel=2e-3)
    for row in wanted["varcomp"]:
        name = {"Residual": "residual"}.get(row["grp"], row["grp"])
        assert found.variances[name] == pytest.approx(row["vcov"], rel=1e-4)


def simulated_times(seed=0, readers=5, cases=60, effect=-0.2):
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(np.arange(readers), np.arange(cases), [0, 1], indexing="ij")
    reader, case, aided = (part.ravel() for part in grid)
    log = 4 + 0.3 * rng.normal(size=readers)[reader] + 0.3 * rng.normal(size=cases)[case]
    log += 0.1 * rng.normal(size=2 * readers)[2 * reader + aided] + effect * aided
    return np.exp(log + 0.4 * rng.normal(size=len(log))), aided == 1, reader, case


def test_reading_time_is_the_model_of_statsmodels():
    seconds, aided, reader, case = simulated_times(3, readers=6, cases=25)
    found = reading_time(seconds, aided, reader, case)
    levels = {"r": reader, "c": case, "ra": 2 * reader + aided}
    frame = pd.DataFrame({"y": np.log(seconds), "a": aided * 1.0} | levels)
    model = sm.MixedLM.from_formula(
        "y ~ a",
        groups=np.ones(len(seconds)),
        vc_formula={"r": "0 + C(r)", "c": "0 + C(c)", "ra": "0 + C(ra)"},
        data=frame,
    ).fit(reml=True)
    assert found.effects["aided"].value == pytest.approx(model.params["a"], rel=1e-3)
    assert found.effects["aided"].se == pytest.approx(model.bse["a"], rel=1e-3)
    names = ("case", "reader", "reader_x_aided")
    for name, value in zip(names, model.vcomp, strict=True):
        assert found.variances[name] == pytest.approx(value, rel=2e-3)


def test_time_ratio_holds_the_truth_and_knows_its_few_readers():
    seconds, aided, reader, case = simulated_times()
    found = reading_time(seconds, aided, reader, case, position=np.arange(len(seconds)) % 60.0)
    assert found.ratio.ci[0] < np.exp(-0.2) < found.ratio.ci[1]
    assert found.ratio.df < 10
    assert "position_per_100" in found.effects


def test_times_without_a_comparison_say_so():
    seconds, aided, reader, case = simulated_times(cases=10)
    none = reading_time(seconds[~aided], aided[~aided], reader[~aided], case[~aided])
    assert none.ratio.value is None
    assert none.reason
    flat = reading_time(np.full(len(seconds), 10.0), aided, reader, case)
    assert flat.ratio.value is None
    assert summarize(np.array([])).median is None
    assert summarize(np.arange(1.0, 6.0)).quartiles == (2, 4)
