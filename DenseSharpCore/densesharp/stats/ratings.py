"""Tables of ratings of the same cases by several readers, for agreement.

A long CSV, one row per rating: `reader,case,rating[,truth][,patient]`. Ratings are numbers or class
names; the classes of the paper (AAH-AIS < MIA < IAC) have their order, other names need it given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from densesharp.csv_files import plain_number
from densesharp.errors import TableError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.tables import (
    FloatArray,
    IntArray,
    Table,
    read_table,
    refuse_duplicates,
)

_LARGEST = 1e9
"""Beyond, the squares of ratings that ICC and alpha sum up lose the differences."""


@dataclass(frozen=True)
class Ratings:
    """Class numbers by case and reader.

    Attributes:
        readers: sorted labels, m of them.
        cases: sorted labels, n of them.
        classes: labels of the classes, in order if `ordered`.
        values: shape (c,): the classes' numbers (their ranks when they are names).
        ordered: whether the classes have an order.
        codes: shape (n, m): class numbers 0..c-1, -1 where a reader did not rate a case.
        truth: shape (n,): class numbers of the truth, or None without that column.
        patients: shape (n,): patient numbers, or None without that column.
    """

    readers: tuple[str, ...]
    cases: tuple[str, ...]
    classes: tuple[str, ...]
    values: FloatArray
    ordered: bool
    codes: IntArray
    truth: IntArray | None = None
    patients: IntArray | None = None

    @property
    def complete(self) -> bool:
        """Whether every reader rated every case."""
        return not bool((self.codes < 0).any())


def read_ratings(
    path: str | Path, *, rating: str = "rating", order: Sequence[str] | None = None
) -> Ratings:
    """Read the long CSV.

    Args:
        path: the file.
        rating: the column that holds the ratings.
        order: the classes in their order, if they are names.

    Returns:
        The ratings, checked, with cases and readers in the file's order.

    Raises:
        TableError: with line, column and reason: an empty cell, a rating given twice, a class
            outside `order`, a name among numbers, or a truth or patient that differs between rows
            of a case.
    """
    table = read_table(path, ("reader", "case", rating))
    readers, cases = table.texts("reader"), table.texts("case")
    refuse_duplicates(table, ("reader", "case"))
    texts = {rating: table.texts(rating)}
    if "truth" in table.columns:
        texts["truth"] = table.texts("truth")
    if order is None:
        _refuse_name_among_numbers(table, texts)
        _refuse_misspelt_classes(table, texts)
    elif len(set(order)) < len(order):
        twice = next(name for name in order if list(order).count(name) > 1)
        raise TableError(f"The order of the classes names '{twice}' twice.")
    classes, values, ordered = _classes([c for column in texts.values() for c in column], order)
    lookup = _lookup(classes, values, ordered)
    numbers = {name: _numbers(table, name, cells, lookup) for name, cells in texts.items()}
    names = tuple(sorted(set(readers))), tuple(sorted(set(cases)))
    at = [_codes(known, column) for known, column in zip(names, (readers, cases), strict=True)]
    codes = np.full((len(names[1]), len(names[0])), -1)
    codes[at[1], at[0]] = numbers[rating]
    truth = patients = None
    if "truth" in numbers:
        truth = _per_case(table, "truth", cases, numbers["truth"], at[1])
    if "patient" in table.columns:
        labels = table.texts("patient")
        order_of = {label: i for i, label in enumerate(sorted(set(labels)))}
        column = np.array([order_of[label] for label in labels])
        patients = _per_case(table, "patient", cases, column, at[1])
    return Ratings(*names, classes, values, ordered, codes, truth, patients)


def _refuse_name_among_numbers(table: Table, texts: Mapping[str, Sequence[str]]) -> None:
    """One "N/A" must not make names without an order of all ratings."""
    numbers = {
        name: [plain_number(cell) is not None for cell in cells] for name, cells in texts.items()
    }
    if not any(True in column for column in numbers.values()):
        return
    for name, column in numbers.items():
        if False in column:
            row = column.index(False)
            reason = (
                f"'{texts[name][row]}' is not a number, but other ratings are: leave out the row "
                "of a missing rating, or give every class a name."
            )
            raise table.error(row, name, reason)


def _refuse_misspelt_classes(table: Table, texts: Mapping[str, Sequence[str]]) -> None:
    """One "mia" among the classes of the paper must not take their order from all of them."""
    cells = [(name, row, cell) for name, column in texts.items() for row, cell in enumerate(column)]
    known = {name.casefold() for name in CLASS_NAMES}
    if not any(cell.casefold() in known for _, _, cell in cells):
        return
    wrong = [(row, cell) for _, row, cell in cells if cell not in CLASS_NAMES]
    if wrong:
        listed = ", ".join(f"'{cell}' (line {table.lines[row]})" for row, cell in wrong[:10])
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise TableError(
            f"{table.path}: not among the classes {', '.join(CLASS_NAMES)}: {listed}{more}. Mend "
            "them, or give all classes in their order (--order)."
        )


def _classes(
    cells: list[str], order: Sequence[str] | None
) -> tuple[tuple[str, ...], FloatArray, bool]:
    """Labels, their values, and whether they have an order."""
    if order is not None:
        return tuple(order), np.arange(1.0, len(order) + 1), True
    found = set(cells)
    values = sorted({value for value in map(plain_number, found) if value is not None})
    if not values:
        if found <= set(CLASS_NAMES):
            return CLASS_NAMES, np.arange(1.0, len(CLASS_NAMES) + 1), True
        return tuple(sorted(found)), np.arange(1.0, len(found) + 1), False
    if all(value == int(value) for value in values) and values[-1] - values[0] < 100:
        # Whole numbers are steps of a scale: those that nobody used belong to it as well.
        values = [float(v) for v in range(int(values[0]), int(values[-1]) + 1)]
    return tuple(f"{value:g}" for value in values), np.array(values), True


def _lookup(classes: tuple[str, ...], values: FloatArray, ordered: bool) -> dict[object, int]:
    table: dict[object, int] = {label: i for i, label in enumerate(classes)}
    if ordered:
        table |= {float(value): i for i, value in enumerate(values)}
    return table


def _numbers(
    table: Table, column: str, cells: Sequence[str], lookup: dict[object, int]
) -> IntArray:
    out = np.empty(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        number = plain_number(cell)
        if number is not None and abs(number) > _LARGEST:
            raise table.error(row, column, f"'{cell}' is too large for a rating.")
        key: object = cell if cell in lookup or number is None else number
        if key not in lookup:
            known = ", ".join(str(label) for label in lookup if isinstance(label, str))
            raise table.error(row, column, f"'{cell}' is none of the classes {known}.")
        out[row] = lookup[key]
    return out


def _codes(known: Sequence[str], cells: Sequence[str]) -> IntArray:
    index = {label: i for i, label in enumerate(known)}
    return np.array([index[cell] for cell in cells])


def _per_case(
    table: Table, column: str, cases: Sequence[str], values: IntArray, at: IntArray
) -> IntArray:
    out = np.full(int(at.max()) + 1, -1)
    for row, (case, value) in enumerate(zip(at, values, strict=True)):
        if out[case] >= 0 and out[case] != value:
            reason = f"case '{cases[row]}' has another {column} in an earlier line."
            raise table.error(row, column, reason)
        out[case] = value
    return out


def needs_two(ratings: Ratings) -> None:
    """Check that there is anything to agree on.

    Raises:
        TableError: fewer than two readers or cases.
    """
    if len(ratings.readers) < 2 or len(ratings.cases) < 2:
        raise TableError("Agreement needs ratings of two cases by two readers at least.")
