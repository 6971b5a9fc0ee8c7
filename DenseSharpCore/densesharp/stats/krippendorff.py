"""Krippendorff's alpha at four levels of measurement, with a bootstrap interval.

`agreement.chance_corrected` has alpha with Gwet's variance.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from densesharp.stats.agreement import class_counts
from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED, bootstrap_weights
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.tables import FloatArray, IntArray

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def coincidences(ratings: IntArray, classes: int) -> FloatArray:
    """Shape (n, c, c): each case's share of the coincidence matrix (Krippendorff).

    Pairs of ratings of a case count 1 / (m - 1), m its number of ratings; their sum over cases is
    the coincidence matrix.
    """
    counts = class_counts(ratings, classes)
    counts = counts[counts.sum(1) >= 2]
    pairs = counts[:, :, None] * counts[:, None, :]
    index = np.arange(classes)
    pairs[:, index, index] -= counts
    matrix: FloatArray = pairs / (counts.sum(1) - 1)[:, None, None]
    return matrix


def _distances(values: FloatArray, totals: FloatArray, level: Level) -> FloatArray:
    """Squared distances of the classes at a level, shape (..., c, c), of totals (..., c)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        gap: FloatArray = (values[:, None] - values[None, :]) ** 2
        return gap
    if level == "ratio":
        total = values[:, None] + values[None, :]
        safe = np.where(total == 0, 1, total)
        share: FloatArray = ((values[:, None] - values[None, :]) / safe) ** 2
        return share
    # Ordinal: ratings between the two, each end counted half.
    upto = np.cumsum(totals, axis=-1) - totals / 2
    ranks: FloatArray = (upto[..., :, None] - upto[..., None, :]) ** 2
    return ranks


def _alpha(matrix: FloatArray, values: FloatArray, level: Level) -> FloatArray:
    """Alpha of coincidence matrices, shape (..., c, c) to (...); NaN where it does not exist."""
    totals = matrix.sum(-2)
    n = totals.sum(-1)
    distance = _distances(values, totals, level)
    expected = (totals[..., :, None] * distance * totals[..., None, :]).sum((-2, -1))
    there = (n >= 2) & (expected > 0)
    found = (n - 1) * (matrix * distance).sum((-2, -1)) / np.where(there, expected, 1)
    alpha: FloatArray = np.where(there, 1 - found, np.nan)
    return alpha


def krippendorff_alpha(
    ratings: IntArray,
    values: FloatArray,
    level: Level,
    *,
    clusters: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
) -> Estimate:
    """Krippendorff's alpha with a percentile bootstrap interval over cases.

    alpha = 1 - (n - 1) sum o d / sum n_c n_k d over the coincidence matrix o (Hayes & Krippendorff
    2007).

    Args:
        ratings: shape (n, m), -1 where missing.
        values: shape (c,): the classes' values, ascending; used by interval and ratio.
        level: level of measurement.
        clusters: shape (n,): cases of a cluster (patient) are drawn together.
        replicates: bootstrap resamples; 0 for the value alone.
        seed: of the bootstrap.
    """
    if level == "ratio" and values.min() < 0:
        return not_estimable("Values below 0 have no ratios: take another level.")
    rated = class_counts(ratings, len(values)).sum(1) >= 2
    each = coincidences(ratings, len(values))
    value = float(_alpha(each.sum(0), values, level)) if len(each) else np.nan
    if np.isnan(value):
        return not_estimable("The ratings do not vary, or no case was rated twice.")
    if replicates == 0:
        return Estimate(value)
    size = len(values)

    def alphas(times: FloatArray) -> FloatArray:
        matrices = (times @ each.reshape(len(each), -1)).reshape(-1, size, size)
        return _alpha(matrices, values, level)[:, None]

    of = None if clusters is None else clusters[rated]
    (found,) = bootstrap_weights(alphas, len(each), clusters=of, replicates=replicates, seed=seed)
    return found
