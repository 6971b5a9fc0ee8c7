"""Whether a DICOM file is as long as its header says, from the pixel data to its end.

GDCM finds out only while it decodes, and makes room for whatever length a damaged byte declares: up
to 4 GB.
"""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO

from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

_UNDEFINED_LENGTH = 0xFFFFFFFF
_BEST_COMPRESSION = 1000
_LONG_VR = {vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32}


def is_complete(stream: BinaryIO, size: int, values: dict[str, Any], syntax: Any) -> bool:
    """Whether the declared pixel data, and what follows them, are in the file.

    Args:
        stream: stands at the tag of the pixel data, as pydicom leaves it.
        size: of the file in bytes.
        values: the header fields.
        syntax: transfer syntax of the file.
    """
    if values.get("Rows") is None or syntax == DeflatedExplicitVRLittleEndian:
        return True  # not an image, or one whose end only the decoder can find
    start = stream.tell()
    needed = int(values["Rows"]) * int(values["Columns"] or 0)
    needed *= int(values["BitsAllocated"] or 16) // 8 * int(values["SamplesPerPixel"] or 1)
    needed *= int(values["NumberOfFrames"] or 1)
    if syntax.is_compressed:
        enough = _fragments(stream) * _BEST_COMPRESSION >= needed
    else:
        enough = size - start >= 8 + needed
    stream.seek(start)
    return enough and _lengths_fit(stream, size, syntax)


def _fragments(stream: BinaryIO) -> int:
    """Bytes of compressed pixel data; 0 where they have no end."""
    stream.seek(12, os.SEEK_CUR)
    start = stream.tell()
    while True:
        item = stream.read(8)
        if len(item) < 8:
            return 0
        group, element, length = struct.unpack("<HHL", item)
        if (group, element) == (0xFFFE, 0xE0DD):
            return stream.tell() - start
        if (group, element) != (0xFFFE, 0xE000) or length == _UNDEFINED_LENGTH:
            return 0
        stream.seek(length, os.SEEK_CUR)


def _lengths_fit(stream: BinaryIO, size: int, syntax: Any) -> bool:
    """Whether no element from here on declares more bytes than are left.

    Elements of undefined length are entered. Too few bytes for a tag and a length are no element.
    """
    order = "<" if syntax.is_little_endian else ">"
    while len(head := stream.read(8)) == 8:
        field, form = head[4:], "L"
        if not syntax.is_implicit_VR and head[4:6].isalpha():
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
