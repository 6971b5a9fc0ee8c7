"""What front ends show: the whole path by keyboard, messages, and that nothing leaks."""

import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from study_simulation import (
    aid_for,
    ball_mask,
    make_study,
    plain_answer,
    read_session,
    truth_of,
)

from densesharp.errors import StudyError
from densesharp.report.labels import VERDICT_WORDS
from densesharp.study.analysis.analyse_study import describe
from densesharp.study.analysis.planned_endpoints import endpoint_of, planned_of
from densesharp.study.conduct.answer_keys import KEYS
from densesharp.study.conduct.design import Endpoint
from densesharp.study.conduct.own_progress import SessionInfo, progress_lines
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.write_export import export


@pytest.fixture
def presenter_of(reading_of):
    def presenter(study, reader="S1"):
        return Presenter(reading_of(study, reader))

    return presenter


def fill(presenter, keys="uwwwcc8"):
    """MIA, P invasive 60, P IAC 45, confidence 4."""
    for name in keys:
        assert presenter.key(name)


def submit(presenter):
    fill(presenter)
    presenter.key("Enter")
    presenter.key("Enter")


def test_a_session_is_read_with_the_keyboard_alone(tmp_path, presenter_of):
    study = make_study(tmp_path, "unaided", count=3)
    presenter = presenter_of(study)
    line = presenter.screen.sessions[0]
    assert (line.text, line.startable) == ("Session 1: 3 cases, ready to start", True)
    assert presenter.key("Enter")
    for n in range(1, 4):
        assert presenter.screen.page == "next"
        assert presenter.key("Enter")
        screen = presenter.screen
        assert (screen.page, screen.heading) == ("case", f"Case {n} of 3, session 1")
        assert screen.problems
        fill(presenter)
        screen = presenter.screen
        assert not screen.problems
        answer = screen.answer
        assert (answer.nodule_class, answer.p_invasive, answer.p_iac) == ("MIA", 60, 45)
        assert answer.confidence == 4
        presenter.key("Enter")
        assert presenter.screen.confirming
        assert "cannot be changed" in presenter.screen.message
        presenter.key("Enter")
    assert presenter.screen.page == "finished"
    assert not presenter.key("Enter")
    assert len(KEYS) == 9


def test_nodules_of_one_ct_come_one_after_the_other_and_say_so(tmp_path, presenter_of):
    images = ("ct0", "ct1", "ct0", "ct2", "ct0", "ct1")
    presenter = presenter_of(make_study(tmp_path, "unaided", count=6, images=images))
    presenter.start_session(1)
    seen = []
    for n in range(1, 7):
        presenter.next_case()
        heading, image = presenter.screen.heading, presenter.scene.image.name
        nodule = 1 + [name for name, _ in seen].count(image)
        of = images.count(image)
        more = f", nodule {nodule} of {of} in this CT" if of > 1 else ""
        assert heading == f"Case {n} of 6, session 1{more}"
        assert nodule == 1 or seen[-1][0] == image
        seen.append((image, heading))
        submit(presenter)
    assert presenter.screen.page == "finished"


def test_an_incomplete_form_is_explained_and_not_sent(tmp_path, presenter_of):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    presenter.key("y")
    presenter.submit()
    presenter.submit()
    screen = presenter.screen
    assert "Rate how probable invasive is." in screen.message
    assert not screen.can_submit
    assert (screen.page, screen.heading) == ("case", "Case 1 of 8, session 1")


def test_iac_above_invasive_is_explained(tmp_path, presenter_of):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    fill(presenter, "uwc5")
    presenter.set_rating("p_iac", 55)
    assert presenter.screen.problems == (
        "The probability of IAC cannot be above the probability of invasive, because IAC is "
        "invasive.",
    )


@pytest.mark.parametrize(
    ("given", "taken"), [(120, 100), (-3, 0), (float("nan"), None), (7.5, 7.5)]
)
def test_ratings_stay_in_their_range(tmp_path, presenter_of, given, taken):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    presenter.set_rating("p_invasive", given)
    assert presenter.screen.answer.p_invasive == taken


