"""The rules of reading: order, the model's moment, locking, drafts."""

import json
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from study_simulation import (
    TurnableClock,
    aid_for,
    ball_mask,
    make_study,
    plain_answer,
    read_session,
    truth_of,
)

from densesharp.csv_files import read_csv
from densesharp.errors import StudyError
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.events import next_event
from densesharp.study.conduct.model_results import (
    describe_aids,
    load_aid,
    logged_probabilities,
    write_aids,
)
from densesharp.study.conduct.protocol import ReaderState
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import ChainMovedOn, open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.write_export import export

GOOD = Answer("MIA", 70, 20, 4)


def test_cases_come_one_at_a_time_in_the_schedule_s_order(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    reading.start_session(1)
    seen = []
    while reading.sessions()[0].status == "running":
        opened = reading.open_case()
        assert reading.open_case().item == opened.item
        seen.append(opened.item)
        assert reading.submit(GOOD) is None
    assert tuple(seen) == study.by_reader["S1"]
    assert [info.status for info in reading.sessions()] == ["finished"]
    with pytest.raises(StudyError, match="No session is running"):
        reading.open_case()


def test_a_stranger_is_refused_by_name(tmp_path, reading_of):
    with pytest.raises(StudyError, match="'S9' is no reader of the study 'example'"):
        reading_of(make_study(tmp_path), "S9")


def test_in_sequential_reading_the_model_comes_only_after_the_locked_answer(tmp_path, reading_of):
    study = make_study(tmp_path, "sequential")
    reading = reading_of(study)
    reading.start_session(1)
    first = reading.open_case()
    assert first.aid is None
    assert first.step.condition == "unaided"
    assert "aid" not in [event.kind for event in reading.store.events("S1")]
    second = reading.submit(GOOD)
    assert second.item == first.item
    assert second.step.condition == "aided"
    assert second.answer == GOOD
    assert second.aid.nodule_class == "IAC"
    shown = reading.store.events("S1")[-1]
    assert (shown.kind, shown.body["model_sha256"]) == ("aid", "ab" * 32)
    noted = logged_probabilities(shown.body, first.item.case)
    assert noted == {"AAH-AIS": 0.2, "MIA": 0.3, "IAC": 0.5}
    assert reading.submit(Answer("IAC", 70, 60, 4)) is None
    answers = [e.body for e in reading.store.events("S1") if e.kind == "answer"]
    assert [answer["changed"] for answer in answers] == [None, True]


def test_an_aided_reading_logs_the_model_before_showing_it(tmp_path, reading_of):
    study = make_study(tmp_path)
    reading = reading_of(study)
    reading.start_session(1)
    while (opened := reading.open_case()).item.condition != "aided":
        assert opened.aid is None
        reading.submit(plain_answer(opened))
    assert opened.aid is not None
    assert reading.store.events("S1")[-1].kind == "aid"
    assert (opened.number, opened.of) == (0, 1)


def test_an_aided_reading_can_ask_for_a_first_answer_without_the_model(tmp_path, reading_of):
    study = make_study(tmp_path, reveal="after_first_answer")
    reading = reading_of(study)
    reading.start_session(1)
    while (opened := reading.open_case()).item.condition != "aided":
        reading.submit(plain_answer(opened))
    assert opened.aid is None
    assert not opened.step.final
    second = reading.submit(plain_answer(opened))
    assert second.aid is not None
    assert second.step.final


def test_nobody_who_looks_through_the_folder_sees_what_the_model_said(tmp_path):
    make_study(tmp_path, "sequential")
    sealed = list((tmp_path / "aid").iterdir())
    assert sealed
    for path in sealed:
        content = path.read_bytes()
        for word in (b"NRRD", b"prob", b"IAC", b"AIS", b"MIA", b"\x1f\x8b", b"\x78\x9c"):
            assert not content.startswith(word)
            assert len(word) < 3 or word not in content, f"{path.name} shows {word!r}"


def test_nor_what_was_shown_to_a_colleague(tmp_path, reading_of):
    """The store lies in the study's folder: its record of the model's results is sealed too."""
    chances = (0.2187, 0.3429, 0.4384)
    cases = sorted(truth_of(4))
    study = make_study(tmp_path, "sequential", count=4, aids=[aid_for(c, chances) for c in cases])
    reading = reading_of(study)
    read_session(reading, 1)
    assert sum(event.kind == "aid" for event in reading.store.events("S1")) == 4
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"store.sqlite", "design.json", "schedule.csv"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for number in chances:
            for text in (f"{number}", f"{100 * number:.2f}", f"{1 - number:.4f}"):
                assert text.encode() not in content, f"{path.name} shows {text}"


def test_verify_compares_what_was_shown_with_the_frozen_result(tmp_path, reading_of):
    study = make_study(tmp_path, "sequential", count=4)
    reading = reading_of(study)
    read_session(reading, 1)
    assert verify(study, reading.store).clean
    other = aid_for("C000", (0.6, 0.3, 0.1))
    (tmp_path / "again").mkdir()
    write_aids(tmp_path / "again", [other])
    (tmp_path / "again" / "aid" / "C000.sealed").replace(tmp_path / "aid" / "C000.sealed")
    found = verify(study, reading.store)
    assert any("cannot be compared" in problem for problem in found.problems)
    with_other = replace(study, design=replace(study.design, aid=replace(
        study.design.aid,
        files=dict(study.design.aid.files) | dict(describe_aids([other]).files),
    )))  # fmt: skip
    found = verify(with_other, reading.store)
    assert any("names another result" in problem for problem in found.problems)
    last = reading.store.events("S1")[-1]
    for body in ({}, {"sealed_probabilities": "?"}, {"sealed_probabilities": "AAAA"}):
        said = {"item": study.by_reader["S1"][0].item, "step": 1} | body
        last = next_event(last, "S1", TurnableClock().now(), "aid", said)
        reading.store.append(last)
        assert (
            f"Event {last.number} of reader S1 does not say what of the model was shown."
            in verify(study, reading.store).problems
        )


def test_a_changed_model_result_is_not_shown(tmp_path, reading_of):
    study = make_study(tmp_path, "sequential")
    for path in (tmp_path / "aid").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    reading = reading_of(study)
    reading.start_session(1)
    reading.open_case()
    with pytest.raises(StudyError, match="changed after the study was frozen"):
        reading.submit(GOOD)
    assert reading.open is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(None, 50, 20, 3), "Choose a class"),
        (Answer("benign", 50, 20, 3), "AAH-AIS, MIA, IAC"),
        (Answer("MIA", None, 20, 3), "Rate how probable invasive is"),
        (Answer("MIA", 50, 101, 3), "number from 0 to 100"),
        (Answer("MIA", 50, float("nan"), 3), "number from 0 to 100"),
        (Answer("MIA", 50, 50.5, 3), "cannot be above the probability of invasive"),
        (Answer("MIA", 50, 20, 6), "whole number from 1 to 5"),
        (Answer("MIA", 50, 20, True), "whole number from 1 to 5"),
        (Answer("MIA", 50, 20, None), "how confident"),
        (Answer("MIA", 50, 20, 3, "x" * 2001), "at most 2000"),
    ],
)
def test_an_incomplete_or_impossible_form_is_not_taken(tmp_path, reading_of, answer, sentence):
    reading = reading_of(make_study(tmp_path, "unaided"))
    reading.start_session(1)
    reading.open_case()
    events = reading.store.events("S1")
    with pytest.raises(StudyError, match=sentence):
        reading.submit(answer)
    assert reading.store.events("S1") == events
    assert reading.submit(GOOD) is None


