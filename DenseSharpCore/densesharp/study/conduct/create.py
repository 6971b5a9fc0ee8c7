"""Making a study from tables: cases, readers, truth and the model's results.

    cases.csv     case,image,x,y,z[,space][,practice][,patient][,properties to balance by]
    readers.csv   reader,group
    truth.csv     case,class            (read here only to balance the order; never copied)
    truth-STUDY.key                     written beside the truth: see `truth_key`
    results/      CASE/result.json and CASE/..._mask.nrrd, as `predict --out results/CASE` writes;
                  or what `cohort cases.csv --out results` writes

Image paths are relative to cases.csv.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from densesharp.errors import DenseSharpError, ImageError, StudyError
from densesharp.image.grid import Grid
from densesharp.image.masks import mask_from_box
from densesharp.io import read_volume
from densesharp.nodule.records import CLASS_NAMES, NoduleResult, Seed
from densesharp.progress import Progress, silent
from densesharp.report.labels import ordered, spread_sentence, volume_words
from densesharp.serve.case_list import FOLDER, mask_name
from densesharp.stats.tables import Table, read_table
from densesharp.study.conduct.design import (
    Case,
    Design,
    Endpoint,
    Hanging,
    Kind,
    MaskRule,
    Reader,
    Reveal,
)
from densesharp.study.conduct.model_results import Aid, describe_aids, write_aids
from densesharp.study.conduct.reader_masks import decode, make_mask
from densesharp.study.conduct.study_folder import DESIGN, Study, freeze, hash_image
from densesharp.study.conduct.telling import refuse_telling
from densesharp.study.conduct.truth_key import TruthKey, key_path
from densesharp.study.reserved_names import refuse_reserved

_CASE_COLUMNS = ("case", "image", "x", "y", "z")
_KNOWN = (*_CASE_COLUMNS, "space", "practice", "nodule", "patient")
_YES, _NO = ("1", "yes", "true"), ("", "0", "no", "false")


@dataclass(frozen=True)
class Sources:
    """The tables and folders that a study is made from."""

    cases: Path
    readers: Path
    truth: Path | None = None
    results: Path | None = None
    key: Path | None = None
    feedback: bool = False

    def key_path(self, study: str) -> Path | None:
        """Where the study's key is written; None without a truth."""
        return self.truth and (self.key or key_path(self.truth, study))


class DesignSettings(TypedDict, total=False):
    """What of a `Design` the tables do not give."""

    study: str
    title: str
    kind: Kind
    seed: int
    washout_days: float
    reveal: Reveal
    repeats: int
    mask: MaskRule
    going_back: bool
    endpoint: Endpoint
    instructions: str
    teaching: bool
    hanging: Hanging


@dataclass(frozen=True)
class _Listed:
    """One line of cases.csv with its image's grid."""

    case: Case
    grid: Grid
    nodule: str


def create_study(
    folder: Path, sources: Sources, settings: DesignSettings, progress: Progress = silent
) -> Study:
    """Read the tables and images, check everything, freeze the design and write the folder.

    Args:
        folder: where the study is to live.
        sources: tables and results.
        settings: the rest of the design.
        progress: told about each image.

    Returns:
        The frozen study.

    Raises:
        TableError: a table is wrong.
        ImageError: an image cannot be used.
        StudyError: something contradicts something else.
        OutputError: the folder cannot be written to.
    """
    refuse_second(folder)
    # In the order of their names: tables are often sorted by what must not be known.
    listed = sorted(_read_cases(sources.cases, folder, progress), key=_practice_last)
    truth = _read_truth(sources.truth, listed)
    if truth is not None:
        refuse_telling([entry.case for entry in listed], truth)
    key, key_file = TruthKey.draw(), sources.key_path(settings["study"])
    aids = [_read_aid(entry, sources.results) for entry in listed] if sources.results else []
    # The design is complete and checked before anything is written.
    design = Design(
        readers=_read_readers(sources.readers),
        cases=tuple(
            _told(
                entry.case,
                truth if sources.feedback else None,
                every=bool(settings.get("teaching")),
            )
            for entry in listed
        ),
        aid=describe_aids(aids),
        truth_sha256=key.seal(sources.truth.read_bytes()) if sources.truth else "",
        **settings,
    )
    if key_file is not None:
        _refuse_inside(key_file, folder)
        # Before the study: none may exist without its key.
        key.write(key_file, design.study)
    try:
        write_aids(folder, aids)
        study = freeze(folder, design, truth, key if sources.truth else None)
    except DenseSharpError:
        if key_file is not None:
            key_file.unlink(missing_ok=True)
        raise
    progress(1.0, "Done")
    return study


