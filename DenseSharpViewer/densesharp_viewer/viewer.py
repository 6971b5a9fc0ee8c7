"""Slicer's views and one session in one object: everything of the viewer but the web page."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from slicer import vtkMRMLCrosshairNode, vtkMRMLInteractionNode
from trame_slicer.core import LayoutManager, SlicerApp

from densesharp.report.labels import minus_signs
from densesharp.words import plain_name
from densesharp.worklist import ListedCase
from densesharp_scene import Nodule, ScanNodules, rulers
from densesharp_scene import views as scene_views
from densesharp_scene.events import attempt

from . import views
from .corner_annotations import SliceReadouts
from .looking import Looking
from .mouse import AfterMouse, SliceMouse
from .page_state import checked, first_state
from .pictures import TOO_LATE
from .pointer import Pointer
from .prior import Prior
from .reading_list import ReadingList
from .session import Session

log = logging.getLogger(__name__)

INFO_S = 6.0
"""How long a message that only informs stays."""

DRAWN_S = 0.12
"""After this the pictures of a first answer are on their way to the page."""

ROOM_MM = 4.0
"""Shown around a nodule in the 3D view."""


class Viewer:
    """Views, tools and the session of one reader.

    Args:
        server: a trame server that is not started yet.
        backend: what computes.
        results: folder for saved files.
        decorate: adds page elements over each view.
        cases: a worklist to go through.

    Attributes:
        away: the browser asks the reader whether to leave the page, or the page was left.
        after_mouse: what the mouse asked for.
        on_reader: told of the reader's name.
    """

    def __init__(
        self,
        server: Any,
        backend: Any,
        results: Path,
        decorate: Callable[[Any, str, Any], None] | None = None,
        cases: Sequence[ListedCase] = (),
    ) -> None:
        self._server, self._state = server, server.state
        self._state.update(first_state())
        self._loop: asyncio.AbstractEventLoop | None = None
        self.away, self.after_mouse = False, AfterMouse(self._later)
        self.on_reader: Callable[[str], None] = lambda _name: None
        self.slicer_app = SlicerApp()
        self.session = Session(self.slicer_app, backend, self.publish, results, self._wake)
        self.session.on_opened = self._opened
        self.session.page.on_looked_at = self._look_at
        self.session.page.on_showing = lambda shown: self._later(shown, DRAWN_S)
        self.reading = ReadingList(self.session, cases, results, self._wake, self._later)
        views.register_views(self.slicer_app, server, decorate)
        manager = self.slicer_app.view_manager
        self.layout_manager = LayoutManager(self.slicer_app.scene, manager, server)
        with views.quiet_vtk():
            self.layout_manager.register_layout_dict(views.layouts())
        self.layout_manager.set_layout("four")
        self.slice_views = {name: manager.get_view(tag) for name, tag in views.SLICE_VIEWS.items()}
        self._mice = [SliceMouse(view, self) for view in self.slice_views.values()]
        self._pointer = Pointer(self.session, self._later)
        self._readouts = SliceReadouts(
            self.slice_views, self.publish, self._later, self._pointer.at
        )
        named = {**self.slice_views, "threed": manager.get_view("ThreeD")}
        views.draw_in_turn(
            named, lambda: self._readouts.hovered, self.session.is_hurried, self._later
        )
        self.looking = Looking(self.slice_views, self._later)
        get_view = manager.get_view
        self.prior = Prior(self.session, self.layout_manager, get_view, self._later, self._wake)
        self.reading.on_earlier = self.prior.open

    # The event loop

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this loop for everything that comes later; call when the server is ready."""
        self._loop = loop
        self._wake()

    def publish(self, values: dict[str, Any]) -> None:
        """Show changed values on the page."""
        with self._state:
            self._state.update(checked(values))
        if self._state.hint and len(values.get("nodules", ())) > 1:
            self.forget_hint()
        message = values.get("message")
        if message and message["text"] and message["kind"] == "info":
            self._later(lambda: self._forget(message), INFO_S)

    def say(self, text: str, kind: str = "caution") -> None:
        """Show a sentence to the reader."""
        self.publish({"message": {"text": text, "kind": kind}})

    def _wake(self) -> None:
        """Called on the worker's thread: take its events over on the loop."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._safely, self._poll)

    def _poll(self) -> None:
        self.session.poll()
        self.reading.poll()
        self.prior.poll()

    def _later(self, function: Callable[[], None], seconds: float = 0.0) -> None:
        if self._loop is not None and seconds:
            self._loop.call_later(seconds, self._safely, function)
        elif self._loop is not None:  # before the pictures that the current event asks for
            self._loop.call_soon(self._safely, function)

    def _safely(self, function: Callable[[], None]) -> None:
        """Run something of ours; a fault reaches the reader instead of vanishing in a callback."""
        try:
            function()
        except Exception as error:
            log.exception("Something went wrong in the viewer")
            self.say(f"Something went wrong inside DenseSharp ({type(error).__name__}).", "error")

    # What the mouse asks for

    @property
    def tool(self) -> str:
        """The chosen tool."""
        return self.session.tool

    @property
    def brush_radius_mm(self) -> float:
        """Radius of the brush."""
        return self.session.drawing.brush.radius_mm

    def clicked(self, ras: np.ndarray) -> None:
        """A click with a tool that clicks."""
        self.after_mouse.add(lambda: self._click(ras))

    def _click(self, ras: np.ndarray) -> None:
        if self.session.scan is None:
            return
        self._pointer.stop()
        moves = {"more": True, "less": False}
        if self.tool == "ruler":
            rulers.click(self.session.scan, ras)
        elif self.tool in moves:
            add = moves[self.tool]
            attempt(lambda: self.session.drawing.click(ras, add=add), self.session.page)
        else:
            attempt(lambda: self.session.click(ras), self.session.page)

    def stroke(self, start: np.ndarray, end: np.ndarray, normal: np.ndarray) -> None:
        """A piece of a brush stroke."""
        self._safely(lambda: self.session.stroke(start, end, normal))

    def stroke_ended(self) -> None:
        """The brush was lifted."""
        self.after_mouse.add(self.session.drawing.end)

    def seed_released(self) -> None:
        """A drag ended; Slicer's own handling of it comes first."""
        self.after_mouse.add(self.session.check_seeds)

    def pointed(self, ras: np.ndarray) -> None:
        """Shift and mouse: crosshair and the other slice views come to this point."""
        if self.session.scan is not None:
            scene_views.jump_to(self.session.scan.scene, ras, centered=False)
            self.looking.snap()

    def pressed_too_late(self) -> None:
        """The picture that was clicked is not what the view shows any more."""
        self.say(TOO_LATE)

    # What the page asks for

    def cancel(self) -> None:
        """Stop what is computed, and stay with the case that is open."""
        self.reading.stay()
        self.session.cancel()

    def set_reader(self, name: str) -> None:
        """Who accepts and rejects."""
        self.session.state.reader = plain_name(name)
        self.publish({"reader": self.session.state.reader})
        self.on_reader(self.session.state.reader)

    def set_away(self, away: bool) -> None:
        """The browser asks whether to leave the page; or the reader stayed, or is back."""
        self.away = away

    def set_tool(self, tool: str) -> None:
        """Seed, more, less, ruler, move, paint or erase."""
        if self.session.scan is not None:
            rulers.forget_begun(self.session.scan.scene)
        self.session.tool = tool
        for mouse in self._mice:
            mouse.put_brush_away()
        self.session.lock_lines()
        self.session.forget_message()  # what the former tool was told is over
        self.publish({"tool": tool})

    def clear_rulers(self) -> None:
        """Remove all rulers."""
        if self.session.scan is not None:
            rulers.clear(self.session.scan.scene)

    def set_brush(self, diameter_mm: float) -> None:
        """Diameter of the brush."""
        self.session.drawing.brush.radius_mm = diameter_mm / 2
        self.publish({"brush_mm": diameter_mm})

    def change_brush(self, step_mm: float) -> None:
        """A smaller or larger brush."""
        self.set_brush(min(max(2 * self.brush_radius_mm + step_mm, 1.0), 20.0))

    def toggle(self, name: str) -> None:
        """Turn outlines, evidence, axes or crosshair off when they are on, and on when not."""
        show = {
            "outlines": self.show_outlines, "evidence": self.session.show_evidence,
            "axes": self.session.show_axes, "crosshair": self.show_crosshair,
        }  # fmt: skip
        show[name](not self._state[name])

    def set_brush_3d(self, ball: bool) -> None:
        """Paint a ball instead of the plane painted on."""
        self.session.drawing.brush.ball = ball
        self.publish({"brush_3d": ball})

    def set_window(self, name: str) -> None:
        """A window preset."""
        if self.session.scan is not None:
            scene_views.set_window(self.session.scan.volume_node, *scene_views.WINDOWS[name])

    def set_layout(self, name: str) -> None:
        """A layout; the same single view twice goes back to four."""
        if name == views.PAIR:
            self.prior.toggle()
            return
        chosen = "four" if name == self.layout_manager.layout_id else name
        self.layout_manager.set_layout(chosen)
        self.publish({"layout": chosen})

    def show_outlines(self, shown: bool) -> None:
        """Outlines, surfaces and seeds on or off."""
        scan = self.session.scan
        if scan is not None:
            scan.segmentation_node.GetDisplayNode().SetVisibility(shown)
            scan.seeds_node.GetDisplayNode().SetVisibility(shown)
        self.publish({"outlines": shown})

    def show_crosshair(self, shown: bool) -> None:
        """Crosshair on or off."""
        node = self.slicer_app.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        mode = vtkMRMLCrosshairNode.ShowBasic if shown else vtkMRMLCrosshairNode.NoCrosshair
        node.SetCrosshairMode(mode)
        node.SetCrosshairBehavior(vtkMRMLCrosshairNode.OffsetJumpSlice)
        self.publish({"crosshair": shown})

    def seed_at_mouse(self, tag: str, number: int) -> None:
        """A seed where the mouse is, whatever the tool; the page knows the view and its picture."""
        view = {views.SLICE_VIEWS[name]: view for name, view in self.slice_views.items()}.get(tag)
        if view is None:
            self.say("Move the mouse over a slice view first.", "info")
            return
        picture = view.pictures.shown(number)
        if picture is None:
            self.pressed_too_late()
            return
        self._click(picture.place(*view.interactor().GetEventPosition()))

    def scroll(self, steps: int) -> None:
        """Move the slice view under the mouse by whole slices; the axial one when none is."""
        self.slice_views[self._readouts.hovered or "axial"].scroll_by(steps)

    def set_slice(self, name: str, fraction: float) -> None:
        """Move a slice view to a fraction of its range."""
        self.slice_views[name].scroll_to(fraction)

    def fit(self) -> None:
        """Fit all views to what they show; the slices stay, or a reader loses the place."""
        self.looking.back(self.slicer_app.scene)
        for view in self.slice_views.values():
            place = view.get_slice_value()
            view.reset_view()
            view.set_slice_value(place)
        for view in self.slicer_app.view_manager.get_threed_views():
            view.reset_view()

    def jump(self) -> None:
        """Bring the views near the selected nodule; once more goes back to the width before."""
        nodule, scan = self.session.nodule, self.session.scan
        if nodule is None or scan is None:
            return
        if self.looking.is_near(scan.scene, nodule.id):
            self.looking.back(scan.scene)
            return
        measured = nodule.result.measurements
        self.session.select(nodule.id)
        across = measured.long_axis_mm if measured is not None else 0.0
        self.looking.come_near(scan.scene, nodule.id, across)

    def keep_identity(self, kept: bool) -> None:
        """Whether DICOM objects carry the patient's own name."""
        self.publish({"keep_identity": kept})

    def forget_hint(self) -> None:
        """What the hint proposes was done, or is not wanted."""
        self.publish({"hint": ""})

    def _forget(self, message: dict[str, str]) -> None:
        if self._state.message == message:
            self.session.forget_message()

    # Inside

    def _opened(self, scan: ScanNodules) -> None:
        """Show a CT that was just put into the scene."""
        scene_views.show_background(scan.scene, scan.volume_node)
        self.looking.back(scan.scene)
        for view in self.slice_views.values():
            view.reset_view()
        for view in self.slicer_app.view_manager.get_slice_views():
            view.pictures.another_case()
        interaction = scan.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
        interaction.SetCurrentInteractionMode(vtkMRMLInteractionNode.AdjustWindowLevel)
        self.show_crosshair(bool(self._state.crosshair))
        self._follow_window(scan)
        self.publish({"outlines": True, "hint": ""})
        self._readouts.refresh()

    def _follow_window(self, scan: ScanNodules) -> None:
        """Show which preset is on; a drag in a view leaves all of them."""

        def changed(*_: Any) -> None:
            window = scene_views.window_name(scan.volume_node)
            display = scan.volume_node.GetDisplayNode()
            levels = f"W {display.GetWindow():.0f}  L {display.GetLevel():.0f}"
            self.publish({"window": window, "levels": minus_signs(levels)})

        scan.volume_node.GetDisplayNode().AddObserver("ModifiedEvent", changed)
        changed()

    def _look_at(self, nodule: Nodule) -> None:
        """Turn the views to a nodule: slices to whole ones, 3D with some room around it."""
        self.looking.snap()
        mask = nodule.result.mask
        scan = self.session.scan
        if scan is not None:
            # Beside a nodule without a surface that of another would be taken for its own.
            scan.segmentation_node.GetDisplayNode().SetVisibility3D(mask is not None)
        if mask is None:
            return
        corners = mask.grid.to_world([[0, 0, 0], np.array(mask.grid.size) - 1]) * (-1, -1, 1)
        low, high = corners.min(axis=0) - ROOM_MM, corners.max(axis=0) + ROOM_MM
        for view in self.slicer_app.view_manager.get_threed_views():
            view.renderer().ResetCamera(np.stack([low, high], axis=1).ravel().tolist())
            view.schedule_render()
