# ruff: noqa: TID251 - runs Slicer's Qt layers
"""The reader-study panel in a real Qt on a real scene: a whole reading by widgets and keys."""

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

from densesharp.image.masks import NoduleMask
from densesharp.image.sampling import to_sitk
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.verify import verify

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
        assert ui.studyAidLabel.text.startswith("The model: IAC (AAH-AIS 12%, MIA 34%, IAC 53%)")
        reader.submit()
        assert "Case" not in reader.names()
    assert ui.studyHeadingLabel.text == "Thank you: everything is read."
    assert [answer["form"]["p_invasive"] for answer in answers_of(study)] == [70] * 4


def test_the_model_s_outline_is_taken_over_to_edit(reader: StudyPanel, tmp_path: Path) -> None:
    study = a_study(tmp_path)
    ui = reader.ui
    reader.open(study)
    ui.studyStartButton.click()
    ui.studyNextButton.click()
    assert ui.studyTakeButton.isHidden()
    reader.panel.key("0")
    assert ui.studyOutlineLabel.text.startswith("not drawn")
    reader.answer()
    reader.submit()
    assert not ui.studyTakeButton.isHidden()
    ui.studyTakeButton.click()
    assert {"Model", "Your outline"} <= set(reader.names())
    assert ui.studyOutlineLabel.text == "drawn"
    reader.panel.onTick()
    reader.submit()
    last = answers_of(study)[-1]
    assert (last["mask_sha256"], last["mask_edits"]) == (ball_mask(5).sha256, 0)


def test_an_outline_of_one_s_own_is_replaced_only_when_that_is_confirmed(
    reader: StudyPanel, tmp_path: Path, slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from densesharp_scene import segments

    study = a_study(tmp_path)
    reader.open(study)
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    reader.answer()
    reader.submit()
    asked: list[str] = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text))
    reader.ui.studyTakeButton.click()
    before = segments.digest(reader.panel.case.own_mask())
    reader.panel.key("0")
    assert len(asked) == 1
    assert segments.digest(reader.panel.case.own_mask()) == before


def test_the_keyboard_is_enough(reader: StudyPanel, tmp_path: Path) -> None:
    study = a_study(tmp_path, "unaided")
    reader.open(study)
    reader.ui.studyStartButton.click()
    for name in ["Enter", *"uwwwcc8", "Enter", "Enter"]:
        reader.panel.key(name)
    form = answers_of(study)[0]["form"]
    assert (form["nodule_class"], form["p_invasive"], form["p_iac"]) == ("MIA", 60, 45)


def test_keys_work_only_while_the_module_is_open(reader: StudyPanel) -> None:
    from densesharp.study.conduct.answer_keys import QT_KEYS

    assert len(reader.widget._keys) == len(QT_KEYS)
    reader.host.enter()  # Slicer enters a module again after a layout change
    assert len(reader.widget._keys) == len(QT_KEYS)
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
    assert not other.self().session.usable()
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
    reader.ui.studyReasonEdit.text = "On leave from Friday"
    reader.ui.studyStartButton.click()
    assert reader.ui.studyHeadingLabel.text == "Case 1 of 2, session 2"


def test_the_study_s_instructions_stand_with_the_sessions(
    reader: StudyPanel, tmp_path: Path
) -> None:
    reader.open(a_study(tmp_path, "unaided", instructions="Lung window first."))
    assert reader.ui.studyMessageLabel.text == "Lung window first."
    reader.ui.studyStartButton.click()
    assert reader.ui.studyMessageLabel.isHidden()


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
    from densesharp.study.conduct.design_fields import FIELDS
    from densesharp.study.conduct.study_folder import open_study

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


def an_open_case(reader: StudyPanel, folder: Path, **changes: Any) -> Any:
    """A reader in front of the first case of an unaided study."""
    study = a_study(folder, "unaided", **changes)
    reader.open(study)
    reader.ui.studyStartButton.click()
    reader.ui.studyNextButton.click()
    return study


