"""One reader's session without a page: click, select, correct, decide, undo, save, open again."""

import json

import numpy as np
import pytest
from viewer_helpers import decide, settle

from densesharp_scene import views

NORMAL = np.array([0.0, 0.0, 1.0])


@pytest.fixture
def open_session(session, ct_with_a_sphere):
    """A session with the sphere's CT open; (session, RAS of the sphere)."""
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    return session, center


@pytest.fixture
def answered(open_session):
    """A session in which the sphere was clicked: (session, RAS of the sphere)."""
    session, center = open_session
    session.click(center)
    settle(session)
    return session, center


def test_a_click_is_answered_and_shown(answered, page):
    session, center = answered
    (row,) = page["nodules"]
    assert (row["id"], row["state"], row["decision"]) == ("nodule_001", "", "open")
    assert float(row["volume"]) == pytest.approx(4 / 3 * np.pi * 5**3, rel=0.1)
    assert page["card"]["stability"]["tone"] == "good"
    assert not page["busy"]
    seed = session.scan.nodule("nodule_001").result.seed
    np.testing.assert_allclose(seed.ras, center, atol=1e-6)


def test_a_click_into_a_known_nodule_selects_it(answered):
    session, center = answered
    session.select(None)
    session.click(center + (1.0, 0.0, 0.0))
    settle(session)
    assert [nodule.id for nodule in session.scan.nodules] == ["nodule_001"]
    assert session.selected == "nodule_001"


def test_a_click_outside_the_ct_says_so(open_session, page):
    session, center = open_session
    session.click(np.array([500.0, 0.0, 0.0]))
    assert "outside the CT" in page["message"]["text"]
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0
    session.click(center)
    assert page["message"]["text"] == ""  # it was about the click before
    settle(session)


def test_a_failed_analysis_leaves_no_seed_behind(open_session, page):
    from densesharp.errors import SeedError

    session, center = open_session

    def refuse(*_):
        raise SeedError("The seed lies in bone: click on the nodule.")

    session.backend.analyse = refuse
    session.click(center)
    settle(session)
    assert page["message"] == {
        "text": "The seed lies in bone: click on the nodule.",
        "kind": "caution",
    }
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0
    assert page["nodules"] == []


def test_cancelling_takes_the_seed_away(open_session, page):
    session, center = open_session
    session.backend.delay_s = 5.0
    session.click(center)
    session.poll()
    session.cancel()
    settle(session)
    assert page["nodules"] == []
    assert session.scan.seeds_node.GetNumberOfControlPoints() == 0
    assert not page["busy"]


def test_a_dragged_seed_is_computed_again(answered, page):
    from densesharp_scene import seeds

    session, center = answered
    nodule = session.scan.nodule("nodule_001")
    seeds.move_seed(session.scan.seeds_node, nodule.seed_id, center + (4.0, 0.0, 0.0))
    session.check_seeds()
    settle(session)
    moved = session.scan.nodule("nodule_001").result.center_lps
    assert moved[0] == pytest.approx(-(center[0] + 4.0), abs=0.5)
    assert len(page["nodules"]) == 1


def test_painting_changes_volume_and_marks_the_nodule(answered, page):
    session, center = answered
    before = float(page["nodules"][0]["volume"])
    session.tool, session.drawing.brush.radius_mm = "paint", 4.0
    session.stroke(center + (4, 0, 0), center + (9, 0, 0), NORMAL)
    assert session.scan.is_edited("nodule_001")
    session.drawing.end()
    assert page["nodules"][0]["state"] == "busy"
    settle(session)
    assert float(page["nodules"][0]["volume"]) > before + 50
    assert page["card"]["edited"]
    assert page["card"]["outdated"] == ""
    session.undo()
    assert float(page["nodules"][0]["volume"]) == before


