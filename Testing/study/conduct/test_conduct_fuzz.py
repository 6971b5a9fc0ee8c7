"""A study's files as accidents leave them: opened, or refused in a sentence."""

import contextlib
from dataclasses import replace

import pytest
from study_simulation import ball_mask, make_study, plain_answer

from damage import stays_calm
from densesharp.errors import StudyError
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.verify import verify


@pytest.mark.parametrize("name", ["design.json", "schedule.csv"])
def test_changed_designs_are_opened_or_refused(tmp_path, name):
    make_study(tmp_path, "unaided", count=6)
    stays_calm(tmp_path / name, lambda: open_study(tmp_path), as_json=name.endswith("json"))


def test_a_changed_store_is_opened_or_refused(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided", count=6)
    reading = reading_of(study)
    reading.start_session(1)
    for _ in range(3):
        reading.submit(plain_answer(reading.open_case()), ball_mask())
    reading.store.close()
    path = study.default_store

    def use():
        for left in path.parent.glob(path.name + "-*"):  # SQLite's own files of the last attempt
            left.unlink()
        store = open_store(path, study.design.study, study.design.sha256, create=False)
        with contextlib.closing(store):
            assert verify(study, store).answers <= 3
            Reading(study, store, "S1").open_case()

    stays_calm(path, use)


def test_a_damaged_event_is_named_when_the_reader_goes_on(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided", count=6)
    reading = reading_of(study)
    reading.start_session(1)
    reading.submit(plain_answer(reading.open_case()))
    events = reading.store.events("S1")
    for damaged in (
        replace(events[1], time="2026-.."),
        replace(events[3], body={**events[3].body, "item": "S1-1-999"}),
    ):
        store = store_of(study)
        changed = [damaged if e.number == damaged.number else e for e in events]
        store.events = lambda *_, changed=changed: changed
        with pytest.raises(StudyError, match=f"Event {damaged.number} of reader S1 is damaged"):
            Reading(study, store, "S1")
        assert f"Event {damaged.number} of reader S1 is damaged" in str(verify(study, store))
