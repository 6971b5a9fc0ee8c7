"""Notices that a reader scrolls, zooms or turns views: pictures then come before refining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk
from slicer.util import VTKObservationMixin

VIEWS = ("vtkMRMLSliceNode", "vtkMRMLCameraNode")


class MovingViews(VTKObservationMixin):
    """Follows all views of the scene; `moved` is called each time one looks elsewhere."""

    def __init__(self, moved: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._moved = moved

    def follow(self) -> None:
        """Follow the views that there are now; those already followed stay so."""
        for kind in VIEWS:
            for node in slicer.util.getNodesByClass(kind):
                if not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self._onMoved):
                    self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onMoved)

    def _onMoved(self, _caller: Any, _event: str) -> None:
        self._moved()
