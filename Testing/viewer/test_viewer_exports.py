"""What leaves the viewer: files, report, DICOM; which series comes in; what computes."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from viewer_helpers import decide, settle

from densesharp.dicom.run_record import read_report
from densesharp.errors import DeviceError, ImageError
from densesharp.image.volume import Notice
from densesharp_scene.backend import LocalBackend
from densesharp_scene.server_backend import ServerBackend
from densesharp_viewer.exam import exam_of
from dicom_phantom import setting, write_series
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = np.array((-60.0, 20.0, -100.0))
OTHER = CENTER + (0, 18, 0)
FLIP = (-1, -1, 1)


class ThresholdBackend(LocalBackend):
    """The real backend around an engine whose answer is known."""

    def __init__(self, threshold_hu: float = -400.0) -> None:
        super().__init__()
        self._engine = ThresholdEngine(threshold_hu)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with two CT series of one study, one of them thick."""
    folder = tmp_path_factory.mktemp("study")
    for number, size, spacing in ((3, (70, 66, 40), 1.25), (4, (70, 66, 10), 5.0)):
        grid = grid_around(CENTER, size, (0.8, 0.8, spacing), np.eye(3))
        balls = [smooth_ball(grid, at, radius=4, inside=20).array for at in (CENTER, OTHER)]
        write_series(
            folder / str(number), np.maximum(*balls), grid, number=number, edit=with_kernel
        )
    return folder


def with_kernel(header, _index):
    header.ConvolutionKernel = "B60f"
    return header


@pytest.fixture
def session(slicer_app, page, tmp_path):
    from densesharp_viewer.session import Session

    session = Session(slicer_app, ThresholdBackend(), page.update, tmp_path / "results")
    session.start()
    settle(session)
    yield session
    session.close()


@pytest.fixture
def answered(session, study):
    """The thin series is open and its nodule was clicked."""
    session.open_file(study / "3")
    settle(session)
    session.click(CENTER * FLIP)
    settle(session, 60)
    return session


def test_several_series_are_offered_and_one_is_opened(session, page, study):
    session.open_file(study)
    settle(session)
    assert [entry["key"] for entry in page["series"]] == ["3", "4"]
    assert page["series"][0] == {
        "key": "3", "title": "Lung thin", "when": "2020-03-04 10:12",
        "text": "Series 3 · B60f · 1.25 mm · 40 images",
    }  # fmt: skip
    assert page.get("opened", "") == ""
    shown = json.dumps(page)
    assert str(study) not in shown
    assert "Secret" not in shown
    session.choose_series("9")
    settle(session)
    assert page.get("opened", "") == ""
    session.choose_series("4")
    settle(session)
    assert page["opened"] == "CT 70 × 66 × 10, 0.80 × 0.80 × 5.00 mm"
    assert page["series"] == []


def test_leaving_the_choice_keeps_what_is_open(answered, page, study):
    opened = page["opened"]
    answered.open_file(study)
    settle(answered)
    answered.choose_no_series()
    assert page["series"] == []
    assert page["opened"] == opened
    assert len(page["nodules"]) == 1
    answered.choose_series("4")
    settle(answered)
    assert page["opened"] == opened


