"""The panel's session: `densesharp_scene.session.NoduleSession` on the CTs of Slicer's scene.

Adds what only desktop Slicer has: several CTs in one scene, points and outlines that other modules
change, and a standing line for what was said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError
from densesharp.image.grid import ras_to_lps
from densesharp_scene.backend import LocalBackend
from densesharp_scene.compared import clicked_elsewhere
from densesharp_scene.errors import SceneError
from densesharp_scene.events import Kind, Listener, Progress, Question, attempt
from densesharp_scene.nodule import Nodule
from densesharp_scene.questions import ANEW, KEEP
from densesharp_scene.record import records
from densesharp_scene.scan import ScanNodules
from densesharp_scene.session import NoduleSession
from densesharp_scene.views import distance_to_planes, look_at
from densesharp_scene.watch import Watch

from . import placing
from .translated import translated

SHARE_FROM = 40
"""From this many nodules on they are kept ready for saving: Slicer does not tell before it saves,
and a hundred segments with an image each take minutes to write."""

SMALL_MM = 3.0
"""Views that pass so near to a nodule without an outline look at it."""

SESSIONS: list[Session] = []
"""Of the panels that are open; scripts that bring nodules into the scene go through the last."""


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


class PanelListener(Listener):
    """Keeps what is told until the panel draws.

    Attributes:
        status: the standing line.
        drawn: whether the panel shows what there is.
        ask: shows a question and gives the key of its answer.
    """

    def __init__(self) -> None:
        self.status = Status()
        self.drawn = True
        self.ask: Callable[[Question], str] = lambda _question: KEEP
        self.on_question: Callable[[str], object] = lambda _key: None
        self._question: Question | None = None
        self._working = False

    def changed(self) -> None:
        """The panel is to be drawn anew."""
        self.drawn = False

    def said(self, text: str, kind: Kind) -> None:
        """Put a sentence into the standing line, in the reader's language."""
        self.tell(translated(text), kind in ("caution", "error"))
        self.drawn = False

    def tell(self, text: str, failed: bool = False) -> None:
        """Put a sentence of the panel's own into the standing line."""
        self.status, self._working = Status(text, 0.0, failed), False

    def progressed(self, progress: Progress) -> None:
        """Show what is computed; the last sentence stays when nothing is."""
        if progress.busy:
            self.status = Status(translated(progress.text), progress.fraction)
        elif self._working:
            self.status = Status()
        self._working = progress.busy

    def asked(self, question: Question | None) -> None:
        """Ask when the panel is drawn next: not inside an event of the scene."""
        self._question, self.drawn = question, False

    def looked_at(self, nodule: Nodule) -> None:
        """Turn the 3D views there."""
        look_at(slicer.mrmlScene, ras_to_lps(nodule.result.center_lps))

    def put_question(self) -> None:
        """Show what is to be asked, if anything."""
        question, self._question = self._question, None
        if question is not None:
            self.on_question(self.ask(question))


