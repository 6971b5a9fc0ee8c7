"""Bland-Altman, concordance, the mixed model with its profile, and reading time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from study_data_made_up import made_up

from densesharp.stats.bland_altman import (
    concordance,
    limits_of_agreement,
    repeated_limits,
)
from densesharp.stats.estimates import t_estimate
from densesharp.stats.icc import icc_of_random_raters
from densesharp.stats.mixed_model import MixedModel, fit_mixed_model
from densesharp.stats.mixed_profile import profile_intervals
from densesharp.stats.reading_time import reading_time, summarize
from densesharp.study.analysis.sizes import analyse_volumes


def test_limits_and_concordance_of_three_pairs_by_hand():
    """Differences 1, 2, 6: mean 3, variance 7."""
    first, second = np.array([3.0, 5, 10]), np.array([2.0, 3, 4])
    found = limits_of_agreement(first, second)
    s, t = np.sqrt(7), stats.t(2).ppf(0.975)
    assert (found.n, found.bias.value, found.sd.value) == (3, 3, pytest.approx(s))
    assert found.bias.ci == pytest.approx((3 - t * s / np.sqrt(3), 3 + t * s / np.sqrt(3)))
    assert found.bias.df == found.upper.df == 2
    for approximate, factor in ((False, 1 / 3 + 1.96**2 / 4), (True, 1)):
        found = limits_of_agreement(first, second, approximate=approximate)
        for one, value in ((found.lower, 3 - 1.96 * s), (found.upper, 3 + 1.96 * s)):
            half = t * s * np.sqrt(factor)
            assert one.value == pytest.approx(value)
            assert one.ci == pytest.approx((value - half, value + half))
    # Means 6 and 3; sums of squares 26, 2 and of products 7, divided by 3.
    assert concordance(first, second).value == pytest.approx(2 * 7 / (26 + 2 + 3 * 9))
    constant = limits_of_agreement(np.arange(3.0), np.arange(3.0))
    assert constant.sd.value == 0


def test_limits_of_two_cases_read_unequally_often_by_hand():
    """Differences 1, 3 and 6: means 2 and 6, between 8, within 2 (1 df), 1 - 1/m = 1/4."""
    found = repeated_limits(np.array([1.0, 3, 6]), np.array([7, 7, 9]))
    variance = 8 + 2 / 4
    sd, t = np.sqrt(variance), stats.t(1).ppf(0.975)
    assert (found.bias.value, found.sd.value) == pytest.approx((4, sd))
    assert found.bias.ci == pytest.approx((4 - 2 * t, 4 + 2 * t))
    # Zou 2013: each component's own limits (both 1 df), combined; then those of the mean.
    small, large = 1 / stats.chi2(1).ppf([0.975, 0.025])
    parts = np.array([8, 0.5])
    down = np.sqrt(max(0, variance - np.hypot(*(parts * (1 - small)))))
    up = np.sqrt(variance + np.hypot(*(parts * (large - 1))))
    assert found.sd.ci == pytest.approx((down, up))
    z = stats.norm.ppf(0.975)
    inner, outer = (np.hypot(z * 2, 1.96 * (end - sd)) for end in (down, up))
    upper, lower = 4 + 1.96 * sd, 4 - 1.96 * sd
    assert found.upper.value == pytest.approx(upper)
    assert found.upper.ci == pytest.approx((upper - inner, upper + outer))
    assert found.lower.ci == pytest.approx((lower - outer, lower + inner))


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
    constant = repeated_limits(np.ones(6), np.arange(6) // 2)
    assert constant.lower.value == 1
    assert constant.lower.reason


def test_intervals_of_replicated_limits_hold_the_true_limit_as_often_as_they_say():
    """Four readers of 20 cases, of which some did not measure every one."""
    rng = np.random.default_rng(3)
    truth = 1 + 1.96 * np.sqrt(1.5**2 + 1)
    hits = {"bias": 0, "upper": 0, "sd": 0}
    for _ in range(600):
        cases = np.repeat(np.arange(20), 4)[rng.random(80) < 0.9]
        differences = 1 + 1.5 * rng.normal(size=20)[cases] + rng.normal(size=len(cases))
        found = repeated_limits(differences, cases)
        for name, value in (("bias", 1), ("upper", truth), ("sd", np.sqrt(3.25))):
            low, high = getattr(found, name).ci
            hits[name] += low <= value <= high
    for name, count in hits.items():
        assert count / 600 == pytest.approx(0.95, abs=0.03), name


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=4, max_size=20))
def test_swapping_the_methods_turns_the_limits_round(pairs):
    first, second = np.array(pairs, dtype=float).T
    a, b = limits_of_agreement(first, second), limits_of_agreement(second, first)
    assert a.lower.value == pytest.approx(-b.upper.value)
    x, y = concordance(first, second), concordance(second, first)
    assert (x.value or 0) == pytest.approx(y.value or 0)


def dense_deviance(outcome, levels, deviations):
    """-2 log likelihood from the whole covariance matrix, the mean at its best."""
    covariance = deviations[-1] ** 2 * np.eye(len(outcome))
    for level, sd in zip(levels, deviations[:-1], strict=True):
        covariance += sd**2 * (level[:, None] == level[None, :])
    inverse = np.linalg.inv(covariance)
    mean = inverse.sum(0) @ outcome / inverse.sum()
    rest = outcome - mean
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return float(log_det + rest @ inverse @ rest)


def test_profile_limits_are_where_the_dense_likelihood_has_fallen_by_its_quantile():
    rng = np.random.default_rng(5)
    reader, case = np.repeat(np.arange(4), 8), np.tile(np.arange(8), 4)
    outcome = 3 + rng.normal(0, 0.8, 4)[reader] + rng.normal(0, 1, 8)[case]
    outcome += rng.normal(0, 0.5, 32)
    found = profile_intervals(outcome, {}, {"reader": reader, "case": case})
    best = np.array([found[name].value for name in ("reader", "case", "residual")])
    least = dense_deviance(outcome, (reader, case), best)
    for row, name in enumerate(("reader", "case", "residual")):
        others = np.delete(np.arange(3), row)
        for limit in found[name].ci:

            def deviance(free, row=row, others=others, limit=limit):
                deviations = np.empty(3)
                deviations[row], deviations[others] = limit, np.abs(free)
                return dense_deviance(outcome, (reader, case), deviations)

            there = optimize.minimize(deviance, best[others], method="Nelder-Mead").fun
            assert there - least == pytest.approx(3.841459, abs=2e-3), (name, limit)


def test_a_spread_that_may_be_zero_has_an_interval_from_zero():
    rng = np.random.default_rng(1)
    reader, case = np.repeat(np.arange(3), 10), np.tile(np.arange(10), 3)
    outcome = rng.normal(size=10)[case] + rng.normal(size=30)
    aided = rng.random(30) < 0.5
    found = profile_intervals(outcome, {"aided": aided * 1.0}, {"reader": reader, "case": case})
    assert found["reader"].ci[0] == 0
    assert found["aided"].ci[0] < found["aided"].value < found["aided"].ci[1]
    flat = profile_intervals(np.ones(30), {}, {"reader": reader})
    assert flat["reader"].reason


def simulated_times(seed=0, readers=5, cases=60, effect=-0.2):
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(np.arange(readers), np.arange(cases), [0, 1], indexing="ij")
    reader, case, aided = (part.ravel() for part in grid)
    log = 4 + 0.3 * rng.normal(size=readers)[reader] + 0.3 * rng.normal(size=cases)[case]
    log += 0.1 * rng.normal(size=2 * readers)[2 * reader + aided] + effect * aided
    return np.exp(log + 0.4 * rng.normal(size=len(log))), aided == 1, reader, case


def test_crossed_effects_are_those_of_statsmodels():
    seconds, aided, reader, case = simulated_times(3, readers=6, cases=25)
    levels = {"r": reader, "c": case, "ra": 2 * reader + aided}
    factors = {"case": case, "reader": reader, "reader_x_aided": 2 * reader + aided}
    found = fit_mixed_model(np.log(seconds), {"aided": aided * 1.0}, factors)
    frame = pd.DataFrame({"y": np.log(seconds), "a": aided * 1.0} | levels)
    model = sm.MixedLM.from_formula(
        "y ~ a",
        groups=np.ones(len(seconds)),
        vc_formula={"r": "0 + C(r)", "c": "0 + C(c)", "ra": "0 + C(ra)"},
        data=frame,
    ).fit(reml=True)
    assert found.fixed["aided"].value == pytest.approx(model.params["a"], rel=1e-3)
    assert found.fixed["aided"].se == pytest.approx(model.bse["a"], rel=1e-3)
    names = ("case", "reader", "reader_x_aided")
    for name, value in zip(names, model.vcomp, strict=True):
        assert found.variances[name] == pytest.approx(value, rel=2e-3)


def test_time_ratio_holds_the_truth_and_knows_its_few_readers():
    seconds, aided, reader, case = simulated_times()
    found = reading_time(seconds, aided, reader, case, position=np.arange(len(seconds)) % 60.0)
    assert found.ratio.ci[0] < np.exp(-0.2) < found.ratio.ci[1]
    assert found.ratio.df < 10
    assert "position_per_100" in found.effects


def times_of_alike_readers(seed, readers, cases=30):
    """Logarithms of times that cases and readers may hardly change; a crossover's covariates."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(np.arange(readers), np.arange(cases), [0, 1], indexing="ij")
    reader, case, aided = (part.ravel() for part in grid)
    log = 3 + 0.3 * rng.normal(size=len(reader))
    log += (0 if seed % 2 else 0.3) * rng.normal(size=readers)[reader]
    period = np.where((case + reader) % 2 == aided, 1.0, 2.0)
    covariates = {"aided": aided * 1.0, "period": period, "position": case / 100}
    return log, covariates, {"case": case, "reader": reader, "both": 2 * reader + aided}


