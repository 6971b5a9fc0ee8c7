"""A scene saved before the modules were moved opens whole: `scene_of_old_layout.mrb`.

The bundle was written by the program of commit c54b74b: a CT of 40 x 36 x 30 voxels with a ball,
one nodule accepted and renamed by "Dr A", one drawn by hand, and evidence shown. What must come
back is read out of its own files with the standard library and SimpleITK, not with our code.
"""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from test_scene_save import open_bundle

BUNDLE = Path(__file__).with_name("scene_of_old_layout.mrb")


@pytest.fixture
def unpacked(tmp_path):
    """The bundle's files, by name, as they lie in it."""
    zipfile.ZipFile(BUNDLE).extractall(tmp_path / "as it lies")
    return {path.name: path for path in (tmp_path / "as it lies").rglob("*") if path.is_file()}


@pytest.fixture
def opened(tmp_path):
    """The scan of the bundle, opened by today's program."""
    from densesharp_scene import ScanNodules

    copy = Path(shutil.copy(BUNDLE, tmp_path / "case.mrb"))
    scene = open_bundle(copy)
    yield ScanNodules(scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    scene.Clear(True)


def test_names_decisions_and_numbers_are_back(opened, unpacked):
    """Each result of the old file stands in today's JSON; what is new stands beside it."""
    stored = json.loads(unpacked["CT chest DenseSharp results.txt"].read_text(encoding="utf-8"))
    assert len(opened.nodules) == len(stored["nodules"]) == 2
    for nodule, then in zip(opened.nodules, stored["nodules"], strict=True):
        now = nodule.result.to_json()
        assert nodule.name == then["name"]
        assert nodule.review.decision == then["decision"]
        assert nodule.review.reader == then["decided_by"]
        assert nodule.review.time == then["decided_at"]
        assert nodule.edited == then["edited"]
        for key in ("id", "seed_ras", "center_ras", "class_probabilities", "predicted_class",
                    "trained_on", "verdict", "guidelines"):  # fmt: skip
            assert now[key] == then["result"][key], key
        for key, value in then["result"]["measurements"].items():
            assert now["measurements"][key] == value, key


def test_outlines_are_the_voxels_of_the_old_file(opened, unpacked):
    """Voxel for voxel what SimpleITK reads from the bundle's own segmentation."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(unpacked["CT chest nodules.seg.nrrd"]))
    image = reader.Execute()
    layers = sitk.GetArrayFromImage(image)
    stored = json.loads(unpacked["CT chest DenseSharp results.txt"].read_text(encoding="utf-8"))
    for nodule, then in zip(opened.nodules, stored["nodules"], strict=True):
        segment = next(
            key.partition("_")[0]
            for key in image.GetMetaDataKeys()
            if key.endswith("_ID") and image.GetMetaData(key) == then["segment"]
        )
        value = int(image.GetMetaData(f"{segment}_LabelValue"))
        layer = int(image.GetMetaData(f"{segment}_Layer"))
        old = layers == value if layers.ndim == 3 else layers[..., layer] == value
        assert old.sum() == then["mask"]["voxels"] > 0
        assert old.shape == opened.volume().array.shape
        mask = opened.mask_of(nodule.id)
        whole = np.zeros(old.shape, bool)
        sizes = mask.array.shape
        whole[tuple(slice(s, s + n) for s, n in zip(mask.start[::-1], sizes, strict=True))] = (
            mask.array
        )
        np.testing.assert_array_equal(whole, old)


def test_nothing_counts_as_changed(opened):
    """No outline is outdated, no point is new or moved, and the evidence is still there."""
    first, second = opened.nodules
    assert opened.outdated(first.id) is None
    assert opened.outdated(second.id) is None
    assert opened.new_seeds() == []
    assert opened.moved_seeds() == []
    assert opened.show_evidence(first.id)
