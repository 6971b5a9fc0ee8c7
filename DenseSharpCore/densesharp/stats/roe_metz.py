"""Readings by the model of Roe & Metz (1997), and what they lead one to expect.

The hidden rating of case k by reader j under treatment i is delta_i (if diseased) + R_j + (TR)_ij +
C_k + (TC)_ik + (RC)_jk + E, all normal and independent; reader effects are drawn for either class.
Variances of diseased cases are 1 / b^2 times those of the others (Hillis 2012), so that every
reader's own curve has the slope b on normal paper. What the analysis of Obuchowski & Rockette
estimates from such readings follows from bivariate normal probabilities (Hillis 2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from densesharp.errors import StudyError
from densesharp.stats.mrmc_result import Components
from densesharp.stats.tables import FloatArray, Readings

CASE_VARIANCES = {"H": (0.3, 0.3, 0.2, 0.2), "L": (0.1, 0.1, 0.2, 0.6)}
"""Of C, TC, RC and E: readings of a case that are alike (H) or less so (L)."""

READER_VARIANCES = {"H": ((0.75, 0.011), (1.5, 0.03), (2.5, 0.056)), "L": ((0.75, 0.0055),)}
"""Of R and TR each, by the distance delta that they belong to in the paper's table."""


@dataclass(frozen=True)
class RoeMetz:
    """Parameters of the model.

    Attributes:
        delta: distance of the classes, for each treatment.
        reader: variance of R.
        treatment_reader: variance of TR.
        case: variance of C, of cases without disease, as are the next three.
        treatment_case: of TC.
        reader_case: of RC.
        error: of E.
        b: SD of cases without disease over that of diseased ones.
    """

    delta: tuple[float, ...]
    reader: float
    treatment_reader: float
    case: float
    treatment_case: float
    reader_case: float
    error: float
    b: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            StudyError: a variance is below 0, all are 0, or b is not above 0.
        """
        parts = (self.case, self.treatment_case, self.reader_case, self.error)
        if min(self.reader, self.treatment_reader, *parts) < 0 or not sum(parts) > 0:
            raise StudyError("Variances are 0 or above, and those of cases and error not all 0.")
        if not (self.b > 0 and self.delta):
            raise StudyError("b is above 0, and there is one treatment at least.")

    @property
    def spread(self) -> float:
        """Variance of the difference between a diseased and another hidden rating."""
        cases = self.case + self.treatment_case + self.reader_case + self.error
        return 2 * (self.reader + self.treatment_reader) + (1 + self.b**-2) * cases

    @property
    def areas(self) -> tuple[float, ...]:
        """The expected area under the curve of each treatment, over readers like these."""
        return tuple(float(special.ndtr(d / math.sqrt(self.spread))) for d in self.delta)

    def components(self, others: int, diseased: int) -> Components:
        """What the analysis of areas estimates, on average.

        Args:
            others: cases without disease.
            diseased: cases with it.

        Raises:
            StudyError: fewer than two treatments.
        """
        if len(self.delta) < 2:
            raise StudyError("Components need two treatments.")
        pairs = [(a, b) for a in range(len(self.delta)) for b in range(len(self.delta)) if a != b]
        same = [(a, a) for a in range(len(self.delta))]

        def mean(which: Sequence[tuple[int, int]], *, treatment: bool, reader: bool) -> float:
            found = [self._error(a, b, others, diseased, treatment, reader) for a, b in which]
            return float(np.mean(found))

        between = float(np.mean([self._shared(a, b, 2 * self.reader) for a, b in pairs]))
        own = [self._shared(a, a, 2 * (self.reader + self.treatment_reader)) for a, _ in same]
        return Components(
            var_r=between,
            var_tr=float(np.mean(own)) - between,
            cov1=mean(pairs, treatment=False, reader=True),
            cov2=mean(same, treatment=True, reader=False),
            cov3=mean(pairs, treatment=False, reader=False),
            var_error=mean(same, treatment=True, reader=True),
        )

    def _shared(self, a: int, b: int, shared: float) -> float:
        """Covariance of two areas that have this variance of the difference in common."""
        return self._both(a, b, shared) - self.areas[a] * self.areas[b]

    def _both(self, a: int, b: int, shared: float) -> float:
        """Probability that two pairs of cases are both ordered rightly."""
        limits = np.array([self.delta[a], self.delta[b]]) / math.sqrt(self.spread)
        correlation = min(shared / self.spread, 1.0)
        if correlation >= 1:
            return float(special.ndtr(limits.min()))
        matrix = [[1.0, correlation], [correlation, 1.0]]
        return float(stats.multivariate_normal.cdf(limits, cov=matrix))

    def _error(
        self,
        a: int,
        b: int,
        others: int,
        diseased: int,
        treatment: bool,
        reader: bool,
    ) -> float:
        """Covariance of the errors of two areas, by what their readings have in common."""
        case = self.case + treatment * self.treatment_case + reader * self.reader_case
        case += (treatment and reader) * self.error
        readers = 2 * reader * (self.reader + treatment * self.treatment_reader)
        scale = self.b**-2
        neither = self._both(a, b, readers)
        total = self._both(a, b, readers + (1 + scale) * case)
        total += (diseased - 1) * self._both(a, b, readers + case)
        total += (others - 1) * self._both(a, b, readers + scale * case)
        return (total + (1 - others - diseased) * neither) / (others * diseased)


def roe_metz(structure: str, areas: Sequence[float], b: float = 1.0) -> RoeMetz:
    """A model of the paper's table with given areas.

    Args:
        structure: `HH`, `HL`, `LH` or `LL`: readings of a case alike or less so; readers who
            differ much or little.
        areas: expected area of each treatment, between 0.5 and 1.
        b: see `RoeMetz`.

    Raises:
        StudyError: the structure is unknown, or an area or b is out of range.
    """
    if len(structure) != 2 or not set(structure) <= {"H", "L"}:
        raise StudyError(f"'{structure}' is no structure; choose HH, HL, LH or LL.")
    if not areas or not all(0.5 <= area < 1 for area in areas) or not b > 0:
        raise StudyError("Expected areas lie between 0.5 and 1, and b is above 0.")
    distance = special.ndtri(float(np.mean(areas))) * math.sqrt(2)
    table = READER_VARIANCES[structure[1]]
    reader = min(table, key=lambda row: abs(row[0] - distance))[1]
    model = RoeMetz((0.0,), reader, reader, *CASE_VARIANCES[structure[0]], b=b)
    delta = tuple(float(special.ndtri(a)) * math.sqrt(model.spread) for a in areas)
    return RoeMetz(delta, reader, reader, *CASE_VARIANCES[structure[0]], b=b)


def simulate_readings(
    model: RoeMetz, readers: int, others: int, diseased: int, rng: np.random.Generator
) -> Readings:
    """Draw a study in which every reader reads every case under every treatment.

    Args:
        model: what to draw from.
        readers: how many.
        others: cases without disease.
        diseased: cases with it.
        rng: source of randomness.

    Raises:
        StudyError: there is no reader, or a class has no case.
    """
    if min(readers, others, diseased) < 1:
        raise StudyError("A study needs a reader, a case with and a case without disease.")
    t, k = len(model.delta), others + diseased
    truth = np.arange(k) >= others

    def draw(variance: float, *shape: int) -> FloatArray:
        return math.sqrt(variance) * rng.normal(size=shape)

    own = draw(model.case, 1, 1, k) + draw(model.treatment_case, t, 1, k)
    own = own + draw(model.reader_case, 1, readers, k) + draw(model.error, t, readers, k)
    by_class = draw(model.reader, 1, readers, 2) + draw(model.treatment_reader, t, readers, 2)
    ratings = np.where(truth, own / model.b, own) + by_class[:, :, truth.astype(np.int64)]
    ratings = ratings + np.where(truth, np.array(model.delta)[:, None, None], 0.0)
    shown: FloatArray = np.round(ratings, 6).astype(np.float64)
    return Readings(labels("", t), labels("", readers), labels("", k), truth, shown)


def labels(prefix: str, count: int) -> tuple[str, ...]:
    """Numbers from 1 on as labels that sort in order."""
    width = len(str(count))
    return tuple(f"{prefix}{n:0{width}d}" for n in range(1, count + 1))


def in_levels(readings: Readings, levels: int) -> Readings:
    """The readings on a scale of 1 to `levels`, cut so that each step is used about as often.

    Raises:
        StudyError: fewer than two steps.
    """
    if levels < 2:
        raise StudyError("A scale has two steps at least.")
    limits = np.quantile(readings.ratings, np.arange(1, levels) / levels)
    below = np.searchsorted(limits, readings.ratings, side="right")
    steps = below.astype(np.float64) + 1
    return Readings(readings.treatments, readings.readers, readings.cases, readings.truth, steps)
