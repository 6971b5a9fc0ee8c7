"""Reading and writing readings by a file's ending: .csv (base), .imrmc, .lrc."""

from __future__ import annotations

from pathlib import Path

from densesharp.errors import TableError
from densesharp.stats.imrmc import Dialect, read_imrmc, write_imrmc
from densesharp.stats.lrc import read_lrc, write_lrc
from densesharp.stats.tables import Readings, read_readings, write_readings

ENDINGS = (".csv", ".imrmc", ".lrc")


def load_readings(path: str | Path) -> Readings:
    """Read readings in the format that the file's ending names.

    Returns:
        The readings, checked.

    Raises:
        TableError: the ending is unknown or the file is at fault.
    """
    readers = {".csv": read_readings, ".imrmc": read_imrmc, ".lrc": read_lrc}
    return readers[_ending(path)](path)


def save_readings(readings: Readings, path: str | Path, dialect: Dialect = "imrmc") -> None:
    """Write readings in the format that the file's ending names.

    Args:
        readings: the readings.
        path: the file; its ending names the format.
        dialect: of a .imrmc file.

    Raises:
        TableError: the ending is unknown or the format cannot hold these readings.
        OutputError: the file cannot be written.
    """
    ending = _ending(path)
    if ending == ".csv":
        write_readings(readings, path)
    elif ending == ".lrc":
        write_lrc(readings, path)
    else:
        write_imrmc(readings, path, dialect=dialect)


def _ending(path: str | Path) -> str:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        message = f"'{path}': the ending of a table of readings is one of {', '.join(ENDINGS)}."
        raise TableError(message)
    return ending
