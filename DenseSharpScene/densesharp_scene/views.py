"""What the slice views show: background, overlay, window, and where they look."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike

WINDOWS = {"lung": (1500.0, -600.0), "mediastinum": (400.0, 40.0), "bone": (1800.0, 400.0)}
"""Window width and level in HU."""

FORMER = "DenseSharp.Former"
"""Role and attribute of a slice view: the overlay that ours replaced, and its opacity."""

FIELD = "DenseSharp.FieldOfView"
"""Attribute of a slice view that was zoomed to a nodule: the width it showed before, mm."""

NEAR_MM = 120.0
"""From so far away a 3D view with Slicer's angle of 30 degrees shows 64 mm: a nodule with its
surroundings."""


def set_window(volume_node: Any, width: float, level: float) -> None:
    """Set window width and level (HU) of a CT."""
    display = volume_node.GetDisplayNode()
    was_modifying = display.StartModify()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(width, level)
    display.EndModify(was_modifying)


def window_name(volume_node: Any) -> str:
    """Which of `WINDOWS` a CT is shown in; empty for any other."""
    display = volume_node.GetDisplayNode()
    shown = (display.GetWindow(), display.GetLevel())
    return next((name for name, values in WINDOWS.items() if values == shown), "")


def show_background(scene: Any, volume_node: Any) -> None:
    """Show a CT in all slice views."""
    for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(volume_node.GetID() if volume_node else None)


def shows(scene: Any, volume_node: Any) -> bool:
    """Whether a slice view shows this volume."""
    return any(
        composite.GetBackgroundVolumeID() == volume_node.GetID()
        for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode")
    )


def views_of(scene: Any, volume_node: Any) -> list[Any]:
    """The slice views that show a volume, or none at all."""
    backgrounds = {
        composite.GetLayoutName(): composite.GetBackgroundVolumeID() or volume_node.GetID()
        for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode")
    }
    return [
        view
        for view in nodes_of(scene, "vtkMRMLSliceNode")
        if backgrounds.get(view.GetLayoutName(), volume_node.GetID()) == volume_node.GetID()
    ]


def background_volume(scene: Any) -> Any | None:
    """The volume shown in the first slice view that shows one."""
    shown = (each.GetBackgroundVolumeID() for each in nodes_of(scene, "vtkMRMLSliceCompositeNode"))
    return next(filter(None, (scene.GetNodeByID(name or "") for name in shown)), None)


def show_overlay(scene: Any, volume_node: Any, opacity: float = 0.5) -> None:
    """Show a volume over the CT in all slice views; what lay there comes back with `hide_overlay`.

    Each view keeps what it showed, such as a PET, by reference: ids change when a scene is opened.
    """
    for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() != volume_node.GetID():
            composite.SetNodeReferenceID(FORMER, composite.GetForegroundVolumeID())
            composite.SetAttribute(FORMER, str(composite.GetForegroundOpacity()))
        composite.SetForegroundVolumeID(volume_node.GetID())
        composite.SetForegroundOpacity(opacity)


def fade_overlay(scene: Any, volume_node: Any, opacity: float) -> None:
    """Let the CT be seen through a volume that lies over it: 0 hides it, 1 hides the CT."""
    for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() == volume_node.GetID():
            composite.SetForegroundOpacity(opacity)


def overlay_volume(scene: Any) -> Any | None:
    """The volume over the CT in the first slice view that shows one."""
    shown = (each.GetForegroundVolumeID() for each in nodes_of(scene, "vtkMRMLSliceCompositeNode"))
    return next(filter(None, (scene.GetNodeByID(name or "") for name in shown)), None)


def hide_overlay(scene: Any, volume_node: Any) -> None:
    """Take a volume off the CT and give back what lay there; another overlay stays."""
    for composite in nodes_of(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() == volume_node.GetID():
            former = composite.GetNodeReferenceID(FORMER)
            opacity = composite.GetAttribute(FORMER) if former else None
            composite.SetForegroundVolumeID(former)
            composite.SetForegroundOpacity(float(opacity or 0.0))
            composite.SetNodeReferenceID(FORMER, None)
            composite.RemoveAttribute(FORMER)


_jumps: list[object] = []


def is_jumping() -> bool:
    """Whether the views are brought somewhere now, and not moved by a reader."""
    return bool(_jumps)


@contextmanager
def jumping() -> Iterator[None]:
    """Inside it views are brought somewhere by the program."""
    _jumps.append(None)
    try:
        yield
    finally:
        _jumps.pop()


def jump_to(scene: Any, ras: ArrayLike, centered: bool = True) -> None:
    """Bring all slice views and the crosshair to a world point (RAS mm).

    Without `centered` a picture moves in its plane only where the point would not be seen.
    """
    r, a, s = (float(x) for x in np.asarray(ras))
    with jumping():
        for view in nodes_of(scene, "vtkMRMLSliceNode"):
            if centered or not _sees(view, (r, a, s)):
                view.JumpSliceByCentering(r, a, s)
            else:
                view.JumpSliceByOffsetting(r, a, s)
    for crosshair in nodes_of(scene, "vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(r, a, s)


def composite_of(view: Any) -> Any | None:
    """The node that says which volumes a slice view shows."""
    composites = nodes_of(view.GetScene(), "vtkMRMLSliceCompositeNode")
    return next((c for c in composites if c.GetLayoutName() == view.GetLayoutName()), None)


def zoom_to(scene: Any, width_mm: float) -> None:
    """Let every slice view show a width of so many mm; `zoom_back` undoes it."""
    with jumping():
        for view in nodes_of(scene, "vtkMRMLSliceNode"):
            across, up, deep = view.GetFieldOfView()
            if not view.GetAttribute(FIELD):
                view.SetAttribute(FIELD, str(across))
            view.SetFieldOfView(width_mm, width_mm * up / across, deep)


def zoom_back(scene: Any) -> None:
    """Let every slice view show the width it had before `zoom_to`; the middle stays."""
    with jumping():
        for view in nodes_of(scene, "vtkMRMLSliceNode"):
            former = view.GetAttribute(FIELD)
            if former:
                across, up, deep = view.GetFieldOfView()
                view.SetFieldOfView(float(former), float(former) * up / across, deep)
                view.RemoveAttribute(FIELD)


def _sees(view: Any, ras: tuple[float, float, float]) -> bool:
    """Whether a slice view shows this place of its plane, or of a parallel one."""
    inverse = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view.GetXYToRAS(), inverse)
    x, y = inverse.MultiplyPoint((*ras, 1.0))[:2]
    width, height = view.GetDimensions()[:2]
    return bool(0 <= x <= width and 0 <= y <= height)


def look_at(scene: Any, ras: ArrayLike) -> None:
    """Turn the 3D views to a world point (RAS mm) and come as near as a nodule needs."""
    point = np.asarray(ras, dtype=np.float64)
    for camera in nodes_of(scene, "vtkMRMLCameraNode"):
        away = np.array(camera.GetPosition()) - camera.GetFocalPoint()
        distance = np.linalg.norm(away)
        if distance > 0:
            away *= min(1.0, NEAR_MM / distance)
        was_modifying = camera.StartModify()
        camera.SetFocalPoint(*point.tolist())
        camera.SetPosition(*(point + away).tolist())
        camera.ResetClippingRange()
        camera.EndModify(was_modifying)


def slice_places(scene: Any) -> tuple[float, ...]:
    """Where the slice views look, RAS mm: not the same once a reader has scrolled or panned."""
    places = []
    for view in nodes_of(scene, "vtkMRMLSliceNode"):
        matrix = view.GetSliceToRAS()
        places += [matrix.GetElement(row, 3) for row in range(3)]
    return tuple(places)


def distance_to_planes(scene: Any, volume_node: Any, ras: ArrayLike) -> float:
    """How far a place lies from the slices that are shown of a volume, mm, in the worst view.

    Where none shows the volume yet, it is about to be shown in all.
    """
    views = views_of(scene, volume_node) or nodes_of(scene, "vtkMRMLSliceNode")
    farthest = 0.0 if views else float("inf")
    for view in views:
        matrix = view.GetSliceToRAS()
        normal, place = (
            np.array([matrix.GetElement(row, column) for row in range(3)]) for column in (2, 3)
        )
        farthest = max(farthest, abs(float((np.asarray(ras) - place) @ normal)))
    return farthest


def nodes_of(scene: Any, class_name: str) -> list[Any]:
    """All nodes of a class in a scene."""
    collection = scene.GetNodesByClass(class_name)
    collection.UnRegister(None)
    return [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]
