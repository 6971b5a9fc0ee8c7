"""Bootstrap over cases, and over cases and readers, with percentile and BCa intervals.

A drawn case (or reader) always takes all its readings along: the unit of resampling is the case,
never the single reading. With fewer than about ten readers the bootstrap over readers is too
narrow; the result's method says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, Interval, not_estimable
from densesharp.stats.tables import FloatArray, IntArray

DEFAULT_REPLICATES = 2000
DEFAULT_SEED = 20240229

Statistic = Callable[[IntArray], float | None]
"""Case numbers (with repeats) -> the statistic on those cases, None where it does not exist."""

AT_ONCE = 100
"""Resamples whose statistics are computed together: more need memory and save no time."""


def bootstrap_cases(
    statistic: Statistic,
    n_cases: int,
    *,
    strata: IntArray | None = None,
    clusters: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
    interval: Literal["percentile", "bca"] = "percentile",
    confidence: float = 0.95,
) -> Estimate:
    """Interval of a statistic by resampling cases.

    Args:
        statistic: see `Statistic`.
        n_cases: how many cases there are.
        strata: shape (n_cases,): the number of cases of every stratum stays fixed (the truth,
            usually).
        clusters: shape (n_cases,): cases of a cluster (a patient) are drawn together.
        replicates: how many resamples.
        seed: of numpy's PCG64 generator; the same seed gives the same interval.
        interval: `percentile`, or `bca` (Efron 1987) with the jackknife's acceleration.
        confidence: of the interval.
    """
    everything = np.arange(n_cases)
    value = statistic(everything)
    if value is None:
        return not_estimable("The statistic does not exist for these cases.")
    rng = np.random.default_rng(seed)
    draw = drawer(n_cases, strata, clusters)
    resampled = [statistic(draw(rng)) for _ in range(replicates)]
    drawn = np.array([np.nan if one is None else one for one in resampled])
    method = f"{interval} bootstrap over {_unit(clusters)}, {replicates} resamples, seed {seed}"
    jackknife: FloatArray | None = None
    if interval == "bca":
        units = everything if clusters is None else clusters
        left_out = [statistic(everything[units != unit]) for unit in np.unique(units)]
        jackknife = np.array([v for v in left_out if v is not None])
    return _summary(value, drawn, jackknife, confidence, method)


def bootstrap_weights(
    statistics: Callable[[FloatArray], FloatArray],
    n_cases: int,
    *,
    strata: IntArray | None = None,
    clusters: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
    confidence: float = 0.95,
) -> list[Estimate]:
    """What `bootstrap_cases` finds, for s statistics that take many resamples at once.

    Percentiles of a few clusters lie too close together: those of clusters are spread as the t
    distribution is wider than the normal one (the expanded percentile interval, Hesterberg 2015).

    Args:
        statistics: shape (b, n_cases), how often each case counts in b resamples, to their values,
            shape (b, s), NaN where one does not exist.
        n_cases: how many cases there are.
        strata: shape (n_cases,): see `bootstrap_cases`.
        clusters: shape (n_cases,): the same.
        replicates: how many resamples.
        seed: of the generator.
        confidence: of the intervals.

    Returns:
        The s estimates.
    """
    rng = np.random.default_rng(seed)
    draw = drawer(n_cases, strata, clusters)
    drawn = _in_parts(statistics, lambda: (_times(draw(rng), n_cases),), replicates)
    kind = "percentile"
    if clusters is not None:
        kind, confidence = "expanded percentile", _expanded(confidence, len(np.unique(clusters)))
    method = f"{kind} bootstrap over {_unit(clusters)}, {replicates} resamples, seed {seed}"
    values = statistics(np.ones((1, n_cases)))[0]
    return [
        not_estimable("The statistic does not exist for these cases.")
        if np.isnan(value)
        else _summary(float(value), column, None, confidence, method)
        for value, column in zip(values, drawn.T, strict=True)
    ]


def _expanded(confidence: float, clusters: int) -> float:
    """How much of the resamples an interval from so many clusters must hold (Hesterberg 2015)."""
    if clusters < 2:
        return confidence
    t = float(stats.t.ppf(0.5 + confidence / 2, clusters - 1))
    return 2 * float(stats.norm.cdf(t * np.sqrt(clusters / (clusters - 1)))) - 1


def bootstrap_readers_and_cases(
    statistic: Callable[[FloatArray, FloatArray], FloatArray],
    n_readers: int,
    n_cases: int,
    *,
    strata: IntArray | None = None,
    clusters: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
    confidence: float = 0.95,
) -> Estimate:
    """Percentile interval of a reader-averaged statistic by resampling readers and cases.

    Args:
        statistic: how often each reader, shape (b, n_readers), and each case, shape (b, n_cases),
            counts in b resamples, to their values, shape (b,), NaN where there is none.
        n_readers: how many readers there are.
        n_cases: how many cases there are.
        strata: shape (n_cases,): see `bootstrap_cases`.
        clusters: shape (n_cases,): the same.
        replicates: how many resamples.
        seed: of the generator.
        confidence: of the interval.
    """
    value = statistic(np.ones((1, n_readers)), np.ones((1, n_cases)))[0]
    if np.isnan(value):
        return not_estimable("The statistic does not exist for these readings.")
    rng = np.random.default_rng(seed)
    draw = drawer(n_cases, strata, clusters)

    def both() -> tuple[FloatArray, FloatArray]:
        readers = rng.integers(n_readers, size=n_readers)
        return _times(readers, n_readers), _times(draw(rng), n_cases)

    drawn = _in_parts(statistic, both, replicates)
    method = f"percentile bootstrap over {n_readers} readers and over {_unit(clusters)}, "
    method += f"{replicates} resamples, seed {seed}"
    return _summary(float(value), drawn, None, confidence, method)


def _unit(clusters: IntArray | None) -> str:
    return "cases" if clusters is None else "clusters of cases"


def _times(drawn: IntArray, n: int) -> FloatArray:
    """How often each of n numbers was drawn, shape (n,)."""
    return np.bincount(drawn, minlength=n).astype(np.float64)


def _in_parts(
    statistic: Callable[..., FloatArray],
    draw: Callable[[], tuple[FloatArray, ...]],
    replicates: int,
) -> FloatArray:
    """The statistic of all resamples, which are drawn one after the other."""
    found = []
    for start in range(0, replicates, AT_ONCE):
        resamples = [draw() for _ in range(min(AT_ONCE, replicates - start))]
        found.append(statistic(*map(np.array, zip(*resamples, strict=True))))
    values: FloatArray = np.concatenate(found)
    return values


def drawer(
    n_cases: int, strata: IntArray | None, clusters: IntArray | None
) -> Callable[[np.random.Generator], IntArray]:
    """How a resample of case numbers is drawn.

    Args:
        n_cases: how many cases there are.
        strata: see `bootstrap_cases`; without meaning where there are clusters.
        clusters: see there.
    """
    if clusters is not None:
        groups = [np.flatnonzero(clusters == label) for label in np.unique(clusters)]
        return lambda rng: np.concatenate(
            [groups[g] for g in rng.integers(len(groups), size=len(groups))]
        )
    if strata is not None:
        parts = [np.flatnonzero(strata == label) for label in np.unique(strata)]
        return lambda rng: np.concatenate(
            [part[rng.integers(len(part), size=len(part))] for part in parts]
        )
    return lambda rng: rng.integers(n_cases, size=n_cases)


def _summary(
    value: float,
    drawn: FloatArray,
    jackknife: FloatArray | None,
    confidence: float,
    method: str,
) -> Estimate:
    replicates = drawn[~np.isnan(drawn)]
    if len(replicates) < 0.9 * len(drawn) or len(replicates) < 20:
        why = "Too many resamples had no value, so there is no interval."
        return Estimate(value, method=method, reason=why)
    ci = (
        _percentiles(replicates, 0.5 - confidence / 2, 0.5 + confidence / 2)
        if jackknife is None
        else _bca(value, replicates, jackknife, confidence)
    )
    if not ci[0] - 1e-9 <= value <= ci[1] + 1e-9:
        return Estimate(value, method=method, reason=BIASED)
    return Estimate(value, float(replicates.std(ddof=1)), ci, method=method)


BIASED = (
    "Drawn once more, the cases give quite other values (too few of each class), so there is no "
    "interval."
)


def _percentiles(replicates: FloatArray, low: float, high: float) -> Interval:
    limits = np.quantile(replicates, [low, high])
    return float(limits[0]), float(limits[1])


def _bca(
    value: float, replicates: FloatArray, jackknife: FloatArray, confidence: float
) -> Interval:
    """Efron 1987: limits at Phi(z0 + (z0 + z) / (1 - a (z0 + z)))."""
    below = np.mean(replicates < value) + np.mean(replicates == value) / 2
    z0 = float(stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6)))
    spread = jackknife.mean() - jackknife
    scale = float((spread**2).sum()) ** 1.5
    acceleration = float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0
    z = stats.norm.ppf([0.5 - confidence / 2, 0.5 + confidence / 2]) + z0
    low, high = stats.norm.cdf(z0 + z / (1 - acceleration * z))
    return _percentiles(replicates, float(low), float(high))
