# mypy: untyped-calls-exclude="SimpleITK"
"""Keep libraries from writing to the screen: what goes wrong is told in sentences of ours."""

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator

import SimpleITK as sitk


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom from warning and logging: odd values get a sentence of ours, without names."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


_quiet_lock = threading.Lock()
_quiet_users = 0
_saved_stderr = -1


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep C++ libraries from writing to stderr; what goes wrong is raised as our own sentence.

    The file descriptor belongs to the whole process, so threads that read at the same time share
    one redirection: the first sets it, the last takes it back.
    """
    _begin_quiet()
    try:
        yield
    finally:
        _end_quiet()


def _begin_quiet() -> None:
    global _quiet_users, _saved_stderr
    with _quiet_lock:
        _quiet_users += 1
        if _quiet_users == 1:
            sitk.ProcessObject.GlobalWarningDisplayOff()
            # A program without a console (Slicer on Windows) may have no descriptor 2.
            with contextlib.suppress(OSError):
                _saved_stderr = os.dup(2)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)


def _end_quiet() -> None:
    global _quiet_users, _saved_stderr
    with _quiet_lock:
        _quiet_users -= 1
        if _quiet_users == 0 and _saved_stderr >= 0:
            os.dup2(_saved_stderr, 2)
            os.close(_saved_stderr)
            _saved_stderr = -1
