"""U-statistics of the mean of any score over readers and cases (Gallas, Pennello & Myers 2007).

The products of two scores are averaged over four kinds of pairs: same or different reader, times
same or different case. Readers and cases are random; scores may be missing in any pattern, and
every score has the same weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.tables import FloatArray, Readings
from densesharp.stats.ustatistics import (
    ONE_READER,
    UStatistics,
    ratio,
    u_estimate,
    without_variance,
)

NO_SCORE = "No reader scored a case under this treatment."

# From sums over all pairs (same reader and case, same reader, same case, all) to pairs that differ.
_DIFFERENT = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]], dtype=float)


@dataclass(frozen=True)
class _Moments:
    """The four moments of a pair of treatments, shape (4,) each."""

    unbiased: FloatArray
    biased: FloatArray
    coefficients: FloatArray

    def covariance(self, *, biased: bool) -> float:
        return float(self.coefficients @ (self.biased if biased else self.unbiased))

    @property
    def components(self) -> FloatArray:
        """Shape (2,): biased components of readers and cases."""
        parts: FloatArray = self.biased[1:3] - self.biased[3]
        return parts

    @property
    def degrees(self) -> FloatArray:
        """Shape (2,): effective number of readers and cases, less one."""
        c = self.coefficients
        with np.errstate(divide="ignore"):
            degrees: FloatArray = np.round(1 / np.array([c[0] + c[1], c[0] + c[2]]) - 1)
        return degrees


def mean_statistics(readings: Readings, *, confidence: float = 0.95) -> UStatistics:
    """Means over readers and cases, and their differences, with random readers and cases.

    Args:
        readings: scores; may be incomplete.
        confidence: of the intervals.

    Returns:
        The statistics, with the mean in the place of the area; no test of a mean itself.
    """
    names = readings.treatments
    read = ~np.isnan(readings.ratings)
    usable = [i for i in range(len(names)) if read[i].any()]
    mean = {names[i]: float(readings.ratings[i][read[i]].mean()) for i in usable}
    if readings.patients is not None:
        return without_variance(readings, mean, {})
    found = {
        (names[a], names[b]): _moments(readings.ratings[a], readings.ratings[b])
        for a in usable
        for b in usable
        if a <= b
    }

    def single(name: str, *, biased: bool) -> Estimate:
        if name not in mean:
            return not_estimable(NO_SCORE)
        one = found[name, name]
        if not one.coefficients[2:3].any():
            return Estimate(mean[name], reason=ONE_READER)
        variance = one.covariance(biased=biased)
        estimate = u_estimate(mean[name], variance, one.components, one.degrees, 0.0, confidence)
        return replace(estimate, statistic=None, p=None)

    def difference(a: str, b: str, *, biased: bool) -> Estimate:
        if a not in mean or b not in mean:
            return not_estimable(NO_SCORE)
        parts = (found[a, a], found[b, b], found[a, b])
        if not all(part.coefficients[2:3].any() for part in parts[:2]):
            return Estimate(mean[a] - mean[b], reason=ONE_READER)
        own = [part.covariance(biased=biased) for part in parts]
        components = parts[0].components + parts[1].components - 2 * parts[2].components
        degrees = np.minimum(parts[0].degrees, parts[1].degrees)
        variance = own[0] + own[1] - 2 * own[2]
        return u_estimate(mean[a] - mean[b], variance, components, degrees, 0.0, confidence)

    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return UStatistics(
        {n: single(n, biased=False) for n in names},
        {n: single(n, biased=True) for n in names},
        {pair: m.covariance(biased=False) for pair, m in found.items()},
        {pair: m.covariance(biased=True) for pair, m in found.items()},
        {pair: difference(*pair, biased=False) for pair in pairs},
        {pair: difference(*pair, biased=True) for pair in pairs},
        {},
    )


def _moments(first: FloatArray, second: FloatArray) -> _Moments:
    """Moments of two tables of scores, shape (r, K) each, NaN where there is none."""
    sums: list[float] = []
    counts: list[float] = []
    for out, one, two in (
        (sums, np.nan_to_num(first), np.nan_to_num(second)),
        (counts, (~np.isnan(first)).astype(float), (~np.isnan(second)).astype(float)),
    ):
        by_reader, by_case = one.sum(1) @ two.sum(1), one.sum(0) @ two.sum(0)
        out += map(float, [(one * two).sum(), by_reader, by_case, one.sum() * two.sum()])
    raw, number = np.array(sums, dtype=np.float64), np.array(counts, dtype=np.float64)
    coefficients = _DIFFERENT @ number / number[3]
    coefficients[3] -= 1
    unbiased = ratio(_DIFFERENT @ raw, _DIFFERENT @ number)
    return _Moments(unbiased, ratio(raw, number), coefficients)
