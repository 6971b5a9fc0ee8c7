"""The difference in AUC once more by bootstrap: over cases, and over readers and cases.

A check on the Obuchowski-Rockette interval that assumes no distribution. Over few readers the
bootstrap is too narrow, so it is never the main result.
"""

from __future__ import annotations

import numpy as np

from densesharp.stats.bootstrap import bootstrap_cases, bootstrap_readers_and_cases
from densesharp.stats.estimates import not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.study.analysis.task_results import Resampled

REPLICATES = 1000


def resampled_difference(
    readings: Readings, pair: tuple[int, int], *, replicates: int = REPLICATES
) -> Resampled:
    """Mean AUC of the first minus the second treatment with percentile intervals.

    Args:
        readings: may be incomplete; a reader without an AUC under a treatment makes it missing.
        pair: numbers of the two treatments.
        replicates: bootstrap resamples.

    Returns:
        The difference over cases, which are drawn within their class, and over both.
    """
    curves = [[_Curve(readings.ratings[t, r], readings.truth) for t in pair]
              for r in range(len(readings.readers))]  # fmt: skip

    def difference(readers: IntArray, cases: IntArray) -> float | None:
        times = np.bincount(cases, minlength=len(readings.cases)).astype(float)
        gaps = []
        for r in np.unique(readers):
            first, second = (curve.auc(times) for curve in curves[int(r)])
            if first is None or second is None:
                return None
            gaps += [first - second] * int((readers == r).sum())
        return float(np.mean(gaps))

    everyone, strata = np.arange(len(curves)), readings.truth.astype(np.int64)
    size = len(readings.cases)
    over_cases = bootstrap_cases(
        lambda drawn: difference(everyone, drawn), size, strata=strata, replicates=replicates
    )
    if len(curves) < 2:
        both = not_estimable("There is only one reader, so readers cannot be drawn.")
    else:
        both = bootstrap_readers_and_cases(
            difference, len(curves), size, strata=strata, replicates=replicates
        )
    return Resampled(over_cases, both)


class _Curve:
    """One reader's ratings under one treatment, ready for the AUC of resampled cases."""

    def __init__(self, ratings: FloatArray, truth: BoolArray) -> None:
        read = ~np.isnan(ratings)
        levels = np.zeros(len(ratings), dtype=np.int64)
        values, levels[read] = np.unique(ratings[read], return_inverse=True)
        self.levels = len(values)
        # Case numbers with and without disease, and the place of their ratings in order.
        self.groups = [(cases, levels[cases]) for cases in
                       (np.flatnonzero(read & truth), np.flatnonzero(read & ~truth))]  # fmt: skip

    def auc(self, times: FloatArray) -> float | None:
        """The empirical area when every case counts as often as `times` (K,) says."""
        diseased, others = (
            np.bincount(level, times[cases], self.levels) for cases, level in self.groups
        )
        pairs = float(diseased.sum() * others.sum())
        if pairs == 0:
            return None
        below = np.cumsum(others) - others / 2
        return float(diseased @ below) / pairs
