"""Sample size and power of multi-reader studies from the components of a pilot study.

Hillis, Obuchowski & Berbaum 2011; Hillis & Schartz 2018. The error covariances of a study with K
cases are those of the pilot times K*/K; the mix of diseased and other cases stays the pilot's.
Nested and split-plot designs as in Hillis 2014, with covariances only between readings of the same
cases. Non-inferiority is the one-sided test at half the level that the difference plus the margin
is above 0; equivalence is that test in both directions (Schuirmann 1987).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from densesharp.errors import StudyError
from densesharp.stats.estimates import optional
from densesharp.stats.mrmc_result import Components

FormName = Literal["rrrc", "frrc", "rrfc"]

PlannedDesign = Literal[
    "factorial", "cases-in-readers", "cases-in-treatments", "readers-in-treatments", "split-plot"
]
DESIGNS: dict[PlannedDesign, str] = {
    "factorial": "every reader reads every case under both",
    "cases-in-readers": "every reader has cases of its own",
    "cases-in-treatments": "either treatment has half of the cases",
    "readers-in-treatments": "either treatment has half of the readers",
    "split-plot": "groups of readers with cases of their own",
}


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
        var_r: reader component, for designs with readers nested in treatments.
    """

    var_tr: float
    cov1: float
    cov2: float
    cov3: float
    var_error: float
    cases: int
    var_r: float | None = optional()


@dataclass(frozen=True)
class Plan:
    """What a study is to show, and who reads what.

    Attributes:
        design: see `DESIGNS`.
        groups: of readers, in a split plot.
        margin: to be no worse (or, with `equivalence`, no different) by that much; None to show
            a difference.
        equivalence: whether to be no different.
    """

    design: PlannedDesign = "factorial"
    groups: int = 2
    margin: float | None = None
    equivalence: bool = False


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
    se: float


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
        raise StudyError(
            "The pilot study gives no variance components: it needs two treatments, two readers "
            "and every reading."
        )
    return Pilot(c.var_tr, c.cov1, c.cov2, c.cov3, c.var_error, cases, c.var_r)


@dataclass(frozen=True)
class _Variances:
    """Of the difference of two treatments.

    Attributes:
        interaction: expected mean square of readers.
        denominator: the same with what cases add.
        readers: of each treatment.
        df: of the mean square.
    """

    interaction: float
    denominator: float
    readers: float
    df: float


NO_CHANGE = Plan()


def power(
    pilot: Pilot,
    readers: int,
    cases: int,
    effect: float,
    form: FormName = "rrrc",
    alpha: float = 0.05,
    plan: Plan = NO_CHANGE,
) -> Power:
    """Power to show a difference between two treatments, or that there is none beyond a margin.

    Args:
        pilot: the pilot's variances.
        readers: J of the whole study, at least 2 unless the readers are fixed.
        cases: K of the whole study.
        effect: the true difference in the figure of merit; with a margin that of the new
            treatment minus the old one, often 0.
        form: which of readers and cases are random.
        alpha: two-sided level; one-sided tests take half of it.
        plan: what to show, and the design.

    Raises:
        StudyError: too few readers, no cases, no variance at all, or a design that cannot be.
    """
    if readers < (1 if form == "frrc" else 2) or cases < 2:
        message = "A study needs two cases and two readers (one when the readers are fixed)."
        raise StudyError(message)
    found = _variances(pilot, readers, cases, form, plan)
    if found.denominator <= 0:
        message = "The pilot study has no variance, so that no power can be computed from it."
        raise StudyError(message)
    se = math.sqrt(2 * found.denominator / found.readers)
    ddf = math.inf
    if form == "rrfc":
        ddf = found.df
    elif form == "rrrc" and found.interaction > 0:
        ddf = found.df * (found.denominator / found.interaction) ** 2
    shown = _shown(effect, se, ddf, alpha, plan)
    known = ddf if math.isfinite(ddf) else None
    return Power(shown, readers, cases, effect, form, (effect / se) ** 2, known, se)


