"""One file after another: the header of a DICOM image, or why the file is none that can be used."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000MCLossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pydicom.valuerep import VR

from densesharp.io.dicom_decoding import is_decodable
from densesharp.io.dicom_length import is_complete
from densesharp.io.enhanced import CONTRAST, ENHANCED_CT, GROUPS, frame_headers
from densesharp.io.quiet import quiet_pydicom

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

READ_SYNTAXES = (
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian, RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless,
    JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000,
    JPEG2000MCLossless, JPEG2000MC, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K,
)  # fmt: skip
"""Transfer syntaxes whose pixels GDCM decodes."""

LOSSY_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit)
"""Those that always lose; others say so in Lossy Image Compression."""

_UNKNOWN_TO_PYDICOM = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}

# Everything that geometry, values, SEG and SR need; the patient's name is never read, and the
# number only to see that all slices are of one patient.
TAGS = (
    "PatientID",
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "Modality", "ImageType", "SeriesNumber", "SeriesDescription",
    "InstanceNumber", "AcquisitionNumber", "AcquisitionTime", "TemporalPositionIdentifier",
    "Rows", "Columns", "PixelSpacing", "SliceThickness", "ImageOrientationPatient",
    "ImagePositionPatient", "RescaleSlope", "RescaleIntercept", "RescaleType", "SamplesPerPixel",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "LossyImageCompression", "PhotometricInterpretation",
    "NumberOfFrames", "ContrastBolusAgent", "ConvolutionKernel", "KVP", "AcquisitionDate",
    "AcquisitionDateTime", "SeriesDate", "StudyDate", "SeriesTime", "StudyTime",
)  # fmt: skip

_OFFSETS = "ExtendedOffsetTable"
_READ_TAGS = [Tag(name) for name in (*TAGS, *GROUPS, CONTRAST, _OFFSETS)]
_DAMAGED = "damaged or cut off"
_DICOM_NAMES = {".dcm", ".dicom", ".dic", ".ima"}
_VR = {vr.value.encode() for vr in VR if len(vr.value) == 2}


@dataclass(frozen=True)
class Slice:
    """One DICOM image: its file and the header fields of `TAGS`.

    Attributes:
        path: its file.
        header: header fields by name.
        frame: which frame of an enhanced object it is, from 0; None for a file of one slice.
        fault: why its pixels cannot be read, None where nothing speaks against it.
        lossy: whether pixels were lost in compression.
        odd: whether its file breaks the standard, so that only pydicom decodes its pixels.
        beyond_gdcm: whether its file is well formed, but in a way that GDCM does not follow.
    """

    path: Path
    header: Any
    frame: int | None = None
    fault: str | None = None
    lossy: bool = False
    odd: bool = False
    beyond_gdcm: bool = False

    def get(self, name: str) -> Any:
        """A header field, None where it is missing or empty."""
        try:
            value = self.header.get(name)
        except Exception:
            return None
        return None if value is None or value == "" else value

    def text(self, name: str) -> str:
        """A field as text without blanks at its ends, empty where it is missing."""
        return str(self.get(name) or "").strip()

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """A field of `count` finite numbers, None where it is anything else."""
        value = self.get(name)
        try:
            values = tuple(float(v) for v in (value if count > 1 else (value,)))
        except (TypeError, ValueError):
            return None
        good = len(values) == count and all(abs(v) < 1e9 for v in values)
        return values if good else None


@dataclass(frozen=True)
class LeftOut:
    """A file that gives no slice.

    Attributes:
        path: the file.
        reason: what it is, such as `empty`.
        doubtful: whether it may belong to the CT: then the user must know of it.
    """

    path: Path
    reason: str
    doubtful: bool


def read_dicom_file(path: Path) -> list[Slice] | LeftOut:
    """The header of a DICOM image, or of each frame of an enhanced CT; else why there is none."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return LeftOut(path, "no file but a pipe or a device", doubtful=False)
        with path.open("rb") as stream:
            return _read(stream, path, state.st_size)
    except FileNotFoundError:
        return LeftOut(path, "a link to nothing", doubtful=True)
    except PermissionError:
        return LeftOut(path, "without permission to read", doubtful=True)
    except OSError as error:
        return LeftOut(path, f"unreadable ({error.strerror or error})", doubtful=True)


