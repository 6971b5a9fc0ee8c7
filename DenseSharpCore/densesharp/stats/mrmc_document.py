"""The results of `densesharp mrmc`: one JSON document, and the same as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from densesharp.stats.dbm import DbmResult, dbm, dbm_frrc_p
from densesharp.stats.estimates import Estimate, Interval, optional
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.fom_table import Covariance, FomTable, fom_table
from densesharp.stats.formatting import interval, number, p_text, text_table
from densesharp.stats.mrmc import (
    ONE_TREATMENT,
    Components,
    Form,
    MeanSquares,
    MrmcResult,
    Pair,
    analyse_table,
)
from densesharp.stats.tables import BoolArray, IntArray, Readings
from densesharp.stats.ustatistics import UStatistics, u_statistics

D = TypeVar("D", bound="MrmcDocument")
S = TypeVar("S", bound="FormSection")

FORM_TITLES = {
    "rrrc": "random readers, random cases",
    "frrc": "these readers, random cases",
    "rrfc": "random readers, these cases",
}


@dataclass(frozen=True, kw_only=True)
class FormSection:
    """One assumption about what is random: the test of equality, and the first difference.

    Attributes:
        statistic: F or chi-square, `f` or `chi2` in JSON.
        df1: of the numerator, or of the chi-square (`df`).
        df2: of the denominator, `ddf` where Hillis' formula gives them; none of a chi-square.
        ci: of the difference, as is `se`.
        means: treatment -> reader-averaged figure of merit.
    """

    JSON_NAMES: ClassVar[Mapping[str, str]] = {}

    statistic: float | None
    df1: float | None
    df2: float | None = None
    p: float | None
    ci: Interval | None
    se: float | None
    means: Mapping[str, Estimate]
    reason: str | None = optional()

    @classmethod
    def of(cls: type[S], form: Form, pair: Pair | None) -> S:
        """The section of a form, with the difference of a pair."""
        test = form.test
        difference = form.differences[pair] if pair else Estimate(None)
        return cls(
            statistic=test.statistic,
            df1=test.df1,
            df2=test.df2,
            p=test.p,
            ci=difference.ci,
            se=difference.se,
            means=form.means,
            reason=test.reason or difference.reason,
        )


@dataclass(frozen=True)
class RrrcSection(FormSection):
    """Random readers, random cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "f", "df2": "ddf"}


@dataclass(frozen=True)
class FrrcSection(FormSection):
    """These readers, random cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "chi2", "df1": "df", "df2": ""}


@dataclass(frozen=True)
class RrfcSection(FormSection):
    """Random readers, these cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "f"}


@dataclass(frozen=True)
class Comparison:
    """First minus second treatment under the three assumptions."""

    first: str
    second: str
    rrrc: Estimate
    frrc: Estimate
    rrfc: Estimate


@dataclass(frozen=True)
class ReaderDifferences:
    """First minus second treatment, reader by reader (these readers, random cases)."""

    first: str
    second: str
    readers: Mapping[str, Estimate]


@dataclass(frozen=True)
class SingleReaders:
    """Treatment -> reader -> figure of merit, and the differences of every pair."""

    values: Mapping[str, Mapping[str, Estimate]]
    differences: Sequence[ReaderDifferences]


@dataclass(frozen=True)
class VDifference:
    """The difference by V-statistics, whose variance is never negative."""

    var_difference: float | None
    value: float | None
    se: float | None = optional()
    ci: Interval | None = optional()
    statistic: float | None = optional()
    df: float | None = optional()
    p: float | None = optional()
    method: str | None = optional()
    reason: str | None = optional()


@dataclass(frozen=True)
class USection:
    """Areas by U-statistics, which take missing readings, and the first difference."""

    auc: Mapping[str, Estimate]
    auc_v_statistic: Mapping[str, Estimate]
    difference: float | None = None
    var_difference: float | None = None
    se: float | None = None
    df: float | None = None
    p: float | None = None
    ci: Interval | None = None
    v_statistic: VDifference | None = optional()
    reason: str | None = optional()


@dataclass(frozen=True)
class DbmSection(DbmResult):
    """The Dorfman-Berbaum-Metz view, with the p of its test of fixed readers."""

    frrc_p: float | None


