"""Whether probabilities mean what they say: Brier, ECE, calibration line, decision curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from densesharp.stats.clusters import Clusters, share_of
from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray


def brier(probabilities: FloatArray, outcome: BoolArray) -> Estimate:
    """Mean of (p - y)^2 (Brier 1950, two classes)."""
    if len(outcome) == 0:
        return not_estimable("There is no case.")
    return Estimate(float(((probabilities - outcome) ** 2).mean()), method="two classes")


def brier_multiclass(probabilities: FloatArray, truth: IntArray) -> Estimate:
    """Mean over cases of the sum over classes of (p - y)^2; 0 to 2.

    Args:
        probabilities: shape (n, c).
        truth: shape (n,), classes 0..c-1.
    """
    if len(truth) == 0:
        return not_estimable("There is no case.")
    outcome = np.eye(probabilities.shape[1])[truth]
    score = float(((probabilities - outcome) ** 2).sum(1).mean())
    return Estimate(score, method="summed over classes")


def brier_skill(probabilities: FloatArray, outcome: BoolArray) -> Estimate:
    """1 - Brier / Brier of always saying the prevalence."""
    score = brier(probabilities, outcome).value
    prevalence = float(outcome.mean()) if len(outcome) else 0.0
    if score is None or prevalence in (0.0, 1.0):
        return not_estimable("Every case has the same outcome.")
    return Estimate(1 - score / (prevalence * (1 - prevalence)))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: counts, mean probability, observed share with interval."""

    low: float
    high: float
    n: int
    mean_probability: float
    observed: Estimate


def reliability_bins(
    probabilities: FloatArray,
    outcome: BoolArray,
    bins: int = 10,
    *,
    equal_count: bool = False,
    clusters: Clusters | None = None,
) -> list[Bin]:
    """The bins that hold cases; of equal width on 0..1 (a bin holds its lower edge), or count.

    Args:
        probabilities: shape (n,).
        outcome: shape (n,).
        bins: how many.
        equal_count: see above.
        clusters: cases and readers of the probabilities; several of one case have one outcome, so
            the interval of the observed share takes the number of independent ones. That of
            several readers is for readers like them.
    """
    if equal_count:
        parts = np.array_split(np.argsort(probabilities, kind="stable"), bins)
        groups = [(probabilities[p].min(), probabilities[p].max(), p) for p in parts if len(p)]
    else:
        number = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
        groups = [
            (b / bins, (b + 1) / bins, np.flatnonzero(number == b)) for b in np.unique(number)
        ]
    return [
        Bin(
            float(low),
            float(high),
            len(rows),
            float(probabilities[rows].mean()),
            _share(outcome, rows, clusters),
        )
        for low, high, rows in groups
    ]


def _share(outcome: BoolArray, rows: IntArray, clusters: Clusters | None) -> Estimate:
    if clusters is None:
        return share_of(outcome[rows])
    readers = None if clusters.readers is None else clusters.readers[rows]
    return share_of(outcome[rows], clusters.cases[rows], readers)


def calibration_errors(bins: list[Bin]) -> tuple[Estimate, Estimate]:
    """Expected and maximum calibration error of bins: mean (by count) and largest gap."""
    if not bins:
        missing = not_estimable("There is no case.")
        return missing, missing
    gaps = np.array([abs((b.observed.value or 0.0) - b.mean_probability) for b in bins])
    counts = np.array([b.n for b in bins])
    method = f"{len(bins)} bins with cases"
    return (
        Estimate(float(gaps @ counts / counts.sum()), method=method),
        Estimate(float(gaps.max()), method=method),
    )


def calibration_line(
    probabilities: FloatArray,
    outcome: BoolArray,
    edge: float = 1e-4,
    clusters: Clusters | None = None,
) -> tuple[Estimate, Estimate]:
    """Intercept and slope of logit P(y) = a + b logit(p) (Cox 1958); 0 and 1 when calibrated.

    Args:
        probabilities: shape (n,).
        outcome: shape (n,).
        edge: probabilities are first kept this far from 0 and 1, whose logit is infinite; for
            ratings on a scale take half a step.
        clusters: readers and cases of the probabilities; without, each is a case of its own. The
            interval of several readers is then one for readers like them.
    """
    x = special.logit(np.clip(probabilities, edge, 1 - edge))
    if outcome.all() or not outcome.any():
        missing = not_estimable("Every case has the same outcome.")
        return missing, missing
    if np.ptp(x) == 0:
        missing = not_estimable("All probabilities are equal.")
        return missing, missing
    design = np.column_stack([np.ones(len(x)), x])
    fit = logistic(design, outcome.astype(float))
    if fit is None:
        missing = not_estimable("The probabilities separate the outcomes completely.")
        return missing, missing
    values, covariance = fit
    method = "logistic recalibration"
    if clusters is not None:
        fitted = special.expit(design @ values)
        intercept, slope = clusters.logistic_estimates(
            values, design, outcome - fitted, fitted * (1 - fitted), nulls=(0.0, 1.0),
            method=method,
        )  # fmt: skip
        return intercept, slope
    return (
        normal_estimate(float(values[0]), float(covariance[0, 0]), null=0.0, method=method),
        normal_estimate(float(values[1]), float(covariance[1, 1]), null=1.0, method=method),
    )


def logistic(design: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Maximum likelihood by Newton's method; None where it runs away (separation)."""
    values = np.zeros(design.shape[1])
    for _ in range(60):
        p = special.expit(design @ values)
        information = (design * (p * (1 - p))[:, None]).T @ design
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (outcome - p))
        # Long steps are shortened: the likelihood is concave, so that this converges.
        values = values + step * min(1.0, 5 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            return values, np.linalg.inv(information)
    return None


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit over threshold probabilities, each array of shape (t,)."""

    thresholds: FloatArray
    model: FloatArray
    treat_all: FloatArray


def decision_curve(
    probabilities: FloatArray, outcome: BoolArray, thresholds: FloatArray
) -> DecisionCurve:
    """Net benefit TP/n - FP/n pt / (1 - pt) of acting at p >= pt (Vickers & Elkin 2006).

    Args:
        probabilities: shape (n,).
        outcome: shape (n,).
        thresholds: shape (t,), in 0..1 without 1.
    """
    n = len(outcome)
    odds = thresholds / (1 - thresholds)
    positive = probabilities[None, :] >= thresholds[:, None]
    tp, fp = (positive & outcome).sum(1) / n, (positive & ~outcome).sum(1) / n
    prevalence = float(outcome.mean())
    return DecisionCurve(thresholds, tp - fp * odds, prevalence - (1 - prevalence) * odds)
