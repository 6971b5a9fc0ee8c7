"""Whether readers agree more with each other under one condition than under another."""

import numpy as np

from densesharp.stats.agreement import Coefficient, class_counts, pair_agreement
from densesharp.stats.bootstrap import bootstrap_weights
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.kappa import Weights, weight_matrix
from densesharp.stats.tables import FloatArray, IntArray

REPLICATES = 1000

COEFFICIENTS: dict[str, tuple[Coefficient, Weights]] = {
    "fleiss": ("fleiss", "unweighted"),
    "fleiss_quadratic": ("fleiss", "quadratic"),
    "gwet_ac1": ("gwet", "unweighted"),
    "gwet_ac2_quadratic": ("gwet", "quadratic"),
}


def kappa_differences(
    classes: IntArray,
    pair: tuple[int, int],
    size: int,
    *,
    clusters: IntArray | None = None,
    replicates: int = REPLICATES,
) -> dict[str, Estimate]:
    """Agreement of these readers under the first condition minus that under the second.

    Bootstrap over cases: a drawn case takes its readings under both conditions along. Only the
    cases that every reader read under both are used.

    Args:
        classes: shape (t, r, K): class numbers, -1 where missing.
        pair: numbers of the two conditions.
        size: how many classes there are.
        clusters: shape (K,): patients of the cases, whose cases are drawn together.
        replicates: how many resamples.
    """
    first, second = classes[pair[0]].T, classes[pair[1]].T
    complete = ((first >= 0) & (second >= 0)).all(1)
    first, second = first[complete], second[complete]
    if len(first) < 2:
        missing = not_estimable("Fewer than two cases were read by all under both conditions.")
        return dict.fromkeys(COEFFICIENTS, missing)

    def differences(times: FloatArray) -> FloatArray:
        return np.column_stack([
            resampled_coefficient(first, size, *kind, times)
            - resampled_coefficient(second, size, *kind, times)
            for kind in COEFFICIENTS.values()
        ])  # fmt: skip

    of = None if clusters is None else clusters[complete]
    found = bootstrap_weights(differences, len(first), clusters=of, replicates=replicates)
    return dict(zip(COEFFICIENTS, found, strict=True))


def resampled_coefficient(
    ratings: IntArray, classes: int, coefficient: Coefficient, weights: Weights, times: FloatArray
) -> FloatArray:
    """The values of `chance_corrected` when cases count several times, for resampling.

    Args:
        ratings: shape (n, m), complete.
        classes: c.
        coefficient: `fleiss` or `gwet`.
        weights: agreement weights.
        times: shape (b, n): how often each case counts in b resamples.

    Returns:
        Shape (b,), NaN where there is none.
    """
    counts, w = class_counts(ratings, classes), weight_matrix(classes, weights)
    n = times.sum(axis=1)
    observed = times @ pair_agreement(counts, w) / n
    pi = times @ (counts / counts.sum(1, keepdims=True)) / n[:, None]
    if coefficient == "fleiss":
        chance = ((pi @ w) * pi).sum(axis=1)
    else:
        chance = float(w.sum()) / (classes * (classes - 1)) * (pi * (1 - pi)).sum(axis=1)
    there = 1 - chance >= 1e-12
    values: FloatArray = np.where(
        there, (observed - chance) / np.where(there, 1 - chance, 1), np.nan
    )
    return values
