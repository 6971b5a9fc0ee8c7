"""One reader's session: the open CT, its nodules, the worker, and what the page shows of them.

Knows MRML, the worker and plain values; knows no web page. `publish` gets a dictionary of changed
values after every step. All methods run on the main thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.errors import DenseSharpError, ImageError
from densesharp.records import NoduleResult, Volume
from DenseSharpSlicerLib.scene import Decision, Nodule, ScanNodules, segments
from DenseSharpSlicerLib.scene.geometry import contains
from DenseSharpSlicerLib.worker import Event, Task, Worker

from . import brush, documents
from .card import card_of, row_of

NO_MESSAGE = {"text": "", "kind": "info"}

Publish = Callable[[dict[str, Any]], None]


class Session:
    """What a reader does with one CT at a time.

    Args:
        slicer_app: trame-slicer's application object: scene, views, logics.
        backend: what computes, such as `DenseSharpSlicerLib.backend.LocalBackend`.
        publish: told what the page must show.
        results: folder for saved files.
        wake: called on the worker's thread when `poll` has something to do.
    """

    def __init__(
        self,
        slicer_app: Any,
        backend: Any,
        publish: Publish,
        results: Path,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.slicer_app, self.backend, self.results = slicer_app, backend, results
        self.scan: ScanNodules | None = None
        self.selected: str | None = None
        self.tool, self.brush_radius_mm, self.brush_3d = "seed", 3.0, False
        self.evidence = False
        self._publish = publish
        self._worker = Worker(wake)
        self._jobs: dict[int, _Job] = {}
        self.on_opened: Callable[[ScanNodules], None] = lambda _scan: None
        self.on_looked_at: Callable[[Nodule], None] = lambda _nodule: None

    # Opening

    def start(self) -> None:
        """Load the model in the background."""
        self._submit(lambda task: self.backend.open(task.progress), self._started)

    def open_file(self, path: Path) -> None:
        """Read a CT file, a DICOM folder or a saved scene."""
        if documents.is_scene(path):
            self._show(lambda: documents.open_scene(self.slicer_app, path))
            return
        self._say("Reading the CT …", "info")
        self._submit(lambda task: _read(path, task), self._volume_read, key="open")

    def open_volume(self, volume: Volume) -> None:
        """Show a CT that is read already."""
        self._show(lambda: documents.show_volume(self.slicer_app, volume))

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    # Seeds and results

    def click(self, ras: np.ndarray) -> None:
        """A seed at a world point (RAS mm); a click into a known nodule selects it."""
        if self.scan is None:
            return
        if not contains(self.scan.volume_node, ras):
            self._say("That point lies outside the CT: click inside the lung.", "caution")
            return
        known = self._nodule_at(ras)
        if known is not None:
            self.select(known)
            return
        self.analyse(self.scan.claim(self.scan.place(ras)))

    def check_seeds(self) -> None:
        """Analyse what was placed or dragged."""
        if self.scan is None:
            return
        for nodule_id in self.scan.moved_seeds():
            self.analyse(nodule_id)
        for seed_id in self.scan.new_seeds():
            self.analyse(self.scan.claim(seed_id))

    def analyse(self, nodule_id: str) -> None:
        """Ask the model about a claimed or stored nodule."""
        scan = self._open_scan()
        try:
            volume, seed = scan.volume(), scan.seed_of(nodule_id)
        except DenseSharpError as error:
            scan.drop(nodule_id)
            self._say(str(error), "caution")
            return
        self._submit(
            lambda task: self.backend.analyse(volume, seed, nodule_id, task.progress, task.partial),
            lambda event: self._answered(scan, event),
            key=nodule_id,
        )
        self.refresh()

    def correct(self, nodule_id: str) -> None:
        """Measure and classify a nodule again after its outline was corrected."""
        scan = self._open_scan()
        mask = scan.mask_of(nodule_id)
        if mask is None:
            self._say("The outline is empty: undo, or delete the nodule.", "caution")
            self.refresh()
            return
        volume, result = scan.volume(), scan.nodule(nodule_id).result
        self._submit(
            lambda task: self.backend.update_mask(volume, result, mask, task.progress),
            lambda event: self._corrected(scan, event),
            key=nodule_id,
        )
        self.refresh()

    def cancel(self) -> None:
        """Stop everything that is computed; loading the model goes on."""
        for key in self._busy_with - {""}:
            self._worker.cancel(key)

    def poll(self) -> None:
        """Take over what the worker has done."""
        for event in self._worker.poll():
            self._take(event)
        if not self._worker.busy:
            self._publish({"busy": False, "progress": 0, "progress_text": ""})

    # What a reader does with a nodule

    def select(self, nodule_id: str | None, jump: bool = False) -> None:
        """Show a nodule's card and bring the slices to it; `jump` also centres the views."""
        self.selected = nodule_id
        if nodule_id is not None:
            self._open_scan().jump(nodule_id, centered=jump)
            self.on_looked_at(self._open_scan().nodule(nodule_id))
        self._follow_evidence()
        self.refresh()

    def step(self, by: int) -> None:
        """Select the next or the previous nodule and jump there."""
        ids = [nodule.id for nodule in self._open_scan().nodules]
        if ids:
            place = ids.index(self.selected) if self.selected in ids else -by
            self.select(ids[(place + by) % len(ids)], jump=True)

    def rename(self, nodule_id: str, name: str) -> None:
        """Give a nodule another name."""
        self._open_scan().rename(nodule_id, name)
        self.refresh()

    def decide(self, nodule_id: str, decision: Decision, reader: str) -> None:
        """Accept, reject or open again; the same decision twice opens it again."""
        scan = self._open_scan()
        same = scan.nodule(nodule_id).review.decision == decision
        scan.decide(nodule_id, "open" if same else decision, reader)
        self.refresh()

    def delete(self, nodule_id: str) -> None:
        """Remove a nodule; can be undone."""
        self._worker.cancel(nodule_id)
        self._open_scan().delete(nodule_id)
        if self.selected == nodule_id:
            self.selected = None
        self._follow_evidence()
        self.refresh()
        self._say("Nodule deleted: Ctrl + Z brings it back.", "info")

    def undo(self, nodule_id: str | None = None) -> None:
        """Undo the last step of a nodule, or of any."""
        scan = self._open_scan()
        if nodule_id is None:
            edited = self.selected and scan.is_edited(self.selected)
            nodule_id = self.selected if edited else None
        if nodule_id is not None:
            self._worker.cancel(nodule_id)
            done = scan.undo(nodule_id)
        else:
            nodule_id = scan.undo_last()
            done = nodule_id is not None
        if not done:
            self._say("Nothing to undo.", "info")
        ids = {nodule.id for nodule in scan.nodules}
        self.selected = nodule_id if nodule_id in ids else None
        self._follow_evidence()
        self.refresh()

    def show_evidence(self, shown: bool) -> None:
        """Turn the evidence map of the selected nodule on or off."""
        self.evidence = shown
        if shown and self.selected is None:
            self._say("Choose a nodule to see its evidence map.", "info")
        self._follow_evidence()
        self._publish({"evidence": self.evidence})

    # Painting

    def stroke(self, start: np.ndarray, end: np.ndarray, normal: np.ndarray) -> None:
        """A piece of a brush stroke on the selected nodule, RAS mm."""
        scan = self.scan
        if scan is None or self.selected is None:
            self._say("Choose a nodule to paint on.", "info")
            return
        nodule = scan.nodule(self.selected)
        if not nodule.segment_id:
            self._say("This nodule has no outline to paint on.", "info")
            return
        self._worker.cancel(nodule.id)
        flip = np.array([-1.0, -1.0, 1.0])
        mask = brush.paint(
            scan.mask_of(nodule.id), scan.volume().grid, start * flip, end * flip,
            self.brush_radius_mm, None if self.brush_3d else normal * flip, self.tool == "erase",
        )  # fmt: skip
        segments.write_mask(scan.segmentation_node, nodule.segment_id, scan.volume_node, mask)

    def stroke_ended(self) -> None:
        """The brush was lifted: measure and classify again."""
        if self.scan is not None and self.selected and self.scan.is_edited(self.selected):
            self.correct(self.selected)

    # Saving

    def save(self) -> None:
        """Write masks, meshes, tables, report and the scene into the results folder."""
        scan = self._open_scan()
        volume = scan.volume()
        outcomes = [nodule.result for nodule in scan.nodules]
        if not outcomes:
            self._say("There is nothing to save yet: click a nodule first.", "info")
            return
        self._submit(
            lambda task: self.backend.write(outcomes, volume, self.results, task.progress),
            lambda event: self._written(scan, event),
            key="save",
        )

    # What the page shows

    def refresh(self) -> None:
        """Publish the list of nodules and the card of the selected one."""
        scan = self.scan
        if scan is None or not scan.alive:
            self._publish({"nodules": [], "card": None, "selected": ""})
            return
        rows = []
        for nodule in scan.nodules:
            busy = nodule.id in self._busy_with
            state = "busy" if busy else ("outdated" if scan.outdated(nodule.id) else "")
            rows.append(row_of(nodule, _color(nodule.number), state))
        card = None
        if self.selected is not None:
            nodule = scan.nodule(self.selected)
            outdated = None if nodule.id in self._busy_with else scan.outdated(nodule.id)
            card = card_of(nodule, outdated)
        self._publish({"nodules": rows, "card": card, "selected": self.selected or ""})

    # Inside

    def _submit(
        self, function: Callable[[Task], Any], finish: Callable[[Event], None], key: str = ""
    ) -> None:
        job = self._worker.submit(function, key)
        self._jobs[job] = _Job(key, finish)
        self._publish({"busy": True, "progress_text": "Waiting"})

    @property
    def _busy_with(self) -> set[str]:
        return {job.key for job in self._jobs.values()}

    def _take(self, event: Event) -> None:
        if event.kind == "progress":
            self._publish({"progress": round(100 * event.fraction), "progress_text": event.text})
            return
        job = self._jobs[event.job]
        if event.kind != "partial":
            del self._jobs[event.job]
        if event.kind == "failed":
            self._say(event.text, "caution" if event.expected else "error")
        try:
            job.finish(event)
        except DenseSharpError as error:
            self._say(str(error), "caution")
        self.refresh()

    def _started(self, event: Event) -> None:
        if event.kind == "done":
            fallback = self.backend.fallback
            self._publish({"device": self.backend.device, "model": self.backend.model})
            if fallback:
                self._say(fallback, "caution")

    def _volume_read(self, event: Event) -> None:
        if event.kind == "done":
            self.open_volume(event.value)

    def _show(self, make: Callable[[], ScanNodules]) -> None:
        """Replace the open CT; what still runs for the old one is cancelled."""
        self.cancel()
        self.scan, self.selected, self.evidence = None, None, False
        try:
            scan = make()
            grid = scan.volume().grid
        except DenseSharpError as error:
            self._publish({"opened": "", "busy": False})
            self._say(str(error), "error")
            self.refresh()
            return
        self.scan = scan
        sizes = " × ".join(str(n) for n in grid.size)
        edges = " × ".join(f"{edge:.2f}" for edge in grid.spacing)
        notices = [notice.message for notice in scan.volume().notices]
        self._publish({"opened": f"CT {sizes}, {edges} mm", "notices": notices, "evidence": False})
        self.on_opened(scan)
        if scan.nodules:
            self.select(scan.nodules[0].id, jump=True)
        self.refresh()

    def _answered(self, scan: ScanNodules, event: Event) -> None:
        if event.kind == "partial":
            result: NoduleResult = event.value
            scan.store(result)
            self.select(result.id)
        elif event.kind == "done":
            self._finish(scan, event)
        else:
            scan.drop(event.key)

    def _finish(self, scan: ScanNodules, event: Event) -> None:
        result: NoduleResult = event.value
        known = {nodule.id for nodule in scan.nodules}
        if result.id in known and scan.nodule(result.id).result.seed.lps.tolist() == list(
            result.seed.lps
        ):
            scan.refine(result)
        else:
            scan.store(result)
            self.select(result.id)
        self._follow_evidence()

    def _corrected(self, scan: ScanNodules, event: Event) -> None:
        if event.kind == "done":
            scan.store(event.value, edited=True)
            self._follow_evidence()

    def _written(self, scan: ScanNodules, event: Event) -> None:
        if event.kind == "done":
            documents.save_scene(self.slicer_app, scan, self.results / "scene.mrb")
            self._say(f"Saved {event.value + 1} files in the results folder.", "info")

    def _follow_evidence(self) -> None:
        scan = self.scan
        if scan is None:
            return
        shown = self.evidence and self.selected is not None
        if not scan.show_evidence(self.selected if shown else None):
            scan.show_evidence(None)
            self._say("The evidence map is not kept in files: move the seed to compute it.", "info")

    def _nodule_at(self, ras: np.ndarray) -> str | None:
        """The nodule whose outline holds a point."""
        scan = self._open_scan()
        grid = scan.volume().grid
        index = np.round(grid.to_index(ras * (-1.0, -1.0, 1.0))).astype(int)
        for nodule in scan.nodules:
            mask = scan.mask_of(nodule.id)
            if mask is None:
                continue
            inside = index - mask.start
            within = (inside >= 0).all() and (inside < mask.array.shape[::-1]).all()
            if within and mask.array[tuple(inside[::-1])]:
                return nodule.id
        return None

    def _open_scan(self) -> ScanNodules:
        if self.scan is None:
            message = "No CT is open: open one first."
            raise ImageError(message)
        return self.scan

    def _say(self, text: str, kind: str) -> None:
        self._publish({"message": {"text": text, "kind": kind}})


@dataclass
class _Job:
    """A running job: what it is about and who takes its end."""

    key: str
    finish: Callable[[Event], None]


def _read(path: Path, task: Task) -> Volume:
    from densesharp.reading import read_volume

    return read_volume(path, progress=task.progress)


def _color(number: int) -> str:
    """The segment's colour as the page writes it."""
    red, green, blue = segments.COLORS[(number - 1) % len(segments.COLORS)]
    return f"rgb({255 * red:.0f}, {255 * green:.0f}, {255 * blue:.0f})"
