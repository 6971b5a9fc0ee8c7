"""Accepted nodules of a saved scene become a data set, with the reader's own voxels."""

import csv
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.cli import main
from densesharp.errors import TableError
from densesharp.train.accepted import collect
from densesharp.train.dataset import read_dataset
from nodule_answers import answer, click


@pytest.fixture
def a_saved_scene(ct_with_a_nodule, tmp_path):
    """Two nodules, the first accepted; (scan, id of the accepted, file)."""
    scan, first = ct_with_a_nodule
    ras = scan.volume().grid.center * (-1, -1, 1) + (0, 0, 10)
    second = click(scan, ras, 3.0)
    scan.store(answer(scan.volume(), scan.seed_of(second), second, 4.0), edited=True)
    scan.decide(first, "accepted", "Dr A")
    scan.prepare_to_save()
    path = tmp_path / "scenes" / "patient7.mrb"
    path.parent.mkdir()
    assert scan.scene.WriteToMRB(str(path), None)
    return scan, first, path


def rows_of(table):
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("unpacked", [False, True], ids=["mrb", "mrml folder"])
def test_only_what_was_accepted_is_taken_voxel_by_voxel(a_saved_scene, tmp_path, unpacked):
    scan, first, path = a_saved_scene
    if unpacked:
        zipfile.ZipFile(path).extractall(tmp_path / "case")
        (source,) = (tmp_path / "case").rglob("*.mrml")
    else:
        source = path
    (row,) = rows_of(collect(source, tmp_path / "set"))
    result = next(n.result for n in scan.nodules if n.result.id == first)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(row["mask"]))
    assert np.array_equal(mask, result.mask.full(scan.volume().grid))
    ct = sitk.GetArrayFromImage(sitk.ReadImage(row["image"]))
    assert np.array_equal(ct, scan.volume().array)
    assert row["diagnosis"] == ""


def test_a_folder_of_scenes_becomes_a_data_set_in_one_command(a_saved_scene, tmp_path, capsys):
    _, _, path = a_saved_scene
    out = tmp_path / "set"
    assert main(["dataset", str(path.parent), "--out", str(out), "--edge", "40"]) == 0
    said = capsys.readouterr().err
    assert "Data set of 1 nodule:" in said
    assert "accepted.csv" in said
    (sample,) = read_dataset(out)
    assert sample.seg.any()


def test_a_scene_without_an_accepted_nodule_is_refused(a_saved_scene, tmp_path):
    scan, first, _ = a_saved_scene
    scan.decide(first, "rejected", "Dr A")
    scan.prepare_to_save()
    path = tmp_path / "none.mrb"
    assert scan.scene.WriteToMRB(str(path), None)
    with pytest.raises(TableError, match="holds no accepted outline"):
        collect(path, tmp_path / "set")


def test_a_damaged_scene_is_named(tmp_path):
    (tmp_path / "broken.mrb").write_bytes(b"no archive")
    with pytest.raises(TableError, match=r"broken\.mrb' cannot be used"):
        collect(tmp_path / "broken.mrb", tmp_path / "set")
