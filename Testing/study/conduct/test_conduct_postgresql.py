"""The same study code on a real PostgreSQL server."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import postgresql_server
import psycopg
import pytest
from automatic_reader import fork_server, kill_many
from study_simulation import ball_mask, make_study, plain_answer, read_session

from densesharp.errors import StudyError
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.design import canonical_json
from densesharp.study.conduct.events import next_event
from densesharp.study.conduct.merge import merge
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import ChainMovedOn, open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.write_export import export

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def a_server() -> Iterator[str]:
    reason = postgresql_server.why_not()
    if reason:
        pytest.skip(reason)
    with postgresql_server.running_server() as address:
        yield address


@pytest.fixture
def an_empty_database(a_server: str) -> str:
    name = f"study{next(NUMBERS)}"
    with psycopg.connect(a_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return a_server.rsplit("/", 1)[0] + "/" + name


def test_a_study_is_read_verified_and_exported(
    tmp_path, an_empty_database, store_of, reading_of, a_turnable_clock
):
    study = make_study(tmp_path / "study", practice=1, repeats=2)
    store = store_of(study, an_empty_database)
    for reader in ("S1", "J2"):
        reading = reading_of(study, reader, store)
        for number in (1, 2, 3):
            read_session(reading, number)
            a_turnable_clock.pass_time(days=28)
    found = verify(study, store)
    assert found.clean
    assert found.answers == 2 * (1 + 16 + 2)
    folder = export(study, store, tmp_path / "out")
    assert len((folder / "answers.csv").read_text().splitlines()) == 1 + found.answers


def test_outlines_drafts_and_exotic_text_survive(an_empty_database, tmp_path, store_of, reading_of):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study, "S1", store_of(study, an_empty_database))
    reading.start_session(1)
    reading.open_case()
    reading.save_draft(Answer("MIA", comment="naïve 肺 ' ; --"))
    assert reading_of(study, "S1", reading.store).open_case().answer.comment == "naïve 肺 ' ; --"
    mask = ball_mask()
    reading.open_case()
    reading.submit(Answer("MIA", 1.5, 0.1, 2, "肺"), mask)
    assert reading.store.mask(mask.sha256) == mask.nrrd
    assert reading.store.draft("S1") is None
    assert verify(study, reading.store).clean


def test_the_database_itself_refuses_to_change_a_record(an_empty_database, tmp_path, store_of):
    study = make_study(tmp_path, "unaided")
    store_of(study, an_empty_database)
    for statement in ("UPDATE study_events SET time = ''", "TRUNCATE study_masks"):
        with (
            psycopg.connect(an_empty_database) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="only ever adds"),
        ):
            connection.execute(statement)


def test_of_two_windows_of_one_reader_one_is_refused(
    an_empty_database, tmp_path, store_of, reading_of
):
    study = make_study(tmp_path, "unaided")
    first = reading_of(study, "S1", store_of(study, an_empty_database))
    first.start_session(1)
    first.open_case()
    second = reading_of(study, "S1", store_of(study, an_empty_database))
    second.submit(plain_answer(second.open_case()))
    with pytest.raises(ChainMovedOn, match="another window"):
        first.submit(Answer("MIA", 1, 1, 1))
    assert verify(study, first.store).answers == 1


def while_another_writes(address: str, statements: list[tuple[Any, ...]], action: Callable) -> Any:
    """Do something that comes upon another connection's unfinished transaction.

    That transaction is committed as soon as the action waits for it; no time is guessed.
    """
    waits = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with (
        psycopg.connect(address) as other,
        psycopg.connect(address, autocommit=True) as watch,
        ThreadPoolExecutor(1) as pool,
    ):
        for statement in statements:
            other.execute(*statement)
        done = pool.submit(action)
        while not done.done() and not watch.execute(waits).fetchone()[0]:
            time.sleep(0.01)
        other.commit()
        return done.result(timeout=60)


def test_two_readers_save_the_same_outline_at_the_same_moment(
    an_empty_database, tmp_path, store_of, reading_of
):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study, "S1", store_of(study, an_empty_database))
    reading.start_session(1)
    given, mask = plain_answer(reading.open_case()), ball_mask()
    statement = ("INSERT INTO study_masks VALUES (%s, %s)", (mask.sha256, mask.nrrd))
    while_another_writes(an_empty_database, [statement], lambda: reading.submit(given, mask))
    found = verify(study, reading.store)
    assert (found.clean, found.answers) == (True, 1)


INSERT_DRAFT = "INSERT INTO study_drafts VALUES ('S1', '{}')"


def test_two_drafts_at_the_same_moment_leave_one(an_empty_database, tmp_path, store_of, reading_of):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study, "S1", store_of(study, an_empty_database))
    presenter = Presenter(reading)
    presenter.start_session(1)
    presenter.next_case()
    presenter.set_comment("mine")
    while_another_writes(an_empty_database, [(INSERT_DRAFT,)], lambda: presenter.tick(force=True))
    assert presenter.screen.message == ""
    assert reading.store.draft("S1")["form"]["comment"] == "mine"


def test_a_draft_that_another_window_outruns_is_not_kept(
    an_empty_database, tmp_path, store_of, reading_of, a_turnable_clock
):
    """The other window goes on after this one has begun to save and before it has saved."""
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study, "S1", store_of(study, an_empty_database))
    reading.start_session(1)
    item = reading.open_case().item.item
    event = next_event(
        reading.store.events("S1")[-1], "S1", a_turnable_clock.now(), "open", {"item": item}
    )
    row = (event.reader, event.number, event.time, event.kind, canonical_json(event.body),
           event.previous, event.hash)  # fmt: skip
    statements = [
        ("INSERT INTO study_events VALUES (%s, %s, %s, %s, %s, %s, %s)", row),
        (INSERT_DRAFT,),
    ]
    with pytest.raises(ChainMovedOn, match="went on in another window"):
        while_another_writes(
            an_empty_database, statements, lambda: reading.save_draft(Answer("MIA"))
        )
    assert reading.store.draft("S1") == {}


def read_from_a_site(folder, address, reader, report):
    study = open_study(folder)
    store = open_store(address, study.design.study, study.design.sha256)
    read_session(Reading(study, store, reader), 1)
    report.send("done")


def test_four_sites_open_and_read_the_empty_database_at_once(tmp_path, an_empty_database, store_of):
    study = make_study(tmp_path, "unaided", count=10)
    sites = []
    for reader in ("S1", "S2", "J1", "J2"):
        ours, theirs = fork_server().Pipe(duplex=False)
        args = (tmp_path, an_empty_database, reader, theirs)
        sites.append((fork_server().Process(target=read_from_a_site, args=args), ours))
    for process, _ in sites:
        process.start()
    for process, ours in sites:
        assert ours.poll(60)
        assert ours.recv() == "done"
        process.join()
    found = verify(study, store_of(study, an_empty_database))
    assert found.clean
    assert found.answers == 40


def test_a_reader_killed_at_random_moments_loses_nothing(tmp_path, an_empty_database, full):
    kills = 30 if full else 3
    counts = kill_many(kills, tmp_path, seed=3, address=an_empty_database)
    assert counts["kills"] == kills
    assert counts["answers"] > 0


def test_workstation_files_are_merged_into_the_server(
    tmp_path, an_empty_database, store_of, reading_of
):
    study = make_study(tmp_path, "unaided", count=3)
    file = store_of(study)
    read_session(reading_of(study, "S1", file), 1)
    server = store_of(study, an_empty_database)
    read_session(reading_of(study, "J1", server), 1)
    merge(study, server, [file])
    assert server.events("S1") == file.events("S1")
    assert verify(study, server).answers == 6


def test_a_store_of_another_schema_or_study_is_refused(tmp_path, an_empty_database, store_of):
    study = make_study(tmp_path / "one")
    store_of(study, an_empty_database).close()
    with pytest.raises(StudyError, match="another design"):
        store_of(make_study(tmp_path / "other", seed=9), an_empty_database)
    with psycopg.connect(an_empty_database) as connection:
        connection.execute("UPDATE study_meta SET value = '2' WHERE key = 'schema'")
    with pytest.raises(StudyError, match="format 2, newer than format 1") as caught:
        store_of(study, an_empty_database)
    assert postgresql_server.PASSWORD not in str(caught.value)


def test_a_wrong_password_and_a_missing_database_are_said(an_empty_database, tmp_path, store_of):
    study = make_study(tmp_path)
    wrong = an_empty_database.replace(postgresql_server.PASSWORD, "guess")
    for address in (wrong, an_empty_database + "x"):
        with pytest.raises(StudyError, match="cannot be reached or refuses"):
            store_of(study, address)


def test_when_the_server_goes_away_the_answer_can_be_given_again(
    tmp_path, an_empty_database, a_server, store_of, reading_of
):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study, "S1", store_of(study, an_empty_database))
    reading.start_session(1)
    given = plain_answer(reading.open_case())
    name = an_empty_database.rsplit("/", 1)[1]
    with psycopg.connect(a_server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        with pytest.raises(StudyError, match="cannot be reached or refuses"):
            reading.submit(given)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert reading.submit(given) is None
    found = verify(study, reading.store)
    assert found.clean
    assert found.answers == 1


SITE = """
import sys
from pathlib import Path
from study_simulation import ball_mask, plain_answer, read_session
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import open_study

