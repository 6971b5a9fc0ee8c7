"""Steps of one CT's nodules: their order, what undo brings back, what a decision keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from densesharp.image.volume import Notice
from densesharp.nodule.records import Stability, Uncertainty
from nodule_answers import answer, ball_mask, click, middle


def voxels(scan, nodule_id):
    return int(scan.mask_of(nodule_id).array.sum())


def paint(scan, nodule_id, radius_mm):
    """A correction by hand, as Segment Editor would do it; returns how many voxels it has."""
    from densesharp_scene import segments

    mask = ball_mask(scan.volume(), scan.seed_of(nodule_id).lps, radius_mm)
    segments.write_mask(
        scan.segmentation_node, scan.nodule(nodule_id).segment_id, scan.volume_node, mask
    )
    return int(mask.array.sum())


def spread(result):
    """The answer's spread and stability, as they come after the first answer."""
    sd = dict.fromkeys(result.class_probabilities, 0.04)
    return replace(
        result,
        uncertainty=Uncertainty(8, sd, 0.05, 0.03, 0.5, 20.0, (100.0, 200.0)),
        stability=Stability(2.0, 6, 6, 1.0, sd, 0.03, 0.9, "green"),
    )


def test_a_deletion_is_the_last_step_of_all(ct_with_a_nodule):
    scan, first = ct_with_a_nodule
    other = click(scan, middle(scan) + (0, 0, 12), 3.0)
    scan.delete(first)
    assert scan.last_step == first
    assert scan.undo_last() == first
    assert [nodule.id for nodule in scan.nodules] == [first, other]


def test_a_correction_survives_a_new_answer(ct_with_a_nodule):
    """The point was dragged, or the nodule analysed again: undo brings the drawn voxels back."""
    scan, nodule_id = ct_with_a_nodule
    model = voxels(scan, nodule_id)
    drawn = paint(scan, nodule_id, 7.0)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 4.0))
    assert voxels(scan, nodule_id) not in (model, drawn)
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == drawn
    assert "outline was changed" in scan.outdated(nodule_id)
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == model
    assert scan.outdated(nodule_id) is None


def test_what_a_reader_did_after_a_correction_is_undone_before_it(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    model = voxels(scan, nodule_id)
    drawn = paint(scan, nodule_id, 7.0)
    scan.rename(nodule_id, "Upper lobe")
    assert not scan.repainted(nodule_id)
    scan.undo(nodule_id)
    assert (scan.nodule(nodule_id).name, voxels(scan, nodule_id)) == ("Nodule 1", drawn)
    again = paint(scan, nodule_id, 8.0)
    assert scan.repainted(nodule_id)
    scan.undo(nodule_id)
    assert again != voxels(scan, nodule_id) == drawn
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == model


def test_undo_gets_past_a_correction_that_is_answered_again_each_time(ct_with_a_nodule):
    """The panel analyses what undo brings back; its answer must not become a step once more."""
    scan, nodule_id = ct_with_a_nodule
    model = voxels(scan, nodule_id)
    drawn = paint(scan, nodule_id, 7.0)
    scan.rename(nodule_id, "Upper lobe")
    scan.undo(nodule_id)
    corrected = replace(scan.nodule(nodule_id).result, mask=scan.mask_of(nodule_id))
    scan.store(corrected, edited=True)
    assert voxels(scan, nodule_id) == drawn
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == model


def test_an_answer_that_is_refused_is_no_step(ct_with_a_nodule):
    from densesharp_scene import SceneError

    scan, nodule_id = ct_with_a_nodule
    scan.rename(nodule_id, "Upper lobe")
    with pytest.raises(SceneError, match="removed while it was analysed"):
        scan.store(replace(scan.nodule(nodule_id).result, id="nodule_007"))
    assert scan.last_step == nodule_id


def test_undo_leaves_no_segment_that_belongs_to_nothing(ct_with_a_nodule):
    """The first answer had no outline, the second has one, and undo goes back to the first."""
    scan, _ = ct_with_a_nodule
    nodule_id = scan.claim(scan.place(middle(scan) + (0, 0, 12)))
    found = answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 3.0)
    nothing = dict.fromkeys(("mask", "measurements", "prediction", "class_probabilities"))
    scan.store(replace(found, **nothing, verdict="refused"))
    scan.store(found)
    scan.undo(nodule_id)
    assert scan.segmentation_node.GetSegmentation().GetNumberOfSegments() == 1