def test_save_writes_everything_and_a_reopened_scene_writes_the_same(answered, page, tmp_path):
    answered.exports.save()
    settle(answered, 60)
    names = {path.name for path in answered.files.results.iterdir()}
    assert names == {
        "nodule_001_mask.nrrd", "nodule_001_mesh.stl", "nodule_001_overview.png",
        "nodule_001_probability.nrrd", "nodules.csv", "report.html", "report.pdf", "result.json",
        "scene.mrb", "source.json",
    }  # fmt: skip
    for _ in range(2):  # what is replaced is not counted twice
        folder = str(tmp_path / "results" / "ID-4711_2020-03-04_series-3")
        assert page["message"]["text"] == f"Saved 10 files in {folder}"
        assert page["saved_in"] == folder
        answered.exports.save()
        settle(answered, 60)
    assert page["reported"]
    answered.open_file(answered.files.results / "scene.mrb")
    assert not page["reported"]
    assert page["saved_in"] == ""
    assert page["exam"]["patient"] == "Secret, Patient · ID-4711"
    first, answered.files.results = answered.files.results, tmp_path / "again"
    answered.exports.save()
    settle(answered, 60)
    for kind in ("mask", "probability"):
        one, two = (
            sitk.ReadImage(folder / f"nodule_001_{kind}.nrrd")
            for folder in (first, answered.files.results)
        )
        np.testing.assert_array_equal(sitk.GetArrayFromImage(two), sitk.GetArrayFromImage(one))
        np.testing.assert_allclose(two.GetOrigin(), one.GetOrigin(), atol=1e-9)
    # Triangles: twelve little-endian float32 and two bytes each, after 84 bytes of header.
    kind = np.dtype([("corners", "<f4", 12), ("attribute", "<u2")])
    one, two = (
        np.frombuffer((folder / "nodule_001_mesh.stl").read_bytes()[84:], kind)["corners"]
        for folder in (first, answered.files.results)
    )
    np.testing.assert_allclose(two, one, atol=1e-4)
    one, two = ((folder / "nodules.csv").read_text() for folder in (first, answered.files.results))
    assert two == one


def test_the_results_of_one_ct_are_never_written_over_those_of_another(answered, page, study):
    """A second CT gets a folder of its own; a saved scene is saved where it was."""
    first = answered.files.results
    assert first.name == "ID-4711_2020-03-04_series-3"
    answered.exports.save()
    settle(answered, 60)
    kept = {path.name: path.read_bytes() for path in first.iterdir()}
    answered.open_file(study / "3")
    settle(answered)
    second = answered.files.results
    assert second.name == f"{first.name}-2"
    assert not second.exists()
    assert page["nodules"] == []
    answered.click(OTHER * FLIP)
    settle(answered, 60)
    answered.exports.dicom(False)
    settle(answered, 60)
    assert [path.name for path in second.iterdir()] == ["dicom"]
    assert {path.name: path.read_bytes() for path in first.iterdir()} == kept
    answered.open_file(study / "3")
    settle(answered)
    answered.unsaved.discard()  # DICOM objects alone do not keep the work
    assert answered.files.results.name == f"{first.name}-3"
    answered.open_file(first / "scene.mrb")
    assert answered.files.results == first


def test_rejected_nodules_stay_out_of_report_and_dicom(answered, page):
    answered.click(OTHER * FLIP)
    settle(answered, 60)
    decide(answered, "nodule_002", "rejected", "Dr A")
    answered.exports.report()
    settle(answered, 60)
    html = (answered.files.results / "report.html").read_text()
    assert "Nodule 1" in html
    assert "Nodule 2" not in html
    answered.exports.dicom(False)
    settle(answered, 60)
    assert "Left out as rejected or without an answer: 1." in page["message"]["text"]
    seg = pydicom.dcmread(answered.files.results / "dicom" / "densesharp_seg.dcm")
    assert [segment.TrackingID for segment in seg.SegmentSequence] == ["nodule_001"]
    decide(answered, "nodule_001", "rejected", "Dr A")
    for write in (answered.exports.report, lambda: answered.exports.dicom(False)):
        with pytest.raises(ImageError, match="Every nodule was rejected"):
            write()


def test_a_refused_answer_is_reported_with_its_reasons_but_no_dicom_finding(answered):
    reason = Notice("too_large", "The mass is too large for this model.", "refused")
    result = answered.scan.nodule("nodule_001").result
    answered.scan.store(replace(result, verdict="refused", notices=(reason,)))
    answered.exports.report()
    settle(answered, 60)
    assert reason.message in (answered.files.results / "report.html").read_text()
    with pytest.raises(ImageError, match="No nodule with an outline and an answer"):
        answered.exports.dicom(False)


