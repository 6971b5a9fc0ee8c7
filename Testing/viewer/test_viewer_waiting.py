"""What a reader does while an answer is on its way: nothing is lost, nothing jumps."""

from dataclasses import replace

import numpy as np
import pytest
from viewer_helpers import decide, settle

from densesharp.errors import SeedError
from densesharp_scene import seeds
from nodule_answers import AnsweringBackend, HeldBackend, deaf

NORMAL = np.array([0.0, 0.0, 1.0])
FIRST, SECOND = "nodule_001", "nodule_002"
BESIDE = np.array((-25.0, 0.0, 0.0))


@pytest.fixture
def answered(session, ct_with_a_sphere):
    """A session with one answered nodule: (session, its held backend, RAS of the sphere)."""
    volume, center = ct_with_a_sphere
    session.use(HeldBackend())
    session.open_volume(volume)
    session.click(center)
    settle(session)
    yield session, session.backend, center
    session.backend.let_go()


def voxels(session, nodule_id: str = FIRST) -> int:
    return int(session.scan.mask_of(nodule_id).array.sum())


def paint(session, at) -> None:
    session.tool = "paint"
    session.stroke(at, at, NORMAL)


def shown_class(page) -> list[str]:
    return [bar["label"] for bar in page["card"]["classes"] if bar["chosen"]]


def seed_place(session) -> np.ndarray:
    nodule = session.scan.nodule(FIRST)
    return seeds.seed_position(session.scan.seeds_node, nodule.seed_id)


def drag_seed(session, to) -> None:
    seeds.move_seed(session.scan.seeds_node, session.scan.nodule(FIRST).seed_id, to)
    session.check_seeds()


def test_the_answer_of_one_stroke_does_not_undo_the_next(answered, page):
    session, backend, center = answered
    backend.hold()
    paint(session, center + (8, 0, 0))
    session.drawing.end()
    backend.at_work()
    paint(session, center + (-8, 0, 0))
    both = voxels(session)
    backend.let_go()
    settle(session)  # the answer of the first stroke comes, the button is still down
    assert voxels(session) == both
    session.drawing.end()
    settle(session)
    assert voxels(session) == both
    assert page["card"]["outdated"] == ""
    assert page["card"]["edited"]


def test_a_decision_on_the_first_answer_learns_of_the_whole_one(session, ct_with_a_sphere, page):
    class Refining(HeldBackend):
        """Gives its first answer at once; the whole one waits, and has another class."""

        def analyse(self, volume, seed, nodule_id, progress, on_first):
            first = AnsweringBackend.analyse(self, volume, seed, nodule_id, deaf, on_first)
            self._wait()
            return replace(first, class_probabilities={"AAH-AIS": 0.1, "MIA": 0.2, "IAC": 0.7})

    volume, center = ct_with_a_sphere
    session.use(Refining())
    session.open_volume(volume)
    session.backend.hold()
    session.click(center)
    session.backend.at_work()
    session.poll()
    (first,) = shown_class(page)
    assert first != "IAC"
    decide(session, FIRST, "accepted", "Dr A")
    session.backend.let_go()
    settle(session)
    assert (page["card"]["decision"], shown_class(page)) == ("accepted", [first])
    assert "the complete answer is IAC, 70%" in page["card"]["reasons"][-1]["text"]
    decide(session, FIRST, "accepted", "Dr A")  # the same again opens it
    settle(session)
    assert (page["card"]["decision"], shown_class(page)) == ("open", ["IAC"])


def test_an_answer_for_an_outline_that_is_another_by_now_is_dropped(answered, page):
    """As when another front end, or the scene itself, changed it without a stroke here."""
    from densesharp_scene import segments

    session, backend, center = answered
    backend.hold()
    paint(session, center + (8, 0, 0))
    session.drawing.end()
    backend.at_work()
    scan = session.scan
    other = scan.nodule(FIRST).result.mask
    segments.write_mask(
        scan.segmentation_node, scan.nodule(FIRST).segment_id, scan.volume_node, other
    )
    before = voxels(session)
    backend.let_go()
    settle(session)
    assert voxels(session) == before
    assert not page["card"]["edited"]


def test_undo_right_after_a_stroke_stays_undone(answered, page):
    session, backend, center = answered
    before = voxels(session)
    backend.hold()
    paint(session, center + (8, 0, 0))
    session.drawing.end()
    backend.at_work()
    session.undo()
    backend.let_go()
    settle(session)
    assert voxels(session) == before
    assert not page["card"]["edited"]


