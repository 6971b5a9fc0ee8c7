"""Sends clicks and corrected outlines to the worker and writes its answers to the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError, GeometryError
from densesharp.image.grid import ras_to_lps
from densesharp.nodule.records import Seed
from densesharp_scene.backend import LocalBackend
from densesharp_scene.errors import SceneError
from densesharp_scene.scan import ScanNodules
from densesharp_scene.segments import digest
from densesharp_scene.worker import Event, Task, Worker


@dataclass
class Job:
    """One request to the worker.

    Attributes:
        scan: where the answer goes, or which CT it is about; None for what is about none.
        nodule_id: which nodule; empty for loading the model and for other tasks.
        kind: what was asked.
        prior: of `match`: the earlier CT in which the nodule is looked for.
        mask_digest: of `outline`: the corrected outline that was sent.
        seed: of `seed`: the place that was sent.
        backend: what answers; the reader may choose another one meanwhile.
        shown: of `seed`: the first answer is in the scene already.
    """

    scan: ScanNodules | None
    nodule_id: str
    kind: Literal["model", "seed", "outline", "match", "task"]
    prior: ScanNodules | None = None
    mask_digest: str = ""
    seed: Seed | None = None
    backend: LocalBackend | None = None
    shown: bool = False

    @property
    def key(self) -> str:
        """One request at a time for each nodule; the scan itself, as ids of nodes can change."""
        return f"{id(self.scan)}/{self.nodule_id}" if self.scan is not None else "model"


@dataclass
class Status:
    """What the standing line of the panel says.

    Attributes:
        text: a sentence.
        fraction: progress of the running job, 0..1.
        failed: the text says why something could not be done.
    """

    text: str = ""
    fraction: float = 0.0
    failed: bool = False


@dataclass
class Outcome:
    """What one round of `Analyst.poll` changed.

    Attributes:
        changed: results were written.
        stored: (scan, nodule id, whether it is new) of nodules that were answered.
        found: (scan, nodule id, earlier scan, RAS mm) of nodules found in an earlier CT.
    """

    changed: bool = False
    stored: list[tuple[ScanNodules, str, bool]] = field(default_factory=list)
    found: list[tuple[ScanNodules, str, ScanNodules, Sequence[float]]] = field(default_factory=list)


class Analyst:
    """Owns the worker; every method is for the main thread.

    Args:
        backend: the model.
    """

    def __init__(self, backend: LocalBackend) -> None:
        self.backend = backend
        self.status = Status()
        self._worker = Worker()
        self._jobs: dict[int, Job] = {}

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._jobs)

    def is_running(self, scan: ScanNodules, nodule_id: str) -> bool:
        """Whether this nodule waits for an answer."""
        return any(job.scan is scan and job.nodule_id == nodule_id for job in self._jobs.values())

    def is_renewing(self, scan: ScanNodules, nodule_id: str) -> bool:
        """Whether an answer is to come that takes the place of what is shown of a nodule."""
        return any(
            job.scan is scan and job.nodule_id == nodule_id and not job.shown
            for job in self._jobs.values()
            if job.kind in ("seed", "outline")
        )

    def dragged(self, scan: ScanNodules) -> list[str]:
        """New nodules whose point was dragged after it was sent."""
        sent = {job.nodule_id: job.seed for job in self._jobs.values() if job.scan is scan}
        return [name for name, seed in sent.items() if seed and scan.was_dragged(name, seed)]

    # Requests

    def use(self, backend: LocalBackend) -> None:
        """Answer with another model or device from now on."""
        self.backend = backend

    def warm_up(self) -> None:
        """Load the model now, so that the first click need not wait for it."""
        backend = self.backend
        self._submit(Job(None, "", "model"), lambda task: backend.open(task.progress))

    def analyse_seed(self, scan: ScanNodules, nodule_id: str) -> None:
        """Analyse the nodule at its point (claimed or stored)."""
        backend, volume, seed = self.backend, scan.volume(), scan.seed_of(nodule_id)

        def work(task: Task) -> Any:
            return backend.analyse(volume, seed, nodule_id, task.progress, task.partial)

        self._submit(Job(scan, nodule_id, "seed", seed=seed), work)

    def analyse_outline(self, scan: ScanNodules, nodule_id: str) -> None:
        """Measure and classify the outline as it is in the scene now."""
        backend, volume = self.backend, scan.volume()
        mask, result = scan.mask_of(nodule_id), scan.nodule(nodule_id).result
        if mask is None:
            self.status = Status(_("The outline is empty: paint it or delete the nodule."), 0, True)
            return

        def work(task: Task) -> Any:
            return backend.update_mask(volume, result, mask, task.progress)

        self._submit(Job(scan, nodule_id, "outline", mask_digest=digest(mask)), work)

    def find_again(self, scan: ScanNodules, nodule_id: str, prior: ScanNodules) -> None:
        """Look for a nodule in an earlier CT of the same patient."""
        reason = scan.outdated(nodule_id)
        if reason is not None:  # its outline or its place is not that of the result
            raise SceneError(reason)
        volume, earlier = scan.volume(), prior.volume()
        result = scan.nodule(nodule_id).result
        looking = _("Looking for the nodule in the earlier CT")
        failed = _(
            "The place of the nodule was not found in the earlier CT: choose that CT under "
            "Inputs and mark the nodule there."
        )

        def work(task: Task) -> Any:
            from densesharp.nodule.followup import SIMILAR_ENOUGH
            from densesharp.nodule.followup.registration import find_again

            task.progress(0.1, looking)
            match = find_again(volume, result, earlier)
            if match.similarity < SIMILAR_ENOUGH:
                raise GeometryError(failed)
            return match

        self._submit(Job(scan, nodule_id, "match", prior), work)

    def do(self, work: Callable[[Task], str], scan: ScanNodules | None = None) -> None:
        """Have something done, such as files written; `work` returns the sentence to show then."""
        self._submit(Job(scan, "", "task"), work)

    def cancel(self) -> None:
        """Stop everything; what is shown already stays."""
        self._worker.cancel_all()

    def cancel_nodule(self, scan: ScanNodules, nodule_id: str) -> None:
        """Stop what runs for one nodule."""
        self._worker.cancel(Job(scan, nodule_id, "seed").key)

    def cancel_dead(self) -> None:
        """Stop what runs for a CT that has left the scene."""
        for job in self._jobs.values():
            if job.scan is not None and not job.scan.alive:
                self._worker.cancel(job.key)

    def close(self) -> None:
        """Stop the worker for good."""
        self._jobs.clear()
        self._worker.close()

    def _submit(self, job: Job, work: Callable[[Task], Any]) -> None:
        job.backend = self.backend
        self._jobs[self._worker.submit(work, job.key)] = job

    # Answers

    def poll(self) -> Outcome:
        """Write everything that has come to the scene; never waits."""
        outcome = Outcome()
        for event in self._worker.poll():
            job = self._jobs.get(event.job)
            if job is None:
                continue
            if event.kind not in ("progress", "partial"):
                del self._jobs[event.job]
            try:
                self._handle(job, event, outcome)
            except DenseSharpError as error:
                self.status = Status(str(error), 0.0, True)
                outcome.changed = True
        return outcome

    def _handle(self, job: Job, event: Event, outcome: Outcome) -> None:
        if event.kind == "progress":
            self.status = Status(event.text, event.fraction)
        elif event.kind == "done" and job.scan is not None and job.prior is not None:
            ras = ras_to_lps(event.value.point).tolist()
            outcome.found.append((job.scan, job.nodule_id, job.prior, ras))
        elif event.kind == "done" and job.kind == "task":
            self.status = Status(event.value)
            outcome.changed = True
        elif event.kind in ("partial", "done") and job.scan is not None:
            self._write(job, job.scan, event, outcome)
        elif event.kind == "done":
            self.status = Status()
            outcome.changed = True
        else:
            self._give_up(job, event)
            outcome.changed = True

    def _write(self, job: Job, scan: ScanNodules, event: Event, outcome: Outcome) -> None:
        backend = job.backend or self.backend
        scan.model = backend.model_hash
        new = all(nodule.id != job.nodule_id for nodule in scan.nodules)
        if job.kind == "outline":
            if digest(scan.mask_of(job.nodule_id)) != job.mask_digest:
                return  # corrected further in the meantime: the next answer will fit
            scan.store(event.value, edited=True)
        elif job.shown:
            scan.refine(event.value)
        else:
            scan.store(event.value)
        if event.kind == "done":
            self.status = Status(_done_text(backend))
        outcome.changed = True
        if not job.shown:
            outcome.stored.append((scan, job.nodule_id, new))
        job.shown = True

    def _give_up(self, job: Job, event: Event) -> None:
        """Failed or cancelled: leave the scene as it was before the request."""
        cancelled = event.kind == "cancelled"
        if job.scan is not None and self.is_running(job.scan, job.nodule_id):
            return  # a newer request for the same nodule took over
        self.status = Status(_("Cancelled.") if cancelled else event.text, 0.0, not cancelled)
        if job.scan is None or job.shown or not job.scan.alive:
            return
        if job.kind == "seed":
            _take_back(job.scan, job.nodule_id)


def _done_text(backend: LocalBackend) -> str:
    if backend.fallback:
        return str(_("Done. {reason}").format(reason=backend.fallback))
    return str(_("Done."))


def _take_back(scan: ScanNodules, nodule_id: str) -> None:
    """Remove the point of a new nodule; put that of a known one back to where its result is."""
    if any(nodule.id == nodule_id for nodule in scan.nodules):
        scan.put_seed_back(nodule_id)
    else:
        scan.drop(nodule_id)