@dataclass(frozen=True)
class Method:
    """How the analysis was done."""

    covariance: str
    figure: str
    confidence: float


@dataclass(frozen=True)
class Numbers:
    """What was read."""

    treatments: Sequence[str]
    readers: Sequence[str]
    cases_diseased: int
    cases_not_diseased: int
    missing_readings: int

    @property
    def cases(self) -> int:
        """All cases."""
        return self.cases_diseased + self.cases_not_diseased


@dataclass(frozen=True, kw_only=True)
class MrmcDocument:
    """Everything that `densesharp mrmc` finds.

    `difference`, `ci` and `u_statistic` are for the first minus the second treatment in sorted
    order; `comparisons` has every pair. What cannot be estimated is None, with a `reason` beside.

    Attributes:
        values: treatment -> reader -> figure of merit.
        mean_values: treatment -> mean over readers.
        u_statistic: of areas only.
        complete_cases: with missing readings, the same for the cases that all read.
    """

    values: Mapping[str, Mapping[str, float | None]]
    mean_values: Mapping[str, float | None]
    difference: float | None
    components: Components
    mean_squares: MeanSquares
    rrrc: RrrcSection
    frrc: FrrcSection
    rrfc: RrfcSection
    comparisons: Sequence[Comparison]
    readers: SingleReaders
    u_statistic: USection | None = optional()
    dbm: DbmSection | None
    method: Method
    study: Numbers
    complete_cases: MrmcDocument | None = optional("has_missing")
    reason: str | None = optional()

    @property
    def has_missing(self) -> bool:
        """Whether a reader left out a case."""
        return self.study.missing_readings > 0