def refuse_second(folder: Path) -> None:
    """A folder holds one study.

    Raises:
        StudyError: it holds one already.
    """
    if (folder / DESIGN).exists():
        message = f"'{folder}' holds a study already: choose a new folder, designs never change."
        raise StudyError(message)


def _told(case: Case, truth: Mapping[str, str] | None, *, every: bool) -> Case:
    """A case with the class that is told after it: a practice case, in teaching every one."""
    if truth is None or not (case.practice or every):
        return case
    if case.id not in truth:
        raise StudyError(f"Feedback needs the class of '{case.id}' in the truth table.")
    return replace(case, feedback=truth[case.id])


def _practice_last(entry: _Listed) -> tuple[bool, str]:
    """Practice cases keep their order (sorting is stable), the others go by name."""
    return entry.case.practice, "" if entry.case.practice else entry.case.id


def _refuse_inside(key_file: Path, folder: Path) -> None:
    if folder.resolve() in key_file.resolve().parents:
        raise StudyError(
            f"The key '{key_file}' would lie in the study's folder, where it gives the truth away: "
            "keep truth and key elsewhere, or name another file with --key."
        )


def _read_readers(path: Path) -> tuple[Reader, ...]:
    table = read_table(path, ("reader", "group"))
    refuse_reserved("reader", table.texts("reader"), path)
    pairs = zip(table.texts("reader"), table.texts("group"), strict=True)
    return tuple(Reader(name, group) for name, group in pairs)


def _read_cases(path: Path, folder: Path, progress: Progress) -> list[_Listed]:
    table = read_table(path, _CASE_COLUMNS)
    for name in ("class", "truth", "pathology", "histology", "diagnosis"):
        if name in table.columns:
            raise StudyError(
                f"The case list '{path}' has a column '{name}': the truth belongs into a table of "
                "its own (case,class), because readers' computers hold the case list."
            )
    listed = []
    for row in range(len(table)):
        progress(row / len(table), f"Case {row + 1} of {len(table)}")
        listed.append(_read_case(table, row, path.parent, folder))
    return listed


def _read_case(table: Table, row: int, base: Path, folder: Path) -> _Listed:
    cell = {name: cells[row] for name, cells in table.columns.items()}
    image = base / cell["image"]
    try:
        grid = read_volume(image).grid
    except ImageError as error:
        raise table.error(row, "image", str(error)) from error
    point = np.array([table.numbers(axis)[row] for axis in "xyz"])
    space = cell.get("space") or "ras"
    if space == "ijk":
        seed = Seed.from_ijk(point, grid).lps
    elif space in ("ras", "lps"):
        seed = (Seed.from_ras(point) if space == "ras" else Seed(point)).lps
    else:
        raise table.error(row, "space", f"'{space}' is not ras, lps or ijk.")
    if not grid.contains(seed):
        raise table.error(row, "x", "the point lies outside the image; check it and its space.")
    practice = cell.get("practice", "").lower()
    if practice not in _YES + _NO:
        raise table.error(row, "practice", f"'{practice}' is neither yes nor no.")
    x, y, z = (float(value) for value in seed)
    case = Case(
        id=cell["case"],
        image=_stored_path(cell["image"], image, folder),
        seed_lps=(x, y, z),
        image_sha256=hash_image(image),
        practice=practice in _YES,
        strata={name: text for name, text in cell.items() if name not in _KNOWN},
        patient=cell.get("patient", ""),
    )
    return _Listed(case, grid, cell.get("nodule", ""))


