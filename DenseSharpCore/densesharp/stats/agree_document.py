"""The results of `densesharp agree`: one JSON document, and the same as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from densesharp.stats.agreement import (
    chance_corrected,
    fleiss_by_class,
    fleiss_test,
    kendall_w,
    light_kappa,
    percent_agreement,
)
from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED
from densesharp.stats.clusters import several_cases_each, share_of
from densesharp.stats.estimates import Estimate, not_estimable, optional
from densesharp.stats.formatting import bounded, p_text, text_table, with_interval
from densesharp.stats.icc import GENERALIZED, NAMES, icc, icc_of_random_raters
from densesharp.stats.kappa import Weights, cross_table, kappa_of
from densesharp.stats.krippendorff import Level, krippendorff_alpha
from densesharp.stats.ratings import Ratings, needs_two
from densesharp.stats.tables import IntArray
from densesharp.words import counted

NO_IDENTITY = (
    "The readers differ from case to case (--interchangeable), so results of single readers and "
    "two-way models mean nothing."
)
NO_ORDER = "The classes have no order; give it with --order."
NEEDS_ALL = "Not every reader rated every case."


ByWeights: TypeAlias = Mapping[str, Estimate]
"""Agreement weights -> coefficient."""


@dataclass(frozen=True)
class NotGiven:
    """Why a part means nothing for these ratings."""

    reason: str


@dataclass(frozen=True)
class RatingNumbers:
    """What was rated."""

    readers: Sequence[str]
    cases: int
    patients: int | None
    classes: Sequence[str]
    ordered: bool
    ratings_by_class: Mapping[str, int]
    missing_ratings: int


@dataclass(frozen=True)
class AgainstTruth:
    """One reader's classes against the truth; counts are truth by class."""

    confusion: IntArray
    accuracy: Estimate
    kappa: ByWeights


ABOUT = "exactly these readers, and cases like these"
"""What every interval and test of agreement is about."""


@dataclass(frozen=True)
class AgreeMethod:
    """How the analysis was done."""

    weights: Sequence[str]
    replicates: int
    seed: int
    about: str = ABOUT


@dataclass(frozen=True, kw_only=True)
class AgreeDocument:
    """Everything that `densesharp agree` finds.

    Attributes:
        coefficients: name -> weights -> coefficient.
        krippendorff_alpha: level of measurement -> alpha.
        icc: with the intervals of McGraw & Wong, as psych and irr print them.
        icc_of_random_raters: ICC(2,.) with intervals that hold where few readers differ.
        cohen_kappa: `A / B` -> weights -> kappa of each pair.
        against_truth: reader -> results, where the table has a truth.
    """

    study: RatingNumbers
    percent_agreement: Estimate
    fleiss_kappa: Estimate
    fleiss_by_class: Mapping[str, Estimate]
    coefficients: Mapping[str, ByWeights]
    light_kappa: ByWeights
    krippendorff_alpha: Mapping[str, Estimate]
    icc: Mapping[str, Estimate]
    icc_of_random_raters: Mapping[str, Estimate]
    kendall_w: Estimate
    all_equal: Estimate
    cohen_kappa: Mapping[str, ByWeights] | NotGiven
    against_truth: Mapping[str, AgainstTruth] | NotGiven | None = optional()
    method: AgreeMethod


def agree_document(
    ratings: Ratings,
    *,
    interchangeable: bool = False,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
) -> AgreeDocument:
    """Agreement by every coefficient.

    Args:
        ratings: the table.
        interchangeable: reader labels do not name persons (LIDC): one-way statistics only.
        replicates: bootstrap resamples of Krippendorff's alpha.
        seed: of the bootstrap.

    Raises:
        TableError: fewer than two readers or cases.
    """
    needs_two(ratings)
    classes = len(ratings.classes)
    weights: list[Weights] = ["unweighted"]
    if ratings.ordered and classes > 2:
        weights += ["linear", "quadratic"]
    codes, of = ratings.codes, several_cases_each(ratings.patients)
    return AgreeDocument(
        study=_numbers(ratings),
        percent_agreement=percent_agreement(codes, classes, clusters=of),
        fleiss_kappa=fleiss_test(codes, classes, of),
        fleiss_by_class=dict(
            zip(ratings.classes, fleiss_by_class(codes, classes, of), strict=True)
        ),
        coefficients={
            name: {w: chance_corrected(codes, classes, name, w, clusters=of) for w in weights}
            for name in ("fleiss", "conger", "gwet", "brennan-prediger", "krippendorff")
            if not (interchangeable and name == "conger")
        },
        light_kappa={
            w: not_estimable(NO_IDENTITY)
            if interchangeable
            else light_kappa(codes, classes, w, clusters=of, replicates=replicates, seed=seed)
            for w in weights
        },
        krippendorff_alpha=_alphas(ratings, replicates, seed),
        icc=_iccs(ratings, interchangeable),
        icc_of_random_raters=_iccs_of_random_raters(ratings, interchangeable),
        kendall_w=_kendall(ratings, interchangeable),
        all_equal=_all_equal(ratings),
        cohen_kappa=NotGiven(NO_IDENTITY) if interchangeable else _pairs(ratings, weights),
        against_truth=None
        if ratings.truth is None
        else _against_truth(ratings, ratings.truth, weights, interchangeable),
        method=AgreeMethod(weights, replicates, seed),
    )


def _numbers(ratings: Ratings) -> RatingNumbers:
    counts = np.bincount(ratings.codes[ratings.codes >= 0], minlength=len(ratings.classes))
    return RatingNumbers(
        ratings.readers,
        len(ratings.cases),
        None if ratings.patients is None else len(np.unique(ratings.patients)),
        ratings.classes,
        ratings.ordered,
        dict(zip(ratings.classes, counts.tolist(), strict=True)),
        int((ratings.codes < 0).sum()),
    )


