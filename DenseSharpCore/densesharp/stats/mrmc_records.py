"""The records of a multi-reader analysis: what `densesharp mrmc --json` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from densesharp.stats.dbm import DbmResult
from densesharp.stats.estimates import Estimate, Interval, optional
from densesharp.stats.logit_scale import printed
from densesharp.stats.model_vs_readers import NonInferiority
from densesharp.stats.mrmc_result import Components, Form, MeanSquares, Pair

S = TypeVar("S", bound="FormSection")

FORM_TITLES = {
    "rrrc": "random readers, random cases",
    "frrc": "these readers, random cases",
    "rrfc": "random readers, these cases (never alone)",
}


@dataclass(frozen=True, kw_only=True)
class FormSection:
    """One assumption about what is random: the test that all treatments are equal.

    Attributes:
        statistic: F or chi-square, `f` or `chi2` in JSON.
        df1: of the numerator, or of the chi-square (`df`).
        df2: of the denominator, `ddf` where Hillis' formula gives them; none of a chi-square.
        ci: of the difference of two treatments, as is `se`; None of more, see `comparisons`.
        means: treatment -> reader-averaged figure of merit.
        means_logit: the same with intervals made on the logit scale.
    """

    JSON_NAMES: ClassVar[Mapping[str, str]] = {}
    NAME: ClassVar[str] = "F"

    statistic: float | None
    df1: float | None
    df2: float | None = None
    p: float | None
    ci: Interval | None
    se: float | None
    means: Mapping[str, Estimate]
    means_logit: Mapping[str, Estimate] | None = optional()
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
            means_logit=form.means_logit,
            reason=test.reason or difference.reason,
        )

    def printed(self) -> dict[str, Estimate]:
        """The means with the intervals to print: on the logit scale where there are such."""
        inside = self.means_logit or {}
        return {name: printed(one, inside.get(name)) for name, one in self.means.items()}

    def test(self) -> tuple[str, list[float], float | None]:
        """Name, degrees of freedom and statistic of the test of equality."""
        df = [value for value in (self.df1, self.df2) if value is not None]
        return self.NAME, df, self.statistic


@dataclass(frozen=True)
class RrrcSection(FormSection):
    """Random readers, random cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "f", "df2": "ddf"}


@dataclass(frozen=True)
class FrrcSection(FormSection):
    """These readers, random cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "chi2", "df1": "df", "df2": ""}
    NAME = "χ²"


@dataclass(frozen=True)
class RrfcSection(FormSection):
    """Random readers, these cases."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"statistic": "f"}


@dataclass(frozen=True)
class FormP:
    """A p for each assumption."""

    rrrc: float | None
    frrc: float | None
    rrfc: float | None


@dataclass(frozen=True)
class FormEstimates:
    """An estimate for each assumption."""

    rrrc: Estimate
    frrc: Estimate
    rrfc: Estimate


@dataclass(frozen=True)
class Comparison:
    """First minus second treatment under the three assumptions, each with its own test.

    Attributes:
        p_holm: adjusted over the pairs of three or more treatments.
        on_logit: the differences with intervals from those of the means on the logit scale.
    """

    first: str
    second: str
    rrrc: Estimate
    frrc: Estimate
    rrfc: Estimate
    p_holm: FormP | None = optional()
    on_logit: FormEstimates | None = optional()


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
class UComparison:
    """First minus second treatment by U-statistics."""

    first: str
    second: str
    difference: Estimate


@dataclass(frozen=True)
class USection:
    """Areas by U-statistics, which take missing readings.

    Attributes:
        difference: of two treatments, with `var_difference` to `v_statistic`.
        comparisons: every pair of three or more treatments.
    """

    auc: Mapping[str, Estimate]
    auc_v_statistic: Mapping[str, Estimate]
    difference: float | None = None
    var_difference: float | None = None
    se: float | None = None
    df: float | None = None
    p: float | None = None
    ci: Interval | None = None
    v_statistic: VDifference | None = optional()
    comparisons: Sequence[UComparison] | None = optional()
    reason: str | None = optional()

    def of(self, first: str, second: str) -> Estimate:
        """The difference of a pair in sorted order."""
        for pair in self.comparisons or ():
            if (pair.first, pair.second) == (first, second):
                return pair.difference
        statistic = self.difference / self.se if self.difference is not None and self.se else None
        return Estimate(
            self.difference, self.se, self.ci, statistic, self.df, self.p, reason=self.reason
        )


