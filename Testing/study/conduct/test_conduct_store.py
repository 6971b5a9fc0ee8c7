"""The store: append-only, hashed, refused when it is not the right one."""

import hashlib
import json
import sqlite3
import sys
from dataclasses import replace
from datetime import datetime, timezone

import pytest
import sqlalchemy
from study_simulation import ball_mask, make_study, plain_answer, read_session

from densesharp.errors import StudyError
from densesharp.study.conduct.events import chain_problems, next_event
from densesharp.study.conduct.reader_masks import Mask
from densesharp.study.conduct.store import ChainMovedOn, open_store
from densesharp.study.conduct.store_schema import plain_errors
from densesharp.study.conduct.verify import verify

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def change_behind_the_store_s_back(path, *statements):
    """What a person with a database browser could do: drop the triggers, then write."""
    connection = sqlite3.connect(path)
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
    ]
    for name in names:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def a_read_study(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided", count=4)
    reading = reading_of(study)
    reading.start_session(1)
    for _ in range(4):
        opened = reading.open_case()
        reading.submit(plain_answer(opened), ball_mask(3 + opened.item.position / 4))
    assert verify(study, reading.store).clean
    return study, reading.store


@pytest.mark.parametrize(
    "statement",
    ["UPDATE study_events SET time = ''", "DELETE FROM study_events", "DELETE FROM study_masks"],
)
def test_the_database_itself_refuses_to_change_a_record(a_read_study, statement):
    study, _ = a_read_study
    with (
        pytest.raises(sqlite3.IntegrityError, match="only ever adds"),
        sqlite3.connect(study.default_store) as connection,
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "sign"),
    [
        ("UPDATE study_events SET body = replace(body, 'MIA', 'IAC')", "was changed"),
        ("UPDATE study_events SET time = '2020-01-01T00:00:00.000+00:00' WHERE number = 3",
         "was changed"),
        ("DELETE FROM study_events WHERE number = 4", "events were removed"),
        ("UPDATE study_events SET body = '{}' WHERE number = 3", "is damaged"),
        ("UPDATE study_events SET time = 'noon' WHERE number = 1", "is damaged"),
        ("UPDATE study_events SET number = number + 50 WHERE number > 5", "events were removed"),
        ("UPDATE study_masks SET nrrd = x'00'", "outline of event 3 of reader S1 is changed"),
        ("DELETE FROM study_masks", "outline of event 3 of reader S1 is missing"),
    ],
)  # fmt: skip
def test_tampering_shows(a_read_study, statement, sign):
    study, store = a_read_study
    change_behind_the_store_s_back(study.default_store, statement)
    assert any(sign in problem for problem in verify(study, store).problems)


@pytest.mark.parametrize("body", ["x", "[]", ""])
def test_a_body_of_another_form_is_refused(a_read_study, body):
    study, store = a_read_study
    change_behind_the_store_s_back(
        study.default_store, f"UPDATE study_events SET body = '{body}' WHERE number = 3"
    )
    with pytest.raises(StudyError, match="Event 3 of reader S1 was changed or damaged"):
        verify(study, store)


def test_a_removed_end_shows_against_heads_noted_earlier(a_read_study):
    study, store = a_read_study
    heads = verify(study, store).heads
    assert verify(study, store, heads).clean
    change_behind_the_store_s_back(
        study.default_store, "DELETE FROM study_events WHERE number >= 8"
    )
    assert verify(study, store).clean, "the chain alone cannot know its end"
    assert "removed or rewritten" in verify(study, store, heads).problems[0]


def test_a_forged_but_well_hashed_event_breaks_the_rules(a_read_study):
    study, store = a_read_study
    events = store.events("S1")
    double = next_event(events[-1], "S1", NOW, "answer", events[-1].body)
    store.append(double)
    assert any("breaks the study's rules" in p for p in verify(study, store).problems)


def test_a_hash_covers_every_part_of_an_event_and_the_one_before():
    first = next_event(None, "S1", NOW, "begin", {"a": 1})
    second = next_event(first, "S1", NOW, "open", {"item": "x"})
    assert (first.number, first.previous, second.number, second.previous) == (
        0, "0" * 64, 1, first.hash,
    )  # fmt: skip
    # As docs/reference/study-files.md says: the JSON list of the six parts, sorted and dense.
    text = '["S1",1,"2026-01-01T00:00:00.000+00:00","open",{"item":"x"},"' + first.hash + '"]'
    assert second.hash == hashlib.sha256(text.encode()).hexdigest()
    assert chain_problems("S1", [first, second]) == []
    for change in (
        {"reader": "S2"}, {"number": 2}, {"time": "2026-01-01T00:00:00.001+00:00"},
        {"kind": "aid"}, {"body": {"item": "y"}}, {"previous": "1" * 64}, {"hash": "1" * 64},
    ):  # fmt: skip
        found = chain_problems("S1", [first, replace(second, **change)])
        assert any("was changed after it was written" in problem for problem in found), change
    # Whole by itself, but of another chain.
    other = next_event(next_event(None, "S1", NOW, "begin", {"a": 2}), "S1", NOW, "open", {})
    (problem,) = chain_problems("S1", [first, other])
    assert "does not continue the event before it" in problem
    (problem,) = chain_problems("S1", [second])
    assert "Event 1 of reader S1 follows event -1: events were removed" in problem