def test_the_outline_follows_the_design_s_rule(tmp_path, reading_of):
    required = reading_of(make_study(tmp_path / "a", "unaided", mask="required"))
    required.start_session(1)
    required.open_case()
    with pytest.raises(StudyError, match="Outline the nodule"):
        required.submit(GOOD)
    required.submit(GOOD, ball_mask())
    none = reading_of(make_study(tmp_path / "b", "unaided", mask="none"))
    none.start_session(1)
    none.open_case()
    with pytest.raises(StudyError, match="asks for no outline"):
        none.submit(GOOD, ball_mask())


def test_the_reader_s_outline_is_there_again_for_the_second_answer(tmp_path, reading_of):
    reading = reading_of(make_study(tmp_path, "sequential"))
    reading.start_session(1)
    reading.open_case()
    mask = ball_mask()
    assert reading.submit(GOOD, mask).mask == mask.nrrd


def test_submitting_locks(tmp_path, reading_of):
    reading = reading_of(make_study(tmp_path, "unaided"))
    reading.start_session(1)
    item = reading.open_case().item
    reading.submit(GOOD)
    with pytest.raises(StudyError, match="No case is open"):
        reading.submit(GOOD)
    with pytest.raises(StudyError, match="final in this study"):
        reading.reopen(item.item)
    assert reading.open_case().item != item


def test_where_the_design_allows_it_an_answer_of_the_running_session_is_corrected(
    tmp_path, reading_of
):
    study = make_study(tmp_path, "sequential", going_back=True)
    reading = reading_of(study)
    reading.start_session(1)
    item = reading.open_case().item
    reading.submit(GOOD)
    with pytest.raises(StudyError, match="Only a submitted answer"):
        reading.reopen(item.item)
    reading.submit(GOOD)
    again = reading.reopen(item.item)
    assert (again.number, again.correcting) == (1, True), "the answer before the model stays"
    assert reading.open_case().item == item, "a correction is finished before reading goes on"
    assert reading.submit(Answer("IAC", 90, 80, 5)) is None
    assert reading.open_case().item != item
    assert verify(study, reading.store).clean


