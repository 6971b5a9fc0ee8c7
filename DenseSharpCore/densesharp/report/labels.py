"""A nodule in one paragraph, for the report or the dictation system."""

from __future__ import annotations

import math
import re

from densesharp.nodule.records import CLASS_NAMES, Measurements, NoduleResult

DISCLAIMER = "Research use only, not for diagnosis."

SMALLEST_MEASURED_MM = 3.0
BOTH_AXES_FROM_MM = 10.0


def report_sentence(result: NoduleResult) -> str:
    """Type, size, density, class with its spread, and verdict with its reasons.

    A refused result gives its reasons only: neither its size nor its class must reach a report.
    """
    where = "RAS ({:.0f}, {:.0f}, {:.0f}) mm".format(*result.seed.ras.round() + 0.0)
    name = result.id.replace("_", " ").capitalize()
    if result.verdict == "refused" or result.measurements is None:
        return minus_signs(f"{name} at {where}: no result. {reasons(result)} {DISCLAIMER}")
    parts = [f"{name} at {where}: {describe(result.measurements)}"]
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


def describe(measured: Measurements) -> str:
    """Type, size, solid part and density in a sentence."""
    text = f"{measured.nodule_type} nodule, {size_words(measured)}, "
    text += f"volume {measured.volume_mm3:.0f} mm³"
    if measured.nodule_type == "part-solid":
        solid = measured.solid
        text += (
            f", solid part {_whole(solid.long_axis_mm)} mm above {solid.threshold_hu:.0f} HU "
            f"(CTR {solid.ctr:.2f})"
        )
    text += f", mean density {measured.mean_hu:.0f} HU, mass {measured.mass_mg:.0f} mg."
    return text


def size_words(measured: Measurements) -> str:
    """The size as the Fleischner Society asks for it.

    Source: Bankier et al., Radiology 2017;285:584-600: the mean to the whole mm up to 10 mm, both
    axes above, and nothing measured under 3 mm.
    """
    if measured.mean_diameter_mm < SMALLEST_MEASURED_MM:
        return "micronodule under 3 mm"
    if measured.mean_diameter_mm <= BOTH_AXES_FROM_MM:
        return f"mean diameter {measured.fleischner_mean_mm} mm ({measured.plane})"
    long, short = _whole(measured.long_axis_mm), _whole(measured.short_axis_mm)
    return f"{long} × {short} mm ({measured.plane})"


def _whole(length_mm: float) -> int:
    """The nearest whole mm, halves up like the mean; 12.5 mm are 20 voxels of 0.625 mm."""
    return math.floor(length_mm + 0.5)


def class_sentence(result: NoduleResult) -> str:
    """The predicted class, the other classes, how much the answer varies, and what taught it."""
    probabilities = result.class_probabilities or {}
    first = result.predicted_class
    each = {name: percent_words(probabilities[name]) for name in CLASS_NAMES}
    others = ", ".join(f"{name} {each[name]}" for name in CLASS_NAMES if name != first)
    spread = ""
    if first and result.uncertainty and result.uncertainty.samples > 1:
        runs = result.uncertainty.samples
        spread = f" ± {result.uncertainty.sd_class[first]:.0%} over {runs} runs"
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


def minus_signs(text: str) -> str:
    """Hyphens before numbers as minus signs."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)
