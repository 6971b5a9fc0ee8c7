"""AUC, DeLong, partial area and operating points against pROC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.study.auc import (
    auc_estimate,
    delong_test,
    empirical_auc,
    logit_interval,
    partial_auc,
    roc_curve,
)

FULL = {"rel": 1e-6, "abs": 1e-12}
MARKERS = ("s100b", "wfns", "ndka")


@pytest.fixture(scope="module")
def subarachnoid(rows_of):
    """aSAH: three markers and the outcome."""
    rows = rows_of("asah")
    truth = np.array([row["outcome"] == "Poor" for row in rows])
    return {m: np.array([float(row[m]) for row in rows]) for m in MARKERS}, truth


def test_the_whole_partial_area_is_the_area(subarachnoid):
    markers, truth = subarachnoid
    whole = partial_auc(markers["ndka"], truth, (1.0, 0.0))
    assert whole.value == pytest.approx(empirical_auc(markers["ndka"], truth))


def test_perfect_separation_has_no_wald_interval_and_says_so():
    truth = np.array([True] * 5 + [False] * 5)
    found = auc_estimate(truth * 1.0, truth)
    assert found.value == 1
    assert found.ci is None
    assert found.reason
    assert logit_interval(found).reason


def test_one_class_and_one_case_a_class_are_not_estimable():
    ratings = np.arange(4.0)
    assert auc_estimate(ratings, np.ones(4, bool)).value is None
    assert delong_test(ratings, ratings, np.zeros(4, bool)).value is None
    single = auc_estimate(ratings, np.array([False, False, False, True]))
    assert single.value == 1
    assert "two cases" in single.reason


def test_the_logit_interval_stays_inside_and_contains_the_area(van_dyke):
    found = auc_estimate(van_dyke.ratings[1, 3], van_dyke.truth)
    assert found.ci[1] > 1
    low, high = logit_interval(found).ci
    assert 0 < low < found.value < high < 1


rating_lists = st.lists(st.integers(0, 6), min_size=4, max_size=30)


@settings(max_examples=60, deadline=None)
@given(rating_lists, st.randoms())
def test_invariances_of_the_area(values, random):
    ratings = np.array(values, dtype=float)
    truth = np.array([k % 2 == 0 for k in range(len(values))])
    area = empirical_auc(ratings, truth)
    psi = [
        1.0 if x > y else 0.5 if x == y else 0.0 for x in ratings[truth] for y in ratings[~truth]
    ]
    assert area == pytest.approx(np.mean(psi))
    order = list(range(len(values)))
    random.shuffle(order)
    assert empirical_auc(ratings[order], truth[order]) == pytest.approx(area)
    assert empirical_auc(np.exp(ratings) * 3 - 7, truth) == pytest.approx(area)
    assert empirical_auc(-ratings, truth) == pytest.approx(1 - area)
    curve = roc_curve(ratings, truth)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(area)
    assert (np.diff(curve.tpr) >= 0).all()
    assert (np.diff(curve.fpr) >= 0).all()
    before = auc_estimate(ratings, truth)
    after = auc_estimate(np.exp(ratings), truth)
    assert after.se == pytest.approx(before.se) if before.se else after.se is None
