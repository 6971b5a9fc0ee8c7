"""Reading what `densesharp study analyze` is given: an export folder, or plain CSVs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from densesharp.errors import StudyError, TableError
from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.marks import Marks
from densesharp.stats.readings_files import load_marks, load_readings
from densesharp.stats.tables import (
    READING_COLUMNS,
    FloatArray,
    IntArray,
    Table,
    read_table,
    refuse_duplicates,
)
from densesharp.study.exported.export_design import ExportDesign
from densesharp.study.exported.export_integrity import Record, check_model
from densesharp.study.exported.frozen_truth import check_truth
from densesharp.study.exported.open_export import ANSWER_COLUMNS, MODEL_COLUMNS, open_export
from densesharp.study.exported.patients import patients_of
from densesharp.study.exported.study_data import Model, StudyData, Task, paper_tasks
from densesharp.study.exported.washout import washout_of
from densesharp.study.reserved_names import refuse_reserved


def load_study(
    source: str | Path,
    truth: str | Path | None = None,
    model: str | Path | None = None,
    key: str | Path | None = None,
) -> StudyData:
    """Read a study.

    Args:
        source: an export folder of `densesharp study export`; an answers CSV with the columns
            reader,case,condition,class (and p_invasive,p_iac,active_s,session,... where known);
            a table of readings (reader,treatment,case,truth,rating, .imrmc, .lrc); or a workbook
            of marks or ratings (.xlsx, JAFROC).
        truth: CSV with the columns case,class; needed unless readings carry their truth.
        model: CSV of the model's results, if it is not in the folder.
        key: the study's key, if it does not lie beside the truth as it was written there.

    Returns:
        The data of the analysis.

    Raises:
        TableError: a table is wrong, or a case has no truth; line, column and reason are said.
        StudyError: the folder is none, something in it was changed after it was frozen or
            exported, truth or model are not those that the design names, or a reader or condition
            has the name of a row of the results.
    """
    data = _load(Path(source), truth, model, key)
    refuse_reserved("reader", data.readers, source)
    refuse_reserved("condition", data.conditions, source)
    return data


def _load(
    path: Path, truth: str | Path | None, model: str | Path | None, key: str | Path | None
) -> StudyData:
    if path.is_dir():
        return _from_folder(path, truth, model, key)
    if path.suffix.lower() != ".csv" or _has_readings(path):
        return _from_readings(path)
    return _from_answers(read_table(path, ANSWER_COLUMNS), ExportDesign(), truth, model)


def _has_readings(path: Path) -> bool:
    return set(READING_COLUMNS) <= set(read_table(path, ()).columns)


def _from_readings(path: Path) -> StudyData:
    marks = load_marks(path) if path.suffix.lower() == ".xlsx" else None
    if marks is None or marks.paradigm == "ROC":
        marks = None
        readings = load_readings(path)
        task = Task("disease", "Disease", 1, readings.ratings)
    else:
        readings = marks.numbered()
        task = Task("disease", "Lesions, by each case's highest rating", 1, _highest(marks))
    return StudyData(
        path.stem,
        ExportDesign(),
        readings.treatments,
        readings.readers,
        {},
        readings.cases,
        ("not diseased", "diseased"),
        readings.truth.astype(np.int64),
        (task,),
        patients=readings.patients,
        marks=marks,
    )


def _highest(marks: Marks) -> FloatArray:
    """Each case's highest rating, shape (t, r, K); without marks one below all of them."""
    highest = marks.highest
    lowest = highest[np.isfinite(highest)].min(initial=0.0) - 1.0
    rated = np.where(np.isfinite(highest), highest, lowest)
    found: FloatArray = np.where(np.isnan(marks.numbered().ratings), np.nan, rated)
    return found


def _from_folder(
    folder: Path, truth: str | Path | None, model: str | Path | None, key: str | Path | None
) -> StudyData:
    export = open_export(folder)
    table, design = export.answers, export.design
    model = model or export.model
    if model is not None:
        check_model(read_table(model, MODEL_COLUMNS), table, design)
    data = _from_answers(table, design, truth, model, export.record, key)
    return replace(data, verified=export.verified)


