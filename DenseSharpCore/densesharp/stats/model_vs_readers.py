"""A model without readers against readers who read the same cases.

A t test over readers treats the cases as fixed and can turn a chance result into a significant
one. The primary result is the single-treatment analysis with random readers and random cases
(1T-RRRC: Hillis 2007, section 5.3; Chakraborty 2017, chapter 22); the other one carries a warning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from densesharp.stats.auc import delong_test, roc_curve
from densesharp.stats.estimates import (
    Estimate,
    holm,
    normal_estimate,
    not_estimable,
    t_estimate,
)
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.fom_table import INCOMPLETE, FomTable, fom_table, jackknife_covariance
from densesharp.stats.mrmc_result import ONE_READER, SAME_FIGURE
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings

ReaderForm = Literal["rrrc", "frrc"]
"""Random readers and cases, or these readers and random cases."""

_ZERO = 1e-18
"""Squares of figure-of-merit units below this are rounding noise."""

FIXED_CASES_WARNING = (
    "Cases are taken as fixed, so this says nothing about other cases; do not use it alone."
)


@dataclass(frozen=True)
class NonInferiority:
    """One-sided test that the first is not worse than the second by the margin or more.

    Chen, Petrick & Sahiner 2012: t = (mean difference + margin) / SE. It rejects at `level` when
    the two-sided interval of confidence 1 - 2 `level` lies above minus the margin.

    Attributes:
        margin: in units of the figure of merit, above 0.
        t: the statistic.
        p: one-sided.
        reason: why there is no test.
        form: of the difference and its standard error.
        df: degrees of freedom; None for these readers (`frrc`), where the statistic is a z.
        level: one-sided level that `p` is compared with.
    """

    margin: float
    t: float | None
    p: float | None
    reason: str | None = None
    form: ReaderForm = "rrrc"
    df: float | None = None
    level: float = 0.025


@dataclass(frozen=True)
class StandaloneResult:
    """The model against the readers; differences are model minus readers.

    Attributes:
        figure: name of the figure of merit.
        model: the model's figure of merit.
        readers: reader -> figure of merit.
        rrrc: mean difference, random readers and cases: the primary result.
        frrc: mean difference, these readers, random cases.
        rrfc: mean difference, fixed cases, with its warning as `method`.
        non_inferiority: by the form asked for, if a margin was given.
        each_reader: reader -> DeLong difference with Holm-adjusted p (AUC only, else empty).
    """

    figure: str
    model: float | None
    readers: Mapping[str, float | None]
    rrrc: Estimate
    frrc: Estimate
    rrfc: Estimate
    non_inferiority: NonInferiority | None
    each_reader: Mapping[str, Estimate]


def standalone(
    model: FloatArray,
    readings: Readings,
    figure: FigureOfMerit = AUC,
    *,
    truth: IntArray | None = None,
    margin: float | None = None,
    form: ReaderForm = "rrrc",
    confidence: float = 0.95,
) -> StandaloneResult:
    """Compare a model's ratings with the readers' under one treatment.

    Args:
        model: shape (K,): the model's rating of every case.
        readings: of one treatment.
        figure: what to compare.
        truth: shape (K,): classes, for figures of merit that look at more than two.
        margin: non-inferiority margin in units of the figure of merit, above 0.
        form: what non-inferiority is tested by.
        confidence: of the intervals.

    Returns:
        The model's figure, the readers' mean, their difference, and what follows from a margin.
    """
    # The model becomes one more reader, so that its leave-one-out values come along.
    together = np.concatenate([model[None, None, :], readings.ratings], axis=1)
    labels = ("the model", *readings.readers)
    joint = replace(readings, readers=labels, ratings=together)
    table = fom_table(joint, figure, truth=truth)
    theta = [None if math.isnan(value) else float(value) for value in table.theta[0]]
    forms = _mean_differences(table, confidence)
    judged = forms[0] if form == "rrrc" else forms[1]
    level = round((1 - confidence) / 2, 9)
    return StandaloneResult(
        figure.name,
        theta[0],
        dict(zip(readings.readers, theta[1:], strict=True)),
        *forms,
        None if margin is None else non_inferiority(judged, margin, form, level=level),
        _each_reader(model, readings, confidence) if figure is AUC else {},
    )


def _mean_differences(table: FomTable, confidence: float) -> tuple[Estimate, Estimate, Estimate]:
    """Random readers and cases, fixed readers, fixed cases; the model is the first reader."""
    theta, left_out, reason = table.theta[0], table.left_out, table.reason
    differences = theta[0] - theta[1:]
    r = len(differences)
    if np.isnan(differences).any():
        missing = not_estimable(reason or INCOMPLETE)
        return missing, missing, missing
    mean = float(differences.mean())
    frrc = Estimate(mean, reason=reason)
    covariance = None
    if left_out is not None:
        covariance = jackknife_covariance(left_out[0, :1] - left_out[0, 1:], table.patients)
        spread = float(covariance.sum()) / r**2
        # A model that is a reader leaves rounding noise, which is no variance.
        spread = spread if spread > _ZERO else 0.0
        frrc = normal_estimate(mean, spread, confidence=confidence, method="1T-FRRC")
    if r < 2:
        alone = Estimate(mean, reason=ONE_READER)
        return alone, frrc, alone
    ms_r = float(differences.var(ddof=1))
    rrfc = t_estimate(mean, ms_r / r, r - 1, confidence=confidence, method=FIXED_CASES_WARNING)
    if covariance is None:
        return Estimate(mean, reason=reason), frrc, rrfc
    cov2 = (covariance.sum() - np.trace(covariance)) / (r * (r - 1))
    d = ms_r + r * max(float(cov2), 0.0)
    if d <= _ZERO:
        return Estimate(mean, reason=SAME_FIGURE), frrc, rrfc
    if ms_r <= _ZERO:  # the limit of ever more degrees of freedom
        return normal_estimate(mean, d / r, confidence=confidence, method="1T-RRRC"), frrc, rrfc
    df = (r - 1) * (d / ms_r) ** 2
    both = t_estimate(mean, d / r, df, confidence=confidence, method="1T-RRRC")
    return both, frrc, rrfc


def non_inferiority(
    difference: Estimate, margin: float, form: ReaderForm = "rrrc", *, level: float = 0.025
) -> NonInferiority:
    """The one-sided test of `NonInferiority` from a difference with standard error.

    By t with the difference's degrees of freedom, by z where it has none.

    Args:
        difference: model minus readers.
        margin: above 0, in its units.
        form: what it generalises to.
        level: one-sided.
    """
    if difference.value is None or difference.se is None:
        return NonInferiority(margin, None, None, difference.reason, form, level=level)
    t = (difference.value + margin) / difference.se
    law = stats.norm if difference.df is None else stats.t(difference.df)
    return NonInferiority(margin, t, float(law.sf(t)), None, form, difference.df, level)


def _each_reader(model: FloatArray, readings: Readings, confidence: float) -> dict[str, Estimate]:
    found = []
    for ratings in readings.ratings[0]:
        read = ~(np.isnan(ratings) | np.isnan(model))
        pair = (model[read], ratings[read], readings.truth[read])
        patients = None if readings.patients is None else readings.patients[read]
        found.append(delong_test(*pair, patients, confidence=confidence))
    adjusted = holm([estimate.p for estimate in found])
    rows = zip(readings.readers, found, adjusted, strict=True)
    method = "DeLong; p adjusted by Holm, interval not"
    return {
        reader: Estimate(e.value, e.se, e.ci, e.statistic, None, p, method, e.reason)
        for reader, e, p in rows
    }


def sensitivity_at(ratings: FloatArray, truth: BoolArray, specificity: float) -> float | None:
    """The model's sensitivity where its empirical curve has the readers' average specificity.

    Between points of the curve on a straight line; None with one class.

    Args:
        ratings: shape (K,): ratings of the cases.
        truth: shape (K,): True with the disease.
        specificity: where to read the curve.
    """
    if truth.all() or not truth.any():
        return None
    curve = roc_curve(ratings, truth)
    # The highest point of every vertical step.
    last = np.append(np.diff(curve.fpr) > 0, True)
    return float(np.interp(1 - specificity, curve.fpr[last], curve.tpr[last]))
