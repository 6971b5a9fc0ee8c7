"""The list format of the Iowa program OR-DBM MRMC (.lrc).

A title line; then for every reader: the reader's name, the treatments' names in quotes, one flag a
treatment (`L`: large ratings mean disease, `S`: small ones do), a row of ratings (one a treatment,
then free text) for each case without disease, a line `*`, the same for the cases with disease, a
line `*`. A line `#` ends the file. Only complete studies fit: every reader has the same cases.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from densesharp.errors import TableError
from densesharp.files import write_text
from densesharp.stats.tables import Readings, Table, format_number, readings_from_table

Row = tuple[int, tuple[str, str, str, str, str]]
"""Line number and reader, treatment, case, truth, rating."""


def read_lrc(path: str | Path) -> Readings:
    """Read an .lrc file; the free text after the ratings names the case, else its row does.

    Ratings under a flag `S` change their sign, so that large ratings always mean disease.

    Returns:
        The readings, checked.

    Raises:
        TableError: the file breaks off, a row does not fit, or the readings are at fault.
    """
    file = Path(path)
    try:
        content = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"The file '{file}' cannot be read as text.") from error
    lines = ((n, line.strip()) for n, line in enumerate(content[1:], start=2) if line.strip())
    rows = list(_readings(file, lines))
    if not rows:
        raise TableError(f"{file}: there is no reading in this file.")
    numbers, cells = zip(*rows, strict=True)
    names = ("reader", "treatment", "case", "truth", "rating")
    columns = dict(zip(names, zip(*cells, strict=True), strict=True))
    return readings_from_table(Table(file, columns, numbers))


def _readings(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
    for _, reader in lines:
        if reader == "#":
            return
        number, names = _next(path, lines)
        try:
            treatments = shlex.split(names)
        except ValueError as error:
            message = f"{path}, line {number}: a treatment's name lacks a quotation mark."
            raise TableError(message) from error
        number, flags = _next(path, lines)
        signs = {"L": "", "S": "-"}
        if len(flags.split()) != len(treatments) or not set(flags.split()) <= set(signs):
            raise TableError(f"{path}, line {number}: needs one flag L or S for each treatment.")
        prefixes = [signs[flag] for flag in flags.split()]
        for truth in ("0", "1"):
            for row in _block(path, lines, treatments, prefixes, truth):
                yield row[0], (reader, *row[1])
    raise TableError(f"{path}: the file ends without the line '#'.")


def _block(
    path: Path,
    lines: Iterator[tuple[int, str]],
    treatments: list[str],
    prefixes: list[str],
    truth: str,
) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    count = 0
    while (found := _next(path, lines))[1] != "*":
        number, fields = found[0], found[1].split(maxsplit=len(treatments))
        if len(fields) < len(treatments):
            message = f"{path}, line {number}: needs {len(treatments)} ratings, one a treatment."
            raise TableError(message)
        count += 1
        unnamed = f"{'diseased' if truth == '1' else 'normal'}-{count:05d}"
        case = fields[len(treatments)].strip() if len(fields) > len(treatments) else unnamed
        for treatment, prefix, rating in zip(treatments, prefixes, fields, strict=False):
            yield number, (treatment, case, truth, _signed(prefix, rating))


def _signed(prefix: str, rating: str) -> str:
    return rating[1:] if prefix and rating.startswith("-") else prefix + rating


def _next(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[int, str]:
    try:
        return next(lines)
    except StopIteration:
        message = f"{path}: the file breaks off in the middle of a reader's ratings."
        raise TableError(message) from None


def write_lrc(readings: Readings, path: str | Path, *, title: str = "DenseSharp") -> None:
    """Write complete readings as .lrc, with the case's label after its ratings.

    Args:
        readings: the readings.
        path: the file.
        title: its first line.

    Raises:
        TableError: a reading is missing: this format has no way to say so.
    """
    if not readings.complete:
        message = "The .lrc format needs every reader's rating of every case; use .imrmc instead."
        raise TableError(message)
    header = [" ".join(f'"{name}"' for name in readings.treatments)]
    header.append(" ".join("L" for _ in readings.treatments))
    lines = [title]
    for r, reader in enumerate(readings.readers):
        lines += [reader, *header]
        for diseased in (False, True):
            for k in np.flatnonzero(readings.truth == diseased):
                ratings = (format_number(float(rating)) for rating in readings.ratings[:, r, k])
                lines.append(" ".join((*ratings, readings.cases[k])))
            lines.append("*")
    write_text(path, "\n".join([*lines, "#"]) + "\n")
