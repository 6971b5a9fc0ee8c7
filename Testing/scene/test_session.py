"""A reader's session without Qt and without a browser: clicks, corrections, decisions, undo."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import vtk
from scipy import ndimage
from test_scene_geometry import linear, put_under

from densesharp.errors import DenseSharpError, SeedError
from densesharp.image.masks import NoduleMask
from densesharp_scene import ScanNodules, labelmaps, maps, measured_axes, reach, segments
from densesharp_scene.events import Listener
from densesharp_scene.session import NoduleSession
from nodule_answers import AnsweringBackend, HeldBackend, ball_mask, middle

FIRST, SECOND, THIRD = "nodule_001", "nodule_002", "nodule_003"
NORMAL = np.array([0.0, 0.0, 1.0])
SIZE, SPACING = (90, 90, 50), 0.8


class Told(Listener):
    """Everything that a session told its front end."""

    def __init__(self) -> None:
        self.sentences: list[tuple[str, str]] = []
        self.questions = []
        self.looks: list[str] = []

    def said(self, text, kind) -> None:
        if text:
            self.sentences.append((text, kind))

    def asked(self, question) -> None:
        self.questions.append(question)

    def looked_at(self, nodule) -> None:
        self.looks.append(nodule.id)

    @property
    def last(self) -> str:
        return self.sentences[-1][0]


@pytest.fixture
def session(make_ct):
    """A session on a CT of 72 x 72 x 40 mm; its answers are held back on demand."""
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    session = NoduleSession(HeldBackend(), Told())
    session.show(ScanNodules(make_ct(SIZE, matrix)))
    yield session
    session.backend.let_go()
    session.close()


def settle(session, seconds=120.0) -> None:
    end = time.monotonic() + seconds
    while session.busy:
        assert time.monotonic() < end, "the worker did not come to rest"
        session.poll()
        time.sleep(0.002)


def at(session, x=0.0, y=0.0, z=0.0) -> np.ndarray:
    """World RAS mm beside the middle of the CT."""
    return middle(session.scan) + (x, y, z)


def mark(session, *places):
    for place in places:
        session.click(at(session, *place))
        settle(session)


def names(session) -> list[str]:
    return [nodule.name for nodule in session.nodules]


def decisions(session) -> list[str]:
    return [nodule.review.decision for nodule in session.nodules]


def voxels(session, nodule_id=FIRST) -> int:
    return int(session.scan.mask_of(nodule_id).array.sum())


def refuse(session):
    """Let the model find nothing from now on."""
    whole = AnsweringBackend.analyse

    def analyse(*details):
        result = whole(session.backend, *details[:4], lambda _first: None)
        nothing = dict.fromkeys(("mask", "measurements", "prediction", "class_probabilities"))
        return replace(result, **nothing, verdict="refused")

    session.backend.analyse = analyse


# Stages


def test_a_nodule_goes_from_idle_to_decided(session):
    assert session.stage() == "idle"
    session.backend.hold()
    session.click(at(session))
    assert session.stage() == "computing"
    session.backend.let_go()
    settle(session)
    assert session.selected == FIRST
    assert session.stage() == "complete"
    session.decide("accepted")
    assert session.stage() == "decided"
    session.decide("accepted")
    assert session.stage() == "complete"
    session.backend.hold()
    session.rerun()
    assert session.stage() == "computing"


def test_the_first_answer_is_a_stage_of_its_own(session):
    class InTwoSteps(HeldBackend):
        def analyse(self, volume, seed, nodule_id, progress, on_first):
            result = AnsweringBackend.analyse(self, volume, seed, nodule_id, progress, on_first)
            self._wait()
            return result

    session.use(InTwoSteps())
    session.backend.hold()
    session.click(at(session))
    session.backend.at_work()
    session.poll()
    assert session.stage() == "first"
    session.backend.let_go()
    settle(session)
    assert session.stage() == "complete"


def test_the_main_thread_packs_no_maps(session, monkeypatch):
    """4 ms each, in which no key and no wheel is served."""
    packed, pack = [], maps._pack

    def noted(array):
        packed.append(threading.current_thread().name)
        return pack(array)

    monkeypatch.setattr(maps, "_pack", noted)
    session.click(at(session))
    settle(session)
    assert packed
    assert set(packed) == {"DenseSharp worker"}
    assert session.scan.record_node.GetNodeReference("maps").GetText().count("evidence") == 1


def test_a_ct_that_is_moved_while_it_is_looked_at_takes_the_answer_along(session, scene):
    """The outline lies on its voxels; what was computed in the old place is told to be old."""
    volume, clicked = session.scan.volume_node, at(session)
    session.backend.hold()
    session.click(clicked)
    put_under(scene, volume, [linear(np.eye(3), (25.0, 0.0, 0.0))])
    session.backend.let_go()
    settle(session)
    middle = session.scan.center_of(session.nodule.id)
    np.testing.assert_allclose(middle, clicked + (25.0, 0.0, 0.0), atol=1.0)
    assert "moved" in session.outdated(session.nodule)
    session.rerun()
    settle(session)
    assert session.outdated(session.nodule) is None
    np.testing.assert_allclose(session.scan.center_of(FIRST), middle, atol=1.0)


def test_an_answer_about_voxels_that_are_gone_is_dropped(session):
    """The CT was cropped or resampled while it was computed: the outline would lie elsewhere."""
    node = session.scan.volume_node
    session.backend.hold()
    session.click(at(session))
    image = vtk.vtkImageData()
    image.DeepCopy(node.GetImageData())
    node.SetAndObserveImageData(image)
    session.backend.let_go()
    settle(session)
    assert session.nodules == ()
    assert "click on the nodule again" in session.listener.last
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0
    session.click(at(session))
    settle(session)
    assert len(session.nodules) == 1


def test_progress_failure_and_the_end_are_told(session):
    mark(session, (0, 0, 0))
    assert session.listener.sentences == [("Done.", "done")]

    def bone(*_):
        raise SeedError("The seed lies in bone: click on the nodule.")

    session.backend.analyse = bone
    mark(session, (20, 0, 0))
    assert session.listener.sentences[-1] == (
        "The seed lies in bone: click on the nodule.",
        "caution",
    )
    assert names(session) == ["Nodule 1"]
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 1


# Clicks


def test_a_click_in_a_known_outline_selects_that_nodule(session):
    mark(session, (0, 0, 0), (20, 0, 0))
    session.click(at(session, 2, 1, 0))
    settle(session)
    assert names(session) == ["Nodule 1", "Nodule 2"]
    assert session.selected == FIRST
    assert session.listener.last == "This is Nodule 1: it is selected, not marked once more."


@pytest.mark.parametrize("beside", [0.0, 4.5])
def test_a_double_click_makes_one_nodule_where_the_second_click_was(session, beside):
    session.backend.hold()
    session.click(at(session))
    session.backend.at_work()
    session.click(at(session, beside, 0, 0))
    session.backend.let_go()
    settle(session)
    assert names(session) == ["Nodule 1"]
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 1
    expected = at(session, beside, 0, 0)
    np.testing.assert_allclose(session.nodule.result.seed.ras, expected, atol=1e-6)
    assert session.selected == FIRST


def test_a_click_further_away_is_another_nodule(session):
    session.backend.hold()
    session.click(at(session))
    session.click(at(session, 6, 0, 0))
    session.backend.let_go()
    settle(session)
    assert names(session) == ["Nodule 1", "Nodule 2"]


def test_twelve_quick_clicks_in_one_place_make_one_nodule(session):
    for turn in range(12):
        session.click(at(session, 0.2 * turn, 0, 0))
        session.poll()
    settle(session)
    assert names(session) == ["Nodule 1"]
    session.undo()
    assert names(session) == []


def test_clicks_that_find_nothing_leave_no_gap_in_the_numbers(session):
    mark(session, (0, 0, 0))
    answering = session.backend
    session.use(HeldBackend())
    refuse(session)
    mark(session, (20, 0, 0), (-20, 0, 0))
    assert names(session) == ["Nodule 1", "Refused click"]
    assert session.nodule.result.verdict == "refused"  # its reasons can be read
    session.use(answering)
    mark(session, (0, 20, 0))
    assert names(session) == ["Nodule 1", "Nodule 2"]
    with pytest.raises(DenseSharpError, match="no nodule"):
        session.decide("accepted", THIRD)


def test_a_click_outside_the_ct_says_so(session):
    session.click(at(session, 500, 0, 0))
    assert session.listener.last == "That point lies outside the CT: click inside the lung."
    assert not session.busy
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0


def test_points_of_a_list_mean_the_same_as_clicks(session):
    """Slicer places the point itself, and then tells."""
    mark(session, (0, 0, 0))
    scan = session.scan
    placed = [scan.place(at(session, *p)) for p in ((1, 0, 0), (500, 0, 0), (20, 0, 0), (0, 20, 0))]
    session.clicks.take_points(scan, nowhere=placed[3:])
    settle(session)
    assert names(session) == ["Nodule 1", "Nodule 2"]
    assert scan.seeds_node.GetNumberOfControlPoints() == 2
    assert any("3D view" in text for text, _ in session.listener.sentences)


# Selection


def test_the_answer_of_a_click_is_selected_unless_the_reader_has_chosen(session):
    mark(session, (0, 0, 0))
    session.backend.hold()
    session.click(at(session, 20, 0, 0))
    session.select(FIRST)
    session.backend.let_go()
    settle(session)
    assert session.selected == FIRST
    mark(session, (-20, 0, 0))
    assert session.selected == THIRD


def test_keys_pressed_at_any_speed_decide_about_the_nodules_in_their_order(session):
    mark(session, (0, 0, 0), (20, 0, 0), (-20, 0, 0))
    session.select(FIRST)
    for _ in range(2):
        session.decide("accepted")
        session.step(1)
    session.decide("rejected")
    assert decisions(session) == ["accepted", "accepted", "rejected"]


def test_delete_removes_the_selected_row_and_goes_on_to_the_next(session):
    mark(session, (0, 0, 0), (20, 0, 0), (-20, 0, 0))
    session.select(FIRST)
    session.delete()
    assert (names(session), session.selected) == (["Nodule 2", "Nodule 3"], SECOND)
    assert session.listener.looks[-1] == SECOND  # the views show what the next key decides on
    session.select(THIRD)
    session.delete()
    assert (names(session), session.selected) == (["Nodule 2"], SECOND)
    session.delete()
    assert (names(session), session.selected) == ([], None)
    with pytest.raises(DenseSharpError, match="No nodule is selected"):
        session.delete()


def test_the_views_are_brought_to_an_answer_unless_the_reader_has_scrolled_on(session, scene):
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    view.SetOrientationToAxial() if hasattr(view, "SetOrientationToAxial") else None
    mark(session, (0, 0, 9))
    assert session.listener.looks == [FIRST]
    here = view.GetSliceOffset()
    session.backend.hold()
    session.click(at(session, 20, 0, -9))
    view.SetSliceOffset(here + 4)
    session.backend.let_go()
    settle(session)
    assert session.selected == SECOND
    assert view.GetSliceOffset() == here + 4
    assert session.listener.looks == [FIRST]


# Corrections


def test_a_stroke_is_measured_and_its_place_is_the_outline_s(session):
    mark(session, (0, 0, 0))
    before, seed = voxels(session), session.nodule.result.seed.ras
    session.drawing.brush.ball, session.drawing.brush.radius_mm = True, 4.0
    session.drawing.stroke(at(session, 5, 0, 0), at(session, 9, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    assert voxels(session) > before + 100
    assert session.nodule.edited
    np.testing.assert_allclose(session.nodule.result.seed.ras, seed)


@pytest.mark.parametrize(
    ("place", "taken"),
    [((8, 0, 0), True), ((15, 0, 0), True), ((17, 0, 0), False), ((0, 0, -19), False)],
)
def test_a_stroke_outside_the_cube_is_refused_with_a_sentence(session, place, taken):
    """The cube is 32 mm wide: 16 mm to each side."""
    mark(session, (0, 0, 0))
    before = voxels(session)
    session.drawing.stroke(at(session, *place), at(session, *place), NORMAL)
    session.drawing.end()
    settle(session)
    assert (voxels(session) > before) == taken
    assert ("too far from Nodule 1" in session.listener.last) != taken


def test_a_stroke_beside_a_small_nodule_belongs_to_something_else(session):
    mark(session, (0, 0, 0))
    scan = session.scan
    small = ball_mask(scan.volume(), scan.seed_of(FIRST).lps, 1.0)
    segments.write_mask(scan.segmentation_node, session.nodule.segment_id, scan.volume_node, small)
    session.drawing.correct(scan, FIRST)
    settle(session)
    session.drawing.brush.radius_mm = 1.0
    session.drawing.stroke(at(session, 14, 0, 0), at(session, 14, 0, 0), NORMAL)
    assert "too far from Nodule 1" in session.listener.last


def test_a_far_part_that_another_program_drew_is_not_measured(session):
    """Segment Editor paints wherever the mouse is."""
    mark(session, (0, 0, 0))
    scan, before = session.scan, session.nodule.result.measurements.volume_mm3
    near = ball_mask(scan.volume(), scan.seed_of(FIRST).lps, 5.0)
    far = ball_mask(scan.volume(), scan.seed_of(FIRST).lps + (25, 0, 0), 3.0)
    grid = scan.volume().grid
    both = np.maximum(near.full(grid), far.full(grid))
    whole = type(near)(both, (0, 0, 0), grid)
    segments.write_mask(scan.segmentation_node, session.nodule.segment_id, scan.volume_node, whole)
    session.drawing.correct(scan, FIRST)
    assert not session.busy
    assert any(f"lies {gap} mm from Nodule 1" in session.listener.last for gap in (17, 18))
    assert session.nodule.result.measurements.volume_mm3 == before
    assert "outline was changed" in session.outdated(session.nodule)
    session.undo()
    assert session.outdated(session.nodule) is None


def test_an_outline_of_everything_but_the_nodule_is_not_measured(session, monkeypatch):
    """Segment Editor inverts by one wrong click; measuring that takes minutes and blocks clicks."""
    monkeypatch.setattr(reach, "LARGEST_MM", 60.0)
    mark(session, (0, 0, 0))
    scan = session.scan
    own = scan.mask_of(FIRST)
    grid = scan.volume().grid
    inverted = type(own)(1 - own.full(grid), (0, 0, 0), grid)
    segments.write_mask(
        scan.segmentation_node, session.nodule.segment_id, scan.volume_node, inverted
    )
    segment = scan.segmentation_node.GetSegmentation().GetSegment(session.nodule.segment_id)
    segment.RemoveRepresentation(segments.SURFACE)  # Segment Editor takes it away
    session.drawing.correct(scan, FIRST)
    assert not session.busy
    assert "which no nodule is" in session.listener.last
    assert segment.GetRepresentation(segments.SURFACE) is None  # 5 s for a chest
    segments.write_mask(scan.segmentation_node, session.nodule.segment_id, scan.volume_node, own)
    session.drawing.correct(scan, FIRST)
    assert session.outdated(session.nodule) is None
    assert segment.GetRepresentation(segments.SURFACE) is not None


def test_fingerprints_and_boxes_of_large_outlines_tell_the_same(monkeypatch):
    """They are taken in another way: of a chest above a threshold in 0.1 s instead of 1.5."""
    voxels = np.zeros((14, 15, 16), np.uint8)
    voxels[2:9, 3:11, 5:12], voxels[10:12, 1, 2:4] = 1, 7
    boxes, grid = (
        labelmaps.boxes(voxels),
        segments.Grid((16, 15, 14), np.zeros(3), np.ones(3), np.eye(3)),
    )
    monkeypatch.setattr(labelmaps, "MANY", 3)
    assert labelmaps.boxes(voxels) == boxes
    assert boxes == {n + 1: box for n, box in enumerate(ndimage.find_objects(voxels)) if box}
    monkeypatch.setattr(segments, "LARGE", 3)
    whole = NoduleMask((voxels > 0).astype(np.uint8), (0, 0, 0), grid)
    trimmed = segments.trim_mask(whole, grid)
    assert trimmed.array.shape != whole.array.shape
    assert segments.digest(trimmed) == segments.digest(whole)
    prints = {segments.digest(whole)}
    for change in ((2, 3, 5), (11, 1, 3), (0, 0, 0)):
        other = whole.array.copy()
        other[change] = 1 - other[change]
        prints.add(segments.digest(NoduleMask(other, (0, 0, 0), grid)))
    moved = NoduleMask(trimmed.array, (0, 0, 0), grid.crop((0, 0, 0), trimmed.size))
    assert len(prints | {segments.digest(moved)}) == 5


def corrected(session) -> int:
    """A nodule with a hand-made outline that has its answer; how many voxels it has."""
    mark(session, (0, 0, 0))
    session.drawing.brush.ball, session.drawing.brush.radius_mm = True, 4.0
    session.drawing.stroke(at(session, 5, 0, 0), at(session, 9, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    return voxels(session)


def test_computing_again_asks_before_a_correction_is_dropped(session):
    drawn = corrected(session)
    session.rerun()
    assert not session.busy
    (question,) = session.listener.questions
    assert question.text == "The outline of Nodule 1 was corrected by hand. Keep it?"
    assert [key for key, _ in question.answers] == ["keep", "anew"]
    session.questions.answer()  # the default
    settle(session)
    assert (voxels(session), session.nodule.edited) == (drawn, True)
    session.rerun()
    session.questions.answer("anew")
    settle(session)
    assert voxels(session) < drawn
    assert not session.nodule.edited
    assert session.listener.questions[-1] is None


def test_a_dragged_point_asks_before_a_correction_is_dropped(session):
    from densesharp_scene import seeds

    drawn = corrected(session)
    scan, place = session.scan, session.nodule.result.seed.ras
    for key, kept in (("keep", True), ("anew", False)):
        seeds.move_seed(scan.seeds_node, session.nodule.seed_id, place + (3, 0, 0))
        session.clicks.take_points(scan)
        session.questions.answer(key)
        settle(session)
        assert (voxels(session) == drawn) == kept
        back = seeds.seed_position(scan.seeds_node, session.nodule.seed_id)
        np.testing.assert_allclose(back, place + (0 if kept else 3, 0, 0), atol=1e-6)


def test_a_correction_during_the_analysis_takes_its_place(session):
    mark(session, (0, 0, 0))
    session.backend.hold()
    session.rerun()
    session.backend.at_work()
    session.drawing.stroke(at(session, 6, 0, 0), at(session, 6, 0, 0), NORMAL)
    session.drawing.end()
    drawn = voxels(session)
    session.backend.let_go()
    settle(session)
    assert (voxels(session), session.nodule.edited) == (drawn, True)


# Undo


def test_undo_says_what_it_undid_and_goes_there(session):
    mark(session, (0, 0, 0), (20, 0, 0))
    session.rename(FIRST, "Upper lobe")
    session.select(SECOND)
    session.decide("rejected")
    session.select(FIRST)
    session.undo()
    assert session.listener.last == "Undone: Nodule 2: rejected."
    assert session.selected == SECOND
    session.undo()
    assert session.listener.last == "Undone: Nodule 1: renamed to Upper lobe."
    assert session.selected == FIRST
    assert session.can_redo()
    session.redo()
    assert session.listener.last == "Redone: Nodule 1: renamed to Upper lobe."
    session.redo()
    assert (session.selected, decisions(session)) == (SECOND, ["open", "rejected"])
    session.redo()
    assert session.listener.last == "Nothing to redo."
    for _ in range(4):
        session.undo()
    assert (names(session), session.can_undo()) == ([], False)
    session.undo()
    assert session.listener.last == "Nothing to undo."


def test_undo_takes_back_a_click_that_is_still_computed(session):
    mark(session, (0, 0, 0))
    session.backend.hold()
    session.click(at(session, 20, 0, 0))
    session.undo()
    session.backend.let_go()
    settle(session)
    assert session.listener.sentences[-1][0] == "Undone: the last click."
    assert names(session) == ["Nodule 1"]
    session.backend.hold()
    session.click(at(session, 20, 0, 0))
    session.decide("accepted", FIRST)
    session.undo()  # the decision came after the click
    assert decisions(session) == ["open"]
    session.backend.let_go()
    settle(session)
    assert names(session) == ["Nodule 1", "Nodule 2"]


def test_an_outline_that_redo_brings_back_unanswered_is_measured(session):
    mark(session, (0, 0, 0))
    session.backend.hold()
    session.drawing.stroke(at(session, 6, 0, 0), at(session, 6, 0, 0), NORMAL)
    session.drawing.end()
    drawn = voxels(session)
    session.undo()
    session.redo()
    session.backend.let_go()
    settle(session)
    assert (voxels(session), session.nodule.edited) == (drawn, True)
    assert session.outdated(session.nodule) is None


# The end


def test_a_scene_that_closes_while_something_is_computed_leaves_no_word(session):
    session.backend.hold()
    session.click(at(session))
    session.backend.at_work()
    session.listener.sentences.clear()
    session.forget()
    session.backend.let_go()
    settle(session)
    assert session.listener.sentences == []
    assert session.stage() == "idle"


def test_what_was_cancelled_is_no_progress_any_more(session):
    """It may run on unseen until it looks up; no front end waits for that."""
    told = []
    session.listener.progressed = told.append
    session.backend.hold()
    session.click(at(session))
    session.backend.at_work()
    assert told[-1].busy
    session.cancel()
    session.poll()
    assert not told[-1].busy


def test_cancelling_takes_the_click_away(session):
    session.backend.hold()
    session.click(at(session))
    session.cancel()
    assert session.listener.last == "Cancelled."
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0


def test_what_is_shared_is_written_under_the_reader_s_names(session, tmp_path):
    import json

    mark(session, (0, 0, 0), (20, 0, 0))
    session.state.reader = "Dr A"
    session.rename(FIRST, "LLL spiculated")
    session.decide("accepted", FIRST)
    session.decide("rejected", SECOND)
    ends = []
    session.export.report(tmp_path / "out", ends.append)
    settle(session)
    assert ends[-1].kind == "done"
    (entry,) = json.loads((tmp_path / "out" / "result.json").read_text())["nodules"]
    assert (entry["name"], entry["review"]["reader"]) == ("LLL spiculated", "Dr A")


def lengthen(session, by_mm: float) -> None:
    """A reader drags one end of the long axis and lets go."""
    line = session.scan.record_node.GetNodeReference("long axis")
    first, second = (np.array(line.GetNthControlPointPositionWorld(n)) for n in (0, 1))
    along = (second - first) / np.linalg.norm(second - first)
    line.SetNthControlPointPositionWorld(1, *(second + by_mm * along))
    session.take_lines()


def test_what_was_said_before_a_drag_gives_way_to_the_new_lengths(session):
    session.click(middle(session.scan))
    settle(session)
    measured_axes.show(session.scan, FIRST)
    short = session.nodule.result.measurements.short_axis_mm
    outline = session.nodule.result.measurements.long_axis_mm
    for step in (1, 2):
        session.listener.said("Undone: the last click.", "info")
        lengthen(session, 3.0)
        words = f"Measured by the reader: {outline + 3 * step:.1f} × {short:.1f} mm"
        assert session.listener.last == words
    session.listener.said("Done.", "done")
    session.take_lines()  # let go where it was
    assert session.listener.last == "Done."


def own_length(session) -> float | None:
    """What the reader measured, whether the lines are drawn anew or not."""
    told = [session.scan.handed_out(FIRST).result.reader_axes]
    measured_axes.show(session.scan, FIRST)
    told.append(session.scan.handed_out(FIRST).result.reader_axes)
    assert told[0] == told[1]
    return told[0].long_axis_mm if told[0] else None


def test_each_drag_of_an_axis_is_a_step(session):
    session.click(middle(session.scan))
    settle(session)
    measured_axes.show(session.scan, FIRST)
    outline = session.nodule.result.measurements.long_axis_mm
    steps = session.scan.steps
    session.take_lines()  # nothing was dragged
    assert session.scan.steps == steps
    lengthen(session, 4.0)
    lengthen(session, 2.0)
    session.rename(FIRST, "Apex")
    assert session.scan.steps == steps + 3
    session.undo()
    assert own_length(session) == pytest.approx(outline + 6)
    session.undo()
    assert session.listener.last == "Undone: Nodule 1: axes measured."
    assert own_length(session) == pytest.approx(outline + 4)
    session.undo()
    assert own_length(session) is None
    session.redo()
    assert session.listener.last == "Redone: Nodule 1: axes measured."
    assert own_length(session) == pytest.approx(outline + 4)
    session.delete(FIRST)
    session.undo()
    assert own_length(session) == pytest.approx(outline + 4)


def test_an_axis_that_is_dragged_back_is_the_outline_s_again(session):
    session.click(middle(session.scan))
    settle(session)
    session.click(middle(session.scan) + (25, 0, 0))
    settle(session)
    measured_axes.show(session.scan, FIRST)
    session.select(FIRST)
    lengthen(session, 4.0)
    measured_axes.show(session.scan, SECOND)  # the lines are kept for the first
    measured_axes.show(session.scan, FIRST)
    lengthen(session, -4.0)
    measured_axes.show(session.scan, SECOND)
    assert own_length(session) is None


def test_a_correction_is_measured_on_its_own_axes_and_undo_brings_the_former(session):
    session.click(middle(session.scan))
    settle(session)
    measured_axes.show(session.scan, FIRST)
    lengthen(session, 4.0)
    own = own_length(session)
    session.drawing.stroke(middle(session.scan), middle(session.scan) + (8, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    assert own_length(session) is None
    session.undo()
    assert own_length(session) == own
    session.undo()
    assert own_length(session) is None


def test_the_model_s_own_outline_is_no_correction_however_it_comes_back(session):
    """As Segment Editor's undo, a stroke and its opposite, or a plus and a minus click."""
    session.click(middle(session.scan))
    settle(session)
    own = session.nodule
    session.decide("accepted")
    session.drawing.stroke(middle(session.scan), middle(session.scan) + (8, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    assert session.nodule.edited
    corrected = session.nodule.result.measurements.volume_mm3
    session.rename(FIRST, "Apex")
    node, ct = session.scan.segmentation_node, session.scan.volume_node
    segments.write_mask(node, own.segment_id, ct, own.result.mask)
    session.drawing.correct(session.scan, FIRST)
    settle(session)
    assert session.listener.last == "Apex has the model's own outline again, and its answer."
    again = session.nodule
    assert (again.edited, again.name, again.review.decision) == (False, "Apex", "open")
    assert again.result.uncertainty == own.result.uncertainty
    assert again.result.stability == own.result.stability
    assert session.outdated(again) is None
    session.undo()
    settle(session)
    assert session.nodule.edited
    assert session.nodule.result.measurements.volume_mm3 == corrected
    session.redo()
    settle(session)
    assert not session.nodule.edited
