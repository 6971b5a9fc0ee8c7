"""Agreement of two measurements on a scale: limits of agreement, concordance correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from densesharp.stats.clusters import jackknifed, spread, summed
from densesharp.stats.estimates import Estimate, Interval, degrees_of_sum, not_estimable
from densesharp.stats.tables import FloatArray, IntArray

FACTOR = 1.96


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Bland & Altman's limits (1986, 1999) of the differences first minus second.

    Attributes:
        n: pairs.
        bias: mean difference with its t interval.
        sd: standard deviation of a difference.
        lower: bias - 1.96 sd with its interval.
        upper: bias + 1.96 sd with its interval.
    """

    n: int
    bias: Estimate
    sd: Estimate
    lower: Estimate
    upper: Estimate


def limits_of_agreement(
    first: FloatArray, second: FloatArray, *, approximate: bool = False, confidence: float = 0.95
) -> LimitsOfAgreement:
    """Limits of agreement of paired measurements.

    The standard error of a limit is s sqrt(1/n + 1.96^2 / (2 (n-1))) (Bland & Altman 1999), with a
    t interval of n-1 degrees of freedom.

    Args:
        first: shape (n,).
        second: shape (n,).
        approximate: take s sqrt(3/n) instead (Bland & Altman 1986).
        confidence: of the intervals.
    """
    difference = first - second
    n = len(difference)
    if n < 2:
        missing = not_estimable("Limits of agreement need two pairs.")
        return LimitsOfAgreement(n, missing, missing, missing, missing)
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    if sd == 0:
        constant = Estimate(bias, reason="All differences are equal.")
        return LimitsOfAgreement(n, constant, Estimate(0.0), constant, constant)
    factor = 3 / n if approximate else 1 / n + FACTOR**2 / (2 * (n - 1))
    se = sd * math.sqrt(factor)
    t = float(stats.t.ppf(0.5 + confidence / 2, n - 1))
    year = "1986" if approximate else "1999"

    def limit(value: float) -> Estimate:
        ci = (value - t * se, value + t * se)
        return Estimate(value, se, ci, df=n - 1, method=f"Bland & Altman {year}")

    mean_se = sd / math.sqrt(n)
    mean = Estimate(bias, mean_se, (bias - t * mean_se, bias + t * mean_se), df=n - 1)
    lower, upper = limit(bias - FACTOR * sd), limit(bias + FACTOR * sd)
    return LimitsOfAgreement(n, mean, Estimate(sd), lower, upper)


def repeated_limits(
    differences: FloatArray, cases: IntArray, *, confidence: float = 0.95
) -> LimitsOfAgreement:
    """Limits of agreement when cases have several differences (readers), true values varying.

    The variance of a difference is that of the case means plus (1 - 1/m) times the variance within
    cases, m the harmonic mean of the numbers of differences (Bland & Altman 2007; Zou 2013).
    Intervals of the limits combine those of bias and standard deviation (MOVER, Zou 2013).

    Args:
        differences: shape (n,).
        cases: shape (n,): the case of each difference.
        confidence: of the intervals.
    """
    _, number = np.unique(cases, return_inverse=True)
    sizes = np.bincount(number).astype(float)
    n, groups = len(differences), len(sizes)
    if groups < 2 or n <= groups:
        return limits_of_agreement(differences, np.zeros(n), confidence=confidence)
    means = np.bincount(number, differences) / sizes
    bias, between = float(means.mean()), float(means.var(ddof=1))
    within = float(((differences - means[number]) ** 2).sum()) / (n - groups)
    share = 1 - float((1 / sizes).mean())
    variance = between + share * within
    method = f"Zou 2013, {groups} cases"
    if variance <= 0:
        constant = Estimate(bias, method=method, reason="All differences are equal.")
        return LimitsOfAgreement(n, constant, Estimate(0.0), constant, constant)
    tail = (1 - confidence) / 2
    parts = ((between, groups - 1), (share * within, n - groups))
    sd = math.sqrt(variance)
    smallest, largest = _deviation_limits(parts, tail)
    se2 = between / groups
    z = float(stats.norm.isf(tail))
    inner, outer = (
        math.sqrt(z**2 * se2 + FACTOR**2 * (end - sd) ** 2) for end in (smallest, largest)
    )
    half = float(stats.t.isf(tail, groups - 1)) * math.sqrt(se2)
    low, high = bias - FACTOR * sd, bias + FACTOR * sd
    return LimitsOfAgreement(
        n,
        Estimate(bias, math.sqrt(se2), (bias - half, bias + half), df=groups - 1, method=method),
        Estimate(sd, None, (smallest, largest), method=method),
        Estimate(low, None, (low - outer, low + inner), method=method),
        Estimate(high, None, (high - inner, high + outer), method=method),
    )


