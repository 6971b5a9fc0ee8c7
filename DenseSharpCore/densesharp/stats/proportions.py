"""Proportions: intervals, and paired comparisons of one or several readers.

For correlated readings of the same cases by several readers see also the Obuchowski-Rockette
analysis of sensitivity and specificity (`densesharp.stats.mrmc`) and `densesharp.stats.gee`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, stats

from densesharp.stats.estimates import Estimate, Interval, not_estimable
from densesharp.stats.tables import FloatArray

EXACT_BELOW = 25
"""With fewer discordant cases McNemar's test is taken exactly (binomial)."""


DURKALSKI = "Durkalski 2003, these readers only"
OBUCHOWSKI = "Obuchowski 1998, these readers only"


def wilson(successes: float, n: float, *, confidence: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval (1927).

    Args:
        successes: how many of the cases.
        n: the cases; may be an effective number.
        confidence: of the interval.
    """
    if n <= 0:
        return not_estimable("There is no case to count.")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    p = successes / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # Rounding must not leave 0..1, nor the limit leave the value at 0 or n successes.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return Estimate(p, None, (low, high), method="Wilson")


def mcnemar(b: float, c: float, *, correction: bool = False, exact: bool | None = None) -> Estimate:
    """McNemar's test (1947) of b against c discordant cases; the value is b - c.

    Args:
        b: right only under the first condition.
        c: right only under the second.
        correction: take the continuity correction.
        exact: take the binomial test; default: below 25 discordant cases.
    """
    if b + c == 0:
        return Estimate(0.0, reason="No case is discordant, so there is nothing to test.")
    whole = float(b).is_integer() and float(c).is_integer()
    if exact or (exact is None and whole and b + c < EXACT_BELOW):
        p = float(stats.binomtest(int(b), int(b + c)).pvalue)
        return Estimate(float(b - c), p=p, method="McNemar, exact")
    gap = max(0, abs(b - c) - 1) if correction else abs(b - c)
    x2 = gap**2 / (b + c)
    method = "McNemar with continuity correction" if correction else "McNemar"
    return Estimate(float(b - c), None, None, x2, 1.0, float(stats.chi2.sf(x2, 1)), method)


def paired_difference(
    both: float, first_only: float, second_only: float, neither: float, *, confidence: float = 0.95
) -> Estimate:
    """Difference of two paired proportions, first minus second.

    Interval: Newcombe 1998, method 10 (square-and-add of Wilson limits with the phi correlation).

    Args:
        both: cases with both; these may be effective numbers.
        first_only: with the first alone.
        second_only: with the second alone.
        neither: with none.
        confidence: of the interval.
    """
    n = both + first_only + second_only + neither
    if n <= 0:
        return not_estimable("There is no case to count.")
    first = wilson(both + first_only, n, confidence=confidence)
    second = wilson(both + second_only, n, confidence=confidence)
    p1, p2 = (both + first_only) / n, (both + second_only) / n
    phi = _phi(both, first_only, second_only, neither)
    (l1, u1), (l2, u2) = _limits(first), _limits(second)
    low = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    high = (p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2
    d = p1 - p2
    ci = (d - math.sqrt(max(low, 0.0)), d + math.sqrt(max(high, 0.0)))
    test = mcnemar(first_only, second_only)
    return Estimate(d, None, ci, test.statistic, None, test.p, "Newcombe 1998", test.reason)


def tango(
    both: float, first_only: float, second_only: float, neither: float, *, confidence: float = 0.95
) -> Estimate:
    """Difference of two paired proportions with the score interval of Tango 1998.

    The interval holds every d with (b - c - n d)^2 <= z^2 n (2 q + d (1 - d)), where q is the
    largest-likelihood probability of a second-only pair when the difference is d: the larger root
    of 2 n q^2 + (-b - c + (2 n - b + c) d) q - c d (1 - d) = 0. The test of d = 0 is McNemar's
    without correction.

    Args:
        both: cases with both; these may be effective numbers.
        first_only: with the first alone.
        second_only: with the second alone.
        neither: with none.
        confidence: of the interval.
    """
    n, b, c = both + first_only + second_only + neither, first_only, second_only
    if n <= 0:
        return not_estimable("There is no case to count.")
    value = (b - c) / n
    z = float(stats.norm.ppf(0.5 + confidence / 2))

    def excess(d: float) -> float:
        middle = -b - c + (2 * n - b + c) * d
        root = math.sqrt(max(0.0, middle**2 + 8 * n * c * d * (1 - d)))
        spread = n * (2 * (root - middle) / (4 * n) + d * (1 - d))
        return (b - c - n * d) ** 2 - z**2 * spread

    # The value itself is a root at the ends and without discordant pairs: search beside it.
    low = -1.0 if value == -1 else float(optimize.brentq(excess, -1, value - 1e-9, xtol=1e-12))
    high = 1.0 if value == 1 else float(optimize.brentq(excess, value + 1e-9, 1, xtol=1e-12))
    test = mcnemar(b, c, exact=False)
    return Estimate(
        value, None, (low, high), test.statistic, test.df, test.p, "Tango 1998", test.reason
    )


def _limits(estimate: Estimate) -> Interval:
    return estimate.ci or (0.0, 1.0)


def _phi(both: float, b: float, c: float, neither: float) -> float:
    """Correlation of the pairs; the numerator is continuity-corrected when positive."""
    product = (both + b) * (c + neither) * (both + c) * (b + neither)
    if product == 0:
        return 0.0
    n = both + b + c + neither
    top = both * neither - b * c
    if top > 0:
        top = max(top - n / 2, 0)
    return top / math.sqrt(product)


def durkalski(first_only: FloatArray, second_only: FloatArray, readings: FloatArray) -> Estimate:
    """McNemar's test for several readers of the same cases (Durkalski et al. 2003).

    X2 = [sum_k (b_k - c_k) / n_k]^2 / sum_k [(b_k - c_k) / n_k]^2, one degree of freedom.

    Args:
        first_only: shape (K,): readers of the case who were right under the first only.
        second_only: shape (K,): who were right under the second only.
        readings: shape (K,): how many readers read the case under both.
    """
    used = readings > 0
    d = (first_only[used] - second_only[used]) / readings[used]
    if not used.any():
        return not_estimable("No case was read under both conditions.")
    value = float(d.mean())
    scale = float((d**2).sum())
    if scale <= 0:
        return Estimate(value, reason="No reading is discordant, so there is nothing to test.")
    x2 = float(d.sum()) ** 2 / scale
    return Estimate(value, None, None, x2, 1.0, float(stats.chi2.sf(x2, 1)), DURKALSKI)


def obuchowski(first_only: FloatArray, second_only: FloatArray, readings: FloatArray) -> Estimate:
    """Difference of two proportions, readings clustered by case (Obuchowski 1998).

    Value sum d_k / N with d_k = b_k - c_k and N = sum n_k. The test takes the variance under equal
    proportions, X2 = (m - 1) / m (sum d_k)^2 / sum d_k^2; the interval takes the variance around
    the estimate, m / (m - 1) sum (d_k - n_k value)^2 / N^2, and t with m - 1 degrees of freedom.

    Args:
        first_only: shape (K,), see `durkalski`.
        second_only: shape (K,).
        readings: shape (K,); m cases have readings.
    """
    used = readings > 0
    d, n, m = (first_only - second_only)[used], readings[used], int(used.sum())
    if m < 2:
        return not_estimable("Fewer than two cases were read under both conditions.")
    value = float(d.sum() / n.sum())
    scale = float((d**2).sum())
    if scale <= 0:
        return Estimate(value, reason="No case is discordant, so there is nothing to test.")
    variance = m / (m - 1) * float(((d - n * value) ** 2).sum()) / float(n.sum()) ** 2
    x2 = (m - 1) / m * float(d.sum()) ** 2 / scale
    p = float(stats.chi2.sf(x2, 1))
    if variance <= 0:
        why = "All cases differ by the same amount, so there is no interval."
        return Estimate(value, None, None, x2, 1.0, p, OBUCHOWSKI, why)
    se = math.sqrt(variance)
    half = float(stats.t.ppf(0.975, m - 1)) * se
    return Estimate(value, se, (value - half, value + half), x2, 1.0, p, OBUCHOWSKI)


def marginal_homogeneity(counts: FloatArray) -> Estimate:
    """Whether two ratings of the same cases use the classes equally often.

    Stuart-Maxwell (1955, 1970) X2 = d' S^-1 d with S the null covariance of the differences of the
    marginals. Classes that neither rating used are left out. (Bhapkar's X2 / (1 - X2 / n) asks the
    same and rejects too often: 6 to 7 % of 80 cases.)

    Args:
        counts: shape (c, c): first (rows) by second rating (columns).
    """
    used = (counts.sum(0) + counts.sum(1)) > 0
    table = counts[np.ix_(used, used)]
    c = len(table)
    if c < 2:
        return not_estimable("Only one class was used.")
    d = (table.sum(1) - table.sum(0))[:-1]
    covariance = -(table + table.T)
    np.fill_diagonal(covariance, table.sum(1) + table.sum(0) - 2 * np.diag(table))
    covariance = covariance[:-1, :-1]
    if np.linalg.matrix_rank(covariance) < c - 1:
        return not_estimable("Too few cases changed class for this test.")
    x2 = float(d @ np.linalg.solve(covariance, d))
    return chi_square(x2, c - 1)


def chi_square(x2: float, df: int) -> Estimate:
    """A chi-square statistic with its degrees of freedom and p."""
    return Estimate(x2, None, None, x2, float(df), float(stats.chi2.sf(x2, df)))