def dense_criterion(outcome, design, levels, deviations):
    """-2 log restricted likelihood from the whole covariance matrix."""
    covariance = deviations[-1] ** 2 * np.eye(len(outcome))
    for level, sd in zip(levels, deviations[:-1], strict=True):
        covariance += sd**2 * (level[:, None] == level[None, :])
    inverse = np.linalg.inv(covariance)
    information = design.T @ inverse @ design
    rest = outcome - design @ np.linalg.solve(information, design.T @ inverse @ outcome)
    dets = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    return float(dets + rest @ inverse @ rest + (len(rest) - design.shape[1]) * np.log(2 * np.pi))


@pytest.mark.parametrize("seed", [6, 21])
def test_no_other_start_finds_a_better_restricted_likelihood(seed):
    log, covariates, factors = times_of_alike_readers(seed, readers=2)
    found = fit_mixed_model(log, covariates, factors)
    design = np.column_stack([np.ones(len(log)), *covariates.values()])
    best = min(
        optimize.minimize(
            lambda deviations: dense_criterion(log, design, [*factors.values()], deviations),
            start,
            method="Nelder-Mead",
            options={"fatol": 1e-8},
        ).fun
        for start in np.where(np.eye(4)[:3] > 0, 0.1, [0.01, 0.01, 0.01, 0.3])
    )
    assert found.criterion == pytest.approx(best, abs=1e-4)
    variances = [found.variances[name] for name in (*factors, "residual")]
    again = dense_criterion(log, design, [*factors.values()], np.sqrt(variances))
    assert found.criterion == pytest.approx(again)


