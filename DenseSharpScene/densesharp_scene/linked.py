"""Two CTs side by side: scrolling and zooming one view moves the other by as much.

Slicer's own link shows the same place of the world in both, which two unregistered CTs do not
share. Here each view keeps the nodule that it was brought to.
"""

from typing import Any

import vtk

from .views import composite_of, is_jumping


class Linked:
    """Follows two slice views, until one of them shows another CT."""

    def __init__(self) -> None:
        self._views: tuple[Any, ...] = ()
        self._shown: tuple[str, ...] = ()
        self._tags: list[tuple[Any, int]] = []
        self._seen: dict[str, tuple[float, float]] = {}
        self._following = False

    @property
    def on(self) -> bool:
        """Whether two views move together."""
        return bool(self._views)

    def link(self, one: Any, other: Any) -> None:
        """Let two slice views (`vtkMRMLSliceNode`) move together from here on."""
        self.unlink()
        self._views = one, other
        self._shown = self._volumes()
        for view in self._views:
            self._seen[view.GetID()] = _look(view)
            tag = view.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_moved)
            self._tags.append((view, tag))

    def unlink(self) -> None:
        """Let each view move by itself again."""
        for view, tag in self._tags:
            view.RemoveObserver(tag)
        self._views, self._shown, self._tags, self._seen = (), (), [], {}

    def _volumes(self) -> tuple[str, ...]:
        composites = (composite_of(view) for view in self._views)
        return tuple(each.GetBackgroundVolumeID() or "" if each else "" for each in composites)

    def _on_moved(self, view: Any, _event: str) -> None:
        if self._following or not self.on:
            return
        if self._volumes() != self._shown:
            self.unlink()
            return
        offset, width = _look(view)
        was_offset, was_width = self._seen[view.GetID()]
        self._seen[view.GetID()] = offset, width
        if is_jumping() or (offset, width) == (was_offset, was_width):
            return
        (other,) = (each for each in self._views if each is not view)
        self._following = True
        try:
            other.SetSliceOffset(other.GetSliceOffset() + offset - was_offset)
            across, up, deep = other.GetFieldOfView()
            times = width / was_width
            other.SetFieldOfView(across * times, up * times, deep)
        finally:
            self._following = False
        self._seen[other.GetID()] = _look(other)


def _look(view: Any) -> tuple[float, float]:
    """Where a view lies along its normal, and how much it shows across; mm."""
    return view.GetSliceOffset(), view.GetFieldOfView()[0]
