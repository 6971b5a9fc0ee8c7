"""Three or more classes: areas between classes, confusion matrices and their summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from densesharp.stats.auc import empirical_auc
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.kappa import Weights, cohen_kappa, printed_kappa
from densesharp.stats.proportions import wilson
from densesharp.stats.tables import FloatArray, IntArray

ABSENT = "A class has no case."


@dataclass(frozen=True)
class OneVsRest:
    """Areas of each class against the others (None without the class) and their two means."""

    each: Sequence[float | None]
    macro: Estimate
    weighted: Estimate


def one_vs_rest(probabilities: FloatArray, truth: IntArray) -> OneVsRest:
    """One-vs-rest AUC of each class, their mean (`macro`) and prevalence-weighted mean.

    Args:
        probabilities: shape (n, c).
        truth: shape (n,), classes 0..c-1.
    """
    classes = probabilities.shape[1]
    each = [empirical_auc(probabilities[:, c], truth == c) for c in range(classes)]
    known = [area for area in each if area is not None]
    if len(known) < classes:
        missing = not_estimable(ABSENT)
        return OneVsRest(each, missing, missing)
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return OneVsRest(
        each,
        Estimate(float(np.mean(known)), method="mean of the classes"),
        Estimate(float(shares @ known), method="weighted by prevalence"),
    )


def hand_till(probabilities: FloatArray, truth: IntArray) -> Estimate:
    """Hand & Till's M (2001): the mean over pairs of classes of [A(i|j) + A(j|i)] / 2.

    A(i|j) is the probability that a case of class i has the higher probability of class i than a
    case of class j. Equals the one-vs-one macro average of scikit-learn.
    """
    classes = probabilities.shape[1]
    if len(np.unique(truth)) < classes:
        return not_estimable(ABSENT)
    areas = []
    for i, j in combinations(range(classes), 2):
        pair = (truth == i) | (truth == j)
        for c in (i, j):
            area = empirical_auc(probabilities[pair, c], truth[pair] == c)
            areas.append(area if area is not None else math.nan)
    return Estimate(float(np.mean(areas)), method="Hand & Till 2001")


def ordinal_concordance(ratings: FloatArray, truth: IntArray) -> Estimate:
    """Probability that of two cases of different class the higher class has the higher rating.

    Ties count one half: the mean of the pairs' AUCs weighted by their pairs of cases (Obuchowski
    2005, without penalties).
    """
    wins = pairs = 0.0
    for low, high in combinations(np.unique(truth), 2):
        of_pair = (truth == low) | (truth == high)
        area = empirical_auc(ratings[of_pair], truth[of_pair] == high)
        count = float((truth == low).sum() * (truth == high).sum())
        wins += (area or 0.0) * count
        pairs += count
    if pairs == 0:
        return not_estimable("All cases are of one class.")
    return Estimate(wins / pairs, method="Obuchowski 2005")


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix and what is usually said about it.

    Attributes:
        counts: shape (c, c): truth (rows) by call (columns).
        accuracy: with Wilson's interval.
        balanced_accuracy: mean of the classes' sensitivities.
        sensitivity: of each class, with Wilson's interval.
        f1: of each class; 0 if the class is never called though it exists.
        macro_f1: mean of `f1`.
        weighted_f1: mean of `f1` weighted by the classes' cases.
        mcc: Matthews' correlation for several classes (Gorodkin 2004).
        kappa: weights -> Cohen's kappa against the truth.
        one_step: share of calls one class away from the truth.
        two_steps: share of calls two or more classes away.
    """

    counts: FloatArray
    accuracy: Estimate
    balanced_accuracy: Estimate
    sensitivity: tuple[Estimate, ...]
    f1: tuple[Estimate, ...]
    macro_f1: Estimate
    weighted_f1: Estimate
    mcc: Estimate
    kappa: Mapping[str, Estimate]
    one_step: Estimate
    two_steps: Estimate


def confusion(counts: FloatArray, *, averaged: bool = False) -> Confusion:
    """Summaries of a confusion matrix.

    Args:
        counts: shape (c, c): truth (rows) by call (columns).
        averaged: the counts are means over readers: their proportions get no interval, as their
            sum is no number of independent readings.
    """
    n = float(counts.sum())

    def share(successes: float, total: float) -> Estimate:
        if total > 0 and averaged:
            return Estimate(successes / total, method="mean of readers")
        return wilson(int(successes), int(total)) if total > 0 else not_estimable(ABSENT)

    rows = counts.sum(1)
    f1 = _f1(counts)
    known = [e.value for e in f1 if e.value is not None]
    complete = len(known) == len(counts)
    recalls = [share(counts[c, c], rows[c]) for c in range(len(counts))]
    found = [e.value for e in recalls if e.value is not None]
    away = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
    weights: tuple[Weights, ...] = ("unweighted", "linear", "quadratic")
    absent = not_estimable(ABSENT)
    return Confusion(
        counts,
        share(float(np.trace(counts)), n),
        Estimate(float(np.mean(found))) if len(found) == len(counts) else absent,
        tuple(recalls),
        tuple(f1),
        Estimate(float(np.mean(known))) if complete else absent,
        Estimate(float(np.dot(known, rows) / n)) if complete and n else absent,
        _mcc(counts),
        {name: _kappa(counts, name, averaged) for name in weights},
        share(float(counts[away == 1].sum()), n),
        share(float(counts[away > 1].sum()), n),
    )


def _kappa(counts: FloatArray, weights: Weights, averaged: bool) -> Estimate:
    if not averaged:
        return printed_kappa(counts, weights)
    found = cohen_kappa(counts, weights)
    return replace(found, se=None, ci=None, statistic=None, p=None, method="of averaged counts")


def _f1(counts: FloatArray) -> list[Estimate]:
    """2 tp / (2 tp + fp + fn) of each class."""
    total = counts.sum(0) + counts.sum(1)
    return [
        Estimate(float(2 * counts[c, c] / total[c]))
        if total[c] > 0
        else not_estimable("The class neither exists nor was called.")
        for c in range(len(counts))
    ]


def weighted_f1(counts: FloatArray) -> FloatArray:
    """Only the weighted F1 of confusion matrices, shape (..., c, c); NaN where there is none."""
    rows, total = counts.sum(-1), counts.sum(-2) + counts.sum(-1)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    there = (total > 0).all(axis=-1)
    each = 2 * right * rows / np.where(total > 0, total, 1)
    return np.where(there, each.sum(-1) / np.where(there, rows.sum(-1), 1), np.nan)


def _mcc(counts: FloatArray) -> Estimate:
    n, right = float(counts.sum()), float(np.trace(counts))
    truth, called = counts.sum(1), counts.sum(0)
    scale = (n**2 - float(truth @ truth)) * (n**2 - float(called @ called))
    if scale <= 0:
        return not_estimable("All cases are of one class, or all calls are.")
    return Estimate((n * right - float(truth @ called)) / math.sqrt(scale))
