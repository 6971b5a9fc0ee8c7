"""Tango, Obuchowski, crossed logistic model and change of kappa, against independent answers."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm, t

from densesharp.stats.agreement import chance_corrected
from densesharp.stats.glmm import crossed_logistic
from densesharp.stats.proportions import mcnemar, obuchowski, tango
from densesharp.study.analysis.kappa_change import kappa_differences


def accepted(b, c, n, d):
    """Score test of the difference d, the restricted likelihood maximized by search."""

    def minus_log_likelihood(q):
        chances = ((b, q + d), (c, q), (n - b - c, 1 - d - 2 * q))
        return -sum(count * np.log(max(p, 1e-300)) for count, p in chances if count)

    bounds = (max(0.0, -d), (1 - d) / 2)
    q = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded").x
    return (b - c - n * d) ** 2 <= norm.ppf(0.975) ** 2 * n * (2 * q + d - d**2)


@pytest.mark.parametrize("cells", [(1, 1, 7, 12), (59, 6, 16, 80), (20, 9, 2, 9), (3, 2, 2, 3)])
def test_tango_holds_the_differences_that_the_score_test_accepts(cells):
    _, b, c, _ = cells
    n = sum(cells)
    low, high = tango(*cells).ci
    for limit, inwards in ((low, 1e-4), (high, -1e-4)):
        assert accepted(b, c, n, limit + inwards)
        assert not accepted(b, c, n, limit - inwards)


def test_tango_at_the_ends():
    z2 = norm.ppf(0.975) ** 2
    empty = tango(4, 0, 0, 6)
    assert empty.ci == pytest.approx((-z2 / (10 + z2), z2 / (10 + z2)))
    assert empty.reason
    low, high = tango(0, 10, 0, 0).ci
    assert high == 1
    assert 0 < low < 1
    assert tango(0, 0, 10, 0).ci == pytest.approx((-high, -low))
    assert tango(0, 0, 0, 0).value is None


# Obuchowski 1998 (PET and SPECT) and Donner & Petryshen 1989: b, c, n by cluster; the test
# statistics are those that Durkalski et al. 2003 print.
THYROIDS = (
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0],
    [3, 3, 3, 1, 3, 4, 3, 2, 2, 1, 3, 2, 3, 2, 2, 3, 3, 3, 2, 1, 2],
)
PSYCHIATRY = (
    [0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0],
    [4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1],
    [7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1],
)


@pytest.mark.parametrize(("counts", "printed"), [(THYROIDS, 2.86), (PSYCHIATRY, 7.19)])
def test_obuchowski_gives_the_published_statistics(counts, printed):
    found = obuchowski(*np.array(counts, dtype=float))
    assert round(found.statistic, 2) == printed
    assert found.value == pytest.approx((sum(counts[0]) - sum(counts[1])) / sum(counts[2]))
    assert found.ci[0] < found.value < found.ci[1]


def test_the_interval_of_obuchowski_by_hand():
    # Three cases of 2, 2, 1 readers: d = 1, 2, -1, so 2 / 5, and d - n 2/5 = 0.2, 1.2, -1.4.
    found = obuchowski(np.array([1.0, 2, 0, 0]), np.eye(4)[2], np.array([2.0, 2, 1, 0]))
    se = np.sqrt(3 / 2 * (0.04 + 1.44 + 1.96) / 25)
    half = t.ppf(0.975, 2) * se
    assert (found.value, found.se) == pytest.approx((0.4, se))
    assert found.ci == pytest.approx((0.4 - half, 0.4 + half))
    assert (found.statistic, found.df) == pytest.approx((2 / 3 * 4 / 6, 1))
    assert found.p == pytest.approx(2 * norm.sf(2 / 3))
    same = obuchowski(np.ones(4), np.zeros(4), np.ones(4))
    assert (same.value, same.ci, same.statistic) == (1, None, pytest.approx(3))
    assert "the same amount" in same.reason


def test_obuchowski_with_one_reading_per_case_is_nearly_mcnemar():
    b, c = np.repeat([1.0, 0, 0], [30, 12, 158]), np.repeat([0.0, 1, 0], [30, 12, 158])
    found = obuchowski(b, c, np.ones(200))
    assert found.statistic == pytest.approx(199 / 200 * mcnemar(30, 12).statistic)
    assert obuchowski(np.zeros(3), np.zeros(3), np.ones(3)).reason
    assert obuchowski(np.ones(1), np.zeros(1), np.ones(1)).value is None


def simulated(seed, effect=0.8, cases=80, readers=4):
    rng = np.random.default_rng(seed)
    t, r, k = (a.ravel() for a in np.indices((2, readers, cases)))
    linear = 0.5 + effect * t + 0.4 * rng.normal(size=readers)[r] + 1.2 * rng.normal(size=cases)[k]
    return rng.random(len(t)) < 1 / (1 + np.exp(-linear)), t.astype(float), r, k


def test_the_mixed_model_finds_the_effect_it_was_simulated_with():
    fits = []
    for seed in range(8):
        correct, aided, r, k = simulated(seed)
        fits.append(crossed_logistic(correct, {"aided": aided}, r, k))
    effects = np.array([fit["aided"].value for fit in fits])
    errors = np.array([fit["aided"].se for fit in fits])
    assert effects.mean() == pytest.approx(0.8, abs=0.2)
    assert effects.std(ddof=1) == pytest.approx(errors.mean(), rel=0.6)
    assert np.mean([fit["sd_case"].value for fit in fits]) == pytest.approx(1.2, abs=0.3)
    assert "sensitivity" in fits[0]["aided"].method


def test_the_mixed_model_says_why_it_has_no_result():
    correct, aided, r, k = simulated(0, cases=20)
    for found in (
        crossed_logistic(np.ones_like(correct), {"aided": aided}, r, k),
        crossed_logistic(correct, {"aided": aided}, np.zeros_like(r), k),
        crossed_logistic(correct, {"aided": 0 * aided}, r, k),
        crossed_logistic(np.resize(correct, 900), {"a": np.resize(aided, 900)},
                         np.arange(900) % 2, np.arange(900) // 2),
    ):  # fmt: skip
        for one in found.values():
            assert one.value is None
            assert one.reason


def test_change_of_kappa_is_the_difference_and_its_interval_follows_the_cases():
    rng = np.random.default_rng(3)
    truth = rng.integers(3, size=120)
    noisy = np.where(rng.random((2, 4, 120)) < 0.5, truth, rng.integers(3, size=(2, 4, 120)))
    noisy[0] = np.where(rng.random((4, 120)) < 0.8, truth, noisy[0])
    found = kappa_differences(noisy, (0, 1), 3, replicates=200)
    wanted = [chance_corrected(part.T, 3, "fleiss").value for part in noisy]
    assert found["fleiss"].value == pytest.approx(wanted[0] - wanted[1])
    assert found["fleiss"].ci[0] > 0
    same = kappa_differences(np.stack([noisy[0]] * 2), (0, 1), 3, replicates=50)
    assert same["gwet_ac2_quadratic"].ci == (0, 0)
    missing = np.full((2, 4, 3), -1)
    assert kappa_differences(missing, (0, 1), 3)["fleiss"].reason
