"""What in a study's folder could tell the truth without any draw: names, properties, files.

Whoever has the folder sees the cases' names, paths, patients, points and properties, and when the
CTs were written and how large they are. A table that was sorted by class, or that names the classes
in turn, or a property that follows them, gives the truth away.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePath

from densesharp.errors import StudyError
from densesharp.study.conduct.design import Case
from densesharp.study.conduct.study_folder import Study

_CLASS_WORD = re.compile(r"(?<![a-z])(?:aah|ais|mia|iac)(?![a-z])")

FEWEST = 10
"""Cases below which chance alone makes orders and properties that follow the classes."""

LIMIT = 3.5
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
        ("names read backwards", sorted(known, key=lambda case: case.id[::-1])),
        ("paths", sorted(known, key=lambda case: (case.image, case.id))),
        ("patients", sorted(known, key=lambda case: (case.patient, case.id))),
    ):
        if how := along(order, truth):
            raise StudyError(
                f"Sorted by their {what} the cases come {how}, so whoever has the study's folder "
                "can tell them: give them codes in random order."
            )
    _refuse_properties(known, truth)


def along(order: Sequence[Case], truth: Mapping[str, str]) -> str:
    """How classes change along an order that no chance makes, in words; else nothing.

    Args:
        order: the cases in it.
        truth: case id -> class.
    """
    apart = changes([truth[case.id] for case in _one_each(order)])
    if apart < -LIMIT:
        return "nearly class after class"
    return "with their classes nearly in turn" if apart > LIMIT else ""


def changes(classes: Sequence[str]) -> float:
    """Standard deviations by which a list changes class more often than by chance (runs test)."""
    n, counts = len(classes), Counter(classes).values()
    if n < FEWEST or len(counts) < 2:
        return 0.0
    seen = sum(a != b for a, b in pairwise(classes))
    # Mean and variance of the number of runs less one, several kinds (Barton & David 1957).
    two, three = sum(c**2 for c in counts), sum(c**3 for c in counts)
    mean = n - two / n
    variance = (two * (two + n * (n + 1)) - 2 * n * three - n**3) / (n**2 * (n - 1))
    return (seen - mean) / math.sqrt(variance) if variance > 0 else 0.0


def about_files(study: Study, truth: Mapping[str, str]) -> str:
    """Warnings where times or sizes of the CTs' files follow the classes; else nothing."""
    known = [case for case in study.design.main_cases if case.id in truth]
    times = sorted(known, key=lambda case: study.image(case).stat().st_mtime_ns)
    sizes = sorted(known, key=lambda case: _size(study.image(case)))
    warnings = ""
    if how := along(times, truth):
        warnings += (
            f"  the CTs were written {how}, which their file times tell: copy them to the readers' "
            "computers in another order, or give all files one time\n"
        )
    # Files of one size stand in the order of the list, which says nothing.
    if len({_size(study.image(case)) for case in known}) > 1 and (how := along(sizes, truth)):
        warnings += (
            f"  sorted by the size of their files the CTs come {how}: cut them to one size, or "
            "store them without compression\n"
        )
    return warnings


def _size(path: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


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
        if _stands_for([(case.strata.get(name, ""), truth[case.id]) for case in cases]):
            raise StudyError(
                f"The property '{name}' tells the class of every case, and the study's folder "
                "keeps it: the order is balanced by class anyway, leave the column out."
            )
    for what, value in _HIDDEN.items():
        if _stands_for([(value(case), truth[case.id]) for case in cases]):
            raise StudyError(
                f"The {what} tells the class of every case, and the study's folder keeps it: give "
                "all cases names, paths and points of one kind."
            )


_HIDDEN: Mapping[str, Callable[[Case], object]] = {
    "length of the name": lambda case: len(case.id),
    "length of the CT's path": lambda case: len(case.image),
    "ending of the CT's file": lambda case: PurePath(case.image).suffix,
    "number of digits of the point": lambda case: max(len(f"{x:.12g}") for x in case.seed_lps),
}
"""What of a case could be a property by another name."""


def _stands_for(pairs: Sequence[tuple[object, str]]) -> bool:
    """Whether each of a few values comes with one class only."""
    values = {value for value, _ in pairs}
    return 1 < len(values) <= len(pairs) / 2 and len(set(pairs)) == len(values)
