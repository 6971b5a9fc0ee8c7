"""`densesharp dicom`: from a result folder to objects, and from a report to the same run again."""

import json
import shutil

import numpy as np
import pydicom
import pytest
from test_dicom_objects import ordered, places_by_pydicom

from densesharp import cli
from densesharp.dicom.run_record import read_report
from densesharp.image.grid import ras_to_lps
from densesharp.io import read_volume
from dicom_phantom import write_ball, write_series
from phantoms import ThresholdEngine, grid_around, smooth_ball

pytestmark = pytest.mark.usefixtures("tiny_pictures")

CENTER = (-60.0, 20.0, -100.0)
SEED = "61.0625,-19.5,-99.25"


@pytest.fixture(scope="module", autouse=True)
def known_model():
    """The threshold engine stands for the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("densesharp.model.engines.open_engine", lambda *_, **__: ThresholdEngine())
        patch.setattr("densesharp.model.model_file.load_model", lambda _: None)
        yield


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_ball(folder, CENTER)
    return folder


@pytest.fixture(scope="module")
def results(series, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    assert predict(series, out) == 0
    return out


def predict(image, out) -> int:
    return cli.main(
        ["predict", str(image), f"--seed={SEED}", "--out", str(out), "--tta", "2", "--no-stability"]
    )


def run(*arguments: object) -> int:
    return cli.main(["dicom", *map(str, arguments)])


def test_seg_holds_the_mask_of_the_result_folder(series, results, tmp_path, capsys):
    assert run("seg", results, "--dicom", series, "--out", tmp_path / "dicom") == 0
    assert sorted(p.name for p in (tmp_path / "dicom").iterdir()) == ["densesharp_seg.dcm"]
    import SimpleITK as sitk

    mask = sitk.ReadImage(results / "nodule_001_mask.nrrd")
    kji = np.argwhere(sitk.GetArrayFromImage(mask))
    expected = ordered(
        np.array([mask.TransformIndexToPhysicalPoint(v.tolist()) for v in kji[:, ::-1]])
    )
    seg = pydicom.dcmread(tmp_path / "dicom" / "densesharp_seg.dcm")
    np.testing.assert_allclose(places_by_pydicom(seg, 1), expected, atol=2e-3)
    assert "pseudonymised" in capsys.readouterr().err


def test_a_run_repeated_from_its_report_is_the_same_to_the_last_bit(
    series, results, tmp_path, capsys
):
    assert run("sr", results, "--dicom", series, "--out", tmp_path / "dicom") == 0
    report = tmp_path / "dicom" / "densesharp_sr.dcm"
    (nodule,) = read_report(pydicom.dcmread(report))
    x, y, z = (float(part) for part in SEED.split(","))
    assert nodule.seed_lps == tuple(ras_to_lps((x, y, z)))
    assert run("rerun", report, "--dicom", series, "--out", tmp_path / "again") == 0
    assert "numbers are the same to the last bit" in capsys.readouterr().err
    first, second = (
        json.loads((folder / "result.json").read_text())["nodules"][0]
        for folder in (results, tmp_path / "again")
    )
    first.pop("timings_ms"), second.pop("timings_ms")
    assert first == second
    seg = pydicom.dcmread(tmp_path / "dicom" / "densesharp_seg.dcm")
    assert seg.SegmentSequence[0].TrackingUID == nodule.tracking_uid


def test_a_difference_is_named_and_nothing_written(series, results, tmp_path, capsys):
    run("sr", results, "--dicom", series, "--out", tmp_path / "dicom")
    path = tmp_path / "dicom" / "densesharp_sr.dcm"
    report = pydicom.dcmread(path)
    changed = report.ContentSequence[-1].ContentSequence[0].ContentSequence
    volume = next(item for item in changed
                  if item.ConceptNameCodeSequence[0].get("CodeValue") == "118565006")  # fmt: skip
    volume.MeasuredValueSequence[0].FloatingPointValue += 1e-9
    report.save_as(path)
    assert run("rerun", path, "--dicom", series, "--out", tmp_path / "again") == 2
    assert "differs from the report in 1 numbers" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_identity_is_left_out_unless_asked_for(series, results, tmp_path):
    for kept in (False, True):
        out = tmp_path / f"dicom{kept}"
        flags = ["--keep-identity"] if kept else []
        assert run("sr", results, "--dicom", series, "--out", out, *flags) == 0
        for path in out.iterdir():
            assert (b"Secret" in path.read_bytes()) == kept
            assert "4711" not in path.name


def test_results_of_the_series_as_nrrd_fit_the_series(series, results, tmp_path):
    import SimpleITK as sitk

    volume = read_volume(series)
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetOrigin(volume.grid.origin.tolist())
    sitk.WriteImage(sitk.Flip(image, (True, False, True)), tmp_path / "ct.nrrd")
    other = tmp_path / "other"
    assert predict(tmp_path / "ct.nrrd", other) == 0
    for source, name in ((results, "one"), (other, "two")):
        assert run("seg", source, "--dicom", series, "--out", tmp_path / name) == 0
    one, two = (
        places_by_pydicom(pydicom.dcmread(tmp_path / name / "densesharp_seg.dcm"), 1)
        for name in ("one", "two")
    )
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_wrong_input_gives_one_sentence_and_writes_nothing(series, results, tmp_path, capsys):
    out = tmp_path / "dicom"
    empty = tmp_path / "empty"
    empty.mkdir()
    damaged = tmp_path / "damaged"
    shutil.copytree(results, damaged)
    (damaged / "nodule_001_mask.nrrd").write_bytes(b"NRRD0004\n")
    elsewhere = tmp_path / "elsewhere"
    grid = grid_around((0, 0, 0), (20, 20, 10), (0.8, 0.8, 1.25), np.eye(3))
    moved = smooth_ball(grid, (0, 0, 0), radius=4)
    write_series(elsewhere, moved.array, moved.grid, number=8)
    twin = tmp_path / "twin"
    volume = read_volume(series)
    write_series(twin, volume.array + 5, volume.grid, number=9)
    text = tmp_path / "report.txt"
    text.write_text("no report")
    ct_file = next(series.iterdir())
    for arguments, words in (
        (("seg", empty, "--dicom", series), "holds no complete DenseSharp results"),
        (("seg", damaged, "--dicom", series), "'nodule_001_mask.nrrd' is damaged"),
        (("sr", results, "--dicom", elsewhere), "does not lie on the voxels"),
        (("sr", results, "--dicom", twin), "not computed from this series"),
        (("seg", results, "--dicom", twin), "not computed from this series"),
        (("sr", results, "--dicom", empty), "holds no DICOM image"),
        (("rerun", text, "--dicom", series), "no DICOM file"),
        (("rerun", ct_file, "--dicom", series), "no structured report"),
    ):
        assert run(*arguments, "--out", out) == 2
        said = capsys.readouterr().err
        assert words in said
        assert len(said.strip().splitlines()) == 1
        assert not out.exists()


def test_another_series_or_model_is_not_taken_for_the_same_run(
    series, results, tmp_path, capsys, monkeypatch
):
    run("sr", results, "--dicom", series, "--out", tmp_path / "dicom")
    report = tmp_path / "dicom" / "densesharp_sr.dcm"
    write_ball(tmp_path / "copy", CENTER, number=9)
    assert run("rerun", report, "--dicom", tmp_path / "copy", "--out", tmp_path / "x") == 2
    assert "another CT series" in capsys.readouterr().err

    def other_model(*_, **__):
        engine = ThresholdEngine()
        object.__setattr__(engine.model, "sha256", "1" * 64)
        return engine

    monkeypatch.setattr("densesharp.model.engines.open_engine", other_model)
    assert run("rerun", report, "--dicom", series, "--out", tmp_path / "x") == 2
    assert "give that model file" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
