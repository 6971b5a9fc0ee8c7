"""Steps of one CT's nodules: their order, what undo brings back, what a decision keeps."""

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


def refused_click(scan, ras):
    """A click where the model finds nothing; (its id, what would have been found)."""
    claim = scan.claim(scan.place(ras))
    found = answer(scan.volume(), scan.seed_of(claim), claim, 3.0)
    nothing = dict.fromkeys(("mask", "measurements", "prediction", "class_probabilities"))
    return scan.store(replace(found, **nothing, verdict="refused")).id, found


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
    assert scan.undo(scan.last_step) == "Nodule 1: deleted"
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
    with pytest.raises(SceneError, match="removed while it was analyzed"):
        scan.store(replace(scan.nodule(nodule_id).result, id="nodule_007"))
    assert scan.last_step == nodule_id


def test_undo_leaves_no_segment_that_belongs_to_nothing(ct_with_a_nodule):
    """The first answer had no outline, the second has one, and undo goes back to the first."""
    scan, _ = ct_with_a_nodule
    nodule_id, found = refused_click(scan, middle(scan) + (0, 0, 12))
    scan.store(replace(found, id=nodule_id))
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
    claim = scan.claim(seed_id)
    sent = scan.seed_of(claim)
    assert not scan.was_dragged(claim, sent)
    seeds.move_seed(scan.seeds_node, seed_id, middle(scan) + (0, 0, 8))
    assert scan.was_dragged(claim, sent)
    assert not scan.was_dragged(stored, sent)  # `moved_seeds` tells of those that are stored
    np.testing.assert_allclose(scan.seed_of(claim).ras, middle(scan) + (0, 0, 8))


def state(scan):
    """Everything of the nodules that undo and redo may change."""
    kept = [{**n.to_json(), "segment": "", "seed": ""} for n in scan.nodules]
    return list(zip(kept, [voxels(scan, n.id) for n in scan.nodules], strict=True))


def test_redo_brings_back_what_undo_took_step_by_step(ct_with_a_nodule):
    scan, first = ct_with_a_nodule
    other = click(scan, middle(scan) + (0, 0, 12), 3.0)
    scan.rename(first, "Upper lobe")
    paint(scan, other, 4.0)
    corrected = replace(scan.nodule(other).result, mask=scan.mask_of(other))
    scan.store(corrected, edited=True)
    scan.decide(other, "accepted", "Dr A")
    scan.delete(first)
    after, words, states = state(scan), [], []
    while scan.last_step is not None:
        states.append(state(scan))
        words.append(scan.undo(scan.last_step))
    assert scan.nodules == ()
    assert words == [
        "Upper lobe: deleted", "Nodule 2: accepted", "Nodule 2: outline corrected",
        "Nodule 1: renamed to Upper lobe", "Nodule 2: marked", "Nodule 1: marked",
    ]  # fmt: skip
    for expected, what in zip(reversed(states), reversed(words), strict=True):
        assert scan.redo() == what
        assert state(scan) == expected
    assert state(scan) == after
    assert scan.redo() == ""


