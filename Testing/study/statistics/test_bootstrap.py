"""The bootstrap: seed, strata, clusters, coverage, and statistics that do not exist."""

import numpy as np
import pytest
from scipy import stats

from densesharp.stats.agreement import chance_corrected
from densesharp.stats.auc import empirical_auc
from densesharp.stats.bootstrap import (
    bootstrap_cases,
    bootstrap_readers_and_cases,
    bootstrap_weights,
)
from densesharp.study.analysis.kappa_change import resampled_coefficient
from densesharp.study.analysis.resampling import resampled_difference


def test_the_seed_decides_and_strata_are_kept():
    values = np.random.default_rng(0).normal(size=50)
    strata = np.arange(50) % 2
    seen = []

    def mean(drawn):
        seen.append(int(strata[drawn].sum()))
        return float(values[drawn].mean())

    a = bootstrap_cases(mean, 50, strata=strata, replicates=100, seed=1)
    assert set(seen) == {25}
    b = bootstrap_cases(mean, 50, strata=strata, replicates=100, seed=1)
    c = bootstrap_cases(mean, 50, strata=strata, replicates=100, seed=2)
    assert a == b
    assert a.ci != c.ci


@pytest.mark.parametrize("interval", ["percentile", "bca"])
def test_intervals_are_those_of_scipy(interval):
    values = np.random.default_rng(3).exponential(size=40)
    found = bootstrap_cases(
        lambda drawn: float(values[drawn].mean()), 40, replicates=4000, interval=interval, seed=5
    )
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method=interval.replace("bca", "BCa"), rng=6
    )
    assert found.ci == pytest.approx(tuple(reference.confidence_interval), abs=0.03)
    assert found.se == pytest.approx(reference.standard_error, rel=0.06)


def test_the_quick_area_of_resampled_cases_is_the_area_of_the_drawn_cases(random_study):
    study = random_study(levels=6)
    study.ratings[0, 1, 3:7] = np.nan

    def slow(drawn):
        gaps = []
        for first, second in zip(*study.ratings, strict=True):
            areas = []
            for ratings in (first[drawn], second[drawn]):
                read = ~np.isnan(ratings)
                areas.append(empirical_auc(ratings[read], study.truth[drawn][read]))
            gaps.append(areas[0] - areas[1])
        return float(np.mean(gaps))

    found = resampled_difference(study, (0, 1), replicates=60)
    strata = study.truth.astype(int)
    wanted = bootstrap_cases(slow, len(study.cases), strata=strata, replicates=60)
    assert found.cases.value == pytest.approx(wanted.value)
    assert found.cases.ci == pytest.approx(wanted.ci)
    one = resampled_difference(study.select(readers=["r0"]), (0, 1), replicates=10)
    assert one.readers_and_cases.value is None
    assert one.readers_and_cases.reason


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(20), 10)
    values = rng.normal(size=20)[clusters]
    options = {"replicates": 500}

    def mean(drawn):
        return float(values[drawn].mean())

    alone = bootstrap_cases(mean, 200, **options)
    together = bootstrap_cases(mean, 200, clusters=clusters, **options)
    assert together.se > 2 * alone.se


def test_readers_and_cases_are_wider_than_cases():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(6, 1)) + rng.normal(size=(6, 80))

    def mean(readers, cases):
        return np.einsum("br,rk,bk->b", readers, table, cases) / table.size

    both = bootstrap_readers_and_cases(mean, 6, 80, replicates=400)
    cases = bootstrap_cases(lambda drawn: table[:, drawn].mean(), 80, replicates=400)
    assert both.se > 2 * cases.se
    assert "6 readers" in both.method


def test_many_resamples_at_once_are_the_same_resamples():
    rng = np.random.default_rng(4)
    values, strata = rng.normal(size=(2, 37)), rng.integers(3, size=37)
    options = {"strata": strata, "replicates": 250, "seed": 6}

    def fragile(drawn):
        return None if (drawn == 5).sum() > 3 else float(values[0][drawn].mean())

    def both(times):
        lost = np.where(times[:, 5] > 3, np.nan, 0)
        return np.column_stack([times @ values[0] / 37 + lost, times @ values[1] / 37])

    first, second = bootstrap_weights(both, 37, **options)
    for found, one in ((first, fragile), (second, lambda drawn: float(values[1][drawn].mean()))):
        wanted = bootstrap_cases(one, 37, **options)
        assert found.ci == pytest.approx(wanted.ci)
        assert (found.se, found.method) == (pytest.approx(wanted.se), wanted.method)
    assert bootstrap_weights(lambda times: times[:, :1] * np.nan, 3)[0].value is None


def test_an_interval_of_few_clusters_is_as_wide_as_that_of_t():
    """For the mean of clusters of one size it is Student's; plain percentiles are 16 % narrower."""
    means = np.random.default_rng(8).normal(size=10)
    clusters = np.repeat(np.arange(10), 3)
    (found,) = bootstrap_weights(
        lambda times: (times @ means[clusters] / 30)[:, None], 30, clusters=clusters,
        replicates=20_000,
    )  # fmt: skip
    wanted = stats.t.interval(0.95, 9, means.mean(), stats.sem(means))
    assert np.ptp(found.ci) == pytest.approx(np.ptp(wanted), rel=0.04)
    assert found.method.startswith("expanded percentile bootstrap over clusters of cases")


@pytest.mark.parametrize("coefficient", ["fleiss", "gwet"])
@pytest.mark.parametrize("weights", ["unweighted", "quadratic"])
def test_resampled_agreement_is_that_of_the_drawn_cases(coefficient, weights):
    rng = np.random.default_rng(3)
    ratings = rng.integers(3, size=(30, 4))
    drawn = rng.integers(30, size=(20, 30))
    times = np.array([np.bincount(row, minlength=30) for row in drawn]) * 1.0
    found = resampled_coefficient(ratings, 3, coefficient, weights, times)
    wanted = [chance_corrected(ratings[row], 3, coefficient, weights).value for row in drawn]
    assert found == pytest.approx(wanted)
    same = resampled_coefficient(ratings * 0, 3, coefficient, weights, times[:1])
    assert np.isnan(same) == (coefficient == "fleiss")


def test_a_statistic_that_does_not_exist_is_told():
    assert bootstrap_cases(lambda _: None, 5).value is None
    assert bootstrap_readers_and_cases(lambda *_: np.array([np.nan]), 2, 5).value is None

    def fragile(drawn):
        return None if len(np.unique(drawn)) < 10 else 1.0

    found = bootstrap_cases(fragile, 10, replicates=50)
    assert found.value == 1
    assert found.ci is None
    assert found.reason
