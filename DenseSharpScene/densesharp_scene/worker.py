"""One long-lived thread for everything that computes; the same for desktop Slicer and the viewer.

Plain data goes in, plain data comes out: no node, no widget and no scene is ever touched here. The
main thread asks `poll()` for events, from a QTimer in desktop Slicer or when `wake` is called in
the viewer, and writes results to the scene itself.

One thread and not a pool: engines keep per-thread plans, so a new thread would pay for them again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from densesharp.errors import Cancelled, DenseSharpError

Kind = Literal["progress", "partial", "done", "failed", "cancelled"]

log = logging.getLogger(__name__)

SHOWING_S = 0.5
"""How long a job waits at most until its first value is on the screen."""

MOVING_S = 0.15
"""So long after views were moved for the last time they count as moving."""

REST_S = 0.25
"""How long a step of work rests at most while views move."""


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        job: its number, as `submit` returned it.
        key: what the job was about, as given to `submit`.
        kind: `progress`, `partial` (a first value), or one of the ends: `done`, `failed`,
            `cancelled`.
        value: of `partial` and `done`.
        fraction: of `progress`, 0..1.
        text: what is done now, or why it failed, as a sentence for the reader.
        expected: a failure that the reader can mend, no fault of ours.
    """

    job: int
    key: str
    kind: Kind
    value: Any = None
    fraction: float = 0.0
    text: str = ""
    expected: bool = True


class JobHandle:
    """What a job's function gets: a way to report, which also stops a cancelled job."""

    def __init__(self, worker: Worker, job: int, key: str) -> None:
        self._worker, self._job, self._key = worker, job, key
        self.stop, self.shown = threading.Event(), threading.Event()
        self._refines = False

    def cancel(self) -> None:
        """Ask the job to stop."""
        self.stop.set()
        self.shown.set()

    def progress(self, fraction: float, text: str) -> None:
        """Report progress; once a first value is shown, moving views have the processor first.

        Raises:
            Cancelled: the job was cancelled.
        """
        self._check()
        self.report("progress", fraction=fraction, text=text)
        if self._refines:
            self._worker.rest(self.stop)
            self._check()

    def partial(self, value: Any) -> None:
        """Hand out a first value, and go on once it is shown: until then it has the processor.

        Raises:
            Cancelled: the job was cancelled.
        """
        self._check()
        self.shown.clear()
        self.report("partial", value)
        self.shown.wait(SHOWING_S)
        self._refines = True
        self._check()

    def report(self, kind: Kind, value: Any = None, **more: Any) -> None:
        """Put an event into the worker's queue."""
        self._worker.put(JobEvent(self._job, self._key, kind, value, **more))

    def _check(self) -> None:
        if self.stop.is_set():
            raise Cancelled


class Worker:
    """Runs jobs one after the other on its own thread.

    Args:
        wake: called (on the worker's thread) after each event; the viewer passes a call into its
            event loop, desktop Slicer polls with a timer and passes none.
    """

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self._wake = wake
        self._jobs: queue.Queue[tuple[JobHandle, Callable[[JobHandle], Any]] | None] = queue.Queue()
        self._events: queue.Queue[JobEvent] = queue.Queue()
        self._news = threading.Event()
        self._open: dict[int, tuple[str, JobHandle]] = {}
        self._lock = threading.Lock()
        self._last = 0
        self._moving_until = 0.0
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs."""
        with self._lock:
            return bool(self._open)

    def submit(self, function: Callable[[JobHandle], Any], key: str = "") -> int:
        """Queue `function(handle)`; earlier jobs of the same key are cancelled.

        Args:
            function: gets a `JobHandle`; its value arrives in the event `done`.
            key: what it is about, such as a nodule's id; empty cancels nothing.

        Returns:
            The job's number.
        """
        if key:
            self.cancel(key)
        with self._lock:
            self._last += 1
            job = self._last
            handle = JobHandle(self, job, key)
            self._open[job] = (key, handle)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="DenseSharp worker", daemon=True
                )
                self._thread.start()
        self._jobs.put((handle, function))
        return job

    def cancel(self, key: str) -> None:
        """Ask all jobs of a key to stop; each ends with the event `cancelled`."""
        with self._lock:
            for job_key, handle in self._open.values():
                if job_key == key:
                    handle.cancel()

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        with self._lock:
            for _, handle in self._open.values():
                handle.cancel()

    def go_on(self, job: int) -> None:
        """A job's first value is shown: its work goes on."""
        with self._lock:
            held = self._open.get(job)
        if held is not None:
            held[1].shown.set()

    def views_moved(self) -> None:
        """A reader scrolls or turns a view: what only refines a first value goes slowly."""
        self._moving_until = time.monotonic() + MOVING_S

    @property
    def views_move(self) -> bool:
        """Whether a reader scrolls or turns views right now."""
        return time.monotonic() < self._moving_until

    def rest(self, stop: threading.Event) -> None:
        """Wait while views move, `REST_S` at most; on the worker's thread.

        Args:
            stop: ends it.
        """
        end = time.monotonic() + REST_S
        while (left := min(self._moving_until, end) - time.monotonic()) > 0:
            if stop.wait(left):
                return

    def poll(self) -> list[JobEvent]:
        """All events since the last call, oldest first; never waits."""
        self._news.clear()
        events = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return events

    def wait(self, seconds: float) -> None:
        """Let the worker run until it has a value or an end, `seconds` at most."""
        self._news.wait(seconds)

    def put(self, event: JobEvent) -> None:
        """Queue an event for the main thread."""
        self._events.put(event)
        if event.kind != "progress":
            self._news.set()
        if self._wake is not None:
            self._wake()

    def close(self, timeout: float = 5.0) -> None:
        """Cancel everything and end the thread; waits up to `timeout` seconds."""
        self.cancel_all()
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(timeout)
            self._thread = None

    def _loop(self) -> None:
        while (entry := self._jobs.get()) is not None:
            handle, function = entry
            self._run(handle, function)
            del entry, handle, function  # they hold the CT's voxels, until the next job comes

    def _run(self, handle: JobHandle, function: Callable[[JobHandle], Any]) -> None:
        end: dict[str, Any]
        try:
            if handle.stop.is_set():
                raise Cancelled
            value = function(handle)
            end = {"kind": "done", "value": value}
        except Cancelled:
            end = {"kind": "cancelled"}
        except DenseSharpError as error:
            end = {"kind": "failed", "text": str(error)}
        except Exception as error:  # a fault of ours must reach the reader, not end the thread
            log.exception("A job failed")
            text = f"Something went wrong inside DenseSharp ({type(error).__name__})."
            end = {"kind": "failed", "text": text, "expected": False}
        with self._lock:
            self._open = {job: held for job, held in self._open.items() if held[1] is not handle}
        handle.report(**end)
