"""An earlier CT beside the open one: linked slices, each with its outline, and what changed."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from trame_slicer.core import LayoutManager

from densesharp.errors import DenseSharpError, GeometryError
from densesharp.image.volume import Volume
from densesharp.nodule.followup import FollowUp, compare
from densesharp.words import counted
from densesharp.worklist.cases import StoredCase
from densesharp_scene import Nodule, ScanNodules
from densesharp_scene.compared import show_outlines
from densesharp_scene.events import Listener, attempt
from densesharp_scene.geometry import add_volume_node
from densesharp_scene.jobs import Jobs
from densesharp_scene.prior_link import earlier
from densesharp_scene.prior_search import KEY
from densesharp_scene.views import set_window
from densesharp_scene.worker import JobEvent

from . import views
from .change_card import NO_CHANGE, change_card
from .exam import NO_EXAM, Exam, ReadExam, read_exam
from .linked import LinkedView
from .prior_view import PriorView
from .session import Session

Later = Callable[[Callable[[], None], float], None]


class Prior:
    """At most one earlier CT of the case that is open.

    Args:
        session: of the case.
        layouts: shows both beside each other.
        view_of: gives a slice view by its name in Slicer.
        later: runs a function after some seconds.
        wake: called on the reading thread when `poll` has something to do.

    Attributes:
        scan: the earlier CT; None without one.
        days: from it to the open one; None when a date is not known.
    """

    def __init__(
        self,
        session: Session,
        layouts: LayoutManager,
        view_of: Callable[[str], Any],
        later: Later,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._session, self._layouts, self._view_of = session, layouts, view_of
        self._later = later
        self._loading = Jobs(Listener(), wake)
        self._link: LinkedView | None = None
        self._view: PriorView | None = None
        self._exam = NO_EXAM
        self._asked: set[str] = set()
        self.scan: ScanNodules | None = None
        self.days: int | None = None
        session.followers.append(self.follow)
        session.on_replacing = self.forget

    def open_file(self, path: Path) -> None:
        """Read an earlier CT that the reader chose, and show both side by side."""
        listed = StoredCase("", "", "", path)
        self.open(lambda handle: read_exam(listed, path.parent, handle), at_once=True)

    def open(self, read: ReadExam, at_once: bool = False) -> None:
        """Have an earlier CT read in the background; it is shown when asked for, or `at_once`."""
        scan = self._session.scan

        def ended(event: JobEvent) -> None:
            if scan is not self._session.scan:
                return  # another case was opened meanwhile
            if event.kind == "failed":
                self._session.say(f"The earlier CT: {event.text}", "error")
            elif event.kind == "done":
                attempt(lambda: self.show(*event.value), self._session.page)
                if at_once and self.scan is not None and not self.shown:
                    self.toggle()

        self._loading.submit(read, ended, key="prior")

    def poll(self) -> None:
        """Take over what was read."""
        self._loading.poll()

    def close(self) -> None:
        """The program ends."""
        self._loading.close()

    def toggle(self) -> None:
        """Show both CTs side by side, or the open one alone again."""
        if self.scan is None:
            self._session.say("There is no earlier CT: open one with the button beside.", "info")
            return
        if not self._layouts.has_layout(views.PAIR):
            with views.quiet_vtk():
                self._layouts.register_layout(views.PAIR, views.pair_layout())
        chosen = "four" if self.shown else views.PAIR
        self._layouts.set_layout(chosen)
        self._session.publish({"layout": chosen})
        self.place()

    @property
    def shown(self) -> bool:
        """Whether the two CTs stand side by side."""
        return self._layouts.layout_id == views.PAIR

    def show(self, volume: Volume, exam: Exam) -> None:
        """Put an earlier CT beside the open one.

        Raises:
            GeometryError: it is of another patient, or the later one of the two.
            SceneError: no CT is open.
        """
        now, scan = self._session.exam, self._session.opened()
        self.days = days_between(exam, now)
        self.forget()
        node = add_volume_node(scan.scene, volume, "Earlier CT")
        self.scan, self._exam = ScanNodules(node), exam
        self.scan.model = self._session.backend.model_hash
        self._keep_out_of_files()
        self._follow_window(scan, self.scan)
        self._session.publish({"prior": self._shown_exam(), "change": NO_CHANGE})
        self.place()

    def forget(self) -> None:
        """Another CT is opened: its earlier one goes too."""
        if self.scan is not None and self.scan.alive:
            for node in _nodes_of(self.scan):
                self.scan.scene.RemoveNode(node)
            self._session.answers.cancel_dead()
        self.scan, self._asked = None, set()
        if self._link is not None:
            self._link.show(None)
        self._session.publish({"prior": None, "change": NO_CHANGE})

    def place(self) -> None:
        """Show the earlier CT in its view, and nowhere else."""
        scan, prior = self._session.scan, self.scan
        if not self.shown or scan is None or prior is None:
            return
        if self._link is None:
            view = self._view_of(views.PRIOR)
            self._link = LinkedView(self._view_of(views.SLICE_VIEWS["axial"]), view, self._soon)
            self._view = PriorView(
                view, lambda: self.scan, self.mark, self._session.publish, self._later
            )
        self._link.show(prior.volume_node)
        middles = [_middle(each) for each in (scan, prior)]
        self._link.shift = middles[1] - middles[0]
        self.follow()

    def follow(self) -> None:
        """The selection or an answer changed: find the nodule there, and say what changed."""
        scan, prior, nodule = self._session.scan, self.scan, self._session.nodule
        if scan is None or prior is None or not prior.alive or not scan.alive:
            return
        show_outlines(scan.scene, scan.volume_node)
        self._keep_out_of_files()
        before = None if nodule is None else earlier(scan, nodule, prior)
        if self._link is not None and nodule is not None and before is not None:
            self._link.shift = prior.center_of(before.id) - scan.center_of(nodule.id)
            self._link.follow()
        change = None if nodule is None or before is None else self._compare(before, nodule)
        self._session.publish({"change": change_card(change, before)})
        if self.shown and nodule is not None and before is None:
            self._find(scan, nodule, prior)

    def mark(self, ras: np.ndarray) -> None:
        """A click in the earlier CT: the selected nodule lies there."""
        scan, prior, nodule = self._session.scan, self.scan, self._session.nodule
        if scan is None or prior is None:
            return
        if nodule is None:
            self._session.say("Mark the nodule in the newer CT first.", "info")
            return
        priors, page = self._session.priors, self._session.page
        attempt(lambda: priors.mark(scan, nodule.id, prior, ras), page)

    # Inside

    def _follow_window(self, scan: ScanNodules, prior: ScanNodules) -> None:
        """Show both CTs in the same window."""

        def changed(*_: Any) -> None:
            if not (prior.alive and scan.alive):
                return
            # Asked for anew: VTK lets go of an object that only its own observer still holds.
            wanted, shown = (each.volume_node.GetDisplayNode() for each in (scan, prior))
            levels = wanted.GetWindow(), wanted.GetLevel()
            if levels != (shown.GetWindow(), shown.GetLevel()):
                set_window(prior.volume_node, *levels)

        scan.volume_node.GetDisplayNode().AddObserver("ModifiedEvent", changed)
        changed()

    def _soon(self, function: Callable[[], None]) -> None:
        self._later(function, 0.0)

    def _compare(self, before: Nodule, nodule: Nodule) -> FollowUp:
        return compare(before.result.shown(), nodule.result.shown(), self.days or None)

    def _find(self, scan: ScanNodules, nodule: Nodule, prior: ScanNodules) -> None:
        """Look for a nodule once by itself; after that a click says where it is."""
        running = self._session.is_running(nodule.id) or KEY in self._session.jobs.keys
        if nodule.id in self._asked or running or nodule.result.mask is None:
            return
        self._asked.add(nodule.id)
        try:
            self._session.priors.find(scan, nodule.id, prior)
        except DenseSharpError as error:
            self._session.say(str(error), "caution")

    def _shown_exam(self) -> dict[str, Any]:
        ago = f", {counted(self.days, 'day')} before" if self.days else ""
        return {**self._exam.shown(), "ago": ago}

    def _keep_out_of_files(self) -> None:
        """A scene is saved with its own CT; the earlier one has files of its own."""
        if self.scan is not None:
            for node in _nodes_of(self.scan):
                node.SetSaveWithScene(False)


def days_between(before: Exam, now: Exam) -> int | None:
    """Days from the study of an earlier CT to the open one; None where a date is not known.

    Raises:
        GeometryError: it is of another patient, or not the earlier one.
    """
    if before.patient_id and now.patient_id and before.patient_id != now.patient_id:
        message = f"That CT is of another patient, {before.patient}: choose one of {now.patient}."
        raise GeometryError(message)
    if not (before.date and now.date):
        return None
    days = (date.fromisoformat(now.date) - date.fromisoformat(before.date)).days
    if days < 0:
        raise GeometryError(
            f"That CT was taken {counted(-days, 'day')} after the open one: open that one, "
            "then this."
        )
    return days


def _nodes_of(scan: ScanNodules) -> list[Any]:
    """Every node of a CT: its own, its record's, and how they are shown and stored."""
    record = scan.record_node
    nodes = [scan.volume_node, record]
    for number in range(record.GetNumberOfNodeReferenceRoles()):
        role = record.GetNthNodeReferenceRole(number)
        for index in range(record.GetNumberOfNodeReferences(role)):
            nodes.append(record.GetNthNodeReference(role, index))
    nodes = list(dict.fromkeys(node for node in nodes if node is not None))
    for node in list(nodes):
        for number in range(getattr(node, "GetNumberOfDisplayNodes", int)()):
            nodes.append(node.GetNthDisplayNode(number))
        storage = node.GetStorageNode() if node.IsA("vtkMRMLStorableNode") else None
        nodes += [storage] if storage is not None else []
    return [node for node in nodes if node is not None]


def _middle(scan: ScanNodules) -> np.ndarray:
    """World RAS mm of the middle of a CT."""
    grid = scan.volume().grid
    return np.asarray(grid.to_world((np.array(grid.size) - 1) / 2) * (-1, -1, 1))
