"""The tables of a study's store, how a store is reached, and what its errors mean in words."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from densesharp.errors import StudyError

SCHEMA = 1
"""Raised whenever the tables change; a store of another schema is refused, never guessed at."""

_BUSY_S = 30
METADATA = sa.MetaData()
META = sa.Table(
    "study_meta",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
EVENTS = sa.Table(
    "study_events",
    METADATA,
    sa.Column("reader", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)
MASKS = sa.Table(
    "study_masks",
    METADATA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("nrrd", sa.LargeBinary, nullable=False),
)
DRAFTS = sa.Table(
    "study_drafts",
    METADATA,
    sa.Column("reader", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)


def make_engine(
    address: str | Path, create: bool, *, reading: bool = False
) -> tuple[sa.Engine, str]:
    """The engine for an SQLite path or a postgresql:// address, and a name without password.

    Args:
        address: see above.
        create: whether an absent file is made.
        reading: whether nothing is to be written: an SQLite file is then opened without write
            access, so that it may lie on a read-only medium.

    Raises:
        StudyError: the address is no such thing, or the file is absent and must not be made.
    """
    text = str(address)
    if "://" in text:
        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise StudyError(f"'{text.split('@')[-1]}' is no address of a database.") from error
        if url.get_backend_name() != "postgresql":
            raise StudyError(
                f"A study's store is an SQLite file or a postgresql:// address, not "
                f"'{url.get_backend_name()}'."
            )
        try:
            engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        except ImportError as error:
            raise StudyError(
                "PostgreSQL needs the package psycopg, which is not installed: "
                "'pip install psycopg[binary]'."
            ) from error
        return engine, url.render_as_string(hide_password=True)
    path = Path(text)
    if not create and not path.exists():
        message = f"There is no study store at '{path}': nobody has read yet, or the path is wrong."
        raise StudyError(message)
    if reading:
        return _reading_engine(path), text
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_S}
    )
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine, text


def _reading_engine(path: Path) -> sa.Engine:
    """An engine that only reads.

    To read the newest answers SQLite needs a file beside the store. Where none can be made, and no
    answers wait in a log, the store is read as a file that nobody changes; a log is read in a copy.
    """
    folder = None
    options = "mode=ro"
    if not os.access(path.parent, os.W_OK):
        log = path.with_name(f"{path.name}-wal")
        if log.is_file() and log.stat().st_size:
            folder = tempfile.TemporaryDirectory(prefix="densesharp-store-")
            for file in (path, log):
                shutil.copyfile(file, Path(folder.name) / file.name)
            path = Path(folder.name) / path.name
        else:
            options = "immutable=1"
    address = f"{path.absolute().as_uri()}?{options}"
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            address, timeout=_BUSY_S, uri=True, check_same_thread=False, isolation_level=None
        ),
        poolclass=sa.pool.NullPool,
    )
    if folder is not None:
        sa.event.listen(engine, "engine_disposed", lambda _engine: folder.cleanup())
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin too late for a read followed by a write.
    connection.isolation_level = None
    _use_write_ahead_log(connection)
    # FULL: a committed answer survives a power cut, not only a crash of the program.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Have readers and a writer not wait for each other.

    While another process opens the same store SQLite refuses this at once, whatever the timeout.
    """
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def prepare(engine: sa.Engine, study: str, design_sha256: str) -> None:
    """Make the tables, triggers and the store's own description where they are absent.

    Args:
        engine: of the database.
        study: the study's name.
        design_sha256: hash of its design.
    """
    with engine.connect() as connection:
        if sa.inspect(connection).has_table(META.name):
            return
    with engine.execution_options(write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two sites may open the empty database at the same moment.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(7311029)))
        if sa.inspect(connection).has_table(META.name):
            return
        METADATA.create_all(connection)
        for table in (EVENTS, MASKS):
            _make_append_only(connection, table.name)
        description = {
            "schema": str(SCHEMA),
            "study": study,
            "design_sha256": design_sha256,
            "store": uuid.uuid4().hex[:12],
        }
        rows = [{"key": key, "value": value} for key, value in description.items()]
        connection.execute(sa.insert(META), rows)


def _make_append_only(connection: sa.Connection, table: str) -> None:
    """Have the database itself refuse to change or remove rows of a table."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION study_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'a study only ever adds'; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION study_refuse()"
        )
        return
    for action in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'a study only ever adds'); END"
        )


def insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can be told what to do with a row that is there already.

    Looking first would not do: with PostgreSQL another reader may add the row in between.
    """
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def check_description(meta: dict[str, str], label: str, study: str, design_sha256: str) -> None:
    """Check that a store has this schema and belongs to this design.

    Args:
        meta: what the store says of itself.
        label: names it in messages.
        study: the study's name.
        design_sha256: hash of its design.

    Raises:
        StudyError: it does not.
    """
    found = meta.get("schema")
    if found != str(SCHEMA):
        direction = "newer" if (found or "").isdigit() and int(found or 0) > SCHEMA else "older"
        raise StudyError(
            f"The study store '{label}' has format {found}, {direction} than format {SCHEMA} of "
            "this software: read on with the version of the software that the study was begun "
            "with. Nothing was changed."
        )
    if (meta.get("study"), meta.get("design_sha256")) != (study, design_sha256):
        raise StudyError(
            f"The study store '{label}' belongs to the study '{meta.get('study')}' with another "
            f"design than this study folder ('{study}'): choose the store that belongs to it."
        )


@contextlib.contextmanager
def plain_errors(label: str) -> Iterator[None]:
    """Turn errors of the database into a sentence that says what to do.

    Raises:
        StudyError: for every error of the database.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise StudyError(f"{_explanation(str(reason))} (store '{label}')") from error
    except UnicodeDecodeError as error:  # SQLite's own message of damage quotes the damaged text
        raise StudyError(f"{_explanation('malformed')} (store '{label}')") from error


def _explanation(reason: str) -> str:
    text = reason.lower()
    known = (
        (("full", "no space", "disk i/o error"),
         "The disk is full or failing, nothing was saved: free some space and submit again."),
        (("locked",),
         "The study store is busy with another program, nothing was saved: try again."),
        (("readonly", "read-only", "permission denied"),
         "The study store cannot be written to, nothing was saved: ask for write access."),
        (("unable to open",),
         "The study store cannot be opened: check its path and that its folder can be written to."),
        (("not a database", "malformed", "no such table"),
         "The study store is damaged or is no study store: restore it from a copy."),
        (("connection", "resolve host", "server", "authentication"),
         # Not "nothing was saved": a reply can be lost after the server has stored an answer.
         "The database server cannot be reached or refuses this user: check the network and the "
         "address, then try again."),
    )  # fmt: skip
    for signs, sentence in known:
        if any(sign in text for sign in signs):
            return sentence
    first_line = reason.strip().partition("\n")[0]
    return f"The study store reports an error, nothing was saved: {first_line}"
