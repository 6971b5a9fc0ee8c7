"""Tables as text, whatever spreadsheet wrote them: commas, semicolons or tabs, decimal commas.

A spreadsheet of a country that writes 0,5 separates cells by semicolons, one that writes 0.5 by
commas; both may leave empty columns behind, and both write the minus sign that we print.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from densesharp.errors import TableError
from densesharp.files import write_text

MINUS = "\N{MINUS SIGN}"
"""The sign that our own texts print."""

_DECIMAL_COMMA = re.compile(rf"[+{MINUS}-]?[0-9]*,[0-9]+([eE][+{MINUS}-]?[0-9]+)?")
_DECIMAL_POINT = re.compile(_DECIMAL_COMMA.pattern.replace(",", r"\."))
# What other programs write as a number; float() would also take 1_0.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORKBOOKS = ("a workbook of a spreadsheet", "an old workbook of a spreadsheet or another document")
_KINDS = (
    (128, b"DICM", "a DICOM file"),
    (0, b"\x08\0\5\0", "a DICOM file"),
    (0, b"\x08\0\x08\0", "a DICOM file"),
    (344, b"n+1\0", "an image (NIfTI)"),
    (344, b"ni1\0", "an image (NIfTI)"),
    (0, b"NRRD", "an image (NRRD)"),
    (0, b"ObjectType =", "an image (MetaImage)"),
    (0, b"NDims =", "an image (MetaImage)"),
    (0, b"\x1f\x8b", "a gzip-compressed file, such as a CT as .nii.gz"),
    (0, b"%PDF-", "a PDF"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"II*\0", "a picture (TIFF)"),
    (0, b"MM\0*", "a picture (TIFF)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"\x93NUMPY", "an array (NumPy)"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"SQLite format 3", "a database (SQLite)"),
    (0, b"{\rtf", "a text document (RTF)"),
    (0, b"7z\xbc\xaf", "an archive (7z)"),
    (0, b"Rar!", "an archive (RAR)"),
)
"""Where, which bytes, and what a file with them is."""

_WEB_PAGE = re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html|\?xml)")
_SEPARATORS = ",;\t"
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class CsvFile:
    """A table of texts.

    Attributes:
        header: names of the columns, without blanks around them.
        rows: line number in the file, from 1, and cells of every line that is not empty. A line may
            have more or fewer cells than the header.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def records(self) -> list[dict[str, str]]:
        """The lines by column; missing cells are empty, cells beyond the header are left out."""
        width = len(self.header)
        return [
            dict(zip(self.header, (*cells, *[""] * width)[:width], strict=True))
            for _, cells in self.rows
        ]


