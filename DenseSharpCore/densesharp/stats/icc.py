"""Intraclass correlation of k raters on n cases (Shrout & Fleiss 1979; McGraw & Wong 1996).

ICC(1,.) one-way (raters differ from case to case), ICC(2,.) two-way random (absolute agreement),
ICC(3,.) two-way mixed (consistency); (.,1) one rater, (.,k) the mean of k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import special, stats
from scipy.stats import qmc

from densesharp.stats.clusters import jackknifed
from densesharp.stats.estimates import Estimate, Interval, not_estimable
from densesharp.stats.tables import FloatArray, IntArray

Ends: TypeAlias = tuple[float | None, ...]
Pair: TypeAlias = dict[str, Estimate]

GENERALIZED = "two-way random, generalized interval for readers like these"
_POINTS = 12
"""The generalized interval is computed from 2 to this power of Sobol points."""

NAMES = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True)
class _MeanSquares:
    n: int
    k: int
    between: float
    within: float
    raters: float
    error: float


def icc(
    values: FloatArray, *, clusters: IntArray | None = None, confidence: float = 0.95
) -> dict[str, Estimate]:
    """The six coefficients with intervals and F tests of zero.

    Intervals: exact F for ICC(1,.) and ICC(3,.); Satterthwaite for ICC(2,1) (McGraw & Wong), and
    ICC(2,k) by Spearman-Brown of those limits, as psych and pingouin do (irr differs).

    Args:
        values: shape (n, k), complete.
        clusters: shape (n,): patients of the cases. Intervals and tests are then by jackknife over
            patients, on the scale of log F: log((1 + (k - 1) ICC) / (1 - ICC)).
        confidence: of the intervals.
    """
    n, k = values.shape
    if n < 2 or k < 2:
        return dict.fromkeys(NAMES, not_estimable("ICC needs two cases and two raters."))
    m = _mean_squares(values)
    if m.between + m.within + m.error <= 0:
        return dict.fromkeys(NAMES, not_estimable("All ratings are equal."))
    found = _one_way(m, confidence) | _two_way(m, confidence)
    return found if clusters is None else _by_patient(found, values, clusters, confidence)


def icc_of_random_raters(
    values: FloatArray, *, clusters: IntArray | None = None, confidence: float = 0.95
) -> dict[str, Estimate]:
    """ICC(2,1) and ICC(2,k) with intervals that keep their coverage with few raters who differ.

    McGraw & Wong's limits, as `icc` has them, miss more often (0.84 to 0.93 of 0.95 with two to
    six raters). Here are the generalized limits (Weerahandi 1993): quantiles of the coefficient
    over what the variances may be, given the mean squares and their chi-square laws.

    Args:
        values: shape (n, k), complete.
        clusters: shape (n,): patients of the cases; intervals are then those of `icc`, over
            patients and for these raters.
        confidence: of the intervals.
    """
    found = icc(values, clusters=clusters, confidence=confidence)
    pair = {name: found[name] for name in ("ICC(2,1)", "ICC(2,k)")}
    if clusters is not None or pair["ICC(2,1)"].value is None:
        return pair
    m = _mean_squares(values)
    if m.error <= 0:
        return pair
    low, high = _generalized_limits(m, confidence)
    out = {"ICC(2,1)": replace(pair["ICC(2,1)"], ci=(low, high), method=GENERALIZED, reason=None)}
    of_mean = pair["ICC(2,k)"]
    if of_mean.value is not None and 1 + (m.k - 1) * low > 0:
        ends = (m.k * low / (1 + (m.k - 1) * low), m.k * high / (1 + (m.k - 1) * high))
        of_mean = replace(of_mean, ci=ends, method=GENERALIZED, reason=None)
    return out | {"ICC(2,k)": of_mean}


def _generalized_limits(m: _MeanSquares, confidence: float) -> Interval:
    """Of ICC(2,1); Sobol points stand for random ones, so that the same data give the same."""
    points = qmc.Sobol(3, seed=1).random_base2(_POINTS)
    squares = (m.between, m.raters, m.error)
    freedom = (m.n - 1, m.k - 1, (m.n - 1) * (m.k - 1))
    between, raters, error = (
        square * df / special.chdtri(df, part)
        for square, df, part in zip(squares, freedom, points.T, strict=True)
    )
    absolute = between + (m.k - 1) * error + m.k * (raters - error) / m.n
    tail = (1 - confidence) / 2
    low, high = np.quantile((between - error) / absolute, (tail, 1 - tail))
    return float(low), float(high)


def _by_patient(
    found: dict[str, Estimate], values: FloatArray, clusters: IntArray, confidence: float
) -> dict[str, Estimate]:
    """The same coefficients with intervals and tests over patients."""
    k = values.shape[1]
    kept = [values[clusters != one] for one in np.unique(clusters)]
    parts = [
        _singles(_mean_squares(some)) if len(some) > 1 else (None, None, None) for some in kept
    ]
    left_out = dict(zip(NAMES[:3], zip(*parts, strict=True), strict=True))
    out = {}
    for name, one in found.items():
        single = f"{name[:5]},1)"
        rest = [_log_f(value, k) for value in left_out[single]]
        on_scale = jackknifed(_log_f(found[single].value, k), rest, confidence=confidence)
        limits = None
        if on_scale.ci is not None:
            low, high = (_from_log_f(end, k, averaged=name != single) for end in on_scale.ci)
            limits = (low, high)
        out[name] = replace(
            on_scale, value=one.value, se=None, ci=limits, reason=one.reason or on_scale.reason,
            method=f"jackknife over {len(parts)} patients",
        )  # fmt: skip
    return out


def _singles(m: _MeanSquares) -> tuple[float | None, ...]:
    """ICC(1,1), ICC(2,1) and ICC(3,1) alone."""
    absolute = m.between + (m.k - 1) * m.error + m.k * (m.raters - m.error) / m.n
    return (
        _ratio(m.between - m.within, m.between + (m.k - 1) * m.within),
        _ratio(m.between - m.error, absolute),
        _ratio(m.between - m.error, m.between + (m.k - 1) * m.error),
    )


def _log_f(single: float | None, k: int) -> float | None:
    if single is None or not -1 / (k - 1) < single < 1:
        return None
    return math.log((1 + (k - 1) * single) / (1 - single))


def _from_log_f(log_f: float, k: int, *, averaged: bool) -> float:
    less = math.exp(-log_f)
    return 1 - less if averaged else (1 - less) / (1 + (k - 1) * less)


def _mean_squares(values: FloatArray) -> _MeanSquares:
    n, k = values.shape
    grand = values.mean()
    cases, raters = values.mean(1), values.mean(0)
    between = k * float(((cases - grand) ** 2).sum()) / (n - 1)
    within = float(((values - cases[:, None]) ** 2).sum()) / (n * (k - 1))
    columns = n * float(((raters - grand) ** 2).sum()) / (k - 1)
    rest = values - cases[:, None] - raters[None, :] + grand
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    return _MeanSquares(n, k, between, within, columns, error)


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if abs(denominator) > 1e-15 else None


def _estimate(value: float | None, ci: Ends, f: float, df2: int, p: float) -> Estimate:
    if value is None or not math.isfinite(value):
        return not_estimable("The mean squares leave this coefficient without a denominator.")
    if ci[0] is None or ci[1] is None or not ci[0] <= ci[1]:
        why = "The mean squares leave this coefficient without an interval."
        return Estimate(value, None, None, f, float(df2), p, reason=why)
    return Estimate(value, None, (ci[0], ci[1]), f, float(df2), p)


def _pair(
    number: int,
    m: _MeanSquares,
    single: tuple[float | None, Ends],
    average: tuple[float | None, Ends],
    error: float,
    df2: int,
) -> dict[str, Estimate]:
    """ICC(number,1) and ICC(number,k), each given as value and limits, with the F test of zero."""
    f = m.between / error
    p = float(stats.f.sf(f, m.n - 1, df2))
    return {
        f"ICC({number},1)": _estimate(*single, f, df2, p),
        f"ICC({number},k)": _estimate(*average, f, df2, p),
    }


def _f_limits(f: float, df1: int, df2: int, confidence: float) -> Interval:
    """The observed F divided and multiplied by its quantiles."""
    tail = 0.5 + confidence / 2
    return f / float(stats.f.ppf(tail, df1, df2)), f * float(stats.f.ppf(tail, df2, df1))


def _from_f(m: _MeanSquares, error: float, df2: int, number: int, confidence: float) -> Pair:
    """ICC(1,.) and ICC(3,.): both follow from F = between / error and its exact limits."""
    limits = _f_limits(m.between / error, m.n - 1, df2, confidence)
    single = _ratio(m.between - error, m.between + (m.k - 1) * error)
    average = _ratio(m.between - error, m.between)
    ends = [(_ratio(f - 1, f + m.k - 1), None if f == 0 else 1 - 1 / f) for f in limits]
    by_one, by_mean = zip(*ends, strict=True)
    return _pair(number, m, (single, by_one), (average, by_mean), error, df2)


def _one_way(m: _MeanSquares, confidence: float) -> Pair:
    if m.within <= 0:
        perfect = Estimate(1.0, reason="Agreement is perfect, so there is no interval.")
        return {"ICC(1,1)": perfect, "ICC(1,k)": perfect}
    return _from_f(m, m.within, m.n * (m.k - 1), 1, confidence)


def _two_way(m: _MeanSquares, confidence: float) -> Pair:
    if m.error <= 0:
        why = "Raters differ by a constant only, so there is no error to make an interval from."
        absolute = _ratio(m.between, m.between + m.k * m.raters / m.n)
        average = _ratio(m.between, m.between + m.raters / m.n)
        consistent = Estimate(1.0, reason=why)
        return {
            "ICC(2,1)": Estimate(absolute, reason=why),
            "ICC(2,k)": Estimate(average, reason=why),
            "ICC(3,1)": consistent,
            "ICC(3,k)": consistent,
        }
    df2 = (m.n - 1) * (m.k - 1)
    gap = m.raters - m.error
    single = _ratio(m.between - m.error, m.between + (m.k - 1) * m.error + m.k * gap / m.n)
    average = _ratio(m.between - m.error, m.between + gap / m.n)
    limits = (None, None) if single is None else _absolute_limits(m, single, confidence)
    averaged = tuple(
        None if end is None else _ratio(m.k * end, 1 + (m.k - 1) * end) for end in limits
    )
    absolute_pair = _pair(2, m, (single, limits), (average, averaged), m.error, df2)
    return _from_f(m, m.error, df2, 3, confidence) | absolute_pair


def _absolute_limits(m: _MeanSquares, icc21: float, confidence: float) -> Ends:
    """Interval of ICC(2,1) (McGraw & Wong 1996, with Satterthwaite's degrees of freedom)."""
    n, k, f_j = m.n, m.k, m.raters / m.error
    u = n * (1 + (k - 1) * icc21) - k * icc21
    nu = _ratio(
        (k - 1) * (n - 1) * (k * icc21 * f_j + u) ** 2,
        (n - 1) * k**2 * icc21**2 * f_j**2 + u**2,
    )
    if nu is None or nu <= 0:
        return None, None
    tail = 0.5 + confidence / 2
    f1, f2 = float(stats.f.ppf(tail, n - 1, nu)), float(stats.f.ppf(tail, nu, n - 1))
    rest = k * m.raters + (k * n - k - n) * m.error
    low = _ratio(n * (m.between - f1 * m.error), f1 * rest + n * m.between)
    return low, _ratio(n * (f2 * m.between - m.error), rest + n * f2 * m.between)
