"""The radiologist's path through the panel: open, mark, see, correct, accept, save, reopen."""

from typing import Any

import numpy as np
import pytest
from panel_driver import BALLS, Panel, add_ct

from densesharp.report.labels import deviation_words, percent_words

pytestmark = pytest.mark.panel


def test_the_volume_in_the_views_is_taken_when_the_module_opens(
    slicer: Any, module: Any, ct: Any
) -> None:
    other = add_ct(slicer, "Other")
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(other.GetID())
    panel = Panel(slicer, module)
    panel.host.enter()
    assert panel.ui.inputSelector.currentNode() is other
    panel.wait()
    panel.widget.cleanup()


def test_without_a_ct_nothing_can_be_marked_and_the_panel_says_what_to_do(panel: Panel) -> None:
    assert not panel.ui.placeButton.enabled
    assert "Sample CT" in panel.ui.statusLabel.text
    assert panel.ui.resultCard.isHidden()


def test_the_place_button_puts_the_views_into_place_mode_and_back(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    selection = panel.slicer.app.applicationLogic().GetSelectionNode()
    interaction = panel.slicer.app.applicationLogic().GetInteractionNode()
    panel.ui.placeButton.click()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    assert selection.GetActivePlaceNodeID() == panel.scan.seeds_node.GetID()
    panel.ui.placeButton.click()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert not panel.ui.placeButton.checked


def test_leaving_place_mode_in_the_views_releases_the_button(panel: Panel, ct: Any) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    panel.slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
    assert not panel.ui.placeButton.checked


def test_a_click_gives_outline_surface_class_and_measurements(marked: Panel, ct: Any) -> None:
    nodule = marked.session.nodule
    measured = nodule.result.measurements
    assert measured.volume_mm3 == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.15)
    assert np.allclose(nodule.result.center_lps, [60, -20, 40], atol=0.5)
    segmentation = marked.scan.segmentation_node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 1
    assert segmentation.ContainsRepresentation("Closed surface")
    assert marked.ui.statusLabel.text == "Done."
    row = marked.cells(0)
    assert row[0] == "Nodule 1"
    assert row[1] == nodule.result.predicted_class
    assert row[4] == f"{measured.volume_mm3:.0f}"
    assert marked.ui.nodulesTable.currentRow() == 0


def test_the_card_shows_what_the_result_says(marked: Panel) -> None:
    marked.ui.stabilityCheckBox.checked = True
    marked.click_in_view(BALLS[1])
    marked.wait()
    result, ui = marked.session.nodule.result, marked.ui
    bars = [ui.classBar0.value, ui.classBar1.value, ui.classBar2.value]
    assert bars == [round(100 * p) for p in result.class_probabilities.values()]
    assert result.predicted_class in ui.resultTitle.text
    assert ui.invasiveBar.value == round(100 * result.probability_invasive)
    assert ui.trainingLabel.text == f"The model was trained on {result.trained_on}."
    spread = deviation_words(100 * result.uncertainty.sd_invasive)
    assert ui.invasiveBar.format == f"{percent_words(result.probability_invasive)} {spread}"
    shown = {
        ui.measurementsTable.item(row, 0).text(): ui.measurementsTable.item(row, 1).text()
        for row in range(ui.measurementsTable.rowCount)
    }
    assert shown["Volume"].startswith(f"{result.measurements.volume_mm3:.0f} ± ")
    assert shown["Mean diameter, Fleischner"] == f"{result.measurements.fleischner_mean_mm} mm"
    assert "Fleischner 2017" in ui.guidelineLabel.text
    assert "moved by" in ui.stabilityLabel.text
    assert "runs" in ui.uncertaintyLabel.text
    assert ui.reportEdit.toPlainText()


def test_the_threshold_changes_the_calls_and_no_probability(marked: Panel) -> None:
    probability = marked.session.nodule.result.probability_invasive
    marked.ui.thresholdSlider.value = max(probability - 0.05, 0.0)
    assert marked.ui.invasiveCall.text == "yes"
    marked.ui.thresholdSlider.value = min(probability + 0.05, 1.0)
    assert marked.ui.invasiveCall.text == "no"
    assert marked.widget._parameterNode.decisionThreshold == pytest.approx(
        min(probability + 0.05, 1.0)
    )
    assert marked.session.nodule.result.probability_invasive == probability