def random_reader_limits(
    differences: FloatArray, *, clusters: IntArray | None = None, confidence: float = 0.95
) -> LimitsOfAgreement:
    """Limits of agreement with any reader like these, on any case like these.

    Difference of reader j and case k: mean + reader + case + error, all random. Its variance is
    MS(R)/K + MS(C)/r + (1 - 1/K - 1/r) MS(E), that of the bias (MS(R) + MS(C) - MS(E)) / (r K);
    intervals of the limits combine those of bias and mean squares (MOVER, Zou 2013), t with
    Satterthwaite's degrees of freedom, for the bias alone not more than Hillis'. `repeated_limits`
    is about exactly these readers.

    Args:
        differences: shape (r, K); cases that a reader lacks (NaN) are left out.
        clusters: shape (K,): patients of the cases. What cases add to the variance of the bias is
            then taken over patients, and MS(C) has their degrees of freedom.
        confidence: of the intervals.
    """
    known = ~np.isnan(differences).any(axis=0)
    whole = differences[:, known]
    r, k = whole.shape
    if r < 2 or k < 2:
        missing = not_estimable("Limits for other readers need two readers of the same two cases.")
        return LimitsOfAgreement(whole.size, missing, missing, missing, missing)
    readers, cases, bias = whole.mean(1), whole.mean(0), float(whole.mean())
    ms_r, ms_c = float(k * readers.var(ddof=1)), float(r * cases.var(ddof=1))
    rest = whole - readers[:, None] - cases + bias
    ms_e = float((rest**2).sum()) / ((r - 1) * (k - 1))
    units, of_bias, of_error = k, ms_c, ms_e
    if clusters is not None:
        sums = summed((cases - bias) / k, clusters[known])
        units, of_bias = len(sums), r * k * spread(sums)
        errors = np.array([summed(row, clusters[known]) for row in rest])
        of_error = float((errors**2).sum()) * units / (k * (r - 1) * max(units - 1, 1))
    if units < 2:
        missing = not_estimable("Limits for other readers need cases of two patients.")
        return LimitsOfAgreement(whole.size, missing, missing, missing, missing)
    dfs = (r - 1, units - 1, (r - 1) * (units - 1))
    parts = [
        (value, df)
        for value, df in zip((ms_r / k, ms_c / r, (1 - 1 / k - 1 / r) * ms_e), dfs, strict=True)
        if value > 0
    ]
    variance = sum(value for value, _ in parts)
    method = f"random readers, {r} readers and {k} cases"
    method += "" if clusters is None else f" of {units} patients"
    if variance <= 0:
        constant = Estimate(bias, method=method, reason="All differences are equal.")
        return LimitsOfAgreement(whole.size, constant, Estimate(0.0), constant, constant)
    # Readers alone are the least that the bias varies by.
    se2 = max(ms_r, ms_r + of_bias - of_error) / (r * k)
    pieces = zip((ms_r, of_bias, of_error), dfs, strict=True)
    scale = sum((value / (r * k)) ** 2 / df for value, df in pieces)
    df = se2**2 / scale
    fewer = min(df, degrees_of_sum(r - 1, ms_r, se2 * r * k)) if ms_r > 0 else df
    t, t_bias = (float(stats.t.isf((1 - confidence) / 2, max(r - 1, n))) for n in (df, fewer))
    smallest, largest = _deviation_limits(parts, (1 - confidence) / 2)
    sd = math.sqrt(variance)
    inner, outer = (
        math.sqrt(t**2 * se2 + FACTOR**2 * (end - sd) ** 2) for end in (smallest, largest)
    )
    half = t_bias * math.sqrt(se2)
    low, high = bias - FACTOR * sd, bias + FACTOR * sd
    return LimitsOfAgreement(
        whole.size,
        Estimate(bias, math.sqrt(se2), (bias - half, bias + half), method=method),
        Estimate(sd, None, (smallest, largest), method=method),
        Estimate(low, None, (low - outer, low + inner), method=method),
        Estimate(high, None, (high - inner, high + outer), method=method),
    )