@pytest.mark.parametrize(("seed", "readers"), [(4, 3), (17, 4), (18, 2)])
def test_rounding_does_not_decide_about_readers_who_are_alike(seed, readers):
    log, covariates, factors = times_of_alike_readers(seed, readers)
    noise = 1 + 1e-14 * np.random.default_rng(1).normal(size=len(log))
    one, other = (
        fit_mixed_model(y, covariates, factors).fixed["aided"] for y in (log, log * noise)
    )
    assert one.ci == pytest.approx(other.ci, rel=1e-2)
    one, other = (
        profile_intervals(y, covariates, factors, coefficients=False) for y in (log, log * noise)
    )
    for name, spread in one.items():
        assert spread.ci[0] <= spread.value <= spread.ci[1]
        values = (other[name].value, *other[name].ci)
        assert (spread.value, *spread.ci) == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_times_of_three_cases_have_results_or_a_reason(seed):
    log, covariates, factors = times_of_alike_readers(seed, readers=2, cases=3)
    aided = covariates["aided"] > 0
    found = reading_time(np.exp(log), aided, factors["reader"], factors["case"])
    for one in (found.ratio, *found.effects.values(), *found.spreads.values()):
        assert one.reason or one.ci[0] <= one.value <= one.ci[1]


def test_spreads_alone_are_those_of_the_restricted_likelihood():
    """Ends where the best restricted likelihood, of the whole matrix, is 3.84 worse."""
    rng = np.random.default_rng(5)
    reader = np.repeat(np.arange(4), 6)
    y = 0.5 * rng.normal(size=4)[reader] + rng.normal(size=24)
    found = profile_intervals(y, {}, {"reader": reader}, coefficients=False)["reader"]
    fitted = fit_mixed_model(y, {}, {"reader": reader})
    assert found.value**2 == pytest.approx(fitted.variances["reader"], rel=1e-3)

    def best(spread):
        inner = lambda sd: dense_criterion(y, np.ones((24, 1)), [reader], (spread, sd))  # noqa: E731
        return optimize.minimize_scalar(inner, bounds=(0.3, 3), method="bounded").fun

    assert best(found.ci[1]) - fitted.criterion == pytest.approx(stats.chi2.isf(0.05, 1), abs=1e-3)
    assert found.method.startswith("restricted")


