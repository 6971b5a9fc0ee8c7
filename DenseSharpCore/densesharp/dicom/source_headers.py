"""Headers of a CT made fit to be referred to: complete, in one character set, or refused by name.

What an object must have of its source (type 1) cannot be invented; what may be empty (type 2) is.
"""

import contextlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config
from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, STR_VR, TM, validate_value

from densesharp.errors import ImageError
from densesharp.io.quiet import quiet_pydicom

_UIDS = (
    "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPClassUID",
    "SOPInstanceUID",
)  # fmt: skip
"""What a reference is made of (type 1)."""

_MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName", "SliceThickness",
    "PositionReferenceIndicator",
)  # fmt: skip
"""What an object must have, if empty (type 2)."""

_ESCAPE = re.compile(r"\x1b[$()-]{1,2}[A-Z]")
"""What switches character sets in ISO 2022; pydicom leaves that of China (IR 58) in the text."""

_TIMES: dict[str, Callable[[Any], object]] = {"DA": DA, "TM": TM, "DT": DT}
_ASCII = {"", "ISO_IR 6", "ISO 2022 IR 6"}


@contextlib.contextmanager
def building(images: Sequence[Dataset]) -> Iterator[None]:
    """Make an object from a source's headers: no warning that names the patient, one sentence.

    Raises:
        ImageError: the headers hold values that DICOM does not allow.
    """
    try:
        with quiet_pydicom():
            yield
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ImageError(
            f"The headers of this CT series break the DICOM standard{_broken(images)}, so that no "
            "object can refer to it: export the series again."
        ) from error


def _broken(images: Sequence[Dataset]) -> str:
    """The attributes whose values are not allowed, by name only: a value may tell who it is."""
    names: list[str] = []
    with quiet_pydicom():
        for element in (element for image in images[:1] for element in image):
            try:
                if element.VR in STR_VR:
                    values = element.value if element.VM > 1 else [element.value]
                    for value in values:
                        validate_value(element.VR, str(value or ""), config.RAISE)
                        _TIMES.get(element.VR, str)(value or "")  # such as 30 February
            except (ValueError, TypeError):
                names.append(element.name)
    return f" ({', '.join(names[:5])})" if names else ""


def read_headers(paths: Sequence[str | Path]) -> list[Dataset]:
    """Headers without pixels, with all that a reference needs.

    Raises:
        ImageError: one lacks it, or several instances have one UID.
        OSError: a file has gone.
    """
    with quiet_pydicom():
        # Files without a preamble are read as well as others.
        images: list[Dataset] = [
            pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in paths
        ]
        for image in images:
            _fill(image)
            for name in _UIDS:
                _require_uid(image, name)
    count = Counter(str(image.SOPInstanceUID) for image in images)
    doubled = sum(n for n in count.values() if n > 1)
    if doubled:
        raise ImageError(
            f"{doubled} slices of this CT series have the same SOP Instance UID, so no object can "
            "say which it refers to: export the series again."
        )
    return images


def _fill(image: Dataset) -> None:
    """Add what the file says elsewhere."""
    for name in ("SOPClassUID", "SOPInstanceUID"):
        own = image.file_meta.get(f"MediaStorage{name}")
        if own and not image.get(name):
            setattr(image, name, own)
    if not image.get("Modality"):
        image.Modality = "CT"


def fill_empty(image: Dataset) -> None:
    """Add, empty, what an object must have and may leave empty, in place."""
    for name in _MAY_BE_EMPTY:
        if name not in image:
            setattr(image, name, None)
    if image.PatientSex not in ("M", "F", "O"):
        image.PatientSex = None


def _require_uid(image: Dataset, name: str) -> None:
    tag = Tag(name)
    label = f"{dictionary_description(tag)} {tag}"
    value = image.get(name)
    if not value:
        raise ImageError(
            f"The CT series has no {label}, so no object can refer to it: export the series again."
        )
    if not isinstance(value, UID) or not value.is_valid:
        raise ImageError(
            f"The {label} of the CT series is no valid UID, so no object can refer to it: export "
            "the series again."
        )


def to_unicode(image: Dataset) -> str | None:
    """Put all texts of a header into UTF-8, in place, whatever character set they were in.

    Returns:
        The declared character sets where they do not tell what the texts are, else None.
    """
    declared = image.get("SpecificCharacterSet") or ""
    sets = [declared] if isinstance(declared, str) else [str(part or "") for part in declared]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        image.decode()
    undecoded = any("haracter" in str(w.message) or "ncoding" in str(w.message) for w in found)
    image.SpecificCharacterSet = "ISO_IR 192"
    for element in image.iterall():
        if element.VR == "SQ":
            for item in element.value:
                item.pop("SpecificCharacterSet", None)
        elif "\x1b" in str(element.value):
            parts = element.value if element.VM > 1 else [element.value]
            plain = [_ESCAPE.sub("", str(part)) for part in parts]
            element.value = plain if element.VM > 1 else plain[0]
    return "\\".join(sets)[:60] or "none" if undecoded or set(sets) <= _ASCII else None


def check_texts(written: Dataset, undeclared: str | None) -> None:
    """Refuse an object with texts of its source that were in no declared character set.

    Args:
        written: the object; all texts of its own are ASCII.
        undeclared: what `to_unicode` gave.

    Raises:
        ImageError: a name would be another one than in the source.
    """
    if undeclared is None or all(
        str(element.value).isascii() for element in written.iterall() if element.VR != "SQ"
    ):
        return
    raise ImageError(
        f"Names in this CT's header are not in its character set (Specific Character Set: "
        f"{undeclared}), so they would be written wrongly: export the series again, or write the "
        "objects without the patient's identity."
    )
