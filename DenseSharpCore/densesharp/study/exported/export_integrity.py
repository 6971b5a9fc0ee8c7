"""Is an export what was frozen before the first read and written by the readers?

What can be compared is compared: the design with its own hash, every answer with the design's hash
and with the record, all files with SHA256SUMS. What does not agree is refused; where there is
nothing to compare with, the report says so.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from densesharp.errors import StudyError
from densesharp.files import sha256
from densesharp.stats.tables import Table, read_table
from densesharp.study.conduct.design import design_from_json
from densesharp.study.conduct.events import Event, chain_problems
from densesharp.study.conduct.schedule import schedule_from_csv
from densesharp.study.conduct.study_folder import DESIGN, SCHEDULE, Study
from densesharp.study.exported.export_design import ExportDesign, unreadable
from densesharp.study.exported.export_note import NOTE, note_of, read_note
from densesharp.study.exported.write_export import Row, answer_rows

ANSWERS, EVENTS, MODEL = "answers.csv", "events.jsonl", "model.csv"
SUMS = "SHA256SUMS"
FILES = (DESIGN, SCHEDULE, ANSWERS, MODEL, EVENTS, NOTE)

SAME_PERCENT = 1e-6  # exports round to ten digits

Record: TypeAlias = Mapping[str, Sequence[Event]]
"""Reader -> events, oldest first."""

_AGAIN = "restore it, or export the study again."
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def check_sums(folder: Path, design: ExportDesign) -> None:
    """Check all files against SHA256SUMS.

    Args:
        folder: the export.
        design: design.json; where it was written by hand, there need be no SHA256SUMS.

    Raises:
        StudyError: a file is missing, changed or was added.
    """
    if design.design_sha256:
        for name in (SUMS, SCHEDULE, EVENTS):
            if not (folder / name).is_file():
                raise StudyError(f"'{folder / name}' is missing: {_AGAIN}")
    path = folder / SUMS
    if not path.is_file():
        return
    again = f"{SUMS}: {_AGAIN}"
    listed, text = set(), _text(path)
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise unreadable(path)
        digest, name = found.groups()
        listed.add(name)
        if not (folder / name).is_file():
            raise StudyError(f"'{folder / name}' is missing, but stands in {again}")
        if sha256(folder / name) != digest:
            raise StudyError(f"'{folder / name}' was changed after the export, by {again}")
    for name in FILES:
        if name not in listed and (folder / name).exists():
            raise StudyError(f"'{folder / name}' is not part of the export, by {again}")
    if design.design_sha256 and not {ANSWERS, DESIGN, SCHEDULE, EVENTS} <= listed:
        raise unreadable(path)
    if design.design_sha256 and path.read_bytes() not in _as_written(text):
        raise StudyError(f"'{path}' was changed after the export: {_AGAIN}")


def _as_written(text: str) -> tuple[bytes, bytes]:
    """The lines of SHA256SUMS as an export writes them: by name, and so on Windows."""
    lines = set(text.splitlines())
    by_name = sorted(lines, key=lambda line: line[66:])
    by_letters = sorted(lines, key=lambda line: line[66:].casefold())
    one, other = ("".join(f"{line}\n" for line in order) for order in (by_name, by_letters))
    return one.encode(), other.encode()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise unreadable(path) from error


def check_answers(answers: Table, design: ExportDesign) -> bool:
    """Whether every answer names the design by its hash.

    Raises:
        TableError: an answer names another design.
    """
    stored = design.design_sha256
    cells = answers.columns.get("design_sha256")
    if cells is None:
        return False
    for row, cell in enumerate(cells):
        if cell != stored:
            reason = f"this answer was not given under the design in '{DESIGN}'."
            raise answers.error(row, "design_sha256", reason)
    return bool(stored)


def read_record(folder: Path) -> Record | None:
    """The record; None when the folder has no record.

    Raises:
        StudyError: the record cannot be read or a chain is broken.
    """
    path = folder / EVENTS
    if not path.is_file():
        return None
    chains: dict[str, list[Event]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            event = Event(**json.loads(line))
            if not isinstance(event.body, dict):
                raise TypeError("the body of an event is no object")
            chains.setdefault(event.reader, []).append(event)
        problems = [text for reader in chains for text in chain_problems(reader, chains[reader])]
    except (OSError, ValueError, TypeError) as error:
        raise unreadable(path) from error
    if problems:
        raise StudyError(f"The record '{path}' was changed: {problems[0]} Restore it from a copy.")
    return chains


def check_record(folder: Path, answers: Table, design: ExportDesign, record: Record) -> None:
    """Check that the record was begun under this design and that the answers are all of its own.

    Args:
        folder: the export.
        answers: answers.csv.
        design: design.json.
        record: the events.

    Raises:
        StudyError: it was begun under another design, the schedule is not the frozen one, or an
            answer of the record was left out.
        TableError: an answer is not the valid one in the record.
    """
    stored = design.design_sha256
    if any(chain[0].body.get("design_sha256") != stored for chain in record.values()):
        message = f"The record '{folder / EVENTS}' was not begun under the design in '{DESIGN}'."
        raise StudyError(message)
    again = {str(row["event_sha256"]): row for row in _made_again(folder, design, record)}
    digests = answers.columns.get("event_sha256", ())
    for row, digest in enumerate(digests):
        wrong = _difference(answers, row, again.get(digest))
        if wrong:
            raise answers.error(row, wrong, f"this is not the answer in the record '{EVENTS}'.")
    named = set(digests)
    if len(named) < len(digests):
        row = next(row for row, digest in enumerate(digests) if digest in digests[:row])
        raise answers.error(row, "event_sha256", "this answer stands here twice.")
    lacking = next((row for digest, row in again.items() if digest not in named), None)
    if lacking is not None:
        raise StudyError(
            f"'{answers.path}' lacks the answer of reader {lacking['reader']} to "
            f"'{lacking['item']}' that stands in the record '{EVENTS}': restore the file."
        )


def check_model(results: Table, answers: Table, design: ExportDesign) -> None:
    """Check that results of the model are those that the readers were shown.

    Args:
        results: of the model.
        answers: answers.csv.
        design: design.json.

    Raises:
        TableError: they are another model's, or another probability was shown.
    """
    if design.model_sha256 is None:
        return
    hint = "To compare readers with another model, give 'answers.csv' alone, without its folder."
    for row, cell in enumerate(results.columns.get("model_sha256", ())):
        if cell != design.model_sha256:
            reason = f"this is not the model whose results the readers saw. {hint}"
            raise results.error(row, "model_sha256", reason)
    iac = results.numbers("p_iac")
    row_of = {case: row for row, case in enumerate(results.columns["case"])}
    for name, column, percent in (
        ("aid_p_iac", "p_iac", iac),
        ("aid_p_invasive", "p_mia", results.numbers("p_mia") + iac),
    ):
        if name not in answers.columns:
            continue
        shown = answers.numbers(name, empty=math.nan)
        for case, value in zip(answers.columns["case"], shown, strict=True):
            row = row_of.get(case, -1)
            if row >= 0 and abs(percent[row] - value) > SAME_PERCENT:
                what = column if column == "p_iac" else "p_mia and p_iac together"
                reason = f"the readers were shown {value:g} % for case '{case}' ({what}). {hint}"
                raise results.error(row, column, reason)


def frozen_study(folder: Path, design: ExportDesign) -> Study:
    """Design and schedule of an export, as they were frozen.

    Args:
        folder: the export.
        design: design.json.

    Raises:
        StudyError: the schedule is missing or was changed.
    """
    path = folder / SCHEDULE
    if not path.is_file():
        raise StudyError(f"'{path}' is missing: {_AGAIN}")
    content = path.read_bytes()
    if sha256(content) != design.schedule_sha256:
        message = f"'{path}' was changed after the study was frozen: restore the original file."
        raise StudyError(message)
    frozen = design_from_json((folder / DESIGN).read_text(encoding="utf-8"))
    return Study(folder, frozen, schedule_from_csv(content.decode("utf-8")))


def check_note(folder: Path, design: ExportDesign, record: Record) -> None:
    """Check that export.json and the model's results are those of this record.

    Args:
        folder: the export.
        design: design.json.
        record: the events.

    Raises:
        StudyError: they are not.
    """
    if not (folder / NOTE).is_file():
        return  # an export from before there was one
    note = read_note(folder)
    if note != note_of(frozen_study(folder, design), record, closed=note.closed is True):
        raise StudyError(f"'{folder / NOTE}' is not the note on this record: {_AGAIN}")
    if design.model_sha256 is None:
        return
    path = folder / MODEL
    told = {case.id for case in design.listed} - set(note.held_back)
    found = read_table(path, ("case",)).columns["case"] if path.is_file() else ()
    if sorted(found) != sorted(told):
        raise StudyError(f"'{path}' does not hold the results of this export's cases: {_AGAIN}")


def _made_again(folder: Path, design: ExportDesign, record: Record) -> list[Row]:
    """The rows of answers.csv as an export makes them of the frozen files and the record."""
    study, held = frozen_study(folder, design), read_note(folder).held_back
    try:
        return [row for name in record for row in answer_rows(study, name, record[name], held)]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StudyError(
            f"The record '{folder / EVENTS}' holds an event that reading under this design cannot "
            "make: restore it from a copy."
        ) from error


def _difference(answers: Table, row: int, made: Row | None) -> str | None:
    """The first column in which a row is not what an export makes of its event."""
    if made is None:
        return "event_sha256"
    for name, value in made.items():
        cells = answers.columns.get(name)
        if cells is not None and name != "comment" and cells[row] != str(value):
            return name
    masks = answers.columns.get("mask")
    kept = made["mask_sha256"] if made["mask"] else ""
    if masks is not None and _hash(answers.path.parent / masks[row]) != kept:
        return "mask"
    return None


def _hash(path: Path) -> str:
    """The sha256 of a file; "" when there is none."""
    return sha256(path) if path.is_file() else ""