def _deviation_limits(parts: Sequence[tuple[float, int]], tail: float) -> Interval:
    """Limits of the root of a sum of variances from each one's own chi-square limits (MOVER)."""
    variance = sum(value for value, _ in parts)
    down = sum((v * (1 - df / float(stats.chi2.isf(tail, df)))) ** 2 for v, df in parts)
    up = sum((v * (df / float(stats.chi2.ppf(tail, df)) - 1)) ** 2 for v, df in parts)
    low = math.sqrt(max(0.0, variance - math.sqrt(down)))
    return low, math.sqrt(variance + math.sqrt(up))


def concordance(
    first: FloatArray,
    second: FloatArray,
    *,
    clusters: IntArray | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Lin's concordance correlation (1989) with the interval of Fisher's z.

    2 s_xy / (s_x^2 + s_y^2 + (mean difference)^2), moments with divisor n; variance with Lin's
    correction of 2000.

    Args:
        first: shape (n,): one method.
        second: shape (n,): the other, on the same objects.
        clusters: shape (n,): patients of the objects; the variance is then the jackknife's over
            them.
        confidence: of the interval.
    """
    n = len(first)
    if n < 3:
        return not_estimable("The concordance correlation needs three pairs.")
    if clusters is not None:
        return _concordance_by_patient(first, second, clusters, confidence)
    sx2, sy2 = float(first.var()), float(second.var())
    sxy = float(((first - first.mean()) * (second - second.mean())).mean())
    gap = float(first.mean() - second.mean())
    if sx2 == 0 or sy2 == 0:
        return not_estimable("One of the measurements does not vary.")
    c = 2 * sxy / (sx2 + sy2 + gap**2)
    r = sxy / math.sqrt(sx2 * sy2)
    if abs(r) > 1 - 1e-12 or abs(c) < 1e-12 or abs(c) > 1 - 1e-12:
        return Estimate(c, method="Lin 1989", reason="The correlation is 0 or 1: no interval.")
    u2 = gap**2 / math.sqrt(sx2 * sy2)
    variance = (1 - r**2) * c**2 * (1 - c**2) / r**2 + 2 * c**3 * (1 - c) * u2 / r
    variance = (variance - c**4 * u2**2 / (2 * r**2)) / (n - 2)
    if variance <= 0:
        return Estimate(c, method="Lin 1989", reason="The variance estimate is not positive.")
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * math.sqrt(variance) / (1 - c**2)
    ci = (math.tanh(math.atanh(c) - half), math.tanh(math.atanh(c) + half))
    return Estimate(c, math.sqrt(variance), ci, method="Lin 1989, Fisher's z")


def _concordance_by_patient(
    first: FloatArray, second: FloatArray, clusters: IntArray, confidence: float
) -> Estimate:
    value = concordance(first, second).value
    if value is None:
        return not_estimable("One of the measurements does not vary.")
    of = [clusters != one for one in np.unique(clusters)]
    rest = [concordance(first[kept], second[kept]).value for kept in of]
    scaled = [None if c is None or abs(c) >= 1 else math.atanh(c) for c in (value, *rest)]
    found = jackknifed(scaled[0], scaled[1:], confidence=confidence)
    ci = None if found.ci is None else (math.tanh(found.ci[0]), math.tanh(found.ci[1]))
    method = f"Lin 1989, jackknife over {len(of)} patients"
    return Estimate(value, None, ci, df=found.df, method=method, reason=found.reason)
