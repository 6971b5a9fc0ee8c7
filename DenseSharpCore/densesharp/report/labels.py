"""Every word about a result, said once: for cards, pictures, reports, tables and DICOM.

Words that hold numbers are a `Phrase`, so that a front end can translate what stands around them.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from densesharp.image.grid import ras_to_lps
from densesharp.image.volume import Notice
from densesharp.nodule.guidelines import Hint
from densesharp.nodule.records import (
    CLASS_NAMES,
    TYPE_AGREEMENT,
    Light,
    Measurements,
    NoduleResult,
    ReaderAxes,
    Review,
    Stability,
    Uncertainty,
    Verdict,
)

DISCLAIMER = "Research use only, not for diagnosis."

VERDICT_WORDS: dict[Verdict, str] = {
    "ok": "No reason for caution found",
    "caution": "Use with caution",
    "refused": "Refused: not to be used",
}
"""The verdict as people read it, everywhere. None of them says that a class is right."""

CLASS_TITLES = {
    "AAH-AIS": "Pre-invasive: atypical hyperplasia or adenocarcinoma in situ",
    "MIA": "Minimally invasive adenocarcinoma",
    "IAC": "Invasive adenocarcinoma",
}

LIGHT_WORDS: dict[Light, str] = {
    "green": "The answer does not depend on where you clicked.",
    "amber": "The answer changes a little with the click.",
    "red": "The answer depends on the click: do not rely on it.",
}

SMALLEST_MEASURED_MM = 3.0
BOTH_AXES_FROM_MM = 10.0

Tone = Literal["plain", "good", "caution", "bad", "quiet"]
"""How a row is coloured; its words say the same."""

LIGHT_TONES: dict[Light, Tone] = {"green": "good", "amber": "caution", "red": "bad"}
VERDICT_TONES: dict[Verdict, Tone] = {"ok": "good", "caution": "caution", "refused": "bad"}
NOTICE_TONES: dict[str, Tone] = {"info": "quiet", "caution": "caution", "refused": "bad"}


class Phrase(str):
    """A text made of a template and its values; it reads as the finished English text.

    Attributes:
        template: the text with `{names}`, which a translator knows.
        values: what stands for the names.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> "Phrase":
        """Fill the values in; hyphens before numbers become minus signs."""
        phrase = super().__new__(cls, minus_signs(template.format(**values)))
        phrase.template = template
        phrase.values = values
        return phrase


@dataclass(frozen=True)
class Row:
    """One line of what is known about a nodule.

    Attributes:
        key: short stable name for programs.
        label: what it is.
        value: the number or word, with its spread where one was estimated.
        unit: of the number; empty for a word.
        tone: how it is coloured.
    """

    key: str
    label: str
    value: str
    unit: str = ""
    tone: Tone = "plain"

    @property
    def text(self) -> str:
        """Value and unit."""
        return f"{self.value} {self.unit}".rstrip()


def name_words(result_id: str) -> str:
    """A result's id as its reader sees it: `nodule_001` is "Nodule 1"."""
    name, _, number = result_id.rpartition("_")
    return f"{name.capitalize()} {int(number)}" if name and number.isdigit() else result_id


def name_of(result: NoduleResult) -> str:
    """The reader's own name of a nodule, else the one by its number."""
    return result.name or name_words(result.id)


def review_words(review: Review) -> str:
    """Who decided what, and when, in this computer's time."""
    if review.decision == "open":
        return "Not decided yet."
    template = {
        "accepted": "Accepted by {who} on {when}.",
        "rejected": "Rejected by {who} on {when}.",
    }
    who = review.reader or "an unnamed reader"
    return Phrase(template[review.decision], who=who, when=review.local_time)


def place_words(result: NoduleResult) -> str:
    """Where the middle of the outline lies; of a click without one, where the click was.

    Side and level are told by the middle of the body and the height of the lung that is imaged
    (see `nodule.place`), not by lobes.
    """
    center = ras_to_lps(result.center_lps)
    words = ["RAS ({:.0f}, {:.0f}, {:.0f}) mm".format(*center.round() + 0.0)]
    place = result.place
    if place is not None:
        if place.side:
            words.append(f"{place.side} lung")
        if place.level:
            words.append(f"{place.level} third of the imaged lung")
        words.append(f"slice {place.slice} of {place.slices} from the feet")
    return ", ".join(words)


def ordered(notices: Sequence[Notice]) -> list[Notice]:
    """The notices of a result, what refuses first, what only informs last."""
    rank = {"refused": 0, "caution": 1, "info": 2}
    return sorted(notices, key=lambda notice: rank[notice.severity])


