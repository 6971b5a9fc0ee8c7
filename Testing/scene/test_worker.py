"""The worker: order, progress, cancelling, failures, one thread for all jobs."""

import threading
import time

import pytest

from densesharp.errors import SeedError
from densesharp_scene.worker import Worker


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.close()


def events_until_idle(worker, seconds=60.0):
    """Everything that happened until no job is open."""
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        busy = worker.busy
        events += worker.poll()
        if not busy:
            return events + worker.poll()
        time.sleep(0.005)
    raise AssertionError(f"still busy, so far: {events}")


def kinds(events):
    return [(event.key, event.kind) for event in events]


def test_values_and_progress_come_back_in_order(worker):
    def job(handle):
        handle.progress(0.5, "half")
        handle.partial("first")
        return "whole"

    number = worker.submit(job, "a")
    events = events_until_idle(worker)
    assert kinds(events) == [("a", "progress"), ("a", "partial"), ("a", "done")]
    assert [event.value for event in events] == [None, "first", "whole"]
    assert (events[0].fraction, events[0].text) == (0.5, "half")
    assert {event.job for event in events} == {number}


def test_work_goes_on_once_its_first_value_is_shown(worker, monkeypatch):
    monkeypatch.setattr("densesharp_scene.worker.SHOWING_S", 20.0)
    went_on = threading.Event()

    def job(handle):
        handle.partial("first")
        went_on.set()

    number = worker.submit(job, "a")
    while not worker.poll():
        time.sleep(0.01)
    assert not went_on.wait(0.2)
    worker.go_on(number)
    assert went_on.wait(60)


def test_cancelling_does_not_wait_for_a_first_value_to_be_shown(worker, monkeypatch):
    monkeypatch.setattr("densesharp_scene.worker.SHOWING_S", 20.0)
    worker.submit(lambda handle: handle.partial("first"), "a")
    while not worker.poll():
        time.sleep(0.01)
    begin = time.monotonic()
    worker.cancel("a")
    assert kinds(events_until_idle(worker)) == [("a", "cancelled")]
    assert time.monotonic() - begin < 10


def test_all_jobs_run_on_one_thread_that_is_not_ours(worker):
    for _ in range(3):
        worker.submit(lambda _: threading.get_ident())
    threads = {event.value for event in events_until_idle(worker)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_a_running_job_stops_at_its_next_report(worker):
    started = threading.Event()

    def endless(handle):
        while True:
            started.set()
            handle.progress(0.1, "working")
            time.sleep(0.001)

    worker.submit(endless, "a")
    assert started.wait(60)
    worker.cancel("a")
    assert kinds(events_until_idle(worker))[-1] == ("a", "cancelled")


def test_a_new_job_of_the_same_key_replaces_the_old_one(worker):
    """Dragging a seed on: the answer for the first place is of no use any more."""
    gate = threading.Event()
    worker.submit(lambda _: gate.wait(60), "other")
    worker.submit(lambda _: "old", "a")
    worker.submit(lambda _: "new", "a")
    gate.set()
    events = events_until_idle(worker)
    assert [(e.key, e.kind, e.value) for e in events if e.key == "a"] == [
        ("a", "cancelled", None),
        ("a", "done", "new"),
    ]
    assert ("other", "done") in kinds(events)


def test_a_mendable_failure_carries_its_sentence(worker):
    def job(handle):
        raise SeedError("Click on the nodule.")

    worker.submit(job, "a")
    (event,) = events_until_idle(worker)
    assert (event.kind, event.text, event.expected) == ("failed", "Click on the nodule.", True)


def test_a_fault_of_ours_is_told_and_the_worker_lives_on(worker, caplog):
    worker.submit(lambda _: 1 / 0, "a")
    worker.submit(lambda _: "fine", "b")
    failed, done = events_until_idle(worker)
    assert (failed.kind, failed.expected) == ("failed", False)
    assert "ZeroDivisionError" in failed.text
    assert done.value == "fine"
    assert "A job failed" in caplog.text


def test_every_event_wakes_the_main_thread():
    wakes = []
    worker = Worker(wake=lambda: wakes.append(1))
    worker.submit(lambda handle: handle.partial(1))
    assert len(events_until_idle(worker)) == len(wakes) == 2
    worker.close()


def test_closing_ends_the_thread_and_cancels_what_waits():
    worker = Worker()
    worker.submit(lambda _: time.sleep(0.05), "a")
    worker.submit(lambda _: "never", "b")
    worker.close()
    assert ("b", "cancelled") in kinds(worker.poll())
    assert not any(t.name == "DenseSharp worker" for t in threading.enumerate())


def test_waiting_ends_with_a_value_but_not_with_progress(worker):
    go, end = threading.Event(), threading.Event()

    def job(handle):
        handle.progress(0.5, "half")
        go.wait(60)
        handle.partial("first")
        end.wait(60)

    worker.submit(job)
    began = time.monotonic()
    worker.wait(0.1)  # the progress
    assert time.monotonic() - began > 0.09
    threading.Timer(0.05, go.set).start()
    began = time.monotonic()
    worker.wait(40.0)
    assert time.monotonic() - began < 20.0
    assert [event.kind for event in worker.poll()] == ["progress", "partial"]
    began = time.monotonic()
    worker.wait(0.1)  # the value was taken: there is nothing new
    assert time.monotonic() - began > 0.09
    end.set()


def test_refining_rests_while_views_move(worker, monkeypatch):
    monkeypatch.setattr("densesharp_scene.worker.MOVING_S", 60.0)
    monkeypatch.setattr("densesharp_scene.worker.REST_S", 60.0)

    def job(handle):
        handle.progress(0.1, "first")
        handle.partial("value")
        handle.progress(0.5, "refining")
        return "whole"

    worker.views_moved()
    assert worker.views_move
    number = worker.submit(job, "a")
    events = []
    while not any(event.text == "refining" for event in events):
        events += worker.poll()
        worker.go_on(number)
        time.sleep(0.005)
    worker.cancel("a")
    assert kinds(events_until_idle(worker)) == [("a", "cancelled")]


def test_a_rest_ends_though_views_go_on_moving(worker, monkeypatch):
    monkeypatch.setattr("densesharp_scene.worker.MOVING_S", 60.0)

    def job(handle):
        handle.partial("value")
        handle.progress(0.5, "refining")
        return "whole"

    worker.views_moved()
    worker.submit(job, "a")
    assert kinds(events_until_idle(worker, 30.0))[-1] == ("a", "done")


def test_work_without_a_first_value_does_not_rest(worker, monkeypatch):
    monkeypatch.setattr("densesharp_scene.worker.MOVING_S", 60.0)
    monkeypatch.setattr("densesharp_scene.worker.REST_S", 60.0)

    def job(handle):
        handle.progress(0.5, "half")
        return "whole"

    worker.views_moved()
    worker.submit(job, "a")
    assert kinds(events_until_idle(worker, 30.0))[-1] == ("a", "done")
