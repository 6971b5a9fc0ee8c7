"""Study mode without a browser: real Slicer views and scene, nothing of the model too early."""

import copy
import json

import numpy as np
import pytest
import SimpleITK as sitk
from study_simulation import CT_GRID, SEED, aid_for, ball, ball_mask, make_study

from densesharp.image.sampling import to_sitk
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reader_masks import decode

pytest.importorskip("trame_slicer", reason="the viewer is not installed (extra 'viewer')")

KEPT = []
"""trame-slicer's objects own temporary folders and complain when they are forgotten early."""

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated method AddActor2D")


@pytest.fixture(scope="module", autouse=True)
def graphics():
    from densesharp.errors import DeviceError
    from densesharp_viewer.graphics import prepare_graphics

    try:
        prepare_graphics()
    except DeviceError as error:
        pytest.skip(str(error))


def with_images(study):
    """Put a CT with a ball at the seed where the study expects its images."""
    array = np.where(ball(), 20, -850).astype(np.int16)
    for case in study.design.cases:
        sitk.WriteImage(to_sitk(array, CT_GRID), str(study.image(case)))
    return study


@pytest.fixture(scope="module")
def a_viewer(tmp_path_factory):
    """Study mode on a server that is never started: images are read at once."""
    from trame.app import get_server

    from densesharp.study.conduct.reading_session import Reading
    from densesharp.study.conduct.store import open_store
    from densesharp_viewer.study_viewer import StudyViewer

    study = with_images(make_study(tmp_path_factory.mktemp("study"), "unaided", count=2))
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    server = get_server("study-test", client_type="vue3")
    viewer = StudyViewer(server, Reading(study, store, "S1"))
    server.state.ready()
    KEPT.append(viewer)
    yield viewer
    viewer.close()
    store.close()


@pytest.fixture
def viewer_of(a_viewer, reading_of):
    """The viewer, its views made once, with another study."""

    def make(study, reader="S1"):
        a_viewer.presenter = Presenter(reading_of(study, reader))
        a_viewer.refresh()
        return a_viewer

    return make


MOVE_ON = ("submit", "next", "correct", "key")


@pytest.fixture
def act_on():
    from densesharp_viewer.study_actions import StudyActions

    def actions(viewer):
        """Presses what is on the screen, unless `shown` says that something else was."""
        run = StudyActions(viewer).run

        def act(*call, shown=None):
            screen = viewer.presenter.screen
            seen = shown or f"{screen.page}/{str(screen.confirming).lower()}"
            run(*call, *([seen] if call and call[0] in MOVE_ON else []))

        return act

    return actions


def state_of(viewer) -> dict:
    """All that a client can read."""
    return copy.deepcopy(viewer._server.state.to_dict())


def names_in(viewer) -> list[str]:
    """Names of all nodes and segments of the scene."""
    scene = viewer.slicer_app.scene
    nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
    names = [node.GetName() or "" for node in nodes]
    for node in nodes:
        if node.IsA("vtkMRMLSegmentationNode"):
            segmentation = node.GetSegmentation()
            names += [segmentation.GetSegment(i).GetName() for i in segmentation.GetSegmentIDs()]
    return names


def fill_and_submit(act):
    for key in "uwwcc8":
        act("key", key)
    act("submit")
    act("submit")


def test_the_model_is_in_scene_and_state_only_while_the_design_shows_it(
    tmp_path, viewer_of, act_on
):
    ball_aid = ball_mask(5)
    aids = [aid_for(f"C{n:03d}", (0.123, 0.345, 0.532)) for n in range(3)]
    for aid in aids:
        object.__setattr__(aid, "mask", ball_aid.nrrd)
        object.__setattr__(aid, "mask_sha256", ball_aid.sha256)
    study = with_images(make_study(tmp_path, "sequential", count=3, aids=aids))
    viewer = viewer_of(study)
    act = act_on(viewer)

    def shown():
        state = json.dumps(state_of(viewer), default=str)
        return "Model" in names_in(viewer), "34.5" in state or "53.2" in state

    act("start", 1, "")
    for _ in range(3):
        assert shown() == (False, False)
        act("next")
        assert state_of(viewer)["screen"]["page"] == "case"
        assert "Case" in names_in(viewer)
        assert shown() == (False, False)
        fill_and_submit(act)
        assert shown() == (True, True)
        fill_and_submit(act)
        assert "Case" not in names_in(viewer), "between cases the scene is empty"
    assert shown() == (False, False)
    assert state_of(viewer)["screen"]["page"] == "finished"


def test_neither_scene_nor_state_tells_identifiers_or_paths(tmp_path, viewer_of, act_on):
    study = with_images(make_study(tmp_path / "patient-folder", "sequential", count=3))
    viewer = viewer_of(study)
    act = act_on(viewer)
    act("start", 1, "")
    for _ in range(3):
        act("next")
        for _ in range(2):
            text = json.dumps(state_of(viewer), default=str) + " ".join(names_in(viewer))
            for secret in ("patient-folder", "C00", ".nrrd", "J1", str(tmp_path)):
                assert secret not in text
            fill_and_submit(act)


