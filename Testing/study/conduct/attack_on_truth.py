"""An attacker who knows this program's code and every byte of a study's folder or export."""

import hashlib
import itertools
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from study_simulation import CLASSES

from densesharp.study.conduct.design import Case, Design
from densesharp.study.conduct.schedule import Item, make_schedule
from densesharp.study.conduct.study_folder import Study
from densesharp.study.conduct.truth_key import TruthKey

FORMAT_1 = Path(__file__).with_name("study_of_format_1.zip")
"""A crossover of 2 readers, 14 cases and 3 repeats made and read before orders had a key."""

Draw = Callable[[Design, Mapping[str, str]], Sequence[Item]]


def study_of_format_1(folder: Path) -> Path:
    """Unpack it: `study/` and `truth.csv`."""
    with zipfile.ZipFile(FORMAT_1) as archive:
        archive.extractall(folder)
    return folder


def undo_the_draw(study: Study, draw: Draw) -> list[dict[str, str]]:
    """Truths from which a way to draw gives the study's schedule, for every guess of the counts.

    The draw is done with placeholders: where placeholder 3 of the IACs comes in the lists, there
    stands the third of the real IACs.
    """
    count = len(study.design.main_cases)
    return [
        found
        for counts in itertools.product(range(count + 1), repeat=3)
        if sum(counts) == count and (found := _try(study, draw, counts)) is not None
    ]


def _try(study: Study, draw: Draw, counts: Sequence[int]) -> dict[str, str] | None:
    classes = [name for name, n in zip(CLASSES, counts, strict=True) for _ in range(n)]
    fake = {f"placeholder{n:03d}": name for n, name in enumerate(classes)}
    main = tuple(Case(name, "x", (0.0, 0.0, 0.0)) for name in fake)
    design = replace(study.design, cases=main + study.design.practice_cases, aid=_any_aid(study))
    stands_for: dict[str, str] = {}
    for drawn, real in zip(draw(design, fake), study.schedule, strict=True):
        if real.role != "practice" and stands_for.setdefault(drawn.case, real.case) != real.case:
            return None
    if len(set(stands_for.values())) != len(fake):
        return None
    for name in CLASSES:
        members = [stands_for[each] for each in fake if fake[each] == name]
        if members != sorted(members):
            return None
    return {stands_for[each]: name for each, name in fake.items()}


def _any_aid(study: Study) -> object:
    class Any(dict[str, str]):
        def __iter__(self) -> Iterator[str]:
            return iter([f"placeholder{n:03d}" for n in range(999)] + [*study.design.aid.files])

    return study.design.aid and replace(study.design.aid, files=Any())


def guessable_keys(study: Study) -> list[TruthKey]:
    """Keys that somebody might try who has the folder."""
    design = study.design
    texts = [design.study, design.title, str(design.seed), design.key_sha256, design.truth_sha256,
             design.schedule_sha256, design.sha256, ""]  # fmt: skip
    raw = [text.encode() for text in texts]
    raw += [bytes.fromhex(text) for text in texts if len(text) == 64]
    return [TruthKey(each) for each in [*raw, *(hashlib.sha256(each).digest() for each in raw)]]


def labellings(cases: Sequence[str], counts: Sequence[int]) -> list[dict[str, str]]:
    """All truths with given numbers of cases per class."""
    classes = [name for name, n in zip(CLASSES, counts, strict=True) for _ in range(n)]
    orders = sorted(set(itertools.permutations(classes)))
    return [dict(zip(cases, each, strict=True)) for each in orders]


def what_depends_on_truth(items: Sequence[Item], reader: str) -> tuple[frozenset[object], ...]:
    """What of a schedule is drawn with the truth in view: the two halves and the repeats."""
    mine = [item for item in items if item.reader == reader]
    main = [item for item in mine if (item.role, item.session) == ("main", 1)]
    halves = [
        frozenset(item.case for item in main if item.condition == condition)
        for condition in ("unaided", "aided")
    ]
    return frozenset(halves), frozenset(item.case for item in mine if item.role == "repeat")


class Bayes:
    """Learns from many schedules that it draws with keys of its own how truth and schedule go.

    Args:
        design: of the kind of study to attack.
        truths: all truths that are possible.
        keys: how many keys to try with each.
    """

    def __init__(self, design: Design, truths: Sequence[dict[str, str]], keys: int) -> None:
        self.truths = truths
        self.reader = design.readers[0].id
        design = replace(design, readers=design.readers[:1])  # the others only take time
        self.seen: dict[object, np.ndarray] = {}
        for number, truth in enumerate(truths):
            for _ in range(keys):
                items = make_schedule(design, truth, TruthKey.draw())
                at = what_depends_on_truth(items, self.reader)
                self.seen.setdefault(at, np.zeros(len(truths)))[number] += 1

    def guess(self, items: Sequence[Item], rng: np.random.Generator) -> dict[str, str]:
        """The class that is most probable for each case."""
        weights = self.seen.get(what_depends_on_truth(items, self.reader))
        if weights is None:
            weights = np.ones(len(self.truths))
        guess = {}
        for case in self.truths[0]:
            chance = [weights[[t[case] == name for t in self.truths]].sum() for name in CLASSES]
            guess[case] = CLASSES[int(rng.choice(np.flatnonzero(np.isclose(chance, max(chance)))))]
        return guess
