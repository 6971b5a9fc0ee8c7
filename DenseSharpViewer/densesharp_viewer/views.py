"""Slicer's slice and 3D views, made lean enough for drawing on a processor.

Two things slow the views of trame-slicer on software OpenGL: eight samples a pixel, and displayable
managers that redraw every slice view when one moves. Both are left out here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from slicer import (
    vtkMRMLModelSliceDisplayableManager,
    vtkMRMLVolumeGlyphSliceDisplayableManager,
    vtkMRMLVolumeRenderingDisplayableManager,
)
from trame_slicer.core import SlicerApp
from trame_slicer.rca_view.rca_view_factory import RemoteViewFactory
from trame_slicer.views import (
    Layout,
    LayoutDirection,
    NoScheduleRendering,
    ScheduledRenderStrategy,
    SliceView,
    ThreeDView,
    ViewLayoutDefinition,
    ViewType,
)
from vtkmodules.vtkCommonCore import vtkObject, vtkOutputWindow

from .pictures import Pictures, number_pictures

LEFT_OUT = {
    vtkMRMLModelSliceDisplayableManager,
    vtkMRMLVolumeGlyphSliceDisplayableManager,
    vtkMRMLVolumeRenderingDisplayableManager,
}

MOVING_QUALITY = 75
"""JPEG quality while a view moves."""

BEHIND_S = 0.03
"""How much later than the view under the pointer the others are drawn."""

HELD_S = 1.0
"""So long they wait at most while a reader paints or waits for an answer."""

SLICE_VIEWS = {"axial": "Red", "coronal": "Green", "sagittal": "Yellow"}
"""Slicer's names of the slice views."""

PAIR, PRIOR = "pair", "Prior"
"""The layout of two CTs side by side, and Slicer's name of the view of the earlier one."""

PRIOR_COLOR = "#B58AE0"

COLORS = {"axial": "#F34A33", "coronal": "#6DAD4A", "sagittal": "#EFD64D", "threed": "#8FA7C9"}

_DEFINITIONS = {
    "axial": ViewLayoutDefinition.axial_view(),
    "coronal": ViewLayoutDefinition.coronal_view(),
    "sagittal": ViewLayoutDefinition.sagittal_view(),
    "threed": ViewLayoutDefinition.threed_view(background_color="#10141a"),
}


class InTurn(ScheduledRenderStrategy):
    """Draws a view at once, or a moment later while another one is under the pointer.

    Else all views are drawn before the first picture goes out, that of the one looked at too.

    Args:
        own: draws the view.
        ahead: whether it is drawn at once.
        held: whether the processor is wanted for something that the reader waits for.
        later: runs a function after some seconds.
    """

    def __init__(
        self,
        own: ScheduledRenderStrategy,
        ahead: Callable[[], bool],
        held: Callable[[], bool],
        later: Callable[[Callable[[], None], float], None],
    ) -> None:
        super().__init__()
        self._own, self._ahead, self._held, self._later = own, ahead, held, later
        self._waiting, self._until = False, 0.0

    def set_abstract_view(self, abstract_view: Any) -> None:
        """The view that is drawn."""
        self._own.set_abstract_view(abstract_view)

    def schedule_render(self) -> None:
        """Draw it soon."""
        if self._ahead():
            self._own.schedule_render()
        elif not self._waiting:
            self._waiting, self._until = True, time.monotonic() + HELD_S
            self._later(self._soon, BEHIND_S)

    def did_render(self) -> None:
        """It was drawn."""
        self._own.did_render()

    def _soon(self, waited: bool = False) -> None:
        if self._held() and time.monotonic() < self._until:
            self._later(lambda: self._soon(waited=True), BEHIND_S)
        elif waited:  # the picture of what was waited for goes out first
            self._later(self._now, BEHIND_S)
        else:
            self._now()

    def _now(self) -> None:
        self._waiting = False
        self._own.schedule_render()


