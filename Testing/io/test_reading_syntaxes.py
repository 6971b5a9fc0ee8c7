"""Every compressed syntax that is read holds, bit for bit, what was stored or pydicom decodes."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from lossless_jpeg import lossless_jpeg_frame
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from densesharp.io import read_volume
from dicom_phantom import axial, in_syntax, write_series

HERE = Path(__file__).parent


def noise():
    """Stored values (2, 512, 512) of 12 bits: no fragment of these is short or repeats itself."""
    return np.random.default_rng(1).normal(400, 300, (2, 512, 512)).clip(0, 4095).astype(np.uint16)


def written(folder, stored, edit):
    hu = stored.astype(np.int32) - 1024
    return write_series(folder, hu, axial(hu.shape[::-1]), edit=edit)


def with_frames(syntax, frames, **values):
    """Put frames compressed elsewhere into the slices."""

    def edit(dataset, index):
        frame = frames[index]
        dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = syntax
        for name, value in values.items():
            setattr(dataset, name, value)
        return dataset

    return edit


def by_pydicom(paths):
    """HU as pydicom decodes them."""
    slices = [pydicom.dcmread(path) for path in paths]
    return np.array([s.pixel_array.astype(int) * int(s.RescaleSlope) - 1024 for s in slices])


@pytest.mark.parametrize(
    ("syntax", "options", "far"),
    [
        (RLELossless, {}, 0),
        (JPEGLSLossless, {}, 0),
        (JPEGLSNearLossless, {"jls_error": 3}, 3),
        (JPEG2000Lossless, {}, 0),
        (JPEG2000, {"j2k_psnr": [60]}, 300),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_pydicom_compresses(tmp_path, syntax, options, far):
    def edit(dataset, _index):
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.compress(syntax, generate_instance_uid=False, **options)
        return dataset

    paths = written(tmp_path, noise(), edit)
    array = read_volume(tmp_path).array
    np.testing.assert_array_equal(array, by_pydicom(paths))
    lost = np.abs(array - (noise().astype(int) - 1024)).max()
    assert lost <= far
    assert bool(lost) == bool(far)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_uncompressed_ones(tmp_path, syntax):
    written(tmp_path, noise(), in_syntax(syntax))
    np.testing.assert_array_equal(read_volume(tmp_path).array, noise().astype(int) - 1024)


@pytest.mark.parametrize("precision", [12, 16])
@pytest.mark.parametrize("selection", range(1, 8))
def test_lossless_jpeg_by_any_predictor(tmp_path, selection, precision):
    frames = [lossless_jpeg_frame(plane, selection, precision) for plane in noise()]
    syntax = JPEGLosslessSV1 if selection == 1 else JPEGLossless
    edit = with_frames(syntax, frames, BitsStored=precision, HighBit=precision - 1)
    written(tmp_path, noise(), edit)
    np.testing.assert_array_equal(read_volume(tmp_path).array, noise().astype(int) - 1024)


def test_lossless_jpeg_of_all_16_bits(tmp_path):
    stored = np.random.default_rng(2).integers(0, 1024, (2, 64, 64)).astype(np.uint16)
    stored[:, ::7, ::5] = (0, 10000, 32768, 65535, 1, 33000, 5, 9, 2, 0, 1, 2, 3)
    frames = [lossless_jpeg_frame(plane, 7) for plane in stored]
    scale = {"RescaleSlope": 0.5, "RescaleIntercept": -512}
    written(tmp_path, stored, with_frames(JPEGLossless, frames, **scale))
    np.testing.assert_array_equal(read_volume(tmp_path).array, stored * 0.5 - 512)


def test_jpeg_of_8_bits(tmp_path):
    frames = []
    for plane in noise():
        stream = io.BytesIO()
        Image.fromarray((plane // 16).astype(np.uint8)).save(stream, "JPEG", quality=90)
        frames.append(stream.getvalue())
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "RescaleSlope": 16}
    paths = written(tmp_path, noise(), with_frames(JPEGBaseline8Bit, frames, **bits))
    np.testing.assert_array_equal(read_volume(tmp_path).array, by_pydicom(paths))


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (HTJ2KLossless, "htj2k_lossless.j2c"),
        (HTJ2KLosslessRPCL, "htj2k_lossless.j2c"),
        (HTJ2K, "htj2k_lossless.j2c"),
        (HTJ2K, "htj2k_lossy.j2c"),
    ],
)
def test_high_throughput_jpeg_2000(tmp_path, syntax, name):
    """Of OpenJPH 0.26, in the order that RPCL asks for; 9/7 wavelet where it is lossy."""
    stored = np.random.default_rng(5).normal(1000, 24, (64, 64)).clip(0, 4095).astype(np.uint16)
    stored[20:40, 20:40] = 24
    frame = (HERE / name).read_bytes()
    paths = written(tmp_path, np.array([stored] * 2), with_frames(syntax, [frame] * 2))
    array = read_volume(tmp_path).array
    np.testing.assert_array_equal(array, by_pydicom(paths))
    lost = np.abs(array[0] - (stored.astype(int) - 1024)).max()
    assert bool(lost) == ("lossy" in name)
    assert lost < 200
