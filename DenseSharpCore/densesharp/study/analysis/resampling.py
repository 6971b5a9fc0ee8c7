"""The difference in AUC once more by bootstrap: over cases, and over readers and cases.

A check on the Obuchowski-Rockette interval that assumes no distribution. Over few readers the
bootstrap is too narrow, so it is never the main result.
"""

import numpy as np

from densesharp.stats.bootstrap import bootstrap_readers_and_cases, bootstrap_weights
from densesharp.stats.estimates import not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, Readings
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
        The difference over cases, which are drawn within their class, or over patients with all
        their cases, and over both.
    """
    curves = [[_Curve(readings.ratings[t, r], readings.truth) for t in pair]
              for r in range(len(readings.readers))]  # fmt: skip

    def difference(readers: FloatArray, cases: FloatArray) -> FloatArray:
        gaps = np.stack([first.auc(cases) - second.auc(cases) for first, second in curves], axis=1)
        # A reader who was not drawn need not have a curve.
        mean: FloatArray = np.where(readers > 0, readers * gaps, 0).sum(axis=1) / len(curves)
        return mean

    size, of = len(readings.cases), readings.patients
    # Patients may have cases of both classes.
    strata = readings.truth.astype(np.int64) if of is None else None
    (over_cases,) = bootstrap_weights(
        lambda cases: difference(np.ones((1, len(curves))), cases)[:, None],
        size,
        strata=strata,
        clusters=of,
        replicates=replicates,
    )
    if len(curves) < 2:
        both = not_estimable("There is only one reader, so readers cannot be drawn.")
    else:
        both = bootstrap_readers_and_cases(
            difference, len(curves), size, strata=strata, clusters=of, replicates=replicates
        )
    return Resampled(over_cases, both)


class _Curve:
    """One reader's ratings under one treatment, ready for the AUC of resampled cases."""

    def __init__(self, ratings: FloatArray, truth: BoolArray) -> None:
        read = np.flatnonzero(~np.isnan(ratings))
        self.cases = read[np.argsort(ratings[read], kind="stable")]
        self.diseased = truth[self.cases]
        ordered = ratings[self.cases]
        # How many of the read cases are rated lower than each, and how many not higher.
        self.lower, self.upto = (
            np.searchsorted(ordered, ordered, side) for side in ("left", "right")
        )

    def auc(self, times: FloatArray) -> FloatArray:
        """The empirical areas, shape (b,), when every case counts as often as `times` (b, K) says.

        NaN where there is none.
        """
        ours = times[:, self.cases]
        diseased, others = ours * self.diseased, ours * ~self.diseased
        rated = np.concatenate([np.zeros((len(ours), 1)), np.cumsum(others, axis=1)], axis=1)
        below = (rated[:, self.lower] + rated[:, self.upto]) / 2
        pairs = diseased.sum(axis=1) * others.sum(axis=1)
        wins = (diseased * below).sum(axis=1)
        area: FloatArray = np.divide(wins, pairs, out=np.full(len(ours), np.nan), where=pairs > 0)
        return area
