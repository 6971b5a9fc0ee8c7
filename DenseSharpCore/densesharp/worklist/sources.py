"""Where a worklist comes from: a folder, a table, or a DICOMweb server."""

import os
import re
from pathlib import Path

from densesharp.csv_files import read_rows
from densesharp.errors import ImageError, TableError
from densesharp.files import folder_name
from densesharp.io.image_files import is_volume_file
from densesharp.report.result_files import RESULT
from densesharp.worklist.cases import ListedCase, StoredCase, unique_ids
from densesharp.worklist.dicomweb import DicomWeb, listed_studies
from densesharp.worklist.readings import FILE as STATES

AUTHORIZATION = "DENSESHARP_DICOMWEB_AUTHORIZATION"
"""Environment variable with what the server wants in the HTTP header `Authorization`."""

_ENDING = re.compile(r"(\.nii)?\.(gz|nii|hdr|img|nrrd|nhdr|mha|mhd|dcm|ima)$", re.IGNORECASE)
_NEEDED = ("case", "image")


def is_address(where: str) -> bool:
    """Whether a worklist is a server and no path."""
    return where.lower().startswith(("http://", "https://"))


def open_worklist(where: str) -> list[ListedCase]:
    """The cases of a worklist, in its order; no image is read yet.

    Args:
        where: a folder, whose image files and sub-folders (DICOM) are one case each, by name; a
            CSV table with the columns `case` and `image`, and perhaps `series` and `prior` (an
            earlier CT to compare with); or the address of a DICOMweb server
            (`https://host/dicom-web`), whose CT studies are one case each. A query such as
            `?StudyDate=20260101-20261231` chooses among them; the environment variable
            DENSESHARP_DICOMWEB_AUTHORIZATION is sent as the header `Authorization`.

    Raises:
        ImageError: there is no such folder, it holds no case, or the server does not answer.
        TableError: with line and column of what is wrong.
    """
    if is_address(where):
        cases = listed_studies(DicomWeb(where, os.environ.get(AUTHORIZATION, "")))
    elif Path(where).is_dir():
        cases = _of_folder(Path(where))
    elif Path(where).is_file():
        cases = _of_table(Path(where))
    else:
        message = f"'{where}' does not exist: give a folder, a CSV table or a DICOMweb address."
        raise ImageError(message)
    if not cases:
        raise ImageError(f"The worklist '{where}' holds no CT.")
    return cases


def _of_folder(folder: Path) -> list[ListedCase]:
    """Image files and sub-folders, sorted as people count."""
    found = [
        entry
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and (_may_hold_ct(entry) or _is_image(entry))
    ]
    found.sort(key=lambda entry: _counted(entry.name))
    names = [entry.name if entry.is_dir() else _ENDING.sub("", entry.name) for entry in found]
    ids = unique_ids(names, folder_name)
    return [
        StoredCase(case, name, "", entry)
        for case, name, entry in zip(ids, names, found, strict=True)
    ]


def _may_hold_ct(entry: Path) -> bool:
    """Whether an entry is a folder, and none of results that this program wrote."""
    return entry.is_dir() and not any((entry / name).exists() for name in (STATES, RESULT))


def _is_image(entry: Path) -> bool:
    """Whether a file is a CT of its own, and not the voxels that belong to a header beside it."""
    of_a_pair = entry.suffix.lower() == ".img" and entry.with_suffix(".hdr").exists()
    return is_volume_file(entry) and not of_a_pair


def _of_table(path: Path) -> list[ListedCase]:
    """One case for each name, as a table of nodules has several lines for a CT.

    Image paths are relative to the table.
    """
    first: dict[str, dict[str, str]] = {}
    for line, row in read_rows(path, f"The worklist '{path.name}'", _NEEDED, ("series", "prior")):
        for column in _NEEDED:
            if not row[column]:
                raise TableError(f"Worklist, line {line}, column '{column}': it is empty.")
        first.setdefault(row["case"], row)
    folder, ids = path.parent.absolute(), unique_ids(list(first), folder_name)
    return [
        StoredCase(
            case,
            name,
            "",
            folder / row["image"],
            row.get("series") or None,
            folder / row["prior"] if row.get("prior") else None,
        )
        for case, (name, row) in zip(ids, first.items(), strict=True)
    ]


def _counted(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which `case 2` comes before `case 10`."""
    parts = re.findall(r"\d+|\D+", name.lower())
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
