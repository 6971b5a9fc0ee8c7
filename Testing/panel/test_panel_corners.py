"""Rare ways through the panel's code; with the other tests they run every line of it."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_driver import BALLS, ROOT, Panel, ThresholdBackend, add_ct

from densesharp.errors import SeedError
from densesharp.image.volume import Notice

pytestmark = pytest.mark.panel


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
