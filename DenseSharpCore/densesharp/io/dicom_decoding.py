# mypy: untyped-calls-exclude="SimpleITK"
"""Pixels as pydicom finds them, for the files that GDCM cannot take as they are."""

import io
import tempfile
from pathlib import Path
from typing import Any

import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import ImplicitVRLittleEndian

from densesharp.io.quiet import quiet_libraries, quiet_pydicom

_MOST_BYTES, _BEST_COMPRESSION = 1 << 26, 1100
"""Up to 64 MB whatever the file's length, more where it may be compressed to that."""

_PIXEL_FIELDS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "SamplesPerPixel", "PhotometricInterpretation",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelData",
)  # fmt: skip


def decoded(path: Path) -> NDArray[Any]:
    """Stored values of a DICOM image, whatever else is wrong with its file.

    Args:
        path: its file.

    Returns:
        (rows, columns), or (frames, rows, columns).

    Raises:
        ValueError: it declares more pixels than such a file can hold.
        Exception: whatever pydicom and GDCM raise on pixels that they cannot decode.
    """
    # From memory, where a damaged length makes nothing be set aside for it.
    raw = path.read_bytes()
    with quiet_pydicom():
        dataset = pydicom.dcmread(io.BytesIO(raw), force=True)
        if get_expected_length(dataset) > max(_MOST_BYTES, _BEST_COMPRESSION * len(raw)):
            raise ValueError("more pixels than a file of this length can hold")
        syntax = dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)
        if get_decoder(syntax).is_available or not dataset["PixelData"].is_undefined_length:
            return dataset.pixel_array
        return _by_gdcm(dataset)


def is_decodable(path: Path) -> bool:
    """Whether all pixels can be got out of a file, whatever else is wrong with it."""
    try:
        decoded(path)
    except Exception:  # a damaged file can make pydicom raise nearly anything
        return False
    return True


def _by_gdcm(dataset: Dataset) -> NDArray[Any]:
    """The pixels of a copy without anything else, as GDCM decodes them."""
    bare = Dataset()
    for name in _PIXEL_FIELDS:
        if name in dataset:
            bare.add(dataset[name])
    bare.file_meta = dataset.file_meta
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        name = str(Path(folder) / "bare.dcm")
        bare.save_as(name)
        return sitk.GetArrayFromImage(sitk.ReadImage(name, imageIO="GDCMImageIO")).squeeze()
