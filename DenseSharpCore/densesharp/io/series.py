"""Which DICOM series lie in a folder: headers only, grouped, counted, and one of them chosen."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from densesharp.errors import GeometryError, ImageError
from densesharp.io.dicom_length import is_complete
from densesharp.io.enhanced import CONTRAST, ENHANCED_CT, GROUPS, frame_headers
from densesharp.io.series_choice import SeriesChoice, SeriesChoiceError

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

# Everything that geometry, values, SEG and SR need; the patient's name is never read.
_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "Modality", "ImageType", "SeriesNumber", "SeriesDescription",
    "InstanceNumber", "AcquisitionNumber", "Rows", "Columns", "PixelSpacing", "SliceThickness",
    "ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept",
    "RescaleType", "SamplesPerPixel", "BitsAllocated", "PhotometricInterpretation",
    "NumberOfFrames", "ContrastBolusAgent", "ConvolutionKernel", "KVP", "AcquisitionDate",
    "AcquisitionDateTime", "SeriesDate", "StudyDate",
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """One DICOM image: its file and the header fields of `_TAGS`.

    Attributes:
        path: its file.
        header: header fields by name.
        frame: which frame of an enhanced object it is, from 0; None for a file of one slice.
    """

    path: Path
    header: Any
    frame: int | None = None

    def get(self, name: str) -> Any:
        """A header field, None where it is missing or empty."""
        value = self.header.get(name)
        return None if value is None or value == "" else value

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """A field of `count` finite numbers, None where it is anything else."""
        value = self.get(name)
        try:
            values = tuple(float(v) for v in (value if count > 1 else (value,)))
        except (TypeError, ValueError):
            return None
        good = len(values) == count and all(abs(v) < 1e9 for v in values)
        return values if good else None


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom from warning and logging: odd values get a sentence of ours, without names."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def find_slices(source: Path | Sequence[Path], series: str | None) -> list[Slice]:
    """The images of the one CT series at `source`, in no particular order.

    Args:
        source: folder, one file of the series, or all its files.
        series: key or UID of the series, where there are several.

    Raises:
        SeriesChoiceError: several series, or none with this key.
        ImageError: no CT, or damaged files.
    """
    files: Iterator[Path]
    if not isinstance(source, Path):
        files, source = iter(source), Path("the files")
    elif source.is_file():
        own = next(iter(_read_header(source)), None)
        if own is None:
            message = (
                f"'{source.name}' is neither NRRD, NIfTI, MetaImage nor DICOM: "
                "open a CT in one of these formats."
            )
            raise ImageError(message)
        _refuse_single(own)
        series = series or str(own.get("SeriesInstanceUID") or "")
        files = (path for path in source.parent.iterdir() if path.is_file())
    else:
        files = _files_below(source)
    try:
        found = [entry for path in sorted(files) for entry in _read_header(path)]
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"The folder '{source.name}' cannot be read ({reason}): check your rights."
        raise ImageError(message) from error
    return _choose(_ct_series(found, source), series)


def _files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and its sub-folders; links to folders are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(".") and name.upper() != "DICOMDIR":
                yield Path(parent) / name


def _read_header(path: Path) -> list[Slice]:
    """The header of a DICOM image, or of each frame of an enhanced CT; empty for other files.

    Raises:
        ImageError: it is DICOM, but damaged or cut off.
    """
    with path.open("rb") as stream:
        stream.seek(128)
        if stream.read(4) != b"DICM":
            return []
        stream.seek(0)
        try:
            with quiet_pydicom():
                header = pydicom.dcmread(
                    stream, stop_before_pixels=True, specific_tags=[*_TAGS, *GROUPS, CONTRAST]
                )
                values = {name: header.get(name) for name in _TAGS}
                enhanced = values["SOPClassUID"] in ENHANCED_CT
                frames = list(frame_headers(values, header)) if enhanced else []
            syntax = header.file_meta.TransferSyntaxUID
            complete = is_complete(stream, path.stat().st_size, values, syntax)
        except OSError:
            raise
        except Exception as error:  # a damaged file can make pydicom raise nearly anything
            raise _damaged(path) from error
        if not complete:
            raise _damaged(path)
    if enhanced:
        return [Slice(path, frame, number) for number, frame in enumerate(frames)]
    return [Slice(path, values)]


def _refuse_single(entry: Slice) -> None:
    """Say at once what is wrong with the one file that was chosen."""
    if entry.get("Modality") != "CT":
        raise _not_ct(entry.path.name, [entry])


def _ct_series(found: list[Slice], source: Path) -> dict[str, list[Slice]]:
    """CT images without localizers, by Series Instance UID."""
    series: dict[str, list[Slice]] = {}
    for entry in found:
        image_type = [str(part).upper() for part in entry.get("ImageType") or ()]
        kinds = (CT_IMAGE, *ENHANCED_CT)
        is_ct = entry.get("SOPClassUID") in kinds and entry.get("Modality") == "CT"
        if is_ct and "LOCALIZER" not in image_type:
            series.setdefault(str(entry.get("SeriesInstanceUID") or ""), []).append(entry)
    if series:
        return series
    if any(entry.get("Modality") == "CT" for entry in found):
        message = (
            f"'{source.name}' holds only localizer or derived pictures of a CT: "
            "choose the axial slices."
        )
        raise GeometryError(message)
    raise _not_ct(source.name, found)


def _choose(series: dict[str, list[Slice]], asked: str | None) -> list[Slice]:
    """The series that was asked for, or the only one."""
    choices = _choices(series)
    if asked is None:
        if len(choices) == 1:
            return series[choices[0].uid]
        message = f"There are {len(choices)} CT series: say which one (--series KEY)."
        raise SeriesChoiceError(message, choices)
    for choice in choices:
        if asked in (choice.key, choice.uid):
            return series[choice.uid]
    message = "There is no CT series with this key: choose one of these (--series KEY)."
    raise SeriesChoiceError(message, choices)


def _choices(series: dict[str, list[Slice]]) -> list[SeriesChoice]:
    """The series as a list for people, by number, the same every time."""

    def number_of(uid: str) -> float:
        value = series[uid][0].numbers("SeriesNumber", 1)
        return value[0] if value else float("inf")

    choices = []
    seen: Counter[str] = Counter()
    for uid in sorted(series, key=lambda uid: (number_of(uid), uid)):
        first, number = series[uid][0], number_of(uid)
        base = "none" if number == float("inf") else f"{number:.0f}"
        seen[base] += 1
        thickness = first.numbers("SliceThickness", 1)
        choices.append(
            SeriesChoice(
                key=base if seen[base] == 1 else f"{base}.{seen[base]}",
                number=None if base == "none" else int(number),
                description=str(first.get("SeriesDescription") or "").strip()[:64],
                slices=len(series[uid]),
                thickness_mm=thickness[0] if thickness else None,
                uid=uid,
            )
        )
    return choices


def _damaged(path: Path) -> ImageError:
    return ImageError(f"The DICOM file '{path.name}' is damaged or cut off: copy it again.")


def _not_ct(name: str, found: list[Slice]) -> ImageError:
    if not found:
        return ImageError(
            f"'{name}' holds no DICOM image: choose the folder of the CT series, or an NRRD, "
            "NIfTI or MetaImage file."
        )
    kinds = Counter(str(entry.get("Modality") or "unknown")[:16] for entry in found)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return ImageError(f"'{name}' holds no CT image but {listed}: choose the folder of a chest CT.")
