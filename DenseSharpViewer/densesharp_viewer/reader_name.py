"""Who read last on this computer: kept between two starts, in a file of the user."""

import os
from pathlib import Path

from densesharp.errors import DenseSharpError
from densesharp.files import write_text

LONGEST = 60


def known() -> str:
    """The name that was entered last; empty when none was."""
    try:
        text = _path().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    return "".join(sign for sign in text if sign.isprintable())[:LONGEST].strip()


def remember(name: str) -> None:
    """Keep a name for the next start; where nothing can be written it is forgotten."""
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_text(_path(), name)
    except (OSError, DenseSharpError):
        return


def _path() -> Path:
    """Where programs of this system keep what a user chose."""
    chosen = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    folder = Path(chosen) if chosen else Path.home() / ".config"
    return folder / "DenseSharp" / "reader.txt"
