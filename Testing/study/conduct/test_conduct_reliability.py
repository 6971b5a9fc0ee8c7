"""Kills, full disks, two processes at once: nothing submitted is lost, nothing is there twice."""

import resource
import signal
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from automatic_reader import check, fork_server, kill_many
from study_simulation import ball_mask, make_study, plain_answer

from densesharp.errors import StudyError
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import ChainMovedOn, open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.verify import verify


def test_a_reader_killed_at_random_moments_loses_nothing(tmp_path, full):
    kills = 100 if full else 6
    counts = kill_many(kills, tmp_path, seed=2)
    assert counts["kills"] == kills
    assert counts["answers"] > kills


def test_the_kill_check_itself_notices_losses_and_duplicates():
    check([("a", 0)], [])
    for saved, told in (([], [("a", 0)]), ([("a", 0)] * 2, [("a", 0)]),
                        ([("a", 0), ("b", 0)], []), ([("b", 0)], [("a", 0)])):  # fmt: skip
        with pytest.raises(AssertionError):
            check(saved, told)


def read_all(folder, reader, answer):
    study = open_study(folder)
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    reading = Reading(study, store, reader)
    reading.start_session(1)
    while reading.sessions()[0].status == "running":
        reading.submit(plain_answer(reading.open_case()))
    answer.send("done")


def test_four_processes_read_at_once_from_the_first_moment(tmp_path):
    study = make_study(tmp_path, "unaided", count=25)
    processes = []
    for reader in ("S1", "S2", "J1", "J2"):
        ours, theirs = fork_server().Pipe(duplex=False)
        processes.append(
            (fork_server().Process(target=read_all, args=(tmp_path, reader, theirs)), ours)
        )
    for process, _ in processes:
        process.start()
    for process, ours in processes:
        assert ours.poll(60)
        assert ours.recv() == "done"
        process.join()
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    found = verify(study, store)
    store.close()
    assert found.clean
    assert found.answers == 100


def test_a_store_that_another_is_just_opening_is_waited_for(tmp_path):
    """SQLite refuses to change its journal at once while another does so, whatever the timeout."""
    path = tmp_path / "store.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE before (x)")
    other.execute("BEGIN IMMEDIATE")
    leave = threading.Timer(0.3, other.rollback)
    leave.start()
    open_store(path, "study", "0" * 64).close()
    leave.join()
    other.close()


def fill_the_database(store):
    """No page more than now: what SQLite does when the disk is full (SQLITE_FULL)."""
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def submit_until_refused(reading, given):
    for radius in range(30):
        reading.open_case()
        reading.submit(given, ball_mask(3 + radius / 10))