def _variances(pilot: Pilot, readers: int, cases: int, form: FormName, plan: Plan) -> _Variances:
    """What a design's differences vary by, and with how many degrees of freedom."""
    excess = max(pilot.cov2 - pilot.cov3, 0.0)
    error, var_tr, n = pilot.var_error, max(pilot.var_tr, 0.0), float(readers)
    own, groups, df, between = error - pilot.cov1, 1.0, n - 1, excess
    if plan.design == "readers-in-treatments":
        if readers % 2 or readers < (2 if form == "frrc" else 4) or pilot.var_r is None:
            raise StudyError(
                "Readers nested in treatments need an even number of them, four at least (two when "
                "the readers are fixed), and a pilot with the variance of readers."
            )
        n, df, own = n / 2, n - 2, error
        var_tr, between = var_tr + max(pilot.var_r, 0.0), excess
    elif plan.design == "cases-in-treatments":
        groups, own, between = 2.0, error, max(pilot.cov2, 0.0)
    elif plan.design in ("cases-in-readers", "split-plot"):
        groups = n if plan.design == "cases-in-readers" else float(plan.groups)
        if not 1 < groups <= n or n % groups:
            message = f"{readers} readers cannot be parted into {groups:g} groups of equal size."
            raise StudyError(message)
    if cases < 2 * groups:
        raise StudyError(f"{cases} cases are too few for {groups:g} parts of them.")
    # Each reading has 1 / groups of the cases, so that its covariances are larger.
    scale = pilot.cases * groups / cases
    alike = n / groups if plan.design in ("cases-in-readers", "split-plot") else n
    share = (alike - 1) / (n - 1) if n > 1 else 0.0
    if plan.design == "readers-in-treatments":
        within, whole = error - pilot.cov2, error - pilot.cov2 + n * between
    else:
        within, whole = own - share * between, own + (alike - 1) * between
    if form == "frrc":
        return _Variances(0.0, scale * whole, n, math.inf)
    interaction = var_tr + scale * within
    if form == "rrfc":
        return _Variances(interaction, interaction, n, df)
    return _Variances(interaction, var_tr + scale * whole, n, df)


def _shown(effect: float, se: float, ddf: float, alpha: float, plan: Plan) -> float:
    """Probability that the planned test shows what it is to show."""
    if plan.margin is None:
        ncp = (effect / se) ** 2
        if math.isfinite(ddf):
            return float(stats.ncf.sf(stats.f.isf(alpha, 1, ddf), 1, ddf, ncp))
        return float(stats.ncx2.sf(stats.chi2.isf(alpha, 1), 1, ncp))
    if not plan.margin > 0:
        raise StudyError("A margin is above 0.")
    if plan.equivalence:
        return _equivalent(effect, se, ddf, alpha / 2, plan.margin)
    distance = (effect + plan.margin) / se
    if math.isfinite(ddf):
        return float(stats.nct.sf(stats.t.isf(alpha / 2, ddf), ddf, distance))
    return float(stats.norm.sf(stats.norm.isf(alpha / 2) - distance))


def _equivalent(effect: float, se: float, ddf: float, level: float, margin: float) -> float:
    """Both one-sided tests reject: the difference given its standard error is normal."""
    if not math.isfinite(ddf):
        reach = margin / se - float(stats.norm.isf(level))
        return _between(effect / se, np.array([reach]), np.array([1.0]))
    # Quadrature over the law of the estimated standard error.
    steps = (np.arange(2000) + 0.5) / 2000
    ratio = np.sqrt(stats.chi2.ppf(steps, ddf) / ddf)
    reach = margin / se - float(stats.t.isf(level, ddf)) * ratio
    return _between(effect / se, reach, np.full(len(steps), 1 / len(steps)))


def _between(
    shift: float,
    reach: np.ndarray[tuple[int], np.dtype[np.float64]],
    weight: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    inside = special.ndtr(reach - shift) - special.ndtr(-reach - shift)
    return float((np.where(reach > 0, inside, 0.0) * weight).sum())


def cases_needed(
    pilot: Pilot,
    readers: int,
    effect: float,
    target: float = 0.8,
    form: FormName = "rrrc",
    alpha: float = 0.05,
    limit: int = 100_000,
    plan: Plan = NO_CHANGE,
) -> Power | None:
    """The smallest number of cases with the target power; None if even `limit` are too few.

    Args:
        pilot: components of a pilot study.
        readers: of the next study.
        effect: difference to detect, or the true one beside a margin.
        target: power.
        form: what it generalises to.
        alpha: two-sided level.
        limit: largest number of cases to try.
        plan: what to show, and the design.
    """
    parts = {"cases-in-readers": readers, "split-plot": plan.groups, "cases-in-treatments": 2}

    def found(cases: int) -> Power:
        return power(pilot, readers, cases, effect, form, alpha, plan)

    low = 2 * parts.get(plan.design, 1)
    high = min(2 * low, limit)
    while found(high).power < target:
        if high == limit:
            return None
        low, high = high + 1, min(2 * high, limit)
    while low < high:
        middle = (low + high) // 2
        if found(middle).power < target:
            low = middle + 1
        else:
            high = middle
    return found(high)
