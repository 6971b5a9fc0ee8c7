"""Three or more classes and calibration against HandTill2001, pROC, scikit-learn and dcurves."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from study_data_made_up import made_up

from densesharp.stats.calibration import (
    brier,
    brier_multiclass,
    brier_skill,
    calibration_errors,
    calibration_line,
    decision_curve,
    reliability_bins,
)
from densesharp.stats.multiclass import (
    confusion,
    hand_till,
    one_vs_rest,
    ordinal_concordance,
    weighted_f1,
)
from densesharp.study.analysis.classes import analyse_classes

FULL = {"rel": 1e-6, "abs": 1e-12}


@pytest.fixture(scope="module")
def outcome_model(rows_of):
    rows = rows_of("asah_prob")
    probabilities = np.array([float(row["prob"]) for row in rows])
    return probabilities, np.array([row["outcome_poor"] == "1" for row in rows])


def test_absent_classes_are_told():
    probabilities = np.full((4, 3), 1 / 3)
    truth = np.array([0, 1, 0, 1])
    assert hand_till(probabilities, truth).reason
    assert one_vs_rest(probabilities, truth).macro.value is None
    assert ordinal_concordance(np.arange(3.0), np.zeros(3, int)).value is None


def test_one_against_the_rest_and_pairs_by_counting():
    truth = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    probabilities = np.random.default_rng(4).dirichlet(np.ones(3), 9).round(1)

    def area(column, of, others):
        pairs = [
            (x > y) + 0.5 * (x == y)
            for x in probabilities[truth == of, column]
            for y in probabilities[np.isin(truth, others), column]
        ]
        return np.mean(pairs)

    each = [area(c, c, [d for d in range(3) if d != c]) for c in range(3)]
    found = one_vs_rest(probabilities, truth)
    assert found.each == pytest.approx(each)
    assert found.macro.value == pytest.approx(np.mean(each))
    assert found.weighted.value == pytest.approx((3 * each[0] + 2 * each[1] + 4 * each[2]) / 9)
    pairs = [area(c, c, [d]) for c in range(3) for d in range(3) if c != d]
    assert hand_till(probabilities, truth).value == pytest.approx(np.mean(pairs))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=6, max_size=15))
def test_concordance_counts_pairs_of_cases(values):
    ratings = np.array(values, dtype=float)
    truth = np.arange(len(values)) % 3
    pairs = [
        1.0 if ratings[b] > ratings[a] else 0.5 if ratings[b] == ratings[a] else 0.0
        for a in range(len(values))
        for b in range(len(values))
        if truth[b] > truth[a]
    ]
    assert ordinal_concordance(ratings, truth).value == pytest.approx(np.mean(pairs))


def test_the_brier_score_of_two_classes_counts_both(outcome_model):
    probabilities, outcome = outcome_model
    two = np.column_stack([1 - probabilities, probabilities])
    assert brier_multiclass(two, outcome.astype(int)).value == pytest.approx(
        2 * brier(probabilities, outcome).value
    )


def test_in_sample_likelihood_is_calibrated(outcome_model):
    intercept, slope = calibration_line(*outcome_model, edge=1e-9)
    assert intercept.value == pytest.approx(0, abs=1e-6)
    assert slope.value == pytest.approx(1, abs=1e-6)
    assert slope.p == pytest.approx(1, abs=1e-4)


def test_a_distorted_model_shows_its_slope(outcome_model):
    probabilities, outcome = outcome_model
    logit = np.log(probabilities / (1 - probabilities))
    distorted = 1 / (1 + np.exp(-(2 * logit + 1)))
    intercept, slope = calibration_line(distorted, outcome, edge=1e-12)
    assert slope.value == pytest.approx(0.5, abs=1e-5)
    assert intercept.value == pytest.approx(-0.5, abs=1e-5)


def test_what_has_no_calibration_line_says_so():
    outcome = np.array([False, False, True, True])
    assert "separate" in calibration_line(np.array([0.1, 0.2, 0.8, 0.9]), outcome)[1].reason
    assert "equal" in calibration_line(np.full(4, 0.5), outcome)[1].reason
    assert "same outcome" in calibration_line(np.full(4, 0.5), np.ones(4, bool))[0].reason
    assert brier_skill(np.full(4, 0.5), np.ones(4, bool)).value is None
    assert calibration_errors([])[0].value is None


def test_the_papers_confusion_matrix():
    """DenseSharp on 128 nodules: every figure of the paper's table from its matrix."""
    found = confusion(np.array([[17.0, 21, 0], [6, 49, 9], [0, 10, 16]]))
    assert found.accuracy.value == pytest.approx(0.641, abs=5e-4)
    assert found.accuracy.ci == pytest.approx((0.555, 0.719), abs=5e-4)
    assert [f.value for f in found.f1] == pytest.approx([0.557, 0.681, 0.627], abs=5e-4)
    assert found.weighted_f1.value == pytest.approx(0.633, abs=5e-4)
    assert found.macro_f1.value == pytest.approx(0.622, abs=5e-4)
    assert found.mcc.value == pytest.approx(0.407, abs=5e-4)
    assert found.balanced_accuracy.value == pytest.approx(0.609, abs=5e-4)
    assert found.kappa["linear"].value == pytest.approx(0.478, abs=5e-4)
    assert found.kappa["quadratic"].value == pytest.approx(0.591, abs=5e-4)
    assert found.two_steps.value == 0
    assert found.one_step.value == pytest.approx(46 / 128)


