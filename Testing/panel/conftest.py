"""The panel in a real Qt on a real MRML scene: fixtures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import slicer_standin


@pytest.fixture(scope="session")
def running_slicer() -> Any:
    """The stand-in of Slicer, once for all tests: Qt allows one application in a process."""
    reason = slicer_standin.missing()
    if reason:
        pytest.skip(reason)
    return slicer_standin.install()


@pytest.fixture
def slicer(running_slicer: Any) -> Iterator[Any]:
    """Slicer with an empty scene; an exception in any slot fails the test."""
    running_slicer.mrmlScene.Clear(0)
    failures: list[BaseException] = []
    plain = sys.excepthook
    sys.excepthook = lambda *details: failures.append(details[1])
    yield running_slicer
    running_slicer.app.processEvents()
    running_slicer.mrmlScene.Clear(0)
    sys.excepthook = plain
    if failures:
        raise failures[0]