class Session(NoduleSession):
    """What the panel shows, and what keeps it in step with the scene.

    Args:
        backend: the model.
        wake: called when there is something to do; the panel starts its timer.

    Attributes:
        told: what the panel has to say.
        auto_update: whether corrected outlines are analysed at once.
        installing: whether packages are being installed; clicks wait for that.
        usable: whether the model may be asked; not while a reader study is read.
    """

    def __init__(self, backend: LocalBackend, wake: Callable[[], None]) -> None:
        self.told = PanelListener()
        super().__init__(backend, self.told)
        self.told.on_question = lambda key: self.run(partial(self.questions.answer, key))
        self.watch = Watch(wake)
        self.auto_update = True
        self.installing = False
        self.on_change: Callable[[], None] = lambda: None
        self.usable: Callable[[], bool] = lambda: True
        self._wake = wake
        self._scans: dict[str, ScanNodules] = {}
        self._to_share: list[ScanNodules] = []
        self._refused: dict[str, str] = {}
        SESSIONS.append(self)

    # What is shown

    @property
    def status(self) -> Status:
        """The standing line."""
        return self.told.status

    def say(self, text: str, failed: bool = False) -> None:
        """Put a sentence into the standing line."""
        self.told.tell(text, failed)

    def choose(self, volume_node: Any | None) -> None:
        """Show the nodules of another CT; says why when it cannot be used.

        The nodule that the views show is selected: a key must not decide about one out of sight.
        """
        self.show(None)
        if self.status.failed:  # that was about the former one
            self.say("")
        if volume_node is not None and attempt(
            lambda: self.show(self.scan_of(volume_node)), self.told
        ):
            self.state.selected = self._in_sight() or self.state.selected

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
                self.watch.watch(known)
                self.run(partial(self._follow, known))
        return known

    def others(self) -> list[ScanNodules]:
        """The other CTs of the scene that have nodules."""
        scans = []
        volumes = (entry.GetNodeReference("volume") for entry in records(slicer.mrmlScene))
        for volume in filter(None, volumes):  # a deleted CT leaves its record behind
            with suppress(DenseSharpError):  # one that cannot be read has none to show
                scans.append(self.scan_of(volume))
        return [scan for scan in scans if scan is not self.state.scan]

    def changed(self) -> None:
        """Have the panel drawn anew."""
        self.told.drawn = True
        self.on_change()
        self.told.put_question()

    def seeds_node(self) -> Any:
        """The list of points to place into, watched from now on.

        Raises:
            SceneError: no CT is chosen, it has left the scene, or a study is read.
        """
        self.check_usable()
        scan = self.state.opened()
        scan.volume()  # refuses a CT that has left the scene or cannot be used
        scan.follow_ct()
        self.watch.watch(scan)
        return scan.seeds_node

    # Work

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do and nothing to wait for."""
        return not self.busy and self.watch.idle

    def tick(self) -> bool:
        """Do what has come up since the last call; True when the panel must be drawn anew."""
        for scan in self.watch.moved():
            self.told.changed()
            self.run(partial(self._follow, scan))
        self._take_points()
        for scan in self.watch.outlines():
            self.told.changed()
            for nodule in scan.nodules:
                self.run(partial(self._take_outline, scan, nodule))
        self.poll()
        if self._to_share and self.idle:
            self._share()
        return not self.told.drawn

    def run(self, action: Callable[[], Any]) -> bool:
        """Do something that may be refused; the reason goes to the standing line."""

        def checked() -> None:
            self.check_usable()
            action()

        try:
            return attempt(checked, self.told)
        finally:
            self._wake()

    def check_usable(self) -> None:
        """Refuse while a reader study is read.

        Raises:
            SceneError: it is; the model may not be asked.
        """
        if not self.usable():
            raise SceneError("DenseSharp is off while a reader study is read.")

    def find_again(self, prior: ScanNodules) -> None:
        """Look for the selected nodule in an earlier CT of the same patient.

        Raises:
            SceneError: its outline or its place is not that of the result.
        """
        scan, nodule = self._meant(None)
        self.priors.find(scan, nodule.id, prior, self._mark_in, self.others)

    # Life cycle

    def forget_dead(self) -> None:
        """CTs have left the scene: let go of them, or their voxels stay in memory."""
        self.answers.cancel_dead()
        living = {node_id: scan for node_id, scan in self._scans.items() if scan.alive}
        if len(living) == len(self._scans):
            return
        self._scans = living
        self._outdated.clear()
        self.watch.forget()  # all: what is observed is held
        for scan in living.values():
            if scan.known("seeds") is not None:
                self.watch.watch(scan)

    def forget(self) -> None:
        """The scene closes: stop everything and let go of its nodes."""
        super().forget()
        self.watch.forget()
        self._scans.clear()
        self._to_share.clear()
        self._refused.clear()
        self.told.tell("")

    def close(self) -> None:
        """The panel goes away."""
        super().close()
        SESSIONS[:] = [session for session in SESSIONS if session is not self]

    # Inside

    def _in_sight(self) -> str | None:
        """The nodule that all slice views of its CT look at."""
        scan = self.state.opened()
        away = {}
        for nodule in scan.nodules:
            measured = nodule.result.measurements
            reach = measured.long_axis_mm / 2 if measured is not None else SMALL_MM
            distance = distance_to_planes(scan.scene, scan.volume_node, scan.center_of(nodule.id))
            if distance <= reach:
                away[nodule.id] = distance
        return min(away, key=away.__getitem__, default=None)

    def _follow(self, scan: ScanNodules) -> None:
        if scan.follow_ct():
            self.say(_("Outlines lie in their CT: move the CT, and they go along."), failed=True)
            self.told.changed()

    def _take_points(self) -> None:
        if self.installing and self.watch.points_waiting:
            self.say(_("Your click is kept: it is analyzed when the installation has ended."))
            return
        for scan, nowhere in self.watch.points():
            self.told.changed()
            for seed_id, volume_node in clicked_elsewhere(scan):
                self.run(partial(self._take_elsewhere, scan, seed_id, volume_node))
            self.run(partial(self.clicks.take_points, scan, nowhere))

    def _take_elsewhere(self, scan: ScanNodules, seed_id: str, volume_node: Any) -> None:
        """A click in a view of another CT marks a nodule there; the views stay as they are."""
        ras = scan.point(seed_id)
        scan.remove_point(seed_id)
        if self.clicks.meaning != "mark":
            self.say(_("This view shows another CT: click in a view of the nodule's own."), True)
            return
        with placing.same_list():
            other = self.scan_of(volume_node)
            other.place(ras)
        self.clicks.take_points(other)
        text = _("Marked in {name}, whose view was clicked.")
        self.say(text.format(name=volume_node.GetName()))

    def _take_outline(self, scan: ScanNodules, nodule: Nodule) -> None:
        """Have an outline analysed that another module changed."""
        refused = self._refused.pop(nodule.tracking_uid, "")
        if self.auto_update and self.outdated(nodule, scan) and scan.is_edited(nodule.id):
            self.drawing.correct(scan, nodule.id)
            if self.status.failed:
                self._refused[nodule.tracking_uid] = self.status.text
        elif refused and refused == self.status.text:
            self.say("")  # the outline is back

    def _arrived(self, request: Any, nodule: Nodule) -> None:
        super()._arrived(request, nodule)
        self.watch.watch(request.scan)
        self._to_share.append(request.scan)

    def _mark_in(self, prior: ScanNodules, ras: Sequence[float]) -> str:
        """Mark a nodule that was found in an earlier CT."""
        with placing.same_list():
            claim = prior.claim(prior.place(ras))
        self.watch.watch(prior)
        return claim

    def _share(self) -> None:
        """Keep many nodules ready for saving."""
        ready, self._to_share = self._to_share, []
        for scan in dict.fromkeys(ready):
            if scan.alive and len(scan.nodules) >= SHARE_FROM:
                scan.prepare_to_save()


def ask(question: Question) -> str:
    """Show a question with two answers; the first is the one that loses nothing."""
    keep, anew = (words for _key, words in question.answers)
    choices = _("Yes: {keep}\nNo: {anew}").format(keep=translated(keep), anew=translated(anew))
    text = f"{translated(question.text)}\n\n{choices}"
    return KEEP if slicer.util.confirmYesNoDisplay(text) else ANEW
