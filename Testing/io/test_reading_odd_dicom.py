"""Slices whose files break the standard: what pydicom decodes is read as such and never damage."""

import struct
from functools import lru_cache

import numpy as np
import pydicom
import pytest
from formats_table import htj2k, lossless_jpeg
from formats_table import stored as packed
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from damage import calm
from densesharp.errors import DenseSharpError, ImageError
from densesharp.io import read_volume
from densesharp.io.quiet import quiet_pydicom
from dicom_phantom import axial, in_syntax, phantom, write_series

SIZE = (32, 32, 5)
PACKED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    *PACKED,
)
LENGTHS = (0, 1, 7, 513, 0x4142, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
CALLED_DAMAGE = ("damaged", "cut off", "cannot be decoded")


def stored(syntax, rich=False):
    """Slices in a syntax; `rich` ones have sequences and private elements around the pixels."""

    def edit(dataset, index):
        if rich:
            mac, request = Dataset(), Dataset()
            mac.MACIDNumber, request.CodeValue = 1, "1"
            dataset.DigitalSignaturesSequence = [mac]
            dataset.RequestAttributesSequence = [request]
            for name in ("DigitalSignaturesSequence", "RequestAttributesSequence"):
                dataset[name].is_undefined_length = True
            dataset.add_new(0x7FE10010, "LO", "PRIVATE")
            dataset.add_new(0x7FE11010, "OB", bytes(20))
            dataset.DataSetTrailingPadding = bytes(60)
        if syntax in PACKED:
            dataset.compress(syntax, generate_instance_uid=False)
            frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
            pieces = 3 if rich else 1
            dataset.PixelData = encapsulate([frame], fragments_per_frame=pieces, has_bot=not rich)
            dataset["PixelData"].is_undefined_length = True
            return dataset
        return in_syntax(syntax)(dataset, index)

    return edit


def decoded(paths):
    """HU as pydicom decodes them, None where it cannot."""
    try:
        with quiet_pydicom():
            slices = [pydicom.dcmread(path, force=True) for path in paths]
            return np.array(
                [s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices]
            )
    except Exception:  # whatever it raises on bytes that mean nothing
        return None


@lru_cache
def pixel_place(raw, big):
    return raw.rfind(b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00")


def element(order, implicit, tag, vr, length):
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack(f"{order}L", length)
    if vr == b"LO":
        return head + vr + struct.pack(f"{order}H", length & 0xFFFF)
    return head + vr + b"\0\0" + struct.pack(f"{order}L", length)


def bent(raw, syntax, kind, where, value):
    """A slice's bytes with one thing wrong, at a place from 0 to 1."""
    data, order = bytearray(raw), "<>"[syntax == ExplicitVRBigEndian]
    start = max(pixel_place(raw, order == ">"), 132)
    if syntax == DeflatedExplicitVRLittleEndian:
        start = 400
    number, stray = value
    at = start + int(where * (len(data) - start))
    implicit = syntax == ImplicitVRLittleEndian
    if kind == "byte in the header":
        data[132 + int(where * (start - 132))] = stray[0]
    elif kind == "byte at the end":
        data[-1 - int(where * min(120, len(data) - start - 12))] = stray[0]
    elif kind == "stray bytes behind":
        data += stray
    elif kind == "stray bytes inside":
        data[at:at] = stray
    elif kind == "element behind":
        tag = (0xFFFCFFFC, 0x7FE20011, 0xFFFEE000, 0x00080018)[int(where * 4)]
        vr = (b"OB", b"UN", b"SQ", b"LO")[int(where * 20) % 4]
        data += element(order, implicit, tag, vr, number) + bytes(int(where * 97) % 3 * 4)
    elif kind == "cut":
        del data[-1 - int(where * 120) :]
    elif kind == "length of the pixels":
        place = start + (4 if implicit else 8)
        data[place : place + 4] = struct.pack(f"{order}L", number)
    elif kind == "length of an item":
        places = [n for n in range(132, len(data) - 8) if data[n : n + 4] == ITEM]
        if places:
            place = places[int(where * len(places))] + 4
            data[place : place + 4] = struct.pack("<L", number)
    elif (place := raw.rfind(SEQUENCE_END)) > 0:
        del data[place : place + 8]
    return bytes(data)


KINDS = [
    "byte in the header", "byte at the end", "stray bytes behind", "stray bytes inside",
    "element behind", "cut", "length of the pixels", "length of an item", "no end of the fragments",
]  # fmt: skip


SLOW = {
    (ExplicitVRBigEndian, "byte in the header"): "GDCM",
    (JPEGLSLossless, "length of the pixels"): "CharLS",
}
"""What is read right, but only after a library has set gigabytes aside: seconds for each."""


@pytest.mark.parametrize("rich", [False, True], ids=["plain", "rich"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_what_pydicom_decodes_is_read_or_refused_for_another_reason(tmp_path, syntax, rich):
    """And what is read is what pydicom decodes, or the true pixels where it gives up."""
    paths = write_series(tmp_path, phantom(SIZE), axial(SIZE), edit=stored(syntax, rich))
    kept = paths[2].read_bytes()
    values = st.tuples(st.sampled_from(LENGTHS), st.binary(min_size=1, max_size=20))

    @calm
    @given(
        st.sampled_from([kind for kind in KINDS if (syntax, kind) not in SLOW]),
        st.floats(0, 1, exclude_max=True),
        values,
    )
    def check(kind, where, value):
        paths[2].write_bytes(bent(kept, syntax, kind, where, value))
        expected, volume, said = decoded(paths), None, ""
        try:
            volume = read_volume(tmp_path)
        except DenseSharpError as error:
            said = str(error)
        if volume is None:
            assert expected is None or not any(word in said for word in CALLED_DAMAGE), said
            return
        if expected is None and syntax in PACKED:
            return  # a changed byte of the stream, which has no checksum: one decoder gives up
        # A changed place in the header may put the slice elsewhere in the stack.
        true = phantom(SIZE) if expected is None else expected
        assert sorted(map(bytes, volume.array)) == sorted(map(bytes, true.astype(np.int16)))

    check()
    paths[2].write_bytes(kept)


STRAY = {
    "gigabytes": bytes([0, 0, 1, 0, 0, 0, 1, 229]),  # GDCM would make room for these 3.8 GB
    "padding": b"\xfc\xff\xfc\xffOB\0\0\0\0\0\x70" + bytes(8),
    "half a tag": b"\xfc\xff\xfc",
}


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
def test_bytes_that_belong_to_nothing_behind_the_pixels_are_told(tmp_path, syntax, stray):
    paths = write_series(tmp_path, phantom(), axial(), edit=stored(syntax))
    for path in paths[4:6]:
        path.write_bytes(path.read_bytes() + STRAY[stray])
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom())
    told = [notice.message for notice in volume.notices if notice.code == "odd_files"]
    assert len(told) == 1
    assert told[0].startswith("2 of 12 files break the DICOM standard (the first is 'IM0004")


@pytest.mark.parametrize(
    ("syntax", "pack"),
    [("57", lossless_jpeg), ("70", lossless_jpeg), ("201", htj2k), ("203", htj2k)],
)
def test_so_are_those_that_pydicom_alone_cannot_decode(tmp_path, syntax, pack):
    packed(f"1.2.840.10008.1.2.4.{syntax}", pack)(tmp_path)
    whole = read_volume(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes() + STRAY["gigabytes"])
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, whole.array)
    assert "12 of 12 files" in volume.notices[-1].message


def test_offsets_may_lie_in_elements_of_their_own(tmp_path):
    def edit(dataset, _index):
        dataset.compress(RLELossless, generate_instance_uid=False)
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        pixels, offsets, lengths = encapsulate_extended([frame])
        dataset.PixelData, dataset["PixelData"].is_undefined_length = pixels, True
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=edit)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom())
    assert volume.notices == ()


def test_a_deflated_slice_without_its_end_is_no_slice_of_air(tmp_path):
    edit = stored(DeflatedExplicitVRLittleEndian)
    paths = write_series(tmp_path, phantom(), axial(), edit=edit)
    raw = paths[4].read_bytes()
    paths[4].write_bytes(raw[:-40] + bytes(40))
    with pytest.raises(ImageError, match=r"IM0004\.dcm"):
        read_volume(tmp_path)