def measurement_rows(result: NoduleResult) -> tuple[Row, ...]:
    """Every measurement a reader looks for, in that order, with its SD over the model's runs.

    A solid part is left out where there is none, or nothing else. Axes of a reader's own stand
    below the outline's, and the mean diameters are theirs.

    Returns:
        The rows; none for a result without measurements.
    """
    measured, reported = result.measurements, result.reported
    if measured is None or reported is None:
        return ()
    known = result.uncertainty
    spread = known.sd_measurements if known is not None else {}

    def number(name: str, value: float, digits: int = 1) -> str:
        deviation = spread.get(name)
        text = f"{value:.{digits}f}"
        shown = text if deviation is None else f"{text} {deviation_words(deviation, digits)}"
        return minus_signs(shown)

    plane = measured.plane
    long_axis = number("long_axis_mm", measured.long_axis_mm)
    short_axis = number("short_axis_mm", measured.short_axis_mm)
    largest = number("max_3d_diameter_mm", measured.max_3d_diameter_mm)
    density = minus_signs(f"{measured.mean_hu:.0f} ({measured.sd_hu:.0f})")
    low, high = measured.volume_interval_mm3
    kind = measured.nodule_type
    return (
        Row("long_axis", Phrase("Long axis ({plane})", plane=plane), long_axis, "mm"),
        Row("short_axis", Phrase("Short axis ({plane})", plane=plane), short_axis, "mm"),
        *_reader_rows(result.reader_axes, reported),
        Row("fleischner", "Mean diameter, Fleischner", str(reported.fleischner_mean_mm), "mm"),
        Row("lung_rads", "Mean diameter, Lung-RADS", f"{reported.lung_rads_mean_mm:.1f}", "mm"),
        Row("largest", "Largest diameter in 3D", largest, "mm"),
        Row("volume", "Volume", number("volume_mm3", measured.volume_mm3, 0), "mm³"),
        Row("volume_readers", "Volume by other readers", f"{low:.0f} to {high:.0f}", "mm³"),
        Row("type", "Type", kind),
        Row("type_readers", "Readers agree on the type", f"{TYPE_AGREEMENT[kind]:.0%}"),
        *_solid_rows(measured, number("solid_long_axis_mm", measured.solid.long_axis_mm),
                     number("ctr", measured.solid.ctr, 2)),
        Row("density", "Mean density (SD)", density, "HU"),
        Row("mass", "Mass", number("mass_mg", measured.mass_mg, 0), "mg"),
    )  # fmt: skip


def volume_words(result: NoduleResult) -> str:
    """The volume and what outlines of other readers would give, as in the rows; empty without."""
    rows = (row for row in measurement_rows(result) if row.key in ("volume", "volume_readers"))
    return " ".join(f"{row.label} {row.text}." for row in rows)


def _reader_rows(own: ReaderAxes | None, reported: Measurements) -> tuple[Row, ...]:
    if own is None:
        return ()
    lengths = f"{reported.long_axis_mm:.1f} × {reported.short_axis_mm:.1f}"
    label = f"{own.which.capitalize()} measured by the reader"
    return (Row("reader_axes", label, lengths, "mm"),)


def _solid_rows(measured: Measurements, length: str, ratio: str) -> tuple[Row, ...]:
    solid = measured.solid
    if not 0.005 <= solid.ctr < 0.995:
        return ()
    label = Phrase("Solid above {hu:.0f} HU", hu=solid.threshold_hu)
    return (
        Row("solid", label, length, "mm"),
        Row("solid_volume", "Volume of the solid part", f"{solid.volume_mm3:.0f}", "mm³"),
        Row("ctr", "Consolidation-to-tumor ratio", ratio),
    )


def spread_sentence(spread: Uncertainty | None) -> str:
    """How much the model's own runs differ, or that one run says nothing of it."""
    if spread is None or spread.volume_range_mm3 is None:
        return "Spread: not estimated from a single run."
    low, high = spread.volume_range_mm3
    return Phrase(
        "Spread over {n} runs: P(invasive) {invasive}, P(IAC) {iac}, "
        "volume {low:.0f} to {high:.0f} mm³.",
        n=spread.samples, invasive=deviation_words(spread.sd_invasive or 0, 2),
        iac=deviation_words(spread.sd_iac or 0, 2), low=low, high=high,
    )  # fmt: skip


def stability_sentence(found: Stability | None, running: bool = False) -> str:
    """What a click a little beside would have given."""
    if found is None:
        return "Stability of the click: " + ("being tested." if running else "not estimated.")
    return Phrase(
        LIGHT_WORDS[found.light] + " {found} of {seeds} clicks moved by {offset:g} mm find the "
        "nodule, {same:.0%} with the same class; the outlines overlap by at least {dice:.2f} "
        "(Dice).",
        found=found.found, seeds=found.seeds, offset=found.offset_mm, same=found.same_class,
        dice=found.dice_min,
    )  # fmt: skip


def hint_answer(hint: Hint) -> str:
    """What a guideline or baseline says, or what it would need to say something."""
    if hint.applies is False:
        return "Does not apply to this nodule."
    if hint.answer is not None:
        return minus_signs(str(hint.answer))
    if not hint.missing:
        return "Not estimable."
    return Phrase("Not estimable without: {missing}.", missing=missing_words(hint))


