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
from densesharp.image.volume import Volume
from densesharp.io import SeriesChoice, SeriesChoiceError, read_volume
from densesharp_scene import Decision, Nodule, ScanNodules, segments
from densesharp_scene.geometry import contains
from densesharp_scene.worker import Event, Task

from . import brush, documents
from .answers import Answers
from .backend_choice import Compute
from .card import card_of, row_of, series_of
from .exports import Exports
from .jobs import Jobs
from .unsaved import Unsaved

Publish = Callable[[dict[str, Any]], None]


class Session:
    """What a reader does with one CT at a time.

    Args:
        slicer_app: trame-slicer's application object: scene, views, logics.
        backend: what computes, such as `densesharp_scene.backend.LocalBackend`.
        publish: told what the page must show.
        results: folder for saved files; a further CT gets a folder of its own beside it.
        wake: called on the worker's thread when `jobs.poll` has something to do.

    Attributes:
        scan: the open CT's nodules.
        results: folder for the files of the open CT.
        files: the DICOM files it was read from; empty for other formats and saved scenes.
        scene_files: the DICOM folder that a saved scene's CT was read from, where it is told.
        jobs: the work in the background.
        answers: asks the model and writes its answers.
        drawing: the nodule that a brush stroke is drawn on; None between strokes.
        unsaved: asks before work is lost.
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
        self.answers, self.unsaved = Answers(self), Unsaved(self)
        self.drawing: str | None = None
        self.on_opened: Callable[[ScanNodules], None] = lambda _scan: None
        self.on_replaced: Callable[[Path], None] = lambda _path: None
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
            self.unsaved.ask(lambda: self._open_scene(path))
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

    def open_volume(self, volume: Volume, path: Path | None = None) -> None:
        """Show a CT that was read (from `path`); asks first where unsaved work would be lost."""
        self.unsaved.ask(lambda: self._open_volume(volume, path))

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
        self._ask_about(self.scan.place(ras))

    def check_seeds(self) -> None:
        """Analyse what was placed or dragged."""
        if self.scan is None:
            return
        for nodule_id in self.scan.moved_seeds():
            self.analyse(nodule_id)
        for seed_id in self.scan.new_seeds():
            self._ask_about(seed_id)

    def analyse(self, nodule_id: str) -> None:
        """Ask the model about a claimed or stored nodule."""
        self.answers.analyse(nodule_id)

    def cancel(self) -> None:
        """Stop everything that is computed."""
        self.jobs.cancel_all()

    # What a reader does with a nodule

    def select(self, nodule_id: str | None, jump: bool = False) -> None:
        """Show a nodule's card and bring the slices to it; `jump` also centres the views."""
        if self.drawing not in (None, nodule_id):
            self.stroke_ended()
        self.stay()
        self.selected = nodule_id
        if nodule_id is not None:
            self.open_scan().jump(nodule_id, centered=jump)
            self.on_looked_at(self.open_scan().nodule(nodule_id))
        self.follow_evidence()
        self.refresh()

    def stay(self) -> None:
        """The reader works on the nodule that is shown: no coming answer takes its place."""
        self.answers.expected = None

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
        """Accept, reject or open again; the same decision twice opens it again.

        One that was decided on before its answer was complete is then answered again.
        Refused while a new answer is on its way: the decision would not outlive the old one.
        """
        scan = self.open_scan()
        if self.drawing == nodule_id or self.answers.pending(nodule_id):
            self.say("A new answer is being computed: decide when it is there.", "caution")
            return
        nodule = scan.nodule(nodule_id)
        same = nodule.review.decision == decision
        scan.decide(nodule_id, "open" if same else decision, reader)
        if same and nodule.decided_early:
            self.analyse(nodule_id)
        self.refresh()

    def delete(self, nodule_id: str) -> None:
        """Remove a nodule; can be undone."""
        self.jobs.cancel(nodule_id)
        self.open_scan().delete(nodule_id)
        if self.selected == nodule_id:
            self.selected = None
        if self.drawing == nodule_id:
            self.drawing = None
        self.follow_evidence()
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
            if nodule_id is not None:
                self.jobs.cancel(nodule_id)
        if not done:
            self.say("Nothing to undo.", "info")
        ids = {nodule.id for nodule in scan.nodules}
        self.selected = nodule_id if nodule_id in ids else None
        self.follow_evidence()
        self.refresh()

    def show_evidence(self, shown: bool) -> None:
        """Turn the evidence map of the selected nodule on or off."""
        self.evidence = shown
        if shown and self.selected is None:
            self.say("Choose a nodule to see its evidence map.", "info")
        self.follow_evidence()
        self.publish({"evidence": self.evidence})

    def follow_evidence(self) -> None:
        """Show the evidence map of the selected nodule, or none when it is off."""
        scan = self.scan
        if scan is None:
            return
        shown = self.evidence and self.selected is not None
        if not scan.show_evidence(self.selected if shown else None):
            scan.show_evidence(None)
            self.say("No evidence map belongs to this nodule: compute it again for one.", "info")

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
        self.drawing = nodule.id
        self.stay()
        self.jobs.cancel(nodule.id)
        flip = np.array([-1.0, -1.0, 1.0])
        mask = brush.paint(
            scan.mask_of(nodule.id), scan.volume().grid, start * flip, end * flip,
            self.brush_radius_mm, None if self.brush_3d else normal * flip, self.tool == "erase",
        )  # fmt: skip
        segments.write_mask(scan.segmentation_node, segment_id, scan.volume_node, mask)

    def stroke_ended(self) -> None:
        """The brush was lifted: measure and classify again."""
        drawn, self.drawing = self.drawing, None
        if self.scan is not None and drawn is not None and self.scan.is_edited(drawn):
            self.answers.correct(drawn)

    # What the page shows

    def refresh(self) -> None:
        """Publish the list of nodules and the card of the selected one."""
        scan = self.scan
        if scan is None or not scan.alive:
            self.publish({"nodules": [], "card": None, "selected": "", "unsaved": False})
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
        self.publish(
            {
                "nodules": rows, "card": card, "selected": self.selected or "",
                "unsaved": self.unsaved.any,
            }
        )  # fmt: skip

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
            self.open_volume(event.value, path)

    def _choose_among(self, path: Path | None, choices: Sequence[SeriesChoice]) -> None:
        keys = tuple(choice.key for choice in choices)
        self._choosing = (path, keys) if path is not None else None
        self.publish({"series": [series_of(choice) for choice in choices]})

    def _open_scene(self, path: Path) -> None:
        self._show(lambda: documents.open_scene(self.slicer_app, path))
        self.files, self.results = self.scene_files or (), self._base

    def _open_volume(self, volume: Volume, path: Path | None) -> None:
        self._show(lambda: documents.show_volume(self.slicer_app, volume))
        self.results = documents.free_folder(self._base)
        self.files = tuple(Path(file) for file in volume.series.get("paths", ()))
        if path is not None:
            self.on_replaced(path)

    def _show(self, make: Callable[[], ScanNodules]) -> None:
        """Replace the open CT; what still runs for the old one is cancelled."""
        self.cancel()
        self.scan, self.selected, self.evidence = None, None, False
        self.drawing = None
        self.unsaved.saved("")
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
        notices = [each.message for each in scan.volume().notices if each.severity != "info"]
        opened = f"CT {sizes}, {edges} mm"
        self.publish({"opened": opened, "notices": notices, "evidence": False})
        self.unsaved.saved(self.unsaved.state())
        self.on_opened(scan)
        if scan.nodules:
            self.select(scan.nodules[0].id, jump=True)
        self.refresh()

    def _ask_about(self, seed_id: str) -> None:
        """A point of a click: its answer will be selected."""
        self.answers.expected = self.open_scan().claim(seed_id)
        self.analyse(self.answers.expected)

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