@pytest.mark.parametrize(
    ("nodule_class", "invasive", "iac", "asked"),
    [("AAH-AIS", 95, 90, "IAC has 90 % and AAH-AIS 5 %"), ("AAH-AIS", 60, 30, ""),
     ("IAC", 20, 10, "AAH-AIS has 80 % and IAC 10 %"), ("MIA", 60, 45, "MIA 15 %"),
     ("MIA", 70, 20, ""), ("IAC", 100, 50, "")],
)  # fmt: skip
def test_ratings_against_the_class_are_asked_about_and_not_refused(
    tmp_path, presenter_of, nodule_class, invasive, iac, asked
):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    presenter.set_class(nodule_class)
    presenter.set_rating("p_invasive", invasive)
    presenter.set_rating("p_iac", iac)
    presenter.set_confidence(3)
    presenter.submit()
    message = presenter.screen.message
    assert asked in message
    assert ("all the same" in message) is bool(asked)
    assert "cannot be changed" in message
    presenter.submit()
    assert presenter.screen.page == "next"


def test_the_aid_shows_verdict_reasons_volume_and_spread(tmp_path, presenter_of):
    """The readers are helped by what the product shows, not by less."""
    reason = "Only 7 % of what decides the class lies at the nodule."
    aids = [
        replace(aid_for(name, (0.2, 0.3, 0.5)), verdict="caution", reasons=(reason,),
                spread="P(invasive) ± 4 %, P(IAC) ± 5 % over 8 runs", volume="Volume 9 mm³.")
        for name in ("C000", "C001")
    ]  # fmt: skip
    presenter = presenter_of(make_study(tmp_path, "sequential", count=2, aids=aids))
    presenter.start_session(1)
    presenter.next_case()
    assert reason not in everything_shown(presenter)
    submit(presenter)
    aid = presenter.screen.aid
    assert (aid.verdict, aid.reasons) == (VERDICT_WORDS["caution"], (reason,))
    assert "± 4 %" in aid.spread
    assert aid.volume == "Volume 9 mm³."


def test_practice_tells_the_class_and_trials_do_not(tmp_path, presenter_of):
    study = make_study(tmp_path, "unaided", count=2, practice=1, feedback="MIA",
                       instructions="Lung window first.\nThen the form.")  # fmt: skip
    presenter = presenter_of(study)
    assert presenter.screen.instructions == "Lung window first.\nThen the form."
    presenter.start_session(1)
    presenter.next_case()
    assert "MIA" not in presenter.screen.message
    fill(presenter, "iwwd8")
    presenter.submit()
    presenter.submit()
    assert presenter.screen.message == "Practice: pathology says MIA, you chose IAC."
    presenter.next_case()
    assert presenter.screen.message == ""
    submit(presenter)
    assert presenter.screen.message == ""


def a_teaching_set(folder, **changes):
    truth = {"C0": "MIA", "C1": "IAC", "C2": "AAH-AIS"}
    return make_study(folder, truth=truth, teaching=True, tell=truth, **changes)


@pytest.mark.parametrize("kind", ["unaided", "sequential"])
def test_teaching_tells_the_class_after_each_case_and_counts(tmp_path, presenter_of, kind):
    study = a_teaching_set(tmp_path, kind=kind)
    presenter = presenter_of(study)
    presenter.start_session(1)
    said = []
    for _ in range(3):
        presenter.next_case()
        assert "pathology" not in str(asdict(presenter.screen))
        submit(presenter)  # MIA
        if kind == "sequential":
            assert "pathology" not in presenter.screen.message, "told after the last answer only"
            submit(presenter)
        said.append(presenter.screen.message)
    classes = [study.design.case(item.case).feedback for item in study.session("S1", 1)]
    right = 0
    for n, (name, message) in enumerate(zip(classes, said, strict=True), start=1):
        right += name == "MIA"
        text = f"Teaching: pathology says {name}, you chose MIA. {right} of {n} right so far."
        assert message == text


