"""One reader's paired calls where patients have several cases: `proportions` by patient.

Counts of a cross table cannot say which cases are of one patient, so these take the calls.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from densesharp.stats.clusters import spread, summed
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.proportions import (
    chi_square,
    obuchowski,
    paired_difference,
    tango,
)
from densesharp.stats.tables import BoolArray, FloatArray, IntArray


def change_by_patient(
    first: BoolArray, second: BoolArray, clusters: IntArray
) -> tuple[Estimate, Estimate]:
    """Difference of two paired shares, first minus second, with Newcombe's and Tango's interval.

    Both are those of the effective number of cases (Rao & Scott 1992): as many as would give the
    difference the variance that it has over patients. Tests: Obuchowski 1998 for one reader.

    Args:
        first: shape (n,): right under the first condition.
        second: shape (n,): under the second.
        clusters: shape (n,): patients of the cases.
    """
    n = len(first)
    if n == 0:
        missing = not_estimable("There is no case to count.")
        return missing, missing
    cells = [float(part.sum()) for part in (
        first & second, first & ~second, second & ~first, ~first & ~second,
    )]  # fmt: skip
    d = first.astype(float) - second
    influence = (d - d.mean()) / n
    alone, together = spread(influence), spread(summed(influence, clusters))
    most = len(np.unique(clusters)) / n
    share = min(1.0, alone / together) if alone > 0 and together > 0 else most
    effective = [cell * share for cell in cells]
    b, c = (
        summed(part.astype(np.float64), clusters) for part in (first & ~second, second & ~first)
    )
    test = obuchowski(b, c, summed(np.ones(n), clusters))
    by = f"{len(b)} patients as clusters (Rao & Scott; p Obuchowski 1998)"
    newcombe, score = (
        replace(
            one(*effective), value=float(d.mean()), statistic=test.statistic, df=test.df, p=test.p,
            method=f"{name}, {by}",
        )
        for one, name in ((paired_difference, "Newcombe 1998"), (tango, "Tango 1998"))
    )  # fmt: skip
    return newcombe, score


def homogeneity_by_patient(
    first: IntArray, second: IntArray, classes: int, clusters: IntArray
) -> Estimate:
    """`marginal_homogeneity` with the covariance of the marginals' differences over patients.

    Args:
        first: shape (n,): class numbers of one rating.
        second: shape (n,): of the other.
        classes: number of classes.
        clusters: shape (n,): patients of the cases.
    """
    used = [c for c in range(classes) if (first == c).any() or (second == c).any()]
    if len(used) < 2:
        return not_estimable("Only one class was used.")
    moves: FloatArray = np.column_stack([
        summed((first == c).astype(float) - (second == c), clusters) for c in used[:-1]
    ])  # fmt: skip
    covariance = moves.T @ moves
    if np.linalg.matrix_rank(covariance) < len(used) - 1:
        return not_estimable("Too few cases changed class for this test.")
    d = moves.sum(axis=0)
    return chi_square(float(d @ np.linalg.solve(covariance, d)), len(used) - 1)
