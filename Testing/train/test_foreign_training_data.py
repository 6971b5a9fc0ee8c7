"""Masks, cubes and weights that others made: right, or one list of sentences before work starts."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import TableError
from densesharp.train.builder import build_dataset
from densesharp.train.dataset import read_dataset
from dicom_phantom import axial, phantom, write_series

MIDDLE = (30, 30, 34)


def ball(middle=MIDDLE, radius=4.0, size=60) -> np.ndarray:
    """(k, j, i) bool."""
    k, j, i = np.ogrid[:size, :size, :size]
    return (k - middle[0]) ** 2 + (j - middle[1]) ** 2 + (i - middle[2]) ** 2 < radius**2


def saved(folder: Path, name: str, array: np.ndarray, *, vector=False, turn=None) -> Path:
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing((0.8, 0.8, 0.8))
    image.SetOrigin((-100, 50, 7))
    path = folder / name
    sitk.WriteImage(turn(image) if turn else image, path, useCompression=True)
    return path


@pytest.fixture
def ct(tmp_path) -> Path:
    saved(tmp_path, "ct.nrrd", np.where(ball(), 0, -850).astype(np.int16))
    return tmp_path


def built(folder: Path, mask: str = "mask.nrrd", out: str = "set", **more: str):
    columns = {"name": "n1", "image": "ct.nrrd", "mask": mask, "diagnosis": "AIS", **more}
    lines = [",".join(columns), ",".join(columns.values())]
    (folder / "table.csv").write_text("\n".join(lines))
    build_dataset(folder / "table.csv", folder / out, edge=40)
    (sample,) = read_dataset(folder / out)
    return sample


def faults(folder: Path, mask: str = "mask.nrrd", **more: str) -> str:
    with pytest.raises(TableError) as caught:
        built(folder, mask, **more)
    assert not (folder / "set").exists(), "something was written"
    return str(caught.value)


TURNS = {
    "RAS": lambda image: sitk.DICOMOrient(image, "RAS"),
    "reversed slices": lambda image: image[:, :, ::-1],
    "other order": lambda image: sitk.PermuteAxes(image, (2, 0, 1)),
    "a part of the CT": lambda image: image[20:50, 15:45, 10:50],
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_a_mask_on_the_same_voxels_in_another_order_is_the_same(ct, turn, ending):
    saved(ct, "mask.nrrd", ball().astype(np.uint8))
    saved(ct, f"turned{ending}", ball().astype(np.uint8), turn=TURNS[turn])
    plain, turned = built(ct), built(ct, f"turned{ending}", out="other")
    np.testing.assert_array_equal(plain.seg, turned.seg)
    np.testing.assert_array_equal(plain.voxel, turned.voxel)


def test_a_mask_between_the_voxels_is_refused(ct):
    def moved(image):
        image.SetOrigin((-100.4, 50, 7))
        return image

    saved(ct, "mask.nrrd", ball().astype(np.uint8), turn=moved)
    assert "does not lie on the CT's grid" in faults(ct)


MASKS = {
    "background -1": (np.where(ball(), 1, -1).astype(np.int16), "holds -1: save it with 0"),
    "background NaN": (np.where(ball(), 1, np.nan).astype(np.float32), "without a value (NaN)"),
    "a probability": (ball() * 0.7, "fractions"),
    "the whole body": (np.ones((60, 60, 60), np.uint8), "reaches over 47 mm"),
    "two far nodules": ((ball((5, 5, 5)) | ball((54, 54, 54))).astype(np.uint8), "a line and a"),
    "two nodules 24 mm apart": ((ball() | ball((30, 30, 4))).astype(np.uint8), "24 mm apart"),
    "nothing": (np.zeros((60, 60, 60), np.uint8), "the mask 'mask.nrrd' is empty"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_what_is_no_mask_of_a_nodule_is_refused_before_anything_is_cut(ct, kind):
    array, words = MASKS[kind]
    saved(ct, "mask.nrrd", array)
    said = faults(ct)
    assert words in said
    assert "nothing was cut out" in said


def test_all_but_the_nodule_is_no_nodule_and_a_speck_beside_it_no_second_one(ct):
    saved(ct, "mask.nrrd", (~ball()).astype(np.uint8))
    (ct / "table.csv").write_text("name,image,mask,diagnosis\nn1,ct.nrrd,mask.nrrd,AIS")
    with pytest.raises(TableError, match="turned inside out"):
        build_dataset(ct / "table.csv", ct / "set", edge=80)
    saved(ct, "mask.nrrd", (ball() | ball((30, 30, 4), 1.5)).astype(np.uint8))
    assert built(ct).seg.any()


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
def test_labels_of_any_type_are_labels(ct, kind):
    saved(ct, "mask.nrrd", (ball() * 3 + ball((10, 10, 10)) * 2).astype(kind))
    saved(ct, "alone.nrrd", ball().astype(np.uint8))
    np.testing.assert_array_equal(built(ct, label="3").seg, built(ct, "alone.nrrd", "other").seg)


def test_layered_segmentations_are_read_where_one_layer_has_the_nodule(ct):
    saved(ct, "alone.nrrd", ball().astype(np.uint8))
    expected = built(ct, "alone.nrrd", out="expected").seg
    empty, other = np.zeros_like(ball()), ball((10, 10, 10))
    saved(ct, "a.seg.nrrd", np.stack([ball(), empty], -1).astype(np.uint8), vector=True)
    np.testing.assert_array_equal(built(ct, "a.seg.nrrd", out="a").seg, expected)
    layers = np.stack([other, ball() * 2], -1).astype(np.uint8)
    saved(ct, "b.seg.nrrd", layers, vector=True)
    np.testing.assert_array_equal(built(ct, "b.seg.nrrd", out="b", label="2").seg, expected)
    assert "something in 2 layers" in faults(ct, "b.seg.nrrd")
    saved(ct, "c.seg.nrrd", np.stack([other, ball()], -1).astype(np.uint8), vector=True)
    assert "label 1 in 2 layers" in faults(ct, "c.seg.nrrd", label="1")


def test_empty_cells_of_the_table_are_named(ct):
    assert "n1: mask is empty" in faults(ct, "")
    assert "n1: image is empty" in faults(ct, image="")


def test_a_dicom_ct_prints_nothing_of_a_librarys(tmp_path):
    """ITK's HDF5 reader wrote 52 lines for every folder that it was shown."""
    write_series(tmp_path / "ct", phantom((60, 60, 60)), axial((60, 60, 60)))
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    mask = sitk.Cast(sitk.GetImageFromArray(ball(radius=3).astype(np.uint8)), sitk.sitkUInt8)
    mask.CopyInformation(image)
    sitk.WriteImage(mask, tmp_path / "mask.nrrd")
    (tmp_path / "t.csv").write_text("name;image;mask;diagnosis\nn1;ct;mask.nrrd;AIS\n")
    command = [sys.executable, "-m", "densesharp", "dataset", "t.csv", "--out", "set"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "HDF5" not in done.stderr
    assert "DIAG" not in done.stdout
    assert len(done.stderr.splitlines()) <= 3


EDGE = 40


def cubes(**change):
    voxel = np.full((EDGE,) * 3, 30, np.uint8)
    return {"voxel": voxel, "seg": ball((20, 20, 20), size=EDGE).astype(np.uint8)} | change


def archive(path: Path, arrays) -> None:
    np.savez_compressed(path, **arrays)


def a_bare_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, cubes()["voxel"])


