"""Figures of merit of a part of the ROC curve: partial area and expected utility.

Both depend on a case only by its rating and class, so their leave-one-out values are computed once
for each distinct pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from densesharp.stats.auc import partial_auc, roc_curve
from densesharp.stats.figures_of_merit import FigureOfMerit
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

OfCurve = Callable[[FloatArray, BoolArray], float]

NEEDS = "two cases with and two without disease"


def partial_area(low: float, high: float) -> FigureOfMerit:
    """Area under the empirical ROC curve between two specificities (McClish 1989, not rescaled).

    Args:
        low: the lower specificity, 0..1.
        high: the higher one, 0..1.

    Returns:
        The figure, between 0 and `high` - `low`.
    """

    def area(ratings: FloatArray, diseased: BoolArray) -> float:
        return float(partial_auc(ratings, diseased, (low, high)).value or 0.0)

    name = f"partial AUC, specificity {low:g} to {high:g}"
    return _figure(name, area, (0.0, high - low))


def expected_utility(slope: float) -> FigureOfMerit:
    """The largest sensitivity - slope (1 - specificity) on the empirical curve (Abbey et al. 2013).

    Args:
        slope: how many more diseased cases must be found for one more false positive of as many
            cases without disease: (1 - prevalence) / prevalence times cost over benefit, above 0.

    Returns:
        The figure, between 0 and 1.
    """

    def utility(ratings: FloatArray, diseased: BoolArray) -> float:
        curve = roc_curve(ratings, diseased)
        return float((curve.tpr - slope * curve.fpr).max())

    return _figure(f"expected utility, slope {slope:g}", utility)


def _figure(
    name: str, of_curve: OfCurve, limits: tuple[float, float] = (0.0, 1.0)
) -> FigureOfMerit:
    def compute(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
        diseased = truth > 0
        if min(int(diseased.sum()), int((~diseased).sum())) < 2:
            return None
        left_out = np.empty(len(ratings))
        pairs = np.column_stack([ratings, diseased])
        kinds, kind = np.unique(pairs, axis=0, return_inverse=True)
        every = np.arange(len(ratings))
        for number in range(len(kinds)):
            alike = kind.ravel() == number
            rest = every != np.argmax(alike)
            left_out[alike] = of_curve(ratings[rest], diseased[rest])
        return of_curve(ratings, diseased), left_out

    return FigureOfMerit(
        name, NEEDS, compute, lambda truth: np.ones(len(truth), dtype=bool), limits=limits
    )
