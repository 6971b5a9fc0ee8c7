"""Reading tables of readings, and refusing wrong ones with line, column and reason.

The base format is a long CSV, one row per reading: `reader,treatment,case,truth,rating` with truth
0 or 1 (1 = diseased) and a numeric rating. A further column `patient` says which cases belong to
one patient (several nodules); variances then take patients as what was drawn. Other columns are
ignored. A case that a reader did not read has no row: missing readings stay missing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from densesharp.csv_files import CsvFile, check_columns, plain_number, read_csv
from densesharp.errors import OutputError, TableError
from densesharp.files import atomic_path
from densesharp.words import look_alikes, odd_signs

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

READING_COLUMNS = ("reader", "treatment", "case", "truth", "rating")


@dataclass(frozen=True)
class Table:
    """A text table by columns, with the file's line number of every row.

    Attributes:
        path: where it was read, for messages.
        columns: column name -> its cells, stripped of blanks around them.
        lines: line number of each row in the file, counted from 1.
    """

    path: Path
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.lines)

    def error(self, row: int, column: str, reason: str) -> TableError:
        """The error to raise for one cell: file, line, column and reason.

        Args:
            row: from 0 on.
            column: its name.
            reason: what is wrong.
        """
        return TableError(f"{self.path}, line {self.lines[row]}, column '{column}': {reason}")

    def texts(self, column: str) -> tuple[str, ...]:
        """The cells of a column in which no cell may be empty.

        Raises:
            TableError: a cell is empty.
        """
        cells = self.columns[column]
        if "" in cells:
            raise self.error(cells.index(""), column, "the cell is empty; fill it in.")
        return cells

    def numbers(self, column: str, *, empty: float | None = None) -> FloatArray:
        """The cells of a column as finite numbers; `empty` stands for empty cells if given.

        Raises:
            TableError: a cell is empty (without `empty`) or not a finite number.
        """
        return np.array([self._number(row, column, empty) for row in range(len(self))])

    def _number(self, row: int, column: str, empty: float | None) -> float:
        cell = self.columns[column][row]
        if not cell and empty is not None:
            return empty
        if not cell:
            reason = "the cell is empty; leave out the row of a case that was not read."
            raise self.error(row, column, reason)
        number = plain_number(cell)
        if number is None:
            raise self.error(row, column, f"'{cell}' is not a number.")
        return number


def read_table(path: str | Path, required: Sequence[str]) -> Table:
    """Read a table of text with a header line; names are taken in lower case.

    Returns:
        The cells as text, by column.

    Raises:
        TableError: the file cannot be read, a required column is missing, a row has more or fewer
            cells than the header, or there is no row.
    """
    file = Path(path)
    return _parse(file, read_csv(file, f"The table '{file}'"), required)


def _parse(path: Path, table: CsvFile, required: Sequence[str]) -> Table:
    header = [name.lower() for name in table.header]
    check_columns(str(path), header, required)
    for line, cells in table.rows:
        if len(cells) != len(header):
            raise TableError(
                f"{path}, line {line}: {len(cells)} cells where the header has {len(header)} "
                f"columns; a comma inside a text needs quotes around the text."
            )
    if not table.rows:
        raise TableError(f"{path}: there is no row under the header.")
    lines, rows = zip(*table.rows, strict=True)
    found = Table(path, dict(zip(header, zip(*rows, strict=True), strict=True)), lines)
    for column in {"reader", "treatment", "condition"}.intersection(required):
        _refuse_look_alikes(found, column)
    return found


def _refuse_look_alikes(table: Table, column: str) -> None:
    """One reader spelled in two ways would count as two readers.

    Raises:
        TableError: two names look the same.
    """
    alike = look_alikes(table.columns[column])
    if alike is not None:
        first, other = alike
        cells = table.columns[column]
        signs = odd_signs(other) or odd_signs(first)
        reason = (
            f"'{other}' looks like '{first}' in line {table.lines[cells.index(first)]}, but is "
            f"written with other characters{f' ({signs})' if signs else ''}: write both alike."
        )
        raise table.error(cells.index(other), column, reason)


@dataclass(frozen=True)
class Readings:
    """Numeric readings of cases with a two-class truth, by readers under treatments.

    Attributes:
        treatments: sorted labels of the conditions, t of them.
        readers: sorted labels of the readers, r of them.
        cases: sorted labels of the cases, K of them.
        truth: shape (K,): whether the case is diseased.
        ratings: shape (t, r, K): the rating, NaN where the reader did not read the case.
        patients: shape (K,): number of the patient each case belongs to; None where every case is
            a patient of its own.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    truth: BoolArray
    ratings: FloatArray
    patients: IntArray | None = None

    @property
    def complete(self) -> bool:
        """Whether every reader read every case under every treatment."""
        return not bool(np.isnan(self.ratings).any())

    def of_cases(self, kept: BoolArray) -> Readings:
        """The part of some cases; `kept` has shape (K,)."""
        return replace(
            self,
            cases=tuple(case for case, keep in zip(self.cases, kept, strict=True) if keep),
            truth=self.truth[kept],
            ratings=self.ratings[:, :, kept],
            patients=None if self.patients is None else self.patients[kept],
        )

    def select(
        self,
        *,
        treatments: Sequence[str] | None = None,
        readers: Sequence[str] | None = None,
    ) -> Readings:
        """The part of some treatments and readers, in the order given."""
        t = tuple(treatments) if treatments is not None else self.treatments
        r = tuple(readers) if readers is not None else self.readers
        rows = [self.treatments.index(label) for label in t]
        columns = [self.readers.index(label) for label in r]
        return replace(self, treatments=t, readers=r, ratings=self.ratings[np.ix_(rows, columns)])