def test_a_full_disk_is_said_and_the_answer_can_be_given_again(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided", count=30)
    reading = reading_of(study)
    reading.start_session(1)
    fill_the_database(reading.store)
    given = plain_answer(reading.open_case())
    with pytest.raises(StudyError, match=r"disk is full or failing, nothing was saved"):
        submit_until_refused(reading, given)
    with reading.store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    if reading.open:
        reading.submit(given)
    while reading.sessions()[0].status == "running":
        reading.submit(plain_answer(reading.open_case()))
    found = verify(study, reading.store)
    assert found.clean
    assert found.answers == 30


def read_with_little_room(folder, report):
    """A file may not grow beyond 300 kB: what the system does when a quota or disk is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    study = open_study(folder)
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    reading = Reading(study, store, "S1")
    reading.start_session(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    told = []
    try:
        while True:
            opened = reading.open_case()
            reading.submit(plain_answer(opened))
            told.append((opened.item.item, 0))
    except StudyError as error:
        report.send((told, str(error)))


def test_a_disk_that_fills_up_for_real_loses_nothing_that_was_acknowledged(tmp_path):
    study = make_study(tmp_path, "unaided", count=300)
    ours, theirs = fork_server().Pipe(duplex=False)
    process = fork_server().Process(target=read_with_little_room, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(60)
    told, sentence = ours.recv()
    process.join()
    assert "disk is full or failing" in sentence
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    saved = [(e.body["item"], e.body["step"]) for e in store.events("S1") if e.kind == "answer"]
    assert verify(study, store).clean
    store.close()
    assert saved == told
    assert 5 < len(told) < 300


def test_a_lost_connection_after_the_commit_does_not_lead_to_a_second_answer(
    tmp_path, reading_of, monkeypatch
):
    """The server stored the answer, but its "done" never arrived."""
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    reading.start_session(1)
    opened = reading.open_case()
    append = reading.store.append

    def append_and_lose_the_reply(event, mask=None):
        append(event, mask)
        raise StudyError("The database server cannot be reached.")

    given = plain_answer(opened)
    with monkeypatch.context() as patch:
        patch.setattr(reading.store, "append", append_and_lose_the_reply)
        with pytest.raises(StudyError, match="cannot be reached"):
            reading.submit(given)
    assert reading.submit(given) is None
    assert sum(event.kind == "answer" for event in reading.store.events("S1")) == 1
    # The same once more, but now the reader changes the answer before trying again.
    opened = reading.open_case()
    with monkeypatch.context() as patch:
        patch.setattr(reading.store, "append", append_and_lose_the_reply)
        with pytest.raises(StudyError, match="cannot be reached"):
            reading.submit(given)
    with pytest.raises(StudyError, match="was saved just before the connection was lost"):
        reading.submit(replace(given, comment="changed"))
    assert reading.open_case().item != opened.item
    assert verify(study, reading.store).clean


def test_a_lost_connection_before_the_commit_lets_the_answer_be_given_again(
    tmp_path, reading_of, monkeypatch
):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    reading.start_session(1)
    given = plain_answer(reading.open_case())

    def lose(event, mask=None):
        raise StudyError("The database server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(reading.store, "append", lose)
        with pytest.raises(StudyError, match="cannot be reached"):
            reading.submit(given)
    assert reading.submit(given) is None
    assert verify(study, reading.store).answers == 1


@contextmanager
def no_reply(store, monkeypatch, stored=True):
    """The connection is lost while an event is written: after it was stored, or before."""
    append = store.append

    def lose(event, mask=None):
        if stored:
            append(event, mask)
        raise StudyError("The database server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", lose)
        yield


def submit_without_reply(reading, monkeypatch, *given, stored=True):
    with (
        no_reply(reading.store, monkeypatch, stored),
        pytest.raises(StudyError, match="cannot be reached"),
    ):
        reading.submit(*given)


def answers_of(reading):
    return [event.body for event in reading.store.events("S1") if event.kind == "answer"]


@pytest.fixture
def a_reading_of(tmp_path, reading_of):
    """A study whose first case is open."""

    def begun(**design):
        reading = reading_of(make_study(tmp_path, **design))
        reading.start_session(1)
        reading.open_case()
        return reading

    return begun


@pytest.mark.parametrize("redrawn", [ball_mask(6), None], ids=["redrawn", "removed"])
def test_an_outline_changed_after_a_lost_reply_is_not_passed_over(
    a_reading_of, monkeypatch, redrawn
):
    reading = a_reading_of(kind="unaided")
    given, first = plain_answer(reading.open), ball_mask(4)
    submit_without_reply(reading, monkeypatch, given, first)
    with pytest.raises(StudyError, match="is final: what you changed after it was not taken"):
        reading.submit(given, redrawn)
    assert [body["mask_sha256"] for body in answers_of(reading)] == [first.sha256]
    assert reading.open is None
    assert verify(reading.study, reading.store).clean


def test_the_same_outline_after_a_lost_reply_is_the_answer(a_reading_of, monkeypatch):
    reading = a_reading_of(kind="unaided")
    given = plain_answer(reading.open)
    submit_without_reply(reading, monkeypatch, given, ball_mask(4))
    assert reading.submit(given, ball_mask(4)) is None
    assert len(answers_of(reading)) == 1


def test_where_readers_may_go_back_the_changed_answer_becomes_a_correction(
    a_reading_of, reading_of, a_turnable_clock, monkeypatch
):
    reading = a_reading_of(kind="unaided", going_back=True)
    presenter = Presenter(reading)
    given, item = plain_answer(reading.open), reading.open.item
    presenter.set_class(given.nodule_class)
    presenter.set_rating("p_invasive", given.p_invasive)
    presenter.set_rating("p_iac", given.p_iac)
    presenter.set_confidence(given.confidence)
    presenter.set_mask(ball_mask(4))
    a_turnable_clock.pass_time(seconds=20)
    presenter.submit()
    with no_reply(reading.store, monkeypatch):
        presenter.submit()
    a_turnable_clock.pass_time(seconds=7)
    presenter.set_mask(ball_mask(6))
    presenter.set_comment("redrawn")
    presenter.submit()
    presenter.submit()
    screen = presenter.screen
    assert "was saved just before the connection was lost. Submit once more" in screen.message
    assert (screen.page, screen.heading) == ("case", "Correcting a submitted answer")
    assert (screen.answer.comment, presenter.scene.own_mask) == ("redrawn", ball_mask(6).nrrd)
    assert reading_of(reading.study).open_case().answer.comment == "redrawn", "kept over a crash"
    presenter = Presenter(reading)
    presenter.next_case()
    presenter.set_mask(ball_mask(6))
    presenter.submit()
    presenter.submit()
    first, second = answers_of(reading)
    assert (first["item"], second["item"]) == (item.item, item.item)
    assert (second["mask_sha256"], second["form"]["comment"]) == (ball_mask(6).sha256, "redrawn")
    assert [body["time"]["wall_s"] for body in (first, second)] == [20, 7]
    assert verify(reading.study, reading.store).clean


def test_a_connection_lost_twice_still_finds_the_stored_answer(a_reading_of, monkeypatch):
    reading = a_reading_of(kind="unaided")
    given = plain_answer(reading.open)
    submit_without_reply(reading, monkeypatch, given)

    def lose(reader, after=-1):
        raise StudyError("The database server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(reading.store, "events", lose)
        with pytest.raises(StudyError, match="cannot be reached"):
            reading.submit(given)
    assert reading.submit(given) is None
    assert len(answers_of(reading)) == 1
    reading.open_case()
    assert reading.submit(given) is None


@pytest.mark.parametrize("stored", [True, False])
def test_after_a_lost_reply_a_draft_says_nothing_of_another_window(
    a_reading_of, monkeypatch, stored
):
    reading = a_reading_of(kind="unaided")
    given = plain_answer(reading.open)
    submit_without_reply(reading, monkeypatch, given, stored=stored)
    reading.save_draft(given)
    assert (reading.store.draft("S1") is None) is stored, "a submitted answer needs no draft"
    assert reading.submit(given) is None
    assert len(answers_of(reading)) == 1


def test_another_window_after_a_lost_connection_is_said_plainly(
    a_reading_of, reading_of, monkeypatch
):
    reading = a_reading_of(kind="unaided")
    given = plain_answer(reading.open)
    submit_without_reply(reading, monkeypatch, given, stored=False)
    other = reading_of(reading.study)
    other.open_case()
    other.submit(replace(given, comment="other"))
    with pytest.raises(ChainMovedOn, match="went on in another window"):
        reading.submit(given)
    assert reading.open is None
    assert [body["form"]["comment"] for body in answers_of(reading)] == ["other"]