def read_csv(path: Path, what: str) -> CsvFile:
    """A table with its lines' numbers.

    Args:
        path: the file.
        what: what to call it in messages, such as `The case list 'cases.csv'`.

    Raises:
        TableError: it cannot be read as text, or is no table.
    """
    text = _text_of(path, what)
    first, _, rest = text.partition("\n")
    declared = re.fullmatch(r"\s*sep=(.)\s*", first, re.IGNORECASE)
    separator = declared[1] if declared else _separator(first)
    skipped = 1 if declared else 0
    reader = csv.reader(
        io.StringIO(rest if declared else text, newline=""), delimiter=separator, strict=True
    )
    try:
        lines = [(reader.line_num + skipped, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise TableError(f"{what} is no table of text with one separator ({error}).") from error
    header = _without_empty_end(lines[0][1]) if lines else []
    if separator != ",":
        _refuse_both_marks(what, header, lines[1:])
    rows = [
        (line, tuple(_plain(cell, separator) for cell in _without_empty_end(cells, len(header))))
        for line, cells in lines[1:]
        if any(cells)
    ]
    return CsvFile(tuple(header), tuple(rows))


def _refuse_both_marks(
    what: str, header: Sequence[str], lines: Sequence[tuple[int, list[str]]]
) -> None:
    """A column with 0.5 and 1,234 may mean thousands by its comma, and no one can tell."""
    seen: dict[tuple[int, str], str] = {}
    for line, cells in lines:
        for column, cell in enumerate(cells[: len(header)]):
            for mark, pattern in ((",", _DECIMAL_COMMA), (".", _DECIMAL_POINT)):
                other = seen.get((column, "." if mark == "," else ","))
                if pattern.fullmatch(cell) and other:
                    raise TableError(
                        f"{what}, line {line}, column '{header[column]}': '{cell}' and '{other}' "
                        "in one column; write all numbers with the same decimal mark."
                    )
                if pattern.fullmatch(cell):
                    seen.setdefault((column, mark), cell)


def check_columns(
    what: str, header: Sequence[str], needed: Sequence[str], optional: Sequence[str] = ()
) -> None:
    """A header has what is needed, and nothing twice.

    Args:
        what: what to call the table in messages.
        header: names of its columns, in small letters.
        needed: columns that it must have.
        optional: columns that it may have, for the message.

    Raises:
        TableError: a column is missing or there twice.
    """
    missing = [name for name in needed if name not in header]
    if missing:
        may = f"; it may have {', '.join(optional)}" if optional else ""
        raise TableError(
            f"{what}, line 1: the column '{missing[0]}' is missing (needed: {', '.join(needed)}; "
            f"found: {', '.join(header) or 'nothing'}{may})."
        )
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise TableError(f"{what}, line 1: the column '{twice[0]}' is there twice: leave one out.")


def read_rows(
    path: Path, what: str, needed: Sequence[str], optional: Sequence[str]
) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table by column, whose names are taken in small letters.

    Args:
        path: the file.
        what: what to call it in messages, such as `The case list 'cases.csv'`.
        needed: columns that it must have.
        optional: columns that it may have, for the message; others are given, too.

    Returns:
        Line number in the file, and cells by column; cells that a line lacks are empty.

    Raises:
        TableError: it cannot be read; a column is missing or there twice; or a line has more cells
            than there are columns.
    """
    table = read_csv(path, what)
    header = [name.lower() for name in table.header]
    check_columns(what, header, needed, optional)
    for line, cells in table.rows:
        if len(cells) > len(header):
            raise TableError(f"{what}, line {line}: there are more cells than columns.")
    named = CsvFile(tuple(header), table.rows).records()
    return [(line, row) for (line, _), row in zip(table.rows, named, strict=True)]


def write_csv(
    path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a table as UTF-8 with commas and points, atomically; what a row lacks is empty.

    Raises:
        OutputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _text_of(path: Path, what: str) -> str:
    if path.is_dir():
        raise TableError(f"{what} is a folder, but a table (CSV) is expected.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TableError(f"{what} cannot be read ({error.strerror or error}).") from error
    kind = kind_of_file(raw)
    if kind in _WORKBOOKS:
        raise TableError(f"{what} is {kind}: save it as 'CSV UTF-8'.")
    if kind:
        raise TableError(f"{what} looks like {kind}, but a table of text (CSV UTF-8) is expected.")
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    # What begins like UTF-16 by chance has no line of its own.
    if "\0" in text or (encoding == "utf-16" and "\n" not in text):
        raise TableError(f"{what} cannot be read, as it is not UTF-8 text: save it as 'CSV UTF-8'.")
    return text


def kind_of_file(raw: bytes) -> str:
    """What a file looks like by its first bytes, with an article; "" for text and the unknown."""
    if raw.startswith(b"PK\x03\x04"):
        office = {b"xl/": _WORKBOOKS[0], b"word/": "a text document of Word"}
        return next((kind for mark, kind in office.items() if mark in raw), "a ZIP archive")
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        return _WORKBOOKS[1]
    found = (kind for at, mark, kind in _KINDS if raw[at : at + len(mark)] == mark)
    return next(found, "a web page" if _WEB_PAGE.match(raw[:200]) else "")


def _separator(header: str) -> str:
    """What separates the cells of a header line; a comma where nothing speaks for another."""
    plain = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=plain.count)


def _without_empty_end(cells: Sequence[str], keep: int = 0) -> list[str]:
    """Cells without the empty ones at the end that a spreadsheet leaves, but at least `keep`."""
    kept = list(cells)
    while len(kept) > keep and not kept[-1]:
        kept.pop()
    return kept


def plain_number(text: str) -> float | None:
    """A finite number as people write it, not as Python does (1_0); None for other text."""
    plain = plain_minus(text.strip())
    number = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    return number if math.isfinite(number) else None


def _plain(cell: str, separator: str) -> str:
    """A number with a point and a plain minus; other cells as they are."""
    if separator != "," and _DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    return plain_minus(cell)


def plain_minus(text: str) -> str:
    """A text with the minus signs before digits as programs write them."""
    return re.sub(rf"{MINUS}(?=[.0-9])", "-", text)
