"""A slice view that shows another CT and goes along with a first one, and the other way round."""

from collections.abc import Callable
from typing import Any

import numpy as np
import vtk

_EARLY = 30.0
"""Priority of our observers: before Slicer's own, which may keep an event for themselves."""


class LinkedView:
    """Links two slice views: the same plane, zoom and place, a fixed way apart.

    Args:
        first: the view that leads.
        second: the view that goes along; a wheel or a drag in it moves both.
        later: runs a function once the current event is over.

    Attributes:
        shift: from a place in the first CT to the same place in the second, RAS mm.
    """

    def __init__(
        self, first: Any, second: Any, later: Callable[[Callable[[], None]], None]
    ) -> None:
        self._first, self._second, self._later = first, second, later
        self._node: Any = None
        self._waiting = False
        self.shift = np.zeros(3)
        first.get_view_node().AddObserver("ModifiedEvent", self._led)
        for event in (
            "MouseWheelForwardEvent", "MouseWheelBackwardEvent", "MiddleButtonReleaseEvent",
            "RightButtonReleaseEvent",
        ):  # fmt: skip
            second.interactor().AddObserver(event, self._moved_itself, _EARLY)

    def show(self, volume_node: Any | None) -> None:
        """Show this CT in the second view; None ends the link."""
        self._node = volume_node
        self._second.set_background_volume_id(volume_node.GetID() if volume_node else None)
        self._second.set_foreground_volume_id(None)

    def follow(self) -> None:
        """Bring the second view to where the first one looks."""
        self._waiting = False
        if self._node is not None:
            # What lies over the first CT, such as an evidence map, is not about the second.
            self._second.set_foreground_volume_id(None)
            self._second.set_background_volume_id(self._node.GetID())
            _copy(self._first.get_view_node(), self._second.get_view_node(), self.shift)

    def lead(self) -> None:
        """Bring the first view to where the second one looks."""
        if self._node is not None:
            _copy(self._second.get_view_node(), self._first.get_view_node(), -self.shift)

    def _led(self, *_: Any) -> None:
        if self._node is not None and not self._waiting:
            self._waiting = True
            self._later(self.follow)

    def _moved_itself(self, *_: Any) -> None:
        self._later(self.lead)


def _copy(source: Any, target: Any, shift: np.ndarray) -> None:
    """Plane, place and scale of one slice view for another."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(source.GetSliceToRAS())
    for row in range(3):
        matrix.SetElement(row, 3, matrix.GetElement(row, 3) + float(shift[row]))
    width, height = target.GetDimensions()[:2]
    scale = source.GetFieldOfView()[0] / max(source.GetDimensions()[0], 1)
    was_modifying = target.StartModify()
    target.GetSliceToRAS().DeepCopy(matrix)
    target.SetFieldOfView(scale * width, scale * height, target.GetFieldOfView()[2])
    target.SetXYZOrigin(*source.GetXYZOrigin())
    target.UpdateMatrices()
    target.EndModify(was_modifying)
