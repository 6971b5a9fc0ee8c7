"""Three or more classes and calibration against HandTill2001, pROC, scikit-learn and dcurves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densesharp.study.calibration import (
    brier,
    brier_multiclass,
    brier_skill,
    calibration_errors,
    calibration_line,
    decision_curve,
    net_benefit,
    reliability_bins,
)
from densesharp.study.multiclass import (
    confusion,
    hand_till,
    mean_pairwise_auc,
    one_vs_rest,
    ordinal_concordance,
)

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
    assert one_vs_rest(probabilities, truth)["macro"].value is None
    assert ordinal_concordance(np.arange(3.0), np.zeros(3, int)).value is None
    assert mean_pairwise_auc(np.arange(3.0), np.zeros(3, int)).value is None


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


def test_net_benefit_at_one_threshold(outcome_model):
    probabilities, outcome = outcome_model
    curve = decision_curve(probabilities, outcome, np.array([0.2]))
    assert net_benefit(probabilities, outcome, 0.2) == curve.model[0]
    assert net_benefit(probabilities, outcome, 1.0) is None


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
