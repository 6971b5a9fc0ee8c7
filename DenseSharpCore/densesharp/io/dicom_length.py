"""Whether a DICOM file is as long as its header says, from the pixel data to its end.

GDCM finds out only while it decodes, and makes room for whatever length a damaged byte declares: up
to 4 GB.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.encaps import parse_fragments
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_VR = {vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32}
_DELIMITERS = (b"\xfe\xff", b"\xff\xfe")
"""Group FFFE, little and big endian: items and their ends, which have no VR in any syntax."""
_END_OF_FRAGMENTS = b"\xfe\xff\xdd\xe0"


def is_complete(
    stream: BinaryIO, size: int, values: Mapping[str, Any] | Dataset, syntax: Any
) -> bool:
    """Whether the declared pixel data, and what follows them, are in the file.

    Args:
        stream: stands at the tag of the pixel data, as pydicom leaves it.
        size: of the file in bytes.
        values: the header fields.
        syntax: transfer syntax of the file.

    Raises:
        Exception: whatever pydicom raises on fragments that are none.
    """
    if values.get("Rows") is None or syntax == DeflatedExplicitVRLittleEndian:
        return True  # not an image, or one whose end only the decoder can find
    start = stream.tell()
    frames = int(values.get("NumberOfFrames") or 1)
    if syntax.is_compressed:
        enough = _has_fragments(stream, frames)
    else:
        needed = int(values.get("Rows") or 0) * int(values.get("Columns") or 0) * frames
        needed *= (
            int(values.get("BitsAllocated") or 16) // 8 * int(values.get("SamplesPerPixel") or 1)
        )
        enough = size - start >= 8 + needed
    stream.seek(start)
    return enough and _lengths_fit(stream, size, syntax)


def _has_fragments(stream: BinaryIO, frames: int) -> bool:
    """Whether compressed pixel data have one fragment for each frame at least, and an end."""
    (length,) = struct.unpack("<8xL", stream.read(12))
    if length != _UNDEFINED_LENGTH:
        return False
    count, places = parse_fragments(stream)  # the first is the table of offsets
    if count < 1 + frames:
        return False
    stream.seek(places[-1] + 4)
    (length,) = struct.unpack("<L", stream.read(4))
    stream.seek(length, os.SEEK_CUR)
    return stream.read(4) == _END_OF_FRAGMENTS


def _lengths_fit(stream: BinaryIO, size: int, syntax: Any) -> bool:
    """Whether no element from here on declares more bytes than are left.

    Elements of undefined length are entered. Too few bytes for a tag and a length are no element.
    """
    order = "<" if syntax.is_little_endian else ">"
    while len(head := stream.read(8)) == 8:
        field, form = head[4:], "L"
        has_vr = not syntax.is_implicit_VR and head[:2] not in _DELIMITERS
        if has_vr and head[4:6].isalpha():
            field, form = head[6:], "H"
            if head[4:6] in _LONG_VR:
                field, form = stream.read(4), "L"
        if len(field) < struct.calcsize(order + form):
            break
        (length,) = struct.unpack(order + form, field)
        if length == _UNDEFINED_LENGTH:
            continue
        if length > size - stream.tell():
            return False
        stream.seek(length, os.SEEK_CUR)
    return True
