"""Notes what other parts of a program do to the nodes of a CT: points, outlines, the CT's place.

VTK's events only leave a note here, and the session does the work afterwards: a point must not be
removed inside its own event, and Segment Editor sends many events for one stroke.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import slicer
import vtk

from .scan import ScanNodules

SETTLE_SECONDS = 0.4
"""An outline that was not touched for so long is analysed; a brush stroke is many changes."""


class Watch:
    """Observes the nodes of each CT that it was told of; wakes when there is something to do."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._scans: list[ScanNodules] = []
        self._tags: list[tuple[Any, int, Any]] = []
        self._points: list[ScanNodules] = []
        self._placed: list[ScanNodules] = []
        self._moved: list[ScanNodules] = []
        self._outlines: dict[ScanNodules, float] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing was noted that is still to be looked at."""
        return not (self._points or self._moved or self._outlines)

    @property
    def points_waiting(self) -> bool:
        """Whether points were placed or dragged."""
        return bool(self._points)

    def watch(self, scan: ScanNodules) -> None:
        """Follow a CT; its points and outlines get nodes if they have none. Once is enough."""
        if scan not in self._scans:
            self._scans.append(scan)
        points, outlines = scan.seeds_node, scan.segmentation_node.GetSegmentation()
        for event in (points.PointPositionDefinedEvent, points.PointEndInteractionEvent):
            self._observe(points, event, self._on_point)
        # Undo and redo of Segment Editor tell of no changed representation, only of the segment.
        for event in (
            slicer.vtkSegmentation.SourceRepresentationModified,
            slicer.vtkSegmentation.SegmentModified,
        ):
            self._observe(outlines, event, self._on_outline)
        moved = scan.volume_node.TransformModifiedEvent
        for node, event in (
            (scan.volume_node, moved),
            (scan.volume_node, vtk.vtkCommand.ModifiedEvent),
            (scan.segmentation_node, moved),
        ):
            self._observe(node, event, self._on_ct)

    def forget(self) -> None:
        """Follow nothing any more."""
        for node, tag, _ in self._tags:
            node.RemoveObserver(tag)
        self._tags.clear()
        self._scans.clear()
        self.points()
        self.moved()
        self._outlines.clear()

    def moved(self) -> list[ScanNodules]:
        """CTs that were moved since the last call."""
        moved, self._moved = self._moved, []
        return [scan for scan in moved if scan.alive]

    def points(self) -> list[tuple[ScanNodules, list[str]]]:
        """CTs whose points were placed or dragged since the last call.

        Each with the ids of new points that lie in no slice view: a click in a view notes the
        volume that is shown there, and a 3D view shows none.
        """
        touched, self._points = self._points, []
        placed, self._placed = self._placed, []
        return [
            (scan, _in_no_slice(scan) if scan in placed else []) for scan in touched if scan.alive
        ]

    def outlines(self) -> list[ScanNodules]:
        """CTs with outlines that were changed, and not again for `SETTLE_SECONDS`."""
        settled = time.monotonic() - SETTLE_SECONDS
        ready = [scan for scan, at in self._outlines.items() if at <= settled]
        for scan in ready:
            del self._outlines[scan]
        return [scan for scan in ready if scan.alive]

    def _observe(self, node: Any, event: Any, method: Callable[[Any, str], None]) -> None:
        known = any(node is other and event == name for other, _, name in self._tags)
        if not known:
            self._tags.append((node, node.AddObserver(event, method), event))

    def _on_ct(self, caller: Any, _event: str) -> None:
        scans = [s for s in self._living() if caller in (s.volume_node, s.known("segmentation"))]
        self._note(self._moved, scans)

    def _on_point(self, caller: Any, _event: str) -> None:
        scans = [scan for scan in self._living() if scan.known("seeds") is caller]
        self._note(self._points, scans)
        if _placing(caller.GetScene()):
            self._note(self._placed, scans)

    def _on_outline(self, caller: Any, _event: str) -> None:
        for scan in self._living():
            node = scan.known("segmentation")
            if node is not None and node.GetSegmentation() is caller:
                self._outlines[scan] = time.monotonic()
                self._wake()

    def _living(self) -> list[ScanNodules]:
        return [scan for scan in self._scans if scan.alive]

    def _note(self, notes: list[ScanNodules], scans: Iterable[ScanNodules]) -> None:
        for scan in scans:
            if scan not in notes:
                notes.append(scan)
            self._wake()


def _placing(scene: Any) -> bool:
    """Whether the mouse places points in the views now."""
    node = scene.GetNodeByID("vtkMRMLInteractionNodeSingleton") if scene is not None else None
    return node is not None and node.GetCurrentInteractionMode() == node.Place


def _in_no_slice(scan: ScanNodules) -> list[str]:
    node = scan.seeds_node
    return [
        seed_id
        for seed_id in scan.new_seeds()
        if not node.GetNthControlPointAssociatedNodeID(node.GetNthControlPointIndexByID(seed_id))
    ]