def a_text(path: Path) -> None:
    path.write_text("This is no archive.")


def encrypted(path: Path) -> None:
    archive(path, cubes())
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := raw.find(mark, start + 1)) >= 0:
            raw[start + place] |= 1  # the bit that says so
    path.write_bytes(bytes(raw))


def terabytes(path: Path) -> None:
    """A header that declares 58 TiB."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (20000, 20000, 20000)}
    )
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("voxel.npy", stream.getvalue())
        made.writestr("seg.npy", stream.getvalue())


def packed_otherwise(path: Path) -> None:
    archive(path, cubes())
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"PK\x01\x02", b"PK\x01\x03"))


ARCHIVES = {
    "a bare array": (a_bare_array, "no .npz archive"),
    "a text": (a_text, "no .npz archive"),
    "encrypted": (encrypted, "encrypted"),
    "terabytes": (terabytes, "more voxels than this machine can hold"),
    "a damaged directory": (packed_otherwise, "cannot be read"),
    "0 to 1": (lambda p: archive(p, cubes(voxel=np.full((EDGE,) * 3, 0.7, np.float32))), "0 to 1"),
    "a mask of fractions": (
        lambda p: archive(p, cubes(seg=ball((20, 20, 20), size=EDGE) * 0.4)), "fractions"),
    "a mask of everything": (
        lambda p: archive(p, cubes(seg=np.ones((EDGE,) * 3, np.uint8))), "most of the cube"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_that_cannot_be_cubes_are_named(tmp_path, kind):
    make, words = ARCHIVES[kind]
    (tmp_path / "nodule").mkdir()
    (tmp_path / "info.csv").write_text("name,diagnosis,subset\na,AIS,0\n")
    make(tmp_path / "nodule" / "a.npz")
    with pytest.raises(TableError) as caught:
        read_dataset(tmp_path)
    assert "a: " in str(caught.value)
    assert words in str(caught.value)
    assert "unsafely" not in str(caught.value)


def test_cubes_with_background_minus_one_are_right(tmp_path):
    (tmp_path / "nodule").mkdir()
    (tmp_path / "info.csv").write_text("name;diagnosis;subset\na;AIS;0\n")
    inside = ball((20, 20, 20), size=EDGE)
    archive(tmp_path / "nodule" / "a.npz", cubes(seg=np.where(inside, 1, -1)))
    (sample,) = read_dataset(tmp_path)
    np.testing.assert_array_equal(sample.seg, inside)


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_folders_with_names_that_are_no_utf_8_are_used(tmp_path):
    folder = tmp_path / os.fsdecode(b"set\xe9")
    folder.mkdir()
    (folder / "nodule").mkdir()
    (folder / "info.csv").write_text("name,diagnosis,subset\na,AIS,0\n")
    archive(folder / "nodule" / "a.npz", cubes())
    assert len(read_dataset(folder)) == 1
