"""Where a study's events live: SQLite in a file, or PostgreSQL for several sites, by one code.

Events are only ever added; triggers in the database refuse to change or remove them. An answer, its
mask and the removal of its draft are one transaction, on the disk when `append` returns. Each
reader's chain has one place per number, so of two windows that write at the same moment one is
refused and nothing is written twice.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from densesharp.errors import StudyError
from densesharp.study.conduct.answer_form import AnswerData
from densesharp.study.conduct.design import canonical_json
from densesharp.study.conduct.events import Body, Event
from densesharp.study.conduct.reader_masks import Mask
from densesharp.study.conduct.store_schema import (
    DRAFTS,
    EVENTS,
    MASKS,
    META,
    check_description,
    insert,
    make_engine,
    plain_errors,
    prepare,
)
from densesharp.study.conduct.timing import SpentData


class Draft(TypedDict):
    """The unsubmitted form of an item's step, with the time spent on it so far."""

    item: str
    step: int
    form: AnswerData
    time: SpentData


class ChainMovedOn(StudyError):  # noqa: N818 - a StudyError by what users see
    """Another window has written to this reader's chain meanwhile."""

    def __init__(self, reader: str) -> None:
        super().__init__(
            f"Reader {reader}'s reading went on in another window: close this one and continue "
            "there. Nothing was saved from here."
        )


class Store:
    """An open store.

    Raises (all methods):
        StudyError: the database cannot be reached, is full, locked, read-only or damaged.
    """

    def __init__(self, engine: sa.Engine, label: str) -> None:
        self._engine = engine
        self._writer = engine.execution_options(write=True)
        self._label = label

    @property
    def label(self) -> str:
        """The store's address without password, for messages."""
        return self._label

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def meta(self) -> dict[str, str]:
        """What the store says about itself: schema, study, design_sha256, store."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(META.c.key, META.c.value))
            return {row.key: row.value for row in rows}

    def readers(self) -> list[str]:
        """Readers with at least one event."""
        with self._reading() as connection:
            query = sa.select(EVENTS.c.reader).distinct().order_by(EVENTS.c.reader)
            return list(connection.execute(query).scalars())

    def events(self, reader: str, after: int = -1) -> list[Event]:
        """A reader's events with a number above `after`, in order."""
        query = (
            sa.select(EVENTS)
            .where(EVENTS.c.reader == reader, EVENTS.c.number > after)
            .order_by(EVENTS.c.number)
        )
        with self._reading() as connection:
            return [_event(row) for row in connection.execute(query)]

    def append(self, event: Event, mask: Mask | None = None) -> None:
        """Add an event, its mask if any; an answer's draft goes with it. All or nothing.

        Raises:
            ChainMovedOn: the event's place in the chain is taken.
        """
        self.add([event], [mask] if mask else [])

    def add(self, events: list[Event], masks: list[Mask]) -> None:
        """Add events and masks in one transaction.

        Raises:
            ChainMovedOn: an event's place in its chain is taken.
        """
        with self._writing() as connection:
            for mask in masks:
                row = insert(connection, MASKS).values(sha256=mask.sha256, nrrd=mask.nrrd)
                connection.execute(row.on_conflict_do_nothing())
            for event in events:
                self._add_event(connection, event)
                if event.kind == "answer":
                    connection.execute(sa.delete(DRAFTS).where(DRAFTS.c.reader == event.reader))

    def mask(self, sha256: str) -> bytes | None:
        """The NRRD bytes of a mask."""
        query = sa.select(MASKS.c.nrrd).where(MASKS.c.sha256 == sha256)
        with self._reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def save_draft(self, reader: str, last: int, draft: Draft) -> None:
        """Keep the unsubmitted form of a reader's current case, replacing the one before.

        Args:
            reader: whose.
            last: number of the last event in the chain that the form's window knows.
            draft: the form.

        Raises:
            ChainMovedOn: the chain is longer, so the form is not that of the current case.
        """
        newest = sa.select(sa.func.max(EVENTS.c.number)).where(EVENTS.c.reader == reader)
        with self._writing() as connection:
            row = insert(connection, DRAFTS).values(reader=reader, body=canonical_json(draft))
            row = row.on_conflict_do_update(
                index_elements=[DRAFTS.c.reader], set_={"body": row.excluded.body}
            )
            connection.execute(row)
            # Written first, so that with PostgreSQL no other window's draft comes in between.
            if connection.execute(newest).scalar_one() != last:
                raise ChainMovedOn(reader)

    def draft(self, reader: str) -> Draft | None:
        """The reader's unsubmitted form; None where there is none or it is damaged."""
        query = sa.select(DRAFTS.c.body).where(DRAFTS.c.reader == reader)
        with self._reading() as connection:
            text = connection.execute(query).scalar_one_or_none()
        try:
            draft = None if text is None else json.loads(text)
        except ValueError:
            return None
        return cast("Draft", draft) if isinstance(draft, dict) else None

    def _add_event(self, connection: sa.Connection, event: Event) -> None:
        row = {**vars(event), "body": canonical_json(event.body)}
        try:
            connection.execute(sa.insert(EVENTS).values(row))
        except IntegrityError as error:
            raise ChainMovedOn(event.reader) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with plain_errors(self._label), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with plain_errors(self._label), self._writer.begin() as connection:
            yield connection


def open_store(
    address: str | Path,
    study: str,
    design_sha256: str,
    create: bool = True,
    *,
    reading: bool = False,
) -> Store:
    """Open a study's store, making its tables the first time.

    Args:
        address: path of an SQLite file, or a `postgresql://user@host/database` address.
        study: the study's name.
        design_sha256: hash of its design; a store belongs to exactly one design.
        create: whether an absent store is made.
        reading: whether nothing is to be written, as to check or export a store; an absent one is
            then not made either.

    Returns:
        The store; close it after use.

    Raises:
        StudyError: the store cannot be opened, has another schema, or is another study's.
    """
    create = create and not reading
    engine, label = make_engine(address, create, reading=reading)
    store = Store(engine, label)
    try:
        if create:
            with plain_errors(label):
                prepare(engine, study, design_sha256)
        check_description(store.meta(), label, study, design_sha256)
    except StudyError:
        store.close()
        raise
    return store


def _event(row: Any) -> Event:
    try:
        body = json.loads(row.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise StudyError(f"Event {row.number} of reader {row.reader} was changed or damaged.")
    return Event(
        row.reader, row.number, row.time, row.kind, cast("Body", body), row.previous, row.hash
    )
