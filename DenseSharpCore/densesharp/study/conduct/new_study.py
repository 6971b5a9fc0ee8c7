"""From a filled-in plan to a frozen study."""

import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from densesharp.csv_files import plain_number
from densesharp.errors import StudyError
from densesharp.progress import Progress, silent
from densesharp.stats.tables import read_table
from densesharp.study.conduct.answer_form import one_line_end
from densesharp.study.conduct.create import DesignSettings, Sources, create_study, refuse_second
from densesharp.study.conduct.design import Endpoint, Figure, Hanging, Kind, MaskRule, Reveal
from densesharp.study.conduct.design_fields import FIELDS, Field
from densesharp.study.conduct.study_folder import Study
from densesharp.study.conduct.telling import about_files
from densesharp.study.conduct.truth_key import key_path
from densesharp.words import counted

LONGEST_INSTRUCTIONS = 10_000

TEACHING = (
    "  a teaching set: readers are told the class after each case, its folder holds the truth, and "
    "its results are no trial\n"
)

Values = Mapping[str, str | bool]
"""Field name -> text, or True and False for switches; absent fields have their defaults."""


def create(values: Values, progress: Progress = silent) -> Study:
    """Make the study that was planned.

    Returns:
        The frozen study.

    Raises:
        StudyError: a field is missing or has a wrong value, or the fields contradict each other.
        TableError, ImageError, OutputError: see `create_study`.
    """
    text = {field.name: _text(field, values) for field in FIELDS if field.kind != "switch"}
    on = {field.name: bool(values.get(field.name)) for field in FIELDS if field.kind == "switch"}
    folder = Path(text["study"])
    name = text["name"] or folder.resolve().name
    settings: DesignSettings = {
        "kind": cast("Kind", text["kind"]),
        "reveal": cast("Reveal", text["reveal"]),
        "mask": cast("MaskRule", text["mask"]),
        "hanging": cast("Hanging", text["hanging"]),
        "study": name,
        "title": text["title"] or name,
        "seed": _whole("seed", text) if text["seed"] else secrets.randbelow(2**31),
        "washout_days": _number("washout_days", text),
        "repeats": _whole("repeats", text),
        "going_back": on["going_back"],
        "teaching": on["teaching"],
        "instructions": _instructions(text["instructions"]),
        "endpoint": Endpoint(
            cast("Figure", text["figure"]),
            "iac" if text["task"] == "iac" else "invasive",
            "fixed" if on["fixed_readers"] else "random",
            _number("margin", text) if text["margin"] else None,
            on["equivalence"],
        ),
    }
    sources = Sources(
        Path(text["cases"]),
        Path(text["readers"]),
        Path(text["truth"]) if text["truth"] else None,
        Path(text["results"]) if text["results"] else None,
        Path(text["key"]) if text["key"] else None,
        on["practice_feedback"] or on["teaching"],
    )
    return create_study(folder, sources, settings, progress)


def preview(values: Values, progress: Progress = silent) -> str:
    """What would be frozen, in lines: the readers, and each case with its CT.

    Everything is read and checked as `create` does, and nothing is kept.

    Raises:
        StudyError, TableError, ImageError, OutputError: what `create` would say.
    """
    folder = Path(str(values.get("study") or ""))
    refuse_second(folder)
    with TemporaryDirectory() as scratch:
        elsewhere = {
            "study": str(Path(scratch) / "study"),
            "name": values.get("name") or folder.resolve().name,
            "key": str(Path(scratch) / "study.key"),
        }
        design = create({**values, **elsewhere}, progress).design
    groups = ", ".join(f"{reader.id} ({reader.group})" for reader in design.readers)
    cases = "".join(
        f"    {case.id}: {Path(case.image).name}{' (practice)' if case.practice else ''}"
        f"{''.join(f', {name} {value}' for name, value in case.strata.items())}\n"
        for case in design.cases
    )
    return (
        f"Nothing is frozen yet. Study '{design.study}' would have\n"
        f"  {counted(len(design.readers), 'reader')}: {groups}\n"
        f"  {counted(len(design.main_cases), 'case')}, {len(design.practice_cases)} for practice:\n"
        f"{cases}"
        "Everything was checked. After the study is made none of it can be changed.\n"
    )


