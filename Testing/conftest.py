"""What all tests share: how deep they search, how they spread over processes, and their data."""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is no failure: what is tested is correctness, never time. The same examples in
# every run, so that a change fails for what it did and not by chance.
settings.register_profile("densesharp", deadline=None, derandomize=True, max_examples=60)
# New examples in every run, and more of them, to search for failures.
settings.register_profile("full", deadline=None, max_examples=500, print_blob=True)
settings.load_profile("densesharp")

TOGETHER = ("Testing/study/statistics/test_study_",)
"""Beginnings of file names that share costly fixtures and so one process."""
FIRST = (
    "Testing/packaging/test_checks",
    "Testing/study/statistics/test_study_",
    "Testing/study/conduct/test_conduct_end_to_end",
    "Testing/viewer",
    "Testing/panel",
    "Testing/train",
)
"""The costly ones begin, so that the processes end together."""

if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores already
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


# Half a million objects of libraries and tests come and stay; looking through them again and again
# takes a fifth of the time that collecting takes, and a quarter of a second in each later look.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on only what tests make is looked through."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="long searches and new hypothesis examples too"
    )
    parser.addoption(
        "--busy", action="store_true", help="keep all cores busy during tests in a browser"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--full"):
        settings.load_profile("full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long searches out unless asked for, and begin with what takes longest."""
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: _place(item.nodeid, FIRST))


def _place(nodeid: str, beginnings: Sequence[str]) -> int:
    """The first of these that the name begins with; their number when none does."""
    places = (n for n, beginning in enumerate(beginnings) if nodeid.startswith(beginning))
    return next(places, len(beginnings))


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Something else wants every core of this machine."""
    spin = [sys.executable, "-c", "while True: pass"]
    spinning = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hands and machine are slow in the browser where a test, or who starts it, asks for that."""
    everywhere = item.config.getoption("--busy") or item.config.getoption("--full")
    busy = item.get_closest_marker("busy") or (everywhere and item.get_closest_marker("web"))
    with busy_cores() if busy else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process with its fixtures, and so do the files of `TOGETHER`."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            place = _place(nodeid, TOGETHER)
            return TOGETHER[place] if place < len(TOGETHER) else super()._split_scope(nodeid)

    return Scheduling(config, log)


def _data_folder(name: str) -> Path:
    """A folder of the test data beside the project, or a skip that says what is missing."""
    base = Path(os.environ.get("DENSESHARP_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (base / name).is_dir():
        pytest.skip(f"no test data at {base / name} (set DENSESHARP_TEST_DATA to its folder)")
    return base / name


@pytest.fixture
def tiny_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures beside results are one pixel, for tests of the other files: a page takes a second.

    What is drawn is looked at in Testing/report; fixtures of a module still draw it all.
    """
    import numpy as np
    import SimpleITK as sitk

    from densesharp.files import atomic_path

    pixel = sitk.GetImageFromArray(np.zeros((1, 1), np.uint8))

    def write(target: str | Path, *_: object) -> None:
        with atomic_path(target) as path:
            sitk.WriteImage(pixel, str(path), imageIO="PNGImageIO")

    for name in ("overview.write_overview", "followup_picture.write_followup_picture"):
        monkeypatch.setattr(f"densesharp.report.{name}", write)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether there is time for a long search."""
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture(scope="session")
def real_ct_folder() -> Path:
    """Real chest CT with nodules and masks (not part of the project)."""
    return _data_folder("ct")


@pytest.fixture(scope="session")
def reader_study_folder() -> Path:
    """Reader-study data sets with known answers (not part of the project)."""
    return _data_folder("reader-study")
