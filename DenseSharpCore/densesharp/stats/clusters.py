"""Variances of estimates from observations that belong together: of one reader, case or patient.

An estimate that solves a sum over observations is, to first order, its value plus the sum of the
observations' influences. Observations of one cluster vary together, so their influences are added
before they are squared (Liang & Zeger 1986). Readers and cases are crossed: the variance is that by
reader plus what cases add beyond single observations (Cameron, Gelbach & Miller 2011), with the
degrees of freedom of Hillis (2007), as in the multi-reader analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable, t_estimate
from densesharp.stats.proportions import wilson
from densesharp.stats.tables import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Clusters:
    """To which reader and case each observation belongs.

    Attributes:
        cases: shape (n,): numbers of what is drawn as one: the case, or the patient of several.
        readers: shape (n,): reader numbers; None where there is no reader, or only these count.
    """

    cases: IntArray
    readers: IntArray | None = None

    def estimate(
        self, value: float, influence: FloatArray, *, null: float | None, method: str
    ) -> Estimate:
        """A value with the interval that its observations' influences give.

        Args:
            value: the estimate.
            influence: shape (n,): what each observation adds to its error.
            null: the value under the null hypothesis; None for no test.
            method: the estimate's, as it is printed.
        """
        by_case = summed(influence, self.cases)
        variance = spread(by_case)
        if self.readers is None:
            return normal_estimate(value, variance, null=null, method=method)
        by_reader = summed(influence, self.readers)
        if len(by_reader) < 2:
            return normal_estimate(value, variance, null=null, method=method)
        between = spread(by_reader)
        beyond = max(0.0, variance - float(influence @ influence))
        total = between + beyond
        if between <= 0:
            return normal_estimate(value, total, null=null, method=method)
        df = (len(by_reader) - 1) * (total / between) ** 2
        return t_estimate(value, total, df, null=null, method=method)


def over_cases(
    value: float,
    influence: FloatArray,
    clusters: IntArray | None = None,
    *,
    confidence: float = 0.95,
    method: str | None = None,
) -> Estimate:
    """A value whose cases, or clusters of them, are a sample: t interval and test of zero.

    Args:
        value: the estimate.
        influence: shape (n,): what each case adds to its error; adds up to zero.
        clusters: shape (n,): the patient of each case; None where every case stands alone.
        confidence: of the interval.
        method: how it was obtained.
    """
    sums = influence if clusters is None else summed(influence, clusters)
    if clusters is not None:
        method = f"{method or 'mean'}, {len(sums)} patients as clusters"
    return t_estimate(value, spread(sums), len(sums) - 1, confidence=confidence, method=method)


def jackknifed(
    value: float | None, left_out: Sequence[float | None], *, confidence: float = 0.95
) -> Estimate:
    """A value with the jackknife's variance: t interval and test of zero.

    Args:
        value: the estimate; None where it does not exist.
        left_out: the estimate without each of the m units (cases, patients).
        confidence: of the interval.
    """
    known = np.array([one for one in left_out if one is not None])
    m = len(left_out)
    if value is None or len(known) < m:
        return not_estimable("Without one of the patients it does not exist: no interval.")
    variance = (m - 1) / m * float(((known - known.mean()) ** 2).sum())
    return t_estimate(value, variance, m - 1, confidence=confidence)


def several_cases_each(clusters: IntArray | None) -> IntArray | None:
    """The clusters, or None where every one has a single case: then cases are the units."""
    if clusters is None or len(np.unique(clusters)) == len(clusters):
        return None
    return clusters


def share_of(right: BoolArray, clusters: IntArray | None = None) -> Estimate:
    """A share with Wilson's interval, for the effective number of observations where they cluster.

    The effective number is p (1 - p) / V, with V the share's variance over clusters (Kish 1965; Rao
    & Scott 1992), and not above the number of clusters where all observations are alike.

    Args:
        right: shape (n,).
        clusters: shape (n,): which belong together; None where every one stands alone.
    """
    count = len(right)
    if clusters is None or count == 0:
        return wilson(int(right.sum()), count)
    share = float(right.mean())
    most = float(len(np.unique(clusters)))
    variance = spread(summed((right - share) / count, clusters))
    effective = min(float(count), share * (1 - share) / variance) if variance > 0 else most
    return replace(
        wilson(share * effective, effective), method=f"Wilson, {most:.0f} clusters (Rao & Scott)"
    )


def cluster_covariance(influence: FloatArray, clusters: IntArray | None = None) -> FloatArray:
    """Covariance, shape (c, c), of c estimates from their influences, shape (c, n).

    Args:
        influence: of the observations on each estimate; each row adds up to zero.
        clusters: shape (n,); None where every observation is one.
    """
    sums = influence
    if clusters is not None:
        sums = np.array([summed(row, clusters) for row in influence])
    m = sums.shape[1]
    covariance: FloatArray = m / (m - 1) * (sums @ sums.T)
    return covariance


def summed(influence: FloatArray, clusters: IntArray) -> FloatArray:
    """The clusters' sums of influences."""
    numbers = np.unique(clusters, return_inverse=True)[1]
    found: FloatArray = np.bincount(numbers, weights=influence).astype(np.float64)
    return found


def spread(sums: FloatArray) -> float:
    """Variance of a sum of independent parts whose mean is zero: m / (m - 1) sum s^2."""
    m = len(sums)
    return m / (m - 1) * float(sums @ sums) if m > 1 else 0.0
