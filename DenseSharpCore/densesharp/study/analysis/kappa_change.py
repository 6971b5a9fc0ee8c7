"""Whether readers agree more with each other under one condition than under another."""

from __future__ import annotations

from densesharp.stats.agreement import Coefficient, chance_corrected
from densesharp.stats.bootstrap import bootstrap_cases
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.kappa import Weights
from densesharp.stats.tables import IntArray

REPLICATES = 1000

COEFFICIENTS: dict[str, tuple[Coefficient, Weights]] = {
    "fleiss": ("fleiss", "unweighted"),
    "fleiss_quadratic": ("fleiss", "quadratic"),
    "gwet_ac1": ("gwet", "unweighted"),
    "gwet_ac2_quadratic": ("gwet", "quadratic"),
}


def kappa_differences(
    classes: IntArray, pair: tuple[int, int], size: int, *, replicates: int = REPLICATES
) -> dict[str, Estimate]:
    """Agreement of these readers under the first condition minus that under the second.

    Bootstrap over cases: a drawn case takes its readings under both conditions along. Only the
    cases that every reader read under both are used.

    Args:
        classes: shape (t, r, K): class numbers, -1 where missing.
        pair: numbers of the two conditions.
        size: how many classes there are.
        replicates: how many resamples.
    """
    first, second = classes[pair[0]].T, classes[pair[1]].T
    complete = ((first >= 0) & (second >= 0)).all(1)
    first, second = first[complete], second[complete]
    if len(first) < 2:
        missing = not_estimable("Fewer than two cases were read by all under both conditions.")
        return dict.fromkeys(COEFFICIENTS, missing)

    def resampled(coefficient: Coefficient, weights: Weights) -> Estimate:
        def difference(drawn: IntArray) -> float | None:
            one = chance_corrected(first[drawn], size, coefficient, weights).value
            other = chance_corrected(second[drawn], size, coefficient, weights).value
            return None if one is None or other is None else one - other

        return bootstrap_cases(difference, len(first), replicates=replicates)

    return {name: resampled(*kind) for name, kind in COEFFICIENTS.items()}
