"""AUC, DeLong, partial area and operating points against pROC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.study.auc import (
    auc_estimate,
    delong_covariance,
    delong_test,
    empirical_auc,
    logit_interval,
    mcclish,
    partial_auc,
    placements,
    roc_curve,
    youden_point,
)

FULL = {"rel": 1e-6, "abs": 1e-12}
MARKERS = ("s100b", "wfns", "ndka")


@pytest.fixture(scope="module")
def subarachnoid(rows_of):
    """aSAH: three markers and the outcome."""
    rows = rows_of("asah")
    truth = np.array([row["outcome"] == "Poor" for row in rows])
    return {m: np.array([float(row[m]) for row in rows]) for m in MARKERS}, truth


def test_areas_and_intervals_of_three_markers(subarachnoid, expected):
    markers, truth = subarachnoid
    for row in expected("asah_expected")["auc"]:
        found = auc_estimate(markers[row["marker"]], truth)
        assert found.value == pytest.approx(row["auc"], **FULL)
        assert found.se**2 == pytest.approx(row["delong_var"], **FULL)
        assert found.ci == pytest.approx((row["ci_lo"], row["ci_hi"]), **FULL)


def test_paired_tests_of_three_markers(subarachnoid, expected):
    markers, truth = subarachnoid
    for row in expected("asah_expected")["delong_paired"]:
        a, b = markers[row["a"]], markers[row["b"]]
        covariance = delong_covariance([placements(a, truth), placements(b, truth)])
        assert covariance[0, 1] == pytest.approx(row["cov"], **FULL)
        found = delong_test(a, b, truth)
        assert found.statistic == pytest.approx(row["z"], **FULL)
        assert found.p == pytest.approx(row["p"], **FULL)
        assert found.ci == pytest.approx((row["ci_lo"], row["ci_hi"]), **FULL)


def test_van_dyke_readers_one_by_one(van_dyke, expected):
    for j, row in enumerate(expected("vandyke_expected")["pROC_DeLong_per_reader"]):
        first, second = van_dyke.ratings[:, j]
        found = delong_test(first, second, van_dyke.truth)
        assert found.p == pytest.approx(row["p"], **FULL)
        assert found.statistic == pytest.approx(row["z"], **FULL)
        one = auc_estimate(first, van_dyke.truth)
        # pROC cuts the limits at 1; ours are the formula's.
        limits = (one.ci[0], min(one.ci[1], 1))
        assert limits == pytest.approx((row["ci1_lo"], row["ci1_hi"]), **FULL)


def test_partial_area_raw_and_corrected(subarachnoid, expected):
    markers, truth = subarachnoid
    wanted = expected("asah_expected")["partial_auc_spec_100_90"]
    found = partial_auc(markers["s100b"], truth)
    assert found.value == pytest.approx(wanted["s100b_raw"], **FULL)
    assert mcclish(found).value == pytest.approx(wanted["s100b_mcclish"], **FULL)


def test_the_whole_partial_area_is_the_area(subarachnoid):
    markers, truth = subarachnoid
    whole = partial_auc(markers["ndka"], truth, (1.0, 0.0))
    assert whole.value == pytest.approx(empirical_auc(markers["ndka"], truth))


def test_youden_point(subarachnoid, expected):
    markers, truth = subarachnoid
    wanted = expected("asah_expected")["youden_s100b"][0]
    found = youden_point(markers["s100b"], truth)
    assert found.threshold == pytest.approx(wanted["threshold"])
    for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy"):
        assert getattr(found, name) == pytest.approx(wanted[name], **FULL)
    assert (found.tp, found.fp, found.tn, found.fn) == (26, 14, 58, 15)


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