def test_a_teaching_set_is_no_trial(tmp_path, reading_of):
    study = a_teaching_set(tmp_path / "study", kind="unaided", endpoint=Endpoint(figure="accuracy"))
    for reader in ("S1", "J1"):
        read_session(reading_of(study, reader), 1)
    (tmp_path / "truth.csv").write_text(
        "case,class\n" + "".join(f"{c.id},{c.feedback}\n" for c in study.design.cases)
    )
    store = reading_of(study, "S1").store
    data = load_study(export(study, store, tmp_path / "export"), tmp_path / "truth.csv")
    assert describe(data).teaching
    assert (endpoint_of(data), planned_of(data).figure) == (None, "")
    assert describe(replace(data, design=replace(data.design, teaching=False))).teaching is None


def test_a_teaching_set_tells_every_class_and_takes_nothing_back(tmp_path):
    with pytest.raises(StudyError, match="class of case 'C000' is missing"):
        make_study(tmp_path, "unaided", teaching=True)
    for change in ({"going_back": True}, {"repeats": 1}):
        with pytest.raises(StudyError, match="leave corrections and repeated cases"):
            a_teaching_set(tmp_path, kind="unaided", **change)


def test_only_practice_cases_can_be_told(tmp_path):
    study = make_study(tmp_path, "unaided", count=2)
    cases = tuple(replace(case, feedback="MIA") for case in study.design.cases)
    with pytest.raises(StudyError, match="only practice cases can"):
        replace(study.design, cases=cases)


def test_changing_the_form_takes_the_question_back(tmp_path, presenter_of):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    fill(presenter)
    presenter.key("Enter")
    presenter.key("y")
    assert not presenter.screen.confirming
    presenter.key("Enter")
    presenter.key("Escape")
    assert (presenter.screen.confirming, presenter.screen.message) == (False, "")


def test_a_pause_hides_the_case_and_ignores_the_form(tmp_path, presenter_of):
    presenter = presenter_of(make_study(tmp_path, "unaided"))
    presenter.start_session(1)
    presenter.next_case()
    assert presenter.scene is not None
    presenter.key("k")
    assert (presenter.screen.page, presenter.scene) == ("paused", None)
    presenter.set_class("IAC")
    presenter.key("Enter")
    assert presenter.key("k")
    assert presenter.screen.answer.nodule_class is None
    assert presenter.scene is not None


def test_an_early_session_asks_for_its_reason(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path, count=4)
    reading = reading_of(study)
    read_session(reading, 1)
    presenter = Presenter(reading)
    line = presenter.screen.sessions[1]
    assert (line.text, line.needs_reason) == (
        "Session 2: 4 cases, from 2026-02-02 08:00 UTC", True)  # fmt: skip
    presenter.key("Enter")
    assert presenter.screen.page == "sessions", "an early start is never one key away"
    presenter.start_session(2)
    assert "may start on 2026-02-02 08:00 UTC" in presenter.screen.message
    presenter.start_session(2, "x")
    assert "in a few words" in presenter.screen.message
    assert presenter.screen.page == "sessions"
    presenter.start_session(2, "On leave from Friday")
    assert presenter.screen.page == "next"


def test_a_correction_is_offered_only_where_allowed(tmp_path, presenter_of):
    for allowed in (False, True):
        study = make_study(tmp_path / str(allowed), "unaided", going_back=allowed)
        presenter = presenter_of(study)
        presenter.start_session(1)
        presenter.next_case()
        submit(presenter)
        assert presenter.screen.can_go_back is allowed
        presenter.key("Backspace")
        assert (presenter.screen.page == "case") is allowed
    assert presenter.screen.heading == "Correcting a submitted answer"
    assert presenter.screen.answer.p_invasive == 60