def test_a_draft_brings_form_and_time_back_after_a_crash(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    reading.start_session(1)
    opened = reading.open_case()
    a_turnable_clock.pass_time(seconds=20)
    reading.save_draft(Answer("MIA", 60))
    after_crash = reading_of(study)
    again = after_crash.open_case()
    assert again.item == opened.item
    assert again.answer == Answer("MIA", 60)
    a_turnable_clock.pass_time(seconds=5)
    after_crash.submit(GOOD)
    body = after_crash.store.events("S1")[-1].body
    assert (body["time"]["wall_s"], body["visits"]) == (25, 2)
    assert after_crash.open_case().answer == Answer(), "a draft belongs to one case only"


def test_of_two_windows_of_one_reader_one_is_refused(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided")
    first = reading_of(study)
    first.start_session(1)
    first.open_case()
    second = reading_of(study, store=store_of(study))
    second.open_case()
    second.submit(GOOD)
    with pytest.raises(ChainMovedOn, match="went on in another window"):
        first.submit(GOOD)
    answers = [event for event in first.store.events("S1") if event.kind == "answer"]
    assert len(answers) == 1
    assert first.open_case().item == study.by_reader["S1"][1]
    assert verify(study, first.store).clean


def test_a_window_left_behind_does_not_replace_the_draft_of_the_open_case(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided")
    left = reading_of(study)
    left.start_session(1)
    left.open_case()
    going_on = reading_of(study)
    going_on.submit(plain_answer(going_on.open_case()))
    item = going_on.open_case().item
    going_on.save_draft(GOOD)
    with pytest.raises(ChainMovedOn, match="went on in another window"):
        left.save_draft(Answer("IAC", 1, 1, 1))
    assert left.open is not None, "the form stays until the reader has been told"
    assert going_on.store.draft("S1")["item"] == item.item
    assert reading_of(study).open_case().answer == GOOD


def test_nor_that_of_the_same_case_opened_again_for_a_correction(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided", going_back=True)
    left = reading_of(study)
    left.start_session(1)
    item = left.open_case().item
    going_on = reading_of(study)
    going_on.submit(plain_answer(going_on.open_case()))
    going_on.reopen(item.item)
    going_on.save_draft(GOOD)
    with pytest.raises(ChainMovedOn):
        left.save_draft(Answer("IAC", 1, 1, 1))
    assert reading_of(study).open_case().answer == GOOD


# A record that was not made by reading: `verify` asks the same rules


class Replay:
    """The rules after some events of a reader; `refuses` says which event may not come next."""

    def __init__(self, study, events=()):
        self.state = ReaderState(study, "S1")
        for event in events:
            self.state.check(event)
            self.state.apply(event)

    def refuses(self, sentence, kind, **body):
        event = next_event(self.state.head, "S1", TurnableClock().now(), kind, body)
        with pytest.raises(StudyError, match=sentence):
            self.state.check(event)


def test_a_record_begins_with_joining_this_study(tmp_path, reading_of):
    study = make_study(tmp_path, "sequential", count=4)
    nothing = Replay(study)
    nothing.refuses("starts with joining the study", "session", session=1, override="")
    nothing.refuses("belongs to another design", "begin", design_sha256="0" * 64)
    reading = reading_of(study)
    reading.start_session(1)
    begun = Replay(study, reading.store.events("S1"))
    begun.refuses("starts with joining the study", "begin", design_sha256=study.design.sha256)
    begun.refuses("started already", "session", session=1, override="")
    begun.refuses("Session 2 cannot be read now", "session", session=2, override="")


def test_what_reading_would_not_do_is_refused_step_by_step(tmp_path, reading_of):
    study = make_study(tmp_path, "sequential", count=4, going_back=True)
    first, second = (item.item for item in study.by_reader["S1"][:2])
    other = study.by_reader["J1"][0].item
    reading = reading_of(study)
    reading.start_session(1)
    good = {"form": GOOD.to_data(), "mask_sha256": ""}

    started = Replay(study, reading.store.events("S1"))
    started.refuses("not open", "answer", item=first, step=0, **good)
    started.refuses("not open", "aid", item=first, step=1)
    started.refuses("not the case to read now", "open", item=second)
    started.refuses(f"no case '{other}' on the list of reader S1", "reopen", item=other)
    started.refuses("no case 'X' on the list", "reopen", item="X")

    reading.open_case()
    opened = Replay(study, reading.store.events("S1"))
    opened.refuses("not the case to read now", "answer", item=second, step=0, **good)
    for step in (0, 1):
        opened.refuses("does not allow the model's result", "aid", item=first, step=step)
    opened.refuses("submitted already", "answer", item=first, step=1, **good)
    opened.refuses(
        "Choose a class", "answer", item=first, step=0, form=Answer().to_data(), mask_sha256=""
    )

    reading.submit(GOOD)
    *answered, shown = reading.store.events("S1")
    assert shown.kind == "aid"
    before = Replay(study, answered)
    before.refuses("was not shown before this answer", "answer", item=first, step=1, **good)
    before.refuses("submitted already", "answer", item=first, step=0, **good)
    before.refuses("Only a submitted answer", "reopen", item=first)

    reading.submit(GOOD)
    done = Replay(study, reading.store.events("S1"))
    assert done.state.opened is None
    assert done.state.items[first].revisions == {}
    done.refuses("not the case to read now", "open", item=first)
    done.refuses("not open", "answer", item=second, step=0, **good)
    reading.reopen(first)
    again = Replay(study, reading.store.events("S1"))
    again.refuses("not the case to read now", "open", item=second)
    again.refuses("submitted already", "answer", item=first, step=0, **good)
    reading.submit(GOOD)
    corrected = Replay(study, reading.store.events("S1"))
    assert corrected.state.items[first].revisions == {1: 1}
    assert (corrected.state.opened, corrected.state.reopened) == (None, None)


def test_two_readers_share_a_store(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided")
    one, other = reading_of(study, "S1"), reading_of(study, "J2")
    for reading in (one, other):
        reading.start_session(1)
    for _ in range(8):
        for reading in (one, other):
            reading.submit(plain_answer(reading.open_case()))
    found = verify(study, one.store)
    assert found.clean
    assert found.answers == 16


def test_practice_comes_first_and_repeats_last_in_a_session_of_their_own(tmp_path, reading_of):
    study = make_study(tmp_path, practice=2, repeats=3)
    items = study.by_reader["S1"]
    assert [item.role for item in items[:2]] == ["practice"] * 2
    assert {item.condition for item in items[:2]} == {"unaided", "aided"}
    repeats = [item for item in items if item.role == "repeat"]
    assert {(item.session, item.condition) for item in repeats} == {(3, "unaided")}


def test_an_image_that_was_exchanged_is_refused(tmp_path, reading_of):
    from dataclasses import replace

    from densesharp.study.conduct.study_folder import freeze

    study = make_study(tmp_path / "old", "unaided", count=2)
    cases = tuple(replace(case, image_sha256="00" * 32) for case in study.design.cases)
    design = replace(study.design, cases=cases, schedule_sha256="")
    frozen = freeze(tmp_path / "new", design)
    for case in cases:
        (tmp_path / "new" / case.image).write_bytes(b"other")
    reading = reading_of(frozen)
    reading.start_session(1)
    with pytest.raises(StudyError, match="not the one that the study was designed with"):
        reading.open_case()


def test_a_study_whose_results_lie_open_is_read_on(tmp_path, a_turnable_clock):
    """`study_with_open_results.zip` was made and half read by the program of 23 November 2026.

    Its results are a JSON file and an outline each, and its events say openly what was shown.
    """
    stored = Path(__file__).with_name("study_with_open_results.zip")
    zipfile.ZipFile(stored).extractall(tmp_path)
    study = open_study(tmp_path / "study")
    heads = json.loads((tmp_path / "study" / "heads.json").read_text())
    a_turnable_clock.pass_time(days=31)
    found = tmp_path / "study" / "study.sqlite"
    with closing(open_store(found, study.design.study, study.design.sha256)) as store:
        assert (verify(study, store, heads).clean, verify(study, store).answers) == (True, 13)
        reading = Reading(study, store, "S1", a_turnable_clock)
        assert read_session(reading, 2) == 5
        assert verify(study, store, heads).clean
        folder = export(study, store, tmp_path / "export", closed=True)
        rows = read_csv(folder / "answers.csv", "").records()
        shown = [row for row in rows if row["aid_shown"] == "1"]
        assert len(shown) > 5
        assert {(row["aid_p_invasive"], row["aid_p_iac"]) for row in shown} == {("80.0", "50.0")}
        for name in ("C000.json", "C000.nrrd"):
            path = tmp_path / "study" / "aid" / name
            path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6") + b" ")
            with pytest.raises(StudyError, match="was changed after the study was frozen"):
                load_aid(study, study.design.case("C000"))
            path.write_bytes(path.read_bytes()[:-1].replace(b"0.6", b"0.5"))
