"""Agreement of two raters on classes: Cohen's kappa, unweighted or weighted.

Classes are numbers 0..c-1; for weighted kappa their order is the scale's.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, not_estimable, rescaled, t_estimate
from densesharp.stats.tables import FloatArray, IntArray

Weights = Literal["unweighted", "linear", "quadratic", "ordinal"]


def weight_matrix(classes: int, weights: Weights) -> FloatArray:
    """Agreement weights (c, c): 1 on the diagonal.

    Linear 1 - |i-j| / (c-1), quadratic 1 - (i-j)^2 / (c-1)^2, ordinal 1 - m / max(m) with
    m = d (d+1) / 2 for d = |i-j| > 0 (Gwet 2014).
    """
    distance = np.abs(np.arange(classes)[:, None] - np.arange(classes)[None, :]).astype(float)
    if weights == "unweighted" or classes < 2:
        return np.eye(classes)
    power = {"linear": distance, "quadratic": distance**2, "ordinal": distance * (distance + 1) / 2}
    disagreement = power[weights]
    agreement: FloatArray = 1 - disagreement / disagreement.max()
    return agreement


def cross_table(first: IntArray, second: IntArray, classes: int) -> FloatArray:
    """Counts (c, c) of cases by first (rows) and second rater (columns).

    Args:
        first: shape (n,): class indices of one rater.
        second: shape (n,): of the other.
        classes: number of classes.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (first, second), 1)
    return counts


def cohen_kappa(
    counts: FloatArray, weights: Weights = "unweighted", *, confidence: float = 0.95
) -> Estimate:
    """Cohen's kappa (1960, 1968) of a cross table.

    Standard error and interval by Fleiss, Cohen & Everitt 1969; the test (z, p) of kappa = 0 uses
    their variance under chance agreement.

    Args:
        counts: shape (c, c), see `cross_table`.
        weights: agreement weights.
        confidence: of the interval.
    """
    n = float(counts.sum())
    if n < 1:
        return not_estimable("No case was rated by both.")
    w = weight_matrix(len(counts), weights)
    kappa, chance = _kappa_and_chance(counts, w)
    if kappa is None:
        return not_estimable("Both raters used one and the same class only.")
    p = counts / n
    rows, columns = p.sum(1), p.sum(0)
    means = _mean_weights(p, w)
    spread = float((p * (w - means * (1 - kappa)) ** 2).sum())
    variance = (spread - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)
    null = float((np.outer(rows, columns) * (w - means) ** 2).sum())
    null_variance = (null - chance**2) / (n * (1 - chance) ** 2)
    return _with_errors(kappa, variance, null_variance, confidence, weights)


