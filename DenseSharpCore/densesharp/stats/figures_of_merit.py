"""Figures of merit: what a reader's readings of the cases are worth, as one number.

Every figure comes with its leave-one-out values, from which the jackknife of the
Obuchowski-Rockette analysis is made. Those of this file are computed in O(n log n) together, not
by n repetitions, so that ten thousand cases take no time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from densesharp.stats.auc import placements
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

LeaveOneOut = Callable[[FloatArray, IntArray], tuple[float, FloatArray] | None]
"""(ratings (K,), truth (K,)) -> (the value, shape (n,): values without each used case), or None."""


@dataclass(frozen=True)
class FigureOfMerit:
    """A figure of merit.

    Attributes:
        name: for tables and text.
        needs: what a reader's cases must hold for it, for the message when they do not.
        compute: see `LeaveOneOut`; None where the value or its jackknife does not exist.
        uses: which cases enter, given the truth; others are left out of the jackknife.
        right: of a share of right calls, whether each (rating, truth) is one; else None.
        limits: the least and the greatest possible value.
        cautious: no reference program has it, and with Hillis' degrees of freedom as they are
            its test with few readers rejects too often: they are made smaller.
    """

    name: str
    needs: str
    compute: LeaveOneOut
    uses: Callable[[IntArray], BoolArray]
    right: Callable[[FloatArray, IntArray], BoolArray] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    cautious: bool = False


def _all_cases(truth: IntArray) -> BoolArray:
    return np.ones(len(truth), dtype=bool)


def _auc(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
    diseased = truth > 0
    n1, n0 = int(diseased.sum()), int((~diseased).sum())
    if n1 < 2 or n0 < 2:
        return None
    values = placements(ratings, diseased)
    left_out = np.empty(len(ratings))
    left_out[diseased] = (n1 * values.auc - values.diseased) / (n1 - 1)
    left_out[~diseased] = (n0 * values.auc - values.others) / (n0 - 1)
    return values.auc, left_out


def _mean(scores: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:  # noqa: ARG001
    n = len(scores)
    if n < 2:
        return None
    total = float(scores.sum())
    return total / n, (total - scores) / (n - 1)


AUC = FigureOfMerit("AUC", "two cases with and two without disease", _auc, _all_cases)
"""Area under the empirical ROC curve; truth above 0 is diseased."""

MEAN_SCORE = FigureOfMerit("mean score", "two cases", _mean, _all_cases)
"""Mean of a score per case, such as the Dice coefficient; the truth is not looked at."""

MEAN_RATING = FigureOfMerit(
    "mean rating", "two cases", _mean, _all_cases, limits=(-math.inf, math.inf)
)
"""Mean of any number per case, with U-statistics."""


def _share(
    name: str,
    needs: str,
    right: Callable[[FloatArray, IntArray], BoolArray],
    uses: Callable[[IntArray], BoolArray],
) -> FigureOfMerit:
    def compute(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
        return _mean(right(ratings, truth).astype(np.float64), truth)

    return FigureOfMerit(name, needs, compute, uses, right)


def accuracy() -> FigureOfMerit:
    """Share of cases whose reading (a class number) equals the truth."""
    return _share("accuracy", "two cases", lambda rating, truth: rating == truth, _all_cases)


def sensitivity(threshold: float) -> FigureOfMerit:
    """Share of the diseased cases called positive at `rating >= threshold`."""
    name = f"sensitivity at rating >= {threshold:g}"
    needs = "two cases with disease"
    return _share(name, needs, lambda rating, _truth: rating >= threshold, lambda truth: truth > 0)


def specificity(threshold: float) -> FigureOfMerit:
    """Share of the cases without disease called negative at `rating < threshold`."""
    name = f"specificity at rating < {threshold:g}"
    needs = "two cases without disease"
    return _share(name, needs, lambda rating, _truth: rating < threshold, lambda truth: truth <= 0)


def quadratic_kappa(classes: int) -> FigureOfMerit:
    """Quadratically weighted kappa of class numbers 0..classes-1 against the truth.

    kappa = 1 - sum(d o) / sum(d e) with d = (i - j)^2 (Cohen 1968). Leaving one case out depends
    only on its cell, so at most classes^2 values differ.
    """
    index = np.arange(classes)
    distance = (index[:, None] - index[None, :]) ** 2.0

    def kappa(counts: FloatArray) -> float:
        n = counts.sum()
        expected = (distance * np.outer(counts.sum(1), counts.sum(0))).sum() / max(n, 1)
        return 1 - float((distance * counts).sum() / expected) if expected > 0 else np.nan

    def compute(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
        rated = ratings.astype(np.int64)
        counts = np.zeros((classes, classes))
        np.add.at(counts, (truth, rated), 1)
        without = np.full((classes, classes), np.nan)
        for i, j in np.argwhere(counts > 0):
            counts[i, j] -= 1
            without[i, j] = kappa(counts)
            counts[i, j] += 1
        left_out = without[truth, rated]
        value = kappa(counts)
        return None if np.isnan(value) or np.isnan(left_out).any() else (value, left_out)

    needs = "at least two classes, and so without any single case"
    name = "quadratic kappa against the truth"
    return FigureOfMerit(name, needs, compute, _all_cases, limits=(-1.0, 1.0), cautious=True)


def _vus(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
    """P(x0 < x1 < x2) for truths 0 < 1 < 2; ties count 1/2 (one pair) and 1/6 (all three).

    Mossman 1999; Nakas & Yiannoutsos 2004. Sums run over the distinct ratings: for a middle case
    at value v the lower class has L below and l equal, the upper class U above and u equal, and it
    is in L U + (L u + l U) / 2 + l u / 6 of the triples.
    """
    counts = [int((truth == c).sum()) for c in range(3)]
    if min(counts) < 2:
        return None
    values, at = np.unique(ratings, return_inverse=True)
    equal = [np.bincount(at[truth == c], minlength=len(values)).astype(float) for c in range(3)]
    below, middle, upper = equal
    less = np.concatenate([[0.0], np.cumsum(below)[:-1]])
    more = upper.sum() - np.cumsum(upper)
    for_middle = less * more + (less * upper + below * more) / 2 + below * upper / 6
    # Seen from a low case: middle cases above it count U + u/2, those at its value U/2 + u/6.
    above = np.cumsum((middle * (more + upper / 2))[::-1])[::-1] - middle * (more + upper / 2)
    for_lower = above + middle * (more / 2 + upper / 6)
    under = np.cumsum(middle * (less + below / 2)) - middle * (less + below / 2)
    for_upper = under + middle * (less / 2 + below / 6)
    total = float((middle * for_middle).sum())
    triples = float(np.prod(counts))
    share = np.array([for_lower, for_middle, for_upper])[truth, at]
    remaining = triples * (1 - 1 / np.array(counts, dtype=float))
    return total / triples, (total - share) / remaining[truth]


VUS = FigureOfMerit(
    "volume under the ROC surface", "two cases of each class", _vus, _all_cases, cautious=True
)
"""Ordered three-class concordance; chance is 1/6."""
