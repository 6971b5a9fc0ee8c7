"""What an analysis finds, section by section: the records behind results.json.

A section or attribute that a study has no data for is None. The keys of results.json are the names
here; docs/reference/study-results.md describes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from densesharp.stats.estimates import Estimate, Interval, optional
from densesharp.stats.model_vs_readers import NonInferiority, ReaderForm
from densesharp.study.analysis.class_results import AgreementResults, ClassResults
from densesharp.study.analysis.mark_results import MarkResults
from densesharp.study.analysis.outline_results import OutlineResults
from densesharp.study.analysis.task_results import ModelAlone, TaskResults
from densesharp.study.analysis.time_results import SessionResults, TimeResults
from densesharp.study.exported.export_design import NamedEndpoint
from densesharp.study.exported.washout import WashoutSummary

SCHEMA = 1
"""Of results.json."""


def who(source: str, reader: str = "mean reader") -> str:
    """Whose result a row, a line or a panel shows: readers' under a condition, or the model's."""
    return "model alone" if source == "model" else f"{reader}, {source}"


@dataclass(frozen=True)
class Software:
    """The program that made the results."""

    name: str
    version: str


@dataclass(frozen=True)
class ReaderRow:
    """A reader and the group, "" where there are none."""

    reader: str
    group: str


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """What was planned: power to detect `effect` at a two-sided level, from a pilot study.

    Attributes:
        margin: that the new condition is not to be worse by (or, with `equivalence`, different by),
            where the difference is `effect`; tests then have half of the level.
        figure: of merit, where it is not the AUC; cases are those that it looks at.
        who_reads: in words, where not every reader reads every case under both conditions.
        power: with the design's readers and cases.
        cases_needed: for the target power with the design's readers; None where none suffice.
    """

    effect: float
    alpha: float
    target: float
    form: ReaderForm
    pilot_cases: int
    readers: int
    cases: int
    power: float
    cases_needed: int | None
    margin: float | None = optional()
    equivalence: bool | None = optional()
    figure: str | None = optional()
    who_reads: str | None = optional()


@dataclass(frozen=True, kw_only=True)
class StudyDescription:
    """Design and numbers: what the flow chart and the first table show.

    Attributes:
        truth_state: "frozen" with the design, "key_missing" to check it, or "not_frozen".
        patients: of the cases, where some have several; None where each case is a patient's only
            one, as far as is known.
        unknown_patients: cases that share an image though no patient is named for them.
        order_reveals_truth: whether design and schedule give the truth away (format 1).
        readings: condition -> reader -> readings.
        absent_readers: readers of the design without any answer.
        missing_readings: planned and not read; by reader where any are.
        interim: whether the plan is not yet fulfilled.
        teaching: whether readers were told the class after each case.
        reading_design: who read what, where the readings are nested or a split plot by plan.
    """

    title: str
    kind: str | None
    design_verified: bool = False
    truth_frozen: bool = False
    truth_state: str = "not_frozen"
    order_reveals_truth: bool = False
    patients: int | None = None
    unknown_patients: Sequence[str] = ()
    washout_days: float | None
    washout: WashoutSummary | None = None
    reveal: str | None
    model: str | None
    model_sha256: str | None
    trained_on: str | None
    conditions: Sequence[str]
    readers: Sequence[ReaderRow]
    class_names: Sequence[str]
    cases: int
    cases_by_class: Mapping[str, int]
    unread_cases: int
    practice_answers: int
    readings: Mapping[str, Mapping[str, int]]
    absent_readers: Sequence[ReaderRow] = ()
    planned_readings: int | None = None
    missing_readings: int
    missing_by_reader: Mapping[str, int] | None = None
    missing_repeats: int = 0
    interim: bool = False
    teaching: bool | None = optional()
    reading_design: str | None = optional()
    sample_size: SampleSize | None = optional()


@dataclass(frozen=True)
class EndpointTest:
    """The test of no difference; F and t have degrees of freedom, z has none."""

    name: str
    statistic: float
    df: Sequence[float]


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests (Schuirmann 1987) that a difference lies within the margin.

    Attributes:
        margin: in units of the figure of merit, above 0.
        p: the greater of the two one-sided p-values; None where there is no test.
        shown: whether the two-sided interval of confidence 1 - 2 `level` lies within the margin.
        level: of each test.
        ci: that interval; of two conditions it is made from the means' on the logit scale.
    """

    margin: float
    p: float | None
    shown: bool
    level: float = 0.025
    ci: Interval | None = optional()


@dataclass(frozen=True)
class EndpointResult:
    """One comparison of two conditions, or of the model and the readers.

    Attributes:
        primary: whether the design named it.
        means: of first and second (and of other conditions).
        p: two-sided, of no difference.
        p_holm: adjusted over the secondary endpoints; None for the primary one.
        not_inferior: whether the interval lies above minus the margin.
        equivalence: in place of non-inferiority, where the design planned it.
    """

    figure: str
    primary: bool
    form: ReaderForm
    first: str
    second: str
    means: Mapping[str, float | None]
    cases: int
    complete_cases_only: bool
    difference: float | None
    ci: Interval | None
    test: EndpointTest | None
    p: float | None
    p_holm: float | None
    margin: float | None
    not_inferior: bool | None
    non_inferiority: NonInferiority | None
    reason: str | None
    equivalence: Equivalence | None = optional()


@dataclass(frozen=True)
class SubgroupArea:
    """Mean AUC of the readers in a subgroup by condition, and aided minus unaided."""

    means: Mapping[str, Estimate]
    difference: Estimate | None


@dataclass(frozen=True)
class Subgroup:
    """Cases of which a property of the design has one value; descriptive."""

    property: str
    value: str
    cases: int
    cases_by_class: Mapping[str, int]
    auc: Mapping[str, SubgroupArea | None]


@dataclass(frozen=True)
class StudyResults:
    """The content of results.json.

    Attributes:
        inputs: file -> sha256.
        endpoint: the primary endpoint as the design has it.
        endpoints: the primary one first.
    """

    schema: int
    software: Software
    inputs: Mapping[str, str]
    study: StudyDescription
    endpoint: NamedEndpoint | None
    tasks: Mapping[str, TaskResults]
    model_alone: ModelAlone | None
    classes: ClassResults | None
    agreement: AgreementResults | None
    time: TimeResults | None
    sessions: SessionResults | None
    outlines: OutlineResults | None
    endpoints: Sequence[EndpointResult]
    subgroups: Sequence[Subgroup] | None = optional()
    marks: MarkResults | None = optional()