def test_a_stroke_becomes_the_outline_of_the_answer(tmp_path, viewer_of, act_on):
    study = with_images(make_study(tmp_path, "unaided", count=2))
    viewer = viewer_of(study)
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    act("tool", "paint")
    act("brush", 6)
    act("brush_3d", True)
    ras = np.array(SEED) * (-1, -1, 1)
    up = np.array([0.0, 0.0, 1.0])
    viewer.scene.stroke(ras, ras, up)
    viewer.scene.stroke(ras, ras + (2, 0, 0), up)
    viewer.scene.stroke_ended()
    assert state_of(viewer)["screen"]["has_mask"]
    act("tool", "erase")
    viewer.scene.stroke(ras, ras, up)
    viewer.scene.stroke_ended()
    act("undo")
    fill_and_submit(act)
    store = viewer.presenter._reading.store
    body = store.events("S1")[-1].body
    assert body["mask_edits"] == 3
    array, grid = decode(store.mask(body["mask_sha256"]))
    k, j, i = np.nonzero(array)
    points = grid.to_world(np.stack([i, j, k], -1))
    ends = np.array(SEED), np.array(SEED) + (-2, 0, 0)
    distance = np.minimum(*(np.linalg.norm(points - end, axis=1) for end in ends))
    assert distance.max() <= 3.2, "a capsule of 3 mm around the stroke"
    volume = len(k) * grid.voxel_volume
    assert volume == pytest.approx(4 / 3 * np.pi * 27 + np.pi * 9 * 2, rel=0.15)


def test_a_case_opens_on_slices_of_its_ct(tmp_path, viewer_of, act_on):
    """Its marked point lies between two slices in every direction."""
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    for axis, name in enumerate(("sagittal", "coronal", "axial")):
        place = viewer.slice_views[name].get_slice_value() * (-1, -1, 1)[axis]
        index = (place - CT_GRID.origin[axis]) / CT_GRID.spacing[axis]
        assert index == pytest.approx(round(index), abs=1e-3), name


def test_a_click_outlines_the_nodule_without_a_model(tmp_path, viewer_of, act_on):
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    act("tool", "click")
    assert state_of(viewer)["brush_mm"] == 20
    act("brush", 16)
    ras = np.array(SEED) * (-1, -1, 1)
    viewer.scene.clicked(ras + (0, 12, 0))
    assert "click into the nodule" in state_of(viewer)["screen"]["message"]
    assert not state_of(viewer)["screen"]["has_mask"]
    viewer.scene.clicked(ras + (1, 1, 1))
    assert state_of(viewer)["screen"]["has_mask"]
    act("tool", "paint")
    assert state_of(viewer)["brush_mm"] == 6, "the brush keeps its own size"
    act("undo")
    assert not state_of(viewer)["screen"]["has_mask"]
    viewer.scene.clicked(ras)
    fill_and_submit(act)
    store = viewer.presenter._reading.store
    body = store.events("S1")[-1].body
    assert body["mask_edits"] == 3
    array, _grid = decode(store.mask(body["mask_sha256"]))
    assert array.sum() == pytest.approx(ball().sum(), rel=0.06), "the ball of the CT"


def test_the_model_s_outline_is_taken_over_only_while_it_is_shown(tmp_path, viewer_of, act_on):
    shown = ball_mask(5)
    aids = [aid_for(f"C{n:03d}", (0.2, 0.3, 0.5)) for n in range(2)]
    for aid in aids:
        object.__setattr__(aid, "mask", shown.nrrd)
        object.__setattr__(aid, "mask_sha256", shown.sha256)
    viewer = viewer_of(with_images(make_study(tmp_path, "sequential", count=2, aids=aids)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    act("take_outline")
    act("key", "0")
    assert not state_of(viewer)["screen"]["has_mask"]
    assert not state_of(viewer)["screen"]["can_take_outline"]
    fill_and_submit(act)
    assert state_of(viewer)["screen"]["can_take_outline"]
    act("key", "0")
    assert {"Model", "Your outline"} <= set(names_in(viewer))
    act("submit")
    act("submit")
    act("next")
    fill_and_submit(act)
    act("take_outline")
    act("tool", "erase")
    act("brush", 4)
    ras = np.array(SEED) * (-1, -1, 1)
    viewer.scene.stroke(ras, ras, np.array([0.0, 0.0, 1.0]))
    viewer.scene.stroke_ended()
    act("submit")
    act("submit")
    answers = [e.body for e in viewer.presenter._reading.store.events("S1") if e.kind == "answer"]
    kept, edited = answers[1], answers[3]
    assert (kept["mask_sha256"], kept["mask_edits"]) == (shown.sha256, 0)
    assert edited["mask_edits"] == 1
    assert edited["mask_sha256"] not in ("", shown.sha256)


def test_an_outline_too_far_away_is_taken_back_with_a_sentence(tmp_path, viewer_of, monkeypatch):
    from densesharp.errors import StudyError
    from densesharp_viewer import study_scene

    study = with_images(make_study(tmp_path, "unaided", count=2))
    viewer = viewer_of(study)
    viewer.presenter.start_session(1)
    viewer.presenter.next_case()
    viewer.refresh()
    viewer.set_tool("paint")

    def refuse(*_):
        raise StudyError("The outline reaches further than 40 mm from the marked nodule.")

    monkeypatch.setattr(study_scene, "make_mask", refuse)
    ras = np.array(SEED) * (-1, -1, 1)
    viewer.scene.stroke(ras, ras, np.array([0.0, 0.0, 1.0]))
    viewer.scene.stroke_ended()
    assert "further than 40 mm" in state_of(viewer)["screen"]["message"]
    assert "Your outline" not in names_in(viewer)


def test_where_no_outline_is_asked_for_the_brush_cannot_be_taken(tmp_path, viewer_of, act_on):
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2, mask="none")))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    act("tool", "paint")
    assert state_of(viewer)["tool"] == "look"