@pytest.mark.parametrize("same_outline", [True, False])
def test_what_was_decided_on_stays_as_it_was_seen(ct_with_a_nodule, same_outline):
    """The better founded answer comes seconds after the first; a reader may be quicker."""
    scan, nodule_id = ct_with_a_nodule
    seen = scan.nodule(nodule_id).result
    drawn = voxels(scan, nodule_id)
    scan.decide(nodule_id, "accepted", "Dr A")
    other = {"AAH-AIS": 0.1, "MIA": 0.1, "IAC": 0.8}
    better = answer(scan.volume(), seen.seed, nodule_id, 5.0 if same_outline else 4.0)
    scan.refine(spread(replace(better, class_probabilities=other)))
    nodule = scan.nodule(nodule_id)
    assert (nodule.review.decision, nodule.review.reader) == ("accepted", "Dr A")
    assert nodule.result.class_probabilities == seen.class_probabilities
    assert nodule.result.measurements == seen.measurements
    assert voxels(scan, nodule_id) == drawn
    assert (nodule.result.stability is not None) == same_outline
    assert (nodule.result.uncertainty is not None) == same_outline
    # But what it missed is said.
    assert seen.predicted_class == "AAH-AIS"
    assert nodule.decided_early
    assert nodule.result.verdict == "caution"
    volume = better.measurements.volume_mm3
    expected = f"the complete answer is IAC, 80%, {volume:.0f} mm³. Open it again"
    assert expected in nodule.result.notices[-1].message


def test_a_decision_before_a_refusal_is_known_learns_of_it(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    seen = scan.nodule(nodule_id).result
    scan.decide(nodule_id, "accepted", "Dr A")
    reason = Notice("mask_too_small", "The outline holds only 3.0 mm³.", "refused")
    scan.refine(replace(seen, notices=(*seen.notices, reason), verdict="refused"))
    found = scan.nodule(nodule_id).result
    assert found.verdict == "caution", "the reader decided, and keeps what the decision is about"
    assert "the complete answer is refused. Open it" in found.notices[-1].message
    assert found.notices[-1].message.endswith("The outline holds only 3.0 mm³.")


def test_an_early_decision_on_what_stays_is_only_noted(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    seen = scan.nodule(nodule_id).result
    scan.decide(nodule_id, "accepted", "Dr A")
    scan.refine(spread(seen))
    found = scan.nodule(nodule_id).result
    assert found.verdict == seen.verdict
    assert [notice.severity for notice in found.notices[len(seen.notices) :]] == ["info"]
    scan.decide(nodule_id, "open", "")
    scan.refine(spread(seen))
    assert not scan.nodule(nodule_id).decided_early


def test_nobody_decides_on_an_outline_whose_answer_is_still_to_come(ct_with_a_nodule):
    from densesharp_scene import SceneError

    scan, nodule_id = ct_with_a_nodule
    paint(scan, nodule_id, 7.0)
    for decision in ("accepted", "rejected"):
        with pytest.raises(SceneError, match="outline was changed"):
            scan.decide(nodule_id, decision, "Dr A")
    corrected = replace(scan.nodule(nodule_id).result, mask=scan.mask_of(nodule_id))
    scan.store(corrected, edited=True)
    scan.decide(nodule_id, "accepted", "Dr A")
    paint(scan, nodule_id, 6.0)
    scan.decide(nodule_id, "open", "")
    assert scan.nodule(nodule_id).review.decision == "open"


def test_looking_for_a_node_makes_none(make_ct):
    from densesharp_scene import ScanNodules

    scan = ScanNodules(make_ct())
    before = scan.scene.GetNumberOfNodes()
    assert [scan.known(role) for role in ("seeds", "segmentation", "table")] == [None] * 3
    assert scan.scene.GetNumberOfNodes() == before
    click(scan, middle(scan))
    assert scan.known("seeds") is scan.seeds_node


def test_an_outline_is_drawn_anew_where_its_segment_was_deleted(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    segmentation = scan.segmentation_node.GetSegmentation()
    model = voxels(scan, nodule_id)
    segmentation.RemoveSegment(scan.nodule(nodule_id).segment_id)
    segment_id = scan.outline(nodule_id)
    assert segmentation.GetSegment(segment_id) is not None
    assert scan.outline(nodule_id) == segment_id
    assert scan.mask_of(nodule_id) is None
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == model
    assert segmentation.GetNumberOfSegments() == 1


def test_a_ct_under_a_bending_transform_makes_the_result_outdated(scene, ct_with_a_nodule):
    import vtk

    scan, nodule_id = ct_with_a_nodule
    bend = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for at in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (50, 50, 50)):
        points.InsertNextPoint(at)
        moved.InsertNextPoint([value + (5 if sum(at) > 100 else 0) for value in at])
    bend.SetSourceLandmarks(points)
    bend.SetTargetLandmarks(moved)
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(bend)
    scan.volume_node.SetAndObserveTransformNodeID(transform.GetID())
    assert "harden" in scan.outdated(nodule_id)
    scan.volume_node.SetAndObserveTransformNodeID(None)
    assert scan.outdated(nodule_id) is None


def test_a_claimed_point_that_is_dragged_is_noticed(ct_with_a_nodule):
    from densesharp_scene import seeds

    scan, stored = ct_with_a_nodule
    seed_id = scan.place(middle(scan) + (0, 0, 5))
    nodule_id = scan.claim(seed_id)
    sent = scan.seed_of(nodule_id)
    assert not scan.was_dragged(nodule_id, sent)
    seeds.move_seed(scan.seeds_node, seed_id, middle(scan) + (0, 0, 8))
    assert scan.was_dragged(nodule_id, sent)
    assert not scan.was_dragged(stored, sent)  # `moved_seeds` tells of those that are stored
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, middle(scan) + (0, 0, 8))
