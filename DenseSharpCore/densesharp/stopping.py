"""Ctrl + C and SIGTERM: they end a command within seconds, whatever it is doing.

The first one raises KeyboardInterrupt, but ends the process at once while a module is loading. That
alone is not enough: Python drops the exception where it falls into a callback of its own, and
libraries wait for processes that do not hear of it. So a thread ends this process and those it
started when they are still there after `LAST_S`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

LAST_S = 6.0
"""Seconds between the signal and the end at the latest."""

SENTENCE = "densesharp: stopped, nothing more was written.\n"

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_begun = False
_asked: int | None = None
_raised = _said = False


def begin() -> None:
    """Let Ctrl + C and SIGTERM end this process; for the process of a command alone."""
    global _begun
    if not _begun:
        _begun = True
        for number in SIGNALS:
            signal.signal(number, _stop)


def begun() -> bool:
    """Whether this is the process of a command."""
    return _begun


def _stop(number: int, frame: FrameType | None = None) -> None:
    """Stop what runs, once: whoever presses twice shall not disturb the cleaning up."""
    global _raised
    ask(number)
    if _raised:
        return
    if _imports(frame):
        _end_now()  # a library crashes when its loading is interrupted
    _raised = True
    raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is loading."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def ask(number: int) -> None:
    """Note a signal, and see to it that the process ends."""
    global _asked
    if _asked is not None:
        return
    _asked = number
    last = threading.Timer(LAST_S, _end_now)
    last.daemon = True
    last.start()


def asked() -> bool:
    """Whether a signal wants this process to end."""
    return _asked is not None


def status() -> int:
    """The exit status, as shells give it: 130 after Ctrl + C, 143 after SIGTERM."""
    return 128 + (_asked or signal.SIGINT)


def say() -> None:
    """Say that the command was stopped."""
    global _said
    _said = True
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(SENTENCE)
        sys.stderr.flush()


def ignore() -> None:
    """The command has ended: leave the interpreter alone while it goes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end_now() -> None:
    end_processes()
    if not _said:
        with contextlib.suppress(OSError):
            os.write(2, SENTENCE.encode())
    os._exit(status())


def end_processes() -> None:
    """Kill the processes that this one started."""
    if "multiprocessing" in sys.modules:  # its import takes a while
        for process in sys.modules["multiprocessing"].active_children():
            process.kill()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Threads and processes that start in the block never get the signals; this one does, after.

    On Windows nothing is held back: there a thread never gets them, and a process always does.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
