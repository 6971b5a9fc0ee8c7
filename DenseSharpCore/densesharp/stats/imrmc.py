"""The list format of iMRMC (.imrmc), in the dialects of iMRMC and of RJafroc.

Free text lines come first, among them `N0:`, `N1:`, `NR:`, `NM:`; after a line `BEGIN DATA:` every
line is `reader,case,modality,score`. The truth of a case is a line whose modality is `truth`; its
reader is `truth` for iMRMC 2 and `-1` for RJafroc 2, which also wants whole numbers as ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from densesharp.csv_files import plain_minus
from densesharp.errors import TableError
from densesharp.files import write_text
from densesharp.stats.tables import Readings, Table, reading_rows, readings_from_table

Dialect = Literal["imrmc", "rjafroc"]
_FILLED = " \t,;"

TRUTH_READERS = {"imrmc": "truth", "rjafroc": "-1"}


def read_imrmc(path: str | Path) -> Readings:
    """Read a .imrmc file of either dialect.

    Returns:
        The readings, checked.

    Raises:
        TableError: no data section, a line without four fields, a case without truth, or any
            fault that `densesharp.stats.tables.read_readings` refuses.
    """
    file = Path(path)
    truths: dict[str, tuple[str, int]] = {}
    readings: list[tuple[int, list[str]]] = []
    for line, fields in _data_lines(file):
        if fields[2].lower() == "truth" or fields[0].lower() in TRUTH_READERS.values():
            if fields[1] in truths:
                raise TableError(f"{file}, line {line}: a second truth of case '{fields[1]}'.")
            truths[fields[1]] = (fields[3], line)
        else:
            readings.append((line, fields))
    table = _as_table(file, truths, readings)
    _check_numbers(file, truths, table)
    return readings_from_table(table)


def _check_numbers(path: Path, truths: dict[str, tuple[str, int]], table: Table) -> None:
    """Compare what the lines before the data say with the data: a file may be cut.

    Raises:
        TableError: the numbers differ.
    """
    classes = [truth for truth, _ in truths.values()]
    there = {
        "N0": classes.count("0"),
        "N1": classes.count("1"),
        "NR": len(set(table.columns["reader"])),
        "NM": len(set(table.columns["treatment"])),
    }
    head = path.read_text(encoding="utf-8-sig").upper().partition("BEGIN DATA:")[0]
    for name, number in re.findall(r"^[\s\"]*(N[01RM])\s*:\s*([0-9]+)", head, re.MULTILINE):
        if int(number) != there[name]:
            raise TableError(
                f"{path}: its head says {name}: {number}, but the data have {there[name]}; the "
                "file is cut, or its head is of another one."
            )


def _data_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"The file '{path}' cannot be read as text.") from error
    lines = iter(enumerate(text.splitlines(), start=1))
    # A spreadsheet fills every line up to as many commas (or semicolons) as the longest has.
    if not any(content.strip(_FILLED).upper() == "BEGIN DATA:" for _, content in lines):
        raise TableError(f"{path}: there is no line 'BEGIN DATA:'; this is not an iMRMC list file.")
    for line, content in lines:
        if not content.strip(_FILLED):
            continue
        separator = ";" if ";" in content else ","
        fields = [plain_minus(field.strip().strip('"')) for field in content.split(separator)]
        fields = fields[:4] if not any(fields[4:]) else fields
        if len(fields) != 4:
            raise TableError(f"{path}, line {line}: needs four fields: reader,case,modality,score.")
        yield line, fields


def _as_table(
    path: Path, truths: dict[str, tuple[str, int]], readings: list[tuple[int, list[str]]]
) -> Table:
    for line, (_, case, _, _) in readings:
        if case not in truths:
            message = f"{path}, line {line}, column 'case': case '{case}' has no truth line."
            raise TableError(message)
    if not readings:
        raise TableError(f"{path}: there is no reading after 'BEGIN DATA:'.")
    for case, (truth, line) in truths.items():
        if truth not in ("0", "1"):
            raise TableError(
                f"{path}, line {line}, column 'score': unknown truth '{truth}' of case '{case}'; "
                "use 1 for diseased and 0 for not diseased."
            )
    lines, fields = zip(*readings, strict=True)
    readers, cases, treatments, ratings = zip(*fields, strict=True)
    cells = tuple(truths[name][0] for name in cases)
    columns = {"reader": readers, "treatment": treatments, "case": cases, "truth": cells}
    return Table(path, columns | {"rating": ratings}, lines)


def write_imrmc(
    readings: Readings, path: str | Path, *, dialect: Dialect = "imrmc", title: str = "DenseSharp"
) -> dict[str, dict[str, str]]:
    """Write readings as .imrmc; gives the labels' new names if the dialect needs numbers.

    Args:
        readings: what to write; missing readings are left out, as the format allows.
        path: the file.
        dialect: `imrmc`, or `rjafroc` with ids renumbered from 1 unless they are numbers already.
        title: first line.

    Returns:
        For each of `reader`, `treatment`, `case`: label -> name in the file.

    Raises:
        TableError: a label holds a comma or a quote, which the format cannot hold.
    """
    names = {
        "reader": _names(readings.readers, dialect),
        "treatment": _names(readings.treatments, dialect),
        "case": _names(readings.cases, dialect),
    }
    n1 = int(readings.truth.sum())
    lines = [title, f"N0:{len(readings.cases) - n1}", f"N1:{n1}", f"NR:{len(readings.readers)}"]
    lines += [f"NM:{len(readings.treatments)}", "BEGIN DATA:"]
    # Cases without disease first, as the programs' own examples have it.
    for k in np.argsort(readings.truth, kind="stable"):
        case = names["case"][readings.cases[k]]
        lines.append(f"{TRUTH_READERS[dialect]},{case},truth,{int(readings.truth[k])}")
    for reader, treatment, case, _, rating in reading_rows(readings):
        row = (names["reader"][reader], names["case"][case], names["treatment"][treatment])
        lines.append(",".join((*row, rating)))
    write_text(path, "\n".join(lines) + "\n")
    return names


def _names(labels: tuple[str, ...], dialect: Dialect) -> dict[str, str]:
    for label in labels:
        if "," in label or '"' in label:
            message = f"The label '{label}' holds a comma or quote, which .imrmc cannot hold."
            raise TableError(message)
    if dialect == "imrmc" or all(label.isdecimal() and label != "0" for label in labels):
        return {label: label for label in labels}
    return {label: str(number) for number, label in enumerate(labels, start=1)}
