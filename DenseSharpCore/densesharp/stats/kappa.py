"""Agreement of two raters on classes: Cohen's kappa, unweighted or weighted.

Classes are numbers 0..c-1; for weighted kappa their order is the scale's.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy import stats

from densesharp.stats.clusters import over_cases
from densesharp.stats.estimates import Estimate, not_estimable
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
) -> Estimate:
    """Cohen's kappa of two raters on the cases that both rated.

    Args:
        first: shape (n,): class indices of one rater, -1 where there is none.
        second: shape (n,): of the other.
        classes: number of classes.
        weights: agreement weights.
        clusters: shape (n,): patients of the cases. Then interval and test are t, from the cases'
            influences (those of Fleiss, Cohen & Everitt) added up by patient.
    """
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    counts = cross_table(first, second, classes)
    found = cohen_kappa(counts, weights)
    if clusters is None or found.value is None or found.se is None:
        return found
    influence = _influences(counts, weights)[first, second] / counts.sum()
    return over_cases(found.value, influence, clusters[both], method=f"Cohen, {weights}")


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


def _influences(counts: FloatArray, weights: Weights) -> FloatArray:
    """How much a case of each cell moves kappa, shape (c, c), times the number of cases."""
    w = weight_matrix(len(counts), weights)
    value, chance = _kappa_and_chance(counts, w)
    kappa = 0.0 if value is None else value
    each = w - _mean_weights(counts / counts.sum(), w) * (1 - kappa)
    moved: FloatArray = (each - (kappa - chance * (1 - kappa))) / (1 - chance)
    return moved


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
