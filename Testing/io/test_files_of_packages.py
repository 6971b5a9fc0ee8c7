"""DICOM files that nobody here made, out of installed packages: as pydicom reads them, or a reason.

What pydicom decodes is never called damaged, and no file raises anything but our own sentences.
"""

import contextlib
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from densesharp.errors import DenseSharpError
from densesharp.io import read_volume
from densesharp.io.dicom_files import LeftOut, _fault, may_be_ct, read_dicom_file
from densesharp.io.dicom_pixels import _by_gdcm
from densesharp.io.quiet import quiet_pydicom


def files_of(package: str) -> list[Path]:
    """Its files that begin as DICOM files do, or may."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        return []
    top = Path(found.submodule_search_locations[0])
    endings = {"", ".dcm", ".ima"}
    return sorted(
        path
        for path in top.rglob("*")
        if path.is_file() and (path.suffix in endings or path.name.isdecimal())
    )


def decoded(path: Path) -> np.ndarray | None:
    """Stored values as pydicom decodes them, None where it cannot."""
    try:
        with quiet_pydicom():
            return pydicom.dcmread(path).pixel_array
    except Exception:
        return None


@pytest.mark.parametrize("package", ["pydicom", "highdicom", "nibabel", "pynetdicom"])
def test_each_dicom_file_of_a_package_is_read_or_told(package):
    files = files_of(package)
    if not files:
        pytest.skip(f"{package} is not installed, or came without its test data")
    images = 0
    for path in files:
        read = read_dicom_file(path)
        assert isinstance(read, (list, LeftOut))
        if isinstance(read, LeftOut):
            assert read.reason
            assert decoded(path) is None, f"{path.name}: {read.reason}, but pydicom decodes it"
            continue
        pixels = decoded(path)
        if pixels is None:
            continue
        images += 1
        with path.open("rb") as stream, quiet_pydicom():
            header = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
            assert _fault(stream, path.stat().st_size, header) is None, path.name
        if may_be_ct(header) and pixels.ndim == 2:
            rescaled = pixels * float(header.get("RescaleSlope", 1))
            rescaled = rescaled + float(header.get("RescaleIntercept", 0))
            np.testing.assert_array_equal(_by_gdcm(read, None)[0], rescaled)
    if package == "pydicom":
        assert images > 40


@pytest.mark.parametrize("package", ["pydicom", "nibabel"])
def test_each_folder_of_a_package_gives_a_ct_or_one_sentence(package):
    folders = sorted({path.parent for path in files_of(package)})
    if not folders:
        pytest.skip(f"{package} is not installed, or came without its test data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing of a library's may reach the screen
        for folder in folders:
            with contextlib.suppress(DenseSharpError):  # one of our sentences
                read_volume(folder)
