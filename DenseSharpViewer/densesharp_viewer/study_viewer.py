"""Slicer's views, the scene and the presenter of one reading: all of study mode but the page."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from slicer import vtkMRMLInteractionNode
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition

from densesharp.errors import DenseSharpError
from densesharp.image.volume import Volume
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.screen import Scene

from . import views
from .corner_annotations import SliceReadouts
from .mouse import SliceMouse
from .study_scene import StudyScene

log = logging.getLogger(__name__)

TICK_S = 1.0

FIRST_LAYOUT = "planes"
"""Three planes and no 3D view: until an outline is there, 3D has nothing to show."""

FIRST_STATE: dict[str, Any] = {
    "screen": {}, "loading": False, "tool": "look", "brush_mm": 6.0, "brush_3d": False,
    "window": "lung", "layout": FIRST_LAYOUT, "slices": {}, "mark": True,
    "comment": "",
}  # fmt: skip


class StudyViewer:
    """Shows what the presenter says and passes on what the reader does.

    Args:
        server: a trame server that is not started yet.
        reading: the reader's reading.
        decorate: adds page elements over each view.
    """

    def __init__(
        self, server: Any, reading: Reading, decorate: Callable[[Any, str, Any], None] | None = None
    ) -> None:
        self._server, self._state = server, server.state
        self._state.update(FIRST_STATE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: Executor = ThreadPoolExecutor(1)
        self._visit: int | None = None
        self.presenter = Presenter(reading)
        self.slicer_app = SlicerApp()
        views.register_views(self.slicer_app, server, decorate)
        self.layout_manager = LayoutManager(
            self.slicer_app.scene, self.slicer_app.view_manager, server
        )
        self.layout_manager.register_layout_dict({FIRST_LAYOUT: _planes(), **views.layouts()})
        self.layout_manager.set_layout(FIRST_LAYOUT)
        self.slice_views = {
            name: self.slicer_app.view_manager.get_view(tag)
            for name, tag in views.SLICE_VIEWS.items()
        }
        self.scene = StudyScene(self.slicer_app, self.slice_views, self._drawn, self._refused)
        self.presenter.look = self.scene.case.look
        self._mice = [SliceMouse(view, self.scene) for view in self.slice_views.values()]
        self._readouts = SliceReadouts(self.slice_views, self.publish, self._later)
        self.refresh()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this loop from now on; call when the server is ready."""
        self._loop = loop
        self._tick()

    def close(self) -> None:
        """Save the draft and end the reading thread."""
        self.presenter.tick(force=True)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def publish(self, values: dict[str, Any]) -> None:
        """Show changed values on the page."""
        with self._state:
            self._state.update(values)

    def refresh(self) -> None:
        """Bring views and page to what the presenter says."""
        scene = self.presenter.scene
        if scene is None:
            self._leave_case()
        elif scene.visit != self._visit:
            self._load(scene)
        else:
            self.scene.case.hide(False)
            if self.scene.show_outlines(scene.own_mask, scene.aid_mask):
                for view in self.slicer_app.view_manager.get_threed_views():
                    view.reset_view()
        self.publish({"screen": asdict(self.presenter.screen)})

    # What the page asks for

    def set_tool(self, tool: str) -> None:
        """Look, click, paint or erase; only looking where the study asks for no outline.

        A click needs a larger circle than a brush, so that its diameter changes with the tool.
        """
        if self.presenter.screen.mask_rule != "none" or tool == "look":
            self.scene.choose(tool)
            self.publish({"tool": tool, "brush_mm": 2 * self.scene.radius_mm})

    def set_brush(self, diameter_mm: float) -> None:
        """Diameter of the brush, or of the circle that limits a click."""
        self.scene.set_radius(diameter_mm / 2)
        self.publish({"brush_mm": diameter_mm})

    def change_brush(self, step_mm: float) -> None:
        """A smaller or larger brush."""
        self.set_brush(min(max(float(self._state.brush_mm) + step_mm, 1.0), 40.0))

    def set_brush_3d(self, ball: bool) -> None:
        """Paint a ball instead of the plane painted on."""
        self.scene.brush_3d = ball
        self.publish({"brush_3d": ball})

    def set_window(self, name: str) -> None:
        """A window preset."""
        self.scene.case.set_window(name)
        self.publish({"window": name})

    def set_layout(self, name: str) -> None:
        """A layout; the same single view twice goes back to the three planes."""
        again = name == self.layout_manager.layout_id
        chosen = FIRST_LAYOUT if again else name
        self.layout_manager.set_layout(chosen)
        self.publish({"layout": chosen})

    def toggle(self, name: str) -> None:
        """The point that marks the nodule off when it is on, and on when not."""
        shown = not self._state[name]
        self.scene.case.show_mark(shown)
        self.publish({name: shown})

    def scroll(self, steps: int) -> None:
        """Move the slice view under the mouse by whole slices; the axial one when none is."""
        self.slice_views[self._readouts.hovered or "axial"].scroll_by(steps)

    def set_slice(self, name: str, fraction: float) -> None:
        """Move a slice view to a fraction of its range."""
        self.slice_views[name].scroll_to(fraction)

    # Inside

    def _leave_case(self) -> None:
        """Between cases nothing stays in the scene; during a pause it is only hidden."""
        if self.presenter.screen.page == "paused":
            self.scene.case.hide(True)
        elif self._visit is not None:
            self._visit = None
            self.scene.clear()
        self.set_tool("look")

    def _load(self, scene: Scene) -> None:
        """Read the case's CT in the background."""
        self._visit = scene.visit
        # The page alone changes the comment while it is typed (an echo would undo letters), so
        # the state here may be equal by chance and must be sent all the same.
        self.publish({"comment": self.presenter.screen.answer.comment})
        self._state.dirty("comment")
        self._state.flush()
        self.scene.clear()
        self.publish({"loading": True})
        future = self._executor.submit(self.scene.case.read, scene.image)
        if self._loop is None:
            self._loaded(scene.visit, future)
        else:
            future.add_done_callback(
                lambda done: self._on_loop(lambda: self._loaded(scene.visit, done))
            )

    def _loaded(self, visit: int, future: Future[Volume]) -> None:
        scene = self.presenter.scene
        if visit != self._visit or future.cancelled():
            return
        self.publish({"loading": False})
        try:
            volume = future.result()
        except DenseSharpError as error:
            # Not the message: it names the file, and the reader may see this window too.
            log.warning("The image of the open case cannot be read (%s)", type(error).__name__)
            self.presenter.say(
                "The image of this case cannot be read: tell whoever runs the study."
            )
        else:
            if scene is not None:
                self.scene.show_case(volume, scene.seed_lps)
                if scene.hanging == "fixed":
                    self.scene.case.hold()
                interaction = self.slicer_app.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
                interaction.SetCurrentInteractionMode(vtkMRMLInteractionNode.AdjustWindowLevel)
                self.publish({"window": "lung", "mark": True})
                self._readouts.refresh()
                self.presenter.image_shown()
        self.refresh()

    def _drawn(self, mask: Any) -> None:
        self.presenter.set_mask(mask)
        self.refresh()

    def _refused(self, sentence: str) -> None:
        self.presenter.say(sentence)
        self.refresh()

    def _tick(self) -> None:
        self.presenter.tick()
        self._later(self._tick, TICK_S)

    def _on_loop(self, function: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._safely, function)

    def _later(self, function: Callable[[], None], seconds: float = 0.0) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_later(seconds, self._safely, function)

    def _safely(self, function: Callable[[], None]) -> None:
        """Run something of ours; a fault reaches the reader instead of vanishing in a callback."""
        try:
            function()
        except Exception as error:
            log.exception("Something went wrong in the study viewer")
            self.presenter.say(f"Something went wrong inside DenseSharp ({type(error).__name__}).")
            self.publish({"screen": asdict(self.presenter.screen)})


def _planes() -> Layout:
    """A large axial view beside coronal and sagittal."""
    beside = Layout(
        LayoutDirection.Vertical,
        [ViewLayoutDefinition.coronal_view(), ViewLayoutDefinition.sagittal_view()],
    )
    axial = ViewLayoutDefinition.axial_view()
    return Layout(LayoutDirection.Horizontal, [axial, beside], flex_sizes=["1.5", "1"])
