"""AUC, DeLong, partial area and operating points against pROC."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from densesharp.stats.area_interval import (
    logit_interval,
    reader_area,
    score_interval,
    steadied,
)
from densesharp.stats.auc import (
    auc_estimate,
    delong_test,
    empirical_auc,
    operating_point,
    partial_auc,
    placements,
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


def test_an_area_of_one_has_the_limits_of_newcombe():
    """By hand: (1 - theta)^2 = z^2 theta (1 - theta) [1 + N (...)] / (n1 n0) at the lower limit."""
    truth = np.arange(30) < 10
    found = reader_area(truth * 1.0, truth)
    low, high = found.ci
    assert high == 1.0
    odd = (1 - low) / (2 - low) + low / (1 + low)
    variance = low * (1 - low) * (1 + 14 * odd) / 200
    assert (1 - low) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-5)
    assert score_interval(0.0, 10, 20) == pytest.approx((0.0, 1 - low))
    assert score_interval(0.5, 15, 15) == pytest.approx((0.307, 0.693), abs=2e-3)


def test_few_diseased_cases_widen_the_interval():
    """Satterthwaite: about n1 - 1 degrees of freedom where the diseased cases make the variance."""
    rng = np.random.default_rng(2)
    truth = np.arange(400) < 8
    ratings = rng.normal(size=400) + 1.2 * truth
    wald = auc_estimate(ratings, truth)
    known, t = logit_interval(wald).ci, reader_area(ratings, truth).ci
    middle = np.log(wald.value / (1 - wald.value))
    ratio = (np.log(t[1] / (1 - t[1])) - middle) / (np.log(known[1] / (1 - known[1])) - middle)
    variance, df = steadied(ratings, truth)
    assert df == pytest.approx(7, abs=0.5)
    wider = np.sqrt(variance) / wald.se
    assert ratio == pytest.approx(stats.t.isf(0.025, df) / 1.959964 * wider, rel=1e-6)


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


# The curve goes (0, 0), (0, 1/2), (1/4, 1/2), (1/4, 3/4), (1/2, 3/4), (3/4, 1), (1, 1).
EIGHT = np.array([9.0, 8, 6, 3, 7, 5, 3, 1])
DISEASED = np.arange(8) < 4


def test_a_curve_its_parts_and_its_points_by_hand():
    curve = roc_curve(EIGHT, DISEASED)
    assert curve.fpr.tolist() == [0, 0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert curve.tpr.tolist() == [0, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1]
    whole = placements(EIGHT, DISEASED)
    assert whole.diseased.tolist() == [1, 1, 0.75, 0.375]
    assert whole.others.tolist() == [0.5, 0.75, 0.875, 1]
    for specificities, area in (
        ((1, 0.75), 0.125),
        ((0.75, 0.5), 0.1875),
        ((0.5, 0.75), 0.1875),
        ((0.9, 0.6), 0.15 * 0.5 + 0.15 * 0.75),
        ((0.4, 0.25), 0.15 * (0.85 + 1) / 2),
    ):
        found = partial_auc(EIGHT, DISEASED, specificities)
        assert found.value == pytest.approx(area), specificities
    best = operating_point(EIGHT, DISEASED, 7.5)
    assert (best.threshold, best.tp, best.fp, best.tn, best.fn) == (7.5, 2, 0, 4, 2)


def test_a_step_at_the_edge_of_a_band_counts_inside_it_only():
    """Specificity 3/4 lies on the step from 1/2 to 3/4."""
    left = partial_auc(EIGHT, DISEASED, (0.95, 0.75)).value
    right = partial_auc(EIGHT, DISEASED, (0.75, 0.55)).value
    assert (left, right) == pytest.approx((0.2 * 0.5, 0.2 * 0.75))


def test_a_part_of_chance_and_of_perfection():
    truth = np.arange(20) < 10
    for high, low in ((1.0, 0.9), (0.8, 0.5), (0.25, 0.0)):
        perfect = partial_auc(truth * 1.0, truth, (high, low))
        chance = partial_auc(np.ones(20), truth, (high, low))
        assert perfect.value == pytest.approx(high - low)
        assert chance.value == pytest.approx(((1 - low) ** 2 - (1 - high) ** 2) / 2)


def test_a_band_that_is_none_and_one_class_have_no_part():
    for band in ((0.9, 0.9), (1.1, 0.9), (0.5, -0.1)):
        assert "must differ" in partial_auc(EIGHT, DISEASED, band).reason
    for truth in (np.ones(8, bool), np.zeros(8, bool)):
        assert partial_auc(EIGHT, truth).value is None


def test_the_counts_of_a_threshold():
    found = operating_point(EIGHT, DISEASED, 3)
    assert (found.tp, found.fp, found.tn, found.fn) == (4, 3, 1, 0)
    assert (found.sensitivity, found.specificity) == (1, 0.25)
    assert (found.ppv, found.npv, found.accuracy) == (4 / 7, 1, 5 / 8)
    nobody, everybody = (operating_point(EIGHT, DISEASED, at) for at in (10, 0))
    assert (nobody.ppv, nobody.npv, everybody.ppv, everybody.npv) == (None, 0.5, 0.5, None)
    assert operating_point(EIGHT, np.zeros(8, bool), 3).sensitivity is None
    assert operating_point(EIGHT, np.ones(8, bool), 3).specificity is None


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
