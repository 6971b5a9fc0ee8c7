"""Work in the background: what runs, what it is about, and who takes its end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from densesharp.errors import DenseSharpError

from .events import Listener, Progress
from .worker import JobEvent, JobHandle, Worker


@dataclass
class Job:
    """A running job.

    Attributes:
        key: what it is about.
        finish: takes its end.
        quiet: `finish` tells of failures.
        unseen: no reader waits for it.
    """

    key: str
    finish: Callable[[JobEvent], None]
    quiet: bool
    unseen: bool = False


class Jobs:
    """One worker and what was given to it.

    A job that is cancelled is over at once: what the worker still brings of it is thrown away, as
    work that was past its last look at the cancel flag runs to its end.

    Args:
        listener: told of progress, of failures, and that something changed.
        wake: called on the worker's thread when `poll` has something to do.
    """

    def __init__(self, listener: Listener, wake: Callable[[], None] | None = None) -> None:
        self._listener = listener
        self._worker = Worker(wake)
        self._jobs: dict[int, Job] = {}

    @property
    def busy(self) -> bool:
        """Whether the end of something is waited for."""
        return any(not job.unseen for job in self._jobs.values())

    @property
    def keys(self) -> set[str]:
        """What the running and waiting jobs that a reader waits for are about."""
        return {job.key for job in self._jobs.values() if not job.unseen}

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs and every end was taken."""
        return not self._worker.busy and not self._jobs

    def submit(
        self,
        function: Callable[[JobHandle], Any],
        finish: Callable[[JobEvent], None],
        key: str = "",
        quiet: bool = False,
        unseen: bool = False,
    ) -> None:
        """Have the worker do something.

        Args:
            function: runs on the worker's thread.
            finish: takes its partial values and its end, on the main thread.
            key: what it is about; earlier work of the same key is cancelled. What has none, such
                as loading the model, is not cancelled by a reader.
            quiet: `finish` itself tells of failures.
            unseen: no reader waits for it: it is not progress, and nothing is drawn anew after it.
        """
        if key:  # what takes over also takes the place of the former: its end is nobody's business
            self._jobs = {number: job for number, job in self._jobs.items() if job.key != key}
        self._jobs[self._worker.submit(function, key)] = Job(key, finish, quiet, unseen)
        if not unseen:
            self._listener.progressed(Progress(True, 0.0, "Waiting"))

    def cancel(self, key: str) -> None:
        """Stop what is about this key; it ends here and now as cancelled."""
        self._worker.cancel(key)
        for number in [number for number, job in self._jobs.items() if job.key == key]:
            self._hand_over(self._jobs.pop(number), JobEvent(number, key, "cancelled"))

    def cancel_all(self) -> None:
        """Stop everything that is about something; loading the model goes on."""
        for key in self.keys - {""}:
            self.cancel(key)

    def drop_all(self) -> None:
        """Stop everything that is about something, and take nothing back: the scene closes."""
        for key in {job.key for job in self._jobs.values()} - {""}:
            self._worker.cancel(key)
        self._jobs = {number: job for number, job in self._jobs.items() if not job.key}

    def poll(self) -> None:
        """Take over what the worker has done."""
        for event in self._worker.poll():
            self._take(event)
        if not self.busy:  # work that was cancelled may still run to its end, unseen
            self._listener.progressed(Progress())

    def wait(self, seconds: float) -> None:
        """Let the worker run until it has a value or an end, `seconds` at most."""
        self._worker.wait(seconds)

    def views_moved(self) -> None:
        """A reader scrolls or turns a view (see `Worker.views_moved`)."""
        self._worker.views_moved()

    @property
    def views_move(self) -> bool:
        """Whether a reader scrolls or turns views right now."""
        return self._worker.views_move

    def close(self) -> None:
        """End the worker."""
        self._jobs.clear()
        self._worker.close()

    def _take(self, event: JobEvent) -> None:
        job = self._jobs.get(event.job)
        if job is None:
            return
        if event.kind == "progress":
            if job.unseen:
                return
            self._listener.progressed(Progress(True, event.fraction, event.text))
            return
        if event.kind != "partial":
            del self._jobs[event.job]
        self._hand_over(job, event)
        if event.kind == "partial":
            self._listener.showing(lambda: self._worker.go_on(event.job))

    def _hand_over(self, job: Job, event: JobEvent) -> None:
        if event.kind == "failed" and not job.quiet:
            self._listener.said(event.text, "caution" if event.expected else "error")
        try:
            job.finish(event)
        except DenseSharpError as error:
            self._listener.said(str(error), "caution")
        if not job.unseen:
            self._listener.changed()
