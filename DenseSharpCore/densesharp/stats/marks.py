"""Marks that readers set: rated places, right (a lesion) or wrong, as in FROC and LROC studies.

FROC: any number of marks a case. LROC: one a case, at a lesion or not. A mark at a lesion is a
*located* one, every other a *false* one, also on a case with lesions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densesharp.errors import TableError
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings


@dataclass(frozen=True)
class Marks:
    """The marks of a study; -inf stands where there is none.

    Attributes:
        paradigm: `ROC`, `FROC` or `LROC`.
        treatments: sorted labels, t of them.
        readers: sorted labels, r of them.
        cases: sorted labels, K of them.
        lesions: shape (K,): how many lesions a case has; 0 without disease.
        lesion_names: of every case, the labels of its lesions.
        weights: shape (K, L): of the lesions, 1 together in a case with any; 0 behind the last.
        located: shape (t, r, K, L): ratings at lesions.
        false: shape (t, r, K, N): ratings elsewhere, in any order.
        read: shape (t, r, K): who read what.
    """

    paradigm: str
    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    lesions: IntArray
    lesion_names: tuple[tuple[str, ...], ...]
    weights: FloatArray
    located: FloatArray
    false: FloatArray
    read: BoolArray

    @property
    def truth(self) -> BoolArray:
        """Which cases have a lesion, shape (K,)."""
        found: BoolArray = self.lesions > 0
        return found

    @property
    def highest(self) -> FloatArray:
        """The highest rating of every reading, shape (t, r, K): what ROC takes of a case."""
        every = np.concatenate([self.located, self.false], axis=3)
        found: FloatArray = every.max(axis=3, initial=-np.inf)
        return found

    def numbered(self) -> Readings:
        """Readings whose ratings number the rows of marks, for the figures of `mark_figures`.

        A case without any mark was read in a FROC study; in the others it lacks its rating.
        """
        t, r, k = self.read.shape
        rows = np.arange(t * r * k, dtype=np.float64).reshape(t, r, k)
        read = self.read if self.paradigm == "FROC" else self.read & np.isfinite(self.highest)
        return self._readings(np.where(read, rows, np.nan))

    def rated(self) -> Readings:
        """One rating a case, as ROC studies have it.

        Raises:
            TableError: the marks are those of a FROC study.
        """
        if self.paradigm == "FROC":
            raise TableError(
                "These are marks of a FROC study: name a figure of merit for marks, such as "
                "--figure wafroc, or --figure hr-auc for the area of each case's highest rating."
            )
        highest = self.highest
        rated = self.read & np.isfinite(highest)
        return self._readings(np.where(rated, highest, np.nan))

    def _readings(self, ratings: FloatArray) -> Readings:
        return Readings(self.treatments, self.readers, self.cases, self.truth, ratings)


def marks_of(readings: Readings) -> Marks:
    """Readings of an ROC study as marks: a case with disease has one lesion."""
    rated = np.where(np.isnan(readings.ratings), -np.inf, readings.ratings)[..., None]
    diseased = readings.truth[:, None]
    return Marks(
        "ROC",
        readings.treatments,
        readings.readers,
        readings.cases,
        readings.truth.astype(np.int64),
        tuple(("1",) if one else () for one in readings.truth),
        diseased.astype(np.float64),
        np.where(diseased, rated, -np.inf),
        np.where(diseased, -np.inf, rated),
        ~np.isnan(readings.ratings),
    )
