"""The observer study of the DenseSharp paper, rebuilt from its published tables.

Zhao, Yang et al., Cancer Research 2018;78(24):6881-6889: 128 test nodules, two senior and two
junior radiologists, one unaided reading each, three classes. Published are the confusion matrix of
the model, the mean matrix of the four readers, accuracies, and AUCs of the model for two questions.
No single reading was published, nor any test, interval or rating of a reader; so what depends on
how readings pair up cannot be computed, and this module says so instead of guessing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.formatting import number, text_table, with_interval
from densesharp.stats.multiclass import Confusion, confusion
from densesharp.stats.proportions import mcnemar, wilson
from densesharp.stats.tables import FloatArray

NODULES = 128
MODEL: FloatArray = np.array([[17, 21, 0], [6, 49, 9], [0, 10, 16]], dtype=float)
"""DenseSharp: pathology (rows) by call (columns), in the order of `CLASS_NAMES`."""

MEAN_READER: FloatArray = np.array([[22, 14.25, 1.75], [26, 32, 6], [2.5, 8.25, 15.25]])
"""Mean of the four readers' matrices."""

READERS_RIGHT = {"Senior 1": 71, "Senior 2": 72, "Junior 1": 69, "Junior 2": 65}
"""Right calls, from the published accuracies (55.4, 56.3, 53.9 and 50.8 % of 128).

71 of 128 is 55.47 %, printed as 55.4; the four add up to 277 = 4 x 69.25, the trace of the mean
matrix, which no other whole numbers near the printed ones do.
"""

AUCS = {"invasive": (0.788, 90), "iac": (0.880, 26)}
"""The model's published AUC and the number of positive nodules of each question."""


@dataclass(frozen=True)
class Rates:
    """Of one of the two questions; means of readers have no interval."""

    sensitivity: Estimate
    specificity: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class PaperQuestion:
    """One of the paper's two questions, by the model and by the mean reader."""

    auc: Estimate
    model: Rates
    mean_reader: Rates


@dataclass(frozen=True)
class Lead:
    """What the published counts say about the model's lead over the best reader, in nodules."""

    lead: int
    discordant_at_least: int
    discordant_at_most: int
    significant_up_to: int
    p: Mapping[str, float | None]
    test: Estimate


@dataclass(frozen=True)
class PublishedStudy:
    """Everything that the published tables determine, and what they do not."""

    class_names: Sequence[str]
    accuracy: Mapping[str, Estimate]
    largest_class: Estimate
    model: Confusion
    mean_reader: Confusion
    questions: Mapping[str, PaperQuestion]
    model_against_best_reader: Lead
    not_estimable: Sequence[str]


def hanley_mcneil(area: float, positive: int, negative: int) -> Estimate:
    """An interval of an AUC of which nothing but the value is known (Hanley & McNeil 1982).

    SE^2 = [A (1-A) + (n1-1)(Q1 - A^2) + (n0-1)(Q2 - A^2)] / (n1 n0), Q1 = A / (2-A),
    Q2 = 2 A^2 / (1+A).

    Args:
        area: the AUC.
        positive: cases with the disease.
        negative: cases without.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)
    se = math.sqrt(variance / (positive * negative))
    half = float(stats.norm.ppf(0.975)) * se
    return Estimate(area, se, (area - half, area + half), method="Hanley & McNeil 1982")


def largest_significant_discordance(gap: int, alpha: float = 0.05) -> int:
    """The most discordant nodules with which a lead of `gap` would pass McNemar's test."""
    return math.floor(gap**2 / float(stats.chi2.isf(alpha, 1)))


