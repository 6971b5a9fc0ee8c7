"""Who read what: factorial, nested and split-plot designs of multi-reader studies.

In a nested or split-plot design (Obuchowski 1995; Hillis 2014) any two curves, each the readings of
one reader under one treatment, are of the same cases or have none in common. Readings that are
missing without such a plan have no design here.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from densesharp.stats.tables import BoolArray, FloatArray

Design = Literal[
    "factorial",
    "cases nested in readers",
    "cases nested in treatments",
    "cases nested in readers and treatments",
    "split plot: groups of readers with cases of their own",
    "readers nested in treatments",
]
READERS_IN_TREATMENTS: Design = "readers nested in treatments"


def study_design(ratings: FloatArray) -> Design | None:
    """The design of readings, shape (t, r, K) with NaN where there is none.

    Returns:
        The design; None where readings are missing that no design leaves out.
    """
    read: BoolArray = ~np.isnan(ratings)
    if read.all():
        return "factorial"
    curves: BoolArray = np.asarray(read.any(axis=2))
    if not curves.all():
        each = (curves.sum(axis=0) == 1).all() and curves.any(axis=1).all()
        whole = len(curves) > 1 and read[curves].all()
        return READERS_IN_TREATMENTS if each and whole else None
    sets = np.unique(read.reshape(-1, read.shape[2]), axis=0)
    if (sets.sum(axis=0) != 1).any():
        return None
    same_for_treatments = bool((read == read[:1]).all())
    same_for_readers = bool((read == read[:, :1]).all())
    if same_for_treatments:
        if len(sets) == read.shape[1]:
            return "cases nested in readers"
        return "split plot: groups of readers with cases of their own"
    if same_for_readers and len(sets) == len(read):
        return "cases nested in treatments"
    return "cases nested in readers and treatments"


def share_cases(ratings: FloatArray) -> BoolArray:
    """Which pairs of curves have cases in common, shape (t * r, t * r)."""
    read = (~np.isnan(ratings)).reshape(-1, ratings.shape[2]).astype(np.int64)
    shared: BoolArray = (read @ read.T) > 0
    return shared
