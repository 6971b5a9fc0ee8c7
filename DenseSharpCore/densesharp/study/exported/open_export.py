"""Opening an export folder: everything in it is compared before anything is read from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from densesharp.errors import StudyError
from densesharp.stats.tables import Table, read_table
from densesharp.study.conduct.study_folder import DESIGN
from densesharp.study.conduct.verify import Verification, verify_record
from densesharp.study.exported.export_design import ExportDesign, read_design
from densesharp.study.exported.export_integrity import (
    ANSWERS,
    MODEL,
    SUMS,
    Record,
    check_answers,
    check_model,
    check_note,
    check_record,
    check_sums,
    frozen_study,
    read_record,
)
from densesharp.study.exported.export_note import NOTE, read_note

ANSWER_COLUMNS = ("reader", "case", "condition", "class")
MODEL_COLUMNS = ("case", "p_aah_ais", "p_mia", "p_iac")


@dataclass(frozen=True)
class Export:
    """An export, compared with what was frozen and recorded.

    Attributes:
        folder: where it lies.
        design: design.json.
        answers: answers.csv.
        record: the events; None where there are none.
        verified: whether every answer names the design by its hash.
    """

    folder: Path
    design: ExportDesign
    answers: Table
    record: Record | None
    verified: bool

    @property
    def model(self) -> Path | None:
        """The model's results in the folder."""
        path = self.folder / MODEL
        return path if path.is_file() else None


def is_export(folder: Path) -> bool:
    """Whether a folder is an export, not the study itself."""
    return any((folder / name).is_file() for name in (ANSWERS, SUMS, NOTE))


def open_export(folder: Path) -> Export:
    """Read an export.

    Args:
        folder: as `densesharp study export` wrote it, or made by hand of design and answers.

    Returns:
        Design, answers and record, which agree.

    Raises:
        StudyError: it is none, or something in it is missing or was changed.
        TableError: an answer is not the recorded one.
    """
    for name in (DESIGN, ANSWERS):
        if not (folder / name).is_file():
            raise StudyError(
                f"'{folder}' is no export of a study: '{name}' is missing. Make one with "
                "'densesharp study export'."
            )
    design = read_design(folder)
    check_sums(folder, design)
    answers = read_table(folder / ANSWERS, ANSWER_COLUMNS)
    verified = check_answers(answers, design)
    record = read_record(folder)
    if record is not None:
        check_record(folder, answers, design, record)
        check_note(folder, design, record)
    return Export(folder, design, answers, record, verified)


def verify_export(folder: Path, heads: Mapping[str, str] | None = None) -> Verification:
    """What `densesharp study verify` says of an export.

    Args:
        folder: the export.
        heads: heads noted earlier, besides those in export.json.

    Returns:
        Problems, notices, heads of the chains, and how many answers.

    Raises:
        StudyError, TableError: see `open_export`; or it was written by hand.
    """
    export = open_export(folder)
    if export.model is not None:
        check_model(read_table(export.model, MODEL_COLUMNS), export.answers, export.design)
    if export.record is None or not export.design.design_sha256:
        raise StudyError(
            f"'{folder}' holds no record of the answers: only what 'densesharp study export' wrote "
            "can be verified."
        )
    record = {reader: list(events) for reader, events in export.record.items()}
    noted = {**read_note(folder).heads, **(heads or {})}
    return verify_record(frozen_study(folder, export.design), record, noted)
