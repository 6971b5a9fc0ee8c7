"""The records of a two-class question, and of the model alone against the readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from densesharp.stats.calibration import Bin
from densesharp.stats.estimates import Estimate, Interval, optional
from densesharp.stats.model_vs_readers import ReaderForm, StandaloneResult
from densesharp.stats.mrmc_records import AreaDocument, BinormalCurve, MrmcDocument
from densesharp.stats.tables import FloatArray, IntArray


@dataclass(frozen=True)
class ReaderArea:
    """One reader's area under one condition: DeLong's variance, logit and partial areas."""

    auc: Estimate
    logit_interval: Interval | None
    partial_auc_specificity_90: Estimate


@dataclass(frozen=True)
class Curve:
    """An empirical ROC curve; the first threshold is above all ratings: None."""

    fpr: FloatArray
    tpr: FloatArray
    thresholds: Sequence[float | None]


@dataclass(frozen=True)
class Band:
    """Pointwise limits of a curve over the grid of false positive fractions."""

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class RocCurves:
    """Curves by condition and reader, their means over the grid, and the model's with its band."""

    fpr_grid: FloatArray
    readers: Mapping[str, Mapping[str, Curve | None]]
    mean: Mapping[str, FloatArray | None]
    model: Curve | None = optional()
    model_band: Band | None = optional()


@dataclass(frozen=True)
class Point:
    """The chosen classes as yes or no, with Wilson's intervals."""

    tp: int
    fp: int
    tn: int
    fn: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class MeanPoint:
    """Mean sensitivity and specificity of the readers; None where one has none."""

    sensitivity: float | None
    specificity: float | None


@dataclass(frozen=True)
class Histograms:
    """Edges of ten bins; condition -> reader -> class -> readings in each."""

    edges: FloatArray
    counts: Mapping[str, Mapping[str, Mapping[str, IntArray]]]


@dataclass(frozen=True)
class Resampled:
    """The difference in mean AUC by bootstrap."""

    cases: Estimate
    readers_and_cases: Estimate


@dataclass(frozen=True)
class GroupDifference:
    """Two conditions in a group of readers, who are fixed."""

    first: str
    second: str
    frrc: Estimate


@dataclass(frozen=True)
class ReaderGroup:
    """A group of readers: mean AUC by condition."""

    readers: Sequence[str]
    means: Mapping[str, Estimate]
    differences: Sequence[GroupDifference]


@dataclass(frozen=True)
class CompleteStandalone:
    """The model against the readers on the cases that every reader read."""

    cases: int
    result: StandaloneResult


@dataclass(frozen=True)
class ModelComparison:
    """The model against the readers by one figure of merit.

    Attributes:
        primary: whether the design named this comparison; then with its form and margin.
    """

    figure: str
    task: str | None
    primary: bool
    form: ReaderForm
    margin: float | None
    cases: int
    result: StandaloneResult
    complete_cases: CompleteStandalone | None


@dataclass(frozen=True)
class ModelAlone:
    """Every comparison of the model with readers who read in that condition."""

    condition: str
    comparisons: Sequence[ModelComparison]


@dataclass(frozen=True)
class ModelTask:
    """The model alone on one question."""

    auc: Estimate
    logit_interval: Interval | None
    condition: str
    against_readers: StandaloneResult
    complete_cases: CompleteStandalone | None
    primary: bool
    form: ReaderForm
    readers_average_specificity: float | None
    sensitivity_there: Estimate


@dataclass(frozen=True)
class Calibration:
    """How far probabilities mean what they say."""

    n: int
    brier: Estimate
    brier_skill: Estimate
    ece: Estimate
    ece_equal_count: Estimate
    intercept: Estimate
    slope: Estimate
    bins: Sequence[Bin]
    bins_equal_count: Sequence[Bin]


@dataclass(frozen=True)
class Decision:
    """Net benefit over threshold probabilities, by condition and of the model."""

    thresholds: FloatArray
    net_benefit: Mapping[str, FloatArray | None]
    treat_all: FloatArray


@dataclass(frozen=True)
class MissingCases:
    """The difference in AUC if all missing readings had gone against or for the first condition.

    Attributes:
        filled: how many readings were filled in.
    """

    first: str
    second: str
    filled: int
    worst: Estimate
    best: Estimate


@dataclass(frozen=True, kw_only=True)
class TaskResults:
    """Everything about one two-class question; mappings are by condition, then reader.

    Attributes:
        binormal: the smooth curve of each reader's ratings, beside the empirical one.
    """

    title: str
    positive_cases: int
    negative_cases: int
    auc: AreaDocument
    reader_auc: Mapping[str, Mapping[str, ReaderArea]]
    roc: RocCurves
    operating_points: Mapping[str, Mapping[str, Point | None]]
    histograms: Histograms
    average_points: Mapping[str, MeanPoint]
    sensitivity: MrmcDocument | None = optional()
    specificity: MrmcDocument | None = optional()
    bootstrap: Resampled | None = optional()
    groups: Mapping[str, ReaderGroup] | None = optional()
    model: ModelTask | None = optional()
    calibration: Mapping[str, Calibration] | None = optional()
    decision: Decision | None = optional()
    missing: MissingCases | None = optional()
    binormal: Mapping[str, Mapping[str, BinormalCurve]] | None = optional()
