"""Ctrl + C and SIGTERM: they end a command within seconds, whatever it is doing.

The first one raises KeyboardInterrupt, but ends the process at once while a module is loading, and
waits while a process is being started, which nobody would know of. That alone is not enough: Python
drops the exception where it falls into a callback of its own, and libraries wait for processes that
do not hear of it. So a thread ends this process and those it started when they are still there
after `LAST_S`.

A thread that is still at work while Python ends fails with an error of its own, which would stand
below the sentence. So nobody else is heard from then on, and the sentence is the last thing done.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from types import FrameType

LAST_S = 6.0
"""Seconds between the signal and the end at the latest."""

_AGAIN_S, _TIDY_S = 0.02, 1.0

SENTENCE = "densesharp: stopped, nothing more was written.\n"

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_begun = 0
"""The process of the command; those it forks know this, too."""

_asked: int | None = None
_raised = _left = False
_stderr = 2
_ending = threading.Lock()


def begin() -> None:
    """Let Ctrl + C and SIGTERM end this process; for the process of a command alone."""
    global _begun
    if not _begun:
        _begun = os.getpid()
        for number in SIGNALS:
            signal.signal(number, _stop)
        # What a process that was killed had no time to give back; said by a process that stays.
        warned = [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker"]
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, warned))


def begun() -> bool:
    """Whether this is the process of a command."""
    return _begun != 0


def _stop(number: int, frame: FrameType | None = None) -> None:
    """Stop what runs, once: whoever presses twice shall not disturb the cleaning up."""
    global _raised
    if os.getpid() != _begun:
        os._exit(128 + number)  # a process that this one forked, and has told nothing else yet
    ask(number)
    if _raised:
        return
    if _runs(frame, "<frozen importlib._bootstrap>"):
        _end_now()  # a library crashes when its loading is interrupted
    if _runs(frame, "multiprocessing/process.py", "start"):
        _later(_AGAIN_S, _interrupt, signal.Signals(number))
        return
    _raised = True
    raise KeyboardInterrupt


def _interrupt(number: signal.Signals) -> None:
    """Send the signal to the main thread once more, which may wait for something."""
    if sys.platform == "win32":
        interrupt_main(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _runs(frame: FrameType | None, file: str, function: str = "") -> bool:
    """Whether a function of this file, or any, has been called and goes on."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.replace("\\", "/").endswith(file) and function in code.co_name:
            return True
        frame = frame.f_back
    return False


def _later(seconds: float, run: Callable[..., None], *arguments: object) -> None:
    """Run something on a thread, after so many seconds."""
    timer = threading.Timer(seconds, run, arguments)
    timer.daemon = True
    timer.start()


def ask(number: int) -> None:
    """Note a signal, and see to it that the process ends."""
    global _asked
    if _asked is not None:
        return
    _asked = number
    threading.excepthook = sys.unraisablehook = _unheard
    if "logging" in sys.modules:
        sys.modules["logging"].disable()
    _later(LAST_S, _end_now)


def asked() -> bool:
    """Whether a signal wants this process to end."""
    return _asked is not None


def status() -> int:
    """The exit status, as shells give it: 130 after Ctrl + C, 143 after SIGTERM."""
    return 128 + (_asked or signal.SIGINT)


def ignore() -> None:
    """The command has ended: leave the interpreter alone while it goes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def leave() -> int:
    """Let Python end, which says nothing from here on; the sentence comes when all else is done.

    Returns:
        The exit status.
    """
    global _left
    ignore()
    ask(signal.SIGINT)  # of a command that stopped by itself
    end_processes()  # Python would wait for them
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    _silence()
    _left = True
    return status()


@atexit.register
def _end_last() -> None:
    """Registered before the exit functions of libraries, this one runs after them."""
    if _left and os.getpid() == _begun:
        _end()


def _end_now() -> None:
    """End without leave of what hangs or loads; what is temporary is removed all the same."""
    global _left
    end_processes()
    _silence()
    _left = True
    with contextlib.suppress(RuntimeError):  # at Python's very end no thread starts
        tidying = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
        tidying.start()
        tidying.join(_TIDY_S)
    _end()


def _end() -> None:
    _ending.acquire()  # for good: it is said once
    end_processes()
    with contextlib.suppress(OSError):
        os.write(_stderr, SENTENCE.encode())
    os._exit(status())


def _silence() -> None:
    """Let nobody else be heard any more; as libraries may write past Python, below it."""
    global _stderr
    if _stderr == 2:
        with contextlib.suppress(OSError):
            _stderr = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for descriptor in (1, 2):
                os.dup2(nowhere, descriptor)


def _unheard(*_: object) -> None:
    """What fails because all is ending is no news."""


def end_processes() -> None:
    """Kill the processes that this one started."""
    if "multiprocessing" in sys.modules:  # its import takes a while
        for process in sys.modules["multiprocessing"].active_children():
            process.kill()


def end_with(parent: int, leave: Callable[[], None] | None = None) -> None:
    """End this process when the one that started it is gone, which could not say so: kill -9.

    Args:
        parent: its process id.
        leave: called then, to clean up within `_TIDY_S`; it is ended anyhow.
    """

    def wait() -> None:
        while not _is_gone(parent):
            time.sleep(_TIDY_S)
        if leave:
            leave()
            time.sleep(_TIDY_S)
        os._exit(1)

    threading.Thread(target=wait, name="parent watch", daemon=True).start()


def _is_gone(parent: int) -> bool:
    """Whether the process that started this one has ended."""
    if sys.platform != "win32":
        return os.getppid() != parent
    from multiprocessing import parent_process

    started_by = parent_process()
    return started_by is not None and not started_by.is_alive()


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
