"""What in a study's folder could tell the truth without any draw: names, properties, file times.

Whoever has the folder sees the cases' names, paths, patients and properties, and when the CTs were
written. A table that was sorted by class, or a property that follows it, gives the truth away.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from densesharp.errors import StudyError
from densesharp.study.conduct.design import Case
from densesharp.study.conduct.study_folder import Study

_CLASS_WORD = re.compile(r"(?<![a-z])(?:aah|ais|mia|iac)(?![a-z])")

FEWEST = 10
"""Cases below which chance alone makes orders and properties that follow the classes."""

LIMIT = -3.5
"""Standard deviations of the number of changes of class along an order: once in 4,000 by chance."""


def refuse_telling(cases: Sequence[Case], truth: Mapping[str, str]) -> None:
    """Refuse cases whose names, paths, patients or properties tell their classes.

    Args:
        cases: of the design.
        truth: case id -> class.

    Raises:
        StudyError: they do; the sentence says which.
    """
    known = [case for case in cases if case.id in truth]
    _refuse_words(known, truth)
    for what, order in (
        ("names", sorted(known, key=lambda case: case.id)),
        ("paths", sorted(known, key=lambda case: (case.image, case.id))),
        ("patients", sorted(known, key=lambda case: (case.patient, case.id))),
    ):
        if follows_classes([truth[case.id] for case in _one_each(order)]):
            raise StudyError(
                f"Sorted by their {what} the cases come nearly class after class, so whoever has "
                "the study's folder can tell them: give them codes in random order."
            )
    _refuse_properties(known, truth)


def follows_classes(classes: Sequence[str]) -> bool:
    """Whether classes change far less often along an order than in a random one (runs test)."""
    n, counts = len(classes), Counter(classes).values()
    if n < FEWEST or len(counts) < 2:
        return False
    changes = sum(a != b for a, b in pairwise(classes))
    # Mean and variance of the number of runs less one, several kinds (Barton & David 1957).
    two, three = sum(c**2 for c in counts), sum(c**3 for c in counts)
    mean = n - two / n
    variance = (two * (two + n * (n + 1)) - 2 * n * three - n**3) / (n**2 * (n - 1))
    return variance > 0 and (changes - mean) / math.sqrt(variance) < LIMIT


def about_file_times(study: Study, truth: Mapping[str, str]) -> str:
    """A warning where the CTs were written class after class; else nothing."""
    known = [case for case in study.design.main_cases if case.id in truth]
    order = sorted(known, key=lambda case: study.image(case).stat().st_mtime_ns)
    if not follows_classes([truth[case.id] for case in _one_each(order)]):
        return ""
    return (
        "  the CTs were written class after class, which their file times tell: copy them to the "
        "readers' computers in another order, or give all files one time\n"
    )


def _one_each(cases: Sequence[Case]) -> list[Case]:
    """The first case of each patient, or CT: nodules of one are alike and stand together anyway."""
    found: dict[str, Case] = {}
    for case in cases:
        found.setdefault(case.patient or case.image_sha256 or case.id, case)
    return list(found.values())


def _refuse_words(cases: Sequence[Case], truth: Mapping[str, str]) -> None:
    said = {
        case.id: set(_CLASS_WORD.findall(f"{case.id} {case.image} {case.patient}".lower()))
        for case in cases
    }
    if len({frozenset(words) for words in said.values()}) < 2:
        return  # one folder's name for all says nothing
    for case, words in said.items():
        if words and words <= set(truth[case].lower().split("-")):
            raise StudyError(
                f"The name or path of case '{case}' says its class, and the study's folder keeps "
                "both: rename it, and list it with neutral names."
            )


def _refuse_properties(cases: Sequence[Case], truth: Mapping[str, str]) -> None:
    """Refuse a property of which each value stands for one class."""
    if len(cases) < FEWEST:
        return
    for name in sorted({name for case in cases for name in case.strata}):
        pairs = {(case.strata.get(name, ""), truth[case.id]) for case in cases}
        values = {value for value, _ in pairs}
        if 1 < len(values) <= len(cases) / 2 and len(pairs) == len(values):
            raise StudyError(
                f"The property '{name}' tells the class of every case, and the study's folder "
                "keeps it: the order is balanced by class anyway, leave the column out."
            )
