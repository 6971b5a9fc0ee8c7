"""The nodules of one CT in a real MRML scene: writing, deciding, undoing, going wrong."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from vtk.util.numpy_support import vtk_to_numpy

from densesharp.nodule.records import Seed
from nodule_answers import answer, ball_mask, click, middle


def exported(scan, nodule_id):
    """The segment's voxels on the CT's grid, by Slicer's own export."""
    import slicer
    import vtk

    labels = scan.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    ids = vtk.vtkStringArray()
    ids.InsertNextValue(scan.nodule(nodule_id).segment_id)
    slicer.vtkSlicerSegmentationsModuleLogic.ExportSegmentsToLabelmapNode(
        scan.segmentation_node, ids, labels, scan.volume_node
    )
    image = labels.GetImageData()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def test_slicers_own_export_gives_back_every_voxel(ct_with_a_nodule):
    """The voxels that were written are the voxels that come out, at the same place."""
    scan, nodule_id = ct_with_a_nodule
    expected = scan.nodule(nodule_id).result.mask.full(scan.volume().grid)
    np.testing.assert_array_equal(exported(scan, nodule_id) > 0, expected > 0)
    assert expected.sum() > 500


def test_only_the_box_is_written(ct_with_a_nodule):
    """The segment's image is as large as the nodule, the reference geometry as large as the CT."""
    scan, nodule_id = ct_with_a_nodule
    segmentation = scan.segmentation_node.GetSegmentation()
    image = segmentation.GetSegment(scan.nodule(nodule_id).segment_id).GetRepresentation(
        "Binary labelmap"
    )
    assert image.GetNumberOfPoints() == scan.nodule(nodule_id).result.mask.array.size
    reference = segmentation.GetConversionParameter("Reference image geometry")
    assert "0;39;0;35;0;29;" in reference


def test_the_ct_is_one_object_until_something_of_it_changes(ct_with_a_nodule):
    """What the core finds out about a CT once must not outlive the CT's voxels and place."""
    import vtk

    scan, _ = ct_with_a_nodule
    volume, node = scan.volume(), scan.volume_node
    assert scan.volume() is volume
    vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())[0] += 1
    node.GetImageData().GetPointData().GetScalars().Modified()
    changed = scan.volume()
    assert changed is not volume
    node.SetOrigin(*(np.array(node.GetOrigin()) + 1))
    moved = scan.volume()
    assert moved is not changed
    transform = scan.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetAndObserveTransformNodeID(transform.GetID())
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 30.0)
    transform.SetMatrixTransformToParent(matrix)
    np.testing.assert_allclose(scan.volume().grid.origin - moved.grid.origin, [0, 0, 30])
    node.SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    assert scan.volume().series["sop_instance_uids"] == ("1.2", "1.3")


def test_segments_say_nodule_in_lung(ct_with_a_nodule):
    """SNOMED CT codes for exports: nodule 27925004, lung 39607008."""
    import vtk

    scan, nodule_id = ct_with_a_nodule
    segment = scan.segmentation_node.GetSegmentation().GetSegment(scan.nodule(nodule_id).segment_id)
    tag = vtk.reference("")
    assert segment.GetTag(segment.GetTerminologyEntryTagName(), tag)
    assert "27925004^Nodule" in str(tag)
    assert "39607008^Lung" in str(tag)


def test_the_surface_is_there_and_follows_every_update(ct_with_a_nodule):
    """A larger mask gives a larger surface; other nodules keep theirs."""
    import vtk

    scan, nodule_id = ct_with_a_nodule
    other = click(scan, middle(scan) + (0, 0, 12), 3.0)

    def surface_volume(which):
        segment = scan.segmentation_node.GetSegmentation().GetSegment(scan.nodule(which).segment_id)
        properties = vtk.vtkMassProperties()
        properties.SetInputData(segment.GetRepresentation("Closed surface"))
        return properties.GetVolume()

    before, other_before = surface_volume(nodule_id), surface_volume(other)
    voxels = scan.nodule(nodule_id).result.measurements.volume_mm3
    assert before == pytest.approx(voxels, rel=0.08)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 7.0))
    assert surface_volume(nodule_id) > 2 * before
    assert surface_volume(other) == pytest.approx(other_before)


