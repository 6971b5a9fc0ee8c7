"""What Slicer's own modules do to points and outlines is noticed."""

import pytest

from densesharp_scene import segments
from densesharp_scene.watch import SETTLE_SECONDS, Watch
from nodule_answers import ball_mask, middle


class Clock:
    """The time as the watch sees it, which passes when the test says so."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr("densesharp_scene.watch.time", Clock())


@pytest.fixture
def watched(ct_with_a_nodule):
    """(scan, nodule id, its watch, how often it woke)."""
    scan, nodule_id = ct_with_a_nodule
    woken = []
    watch = Watch(lambda: woken.append(1))
    watch.watch(scan)
    watch.watch(scan)
    yield scan, nodule_id, watch, woken
    watch.forget()


def settled(watch):
    Clock.now += SETTLE_SECONDS + 0.05
    return watch.outlines()


def test_a_point_and_a_moved_ct_are_noted_once(watched):
    scan, _, watch, woken = watched
    assert watch.idle
    seed_id = scan.place(middle(scan))
    assert woken
    assert not watch.idle
    assert watch.points() == [(scan, [])]
    assert watch.points() == []
    assert scan.new_seeds() == [seed_id]
    scan.volume_node.Modified()
    assert watch.moved() == [scan]
    assert watch.moved() == []


def test_a_click_that_lies_in_no_slice_view_is_told(watched, scene):
    """Slicer notes the volume under a click in a slice view, and none for the 3D view."""
    import slicer

    scan, _, watch, _ = watched
    interaction = slicer.vtkMRMLInteractionNode()
    interaction.SetSingletonTag("Singleton")
    scene.AddNode(interaction)
    by_script = scan.place(middle(scan))
    assert watch.points() == [(scan, [])]
    scan.remove_point(by_script)
    interaction.SetCurrentInteractionMode(interaction.Place)
    in_3d, in_slice = scan.place(middle(scan)), scan.place(middle(scan))
    node = scan.seeds_node
    index = node.GetNthControlPointIndexByID(in_slice)
    node.SetNthControlPointAssociatedNodeID(index, scan.volume_node.GetID())
    assert watch.points() == [(scan, [in_3d])]


def test_undo_redo_and_clear_of_segment_editor_are_noted(watched, scene):
    """Slicer's own history and logic, as Segment Editor uses them."""
    import slicer

    scan, nodule_id, watch, _ = watched
    settled(watch)
    node = scan.segmentation_node
    segment_id = scan.nodule(nodule_id).segment_id
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(node.GetSegmentation())
    model = int(scan.mask_of(nodule_id).array.sum())
    history.SaveState()
    mask = ball_mask(scan.volume(), scan.seed_of(nodule_id).lps, 8.0)
    segments.write_mask(node, segment_id, scan.volume_node, mask)
    assert settled(watch) == [scan]
    for step in (history.RestorePreviousState, history.RestoreNextState):
        assert step()
        assert watch.outlines() == []  # not yet: it may go on
        assert settled(watch) == [scan]
    history.RestorePreviousState()
    settled(watch)
    assert int(scan.mask_of(nodule_id).array.sum()) == model
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.ClearSegment(node, segment_id)
    assert settled(watch) == [scan]
    assert scan.mask_of(nodule_id) is None


def test_nothing_is_noted_after_the_end(watched):
    scan, _, watch, woken = watched
    watch.forget()
    woken.clear()
    scan.place(middle(scan))
    scan.volume_node.Modified()
    assert watch.idle
    assert not woken
