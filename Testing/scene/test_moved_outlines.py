"""Plus and minus clicks in a reader's session: one step each, and none is lost."""

import numpy as np
import pytest
from test_session import FIRST, SIZE, SPACING, Told, at, mark, settle, voxels

from densesharp_scene import ScanNodules
from densesharp_scene.session import NoduleSession
from nodule_answers import RADIUS_MM, HeldBackend

EDGE = RADIUS_MM


@pytest.fixture
def session(make_ct):
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    session = NoduleSession(HeldBackend(), Told())
    session.show(ScanNodules(make_ct(SIZE, matrix)))
    mark(session, (0, 0, 0))
    yield session
    session.backend.let_go()
    session.close()


def test_a_plus_click_is_a_correction_and_one_step_of_undo(session):
    before = voxels(session)
    session.drawing.click(at(session, EDGE + 1, 0, 0), add=True)
    assert session.stage() == "computing"
    settle(session)
    after = voxels(session)
    assert after > before
    nodule = session.nodule
    assert nodule.edited
    volume = after * session.scan.volume().grid.voxel_volume
    assert nodule.result.measurements.volume_mm3 == pytest.approx(volume)
    assert session.outdated(nodule) is None
    session.undo()
    settle(session)
    assert (voxels(session), session.nodule.edited) == (before, False)
    session.redo()
    settle(session)
    assert (voxels(session), session.nodule.edited) == (after, True)


def test_a_minus_click_takes_away(session):
    before = voxels(session)
    session.drawing.click(at(session, EDGE - 1, 0, 0), add=False)
    settle(session)
    assert voxels(session) < before


def test_quick_clicks_all_count(session):
    """The second comes while the first is computed; neither may be lost."""
    places = (EDGE + 1, 0, 0), (-EDGE - 1, 0, 0), (0, EDGE + 1, 0)
    alone = []
    for place in places:
        session.drawing.click(at(session, *place), add=True)
        settle(session)
        alone.append(voxels(session))
    for _ in places:
        session.undo()
        settle(session)
    session.backend.hold()
    for place in places:
        session.drawing.click(at(session, *place), add=True)
    session.backend.let_go()
    settle(session)
    assert voxels(session) == alone[-1]


def test_a_click_that_changes_nothing_says_why_and_is_no_step(session):
    before, steps = voxels(session), session.scan.steps
    session.drawing.click(at(session), add=True)
    settle(session)
    assert session.listener.last == "In the outline already."
    assert (voxels(session), session.scan.steps) == (before, steps)
    assert session.nodule.id == FIRST


def test_a_refused_one_among_quick_clicks_is_told(session):
    session.backend.hold()
    session.drawing.click(at(session, EDGE + 1, 0, 0), add=True)
    session.drawing.click(at(session), add=True)
    session.backend.let_go()
    settle(session)
    assert session.nodule.edited
    assert session.listener.last == "In the outline already."


def test_a_decision_does_not_outlive_a_moved_outline(session):
    session.decide("accepted")
    session.drawing.click(at(session, EDGE + 1, 0, 0), add=True)
    settle(session)
    assert session.nodule.review.decision == "open"


def test_without_a_nodule_a_sentence_tells_what_to_do(session):
    session.select(None)
    session.drawing.click(at(session), add=True)
    assert "Choose a nodule" in session.listener.last
