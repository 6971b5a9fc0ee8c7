"""Fixtures of the tests about conducting a study."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from study_simulation import TurnableClock

from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import Store, open_store
from densesharp.study.conduct.study_folder import Study


@pytest.fixture
def a_turnable_clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def store_of(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Opens a study's store, closed again after the test."""
    stores = []

    def opened(study: Study, address: str | Path | None = None) -> Store:
        address = address or study.default_store
        stores.append(open_store(address, study.design.study, study.design.sha256))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def reading_of(store_of: Callable[..., Store], a_turnable_clock: TurnableClock):
    """Starts a reader on a study with the turnable clock."""

    def reading(study: Study, reader: str = "S1", store: Store | None = None) -> Reading:
        return Reading(study, store or store_of(study), reader, a_turnable_clock)

    return reading
