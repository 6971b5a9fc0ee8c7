"""The design in an export: as `densesharp study new` froze it, or written by hand, saying less."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densesharp.errors import StudyError
from densesharp.stats.estimates import optional
from densesharp.study.conduct.design import design_from_json
from densesharp.study.conduct.study_folder import DESIGN

_BOTH_CONDITIONS = ("aided", "unaided")
_CONDITIONS = {
    "crossover": _BOTH_CONDITIONS,
    "sequential": _BOTH_CONDITIONS,
    "unaided": ("unaided",),
}


@dataclass(frozen=True)
class NamedEndpoint:
    """The primary endpoint as results.json repeats it.

    Attributes:
        figure: figure of merit.
        task: its question.
        readers: "random" or "fixed".
        margin: of non-inferiority or equivalence, or None.
        equivalence: True where the margin is for equivalence, else None.
    """

    figure: str = "auc"
    task: str = ""
    readers: str = "random"
    margin: float | None = None
    equivalence: bool | None = optional()


@dataclass(frozen=True)
class DesignCase:
    """A case that the design lists.

    Attributes:
        id: the code used in tables.
        patient: code of the patient; "" when not told.
        image_sha256: hash of its image; "" when not told.
        strata: properties that the order was balanced by.
        practice: whether it is not analysed.
    """

    id: str
    patient: str = ""
    image_sha256: str = ""
    strata: Mapping[str, str] = field(default_factory=dict)
    practice: bool = False


@dataclass(frozen=True)
class ExportDesign:
    """What a design says; empty, None or False where it does not.

    Attributes:
        study: short name.
        title: what readers saw.
        kind: of study.
        reveal: when an aided reading showed the model.
        washout_days: shortest time between the sessions of one reader.
        repeats: cases that each reader reads again.
        teaching: whether readers were told each class.
        readers: reader -> group.
        listed: its cases, those of practice too.
        endpoint: the primary one.
        model: name of the model whose results were shown.
        model_sha256: hash of that model's file.
        truth_sha256: what it keeps of the truth.
        key_sha256: hash of the key that the truth was hashed with.
        schedule_sha256: hash of the schedule.
        design_sha256: its own hash.
        schema: format of the file.
    """

    study: str = ""
    title: str = ""
    kind: str | None = None
    reveal: str | None = None
    washout_days: float | None = None
    repeats: int = 0
    teaching: bool = False
    readers: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[DesignCase, ...] = ()
    endpoint: NamedEndpoint | None = None
    model: str | None = None
    model_sha256: str | None = None
    truth_sha256: str = ""
    key_sha256: str = ""
    schedule_sha256: str = ""
    design_sha256: str = ""
    schema: int | None = None

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases to analyse; empty where none are listed."""
        return tuple(sorted(case.id for case in self.listed if not case.practice))

    @property
    def conditions(self) -> tuple[str, ...]:
        """In which each case is read; empty where the kind of study is not known."""
        return _CONDITIONS.get(self.kind or "", ())


def read_design(folder: Path) -> ExportDesign:
    """The design of an export; one that carries its hash must be as it was frozen.

    Raises:
        StudyError: it cannot be read, was changed, or is not written as a design.
    """
    path = folder / DESIGN
    try:
        text = path.read_text(encoding="utf-8")
        design = json.loads(text)
    except (OSError, ValueError) as error:
        raise unreadable(path) from error
    if not isinstance(design, dict):
        raise unreadable(path)
    if "design_sha256" in design:
        design_from_json(text)
    try:
        return _parsed(design)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"The design '{path}' does not list its readers and cases as objects with 'id', or "
            f"another entry is not what a design has there ({error!r}): write it as "
            "'densesharp study new' does."
        ) from error


def unreadable(path: Path) -> StudyError:
    """The sentence for a file of an export that is none."""
    return StudyError(f"'{path}' cannot be read: restore it from a copy.")


def _parsed(design: dict[str, Any]) -> ExportDesign:
    def told(name: str, read: Callable[[Any], Any]) -> Any:
        return None if design.get(name) is None else read(design[name])

    aid = design.get("aid") or {}
    return ExportDesign(
        study=told("study", str) or "",
        title=told("title", str) or "",
        kind=told("kind", str),
        reveal=told("reveal", str),
        washout_days=told("washout_days", _number),
        repeats=told("repeats", int) or 0,
        teaching=bool(design.get("teaching")),
        readers={str(row["id"]): str(row.get("group", "")) for row in design.get("readers") or ()},
        listed=tuple(map(_case, design.get("cases") or ())),
        endpoint=_endpoint(design.get("endpoint") or {}),
        model=aid.get("model"),
        model_sha256=aid.get("model_sha256"),
        schema=told("schema", int),
        **{name: told(name, str) or "" for name in _HASHES},
    )


_HASHES = ("truth_sha256", "key_sha256", "schedule_sha256", "design_sha256")


def _case(row: Mapping[str, Any]) -> DesignCase:
    return DesignCase(
        str(row["id"]),
        str(row.get("patient") or ""),
        str(row.get("image_sha256") or ""),
        {name: str(value) for name, value in (row.get("strata") or {}).items()},
        bool(row.get("practice")),
    )


def _endpoint(named: Mapping[str, Any]) -> NamedEndpoint | None:
    if not named:
        return None
    margin = named.get("margin")
    return NamedEndpoint(
        str(named.get("figure", "auc")),
        str(named.get("task", "")),
        str(named.get("readers", "random")),
        None if margin is None else _number(margin),
        True if named.get("equivalence") is True else None,
    )


def _number(value: Any) -> float:
    """A number as it stands: whole ones stay whole in results.json."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"'{value}' is no number")
    return value
