"""Many independent tasks in several processes: progress, faults collected, stopped at once.

What the original code's `TaskRunner` does, on `concurrent.futures`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from densesharp.errors import Cancelled, DenseSharpError, OutputError
from densesharp.progress import Progress, silent

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    pool = ProcessPoolExecutor(workers)
    try:
        futures = {pool.submit(task, item): position for position, item in enumerate(items)}
        for future in as_completed(futures):
            finish(futures[future], future.result)
    except BrokenProcessPool as error:
        message = (
            "The system ended a worker process, probably because memory ran out: repeat the "
            "command with fewer workers; what is finished is kept."
        )
        raise DenseSharpError(message) from error
    finally:
        pool.shutdown(cancel_futures=True)
    return results, faults
