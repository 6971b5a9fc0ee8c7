"""Sample size and power of multi-reader studies from the components of a pilot study.

Hillis, Obuchowski & Berbaum 2011; Hillis & Schartz 2018. The error covariances of a study with K
cases are those of the pilot times K*/K; the mix of diseased and other cases stays the pilot's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from densesharp.errors import StudyError
from densesharp.stats.mrmc_result import Components

FormName = Literal["rrrc", "frrc", "rrfc"]


@dataclass(frozen=True)
class Pilot:
    """What a pilot study says about the variances.

    Attributes:
        var_tr: treatment-by-reader component; negative estimates count as 0.
        cov1: error covariance, same reader, other treatment.
        cov2: same treatment, other reader.
        cov3: both other.
        var_error: error variance.
        cases: the number of cases K* that the covariances belong to.
    """

    var_tr: float
    cov1: float
    cov2: float
    cov3: float
    var_error: float
    cases: int


@dataclass(frozen=True)
class Power:
    """The power of a study of two treatments and what it came from."""

    power: float
    readers: int
    cases: int
    effect: float
    form: FormName
    ncp: float
    ddf: float | None


def pilot_from(components: Components, cases: int) -> Pilot:
    """The pilot of an analysis.

    Raises:
        StudyError: a component was not estimable.
    """
    c = components
    if (
        c.var_tr is None
        or c.cov1 is None
        or c.cov2 is None
        or c.cov3 is None
        or c.var_error is None
    ):
        message = (
            "The pilot study gives no variance components: it needs two treatments, two readers "
            "and every reading."
        )
        raise StudyError(message)
    return Pilot(c.var_tr, c.cov1, c.cov2, c.cov3, c.var_error, cases)


def power(
    pilot: Pilot,
    readers: int,
    cases: int,
    effect: float,
    form: FormName = "rrrc",
    alpha: float = 0.05,
) -> Power:
    """Power to detect a difference between two treatments.

    Args:
        pilot: the pilot's variances.
        readers: J, at least 2 unless the readers are fixed.
        cases: K.
        effect: the difference in the figure of merit.
        form: which of readers and cases are random.
        alpha: two-sided level.

    Raises:
        StudyError: too few readers, no cases, or no variance at all.
    """
    if readers < (1 if form == "frrc" else 2) or cases < 2:
        message = "A study needs two cases and two readers (one when the readers are fixed)."
        raise StudyError(message)
    scale = pilot.cases / cases
    excess = max(pilot.cov2 - pilot.cov3, 0.0)
    noise, var_tr = pilot.var_error - pilot.cov1, max(pilot.var_tr, 0.0)
    interaction = var_tr + scale * (noise - excess)
    denominator = {
        "rrrc": var_tr + scale * (noise + (readers - 1) * excess),
        "frrc": scale * (noise + (readers - 1) * excess),
        "rrfc": interaction,
    }[form]
    if denominator <= 0:
        message = "The pilot study has no variance, so that no power can be computed from it."
        raise StudyError(message)
    ncp = readers * effect**2 / (2 * denominator)
    if form == "frrc":
        found = float(stats.ncx2.sf(stats.chi2.isf(alpha, 1), 1, ncp))
        return Power(found, readers, cases, effect, form, ncp, None)
    ddf = float(readers - 1)
    if form == "rrrc":
        ddf = ddf * (denominator / interaction) ** 2 if interaction > 0 else math.inf
    found = float(stats.ncf.sf(stats.f.isf(alpha, 1, ddf), 1, ddf, ncp))
    if not math.isfinite(ddf):
        found = float(stats.ncx2.sf(stats.chi2.isf(alpha, 1), 1, ncp))
    return Power(found, readers, cases, effect, form, ncp, ddf if math.isfinite(ddf) else None)


def cases_needed(
    pilot: Pilot,
    readers: int,
    effect: float,
    target: float = 0.8,
    form: FormName = "rrrc",
    alpha: float = 0.05,
    limit: int = 100_000,
) -> Power | None:
    """The smallest number of cases with the target power; None if even `limit` are too few.

    Args:
        pilot: components of a pilot study.
        readers: of the next study.
        effect: difference to detect.
        target: power.
        form: what it generalises to.
        alpha: two-sided level.
        limit: largest number of cases to try.
    """
    low, high = 2, min(4, limit)
    while power(pilot, readers, high, effect, form, alpha).power < target:
        if high == limit:
            return None
        low, high = high + 1, min(2 * high, limit)
    while low < high:
        middle = (low + high) // 2
        if power(pilot, readers, middle, effect, form, alpha).power < target:
            low = middle + 1
        else:
            high = middle
    return power(pilot, readers, high, effect, form, alpha)