def test_everything_lies_under_the_transform_of_the_ct(scene, make_ct):
    """Seed, segment and evidence are where the views show the CT."""
    from densesharp_scene import ScanNodules
    from densesharp_scene.geometry import array_to_matrix

    node = make_ct()
    turn = np.array([[0, -1, 0, 30], [1, 0, 0, -20], [0, 0, 1, 5], [0, 0, 0, 1]], float)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(array_to_matrix(turn))
    node.SetAndObserveTransformNodeID(transform.GetID())
    scan = ScanNodules(node)
    ras = middle(scan)
    nodule_id = click(scan, ras)
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, ras, atol=1e-9)
    bounds = np.zeros(6)
    scan.segmentation_node.GetRASBounds(bounds)
    np.testing.assert_allclose((bounds[::2] + bounds[1::2]) / 2, ras, atol=1.3)
    np.testing.assert_array_equal(
        exported(scan, nodule_id) > 0,
        scan.nodule(nodule_id).result.mask.full(scan.volume().grid) > 0,
    )
    assert scan.show_evidence(nodule_id)
    evidence = scan.record_node.GetNodeReference("evidence")
    evidence.GetRASBounds(bounds)
    np.testing.assert_allclose((bounds[::2] + bounds[1::2]) / 2, ras, atol=1.3)


def test_the_evidence_lies_where_its_patch_lies(ct_with_a_nodule):
    """Voxel (0, 0, 0) of the overlay is voxel (0, 0, 0) of the patch, also under a transform."""
    from densesharp_scene.geometry import grid_of

    scan, nodule_id = ct_with_a_nodule
    assert scan.show_evidence(nodule_id)
    grid = scan.nodule(nodule_id).result.prediction.patch.grid
    assert grid_of(scan.record_node.GetNodeReference("evidence")).same_as(grid)
    image = scan.record_node.GetNodeReference("evidence").GetImageData()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(32, 32, 32)
    np.testing.assert_array_equal(values, scan.nodule(nodule_id).result.prediction.evidence)


def test_a_result_without_prediction_has_no_evidence(ct_with_a_nodule):
    """A nodule read back from a file says so rather than showing an old map."""
    from dataclasses import replace

    scan, nodule_id = ct_with_a_nodule
    scan.store(replace(scan.nodule(nodule_id).result, prediction=None))
    assert not scan.show_evidence(nodule_id)


def test_a_dragged_seed_is_noticed(ct_with_a_nodule):
    """Moving the point by 3 mm lists the nodule; its new answer clears the list."""
    from densesharp_scene import seeds

    scan, nodule_id = ct_with_a_nodule
    assert scan.moved_seeds() == []
    target = middle(scan) + (3, 0, 0)
    seeds.move_seed(scan.seeds_node, scan.nodule(nodule_id).seed_id, target)
    assert scan.moved_seeds() == [nodule_id]
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id))
    assert scan.moved_seeds() == []
    np.testing.assert_allclose(scan.nodule(nodule_id).result.seed.ras, target, atol=1e-9)


def test_a_placed_point_is_new_until_it_is_claimed(ct_with_a_nodule):
    """A failed analysis uses no number up; one that was deleted is not used again."""
    scan, first = ct_with_a_nodule
    seed_id = scan.place(middle(scan) + (0, 0, 5))
    assert scan.new_seeds() == [seed_id]
    second = scan.claim(seed_id)
    assert scan.new_seeds() == []
    scan.drop(second)
    assert scan.new_seeds() == []
    assert scan.seeds_node.GetNumberOfControlPoints() == 1
    third = click(scan, middle(scan) + (0, 0, 6))
    scan.delete(third)
    assert [first, third, click(scan, middle(scan))] == [f"nodule_{n:03d}" for n in (1, 2, 3)]


