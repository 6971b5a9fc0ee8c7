"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: what is tested is correctness, never time. The same examples in
# every run, so that a change fails for what it did and not by chance.
settings.register_profile("densesharp", deadline=None, derandomize=True)
# New examples in every run, to search for failures: pytest --hypothesis-profile=search
settings.register_profile("search", deadline=None)
settings.load_profile("densesharp")

ROOT = Path(__file__).resolve().parents[1]


def _data_folder(name: str) -> Path:
    """A folder of the test data beside the project, or a skip that says what is missing."""
    base = Path(os.environ.get("DENSESHARP_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (base / name).is_dir():
        pytest.skip(f"no test data at {base / name} (set DENSESHARP_TEST_DATA to its folder)")
    return base / name


@pytest.fixture(scope="session")
def real_ct_folder() -> Path:
    """Real chest CT with nodules and masks (not part of the project)."""
    return _data_folder("ct")


@pytest.fixture(scope="session")
def reader_study_folder() -> Path:
    """Reader-study data sets with known answers (not part of the project)."""
    return _data_folder("reader-study")
