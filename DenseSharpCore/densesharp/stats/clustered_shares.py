"""Shares of readings whose cases are clusters: several readers judge one case."""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.tables import FloatArray


def clustered_share(events: FloatArray, readings: FloatArray) -> Estimate:
    """The share of readings with an event, by the ratio estimator over cases.

    p = sum e / sum n; Var = K / (K-1) sum (e_k - p n_k)^2 / (sum n)^2 (Cochran 1977, section 6.3;
    Rao & Scott 1992). The interval is made on the logit scale, so that it stays inside 0..1.

    Args:
        events: shape (K,): readings of each case with the event.
        readings: shape (K,): all readings of the case; cases without any do not count.

    Returns:
        The share; without interval where none or all readings have the event.
    """
    events, readings = events[readings > 0], readings[readings > 0]
    if len(readings) < 2:
        return not_estimable("Fewer than two cases have such readings.")
    share = float(events.sum() / readings.sum())
    if not 0 < share < 1:
        return Estimate(share, reason="None or all of the readings have it: there is no interval.")
    se = math.sqrt(_variance(events, readings, share))
    half = float(stats.norm.ppf(0.975)) * se / (share * (1 - share))
    middle = float(special.logit(share))
    ci = (float(special.expit(middle - half)), float(special.expit(middle + half)))
    return Estimate(share, se, ci, method="cases are clusters, logit scale")


def share_difference(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]
) -> Estimate:
    """The first share minus the second, of other cases, with a z test.

    Args:
        first: events and readings by case, as of `clustered_share`.
        second: the same of cases that are none of the first.
    """
    parts = []
    for events, readings in (first, second):
        used = readings > 0
        if used.sum() < 2:
            return not_estimable("Fewer than two cases have such readings.")
        share = float(events[used].sum() / readings[used].sum())
        parts.append((share, _variance(events[used], readings[used], share)))
    (a, variance_a), (b, variance_b) = parts
    return normal_estimate(a - b, variance_a + variance_b, method="cases are clusters")


def _variance(events: FloatArray, readings: FloatArray, share: float) -> float:
    k = len(readings)
    rest = events - share * readings
    return float(k / (k - 1) * np.sum(rest**2) / readings.sum() ** 2)
