# ruff: noqa: TID251 - runs Slicer's Qt layers
"""Rare ways through the panel's code; with the other tests they run every line of it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vtk
from panel_driver import BALLS, ROOT, Panel, ThresholdBackend, add_ct

from densesharp.errors import SeedError
from densesharp.image.volume import Notice

pytestmark = pytest.mark.panel


@pytest.fixture
def marked(panel: Panel, ct: Any) -> Panel:
    """A panel in which the first nodule was marked and answered."""
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    return panel


def test_a_ct_that_goes_while_another_module_is_open_is_let_go(
    slicer: Any, marked: Panel, ct: Any
) -> None:
    marked.host.exit()
    slicer.mrmlScene.RemoveNode(ct)
    assert marked.scan is None
    marked.host.enter()
    assert marked.ui.nodulesTable.rowCount == 0


def test_entering_twice_keeps_one_set_of_keys(panel: Panel) -> None:
    before = panel.widget.shortcuts._keys
    panel.host.enter()
    assert panel.widget.shortcuts._keys is before


def test_an_answer_that_nobody_waits_for_is_dropped(panel: Panel) -> None:
    panel.session.jobs._worker.submit(lambda _task: "late")
    panel.until(lambda: not panel.session.jobs._worker.busy)
    before = panel.session.status
    panel.session.poll()
    assert panel.session.status == before


def test_a_nodule_that_is_deleted_before_its_answer_is_told(panel: Panel, ct: Any) -> None:
    """The scene refuses an answer for a point that was given up; the reader is told."""
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.session.tick()
    panel.scan.drop("click_1")
    panel.wait()
    assert "removed while it was analyzed" in panel.ui.statusLabel.text


def test_a_request_that_a_newer_one_replaced_takes_nothing_back(marked: Panel) -> None:
    for _ in range(2):
        marked.session.answers.analyse(marked.scan, "nodule_001")
    marked.widget._timer.start()
    marked.wait()
    assert marked.ui.statusLabel.text == "Done."
    assert marked.ui.nodulesTable.rowCount == 1


def test_lung_window_of_a_ct_that_was_never_shown(slicer: Any, panel: Panel, ct: Any) -> None:
    slicer.mrmlScene.RemoveNode(ct.GetDisplayNode())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.lungWindowButton.click()
    assert ct.GetDisplayNode().GetWindow() == 1500


def test_the_evidence_map_goes_when_a_refused_nodule_is_selected(marked: Panel) -> None:
    composite = marked.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    marked.ui.evidenceCheckBox.click()
    assert composite.GetForegroundVolumeID() is not None
    marked.click_in_view((-45.0, 5.0, 30.0))
    marked.wait()
    assert "no result" in marked.ui.resultTitle.text
    assert composite.GetForegroundVolumeID() is None


def test_of_a_refused_answer_the_card_shows_reasons_only(marked: Panel) -> None:
    """A class and a size that must not reach a report are not shown beside the warning either."""
    reason = Notice("too_large", "The mass is too large for this model.", "refused")
    result = replace(marked.session.nodule.result, verdict="refused", notices=(reason,))
    assert result.class_probabilities
    marked.scan.store(result)
    marked.widget.refresh()
    ui, cells = marked.ui, marked.cells(0)
    assert ui.resultTitle.text == "<b>Nodule 1: no result</b>"
    assert reason.message in ui.verdictLabel.text
    for hidden in (ui.classFrame, ui.measurementsTable, ui.uncertaintyLabel, ui.guidelineLabel):
        assert hidden.isHidden()
    assert "Predicted" not in ui.reportEdit.toPlainText()
    assert cells[1:] == ["–"] * 5 + ["refused"]


def test_the_evidence_map_of_one_ct_does_not_stay_over_another(slicer: Any, marked: Panel) -> None:
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    marked.ui.evidenceCheckBox.click()
    marked.ui.inputSelector.setCurrentNode(add_ct(slicer, "Other"))
    assert composite.GetForegroundVolumeID() is None
    assert marked.ui.evidenceCheckBox.checked  # the next nodule shows its own


def test_an_evidence_map_that_cannot_be_placed_is_said(
    slicer: Any, marked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from densesharp_scene.errors import SceneError

    def refuse(nodule_id: str | None) -> None:
        if nodule_id is not None:
            raise SceneError("The CT lies under a bending transform.")

    monkeypatch.setattr(marked.scan, "show_evidence", refuse)
    marked.ui.evidenceCheckBox.click()
    marked.widget.inputs.refresh()
    assert "bending" in marked.ui.statusLabel.text


def test_keys_without_a_nodule_do_nothing(panel: Panel, ct: Any) -> None:
    panel.widget.review.onAccept()
    panel.widget.review.onEdit()
    panel.widget.review.onUpdate()
    panel.widget.nodules.onUndo()
    panel.widget.nodules.onDelete()
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.widget.nodules.onUndo()
    assert panel.ui.nodulesTable.rowCount == 0


def test_an_empty_name_changes_nothing(marked: Panel) -> None:
    marked.ui.nodulesTable.item(0, 0).setText("  ")
    assert marked.session.nodule.name == "Nodule 1"


def test_a_deleted_point_does_not_take_its_nodule_along(marked: Panel) -> None:
    """Points can be deleted in the Markups module; the nodule is analysed where it was."""
    marked.scan.seeds_node.RemoveAllControlPoints()
    marked.session.answers.analyse(marked.scan, "nodule_001")
    marked.widget._timer.start()
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 1
    assert np.allclose(marked.session.nodule.result.seed.ras, BALLS[0])


def test_an_outline_outside_the_ct_counts_as_empty(marked: Panel) -> None:
    from densesharp_scene.segments import trim_mask

    mask, grid = marked.scan.mask_of("nodule_001"), marked.scan.volume().grid
    outside = type(mask)(mask.array, (500, 500, 500), mask.grid)
    assert trim_mask(outside, grid) is None
    corner = np.zeros((2, 2, 2), np.uint8)
    corner[0, 0, 0] = 1  # the one voxel lies outside, the rest of its box inside
    around = type(mask)(corner, (-1, -1, -1), grid.crop((-1, -1, -1), (2, 2, 2)))
    assert trim_mask(around, grid) is None


def test_volumes_that_lack_something_are_refused(slicer: Any, panel: Panel) -> None:
    from densesharp.errors import DenseSharpError
    from densesharp_scene.geometry import check_volume, grid_of

    flat = add_ct(slicer, "Flat")
    flat.SetIJKToRASMatrix(slicer.vtkMRMLSliceNode().GetSliceToRAS())
    matrix = slicer.vtkMRMLSliceNode().GetSliceToRAS()
    for row in range(4):
        matrix.SetElement(row, 2, 0.0)
    flat.SetIJKToRASMatrix(matrix)
    if not np.allclose(flat.GetSpacing(), 1):
        with pytest.raises(DenseSharpError, match="no usable spacing"):
            grid_of(flat)
    loose = slicer.vtkMRMLScalarVolumeNode()
    check_volume(loose)  # belongs to no scene, so it is no frame of a sequence


def test_slicer_5_10_has_no_packaging(slicer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from DenseSharpSlicerLib import packages

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert packages._slicer_packaging() is None


def test_packages_without_metadata_are_not_pinned(
    slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from DenseSharpSlicerLib import packages

    monkeypatch.setattr(packages, "KEPT", ("numpy", "no-such-package"))
    path = packages._write_constraints()
    assert path.read_text(encoding="utf-8") == f"numpy=={np.__version__}\n"
    path.unlink()


def test_without_the_core_no_sample_is_offered(
    slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import ModuleType

    from DenseSharpSlicerLib import sample

    monkeypatch.setitem(sys.modules, "SampleData", ModuleType("SampleData"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    sample.register()  # would fail on the empty SampleData module


def test_a_source_folder_finds_the_core_beside_it(
    slicer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import DenseSharpSlicerLib

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    DenseSharpSlicerLib.find_packages()
    added = [Path(folder) for folder in sys.path[-2:]]
    assert added == [ROOT / "DenseSharpCore", ROOT / "DenseSharpScene"]


def test_a_failed_self_test_says_what_failed(slicer: Any) -> None:
    from DenseSharpSlicerLib import selftest

    with pytest.raises(AssertionError, match="the reason"):
        selftest.check(False, "the reason")


def test_a_refusal_of_the_worker_s_answer_is_shown(panel: Panel, ct: Any) -> None:
    class Refusing(ThresholdBackend):
        def analyse(self, *_details: Any) -> Any:
            raise SeedError("The click lies in bone.")

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.session.use(Refusing())
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.ui.statusLabel.text == "The click lies in bone."


def test_a_long_text_is_not_cut_off(panel: Panel) -> None:
    """Rows over the whole width of a form layout get a line too few; a grid gives them all."""
    panel.host.show()
    for name in ("statusLabel", "changeLabel", "decisionLabel", "verdictLabel"):
        label = getattr(panel.ui, name)
        label.text = "word " * 80
        label.visible = True
    panel.ui.resultCard.visible = True
    for _ in range(3):
        panel.slicer.app.processEvents()
        panel.host.resize(460, panel.host.layout().totalHeightForWidth(460))
    for name in ("statusLabel", "changeLabel", "decisionLabel", "verdictLabel"):
        label = getattr(panel.ui, name)
        assert label.height >= label.heightForWidth(label.width), name
    panel.host.hide()


def test_nothing_is_read_or_written_while_a_scene_is_opened(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    """Slicer draws its progress meanwhile, so timers and observers are called in between."""
    scene = slicer.mrmlScene
    composite = scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    scene.StartState(scene.ImportState)
    composite.SetBackgroundVolumeID(ct.GetID())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.session.watch._points.append(panel.scan)
    panel.widget.onTimer()
    assert panel.scan is None
    panel.session.watch._points.clear()
    scene.EndState(scene.ImportState)
    assert panel.scan.volume_node is ct


def test_the_table_fits_slicer_s_default_panel(panel: Any, ct: Any) -> None:
    """390 pixels, of which a scroll bar takes some: three whole rows, no text of a state cut."""
    import qt

    panel.ui.inputSelector.setCurrentNode(ct)
    for ras in (*BALLS, (-45.0, 5.0, 20.0)):
        panel.click_in_view(ras)
        panel.wait()
    panel.host.resize(390, 1400)
    panel.host.show()
    panel.widget.refresh()
    panel.slicer.app.processEvents()
    table = panel.ui.nodulesTable
    assert sum(table.columnWidth(n) for n in range(table.columnCount)) <= table.viewport().width
    metrics = qt.QFontMetrics(table.font)
    for row in range(table.rowCount):
        for column in range(1, table.columnCount):
            text = table.item(row, column).text()
            assert metrics.horizontalAdvance(text) < table.columnWidth(column), text
    rows = sum(table.rowHeight(n) for n in range(3))
    assert table.viewport().height >= rows
    panel.host.hide()


def test_the_axes_are_drawn_and_a_drag_measures_anew(marked: Panel) -> None:
    from densesharp_scene import measured_axes

    measured = marked.session.nodule.result.measurements
    assert marked.ui.axesCheckBox.text == "Axes"
    marked.ui.axesCheckBox.click()
    marked.wait()
    words = f"Axes {measured.long_axis_mm:.1f} x {measured.short_axis_mm:.1f} mm"
    assert marked.ui.axesCheckBox.text == words
    line = measured_axes.lines_of(marked.scan)[0]
    point = [0.0, 0.0, 0.0]
    line.GetNthControlPointPositionWorld(0, point)
    line.SetNthControlPointPositionWorld(0, point[0], point[1], point[2] + 30)
    assert marked.ui.axesCheckBox.text.endswith("(yours)")
    length = measured_axes.lengths(marked.scan).long_mm
    assert f"Axes {length:.1f} x" in marked.ui.axesCheckBox.text
    assert length > 30
    marked.widget.refresh()
    assert marked.ui.axesCheckBox.text.endswith("(yours)")
    marked.ui.axesCheckBox.click()
    assert not line.GetDisplayNode().GetVisibility()
    assert marked.ui.axesCheckBox.text == "Axes"


def test_a_label_map_made_elsewhere_becomes_nodules(slicer: Any, panel: Panel, ct: Any) -> None:
    """Measured, classified, named after its label; the source stands in the notices."""
    panel.ui.inputSelector.setCurrentNode(ct)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "TotalSegmentator")
    labels.CopyOrientation(ct)
    voxels = np.zeros_like(slicer.util.arrayFromVolume(ct), dtype=np.int16)
    k, j, i = np.indices(voxels.shape)
    matrix = vtk.vtkMatrix4x4()
    ct.GetRASToIJKMatrix(matrix)
    for label, ball, radius in ((1, BALLS[0], 4.0), (5, BALLS[1], 6.0)):
        x, y, z, _ = matrix.MultiplyPoint((*ball, 1.0))
        voxels[(i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2 <= radius**2] = label
    slicer.util.updateVolumeFromArray(labels, voxels)
    panel.ui.adoptSelector.setCurrentNode(labels)
    panel.ui.adoptButton.click()
    panel.wait()
    assert [nodule.name for nodule in panel.session.nodules] == ["Label 1", "Label 5"]
    for nodule, label in zip(panel.session.nodules, (1, 5), strict=True):
        volume = nodule.result.measurements.volume_mm3
        assert volume == pytest.approx((voxels == label).sum(), rel=1e-6)
        notices = {notice.code: notice.message for notice in nodule.result.notices}
        assert f"TotalSegmentator, Label {label}" in notices["outline_made_elsewhere"]
        assert panel.session.outdated(nodule) is None
    own = panel.scan.segmentation_node.GetID()
    assert own in panel.ui.adoptSelector.sortFilterProxyModel().hiddenNodeIDs
    panel.ui.adoptSelector.setCurrentNode(None)
    panel.ui.adoptButton.click()
    assert "No segmentation" in panel.ui.statusLabel.text


def test_a_click_in_a_view_of_another_ct_marks_a_nodule_there(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    """Two CTs side by side stay so: the place of the point tells which one is meant."""
    other = add_ct(slicer, "earlier")
    panel.ui.inputSelector.setCurrentNode(ct)
    red, yellow, green = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite, node in ((red, ct), (green, ct), (yellow, other)):
        composite.SetBackgroundVolumeID(node.GetID())
    panel.ui.placeButton.click()
    assert yellow.GetBackgroundVolumeID() == other.GetID()
    seeds = panel.session.seeds_node()
    index = seeds.AddControlPointWorld(vtk.vtkVector3d(*BALLS[1]))
    seeds.SetNthControlPointAssociatedNodeID(index, other.GetID())
    panel.wait()
    panel.ui.placeButton.click()
    assert panel.ui.inputSelector.currentNode() is ct
    assert panel.session.nodules == ()
    (nodule,) = panel.session.scan_of(other).nodules
    np.testing.assert_allclose(np.array(nodule.result.center_lps) * (-1, -1, 1), BALLS[1], atol=0.8)
    assert yellow.GetBackgroundVolumeID() == other.GetID()
    assert panel.session.seeds_node() is seeds


def test_a_bent_ct_is_used_as_a_straight_copy(slicer: Any, panel: Panel, ct: Any) -> None:
    """Where a transform bends the CT too much, one button makes the copy and goes on with it."""
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.array(np.meshgrid(*[(-90.0, 0.0)] * 2, (0.0, 80.0))).reshape(3, 8).T:
        source.InsertNextPoint(*corner)
        target.InsertNextPoint(*(corner + (3.0 if corner.sum() > -20 else 0.0, 0.0, 0.0)))
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "bend")
    transform.SetAndObserveTransformToParent(spline)
    panel.ui.inputSelector.setCurrentNode(ct)
    assert panel.ui.straightButton.isHidden()
    ct.SetAndObserveTransformNodeID(transform.GetID())
    panel.widget.refresh()
    assert not panel.ui.straightButton.isHidden()
    panel.ui.straightButton.click()
    copy = panel.ui.inputSelector.currentNode()
    assert copy is not ct
    assert panel.ui.straightButton.isHidden()
    shown = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {each.GetBackgroundVolumeID() for each in shown} == {copy.GetID()}
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.session.nodule.result.measurements is not None


def test_a_setup_that_failed_half_way_can_be_cleaned_up(
    slicer: Any, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer calls `cleanup` also then; it must not raise, and no observer may stay."""
    code = sys.modules["DenseSharpSlicer"]
    for name in ("_makeSections", "_observeScene"):
        host = module.widgetRepresentation()
        widget = code.DenseSharpSlicerWidget(host)

        def fail(_self: Any, *_details: Any) -> None:
            message = "half way"
            raise RuntimeError(message)

        with monkeypatch.context() as patched:
            patched.setattr(code.DenseSharpSlicerWidget, name, fail)
            with pytest.raises(RuntimeError, match="half way"):
                widget.setup()
        widget.cleanup()
        assert not list(widget.Observations)
    module.widgetRepresentation().self().cleanup()