def rebuild() -> PublishedStudy:
    """Everything that the published tables determine, and what they do not."""
    right = {"DenseSharp": int(np.trace(MODEL))} | READERS_RIGHT
    best = max(READERS_RIGHT.values())
    gap = right["DenseSharp"] - best
    most = NODULES - abs(right["DenseSharp"] + best - NODULES)
    return PublishedStudy(
        class_names=CLASS_NAMES,
        accuracy={name: wilson(count, NODULES) for name, count in right.items()},
        largest_class=Estimate(float(MODEL.sum(1).max()) / NODULES),
        model=confusion(MODEL),
        mean_reader=confusion(MEAN_READER, averaged=True),
        questions={name: _question(name, level) for level, name in enumerate(AUCS, start=1)},
        model_against_best_reader=Lead(
            lead=gap,
            discordant_at_least=gap,
            discordant_at_most=most,
            significant_up_to=largest_significant_discordance(gap),
            p={
                "fewest discordant": mcnemar(gap, 0).p,
                "most discordant": mcnemar((most + gap) // 2, (most - gap) // 2).p,
            },
            test=not_estimable(
                "How often model and reader were right on the same nodule was not published."
            ),
        ),
        not_estimable=LIMITS,
    )


LIMITS = (
    "No p-value and no confidence interval was published; 'better than radiologists' was not "
    "tested.",
    "Whether the model's lead over the best reader is significant depends on the unpublished "
    "pairing of readings; the published counts allow both answers.",
    "Readers gave classes without ratings, so they have no ROC curve: the model's AUC has no "
    "counterpart to compare it with.",
    "Agreement between readers cannot be computed: their single readings were not published.",
    "There was no aided reading, so nothing follows about the model as a help.",
    "Readers were authors of the paper, one of whom had confirmed the masks; four readers of one "
    "hospital say little about others.",
)


def _question(name: str, level: int) -> PaperQuestion:
    """Sensitivity and specificity of the classes for one of the paper's two questions."""
    area, positive = AUCS[name]
    rates = {}
    for who, counts in (("model", MODEL), ("mean_reader", MEAN_READER)):
        hits, cases = float(counts[level:, level:].sum()), float(counts[level:].sum())
        correct, others = float(counts[:level, :level].sum()), float(counts[:level].sum())
        rates[who] = Rates(
            sensitivity=_share(who, hits, cases),
            specificity=_share(who, correct, others),
            accuracy=_share(who, hits + correct, cases + others),
        )
    return PaperQuestion(hanley_mcneil(area, positive, NODULES - positive), **rates)


def _share(who: str, part: float, whole: float) -> Estimate:
    if who == "model":
        return wilson(int(part), int(whole))
    return Estimate(part / whole, method="mean of four readers: no interval")


def published_text(found: PublishedStudy) -> str:
    """The rebuilt results as text."""
    accuracy = [[name, with_interval(one)] for name, one in found.accuracy.items()]
    accuracy.append(["always the largest class", with_interval(found.largest_class)])
    rows = []
    for title, one in (("DenseSharp", found.model), ("mean reader", found.mean_reader)):
        kappas = [number(one.kappa[w].value) for w in ("linear", "quadratic")]
        summary = (one.balanced_accuracy, one.weighted_f1, one.macro_f1, one.mcc)
        rows.append([title, *(number(part.value) for part in summary), *kappas])
    header = ["", "balanced accuracy", "F1 weighted", "F1 macro", "MCC", "kappa linear",
              "kappa quadratic"]  # fmt: skip
    questions = [
        [f"{name}, {who}", with_interval(rates.sensitivity), with_interval(rates.specificity)]
        for name, part in found.questions.items()
        for who, rates in (("model", part.model), ("mean reader", part.mean_reader))
    ]
    areas = [
        f"  {name}: AUC of the model {with_interval(part.auc)}, Hanley & McNeil"
        for name, part in found.questions.items()
    ]
    lead = found.model_against_best_reader
    return "\n\n".join([
        "The paper's observer study (128 nodules), from its published tables.",
        "Accuracy, Wilson 95 %\n" + text_table(["", "accuracy"], accuracy),
        "Three classes\n" + text_table(header, rows),
        "Two questions\n" + text_table(["", "sensitivity", "specificity"], questions),
        "\n".join(areas),
        f"The model is right on {lead.lead} nodules more than the best reader. Between "
        f"{lead.discordant_at_least} and {lead.discordant_at_most} nodules are discordant; "
        f"McNemar's test is significant only up to {lead.significant_up_to}.",
        "What cannot be concluded\n" + "\n".join(f"  - {text}" for text in found.not_estimable),
    ]) + "\n"  # fmt: skip
