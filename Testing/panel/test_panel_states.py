# ruff: noqa: TID251 - runs Slicer's Qt layers
"""What can go wrong or be asked for beside the straight path."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from panel_driver import (
    BALLS,
    ROOT,
    Panel,
    SegmentEditor,
    ThresholdBackend,
    WaitingBackend,
    add_ct,
    bend,
)

pytestmark = pytest.mark.panel


@pytest.fixture
def running(panel: Panel, ct: Any) -> Any:
    """A panel that analyses a nodule and will not be done before `go` is set."""
    backend = WaitingBackend()
    panel.session.use(backend)
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.until(backend.started.is_set)
    panel.until(lambda: panel.session.status.text == "Looking for the nodule")
    yield panel
    backend.go.set()


def test_progress_that_is_told_all_the_time_is_drawn_four_times_a_second(running: Panel) -> None:
    """Each change of a label makes Slicer compose its whole window, views and all."""
    drawn: list[float] = []
    pace, draw = running.widget.pace, running.widget.pace.progress
    pace.progress = lambda: (drawn.append(time.monotonic()), draw())
    running.until(lambda: len(drawn) == 5)
    assert drawn[-1] - drawn[0] > 4 * 0.2


def test_what_the_card_shows_already_is_not_laid_out_again(marked: Panel) -> None:
    table = marked.ui.measurementsTable
    table.item(0, 1).setText("as it was drawn")
    marked.widget.refresh()
    assert table.item(0, 1).text() == "as it was drawn"
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert table.item(0, 1).text() != "as it was drawn"


def test_the_panel_is_drawn_after_the_views_and_in_pieces(
    panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key waits for one piece at most; an answer that comes soon is not announced before."""
    from DenseSharpSlicerLib import pace as pacing

    monkeypatch.setattr(pacing, "PATIENCE_SECONDS", 60.0)  # soon, on any computer
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.wait()
    pace = panel.widget.pace
    looks: list[int] = []
    drawn: list[tuple[int, int, float]] = []
    look, draw = pace.look, pace.draw

    def drawing() -> None:
        drawn.append((len(looks), len(panel.session.nodules), time.monotonic()))
        draw()

    pace.look, pace.draw = lambda: (looks.append(1), look())[1], drawing
    stored: list[float] = []
    store = panel.scan.store
    panel.scan.store = lambda *some, **more: (
        store(*some, **more),
        stored.append(time.monotonic()),
    )[0]
    panel.click_in_view(BALLS[0])
    panel.wait()
    del panel.scan.store
    assert all(nodules == 1 for _, nodules, _ in drawn), "nothing was drawn before the answer"
    assert len({look for look, _, _ in drawn}) == len(drawn) > 5, "one piece a look"
    assert drawn[0][2] - stored[0] > 0.04, "the views come first"
    assert panel.ui.nodulesTable.rowCount == 1


def test_a_ct_that_is_deleted_while_it_is_looked_at_leaves_no_word(
    slicer: Any, running: Panel, ct: Any
) -> None:
    """The work goes on unseen until it looks up; the standing line must not wait for it."""
    running.until(lambda: running.ui.statusLabel.text == "Looking for the nodule")
    slicer.mrmlScene.RemoveNode(ct)
    running.until(lambda: running.widget.pace.resting)
    assert running.ui.statusLabel.text == "Load a chest CT, or press Sample CT."
    assert running.ui.cancelButton.isHidden()


def test_a_work_that_takes_long_is_announced(running: Panel) -> None:
    running.until(lambda: running.ui.cancelButton.isVisibleTo(running.ui.cancelButton.parent()))
    assert running.ui.progressBar.value == 30


