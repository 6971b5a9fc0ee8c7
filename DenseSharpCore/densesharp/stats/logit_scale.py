"""Intervals of means over readers, and of their differences, made on the logit scale.

Near the end of a figure's scale estimates are skewed, and an interval as long to either side covers
too little on one. On the logit scale it stays inside the figure's limits. Two such intervals make
that of a difference by recovering its variance at each limit (MOVER; Zou & Donner 2008), with the
correlation that the analysis found: for means a, b with limits (l, u), and V the variance of a - b,

a - b - sqrt[(a - l_a)^2 + (u_b - b)^2 - 2 rho (a - l_a)(u_b - b)], rho = (V_a + V_b - V) / (2 SE_a
SE_b), is the lower limit, and the upper one likewise. With intervals as long to either side it is
the usual one.
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy import optimize, special

from densesharp.stats.estimates import Estimate, Interval

METHOD = "logit scale"
DIFFERENCE = "from intervals on the logit scale (MOVER)"


def _quantile(df: float | None, tail: float) -> float:
    """Of t, or of the normal law where the variance is known, above the middle."""
    return -float(special.ndtri(tail) if df is None else special.stdtrit(df, tail))


def mean_on_logit(
    mean: Estimate, limits: Interval, fewest: int | None = None, *, confidence: float = 0.95
) -> Estimate:
    """The mean with its interval on the logit scale, with t quantiles.

    Degrees of freedom are not above those of a variance from the cases of the smaller class.

    Args:
        mean: over readers, with standard error.
        limits: least and greatest value of the figure; None is returned as the interval where they
            are infinite, or the mean is one of them.
        fewest: cases of the smaller class.
        confidence: of the interval.
    """
    df = mean.df
    if fewest is not None and fewest > 1:
        df = min(fewest - 1.0, math.inf if df is None else df)
    found = _limits(mean, limits, _quantile(df, (1 - confidence) / 2))
    if found is None:
        return Estimate(mean.value, mean.se, reason=mean.reason or AT_END, method=METHOD)
    return Estimate(mean.value, mean.se, found, df=df, method=METHOD)


def printed(mean: Estimate, on_logit: Estimate | None) -> Estimate:
    """The mean with the interval to print: on the logit scale where there is one."""
    return mean if on_logit is None or on_logit.ci is None else replace(mean, ci=on_logit.ci)


AT_END = "A mean at the end of its scale, or on a scale without end, has no interval of this kind."


def _limits(mean: Estimate, limits: Interval, reach: float) -> Interval | None:
    low, high = limits
    if mean.value is None or mean.se is None or not low < mean.value < high:
        return None
    if not math.isfinite(high - low):
        return None
    share, se = (mean.value - low) / (high - low), mean.se / (high - low)
    middle, half = float(special.logit(share)), reach * se / (share * (1 - share))
    return (
        low + (high - low) * float(special.expit(middle - half)),
        low + (high - low) * float(special.expit(middle + half)),
    )


def difference_on_logit(
    means: tuple[Estimate, Estimate],
    difference: Estimate,
    limits: Interval,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """First minus second mean with the interval that their intervals on the logit scale make.

    Args:
        means: first and second, each with the standard error of its own analysis.
        difference: of them, with standard error and degrees of freedom.
        limits: least and greatest value of the figure.
        confidence: of the interval.
    """
    found = _recovered(means, difference, limits, _quantile(difference.df, (1 - confidence) / 2))
    if found is None:
        reason = difference.reason or AT_END
        return Estimate(difference.value, difference.se, reason=reason, method=DIFFERENCE)
    return Estimate(difference.value, difference.se, found, df=difference.df, method=DIFFERENCE)


def _recovered(
    means: tuple[Estimate, Estimate], difference: Estimate, limits: Interval, reach: float
) -> Interval | None:
    parts = [_limits(one, limits, reach) for one in means]
    (a, b), (first, second) = parts, means
    if a is None or b is None or difference.value is None or difference.se is None:
        return None
    if first.value is None or second.value is None or not (first.se and second.se):
        return None
    rho = (first.se**2 + second.se**2 - difference.se**2) / (2 * first.se * second.se)
    rho = min(1.0, max(-1.0, rho))

    def side(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 + other**2 - 2 * rho * one * other))

    down = side(first.value - a[0], b[1] - second.value)
    up = side(a[1] - first.value, second.value - b[0])
    return difference.value - down, difference.value + up


def beyond(
    means: tuple[Estimate, Estimate], difference: Estimate, limits: Interval, margin: float
) -> float | None:
    """One-sided p that the difference is above minus the margin: where the limit touches it.

    Args:
        means: see `difference_on_logit`.
        difference: of them.
        limits: of the figure.
        margin: above 0.
    """
    if difference.value is None or _recovered(means, difference, limits, 1.0) is None:
        return None

    def excess(reach: float) -> float:
        """How far the limit lies above minus the margin; `reach` below 0 is the other limit."""
        found = _recovered(means, difference, limits, abs(reach))
        return math.nan if found is None else found[0 if reach > 0 else 1] + margin

    if excess(40.0) > 0:
        reach = 40.0
    elif excess(-40.0) < 0:
        reach = -40.0
    else:
        reach = float(optimize.brentq(excess, -40.0, 40.0))
    df = difference.df
    return float(special.ndtr(-reach) if df is None else special.stdtr(df, -reach))


def turned(difference: Estimate) -> Estimate:
    """The same difference the other way round."""
    return replace(difference, value=None if difference.value is None else -difference.value)
