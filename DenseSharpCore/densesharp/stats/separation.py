"""Which coefficients of a logistic regression have no finite estimate.

The outcomes are (quasi-)completely separated when some direction b of the coefficients has
x_i'b >= 0 for all right and <= 0 for all wrong observations, and not 0 for all (Albert & Anderson
1984). The likelihood then grows without end along b, so what a program prints for the coefficients
in which b moves depends on when it stopped. All such directions form a cone, which is searched by
linear programming (Konis 2007).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from densesharp.stats.tables import BoolArray, FloatArray

REASON = (
    "A combination of covariates is always right or always wrong, so this coefficient has no "
    "finite estimate."
)


def separated(correct: BoolArray, design: FloatArray) -> BoolArray:
    """Shape (p,): the coefficients that separation touches.

    Args:
        correct: shape (n,): the outcomes.
        design: shape (n, p), of full rank.
    """
    signed = np.where(correct, 1.0, -1.0)[:, None] * design
    # Few combinations of covariates are different.
    rows = np.unique(signed, axis=0)
    touched = np.zeros(design.shape[1], dtype=bool)
    for sign in (1.0, -1.0):
        for column in np.flatnonzero(~touched):
            goal = np.zeros(design.shape[1])
            goal[column] = -sign
            found = optimize.linprog(goal, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
            if found.status == 0 and -found.fun > 1e-6:
                touched |= np.abs(found.x) > 1e-6
    return touched
