"""Whose CT a DICOM file is part of, for a screen that a radiologist reads from.

Apart from reading on purpose: what computes and writes results never sees a patient's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densesharp.io.quiet import quiet_pydicom
from densesharp.io.series_choice import day_words, kernel_words, time_words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TAGS = (
    "PatientName", "PatientID", "StudyDate", "StudyTime", "SeriesDate", "SeriesNumber",
    "SeriesDescription", "ConvolutionKernel", "SliceThickness", "SpecificCharacterSet",
)  # fmt: skip

_LONGEST = 64


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
    """What the header of a DICOM file says of its patient, study and series.

    An empty identity where the header cannot be read.
    """
    import pydicom  # here, as it takes a third of a second and not every page opens DICOM

    with quiet_pydicom():
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[*_TAGS])
        except Exception:  # a damaged header can make pydicom raise nearly anything
            return CaseIdentity()
        return _identity({name: _value(header, name) for name in _TAGS})


def _value(header: Dataset, name: str) -> Any:
    """One element; a damaged one says nothing, and the others stay."""
    try:
        return header.get(name)
    except Exception:  # whatever pydicom raises on a value that is none
        return None


def _identity(header: dict[str, Any]) -> CaseIdentity:
    return CaseIdentity(
        patient=person_words(header["PatientName"]),
        patient_id=one_line(header["PatientID"]),
        date=day_words(header["StudyDate"] or header["SeriesDate"]),
        time=time_words(header["StudyTime"]),
        number=one_line(header["SeriesNumber"]),
        description=one_line(header["SeriesDescription"]),
        kernel=kernel_words(header["ConvolutionKernel"]),
        thickness=_millimeters(header["SliceThickness"]),
    )


def _millimeters(value: Any) -> str:
    try:
        return f"{float(value):g} mm"
    except (TypeError, ValueError):
        return ""


def person_words(name: Any) -> str:
    """Family name, given names (DICOM PS3.5 6.2: `Family^Given^Middle^Prefix^Suffix`)."""
    family, *given = (one_line(part) for part in str(name or "").split("=")[0].split("^")[:3])
    return ", ".join(part for part in (family, " ".join(filter(None, given))) if part)


def one_line(value: Any) -> str:
    """A value of a header as one printable line of at most 64 characters; empty for None."""
    text = "" if value is None else str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]