def test_a_pause_hides_the_picture(tmp_path, viewer_of, act_on):
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")

    def backgrounds():
        found = viewer.slicer_app.scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
        found.UnRegister(None)
        count = range(found.GetNumberOfItems())
        return {found.GetItemAsObject(n).GetBackgroundVolumeID() for n in count}

    shown = backgrounds()
    assert None not in shown
    act("pause")
    assert backgrounds() == {None}
    act("resume")
    assert backgrounds() == shown


@pytest.mark.parametrize("hanging", ["logged", "fixed"])
def test_window_and_zoom_are_held_or_noted(tmp_path, viewer_of, act_on, hanging):
    study = make_study(tmp_path, "unaided", count=2, hanging=hanging)
    viewer = viewer_of(with_images(study))
    viewer.presenter.look = viewer.scene.case.look
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    act("window", "mediastinum")
    view = viewer.slice_views["axial"].get_view_node()
    view.SetFieldOfView(50, 50, 1)
    look = viewer.scene.case.look()
    held = {"window_hu": 1500, "level_hu": -600, "axial_mm": 120}
    chosen = {"window_hu": 400, "level_hu": 40, "axial_mm": 50}
    assert look == pytest.approx(held if hanging == "fixed" else chosen)
    fill_and_submit(act)
    store = viewer.presenter._reading.store
    (answer,) = (event.body for event in store.events("S1") if event.kind == "answer")
    assert answer.get("hanging") == (look if hanging == "logged" else None)


def test_an_unreadable_image_is_said_without_its_name(tmp_path, viewer_of, act_on):
    study = make_study(tmp_path, "unaided", count=2)
    for case in study.design.cases:
        study.image(case).write_bytes(b"not an image")
    viewer = viewer_of(study)
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    message = state_of(viewer)["screen"]["message"]
    assert message == "The image of this case cannot be read: tell whoever runs the study."


def test_a_second_press_answers_no_question_that_was_not_seen(tmp_path, viewer_of, act_on):
    """The page has not heard of the first one yet: Enter twice, or the button and Enter."""
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    for key in "uwwcc8":
        act("key", key)
    act("submit", shown="case/false")
    for again in (("submit",), ("key", "Enter"), ("next",)):
        act(*again, shown="case/false")
        assert state_of(viewer)["screen"]["confirming"]
    act("key", "Enter", shown="case/true")
    assert state_of(viewer)["screen"]["page"] == "next"
    act("key", "Enter", shown="case/true")
    act("key", "Backspace", shown="case/true")
    assert state_of(viewer)["screen"]["page"] == "next", "what it tells was not seen yet"


WRONG_CALLS = (
    (), (None,), ({},), ("open_file", "/etc/passwd"), ("__class__",), ("class",),
    ("class", "benign"), ("class", None), ("rating", "p_invasive", 101),
    ("rating", "p_invasive", "50"), ("rating", "p_invasive", float("nan")),
    ("rating", "comment", 5), ("confidence", 0), ("confidence", True), ("confidence", 2.0),
    ("comment", "x" * 2001), ("comment", 5), ("start", True, ""), ("start", 1), ("key", 5),
    ("tool", "seed"), ("brush", 1e9), ("focus", "yes"), ("slice", "oblique", 0.5),
    ("scroll", 7), ("reveal",), ("aid",),
)  # fmt: skip


def test_wrong_calls_change_nothing(tmp_path, viewer_of, act_on, caplog):
    viewer = viewer_of(with_images(make_study(tmp_path, "unaided", count=2)))
    act = act_on(viewer)
    act("start", 1, "")
    act("next")
    before = state_of(viewer)
    for call in WRONG_CALLS:
        caplog.clear()
        act(*call)
        assert "Refused" in caplog.text, call
        assert state_of(viewer) == before, call
    act("class", "MIA")
    assert state_of(viewer) != before, "a right call does change something"