def _stored_path(given: str, image: Path, folder: Path) -> str:
    """A relative path stays relative, so that study and images can move together."""
    if Path(given).is_absolute():
        return given
    return Path(os.path.relpath(image, folder)).as_posix()


def _read_truth(path: Path | None, listed: list[_Listed]) -> dict[str, str] | None:
    if path is None:
        return None
    table = read_table(path, ("case", "class"))
    truth: dict[str, str] = {}
    for row, (case, name) in enumerate(zip(table.texts("case"), table.texts("class"), strict=True)):
        if name not in CLASS_NAMES:
            reason = f"'{name}' is not one of {', '.join(CLASS_NAMES)}."
            raise table.error(row, "class", reason)
        if case in truth:
            raise table.error(row, "case", f"'{case}' is listed twice.")
        truth[case] = name
    missing = [e.case.id for e in listed if not e.case.practice and e.case.id not in truth]
    if missing:
        raise StudyError(f"The truth table '{path}' lacks the case '{missing[0]}': add its class.")
    return truth


def _read_aid(entry: _Listed, results: Path) -> Aid:
    """The model's result of a case, from what `densesharp predict` or `cohort` wrote."""
    record = results / FOLDER / f"{entry.case.id}.json"
    path = record if record.exists() else results / entry.case.id / "result.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        document = document["result"] if path == record else document
        entry_of_it = _choose_nodule(document["nodules"], entry, path)
        result = NoduleResult.from_json(entry_of_it).shown()
        model = document["model"]
        name, digest, trained = (str(model[key]) for key in ("name", "sha256", "trained_on"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"There is no result of the model for case '{entry.case.id}' ('{path}'): run "
            "'densesharp predict' with its image and seed into that folder, or 'densesharp cohort' "
            "with the case list into the results folder."
        ) from error
    probabilities = result.class_probabilities
    if not probabilities:
        raise StudyError(
            f"The model refused case '{entry.case.id}': a study cannot show its result. Leave "
            "the case out or read it in an unaided study."
        )
    chances = {c: float(probabilities[c]) for c in CLASS_NAMES}
    aid = Aid(
        entry.case.id,
        name,
        digest,
        trained,
        chances,
        verdict=result.verdict,
        reasons=tuple(notice.message for notice in ordered(result.notices)),
        spread=spread_sentence(result.uncertainty),
        volume=volume_words(result),
    )
    own = result.id
    mask_file = path.with_name(
        mask_name(entry.case.id, own) if path == record else f"{own}_mask.nrrd"
    )
    if not mask_file.exists():
        return aid
    array, grid = decode(mask_file.read_bytes())
    # `cohort` cuts its masks to the nodule.
    start = np.rint(entry.grid.to_index(grid.origin)).astype(np.int64)
    inside = (start >= 0).all() and (start + grid.size <= entry.grid.size).all()
    if not (inside and entry.grid.crop(start, grid.size).same_as(grid)):
        message = f"The outline '{mask_file}' does not lie on the image of case '{entry.case.id}'."
        raise StudyError(message)
    outline = mask_from_box(array > 0, start, entry.grid)
    if outline is None:
        return aid
    mask = make_mask(outline, entry.grid, entry.case.seed_lps)
    return replace(aid, mask=mask.nrrd, mask_sha256=mask.sha256)


def _choose_nodule(nodules: list[Any], entry: _Listed, path: Path) -> Any:
    found = [n for n in nodules if not entry.nodule or n["id"] == entry.nodule]
    if len(found) != 1:
        raise StudyError(
            f"'{path}' has {len(found)} results for case '{entry.case.id}': name the right one in "
            "the column 'nodule' of the case list."
        )
    return found[0]
