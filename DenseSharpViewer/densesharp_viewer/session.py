"""One reader's session on the page: the open CT, its files, and what the page shows of them.

What is done with nodules is `densesharp_scene.session.NoduleSession`, which this adds files to.
Knows no web page: `publish` gets a dictionary of changed values after every step. All methods run
on the main thread.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from densesharp.errors import DenseSharpError
from densesharp.image.volume import Volume
from densesharp.io import SeriesChoice, SeriesChoiceError, read_volume
from densesharp_scene import Nodule, ScanNodules, evidence, measured_axes, patient, rulers, segments
from densesharp_scene import views as scene_views
from densesharp_scene.backend import LocalBackend
from densesharp_scene.events import Kind
from densesharp_scene.session import NoduleSession
from densesharp_scene.worker import JobEvent, JobHandle

from . import documents, patient_form
from .backend_choice import Compute
from .card import card_of, row_of, series_of
from .ct_files import CtFiles, read_source, source_of
from .exam import NO_EXAM, Exam, exam_of, scene_exam
from .exports import Exports
from .in_sight import InSight
from .open_files import OpenFiles
from .page_listener import NO_MESSAGE, PageListener, Publish
from .unsaved import Unsaved


class Session(NoduleSession):
    """What a reader does with one CT at a time.

    Args:
        slicer_app: trame-slicer's application object: scene, views, logics.
        backend: what computes, such as `densesharp_scene.backend.LocalBackend`.
        publish: told what the page must show.
        results: folder for saved files; each CT gets a folder of its own in it.
        wake: called on the worker's thread when `poll` has something to do.

    Attributes:
        files: where the open CT came from, and where its results go.
        tool: what the mouse does: `seed`, `move`, `paint` or `erase`.
        in_sight: what the page has told that it shows.
        unsaved: asks before work is lost.
        exports: writes files, report and DICOM objects.
        compute: changes what computes.
        exam: whose CT is open.
        followers: told whenever the page is drawn anew.
    """

    def __init__(
        self,
        slicer_app: Any,
        backend: LocalBackend,
        publish: Publish,
        results: Path,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.page = PageListener(publish)
        super().__init__(backend, self.page, wake)
        self.page.on_changed = self.refresh
        self.slicer_app, self.publish = slicer_app, publish
        self.files = OpenFiles(results, results)
        self.tool, self.evidence, self.axes = "seed", False, True
        self.exam, self.evidence_opacity = NO_EXAM, evidence.OPACITY
        self._evidence: tuple[Any, ...] = ()
        self._lines: list[tuple[Any, int]] = []
        self._measuring = False
        self._choosing: tuple[Path, tuple[str, ...]] | None = None
        self.in_sight = InSight(self.state, publish)
        self.unsaved = Unsaved(self.state, publish)
        self.exports = Exports(
            self.state, self.files, self.export, self.unsaved, self.page, slicer_app
        )
        self.unsaved.save_then = self.exports.save
        self.compute = Compute(backend, self.jobs, publish, self.use)
        self.on_opened: Callable[[ScanNodules], None] = lambda _scan: None
        self.on_replaced: Callable[[Path], None] = lambda _path: None
        self.on_replaced_by_reader: Callable[[], None] = lambda: None
        self.on_replacing: Callable[[], None] = lambda: None
        self.followers: list[Callable[[], None]] = []

    # Opening

    def start(self) -> None:
        """Load the model in the background."""
        self.warm_up(self._model_loaded)

    def open_file(self, path: Path, series: str | None = None) -> None:
        """Read a CT file, a DICOM folder or a saved scene; asks which of several series to read."""
        self._choose_among(None, ())
        if documents.is_scene(path):
            self.unsaved.ask(lambda: self._open_scene(path))
            return
        self.say("Reading the CT …", "info")
        self.jobs.submit(
            lambda handle: _read(path, series, handle),
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

    def open_volume(self, volume: Volume, path: Path | None = None, exam: Exam = NO_EXAM) -> None:
        """Show a CT that was read (from `path`); asks first where unsaved work would be lost."""
        self.unsaved.ask(lambda: self._open_volume(volume, path, exam))

    def show_exam(self, volume: Volume, path: Path | None, exam: Exam, folder: Path) -> None:
        """Show a CT that was read, whatever is open; its results go into a folder."""
        self._replace(lambda: documents.show_volume(self.slicer_app, volume), exam)
        self.files.results, self.files.source = folder, source_of(volume, path)
        self.files.dicom = self.files.source.series

    def show_scene(self, path: Path, exam: Exam, folder: Path) -> None:
        """Show a saved scene, whatever is open; its results go into a folder."""
        self._replace(lambda: documents.open_scene(self.slicer_app, path), exam)
        self.files.results, self.files.source = folder, read_source(path.parent)
        self.files.dicom = self.files.scene_dicom or self.files.source.series

    # What the mouse does

    def check_seeds(self) -> None:
        """Analyse what was placed or dragged, and tell the lengths of axes that were."""
        if self.scan is not None:
            self.clicks.take_points(self.scan)
            if self._measuring:  # the card's sentence has the new lengths
                self._measuring = False
                self.take_lines()
            else:
                self._follow_axes()

    def stroke(self, start: ArrayLike, end: ArrayLike, normal: ArrayLike) -> None:
        """A piece of a brush stroke on the selected nodule, RAS mm."""
        self.drawing.brush.erase = self.tool == "erase"
        self.drawing.stroke(start, end, normal)

    def show_evidence(self, shown: bool) -> None:
        """Turn the evidence map of the selected nodule on or off."""
        self.evidence = shown
        if shown and self.selected is None:
            self.say("Choose a nodule to see its evidence map.", "info")
        self._follow_evidence()
        self.publish({"evidence": self.evidence})

    def fade_evidence(self, opacity: float) -> None:
        """How much of the CT the evidence map covers, 0 to 1."""
        self.evidence_opacity = opacity
        self._fade()
        self.publish({"evidence_opacity": opacity})

    def tell_patient(self, name: str, text: str) -> None:
        """What a reader entered about the patient or the selected nodule, for the guidelines."""
        scan, nodule = self._meant(None)
        self.publish({"patient": {}})  # else a field keeps what was refused
        try:
            patient.tell(scan.record_node, nodule.id, name, patient_form.value_of(name, text))
        finally:
            self.refresh()

    def show_axes(self, shown: bool) -> None:
        """Turn the axes of the selected nodule on or off."""
        self.axes = shown
        self._follow_axes()
        self.publish({"axes": shown})

    def lock_lines(self) -> None:
        """Axes and rulers can be dragged with the ruler only: else one is taken for a seed."""
        scan = self.scan
        if scan is not None and scan.alive:
            for line in (*measured_axes.lines_of(scan), *rulers.lines(scan.scene)):
                line.SetLocked(self.tool != "ruler")

    def _follow_axes(self) -> None:
        """Draw the axes of the selected nodule; none while its outline is newer than they are."""
        for line, tag in self._lines:
            line.RemoveObserver(tag)
        self._lines = []
        scan, nodule = self.scan, self.nodule if self.axes else None
        if scan is None or not scan.alive:
            return
        if nodule is None or self.outdated(nodule) is not None:
            measured_axes.hide(scan)
            self.publish({"lengths": ""})
            return
        try:
            found = measured_axes.show(scan, nodule.id)
        except DenseSharpError:  # the CT lies under a transform that bends space
            found = None
        self.lock_lines()
        for line in measured_axes.lines_of(scan):
            self._lines.append((line, line.AddObserver(line.PointModifiedEvent, self._dragging)))
        self._tell_lengths(found)

    def _dragging(self, line: Any, _event: str) -> None:
        """The length follows the mouse, at the line and in the card."""
        self._measuring = True
        found = measured_axes.lengths(self.opened())
        if found is not None and found.by_reader:
            line.GetDisplayNode().SetPropertiesLabelVisibility(True)
        self._tell_lengths(found)

    def _tell_lengths(self, found: measured_axes.Lengths | None) -> None:
        own = found is not None and found.by_reader
        self.publish({"lengths": measured_axes.words(found) if found and own else ""})

    def _follow_evidence(self) -> None:
        """Show the evidence map of the selected nodule, or none when it is off."""
        scan, nodule = self.scan, self.nodule if self.evidence else None
        wanted = (scan, nodule and nodule.id, nodule and nodule.result.prediction)
        if scan is None or wanted == self._evidence:
            return
        self._evidence = wanted
        if not scan.show_evidence(nodule.id if nodule else None):
            scan.show_evidence(None)
            self.say("No evidence map belongs to this nodule: compute it again for one.", "info")
        self._fade()

    def _fade(self) -> None:
        node = self.scan.known("evidence") if self.scan is not None else None
        if node is not None:
            scene_views.fade_overlay(node.GetScene(), node, self.evidence_opacity)

    # What the page shows

    def refresh(self) -> None:
        """Publish the list of nodules and the card of the selected one."""
        scan = self.scan
        if scan is None or not scan.alive:
            empty = {"nodules": [], "card": None, "selected": "", "unsaved": False}
            self.publish({**empty, "came": 0, "can_undo": False, "can_redo": False})
            return
        self._follow_evidence()
        self._follow_axes()
        outlines = scan.known("segmentation")
        if outlines is not None:
            segments.stand_out(outlines, self.nodule.segment_id if self.nodule else "")
        card, nodule = None, self.nodule
        if nodule is not None:
            running = self.is_running(nodule.id)
            card = card_of(self.shown(nodule), "" if running else self.outdated(nodule), running)
        self.publish(
            {
                "nodules": [self._row(nodule) for nodule in scan.nodules],
                "card": card, "selected": self.selected or "", "unsaved": self.unsaved.any,
                "can_undo": self.can_undo(), "can_redo": self.can_redo(),
                "came": self.state.came,
                "patient": patient_form.shown(scan.record_node, nodule.id) if nodule else {},
            }
        )  # fmt: skip
        for follow in self.followers:
            follow()

    def say(self, text: str, kind: Kind) -> None:
        """Tell the reader something."""
        self.page.said(text, kind)

    def forget_message(self) -> None:
        """What was said is over."""
        self.publish({"message": NO_MESSAGE})

    def use(self, backend: LocalBackend) -> None:
        """Compute with another backend from now on, which may be open already."""
        super().use(backend)
        self.publish({"device": backend.device, "model": backend.model})
        if backend.fallback:
            self.say(backend.fallback, "caution")

    # Inside

    def _row(self, nodule: Nodule) -> dict[str, Any]:
        running = self.is_running(nodule.id)
        state = "busy" if running else "outdated" if self.outdated(nodule) else ""
        color = segments.color_of(self.opened().segmentation_node, nodule.number)
        return row_of(self.shown(nodule), _css(color), state)

    def _model_loaded(self, event: JobEvent) -> None:
        if event.kind == "done":
            self.use(self.backend)

    def _volume_read(self, path: Path, event: JobEvent) -> None:
        if event.kind != "done":
            return
        if isinstance(event.value, SeriesChoiceError):
            self.say("", "info")
            self._choose_among(path, event.value.choices)
        else:
            volume, exam = event.value
            self.open_volume(volume, path, exam)

    def _choose_among(self, path: Path | None, choices: Sequence[SeriesChoice]) -> None:
        keys = tuple(choice.key for choice in choices)
        self._choosing = (path, keys) if path is not None else None
        self.publish({"series": [series_of(choice) for choice in choices]})

    def _open_scene(self, path: Path) -> None:
        exam = scene_exam(path.absolute())
        in_place = not self.files.told and documents.lies_beside_results(path)
        wanted = self.files.base / exam.folder
        self.on_replaced_by_reader()
        self.show_scene(path, exam, path.parent if in_place else documents.free_folder(wanted))

    def _open_volume(self, volume: Volume, path: Path | None, exam: Exam) -> None:
        self.on_replaced_by_reader()
        self.show_exam(volume, path, exam, documents.free_folder(self.files.base / exam.folder))
        if path is not None:
            self.on_replaced(path)

    def _replace(self, make: Callable[[], ScanNodules], exam: Exam) -> None:
        """Replace the open CT; what still runs for the old one is cancelled."""
        self.on_replacing()
        self.forget()
        self.evidence, self.files.dicom, self.files.source = False, (), CtFiles()
        self.unsaved.saved("")
        self.exports.forget()
        try:
            scan = make()
            grid = scan.volume().grid
        except DenseSharpError as error:
            self.publish({"opened": "", "busy": False, "exam": NO_EXAM.shown()})
            self.say(str(error), "error")
            self.refresh()
            return
        self.show(scan)
        self.exam = exam
        sizes = " × ".join(str(n) for n in grid.size)
        edges = " × ".join(f"{edge:.2f}" for edge in grid.spacing)
        notices = [each.message for each in scan.volume().notices if each.severity != "info"]
        opened = f"CT {sizes}, {edges} mm"
        self.publish(
            {
                "opened": opened,
                "notices": notices,
                "evidence": False,
                "exam": exam.shown(),
                "ct": self.in_sight.another_ct(),
            }
        )
        self.unsaved.saved(self.unsaved.state())
        self.on_opened(scan)
        if scan.nodules:
            self.select(scan.nodules[0].id)
        self.refresh()


def _read(
    path: Path, series: str | None, handle: JobHandle
) -> tuple[Volume, Exam] | SeriesChoiceError:
    """The CT and whose it is, or the list of series to choose from."""
    try:
        volume = read_volume(path, series, handle.progress)
        return volume, exam_of(volume, path)
    except SeriesChoiceError as choice:
        return choice


def _css(color: tuple[float, ...]) -> str:
    """A colour as the page writes it."""
    red, green, blue = color
    return f"rgb({255 * red:.0f}, {255 * green:.0f}, {255 * blue:.0f})"
