"""The Excel layout of JAFROC and RJafroc (.xlsx): sheets TRUTH, FP (or NL) and TP (or LL).

TRUTH: a row for every lesion (CaseID, LesionID, Weight) and one with LesionID 0 for a case without
any. RJafroc adds ReaderID and ModalityID, which list in one cell who reads the case, and Paradigm,
whose first two cells are ROC, FROC or LROC and the design. FP: ReaderID, ModalityID, CaseID and a
rating; TP: also LesionID. Weights that are all 0 are equal ones. Where two factors are crossed,
ModalityID1 and ModalityID2 stand for ModalityID, and a treatment is named `one x other`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.csv_files import plain_number
from densesharp.errors import TableError
from densesharp.files import atomic_path
from densesharp.stats.crossed import BETWEEN
from densesharp.stats.marks import Marks

SHEETS = {"TRUTH": ("TRUTH",), "FP": ("FP", "NL"), "TP": ("TP", "LL")}
COLUMNS = {"TRUTH": ("caseid", "lesionid", "weight"), "FP": ("readerid", "modalityid", "caseid"),
           "TP": ("readerid", "modalityid", "caseid", "lesionid")}  # fmt: skip
PARADIGMS = ("ROC", "FROC", "LROC")


@dataclass(frozen=True)
class _Row:
    """A row of a sheet: its place for messages, and its cells as text."""

    place: str
    cells: dict[str, str]

    def error(self, reason: str) -> TableError:
        return TableError(f"{self.place}: {reason}")

    def text(self, column: str) -> str:
        value = self.cells.get(column, "")
        if not value:
            raise self.error(f"the cell '{column}' is empty; fill it in.")
        return value

    def number(self, column: str) -> float:
        found = plain_number(self.text(column))
        if found is None:
            raise self.error(f"'{self.cells[column]}' in '{column}' is not a number.")
        return found


def read_jafroc(path: str | Path) -> Marks:
    """Read a workbook of either kind.

    Returns:
        The marks, checked.

    Raises:
        TableError: with sheet, row and reason: a sheet or column is missing, a cell is empty or
            not a number, a mark is of a case, lesion, reader or treatment that TRUTH does not
            have, a lesion is marked twice by one reading, or weights do not add up to 1.
    """
    file = Path(path)
    sheets = {name: _sheet(file, book, name) for book in [_open(file)] for name in SHEETS}
    truth = _Truth.of(file, sheets["TRUTH"])
    marks = [*sheets["FP"], *sheets["TP"]]
    readers = truth.labels("readerid", marks)
    treatments = truth.labels("modalityid", marks)
    return _arrange(truth, readers, treatments, sheets)


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        message = "Excel workbooks need the package openpyxl: pip install 'densesharp[study]'."
        raise TableError(message) from error
    return openpyxl


def _open(path: Path) -> Any:
    openpyxl = _openpyxl()
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        message = f"The file '{path}' cannot be read as an Excel workbook (.xlsx)."
        raise TableError(message) from error


def _sheet(path: Path, book: Any, name: str) -> list[_Row]:
    found = [title for title in book.sheetnames if title.strip().upper() in SHEETS[name]]
    if len(found) != 1:
        names = " or ".join(SHEETS[name])
        message = f"{path}: needs one sheet named {names} (there: {', '.join(book.sheetnames)})."
        raise TableError(message)
    rows = book[found[0]].iter_rows(values_only=True)
    header = [_plain(cell).lower().replace("_", "") for cell in next(rows, ())]
    crossed = {"modalityid1", "modalityid2"} <= set(header)
    columns = {cell: i for i, cell in enumerate(header) if cell}
    ratings = [] if name == "TRUTH" else [cell for cell in header if cell.endswith("rating")]
    for needed in COLUMNS[name]:
        if header.count(needed) > 1:
            raise TableError(f"{path}, sheet {found[0]}: the column '{needed}' is there twice.")
    if len(ratings) > 1:
        raise TableError(
            f"{path}, sheet {found[0]}: there is more than one column of ratings "
            f"({', '.join(ratings)}); keep one."
        )
    if ratings:
        columns["rating"] = columns[ratings[0]]
    missing = [c for c in (*COLUMNS[name], "rating") if c not in columns]
    missing = [c for c in missing if not (c == "modalityid" and crossed)]
    missing = [c for c in missing if not (c == "rating" and name == "TRUTH")]
    if missing:
        raise TableError(f"{path}, sheet {found[0]}: the column '{missing[0]}' is missing.")
    out = []
    for number, cells in enumerate(rows, start=2):
        row = {c: _plain(cells[i]) for c, i in columns.items() if i < len(cells)}
        if crossed:
            row["modalityid"] = _both(row["modalityid1"], row["modalityid2"])
        if any(row.get(c) for c in (*COLUMNS[name], "rating")):
            out.append(_Row(f"{path}, sheet {found[0]}, row {number}", row))
    return out


def _both(first: str, second: str) -> str:
    """Treatments of two factors; of lists, as TRUTH has them, every pair of levels."""
    levels = [
        [part.strip() for part in cell.split(",") if part.strip()] for cell in (first, second)
    ]
    return ",".join(f"{a}{BETWEEN}{b}" for a in levels[0] for b in levels[1])


def _plain(cell: object) -> str:
    """A cell as text, whole numbers without a point."""
    if isinstance(cell, float) and cell == int(cell):
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


@dataclass(frozen=True)
class _Truth:
    """What the sheet TRUTH says.

    Attributes:
        paradigm: ROC, FROC or LROC.
        lesions: case -> lesion -> weight.
        who: case -> readers and treatments that its rows list; empty where there are no columns.
    """

    path: Path
    paradigm: str
    lesions: dict[str, dict[str, float]]
    who: dict[str, dict[str, frozenset[str]]]

    @classmethod
    def of(cls, path: Path, rows: Sequence[_Row]) -> _Truth:
        lesions: dict[str, dict[str, float]] = {}
        who: dict[str, dict[str, frozenset[str]]] = {}
        for row in rows:
            case, lesion = row.text("caseid"), row.text("lesionid")
            of_case = lesions.setdefault(case, {})
            if lesion in of_case or ("0" in of_case) or (lesion == "0" and of_case):
                raise row.error(f"case '{case}' has lesion '{lesion}' twice, or also none.")
            of_case[lesion] = row.number("weight")
            listed = {c: _listed(row.cells.get(c, "")) for c in ("readerid", "modalityid")}
            if who.setdefault(case, listed) != listed:
                raise row.error(f"the lesions of case '{case}' are read by different readers.")
        said = next((row.cells["paradigm"] for row in rows if row.cells.get("paradigm")), "FROC")
        if said.upper() not in PARADIGMS:
            raise TableError(f"{path}: the paradigm '{said}' is none of {', '.join(PARADIGMS)}.")
        found = {case: _weights(path, case, own) for case, own in lesions.items()}
        return cls(path, said.upper(), found, who)

    def labels(self, column: str, marks: Iterable[_Row]) -> tuple[str, ...]:
        listed = {label for who in self.who.values() for label in who[column]}
        return tuple(sorted(listed or {row.text(column) for row in marks}))


def _listed(cell: str) -> frozenset[str]:
    """The labels of a cell such as `1, 2` or `(1)`, or `a x 1,a x 2` of two factors."""
    if BETWEEN in cell:
        return frozenset(cell.split(","))
    return frozenset(part for part in re.split(r"[,\s()]+", cell) if part)


def _weights(path: Path, case: str, given: dict[str, float]) -> dict[str, float]:
    """Weights that add up to 1; equal ones where all are 0; none for a case without lesion."""
    if "0" in given:
        return {}
    total = sum(given.values())
    if not any(given.values()):
        return dict.fromkeys(given, 1 / len(given))
    if min(given.values()) <= 0 or abs(total - 1) > 0.01:
        raise TableError(
            f"{path}, sheet TRUTH: the weights of the lesions of case '{case}' must be above 0 and "
            "add up to 1, or all be 0 for equal ones."
        )
    return {lesion: weight / total for lesion, weight in given.items()}


def _arrange(
    truth: _Truth,
    readers: tuple[str, ...],
    treatments: tuple[str, ...],
    sheets: dict[str, list[_Row]],
) -> Marks:
    cases = tuple(sorted(truth.lesions))
    places = {name: {label: i for i, label in enumerate(labels)} for name, labels in
              (("modalityid", treatments), ("readerid", readers), ("caseid", cases))}  # fmt: skip
    names = tuple(tuple(sorted(truth.lesions[case])) for case in cases)
    most = max((len(own) for own in names), default=0)
    if not readers or not most:
        raise TableError(f"{truth.path}: there is no mark, or no case with a lesion.")
    weights = np.zeros((len(cases), most))
    for k, case in enumerate(cases):
        weights[k, : len(names[k])] = [truth.lesions[case][lesion] for lesion in names[k]]
    read = np.ones((len(treatments), len(readers), len(cases)), dtype=bool)
    for k, case in enumerate(cases):
        who = truth.who[case]
        for axis, labels, column in ((0, treatments, "modalityid"), (1, readers, "readerid")):
            if who[column]:
                listed = np.array([label in who[column] for label in labels])
                read[:, :, k] &= listed[:, None] if axis == 0 else listed[None, :]
    shape = read.shape
    located = np.full((*shape, most), -np.inf)
    for row in sheets["TP"]:
        at = _place(row, places, read)
        lesion = row.text("lesionid")
        if lesion not in names[at[2]]:
            raise row.error(f"case '{cases[at[2]]}' has no lesion '{lesion}' in the sheet TRUTH.")
        slot = (*at, names[at[2]].index(lesion))
        if np.isfinite(located[slot]):
            raise row.error(f"lesion '{lesion}' of case '{cases[at[2]]}' is marked a second time.")
        located[slot] = row.number("rating")
    false: dict[tuple[int, int, int], list[float]] = {}
    for row in sheets["FP"]:
        false.setdefault(_place(row, places, read), []).append(row.number("rating"))
    elsewhere = np.full((*shape, max((len(own) for own in false.values()), default=1)), -np.inf)
    for at, ratings in false.items():
        elsewhere[at][: len(ratings)] = ratings
    lesions = np.array([len(own) for own in names])
    marks = Marks(truth.paradigm, treatments, readers, cases, lesions, names, weights, located,
                  elsewhere, read)  # fmt: skip
    _check_single(truth, marks)
    return marks


def _place(
    row: _Row, places: dict[str, dict[str, int]], read: np.ndarray[Any, Any]
) -> tuple[int, int, int]:
    at = []
    for column, known in places.items():
        label = row.text(column)
        if label not in known:
            raise row.error(f"'{label}' in '{column}' is not in the sheet TRUTH.")
        at.append(known[label])
    place = (at[0], at[1], at[2])
    if not read[place]:
        raise row.error("the sheet TRUTH does not give this case to this reader.")
    return place


def _check_single(truth: _Truth, marks: Marks) -> None:
    """ROC and LROC have one rating a reading at most."""
    if marks.paradigm == "FROC":
        return
    several = np.isfinite(marks.located).sum(axis=3) + np.isfinite(marks.false).sum(axis=3)
    if (several > 1).any():
        t, r, k = np.argwhere(several > 1)[0]
        raise TableError(
            f"{truth.path}: reader '{marks.readers[r]}' has two ratings of case '{marks.cases[k]}' "
            f"under '{marks.treatments[t]}', where {marks.paradigm} has one."
        )


def write_jafroc(marks: Marks, path: str | Path) -> None:
    """Write a workbook that RJafroc reads.

    Args:
        marks: the study.
        path: the file.

    Raises:
        OutputError: it cannot be written.
    """
    book = _openpyxl().Workbook()
    truth = book.active
    truth.title = "TRUTH"
    truth.append(["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"])
    design = "FCTRL" if marks.read.all() else "SPLIT-PLOT-C"
    said = iter([marks.paradigm, design])
    for k, case in enumerate(marks.cases):
        who = marks.read[:, :, k]
        readers = ", ".join(np.array(marks.readers)[who.any(axis=0)])
        treatments = ", ".join(np.array(marks.treatments)[who.any(axis=1)])
        for name, weight in zip(marks.lesion_names[k] or ("0",), marks.weights[k], strict=False):
            cells = [_cell(case), _cell(name), float(weight), readers, treatments]
            truth.append([*cells, next(said, None)])
    false, located = book.create_sheet("FP"), book.create_sheet("TP")
    false.append(["ReaderID", "ModalityID", "CaseID", "FP_Rating"])
    located.append(["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"])
    for t, r, k in np.argwhere(marks.read):
        who_and_what = [marks.readers[r], marks.treatments[t], _cell(marks.cases[k])]
        for rating in marks.false[t, r, k]:
            if np.isfinite(rating):
                false.append([*who_and_what, float(rating)])
        for name, rating in zip(marks.lesion_names[k], marks.located[t, r, k], strict=False):
            if np.isfinite(rating):
                located.append([*who_and_what, _cell(name), float(rating)])
    with atomic_path(path) as temporary:
        book.save(temporary)


def _cell(label: str) -> int | str:
    """A label as a number where it is one: RJafroc wants numbers for cases and lesions."""
    return int(label) if label.isdecimal() and str(int(label)) == label else label
