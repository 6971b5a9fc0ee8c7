"""Intervals on the logit scale: of means, of differences made from them, and of few cases."""

import math

import numpy as np
import pytest
from scipy import special, stats

from densesharp.stats.area_interval import reader_area, steadied
from densesharp.stats.auc import auc_estimate
from densesharp.stats.estimates import Estimate, t_estimate
from densesharp.stats.logit_scale import beyond, difference_on_logit, mean_on_logit, turned
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_text import mrmc_text
from densesharp.stats.roe_metz import roe_metz, simulate_readings
from densesharp.study.analysis.endpoints import OnLogit, equivalence

UNIT = (0.0, 1.0)


def test_a_mean_has_the_interval_that_the_delta_method_gives():
    mean = t_estimate(0.95, 0.02**2, 4.0, null=None)
    low, high = mean_on_logit(mean, UNIT).ci
    half = stats.t.ppf(0.975, 4) * 0.02 / (0.95 * 0.05)
    assert (low, high) == pytest.approx(special.expit(special.logit(0.95) + [-half, half]))
    assert mean.ci[1] > 1 > high
    # On a scale of -1 to 1 the middle is 0; few cases of a class bound the degrees of freedom.
    wide = mean_on_logit(Estimate(0.0, 0.1, df=9.0), (-1.0, 1.0), fewest=4)
    assert wide.df == 3
    assert wide.ci == pytest.approx(np.tanh([-0.05, 0.05] * stats.t.ppf([0.975], 3) * 2))


def test_at_the_end_or_without_end_there_is_a_reason():
    for mean, limits in ((Estimate(1.0, 0.1), UNIT), (Estimate(3.0, 1.0), (0.0, math.inf))):
        found = mean_on_logit(mean, limits)
        assert found.ci is None
        assert "end of its scale" in found.reason


def test_differences_recover_the_usual_interval_in_the_middle_and_differ_near_the_end():
    means = (Estimate(0.5, 0.001), Estimate(0.5, 0.001))
    usual = t_estimate(0.0, 2 * 0.001**2 * 0.6, 12.0)
    assert difference_on_logit(means, usual, UNIT).ci == pytest.approx(usual.ci, rel=1e-4)
    # By the formula, with the correlation (0.02^2 + 0.04^2 - 0.035^2) / (2 0.02 0.04).
    means, one = (Estimate(0.9, 0.02), Estimate(0.8, 0.04)), Estimate(0.1, 0.035, df=8.0)
    t = stats.t.ppf(0.975, 8)
    a, b = (
        special.expit(special.logit(m) + np.array([-1, 1]) * t * se / (m * (1 - m)))
        for m, se in ((0.9, 0.02), (0.8, 0.04))
    )
    rho = (0.02**2 + 0.04**2 - 0.035**2) / (2 * 0.02 * 0.04)

    def side(x, y):
        return math.sqrt(x**2 + y**2 - 2 * rho * x * y)

    want = (0.1 - side(0.9 - a[0], b[1] - 0.8), 0.1 + side(a[1] - 0.9, 0.8 - b[0]))
    found = difference_on_logit(means, one, UNIT).ci
    assert found == pytest.approx(want, rel=1e-12)
    assert found[1] > 0.1 + t * 0.035


def test_the_p_of_a_margin_is_where_the_limit_touches_it():
    first, second = Estimate(0.9, 0.03), Estimate(0.86, 0.04)
    one = t_estimate(0.04, 0.03**2, 7.0)
    low, high = difference_on_logit((first, second), one, UNIT).ci
    assert beyond((first, second), one, UNIT, -low) == pytest.approx(0.025, abs=1e-9)
    assert beyond((second, first), turned(one), UNIT, high) == pytest.approx(0.025, abs=1e-9)
    assert beyond((first, second), one, UNIT, 0.9) < 1e-6
    judged = equivalence(one, high + 1e-6, OnLogit(first, second, UNIT))
    assert (judged.shown, judged.ci) == (True, pytest.approx((low, high)))
    assert judged.p == pytest.approx(0.025, abs=1e-4)
    assert not equivalence(one, high - 1e-6, OnLogit(first, second, UNIT)).shown


def test_means_near_one_are_covered():
    """Five readers who differ: the usual interval holds the truth in 91 % of such studies."""
    model, rng = roe_metz("HH", [0.95]), np.random.default_rng(5)
    held = np.zeros(2)
    for _ in range(200):
        form = analyse(simulate_readings(model, 5, 50, 50, rng)).rrrc
        for i, one in enumerate((form.means["1"], form.means_logit["1"])):
            held[i] += one.ci[0] <= 0.95 <= one.ci[1]
    assert held[0] / 200 < 0.93 < held[1] / 200


def test_few_cases_all_rated_rightly_do_not_make_the_variance_small():
    """By hand: five cases above all ten others but one, which three of them are above."""
    ratings = np.array([5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6.5])
    truth = np.arange(15) < 5
    area = 1 - 2 / 50
    expected = (area / (2 - area) + 2 * area**2 / (1 + area)) / 2 - area**2
    diseased = np.array([0.9, 0.9, 1, 1, 1]).var(ddof=1)
    others = np.array([1] * 9 + [0.6]).var(ddof=1)
    parts = (4 * diseased + 2 * expected) / 6 / 5, (9 * others + 2 * expected) / 11 / 10
    variance, df = steadied(ratings, truth)
    assert variance == pytest.approx(sum(parts))
    assert df == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 4 + parts[1] ** 2 / 9))
    found = reader_area(ratings, truth)
    half = stats.t.ppf(0.975, df) * math.sqrt(variance) / (area * (1 - area))
    assert found.ci == pytest.approx(special.expit(special.logit(area) + [-half, half]))
    assert found.se == auc_estimate(ratings, truth).se


def test_areas_of_few_diseased_cases_that_spread_more_are_covered():
    """15 + 60 cases, b 0.6, area 0.95: without the two cases' weight 90 % are."""
    rng, held = np.random.default_rng(3), 0
    truth = np.arange(75) < 15
    distance = math.sqrt(1 + 0.6**-2) * stats.norm.ppf(0.95)
    for _ in range(400):
        ratings = np.where(truth, rng.normal(size=75) / 0.6 + distance, rng.normal(size=75))
        low, high = reader_area(ratings, truth).ci
        held += low <= 0.95 <= high
    assert held / 400 > 0.93


def test_the_command_says_both_intervals_of_a_mean_and_both_p_of_a_margin(van_dyke):
    text = mrmc_text(mrmc_document(van_dyke.select(treatments=["2"])))
    assert "on the logit scale" in text
    document = mrmc_document(van_dyke, margin=0.05)
    judged = {one.first: one for one in document.non_inferiority}
    assert judged["2"].p_logit == pytest.approx(judged["2"].test.p, abs=0.002)
    assert "; by the logit scale 0.001, level 0.025" in mrmc_text(document)
    pair, forms = document.comparisons[0], document.rrrc
    means = (forms.means["1"], forms.means["2"])
    assert pair.on_logit.rrrc.ci == difference_on_logit(means, pair.rrrc, UNIT).ci