@pytest.mark.parametrize(("apart", "readers"), [(0.0, 4), (0.3, 4), (0.3, 3), (0.3, 5)])
def test_groups_of_readers_are_compared_by_their_gains(apart, readers):
    """Exactly the t test of two groups, also where the model finds that readers do not differ."""
    rng = np.random.default_rng(2)
    case, reader, aided = np.indices((30, readers, 2)).reshape(3, -1)
    log = 3 + 0.3 * rng.normal(size=30)[case] + 0.3 * rng.normal(size=len(case))
    log += 0.3 * rng.normal(size=(30, 2))[case, aided]
    log += apart * rng.normal(size=(readers, 2))[reader, aided]
    found = reading_time(np.exp(log), aided == 1, reader, case, group=(reader >= readers // 2) * 1)
    mean = log.reshape(30, readers, 2).mean(axis=0)
    gains = mean[:, 1] - mean[:, 0]
    of_group = found.effects["aided_x_group"]
    expected = stats.ttest_ind(gains[readers // 2 :], gains[: readers // 2])
    assert (of_group.value, of_group.p) == pytest.approx(
        (gains[readers // 2 :].mean() - gains[: readers // 2].mean(), expected.pvalue)
    )
    assert of_group.df == pytest.approx(readers - 2)
    assert (found.variances["reader_x_aided"] < 1e-9) == (apart == 0)


def test_an_interval_without_end_is_left_out_with_its_reason(monkeypatch):
    """Next to no degrees of freedom: the limits of the ratio would be 0 and infinite."""
    seconds, aided, reader, case = simulated_times(cases=5, readers=2)
    wide = t_estimate(-0.2, 0.01, 0.01)
    assert wide.ci[1] > 1000
    model = MixedModel({"aided": wide}, {}, None)
    monkeypatch.setattr("densesharp.stats.reading_time.fit_mixed_model", lambda *_: model)
    found = reading_time(seconds, aided, reader, case).ratio
    assert (found.value, found.ci, found.p) == (pytest.approx(np.exp(-0.2)), None, wide.p)
    assert "too little" in found.reason


def test_times_without_a_comparison_say_so():
    seconds, aided, reader, case = simulated_times(cases=10)
    none = reading_time(seconds[~aided], aided[~aided], reader[~aided], case[~aided])
    assert none.ratio.value is None
    assert none.reason
    flat = reading_time(np.full(len(seconds), 10.0), aided, reader, case)
    assert flat.ratio.value is None
    assert summarize(np.array([])).median is None
    assert summarize(np.arange(1.0, 6.0)).quartiles == (2, 4)


@pytest.mark.parametrize("readers", [1, 2, 3])
def test_two_readers_outlines_are_enough_for_their_agreement(readers):
    """The ICC is that of the logarithms of the volumes of all cases that every reader outlined."""
    data = made_up(cases=6, readers=readers)
    volumes = np.exp(np.random.default_rng(8).normal(5, 1, (6, readers)))
    volumes[5, 0] = 0.0
    cases = {
        k: {r: SimpleNamespace(volume_mm3=v) for r, v in zip(data.readers, row, strict=True)}
        for k, row in enumerate(volumes)
    }
    found = analyse_volumes(data, cases).readers_icc
    if readers == 1:
        assert "two or more readers" in found.reason
    else:
        assert found == icc_of_random_raters(np.log(volumes[:5]))["ICC(2,1)"]