def paint(scan, nodule_id, radius_mm):
    """A correction by hand, as Segment Editor would do it: behind the scan's back."""
    from densesharp_scene import segments

    mask = ball_mask(scan.volume(), scan.seed_of(nodule_id).lps, radius_mm)
    segments.write_mask(
        scan.segmentation_node, scan.nodule(nodule_id).segment_id, scan.volume_node, mask
    )
    return mask


def test_a_corrected_mask_makes_the_result_outdated_until_it_is_answered(ct_with_a_nodule):
    """Class and measurements belong to a version of the mask."""
    scan, nodule_id = ct_with_a_nodule
    assert scan.outdated(nodule_id) is None
    mask = paint(scan, nodule_id, 6.0)
    assert "outline was changed" in scan.outdated(nodule_id)
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, mask.array)
    assert scan.mask_of(nodule_id).start == mask.start
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 6.0), edited=True)
    assert scan.outdated(nodule_id) is None
    assert scan.nodule(nodule_id).edited


def test_a_moved_ct_makes_the_result_outdated(scene, ct_with_a_nodule):
    """Coordinates of the result are those of the world at its time."""
    scan, nodule_id = ct_with_a_nodule
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    scan.volume_node.SetAndObserveTransformNodeID(transform.GetID())
    assert scan.outdated(nodule_id) is None
    from densesharp_scene.geometry import array_to_matrix

    shift = np.eye(4)
    shift[0, 3] = 1.0
    transform.SetMatrixTransformToParent(array_to_matrix(shift))
    assert "CT was moved" in scan.outdated(nodule_id)


def test_undo_goes_back_step_by_step_for_each_nodule(ct_with_a_nodule):
    """Correction, new answer, name and decision: each is one step, other nodules stay."""
    scan, nodule_id = ct_with_a_nodule
    other = click(scan, middle(scan) + (0, 0, 12), 3.0)
    original = scan.mask_of(nodule_id)
    paint(scan, nodule_id, 6.0)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 6.0), edited=True)
    scan.rename(nodule_id, "  Upper   lobe ")
    scan.decide(nodule_id, "accepted", "Dr A")
    assert scan.nodule(nodule_id).name == "Upper lobe"

    assert scan.undo(nodule_id)
    assert scan.nodule(nodule_id).review.decision == "open"
    assert scan.undo(nodule_id)
    assert scan.nodule(nodule_id).name == "Nodule 1"
    assert scan.undo(nodule_id)
    assert not scan.nodule(nodule_id).edited
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, original.array)
    assert scan.undo(nodule_id)
    assert [n.id for n in scan.nodules] == [other]
    assert not scan.undo(nodule_id)


def test_undo_of_an_unanswered_correction_brings_the_outline_back(ct_with_a_nodule):
    """Painting is undone before anything else, whether the worker has answered or not."""
    scan, nodule_id = ct_with_a_nodule
    original = scan.mask_of(nodule_id)
    paint(scan, nodule_id, 8.0)
    assert scan.can_undo(nodule_id)
    scan.undo(nodule_id)
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, original.array)


def test_a_deleted_nodule_comes_back_with_outline_seed_and_decision(ct_with_a_nodule):
    """Deleting removes segment, point and row; undo restores all of them."""
    scan, nodule_id = ct_with_a_nodule
    scan.decide(nodule_id, "rejected", "Dr B")
    before = exported(scan, nodule_id).copy()
    scan.delete(nodule_id)
    assert scan.segmentation_node.GetSegmentation().GetNumberOfSegments() == 0
    assert scan.seeds_node.GetNumberOfControlPoints() == 0
    assert scan.table_node.GetNumberOfRows() == 0
    assert scan.undo(scan.last_step) == "Nodule 1: deleted"
    np.testing.assert_array_equal(exported(scan, nodule_id), before)
    assert scan.nodule(nodule_id).review.reader == "Dr B"
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, middle(scan), atol=1e-9)


