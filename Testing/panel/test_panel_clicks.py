"""Clicks, Segment Editor's own steps and questions, as desktop Slicer sends them."""

import sys
import time
from typing import Any

import numpy as np
import pytest
import vtk
from panel_driver import BALLS, Panel, ThresholdBackend, WaitingBackend

pytestmark = pytest.mark.panel


@pytest.fixture
def held(panel: Panel, ct: Any) -> Any:
    """A panel whose answers wait until `session.backend.go` is set."""
    panel.session.use(WaitingBackend())
    panel.ui.inputSelector.setCurrentNode(ct)
    yield panel
    panel.session.backend.go.set()


def voxels(panel: Panel) -> int:
    return int(panel.scan.mask_of("nodule_001").array.sum())


def bounds(panel: Panel) -> Any:
    segmentation = panel.scan.segmentation_node.GetSegmentation()
    segment = segmentation.GetSegment(panel.session.nodules[0].segment_id)
    return segment.GetRepresentation("Closed surface").GetBounds()


def cut(panel: Panel) -> None:
    """Half of the outline goes, as by one stroke of the eraser."""
    from dataclasses import replace

    from densesharp_scene import segments

    scan = panel.scan
    mask = scan.mask_of("nodule_001")
    array = mask.array.copy()
    array[: len(array) // 2] = 0
    segment_id = scan.nodule("nodule_001").segment_id
    half = replace(mask, array=array)
    segments.write_mask(scan.segmentation_node, segment_id, scan.volume_node, half)


def test_a_click_in_the_3d_view_marks_nothing(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    seeds = panel.session.seeds_node()
    seeds.AddControlPointWorld(vtk.vtkVector3d(*BALLS[0]))  # notes no volume, as there
    panel.wait()
    assert panel.ui.nodulesTable.rowCount == 0
    assert seeds.GetNumberOfControlPoints() == 0
    assert "3D view" in panel.ui.statusLabel.text
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.session.nodule.name == "Nodule 1"
    assert panel.ui.placeButton.checked


def test_a_click_on_a_known_nodule_selects_it(marked: Panel) -> None:
    marked.click_in_view(BALLS[1])
    marked.wait()
    marked.click_in_view(np.add(BALLS[0], (1, 1, 0)))
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 2
    assert marked.session.nodule.name == "Nodule 1"
    assert "This is Nodule 1" in marked.ui.statusLabel.text
    assert marked.scan.seeds_node.GetNumberOfControlPoints() == 2


def test_a_double_click_marks_one_nodule(held: Panel) -> None:
    held.click_in_view(BALLS[0])
    held.until(held.session.backend.started.is_set)
    held.click_in_view(np.add(BALLS[0], (0.5, 0, 0)))
    held.until(lambda: not held.session.watch._points)
    held.session.backend.go.set()
    held.wait()
    assert held.ui.nodulesTable.rowCount == 1
    assert held.session.nodule.name == "Nodule 1"


def test_views_that_were_scrolled_on_stay_where_they_are(slicer: Any, held: Panel) -> None:
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    red.SetSliceOffset(BALLS[0][2])
    held.click_in_view(BALLS[0])
    held.until(held.session.backend.started.is_set)
    red.SetSliceOffset(BALLS[0][2] + 12.5)
    held.session.backend.go.set()
    held.wait()
    assert held.session.nodule.name == "Nodule 1"
    assert red.GetSliceOffset() == BALLS[0][2] + 12.5


def test_undo_and_redo_of_segment_editor_are_followed(slicer: Any, marked: Panel) -> None:
    """Slicer's own history, which sends the events that its buttons cause."""
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(marked.scan.segmentation_node.GetSegmentation())
    whole, wide = voxels(marked), bounds(marked)
    history.SaveState()
    cut(marked)
    marked.wait()
    half = voxels(marked)
    assert half < 0.7 * whole
    for step, count in ((history.RestorePreviousState, whole), (history.RestoreNextState, half)):
        assert step()
        marked.wait()
        assert voxels(marked) == count
        measured = marked.session.nodules[0].result.measurements
        assert measured.volume_mm3 == pytest.approx(count, rel=0.01)
        assert marked.ui.outdatedLabel.isHidden()
        tall = bounds(marked)
        assert (tall[5] - tall[4] > 0.8 * (wide[5] - wide[4])) == (count == whole)


def test_an_outline_changed_while_it_is_measured_is_measured_again(marked: Panel) -> None:
    class Slow(ThresholdBackend):
        def update_mask(self, *details: Any) -> Any:
            time.sleep(0.8)
            return super().update_mask(*details)

    marked.session.use(Slow())
    cut(marked)
    marked.until(lambda: marked.session.busy)
    cut(marked)
    marked.wait()
    measured = marked.session.nodules[0].result.measurements
    assert measured.volume_mm3 == pytest.approx(voxels(marked), rel=0.01)
    assert marked.ui.outdatedLabel.isHidden()


def test_redo_brings_back_what_undo_took(marked: Panel) -> None:
    assert not marked.ui.redoButton.enabled
    marked.ui.deleteButton.click()
    marked.ui.undoButton.click()
    assert marked.ui.statusLabel.text == "Undone: Nodule 1: deleted."
    assert marked.ui.redoButton.enabled
    marked.ui.redoButton.click()
    assert marked.ui.statusLabel.text == "Redone: Nodule 1: deleted."
    assert marked.ui.nodulesTable.rowCount == 0


def test_clear_segment_is_followed(slicer: Any, marked: Panel) -> None:
    from densesharp_scene import segments

    segment_id, own = marked.session.nodule.segment_id, marked.session.nodule.result.mask
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.ClearSegment(marked.scan.segmentation_node, segment_id)
    marked.wait()
    assert "outline is empty" in marked.ui.statusLabel.text
    segment = marked.scan.segmentation_node.GetSegmentation().GetSegment(segment_id)
    surface = segment.GetRepresentation("Closed surface")
    assert surface is None or surface.GetNumberOfPoints() == 0
    node, ct = marked.scan.segmentation_node, marked.scan.volume_node
    segments.write_mask(node, segment_id, ct, own)  # what undo in Segment Editor does
    marked.wait()
    assert not marked.session.nodule.edited
    assert marked.ui.statusLabel.text == "", "the outline is back: nothing is to be undone"


def test_a_scene_closed_during_an_analysis_leaves_the_hint(slicer: Any, held: Panel) -> None:
    held.click_in_view(BALLS[0])
    held.until(held.session.backend.started.is_set)
    slicer.mrmlScene.Clear(0)
    held.session.backend.go.set()
    held.wait()
    assert held.ui.statusLabel.text == "Load a chest CT, or press Sample CT."


def test_a_click_while_packages_are_installed_is_kept(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.session.installing = True
    panel.click_in_view(BALLS[0])
    panel.until(lambda: "click is kept" in panel.ui.statusLabel.text)
    assert panel.ui.nodulesTable.rowCount == 0
    panel.session.installing = False
    panel.wait()
    assert panel.session.nodule.name == "Nodule 1"


@pytest.mark.parametrize("kept", [True, False])
def test_a_hand_made_outline_is_not_dropped_without_a_question(
    marked: Panel, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    whole = voxels(marked)
    cut(marked)
    marked.wait()
    half, asked = voxels(marked), []
    confirm = lambda text: bool(asked.append(text)) or kept  # noqa: E731
    monkeypatch.setattr(marked.slicer.util, "confirmYesNoDisplay", confirm, raising=False)
    marked.session.run(marked.session.rerun)
    marked.session.changed()
    marked.wait()
    (text,) = asked
    assert "corrected by hand. Keep it?" in text
    assert voxels(marked) == (half if kept else whole)
    assert marked.session.nodule.edited == kept


def test_reload_brings_keys_views_and_model_back(
    slicer: Any, module: Any, ct: Any, library: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from DenseSharpSlicerLib import shortcuts

    panel = Panel(slicer, module)
    panel.host.enter()
    panel.widget.onReload()
    logic = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic
    monkeypatch.setattr(logic, "backend", lambda _self: ThresholdBackend())
    panel = Panel(slicer, module)
    assert len(panel.widget.shortcuts._keys) == len(shortcuts.KEYS)
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(ct.GetID())
    assert panel.scan.volume_node is ct
    panel.until(lambda: bool(panel.session.backend.device))
    panel.host.exit()
    panel.widget.cleanup()