def _from_answers(
    table: Table,
    design: ExportDesign,
    truth: str | Path | None,
    model: str | Path | None,
    record: Record | None = None,
    key: str | Path | None = None,
) -> StudyData:
    if truth is None:
        message = "The analysis needs the truth: give a CSV with the columns case,class (--truth)."
        raise StudyError(message)
    answers = _Answers(table, design)
    pathology = _read_truth(Path(truth))
    truth_state = check_truth(Path(truth), design, Path(key) if key else None)
    for row, case in zip(answers.main, answers.cases_of(answers.main), strict=True):
        if case not in pathology:
            raise answers.table.error(row, "case", f"case '{case}' has no class in '{truth}'.")
    cases = tuple(sorted(set(answers.cases_of(answers.main))))
    patients = patients_of(table, design, cases)
    alone = None if model is None else _read_model(Path(model), cases)
    grid = answers.grid(cases)
    return StudyData(
        design.title or design.study or table.path.stem,
        design,
        grid.conditions,
        grid.readers,
        design.readers or answers.groups(),
        cases,
        CLASS_NAMES,
        np.array([pathology[case] for case in cases]),
        paper_tasks(*grid.percents(), alone) if grid.has_ratings else (),
        grid.classes(),
        grid.times(),
        grid.numbers("session"),
        grid.numbers("position"),
        grid.repeats(),
        alone,
        grid.masks(table.path.parent),
        tuple(sorted(set(pathology) - set(cases) - set(answers.cases_of(answers.practice)))),
        len(answers.practice),
        washout=washout_of(table, record),
        truth_state=truth_state,
        patients=patients.numbers,
        unknown_patients=patients.unknown,
    )


def _read_truth(path: Path) -> dict[str, int]:
    table = read_table(path, ("case", "class"))
    cases = table.texts("case")
    refuse_duplicates(table, ("case",))
    return {case: _class(table, row, "class") for row, case in enumerate(cases)}


def _class(table: Table, row: int, column: str) -> int:
    cell = table.columns[column][row]
    if cell not in CLASS_NAMES:
        reason = "the class is missing." if not cell else f"unknown class '{cell}'."
        raise table.error(row, column, f"{reason} Use {', '.join(CLASS_NAMES)}.")
    return CLASS_NAMES.index(cell)


def _read_model(path: Path, cases: tuple[str, ...]) -> Model:
    table = read_table(path, MODEL_COLUMNS)
    refuse_duplicates(table, ("case",))
    rows = {case: row for row, case in enumerate(table.texts("case"))}
    percent = np.column_stack([table.numbers(name) for name in MODEL_COLUMNS[1:]])
    wrong = np.flatnonzero((percent < 0).any(1) | (np.abs(percent.sum(1) - 100) > 0.1))
    if len(wrong):
        reason = "the three probabilities are percentages that add up to 100."
        raise table.error(int(wrong[0]), "p_iac", reason)
    probabilities = np.full((len(cases), 3), np.nan)
    masks = {}
    for k, case in enumerate(cases):
        if case in rows:
            probabilities[k] = percent[rows[case]] / 100
            name = table.columns["mask"][rows[case]] if "mask" in table.columns else ""
            if name:
                masks[k] = path.parent / name
    known = ~np.isnan(probabilities[:, 0])
    classes = np.where(known, np.argmax(np.nan_to_num(probabilities), axis=1), -1)
    trained_on = "; ".join(sorted({*table.columns.get("trained_on", ())} - {""}))
    return Model(classes, probabilities, masks, trained_on)


class _Answers:
    """The rows of answers.csv by their role."""

    def __init__(self, table: Table, design: ExportDesign) -> None:
        self.table = table
        for name in ("reader", "case", "condition"):
            table.texts(name)
        roles = table.columns.get("role", ("main",) * len(table))
        final = table.columns.get("final", ("1",) * len(table))
        self.main = [i for i, role in enumerate(roles) if role == "main" and final[i] != "0"]
        self.repeat = [i for i, role in enumerate(roles) if role == "repeat" and final[i] != "0"]
        self.practice = [i for i, role in enumerate(roles) if role == "practice"]
        unknown = [i for i, role in enumerate(roles) if role not in ("main", "repeat", "practice")]
        if unknown:
            raise table.error(unknown[0], "role", f"unknown role '{roles[unknown[0]]}'.")
        if not self.main:
            raise TableError(f"{table.path}: there is no answer to analyse.")
        if design.readers:
            self._refuse_unplanned(design)

    def _refuse_unplanned(self, design: ExportDesign) -> None:
        for column, planned in (
            ("reader", design.readers),
            ("case", design.cases),
            ("condition", design.conditions),
        ):
            for row, cell in zip(self.main, self.column(column, self.main), strict=True):
                if planned and cell not in planned:
                    raise self.table.error(row, column, f"the design names no {column} '{cell}'.")

    def column(self, name: str, rows: list[int]) -> list[str]:
        cells = self.table.columns[name]
        return [cells[row] for row in rows]

    def cases_of(self, rows: list[int]) -> list[str]:
        return self.column("case", rows)

    def groups(self) -> dict[str, str]:
        if "group" not in self.table.columns:
            return {}
        found: dict[str, tuple[str, int]] = {}
        groups = self.table.columns["group"]
        for row, (reader, group) in enumerate(
            zip(self.table.columns["reader"], groups, strict=True)
        ):
            first, line = found.setdefault(reader, (group, self.table.lines[row]))
            if group != first:
                reason = f"reader '{reader}' has group '{group}' here and '{first}' in line {line}."
                raise self.table.error(row, "group", reason)
        if "" in groups and any(groups):
            row = groups.index("")
            reader = self.table.columns["reader"][row]
            reason = f"reader '{reader}' has no group, but others have: give all a group or none."
            raise self.table.error(row, "group", reason)
        return {reader: group for reader, (group, _) in found.items()}

    def grid(self, cases: tuple[str, ...]) -> "_Grid":
        return _Grid(self, cases)


