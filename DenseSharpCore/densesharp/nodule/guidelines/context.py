"""What a guideline may ask for, and the form in which it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from densesharp.errors import DenseSharpError

Comparison = Literal["baseline", "new", "growing", "stable"]


class ContextError(DenseSharpError):
    """What was said about the patient cannot be."""


@dataclass(frozen=True)
class Context:
    """What is known about the patient and the scan. None means: not known.

    Attributes:
        age: years.
        female: sex.
        known_cancer: a cancer, now or earlier.
        immunosuppressed: immune system suppressed.
        screening: the CT was made for lung cancer screening.
        high_risk: high risk of lung cancer in the sense of Fleischner 2017 (smoking, family
            history, emphysema, fibrosis, upper lobe, spiculation, age).
        family_history: lung cancer in the family.
        emphysema: visible on the CT.
        upper_lobe: the nodule lies in an upper lobe.
        spiculated: the nodule has spicules.
        nodules: number of nodules in both lungs, this one included.
        comparison: the nodule against the last CT; `baseline` is a first CT. A part-solid nodule
            is `growing` when its solid part grows.

    Raises:
        ContextError: an age or a number of nodules that cannot be.
    """

    age: float | None = None
    female: bool | None = None
    known_cancer: bool | None = None
    immunosuppressed: bool | None = None
    screening: bool | None = None
    high_risk: bool | None = None
    family_history: bool | None = None
    emphysema: bool | None = None
    upper_lobe: bool | None = None
    spiculated: bool | None = None
    nodules: int | None = None
    comparison: Comparison | None = None

    def __post_init__(self) -> None:
        if self.age is not None and not 0 <= self.age <= 130:
            message = f"The patient's age {self.age} is not a number of years between 0 and 130."
            raise ContextError(message)
        if self.nodules is not None and self.nodules < 1:
            raise ContextError(f"The number of nodules {self.nodules} must be 1 or more.")

    def missing(self, *names: str) -> tuple[str, ...]:
        """Those of the named fields that are not known."""
        return tuple(name for name in names if getattr(self, name) is None)


@dataclass(frozen=True)
class Hint:
    """The answer of one guideline or model.

    Attributes:
        title: its name for the reader.
        source: where the rule is published.
        applies: whether it holds for this nodule and patient; None when that is not known.
        answer: the recommendation or category; None when there is none.
        basis: the measured values it rests on, in words.
        value: the answer as a number (probability), if it is one.
        missing: names of `Context` fields that would settle or sharpen the answer.
        limits: where it does not apply, each a sentence.
    """

    title: str
    source: str
    applies: bool | None
    answer: str | None
    basis: str
    value: float | None = None
    missing: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "title": self.title,
            "source": self.source,
            "applies": self.applies,
            "answer": self.answer,
            "basis": self.basis,
            "value": self.value,
            "missing": list(self.missing),
            "limits": list(self.limits),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Hint:
        """The hint that `to_json` wrote."""
        listed = {name: tuple(data[name]) for name in ("missing", "limits")}
        return cls(**{**data, **listed})