def test_bars_are_drawn_with_all_else_and_not_each_at_once(marked: Panel) -> None:
    """`QProgressBar.setValue` draws at once what is in sight, with Slicer's whole window."""
    import qt

    marked.host.show()
    marked.slicer.app.processEvents()
    painted: list[str] = []

    class Watching(qt.QObject):
        def eventFilter(self, watched: Any, event: Any) -> bool:
            if event.type() == qt.QEvent.Paint:
                painted.append(watched.objectName)
            return False

    watching = Watching()
    for bar in (marked.ui.classBar0, marked.ui.iacBar):
        assert bar.isVisible()
        bar.installEventFilter(watching)
        bar.value = 1
    assert painted, "a value draws at once"
    painted.clear()
    marked.widget.refresh()
    assert not painted
    assert marked.ui.classBar0.value != 1
    marked.slicer.app.processEvents()
    assert painted
    marked.host.hide()


def test_progress_is_shown_and_cancel_leaves_nothing(running: Panel) -> None:
    running.until(lambda: running.ui.statusLabel.text == "Looking for the nodule")
    assert not running.ui.progressBar.isHidden()
    assert running.ui.progressBar.value == 30
    running.ui.cancelButton.click()
    running.wait()
    assert running.ui.statusLabel.text == "Cancelled."
    assert running.ui.nodulesTable.rowCount == 0
    assert running.scan.seeds_node.GetNumberOfControlPoints() == 0
    assert running.ui.progressBar.isHidden()


def test_closing_the_scene_while_running_leaves_no_trace(slicer: Any, running: Panel) -> None:
    slicer.mrmlScene.Clear(0)
    running.wait()
    assert running.scan is None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTextNode") == 0


def test_deleting_the_ct_while_running_is_survived(slicer: Any, running: Panel, ct: Any) -> None:
    slicer.mrmlScene.RemoveNode(ct)
    running.wait()
    assert running.scan is None
    assert running.ui.nodulesTable.rowCount == 0
    assert not running.ui.placeButton.enabled


def test_deleting_another_ct_changes_nothing(slicer: Any, panel: Panel, ct: Any) -> None:
    other = add_ct(slicer, "Other")
    panel.ui.inputSelector.setCurrentNode(ct)
    slicer.mrmlScene.RemoveNode(other)
    assert panel.scan.volume_node is ct


def test_a_drag_during_the_analysis_replaces_it(running: Panel) -> None:
    seeds = running.scan.seeds_node
    running.session.backend.go.set()
    running.wait()
    seeds.SetNthControlPointPositionWorld(0, *BALLS[1])
    seeds.InvokeEvent(seeds.PointEndInteractionEvent)
    seeds.InvokeEvent(seeds.PointEndInteractionEvent)
    running.wait()
    assert running.ui.nodulesTable.rowCount == 1
    assert running.ui.statusLabel.text == "Done."


