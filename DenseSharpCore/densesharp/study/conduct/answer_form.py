"""The answer form: what a reader is asked, and when the answer is complete.

A class alone gives no ROC score, so two monotone ratings are asked for besides: the probability
that the nodule is invasive (MIA or IAC) and the probability that it is IAC, 0 to 100. IAC is part
of invasive, so the second is never above the first.
"""

import math
import unicodedata
from dataclasses import dataclass, fields, replace
from typing import TypedDict

from densesharp.errors import StudyError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.design import MaskRule

CONFIDENCE_LEVELS = {1: "guess", 2: "unsure", 3: "fairly sure", 4: "sure", 5: "certain"}
LONGEST_COMMENT = 2000


class AnswerData(TypedDict, total=False):
    """`Answer` as JSON values; what is not filled in may lack."""

    nodule_class: str | None
    p_invasive: float | None
    p_iac: float | None
    confidence: int | None
    comment: str


@dataclass(frozen=True)
class Answer:
    """The form as it is filled in; None where the reader has not answered yet.

    Attributes:
        nodule_class: one of `records.CLASS_NAMES`.
        p_invasive: 0 to 100, how probable MIA or IAC is.
        p_iac: 0 to 100, how probable IAC is; not above `p_invasive`.
        confidence: 1 to 5, see `CONFIDENCE_LEVELS`.
        comment: free text, may be empty.
    """

    nodule_class: str | None = None
    p_invasive: float | None = None
    p_iac: float | None = None
    confidence: int | None = None
    comment: str = ""

    def to_data(self) -> AnswerData:
        """The form as JSON values."""
        return {
            "nodule_class": self.nodule_class,
            "p_invasive": self.p_invasive,
            "p_iac": self.p_iac,
            "confidence": self.confidence,
            "comment": self.comment,
        }

    def differs(self, other: "Answer") -> bool:
        """Whether class, ratings or confidence are others; the comment may be."""
        return replace(self, comment="") != replace(other, comment="")


def answer_from_data(data: AnswerData) -> Answer:
    """The form from JSON values; unknown names are refused.

    Raises:
        StudyError: a name is unknown.
    """
    unknown = set(data) - {field.name for field in fields(Answer)}
    if unknown:
        raise StudyError(f"The answer form has no field '{min(unknown)}'.")
    return Answer(**data)


def problems(
    answer: Answer, mask_rule: MaskRule = "none", has_mask: bool = False, *, stored: bool = False
) -> list[str]:
    """What keeps the form from being submitted, one sentence each; empty when it is complete.

    Args:
        answer: the form.
        mask_rule: whether an outline is asked for.
        has_mask: whether there is one.
        stored: whether it was submitted already; earlier versions took any character.
    """
    found = []
    if answer.nodule_class is None:
        found.append("Choose a class.")
    elif answer.nodule_class not in CLASS_NAMES:
        found.append(f"The class is one of {', '.join(CLASS_NAMES)}.")
    found += _rating_problems(answer)
    level = answer.confidence
    if level is None:
        found.append("Choose how confident you are.")
    elif isinstance(level, bool) or level not in CONFIDENCE_LEVELS:
        found.append("The confidence is a whole number from 1 to 5.")
    if not isinstance(answer.comment, str) or len(answer.comment) > LONGEST_COMMENT:
        found.append(f"The comment is a text of at most {LONGEST_COMMENT} characters.")
    elif not stored and any(_unstorable(letter) for letter in answer.comment):
        found.append("The comment holds a control character or half a character: type it anew.")
    if mask_rule == "required" and not has_mask:
        found.append("Outline the nodule.")
    if mask_rule == "none" and has_mask:
        found.append("This study asks for no outline.")
    return found


def one_line_end(text: str) -> str:
    """Text with line feeds at its line ends, whatever the computer that it was typed on."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unstorable(letter: str) -> bool:
    """Whether a character cannot be read back from every table: controls, and lone surrogates."""
    return unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"


def contradictions(answer: Answer) -> list[str]:
    """What to ask about before an answer that can be submitted is: ratings against the class.

    The two ratings give each class a share: 100 - invasive, invasive - IAC, and IAC. A class with
    less than half of another's share is asked about; it may be meant, so it is never refused.
    """
    if answer.p_invasive is None or answer.p_iac is None or answer.nodule_class is None:
        return []
    shares = dict(
        zip(
            CLASS_NAMES,
            (100 - answer.p_invasive, answer.p_invasive - answer.p_iac, answer.p_iac),
            strict=True,
        )
    )
    best = max(shares, key=lambda name: shares[name])
    own = shares[answer.nodule_class]
    if 2 * own >= shares[best]:
        return []
    return [
        f"You chose {answer.nodule_class}, but by your two ratings {best} has {shares[best]:g} % "
        f"and {answer.nodule_class} {own:g} %."
    ]


def require_complete(
    answer: Answer, mask_rule: MaskRule, has_mask: bool, *, stored: bool = False
) -> None:
    """Check that a form can be submitted, or with `stored` that it could have been.

    Args:
        answer: as filled in.
        mask_rule: whether an outline is wanted.
        has_mask: whether there is one.
        stored: whether it was submitted already, see `problems`.

    Raises:
        StudyError: it cannot; the sentences say why.
    """
    found = problems(answer, mask_rule, has_mask, stored=stored)
    if found:
        raise StudyError(" ".join(found))


def _rating_problems(answer: Answer) -> list[str]:
    found = []
    ratings = (("invasive", answer.p_invasive), ("IAC", answer.p_iac))
    for name, value in ratings:
        if value is None:
            found.append(f"Rate how probable {name} is.")
        elif not _is_percentage(value):
            found.append(f"The probability of {name} is a number from 0 to 100.")
    if not found and answer.p_iac > answer.p_invasive:  # type: ignore[operator]
        found.append(
            "The probability of IAC cannot be above the probability of invasive, "
            "because IAC is invasive."
        )
    return found


def _is_percentage(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= 100
