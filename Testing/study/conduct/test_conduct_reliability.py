"""Kills, full disks, two processes at once: nothing submitted is lost, nothing is there twice."""

from __future__ import annotations

import resource
import signal
import sqlite3
import threading

import pytest
from automatic_reader import check, fork_server, kill_many
from study_simulation import ball_mask, make_study, plain_answer

from densesharp.errors import StudyError
from densesharp.study.folder import open_study
from densesharp.study.session import Reading
from densesharp.study.store import open_store
from densesharp.study.verify import verify


def test_a_reader_killed_at_random_moments_loses_nothing(tmp_path):
    counts = kill_many(30, tmp_path, seed=2)
    assert counts["kills"] == 30
    assert counts["answers"] > 30


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
    from dataclasses import replace

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
