"""Whose CT a DICOM file is part of, for a screen that a radiologist reads from.

Apart from reading on purpose: what computes and writes results never sees a patient's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from densesharp.io.quiet import quiet_pydicom
from densesharp.io.series_choice import day_words, kernel_words, time_words

_TAGS = (
    "PatientName", "PatientID", "StudyDate", "StudyTime", "SeriesDate", "SeriesNumber",
    "SeriesDescription", "ConvolutionKernel", "SliceThickness", "SpecificCharacterSet",
)  # fmt: skip

_LONGEST = 64
_NAME_LIMIT = 80
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class CaseIdentity:
    """Patient, study and series; empty where the header says nothing.

    Attributes:
        patient: name as people write it.
        patient_id: number or code.
        date: of the study, such as `2020-03-04`.
        time: of the study, such as `10:11`.
        number: of the series.
        description: of the series, as the scanner wrote it.
        kernel: of the reconstruction.
        thickness: of the slices, such as `1.25 mm`.
    """

    patient: str = ""
    patient_id: str = ""
    date: str = ""
    time: str = ""
    number: str = ""
    description: str = ""
    kernel: str = ""
    thickness: str = ""


def read_identity(path: str | Path) -> CaseIdentity:
    """What the header of one DICOM file says of its patient, study and series.

    Args:
        path: a DICOM file.

    Returns:
        Its identity; an empty one where the header cannot be read.
    """
    try:
        with quiet_pydicom():
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*_TAGS])
            return _identity({name: header.get(name) for name in _TAGS})
    except Exception:  # a damaged header can make pydicom raise nearly anything
        return CaseIdentity()


def folder_name(text: str) -> str:
    """A name for a file or folder on every system, from what a header or a reader says.

    Args:
        text: any text.

    Returns:
        Letters, digits, `-`, `_` and `.` of it, never empty, hidden, or a device of Windows.
    """
    name = re.sub(r"[^\w.-]+", "_", text)[:_NAME_LIMIT].strip("._-")
    return f"{name}_" if not name or _RESERVED.fullmatch(name) else name


def _identity(header: dict[str, Any]) -> CaseIdentity:
    thickness = header["SliceThickness"]
    return CaseIdentity(
        patient=_person(str(header["PatientName"] or "")),
        patient_id=_line(header["PatientID"]),
        date=day_words(header["StudyDate"] or header["SeriesDate"]),
        time=time_words(header["StudyTime"]),
        number=_line(header["SeriesNumber"]),
        description=_line(header["SeriesDescription"]),
        kernel=kernel_words(header["ConvolutionKernel"]),
        thickness="" if thickness in (None, "") else f"{float(thickness):g} mm",
    )


def _person(name: str) -> str:
    """Family name, given names (DICOM PS3.5 6.2: `Family^Given^Middle^Prefix^Suffix`)."""
    family, *given = (_line(part) for part in name.split("=")[0].split("^")[:3])
    return ", ".join(part for part in (family, " ".join(filter(None, given))) if part)


def _line(value: Any) -> str:
    """One printable line."""
    text = "" if value is None else str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]
