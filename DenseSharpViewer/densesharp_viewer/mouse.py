"""What the mouse does in a slice view beyond Slicer's own: seeds, painting, linked views."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import vtk
from numpy.typing import NDArray

CLICKING = ("seed", "more", "less", "ruler")
"""Tools whose clicks mean something."""

CLICK_PIXELS = 4
"""A press and release closer than this is a click, anything else a drag."""

_FIRST = 20.0
"""Priority of our observers: before Slicer's own, so that a brush stroke stays ours."""


class AfterMouse:
    """Waits until Slicer itself has handled a mouse event, but not longer than the next action."""

    def __init__(self, later: Callable[[Callable[[], None]], None]) -> None:
        self._later = later
        self._waiting: list[Callable[[], None]] = []

    def add(self, function: Callable[[], None]) -> None:
        """Do this after the event."""
        self._waiting.append(function)
        self._later(self.run)

    def run(self) -> None:
        """Do all that waits, in order."""
        while self._waiting:
            self._waiting.pop(0)()


class MouseTarget(Protocol):
    """Who is told; points are world RAS mm."""

    @property
    def tool(self) -> str:
        """`seed`, `more`, `less`, `ruler`, `move`, `paint` or `erase`."""

    @property
    def brush_radius_mm(self) -> float:
        """Radius of the brush."""

    def clicked(self, ras: NDArray[np.float64]) -> None:
        """A click in a slice view while the tool is one of `CLICKING`."""

    def stroke(
        self, start: NDArray[np.float64], end: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> None:
        """A piece of a brush stroke."""

    def stroke_ended(self) -> None:
        """The button was released."""

    def seed_released(self) -> None:
        """A drag ended; a seed may have moved."""

    def pointed(self, ras: NDArray[np.float64]) -> None:
        """The mouse moved with Shift held: the other views are to follow."""

    def pressed_too_late(self) -> None:
        """The button went down on a picture of what the view does not show any more."""


class SliceMouse:
    """Watches one slice view's mouse."""

    def __init__(self, view: Any, target: MouseTarget) -> None:
        self._view, self._target = view, target
        self._pressed: tuple[int, int] | None = None
        self._seen = (0, 0)
        self._picture, self._late = view.pictures.now(), False
        self._held = self._handing_on = False
        self._last: NDArray[np.float64] | None = None
        self._ring = _Ring(view)
        interactor = view.interactor()
        self._tags = {
            event: interactor.AddObserver(event, handler, _FIRST)
            for event, handler in (
                ("LeftButtonPressEvent", self._press),
                ("MouseMoveEvent", self._move),
                ("LeftButtonReleaseEvent", self._release),
                ("LeaveEvent", self._leave),
            )
        }

    def ras_at(self, x: int, y: int) -> NDArray[np.float64]:
        """World RAS mm of a mouse position, pixels from the lower left corner of the view."""
        return self._view.pictures.now().place(x, y)

    def put_brush_away(self) -> None:
        """Another tool was chosen: the pointer need not move for the ring to go."""
        self._ring.show((0, 0), 0.0)

    @property
    def _painting(self) -> bool:
        return self._target.tool in ("paint", "erase")

    def _press(self, interactor: Any, event: str) -> None:
        if self._handing_on:
            return
        self._pressed = self._seen = interactor.GetEventPosition()
        pictures = self._view.pictures
        picture = pictures.shown(pictures.pressed_on)
        self._picture, self._late = picture or pictures.now(), picture is None
        if self._late:
            self._target.pressed_too_late()
            self._stop(interactor, event)
        elif self._painting and not interactor.GetShiftKey():
            self._last = self._picture.place(*self._pressed)
            self._target.stroke(self._last, self._last, self._picture.normal)
            self._stop(interactor, event)
        elif self._target.tool in CLICKING:
            # Slicer takes a press for the begin of a drag, and looks at every voxel of the CT for
            # the range of its window: a click must not wait for that.
            self._held = True
            self._stop(interactor, event)

    def _move(self, interactor: Any, event: str) -> None:
        position = self._seen = interactor.GetEventPosition()
        self._ring.show(position, self._target.brush_radius_mm if self._painting else 0.0)
        if self._late:
            self._stop(interactor, event)
        elif self._last is not None:
            here = self._picture.place(*position)
            self._target.stroke(self._last, here, self._picture.normal)
            self._last = here
            self._stop(interactor, event)
        elif self._held and self._moved(position) >= CLICK_PIXELS:
            self._hand_on(interactor, position)
        elif self._pressed is None and interactor.GetShiftKey():
            # Slicer does this in the manager of models, which is left out here.
            self._target.pointed(self.ras_at(*position))

    def _release(self, interactor: Any, event: str) -> None:
        position = interactor.GetEventPosition()
        if self._pressed is not None and position != self._seen:
            interactor.InvokeEvent("MouseMoveEvent")  # a busy page leaves out the last moves
        held, self._held = self._held, False
        if held:
            self._stop(interactor, event)
        if self._last is not None:
            self._last = None
            self._target.stroke_ended()
            self._stop(interactor, event)
        elif self._late:
            self._stop(interactor, event)
        elif self._pressed is not None:
            if self._moved(position) >= CLICK_PIXELS:
                self._target.seed_released()
            elif self._target.tool in CLICKING and not interactor.GetShiftKey():
                self._target.clicked(self._picture.place(*position))
        self._pressed, self._late = None, False

    def _moved(self, position: tuple[int, int]) -> int:
        """Pixels from where the button went down."""
        x, y = self._pressed or position
        return max(abs(position[0] - x), abs(position[1] - y))

    def _hand_on(self, interactor: Any, position: tuple[int, int]) -> None:
        """A press becomes a drag: give it to Slicer where it began."""
        self._held, self._handing_on = False, True
        interactor.SetEventPosition(*(self._pressed or position))
        interactor.InvokeEvent("LeftButtonPressEvent")
        interactor.SetEventPosition(*position)
        self._handing_on = False

    def _leave(self, _interactor: Any, _event: str) -> None:
        self._ring.show((0, 0), 0.0)

    def _stop(self, interactor: Any, event: str) -> None:
        """Keep Slicer's own observers from using the same event."""
        interactor.GetCommand(self._tags[event]).AbortFlagOn()


class _Ring:
    """The brush's outline at the mouse."""

    def __init__(self, view: Any) -> None:
        self._view = view
        self._source = vtk.vtkRegularPolygonSource()
        self._source.SetNumberOfSides(48)
        self._source.GeneratePolygonOff()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputConnection(self._source.GetOutputPort())
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetColor(1.0, 1.0, 1.0)
        self._actor.VisibilityOff()
        view.renderer().AddViewProp(self._actor)

    def show(self, position: tuple[int, int], radius_mm: float) -> None:
        """Draw at a pixel; nothing for radius zero."""
        if radius_mm <= 0 and not self._actor.GetVisibility():
            return
        node = self._view.get_view_node()
        self._actor.SetVisibility(radius_mm > 0)
        if radius_mm > 0:
            pixels = radius_mm * node.GetDimensions()[0] / node.GetFieldOfView()[0]
            self._source.SetRadius(pixels)
            self._source.SetCenter(float(position[0]), float(position[1]), 0.0)
        self._view.schedule_render()