def test_a_second_click_adds_a_nodule_and_selection_jumps_to_it(marked: Panel) -> None:
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 2
    assert marked.session.nodule.name == "Nodule 2"
    marked.ui.previousButton.click()
    assert marked.session.nodule.name == "Nodule 1"
    red = marked.slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    assert red.GetSliceOffset() == pytest.approx(BALLS[0][2], abs=1)
    marked.ui.nodulesTable.selectRow(1)
    assert marked.session.nodule.name == "Nodule 2"
    marked.ui.nextButton.click()
    assert marked.session.nodule.name == "Nodule 1"


def test_the_name_is_edited_in_the_table(marked: Panel) -> None:
    marked.ui.nodulesTable.item(0, 0).setText("Left upper lobe")
    assert marked.session.nodule.name == "Left upper lobe"
    segment_id = marked.session.nodule.segment_id
    segmentation = marked.scan.segmentation_node.GetSegmentation()
    assert segmentation.GetSegment(segment_id).GetName() == "Left upper lobe"


def test_delete_and_undo(marked: Panel) -> None:
    marked.ui.deleteButton.click()
    assert marked.ui.nodulesTable.rowCount == 0
    assert marked.ui.resultCard.isHidden()
    marked.ui.undoButton.click()
    assert marked.ui.nodulesTable.rowCount == 1
    assert marked.session.nodule.name == "Nodule 1"


def test_dragging_the_point_analyses_again(marked: Panel) -> None:
    seeds = marked.scan.seeds_node
    seeds.SetNthControlPointPositionWorld(0, *BALLS[1])
    seeds.InvokeEvent(seeds.PointEndInteractionEvent)
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 1
    assert np.allclose(marked.session.nodule.result.center_lps, [30, 10, 55], atol=0.5)


def test_a_click_beside_the_lung_is_refused_with_a_sentence_and_leaves_nothing(
    panel: Panel, ct: Any
) -> None:
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view((500.0, 0.0, 0.0))
    panel.wait()
    assert "outside the CT" in panel.ui.statusLabel.text
    assert panel.ui.nodulesTable.rowCount == 0
    assert panel.scan.seeds_node.GetNumberOfControlPoints() == 0


