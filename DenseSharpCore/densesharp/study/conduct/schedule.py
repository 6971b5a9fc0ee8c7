"""Who reads what, when and how: drawn once, balanced, and stored.

Crossover: cases are split into two stratified halves. In session 1 a reader reads one half unaided
and the other aided, each as a block; in session 2 the halves change places. Readers of one group
are paired: the two of a pair take opposite halves first and begin with opposite blocks, so halves
and block order are balanced within every group of even size, and over groups by alternation.

The nodules of one patient, or of one CT where no patients are named, stay together: in one half, so
that no session shows a patient both with and without the model, and one after the other.

Two things look at the truth: which cases make a half, and which are repeated. Both are drawn once
for all readers (several balanced halvings together could be solved for the truth) and with a key
that is not stored. Everything else is drawn from the design's seed and begins with sorted names.

Practice cases open the first session. Repeats come in a last session of their own, unaided, so no
session shows a case twice.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal

import numpy as np

from densesharp.errors import StudyError
from densesharp.stats.tables import IntArray
from densesharp.study.conduct.design import Case, Design, Reader
from densesharp.study.conduct.truth_key import TruthKey

Condition = Literal["unaided", "aided", "sequential"]
Role = Literal["main", "practice", "repeat"]


@dataclass(frozen=True)
class Item:
    """One case on one reader's list.

    Attributes:
        reader: reader id.
        session: 1, 2, ...
        block: 1, 2, ... within the session; practice is block 0.
        position: 1, 2, ... within the session.
        item: the name of this entry, unique in the study.
        role: "main" is analysed; "practice" and "repeat" are not part of the primary analysis.
        case: case id.
        condition: how it is read.
    """

    reader: str
    session: int
    block: int
    position: int
    item: str
    role: Role
    case: str
    condition: Condition


@dataclass(frozen=True)
class AnswerStep:
    """One answer that an item asks for.

    Attributes:
        condition: "unaided" or "aided", as analysed.
        aid: whether the model's result is on the screen.
        final: whether this answer is the one that is analysed for its condition.
    """

    condition: Literal["unaided", "aided"]
    aid: bool
    final: bool


_Entry = tuple[Role, str, Condition]
_Unit = tuple[str, ...]
_COLUMNS = [field.name for field in fields(Item)]


def steps(design: Design, item: Item) -> tuple[AnswerStep, ...]:
    """The answers that an item asks for, in order."""
    if item.condition == "unaided":
        return (AnswerStep("unaided", aid=False, final=True),)
    if item.condition == "sequential":
        return (
            AnswerStep("unaided", aid=False, final=True),
            AnswerStep("aided", aid=True, final=True),
        )
    if design.reveal == "with_image":
        return (AnswerStep("aided", aid=True, final=True),)
    return (AnswerStep("aided", aid=False, final=False), AnswerStep("aided", aid=True, final=True))


def make_schedule(
    design: Design, truth: Mapping[str, str] | None = None, key: TruthKey | None = None
) -> tuple[Item, ...]:
    """Draw the schedule; the same design, truth and key give the same schedule.

    Args:
        design: the design; only its seed, kind, readers, cases and repeats are used.
        truth: case id -> class, used as one more stratum and not stored.
        key: what the draws that look at the truth come from; needed with a truth.

    Returns:
        All items, reader by reader, in the order they are read.
    """
    if truth is not None and key is None:
        raise ValueError("a schedule that looks at the truth needs a key")
    order = np.random.default_rng(design.seed)
    balance = key.generator(design.seed) if key else np.random.default_rng([design.seed, 1])
    strata = {
        case.id: (*sorted(case.strata.items()), (truth or {}).get(case.id, ""))
        for case in design.cases
    }
    units = _units(design.main_cases)
    main = sorted(case.id for case in design.main_cases)
    repeats = _systematic_sample(balance, main, strata, design.repeats)
    halves = _halves(balance, units, strata)
    items: list[Item] = []
    for first_half, second_half, reader, aided_first in _allocation(order, design, halves):
        sessions = _main_sessions(order, design, first_half, second_half, aided_first)
        sessions[0].insert(0, _practice(design, design.practice_cases))
        if repeats:
            shuffled = order.permutation(repeats).tolist()
            sessions.append([[("repeat", case, "unaided") for case in shuffled]])
        items += _numbered(reader, sessions)
    place = {reader.id: index for index, reader in enumerate(design.readers)}
    return tuple(sorted(items, key=lambda item: (place[item.reader], item.session, item.position)))


def _allocation(
    generator: np.random.Generator, design: Design, halves: tuple[list[_Unit], list[_Unit]]
) -> list[tuple[list[_Unit], list[_Unit], Reader, bool]]:
    """Per reader: the half read unaided first, the other half, and whether aided comes first."""
    groups = sorted({reader.group for reader in design.readers})
    allocation = []
    for group_index, group in enumerate(groups):
        members = sorted((r for r in design.readers if r.group == group), key=lambda r: r.id)
        members = [members[i] for i in generator.permutation(len(members))]
        for index, reader in enumerate(members):
            # The second of a pair is the opposite of the first in both.
            second = index % 2 == 1
            aided_first = ((index // 2 + group_index) % 2 == 1) != second
            half, other = halves if (group_index % 2 == 1) == second else halves[::-1]
            allocation.append((half, other, reader, aided_first))
    return allocation


def _units(cases: Sequence[Case]) -> list[_Unit]:
    """What stays together, sorted: the cases of a patient, or of an image; most are alone."""
    together: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        patient = ("patient", case.patient) if case.patient else ("image", case.image_sha256)
        together.setdefault(patient if patient[1] else ("case", case.id), []).append(case)
    # Of a patient with several CTs the nodules of one CT come together.
    found = [sorted(each, key=lambda case: (case.image, case.id)) for each in together.values()]
    return sorted(tuple(case.id for case in each) for each in found)


def _by_stratum(
    generator: np.random.Generator, units: Sequence[_Unit], strata: Mapping[str, tuple[object, ...]]
) -> list[_Unit]:
    """The units stratum after stratum, the strata and the units within each in random order."""

    def stratum(unit: _Unit) -> list[tuple[object, ...]]:
        return sorted((strata[case] for case in unit), key=repr)

    keys = sorted({repr(stratum(unit)) for unit in units})
    ordered: list[_Unit] = []
    for place in generator.permutation(len(keys)):
        alike = [unit for unit in units if repr(stratum(unit)) == keys[place]]
        ordered += [alike[index] for index in generator.permutation(len(alike))]
    return ordered


def _halves(
    generator: np.random.Generator, units: Sequence[_Unit], strata: Mapping[str, tuple[object, ...]]
) -> tuple[list[_Unit], list[_Unit]]:
    """Two halves, sorted; of cases that are alone they differ by one at most in every stratum.

    Every unit goes where it leaves strata and halves more alike, the large ones first; then units
    and pairs of units change sides as long as that makes them more alike.
    """
    ordered = sorted(_by_stratum(generator, units, strata), key=len, reverse=True)
    first = int(generator.integers(2))
    keys = sorted({strata[case] for unit in units for case in unit}, key=repr)
    counts = np.array(
        [[len(u), *([strata[c] for c in u].count(key) for key in keys)] for u in ordered]
    )
    side = np.zeros(len(ordered), dtype=np.int64)
    for place, own in enumerate(counts):
        more = side @ counts
        apart = [((more + sign * own) ** 2).sum() for sign in (1, -1)]
        side[place] = (1, -1)[first if apart[0] == apart[1] else int(apart[1] < apart[0])]
    if counts[:, 0].max() > 1:
        side = _evened(side, counts)
    halves = [[u for u, s in zip(ordered, side, strict=True) if s == sign] for sign in (1, -1)]
    return sorted(halves[0]), sorted(halves[1])


def _evened(side: IntArray, counts: IntArray) -> IntArray:
    """Sides (n,) of units, 1 or -1, after changes that make the sums of counts (n, k) alike."""
    turns = [*np.eye(len(side), dtype=np.int64)]
    turns += [turns[i] + turns[j] for i in range(len(side)) for j in range(i)]
    for _ in range(len(side)):
        squares = [(((side * (1 - 2 * turn)) @ counts) ** 2).sum() for turn in turns]
        if min(squares) >= ((side @ counts) ** 2).sum():
            break
        side = side * (1 - 2 * turns[int(np.argmin(squares))])
    return side


def _systematic_sample(
    generator: np.random.Generator,
    cases: Sequence[str],
    strata: Mapping[str, tuple[object, ...]],
    count: int,
) -> list[str]:
    """`count` cases, sorted, spread evenly over the strata (systematic, from a random start)."""
    if count == 0:
        return []
    ordered = [case for (case,) in _by_stratum(generator, [(c,) for c in cases], strata)]
    places = (np.arange(count) + generator.random()) * len(ordered) / count
    return sorted(ordered[int(place)] for place in places)


def _main_sessions(
    generator: np.random.Generator,
    design: Design,
    half: list[_Unit],
    other: list[_Unit],
    aided_first: bool,
) -> list[list[list[_Entry]]]:
    """Sessions of blocks of entries, practice and repeats left out."""

    def block(units: list[_Unit], condition: Condition) -> list[_Entry]:
        shuffled = [units[place] for place in generator.permutation(len(units))]
        return [("main", case, condition) for unit in shuffled for case in unit]

    if design.kind != "crossover":
        return [[block(sorted(half + other), design.kind)]]
    first = [block(half, "unaided"), block(other, "aided")]
    second = [block(half, "aided"), block(other, "unaided")]
    # Swapping both sessions' blocks keeps each case's two readings about as far apart.
    return [first[::-1], second[::-1]] if aided_first else [first, second]


def _practice(design: Design, cases: Sequence[Case]) -> list[_Entry]:
    """Practice entries; in a crossover the conditions alternate so that both are tried."""
    conditions: list[Condition] = (
        ["unaided", "aided"] if design.kind == "crossover" else [design.kind]
    )
    return [
        ("practice", case.id, conditions[index % len(conditions)])
        for index, case in enumerate(cases)
    ]


def _numbered(reader: Reader, sessions: list[list[list[_Entry]]]) -> list[Item]:
    items = []
    for session, blocks in enumerate(sessions, start=1):
        # Practice, where there is any, is block 0; only the first session has a place for it.
        start = 0 if session == 1 else 1
        position = 0
        for block, entries in enumerate(blocks, start=start):
            for role, case, condition in entries:
                position += 1
                name = f"{reader.id}-{session}-{position:03d}"
                items.append(Item(reader.id, session, block, position, name, role, case, condition))
    return items


def schedule_to_csv(items: Sequence[Item]) -> str:
    """The text of schedule.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(astuple(item) for item in items)
    return text.getvalue()


def schedule_from_csv(text: str) -> tuple[Item, ...]:
    """Read schedule.csv.

    Returns:
        The items in their order.

    Raises:
        StudyError: it is not a schedule.
    """
    rows = csv.DictReader(io.StringIO(text))
    if rows.fieldnames != _COLUMNS:
        message = "schedule.csv has other columns than a study's schedule: restore it from a copy."
        raise StudyError(message)
    try:
        return tuple(_item(row) for row in rows)
    except (TypeError, ValueError) as error:
        raise StudyError(f"schedule.csv is damaged ({error}): restore it from a copy.") from error


def _item(row: Mapping[str, Any]) -> Item:
    numbers = {name: int(row[name]) for name in ("session", "block", "position")}
    return Item(**{**row, **numbers})
