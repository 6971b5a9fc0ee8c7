"""Bring the stores of several workstations together: `densesharp study merge`.

A reader's chain may be in several stores as long as one is the continuation of the other. Two
different continuations mean that a reader read at two places at once; which of them counts is a
decision about the study, so nothing is merged then.
"""

from collections.abc import Sequence

from densesharp.errors import StudyError
from densesharp.study.conduct.events import Event
from densesharp.study.conduct.reader_masks import Mask
from densesharp.study.conduct.store import Store
from densesharp.study.conduct.study_folder import Study
from densesharp.study.conduct.verify import verify


def merge(study: Study, target: Store, sources: Sequence[Store]) -> int:
    """Copy what is new in the sources into the target, all or nothing.

    Args:
        study: the opened study.
        target: its store.
        sources: stores of other workstations.

    Returns:
        The number of events added.

    Raises:
        StudyError: a store is not whole, or a reader's records contradict each other.
    """
    chains: dict[str, list[Event]] = {}
    origin: dict[str, Store] = {}
    for store in (target, *sources):
        found = verify(study, store)
        if not found.clean:
            message = f"The store '{store.label}' is not whole, nothing was merged: "
            raise StudyError(message + found.problems[0])
        for reader in store.readers():
            events = store.events(reader)
            longer = _longer(reader, chains.get(reader, []), events, store.label)
            if longer is events:
                chains[reader], origin[reader] = events, store
    added: list[Event] = []
    masks: dict[str, Mask] = {}
    for reader, events in chains.items():
        new = events[len(target.events(reader)) :]
        added += new
        masks.update(_masks(origin[reader], new))
    if added:
        target.add(added, list(masks.values()))
    return len(added)


def _longer(reader: str, one: list[Event], other: list[Event], label: str) -> list[Event]:
    """The longer of two chains, of which the shorter must be the beginning."""
    short, long = sorted((one, other), key=len)
    if short and short[-1].hash != long[len(short) - 1].hash:
        raise StudyError(
            f"Reader {reader}'s record in '{label}' contradicts another store: the reader read at "
            "two places at once. Nothing was merged; export the stores one by one and decide "
            "which record counts."
        )
    return other if len(other) > len(one) else one


def _masks(store: Store, events: list[Event]) -> dict[str, Mask]:
    digests = {event.body["mask_sha256"] for event in events if event.kind == "answer"} - {""}
    found = {digest: store.mask(digest) for digest in digests}
    return {digest: Mask(nrrd, digest) for digest, nrrd in found.items() if nrrd is not None}
