"""What a reader says of the patient reaches hints, files and the saved scene."""

import json

import pytest
from viewer_helpers import settle

from densesharp.nodule.guidelines import Context, all_hints
from densesharp.nodule.guidelines.context import ContextError
from densesharp_viewer import patient_form

SAID = {"age": "63", "female": "yes", "nodules": "2", "family_history": "no", "emphysema": "yes"}
NODULE = {"upper_lobe": "yes", "spiculated": "no"}
CONTEXT = Context(
    age=63, female=True, nodules=2, family_history=False, emphysema=True, upper_lobe=True,
    spiculated=False,
)  # fmt: skip


@pytest.fixture
def told(session, page, ct_with_a_sphere):
    volume, center = ct_with_a_sphere
    session.open_volume(volume)
    for offset in (0, 25):
        session.click(center + (offset, 0, 0))
        settle(session)
    session.select("nodule_001")
    for name, text in {**SAID, **NODULE}.items():
        session.tell_patient(name, text)
    return session


def test_the_hints_are_those_of_the_patient(told, page):
    wanted = all_hints(told.nodule.result.measurements, CONTEXT)["brock"]
    assert wanted.value is not None
    shown = {hint["title"]: hint["answer"] for hint in page["card"]["advice"]}
    assert f"{100 * wanted.value:.0f}" in shown[wanted.title]
    written = told.shown(told.nodule).result.guidelines["brock"]
    assert written["value"] == pytest.approx(wanted.value)
    assert page["unsaved"]


def test_what_is_said_of_one_nodule_is_not_said_of_another(told, page):
    assert page["patient"] == {**dict.fromkeys(patient_form.NAMES, ""), **SAID, **NODULE}
    told.select("nodule_002")
    assert page["patient"] == {**dict.fromkeys(patient_form.NAMES, ""), **SAID}
    told.tell_patient("age", "")
    assert page["patient"]["age"] == ""


def test_it_is_written_and_comes_back_with_the_scene(told, page):
    told.exports.save()
    settle(told, 60)
    told.open_file(told.files.results / "scene.mrb")
    told.select("nodule_001")
    assert page["patient"]["age"] == "63"
    assert page["patient"]["upper_lobe"] == "yes"
    data = json.loads((told.files.results / "result.json").read_text())["nodules"][0]
    wanted = all_hints(told.nodule.result.measurements, CONTEXT)["brock"].value
    assert data["guidelines"]["brock"]["value"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("name", "text"),
    [("age", "old"), ("age", "200"), ("nodules", "0"), ("nodules", "1.5"), ("female", "x")],
)
def test_what_cannot_be_is_a_sentence_and_changes_nothing(told, page, name, text):
    before = dict(page["patient"])
    with pytest.raises(ContextError):
        told.tell_patient(name, text)
    told.refresh()
    assert page["patient"] == before
