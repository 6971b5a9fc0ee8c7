"""Brock (PanCan) probability that a nodule is cancer, full model with spiculation.

Source: McWilliams et al., N Engl J Med 2013;369:910-919, model 2b; the same coefficients with the
centring multiplied out in Eur Radiol 2019;29:5367, table 2. The diameter is the largest one.
"""

from __future__ import annotations

import itertools
import math

from densesharp.nodule.guidelines.context import Context, Hint
from densesharp.nodule.records import Measurements, NoduleType

_TYPE: dict[NoduleType, float] = {"solid": 0.0, "part-solid": 0.3770, "ground-glass": -0.1276}
_YES_NO = ("female", "family_history", "emphysema", "upper_lobe", "spiculated")

LIMITS = (
    "Made for smokers and former smokers of 50-75 years at baseline screening.",
    "Says benign or malignant; it knows nothing of AAH-AIS, MIA or IAC.",
    "Not for patients with an earlier lung cancer.",
)


def brock_probability(
    *,
    age: float,
    female: bool,
    family_history: bool,
    emphysema: bool,
    diameter_mm: float,
    nodule_type: NoduleType,
    upper_lobe: bool,
    nodules: int,
    spiculated: bool,
) -> float:
    """Probability of cancer, 0..1.

    Args:
        age: years.
        female: sex.
        family_history: lung cancer in the family.
        emphysema: visible on the CT.
        diameter_mm: largest diameter.
        nodule_type: solid, part-solid or ground-glass (non-solid).
        upper_lobe: whether the nodule lies in an upper lobe.
        nodules: number of nodules in both lungs.
        spiculated: whether it has spicules.

    Example:
        >>> round(brock_probability(age=54, female=True, family_history=False, emphysema=False,
        ...     diameter_mm=8, nodule_type="ground-glass", upper_lobe=True, nodules=1,
        ...     spiculated=False), 4)
        0.0412
    """
    score = (
        0.0287 * (age - 62)
        + 0.6011 * female
        + 0.2961 * family_history
        + 0.2953 * emphysema
        - 5.3854 * ((diameter_mm / 10) ** -0.5 - 1.58113883)
        + _TYPE[nodule_type]
        + 0.6581 * upper_lobe
        - 0.0824 * (nodules - 4)
        + 0.7729 * spiculated
        - 6.7892
    )
    return 1 / (1 + math.exp(-score))


def brock(measurements: Measurements, context: Context) -> Hint:
    """Brock probability, or its range over the answers that are missing.

    Age and number of nodules are needed; each unknown yes or no widens the range.
    """
    applies = False if context.known_cancer else None
    found: list[float] = []
    if context.age is not None and context.nodules is not None and applies is None:
        found = _probabilities(measurements, context, context.age, context.nodules)
    return Hint(
        title="Brock (PanCan)",
        source="McWilliams et al., N Engl J Med 2013;369:910-919",
        applies=applies,
        answer=_words(found),
        basis=f"{measurements.nodule_type} nodule, largest diameter "
        f"{measurements.long_axis_mm:.1f} mm",
        value=found[0] if len(found) == 1 else None,
        missing=context.missing("age", "nodules", *_YES_NO),
        limits=LIMITS,
    )


def _probabilities(
    measurements: Measurements, context: Context, age: float, nodules: int
) -> list[float]:
    """The probability for every combination of answers to the open questions, rising."""
    choices = [
        (False, True) if (known := getattr(context, name)) is None else (known,) for name in _YES_NO
    ]
    return sorted(
        brock_probability(
            age=age,
            nodules=nodules,
            diameter_mm=measurements.long_axis_mm,
            nodule_type=measurements.nodule_type,
            **dict(zip(_YES_NO, answers, strict=True)),
        )
        for answers in itertools.product(*choices)
    )


def _words(found: list[float]) -> str | None:
    if not found:
        return None
    if len(found) == 1:
        return f"Probability of cancer {found[0]:.1%}"
    return f"Probability of cancer {found[0]:.1%} to {found[-1]:.1%}, depending on what is unknown"