def test_a_full_disk_keeps_the_form_on_the_screen(tmp_path, reading_of, monkeypatch):
    reading = reading_of(make_study(tmp_path, "unaided"))
    presenter = Presenter(reading)
    presenter.start_session(1)
    presenter.next_case()
    fill(presenter)
    answer = presenter.screen.answer
    append = reading.store.append

    def full(event, mask=None):
        raise StudyError("The disk is full.")

    monkeypatch.setattr(reading.store, "append", full)
    presenter.key("Enter")
    presenter.key("Enter")
    assert presenter.screen.message == "The disk is full."
    assert (presenter.screen.page, presenter.screen.answer) == ("case", answer)
    monkeypatch.setattr(reading.store, "append", append)
    presenter.key("Enter")
    presenter.key("Enter")
    assert presenter.screen.page == "next"


def test_the_draft_is_saved_while_the_form_is_filled_in(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path, "unaided")
    presenter = Presenter(reading_of(study))
    presenter.start_session(1)
    presenter.next_case()
    presenter.set_comment("spiculated")
    a_turnable_clock.pass_time(seconds=3)
    presenter.tick()
    again = Presenter(reading_of(study))
    again.next_case()
    assert again.screen.answer.comment == "spiculated"


# Blinding


@contextmanager
def files_opened():
    """Every file that Python code opens inside the block."""
    names: list[str] = []
    listening = True

    def listen(event, args):
        if listening and event == "open":
            names.append(str(args[0]))

    sys.addaudithook(listen)
    yield names
    listening = False


def everything_shown(presenter):
    return repr(asdict(presenter.screen)) + repr(presenter.screen)


@pytest.mark.parametrize("kind", ["crossover", "sequential"])
def test_before_the_design_allows_it_nothing_of_the_model_is_reachable(tmp_path, reading_of, kind):
    study = make_study(tmp_path, kind, count=4)
    presenter = Presenter(reading_of(study))
    shown = 0
    with files_opened() as opened:
        presenter.start_session(1)
        while presenter.screen.page != "sessions" and presenter.screen.page != "finished":
            presenter.next_case()
            while presenter.screen.page == "case":
                reading_step = presenter._reading.open.step
                assert (presenter.screen.aid is not None) is reading_step.aid
                assert (presenter.scene.aid_mask is not None) is reading_step.aid
                read_aid = [name for name in opened if "/aid/" in name]
                assert bool(read_aid) is reading_step.aid, "the model's file stays closed"
                if not reading_step.aid:
                    text = everything_shown(presenter)
                    assert "example" not in text.replace("An example", "")
                    assert "30.0" not in text, "the model's percentages"
                    assert "30%" not in text
                shown += reading_step.aid
                opened.clear()
                submit(presenter)
    assert shown == {"crossover": 2, "sequential": 4}[kind]


def test_no_identifier_path_date_or_other_reader_is_shown(tmp_path, reading_of):
    study = make_study(tmp_path / "secret-folder", count=4, practice=1)
    other = reading_of(study, "J1")
    read_session(other, 1)
    presenter = Presenter(reading_of(study))
    presenter.start_session(1)
    while presenter.screen.page != "sessions":
        presenter.next_case()
        text = everything_shown(presenter)
        opened = presenter._reading.open
        for secret in (opened.case.id, opened.case.image, "secret-folder", "J1", "2026", "/"):
            assert f"'{secret}'" not in text
            assert secret not in text or secret in ("P0",)
        submit(presenter)


def test_the_truth_is_never_opened_by_reading(tmp_path, reading_of):
    truth = tmp_path / "study" / "truth.csv"
    study = make_study(tmp_path / "study", "sequential", count=3)
    truth.write_text("case,class\n")
    with files_opened() as opened:
        presenter = Presenter(reading_of(study))
        presenter.start_session(1)
        while presenter.screen.page == "next":
            presenter.next_case()
            submit(presenter)
            submit(presenter)
    assert presenter.screen.page == "finished"
    assert truth.name not in {Path(name).name for name in opened}
    assert [name for name in opened if "/aid/" in name], "the hook does see files"


