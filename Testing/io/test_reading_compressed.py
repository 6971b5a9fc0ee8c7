"""Compressed DICOM: the voxels of pydicom, whatever the length and number of the fragments."""

import io
import struct

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from densesharp.errors import ImageError
from densesharp.io import read_volume
from densesharp.io.dicom_length import is_complete
from dicom_phantom import axial, phantom, write_series

LETTERS = [a + 256 * b for b in range(0x41, 0x5B) for a in range(0x42, 0x5B, 2)]
"""Even lengths of a fragment whose two low bytes look like a value representation."""


def packed(syntax=RLELossless, change=lambda frame, _: frame, fragments=1):
    """Compress each slice; `change` may alter its frame before it is cut into fragments."""

    def edit(dataset, index):
        dataset.compress(syntax, generate_instance_uid=False)
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate([change(frame, index)], fragments_per_frame=fragments)
        dataset["PixelData"].is_undefined_length = True
        return dataset

    return edit


def noise(shape=(2, 512, 512)):
    return np.random.default_rng(1).normal(-700, 300, shape).clip(-1024, 3000).astype(np.int16)


def test_no_length_of_a_fragment_is_taken_for_letters(tmp_path):
    """300 slices, each with another of the lengths that look like letters."""
    lengths = LETTERS[:: len(LETTERS) // 299][:300]
    size = (16, 16, 300)

    def padded(frame, index):
        return frame + bytes(lengths[index] - len(frame))

    paths = write_series(tmp_path, phantom(size), axial(size), edit=packed(change=padded))
    assert len(paths) == 300
    np.testing.assert_array_equal(read_volume(tmp_path).array, phantom(size))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEGLSNearLossless])
@pytest.mark.parametrize("noisy", [True, False], ids=["noise", "even"])
def test_full_slices_hold_what_pydicom_decodes(tmp_path, syntax, noisy):
    hu = noise() if noisy else np.full((3, 512, 512), -1000, np.int16)
    hu[0, 200:260, 200:260] = 40
    paths = write_series(tmp_path, hu, axial(hu.shape[::-1]), edit=packed(syntax))
    assert all(read.file_meta.TransferSyntaxUID == syntax for read in map(pydicom.dcmread, paths))
    volume = read_volume(tmp_path)
    expected = np.array([pydicom.dcmread(path).pixel_array.astype(int) - 1024 for path in paths])
    np.testing.assert_array_equal(volume.array, expected)
    np.testing.assert_array_equal(expected, hu)


@pytest.mark.parametrize("fragments", [2, 17])
def test_a_frame_may_lie_in_many_fragments(tmp_path, fragments):
    write_series(tmp_path, phantom(), axial(), edit=packed(JPEGLSLossless, fragments=fragments))
    np.testing.assert_array_equal(read_volume(tmp_path).array, phantom())


lengths = st.lists(
    st.one_of(st.integers(0, 40_000), st.sampled_from(LETTERS)).map(lambda n: n // 2 * 2),
    min_size=1,
    max_size=12,
)


@given(lengths, st.integers(0, 2000), st.floats(0, 1, exclude_max=True))
def test_fragments_are_complete_only_as_a_whole(sizes, trailing, kept):
    """Any fragments pass, with any padding element behind them; a file cut anywhere does not."""
    items = b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, n) + b"\x41" * n for n in [0, *sizes])
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    padding = struct.pack("<HH4sL", 0xFFFC, 0xFFFC, b"OB\0\0", trailing) + bytes(trailing)
    pixels = struct.pack("<HH4sL", 0x7FE0, 0x0010, b"OB\0\0", 0xFFFFFFFF) + items + end
    assert complete(pixels)
    assert complete(pixels + padding)
    whole = pixels[:-4]  # the length of the last delimiter says nothing
    assert not cut(whole[: int(kept * len(whole))])


def complete(raw: bytes) -> bool:
    values = pydicom.Dataset()
    values.Rows, values.Columns = 64, 64
    return is_complete(io.BytesIO(raw), len(raw), values, RLELossless)


def cut(raw: bytes) -> bool:
    """Whether a file with these pixel data passes; what pydicom raises on them is damage too."""
    try:
        return complete(raw)
    except (ValueError, struct.error):
        return False


def test_a_fragment_without_a_picture_is_damage(tmp_path):
    write_series(tmp_path, phantom(), axial(), edit=packed(change=lambda *_: b"\0\0"))
    with pytest.raises(ImageError, match=r"IM0000\.dcm' cannot be decoded"):
        read_volume(tmp_path)
