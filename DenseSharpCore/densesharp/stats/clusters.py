"""Variances of estimates from observations that belong together: of one reader, case or patient.

An estimate that solves a sum over observations is, to first order, its value plus the sum of the
observations' influences. Observations of one cluster vary together, so their influences are added
before they are squared (Liang & Zeger 1986). Readers and cases are crossed: the variance is that by
reader plus what cases add beyond readings of one reader and case (Cameron, Gelbach & Miller 2011;
in regressions, beyond what readings of one case differ by).
Its degrees of freedom are those of Hillis (2007) as they are for readers nested in treatments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from densesharp.stats.estimates import (
    Estimate,
    degrees_of_sum,
    normal_estimate,
    not_estimable,
    t_estimate,
)
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

    @property
    def readings(self) -> IntArray:
        """Shape (n,): numbers of what one reader said of one case, maybe more than once."""
        parts = [self.cases] if self.readers is None else [self.cases, self.readers]
        found: IntArray = np.unique(np.column_stack(parts), axis=0, return_inverse=True)[1].ravel()
        return found

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
        variance = spread(summed(influence, self.cases))
        if self.readers is None:
            return normal_estimate(value, variance, null=null, method=method)
        between = spread(summed(influence, self.readers))
        beyond = variance - spread(summed(influence, self.readings))
        return self._of_readers(value, variance, between, beyond, null=null, method=method)

    def logistic_estimates(
        self,
        values: FloatArray,
        design: FloatArray,
        residual: FloatArray,
        weight: FloatArray,
        *,
        nulls: Sequence[float],
        method: str,
    ) -> list[Estimate]:
        """Coefficients of a logistic regression; variances as if by jackknife.

        Leaving out a cluster changes a fit by more than its influence, as the others then say less:
        with few readers variances of plain influences are too small (Mancl & DeRouen 2001; here
        one step of Newton's method without the cluster).

        Args:
            values: shape (p,): the coefficients.
            design: shape (n, p).
            residual: shape (n,): outcome minus its fitted probability.
            weight: shape (n,): variance of the outcome at that probability.
            nulls: of each coefficient's test.
            method: as it is printed.
        """
        case = _left_out(design, residual, weight, self.cases)
        if self.readers is None:
            df = len(case) - 1
            return [
                t_estimate(float(value), _jackknife(column), df, null=null, method=method)
                for value, column, null in zip(values, case.T, nulls, strict=True)
            ]
        readings = self.readings
        reading = _left_out(design, residual, weight, readings)
        of = self.cases[np.unique(readings, return_index=True)[1]]
        between = _left_out(design, residual, weight, self.readers)
        return [
            self._of_readers(
                float(value), _jackknife(case[:, i]), _jackknife(between[:, i]),
                _jackknife(case[:, i]) - _apart_in_cases(reading[:, i], of),
                null=null, method=method,
            )
            for i, (value, null) in enumerate(zip(values, nulls, strict=True))
        ]  # fmt: skip

    def _of_readers(
        self,
        value: float,
        variance: float,
        between: float,
        beyond: float,
        *,
        null: float | None,
        method: str,
    ) -> Estimate:
        """The variance by case alone with one reader, else between readers and cases beyond it."""
        readers = 0 if self.readers is None else len(np.unique(self.readers))
        if readers < 2:
            return normal_estimate(value, variance, null=null, method=method)
        total = between + max(0.0, beyond)
        if between <= 0:
            return normal_estimate(value, total, null=null, method=method)
        most = len(np.unique(self.cases)) - 1
        df = min(degrees_of_sum(readers - 1, between, total), max(most, 1))
        return t_estimate(value, total, df, null=null, method=method)


def _left_out(
    design: FloatArray, residual: FloatArray, weight: FloatArray, clusters: IntArray
) -> FloatArray:
    """Changes of the coefficients, shape (m, p), as clusters are left out one after the other."""
    numbers = np.unique(clusters, return_inverse=True)[1]
    m, p = int(numbers.max()) + 1, design.shape[1]
    scores, own = np.zeros((m, p)), np.zeros((m, p, p))
    np.add.at(scores, numbers, design * residual[:, None])
    np.add.at(own, numbers, design[:, :, None] * design[:, None, :] * weight[:, None, None])
    rest = own.sum(axis=0) - own
    found: FloatArray = np.einsum("mpq,mq->mp", np.linalg.pinv(rest, hermitian=True), scores)
    return found


def _jackknife(changes: FloatArray) -> float:
    m = len(changes)
    return (m - 1) / m * float(changes @ changes)


def _apart_in_cases(changes: FloatArray, cases: IntArray) -> float:
    """What readings add to the variance between readers: their changes less their case's mean.

    What the readings of a case share is no part of what readers differ by, so that it must not be
    taken away from the cases' variance either. A case with one reading has all in it.

    Args:
        changes: shape (n,), of the readings.
        cases: shape (n,): whose they are.
    """
    numbers = np.unique(cases, return_inverse=True)[1]
    count = np.bincount(numbers)
    mean = np.where(count > 1, np.bincount(numbers, changes) / count, 0.0)
    more = np.where(count > 1, count / np.maximum(count - 1, 1), 1.0)
    return float(((changes - mean[numbers]) ** 2 * more[numbers]).sum())


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


def share_of(
    right: BoolArray, clusters: IntArray | None = None, readers: IntArray | None = None
) -> Estimate:
    """A share with Wilson's interval, for the effective number of observations where they cluster.

    The effective number is p (1 - p) / V, with V the share's variance over clusters (Kish 1965; Rao
    & Scott 1992), and not above the number of clusters where all observations are alike. For
    readers like these, what they add to the variance enters, with a t quantile.

    Args:
        right: shape (n,).
        clusters: shape (n,): which belong together; None where every one stands alone.
        readers: shape (n,): whose observations they are, if readers are a sample, too.
    """
    count = len(right)
    if clusters is None or count == 0:
        return wilson(int(right.sum()), count)
    share = float(right.mean())
    most = float(len(np.unique(clusters)))
    influence = (right - share) / count
    variance = spread(summed(influence, clusters))
    if readers is not None:
        variance = max(variance, _with_readers(influence, Clusters(clusters, readers)))
    effective = min(float(count), share * (1 - share) / variance) if variance > 0 else most
    return replace(
        wilson(share * effective, effective), method=f"Wilson, {most:.0f} clusters (Rao & Scott)"
    )


def _with_readers(influence: FloatArray, clusters: Clusters) -> float:
    """The variance over readers and cases, as much larger as its t quantile is than the normal."""
    if clusters.readers is None or len(of := np.unique(clusters.readers)) < 2:
        return 0.0
    between = spread(summed(influence, clusters.readers))
    if between <= 0:
        return 0.0
    of_cases = spread(summed(influence, clusters.cases))
    total = between + max(0.0, of_cases - spread(summed(influence, clusters.readings)))
    if total <= of_cases:
        return 0.0
    df = degrees_of_sum(len(of) - 1, between, total)
    return total * float(special.stdtrit(df, 0.975) / special.ndtri(0.975)) ** 2


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
