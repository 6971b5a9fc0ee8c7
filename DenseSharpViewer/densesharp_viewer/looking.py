"""Where the slice views look: on a slice of the CT, at the same zoom, near a nodule and back."""

from collections.abc import Callable
from typing import Any

from densesharp_scene import views as scene_views

NEAR_MM, NEAR_TIMES = 60.0, 4.0
"""Width shown around a nodule: this, or so many times its long axis."""

_EQUAL = 1e-6
_EARLY = 30.0
"""Priority of our observers: before Slicer's own, which may keep an event for themselves."""


class Looking:
    """Moves and zooms the slice views of one viewer; `later` runs a function after the event."""

    def __init__(self, views: dict[str, Any], later: Callable[[Callable[[], None]], None]) -> None:
        self._views, self._later = views, later
        self._near: tuple[str, tuple[float, ...]] | None = None
        self._zooming: Any = None
        self._scales: dict[str, float] = {}
        for name, view in views.items():
            interactor = view.interactor()
            interactor.AddObserver("RightButtonPressEvent", self._begin(name), _EARLY)
            interactor.AddObserver("RightButtonReleaseEvent", self._end, _EARLY)
            interactor.AddObserver("MouseMoveEvent", self._moved, _EARLY)
            for wheel in ("MouseWheelForwardEvent", "MouseWheelBackwardEvent"):
                interactor.AddObserver(wheel, self._wheel(name), _EARLY)

    def snap(self) -> None:
        """Bring each view to the nearest slice of the CT: between two it shows neither."""
        for view in self._views.values():
            view.snap()

    def is_near(self, scene: Any, nodule_id: str) -> bool:
        """Whether a nodule was zoomed to and the views still look where they did then."""
        return self._near == (nodule_id, scene_views.slice_places(scene))

    def come_near(self, scene: Any, nodule_id: str, across_mm: float) -> None:
        """Zoom to a nodule that the views look at; `across_mm` is its long axis."""
        scene_views.zoom_to(scene, max(NEAR_MM, NEAR_TIMES * across_mm))
        self._near = (nodule_id, scene_views.slice_places(scene))

    def back(self, scene: Any) -> None:
        """As wide as before a nodule was zoomed to."""
        scene_views.zoom_back(scene)
        self._near = None

    # Linked zoom

    def follow(self, name: str) -> None:
        """Give all views the scale (mm per pixel) of this one, where its zoom changed."""
        scale = _scale(self._views[name])
        if abs(scale - self._scales.get(name, scale)) <= _EQUAL * scale:
            return
        for view in self._views.values():
            node = view.get_view_node()
            width, height = node.GetDimensions()[:2]
            node.SetFieldOfView(scale * width, scale * height, node.GetFieldOfView()[2])
        self._remember()

    def _remember(self) -> None:
        self._scales = {name: _scale(view) for name, view in self._views.items()}

    def _begin(self, name: str) -> Callable[..., None]:
        def begin(*_: Any) -> None:
            self._zooming = name
            self._remember()

        return begin

    def _end(self, *_: Any) -> None:
        self._follow_later()
        self._zooming = None

    def _moved(self, *_: Any) -> None:
        if self._zooming is not None:
            self._follow_later()

    def _wheel(self, name: str) -> Callable[..., None]:
        def turned(interactor: Any, _event: str) -> None:
            if interactor.GetControlKey():
                self._remember()
                self._later(lambda: self.follow(name))

        return turned

    def _follow_later(self) -> None:
        name = self._zooming
        if name is not None:
            self._later(lambda: self.follow(name))


def _scale(view: Any) -> float:
    """Scale of a view, mm per pixel."""
    node = view.get_view_node()
    return float(node.GetFieldOfView()[0] / max(node.GetDimensions()[0], 1))
