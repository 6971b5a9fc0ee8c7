"""Krippendorff's alpha at four levels of measurement, with a bootstrap interval.

`agreement.chance_corrected` has alpha with Gwet's variance.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from densesharp.stats.agreement import class_counts
from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED, bootstrap_cases
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
    """Squared distances (c, c) of the classes at a level of measurement."""
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
    upto = np.cumsum(totals) - totals / 2
    ranks: FloatArray = (upto[:, None] - upto[None, :]) ** 2
    return ranks


def _alpha(matrix: FloatArray, values: FloatArray, level: Level) -> float | None:
    totals = matrix.sum(0)
    n = totals.sum()
    distance = _distances(values, totals, level)
    expected = float(totals @ distance @ totals)
    if n < 2 or expected <= 0:
        return None
    return 1 - float((n - 1) * (matrix * distance).sum() / expected)


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
    rated = class_counts(ratings, len(values)).sum(1) >= 2
    each = coincidences(ratings, len(values))
    value = _alpha(each.sum(0), values, level) if len(each) else None
    if value is None:
        return not_estimable("The ratings do not vary, or no case was rated twice.")
    if replicates == 0:
        return Estimate(value)
    groups = None if clusters is None else clusters[rated]
    return bootstrap_cases(
        lambda drawn: _alpha(
            np.tensordot(np.bincount(drawn, minlength=len(each)).astype(float), each, 1),
            values,
            level,
        ),
        len(each),
        clusters=groups,
        replicates=replicates,
        seed=seed,
    )
