"""Where the model's class agrees with what simple rules say about the same nodule, and where not.

A disagreement says nothing about who is right; it says: look again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from densesharp.nodule.guidelines.baselines import (
    IAC_MEAN_DIAMETER_MM,
    IAC_MEAN_HU,
    MIA_MEAN_HU,
)
from densesharp.nodule.guidelines.context import Hint
from densesharp.nodule.guidelines.stage import radiologically_non_invasive, t_category
from densesharp.nodule.records import CLASS_NAMES, Measurements

Agreement = Literal["agrees", "differs", "not comparable"]

_T_CLASS = {"cTis": "AAH-AIS", "cT1mi": "MIA"}
_NOT_IAC = CLASS_NAMES[:2]


@dataclass(frozen=True)
class ComparedRule:
    """One line of the comparison.

    Attributes:
        hint: what the rule says.
        agreement: with the model's class; `not comparable` where the rule names no class, does not
            apply, or the model gave no class.
    """

    hint: Hint
    agreement: Agreement


def concordance(
    predicted: str | None, measurements: Measurements, hints: dict[str, Hint]
) -> list[ComparedRule]:
    """Compare the model's class with each hint, in the order of the hints.

    Args:
        predicted: the model's class; None where it gives none.
        measurements: of the nodule.
        hints: of each rule, by name.
    """
    return [
        ComparedRule(hint, _agreement(predicted, classes_suggested(name, measurements, hint)))
        for name, hint in hints.items()
    ]


def classes_suggested(name: str, measurements: Measurements, hint: Hint) -> tuple[str, ...]:
    """The invasiveness classes a rule points to; empty where it points to none.

    Args:
        name: of the rule.
        measurements: of the nodule.
        hint: what the rule says.
    """
    if hint.applies is False or hint.answer is None:
        return ()
    if name == "clinical_t":
        return (_T_CLASS.get(t_category(measurements), "IAC"),)
    if name == "ctr":
        return _NOT_IAC if radiologically_non_invasive(measurements) else ()
    if name == "diameter_baseline":
        return ("IAC",) if measurements.mean_diameter_mm >= IAC_MEAN_DIAMETER_MM else _NOT_IAC
    if name == "mean_hu_baseline":
        limits = (MIA_MEAN_HU, IAC_MEAN_HU)
        return (CLASS_NAMES[sum(measurements.mean_hu >= limit for limit in limits)],)
    return ()


def _agreement(predicted: str | None, suggested: tuple[str, ...]) -> Agreement:
    if predicted is None or not suggested:
        return "not comparable"
    return "agrees" if predicted in suggested else "differs"
