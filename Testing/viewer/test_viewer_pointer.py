"""Before a click the pointer says whether the model sees something there."""

import pytest
from viewer_helpers import SPHERE_RADIUS_MM, settle

from densesharp.nodule.glance import glance
from densesharp.nodule.records import Seed
from densesharp_viewer.pointer import Pointer
from phantoms import ThresholdEngine


def test_one_pass_tells_the_size_of_what_is_there(ct_with_a_sphere):
    volume, center = ct_with_a_sphere
    engine = ThresholdEngine()
    seen = glance(volume, Seed.from_ras(center), engine)
    assert seen == pytest.approx(2 * SPHERE_RADIUS_MM, rel=0.03)
    assert engine.patches == 1
    assert glance(volume, Seed.from_ras(center + (35, 0, 0)), engine) is None


@pytest.fixture
def rest(session, ct_with_a_sphere):
    """Moves the pointer and lets it rest; (function, middle of the sphere)."""
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    waiting = []
    pointer = Pointer(session, lambda function, _seconds: waiting.append(function))

    def rest(*places):
        for place in places:
            words = pointer.at(place)
        for function in waiting:
            function()
        waiting.clear()
        settle(session)
        return words

    return rest, center


def test_a_pointer_that_rests_says_what_the_model_sees(rest, page, session):
    rest, center = rest
    assert "HU at RAS" in rest(center)
    assert page["seen"] == "Model: about 10 mm here"
    assert not page["busy"]
    assert "progress_text" not in page or page["progress_text"] == ""
    rest(center, center + (30, 0, 0))
    assert page["seen"] == "Model: nothing here"
    session.tool = "paint"
    rest(center)
    assert page["seen"] == ""


def test_only_where_it_rests_the_model_is_asked(rest, session):
    rest, center = rest
    asked = []
    session.backend.glance = lambda _v, seed, _p: asked.append(seed.ras.tolist())
    rest(center + (30, 0, 0), center + (20, 0, 0), center)
    assert asked == [center.tolist()]
    session.click(center)
    rest(center + (30, 0, 0))  # the click is still computed
    assert len(asked) == 1
    rest(center)  # a known outline
    session.backend.glances = False
    rest(center + (30, 0, 0))
    assert len(asked) == 1