def correct(panel: Panel, shift: int = 2) -> None:
    """Paint in Segment Editor's manner: change the segment's voxels in place."""
    segmentation = panel.scan.segmentation_node.GetSegmentation()
    segment = segmentation.GetSegment(panel.session.nodule.segment_id)
    image = segment.GetRepresentation("Binary labelmap")
    from vtk.util.numpy_support import vtk_to_numpy

    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    shape = image.GetDimensions()[::-1]
    voxels.reshape(shape)[: shape[0] // 2] = 0
    image.Modified()
    segment.Modified()
    segmentation.InvokeEvent(panel.slicer.vtkSegmentation.SourceRepresentationModified)


def test_a_corrected_outline_is_measured_and_classified_again(marked: Panel) -> None:
    before = marked.session.nodule.result.measurements.volume_mm3
    correct(marked)
    marked.wait()
    nodule = marked.session.nodule
    assert nodule.edited
    assert nodule.result.measurements.volume_mm3 < 0.7 * before
    assert marked.ui.outdatedLabel.isHidden()
    assert marked.cells(0)[4] == f"{nodule.result.measurements.volume_mm3:.0f}"


def test_without_automatic_update_the_result_is_marked_outdated_until_asked_for(
    marked: Panel,
) -> None:
    marked.ui.autoUpdateCheckBox.checked = False
    before = marked.session.nodule.result.measurements.volume_mm3
    correct(marked)
    marked.wait()
    assert "changed" in marked.ui.outdatedLabel.text
    assert marked.cells(0)[-1] == "outdated"
    assert marked.session.nodule.result.measurements.volume_mm3 == before
    marked.ui.updateButton.click()
    marked.wait()
    assert marked.session.nodule.result.measurements.volume_mm3 < 0.7 * before
    assert marked.ui.outdatedLabel.isHidden()


def test_decisions_are_kept_with_the_reader(marked: Panel) -> None:
    marked.ui.readerEdit.text = "AB"
    marked.ui.acceptButton.click()
    assert marked.cells(0)[-1] == "accepted"
    assert marked.session.nodule.review.reader == "AB"
    assert "Accepted by AB" in marked.ui.decisionLabel.text
    marked.ui.rejectButton.click()
    assert marked.cells(0)[-1] == "rejected"
    marked.ui.reopenButton.click()
    assert marked.session.nodule.review.decision == "open"


def test_the_evidence_map_is_shown_over_the_ct_and_taken_away(marked: Panel) -> None:
    composite = marked.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    marked.ui.evidenceCheckBox.click()
    assert composite.GetForegroundVolumeID() is not None
    marked.ui.evidenceCheckBox.click()
    assert composite.GetForegroundVolumeID() is None


def test_an_earlier_ct_shows_the_change(slicer: Any, marked: Panel) -> None:
    earlier = add_ct(slicer, "Earlier", radii=(4.0, 7.0))
    marked.ui.priorSelector.setCurrentNode(earlier)
    assert "not marked in the earlier CT" in marked.ui.changeLabel.text
    now = marked.ui.inputSelector.currentNode()
    marked.ui.inputSelector.setCurrentNode(earlier)
    marked.click_in_view(BALLS[0])
    marked.wait()
    marked.ui.inputSelector.setCurrentNode(now)
    assert "Compared with Nodule 1 of the earlier CT. Growth" in marked.ui.changeLabel.text
    old, new = (
        marked.session.scan_of(node).nodules[0].result.measurements.volume_mm3
        for node in (earlier, now)
    )
    assert f"volume {old:.0f} to {new:.0f} mm³" in marked.ui.changeLabel.text
    marked.ui.daysSpinBox.value = 90
    days = 90 * np.log(2) / np.log(new / old)
    assert f"Volume doubling time {days:.0f} days" in marked.ui.changeLabel.text


def test_three_dates_give_a_chart_and_one_tracking_uid(
    slicer: Any, marked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = marked.ui.inputSelector.currentNode()
    assert marked.ui.chartLabel.isHidden()
    for name, radius in (("Last year", 5.0), ("Before", 4.0)):
        other = add_ct(slicer, name, radii=(radius, 7.0))
        marked.ui.inputSelector.setCurrentNode(other)
        marked.click_in_view(BALLS[0])
        marked.wait()
    marked.ui.inputSelector.setCurrentNode(now)
    last, before = (slicer.util.getNode(name) for name in ("Last year", "Before"))
    marked.ui.priorSelector.setCurrentNode(before)
    marked.ui.daysSpinBox.value = 600
    assert not marked.ui.chartLabel.isHidden()
    assert not marked.ui.chartLabel.pixmap.isNull()
    marked.ui.priorSelector.setCurrentNode(last)
    assert marked.ui.daysSpinBox.value == 0  # nobody has told it yet
    marked.ui.daysSpinBox.value = 365
    volumes = [
        marked.session.scan_of(node).nodules[0].result.measurements.volume_mm3
        for node in (before, last, now)
    ]
    told = ", ".join(f"{volume:.0f}" for volume in volumes)
    assert f"3 CTs over 600 days: {told} mm³" in marked.ui.changeLabel.text
    marked.ui.priorSelector.setCurrentNode(before)
    assert marked.ui.daysSpinBox.value == 600  # kept with the CT

    written: list[Any] = []
    export = marked.session.export
    monkeypatch.setattr(export, "dicom", lambda *_: written.append(marked.scan.nodules))
    for prior in (last, before):
        marked.ui.priorSelector.setCurrentNode(prior)
        marked.widget.export._dicom("folder", "source")
    scans = [marked.session.scan_of(node) for node in (before, last, now)]
    assert len({scan.nodules[0].tracking_uid for scan in scans}) == 1
    assert written[-1][0].tracking_uid == scans[0].nodules[0].tracking_uid


def test_the_nodule_is_found_in_an_earlier_ct_of_another_position(
    slicer: Any, marked: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration has tests of its own; here its answer is given."""
    from densesharp.nodule.followup.registration import Match

    moved = add_ct(slicer, "Moved", radii=(4.0, 7.0))
    shift = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (40, 0, -25)
    slicer.util.updateTransformMatrixFromArray(shift, matrix)
    moved.SetAndObserveTransformNodeID(shift.GetID())
    place = np.array(BALLS[0]) + (40, 0, -25)
    answer = Match((-place[0], -place[1], place[2]), 0.0, 0.95)
    monkeypatch.setattr("densesharp.nodule.followup.registration.find_again", lambda *_: answer)
    marked.ui.priorSelector.setCurrentNode(moved)
    assert "not marked" in marked.ui.changeLabel.text
    marked.ui.findPriorButton.click()
    marked.wait()
    assert "Compared with Nodule 1 of the earlier CT. Growth" in marked.ui.changeLabel.text
    assert marked.scan.volume_node is not moved
    assert len(marked.session.scan_of(moved).nodules) == 1
    matrix[0, 3] = 3.0
    slicer.util.updateTransformMatrixFromArray(shift, matrix)
    now = marked.ui.inputSelector.currentNode()
    now.SetAndObserveTransformNodeID(shift.GetID())
    marked.wait()
    marked.ui.findPriorButton.click()
    assert "The CT was moved" in marked.ui.statusLabel.text
    now.SetAndObserveTransformNodeID(None)
    marked.wait()
    unlike = Match((0.0, 0.0, 0.0), 0.0, 0.1)
    monkeypatch.setattr("densesharp.nodule.followup.registration.find_again", lambda *_: unlike)
    marked.ui.findPriorButton.click()
    marked.wait()
    assert "was not found in the earlier CT" in marked.ui.statusLabel.text


def test_save_and_reopen_brings_everything_back(slicer: Any, marked: Panel, tmp_path: Any) -> None:
    marked.ui.readerEdit.text = "CD"
    marked.ui.acceptButton.click()
    marked.ui.evidenceCheckBox.click()
    row, title = marked.cells(0), marked.ui.resultTitle.text
    path = str(tmp_path / "scene.mrb")
    kinds = ("Segmentation", "MarkupsFiducial", "Table", "Text", "ScriptedModule", "ColorTable")
    count = slicer.mrmlScene.GetNumberOfNodesByClass
    before = [count(f"vtkMRML{kind}Node") for kind in kinds]
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(0)
    marked.wait()
    assert marked.ui.nodulesTable.rowCount == 0
    slicer.mrmlScene.SetURL(path)
    assert slicer.mrmlScene.ReadFromMRB(path)
    marked.wait()
    assert marked.cells(0) == row
    assert [count(f"vtkMRML{kind}Node") for kind in kinds] == before
    assert marked.ui.resultTitle.text == title
    assert marked.session.nodule.review.reader == "CD"
    assert marked.scan.outdated("nodule_001") is None
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert composite.GetForegroundVolumeID() is not None
    marked.ui.evidenceCheckBox.click()
    assert composite.GetForegroundVolumeID() is None


def test_the_panel_follows_the_views_and_the_views_the_panel(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    other = add_ct(slicer, "Other")
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(ct.GetID())
    assert panel.ui.inputSelector.currentNode() is ct
    panel.ui.placeButton.click()
    composite.SetBackgroundVolumeID(other.GetID())
    assert panel.scan.volume_node is other
    assert not panel.ui.placeButton.checked  # or the next click would go to the former CT's list
    panel.ui.inputSelector.setCurrentNode(ct)
    assert composite.GetBackgroundVolumeID() == ct.GetID()
    panel.host.exit()
    composite.SetBackgroundVolumeID(other.GetID())
    assert panel.scan.volume_node is ct
    panel.host.enter()
    assert panel.scan.volume_node is other


def test_marking_leaves_two_cts_side_by_side(slicer: Any, panel: Panel, ct: Any) -> None:
    """A click tells which view it was in; only where no view shows the CT, all do."""
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    panel.ui.inputSelector.setCurrentNode(ct)
    assert {view.GetBackgroundVolumeID() for view in views} == {None}
    panel.ui.placeButton.click()
    assert {view.GetBackgroundVolumeID() for view in views} == {ct.GetID()}
    panel.ui.placeButton.click()
    other = add_ct(slicer, "Other")
    views[-1].SetBackgroundVolumeID(other.GetID())
    assert panel.scan.volume_node is ct
    panel.ui.placeButton.click()
    assert {view.GetBackgroundVolumeID() for view in views} == {ct.GetID(), other.GetID()}


def test_the_views_go_to_a_new_answer_but_not_to_a_correction(marked: Panel) -> None:
    red = marked.slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    camera = marked.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCameraNode")
    red.SetSliceOffset(0)
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert red.GetSliceOffset() == pytest.approx(BALLS[1][2], abs=1)
    assert camera.GetFocalPoint() == pytest.approx(BALLS[1], abs=1)
    assert np.linalg.norm(np.subtract(camera.GetPosition(), BALLS[1])) < 125
    red.SetSliceOffset(0)
    correct(marked)
    marked.wait()
    assert marked.session.nodule.edited
    assert red.GetSliceOffset() == 0


def test_a_picture_moves_only_where_the_nodule_would_not_be_seen(marked: Panel) -> None:
    from densesharp_scene.views import jump_to

    red, yellow = (
        marked.slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode")
        for name in ("Red", "Yellow")
    )
    for view in (red, yellow):
        view.SetFieldOfView(60, 60, 1)
        view.JumpSliceByCentering(*BALLS[0])
    red.JumpSliceByCentering(-50, 10, 0)
    before = red.GetXYZOrigin(), red.GetSliceToRAS().GetElement(0, 3)
    yellow.JumpSliceByCentering(0, 200, 200)
    jump_to(marked.slicer.mrmlScene, BALLS[0], centered=False)
    assert red.GetSliceOffset() == pytest.approx(BALLS[0][2])
    assert (red.GetXYZOrigin(), red.GetSliceToRAS().GetElement(0, 3)) == before
    matrix = yellow.GetSliceToRAS()
    middle = [matrix.GetElement(row, 3) for row in range(3)]
    assert middle == pytest.approx(BALLS[0], abs=0.5)


def test_a_click_on_the_selected_row_brings_the_views_back(marked: Panel) -> None:
    red = marked.slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    red.SetSliceOffset(0)
    marked.ui.nodulesTable.cellClicked.emit(0, 2)
    assert red.GetSliceOffset() == pytest.approx(BALLS[0][2], abs=1)


def test_a_name_that_is_being_typed_survives_an_answer(marked: Panel) -> None:
    table = marked.ui.nodulesTable
    before = table.item(0, 0)
    table.editItem(before)
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert table.rowCount == 2
    assert table.item(0, 0) is before


def test_a_correction_keeps_the_voxels_and_renews_the_mesh(marked: Panel) -> None:
    """Segment Editor's steps of undo end when another image is put under it."""
    segmentation = marked.scan.segmentation_node.GetSegmentation()
    segment = segmentation.GetSegment(marked.session.nodule.segment_id)
    image = segment.GetRepresentation("Binary labelmap")
    full = segment.GetRepresentation("Closed surface").GetBounds()
    correct(marked)
    marked.wait()
    assert segment.GetRepresentation("Binary labelmap") is image
    half = segment.GetRepresentation("Closed surface").GetBounds()
    assert half[5] - half[4] < 0.7 * (full[5] - full[4])


def test_place_mode_of_another_module_is_not_ours(slicer: Any, panel: Panel, ct: Any) -> None:
    from DenseSharpSlicerLib import placing

    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    assert panel.ui.placeButton.checked
    line = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode")
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(line)
    logic.StartPlaceMode(False)
    assert not panel.ui.placeButton.checked
    panel.host.exit()
    interaction = placing.interaction_node()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    interaction.SwitchToViewTransformMode()


def test_an_evidence_map_is_no_ct(slicer: Any, marked: Panel) -> None:
    marked.ui.evidenceCheckBox.click()
    evidence = marked.scan.record_node.GetNodeReference("evidence")
    assert marked.widget.logic.shownVolume() is marked.scan.volume_node
    marked.ui.inputSelector.setCurrentNode(evidence)
    assert "evidence map" in marked.ui.statusLabel.text
    assert not marked.ui.placeButton.enabled


def test_the_stability_light_has_its_colour(marked: Panel) -> None:
    from densesharp.nodule.records import Stability
    from densesharp.report.labels import LIGHT_TONES
    from DenseSharpSlicerLib import card

    marked.ui.stabilityCheckBox.checked = True
    marked.click_in_view(BALLS[1])
    marked.wait()
    found = marked.session.nodule.result.stability
    assert isinstance(found, Stability)
    assert card.TONE_COLOURS[LIGHT_TONES[found.light]] in marked.ui.stabilityLabel.text


def test_another_overlay_stays_when_the_evidence_map_goes(slicer: Any, marked: Panel) -> None:
    pet = add_ct(slicer, "PET")
    marked.ui.evidenceCheckBox.click()
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    views[0].SetForegroundVolumeID(pet.GetID())
    marked.ui.evidenceCheckBox.click()
    assert views[0].GetForegroundVolumeID() == pet.GetID()
    assert views[1].GetForegroundVolumeID() is None