def kappa_of(
    first: IntArray,
    second: IntArray,
    classes: int,
    weights: Weights = "unweighted",
    *,
    clusters: IntArray | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two raters on the cases that both rated, with the interval to print.

    See `printed_kappa`.

    Args:
        first: shape (n,): class indices of one rater, -1 where there is none.
        second: shape (n,): of the other.
        classes: number of classes.
        weights: agreement weights.
        clusters: shape (n,): patients of the cases, which are then left out with all their cases.
        confidence: of the interval.
    """
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    counts = cross_table(first, second, classes)
    if clusters is None:
        return printed_kappa(counts, weights, confidence=confidence)
    patients, number = np.unique(clusters[both], return_inverse=True)
    own = np.zeros((len(patients), classes, classes))
    np.add.at(own, (number.ravel(), first, second), 1)
    return printed_kappa(counts, weights, own, confidence=confidence)


def printed_kappa(
    counts: FloatArray,
    weights: Weights = "unweighted",
    own: FloatArray | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's kappa of a cross table with an interval that covers with few cases, too.

    Kappa ends at 1 and is skewed, and its formula's variance is too small with few cases. So: the
    jackknife's variance over cases (patients), Fisher's z, t. A kappa below 0 rests on the few
    cases on which raters agree, whose variance is near 0 by chance: it is not taken as less than
    by chance agreement. Standard error and test of cases are those of `cohen_kappa`.

    Args:
        counts: shape (c, c), see `cross_table`.
        weights: agreement weights.
        own: shape (m, c, c): the counts of each patient; the test is then by jackknife, too.
        confidence: of the interval.
    """
    found = cohen_kappa(counts, weights, confidence=confidence)
    kappa = found.value
    if kappa is None or (own is None and found.se is None):
        return found
    unit = "cases" if own is None else f"{len(own)} patients as clusters"
    method = f"Cohen, {weights}; interval by jackknife over {unit}, Fisher's z, t"
    bare = Estimate(kappa, method=method, reason=NO_JACKKNIFE)
    times, variance = _jackknife(counts, weights, own)
    if abs(kappa) >= 1 - 1e-9 or not variance > 1e-15:
        return bare
    if kappa < 0 and found.statistic:
        variance = max(variance, (kappa / found.statistic) ** 2)
    scale = 1 - kappa**2
    on_z = t_estimate(math.atanh(kappa), variance / scale**2, times - 1, confidence=confidence)
    shown = rescaled(on_z, kappa, scale, math.tanh)
    if own is None:
        return replace(found, ci=shown.ci, df=None, method=method)
    return replace(shown, method=method)


NO_JACKKNIFE = "Agreement is perfect, or the same without any case: no interval."


def _jackknife(counts: FloatArray, weights: Weights, own: FloatArray | None) -> tuple[float, float]:
    """How many units there are, and the variance of kappa by leaving each out.

    NaN where kappa does not exist without one.
    """
    if own is None:
        cells = np.argwhere(counts > 0)
        own = np.zeros((len(cells), *counts.shape))
        own[np.arange(len(cells)), cells[:, 0], cells[:, 1]] = 1
        times = counts[counts > 0]
    else:
        times = np.ones(len(own))
    m = float(times.sum())
    left_out = kappa_values(counts - own, weight_matrix(len(counts), weights))
    apart = left_out - times @ left_out / m
    return m, (m - 1) / m * float(times @ apart**2)


def kappa_value(counts: FloatArray, w: FloatArray) -> float | None:
    """Cohen's kappa alone, for resampling; None where it does not exist.

    Args:
        counts: shape (c, c), see `cross_table`.
        w: shape (c, c), see `weight_matrix`.
    """
    return _kappa_and_chance(counts, w)[0] if counts.any() else None


def kappa_values(counts: FloatArray, w: FloatArray) -> FloatArray:
    """Cohen's kappa of many tables, shape (..., c, c) to (...); NaN where it does not exist."""
    n = counts.sum(axis=(-2, -1))
    p = counts / np.where(n > 0, n, 1)[..., None, None]
    observed = (w * p).sum(axis=(-2, -1))
    chance = np.einsum("cd,...d,...c->...", w, p.sum(-2), p.sum(-1))
    there = (n > 0) & (1 - chance >= 1e-12)
    values: FloatArray = np.where(
        there, (observed - chance) / np.where(there, 1 - chance, 1), np.nan
    )
    return values


def _kappa_and_chance(counts: FloatArray, w: FloatArray) -> tuple[float | None, float]:
    p = counts / counts.sum()
    observed, chance = float((w * p).sum()), float(w @ p.sum(0) @ p.sum(1))
    return (None if 1 - chance < 1e-12 else (observed - chance) / (1 - chance)), chance


def _mean_weights(p: FloatArray, w: FloatArray) -> FloatArray:
    """Weights averaged over the other rater's marginals, of both raters together."""
    means: FloatArray = (w @ p.sum(0))[:, None] + (p.sum(1) @ w)[None, :]
    return means


def _with_errors(
    kappa: float, variance: float, null_variance: float, confidence: float, weights: str
) -> Estimate:
    method = f"Cohen, {weights}; interval by Fleiss, Cohen & Everitt 1969"
    z = p = None
    if null_variance > 1e-15:
        z = kappa / math.sqrt(null_variance)
        p = float(2 * stats.norm.sf(abs(z)))
    if variance <= 1e-15:
        agreement = "agreement is perfect" if kappa > 1 - 1e-9 else "it is the same everywhere"
        why = f"The variance is zero ({agreement}), so there is no interval."
        return Estimate(kappa, statistic=z, p=p, method=method, reason=why)
    se = math.sqrt(variance)
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * se
    return Estimate(kappa, se, (kappa - half, kappa + half), z, None, p, method)
