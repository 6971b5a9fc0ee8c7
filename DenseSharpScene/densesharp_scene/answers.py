"""Asks the model about clicks and corrected outlines, and writes its answers to the scene."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import DenseSharpError
from densesharp.image.masks import NoduleMask
from densesharp.nodule.by_click import Move
from densesharp.nodule.records import NoduleResult, Seed
from densesharp.report.labels import Phrase

from .backend import LocalBackend
from .events import Listener
from .jobs import Jobs
from .maps import prepared
from .nodule import Nodule
from .scan import ScanNodules
from .segments import digest
from .session_state import SessionState
from .transform_sync import voxels, where
from .views import slice_places
from .worker import JobEvent, JobHandle

EMPTY = "The outline is empty: undo, or delete the nodule."

DECIDE_AGAIN = "{name} was {decision} with another answer: decide again."

OTHER_VOXELS = "The CT got other voxels while it was looked at: click on the nodule again."

NO_OUTLINE = "none"
"""Stands for the fingerprint of an outline that is not there yet."""


@dataclass
class Request:
    """One question to the model.

    Attributes:
        scan: where the answer goes.
        asked: the claim or the nodule that was asked about.
        nodule_id: the same; after the answer to a claim the nodule that it has become.
        backend: what computes it, whatever is chosen in the meantime.
        seed: of a click: the place that was sent.
        outline: of a correction: fingerprint of the outline that was sent.
        moves: of a correction by clicks: where to, and whether the outline shall hold the point.
        told: why one of these clicks changed nothing.
        shown: its first answer is in the scene.
        then: told of the nodule once its first answer is there.
        looks: where the slice views were when it was asked.
        steps: how many steps readers had taken by then.
        world: (4, 4) where the CT lay, IJK to RAS.
        voxels: which image the CT had.
    """

    scan: ScanNodules
    asked: str
    nodule_id: str
    backend: LocalBackend
    seed: Seed | None = None
    outline: str = ""
    moves: tuple[Move, ...] = ()
    told: str = ""
    shown: bool = False
    then: Callable[[Nodule], None] | None = None
    looks: tuple[float, ...] = ()
    steps: int = 0
    world: NDArray[np.float64] | None = None
    voxels: str = ""

    @property
    def key(self) -> str:
        """One request at a time for each nodule; the scan itself, as ids of nodes can change."""
        return f"{id(self.scan)}/{self.asked}"

    @property
    def new(self) -> bool:
        """Whether it is about a click that has no nodule yet."""
        return not self.shown and all(each.id != self.nodule_id for each in self.scan.nodules)


class Answers:
    """Sends requests to the worker; every method is for the main thread.

    Args:
        state: whose backend answers.
        jobs: the worker's.
        listener: told what could not be done.
        arrived: told of each request whose first answer is in the scene, and of its nodule.
    """

    def __init__(
        self,
        state: SessionState,
        jobs: Jobs,
        listener: Listener,
        arrived: Callable[[Request, Nodule], None],
    ) -> None:
        self._state, self._jobs, self._listener = state, jobs, listener
        self._arrived = arrived
        self._requests: dict[str, Request] = {}

    def of(self, scan: ScanNodules, nodule_id: str | None) -> Request | None:
        """The request that runs for a nodule or a claim."""
        return next(
            (r for r in self._requests.values() if r.scan is scan and r.nodule_id == nodule_id),
            None,
        )

    def pending(self, scan: ScanNodules, nodule_id: str) -> bool:
        """Whether an answer is on its way that will replace the one that is shown."""
        request = self.of(scan, nodule_id)
        return request is not None and not request.shown

    @property
    def awaited(self) -> bool:
        """Whether a first answer to anything is still to come."""
        return any(not request.shown for request in self._requests.values())

    def clicks(self, scan: ScanNodules) -> list[Request]:
        """Requests of clicks that have no nodule yet, the last one at the end."""
        return [each for each in self._requests.values() if each.scan is scan and each.new]

    def click_near(self, scan: ScanNodules, ras: ArrayLike, reach_mm: float) -> Request | None:
        """The click without a nodule yet that lies within reach of a point (world RAS mm)."""
        for request in self.clicks(scan):
            away = np.asarray(ras) - (request.seed.ras if request.seed else np.inf)
            if np.linalg.norm(away) <= reach_mm:
                return request
        return None

    def dragged(self, scan: ScanNodules) -> list[str]:
        """Claims whose point was dragged after it was sent."""
        clicks = self.clicks(scan)
        return [r.asked for r in clicks if r.seed and scan.was_dragged(r.asked, r.seed)]

    # Requests

    def analyse(
        self, scan: ScanNodules, nodule_id: str, then: Callable[[Nodule], None] | None = None
    ) -> None:
        """Ask about a claimed point or a stored nodule at its point.

        Args:
            scan: its CT.
            nodule_id: the claim or the nodule.
            then: told of the nodule once its first answer is there.
        """
        backend = self._state.backend
        try:
            volume, seed = scan.volume(), scan.seed_of(nodule_id)
        except DenseSharpError:
            _take_back(scan, nodule_id)
            raise
        request = Request(scan, nodule_id, nodule_id, backend, seed=seed, then=then)

        def work(handle: JobHandle) -> NoduleResult:
            def show(first: NoduleResult) -> None:
                handle.partial(prepared(first))

            return prepared(backend.analyse(volume, seed, nodule_id, handle.progress, show))

        self._submit(request, work)

    def correct(self, scan: ScanNodules, nodule_id: str) -> None:
        """Measure and classify a nodule again after its outline was corrected."""
        backend, mask = self._state.backend, scan.mask_of(nodule_id)
        if mask is None:
            self._listener.said(EMPTY, "caution")
            self._listener.changed()
            return
        volume, result = scan.volume(), scan.nodule(nodule_id).result
        request = Request(scan, nodule_id, nodule_id, backend, outline=digest(mask))
        running = self.of(scan, nodule_id)
        if running is None or running.outline != request.outline:
            self._submit(
                request, lambda handle: backend.update_mask(volume, result, mask, handle.progress)
            )

    def move(self, scan: ScanNodules, nodule_id: str, move: Move) -> None:
        """Move a nodule's outline to or from a point, and answer for what comes of it.

        Clicks that are still computed come first: all are applied to the outline as it is.
        """
        backend, mask = self._state.backend, scan.mask_of(nodule_id)
        volume, result = scan.volume(), scan.nodule(nodule_id).result
        sent, running = _fingerprint(mask), self.of(scan, nodule_id)
        waiting = running.moves if running is not None and running.outline == sent else ()
        request = Request(scan, nodule_id, nodule_id, backend, outline=sent, moves=(*waiting, move))

        def work(handle: JobHandle) -> NoduleResult:
            answer, request.told = backend.move_outline(
                volume, result, mask, request.moves, handle.progress
            )
            return answer

        self._submit(request, work)

    def cancel(self, scan: ScanNodules, nodule_id: str) -> None:
        """Stop what runs for a nodule or a claim."""
        request = self.of(scan, nodule_id)
        if request is not None:
            self._jobs.cancel(request.key)

    def cancel_dead(self) -> None:
        """Stop what runs for CTs that have left the scene."""
        for request in list(self._requests.values()):
            if not request.scan.alive:
                self._jobs.cancel(request.key)

    def forget(self) -> None:
        """The scene closes: nothing is waited for."""
        self._requests.clear()

    def _submit(self, request: Request, work: Callable[[JobHandle], Any]) -> None:
        former = self.of(request.scan, request.nodule_id)
        if former is not None and former.key != request.key:  # its click's own request still runs
            del self._requests[former.key]
            self._jobs.cancel(former.key)
        self._requests.pop(request.key, None)
        request.looks = slice_places(request.scan.scene)
        request.steps = request.scan.steps
        request.world = where(request.scan.volume_node)
        request.voxels = voxels(request.scan.volume_node)
        self._requests[request.key] = request
        self._jobs.submit(work, lambda event: self._take(request, event), key=request.key)
        self._listener.changed()

    # Answers

    def _take(self, request: Request, event: JobEvent) -> None:
        answered = event.kind in ("partial", "done")
        if answered and voxels(request.scan.volume_node) != request.voxels:
            self._drop(request)
            return
        if event.kind != "partial" and self._requests.get(request.key) is request:
            del self._requests[request.key]
        if answered:
            self._write(request, event.value)
        elif not request.outline and not request.shown:
            _take_back(request.scan, request.nodule_id)
        if event.kind == "done":
            self._listener.said(f"Done. {request.backend.fallback}".strip(), "done")
            if request.told:
                self._listener.said(request.told, "caution")

    def _drop(self, request: Request) -> None:
        """The CT was resampled or cropped meanwhile: an answer counts voxels that are gone."""
        if self._requests.pop(request.key, None) is not request:
            return  # its first answer was dropped already
        self._listener.said(OTHER_VOXELS, "caution")
        if not request.outline and not request.shown:
            _take_back(request.scan, request.nodule_id)

    def _write(self, request: Request, result: NoduleResult) -> None:
        scan, outline = request.scan, request.outline
        if outline and _fingerprint(scan.mask_of(request.nodule_id)) != outline:
            return  # corrected further in the meantime: the next answer will fit
        result = replace(result, id=request.nodule_id)
        with self._marked(request):
            if request.shown:
                scan.refine(result)
                self._tell(scan, request.nodule_id)
                return
            former = next((n for n in scan.nodules if n.id == request.nodule_id), None)
            nodule = scan.store(result, edited=bool(outline), world=request.world)
        if former is not None and former.review.decision != "open":
            words = Phrase(DECIDE_AGAIN, name=nodule.name, decision=former.review.decision)
            self._listener.said(words, "caution")
        request.nodule_id, request.shown = nodule.id, True
        self._arrived(request, nodule)
        self._tell(scan, nodule.id)

    def _tell(self, scan: ScanNodules, nodule_id: str) -> None:
        if scan is self._state.scan:
            self._state.answered(nodule_id)

    @contextmanager
    def _marked(self, request: Request) -> Iterator[None]:
        """What is stored meanwhile counts as an answer of the model that was asked."""
        request.scan.model = request.backend.model_hash
        try:
            yield
        finally:
            request.scan.model = self._state.backend.model_hash


def _fingerprint(mask: NoduleMask | None) -> str:
    """Of an outline that is sent; never empty, as that of a click is."""
    return digest(mask) or NO_OUTLINE


def _take_back(scan: ScanNodules, nodule_id: str) -> None:
    """Remove the point of a new nodule; put that of a known one back to where its result is."""
    if not scan.alive:
        return
    if any(nodule.id == nodule_id for nodule in scan.nodules):
        scan.put_seed_back(nodule_id)
    else:
        scan.drop(nodule_id)
