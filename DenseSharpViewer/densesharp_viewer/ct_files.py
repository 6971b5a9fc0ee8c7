"""Where the CT of a results folder came from, so that a saved scene finds its way back.

Paths only: whose CT it is, is read from its files again and never written beside results.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from densesharp.files import ensure_folder, write_text
from densesharp.image.volume import Volume

NAME = "source.json"


@dataclass(frozen=True)
class CtFiles:
    """What a CT was read from.

    Attributes:
        files: empty where they are not known.
        dicom: whether they are a DICOM series.
    """

    files: tuple[Path, ...] = ()
    dicom: bool = False

    @property
    def series(self) -> tuple[Path, ...]:
        """The files of the DICOM series; empty for other formats."""
        return self.files if self.dicom else ()


def source_of(volume: Volume, path: Path | None) -> CtFiles:
    """The files of a CT that was read from a file or a folder."""
    series = tuple(Path(file) for file in volume.series.get("paths", ()))
    return CtFiles(series, True) if series else CtFiles((path,) if path is not None else ())


def write_source(folder: Path, source: CtFiles) -> None:
    """Keep where a CT came from; nothing is written where it is not known.

    Raises:
        OutputError: the folder cannot be written to.
    """
    if source.files:
        ensure_folder(folder)
        paths = [str(path.absolute()) for path in source.files]
        text = json.dumps({"dicom": source.dicom, "files": paths}, indent=0)
        write_text(folder / NAME, text + "\n")


def read_source(folder: Path) -> CtFiles:
    """Where a folder's CT came from; nothing is known unless all its files still lie there."""
    try:
        stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
        files = tuple(Path(entry) for entry in stored["files"])
        there = all(path.is_file() for path in files)
        return CtFiles(files, bool(stored["dicom"])) if there else CtFiles()
    except (OSError, ValueError, KeyError, TypeError):
        return CtFiles()