@dataclass(frozen=True, kw_only=True)
class AreaDocument(MrmcDocument):
    """The same of areas under curves, which JSON calls by their name."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"values": "auc", "mean_values": "mean_auc"}

    complete_cases: AreaDocument | None = optional("has_missing")


def mrmc_document(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    confidence: float = 0.95,
    truth: IntArray | None = None,
    *,
    title: str | None = None,
) -> MrmcDocument:
    """Analyse readings of several readers under several treatments.

    Args:
        readings: The readings.
        figure: Figure of merit.
        covariance: How the error covariance is estimated.
        confidence: Of the intervals.
        truth: Shape (K,): classes, for figures of merit that look at more than two.
        title: what the results call the figure, if not by its own name.
    """
    if figure is AUC:
        return area_document(readings, covariance, confidence)
    return _document(MrmcDocument, readings, figure, covariance, confidence, truth, title)


def area_document(
    readings: Readings, covariance: Covariance = "jackknife", confidence: float = 0.95
) -> AreaDocument:
    """The same of areas under ROC curves, with U-statistics beside."""
    return _document(AreaDocument, readings, AUC, covariance, confidence, None, None)


def _document(
    kind: type[D],
    readings: Readings,
    figure: FigureOfMerit,
    covariance: Covariance,
    confidence: float,
    truth: IntArray | None,
    title: str | None,
) -> D:
    table = fom_table(readings, figure, covariance, truth)
    result = analyse_table(table, figure.name, covariance, confidence=confidence)
    first = next(iter(result.rrrc.differences), None)
    part = None if readings.complete else _complete_cases(readings, truth)
    options = (figure, covariance, confidence)
    return kind(
        values={t: {r: e.value for r, e in row.items()} for t, row in result.values.items()},
        mean_values={t: form.value for t, form in result.rrrc.means.items()},
        difference=result.rrrc.differences[first].value if first else None,
        components=result.components,
        mean_squares=result.mean_squares,
        rrrc=RrrcSection.of(result.rrrc, first),
        frrc=FrrcSection.of(result.frrc, first),
        rrfc=RrfcSection.of(result.rrfc, first),
        comparisons=_comparisons(result),
        readers=_reader_sections(result),
        u_statistic=_u_section(u_statistics(readings, confidence=confidence), first)
        if figure is AUC
        else None,
        dbm=_dbm_section(table, confidence),
        method=Method(covariance, title or figure.name, confidence),
        study=_numbers(readings),
        complete_cases=_document(kind, part[0], *options, part[1], None) if part else None,
        reason=table.reason or (None if first else ONE_TREATMENT),
    )


def _complete_cases(
    readings: Readings, truth: IntArray | None
) -> tuple[Readings, IntArray | None] | None:
    """The cases that every reader read under every treatment with their classes, if any."""
    whole: BoolArray = ~np.isnan(readings.ratings).any(axis=(0, 1))  # type: ignore[assignment]
    if not whole.any():
        return None
    part = Readings(
        readings.treatments,
        readings.readers,
        tuple(case for case, kept in zip(readings.cases, whole, strict=True) if kept),
        readings.truth[whole],
        readings.ratings[:, :, whole],
    )
    return part, None if truth is None else truth[whole]


def _comparisons(result: MrmcResult) -> list[Comparison]:
    return [
        Comparison(*pair, difference, result.frrc.differences[pair], result.rrfc.differences[pair])
        for pair, difference in result.rrrc.differences.items()
    ]


def _reader_sections(result: MrmcResult) -> SingleReaders:
    found = result.reader_differences.items()
    return SingleReaders(
        result.values, [ReaderDifferences(*pair, readers) for pair, readers in found]
    )


def _u_section(u: UStatistics, pair: Pair | None) -> USection:
    if pair is None:
        return USection(u.auc, u.auc_v, reason=ONE_TREATMENT)
    found, biased = u.differences[pair], u.differences_v[pair]
    return USection(
        u.auc, u.auc_v, found.value, _square(found.se), found.se, found.df, found.p, found.ci,
        VDifference(_square(biased.se), **vars(biased)), found.reason,
    )  # fmt: skip


def _square(se: float | None) -> float | None:
    return None if se is None else se**2


def _dbm_section(table: FomTable, confidence: float) -> DbmSection | None:
    found = dbm(table, confidence=confidence)
    return None if found is None else DbmSection(**vars(found), frrc_p=dbm_frrc_p(found, table))


def _numbers(readings: Readings) -> Numbers:
    diseased = int(readings.truth.sum())
    return Numbers(
        readings.treatments,
        readings.readers,
        diseased,
        len(readings.cases) - diseased,
        int((readings.ratings != readings.ratings).sum()),
    )


def mrmc_text(document: MrmcDocument) -> str:
    """The document as text for a terminal."""
    study, means = document.study, document.mean_values
    rows = [
        [r, *(number(document.values[t][r], 4) for t in study.treatments)] for r in study.readers
    ]
    rows.append(["mean", *(number(means[t], 4) for t in study.treatments)])
    parts = [
        f"{document.method.figure}: {len(study.readers)} readers, "
        f"{study.cases_diseased} cases with and {study.cases_not_diseased} without disease, "
        f"{study.missing_readings} readings missing",
        text_table(["reader", *study.treatments], rows),
    ]
    if len(study.treatments) > 1:
        parts.append(_difference_text(document))
    if document.reason:
        parts.append(f"Note: {document.reason}")
    return "\n\n".join(parts) + "\n"


def _difference_text(document: MrmcDocument) -> str:
    first, second = document.study.treatments[:2]
    rows = []
    for section, title in zip(
        (document.rrrc, document.frrc, document.rrfc), FORM_TITLES.values(), strict=True
    ):
        ci = interval(section.ci, 4) if section.ci else "not estimable"
        rows.append([title, ci, p_text(section.p)])
    u = document.u_statistic
    if u and u.p is not None:
        rows.append(["U-statistic, all random", interval(u.ci, 4), p_text(u.p)])
    percent = f"{100 * document.method.confidence:g} % interval"
    head = f"{first} minus {second}: {number(document.difference, 4)}"
    if u and u.difference is not None and document.difference is None:
        head = f"{first} minus {second}, readers weighted by their pairs: {number(u.difference, 4)}"
    complete = document.complete_cases
    if complete and complete.rrrc.ci:
        title = f"{FORM_TITLES['rrrc']}; the {complete.study.cases} complete cases"
        rows.append([title, interval(complete.rrrc.ci, 4), p_text(complete.rrrc.p)])
    return head + "\n" + text_table(["", percent, "p"], rows)