@pytest.mark.parametrize("kept", [False, True])
def test_dicom_objects_describe_the_nodule_on_screen(answered, page, kept):
    answered.state.reader = "Dr A"
    answered.exports.dicom(kept)
    settle(answered, 60)
    folder = answered.files.results / "dicom"
    assert sorted(path.name for path in folder.iterdir()) == [
        "densesharp_seg.dcm", "densesharp_sr.dcm",
    ]  # fmt: skip
    report = pydicom.dcmread(folder / "densesharp_sr.dcm")
    (nodule,) = read_report(report)
    result = answered.scan.nodule("nodule_001").result
    assert nodule.seed_lps == tuple(result.seed.lps.tolist())
    assert nodule.numbers["118565006", "SCT", ""] == result.measurements.volume_mm3
    assert nodule.run.settings.augmentations == 4
    raw = (folder / "densesharp_sr.dcm").read_bytes()
    assert (b"Secret" in raw) == kept
    assert b"Dr A" in raw
    words = "with the patient's identity" if kept else "pseudonymized"
    assert words in page["message"]["text"]
    assert page["message"]["text"].endswith(f"They lie in {folder}")


def test_a_saved_scene_is_written_as_dicom_when_its_files_are_found(answered, page, study):
    """Where they lay when it was saved, else in a folder that is told; else a sentence says how."""
    answered.exports.save()
    settle(answered, 60)
    answered.open_file(answered.files.results / "scene.mrb")
    answered.exports.dicom(False)
    settle(answered, 60)
    assert "SEG and SR of 1 nodule written" in page["message"]["text"]
    shutil.rmtree(answered.files.results / "dicom")
    (answered.files.results / "source.json").unlink()
    answered.open_file(answered.files.results / "scene.mrb")
    with pytest.raises(ImageError, match="--dicom FOLDER"):
        answered.exports.dicom(False)
    answered.files.scene_dicom = study
    answered.open_file(answered.files.results / "scene.mrb")
    answered.exports.dicom(False)
    settle(answered, 60)
    assert "SEG and SR of 1 nodule written" in page["message"]["text"]
    (nodule,) = read_report(pydicom.dcmread(answered.files.results / "dicom" / "densesharp_sr.dcm"))
    result = answered.scan.nodule("nodule_001").result
    assert nodule.numbers["118565006", "SCT", ""] == result.measurements.volume_mm3


def test_a_ct_that_is_no_dicom_says_what_to_do(session, ct_with_a_sphere, page):
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    session.click(center)
    settle(session, 60)
    with pytest.raises(ImageError, match="open its DICOM folder"):
        session.exports.dicom(False)


def test_an_answer_of_another_model_is_not_written(answered, page):
    other = ThresholdBackend()
    object.__setattr__(other._engine.model, "sha256", "1" * 64)
    answered.compute._use(other)
    settle(answered)
    assert "another model" in page["card"]["outdated"]
    for write in (answered.exports.save, lambda: answered.exports.dicom(False)):
        with pytest.raises(ImageError, match="Nodule 1 cannot be written yet"):
            write()
    answered.rerun("nodule_001")
    settle(answered, 60)
    assert page["card"]["outdated"] == ""
    answered.exports.dicom(False)
    settle(answered, 60)
    assert "SEG and SR of 1 nodule written" in page["message"]["text"]