class LeanSliceView(SliceView):
    """A slice view without multi-sampling and without managers that nothing here uses.

    While it shows the whole CT it goes on to do so when its size changes (the page opens, another
    layout); once a reader has zoomed, moved or jumped, the zoom is kept as in Slicer.
    """

    _fitted: tuple[float, ...] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pictures = Pictures(self)
        self.render_window().SetMultiSamples(0)

    def _initialize_displayable_manager_group(
        self, factory_type: Any, app_logic: Any, manager_types: list[Any]
    ) -> None:
        super()._initialize_displayable_manager_group(
            factory_type, app_logic, [kind for kind in manager_types if kind not in LEFT_OUT]
        )

    def fit_view_to_content(self) -> None:
        """Show the whole CT."""
        super().fit_view_to_content()
        self._fitted = self._framing()

    def scroll_by(self, steps: int) -> None:
        """Move by whole slices, within the CT."""
        low, high = self.get_slice_range()
        target = self.get_slice_value() + steps * self.get_slice_step()
        self.set_slice_value(min(max(target, low), high))

    def scroll_to(self, fraction: float) -> None:
        """Move to a fraction of the CT's extent."""
        low, high = self.get_slice_range()
        step = self.get_slice_step()
        self.set_slice_value(low + round(fraction * (high - low) / step) * step)

    def snap(self) -> None:
        """Move to the nearest slice of the CT."""
        self._logic.SnapSliceOffsetToIJK()

    def _update_slice_size(self, *_: Any) -> None:
        fitted = self._fitted is not None and np.allclose(self._fitted, self._framing(), atol=1e-3)
        super()._update_slice_size()
        if fitted:
            slice_now = self.get_slice_value()
            self._logic.FitSliceToBackground()
            self.set_slice_value(slice_now)
            self._fitted = self._framing()

    def _framing(self) -> tuple[float, ...]:
        """Field of view and middle of the picture in its own plane, mm."""
        node = self.get_view_node()
        matrix = node.GetSliceToRAS()
        axes = np.array([[matrix.GetElement(row, column) for row in range(3)] for column in (0, 1)])
        middle = axes @ [matrix.GetElement(row, 3) for row in range(3)]
        return (*node.GetFieldOfView()[:2], *node.GetXYZOrigin()[:2], *middle)

    def _on_slice_logic_modified_event(self, *_: Any) -> None:
        # Without the model manager nobody else asks to draw when window or overlay change.
        super()._on_slice_logic_modified_event()
        self.schedule_render()


class LeanThreeDView(ThreeDView):
    """A 3D view without multi-sampling and without volume rendering."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.render_window().SetMultiSamples(0)

    def _initialize_displayable_manager_group(
        self, factory_type: Any, app_logic: Any, manager_types: list[Any]
    ) -> None:
        super()._initialize_displayable_manager_group(
            factory_type, app_logic, [kind for kind in manager_types if kind not in LEFT_OUT]
        )


class ViewFactory(RemoteViewFactory):
    """Makes views; those of slices number their pictures."""

    def _create_view(self, view: Any, scene: Any, app_logic: Any) -> Any:
        made = super()._create_view(view, scene, app_logic)
        if isinstance(made.slicer_view, LeanSliceView):
            number_pictures(made.slicer_view.pictures, made.view_adapter)
        return made


@contextmanager
def quiet_vtk() -> Iterator[None]:
    """Keep VTK from writing to the terminal: a warning for each new view, a line for each file."""
    was_shown, window = vtkObject.GetGlobalWarningDisplay(), vtkOutputWindow.GetInstance()
    mode = window.GetDisplayMode()
    vtkObject.GlobalWarningDisplayOff()
    window.SetDisplayModeToNever()
    try:
        yield
    finally:
        window.SetDisplayMode(mode)
        vtkObject.SetGlobalWarningDisplay(was_shown)


def register_views(
    slicer_app: SlicerApp, server: Any, decorate: Callable[[Any, str, Any], None] | None = None
) -> None:
    """Tell the view manager to make lean views; `decorate` adds page elements over each view."""
    for constructor, kind in (
        (LeanSliceView, ViewType.SLICE_VIEW),
        (LeanThreeDView, ViewType.THREE_D_VIEW),
    ):
        slicer_app.view_manager.register_factory(
            ViewFactory(
                server,
                # Until the page takes over: else every step of making a view draws it.
                partial(constructor, scheduled_render_strategy=NoScheduleRendering()),
                kind,
                populate_view_ui_f=decorate,
                target_fps=30,
                interactive_quality=MOVING_QUALITY,
            )
        )


def draw_in_turn(
    named: dict[str, Any],
    pointed: Callable[[], str | None],
    held: Callable[[], bool],
    later: Callable[[Callable[[], None], float], None],
) -> None:
    """Draw the view under the pointer before the others.

    Args:
        named: name to view.
        pointed: name of the view that the pointer is in.
        held: whether the others wait a little longer.
        later: runs a function after some seconds.
    """
    for name, view in named.items():

        def ahead(name: str = name) -> bool:
            return pointed() in (None, name)

        view.set_scheduled_render(InTurn(view._scheduled_render, ahead, held, later))


def layouts() -> dict[str, Layout]:
    """The layouts a reader can choose: four-up, one view, or one large view beside three."""
    axial, coronal, sagittal, threed = (_DEFINITIONS[name] for name in COLORS)
    row, column = LayoutDirection.Horizontal, LayoutDirection.Vertical
    return {
        "four": Layout(row, [Layout(column, [axial, coronal]), Layout(column, [threed, sagittal])]),
        "axial": Layout(column, [axial]),
        "coronal": Layout(column, [coronal]),
        "sagittal": Layout(column, [sagittal]),
        "threed": Layout(column, [threed]),
        "large": Layout(
            row, [axial, Layout(column, [coronal, sagittal, threed])], flex_sizes=["2.2", "1"]
        ),
    }


def pair_layout() -> Layout:
    """The open CT, and an earlier one beside it."""
    prior = ViewLayoutDefinition.slice_view("Axial", label=PRIOR, color=PRIOR_COLOR)
    return Layout(LayoutDirection.Horizontal, [prior, _DEFINITIONS["axial"]])