class _Grid:
    """The main answers arranged as [condition, reader, case]."""

    def __init__(self, answers: _Answers, cases: tuple[str, ...]) -> None:
        self.answers, self.cases, table = answers, cases, answers.table
        rows = answers.main
        self.conditions = tuple(sorted(set(answers.column("condition", rows))))
        self.readers = tuple(sorted(set(answers.column("reader", rows))))
        self.shape = (len(self.conditions), len(self.readers), len(cases))
        self.row = np.full(self.shape, -1)
        self.case_number = {case: k for k, case in enumerate(cases)}
        for row in rows:
            at = (
                self.conditions.index(table.columns["condition"][row]),
                self.readers.index(table.columns["reader"][row]),
                self.case_number[table.columns["case"][row]],
            )
            if self.row[at] >= 0:
                line = table.lines[self.row[at]]
                reason = f"a second answer of this reader; the first is in line {line}."
                raise table.error(row, "case", reason)
            self.row[at] = row

    @property
    def has_ratings(self) -> bool:
        columns = self.answers.table.columns
        return any(columns.get("p_invasive", ())) and any(columns.get("p_iac", ()))

    def numbers(self, name: str) -> FloatArray | None:
        table = self.answers.table
        if name not in table.columns or not any(table.columns[name]):
            return None
        values = np.append(table.numbers(name, empty=np.nan), np.nan)
        grid: FloatArray = values[self.row]
        return grid

    def percents(self) -> tuple[FloatArray, FloatArray]:
        found = []
        for name in ("p_invasive", "p_iac"):
            values = self.numbers(name)
            if values is None:
                values = np.full(self.shape, np.nan)
            self._refuse_beyond(values, name, 100, "the rating is not between 0 and 100.")
            found.append(values)
        return found[0], found[1]

    def times(self) -> FloatArray | None:
        values = self.numbers("active_s")
        if values is not None:
            reason = "the reading time is not between 0 seconds and a day (86400)."
            self._refuse_beyond(values, "active_s", 86400, reason)
        return values

    def _refuse_beyond(self, values: FloatArray, name: str, most: float, reason: str) -> None:
        wrong = np.argwhere((values < 0) | (values > most))
        if len(wrong):
            raise self.answers.table.error(int(self.row[tuple(wrong[0])]), name, reason)

    def classes(self) -> IntArray:
        table = self.answers.table
        out = np.full(self.shape, -1)
        for at in zip(*np.nonzero(self.row >= 0), strict=True):
            out[at] = _class(table, int(self.row[at]), "class")
        return out

    def repeats(self) -> IntArray | None:
        table = self.answers.table
        rows = self.answers.repeat
        if not rows:
            return None
        out = np.full(self.shape[1:], -1)
        for row in rows:
            reader, case = table.columns["reader"][row], table.columns["case"][row]
            if reader in self.readers and case in self.case_number:
                at = (self.readers.index(reader), self.case_number[case])
                out[at] = _class(table, row, "class")
        return out

    def masks(self, folder: Path) -> dict[tuple[int, int, int], Path]:
        cells = self.answers.table.columns.get("mask")
        if cells is None:
            return {}
        found = {}
        for t, r, k in zip(*np.nonzero(self.row >= 0), strict=True):
            name = cells[int(self.row[t, r, k])]
            if name:
                found[int(t), int(r), int(k)] = folder / name
        return found
