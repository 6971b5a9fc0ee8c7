"""The records of the classes that were chosen, and of agreement on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from densesharp.stats.agree_document import ABOUT
from densesharp.stats.estimates import Estimate, optional
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.multiclass import Confusion, OneVsRest
from densesharp.stats.tables import IntArray


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """Confusion matrices of readers (none for the model) and their mean, or the model's."""

    readers: Mapping[str, Confusion] | None = optional()
    mean: Confusion


@dataclass(frozen=True)
class ProbabilityScores:
    """Three-class probabilities of `n` cases."""

    n: int
    hand_till: Estimate
    one_vs_rest: OneVsRest
    concordance: Estimate
    brier: Estimate


@dataclass(frozen=True)
class ReaderChange:
    """One reader's right classes aided against unaided; p adjusted over readers by Holm."""

    both_read: int
    right_aided_only: int
    right_unaided_only: int
    accuracy_difference: Estimate
    accuracy_difference_tango: Estimate
    marginal_homogeneity: Estimate
    p_holm: float | None


@dataclass(frozen=True)
class ReaderFollowed:
    """Right answers of a reader where the model was wrong, and how many became its wrong class.

    Attributes:
        share: their share, where patients with several cases are what varies.
    """

    right_before: int
    followed: int
    share: Estimate | None = optional()


@dataclass(frozen=True)
class AutomationBias:
    """Right answers that were changed to the model's wrong class.

    Attributes:
        followed: share of the right answers to cases in which the model was wrong.
        spontaneous: share of the right answers that became wrong although the model was right.
        difference: followed minus spontaneous; above 0 without influence of the model too where
            it errs in cases whose answers change more often.
        accuracy_change: aided minus unaided where the model was wrong.
    """

    wrong_model_cases: int
    readers: Mapping[str, ReaderFollowed]
    followed: Estimate
    spontaneous: Estimate
    difference: Estimate
    accuracy_change: Estimate


@dataclass(frozen=True)
class Changes:
    """Classes aided against unaided.

    Attributes:
        reclassification: which cases -> pathology -> counts, unaided by aided.
        all_readers: Durkalski's test; like `all_readers_obuchowski`, `gee` and
            `mixed_model_sensitivity` it is about these readers only.
        gee: coefficient -> log odds of a right class.
        gee_random_readers: the same coefficients for readers like these (`gee_logistic`).
    """

    readers: Mapping[str, ReaderChange]
    all_readers: Estimate
    all_readers_obuchowski: Estimate
    reclassification: Mapping[str, Mapping[str, IntArray]]
    gee: Mapping[str, Estimate]
    mixed_model_sensitivity: Mapping[str, Estimate]
    automation_bias: AutomationBias | None = optional()
    gee_random_readers: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ClassResults:
    """The classes that were chosen."""

    class_names: Sequence[str]
    confusion: Mapping[str, Confusions]
    accuracy: MrmcDocument
    quadratic_kappa: MrmcDocument
    weighted_f1: Mapping[str, Estimate]
    vus: MrmcDocument | None = optional()
    probabilities: Mapping[str, Mapping[str, ProbabilityScores]] | None = None
    changes: Changes | None = optional()


@dataclass(frozen=True)
class KappaPairs:
    """Quadratic kappa of each pair, `A / B`, of readers, model and pathology."""

    names: Sequence[str]
    quadratic_kappa: Mapping[str, Estimate]


@dataclass(frozen=True)
class ReaderAgreement:
    """Agreement of the readers with each other, or the reason why there is none."""

    percent_agreement: Estimate | None = optional()
    fleiss: Estimate | None = optional()
    fleiss_quadratic: Estimate | None = optional()
    gwet_ac1: Estimate | None = optional()
    gwet_ac2_quadratic: Estimate | None = optional()
    krippendorff_ordinal: Estimate | None = optional()
    icc_2_1: Estimate | None = optional()
    reason: str | None = optional()


@dataclass(frozen=True, kw_only=True)
class ConditionAgreement:
    """Agreement under one condition; ICC takes the complete cases."""

    pairs: KappaPairs
    cases: int | None = optional()
    complete_cases: int | None = optional()
    readers: ReaderAgreement


@dataclass(frozen=True)
class AgreementResults:
    """Agreement by condition, its change, of each reader with oneself; and whom it is about."""

    conditions: Mapping[str, ConditionAgreement]
    differences: Mapping[str, Estimate] | None = optional()
    differences_cases: int | None = optional()
    repeats: Mapping[str, Estimate] | None = optional()
    about: str = ABOUT
