"""Variance of reader-averaged AUCs by U-statistics, for any pattern of missing readings.

Gallas 2006 (one-shot estimate); Gallas, Bandos, Samuelson & Wagner 2009. The products of two
psi(x_k, y_l) are averaged over eight kinds of pairs: same or different reader, times (both cases
the same | the diseased case | the other case | none). Readers and cases are random. Nested and
partially paired designs need nothing special: pairs that do not exist count zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings

# From sums over all pairs to sums over pairs that differ, for the two cases ...
_CASES = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]], dtype=float)
# ... and for reader (outer) and cases (inner) together.
_DIFFERENT = np.kron(np.array([[1, 0], [-1, 1]]), _CASES)

# Components of variance for other, diseased and reader effects: Gallas et al. 2009, eq. 19.
_COMPONENTS = np.array(
    [[0, 0, 0, 0, 0, 0, 1, -1], [0, 0, 0, 0, 0, 1, 0, -1], [0, 0, 0, 1, 0, 0, 0, -1]], dtype=float
)
_COMPONENT_COEFFICIENTS = np.array(
    [[1, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]], dtype=float
)


@dataclass(frozen=True)
class PairSums:
    """Sums of products of psi over pairs of curves (a, b), and how many products there are.

    Attributes:
        sums: shape (4, c, c): both cases the same, diseased the same, other the same, all pairs.
        counts: shape (4, c, c): the number of products in each.
        totals: shape (c,): sum of psi of each curve.
        pairs: shape (c,): number of case pairs of each curve.
    """

    sums: FloatArray
    counts: FloatArray
    totals: FloatArray
    pairs: FloatArray


def pair_sums(ratings: FloatArray, truth: BoolArray) -> PairSums:
    """Sums for every pair of curves, in O(c^2 n log n) time and O(c n) memory.

    Args:
        ratings: shape (c, K), NaN where there is no reading.
        truth: shape (K,).
    """
    x, y = ratings[:, truth], ratings[:, ~truth]
    has_x, has_y = ~np.isnan(x), ~np.isnan(y)
    by_diseased, by_other = np.zeros(x.shape), np.zeros(y.shape)
    gram = np.zeros((len(x), len(x)))
    for a in range(len(x)):
        below = _counts_below(y[a, has_y[a]], x[a, has_x[a]])
        by_diseased[a, has_x[a]] = below.sum(0) / 2
        above = has_x[a].sum() - _counts_below(x[a, has_x[a]], y[a, has_y[a]]).sum(0) / 2
        by_other[a, has_y[a]] = above
        for b in range(a + 1):
            k, m = has_x[a] & has_x[b], has_y[a] & has_y[b]
            gram[a, b] = gram[b, a] = _product_sum(x[a, k], y[a, m], x[b, k], y[b, m])
    totals = by_diseased.sum(1)
    m1, m0 = has_x.sum(1).astype(float), has_y.sum(1).astype(float)
    same_x, same_y = has_x.astype(float) @ has_x.T, has_y.astype(float) @ has_y.T
    sums = [gram, by_diseased @ by_diseased.T, by_other @ by_other.T, np.outer(totals, totals)]
    counts = [same_x * same_y, same_x * np.outer(m0, m0), same_y * np.outer(m1, m1)]
    counts.append(np.outer(m1 * m0, m1 * m0))
    return PairSums(np.array(sums), np.array(counts), totals, m1 * m0)


def _counts_below(values: FloatArray, limits: FloatArray) -> IntArray:
    """Shape (2, n): how many values are below, and not above, each limit."""
    known = np.sort(values)
    return np.array([np.searchsorted(known, limits, side) for side in ("left", "right")])


def _product_sum(xa: FloatArray, ya: FloatArray, xb: FloatArray, yb: FloatArray) -> float:
    """Sum of psi(xa_k, ya_l) psi(xb_k, yb_l) over k and l.

    As psi is half the sum of `x > y` and `x >= y`, it is a quarter of four counts of points (ya,
    yb) below and left of a limit.
    """
    order = np.argsort(ya)
    rank = np.empty(len(yb), dtype=np.int64)
    rank[np.argsort(yb)] = np.arange(len(yb))
    first, second = _counts_below(ya, xa), _counts_below(yb, xb)
    grid = [np.broadcast_to(part, (2, 2, len(xa))) for part in (first[:, None], second[None])]
    return float(_dominated(rank[order], grid[0].ravel(), grid[1].ravel()).sum()) / 4


def _dominated(permutation: IntArray, ends: IntArray, limits: IntArray) -> IntArray:
    """For every query, how many of the first `end` numbers of a permutation are below `limit`.

    A wavelet matrix (Claude & Navarro 2012): bit by bit from the highest, numbers are parted into
    those without and those with the bit, and a query follows its limit's bits.
    """
    count = np.zeros(len(ends), dtype=np.int64)
    start, stop = np.zeros(len(ends), dtype=np.int64), ends
    for bit in range(len(permutation).bit_length() - 1, -1, -1):
        clear = (permutation >> bit & 1) == 0
        zeros = np.concatenate([[0], np.cumsum(clear)])
        before, until = zeros[start], zeros[stop]
        into = (limits >> bit & 1) == 1
        count += np.where(into, until - before, 0)
        start = np.where(into, zeros[-1] + start - before, before)
        stop = np.where(into, zeros[-1] + stop - until, until)
        permutation = np.concatenate([permutation[clear], permutation[~clear]])
    return count


def unbiased_covariance(sums: PairSums) -> FloatArray:
    """Covariance (c, c) of AUCs over cases, readers fixed, without bias (Gallas 2007).

    Needs two cases with and two without disease in every pair of curves that has cases in common.
    """
    numerators = np.einsum("mn,nab->mab", _CASES, sums.sums)
    denominators = np.einsum("mn,nab->mab", _CASES, sums.counts)
    coefficients = denominators / sums.counts[3]
    coefficients[3] -= 1
    covariance: FloatArray = (coefficients * ratio(numerators, denominators)).sum(0)
    return covariance


@dataclass(frozen=True)
class Moments:
    """The eight moments of a pair of treatments.

    Attributes:
        unbiased: shape (8,): M1..M8, the first four for one reader, the others for two.
        biased: shape (8,): the same from sums over all pairs (V-statistics).
        coefficients: shape (8,): the covariance is the sum of coefficient times moment.
    """

    unbiased: FloatArray
    biased: FloatArray
    coefficients: FloatArray

    @property
    def readers_vary(self) -> bool:
        """Whether any two readers are compared, without which nothing is known about readers."""
        return bool(self.coefficients[4:7].any())

    @property
    def covariance(self) -> float:
        """The U-statistic estimate; it can be negative."""
        return float(self.coefficients @ self.unbiased)

    @property
    def covariance_biased(self) -> float:
        """The V-statistic estimate: biased upward."""
        return float(self.coefficients @ self.biased)

    @property
    def components(self) -> FloatArray:
        """Shape (3,): biased variance components of other cases, diseased cases and readers.

        An effect that the two treatments do not share has none.
        """
        shared = np.abs(_COMPONENT_COEFFICIENTS @ self.coefficients) > 1e-12
        parts: FloatArray = np.where(shared, _COMPONENTS @ self.biased, 0.0)
        return parts

    @property
    def degrees(self) -> FloatArray:
        """Shape (3,): effective number of other cases, diseased cases and readers, less one."""
        coefficients = _COMPONENT_COEFFICIENTS @ self.coefficients
        with np.errstate(divide="ignore"):
            degrees: FloatArray = np.round(1 / coefficients - 1)
        return degrees


def moments(sums: PairSums, first: list[int], second: list[int]) -> Moments:
    """Moments of two lists of curves, the same readers in the same order.

    Args:
        sums: sums over pairs of cases.
        first: numbers of curves.
        second: numbers of the curves to compare with.
    """
    block = np.ix_(range(4), first, second)
    diagonal = np.arange(len(first))
    raw, counts = sums.sums[block], sums.counts[block]
    numerators = np.concatenate([raw[:, diagonal, diagonal].sum(1), raw.sum((1, 2))])
    denominators = np.concatenate([counts[:, diagonal, diagonal].sum(1), counts.sum((1, 2))])
    coefficients = _DIFFERENT @ denominators / denominators[7]
    coefficients[7] -= 1
    unbiased = ratio(_DIFFERENT @ numerators, _DIFFERENT @ denominators)
    return Moments(unbiased, ratio(numerators, denominators), coefficients)


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Quotients; 0 where there is nothing to divide by."""
    safe = np.where(denominator == 0, 1.0, denominator)
    quotient: FloatArray = np.where(denominator == 0, 0.0, numerator / safe)
    return quotient


