"""The runner of many tasks: results, faults, progress, and how it ends early."""

import os
import signal
import time

import pytest

from densesharp import parallel
from densesharp.errors import Cancelled, DenseSharpError, OutputError, TableError
from densesharp.parallel import run_tasks


def task(number: int) -> int:
    if number == 3:
        raise TableError("three is wrong")
    if number == 5:
        raise ZeroDivisionError
    if number == 7:
        raise OutputError("disk full")
    if number == 9:
        raise Cancelled
    if number == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_faults_stand_by_position(workers: int) -> None:
    told: list[tuple[float, str]] = []
    results, faults = run_tasks(task, [1, 3, 2, 5], workers, lambda *words: told.append(words))
    assert results == {0: 1, 2: 4}
    assert faults == {1: "three is wrong", 3: "ZeroDivisionError: "}
    assert [fraction for fraction, _ in told] == [0.25, 0.5, 0.75, 1.0]
    assert told[-1][1] == "4 of 4 nodules, 2 failed"


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_written_ends_all(workers: int) -> None:
    with pytest.raises(OutputError, match="disk full"):
        run_tasks(task, [7, 1, 1], workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_begins_nothing_more(workers: int) -> None:
    seen = []

    def cancel(fraction: float, text: str) -> None:
        seen.append(text)
        raise Cancelled

    with pytest.raises(Cancelled):
        run_tasks(task, [1] * 200, workers, cancel)
    assert seen == ["1 of 200 nodules"]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_task_that_is_cancelled_is_no_fault(workers: int) -> None:
    with pytest.raises(Cancelled):
        run_tasks(task, [9, 1, 1], workers)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_worker_that_the_system_ends_is_told_plainly() -> None:
    with pytest.raises(DenseSharpError, match="fewer workers"):
        run_tasks(task, [1, 11, 1], 2)


def deaf(number: int) -> int:
    if number:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    time.sleep(0.5)  # the other one is asleep by then
    return task(7)


def test_a_worker_that_does_not_hear_of_the_end_does_not_delay_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a signal comes just before Python waits for a lock."""
    monkeypatch.setattr(parallel, "GRACE_S", 0.2)
    begun = time.monotonic()
    with pytest.raises(OutputError, match="disk full"):
        run_tasks(deaf, [1, 0], 2)
    assert time.monotonic() - begun < 30


def test_nothing_to_do_is_done() -> None:
    assert run_tasks(task, [], 2) == ({}, {})