def test_a_decision_does_not_outlive_its_answer(ct_with_a_nodule):
    """Who accepted one outline has not accepted the next."""
    scan, nodule_id = ct_with_a_nodule
    scan.decide(nodule_id, "accepted", "Dr A")
    assert scan.nodule(nodule_id).review.time.endswith("+00:00")
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 6.0))
    assert scan.nodule(nodule_id).review.decision == "open"


def test_refining_keeps_the_outline_under_a_readers_hand(ct_with_a_nodule):
    """The spread arrives while a reader already corrects: the correction stays."""
    scan, nodule_id = ct_with_a_nodule
    corrected = paint(scan, nodule_id, 7.0)
    scan.refine(answer(scan.volume(), Seed.from_ras(middle(scan)), nodule_id, 4.0))
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, corrected.array)
    assert scan.outdated(nodule_id) is not None


def test_a_result_without_mask_makes_no_empty_segment(ct_with_a_nodule):
    """A refused answer has nothing to show, and is no row of the table."""
    from dataclasses import replace

    scan, nodule_id = ct_with_a_nodule
    result = scan.nodule(nodule_id).result
    nothing = dict.fromkeys(("mask", "measurements", "prediction", "class_probabilities"))
    scan.store(replace(result, **nothing, verdict="refused"))
    assert scan.segmentation_node.GetSegmentation().GetNumberOfSegments() == 0
    assert scan.mask_of(nodule_id) is None
    assert scan.outdated(nodule_id) is None
    assert scan.table_node.GetNumberOfRows() == 0
    scan.undo(nodule_id)
    assert scan.mask_of(nodule_id) is not None


def test_the_table_shows_what_the_results_say(ct_with_a_nodule):
    """Numbers of the table are the rounded numbers of the record."""
    scan, nodule_id = ct_with_a_nodule
    scan.decide(nodule_id, "accepted", "Dr A")
    table = scan.table_node
    header = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    row = dict(zip(header, (table.GetCellText(0, n) for n in range(len(header))), strict=True))
    result = scan.nodule(nodule_id).result
    assert float(row["Volume mm3"]) == pytest.approx(result.measurements.volume_mm3, abs=0.5)
    assert row["Class"] == result.predicted_class
    assert (row["Decision"], row["By"]) == ("accepted", "Dr A")
    stored = json.loads(scan.record_node.GetText())["nodules"][0]
    assert stored["result"] == result.to_json()


def test_the_label_map_has_the_cts_geometry_and_the_nodules_numbers(ct_with_a_nodule):
    """Label 1 is nodule 1, label 3 is nodule 3 though nodule 2 was deleted."""
    from densesharp_scene.geometry import grid_of, voxels_of

    scan, first = ct_with_a_nodule
    scan.delete(click(scan, middle(scan)))
    third = click(scan, middle(scan) + (0, 0, 14), 3.0)
    labels = scan.labelmap()
    assert grid_of(labels).same_as(scan.volume().grid)
    voxels = voxels_of(labels)
    for value, nodule_id in ((1, first), (3, third)):
        expected = scan.nodule(nodule_id).result.mask.full(scan.volume().grid) > 0
        np.testing.assert_array_equal(voxels == value, expected)


def test_nodes_are_filed_in_one_folder(ct_with_a_nodule):
    """Segmentation, seeds, table and record share a folder named after the CT."""
    import slicer

    scan, nodule_id = ct_with_a_nodule
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scan.scene)
    nodes = (scan.segmentation_node, scan.seeds_node, scan.table_node, scan.record_node)
    parents = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes}
    assert {hierarchy.GetItemName(item) for item in parents} == {"DenseSharp CT"}
    scan.show_evidence(nodule_id)
    technical = [scan.record_node.GetNodeReference(role) for role in ("maps", "evidence colors")]
    below = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in technical}
    assert [hierarchy.GetItemName(item) for item in below] == ["Internals"]
    assert {hierarchy.GetItemParent(item) for item in below} == parents