@dataclass(frozen=True)
class UStatistics:
    """U-statistic (and V-statistic) results of a study.

    Attributes:
        auc: treatment -> reader-averaged AUC with variance; readers weigh by their case pairs.
        auc_v: the same with the V-statistic variance.
        variance: (treatment, treatment) -> covariance by U-statistics.
        variance_v: the same by V-statistics.
        differences: (first, second) -> first minus second.
        differences_v: the same with the V-statistic variance.
        moments: (treatment, treatment) -> the eight moments.
    """

    auc: Mapping[str, Estimate]
    auc_v: Mapping[str, Estimate]
    variance: Mapping[tuple[str, str], float]
    variance_v: Mapping[tuple[str, str], float]
    differences: Mapping[tuple[str, str], Estimate]
    differences_v: Mapping[tuple[str, str], Estimate]
    moments: Mapping[tuple[str, str], Moments]


NO_PAIR = "No reader read cases with and without disease under this treatment."
ONE_READER = "A treatment has one reader only, so how readers differ cannot be estimated."
CLUSTERED = (
    "Patients have several cases, for which the U-statistics have no variance; the "
    "Obuchowski-Rockette analysis takes patients as clusters."
)
NEGATIVE = (
    "The U-statistic estimate of the variance is not positive, which happens in small studies; "
    "the V-statistic or the Obuchowski-Rockette analysis may be used instead."
)


