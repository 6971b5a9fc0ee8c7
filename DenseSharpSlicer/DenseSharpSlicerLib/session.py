"""The panel's state: CTs of the scene, the selected nodule, and what readers do in the views."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from densesharp.errors import DenseSharpError
from densesharp_scene.backend import LocalBackend
from densesharp_scene.errors import SceneError
from densesharp_scene.nodule import Decision, Nodule
from densesharp_scene.prior_link import pair
from densesharp_scene.scan import ScanNodules
from densesharp_scene.views import look_at

from . import placing
from .analyst import Analyst, Status
from .outdated import Outdated

SETTLE_SECONDS = 0.4
"""An outline that was not touched for so long is analysed; a brush stroke is many changes."""

SHARE_FROM = 40
"""From this many nodules on they are kept ready for saving: Slicer does not tell before it saves,
and a hundred segments with an image each take minutes to write."""

SESSIONS: list[Session] = []
"""Of the panels that are open; scripts that bring nodules into the scene go through the last."""


class Session(VTKObservationMixin):  # type: ignore[misc]
    """What the panel shows, and the observers that keep it in step with the scene.

    VTK events only leave a note; `tick`, called by the panel's timer, does the work. A point must
    not be removed inside its own event, and Segment Editor sends many events for one stroke.

    Args:
        backend: the model.
        wake: called when there is something to do; the panel starts its timer.

    Attributes:
        usable: whether the model may be asked; not while a reader study is read.
    """

    def __init__(self, backend: LocalBackend, wake: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.analyst = Analyst(backend)
        self.auto_update = True
        self.installing = False
        self.on_change: Callable[[], None] = lambda: None
        self.usable: Callable[[], bool] = lambda: True
        self.scan: ScanNodules | None = None
        self.nodule_id = ""
        self._wake = wake
        self._scans: dict[str, ScanNodules] = {}
        self._seeds_touched: set[str] = set()
        self._outlines_touched: dict[str, float] = {}
        self._outlines_waiting: list[tuple[ScanNodules, str]] = []
        self._moved: set[str] = set()
        self._to_share: list[ScanNodules] = []
        self._outdated = Outdated()
        SESSIONS.append(self)

    # What is shown

    @property
    def status(self) -> Status:
        """The standing line."""
        return self.analyst.status

    def say(self, text: str, failed: bool = False) -> None:
        """Put a sentence into the standing line."""
        self.analyst.status = Status(text, 0.0, failed)

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """Nodules of the chosen CT."""
        return self.scan.nodules if self.scan is not None and self.scan.alive else ()

    @property
    def nodule(self) -> Nodule | None:
        """The selected nodule."""
        return next((nodule for nodule in self.nodules if nodule.id == self.nodule_id), None)

    def choose(self, volume_node: Any | None) -> None:
        """Show the nodules of another CT; says why when it cannot be used."""
        self.scan, self.nodule_id = None, ""
        if volume_node is None:
            return
        try:
            self.scan = self.scan_of(volume_node)
        except DenseSharpError as error:
            self.say(str(error), failed=True)
            return
        if self.nodules:
            self.nodule_id = self.nodules[0].id

    def scan_of(self, volume_node: Any) -> ScanNodules:
        """The nodules of a CT, read back from the scene on first use.

        Raises:
            SceneError: it is no CT that can be used.
        """
        node_id = volume_node.GetID()
        known = self._scans.get(node_id)
        if known is None or not known.alive or known.volume_node is not volume_node:
            known = ScanNodules(volume_node)
            self._scans[node_id] = known
            if known.nodules:
                self._watch(known)
        return known

    def opened(self) -> ScanNodules:
        """The chosen CT's nodules.

        Raises:
            SceneError: no CT is chosen.
        """
        if self.scan is None:
            message = _("No CT is chosen: load one or choose it in the list.")
            raise SceneError(message)
        return self.scan

    def select(self, nodule_id: str) -> None:
        """Select a nodule and bring the views to it."""
        self.nodule_id = nodule_id
        self._jump(centered=True)

    def _jump(self, centered: bool) -> None:
        """Bring slice views and 3D views to the selected nodule."""
        scan = self.scan
        if scan is None or self.nodule is None:
            return
        try:
            scan.jump(self.nodule_id, centered)
            look_at(scan.scene, scan.center_of(self.nodule_id))
        except SceneError as error:  # the CT lies under a transform that bends space
            self.say(str(error), failed=True)

    def outdated(self, scan: ScanNodules, nodule: Nodule) -> str | None:
        """Why a result does not fit the scene any more; None when it does."""
        return self._outdated.why(scan, nodule, self.analyst.backend.model_hash)

    def changed(self) -> None:
        """Have the panel drawn anew."""
        self.on_change()

    def can_undo(self) -> bool:
        """Whether `undo` would do something."""
        try:
            return self._last_step() is not None
        except SceneError:  # nothing is written under a transform that bends space
            return False

    def undo(self) -> None:
        """Take back the last step on this CT, whichever nodule is selected, and select its nodule.

        A correction of the selected nodule that has no answer yet comes first.
        """
        last = self._last_step()
        if self.scan is None or last is None:
            return
        self.analyst.cancel_nodule(self.scan, last)
        self.scan.undo(last)
        if last != self.nodule_id:
            self.select(last)

    def _last_step(self) -> str | None:
        """The nodule that `undo` would change."""
        if self.scan is None or not self.scan.alive:
            return None
        return self.nodule_id if self.scan.repainted(self.nodule_id) else self.scan.last_step

    def decide(self, decision: Decision, reader: str) -> None:
        """Accept or reject the selected nodule, or open it again.

        One that was decided on before its answer was complete is then answered again.

        Raises:
            SceneError: an answer is to come that the reader has not seen.
        """
        scan = self.opened()
        if decision != "open" and self.analyst.is_renewing(scan, self.nodule_id):
            message = _("A new result of this nodule is on its way: decide when it is there.")
            raise SceneError(message)
        early = scan.nodule(self.nodule_id).decided_early
        scan.decide(self.nodule_id, decision, reader)
        if decision == "open" and early:
            self.update()

    def update(self) -> None:
        """Answer for the selected nodule again: a corrected outline as it is, else its point."""
        scan = self.opened()
        corrected = scan.nodule(self.nodule_id).edited or scan.is_edited(self.nodule_id)
        again = self.analyst.analyse_outline if corrected else self.analyst.analyse_seed
        again(scan, self.nodule_id)

    def delete(self) -> None:
        """Remove the selected nodule and select the one that takes its place."""
        if self.scan is None or self.nodule is None:
            return
        row = [nodule.id for nodule in self.nodules].index(self.nodule_id)
        self.analyst.cancel_nodule(self.scan, self.nodule_id)
        self.scan.delete(self.nodule_id)
        left = self.nodules
        self.nodule_id = left[min(row, len(left) - 1)].id if left else ""

    # Points and outlines in the views

    def seeds_node(self) -> Any:
        """The list of points to place into, watched from now on.

        Raises:
            SceneError: no CT is chosen, it has left the scene, or a study is read.
        """
        self.check_usable()
        scan = self.opened()
        scan.volume()  # refuses a CT that has left the scene or cannot be used
        scan.follow_ct()
        self._watch(scan)
        return scan.seeds_node

    def _watch(self, scan: ScanNodules) -> None:
        seeds, outlines = scan.seeds_node, scan.segmentation_node.GetSegmentation()
        for event in (seeds.PointPositionDefinedEvent, seeds.PointEndInteractionEvent):
            if not self.hasObserver(seeds, event, self._on_seed):
                self.addObserver(seeds, event, self._on_seed)
        changed = slicer.vtkSegmentation.SourceRepresentationModified
        if not self.hasObserver(outlines, changed, self._on_outline):
            self.addObserver(outlines, changed, self._on_outline)
        ct = scan.volume_node
        for event in (ct.TransformModifiedEvent, vtk.vtkCommand.ModifiedEvent):
            if not self.hasObserver(ct, event, self._on_ct):
                self.addObserver(ct, event, self._on_ct)

    def _on_ct(self, caller: Any, _event: str) -> None:
        self._touch(lambda scan: scan.volume_node is caller, self._moved.add)

    def _on_seed(self, caller: Any, _event: str) -> None:
        self._touch(lambda scan: scan.known("seeds") is caller, self._seeds_touched.add)

    def _on_outline(self, caller: Any, _event: str) -> None:
        now = time.monotonic()

        def belongs(scan: ScanNodules) -> bool:
            node = scan.known("segmentation")
            return node is not None and node.GetSegmentation() is caller

        self._touch(belongs, lambda node_id: self._outlines_touched.__setitem__(node_id, now))

    def _touch(self, belongs: Callable[[ScanNodules], bool], note: Callable[[str], None]) -> None:
        for node_id, scan in self._scans.items():
            if scan.alive and belongs(scan):
                note(node_id)
                self._wake()

    # Work

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        touched = self._seeds_touched or self._outlines_touched or self._moved
        return not (self.analyst.busy or touched or self._outlines_waiting)

    def tick(self) -> bool:
        """Do what has come up since the last call; True when the panel must be drawn anew."""
        changed = self._take_moved()
        changed = self._take_seeds() or changed
        changed = self._take_outlines() or changed
        outcome = self.analyst.poll()
        for scan, nodule_id, new in outcome.stored:
            if new and scan is self.scan:  # a reader may look at another nodule than one that is
                self.nodule_id = nodule_id  # answered again, and would decide on the wrong one
                self._jump(centered=False)
            self._watch(scan)
            self._to_share.append(scan)
        for scan, nodule_id, prior, ras in outcome.found:
            self.run(partial(self._take_found, scan, nodule_id, prior, ras))
        if self._to_share and self.idle:
            self._share()
        return changed or outcome.changed

    def _share(self) -> None:
        """Keep many nodules ready for saving."""
        ready, self._to_share = self._to_share, []
        for scan in dict.fromkeys(ready):
            if scan.alive and len(scan.nodules) >= SHARE_FROM:
                scan.prepare_to_save()

    def _take_moved(self) -> bool:
        """Outlines and points go along with a CT that was moved."""
        moved, self._moved = self._moved, set()
        for scan in self._living(moved):
            self.run(scan.follow_ct)
        return bool(moved)

    def _take_seeds(self) -> bool:
        touched, self._seeds_touched = self._seeds_touched, set()
        for scan in self._living(touched):
            self.run(partial(self._analyse_points, scan))
        return bool(touched)

    def _analyse_points(self, scan: ScanNodules) -> None:
        moved = (*self.analyst.dragged(scan), *scan.moved_seeds())
        new = [scan.claim(seed_id) for seed_id in scan.new_seeds()]
        for nodule_id in (*moved, *new):
            self.run(partial(self.analyst.analyse_seed, scan, nodule_id))

    def _living(self, node_ids: Iterable[str]) -> list[ScanNodules]:
        """Scans of CTs that are still there."""
        return [s for name in node_ids if (s := self._scans.get(name)) is not None and s.alive]

    def _take_found(
        self, scan: ScanNodules, nodule_id: str, prior: ScanNodules, ras: Sequence[float]
    ) -> None:
        """A nodule was found in an earlier CT: mark it there and analyse it."""
        with placing.same_list():
            prior_id = prior.claim(prior.place(ras))
        pair(scan, nodule_id, prior, prior_id)
        self._watch(prior)
        self.analyst.analyse_seed(prior, prior_id)

    def _take_outlines(self) -> bool:
        settled = time.monotonic() - SETTLE_SECONDS
        ready = [node_id for node_id, at in self._outlines_touched.items() if at <= settled]
        for node_id in ready:
            del self._outlines_touched[node_id]
        waiting, self._outlines_waiting = self._outlines_waiting, []
        found = [(scan, nodule.id) for scan in self._living(ready) for nodule in scan.nodules]
        for scan, nodule_id in dict.fromkeys((*waiting, *found)):
            self.run(partial(self._take_outline, scan, nodule_id))
        return bool(ready)

    def _take_outline(self, scan: ScanNodules, nodule_id: str) -> None:
        """Have a corrected outline analysed; one whose nodule is busy waits for that answer."""
        nodule = next((nodule for nodule in scan.nodules if nodule.id == nodule_id), None)
        if nodule is None or not scan.alive or not self.auto_update:
            return
        if self.analyst.is_running(scan, nodule_id):
            self._outlines_waiting.append((scan, nodule_id))
        elif self.outdated(scan, nodule) and scan.is_edited(nodule_id):
            self.analyst.analyse_outline(scan, nodule_id)

    def run(self, action: Callable[[], Any]) -> bool:
        """Do something that may be refused; the reason goes to the standing line."""
        try:
            self.check_usable()
            action()
        except DenseSharpError as error:
            self.say(str(error), failed=True)
            return False
        finally:
            self._wake()
        return True

    def check_usable(self) -> None:
        """Refuse while a reader study is read.

        Raises:
            SceneError: it is; the model may not be asked.
        """
        if not self.usable():
            message = _("DenseSharp is off while a reader study is read.")
            raise SceneError(message)

    # Life cycle

    def forget_dead(self) -> None:
        """CTs have left the scene: let go of them, or their voxels stay in memory."""
        self.analyst.cancel_dead()
        living = {node_id: scan for node_id, scan in self._scans.items() if scan.alive}
        if len(living) == len(self._scans):
            return
        self._scans = living
        self._outdated.clear()
        self.removeObservers()  # of all: what is observed is held
        for scan in living.values():
            if scan.known("seeds") is not None:
                self._watch(scan)

    def forget(self) -> None:
        """The scene closes: stop everything and let go of its nodes."""
        self.analyst.cancel()
        self.removeObservers()
        self._scans.clear()
        self._seeds_touched.clear()
        self._outlines_touched.clear()
        self._outlines_waiting.clear()
        self._moved.clear()
        self._to_share.clear()
        self._outdated.clear()
        self.scan, self.nodule_id = None, ""

    def close(self) -> None:
        """The panel goes away."""
        self.forget()
        self.analyst.close()
        SESSIONS[:] = [session for session in SESSIONS if session is not self]
