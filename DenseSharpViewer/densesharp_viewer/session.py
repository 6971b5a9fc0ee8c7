"""One reader's session: the open CT, its nodules, the worker, and what the page shows of them.

Knows MRML, the worker and plain values; knows no web page. `publish` gets a dictionary of changed
values after every step. All methods run on the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.errors import DenseSharpError, ImageError
from densesharp.reading import SeriesChoice, SeriesChoiceError, read_volume
from densesharp.records import NoduleResult, Volume
from DenseSharpSlicerLib.scene import Decision, Nodule, ScanNodules, segments
from DenseSharpSlicerLib.scene.geometry import contains
from DenseSharpSlicerLib.worker import Event, Task

from . import brush, documents
from .card import card_of, row_of, series_of
from .compute import Compute
from .exports import Exports
from .jobs import Jobs

NO_MESSAGE = {"text": "", "kind": "info"}

Publish = Callable[[dict[str, Any]], None]


class Session:
    """What a reader does with one CT at a time.

    Args:
        slicer_app: trame-slicer's application object: scene, views, logics.
        backend: what computes, such as `DenseSharpSlicerLib.backend.LocalBackend`.
        publish: told what the page must show.
        results: folder for saved files; a further CT gets a folder of its own beside it.
        wake: called on the worker's thread when `jobs.poll` has something to do.

    Attributes:
        scan: the open CT's nodules.
        results: folder for the files of the open CT.
        files: the DICOM files it was read from; empty for other formats and saved scenes.
        scene_files: the DICOM folder that a saved scene's CT was read from, where it is told.
        jobs: the work in the background.
        exports: writes files, report and DICOM objects.
        compute: changes what computes.
    """

    def __init__(
        self,
        slicer_app: Any,
        backend: Any,
        publish: Publish,
        results: Path,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.slicer_app, self.backend = slicer_app, backend
        self._base = self.results = results
        self.publish = publish
        self.scan: ScanNodules | None = None
        self.selected: str | None = None
        self.tool, self.brush_radius_mm, self.brush_3d = "seed", 3.0, False
        self.evidence = False
        self.reader = ""
        self.jobs = Jobs(publish, self.say, self.refresh, wake)
        self.files: Path | tuple[Path, ...] = ()
        self.scene_files: Path | None = None
        self._choosing: tuple[Path, tuple[str, ...]] | None = None
        self.exports, self.compute = Exports(self), Compute(self)
        self.on_opened: Callable[[ScanNodules], None] = lambda _scan: None
        self.on_looked_at: Callable[[Nodule], None] = lambda _nodule: None

    # Opening

    def start(self) -> None:
        """Load the model in the background."""
        backend = self.backend
        self.jobs.submit(lambda task: backend.open(task.progress), self.started)

    def open_file(self, path: Path, series: str | None = None) -> None:
        """Read a CT file, a DICOM folder or a saved scene; asks which of several series to read."""
        self._choose_among(None, ())
        if documents.is_scene(path):
            self._show(lambda: documents.open_scene(self.slicer_app, path))
            self.files, self.results = self.scene_files or (), self._base
            return
        self.say("Reading the CT …", "info")
        self.jobs.submit(
            lambda task: _read(path, series, task),
            lambda event: self._volume_read(path, event),
            key="open",
        )

    def choose_series(self, key: str) -> None:
        """Open one of the series that were offered."""
        if self._choosing is not None and key in self._choosing[1]:
            self.open_file(self._choosing[0], key)

    def choose_no_series(self) -> None:
        """Leave the choice; what was open stays open."""
        self._choose_among(None, ())

    def open_volume(self, volume: Volume) -> None:
        """Show a CT that is read already."""
        self._show(lambda: documents.show_volume(self.slicer_app, volume))
        self.results = documents.free_folder(self._base)
        self.files = tuple(Path(path) for path in volume.series.get("paths", ()))

    def close(self) -> None:
        """End the worker."""
        self.jobs.close()

    # Seeds and results

    def click(self, ras: np.ndarray) -> None:
        """A seed at a world point (RAS mm); a click into a known nodule selects it."""
        if self.scan is None:
            return
        if not contains(self.scan.volume_node, ras):
            self.say("That point lies outside the CT: click inside the lung.", "caution")
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
        scan = self.open_scan()
        try:
            volume, seed = scan.volume(), scan.seed_of(nodule_id)
        except DenseSharpError as error:
            scan.drop(nodule_id)
            self.say(str(error), "caution")
            return
        self.publish({"message": NO_MESSAGE})  # what an earlier click was told is over
        self.jobs.submit(
            lambda task: self.backend.analyse(volume, seed, nodule_id, task.progress, task.partial),
            lambda event: self._answered(scan, event),
            key=nodule_id,
        )
        self.refresh()

    def correct(self, nodule_id: str) -> None:
        """Measure and classify a nodule again after its outline was corrected."""
        scan = self.open_scan()
        mask = scan.mask_of(nodule_id)
        if mask is None:
            self.say("The outline is empty: undo, or delete the nodule.", "caution")
            self.refresh()
            return
        volume, result = scan.volume(), scan.nodule(nodule_id).result
        self.jobs.submit(
            lambda task: self.backend.update_mask(volume, result, mask, task.progress),
            lambda event: self._corrected(scan, event),
            key=nodule_id,
        )
        self.refresh()

    def cancel(self) -> None:
        """Stop everything that is computed."""
        self.jobs.cancel_all()

    # What a reader does with a nodule

    def select(self, nodule_id: str | None, jump: bool = False) -> None:
        """Show a nodule's card and bring the slices to it; `jump` also centres the views."""
        self.selected = nodule_id
        if nodule_id is not None:
            self.open_scan().jump(nodule_id, centered=jump)
            self.on_looked_at(self.open_scan().nodule(nodule_id))
        self._follow_evidence()
        self.refresh()

    def step(self, by: int) -> None:
        """Select the next or the previous nodule and jump there."""
        ids = [nodule.id for nodule in self.open_scan().nodules]
        if ids:
            place = ids.index(self.selected) if self.selected in ids else -by
            self.select(ids[(place + by) % len(ids)], jump=True)

    def rename(self, nodule_id: str, name: str) -> None:
        """Give a nodule another name."""
        self.open_scan().rename(nodule_id, name)
        self.refresh()

    def decide(self, nodule_id: str, decision: Decision, reader: str) -> None:
        """Accept, reject or open again; the same decision twice opens it again."""
        scan = self.open_scan()
        same = scan.nodule(nodule_id).review.decision == decision
        scan.decide(nodule_id, "open" if same else decision, reader)
        self.refresh()

    def delete(self, nodule_id: str) -> None:
        """Remove a nodule; can be undone."""
        self.jobs.cancel(nodule_id)
        self.open_scan().delete(nodule_id)
        if self.selected == nodule_id:
            self.selected = None
        self._follow_evidence()
        self.refresh()
        self.say("Nodule deleted: Ctrl + Z brings it back.", "info")

    def undo(self, nodule_id: str | None = None) -> None:
        """Undo the last step of a nodule, or of any."""
        scan = self.open_scan()
        if nodule_id is None:
            edited = self.selected and scan.is_edited(self.selected)
            nodule_id = self.selected if edited else None
        if nodule_id is not None:
            self.jobs.cancel(nodule_id)
            done = scan.undo(nodule_id)
        else:
            nodule_id = scan.undo_last()
            done = nodule_id is not None
        if not done:
            self.say("Nothing to undo.", "info")
        ids = {nodule.id for nodule in scan.nodules}
        self.selected = nodule_id if nodule_id in ids else None
        self._follow_evidence()
        self.refresh()

    def show_evidence(self, shown: bool) -> None:
        """Turn the evidence map of the selected nodule on or off."""
        self.evidence = shown
        if shown and self.selected is None:
            self.say("Choose a nodule to see its evidence map.", "info")
        self._follow_evidence()
        self.publish({"evidence": self.evidence})

    # Painting

    def stroke(self, start: np.ndarray, end: np.ndarray, normal: np.ndarray) -> None:
        """A piece of a brush stroke on the selected nodule, RAS mm."""
        scan = self.scan
        if scan is None or self.selected is None:
            self.say("Choose a nodule to paint on.", "info")
            return
        nodule = scan.nodule(self.selected)
        if self.tool == "erase" and not nodule.segment_id:
            self.say("This nodule has no outline yet: paint one.", "info")
            return
        # A nodule that the model did not find can be outlined by hand.
        segment_id = scan.outline(nodule.id)
        self.jobs.cancel(nodule.id)
        flip = np.array([-1.0, -1.0, 1.0])
        mask = brush.paint(
            scan.mask_of(nodule.id), scan.volume().grid, start * flip, end * flip,
            self.brush_radius_mm, None if self.brush_3d else normal * flip, self.tool == "erase",
        )  # fmt: skip
        segments.write_mask(scan.segmentation_node, segment_id, scan.volume_node, mask)

    def stroke_ended(self) -> None:
        """The brush was lifted: measure and classify again."""
        if self.scan is not None and self.selected and self.scan.is_edited(self.selected):
            self.correct(self.selected)

    # What the page shows

    def refresh(self) -> None:
        """Publish the list of nodules and the card of the selected one."""
        scan = self.scan
        if scan is None or not scan.alive:
            self.publish({"nodules": [], "card": None, "selected": ""})
            return
        rows = []
        for nodule in scan.nodules:
            busy = nodule.id in self.jobs.keys
            state = "busy" if busy else ("outdated" if scan.outdated(nodule.id) else "")
            rows.append(row_of(nodule, _color(nodule.number), state))
        card = None
        if self.selected is not None:
            nodule = scan.nodule(self.selected)
            outdated = None if nodule.id in self.jobs.keys else scan.outdated(nodule.id)
            card = card_of(nodule, outdated)
        self.publish({"nodules": rows, "card": card, "selected": self.selected or ""})

    # Inside

    def started(self, event: Event) -> None:
        """The backend is open, or could not be opened."""
        if event.kind == "done":
            fallback = self.backend.fallback
            self.publish({"device": self.backend.device, "model": self.backend.model})
            if self.scan is not None:
                self.scan.model = self.backend.model_hash
            if fallback:
                self.say(fallback, "caution")

    def _volume_read(self, path: Path, event: Event) -> None:
        if event.kind != "done":
            return
        if isinstance(event.value, SeriesChoiceError):
            self.say("", "info")
            self._choose_among(path, event.value.choices)
        else:
            self.open_volume(event.value)

    def _choose_among(self, path: Path | None, choices: Sequence[SeriesChoice]) -> None:
        keys = tuple(choice.key for choice in choices)
        self._choosing = (path, keys) if path is not None else None
        self.publish({"series": [series_of(choice) for choice in choices]})

    def _show(self, make: Callable[[], ScanNodules]) -> None:
        """Replace the open CT; what still runs for the old one is cancelled."""
        self.cancel()
        self.scan, self.selected, self.evidence = None, None, False
        self.files = ()
        self.exports.forget()
        try:
            scan = make()
            grid = scan.volume().grid
        except DenseSharpError as error:
            self.publish({"opened": "", "busy": False})
            self.say(str(error), "error")
            self.refresh()
            return
        self.scan = scan
        scan.model = self.backend.model_hash
        sizes = " × ".join(str(n) for n in grid.size)
        edges = " × ".join(f"{edge:.2f}" for edge in grid.spacing)
        notices = [notice.message for notice in scan.volume().notices]
        opened = f"CT {sizes}, {edges} mm"
        self.publish({"opened": opened, "notices": notices, "evidence": False})
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

    def _follow_evidence(self) -> None:
        scan = self.scan
        if scan is None:
            return
        shown = self.evidence and self.selected is not None
        if not scan.show_evidence(self.selected if shown else None):
            scan.show_evidence(None)
            self.say("No evidence map belongs to this nodule: compute it again for one.", "info")

    def _nodule_at(self, ras: np.ndarray) -> str | None:
        """The nodule whose outline holds a point."""
        scan = self.open_scan()
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

    def open_scan(self) -> ScanNodules:
        """The open CT's nodules.

        Raises:
            ImageError: no CT is open.
        """
        if self.scan is None:
            message = "No CT is open: open one first."
            raise ImageError(message)
        return self.scan

    def say(self, text: str, kind: str) -> None:
        """Tell the reader something: kind is info, caution or error."""
        self.publish({"message": {"text": text, "kind": kind}})


def _read(path: Path, series: str | None, task: Task) -> Volume | SeriesChoiceError:
    """The CT, or the list of series to choose from."""
    try:
        return read_volume(path, series, task.progress)
    except SeriesChoiceError as choice:
        return choice


def _color(number: int) -> str:
    """The segment's colour as the page writes it."""
    red, green, blue = segments.COLORS[(number - 1) % len(segments.COLORS)]
    return f"rgb({255 * red:.0f}, {255 * green:.0f}, {255 * blue:.0f})"