def test_a_confusion_matrix_by_hand():
    counts = np.array([[4.0, 1, 1], [2, 5, 0], [0, 2, 5]])
    found = confusion(counts)
    assert found.accuracy.value == pytest.approx(14 / 20)
    assert [one.value for one in found.sensitivity] == pytest.approx([4 / 6, 5 / 7, 5 / 7])
    assert found.balanced_accuracy.value == pytest.approx((4 / 6 + 10 / 7) / 3)
    f1 = [8 / 12, 10 / 15, 10 / 13]
    assert [one.value for one in found.f1] == pytest.approx(f1)
    assert found.macro_f1.value == pytest.approx(np.mean(f1))
    weighted = (6 * f1[0] + 7 * f1[1] + 7 * f1[2]) / 20
    assert found.weighted_f1.value == pytest.approx(weighted)
    assert weighted_f1(counts) == pytest.approx(weighted)
    assert found.one_step.value == pytest.approx(5 / 20)
    assert found.two_steps.value == pytest.approx(1 / 20)
    # Gorodkin: covariance of truth and call over the root of their variances.
    pairs = [pair for pair in np.ndindex(3, 3) for _ in range(int(counts[pair]))]
    x, y = (
        one - one.mean(0) for one in (np.eye(3)[[*called]] for called in zip(*pairs, strict=True))
    )
    mcc = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    assert found.mcc.value == pytest.approx(mcc)
    mean = confusion(counts / 2, averaged=True)
    for name in ("accuracy", "mcc", "weighted_f1", "one_step"):
        assert getattr(mean, name).value == pytest.approx(getattr(found, name).value)
    assert mean.kappa["linear"].value == pytest.approx(found.kappa["linear"].value)
    for one in (mean.accuracy, mean.kappa["linear"], *mean.sensitivity):
        assert one.ci is None, "averaged counts are no number of readings"
    assert np.isnan(weighted_f1(np.diag([1.0, 0, 2])))