def summary(study: Study, values: Values) -> str:
    """What was drawn, in a few lines, for the protocol."""
    design = study.design
    first = design.readers[0].id
    return (
        f"Study '{design.study}' is frozen in {study.folder}\n"
        f"  {counted(len(design.readers), 'reader')}, {counted(len(design.main_cases), 'case')}, "
        f"{len(design.practice_cases)} for practice, "
        f"{counted(study.sessions(first), 'session')} each, "
        f"seed {design.seed}\n"
        f"  design sha256 {design.sha256}\n"
        f"{TEACHING if design.teaching else ''}"
        f"{_about_key(study, values)}{_about_times(study, values)}{_about_patients(study)}"
        "Note the sha256 in the protocol. Start reading with:\n"
        f"  densesharp study read {study.folder} --reader {first}\n"
    )


def _instructions(path: str) -> str:
    """The text that readers see, from its file."""
    if not path:
        return ""
    try:
        text = one_line_end(Path(path).read_text(encoding="utf-8-sig")).strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The instructions '{path}' cannot be read as text (UTF-8): check the file."
        raise StudyError(message) from error
    if len(text) > LONGEST_INSTRUCTIONS or any(
        not c.isprintable() and c not in "\n\t" for c in text
    ):
        raise StudyError(
            f"The instructions '{path}' are longer than {LONGEST_INSTRUCTIONS} characters or hold "
            "control characters: give a short plain text."
        )
    return text


def _about_key(study: Study, values: Values) -> str:
    truth, key = (str(values.get(name) or "") for name in ("truth", "key"))
    if not truth:
        return ""
    file = Path(key) if key else key_path(Path(truth), study.design.study)
    return (
        f"  key {file}: keep it with the truth, away from the readers; "
        "the analysis checks the truth with it\n"
    )


def _about_times(study: Study, values: Values) -> str:
    """A warning where the CTs' file times tell the classes."""
    path = str(values.get("truth") or "")
    if not path:
        return ""
    table = read_table(Path(path), ("case", "class"))
    truth = dict(zip(table.texts("case"), table.texts("class"), strict=True))
    return about_files(study, truth)


def _about_patients(study: Study) -> str:
    """A warning where cases share an image and nobody says whose they are."""
    cases = [case for case in study.design.main_cases if case.image_sha256 and not case.patient]
    images = Counter(case.image_sha256 for case in cases)
    shared = sum(count for count in images.values() if count > 1)
    if not shared:
        return ""
    return (
        f"  {shared} cases share an image, but no patients are named (column 'patient'): the "
        "analysis will take them as independent, and its intervals will be too narrow\n"
    )


def _text(field: Field, values: Values) -> str:
    value = str(values.get(field.name) or "").strip() or field.default
    if field.required and not value:
        raise StudyError(f"'{field.label}' is missing: {field.help}.")
    if field.choices and value not in {choice for choice, _ in field.choices}:
        names = ", ".join(choice for choice, _ in field.choices)
        raise StudyError(f"'{field.label}' cannot be '{value}': it is one of {names}.")
    return value


def _number(name: str, text: Mapping[str, str]) -> float:
    value = plain_number(text[name])
    if value is None:
        raise StudyError(_not_a_number(name, text))
    return value


def _whole(name: str, text: Mapping[str, str]) -> int:
    try:
        return int(text[name])
    except ValueError as error:
        raise StudyError(_not_a_number(name, text, "whole ")) from error


def _not_a_number(name: str, text: Mapping[str, str], kind: str = "") -> str:
    label = next(field.label for field in FIELDS if field.name == name)
    return f"'{label}' cannot be '{text[name]}': it is a {kind}number."
