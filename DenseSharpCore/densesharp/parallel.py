"""Many independent tasks in several processes: progress, faults collected, stopped at once.

What the original code's `TaskRunner` does, on `concurrent.futures`.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from types import FrameType
from typing import Any, TypeVar

from densesharp.errors import Cancelled, DenseSharpError, OutputError
from densesharp.progress import Progress, silent
from densesharp.stopping import end_with

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE_S = 3.0
"""Seconds that a process has to clean up when work is stopped."""


def run_tasks(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int = 1,
    progress: Progress = silent,
    what: str = "nodules",
) -> tuple[dict[int, Result], dict[int, str]]:
    """Run `task(item)` for every item; one that fails does not end the others.

    Args:
        task: a function of a module (or a `functools.partial` of one), so that it can be sent to
            other processes.
        items: its arguments.
        workers: processes; 1 (or less) stays in this one.
        progress: told after every item; when it raises, nothing more is begun.
        what: what the items are, for the progress text.

    Returns:
        Results by position, and what went wrong by position; each item stands in one of them.

    Raises:
        OutputError: results cannot be written; going on would be of no use.
        DenseSharpError: the system ended a worker process.
        Cancelled: a task was, or `progress` raised it.
    """
    results: dict[int, Result] = {}
    faults: dict[int, str] = {}

    def finish(position: int, result: Callable[[], Result]) -> None:
        try:
            results[position] = result()
        except (Cancelled, OutputError, BrokenProcessPool):
            raise
        except DenseSharpError as error:
            faults[position] = str(error)
        except Exception as error:
            # Whatever it is, the others shall be done; the kind of error says where to look.
            faults[position] = f"{type(error).__name__}: {error}"
        done = len(results) + len(faults)
        failed = f", {len(faults)} failed" if faults else ""
        progress(done / len(items), f"{done} of {len(items)} {what}{failed}")

    if workers <= 1:
        for position, item in enumerate(items):
            finish(position, lambda item=item: task(item))  # type: ignore[misc]
        return results, faults
    try:
        with process_pool(workers) as submit:
            futures = {submit(task, item): position for position, item in enumerate(items)}
            for future in as_completed(futures):
                finish(futures[future], future.result)
    except BrokenProcessPool as error:
        raise DenseSharpError(
            "The system ended a worker process, probably because memory ran out: repeat the "
            "command with fewer workers; what is finished is kept."
        ) from error
    return results, faults


@contextlib.contextmanager
def process_pool(
    workers: int, context: BaseContext | None = None
) -> Iterator[Callable[..., Future[Any]]]:
    """Processes that Ctrl + C reaches through this one alone: they end when the block raises.

    Args:
        workers: how many.
        context: how they are started; None takes Python's default.

    Yields:
        What submits a task: the function and its arguments.
    """
    pool = ProcessPoolExecutor(workers, context, initializer=_in_worker, initargs=(os.getpid(),))
    try:
        yield lambda task, *arguments: pool.submit(_work, task, *arguments)
    except BaseException:
        _end(multiprocessing.active_children())
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end(processes: Sequence[multiprocessing.process.BaseProcess]) -> None:
    """Ask processes to end, and kill those that do not.

    Python overhears a signal that comes just before a wait for a lock; the lock's owner may have
    ended with it, and the pool would wait for the deaf one for ever.
    """
    for process in processes:
        process.terminate()
    until = time.monotonic() + GRACE_S
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
    for process in processes:
        process.kill()


_busy = _leaving = False


def _in_worker(parent: int) -> None:
    """A terminal sends Ctrl + C to every process, and each would show where it was."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    end_with(parent, lambda: os.kill(os.getpid(), signal.SIGTERM))


def _work(task: Callable[..., Any], *arguments: Any) -> Any:
    global _busy
    _busy = True
    try:
        return task(*arguments)
    finally:
        _busy = False
        if _leaving:
            os._exit(1)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End; a task is left by an exception, so that files which are half written are removed."""
    global _leaving
    if not _busy:
        os._exit(1)
    if not _leaving:
        _leaving = True
        raise SystemExit
