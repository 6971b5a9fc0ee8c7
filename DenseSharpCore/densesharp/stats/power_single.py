"""Power and sample size for one AUC against chance: is a model, or a reader, better than 1/2?

Obuchowski & McClish 1997; Obuchowski, Lieber & Wians 2004. Ratings are taken as binormal with equal
variances; with A = 1.414 z(AUC) and k cases without disease for each with, the variance of an AUC
from n diseased cases is V / n,

V = 0.0099 exp(-A^2 / 2) [5 A^2 + 8 + (A^2 + 8) / k].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from densesharp.errors import StudyError

SCALE = 1.414
"""The square root of two as the paper prints it."""


@dataclass(frozen=True)
class SinglePower:
    """Power of the two-sided test that one AUC is 1/2.

    Attributes:
        auc: the AUC that is expected.
        power: probability that the test shows it.
        diseased: cases with disease; a sample size need not be whole.
        others: cases without.
        alpha: two-sided level.
    """

    auc: float
    power: float
    diseased: float
    others: float
    alpha: float


def variance_factor(auc: float, ratio: float) -> float:
    """V of an AUC; `ratio` is k, the cases without disease for each case with."""
    a2 = (SCALE * float(stats.norm.ppf(auc))) ** 2
    return 0.0099 * math.exp(-a2 / 2) * (5 * a2 + 8 + (a2 + 8) / ratio)


def single_power(auc: float, diseased: float, others: float, alpha: float = 0.05) -> SinglePower:
    """Power with given numbers of cases.

    Args:
        auc: expected.
        diseased: cases with the disease.
        others: cases without.
        alpha: two-sided level.

    Raises:
        StudyError: the AUC is 1/2 or below, 1 or above, or a class has no case.
    """
    _check(auc, min(diseased, others))
    ratio = others / diseased
    reach = (auc - 0.5) * math.sqrt(diseased)
    needed = float(stats.norm.isf(alpha / 2)) * math.sqrt(variance_factor(0.5, ratio))
    z = (reach - needed) / math.sqrt(variance_factor(auc, ratio))
    return SinglePower(auc, float(stats.norm.cdf(z)), diseased, others, alpha)


def single_cases(
    auc: float, target: float = 0.8, ratio: float = 1.0, alpha: float = 0.05
) -> SinglePower:
    """The number of cases, not rounded, that reaches the target power.

    Args:
        auc: expected.
        target: power.
        ratio: cases without the disease for each with it.
        alpha: two-sided level.

    Raises:
        StudyError: see `single_power`.
    """
    _check(auc, ratio)
    null = float(stats.norm.isf(alpha / 2)) * math.sqrt(variance_factor(0.5, ratio))
    other = float(stats.norm.ppf(target)) * math.sqrt(variance_factor(auc, ratio))
    diseased = ((null + other) / (auc - 0.5)) ** 2
    return SinglePower(auc, target, diseased, ratio * diseased, alpha)


def _check(auc: float, smallest: float) -> None:
    if not 0.5 < auc < 1:
        raise StudyError("The AUC to show lies between 0.5 (chance) and 1.")
    if not smallest > 0:
        raise StudyError("There must be cases with and cases without disease.")
