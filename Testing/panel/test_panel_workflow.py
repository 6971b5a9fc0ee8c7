"""What readers do while answers are on their way: nothing is lost, none hits another nodule."""

import gc
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import vtk
from panel_driver import BALLS, Panel, SegmentEditor, ThresholdBackend, add_ct, bend

pytestmark = pytest.mark.panel


class SlowBackend(ThresholdBackend):
    """Takes its time before the first answer, and before the whole one."""

    def __init__(self, before: float = 0.0, after: float = 0.0) -> None:
        super().__init__()
        self._before, self._after = before, after

    def analyse(self, *details: Any) -> Any:
        time.sleep(self._before)
        result = super().analyse(*details)
        time.sleep(self._after)
        return result


@pytest.fixture
def marked(panel: Panel, ct: Any) -> Panel:
    """A panel in which both nodules were marked and answered; the second is selected."""
    panel.ui.inputSelector.setCurrentNode(ct)
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    return panel


def decisions(panel: Panel) -> dict[str, str]:
    return {nodule.name: nodule.review.decision for nodule in panel.session.nodules}


def voxels(panel: Panel, nodule_id: str = "nodule_001") -> int:
    return int(panel.scan.mask_of(nodule_id).array.sum())


def cut(panel: Panel, nodule_id: str = "nodule_001") -> int:
    """Correct an outline by hand: half of it goes; returns how many voxels are left."""
    from densesharp_scene import segments

    scan = panel.scan
    mask = scan.mask_of(nodule_id)
    array = mask.array.copy()
    array[:, :, : array.shape[2] // 2] = 0
    segment_id = scan.nodule(nodule_id).segment_id
    half = replace(mask, array=array)
    segments.write_mask(scan.segmentation_node, segment_id, scan.volume_node, half)
    return int(array.sum())


def drag(panel: Panel, ras: Any, index: int = 0) -> None:
    seeds = panel.scan.seeds_node
    seeds.SetNthControlPointPositionWorld(index, *(float(value) for value in ras))
    seeds.InvokeEvent(seeds.PointEndInteractionEvent)


def test_undo_after_delete_brings_the_deleted_nodule_back(marked: Panel) -> None:
    marked.ui.nodulesTable.selectRow(0)
    marked.ui.acceptButton.click()
    marked.ui.deleteButton.click()
    assert marked.session.nodule.name == "Nodule 2"
    marked.ui.undoButton.click()
    assert decisions(marked) == {"Nodule 1": "accepted", "Nodule 2": "open"}
    assert marked.session.nodule.name == "Nodule 1"


def test_undo_takes_back_the_last_step_and_selects_its_nodule(marked: Panel) -> None:
    marked.ui.acceptButton.click()
    marked.ui.nodulesTable.selectRow(0)
    marked.ui.undoButton.click()
    assert decisions(marked) == {"Nodule 1": "open", "Nodule 2": "open"}
    assert marked.session.nodule.name == "Nodule 2"
    for _ in range(2):
        marked.ui.undoButton.click()
    assert decisions(marked) == {}
    assert not marked.ui.undoButton.enabled


def test_a_correction_is_not_lost_by_dragging_the_point(
    marked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader lets the model outline it anew, and thinks better of it."""
    monkeypatch.setattr(marked.slicer.util, "confirmYesNoDisplay", lambda _text: False)
    marked.ui.autoUpdateCheckBox.checked = False
    model = voxels(marked)
    drawn = cut(marked)
    marked.wait()
    drag(marked, np.add(BALLS[0], (1, 0, 0)))
    marked.wait()
    assert voxels(marked) == model
    marked.ui.undoButton.click()
    assert voxels(marked) == drawn


def test_a_name_that_was_given_after_a_correction_is_undone_first(marked: Panel) -> None:
    marked.ui.autoUpdateCheckBox.checked = False
    drawn = cut(marked)
    marked.wait()
    marked.ui.nodulesTable.item(0, 0).setText("Upper lobe")
    marked.ui.undoButton.click()
    assert set(decisions(marked)) == {"Nodule 1", "Nodule 2"}
    assert voxels(marked) == drawn


def test_points_go_to_the_ct_that_is_marked_though_another_was_looked_at(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    other = add_ct(slicer, "Other")
    panel.ui.inputSelector.setCurrentNode(other)
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    selection = slicer.app.applicationLogic().GetSelectionNode()
    for ball in BALLS:
        seeds = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
        index = seeds.AddControlPointWorld(vtk.vtkVector3d(*ball))
        seeds.SetNthControlPointAssociatedNodeID(index, ct.GetID())
        panel.wait()
        assert panel.ui.placeButton.checked
    assert len(panel.session.nodules) == 2
    for kind in ("MarkupsFiducial", "Segmentation", "Text", "Table"):
        nodes = slicer.util.getNodesByClass(f"vtkMRML{kind}Node")
        assert not [node for node in nodes if node.GetName().startswith("Other")]
    panel.widget.logic.process(other, BALLS[0])  # makes the lists of the other CT
    assert selection.GetActivePlaceNodeID() == panel.scan.seeds_node.GetID()


def test_a_decision_on_the_first_answer_outlives_the_whole_answer(panel: Panel, ct: Any) -> None:
    from densesharp.image.masks import mask_from_box

    class Refining(SlowBackend):
        """The whole answer has a smaller outline than the first."""

        def analyse(self, volume: Any, *details: Any) -> Any:
            result = super().analyse(volume, *details)
            array = result.mask.array.astype(bool)
            array[0] = False
            return replace(result, mask=mask_from_box(array, result.mask.start, volume.grid))

    panel.session.use(Refining(after=0.5))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.until(lambda: panel.ui.acceptButton.enabled)
    seen = voxels(panel)
    panel.ui.acceptButton.click()
    assert panel.session.busy
    panel.wait()
    assert decisions(panel) == {"Nodule 1": "accepted"}
    assert voxels(panel) == seen
    assert "Decided on before all was computed" in panel.ui.verdictLabel.text
    panel.ui.reopenButton.click()
    panel.wait()
    assert voxels(panel) < seen, "the whole answer"
    assert "Decided on before" not in panel.ui.verdictLabel.text
    panel.ui.acceptButton.click()
    panel.ui.reopenButton.click()
    assert not panel.session.busy, "this decision was about the whole answer"


def test_a_decision_waits_for_the_answer_to_a_correction(marked: Panel) -> None:
    marked.ui.nodulesTable.selectRow(0)
    cut(marked)
    marked.ui.acceptButton.click()
    assert "outline was changed" in marked.ui.statusLabel.text
    marked.wait()
    assert decisions(marked)["Nodule 1"] == "open"
    marked.ui.acceptButton.click()
    assert decisions(marked)["Nodule 1"] == "accepted"


def test_a_decision_waits_for_the_answer_to_a_point_that_was_dragged(marked: Panel) -> None:
    marked.session.use(SlowBackend(before=0.4))
    drag(marked, np.add(BALLS[1], (1, 0, 0)), index=1)
    marked.until(lambda: marked.session.busy)
    marked.ui.rejectButton.click()
    assert "is being computed" in marked.ui.statusLabel.text
    assert decisions(marked)["Nodule 2"] == "open"
    marked.wait()


@pytest.mark.parametrize("renew", ["correction", "point"])
def test_an_answer_that_comes_later_does_not_change_the_selection(
    marked: Panel, renew: str
) -> None:
    marked.ui.nodulesTable.selectRow(0)
    if renew == "correction":
        cut(marked)
    else:
        drag(marked, np.add(BALLS[0], (1, 0, 0)))
    marked.ui.nodulesTable.selectRow(1)
    marked.wait()
    assert marked.session.nodule.name == "Nodule 2"
    assert marked.ui.nodulesTable.currentRow() == 1
    marked.ui.acceptButton.click()
    assert decisions(marked) == {"Nodule 1": "open", "Nodule 2": "accepted"}


def test_switched_off_the_panel_does_nothing(slicer: Any, marked: Panel, ct: Any) -> None:
    """A reader study switches it off; neither key nor script asks the model then."""
    from densesharp_scene import SceneError

    marked.host.enabled = False
    accept = next(key for key in marked.widget.shortcuts._keys if key.key.toString() == "A")
    accept.activated.emit()
    marked.ui.placeButton.toggle()
    marked.widget.review.onAccept()
    assert not marked.ui.placeButton.checked
    assert "reader study" in marked.ui.statusLabel.text
    assert set(decisions(marked).values()) == {"open"}
    with pytest.raises(SceneError, match="reader study"):
        marked.click_in_view(BALLS[0])
    with pytest.raises(SceneError, match="reader study"):
        marked.widget.logic.process(ct, BALLS[0])
    marked.scan.place(BALLS[0])
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 2
    marked.host.exit()
    marked.host.enter()
    assert marked.widget.shortcuts._keys == []
    marked.host.enabled = True
    marked.host.enter()
    assert marked.widget.shortcuts._keys


def test_results_of_a_ct_that_was_bent_are_outdated_and_the_rest_is_drawn(
    slicer: Any, marked: Panel, ct: Any
) -> None:
    bend(slicer, ct)
    marked.wait()
    assert [marked.cells(row)[-1] for row in range(2)] == ["outdated"] * 2
    assert "harden" in marked.ui.outdatedLabel.text
    assert "harden" in marked.ui.statusLabel.text
    assert not marked.ui.undoButton.enabled
    marked.ui.nextButton.click()
    assert marked.session.nodule.name == "Nodule 1"
    assert "Nodule 1" in marked.ui.resultTitle.text
    marked.ui.acceptButton.click()
    marked.ui.updateButton.click()
    drag(marked, BALLS[1])
    cut_event = slicer.vtkSegmentation.SourceRepresentationModified
    marked.scan.segmentation_node.GetSegmentation().InvokeEvent(cut_event)
    marked.wait()
    assert set(decisions(marked).values()) == {"open"}
    marked.host.exit()
    marked.host.enter()
    ct.SetAndObserveTransformNodeID(None)
    marked.wait()
    assert "outdated" not in marked.cells(1)


def test_an_answer_is_marked_with_the_model_that_gave_it(
    panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Named(SlowBackend):
        def __init__(self, name: str) -> None:
            super().__init__(before=0.4)
            self._name = name

        @property
        def model_hash(self) -> str:
            return self._name if self._engine else ""

    panel.session.use(Named("old"))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.until(lambda: panel.session.busy)
    logic = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic
    monkeypatch.setattr(logic, "backend", lambda _self: Named("new"))
    panel.widget.onBackend()
    panel.wait()
    assert panel.session.nodule.model == "old"
    assert "another model" in panel.ui.outdatedLabel.text


def test_an_outline_corrected_during_the_analysis_is_analysed_after_it(
    panel: Panel, ct: Any
) -> None:
    panel.session.use(SlowBackend(after=1.0))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.until(lambda: panel.session.nodule is not None)
    drawn = cut(panel)
    panel.wait()
    assert panel.session.nodule.edited
    assert panel.session.nodule.result.measurements.volume_mm3 == pytest.approx(drawn, rel=0.01)
    assert panel.ui.outdatedLabel.isHidden()


def test_a_point_dragged_before_its_first_answer_is_analysed_where_it_lies(
    panel: Panel, ct: Any
) -> None:
    panel.session.use(SlowBackend(before=0.4))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.until(lambda: panel.session.busy)
    drag(panel, BALLS[1])
    panel.wait()
    assert len(panel.session.nodules) == 1
    assert np.allclose(panel.session.nodule.result.center_lps, [30, 10, 55], atol=0.5)


def test_a_script_beside_the_panel_makes_one_nodule(marked: Panel, ct: Any) -> None:
    nodule = marked.widget.logic.process(ct, np.add(BALLS[0], (1, 0, 0)))
    assert marked.ui.nodulesTable.rowCount == 3
    marked.wait()
    assert [each.id for each in marked.session.nodules][-1] == nodule.id
    assert marked.ui.nodulesTable.rowCount == 3
    assert marked.session.nodule.name == "Nodule 2"


def test_a_deleted_ct_is_freed_and_the_other_goes_on(slicer: Any, marked: Panel, ct: Any) -> None:
    freed = []
    other = add_ct(slicer, "Other")
    other.GetImageData().AddObserver("DeleteEvent", lambda *_: freed.append(True))
    marked.ui.inputSelector.setCurrentNode(other)
    marked.click_in_view(BALLS[0])
    marked.wait()
    marked.ui.inputSelector.setCurrentNode(ct)
    slicer.mrmlScene.RemoveNode(other.GetDisplayNode())  # as the module Data does; it has an image
    slicer.mrmlScene.RemoveNode(other)
    marked.wait()
    del other
    gc.collect()
    assert freed
    seeds = marked.scan.seeds_node
    seeds.AddControlPointWorld(vtk.vtkVector3d(*BALLS[0]))  # still watched: a known nodule
    marked.wait()
    assert "This is Nodule 1" in marked.ui.statusLabel.text
    assert seeds.GetNumberOfControlPoints() == 2


def test_a_segment_that_was_deleted_can_be_drawn_anew(
    slicer: Any, marked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = SegmentEditor.publish(slicer, monkeypatch)
    segmentation = marked.scan.segmentation_node.GetSegmentation()
    segmentation.RemoveSegment(marked.session.nodule.segment_id)
    marked.wait()
    marked.ui.editButton.click()
    assert segmentation.GetSegment(editor.segment_id) is not None
