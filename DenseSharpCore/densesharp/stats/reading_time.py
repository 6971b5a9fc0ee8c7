"""Reading time: medians per condition and the mixed model of its logarithm.

log(active s) = b0 + b1 aided + b2 period + b3 position + b4 aided x group + reader + case +
reader x aided + case x aided + e, and where patients have several cases patient + patient x aided.
exp(b1) is the ratio of times. Without case x aided, an aid that speeds some cases and slows others
(the usual one) looks significant too often, and the more readers the more often; with few readers
who differ it does so, too, unless their own gains are taken as they are (`reader_gains`;
docs/explanation/reader-statistics.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.mixed_model import MixedModel, fit_mixed_model
from densesharp.stats.mixed_profile import profile_intervals
from densesharp.stats.reader_gains import with_drawn_readers
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

LARGEST = 20
"""Logarithm of a ratio of times (485 million) beyond which an interval says nothing."""


@dataclass(frozen=True)
class TimeSummary:
    """Median and quartiles of times in seconds."""

    n: int
    median: float | None
    quartiles: tuple[float, float] | None


@dataclass(frozen=True)
class ReadingTime:
    """The model's results.

    Attributes:
        ratio: time with the model over time without, with its interval.
        effects: coefficient -> estimate on the log scale.
        variances: random effect -> variance on the log scale.
        spreads: random effect -> standard deviation on the log scale with its profile interval.
        reason: why there is no model.
    """

    ratio: Estimate
    effects: Mapping[str, Estimate]
    variances: Mapping[str, float]
    spreads: Mapping[str, Estimate]
    reason: str | None = None


def summarize(seconds: FloatArray) -> TimeSummary:
    """Median and quartiles."""
    if len(seconds) == 0:
        return TimeSummary(0, None, None)
    low, middle, high = (float(q) for q in np.quantile(seconds, [0.25, 0.5, 0.75]))
    return TimeSummary(len(seconds), middle, (low, high))


def reading_time(
    seconds: FloatArray,
    aided: BoolArray,
    readers: IntArray,
    cases: IntArray,
    *,
    patients: IntArray | None = None,
    period: FloatArray | None = None,
    position: FloatArray | None = None,
    group: IntArray | None = None,
) -> ReadingTime:
    """Fit the model to readings; covariates that do not vary are left out.

    Args:
        seconds: shape (n,): active time, above 0.
        aided: shape (n,): whether the model was shown.
        readers: shape (n,): reader numbers.
        cases: shape (n,): case numbers.
        patients: shape (n,): patient numbers, where some have several cases.
        period: shape (n,): first or second session.
        position: shape (n,): place in the session; its effect is per 100 cases.
        group: shape (n,): reader group; its interaction with `aided` is per step.

    Returns:
        Ratios of times with their intervals, and the variances.
    """
    used = seconds > 0
    if used.sum() < 3 or len(np.unique(aided[used])) < 2:
        missing = not_estimable("Times with and without the model are needed.")
        return ReadingTime(missing, {}, {}, {}, missing.reason)
    shown = aided[used].astype(float)
    candidates = {
        "period": period,
        "position_per_100": None if position is None else position / 100,
        # Without the half, what groups differ in without the model would enter.
        "aided_x_group": None if group is None else (aided - 0.5) * (group - group.mean()),
    }
    covariates = {"aided": shown} | {
        name: values[used].astype(float)
        for name, values in candidates.items()
        if values is not None and len(np.unique(values[used])) > 1
    }
    factors = {
        "case": cases[used],
        "reader": readers[used],
        "reader_x_aided": 2 * readers[used] + aided[used],
    }
    cells = 2 * cases[used] + aided[used]
    # Read once each, it is part of the residual.
    if np.bincount(cells).max() > 1:
        factors["case_x_aided"] = cells
    if patients is not None:
        factors["patient"] = patients[used]
        factors["patient_x_aided"] = 2 * patients[used] + aided[used]
    log = np.log(seconds[used])
    fitted = fit_mixed_model(log, covariates, factors)
    model = with_drawn_readers(fitted, log, covariates, factors)
    spreads = profile_intervals(log, covariates, factors, coefficients=False)
    return ReadingTime(_ratio(model), model.fixed, model.variances, spreads, model.reason)


def _ratio(model: MixedModel) -> Estimate:
    effect = model.fixed["aided"]
    if effect.value is None:
        return effect
    ci, reason = None, effect.reason
    if effect.ci is not None and max(map(abs, effect.ci)) < LARGEST:
        ci = math.exp(effect.ci[0]), math.exp(effect.ci[1])
    elif effect.ci is not None:
        reason = "The readings say too little about how readers differ for an interval."
    return Estimate(
        math.exp(effect.value), None, ci, effect.statistic, effect.df, effect.p, effect.method,
        reason,
    )  # fmt: skip