def test_bins_errors_and_scores_by_hand():
    probabilities = np.array([0.0, 0.05, 0.1, 0.55, 0.58, 1.0])
    outcome = np.array([False, True, False, True, True, True])
    bins = reliability_bins(probabilities, outcome)
    shown = [(b.low, b.high, b.n, b.observed.value) for b in bins]
    assert shown == [(0, 0.1, 2, 0.5), (0.1, 0.2, 1, 0), (0.5, 0.6, 2, 1), (0.9, 1, 1, 1)]
    gaps = [0.475, 0.1, 0.435, 0]
    expected_error, largest = calibration_errors(bins)
    assert expected_error.value == pytest.approx((2 * 0.475 + 0.1 + 2 * 0.435) / 6)
    assert largest.value == pytest.approx(max(gaps))
    halves = reliability_bins(probabilities, outcome, 2, equal_count=True)
    assert [(b.low, b.high, b.n) for b in halves] == [(0, 0.1, 3), (0.55, 1, 3)]
    squares = [0, 0.95**2, 0.01, 0.45**2, 0.42**2, 0]
    assert brier(probabilities, outcome).value == pytest.approx(np.mean(squares))
    skill = 1 - np.mean(squares) / (4 / 6 * 2 / 6)
    assert brier_skill(probabilities, outcome).value == pytest.approx(skill)
    curve = decision_curve(probabilities, outcome, np.array([0.1, 0.5, 0.0]))
    assert curve.model[[0, 2]] == pytest.approx([3 / 6 - 1 / 6 / 9, 4 / 6])
    assert curve.treat_all == pytest.approx([4 / 6 - 2 / 6 / 9, 4 / 6 - 2 / 6, 4 / 6])
    nothing = np.zeros(0)
    for one in (brier, brier_skill):
        assert one(nothing, nothing.astype(bool)).value is None
    assert brier_multiclass(np.zeros((0, 3)), nothing.astype(int)).value is None


def test_confusion_of_one_class_has_reasons():
    found = confusion(np.array([[5.0, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert found.accuracy.value == 1
    for one in (found.mcc, found.macro_f1, found.balanced_accuracy, found.kappa["linear"]):
        assert one.value is None
        assert one.reason
    empty = confusion(np.zeros((3, 3)))
    assert empty.accuracy.value is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_bins_hold_every_case_once(pairs):
    probabilities = np.array([p for p, _ in pairs])
    outcome = np.array([y for _, y in pairs])
    for equal_count in (False, True):
        bins = reliability_bins(probabilities, outcome, equal_count=equal_count)
        assert sum(b.n for b in bins) == len(pairs)
        for b in bins:
            assert b.low - 1e-12 <= b.mean_probability <= b.high + 1e-12
            assert b.observed.ci[0] <= b.observed.value <= b.observed.ci[1]


def test_weighted_f1_has_the_bootstraps_spread_and_t_on_the_logit_scale():
    data = made_up(("aided", "unaided"), cases=90, readers=2, seed=5)
    found = analyse_classes(data).weighted_f1
    rng = np.random.default_rng(3)
    groups = [np.flatnonzero(data.truth == c) for c in range(3)]

    def f1(truth, called):
        return sum(
            (truth == c).mean() * 2 * np.sum((truth == c) & (called == c))
            / (np.sum(truth == c) + np.sum(called == c))
            for c in range(3)
        )  # fmt: skip

    def scores(cases):
        return [np.mean([f1(data.truth[cases], row[cases]) for row in rows])
                for rows in data.classes]  # fmt: skip

    drawn = np.array([scores(np.concatenate([rng.choice(g, len(g)) for g in groups]))
                      for _ in range(150)])  # fmt: skip
    reach = stats.t.ppf(0.975, 89)
    for one, spread in zip((found["aided"], found["unaided"]), drawn.std(axis=0), strict=True):
        assert one.se == pytest.approx(spread, rel=0.25)
        half = reach * one.se / (one.value * (1 - one.value))
        middle = np.log(one.value / (1 - one.value))
        assert one.ci == pytest.approx(1 / (1 + np.exp(-np.array([middle - half, middle + half]))))
    gap = found["difference"]
    assert gap.se == pytest.approx((drawn[:, 0] - drawn[:, 1]).std(), rel=0.25)
    assert gap.ci == pytest.approx((gap.value - reach * gap.se, gap.value + reach * gap.se))
    right = dataclasses.replace(data, classes=np.broadcast_to(data.truth, data.classes.shape))
    assert analyse_classes(right).weighted_f1["aided"].ci is None