def missing_words(hint: Hint) -> str:
    """What would settle or sharpen a hint, as a list in words."""
    return ", ".join(name.replace("_", " ") for name in hint.missing)


def hint_details(hint: Hint) -> str:
    """What a hint rests on, its limits and its source, as sentences."""
    details = [hint.basis, *hint.limits]
    if hint.missing and hint.answer is not None:
        details.append(f"Not known: {missing_words(hint)}")
    details.append(f"Source: {hint.source}")
    return minus_signs(" ".join(text if text.endswith(".") else f"{text}." for text in details))


def report_sentence(result: NoduleResult) -> str:
    """Type, size, density, class with its spread, and verdict with its reasons.

    A refused result gives its reasons only: neither its size nor its class must reach a report.
    """
    name, where = name_of(result), place_words(result)
    if result.verdict == "refused" or result.reported is None:
        return minus_signs(f"{name} at {where}: no result. {reasons(result)} {DISCLAIMER}")
    parts = [f"{name} at {where}: {describe(result.reported, result.reader_axes)}"]
    if result.class_probabilities is not None:
        parts.append(class_sentence(result))
    if result.verdict == "caution":
        parts.append(f"Caution: {reasons(result)}")
    return minus_signs(" ".join([*parts, DISCLAIMER]))


def reasons(result: NoduleResult) -> str:
    """The messages that decide the verdict, as sentences.

    Of a refused result those that refuse it: the cautions may hold numbers of what was refused.
    """
    decisive = ("refused",) if result.verdict == "refused" else ("caution",)
    return " ".join(each.message for each in result.notices if each.severity in decisive)


def describe(measured: Measurements, own: ReaderAxes | None = None) -> str:
    """Type, size, solid part and density in a sentence; `own` axes are named as the reader's."""
    text = f"{measured.nodule_type} nodule, {size_words(measured, own)}, "
    text += f"volume {measured.volume_mm3:.0f} mm³"
    if measured.nodule_type == "part-solid":
        solid = measured.solid
        text += (
            f", solid part {_whole(solid.long_axis_mm)} mm above {solid.threshold_hu:.0f} HU "
            f"(CTR {solid.ctr:.2f})"
        )
    text += f", mean density {measured.mean_hu:.0f} HU, mass {measured.mass_mg:.0f} mg."
    return text


def size_words(measured: Measurements, own: ReaderAxes | None = None) -> str:
    """The size as the Fleischner Society asks for it.

    Source: Bankier et al., Radiology 2017;285:584-600: the mean to the whole mm up to 10 mm, both
    axes above, and nothing measured under 3 mm.
    """
    how = f"{own.which} measured by the reader" if own else measured.plane
    if measured.mean_diameter_mm < SMALLEST_MEASURED_MM:
        return "micronodule under 3 mm"
    if measured.mean_diameter_mm <= BOTH_AXES_FROM_MM:
        return f"mean diameter {measured.fleischner_mean_mm} mm ({how})"
    long, short = _whole(measured.long_axis_mm), _whole(measured.short_axis_mm)
    return f"{long} × {short} mm ({how})"


def _whole(length_mm: float) -> int:
    """The nearest whole mm, halves up like the mean; 12.5 mm are 20 voxels of 0.625 mm."""
    return math.floor(length_mm + 0.5)


def class_sentence(result: NoduleResult) -> str:
    """The predicted class, the other classes, how much the answer varies, and what taught it."""
    probabilities = result.class_probabilities or {}
    first = result.predicted_class
    each = {name: percent_words(probabilities[name]) for name in CLASS_NAMES}
    others = ", ".join(f"{name} {each[name]}" for name in CLASS_NAMES if name != first)
    known, spread = result.uncertainty, ""
    deviation = known.sd_class[first] if first and known else None
    if known is not None and deviation is not None:
        spread = f" {deviation_words(100 * deviation)}% over {known.samples} runs"
    return (
        f"Predicted {first} {each[first or '']}{spread} ({others}); "
        f"invasive (MIA or IAC) {percent_words(result.probability_invasive or 0)}. "
        f"{training_words(result)}"
    )


def training_words(result: NoduleResult) -> str:
    """What the model that gave the class learnt from, as a sentence."""
    if not result.trained_on:
        return "What the model was trained on is not known."
    return f"The model was trained on {result.trained_on.rstrip('.')}."


def percent_words(probability: float) -> str:
    """A probability, 0 to 1, in whole percent. No model knows 0% or 100%: "<1%" or ">99%" then."""
    whole = round(100 * probability)
    return "<1%" if whole < 1 else ">99%" if whole > 99 else f"{whole}%"


def deviation_words(deviation: float, digits: int = 0) -> str:
    """A spread that runs showed. One that rounds to nothing is less than the last digit, not 0."""
    text = f"{deviation:.{digits}f}"
    return f"± {text}" if float(text) else f"± <{10.0**-digits:.{digits}f}"


def minus_signs(text: str) -> str:
    """Hyphens before numbers as minus signs."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)
