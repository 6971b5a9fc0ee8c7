"""The bootstrap: seed, strata, clusters, coverage, and statistics that do not exist."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from densesharp.study.bootstrap import bootstrap_cases, bootstrap_readers_and_cases


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
        return float(table[np.ix_(readers, cases)].mean())

    both = bootstrap_readers_and_cases(mean, 6, 80, replicates=400)
    cases = bootstrap_cases(lambda drawn: mean(np.arange(6), drawn), 80, replicates=400)
    assert both.se > 2 * cases.se
    assert "6 readers" in both.method


def test_a_statistic_that_does_not_exist_is_told():
    assert bootstrap_cases(lambda _: None, 5).value is None
    assert bootstrap_readers_and_cases(lambda *_: None, 2, 5).value is None

    def fragile(drawn):
        return None if len(np.unique(drawn)) < 10 else 1.0

    found = bootstrap_cases(fragile, 10, replicates=50)
    assert found.value == 1
    assert found.ci is None
    assert found.reason
