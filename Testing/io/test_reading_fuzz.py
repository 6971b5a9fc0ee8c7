"""Whatever bytes a file holds: a valid volume or one sentence; no crash, no hang, no flood."""

import resource
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from damage import calm, changes, mutate
from densesharp.errors import DenseSharpError
from densesharp.io import read_volume
from dicom_phantom import axial, phantom, write_series

SIZE = (6, 5, 4)
ENDINGS = (".nrrd", ".nii", ".nii.gz", ".mha")


@lru_cache
def good(ending: str) -> bytes:
    image = sitk.GetImageFromArray(phantom(SIZE))
    image.SetSpacing((0.7, 0.8, 1.25))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("ct" + ending)
        sitk.WriteImage(image, path, useCompression=ending == ".nii.gz")
        return path.read_bytes()


@contextmanager
def no_flood():
    """No header makes anything allocate more than 300 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def read_or_refuse(path: Path) -> None:
    try:
        volume = read_volume(path)
    except DenseSharpError:
        return
    assert volume.array.shape == volume.grid.shape
    assert np.isfinite(volume.array).all()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("first", [400, None], ids=["header", "anywhere"])
def test_changed_files_are_read_or_refused(tmp_path, ending, first):
    @calm
    @given(changes)
    def check(plan):
        path = tmp_path / ("ct" + ending)
        path.write_bytes(mutate(good(ending), plan, first))
        read_or_refuse(path)

    with no_flood():
        check()


@pytest.mark.parametrize("ending", [*ENDINGS, ".mhd", ".dcm", ""])
def test_random_bytes_are_refused(tmp_path, ending):
    @calm
    @given(st.binary(max_size=600), st.sampled_from(["", "magic"]))
    def check(raw, start):
        path = tmp_path / ("ct" + ending)
        begin = {".dcm": b"\0" * 128 + b"DICM", "": b"\0" * 128 + b"DICM", ".mhd": b"NDims = 3\n"}
        magic = begin.get(ending) or good(ending)[:10]
        path.write_bytes((magic if start else b"") + raw)
        read_or_refuse(path)

    check()


@pytest.mark.parametrize("first", [1600, None], ids=["header", "anywhere"])
def test_changed_dicom_slices_are_read_or_refused(tmp_path, first):
    paths = write_series(tmp_path, phantom(SIZE), axial(SIZE))
    kept = [path.read_bytes() for path in paths]

    @calm
    @given(changes, st.integers(0, len(paths) - 1))
    def check(plan, index):
        paths[index].write_bytes(mutate(kept[index], plan, first))
        read_or_refuse(tmp_path)
        paths[index].write_bytes(kept[index])

    with no_flood():
        check()