def test_only_a_taken_place_in_the_chain_means_another_window(a_read_study):
    _, store = a_read_study
    event = next_event(store.events("S1")[-1], "S1", NOW, "open", {"item": "x"})
    with pytest.raises(StudyError, match="reports an error") as caught:
        store.append(event, Mask(None, "00"))
    assert not isinstance(caught.value, ChainMovedOn)
    store.append(event)
    with pytest.raises(ChainMovedOn, match="went on in another window"):
        store.append(event)


@pytest.mark.parametrize(
    "error",
    [
        sqlalchemy.exc.IntegrityError("INSERT", {}, Exception("duplicate key\nDETAIL: reader")),
        sqlalchemy.exc.OperationalError("INSERT", {}, Exception("")),
        sqlalchemy.exc.TimeoutError("all places in the pool are taken"),
    ],
)
def test_no_error_of_the_database_leaves_the_store_as_such(error):
    with pytest.raises(StudyError, match=r"reports an error.*\(store 'x'\)"), plain_errors("x"):
        raise error


def test_a_stranger_s_chain_is_a_problem(a_read_study):
    study, store = a_read_study
    store.append(next_event(None, "S9", NOW, "begin", {}))
    assert any("no reader of the study" in p for p in verify(study, store).problems)


def test_a_store_of_another_study_is_refused(tmp_path, store_of):
    study = make_study(tmp_path / "one")
    store_of(study).close()
    other = make_study(tmp_path / "other", seed=8)
    with pytest.raises(StudyError, match="belongs to the study 'example' with another design"):
        store_of(other, study.default_store)


@pytest.mark.parametrize(("schema", "age"), [("0", "older"), ("2", "newer"), ("9", "newer")])
def test_a_store_of_another_schema_is_refused_and_left_alone(tmp_path, store_of, schema, age):
    study = make_study(tmp_path)
    store_of(study).close()
    change_behind_the_store_s_back(
        study.default_store, f"UPDATE study_meta SET value = '{schema}' WHERE key = 'schema'"
    )
    before = study.default_store.read_bytes()
    with pytest.raises(StudyError, match=f"has format {schema}, {age} than format 1"):
        store_of(study)
    assert study.default_store.read_bytes() == before


def test_a_file_that_is_no_store_is_refused(tmp_path, store_of):
    study = make_study(tmp_path)
    study.default_store.write_bytes(b"nothing like a database " * 100)
    with pytest.raises(StudyError, match="damaged or is no study store"):
        store_of(study)


def test_looking_at_a_store_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(StudyError, match="nobody has read yet"):
        open_store(tmp_path / "none.sqlite", "s", "", create=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["mysql://host/x", "postgresql://h:port/x", "sqlite://"])
def test_an_address_of_another_kind_is_refused(address):
    with pytest.raises(StudyError, match=r"SQLite file or a postgresql|no address of a database"):
        open_store(address, "s", "")


def test_a_server_that_is_not_there_is_said_so_without_the_password():
    with pytest.raises(StudyError, match="cannot be reached") as caught:
        open_store("postgresql://reader:secret@127.0.0.1:9/study?connect_timeout=2", "s", "")
    assert "secret" not in str(caught.value)


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StudyError, match="pip install psycopg"):
        open_store("postgresql://reader@127.0.0.1/study", "s", "")


def test_exotic_text_survives(a_read_study, tmp_path):
    _, store = a_read_study
    text = 'naïve 肺 \U0001fac1 "quotes" \\ \n line \' ; --'
    event = next_event(store.events("S1")[-1], "S1", NOW, "open", {"item": text, "x": 0.1 + 0.2})
    store.append(event)
    assert store.events("S1")[-1] == event
    assert json.loads(json.dumps(event.body))["item"] == text


def test_a_whole_crossover_verifies(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path, practice=2, repeats=2)
    for reader in ("S1", "J1"):
        reading = reading_of(study, reader)
        for number in (1, 2, 3):
            read_session(reading, number)
            a_turnable_clock.pass_time(days=28)
    found = verify(study, reading.store)
    assert found.clean
    assert not found.notices
    assert found.answers == 2 * (8 + 2 + 8 + 2)
