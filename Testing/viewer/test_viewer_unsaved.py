"""Nothing that was not saved is lost without a question."""

import numpy as np
import pytest
from viewer_helpers import decide, settle

from densesharp.errors import ImageError

NORMAL = np.array([0.0, 0.0, 1.0])
FIRST = "nodule_001"


@pytest.fixture
def answered(session, ct_with_a_sphere):
    """A session with one answered nodule, and a way to open the next CT."""
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    session.click(center)
    settle(session)
    return session, lambda: session.open_volume(volume)


def save(session) -> None:
    session.exports.save()
    settle(session)


def test_an_open_ct_without_work_is_left_without_a_question(session, page, ct_with_a_sphere):
    volume, _ = ct_with_a_sphere
    session.open_volume(volume)
    first = session.scan
    session.open_volume(volume)
    assert session.scan is not first
    assert not page.get("leaving")
    assert not page["unsaved"]


def test_what_is_not_saved_is_asked_about(answered, page):
    session, open_next = answered
    assert page["unsaved"]
    open_next()
    assert page["leaving"]
    assert [nodule.id for nodule in session.scan.nodules] == [FIRST]
    session.unsaved.stay()
    assert not page["leaving"]
    assert [nodule.id for nodule in session.scan.nodules] == [FIRST]
    session.unsaved.discard()  # the question is over: nothing to go on with
    assert [nodule.id for nodule in session.scan.nodules] == [FIRST]
    open_next()
    session.unsaved.discard()
    assert not page["leaving"]
    assert page["nodules"] == []
    assert not page["unsaved"]
    assert not session.files.results.exists()


def test_save_and_go_on(answered, page):
    session, open_next = answered
    folder = session.files.results
    decide(session, FIRST, "accepted", "Dr A")
    open_next()
    session.unsaved.save()
    assert page["leaving"]
    settle(session)
    assert not page["leaving"]
    assert page["nodules"] == []
    assert (folder / "scene.mrb").exists()
    session.open_file(folder / "scene.mrb")
    assert page["card"]["decided"].startswith("Accepted by Dr A")
    assert not page["unsaved"]


def test_what_cannot_be_saved_keeps_the_question_open(answered, page):
    session, open_next = answered
    session.tool = "paint"
    seed = session.scan.nodule(FIRST).result.seed.ras
    session.stroke(seed + (8, 0, 0), seed + (8, 0, 0), NORMAL)
    open_next()
    with pytest.raises(ImageError, match="cannot be written yet"):
        session.unsaved.save()
    assert page["leaving"]
    assert [nodule.id for nodule in session.scan.nodules] == [FIRST]


@pytest.mark.parametrize("change", ["name", "decision", "outline", "nodule", "deleted"])
def test_each_kind_of_work_counts(answered, page, change):
    session, open_next = answered
    save(session)
    assert not page["unsaved"]
    seed = session.scan.nodule(FIRST).result.seed.ras
    if change == "name":
        session.rename(FIRST, "Upper lobe")
    elif change == "decision":
        decide(session, FIRST, "rejected", "Dr A")
    elif change == "outline":
        session.tool = "paint"
        session.stroke(seed + (8, 0, 0), seed + (8, 0, 0), NORMAL)
        session.drawing.end()
    elif change == "nodule":
        session.click(seed + (-25, 0, 0))
    else:
        session.delete(FIRST)
    settle(session)
    assert page["unsaved"]
    session.undo()
    assert not page["unsaved"]  # back at what was saved
    open_next()
    assert not page.get("leaving")
    assert page["nodules"] == []


def test_a_change_after_save_was_pressed_is_not_in_the_files(answered, page):
    session, open_next = answered
    open_next()
    session.unsaved.save()
    session.rename(FIRST, "Upper lobe")
    settle(session)
    assert page["leaving"]
    assert page["nodules"][0]["name"] == "Upper lobe"
    assert page["unsaved"]
    session.unsaved.save()
    settle(session)
    assert not page["leaving"]


def test_a_saved_scene_is_asked_about_too(answered, page):
    session, _ = answered
    save(session)
    session.rename(FIRST, "Upper lobe")
    session.open_file(session.files.results / "scene.mrb")
    assert page["leaving"]
    assert page["card"]["name"] == "Upper lobe"
    session.unsaved.discard()
    assert page["card"]["name"] == "Nodule 1"