def read_readings(path: str | Path) -> Readings:
    """Read the long CSV `reader,treatment,case,truth,rating`.

    Returns:
        The readings, checked.

    Raises:
        TableError: with line, column and reason: a cell is empty or not a number, a truth is
            neither 0 nor 1 or differs between rows of a case, a reading is there twice, or all
            cases are of one class.
    """
    return readings_from_table(read_table(path, READING_COLUMNS))


def readings_from_table(table: Table) -> Readings:
    """Check a table with the columns of `READING_COLUMNS` and arrange it as `Readings`.

    Returns:
        The readings, checked.

    Raises:
        TableError: see `read_readings`.
    """
    for column in ("reader", "treatment"):
        _refuse_look_alikes(table, column)
    truth_of = case_truths(table)
    ratings = table.numbers("rating")
    labels = [table.texts(name) for name in ("treatment", "reader", "case")]
    refuse_duplicates(table, ("reader", "treatment", "case"))
    sorted_labels = [tuple(sorted(set(column))) for column in labels]
    codes = [_codes(known, cells) for known, cells in zip(sorted_labels, labels, strict=True)]
    grid = np.full([len(known) for known in sorted_labels], np.nan)
    grid[tuple(codes)] = ratings
    treatments, readers, cases = sorted_labels
    truth = np.array([truth_of[case] for case in cases])
    return Readings(treatments, readers, cases, truth, grid, case_patients(table, cases))


def case_patients(table: Table, cases: Sequence[str]) -> IntArray | None:
    """Numbers of the cases' patients from the optional column `patient`.

    Returns:
        Shape (K,), or None when the column is absent or no two cases share a patient.

    Raises:
        TableError: a cell is empty, or a case has two patients.
    """
    if "patient" not in table.columns:
        return None
    known: dict[str, tuple[str, int]] = {}
    named = zip(table.texts("case"), table.texts("patient"), strict=True)
    for row, (case, patient) in enumerate(named):
        first, line = known.setdefault(case, (patient, table.lines[row]))
        if first != patient:
            reason = f"case '{case}' has patient '{patient}' here and '{first}' in line {line}."
            raise table.error(row, "patient", reason)
    return patient_numbers([known[case][0] for case in cases])


def patient_numbers(patients: Sequence[str]) -> IntArray | None:
    """Names of patients as numbers; None when each stands alone."""
    numbers: IntArray = np.unique(np.array(patients), return_inverse=True)[1].astype(np.int64)
    return numbers if len(set(patients)) < len(patients) else None


def _codes(known: Sequence[str], cells: Sequence[str]) -> IntArray:
    index = {label: i for i, label in enumerate(known)}
    return np.array([index[cell] for cell in cells])


def case_truths(table: Table) -> dict[str, bool]:
    """Case -> diseased, from the columns `case` and `truth`.

    Raises:
        TableError: a truth is missing, unknown, contradicts an earlier row, or is the same for all.
    """
    known: dict[str, tuple[bool, int]] = {}
    for row, (case, cell) in enumerate(
        zip(table.texts("case"), table.columns["truth"], strict=True)
    ):
        if not cell:
            raise table.error(row, "truth", f"the truth of case '{case}' is missing.")
        if cell not in ("0", "1", "0.0", "1.0"):
            reason = f"unknown truth '{cell}'; use 1 for diseased and 0 for not diseased."
            raise table.error(row, "truth", reason)
        value = cell[0] == "1"
        first, line = known.setdefault(case, (value, table.lines[row]))
        if first != value:
            reason = f"case '{case}' has truth {cell} here and {int(first)} in line {line}."
            raise table.error(row, "truth", reason)
    values = {value for value, _ in known.values()}
    if len(values) == 1:
        only = int(values.pop())
        reason = f"every case has truth {only}; cases with and without disease are needed."
        raise table.error(0, "truth", reason)
    return {case: value for case, (value, _) in known.items()}


def refuse_duplicates(table: Table, keys: Sequence[str]) -> None:
    """Check that no two rows agree in all `keys`.

    Raises:
        TableError: two rows do.
    """
    seen: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(zip(*(table.columns[name] for name in keys), strict=True)):
        first = seen.setdefault(key, row)
        if first != row:
            what = ", ".join(f"{name} '{cell}'" for name, cell in zip(keys, key, strict=True))
            reason = f"a second reading of {what}; the first is in line {table.lines[first]}."
            raise table.error(row, keys[-1], reason)


def write_readings(readings: Readings, path: str | Path) -> None:
    """Write the long CSV that `read_readings` reads, one row per reading that exists."""
    write_rows(path, READING_COLUMNS, reading_rows(readings))


def reading_rows(readings: Readings) -> Iterator[tuple[str, str, str, int, str]]:
    """Every existing reading as (reader, treatment, case, truth, rating as shortest text)."""
    for t, treatment in enumerate(readings.treatments):
        for r, reader in enumerate(readings.readers):
            for k in np.flatnonzero(~np.isnan(readings.ratings[t, r])):
                rating = format_number(float(readings.ratings[t, r, k]))
                yield reader, treatment, readings.cases[k], int(readings.truth[k]), rating


def format_number(number: float) -> str:
    """The shortest text that reads back as the same number: whole numbers without a point."""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def write_rows(path: str | Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    """Write a CSV atomically, line feed at line ends; None becomes an empty cell.

    Args:
        path: the file.
        header: names of the columns.
        rows: their cells.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with (
            atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except csv.Error as error:
        raise OutputError(f"'{path}' cannot be written ({error}).") from error