@dataclass(frozen=True)
class Judged:
    """Whether the first treatment is not worse than the second by a margin.

    Attributes:
        p_logit: of the same question by intervals on the logit scale, which are right where areas
            are large or cases few.
    """

    first: str
    second: str
    test: NonInferiority
    p_logit: float | None = optional()

    @property
    def shown(self) -> bool:
        """Whether every p that there is lies below the level."""
        found = [p for p in (self.test.p, self.p_logit) if p is not None]
        return self.test.p is not None and max(found) < self.test.level


@dataclass(frozen=True)
class DbmSection(DbmResult):
    """The Dorfman-Berbaum-Metz view, with the p of its test of fixed readers."""

    frrc_p: float | None


@dataclass(frozen=True)
class Method:
    """How the analysis was done.

    Attributes:
        limits: of the figure, where they are not 0 and 1; None (infinite in Python) for none.
    """

    covariance: str
    figure: str
    confidence: float
    limits: Interval | None = optional()


@dataclass(frozen=True)
class Numbers:
    """What was read.

    Attributes:
        design: who read what, if not every reader everything.
    """

    treatments: Sequence[str]
    readers: Sequence[str]
    cases_diseased: int
    cases_not_diseased: int
    missing_readings: int
    design: str | None = optional()

    @property
    def cases(self) -> int:
        """All cases."""
        return self.cases_diseased + self.cases_not_diseased


@dataclass(frozen=True)
class BinormalCurve:
    """A fitted curve of a reader under a treatment; `tpf` is None where there is none.

    Attributes:
        fit: chi-square test of the fit.
        fpf: 101 false positive fractions.
        tpf: the curve's true positive fractions there.
    """

    a: Estimate
    b: Estimate
    auc: Estimate
    fit: Estimate
    fpf: Sequence[float]
    tpf: Sequence[float] | None
    reason: str | None = optional()


@dataclass(frozen=True)
class ContaminatedCurve:
    """A fitted contaminated binormal curve; `tpf` is None where there is none.

    Attributes:
        mu: how much higher visible disease rates.
        alpha: share of diseased cases whose disease is visible.
        fit: chi-square test of the fit.
        fpf: 101 false positive fractions.
        tpf: the curve's true positive fractions there.
    """

    mu: Estimate
    alpha: Estimate
    auc: Estimate
    fit: Estimate
    fpf: Sequence[float]
    tpf: Sequence[float] | None
    reason: str | None = optional()


@dataclass(frozen=True, kw_only=True)
class MrmcDocument:
    """Everything that `densesharp mrmc` finds.

    `comparisons` has every pair of treatments, first minus second in sorted order, with its own
    interval and test. `difference` is that of two treatments, None of more. What cannot be
    estimated is None, with a `reason` beside.

    Attributes:
        values: treatment -> reader -> figure of merit.
        mean_values: treatment -> mean over readers.
        u_statistic: of areas and of shares of right calls (then `auc` is the share).
        non_inferiority: of two treatments, in both directions, if a margin was given.
        complete_cases: with missing readings, the same for the cases that all read.
        binormal: of binormal AUC, treatment -> reader -> the curve.
        contaminated: the same of contaminated binormal AUC.
        notes: what to bear in mind when reading the intervals.
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
    non_inferiority: Sequence[Judged] | None = optional()
    method: Method
    study: Numbers
    complete_cases: MrmcDocument | None = optional("has_missing")
    binormal: Mapping[str, Mapping[str, BinormalCurve]] | None = optional()
    contaminated: Mapping[str, Mapping[str, ContaminatedCurve]] | None = optional()
    notes: Sequence[str] | None = optional()
    reason: str | None = optional()

    def of(self, first: str, second: str) -> Comparison:
        """The comparison of a pair in sorted order."""
        return next(row for row in self.comparisons if (row.first, row.second) == (first, second))

    @property
    def has_missing(self) -> bool:
        """Whether a reader left out a case."""
        return self.study.missing_readings > 0


@dataclass(frozen=True, kw_only=True)
class AreaDocument(MrmcDocument):
    """The same of areas under curves, which JSON calls by their name."""

    JSON_NAMES: ClassVar[Mapping[str, str]] = {"values": "auc", "mean_values": "mean_auc"}

    complete_cases: AreaDocument | None = optional("has_missing")
