"""Automation bias: how often a right answer was changed to the model's wrong one.

Goddard, Roudsari & Wyatt 2012. Readers change answers without a model's advice too, when they read
a case again. So the share of right answers that followed a wrong model is compared with the share
of right answers that became wrong although the model was right.
"""

from dataclasses import replace

import numpy as np
from scipy import special

from densesharp.stats.clusters import Clusters, share_of, spread, summed
from densesharp.stats.estimates import Estimate, not_estimable, t_estimate
from densesharp.stats.proportions import obuchowski
from densesharp.stats.tables import BoolArray, FloatArray, IntArray
from densesharp.study.analysis.class_results import AutomationBias, ReaderFollowed
from densesharp.study.exported.study_data import StudyData

METHOD = "clusters are readers and cases"
FEW = "Fewer than two cases have such answers."


def automation_bias(data: StudyData, aided: IntArray, unaided: IntArray) -> AutomationBias | None:
    """Changes from unaided to aided where the model was wrong; None without its classes.

    Args:
        data: the study.
        aided: shape (r, K): classes with the model, -1 where nothing was read.
        unaided: shape (r, K): the same without.
    """
    if data.model is None:
        return None
    known = data.model.classes >= 0
    wrong, right = known & (data.model.classes != data.truth), data.model.classes == data.truth
    both = (aided >= 0) & (unaided >= 0)
    before = both & (unaided == data.truth)
    followed, lost = aided == data.model.classes, aided != data.truth
    of = np.arange(len(data.cases)) if data.patients is None else data.patients
    gained = both & wrong & ~lost & (unaided != data.truth)
    given_up = before & wrong & lost
    paired = (summed(part.sum(0) * 1.0, of) for part in (gained, given_up, both & wrong))
    return AutomationBias(
        wrong_model_cases=int((wrong & both.any(0)).sum()),
        readers={
            reader: _of_reader((before & wrong)[r], followed[r], data.patients)
            for r, reader in enumerate(data.readers)
        },
        followed=share_of_readings(followed, before & wrong, of),
        spontaneous=share_of_readings(lost, before & right, of),
        difference=share_difference((followed, before & wrong), (lost, before & right), of),
        accuracy_change=obuchowski(*paired),
    )


def _of_reader(before: BoolArray, followed: BoolArray, of: IntArray | None) -> ReaderFollowed:
    among = followed[before]
    share = None if of is None else share_of(among, of[before])
    return ReaderFollowed(len(among), int(among.sum()), share)


def share_of_readings(events: BoolArray, among: BoolArray, of: IntArray) -> Estimate:
    """A share of readings for readers and cases like these; its interval is on the logit scale.

    Args:
        events: shape (r, K): which readings have it.
        among: shape (r, K): which readings count.
        of: shape (K,): numbers of what is drawn as one, the cases or their patients.

    Returns:
        The share; without interval where none or all readings have it.
    """
    share, influence, clusters = _parts(events, among, of)
    if len(np.unique(clusters.cases)) < 2:
        return not_estimable(FEW)
    if not 0 < share < 1:
        return Estimate(share, reason="None or all of the readings have it: there is no interval.")
    slope = share * (1 - share)
    middle = float(special.logit(share))
    found = _wider(clusters, middle, influence / slope, null=None)
    low, high = (float(special.expit(limit)) for limit in found.ci or (-np.inf, np.inf))
    se = None if found.se is None else found.se * slope
    return replace(found, value=share, se=se, ci=(low, high) if found.ci else None)


def share_difference(
    first: tuple[BoolArray, BoolArray], second: tuple[BoolArray, BoolArray], of: IntArray
) -> Estimate:
    """The first share minus the second, of other readings by the same readers, with its test.

    Args:
        first: events and readings, shape (r, K) each, as of `share_of_readings`.
        second: the same of readings that are none of the first.
        of: shape (K,): numbers of what is drawn as one.
    """
    parts = [_parts(*one, of) for one in (first, second)]
    if any(len(np.unique(clusters.cases)) < 2 for _, _, clusters in parts):
        return not_estimable(FEW)
    (a, of_a, by_a), (b, of_b, by_b) = parts
    together = Clusters(
        np.concatenate([by_a.cases, by_b.cases]), np.concatenate([_readers(by_a), _readers(by_b)])
    )
    influence = np.concatenate([of_a, -of_b])
    return _wider(together, a - b, influence, null=0.0)


def _wider(
    clusters: Clusters, value: float, influence: FloatArray, *, null: float | None
) -> Estimate:
    """The wider of two intervals: by readers and cases, and by cases alone.

    With few readers what they add is estimated from few numbers, at times as nothing.
    """
    both = clusters.estimate(value, influence, null=null, method=METHOD)
    alone = spread(summed(influence, clusters.cases))
    df = len(np.unique(clusters.cases)) - 1
    cases = t_estimate(value, alone, df, null=null, method="clusters are cases")
    if both.ci is None or cases.ci is None:
        return cases if both.ci is None else both
    return max(both, cases, key=lambda one: one.ci[1] - one.ci[0] if one.ci else 0.0)


def _readers(clusters: Clusters) -> IntArray:
    return np.zeros(0, dtype=int) if clusters.readers is None else clusters.readers


def _parts(events: BoolArray, among: BoolArray, of: IntArray) -> tuple[float, FloatArray, Clusters]:
    """Share, influence of each reading that counts, and its clusters."""
    readers, cases = np.nonzero(among)
    had = np.broadcast_to(events, among.shape)[among].astype(float)
    share = float(had.mean()) if len(had) else 0.0
    return share, (had - share) / max(len(had), 1), Clusters(of[cases], readers)
