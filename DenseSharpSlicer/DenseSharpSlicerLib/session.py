"""The panel's state: CTs of the scene, the selected nodule, and what readers do in the views."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from densesharp.errors import DenseSharpError

from .analyst import Analyst, Status
from .backend import LocalBackend
from .pairs import pair
from .scene.errors import SceneError
from .scene.nodule import Nodule
from .scene.scan import ScanNodules
from .scene.segments import LABELMAP
from .scene.views import look_at

SETTLE_SECONDS = 0.4
"""An outline that was not touched for so long is analysed; a brush stroke is many changes."""

SHARE_FROM = 40
"""From this many nodules on they are kept ready for saving: Slicer does not tell before it saves,
and a hundred segments with an image each take minutes to write."""


class Session(VTKObservationMixin):  # type: ignore[misc]
    """What the panel shows, and the observers that keep it in step with the scene.

    VTK events only leave a note; `tick`, called by the panel's timer, does the work. A point must
    not be removed inside its own event, and Segment Editor sends many events for one stroke.

    Args:
        backend: the model.
        wake: called when there is something to do; the panel starts its timer.
    """

    def __init__(self, backend: LocalBackend, wake: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.analyst = Analyst(backend)
        self.auto_update = True
        self.installing = False
        self.on_change: Callable[[], None] = lambda: None
        self.scan: ScanNodules | None = None
        self.nodule_id = ""
        self._wake = wake
        self._scans: dict[str, ScanNodules] = {}
        self._seeds_touched: set[str] = set()
        self._outlines_touched: dict[str, float] = {}
        self._moved: set[str] = set()
        self._to_share: list[ScanNodules] = []
        self._outdated: dict[tuple[int, str], tuple[tuple[Any, ...], str | None]] = {}

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
        self.scan = None
        self.nodule_id = ""
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
        if self.scan is not None and self.nodule is not None:
            self.scan.jump(self.nodule_id, centered)
            look_at(self.scan.scene, self.scan.center_of(self.nodule_id))

    def outdated(self, scan: ScanNodules, nodule: Nodule) -> str | None:
        """Why a result does not fit the scene any more; looks again only when something changed."""
        scan.model = self.analyst.backend.model_hash
        state = _state_of(scan, nodule)
        known = self._outdated.get((id(scan), nodule.id))
        if known is None or known[0] != state:
            known = (state, scan.outdated(nodule.id))
            self._outdated[(id(scan), nodule.id)] = known
        return known[1]

    def changed(self) -> None:
        """Have the panel drawn anew."""
        self.on_change()

    def can_undo(self) -> bool:
        """Whether `undo` would do something."""
        if self.scan is None or not self.scan.alive:
            return False
        return self.nodule is None or self.scan.can_undo(self.nodule_id)

    def undo(self) -> None:
        """Take back the last step of the selected nodule, or of all when none is selected."""
        if self.scan is None:
            return
        if self.nodule is not None:
            self.analyst.cancel_nodule(self.scan, self.nodule_id)
            self.scan.undo(self.nodule_id)
        else:
            self.nodule_id = self.scan.undo_last() or ""

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
            SceneError: no CT is chosen, or it has left the scene.
        """
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
        self._touch(lambda scan: scan.seeds_node is caller, self._seeds_touched.add)

    def _on_outline(self, caller: Any, _event: str) -> None:
        now = time.monotonic()
        self._touch(
            lambda scan: scan.segmentation_node.GetSegmentation() is caller,
            lambda node_id: self._outlines_touched.__setitem__(node_id, now),
        )

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
        return not (self.analyst.busy or touched)

    def tick(self) -> bool:
        """Do what has come up since the last call; True when the panel must be drawn anew."""
        changed = self._take_moved()
        changed = self._take_seeds() or changed
        changed = self._take_outlines() or changed
        outcome = self.analyst.poll()
        for scan, nodule_id, placed in outcome.stored:
            if scan is self.scan:
                self.nodule_id = nodule_id
                if placed:  # whoever corrects an outline is looking at it already
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
        for node_id in moved:
            scan = self._scans[node_id]
            if scan.alive:
                self.run(scan.follow_ct)
        return bool(moved)

    def _take_seeds(self) -> bool:
        touched, self._seeds_touched = self._seeds_touched, set()
        for node_id in touched:
            scan = self._scans[node_id]
            if not scan.alive:
                continue
            new = [scan.claim(seed_id) for seed_id in scan.new_seeds()]
            for nodule_id in (*new, *scan.moved_seeds()):
                self.run(partial(self.analyst.analyse_seed, scan, nodule_id))
        return bool(touched)

    def _take_found(
        self, scan: ScanNodules, nodule_id: str, prior: ScanNodules, ras: Sequence[float]
    ) -> None:
        """A nodule was found in an earlier CT: mark it there and analyse it."""
        prior_id = prior.claim(prior.place(ras))
        pair(scan, nodule_id, prior, prior_id)
        self._watch(prior)
        self.analyst.analyse_seed(prior, prior_id)

    def _take_outlines(self) -> bool:
        settled = time.monotonic() - SETTLE_SECONDS
        ready = [node_id for node_id, at in self._outlines_touched.items() if at <= settled]
        edited = False
        for node_id in ready:
            del self._outlines_touched[node_id]
            scan = self._scans[node_id]
            for nodule in scan.nodules if scan.alive else ():
                running = self.analyst.is_running(scan, nodule.id)
                if not running and self.outdated(scan, nodule) and scan.is_edited(nodule.id):
                    edited = True
                    self._on_edited(scan, nodule.id)
        return edited

    def _on_edited(self, scan: ScanNodules, nodule_id: str) -> None:
        if self.auto_update:
            self.run(lambda: self.analyst.analyse_outline(scan, nodule_id))

    def run(self, action: Callable[[], Any]) -> bool:
        """Do something that may be refused; the reason goes to the standing line."""
        try:
            action()
        except DenseSharpError as error:
            self.say(str(error), failed=True)
            return False
        finally:
            self._wake()
        return True

    # Life cycle

    def forget(self) -> None:
        """The scene closes: stop everything and let go of its nodes."""
        self.analyst.cancel()
        self.removeObservers()
        self._scans.clear()
        self._seeds_touched.clear()
        self._outlines_touched.clear()
        self._moved.clear()
        self._to_share.clear()
        self._outdated.clear()
        self.scan = None
        self.nodule_id = ""

    def close(self) -> None:
        """The panel goes away."""
        self.forget()
        self.analyst.close()


def _state_of(scan: ScanNodules, nodule: Nodule) -> tuple[Any, ...]:
    """Changes whenever the outline, the CT's place or the result does."""
    segment = scan.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id)
    image = segment.GetRepresentation(LABELMAP) if segment is not None else None
    transform = scan.volume_node.GetParentTransformNode()
    return (
        nodule.world.tobytes(),
        nodule.mask_digest,
        nodule.model,
        scan.model,
        image.GetMTime() if image is not None else None,
        scan.volume_node.GetMTime(),
        transform.GetTransformToWorldMTime() if transform is not None else None,
    )