def test_two_cts_keep_their_nodules_apart(scene, make_ct):
    """Each CT has its own record, segmentation, seeds and table."""
    from densesharp_scene import ScanNodules

    scans = [ScanNodules(make_ct(name=name)) for name in ("before", "after")]
    for scan in scans:
        click(scan, middle(scan))
    assert len({scan.segmentation_node.GetID() for scan in scans}) == 2
    assert [len(ScanNodules(scan.volume_node).nodules) for scan in scans] == [1, 1]


def test_nothing_is_written_after_the_ct_or_the_scene_went_away(ct_with_a_nodule):
    """A late answer meets one sentence, not a crash and not a lost node."""
    from densesharp_scene import SceneError

    scan, nodule_id = ct_with_a_nodule
    late = answer(scan.volume(), scan.seed_of(nodule_id), nodule_id)
    scan.scene.Clear(False)
    assert not scan.alive
    with pytest.raises(SceneError, match="left the scene"):
        scan.store(late)
    with pytest.raises(SceneError, match="left the scene"):
        scan.volume()
    scan.drop(nodule_id)
    scan.prepare_to_save()
    assert scan.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_an_answer_for_a_removed_nodule_is_refused(ct_with_a_nodule):
    """The reader deleted the nodule while its spread was computed."""
    from densesharp_scene import SceneError

    scan, nodule_id = ct_with_a_nodule
    late = scan.nodule(nodule_id).result
    scan.delete(nodule_id)
    with pytest.raises(SceneError, match="no nodule 'nodule_001'"):
        scan.refine(late)
    with pytest.raises(SceneError, match="removed while it was analyzed"):
        scan.store(late)


@pytest.mark.parametrize("role", ["segmentation", "seeds", "table"])
def test_deleted_nodes_are_made_again(ct_with_a_nodule, role):
    """A reader who deletes one of our nodes loses nothing that is still known."""
    scan, nodule_id = ct_with_a_nodule
    before = scan.nodule(nodule_id).result.mask.full(scan.volume().grid) > 0
    scan.scene.RemoveNode(scan.record_node.GetNodeReference(role))
    scan.decide(nodule_id, "accepted", "Dr A")
    np.testing.assert_array_equal(exported(scan, nodule_id) > 0, before)
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, middle(scan), atol=1e-9)
    assert scan.table_node.GetNumberOfRows() == 1


def test_a_hundred_nodules_stay_quick(scene, make_ct):
    """The hundredth click costs about as much as the tenth, and overlaps stay apart."""
    from densesharp_scene import ScanNodules

    scan = ScanNodules(make_ct((160, 160, 90)))
    rng = np.random.default_rng(1)
    times = []
    for _ in range(100):
        ijk = rng.uniform((8, 8, 5), (152, 152, 85))
        began = time.process_time()
        click(scan, scan.volume().grid.to_world(ijk) * (-1, -1, 1))
        times.append(time.process_time() - began)
    growth = np.median(times[-10:]) / np.median(times[5:15])
    assert growth < 6, growth  # a share of itself: how fast this computer is does not matter
    masks = {n.id: n.result.mask for n in scan.nodules}
    scan.prepare_to_save()
    segmentation = scan.segmentation_node.GetSegmentation()
    assert segmentation.GetNumberOfLayers("Binary labelmap") < 20
    for nodule_id, mask in masks.items():
        read = scan.mask_of(nodule_id)
        assert read.start == mask.start
        np.testing.assert_array_equal(read.array, mask.array)
        assert not scan.is_edited(nodule_id)
    changed = next(iter(masks))
    scan.store(answer(scan.volume(), scan.seed_of(changed), changed, 3.0))
    for nodule_id, mask in list(masks.items())[1:]:
        np.testing.assert_array_equal(scan.mask_of(nodule_id).array, mask.array)


@pytest.mark.parametrize("corner", [(0, 0, 0), (39, 35, 29), (0, 20, 29)])
def test_nodules_at_the_border_stay_inside(make_ct, corner):
    """The box ends where the CT ends; export gives the same voxels back."""
    from densesharp_scene import ScanNodules

    scan = ScanNodules(make_ct())
    nodule_id = click(scan, scan.volume().grid.to_world(corner) * (-1, -1, 1))
    expected = scan.nodule(nodule_id).result.mask.full(scan.volume().grid) > 0
    np.testing.assert_array_equal(exported(scan, nodule_id) > 0, expected)


