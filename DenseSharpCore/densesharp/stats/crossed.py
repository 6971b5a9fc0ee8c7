"""Treatments that cross two factors, such as algorithm and dose: one compared, the other averaged.

A treatment is named by both, `algorithm x dose`, and every pair of levels was read. The figures of
merit and their leave-one-out values are averaged over the levels of one factor; what is left is an
analysis of the other one (Thompson et al. 2016).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from densesharp.errors import TableError
from densesharp.stats.fom_table import FomTable

Factor = Literal["first", "second"]
BETWEEN = " x "
"""Stands between the two levels in a treatment's name."""


def averaged(table: FomTable, compared: Factor) -> FomTable:
    """The table of one factor's levels, averaged over those of the other.

    Args:
        table: whose treatments are named `level x level`.
        compared: the factor to keep.

    Raises:
        TableError: a treatment has another name, a pair of levels is missing, or readings are.
    """
    pairs = [tuple(name.split(BETWEEN)) for name in table.treatments]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise TableError(
            f"--compare needs treatments named 'one{BETWEEN}other', such as 'new{BETWEEN}low dose'"
            f"; these are {', '.join(table.treatments)}."
        )
    levels = [tuple(dict.fromkeys(pair[i] for pair in pairs)) for i in range(2)]
    lacking = [(a, b) for a in levels[0] for b in levels[1] if (a, b) not in pairs]
    if lacking or table.design != "factorial":
        what = f"'{BETWEEN.join(lacking[0])}' is missing" if lacking else "readings are missing"
        raise TableError(f"Both factors must be crossed, every reader reading every case: {what}.")
    axis = 0 if compared == "first" else 1
    kept = levels[axis]
    weights = np.array([[pair[axis] == level for pair in pairs] for level in kept], dtype=float)
    weights /= weights.sum(axis=1, keepdims=True)
    covariance = table.covariance
    if covariance is not None:
        covariance = np.einsum("at,trus,bu->arbs", weights, covariance, weights)
    left_out = table.left_out
    if left_out is not None:
        left_out = np.einsum("at,trk->ark", weights, left_out)
    theta = weights @ table.theta
    return replace(table, treatments=kept, theta=theta, covariance=covariance, left_out=left_out)
