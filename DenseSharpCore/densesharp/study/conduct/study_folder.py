"""A study's folder: the frozen design, its schedule and the model's results, checked on opening.

STUDY/design.json     the design, hashed
STUDY/schedule.csv    who reads what in which order; its hash is part of the design
STUDY/aid/            the model's result of every case; each file's hash is part of the design
STUDY/store.sqlite    the answers, made at the first read (or a PostgreSQL database elsewhere)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from densesharp.errors import StudyError
from densesharp.files import ensure_folder, sha256, write_text
from densesharp.study.conduct.design import Case, Design, design_from_json
from densesharp.study.conduct.schedule import (
    Item,
    make_schedule,
    schedule_from_csv,
    schedule_to_csv,
)
from densesharp.study.conduct.truth_key import TruthKey

OLD_ORDER = (
    "This study was made before its order was drawn with a secret key: its design and schedule "
    "reveal the truth to anyone who has the folder or an export of it and computes. Keep both from "
    "readers until the last answer, and say so in the paper."
)
"""What is said of a study whose schedule reveals the truth."""

DESIGN, SCHEDULE, AID, STORE = "design.json", "schedule.csv", "aid", "store.sqlite"


@dataclass(frozen=True)
class Study:
    """An opened study: folder, design and schedule, which belong together by their hashes."""

    folder: Path
    design: Design
    schedule: tuple[Item, ...]

    @cached_property
    def by_reader(self) -> Mapping[str, tuple[Item, ...]]:
        """Reader id -> the reader's items in order."""
        return {
            reader.id: tuple(item for item in self.schedule if item.reader == reader.id)
            for reader in self.design.readers
        }

    @cached_property
    def by_item(self) -> Mapping[str, Item]:
        """Item name -> item."""
        return {item.item: item for item in self.schedule}

    def session(self, reader: str, session: int) -> tuple[Item, ...]:
        """A reader's items of one session, in order."""
        return tuple(item for item in self.by_reader[reader] if item.session == session)

    def sessions(self, reader: str) -> int:
        """How many sessions a reader has."""
        return max(item.session for item in self.by_reader[reader])

    def image(self, case: Case) -> Path:
        """Where a case's CT lies."""
        return self.folder / case.image

    @property
    def default_store(self) -> Path:
        """The SQLite store in the study's folder."""
        return self.folder / STORE


def freeze(
    folder: str | Path,
    design: Design,
    truth: Mapping[str, str] | None = None,
    key: TruthKey | None = None,
) -> Study:
    """Draw the schedule, hash everything and write the study's folder.

    The folder may hold images and must hold the aid files that the design names.

    Args:
        folder: where the study is to live; it must not hold a study yet.
        design: the design, without schedule hash.
        truth: case id -> class, only to balance the order by; it is not written.
        key: what is drawn with the truth in view comes from it; only its hash is written. Without
            one a key is drawn and forgotten.

    Returns:
        The frozen study.

    Raises:
        StudyError: there is a study already.
        OutputError: the folder cannot be written to.
    """
    path = ensure_folder(folder)
    if (path / DESIGN).exists():
        message = f"'{path}' holds a study already: choose a new folder, designs are never changed."
        raise StudyError(message)
    if truth is not None and key is None:
        key = TruthKey.draw()
    items = make_schedule(design, truth, key)
    text = schedule_to_csv(items)
    frozen = replace(design, key_sha256=key.sha256 if key else "", schedule_sha256=sha256(text))
    write_text(path / SCHEDULE, text)
    # Last, because a folder with a design is a study.
    write_text(path / DESIGN, frozen.to_json())
    return Study(path, frozen, items)


def open_study(folder: str | Path) -> Study:
    """Open a study's folder and check that design and schedule are as they were frozen.

    Returns:
        Design, schedule and folder.

    Raises:
        StudyError: there is no study, or something was changed.
    """
    path = Path(folder)
    try:
        design = design_from_json((path / DESIGN).read_text(encoding="utf-8"))
        text = (path / SCHEDULE).read_bytes().decode("utf-8")
    except NotADirectoryError as error:
        raise StudyError(f"'{path}' is a file, but the folder of a study is expected.") from error
    except FileNotFoundError as error:
        message = f"'{path}' is no study folder: '{Path(error.filename).name}' is missing."
        raise StudyError(message) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"The study in '{path}' cannot be read ({error}).") from error
    if sha256(text) != design.schedule_sha256:
        message = "schedule.csv was changed after the study was frozen: restore the original file."
        raise StudyError(message)
    return Study(path, design, schedule_from_csv(text))


def hash_image(path: Path) -> str:
    """sha256 of an image file, or of the names and contents of a DICOM folder's files.

    Raises:
        StudyError: there is no such image.
    """
    try:
        if not path.is_dir():
            return sha256(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    except OSError as error:
        message = f"The image '{path}' cannot be read ({error.strerror}): check the case list."
        raise StudyError(message) from error
    return sha256("".join(lines))
