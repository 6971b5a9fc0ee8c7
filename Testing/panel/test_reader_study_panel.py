# ruff: noqa: TID251 - runs Slicer's Qt layers
"""The reader-study panel in a real Qt on a real scene: a whole reading by widgets and keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from panel_driver import ROOT

sys.path.append(str(ROOT / "Testing" / "study" / "conduct"))

from study_simulation import CT_GRID, SEED, aid_for, ball, ball_mask, make_study

from densesharp.patch import to_sitk
from densesharp.records import NoduleMask
from densesharp.study.store import open_store
from densesharp.study.verify import verify

pytestmark = pytest.mark.panel


class StudyPanel:
    """The module as a reader uses it."""

    def __init__(self, slicer: Any, module: Any) -> None:
        self.slicer = slicer
        self.host = module.widgetRepresentation()
        self.widget = self.host.self()
        self.ui = self.widget.ui

    @property
    def panel(self) -> Any:
        return self.widget.panel

    def open(self, study: Any, reader: str = "S1") -> None:
        self.ui.studyFolderEdit.text = str(study.folder)
        self.ui.studyReaderEdit.text = reader
        self.ui.studyOpenButton.click()

    def answer(self) -> None:
        self.ui.studyClassButton2.click()
        self.ui.studyInvasiveSpin.value = 70
        self.ui.studyIacSpin.value = 20
        self.ui.studyConfidenceButton4.click()

    def submit(self) -> None:
        self.ui.studySubmitButton.click()
        self.ui.studySubmitButton.click()

    def names(self) -> list[str]:
        """Names of all nodes and segments."""
        scene = self.slicer.mrmlScene
        nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
        names = [node.GetName() or "" for node in nodes]
        for node in nodes:
            if node.IsA("vtkMRMLSegmentationNode"):
                segmentation = node.GetSegmentation()
                ids = segmentation.GetSegmentIDs()
                names += [segmentation.GetSegment(each).GetName() for each in ids]
        return names

    def texts(self) -> str:
        """All that the widgets say."""
        import qt

        found = [child.text for child in self.widget.uiWidget.findChildren(qt.QLabel)]
        found += [child.text for child in self.widget.uiWidget.findChildren(qt.QPushButton)]
        return "\n".join(found)


@pytest.fixture
def reader(slicer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyPanel]:
    """The panel, opened; the question whether to close the scene is answered with OK."""
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: True)
    from slicer_standin.application import load_module

    module = load_module(ROOT / "DenseSharpSlicer" / "DenseSharpReaderStudy.py")
    panel = StudyPanel(slicer, module)
    panel.host.enter()
    yield panel
    panel.host.exit()
    panel.widget.cleanup()
    panel.host.deleteLater()


def a_study(folder: Path, kind: str = "sequential", **changes: Any) -> Any:
    ball_aid = ball_mask(5)
    aids = []
    for n in range(2):
        aid = aid_for(f"C{n:03d}", (0.123, 0.345, 0.532))
        object.__setattr__(aid, "mask", ball_aid.nrrd)
        object.__setattr__(aid, "mask_sha256", ball_aid.sha256)
        aids.append(aid)
    study = make_study(folder, kind, count=2, aids=aids if kind != "unaided" else None, **changes)
    array = np.where(ball(), 20, -850).astype(np.int16)
    for case in study.design.cases:
        sitk.WriteImage(to_sitk(array, CT_GRID), str(study.image(case)))
    return study


def answers_of(study: Any) -> list[Any]:
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    assert verify(study, store).clean
    bodies = [event.body for event in store.events("S1") if event.kind == "answer"]
    store.close()
    return bodies


def test_a_whole_sequential_reading_by_buttons(reader: StudyPanel, tmp_path: Path) -> None:
    study = a_study(tmp_path / "patient-folder")
    ui = reader.ui
    assert ui.studyAnswerSection.isHidden()
    reader.open(study)
    assert ui.studyHeadingLabel.text == "An example"
    ui.studyStartButton.click()
    for number in (1, 2):
        assert ui.studyHeadingLabel.text == f"Case {number} of 2, session 1"
        ui.studyNextButton.click()
        assert "Case" in reader.names()
        assert ui.studyInstructionLabel.text == "Read without the model."
        assert "Model" not in reader.names()
        for secret in ("53", "C00", "patient-folder", ".nrrd", "J1"):
            assert secret not in reader.texts() + " ".join(reader.names())
        assert not ui.studySubmitButton.enabled
        assert "Choose a class." in ui.studyProblemsLabel.text
        reader.answer()
        reader.submit()
        assert "Model" in reader.names()
        assert ui.studyAidLabel.text.startswith("The model: IAC (AAH-AIS 12 %, MIA 34 %, IAC 53 %)")
        reader.submit()
        assert "Case" not in reader.names()
    assert ui.studyHeadingLabel.text == "Thank you: everything is read."
    assert [answer["form"]["p_invasive"] for answer in answers_of(study)] == [70] * 4


def test_the_keyboard_is_enough(reader: StudyPanel, tmp_path: Path) -> None:
    study = a_study(tmp_path, "unaided")
    reader.open(study)
    reader.ui.studyStartButton.click()
    for name in ["Enter", *"2fffjj8", "Enter", "Enter"]:
        reader.panel.key(name)
    form = answers_of(study)[0]["form"]
    assert (form["nodule_class"], form["p_invasive"], form["p_iac"]) == ("MIA", 60, 45)


def test_keys_work_only_while_the_module_is_open(reader: StudyPanel) -> None:
    from DenseSharpSlicerLib.reader_study_panel import KEYS

    assert len(reader.widget._keys) == len(KEYS)
    reader.host.exit()
    assert reader.widget._keys == []
    reader.host.enter()


def test_the_model_s_module_is_off_while_a_session_runs(
    reader: StudyPanel, module: Any, tmp_path: Path
) -> None:
    other = module.widgetRepresentation()
    reader.open(a_study(tmp_path))
    assert other.enabled
    reader.ui.studyStartButton.click()
    assert not other.enabled
    reader.ui.studyNextButton.click()
    assert not other.enabled
    reader.ui.studyCloseButton.click()
    assert other.enabled
    other.self().cleanup()
    other.deleteLater()


def test_an_outline_from_segment_editor_becomes_part_of_the_answer(
    reader: StudyPanel, tmp_path: Path
) -> None:
    study = a_study(tmp_path, "unaided", mask="required")
    reader.open(study)
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    reader.answer()
    assert "Outline the nodule." in reader.ui.studyProblemsLabel.text
    inside = ball(4)
    reader.panel.case.write_own(NoduleMask(inside.astype(np.uint8), (0, 0, 0), CT_GRID))
    reader.panel.onTick()
    assert reader.ui.studyOutlineLabel.text == "drawn"
    reader.submit()
    answer = answers_of(study)[0]
    assert answer["mask_sha256"] == ball_mask(4).sha256
    assert answer["mask_edits"] == 1


def test_an_outline_can_be_removed(reader: StudyPanel, tmp_path: Path) -> None:
    reader.open(a_study(tmp_path, "unaided"))
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    reader.panel.case.write_own(NoduleMask(ball().astype(np.uint8), (0, 0, 0), CT_GRID))
    reader.panel.onTick()
    reader.ui.studyRemoveButton.click()
    assert reader.ui.studyOutlineLabel.text == "not drawn (optional)"
    assert "Your outline" not in reader.names()


def test_a_pause_hides_the_case(reader: StudyPanel, tmp_path: Path) -> None:
    reader.open(a_study(tmp_path, "unaided"))
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    reader.ui.studyPauseButton.click()
    assert reader.ui.studyAnswerSection.isHidden()
    assert not reader.panel.case.segmentation_node.GetDisplayNode().GetVisibility()
    reader.ui.studyResumeButton.click()
    assert not reader.ui.studyAnswerSection.isHidden()


def test_a_wrong_reader_and_a_wrong_folder_are_said(
    reader: StudyPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(reader.slicer.util, "errorDisplay", lambda text, **_: said.append(text))
    study = a_study(tmp_path, "unaided")
    reader.open(study, "S9")
    reader.ui.studyFolderEdit.text = str(tmp_path / "none")
    reader.ui.studyOpenButton.click()
    assert "'S9' is no reader of the study" in said[0]
    assert "no study folder" in said[1]
    assert reader.panel.presenter is None


def test_whoever_keeps_the_scene_does_not_open_the_study(
    reader: StudyPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader.slicer.util, "confirmOkCancelDisplay", lambda _text: False)
    kept = reader.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Mine")
    reader.open(a_study(tmp_path, "unaided"))
    assert reader.panel.presenter is None
    assert reader.slicer.mrmlScene.IsNodePresent(kept)


def test_an_image_that_cannot_be_read_is_said_without_its_name(
    reader: StudyPanel, tmp_path: Path
) -> None:
    study = a_study(tmp_path, "unaided")
    for case in study.design.cases:
        study.image(case).write_bytes(b"no image")
    reader.open(study)
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    assert "cannot be read: tell whoever runs the study" in reader.ui.studyMessageLabel.text
    assert ".nrrd" not in reader.texts()


def test_a_comment_and_an_early_start(reader: StudyPanel, tmp_path: Path) -> None:
    study = a_study(tmp_path, "crossover")
    reader.open(study)
    reader.ui.studyStartButton.click()
    for _ in range(2):
        reader.ui.studyNextButton.click()
        reader.ui.studyCommentEdit.text = "spiculated"
        reader.ui.studyCommentEdit.textEdited.emit("spiculated")
        reader.answer()
        reader.submit()
    assert answers_of(study)[0]["form"]["comment"] == "spiculated"
    reader.ui.studyStartButton.click()
    assert "may start on" in reader.ui.studyMessageLabel.text
    reader.ui.studyReasonEdit.text = "Holiday"
    reader.ui.studyStartButton.click()
    assert reader.ui.studyHeadingLabel.text == "Case 1 of 2, session 2"


def test_the_self_test_runs(reader: StudyPanel) -> None:
    test = sys.modules["DenseSharpReaderStudy"].DenseSharpReaderStudyTest()
    test.setUp()
    test.test_case_in_scene()


def test_the_seed_is_where_the_views_go(reader: StudyPanel, tmp_path: Path) -> None:
    reader.open(a_study(tmp_path, "unaided"))
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    node = reader.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    np.testing.assert_allclose(node.GetCrosshairRAS(), np.array(SEED) * (-1, -1, 1), atol=1e-6)


def test_a_study_is_planned_and_made(reader: StudyPanel, tmp_path: Path) -> None:
    from densesharp.study.folder import open_study
    from densesharp.study.plan import FIELDS

    ui, section = reader.ui, reader.widget.newStudy
    begun = section.values()
    assert all(begun[field.name] == (field.default or begun[field.name]) for field in FIELDS)
    assert begun["mask"] == "optional"
    ui.studyCreateButton.click()
    assert ui.studyCreatedLabel.text == "'Study folder' is missing: folder to make."
    array = np.where(ball(), 20, -850).astype(np.int16)
    x, y, z = SEED
    rows = ["case,image,x,y,z,space"]
    for name in ("A", "B"):
        sitk.WriteImage(to_sitk(array, CT_GRID), str(tmp_path / f"{name}.nrrd"))
        rows.append(f"{name},{name}.nrrd,{x},{y},{z},lps")
    (tmp_path / "cases.csv").write_text("\n".join(rows))
    (tmp_path / "readers.csv").write_text("reader,group\nS1,senior\n")
    section.widgets["study"].text = str(tmp_path / "study")
    section.widgets["cases"].text = str(tmp_path / "cases.csv")
    section.widgets["readers"].text = str(tmp_path / "readers.csv")
    section.widgets["kind"].setCurrentIndex(2)
    section.widgets["going_back"].checked = True
    ui.studyCreateButton.click()
    design = open_study(tmp_path / "study").design
    assert design.sha256 in ui.studyCreatedLabel.text
    assert (design.kind, design.going_back, design.washout_days) == ("unaided", True, 28)
    assert ui.studyFolderEdit.text == str(tmp_path / "study")


@pytest.mark.parametrize(("name", "dialog"), [("study", "getExistingDirectory"),
                                              ("cases", "getOpenFileName")])  # fmt: skip
def test_paths_are_chosen_in_a_dialog(
    reader: StudyPanel, name: str, dialog: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    monkeypatch.setattr(qt.QFileDialog, dialog, lambda *_: "/chosen")
    line = reader.widget.newStudy.widgets[name]
    line.parent().findChild(qt.QPushButton).click()
    assert line.text == "/chosen"