def u_statistics(
    readings: Readings, sums: PairSums | None = None, *, confidence: float = 0.95
) -> UStatistics:
    """Reader-averaged AUCs and their differences with random readers and cases.

    Args:
        readings: may be incomplete.
        sums: of `pair_sums` on the curves in (treatment, reader) order, if already known.
        confidence: of the intervals.
    """
    t, r, k = readings.ratings.shape
    sums = sums or pair_sums(readings.ratings.reshape(t * r, k), readings.truth)
    curves = {name: list(range(i * r, (i + 1) * r)) for i, name in enumerate(readings.treatments)}
    usable = [name for name, rows in curves.items() if sums.pairs[rows].sum() > 0]
    area = {n: float(sums.totals[curves[n]].sum() / sums.pairs[curves[n]].sum()) for n in usable}
    found = {
        (a, b): moments(sums, curves[a], curves[b])
        for i, a in enumerate(usable)
        for b in usable[i:]
    }
    if readings.patients is not None:
        return without_variance(readings, area, found)
    return UStatistics(
        {n: _single(area, found, n, confidence, biased=False) for n in readings.treatments},
        {n: _single(area, found, n, confidence, biased=True) for n in readings.treatments},
        {pair: m.covariance for pair, m in found.items()},
        {pair: m.covariance_biased for pair, m in found.items()},
        _differences(readings, area, found, confidence, biased=False),
        _differences(readings, area, found, confidence, biased=True),
        found,
    )


def without_variance(
    readings: Readings, area: dict[str, float], found: dict[tuple[str, str], Moments]
) -> UStatistics:
    """Means without variance, where patients have several cases."""
    names = readings.treatments
    areas = {n: Estimate(area.get(n), reason=CLUSTERED) for n in names}
    differences = {
        (a, b): Estimate(area[a] - area[b], reason=CLUSTERED)
        if a in area and b in area
        else not_estimable(NO_PAIR)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }
    return UStatistics(areas, areas, {}, {}, differences, differences, found)


def _single(
    area: dict[str, float],
    found: dict[tuple[str, str], Moments],
    name: str,
    confidence: float,
    *,
    biased: bool,
) -> Estimate:
    if name not in area:
        return not_estimable(NO_PAIR)
    own = found[name, name]
    if not own.readers_vary:
        return Estimate(area[name], reason=ONE_READER)
    variance = own.covariance_biased if biased else own.covariance
    return u_estimate(area[name], variance, own.components, own.degrees, 0.5, confidence)


def _differences(
    readings: Readings,
    area: dict[str, float],
    found: dict[tuple[str, str], Moments],
    confidence: float,
    *,
    biased: bool,
) -> dict[tuple[str, str], Estimate]:
    out = {}
    names = readings.treatments
    for a, b in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
        if a not in area or b not in area:
            out[a, b] = not_estimable(NO_PAIR)
            continue
        parts = (found[a, a], found[b, b], found[a, b])
        values = [m.covariance_biased if biased else m.covariance for m in parts]
        components = parts[0].components + parts[1].components - 2 * parts[2].components
        degrees = np.minimum(parts[0].degrees, parts[1].degrees)
        variance = values[0] + values[1] - 2 * values[2]
        difference = area[a] - area[b]
        if not (parts[0].readers_vary and parts[1].readers_vary):
            out[a, b] = Estimate(difference, reason=ONE_READER)
            continue
        out[a, b] = u_estimate(difference, variance, components, degrees, 0.0, confidence)
    return out


def u_estimate(
    value: float,
    variance: float,
    components: FloatArray,
    degrees: FloatArray,
    null: float,
    confidence: float,
) -> Estimate:
    """The t test as iMRMC does it: quantiles at the floor of df, normal above 50."""
    if variance <= 1e-18:
        return Estimate(value, reason=NEGATIVE)
    se, df = math.sqrt(variance), _satterthwaite(variance, components, degrees)
    if df is None:
        why = "There are too few readers or cases for degrees of freedom: no test is made."
        return Estimate(value, se, reason=why)
    whole = math.floor(df)
    law = stats.norm if df > 50 else stats.t(whole)
    half = float(law.ppf(0.5 + confidence / 2)) * se
    statistic = (value - null) / se
    p = float(2 * law.sf(abs(statistic)))
    method = "normal" if df > 50 else f"t with {whole} degrees of freedom"
    return Estimate(value, se, (value - half, value + half), statistic, df, p, method)


def _satterthwaite(variance: float, components: FloatArray, degrees: FloatArray) -> float | None:
    """Degrees of freedom from biased components, not below the smallest (Gaylor & Hopper 1969)."""
    if not np.isfinite(degrees).all() or degrees.min() < 1:
        return None
    scale = float((components**2 / degrees**3).sum())
    least = float(degrees.min())
    return max(least, variance**2 / scale) if scale > 0 else least
