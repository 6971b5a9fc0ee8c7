"""Marks by the radiological search model (Chakraborty 2006; Chakraborty 2017, chapter 16).

A reader makes a Poisson number of false marks a case, mean lambda, with ratings N(0, 1), and finds
every lesion with probability nu, with a rating N(mu, 1); marks below the limit zeta are not made.
lambda = lambda' / mu and nu = 1 - exp(-nu' mu) with the intrinsic lambda' and nu': a treatment that
shows lesions better (larger mu) leads to fewer false marks and more found lesions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import integrate, special

from densesharp.errors import StudyError
from densesharp.stats.marks import Marks
from densesharp.stats.roe_metz import labels
from densesharp.stats.tables import FloatArray


@dataclass(frozen=True)
class SearchModel:
    """Parameters of one treatment.

    Attributes:
        mu: how much higher lesions rate, above 0.
        false_marks: lambda, the mean number of false marks a case before the limit.
        found: nu, the share of lesions found, 0..1.
        limit: zeta, below which no mark is made.
    """

    mu: float
    false_marks: float
    found: float
    limit: float = -math.inf

    def __post_init__(self) -> None:
        """Refuse what the model does not know.

        Raises:
            StudyError: a parameter is out of range.
        """
        if not (self.mu > 0 and self.false_marks >= 0 and 0 <= self.found < 1):
            message = "mu is above 0, false marks are 0 or more, and the share found is in 0..1."
            raise StudyError(message)

    def with_mu(self, mu: float) -> SearchModel:
        """The same reader where lesions rate `mu` higher: intrinsic parameters stay."""
        found = 1 - (1 - self.found) ** (mu / self.mu)
        return replace(self, mu=mu, false_marks=self.false_marks * self.mu / mu, found=found)

    def areas(self, lesions: Sequence[float]) -> dict[str, float]:
        """Expected areas: of highest ratings (`hr-auc`) and under the AFROC curve (`wafroc`).

        Args:
            lesions: shares of diseased cases with one, two, ... lesions; weights are equal.
        """
        shares = np.array(lesions) / sum(lesions)
        count = np.arange(1, len(shares) + 1)

        def false(z: float) -> float:
            return 1 - math.exp(-self.false_marks * float(special.ndtr(-z)))

        def lesion(z: float) -> float:
            return self.found * float(special.ndtr(self.mu - z))

        def case(z: float) -> float:
            none = float(shares @ (1 - lesion(z)) ** count)
            return 1 - math.exp(-self.false_marks * float(special.ndtr(-z))) * none

        def area(height: Callable[[float], float]) -> float:
            def slope(z: float) -> float:
                density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
                return height(z) * self.false_marks * density * (1 - false(z))

            low = max(self.limit, -12.0)
            under = integrate.quad(slope, low, 12.0, epsabs=1e-12, limit=200)[0]
            return float(under + (1 + height(low)) * (1 - false(low)) / 2)

        return {"hr-auc": area(case), "wafroc": area(lesion)}


def simulate_marks(
    models: Sequence[SearchModel],
    readers: int,
    others: int,
    lesions: Sequence[int],
    rng: np.random.Generator,
    reader_sd: float = 0.0,
) -> Marks:
    """Draw a FROC study in which every reader reads every case under every treatment.

    Args:
        models: one a treatment.
        readers: how many.
        others: cases without lesions.
        lesions: number of lesions of each diseased case.
        rng: source of randomness.
        reader_sd: SD over readers of log mu; the model itself has none.

    Raises:
        StudyError: there is no reader, or a class has no case.
    """
    if min(readers, others, len(lesions), *lesions, len(models)) < 1:
        raise StudyError("A study needs a reader, a case without and one with lesions.")
    count = np.concatenate([np.zeros(others, dtype=np.int64), np.array(lesions)])
    t, k, most = len(models), len(count), int(count.max())
    skill = np.exp(reader_sd * rng.normal(size=readers))
    false: list[list[FloatArray]] = []
    located = np.full((t, readers, k, most), -np.inf)
    there = np.arange(most) < count[:, None]
    for i, j in np.ndindex(t, readers):
        model = models[i].with_mu(models[i].mu * float(skill[j]))
        number = rng.poisson(model.false_marks, size=k)
        false.append([rng.normal(size=n) for n in number])
        rated = rng.normal(model.mu, 1.0, size=(k, most))
        seen = there & (rng.random((k, most)) < model.found) & (rated >= model.limit)
        located[i, j] = np.where(seen, np.round(rated, 4), -np.inf)
    elsewhere = np.full((t * readers, k, max(len(m) for row in false for m in row) or 1), -np.inf)
    for curve, row in enumerate(false):
        limit = models[curve // readers].limit
        for case, marks in enumerate(row):
            made = marks[marks >= limit]
            elsewhere[curve, case, : len(made)] = np.round(made, 4)
    weights = np.where(there, 1 / np.maximum(count, 1)[:, None], 0.0)
    names = tuple(labels("", int(n)) if n else () for n in count)
    return Marks(
        "FROC", labels("", t), labels("", readers), labels("", k), count, names, weights, located,
        elsewhere.reshape(t, readers, k, -1), np.ones((t, readers, k), dtype=bool),
    )  # fmt: skip