def test_a_server_is_tried_before_it_is_used(answered, page, monkeypatch):
    """A server that does not answer changes nothing; one that does computes from then on."""
    local = answered.backend
    for address, words in (
        ("http://127.0.0.1:9", "cannot be reached"),
        ("nonsense", "is no server address"),
    ):
        for ask in (answered.compute.test_server, answered.compute.use_server):
            ask(address, "secret-key")
            settle(answered, 30)
            assert page["tested"]["kind"] == "error"
            assert words in page["tested"]["text"]
            assert answered.backend is local

    def answer(address, key, *_):
        if key != "secret-key":
            raise DeviceError("The server wants an API key.")
        engine = ThresholdEngine()
        engine.description = "server gpu-box: CUDA"
        return engine

    monkeypatch.setattr("densesharp.serve.client.RemoteEngine", answer)
    answered.compute.test_server("http://gpu-box:8321", "wrong")
    settle(answered)
    assert page["tested"]["text"] == "The server wants an API key."
    answered.compute.test_server("http://gpu-box:8321", "secret-key")
    settle(answered)
    assert re.fullmatch(
        r"It works: threshold, server gpu-box: CUDA, \d+ ms\. The connection is not encrypted: .*",
        page["tested"]["text"],
    )
    for address in ("https://gpu-box", "http://127.0.0.1:8321"):
        answered.compute.test_server(address, "secret-key")
        settle(answered)
        assert page["tested"]["text"].endswith(" ms.")
    assert answered.backend is local
    answered.compute.use_server("http://gpu-box:8321", "secret-key")
    settle(answered)
    assert isinstance(answered.backend, ServerBackend)
    assert page["device"] == "server gpu-box: CUDA"
    assert page["card"]["outdated"] == ""  # the same model
    answered.rerun("nodule_001")
    settle(answered, 60)
    assert page["card"]["classes"]
    assert "secret-key" not in json.dumps(page)
    answered.compute.use_local()
    settle(answered)
    assert answered.backend is local


def test_a_server_can_compute_from_the_start(slicer_app, page, tmp_path, monkeypatch):
    """No model is opened here; changing over to this computer is still possible."""
    from densesharp_viewer.session import Session

    local = ThresholdBackend()
    monkeypatch.setattr(local, "open", lambda _: pytest.fail("the model was opened here"))
    monkeypatch.setattr("densesharp.serve.client.RemoteEngine", lambda *_: ThresholdEngine())
    session = Session(slicer_app, local, page.update, tmp_path)
    session.compute.begin_with_server("http://gpu-box:8321", "secret-key")
    session.start()
    settle(session)
    assert page["model"] == "threshold"
    assert page["server"] == "http://gpu-box:8321"
    monkeypatch.undo()
    session.compute.use_local()
    settle(session)
    assert session.backend is local
    session.close()


@pytest.mark.parametrize(
    ("told", "beside", "folder"),
    [(False, True, "with"), (True, True, "results/with"), (False, False, "results/without")],
)
def test_a_scene_is_saved_beside_its_results_unless_told(answered, tmp_path, told, beside, folder):
    scene = tmp_path / ("with" if beside else "without") / "scene.mrb"
    answered.exports.save()
    settle(answered, 60)
    scene.parent.mkdir()
    shutil.copy(answered.files.results / "scene.mrb", scene)
    if beside:
        (scene.parent / "result.json").touch()
    answered.files.told = told
    answered.open_file(scene)
    assert answered.files.results == tmp_path / folder


def test_the_page_says_whose_ct_is_open(answered, page):
    assert page["exam"] == {
        "patient": "Secret, Patient · ID-4711",
        "study": "2020-03-04 10:11",
        "series": "Series 3 · Lung thin · B60f · 1.25 mm",
    }


def test_an_arabic_name_does_not_mix_with_the_numbers_beside_it(tmp_path, ct_with_a_sphere):
    """The thickness stands behind the description, the number behind the name, in their order."""
    header = {"PatientName": "محمد", "PatientID": "٤٧١١", "SeriesDescription": "صدر"}
    grid = grid_around((0, 0, 0), (8, 8, 4), (1.0, 1.0, 2.5), np.eye(3))
    edit = setting(SpecificCharacterSet="ISO_IR 192", **header)
    first, *_ = write_series(tmp_path, np.zeros(grid.shape, np.int16), grid, edit=edit)
    volume = replace(ct_with_a_sphere[0], series={"paths": [first]})
    case = exam_of(volume, tmp_path)
    assert case.patient == "\u2068محمد\u2069 · \u2068٤٧١١\u2069"
    assert case.series == "Series 3 · \u2068صدر\u2069 · 2.5 mm"
    assert "\u2068" not in case.folder


def test_what_leaves_the_viewer_without_identity_still_holds_none(answered):
    answered.exports.save()
    settle(answered, 60)
    for name in ("result.json", "report.html", "nodules.csv", "source.json"):
        assert "Secret" not in (answered.files.results / name).read_text(encoding="utf-8")