def test_something_new_ends_what_could_be_redone(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    scan.rename(nodule_id, "Upper lobe")
    scan.undo(nodule_id)
    assert scan.next_step == nodule_id
    scan.decide(nodule_id, "accepted", "Dr A")
    assert scan.next_step is None
    assert scan.redo() == ""
    assert scan.nodule(nodule_id).name == "Nodule 1"


def test_an_outline_that_was_taken_back_unanswered_is_redone(ct_with_a_nodule):
    scan, nodule_id = ct_with_a_nodule
    model = voxels(scan, nodule_id)
    drawn = paint(scan, nodule_id, 7.0)
    assert scan.undo(nodule_id) == "Nodule 1: outline changed"
    assert voxels(scan, nodule_id) == model
    assert scan.redo() == "Nodule 1: outline changed"
    assert voxels(scan, nodule_id) == drawn
    assert scan.is_edited(nodule_id)
    scan.undo(nodule_id)
    assert voxels(scan, nodule_id) == model
    paint(scan, nodule_id, 4.0)  # a new correction: what was undone does not come over it
    assert scan.redo() == ""


def test_clicks_that_find_nothing_use_no_numbers_up_and_do_not_stay(ct_with_a_nodule):
    scan, _ = ct_with_a_nodule
    for height in (6, 8, 10):
        refused, _ = refused_click(scan, middle(scan) + (0, 0, height))
        assert [nodule.name for nodule in scan.nodules] == ["Nodule 1", "Refused click"]
        assert scan.table_node.GetNumberOfRows() == 1
    assert refused == "nodule_002"
    assert click(scan, middle(scan) + (0, 0, 12), 3.0) == "nodule_002"
    assert [nodule.name for nodule in scan.nodules] == ["Nodule 1", "Nodule 2"]
    assert scan.seeds_node.GetNumberOfControlPoints() == 2


def test_answers_in_another_order_than_the_clicks_are_numbered_without_gaps(ct_with_a_nodule):
    scan, _ = ct_with_a_nodule
    claims = [scan.claim(scan.place(middle(scan) + (0, 0, height))) for height in (6, 9, 12)]
    scan.drop(claims[0])
    ids = [scan.store(answer(scan.volume(), scan.seed_of(c), c, 2.0)).id for c in claims[:0:-1]]
    assert ids == ["nodule_002", "nodule_003"]


def test_a_nodule_that_was_undone_gives_its_number_back_one_that_was_deleted_does_not(
    ct_with_a_nodule,
):
    scan, _ = ct_with_a_nodule
    second = click(scan, middle(scan) + (0, 0, 12), 3.0)
    scan.undo(second)
    assert click(scan, middle(scan) + (0, 0, 11), 3.0) == second
    scan.delete(second)
    assert click(scan, middle(scan) + (0, 0, 10), 3.0) == "nodule_003"


def test_what_a_reader_outlines_at_a_refused_click_becomes_a_nodule(ct_with_a_nodule):
    from densesharp_scene import SceneError, segments
    from densesharp_scene.findings import results_of

    scan, first = ct_with_a_nodule
    refused, found = refused_click(scan, middle(scan) + (0, 0, 12))
    with pytest.raises(SceneError, match="Nothing was found here to accept"):
        scan.decide(refused, "accepted", "Dr A")
    assert [result.id for result in results_of(scan)] == [first]
    segments.write_mask(scan.segmentation_node, scan.outline(refused), scan.volume_node, found.mask)
    scan.store(replace(found, id=refused), edited=True)
    assert scan.nodule(refused).name == "Nodule 2"
    assert [result.id for result in results_of(scan)] == [first, refused]
    scan.undo(refused)
    assert scan.nodule(refused).name == "Refused click"
    assert click(scan, middle(scan) + (0, 0, 10), 3.0) == "nodule_002"


def test_two_outlines_of_one_nodule_are_cautioned_about(ct_with_a_nodule):
    """Two balls of 5 mm whose middles lie d apart share 1 - 3d/20 + d³/2000 of their volume."""
    scan, first = ct_with_a_nodule
    second = click(scan, middle(scan) + (2.1, 0, 0), 5.0)
    third = click(scan, middle(scan) + (-4.2, 0, 0), 5.0)
    share = 1 - 3 * 2.1 / 20 + 2.1**3 / 2000
    for nodule_id, other in ((first, "Nodule 2"), (second, "Nodule 1")):
        (notice,) = [n for n in scan.handed_out(nodule_id).result.notices if n.code == "overlap"]
        assert notice.severity == "caution"
        assert notice.message.endswith(
            f"that of {other} are the same: if both are one nodule, delete one of them."
        )
        told = float(notice.message.split("%")[0]) / 100
        assert told == pytest.approx(share, abs=0.03)
    assert 1 - 3 * 4.2 / 20 + 4.2**3 / 2000 < 0.5
    assert all(n.code != "overlap" for n in scan.handed_out(third).result.notices)
    scan.delete(second)
    assert all(n.code != "overlap" for n in scan.handed_out(first).result.notices)


def test_the_readers_work_goes_along_with_what_is_handed_out(ct_with_a_nodule):
    from densesharp_scene.findings import reported_of

    scan, nodule_id = ct_with_a_nodule
    scan.rename(nodule_id, "LLL spiculated")
    scan.decide(nodule_id, "accepted", "Dr A")
    (result,) = reported_of(scan)
    assert (result.name, result.review.decision, result.review.reader) == (
        "LLL spiculated", "accepted", "Dr A",
    )  # fmt: skip
    entry = result.to_json()
    assert entry["name"] == "LLL spiculated"
    assert entry["review"] == {
        "decision": "accepted", "reader": "Dr A", "time": scan.nodule(nodule_id).review.time,
    }  # fmt: skip
