"""Intraclass correlation of k raters on n cases (Shrout & Fleiss 1979; McGraw & Wong 1996).

ICC(1,.) one-way (raters differ from case to case), ICC(2,.) two-way random (absolute agreement),
ICC(3,.) two-way mixed (consistency); (.,1) one rater, (.,k) the mean of k.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from densesharp.study.estimates import Estimate, Interval, not_estimable
from densesharp.study.tables import FloatArray

NAMES = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True)
class _MeanSquares:
    n: int
    k: int
    between: float
    within: float
    raters: float
    error: float


def icc(values: FloatArray, *, confidence: float = 0.95) -> dict[str, Estimate]:
    """The six coefficients with intervals and F tests of zero.

    Intervals: exact F for ICC(1,.) and ICC(3,.); Satterthwaite for ICC(2,1) (McGraw & Wong), and
    ICC(2,k) by Spearman-Brown of those limits, as psych and pingouin do (irr differs).

    Args:
        values: Shape (n, k), complete.
        confidence: Of the intervals.
    """
    n, k = values.shape
    if n < 2 or k < 2:
        return dict.fromkeys(NAMES, not_estimable("ICC needs two cases and two raters."))
    m = _mean_squares(values)
    if m.between + m.within + m.error <= 0:
        return dict.fromkeys(NAMES, not_estimable("All ratings are equal."))
    return _one_way(m, confidence) | _two_way(m, confidence)


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


def _estimates(
    number: int,
    m: _MeanSquares,
    single: float,
    single_ci: Interval,
    average: float,
    average_ci: Interval,
    denominator: float,
    df2: int,
) -> dict[str, Estimate]:
    f = m.between / denominator
    p = float(stats.f.sf(f, m.n - 1, df2))
    return {
        f"ICC({number},1)": Estimate(single, None, single_ci, f, float(df2), p),
        f"ICC({number},k)": Estimate(average, None, average_ci, f, float(df2), p),
    }


def _f_limits(f: float, df1: int, df2: int, confidence: float) -> Interval:
    """The observed F divided and multiplied by its quantiles."""
    tail = 0.5 + confidence / 2
    return f / float(stats.f.ppf(tail, df1, df2)), f * float(stats.f.ppf(tail, df2, df1))


def _one_way(m: _MeanSquares, confidence: float) -> dict[str, Estimate]:
    if m.within <= 0:
        perfect = Estimate(1.0, reason="Agreement is perfect, so there is no interval.")
        return {"ICC(1,1)": perfect, "ICC(1,k)": perfect}
    df2 = m.n * (m.k - 1)
    low, high = _f_limits(m.between / m.within, m.n - 1, df2, confidence)
    return _estimates(
        1,
        m,
        (m.between - m.within) / (m.between + (m.k - 1) * m.within),
        ((low - 1) / (low + m.k - 1), (high - 1) / (high + m.k - 1)),
        (m.between - m.within) / m.between,
        (1 - 1 / low, 1 - 1 / high),
        m.within,
        df2,
    )


def _two_way(m: _MeanSquares, confidence: float) -> dict[str, Estimate]:
    if m.error <= 0:
        why = "Raters differ by a constant only, so there is no error to make an interval from."
        absolute = (m.between - m.error) / (m.between + m.k * m.raters / m.n)
        average = m.between / (m.between + m.raters / m.n)
        return {
            "ICC(2,1)": Estimate(absolute, reason=why),
            "ICC(2,k)": Estimate(average, reason=why),
            "ICC(3,1)": Estimate(1.0, reason=why),
            "ICC(3,k)": Estimate(1.0, reason=why),
        }
    df2 = (m.n - 1) * (m.k - 1)
    low, high = _f_limits(m.between / m.error, m.n - 1, df2, confidence)
    consistent = _estimates(
        3,
        m,
        (m.between - m.error) / (m.between + (m.k - 1) * m.error),
        ((low - 1) / (low + m.k - 1), (high - 1) / (high + m.k - 1)),
        (m.between - m.error) / m.between,
        (1 - 1 / low, 1 - 1 / high),
        m.error,
        df2,
    )
    gap = m.raters - m.error
    single = (m.between - m.error) / (m.between + (m.k - 1) * m.error + m.k * gap / m.n)
    limits = _absolute_limits(m, single, confidence)
    averaged = (_spearman_brown(limits[0], m.k), _spearman_brown(limits[1], m.k))
    average = (m.between - m.error) / (m.between + gap / m.n)
    return consistent | _estimates(2, m, single, limits, average, averaged, m.error, df2)


def _spearman_brown(single: float, k: int) -> float:
    return k * single / (1 + (k - 1) * single)


def _absolute_limits(m: _MeanSquares, icc21: float, confidence: float) -> Interval:
    """Interval of ICC(2,1) (McGraw & Wong 1996, with Satterthwaite's degrees of freedom)."""
    n, k, f_j = m.n, m.k, m.raters / m.error
    u = n * (1 + (k - 1) * icc21) - k * icc21
    nu = (k - 1) * (n - 1) * (k * icc21 * f_j + u) ** 2
    nu /= (n - 1) * k**2 * icc21**2 * f_j**2 + u**2
    tail = 0.5 + confidence / 2
    f1, f2 = float(stats.f.ppf(tail, n - 1, nu)), float(stats.f.ppf(tail, nu, n - 1))
    rest = k * m.raters + (k * n - k - n) * m.error
    low = n * (m.between - f1 * m.error) / (f1 * rest + n * m.between)
    high = n * (f2 * m.between - m.error) / (rest + n * f2 * m.between)
    return low, high
