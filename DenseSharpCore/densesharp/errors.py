"""What can go wrong, said so that a radiologist can act on it.

Every message is one sentence or two: what is wrong, with what, and what to do.
"""

import unicodedata


def printable(text: str) -> str:
    """A text that any terminal, log and file can take.

    Names of files may hold bytes that are no text, and headers codes that move a terminal's cursor;
    both become a question mark in a diamond.
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join("\N{REPLACEMENT CHARACTER}" if _moves_the_cursor(c) else c for c in text)


def _moves_the_cursor(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs")


class DenseSharpError(Exception):
    """Base of all errors that a user can understand and mend; the command line exits with 2."""

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


class ImageError(DenseSharpError):
    """The image cannot be read, or it is not a CT that can be used."""


class GeometryError(ImageError):
    """The image's geometry cannot be trusted (missing slices, tilt, mixed orientation, ...)."""


class SeedError(DenseSharpError):
    """The seed does not mark a place where a lung nodule can be looked for."""


class ModelError(DenseSharpError):
    """A model file is damaged, of another architecture, or does not fit this software."""


class DeviceError(DenseSharpError):
    """The asked-for device or engine cannot be used on this machine."""


class OutputError(DenseSharpError):
    """A result cannot be written where it was asked for."""


class TableError(DenseSharpError):
    """A table (CSV, reading list, case list) is wrong; the message names line and column."""


class StudyError(DenseSharpError):
    """A reader study's design or store does not allow what was asked."""


class Cancelled(Exception):  # noqa: N818 - it is no error: the user asked for it
    """The user cancelled; nothing was written."""