def test_the_decision_lies_beside_the_table(marked: Panel) -> None:
    """In sight without scrolling on a screen of 768 pixels, of which Slicer's own bars take 200."""
    import qt

    marked.host.resize(390, 1400)
    marked.host.show()
    marked.widget.refresh()
    marked.slicer.app.processEvents()
    for name in ("acceptButton", "rejectButton", "copyButton"):
        button = getattr(marked.ui, name)
        bottom = button.mapTo(marked.host, qt.QPoint(0, 0)).y() + button.height
        assert bottom < 768 - 200, (name, bottom)
    marked.host.hide()
    marked.ui.deleteButton.click()
    marked.wait()
    assert not marked.ui.copyButton.enabled


def test_an_earlier_ct_is_shown_beside(slicer: Any, marked: Panel, ct: Any) -> None:
    other = add_ct(slicer, "earlier")
    assert not marked.ui.besideButton.enabled
    marked.ui.priorSelector.setCurrentNode(other)
    assert marked.ui.besideButton.enabled
    layouts: list[int] = []
    manager = type("LayoutManager", (), {"setLayout": lambda _self, n: layouts.append(n)})()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(slicer.app), "layoutManager", lambda _app: manager)
        marked.ui.besideButton.click()
    assert layouts == [slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView]
    shown = {
        each.GetLayoutName(): each.GetBackgroundVolumeID()
        for each in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    assert (shown["Red"], shown["Yellow"]) == (ct.GetID(), other.GetID())
    assert marked.ui.inputSelector.currentNode() is ct
    marked.ui.nodulesTable.cellClicked.emit(0, 0)  # the earlier CT knows no nodule: views stay
    marked.wait()


def test_an_outline_is_corrected_without_leaving(slicer: Any, marked: Panel, ct: Any) -> None:
    """Slicer's own widget, for the selected nodule, with a node of its own; it ends with us."""
    ui = marked.ui
    assert not ui.hereButton.isHidden()
    assert ui.editorFrame.isHidden()
    ui.hereButton.click()
    editor = marked.widget.correction._editor
    assert not ui.editorFrame.isHidden()
    assert editor.watching
    assert editor.told["setSegmentationNode"] is marked.scan.segmentation_node
    assert editor.told["setSourceVolumeNode"] is ct
    assert editor.told["setCurrentSegmentID"] == marked.session.nodule.segment_id
    node = editor.told["setMRMLSegmentEditorNode"]
    assert node.GetSingletonTag() == "DenseSharp"
    assert not editor.segmentationNodeSelectorVisible
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert editor.told["setCurrentSegmentID"] == marked.session.nodule.segment_id
    marked.host.exit()
    assert not editor.watching
    assert ui.editorFrame.isHidden()
    assert not ui.hereButton.checked
    marked.host.enter()
    ui.hereButton.click()
    assert editor is marked.widget.correction._editor
    assert editor.watching
    for _ in range(2):
        ui.deleteButton.click()
        marked.wait()
    assert not editor.watching
    assert not ui.hereButton.enabled