def test_an_answer_does_not_take_the_chosen_nodule_away(answered, page):
    """The reader clicks elsewhere, goes back to the first nodule and paints there."""
    session, backend, center = answered
    before = voxels(session)
    backend.hold()
    session.click(center + BESIDE)
    backend.at_work()
    session.select(FIRST)
    backend.let_go()
    settle(session)
    assert page["selected"] == FIRST
    assert len(page["nodules"]) == 2
    paint(session, center + (8, 0, 0))
    session.drawing.end()
    settle(session)
    assert voxels(session) > before
    assert [nodule.edited for nodule in session.scan.nodules] == [True, False]


def test_no_answer_selects_during_a_stroke(answered, page):
    session, backend, center = answered
    backend.hold()
    session.click(center + BESIDE)
    backend.at_work()
    paint(session, center + (8, 0, 0))
    backend.let_go()
    settle(session)
    paint(session, center + (8, 3, 0))
    session.drawing.end()
    settle(session)
    assert page["selected"] == FIRST
    assert [nodule.edited for nodule in session.scan.nodules] == [True, False]


def test_computing_again_selects_nothing(answered, page):
    session, _, center = answered
    session.click(center + BESIDE)
    settle(session)
    assert page["selected"] == SECOND  # the answer of a click does
    session.rerun(FIRST)
    settle(session)
    assert page["selected"] == SECOND


@pytest.mark.parametrize("decision", ["accepted", "rejected"])
def test_no_decision_while_a_corrected_outline_is_measured(answered, page, decision):
    session, backend, center = answered
    backend.hold()
    paint(session, center + (8, 0, 0))
    for _ in range(2):  # while it is drawn and while it is measured
        decide(session, FIRST, decision, "Dr A")
        assert page["message"]["text"] == "A new answer is being computed: decide when it is there."
        assert page["card"]["decision"] == "open"
        session.say("", "info")
        session.drawing.end()
    backend.let_go()
    settle(session)
    decide(session, FIRST, decision, "Dr A")
    assert page["card"]["decision"] == decision


def test_an_answer_is_marked_with_the_model_that_gave_it(answered, page):
    """'Use this server' is pressed, then a nodule is clicked before the server has answered."""
    session, old, center = answered
    old.model_hash = session.scan.model = "old"
    new = HeldBackend("new")
    new.hold()
    session.compute._use(new)
    new.at_work()
    session.click(center + BESIDE)
    new.let_go()
    settle(session)
    assert session.backend is new
    assert session.scan.model == "new"
    assert session.scan.nodule(SECOND).model == "old"
    assert "another model" in page["card"]["outdated"]
    session.rerun(SECOND)
    settle(session)
    assert session.scan.nodule(SECOND).model == "new"
    assert page["card"]["outdated"] == ""


def test_a_cancelled_drag_goes_back_at_once(answered, page):
    session, backend, center = answered
    backend.hold()
    drag_seed(session, center + (20, 0, 0))
    backend.at_work()
    session.cancel()
    np.testing.assert_allclose(seed_place(session), center, atol=1e-6)
    session.check_seeds()  # any later drag, such as window and level
    backend.let_go()
    settle(session)
    assert page["nodules"][0]["state"] == ""
    np.testing.assert_allclose(session.scan.nodule(FIRST).result.seed.ras, center, atol=1e-6)
    np.testing.assert_allclose(seed_place(session), center, atol=1e-6)


def test_a_failed_drag_goes_back(answered, page):
    session, backend, center = answered

    def refuse(*_):
        raise SeedError("The seed lies in bone: click on the nodule.")

    backend.analyse = refuse
    drag_seed(session, center + (20, 0, 0))
    settle(session)
    assert "lies in bone" in page["message"]["text"]
    np.testing.assert_allclose(seed_place(session), center, atol=1e-6)
    session.say("", "info")
    session.check_seeds()
    settle(session)
    assert page["message"]["text"] == ""


def test_a_second_drag_goes_on_from_where_it_was_let_go(answered, page):
    """The drag that takes over must not be put back by the end of the one before."""
    session, backend, center = answered
    backend.hold()
    drag_seed(session, center + (20, 0, 0))
    backend.at_work()
    drag_seed(session, center + (15, 0, 0))
    backend.let_go()
    settle(session)
    result = session.scan.nodule(FIRST).result
    np.testing.assert_allclose(result.seed.ras, center + (15, 0, 0), atol=1e-6)
    np.testing.assert_allclose(seed_place(session), center + (15, 0, 0), atol=1e-6)