def _pairs(ratings: Ratings, weights: list[Weights]) -> dict[str, ByWeights]:
    codes, classes = ratings.codes, len(ratings.classes)
    of = several_cases_each(ratings.patients)
    return {
        f"{ratings.readers[a]} / {ratings.readers[b]}": {
            w: kappa_of(codes[:, a], codes[:, b], classes, w, clusters=of) for w in weights
        }
        for a, b in combinations(range(len(ratings.readers)), 2)
    }


def _alphas(ratings: Ratings, replicates: int, seed: int) -> dict[str, Estimate]:
    levels: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
    return {
        level: krippendorff_alpha(
            ratings.codes, ratings.values, level, clusters=several_cases_each(ratings.patients),
            replicates=replicates, seed=seed,
        )
        if ratings.ordered or level == "nominal"
        else not_estimable(NO_ORDER)
        for level in levels
    }  # fmt: skip


def _iccs(ratings: Ratings, interchangeable: bool) -> dict[str, Estimate]:
    if not ratings.ordered or not ratings.complete:
        return dict.fromkeys(NAMES, not_estimable(NEEDS_ALL if ratings.ordered else NO_ORDER))
    found = icc(ratings.values[ratings.codes], clusters=several_cases_each(ratings.patients))
    if interchangeable:
        two_way = not_estimable(NO_IDENTITY)
        found |= {name: two_way for name in NAMES if not name.startswith("ICC(1")}
    return found


def _iccs_of_random_raters(ratings: Ratings, interchangeable: bool) -> dict[str, Estimate]:
    if interchangeable or not ratings.ordered or not ratings.complete:
        return {}
    return icc_of_random_raters(
        ratings.values[ratings.codes], clusters=several_cases_each(ratings.patients)
    )


def _kendall(ratings: Ratings, interchangeable: bool) -> Estimate:
    if interchangeable:
        return not_estimable(NO_IDENTITY)
    if not ratings.ordered or not ratings.complete:
        return not_estimable(NEEDS_ALL if ratings.ordered else NO_ORDER)
    return kendall_w(ratings.values[ratings.codes], several_cases_each(ratings.patients))


def _all_equal(ratings: Ratings) -> Estimate:
    if not ratings.complete:
        return not_estimable(NEEDS_ALL)
    return Estimate(float((ratings.codes == ratings.codes[:, :1]).all(1).mean()))


def _against_truth(
    ratings: Ratings, truth: IntArray, weights: list[Weights], interchangeable: bool
) -> dict[str, AgainstTruth] | NotGiven:
    if interchangeable:
        return NotGiven(NO_IDENTITY)
    out, of = {}, several_cases_each(ratings.patients)
    classes = len(ratings.classes)
    for reader, chosen in zip(ratings.readers, ratings.codes.T, strict=True):
        rated = chosen >= 0
        counts = cross_table(truth[rated], chosen[rated], classes)
        kappas: ByWeights = {
            str(w): kappa_of(truth, chosen, classes, w, clusters=of) for w in weights
        }
        right = share_of(chosen[rated] == truth[rated], None if of is None else of[rated])
        out[reader] = AgainstTruth(counts.astype(int), right, kappas)
    return out


def _lowest(name: str) -> float:
    """What a coefficient is at least: a share 0, kappas -1, an ICC of a mean anything."""
    if name.endswith(",k)"):
        return -np.inf
    return 0.0 if name in ("percent agreement", "share of cases with all equal") else -1.0


def agree_text(document: AgreeDocument) -> str:
    """The document as text for a terminal."""
    study = document.study
    head = (
        f"{len(study.readers)} readers, {counted(study.cases, 'case')}, classes "
        f"{', '.join(study.classes)}; {counted(study.missing_ratings, 'rating')} missing"
    )
    if study.patients is not None and study.patients < study.cases:
        head += f"; intervals and tests take the {study.patients} patients as clusters"
    head += f"; all is about {ABOUT}"
    if any(one.method == GENERALIZED for one in document.icc_of_random_raters.values()):
        head += ", but ICC(2,.) about readers like these"
    results = {"percent agreement": document.percent_agreement}
    for name, by_weight in document.coefficients.items():
        results |= {f"{name}, {weights}": one for weights, one in by_weight.items()}
    results |= {f"Light, {w}": one for w, one in document.light_kappa.items()}
    for level, one in document.krippendorff_alpha.items():
        results[f"Krippendorff alpha, {level}"] = one
    results |= {"share of cases with all equal": document.all_equal} | dict(document.icc)
    results |= document.icc_of_random_raters
    rows = [
        [name, with_interval(bounded(one, _lowest(name)))]
        for name, one in results.items()
        if one.value is not None
    ]
    parts = [head, text_table(["", "95 % interval"], rows)]
    reasons = {one.reason: name for name, one in results.items() if one.value is None}
    parts += [f"Not estimable ({name} and the like): {why}" for why, name in reasons.items()]
    if not isinstance(document.cohen_kappa, NotGiven):
        names = list(document.method.weights)
        pairs = [
            [pair, *(with_interval(bounded(by_weight[w])) for w in names)]
            for pair, by_weight in document.cohen_kappa.items()
        ]
        parts.append(text_table(["Cohen's kappa", *names], pairs))
    if document.fleiss_kappa.p is not None:
        parts.append(f"Fleiss' kappa against chance: p {p_text(document.fleiss_kappa.p)}")
    return "\n\n".join(parts) + "\n"
