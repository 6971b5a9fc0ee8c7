"""Outlines of DICOM SEG and of cohorts become the table of a data set."""

import csv
import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from test_dicom_files import RUN, measured

from densesharp.dicom.write import write_dicom
from densesharp.errors import TableError
from densesharp.image.sampling import to_sitk
from densesharp.io import read_volume
from densesharp.train.accepted import collect
from dicom_phantom import axial, phantom, write_series

CENTERS = ((10, 9, 5), (17, 12, 7))


def rows_of(table):
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def exported(tmp_path):
    """A CT series and, beside it, the SEG of two nodules; (folder, results)."""
    folder = tmp_path / "case"
    write_series(folder / "ct", phantom(), axial())
    volume = read_volume(folder / "ct")
    results = [
        replace(measured(volume, center), id=f"nodule_{n:03d}") for n, center in enumerate(CENTERS)
    ]
    write_dicom(results, volume, RUN, folder / "dicom", report=False)
    return folder, volume, results


def test_every_segment_of_a_seg_is_taken_voxel_by_voxel(exported, tmp_path):
    folder, volume, results = exported
    rows = rows_of(collect(folder, tmp_path / "set"))
    assert len(rows) == len(results)
    for row, result in zip(rows, results, strict=True):
        mask = sitk.GetArrayFromImage(sitk.ReadImage(row["mask"]))
        assert np.array_equal(mask, result.mask.full(volume.grid))
        assert np.array_equal(read_volume(row["image"]).array, volume.array)


def test_a_seg_without_its_ct_is_refused(exported, tmp_path):
    folder, _, _ = exported
    with pytest.raises(TableError, match="put it beside the SEG"):
        collect(folder / "dicom", tmp_path / "set")


def test_a_cohorts_answers_without_reservation_are_taken(exported, tmp_path):
    _, volume, (first, second) = exported
    cases = tmp_path / "cohort" / "cases"
    cases.mkdir(parents=True)
    image = tmp_path / "ct.nrrd"
    sitk.WriteImage(to_sitk(volume.array, volume.grid), str(image))
    entries = [{**first.to_json(), "verdict": "ok"}, {**second.to_json(), "verdict": "caution"}]
    record = {"status": "done", "image": str(image), "series": None, "result": {"nodules": entries}}
    (cases / "p1.json").write_text(json.dumps(record))
    for result in (first, second):
        small = to_sitk(result.mask.array, result.mask.grid)
        sitk.WriteImage(small, str(cases / f"p1_{result.id}_mask.nrrd"))
    (row,) = rows_of(collect(tmp_path / "cohort", tmp_path / "set"))
    assert row["patient"] == "p1"
    mask = sitk.GetArrayFromImage(sitk.ReadImage(row["mask"]))
    assert np.array_equal(mask, first.mask.full(volume.grid))


def test_a_damaged_dicom_file_is_no_traceback(exported, tmp_path):
    folder, _, _ = exported
    assert pydicom.dcmread(next((folder / "dicom").glob("*.dcm"))).Modality == "SEG"
    with pytest.raises(TableError, match="holds no accepted outline"):
        collect(folder / "ct", tmp_path / "set")
