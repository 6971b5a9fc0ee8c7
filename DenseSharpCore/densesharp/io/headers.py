"""What the headers of NRRD, NIfTI and MetaImage declare, read before any library allocates memory.

Only the few fields are read that decide whether a file is complete, whole and three-dimensional;
geometry and voxels come from SimpleITK afterwards. Formats: teem.sourceforge.net/nrrd/format.html,
nifti.nimh.nih.gov/nifti-1, itk.org/Wiki/MetaIO/Documentation.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from densesharp.errors import GeometryError, ImageError

_MAX_TEXT_HEADER = 1 << 20

_NRRD_BYTES = {
    1: ("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t",
        "ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t",
        "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int",
        "int64", "int64_t", "ulonglong", "unsigned long long", "unsigned long long int", "uint64",
        "uint64_t", "double"),
}  # fmt: skip
_PATIENT_SPACES = ("right-anterior-superior", "ras", "left-anterior-superior", "las",
                   "left-posterior-superior", "lps")  # fmt: skip
"""NRRD spaces that name the patient's axes; `scanner-xyz` and a bare dimension do not."""

_NIFTI_BYTES = {2: 1, 256: 1, 4: 2, 512: 2, 8: 4, 768: 4, 16: 4, 1024: 8, 1280: 8, 64: 8}
_NIFTI_COLOUR = (128, 2304)
_META_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "FLOAT": 4,
               "LONG": 4, "ULONG": 4, "LONG_LONG": 8, "ULONG_LONG": 8, "DOUBLE": 8}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What a file declares about itself.

    Attributes:
        size: voxels along (i, j, k).
        voxel_bytes: bytes of one voxel.
        data_file: file that holds the voxels, usually the image file itself.
        data_offset: where they begin in it; None where they are its end (MetaImage).
        compression: how they are stored; `gzip-file` is a whole file compressed (.nii.gz).
        oriented: whether the header says how the image lies in the patient.
        nifti_float: numpy type of the voxels of a NIfTI file that holds floats.
        simulated: whether it says that no patient is shown (NRRD's `content`).
    """

    size: tuple[int, int, int]
    voxel_bytes: int
    data_file: Path
    data_offset: int | None
    compression: Literal["none", "gzip", "zlib", "gzip-file"]
    oriented: bool
    nifti_float: str | None = None
    simulated: bool = False

    @property
    def voxel_data_bytes(self) -> int:
        """Bytes of all voxels, uncompressed."""
        return math.prod(self.size) * self.voxel_bytes


def read_nrrd(path: Path) -> Header:
    """The header of an NRRD file.

    Raises:
        ImageError: it is no image that can be used.
    """
    text, offset = _text_header(path, rb"\r?\n\r?\n")
    fields = _fields(text, r"([^:#\n]+):\s?(?!=)(.*)")
    name = path.name
    if "data file" in fields or "datafile" in fields:
        message = f"'{name}' keeps its voxels in another file: save it as one .nrrd file."
        raise ImageError(message)
    kinds = fields.get("kinds", "").lower()
    directions = fields.get("space directions", "")
    size = _size(
        fields.get("sizes", "").split(), name, colour="color" in kinds or "vector" in kinds
    )
    if "spacings" not in fields and not directions:
        raise _no_spacing(name)
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    if any(unit and unit not in ("mm", "millimeter", "millimeters") for unit in units):
        message = f"'{name}' gives its geometry in {units[0]}: save it in mm."
        raise GeometryError(message)
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        message = f"'{name}' is stored as '{encoding[:20]}': save it raw or gzip-compressed."
        raise ImageError(message)
    sample = fields.get("type", "").lower()
    width = next((width for width, names in _NRRD_BYTES.items() if sample in names), None)
    if width is None:
        raise _bad_type(name, sample)
    return Header(
        size,
        width,
        path,
        offset,
        "none" if encoding == "raw" else "gzip",
        bool(directions) and fields.get("space", "").lower() in _PATIENT_SPACES,
        simulated=fields.get("content", "").strip() == "simulated",
    )


def read_nifti(path: Path) -> Header:
    """The header of a NIfTI-1 file, compressed or not.

    Raises:
        ImageError: it is no image that can be used.
    """
    name = path.name
    compressed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if compressed else path.open("rb") as stream:
            raw = stream.read(348)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(name) from error
    if len(raw) < 348:
        raise _damaged(name)
    order = "<" if raw[:4] == struct.pack("<i", 348) else ">"
    if struct.unpack_from(order + "i", raw)[0] != 348 or raw[344:348] != b"n+1\0":
        message = f"'{name}' is no NIfTI-1 file in one piece: save it as .nii.gz or .nrrd."
        raise ImageError(message)
    dim = struct.unpack_from(order + "8h", raw, 40)
    sample = struct.unpack_from(order + "h", raw, 70)[0]
    pixdim = struct.unpack_from(order + "8f", raw, 76)
    offset, slope, intercept = struct.unpack_from(order + "3f", raw, 108)
    qform, sform = struct.unpack_from(order + "2h", raw, 252)
    if not 1 <= dim[0] <= 7 or not all(map(math.isfinite, (offset, slope, intercept))):
        raise _damaged(name)
    size = _size(_without_trailing_ones(dim[1 : dim[0] + 1]), name, sample in _NIFTI_COLOUR)
    if sample not in _NIFTI_BYTES:
        raise _bad_type(name, f"number {sample}")
    if not all(math.isfinite(step) and step > 0 for step in pixdim[1:4]):
        raise _no_spacing(name)
    if not 348 <= offset < _MAX_TEXT_HEADER:
        raise _damaged(name)
    if sform > 0:
        # ITK refuses a smaller shear where it has no qform to go by, and calls the file damaged.
        limit = 1e-3 if qform > 0 else 1e-4
        _check_sform(struct.unpack_from(order + "12f", raw, 280), limit, name)
    return Header(
        size,
        _NIFTI_BYTES[sample],
        path,
        int(offset),
        "gzip-file" if compressed else "none",
        qform > 0 or sform > 0,
        {16: order + "f4", 64: order + "f8"}.get(sample),
    )


def read_meta_image(path: Path) -> Header:
    """The header of a MetaImage (.mha, or .mhd with its raw file beside it).

    Raises:
        ImageError: it is no image that can be used.
    """
    text, offset = _text_header(path, rb"ElementDataFile *= *[^\n]*\n?")
    fields = _fields(text, r"([A-Za-z_0-9\[\]]+) *= *(.*)")
    name = path.name
    channels = fields.get("ElementNumberOfChannels", "1")
    size = _size(fields.get("DimSize", "").split(), name, colour=channels != "1")
    if "ElementSpacing" not in fields:
        raise _no_spacing(name)
    width = _META_BYTES.get(fields.get("ElementType", "").removeprefix("MET_"))
    if width is None:
        raise _bad_type(name, fields.get("ElementType", ""))
    target = fields.get("ElementDataFile", "")
    local = target.upper() == "LOCAL"
    data_file = path if local else path.parent / target
    # A header must not make us read files elsewhere on the machine.
    if not local and (Path(target).name != target or not data_file.is_file()):
        message = f"'{name}' needs its voxel file beside it: copy both, or save it as .mha."
        raise ImageError(message)
    packed = fields.get("CompressedData", "False").lower() in ("true", "1")
    oriented = any(key in fields for key in ("TransformMatrix", "Rotation", "Orientation"))
    start = offset if local else None
    if not local and fields.get("HeaderSize", "0") in ("0", ""):
        start = 0
    return Header(size, width, data_file, start, "zlib" if packed else "none", oriented)


def _text_header(path: Path, end: bytes) -> tuple[str, int]:
    """The text up to and with the pattern `end`, and where it stops."""
    with path.open("rb") as stream:
        raw = stream.read(_MAX_TEXT_HEADER)
    found = re.search(end, raw)
    if found is None:
        raise _damaged(path.name)
    return raw[: found.end()].decode("latin-1"), found.end()


def _fields(text: str, pattern: str) -> dict[str, str]:
    """`key: value` or `key = value` lines; the first of two equal keys counts."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        match = re.fullmatch(pattern, line.strip())
        if match:
            fields.setdefault(match[1].strip(), match[2].strip())
    return fields


def _size(values: Sequence[str | int], name: str, colour: bool) -> tuple[int, int, int]:
    """Three voxel counts, or the sentence that says what the image is instead."""
    try:
        counts = [int(value) for value in values]
    except ValueError as error:
        raise _damaged(name) from error
    if colour:
        message = f"'{name}' has several values per voxel (color or vectors): it is no CT."
        raise ImageError(message)
    if any(count < 1 for count in counts):
        raise _damaged(name)
    if len(counts) > 3:
        message = f"'{name}' has {len(counts)} dimensions (several time points?): save one 3D CT."
        raise ImageError(message)
    if len(counts) < 3 or min(counts) < 2:
        message = f"'{name}' is a single picture, not a stack of slices: a 3D CT is needed."
        raise ImageError(message)
    return counts[0], counts[1], counts[2]


def _without_trailing_ones(counts: Sequence[int]) -> list[int]:
    kept = list(counts)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    return kept


def _check_sform(values: tuple[float, ...], limit: float, name: str) -> None:
    """Refuse an affine that is sheared or not a number; ITK would straighten it in silence.

    Args:
        values: its first three rows.
        limit: largest cosine of the angle between two axes.
        name: of the file.
    """
    columns = [[values[row * 4 + column] for row in range(3)] for column in range(3)]
    lengths = [math.hypot(*column) for column in columns]
    if not all(map(math.isfinite, values)) or min(lengths) == 0:
        raise _damaged(name)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        dot = sum(a * b for a, b in zip(columns[one], columns[other], strict=True))
        if abs(dot) > limit * lengths[one] * lengths[other]:
            message = (
                f"The axes of '{name}' are not at right angles (gantry tilt or a shear): "
                "resample it onto a rectangular grid first."
            )
            raise GeometryError(message)


def _damaged(name: str) -> ImageError:
    return ImageError(f"'{name}' is damaged or not what its name says: copy or export it again.")


def _bad_type(name: str, sample: str) -> ImageError:
    return ImageError(
        f"'{name}' holds values of type {sample[:30] or 'unknown'}: save the CT as 16-bit integers."
    )


def _no_spacing(name: str) -> GeometryError:
    return GeometryError(
        f"'{name}' does not say how large its voxels are, so nothing can be measured in it."
    )