def test_a_correction_says_that_the_decision_is_over(answered, page):
    session, center = answered
    decide(session, "nodule_001", "accepted", "Dr. Doe")
    session.tool, session.drawing.brush.radius_mm = "paint", 4.0
    session.stroke(center + (4, 0, 0), center + (9, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    assert page["nodules"][0]["decision"] == "open"
    words = "Nodule 1 was accepted with another answer: decide again."
    assert page["message"] == {"text": words, "kind": "caution"}
    session.forget_message()
    session.stroke(center + (8, 0, 0), center + (12, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    assert page["message"]["text"] == "", "no decision was taken back"


def test_no_decision_is_about_an_answer_before_the_page_has_told_that_it_is_seen(answered, page):
    from densesharp_scene.errors import SceneError

    session, center = answered
    session.in_sight.seen(page["came"])
    assert (page["came"], session.in_sight.nodule()) == (0, "nodule_001")
    session.tool, session.drawing.brush.radius_mm = "paint", 4.0
    session.stroke(center + (4, 0, 0), center + (9, 0, 0), NORMAL)
    session.drawing.end()
    settle(session)
    for meant in (None, "nodule_001"):
        with pytest.raises(SceneError, match="look at it, then press again"):
            session.in_sight.nodule(meant)
    answer = page["came"]
    session.in_sight.seen(answer - 1)  # the page tells of the one before
    assert page["came"] == answer
    session.in_sight.seen(answer)
    assert session.in_sight.nodule("nodule_001") == "nodule_001"


def test_nothing_is_about_a_ct_before_the_page_has_told_that_it_shows_it(answered, page):
    from densesharp_scene.errors import SceneError

    session, _ = answered
    first = page["ct"]
    session.in_sight.shows(first)
    session.in_sight.check_ct()
    session.unsaved.saved(session.unsaved.state())
    session.open_volume(session.scan.volume())
    assert page["ct"] != first
    session.in_sight.shows(first)
    with pytest.raises(SceneError, match="Another CT has only just come"):
        session.in_sight.check_ct()
    session.in_sight.shows(page["ct"])
    session.in_sight.check_ct()


def test_erasing_everything_asks_what_to_do(answered, page):
    session, center = answered
    session.tool, session.drawing.brush.radius_mm, session.drawing.brush.ball = "erase", 20.0, True
    session.stroke(center, center, NORMAL)
    session.drawing.end()
    settle(session)
    assert "outline is empty" in page["message"]["text"]
    assert "changed after this result" in page["card"]["outdated"]
    session.undo()
    assert page["card"]["outdated"] == ""


def test_a_nodule_that_the_model_did_not_find_is_outlined_by_hand(answered, page):
    """Its verdict says so; undo takes the drawing away again."""
    from dataclasses import replace

    session, center = answered
    refused = replace(
        session.scan.nodule("nodule_001").result, mask=None, prediction=None, measurements=None,
        class_probabilities=None, verdict="refused",
    )  # fmt: skip
    session.scan.store(refused)
    session.refresh()
    assert page["nodules"][0]["volume"] == "–"
    session.tool = "erase"
    session.stroke(center, center, NORMAL)
    assert page["message"]["text"] == "This nodule has no outline yet: paint one."
    session.tool, session.drawing.brush.ball, session.drawing.brush.radius_mm = "paint", True, 6.0
    session.stroke(center, center, NORMAL)
    session.drawing.end()
    settle(session)
    assert float(page["nodules"][0]["volume"]) == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.15)
    assert page["card"]["edited"]
    session.undo()
    assert page["nodules"][0]["volume"] == "–"
    assert session.scan.mask_of("nodule_001") is None
    session.stroke(center, center, NORMAL)
    session.undo()
    assert session.scan.mask_of("nodule_001") is None
    assert session.scan.outdated("nodule_001") is None


def test_painting_without_a_chosen_nodule_says_so(open_session, page):
    session, center = open_session
    session.tool = "paint"
    session.stroke(center, center, NORMAL)
    assert "Choose a nodule" in page["message"]["text"]


def test_decisions_carry_the_readers_name_and_toggle(answered, page):
    session, _ = answered
    decide(session, "nodule_001", "accepted", "Dr A")
    assert page["card"]["decided"].startswith("Accepted by Dr A on 20")
    decide(session, "nodule_001", "accepted", "Dr A")
    assert page["card"]["decision"] == "open"


def test_deleting_and_undoing(answered, page):
    session, _ = answered
    session.delete("nodule_001")
    assert (page["nodules"], page["card"], page["selected"]) == ([], None, "")
    session.undo()
    assert page["selected"] == "nodule_001"
    session.undo()
    session.undo()
    assert page["message"]["text"] == "Nothing to undo."


def test_stepping_goes_around(answered, page):
    session, center = answered
    session.click(center + (-25, 0, 0))
    settle(session)
    assert page["selected"] == "nodule_002"
    session.step(1)
    assert page["selected"] == "nodule_001"
    session.step(-1)
    assert page["selected"] == "nodule_002"


def test_the_evidence_follows_the_selection(answered):
    session, center = answered
    session.click(center + (-25, 0, 0))
    settle(session)
    session.show_evidence(True)
    node = session.scan.record_node.GetNodeReference("evidence")
    origins = []
    for nodule_id in ("nodule_001", "nodule_002"):
        session.select(nodule_id)
        origins.append(node.GetOrigin())
    assert np.linalg.norm(np.subtract(*origins)) == pytest.approx(25, abs=1)


def test_saved_work_opens_again(answered, page, tmp_path):
    session, center = answered
    assert views.window_name(session.scan.volume_node) == "lung"
    views.set_window(session.scan.volume_node, *views.WINDOWS["mediastinum"])
    session.rename("nodule_001", "Right lower lobe")
    decide(session, "nodule_001", "rejected", "Dr B")
    before = session.scan.nodule("nodule_001").to_json()
    session.exports.save()
    settle(session)
    assert page["message"]["text"].startswith("Saved 2 files")
    stored = json.loads((session.files.results / "result.json").read_text())
    np.testing.assert_allclose(stored["nodules"][0]["seed_ras"], center, atol=1e-3)
    session.open_file(session.files.results / "scene.mrb")
    assert views.window_name(session.scan.volume_node) == "mediastinum"
    assert page["card"]["name"] == "Right lower lobe"
    assert page["card"]["decided"].startswith("Rejected by Dr B")
    assert session.scan.nodule("nodule_001").to_json() == before
    assert session.scan.outdated("nodule_001") is None
    assert page["card"]["has_evidence"]
    session.show_evidence(True)
    assert page["evidence"]
    session.click(center + (-25, 0, 0))
    settle(session)
    assert [row["id"] for row in page["nodules"]] == ["nodule_001", "nodule_002"]


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_a_damaged_scene_is_refused(open_session, page, tmp_path, content):
    session, _ = open_session
    path = tmp_path / "broken.mrb"
    path.write_bytes(content)
    session.open_file(path)
    assert "no scene bundle" in page["message"]["text"]
    assert page["opened"] == ""


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "..\\outside.txt"])
def test_a_scene_that_reaches_outside_is_refused(session, page, tmp_path, name):
    import zipfile

    path = tmp_path / "evil.mrb"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(name, "x")
    session.open_file(path)
    assert "outside itself" in page["message"]["text"]
    assert not (tmp_path.parent / "outside.txt").exists()


def test_no_image_is_refused_with_the_readers_sentence(session, page, tmp_path):
    path = tmp_path / "notes.nrrd"
    path.write_text("this is no image")
    session.open_file(path)
    settle(session)
    assert page["message"]["kind"] == "caution"
    assert "notes" in page["message"]["text"]


def test_opening_another_ct_ends_what_runs_for_the_first(open_session, ct_with_a_sphere, page):
    session, center = open_session
    session.backend.delay_s = 3.0
    session.click(center)
    session.open_volume(ct_with_a_sphere[0])
    settle(session)
    assert page["nodules"] == []


def test_the_page_learns_no_path_but_that_of_what_it_saved(answered, page, tmp_path):
    session, _ = answered
    assert str(tmp_path) not in json.dumps(page)
    session.exports.save()
    settle(session)
    assert page["saved_in"] == str(tmp_path / "results" / "CT")


def test_a_refused_answer_shows_reasons_only(answered, page):
    from dataclasses import replace

    from densesharp.image.volume import Notice

    session, _ = answered
    assert page["card"]["training"] == "The model was trained on balls & cubes."
    reason = Notice("too_large", "The mass is too large for this model.", "refused")
    result = replace(session.scan.nodule("nodule_001").result, verdict="refused", notices=(reason,))
    session.scan.store(result)
    session.refresh()
    card = page["card"]
    assert card["reasons"] == ({"text": reason.message, "tone": "bad"},)
    assert [card[name] for name in ("classes", "questions", "measurements", "advice")] == [()] * 4
    assert page["nodules"][0]["predicted"] == "–"
