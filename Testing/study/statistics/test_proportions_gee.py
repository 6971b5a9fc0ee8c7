"""Paired and clustered proportions, GEE, against R and statsmodels."""

import numpy as np
import pytest
import statsmodels.stats.contingency_tables as tables
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from densesharp.stats.gee import gee_logistic
from densesharp.stats.proportions import (
    durkalski,
    marginal_homogeneity,
    mcnemar,
    paired_difference,
    wilson,
)

FULL = {"rel": 1e-6, "abs": 1e-12}


def test_few_discordant_cases_are_tested_exactly():
    assert mcnemar(12, 3).method == "McNemar, exact"
    assert mcnemar(12, 3).p == pytest.approx(tables.mcnemar([[0, 12], [3, 0]]).pvalue)
    assert mcnemar(0, 0).p is None
    assert mcnemar(0, 0).reason
    assert mcnemar(12, 12).method == "McNemar, exact"
    assert mcnemar(12, 13).method == "McNemar"


@given(st.integers(0, 60), st.integers(1, 60))
def test_intervals_of_one_proportion(successes, n):
    successes = min(successes, n)
    low, high = wilson(successes, n).ci
    assert (low, high) == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-9)
    assert low <= successes / n <= high
    assert wilson(0, 0).value is None


# Newcombe 1998, Table III, method 10: the limits as printed.
NEWCOMBE = [
    ((36, 12, 2, 0), (0.0569, 0.3404)),
    ((20, 12, 2, 16), (0.0562, 0.3292)),
    ((36, 14, 0, 0), (0.1528, 0.4167)),
    ((18, 14, 0, 18), (0.1441, 0.3963)),
    ((0, 29, 1, 0), (0.6666, 0.9882)),
    ((1, 98, 0, 1), (0.9171, 0.9916)),
    ((0, 30, 0, 0), (0.8395, 1)),
    ((54, 0, 0, 0), (-0.0664, 0.0664)),
    ((30, 0, 0, 24), (-0.0358, 0.0358)),
]


@pytest.mark.parametrize(("cells", "printed"), NEWCOMBE)
def test_difference_of_paired_proportions_has_newcombes_limits(cells, printed):
    found = paired_difference(*cells)
    a, b, c, d = cells
    assert found.value == pytest.approx((b - c) / sum(cells))
    assert found.ci == pytest.approx(printed, abs=5.1e-5)
    swapped = paired_difference(a, c, b, d)
    assert swapped.ci == pytest.approx((-found.ci[1], -found.ci[0]))


def test_durkalski_with_one_reader_is_mcnemar():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 200)) < 0.5
    b, c = first & ~second, second & ~first
    found = durkalski(b.astype(float), c.astype(float), np.ones(200))
    assert found.statistic == pytest.approx(mcnemar(b.sum(), c.sum(), exact=False).statistic)


def test_durkalski_by_hand():
    # Three cases of 2, 2, 1 readers: d = 1/2, 2/2, -1/1.
    found = durkalski(np.array([1.0, 2, 0]), np.array([0.0, 0, 1]), np.array([2.0, 2, 1]))
    assert found.statistic == pytest.approx(0.5**2 / 2.25)
    assert found.value == pytest.approx(0.5 / 3)
    # A case that nobody read under both adds nothing.
    assert durkalski(np.array([1.0, 2, 0, 0]), np.eye(4)[2], np.array([2.0, 2, 1, 0])) == found
    assert durkalski(np.zeros(2), np.zeros(2), np.zeros(2)).value is None
    nothing = durkalski(np.zeros(3), np.zeros(3), np.ones(3))
    assert nothing.p is None
    assert nothing.reason


def test_marginal_homogeneity_is_that_of_statsmodels():
    counts = np.array([[20.0, 10, 5], [3, 30, 15], [0, 5, 40]])
    found = marginal_homogeneity(counts)
    reference = tables.SquareTable(counts, shift_zeros=False).homogeneity("stuart_maxwell")
    assert found.statistic == pytest.approx(reference.statistic)
    assert found.p == pytest.approx(reference.pvalue)


def test_unused_classes_do_not_break_marginal_homogeneity():
    counts = np.array([[20.0, 10, 0], [3, 30, 0], [0, 0, 0]])
    found = marginal_homogeneity(counts)
    assert found.statistic == pytest.approx(49 / 13)
    assert marginal_homogeneity(np.diag([3.0, 0, 0])).value is None
    assert marginal_homogeneity(np.diag([3.0, 4, 5])).reason


def test_gee_with_few_cases_is_corrected_and_separation_is_told():
    rng = np.random.default_rng(2)
    cases = np.repeat(np.arange(20), 4)
    correct = rng.random(80) < 0.6
    condition = np.tile([0.0, 0, 1, 1], 20)
    assert "Mancl" in gee_logistic(correct, {"c": condition}, cases)["c"].method
    assert gee_logistic(np.ones(80, bool), {"c": condition}, cases)["c"].value is None
    assert gee_logistic(correct, {"c": condition, "d": condition}, cases)["d"].value is None
    separated = gee_logistic(condition == 1, {"c": condition}, cases)["c"]
    assert separated.value is None
    assert "always" in separated.reason


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=9, max_size=9))
def test_any_table_has_an_answer_or_a_reason(values):
    found = marginal_homogeneity(np.array(values, dtype=float).reshape(3, 3))
    assert found.reason or (found.p is not None and 0 <= found.p <= 1)
