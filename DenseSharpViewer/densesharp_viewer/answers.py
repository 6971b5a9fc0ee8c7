"""Asks the model about clicks and corrected outlines, and writes its answers to the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from densesharp.errors import DenseSharpError
from densesharp.nodule.records import NoduleResult
from densesharp_scene import ScanNodules
from densesharp_scene.segments import digest
from densesharp_scene.worker import Event, Task

if TYPE_CHECKING:
    from .session import Session

NO_MESSAGE = {"text": "", "kind": "info"}


@dataclass
class Request:
    """One question to the model.

    Attributes:
        scan: where the answer goes.
        nodule_id: which nodule.
        backend: what computes it, whatever is chosen in the meantime.
        outline: fingerprint of the corrected outline that was sent; empty for a seed.
        shown: its first answer is in the scene.
    """

    scan: ScanNodules
    nodule_id: str
    backend: Any
    outline: str = ""
    shown: bool = False


class Answers:
    """Sends requests to the session's worker; every method is for the main thread.

    Args:
        session: whose CT and worker are used.

    Attributes:
        expected: the nodule of the last click; its answer is selected when it comes. Every choice
            of a reader ends that, as no answer may take a nodule away from under the hands.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._requests: dict[str, Request] = {}
        self.expected: str | None = None

    def pending(self, nodule_id: str) -> bool:
        """Whether an answer is on its way that will replace the one that is shown."""
        request = self._requests.get(nodule_id)
        return request is not None and not request.shown

    def analyse(self, nodule_id: str) -> None:
        """Ask about a claimed or stored nodule at its seed."""
        session, backend = self._session, self._session.backend
        scan = session.open_scan()
        try:
            volume, seed = scan.volume(), scan.seed_of(nodule_id)
        except DenseSharpError as error:
            _take_back(scan, nodule_id)
            session.say(str(error), "caution")
            return
        session.publish({"message": NO_MESSAGE})  # what an earlier click was told is over
        self._submit(
            Request(scan, nodule_id, backend),
            lambda task: backend.analyse(volume, seed, nodule_id, task.progress, task.partial),
        )

    def correct(self, nodule_id: str) -> None:
        """Measure and classify a nodule again after its outline was corrected."""
        session, backend = self._session, self._session.backend
        scan = session.open_scan()
        mask = scan.mask_of(nodule_id)
        if mask is None:
            session.say("The outline is empty: undo, or delete the nodule.", "caution")
            session.refresh()
            return
        volume, result = scan.volume(), scan.nodule(nodule_id).result
        self._submit(
            Request(scan, nodule_id, backend, outline=digest(mask)),
            lambda task: backend.update_mask(volume, result, mask, task.progress),
        )

    def _submit(self, request: Request, work: Callable[[Task], Any]) -> None:
        self._requests[request.nodule_id] = request
        self._session.jobs.submit(
            work, lambda event: self._take(request, event), key=request.nodule_id
        )
        self._session.refresh()

    def _take(self, request: Request, event: Event) -> None:
        if event.kind != "partial" and self._requests.get(request.nodule_id) is request:
            del self._requests[request.nodule_id]
        if event.kind in ("partial", "done"):
            self._write(request, event.value)
        elif not request.outline and not request.shown:
            _take_back(request.scan, request.nodule_id)

    def _write(self, request: Request, result: NoduleResult) -> None:
        scan, nodule_id = request.scan, request.nodule_id
        if request.outline and digest(scan.mask_of(nodule_id)) != request.outline:
            return  # corrected further in the meantime: the next answer will fit
        first, request.shown = not request.shown, True
        with self._marked(request):
            if first:
                scan.store(result, edited=bool(request.outline))
            else:
                scan.refine(result)
        session = self._session
        chosen = nodule_id in (self.expected, session.selected) and session.drawing is None
        if first and chosen and not request.outline:
            session.select(nodule_id)
        else:
            session.follow_evidence()

    @contextmanager
    def _marked(self, request: Request) -> Iterator[None]:
        """What is stored meanwhile counts as an answer of the model that was asked."""
        request.scan.model = request.backend.model_hash
        try:
            yield
        finally:
            request.scan.model = self._session.backend.model_hash


def _take_back(scan: ScanNodules, nodule_id: str) -> None:
    """Remove the point of a new nodule; put that of a known one back to where its result is."""
    if not scan.alive:
        return
    if any(nodule.id == nodule_id for nodule in scan.nodules):
        scan.put_seed_back(nodule_id)
    else:
        scan.drop(nodule_id)