def test_time_without_the_focus_is_not_active_time(
    reader: StudyPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    window = qt.QMainWindow()
    window.show()
    window.activateWindow()
    reader.slicer.app.processEvents()
    monkeypatch.setattr(reader.slicer.util, "mainWindow", lambda: window)
    an_open_case(reader, tmp_path)
    timer = reader.panel.presenter._reading.open.timer
    now = [timer.clock.monotonic()]
    monkeypatch.setattr(timer.clock, "monotonic", lambda: now[0])
    reader.panel.onTick()
    timer.restart()
    active = timer.count().active_s
    now[0] += 5
    reader.panel.onTick()
    assert timer.count().active_s == pytest.approx(active + 5)
    window.hide()
    reader.slicer.app.processEvents()
    reader.panel.onTick()
    now[0] += 7
    reader.panel.onTick()
    assert timer.count().active_s == pytest.approx(active + 5)
    assert timer.count().wall_s >= 12
    window = qt.QMainWindow()
    window.show()
    window.activateWindow()
    reader.slicer.app.processEvents()
    reader.panel.onTick()
    now[0] += 2
    assert timer.count().active_s == pytest.approx(active + 7)
    window.deleteLater()


def test_the_mouse_over_a_view_is_an_input_as_long_as_the_study_is_open(
    reader: StudyPanel, tmp_path: Path
) -> None:
    an_open_case(reader, tmp_path)
    crosshair = reader.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    assert reader.panel.presenter._reading.open.timer.spent.first_action == ""
    crosshair.InvokeEvent(crosshair.CursorPositionModifiedEvent)
    assert reader.panel.presenter._reading.open.timer.spent.first_action
    reader.ui.studyCloseButton.click()
    moved = crosshair.CursorPositionModifiedEvent
    assert not reader.panel.hasObserver(crosshair, moved, reader.panel._on_mouse)


def test_a_scene_that_somebody_closes_shows_the_case_again(
    reader: StudyPanel, tmp_path: Path
) -> None:
    an_open_case(reader, tmp_path)
    reader.answer()
    reader.slicer.mrmlScene.Clear(0)
    assert "Case" not in reader.names()
    reader.panel.onTick()
    assert "Case" in reader.names()
    assert reader.ui.studyClassButton2.checked


def test_an_outline_is_there_again_when_the_reader_goes_back(
    reader: StudyPanel, tmp_path: Path
) -> None:
    an_open_case(reader, tmp_path, going_back=True)
    inside = ball(4)
    reader.panel.case.write_own(NoduleMask(inside.astype(np.uint8), (0, 0, 0), CT_GRID))
    reader.panel.onTick()
    reader.answer()
    reader.submit()
    reader.ui.studyCorrectButton.click()
    assert "Your outline" in reader.names()
    assert reader.ui.studyOutlineLabel.text == "drawn"


def test_an_outline_that_is_no_nodule_is_refused_with_a_sentence(
    reader: StudyPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_open_case(reader, tmp_path)
    monkeypatch.setattr("densesharp.study.conduct.reader_masks.CASE_EDGE_MM", 10)
    far = np.zeros(CT_GRID.shape, np.uint8)
    far[0, 0, 0] = 1
    reader.panel.case.write_own(NoduleMask(far, (0, 0, 0), CT_GRID))
    reader.panel.onTick()
    assert "further than 5 mm" in reader.ui.studyMessageLabel.text
    assert not reader.panel.presenter.screen.has_mask


def test_segment_editor_gets_the_reader_s_segment(
    reader: StudyPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from panel_driver import SegmentEditor

    an_open_case(reader, tmp_path)
    reader.ui.studyEditButton.click()
    assert "main window" in reader.ui.studyMessageLabel.text
    editor = SegmentEditor.publish(reader.slicer, monkeypatch)
    reader.ui.studyEditButton.click()
    assert editor.segmentation is reader.panel.case.segmentation_node
    assert editor.volume is reader.panel.case.volume_node
    assert editor.segment_id == reader.panel.case.own_id


def test_the_mark_can_be_hidden_and_found_again(reader: StudyPanel, tmp_path: Path) -> None:
    an_open_case(reader, tmp_path)
    reader.ui.studyMarkCheckBox.click()
    assert not reader.panel.case._mark.GetDisplayNode().GetVisibility()
    red = reader.slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    red.SetSliceOffset(500)
    reader.ui.studyNoduleButton.click()
    assert red.GetSliceOffset() == pytest.approx(SEED[2])


def test_the_study_folder_is_chosen_in_a_dialog(
    reader: StudyPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    for answer, shown in (("/chosen", "/chosen"), ("", "/chosen")):
        monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_, a=answer: a)
        reader.ui.studyBrowseButton.click()
        assert reader.ui.studyFolderEdit.text == shown


def test_a_key_of_the_keyboard_reaches_the_form(reader: StudyPanel, tmp_path: Path) -> None:
    import qt

    an_open_case(reader, tmp_path)
    key = next(key for key in reader.widget._keys if key.key == qt.QKeySequence("Alt+U"))
    key.activated.emit()
    assert reader.ui.studyClassButton2.checked


def test_without_a_study_nothing_happens(reader: StudyPanel) -> None:
    reader.panel.take_outline()
    reader.panel.onTick()
    reader.panel.key("u")
    reader.panel._doing("pause")()
    with pytest.raises(RuntimeError, match="No study is open"):
        reader.panel.onSubmit()
    assert reader.ui.studyReadingSection.isHidden()


def test_the_store_s_package_is_installed_on_request(
    slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    from DenseSharpSlicerLib import packages
    from slicer_standin.application import load_module

    there: list[bool] = []
    plain = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "sqlalchemy" and not there else plain(name, *rest),
    )
    said: list[str] = []
    monkeypatch.setattr(slicer.util, "errorDisplay", said.append)
    module = load_module(ROOT / "DenseSharpSlicer" / "DenseSharpReaderStudy.py")
    panel = StudyPanel(slicer, module)
    panel.host.enter()
    panel.host.exit()
    assert panel.panel is None
    assert not panel.ui.studyOpenButton.enabled
    assert not panel.ui.studyInstallButton.isHidden()
    code = 1

    def pip(_arguments: Any, **options: Any) -> None:
        options["logCallback"]("Collecting sqlalchemy\n")
        options["completedCallback"](code)

    monkeypatch.setattr(packages._slicer_packaging(), "pip_install", pip)
    asked: list[str] = []
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text: bool(asked.append(text))
    )
    panel.ui.studyInstallButton.click()
    assert "About 6 MB" in asked[0]
    assert said == []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda _text: True)
    panel.ui.studyInstallButton.click()
    assert "Collecting sqlalchemy" in said[0]
    assert panel.ui.studyInstallButton.enabled
    code = 0
    there.append(True)
    panel.ui.studyInstallButton.click()
    assert panel.panel is not None
    assert panel.ui.studyInstallButton.isHidden()
    panel.widget.cleanup()


def test_a_script_can_verify_the_record(reader: StudyPanel, tmp_path: Path) -> None:
    study = an_open_case(reader, tmp_path)
    reader.ui.studyCloseButton.click()
    logic = sys.modules["DenseSharpReaderStudy"].DenseSharpReaderStudyLogic()
    assert logic.verify(study.folder).clean


def test_submit_stays_where_it_is_while_the_answer_is_filled_in(
    reader: StudyPanel, tmp_path: Path
) -> None:
    """What is missing is listed below it: a click aimed at a button must not miss it."""
    ui, app = reader.ui, reader.slicer.app
    reader.open(a_study(tmp_path, "unaided"))
    ui.studyStartButton.click()
    ui.studyNextButton.click()
    reader.host.resize(500, 900)
    reader.host.show()
    app.processEvents()
    places, lines = [], set()
    for fill in (lambda: None, lambda: ui.studyClassButton1.click(), reader.answer):
        fill()
        for _ in range(10):  # a layout tells the next one in an event
            app.processEvents()
        places.append(
            ui.studySubmitButton.mapTo(reader.host, ui.studySubmitButton.rect.topLeft()).y()
        )
        lines.add(ui.studyProblemsLabel.text.count("\n"))
    reader.host.hide()
    assert len(lines) == 3
    assert len(set(places)) == 1, places
