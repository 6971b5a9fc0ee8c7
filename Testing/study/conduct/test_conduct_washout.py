"""When a session may start: their order, the washout, reasons for starting early, wrong clocks."""

from datetime import timedelta

import pytest
from study_simulation import make_study, plain_answer, read_session

from densesharp.errors import StudyError
from densesharp.study.conduct.verify import verify


def test_sessions_wait_for_each_other_and_for_the_washout(tmp_path, reading_of, a_turnable_clock):
    reading = reading_of(make_study(tmp_path))
    with pytest.raises(StudyError, match="session 1 comes first"):
        reading.start_session(2)
    read_session(reading, 1)
    a_turnable_clock.pass_time(days=27.9)
    assert reading.sessions()[1].status == "waiting"
    with pytest.raises(StudyError, match=r"may start on 2026-02-02 08:00 UTC, 28 days after"):
        reading.start_session(2)
    a_turnable_clock.pass_time(days=0.2)
    assert reading.sessions()[1].status == "ready"
    reading.start_session(2)
    with pytest.raises(StudyError, match="started already"):
        reading.start_session(2)


def test_an_early_start_needs_a_reason_which_is_kept(tmp_path, reading_of, store_of):
    study = make_study(tmp_path)
    reading = reading_of(study)
    read_session(reading, 1)
    with pytest.raises(StudyError, match="needs a reason"):
        reading.start_session(2, override="   ")
    reading.start_session(2, override="Reader leaves the hospital next week.")
    found = verify(study, reading.store)
    assert found.clean
    assert "Reader leaves the hospital next week." in found.notices[0]


def test_a_needless_reason_is_not_kept(tmp_path, reading_of):
    reading = reading_of(make_study(tmp_path))
    reading.start_session(1, override="I am early")
    assert reading.store.events("S1")[1].body["override"] == ""


def test_a_clock_set_back_is_named_and_does_not_touch_durations(
    tmp_path, reading_of, a_turnable_clock
):
    study = make_study(tmp_path)
    reading = reading_of(study)
    reading.start_session(1)
    opened = reading.open_case()
    a_turnable_clock.pass_time(seconds=30)
    a_turnable_clock.wall = a_turnable_clock.wall.replace(year=2020)
    reading.submit(plain_answer(opened))
    answer = reading.store.events("S1")[-1]
    assert answer.body["time"]["wall_s"] == answer.body["time"]["active_s"] == 30
    read_session(reading, 1)
    a_turnable_clock.wall = a_turnable_clock.wall.replace(year=2019)
    with pytest.raises(StudyError, match=r"clock shows 2019-01-05 .* earlier than the last answer"):
        reading.start_session(2)
    found = verify(study, reading.store)
    assert found.clean
    assert any("clock went back" in notice for notice in found.notices)


def test_a_clock_set_back_by_seconds_is_a_notice_too(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path, "unaided", count=2)
    reading = reading_of(study)
    reading.start_session(1)
    reading.submit(plain_answer(reading.open_case()))
    assert verify(study, reading.store).notices == []
    a_turnable_clock.wall -= timedelta(seconds=30)
    reading.open_case()
    (notice,) = verify(study, reading.store).notices
    assert "went back by 30 s before event 4 of reader S1" in notice


def read_all_but(reading, left):
    """Read the first session's cases but for the last few."""
    while reading.sessions()[0].total - reading.sessions()[0].done > left:
        reading.submit(plain_answer(reading.open_case()))


@pytest.mark.parametrize("set_back_before", [1, 8], ids=["the last answer", "the first answer"])
def test_a_clock_set_back_does_not_shorten_the_washout(
    tmp_path, reading_of, a_turnable_clock, set_back_before
):
    study = make_study(tmp_path)
    reading = reading_of(study)
    reading.start_session(1)
    latest = a_turnable_clock.now()
    read_all_but(reading, set_back_before)
    a_turnable_clock.wall -= timedelta(days=30)
    read_all_but(reading, 0)
    with pytest.raises(
        StudyError, match="earlier than the last answer of session 1: set the clock"
    ):
        reading.start_session(2)
    a_turnable_clock.wall += timedelta(days=30)
    assert reading.sessions()[1].earliest == latest + timedelta(days=28)
    with pytest.raises(StudyError, match="28 days after the last answer"):
        reading.start_session(2)
    with pytest.raises(StudyError, match="28 days after the last answer"):
        reading_of(study).start_session(2)
    a_turnable_clock.pass_time(days=28)
    reading.start_session(2)
    assert verify(study, reading.store).clean
