"""Reading and writing readings by a file's ending: .csv (base), .imrmc, .lrc, .xlsx (JAFROC)."""

from __future__ import annotations

from pathlib import Path

from densesharp.errors import TableError
from densesharp.stats.imrmc import Dialect, read_imrmc, write_imrmc
from densesharp.stats.jafroc import read_jafroc, write_jafroc
from densesharp.stats.lrc import read_lrc, write_lrc
from densesharp.stats.marks import Marks, marks_of
from densesharp.stats.tables import Readings, read_readings, write_readings

ENDINGS = (".csv", ".imrmc", ".lrc", ".xlsx")


def load_readings(path: str | Path) -> Readings:
    """Read readings, one rating a case, in the format that the file's ending names.

    Returns:
        The readings, checked.

    Raises:
        TableError: the ending is unknown, the file is at fault, or it holds marks of a FROC study.
    """
    readers = {".csv": read_readings, ".imrmc": read_imrmc, ".lrc": read_lrc}
    ending = _ending(path)
    return read_jafroc(path).rated() if ending == ".xlsx" else readers[ending](path)


def load_marks(path: str | Path) -> Marks:
    """Read marks of a FROC or LROC study, or readings as such.

    Returns:
        The marks, checked.

    Raises:
        TableError: see `load_readings`.
    """
    return read_jafroc(path) if _ending(path) == ".xlsx" else marks_of(load_readings(path))


def save_readings(readings: Readings | Marks, path: str | Path, dialect: Dialect = "imrmc") -> None:
    """Write readings in the format that the file's ending names.

    Args:
        readings: the readings, or marks.
        path: the file; its ending names the format.
        dialect: of a .imrmc file.

    Raises:
        TableError: the ending is unknown or the format cannot hold these readings.
        OutputError: the file cannot be written.
    """
    ending = _ending(path)
    if ending == ".xlsx":
        write_jafroc(marks_of(readings) if isinstance(readings, Readings) else readings, path)
        return
    rated = readings if isinstance(readings, Readings) else readings.rated()
    if ending == ".csv":
        write_readings(rated, path)
    elif ending == ".lrc":
        write_lrc(rated, path)
    else:
        write_imrmc(rated, path, dialect=dialect)


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        message = f"'{path}': the ending of a table of readings is one of {', '.join(ENDINGS)}."
        raise TableError(message)
    return ending
