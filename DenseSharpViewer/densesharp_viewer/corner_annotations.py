"""The small texts over each slice view: which slice, and which side is which."""

from collections.abc import Callable
from typing import Any

import numpy as np

from densesharp.report.labels import minus_signs

EVERY_S = 0.08
"""Texts follow the views at most this often; the views themselves are not held up."""

LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))
"""Directions of RAS: plus is right, anterior, superior."""


class SliceReadouts:
    """Publishes texts and slider positions of the slice views.

    Args:
        views: name to slice view.
        publish: told `{"slices": {name: {...}}}`.
        later: runs a function after some seconds.
        probe: what to say of a place (RAS mm) under the pointer.

    Attributes:
        hovered: the view that the pointer was in last.
    """

    def __init__(
        self,
        views: dict[str, Any],
        publish: Callable[[dict[str, Any]], None],
        later: Callable[[Callable[[], None], float], None],
        probe: Callable[[Any], str] | None = None,
    ) -> None:
        self._views, self._publish, self._later = views, publish, later
        self._probe = probe
        self._waiting = self._probing = False
        self.hovered: str | None = None
        for name, view in views.items():
            view.modified.connect(self._changed)
            view.interactor().AddObserver("MouseMoveEvent", self._entered(name), 30.0)
            view.interactor().AddObserver("MouseWheelForwardEvent", self._entered(name), 30.0)
            if probe is not None:
                view.interactor().AddObserver("LeaveEvent", self._left, 30.0)

    def refresh(self) -> None:
        """Publish now."""
        self._waiting = False
        self._publish({"slices": {name: readout(view) for name, view in self._views.items()}})
        if self.hovered is not None:  # another slice has come under a pointer that rests
            self._point()

    def _changed(self, *_: Any) -> None:
        if not self._waiting:
            self._waiting = True
            self._later(self.refresh, EVERY_S)

    def _entered(self, name: str) -> Callable[..., None]:
        def remember(*_: Any) -> None:
            self.hovered = name
            if self._probe is not None and not self._probing:
                self._probing = True
                self._later(self._point, EVERY_S)

        return remember

    def _point(self) -> None:
        """Publish what lies under the pointer now."""
        self._probing = False
        name = self.hovered
        if name is None or self._probe is None:
            return
        view = self._views[name]
        text = self._probe(view.pictures.now().place(*view.interactor().GetEventPosition()))
        slice_number = f"{name} slice {readout(view)['number'].split(' ')[0]}"
        self._publish({"pointer": f"{text}, {slice_number}" if text else ""})

    def _left(self, *_: Any) -> None:
        self.hovered = None
        self._publish({"pointer": ""})


def readout(view: Any) -> dict[str, Any]:
    """Which slice a view shows, and which side is which."""
    low, high = view.get_slice_range()
    value, step = view.get_slice_value(), view.get_slice_step()
    count = max(round((high - low) / step), 1)
    fraction = (value - low) / (high - low) if high > low else 0.0
    matrix = view.get_view_node().GetSliceToRAS()
    axes = np.array([[matrix.GetElement(row, column) for column in range(2)] for row in range(3)])
    right, top = direction_letters(axes[:, 0]), direction_letters(axes[:, 1])
    return {
        "text": minus_signs(f"{value:.1f} mm"),
        "number": f"{round(fraction * count) + 1} / {count + 1}",
        "fraction": round(float(fraction), 5),
        "right": right,
        "left": direction_letters(-axes[:, 0]),
        "top": top,
        "bottom": direction_letters(-axes[:, 1]),
    }


def direction_letters(direction: Any) -> str:
    """Where a RAS direction points: the letter of its largest part, then of a second large one."""
    vector = np.asarray(direction, dtype=np.float64)
    order = np.argsort(-np.abs(vector))
    letters = [LETTERS[axis][0 if vector[axis] > 0 else 1] for axis in order]
    second = abs(vector[order[1]]) > 0.4 * abs(vector[order[0]])
    return letters[0] + (letters[1] if second else "")