def test_the_reader_s_outline_is_kept_for_the_second_answer(tmp_path, presenter_of):
    presenter = presenter_of(make_study(tmp_path, "sequential"))
    presenter.start_session(1)
    presenter.next_case()
    mask = ball_mask()
    presenter.set_mask(mask)
    assert presenter.scene.own_mask == mask.nrrd
    submit(presenter)
    assert presenter.screen.has_mask
    assert presenter.scene.own_mask == mask.nrrd
    assert presenter.scene.aid_mask is not None
    presenter.set_mask(None)
    assert not presenter.screen.has_mask


def test_two_windows_end_with_a_sentence(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided")
    first = Presenter(reading_of(study))
    first.start_session(1)
    first.next_case()
    second = reading_of(study)
    second.submit(plain_answer(second.open_case()))
    submit(first)
    assert "went on in another window" in first.screen.message
    assert first.screen.page == "next"
    assert verify(study, second.store).clean


def test_readers_see_how_far_they_are_and_nothing_of_how_well(
    tmp_path, reading_of, a_turnable_clock
):
    reading = reading_of(make_study(tmp_path, count=8))
    presenter = Presenter(reading)
    assert presenter.screen.own_progress == ()
    begun = a_turnable_clock.now()
    presenter.start_session(1)
    for n in range(8):
        if n == 6:
            lines = presenter.screen.own_progress
            assert lines == (
                "6 of 16 cases read, 0 of 2 sessions finished.",
                f"Session 1: begun {begun:%Y-%m-%d %H:%M} UTC, 6 cases in 5 min of reading.",
                "At this pace about 8 min are left.",
            )
        presenter.next_case()
        assert presenter.screen.own_progress == ()
        a_turnable_clock.pass_time(seconds=50)
        submit(presenter)
    ended = a_turnable_clock.now()
    assert presenter.screen.own_progress[1] == (
        f"Session 1: begun {begun:%Y-%m-%d %H:%M} UTC, finished {ended:%Y-%m-%d %H:%M} UTC, "
        "8 cases in 7 min of reading."
    )


def test_progress_in_words_has_singulars_and_hours():
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=timezone.utc)
    one = SessionInfo(1, 1, 1, "finished", None, moment, moment, 7500.0)
    assert progress_lines([one]) == (
        "1 of 1 case read, 1 of 1 session finished.",
        "Session 1: begun 2026-03-01 09:30 UTC, finished 2026-03-01 09:30 UTC, 1 case in 2 h 5 min "
        "of reading.",
    )


@pytest.mark.parametrize("hanging", ["free", "logged", "fixed"])
def test_window_and_zoom_are_noted_where_the_design_says_so(tmp_path, reading_of, hanging):
    study = make_study(tmp_path / "study", "unaided", count=2, hanging=hanging)
    reading = reading_of(study)
    presenter = Presenter(reading)
    presenter.look = lambda: {"window_hu": 1400.0, "level_hu": -500.0, "axial_mm": 96.5}
    presenter.start_session(1)
    for _ in range(2):
        presenter.next_case()
        assert presenter.screen.hanging == presenter.scene.hanging == hanging
        submit(presenter)
    answers = [e.body for e in reading.store.events("S1") if e.kind == "answer"]
    assert all(("hanging" in body) is (hanging == "logged") for body in answers)
    assert verify(study, reading.store).clean
    folder = export(study, reading.store, tmp_path / "export")
    header, first, _ = (folder / "answers.csv").read_text().splitlines()
    assert header.endswith('"window_hu","level_hu","axial_mm"') is (hanging == "logged")
    assert first.endswith("1400.0,-500.0,96.5") is (hanging == "logged")
    truth = "".join(f"{name},{name_of}\n" for name, name_of in truth_of(2).items())
    (tmp_path / "truth.csv").write_text(f"case,class\n{truth}")
    assert (load_study(folder, tmp_path / "truth.csv").classes >= 0).all()


def test_a_design_names_a_known_hanging(tmp_path):
    with pytest.raises(StudyError, match="hanging cannot be 'upside down'"):
        make_study(tmp_path, hanging="upside down")