def test_a_drag_to_nowhere_puts_the_point_back(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    seeds = panel.scan.seeds_node
    seeds.SetNthControlPointPositionWorld(0, 900, 0, 0)
    seeds.InvokeEvent(seeds.PointEndInteractionEvent)
    panel.wait()
    assert "outside the image" in panel.ui.statusLabel.text
    point = [0.0, 0.0, 0.0]
    seeds.GetNthControlPointPositionWorld(0, point)
    assert point == pytest.approx(BALLS[0])


def test_an_outline_that_was_erased_is_said_to_be_empty(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    segmentation = panel.scan.segmentation_node.GetSegmentation()
    image = segmentation.GetNthSegment(0).GetRepresentation("Binary labelmap")
    image.GetPointData().GetScalars().Fill(0)
    image.Modified()
    segmentation.InvokeEvent(panel.slicer.vtkSegmentation.SourceRepresentationModified)
    panel.wait()
    assert "empty" in panel.ui.statusLabel.text
    panel.ui.undoButton.click()
    assert not panel.scan.is_edited("nodule_001")


def test_a_fault_of_ours_reaches_the_reader_and_the_next_click_works(
    panel: Panel, ct: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(ThresholdBackend):
        def analyse(self, *details: Any) -> Any:
            raise ZeroDivisionError

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.session.use(Faulty())
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert "ZeroDivisionError" in panel.ui.statusLabel.text
    panel.session.use(ThresholdBackend())
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.ui.nodulesTable.rowCount == 1


def test_a_volume_under_a_bending_transform_is_refused_with_advice(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    bend(slicer, ct)
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    assert "harden" in panel.ui.statusLabel.text
    assert not panel.ui.placeButton.checked


def test_marking_shows_the_ct_that_is_marked(slicer: Any, panel: Panel, ct: Any) -> None:
    other = add_ct(slicer, "Other")
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(other.GetID())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    assert composite.GetBackgroundVolumeID() == ct.GetID()


def test_lung_window(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.lungWindowButton.click()
    display = ct.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (1500, -600)


def test_label_map_holds_the_nodules(slicer: Any, panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.labelMapButton.click()
    labelmap = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLabelMapVolumeNode")
    array = slicer.util.arrayFromVolume(labelmap)
    volume = panel.session.nodule.result.measurements.volume_mm3
    assert (array == 1).sum() == pytest.approx(volume, rel=0.01)
    assert "label map" in panel.ui.statusLabel.text


def test_the_report_sentence_goes_to_the_clipboard(slicer: Any, panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.copyButton.click()
    assert slicer.app.clipboard().text() == panel.ui.reportEdit.toPlainText()
    assert "clipboard" in panel.ui.statusLabel.text


def test_a_result_read_from_a_scene_has_its_evidence_map(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.widget.onSceneEndImport(None, None)
    composite = panel.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert panel.ui.evidenceCheckBox.enabled
    panel.ui.evidenceCheckBox.click()
    assert composite.GetForegroundVolumeID() is not None


def test_prior_ct_messages(slicer: Any, panel: Panel, ct: Any) -> None:
    far = add_ct(slicer, "Far")
    panel.ui.inputSelector.setCurrentNode(far)
    panel.click_in_view(BALLS[1])
    panel.wait()
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.priorSelector.setCurrentNode(ct)
    assert "not the same" in panel.ui.changeLabel.text
    panel.ui.priorSelector.setCurrentNode(far)
    assert "not marked in the earlier CT" in panel.ui.changeLabel.text


def test_correct_outline_without_main_window_says_why(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.editButton.click()
    assert "main window" in panel.ui.statusLabel.text


def test_correct_outline_opens_the_segment_in_segment_editor(
    slicer: Any, panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = SegmentEditor.publish(slicer, monkeypatch)
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.editButton.click()
    assert editor.segmentation is panel.scan.segmentation_node
    assert editor.volume is ct
    assert editor.segment_id == panel.session.nodule.segment_id


def test_keys_work_only_while_the_module_is_open(panel: Panel, ct: Any) -> None:
    import qt

    from DenseSharpSlicerLib import shortcuts

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    keys = panel.widget.shortcuts._keys
    assert len(keys) == len(shortcuts.KEYS)
    accept = next(key for key in keys if key.key == qt.QKeySequence("A"))
    accept.activated.emit()
    assert panel.session.nodule.review.decision == "accepted"
    panel.host.exit()
    panel.slicer.app.processEvents()
    assert panel.widget.shortcuts._keys == []
    panel.host.enter()
    assert len(panel.widget.shortcuts._keys) == len(shortcuts.KEYS)


def test_reloading_leaves_one_set_of_observers_and_keys(
    slicer: Any, module: Any, ct: Any, library: None, full: bool
) -> None:
    panel = Panel(slicer, module)
    panel.host.enter()
    before = None
    for _ in range(10 if full else 3):
        panel.host.exit()
        panel.widget.onReload()
        panel = Panel(slicer, module)
        panel.host.enter()
        panel.wait()
        count = len(panel.widget.Observations)
        assert before in (None, count)
        before = count
    panel.session.use(ThresholdBackend())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.ui.nodulesTable.rowCount == 1
    panel.host.exit()
    panel.widget.cleanup()


def test_a_new_scene_asks_for_what_the_command_line_asks_for(slicer: Any, module: Any) -> None:
    from densesharp.nodule.settings import AnalysisSettings

    panel = Panel(slicer, module)
    panel.host.enter()
    chosen = panel.widget.logic.settings(panel.widget.logic.getParameterNode())
    assert chosen.to_json() == AnalysisSettings().to_json()
    panel.host.exit()
    panel.widget.cleanup()


def test_parameters_reach_the_pipeline(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.augmentationsSpinBox.value = 1
    panel.ui.stabilityCheckBox.checked = False
    panel.ui.solidThresholdSlider.value = -500
    panel.click_in_view(BALLS[0])
    panel.wait()
    result = panel.session.nodule.result
    assert result.uncertainty.samples == 1
    assert result.stability is None
    assert result.measurements.solid.threshold_hu == -500
    assert "single run" in panel.ui.uncertaintyLabel.text


def test_the_device_line_names_device_and_model(panel: Panel) -> None:
    backend = panel.session.backend
    assert backend.device in panel.ui.deviceLabel.text
    assert "Research use, not for diagnosis." in panel.ui.deviceLabel.text


def test_device_and_model_are_preferences_of_the_user(panel: Panel, tmp_path: Path) -> None:
    from DenseSharpSlicerLib import preferences

    panel.ui.deviceCombo.currentIndex = 1
    assert preferences.device() == "cpu"
    model = tmp_path / "other.safetensors"
    model.write_bytes(b"")
    panel.ui.modelEdit.currentPath = str(model)
    assert preferences.read("Model") == str(model)
    panel.ui.modelEdit.currentPath = ""
    panel.ui.deviceCombo.currentIndex = 0
    preferences.write("Device", "nonsense")
    assert preferences.device() == "auto"
    panel.wait()


def test_the_logic_opens_what_the_user_chose(slicer: Any, tmp_path: Path) -> None:
    from DenseSharpSlicerLib import preferences
    from slicer_standin.application import load_module

    load_module(ROOT / "DenseSharpSlicer" / "DenseSharpSlicer.py")
    preferences.write("Model", str(tmp_path / "model.safetensors"))
    backend = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic().backend()
    preferences.write("Model", "")
    assert backend._model_file == tmp_path / "model.safetensors"


def test_the_logic_works_without_a_panel(slicer: Any, module: Any, ct: Any) -> None:
    logic = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic()
    assert logic.shownVolume() is ct
    nodule = logic.process(ct, BALLS[0])
    assert nodule.result.measurements.volume_mm3 > 400
    with pytest.raises(Exception, match="outside the image"):
        logic.process(ct, (900, 0, 0))


def test_the_doctor_lists_what_is_installed(panel: Panel) -> None:
    panel.ui.doctorButton.click()
    assert "numpy" in panel.ui.doctorText.toPlainText()


def test_self_tests_of_the_module_pass(slicer: Any, module: Any) -> None:
    module.widgetRepresentation()
    test = sys.modules["DenseSharpSlicer"].DenseSharpSlicerTest()
    test.setUp()
    test.test_everything()
    Panel(slicer, module).widget.cleanup()


def test_the_sample_is_offered_in_the_sample_data_module(
    slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import ModuleType

    sources: list[dict[str, Any]] = []

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataCategory(_name: str, title: str) -> None:
            sources.append({"title": title})

        @staticmethod
        def registerCustomSampleDataSource(**source: Any) -> None:
            sources.append(source)

    module = ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", module)
    from slicer_standin.application import load_module

    load_module(ROOT / "DenseSharpSlicer" / "DenseSharpSlicer.py")
    slicer.app.startupCompleted.emit()
    source = sources[-1]
    assert Path(source["uris"].removeprefix("file://")).name == source["fileNames"]
    node = source["customDownloader"](None)[0]
    array = slicer.util.arrayFromVolume(node)
    assert array.min() < -800 < 0 < array.max()
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {each.GetBackgroundVolumeID() for each in composites} == {node.GetID()}
    assert (node.GetDisplayNode().GetWindow(), node.GetDisplayNode().GetLevel()) == (1500, -600)
    assert Path(source["thumbnailFileName"]).is_file()
    from densesharp_scene.geometry import notices_of

    assert "simulated" in [notice.code for notice in notices_of(node)]


def test_the_sample_button_loads_it_with_a_lung_window(panel: Panel) -> None:
    panel.ui.sampleButton.click()
    node = panel.ui.inputSelector.currentNode()
    assert node.GetName().startswith("DenseSharpSampleCT")
    assert node.GetDisplayNode().GetWindow() == 1500
    from densesharp.resources import sample_truth

    x, y, z = sample_truth()["nodules"][0]["center_lps"]
    panel.click_in_view((-x, -y, z))
    panel.wait()
    assert panel.session.nodule is not None


def test_a_model_that_cannot_be_loaded_is_said_at_once(panel: Panel) -> None:
    from densesharp.errors import ModelError

    class Broken(ThresholdBackend):
        def open(self, progress: Any) -> Any:
            raise ModelError("The model file is damaged: install DenseSharp again.")

    panel.session.use(Broken())
    panel.session.warm_up()
    panel.widget._timer.start()
    panel.wait()
    assert panel.ui.statusLabel.text == "The model file is damaged: install DenseSharp again."


def test_a_gpu_that_gave_up_is_said_with_the_answer(panel: Panel, ct: Any) -> None:
    class FellBack(ThresholdBackend):
        fallback = "The GPU's memory is full: the processor answered."

    panel.session.use(FellBack())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.ui.statusLabel.text.startswith("Done. The GPU's memory is full")
    assert "The GPU's memory is full" in panel.ui.deviceLabel.text


def test_marking_without_a_ct_is_refused_with_a_sentence(panel: Panel) -> None:
    assert not panel.session.run(panel.session.seeds_node)
    panel.widget.refresh()
    assert "No CT is chosen" in panel.ui.statusLabel.text


def test_damaged_results_in_a_scene_are_refused_with_a_sentence(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.scan.record_node.SetText("{")
    panel.widget.onSceneEndImport(None, None)
    assert "cannot be read" in panel.ui.statusLabel.text
    assert panel.ui.nodulesTable.rowCount == 0
    other = add_ct(slicer, "Other")
    panel.ui.inputSelector.setCurrentNode(other)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.priorSelector.setCurrentNode(ct)
    assert "cannot be read" in panel.ui.changeLabel.text


def test_a_ct_that_is_deleted_right_after_a_click(slicer: Any, panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    slicer.mrmlScene.RemoveNode(ct)
    panel.wait()
    assert panel.ui.nodulesTable.rowCount == 0


def test_an_outline_that_was_corrected_further_is_not_overwritten(panel: Panel, ct: Any) -> None:
    from vtk.util.numpy_support import vtk_to_numpy

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    segmentation = panel.scan.segmentation_node.GetSegmentation()
    image = segmentation.GetNthSegment(0).GetRepresentation("Binary labelmap")
    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    voxels.reshape(image.GetDimensions()[::-1])[:2] = 0
    panel.session.answers.correct(panel.scan, "nodule_001")
    voxels.reshape(image.GetDimensions()[::-1])[:4] = 0
    left = int(voxels.sum())
    panel.widget._timer.start()
    panel.wait()
    assert int(panel.scan.mask_of("nodule_001").array.sum()) == left
    assert panel.scan.is_edited("nodule_001")


def test_undo_without_a_selection_takes_back_the_last_step_of_all(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    panel.ui.rejectButton.click()
    panel.session.state.selected = None
    panel.widget.refresh()
    panel.ui.undoButton.click()
    assert panel.session.nodule.review.decision == "open"


def test_many_nodules_are_kept_ready_for_saving(
    panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["DenseSharpSlicerLib.session"], "SHARE_FROM", 2)
    panel.ui.inputSelector.setCurrentNode(ct)
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    segmentation = panel.scan.segmentation_node.GetSegmentation()
    assert segmentation.GetNumberOfLayers("Binary labelmap") == 1
    assert not any(panel.scan.is_edited(nodule.id) for nodule in panel.session.nodules)


def test_a_click_where_no_nodule_is_gives_a_card_that_says_so(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view((-45.0, 5.0, 30.0))
    panel.wait()
    assert "no result" in panel.ui.resultTitle.text
    assert panel.ui.classFrame.isHidden()
    assert panel.ui.measurementsTable.isHidden()
    assert panel.cells(0)[-1] == "refused"


def test_a_reader_can_draw_what_the_model_did_not_find(
    slicer: Any, panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from densesharp_scene import segments

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[1])
    panel.wait()
    found = panel.scan.mask_of("nodule_001")
    i, j, k = found.start
    found = replace(found, start=(i + 15, j - 15, k - 25))  # around the next click
    panel.click_in_view((-45.0, 5.0, 30.0))
    panel.wait()
    assert panel.session.nodule.result.mask is None
    editor = SegmentEditor.publish(slicer, monkeypatch)
    panel.ui.editButton.click()
    segments.write_mask(panel.scan.segmentation_node, editor.segment_id, ct, found)
    panel.wait()
    assert panel.session.nodule.edited
    assert panel.session.nodule.result.measurements.volume_mm3 > 1000
    assert not panel.ui.measurementsTable.isHidden()


def test_a_moved_ct_makes_its_results_outdated(slicer: Any, panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    ct.SetAndObserveTransformNodeID(shift.GetID())
    panel.widget.refresh()
    assert panel.cells(0)[-1] != "outdated"
    matrix = slicer.util.arrayFromTransformMatrix(shift)
    matrix[0, 3] = 5
    slicer.util.updateTransformMatrixFromArray(shift, matrix)
    panel.wait()
    assert panel.cells(0)[-1] == "outdated"
    assert "moved" in panel.ui.outdatedLabel.text
    place = [0.0, 0.0, 0.0]
    panel.scan.seeds_node.GetNthControlPointPositionWorld(0, place)
    assert place == pytest.approx([BALLS[0][0] + 5, *BALLS[0][1:]])
    panel.ui.updateButton.click()
    panel.wait()
    assert panel.ui.outdatedLabel.isHidden()
    center = panel.session.nodule.result.center_lps
    assert center == pytest.approx([-BALLS[0][0] - 5, -BALLS[0][1], BALLS[0][2]], abs=0.5)


def test_a_key_that_is_pressed_marks_accepts_and_shows_the_evidence(panel: Panel, ct: Any) -> None:
    """Keys arrive as from a keyboard, at a window that is active."""
    import qt
    from PySide6.QtTest import QTest

    def press(key: Any, into: Any = panel.ui.nodulesTable) -> None:
        into.setFocus()
        QTest.keyClick(into, key)
        panel.slicer.app.processEvents()

    panel.host.show()
    panel.host.activateWindow()
    panel.slicer.app.processEvents()
    panel.ui.inputSelector.setCurrentNode(ct)
    press(qt.Qt.Key_N)
    assert panel.ui.placeButton.checked
    press(qt.Qt.Key_N)
    assert not panel.ui.placeButton.checked
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    press(qt.Qt.Key_Comma)
    assert panel.session.nodule.name == "Nodule 1"
    press(qt.Qt.Key_A, into=panel.ui.readerEdit)
    assert panel.ui.readerEdit.text == "a"  # typed, no decision
    assert panel.session.nodule.review.decision == "open"
    press(qt.Qt.Key_A)
    assert panel.session.nodule.review.decision == "accepted"
    press(qt.Qt.Key_U)
    assert panel.session.nodule.review.decision == "open"
    press(qt.Qt.Key_X)
    assert panel.session.nodule.review.decision == "rejected"
    press(qt.Qt.Key_E)
    assert panel.ui.evidenceCheckBox.checked
    press(qt.Qt.Key_Period)
    assert panel.session.nodule.name == "Nodule 2"
    panel.host.exit()
    press(qt.Qt.Key_Comma)
    assert panel.session.nodule.name == "Nodule 2"
    panel.host.enter()
    panel.host.hide()


def test_packages_are_not_looked_up_at_every_answer(
    panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 50 ms of Slicer's main thread; once the model is open nothing can be missing."""
    from DenseSharpSlicerLib import packages

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    looked: list[Any] = []
    monkeypatch.setattr(packages, "missing", lambda *details: looked.append(details) or [])
    monkeypatch.setattr(packages, "torch_installed", lambda: looked.append("torch") or False)
    panel.click_in_view(BALLS[1])
    panel.wait()
    panel.widget.refresh()
    assert panel.ui.nodulesTable.rowCount == 2
    assert looked == []