def test_refining_writes_a_better_outline(ct_with_a_nodule):
    """The average over orientations may have another outline than the first answer."""
    scan, nodule_id = ct_with_a_nodule
    first = scan.nodule(nodule_id).result
    smaller = first.mask.array.copy()
    smaller[: len(smaller) // 2] = 0
    mask = replace(first.mask, array=smaller)
    steps = scan.can_undo(nodule_id)
    scan.refine(replace(first, mask=mask))
    assert scan.mask_of(nodule_id).array.sum() == smaller.sum()
    assert scan.can_undo(nodule_id) == steps
    assert scan.undo(scan.last_step) == "Nodule 1: marked"
    assert scan.last_step is None


def test_one_nodule_needs_no_shared_image(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    before = scan.mask_of(nodule_id)
    scan.prepare_to_save()
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, before.array)


def test_an_empty_record_holds_no_nodules(scene, make_ct):
    from densesharp_scene import ScanNodules

    node = make_ct()
    ScanNodules(node).record_node.SetText("")
    assert ScanNodules(node).nodules == ()


def shifted(scene, node, how, move):
    """Move a CT: under a new transform, by hardening one, or by its own matrix."""
    from densesharp_scene.geometry import array_to_matrix, ijk_to_local

    if how == "matrix":  # as Center Volume does
        node.SetIJKToRASMatrix(array_to_matrix(move @ ijk_to_local(node)))
        return
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(array_to_matrix(move))
    node.SetAndObserveTransformNodeID(transform.GetID())
    if how == "hardened":
        node.HardenTransform()


@pytest.mark.parametrize("how", ["transform", "hardened", "matrix"])
def test_outlines_and_points_go_along_with_a_ct_that_is_moved(scene, ct_with_a_nodule, how):
    """Slicer's own export still gives every voxel; a new click stays where it was made."""
    scan, nodule_id = ct_with_a_nodule
    turn = np.array([[0, -1, 0, 30], [1, 0, 0, -20], [0, 0, 1, 5], [0, 0, 0, 1]], float)
    seed, mask = scan.seed_of(nodule_id).ras, scan.mask_of(nodule_id)
    shifted(scene, scan.volume_node, how, turn)
    expected = (turn @ [*seed, 1])[:3]
    fresh = scan.place(expected + [3, 0, 0])
    scan.follow_ct()
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, expected, atol=1e-6)
    assert scan.moved_seeds() == []
    bounds = np.zeros(6)
    scan.segmentation_node.GetRASBounds(bounds)
    np.testing.assert_allclose((bounds[::2] + bounds[1::2]) / 2, expected, atol=1.3)
    grid = scan.volume().grid
    np.testing.assert_array_equal(exported(scan, nodule_id) > 0, mask.full(grid) > 0)
    np.testing.assert_allclose(scan.center_of(nodule_id), expected, atol=1.3)
    assert scan.outdated(nodule_id).startswith("The CT was moved")
    assert scan.show_evidence(nodule_id)
    scan.record_node.GetNodeReference("evidence").GetRASBounds(bounds)
    np.testing.assert_allclose((bounds[::2] + bounds[1::2]) / 2, expected, atol=1.3)
    new = scan.claim(fresh)
    np.testing.assert_allclose(scan.seed_of(new).ras, expected + [3, 0, 0], atol=1e-6)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id))
    assert scan.outdated(nodule_id) is None


def test_undo_after_a_move_brings_the_point_to_the_ct_s_new_place(scene, ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    seed = scan.seed_of(nodule_id).ras
    scan.delete(nodule_id)
    move = np.eye(4)
    move[:3, 3] = 11, -7, 4
    shifted(scene, scan.volume_node, "matrix", move)
    scan.follow_ct()
    scan.undo(scan.last_step)
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, seed + [11, -7, 4], atol=1e-6)
