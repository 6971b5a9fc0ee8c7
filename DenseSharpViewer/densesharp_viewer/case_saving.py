"""Saves the cases of a worklist in the background, whatever is open by then.

What was taken from the scene is kept until it lies on the disk: a case that could not be written,
because the disk is full, is written again later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from densesharp.worklist import CaseState, ListedCase
from densesharp_scene.events import Listener
from densesharp_scene.export import Export
from densesharp_scene.findings import real_nodules, results_of
from densesharp_scene.jobs import Jobs
from densesharp_scene.worker import JobEvent

if TYPE_CHECKING:
    from .session import Session


TRIED_AGAIN = "It is kept, and tried again with the next case and at the end."


class CaseSaving:
    """Writes one case after the other; `wake` is called on the worker's thread."""

    def __init__(self, session: Session, wake: Callable[[], None] | None) -> None:
        self._session = session
        self._jobs = Jobs(Listener(), wake)
        self._export = Export(session.state, self._jobs)
        self._kept: dict[str, Callable[[], None]] = {}
        self._read: set[str] = set()
        self._told = ""

    @property
    def problem(self) -> str:
        """Why a case could not be written; empty while none waits for that."""
        return self._told if self.failed else ""

    @property
    def at_rest(self) -> bool:
        """Whether nothing is being written."""
        return self._jobs.at_rest

    @property
    def kept(self) -> frozenset[str]:
        """Ids of cases that are not on the disk as they were left."""
        return frozenset(self._kept)

    @property
    def failed(self) -> frozenset[str]:
        """Those of them that are not being written either."""
        return frozenset(each for each in self._kept if _key(each) not in self._jobs.keys)

    def will_be_read(self, case_id: str) -> bool:
        """Whether a case is being written that will count as read then."""
        return case_id in self._read and _key(case_id) in self._jobs.keys

    def save(self, case: ListedCase, state: CaseState, ended: Callable[[bool], None]) -> None:
        """Take the open case from the scene, and write it.

        Args:
            case: the open one.
            state: that it will have then.
            ended: told whether all is written, each time that was tried.

        Raises:
            DenseSharpError: an outline has no answer yet, or nothing can be written there.
        """
        session, scan = self._session, self._session.opened()
        results = results_of(scan) if real_nodules(scan) else []
        seen = session.unsaved.state()

        def finish(event: JobEvent) -> None:
            if event.kind == "failed":
                self._told = f"{case.name} was not saved. {event.text} {TRIED_AGAIN}"
                session.say(self._told, "error")
            elif event.kind == "done":
                del self._kept[case.id]
                if scan is session.scan:
                    session.unsaved.saved(seen)
                    session.publish({"unsaved": session.unsaved.any})
            ended(event.kind == "done")

        write = session.exports.write
        self._kept[case.id] = write(self._export, results, finish, _key(case.id))
        (self._read.add if state == "read" else self._read.discard)(case.id)

    def try_again(self) -> None:
        """Write what could not be written before."""
        for case_id in self.failed:
            self._kept[case_id]()

    def poll(self) -> None:
        """Take over what was written."""
        self._jobs.poll()

    def close(self) -> None:
        """The program ends."""
        self._jobs.close()


def _key(case_id: str) -> str:
    """A later case does not take the place of one that still waits for its turn."""
    return f"write {case_id}"