folder, address, reader = sys.argv[1:]
study = open_study(Path(folder))
reading = Reading(study, open_store(address, study.design.study, study.design.sha256), reader)
reading.start_session(1)
opened = reading.open_case()
reading.save_draft(Answer("MIA"))
reading.save_draft(Answer("IAC"))
reading.submit(plain_answer(opened), ball_mask())
read_session(reading, 1)
"""
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-a-study-at-several-sites.md"


def test_two_sites_read_with_the_rights_that_the_page_grants(tmp_path, an_empty_database, store_of):
    """Each site has a copy of the study folder, a role of its own and its password set apart."""
    study = make_study(tmp_path / "study", "unaided", count=6)
    store_of(study, an_empty_database)  # the owner connects first: the tables are made
    (grants,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    number = next(NUMBERS)
    group = f"study_readers_{number}"
    with psycopg.connect(an_empty_database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {group}")
        owner.execute(grants.replace("study_readers", group))
        for reader in ("S1", "J1"):
            owner.execute(
                f"CREATE ROLE site_{reader}_{number} LOGIN PASSWORD 'of {reader}' IN ROLE {group}"
            )
    where = an_empty_database.rsplit("@", 1)[1]
    sites = []
    for reader in ("S1", "J1"):
        copy = shutil.copytree(tmp_path / "study", tmp_path / f"site {reader}")
        address = f"postgresql://site_{reader.lower()}_{number}@{where}"
        environment = {**os.environ, "PGPASSWORD": f"of {reader}",
                       "PYTHONPATH": str(Path(__file__).parent)}  # fmt: skip
        command = [sys.executable, "-c", SITE, str(copy), address, reader]
        sites.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for site in sites:
        _, said = site.communicate(timeout=120)
        assert site.returncode == 0, said
    store = store_of(study, an_empty_database)
    found = verify(study, store)
    assert (found.clean, found.answers, sorted(found.heads)) == (True, 12, ["J1", "S1"])
    assert (export(study, store, tmp_path / "out") / "answers.csv").is_file()
    address = f"postgresql://site_s1_{number}:of%20S1@{where}"
    for statement in (
        "UPDATE study_events SET time = ''", "DELETE FROM study_events", "DROP TABLE study_meta",
        "UPDATE study_meta SET value = ''", "CREATE TABLE mine (n int)",
    ):  # fmt: skip
        with (
            psycopg.connect(address) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
