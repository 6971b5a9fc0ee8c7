"""What both front ends show of one nodule: rows of label, value, unit and tone, every word once."""

from dataclasses import dataclass

from densesharp.nodule.guidelines import Hint
from densesharp.nodule.records import NoduleResult
from densesharp.report.labels import (
    CLASS_TITLES,
    LIGHT_TONES,
    NOTICE_TONES,
    VERDICT_TONES,
    VERDICT_WORDS,
    Phrase,
    Row,
    Tone,
    deviation_words,
    hint_answer,
    hint_details,
    measurement_rows,
    ordered,
    percent_words,
    report_sentence,
    review_words,
    spread_sentence,
    stability_sentence,
    training_words,
)

from .nodule import Nodule

NOTHING_SELECTED = "No nodule is selected."
LIST_COLUMNS = ("Name", "Class", "P(inv.)", "Ø mm", "mm³", "CTR", "Status")
"""Heads of the list of nodules."""


@dataclass(frozen=True)
class Words:
    """A sentence and its tone."""

    text: str
    tone: Tone


@dataclass(frozen=True)
class Probability:
    """One bar.

    Attributes:
        label: the class, or the question.
        long: its name in full.
        value: 0..1.
        text: the same in whole percent.
        spread: such as "± 4", in percent; empty where no spread was estimated.
        chosen: the most probable class.
    """

    label: str
    long: str
    value: float
    text: str
    spread: str
    chosen: bool = False


@dataclass(frozen=True)
class Advice:
    """A guideline or baseline: its name, its answer, and what it rests on."""

    title: str
    answer: str
    details: str
    tone: Tone


@dataclass(frozen=True)
class ListRow:
    """One nodule in the list, as text in the order of `LIST_COLUMNS` without the status."""

    name: str
    predicted: str
    invasive: str
    diameter: str
    volume: str
    ctr: str


@dataclass(frozen=True)
class ResultCard:
    """Everything that is shown of one nodule; of a refused answer its reasons only.

    Attributes:
        title: name and most probable class.
        verdict: the verdict in words.
        reasons: why, what refuses first.
        classes: a bar for each class.
        questions: bars for "MIA or IAC" and "IAC alone".
        spread: how much the model's runs differ.
        stability: what a click beside would have given.
        measurements: every measurement.
        advice: guidelines and baselines that apply or might.
        sentence: for the report.
        training: what taught the model.
        decided: who decided what, and when.
    """

    title: str
    verdict: Words
    reasons: tuple[Words, ...]
    classes: tuple[Probability, ...]
    questions: tuple[Probability, ...]
    spread: str
    stability: Words
    measurements: tuple[Row, ...]
    advice: tuple[Advice, ...]
    sentence: str
    training: str
    decided: str


def result_card(nodule: Nodule, running: bool = False) -> ResultCard:
    """The card of a nodule; `running` while a better founded answer is being computed."""
    result = nodule.result.shown()
    found = result.stability
    tone = LIGHT_TONES[found.light] if found is not None else "quiet"
    return ResultCard(
        title=_title(nodule.name, result),
        verdict=Words(VERDICT_WORDS[result.verdict], VERDICT_TONES[result.verdict]),
        reasons=tuple(
            Words(notice.message, NOTICE_TONES[notice.severity])
            for notice in ordered(result.notices)
        ),
        classes=_classes(result),
        questions=_questions(result),
        spread=spread_sentence(result.uncertainty) if result.class_probabilities else "",
        stability=Words(stability_sentence(found, running), tone),
        measurements=measurement_rows(result),
        advice=_advice(result),
        sentence=report_sentence(result),
        training=training_words(result),
        decided=review_words(nodule.review),
    )


def list_row(nodule: Nodule) -> ListRow:
    """The nodule's line in the list."""
    result = nodule.result.shown()
    measured, probability = result.measurements, result.probability_invasive
    return ListRow(
        nodule.name,
        result.predicted_class or "–",
        percent_words(probability) if probability is not None else "–",
        f"{measured.mean_diameter_mm:.1f}" if measured else "–",
        f"{measured.volume_mm3:.0f}" if measured else "–",
        f"{measured.solid.ctr:.2f}" if measured else "–",
    )


def _title(name: str, result: NoduleResult) -> str:
    if result.class_probabilities is None or result.predicted_class is None:
        return Phrase("{name}: no result", name=name)
    percent = percent_words(result.class_probabilities[result.predicted_class])
    return Phrase("{name}: {class_name}, {percent}", name=name,
                  class_name=result.predicted_class, percent=percent)  # fmt: skip


def _classes(result: NoduleResult) -> tuple[Probability, ...]:
    known = result.uncertainty
    spread = known.sd_class if known is not None else {}
    return tuple(
        Probability(
            name,
            CLASS_TITLES[name],
            probability,
            percent_words(probability),
            _percent_spread(spread.get(name)),
            name == result.predicted_class,
        )
        for name, probability in (result.class_probabilities or {}).items()
    )


def _questions(result: NoduleResult) -> tuple[Probability, ...]:
    if result.probability_invasive is None or result.probability_iac is None:
        return ()
    known = result.uncertainty
    answers = (
        ("MIA or IAC", result.probability_invasive, known and known.sd_invasive),
        ("IAC alone", result.probability_iac, known and known.sd_iac),
    )
    return tuple(
        Probability(label, label, value, percent_words(value), _percent_spread(spread))
        for label, value, spread in answers
    )


def _percent_spread(deviation: float | None) -> str:
    return "" if deviation is None else deviation_words(100 * deviation)


def _advice(result: NoduleResult) -> tuple[Advice, ...]:
    hints = (Hint.from_json(entry) for entry in result.guidelines.values())
    return tuple(
        Advice(
            hint.title,
            hint_answer(hint),
            hint_details(hint),
            "quiet" if hint.answer is None else "plain",
        )
        for hint in hints
        if hint.applies is not False
    )
