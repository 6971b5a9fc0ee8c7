"""Whether a DICOM file is as long as its header says, from the pixel data to its end.

GDCM finds out only while it decodes, and makes room for whatever length a damaged byte declares: up
to 4 GB.
"""

import os
import struct
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.encaps import parse_fragments
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_VR = {vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32}
_DELIMITERS = (b"\xfe\xff", b"\xff\xfe")
"""Group FFFE, little and big endian: items and their ends, which have no VR in any syntax."""
_PIXEL_VR = (b"OB", b"OW", b"UN", b"OF", b"OD")
_END_OF_FRAGMENTS = b"\xfe\xff\xdd\xe0"


def is_complete(stream: BinaryIO, size: int, values: Dataset, syntax: Any) -> bool:
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
    # Some files leave out the kinds of elements against their syntax.
    implicit_vr = syntax.is_implicit_VR or stream.read(6)[4:] not in _PIXEL_VR
    stream.seek(start)
    frames = int(values.get("NumberOfFrames") or 1)
    if syntax.is_compressed:
        enough = _has_fragments(stream, frames, 8 if implicit_vr else 12)
    else:
        enough = size - start >= 8 + get_expected_length(values)
    stream.seek(start)
    return enough and _lengths_fit(stream, size, syntax.is_little_endian, implicit_vr)


def _has_fragments(stream: BinaryIO, frames: int, head: int) -> bool:
    """Whether compressed pixel data have one fragment for each frame at least, and an end."""
    (length,) = struct.unpack("<L", stream.read(head)[-4:])
    if length != _UNDEFINED_LENGTH:
        return False
    count, places = parse_fragments(stream)  # the first is the table of offsets
    if count < 1 + frames:
        return False
    stream.seek(places[-1] + 4)
    (length,) = struct.unpack("<L", stream.read(4))
    stream.seek(length, os.SEEK_CUR)
    return stream.read(4) == _END_OF_FRAGMENTS


def _lengths_fit(stream: BinaryIO, size: int, little: bool, implicit_vr: bool) -> bool:
    """Whether no element from here on declares more bytes than are left.

    Elements of undefined length are entered. Too few bytes for a tag and a length belong to none.
    """
    order = "<" if little else ">"
    while len(head := stream.read(8)) == 8:
        field, form = head[4:], "L"
        has_vr = not implicit_vr and head[:2] not in _DELIMITERS
        if has_vr and head[4:6].isalpha():
            field, form = head[6:], "H"
            if head[4:6] in _LONG_VR:
                field, form = stream.read(4), "L"
        if len(field) < struct.calcsize(order + form):
            return False
        (length,) = struct.unpack(order + form, field)
        if length == _UNDEFINED_LENGTH:
            continue
        if length > size - stream.tell():
            return False
        stream.seek(length, os.SEEK_CUR)
    return not head