def _read(stream: BinaryIO, path: Path, size: int) -> list[Slice] | LeftOut:
    start = stream.read(132)
    has_preamble = start[128:] == b"DICM"
    if not start:
        return LeftOut(path, "empty", doubtful=True)
    if not has_preamble and not _is_bare(start):
        if not any(start[:128]):
            return LeftOut(path, "cut off", doubtful=True)
        return LeftOut(path, "no DICOM", doubtful=path.suffix.lower() in _DICOM_NAMES)
    stream.seek(0)
    try:
        with quiet_pydicom():
            header = pydicom.dcmread(
                stream, stop_before_pixels=True, force=not has_preamble, specific_tags=_READ_TAGS
            )
            _fill_from_meta(header)
            if not any(header.get(name) for name in ("Modality", "SOPClassUID", "Rows")):
                return LeftOut(path, "cut off", doubtful=True)
            return _slices(stream, path, size, header)
    except OSError as error:
        if error.errno is not None:
            raise
        return LeftOut(path, _DAMAGED, doubtful=True)
    except Exception:
        return LeftOut(path, _DAMAGED, doubtful=True)


def _slices(stream: BinaryIO, path: Path, size: int, header: Dataset) -> list[Slice] | LeftOut:
    fault = _fault(stream, size, header) if may_be_ct(header) else None
    odd = fault == _DAMAGED and is_decodable(path)
    fault = None if odd else fault
    # GDCM fills a deflated file that is cut off with zeros, and knows one table of offsets.
    beyond = _syntax(header) == DeflatedExplicitVRLittleEndian or _OFFSETS in header
    lossy = header.get("LossyImageCompression") == "01" or _syntax(header) in LOSSY_SYNTAXES
    if fault and not header.get("SeriesInstanceUID"):
        return LeftOut(path, _DAMAGED, doubtful=True)
    if header.get("SOPClassUID") not in ENHANCED_CT:
        return [Slice(path, header, None, fault, lossy, odd, beyond)]
    values = {name: header.get(name) for name in TAGS}
    try:
        frames = list(frame_headers(values, header))
    except Exception:  # whatever pydicom raises on a sequence that is missing or damaged
        return LeftOut(path, "an enhanced CT that does not describe its frames", doubtful=True)
    return [Slice(path, frame, n, fault, lossy, odd, beyond) for n, frame in enumerate(frames)]


def may_be_ct(header: Mapping[str, Any] | Dataset | Slice) -> bool:
    """Whether an image says that it is a slice of a CT, or leaves that open."""
    modality, kind = str(header.get("Modality") or "").upper(), header.get("SOPClassUID")
    return modality in ("", "CT") and kind in (None, "", CT_IMAGE, *ENHANCED_CT)


def _is_bare(start: bytes) -> bool:
    """Whether a file begins with a data set, without the preamble of a DICOM file."""
    group, element = start[:2], start[2:4]
    if group in (b"\x02\x00", b"\x08\x00"):
        length = int.from_bytes(start[4:8], "little")
    elif group == b"\x00\x08":
        element, length = element[::-1], int.from_bytes(start[4:8], "big")
    else:
        return False
    return element[1:] == b"\x00" and element[0] < 0x20 and (start[4:6] in _VR or length < 132)


def _fill_from_meta(header: Dataset) -> None:
    """Take class and instance from the file's own header where the data set leaves them out.

    A picture without its number of values per pixel has one.
    """
    for name in ("SOPClassUID", "SOPInstanceUID"):
        own = header.file_meta.get(f"MediaStorage{name}")
        if own and not header.get(name):
            setattr(header, name, own)
    if header.get("Rows") is not None and header.get("SamplesPerPixel") is None:
        header.SamplesPerPixel = 1


def _syntax(header: Dataset) -> UID:
    declared = header.file_meta.get("TransferSyntaxUID")
    if declared:
        return UID(declared)
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _fault(stream: BinaryIO, size: int, header: Dataset) -> str | None:
    """Why the pixels of an image cannot be read, None where nothing speaks against it."""
    syntax = _syntax(header)
    if syntax not in READ_SYNTAXES:
        name = _UNKNOWN_TO_PYDICOM.get(syntax, syntax.name)
        name = f"an unknown transfer syntax, {name}" if name == str(syntax) else name
        return f"stored as {name}, which is not read here"
    if stream.tell() >= size and syntax != DeflatedExplicitVRLittleEndian:
        return "without pixels, or cut off before them"
    missing = [name for name in ("Columns", "BitsAllocated") if header.get(name) is None]
    if header.get("Rows") is not None and missing:
        return f"without {' and '.join(missing)} in its header"
    try:
        complete = is_complete(stream, size, header, syntax)
    except Exception:
        complete = False
    return None if complete else _DAMAGED
