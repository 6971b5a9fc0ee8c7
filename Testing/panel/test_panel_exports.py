# ruff: noqa: N815, TID251 - runs Slicer's Qt layers
"""Report, files and DICOM objects from the panel, written by the worker."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from panel_driver import BALLS, ROOT, Panel, add_ct

from densesharp.image.grid import Grid
from densesharp.io import read_volume
from dicom_phantom import write_series
from phantoms import grid_around, smooth_ball

pytestmark = pytest.mark.panel


class Database:
    """What the panel asks of Slicer's DICOM database (ctkDICOMDatabase)."""

    isOpen = True

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def fileForInstance(self, uid: str) -> str:
        return self.files.get(uid, "")

    def instanceValue(self, uid: str, tag: str) -> str:
        return self.files.get(uid, "") if tag == "0008,0020" else ""


@pytest.fixture
def folders(slicer: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers to the folder dialogs, in turn; "" stands for Cancel."""
    import qt

    answers: list[str] = []
    monkeypatch.setattr(
        qt.QFileDialog, "getExistingDirectory", lambda *_: answers.pop(0), raising=False
    )
    return answers


@pytest.fixture
def series(tmp_path: Path) -> list[Path]:
    """The phantom's first ball as a DICOM series."""
    grid: Grid = grid_around((60, -20, 40), (48, 48, 48), (1.0, 1.0, 1.0), np.eye(3))
    array = smooth_ball(grid, (60, -20, 40), 5.0).array
    return write_series(tmp_path / "series", array, grid)


@pytest.fixture
def loaded(slicer: Any, panel: Panel, series: list[Path]) -> Panel:
    """That series in the scene as Slicer's DICOM module loads it, its nodule answered."""
    from densesharp_scene.geometry import add_volume_node

    volume = read_volume(series[0].parent)
    node = add_volume_node(slicer.mrmlScene, volume, "CT")
    panel.ui.inputSelector.setCurrentNode(node)
    panel.click_in_view(BALLS[0])
    panel.wait()
    return panel


def uids(files: list[Path]) -> dict[str, str]:
    """Instance UID -> file."""
    return {str(pydicom.dcmread(path).SOPInstanceUID): str(path) for path in files}


def test_report_and_files(panel: Panel, ct: Any, tmp_path: Path, folders: list[str]) -> None:
    assert not panel.ui.reportButton.enabled
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    out = tmp_path / "out"
    folders += ["", str(out)]
    panel.ui.reportButton.click()
    assert not out.exists()
    panel.ui.reportButton.click()
    panel.wait()
    assert panel.ui.statusLabel.text == f"Report and files: {out}"
    names = {path.name for path in out.iterdir()}
    assert {"result.json", "nodule_001_mask.nrrd", "report.html", "report.pdf"} <= names
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_folder_that_cannot_be_written_is_said(
    panel: Panel, ct: Any, tmp_path: Path, folders: list[str]
) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    folders.append(str(blocked))
    panel.ui.reportButton.click()
    panel.wait()
    assert panel.session.status.failed
    assert str(blocked) in panel.ui.statusLabel.text


def test_dicom_objects_refer_to_the_series_that_slicer_knows(
    slicer: Any, loaded: Panel, series: list[Path], tmp_path: Path, folders: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    database = Database(uids(series))
    monkeypatch.setattr(type(slicer.app), "dicomDatabase", lambda _app: database)
    loaded.ui.readerEdit.text = "Jane Doe"
    loaded.ui.readerEdit.editingFinished.emit()
    out = tmp_path / "dicom"
    folders.append(str(out))
    loaded.ui.dicomButton.click()
    loaded.wait()
    assert "SEG and SR of 1 nodule written, pseudonymized." in loaded.ui.statusLabel.text
    seg = pydicom.dcmread(out / "densesharp_seg.dcm")
    report = pydicom.dcmread(out / "densesharp_sr.dcm")
    volume = loaded.session.nodule.result.measurements.volume_mm3
    assert seg.pixel_array.sum() == pytest.approx(volume, rel=0.01)
    assert "Secret" not in str(seg.PatientName)
    assert "Jane Doe^" in str(report)
    loaded.ui.identityCheckBox.click()
    folders.append(str(out))
    loaded.ui.dicomButton.click()
    loaded.wait()
    assert str(pydicom.dcmread(out / "densesharp_seg.dcm").PatientName) == "Secret^Patient"
    loaded.ui.readerEdit.text = ""
    loaded.ui.readerEdit.editingFinished.emit()


def test_dicom_objects_go_into_slicer_s_database_when_asked(
    slicer: Any, loaded: Panel, series: list[Path], tmp_path: Path, folders: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from types import ModuleType

    imported: list[list[str]] = []

    class DICOMUtils:
        @staticmethod
        def importDicom(folder: str) -> bool:
            imported.append(sorted(path.name for path in Path(folder).iterdir()))
            return True

    library: Any = ModuleType("DICOMLib")
    library.DICOMUtils = DICOMUtils
    monkeypatch.setitem(sys.modules, "DICOMLib", library)
    loaded.widget.refresh()
    assert not loaded.ui.databaseCheckBox.enabled
    monkeypatch.setattr(type(slicer.app), "dicomDatabase", lambda _app: Database(uids(series)))
    loaded.widget.refresh()
    assert loaded.ui.databaseCheckBox.enabled
    for wanted in (False, True):
        loaded.ui.databaseCheckBox.checked = wanted
        folders.append(str(tmp_path / "dicom"))
        loaded.ui.dicomButton.click()
        loaded.wait()
    assert imported == [["densesharp_seg.dcm", "densesharp_sr.dcm"]]


def test_a_slicer_without_dicom_knows_no_dates_and_no_files(
    slicer: Any, loaded: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from DenseSharpSlicerLib import dicom_database, followup

    monkeypatch.delattr(type(slicer.app), "dicomDatabase")
    node = loaded.scan.volume_node
    assert followup.study_date(node) is None
    assert dicom_database.files_of(node) == []
    assert not dicom_database.import_folder(ROOT)


def test_a_series_that_slicer_does_not_know_is_asked_for(
    slicer: Any, loaded: Panel, series: list[Path], tmp_path: Path, folders: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    partial = dict(list(uids(series).items())[1:])
    for database in (None, Database(partial)):
        monkeypatch.setattr(type(slicer.app), "dicomDatabase", lambda _app, d=database: d)
        folders += [str(tmp_path / "none"), ""]
        loaded.ui.dicomButton.click()
        assert not (tmp_path / "none").exists()
    folders += [str(tmp_path / "dicom"), str(series[0].parent)]
    loaded.ui.dicomButton.click()
    loaded.wait()
    assert (tmp_path / "dicom" / "densesharp_seg.dcm").is_file()


def test_another_series_is_refused_and_nothing_written(
    slicer: Any, panel: Panel, series: list[Path], tmp_path: Path, folders: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    panel.ui.inputSelector.setCurrentNode(add_ct(slicer, "No DICOM"))
    panel.click_in_view(BALLS[1])
    panel.wait()
    folders += [str(tmp_path / "dicom"), str(series[0].parent)]
    panel.ui.dicomButton.click()
    panel.wait()
    assert panel.session.status.failed
    assert "series" in panel.ui.statusLabel.text
    assert not list(tmp_path.glob("dicom/*"))


def test_rejected_and_outdated_nodules_are_not_handed_on(
    panel: Panel, ct: Any, tmp_path: Path, folders: list[str]
) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    panel.ui.rejectButton.click()
    folders.append(str(tmp_path / "one"))
    panel.ui.reportButton.click()
    panel.wait()
    assert (tmp_path / "one" / "nodule_001_mask.nrrd").is_file()
    assert not (tmp_path / "one" / "nodule_002_mask.nrrd").exists()
    panel.ui.previousButton.click()
    panel.ui.rejectButton.click()
    folders.append(str(tmp_path / "none"))
    panel.ui.reportButton.click()
    assert "Every nodule was rejected" in panel.ui.statusLabel.text
    panel.ui.reopenButton.click()
    matrix = panel.slicer.vtkMRMLSliceNode().GetSliceToRAS()
    ct.GetIJKToRASMatrix(matrix)
    matrix.SetElement(0, 3, matrix.GetElement(0, 3) + 3)
    ct.SetIJKToRASMatrix(matrix)
    panel.wait()
    folders.append(str(tmp_path / "none"))
    panel.ui.reportButton.click()
    assert "cannot be written yet. The CT was moved" in panel.ui.statusLabel.text
    assert not (tmp_path / "none").exists()


def test_a_nodule_without_an_outline_is_no_finding(
    panel: Panel, ct: Any, tmp_path: Path, folders: list[str]
) -> None:
    from densesharp_scene.findings import results_of

    panel.ui.inputSelector.setCurrentNode(ct)
    with pytest.raises(Exception, match="click a nodule first"):
        results_of(panel.scan)
    panel.click_in_view((-45.0, 5.0, 30.0))
    panel.wait()
    folders += [str(tmp_path / "dicom"), str(tmp_path)]
    panel.ui.dicomButton.click()
    assert "click a nodule first" in panel.ui.statusLabel.text
    assert not (tmp_path / "dicom").exists()


def test_names_as_dicom_writes_them(slicer: Any) -> None:
    from densesharp_scene.findings import observer_name

    names = {"AB": "AB^", "Doe^Jane": "Doe^Jane", " ": None, "a=b": "a b^"}
    assert {text: observer_name(text) for text in names} == names


def test_without_a_ct_there_is_nothing_to_hand_on(
    panel: Panel, tmp_path: Path, folders: list[str]
) -> None:
    folders += [str(tmp_path), str(tmp_path), str(tmp_path)]
    panel.widget.export.onReport()
    assert "No CT is chosen" in panel.ui.statusLabel.text
    panel.widget.export.onDicom()
    assert "No CT is chosen" in panel.ui.statusLabel.text


def test_a_nodule_of_another_model_is_outdated_and_can_be_analysed_again(
    panel: Panel, ct: Any
) -> None:
    from panel_driver import ThresholdBackend

    class Other(ThresholdBackend):
        model_hash = "f" * 64

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert not panel.ui.updateButton.enabled
    panel.session.use(Other())
    panel.widget.refresh()
    assert panel.cells(0)[-1] == "outdated"
    assert "another model" in panel.ui.outdatedLabel.text
    panel.ui.updateButton.click()
    panel.wait()
    assert panel.cells(0)[-1] != "outdated"
    assert panel.session.nodule.model == "f" * 64


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [("20240101", "20240411", 101), ("20240411", "20240101", 0), ("", "20240101", 0)],
)
def test_days_between_come_from_the_dicom_dates(
    slicer: Any, panel: Panel, before: str, after: str, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database({"1.2": after, "1.1": before})
    monkeypatch.setattr(type(slicer.app), "dicomDatabase", lambda _app: database)
    now, earlier = add_ct(slicer, "Now"), add_ct(slicer, "Earlier")
    now.SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    earlier.SetAttribute("DICOM.instanceUIDs", "1.1")
    panel.ui.inputSelector.setCurrentNode(now)
    panel.ui.priorSelector.setCurrentNode(earlier)
    assert panel.ui.daysSpinBox.value == days
    panel.ui.daysSpinBox.value = 33  # what a reader enters stays
    panel.ui.priorSelector.setCurrentNode(None)
    panel.ui.priorSelector.setCurrentNode(earlier)
    assert panel.ui.daysSpinBox.value == 33
