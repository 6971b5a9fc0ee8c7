"""The scene of a reader study: one CT, the reader's own outline, and the model's when it is shown.

Knows MRML and the mouse; knows no page and no rules of the study. What is not shown now is not in
the scene: between cases the scene is empty, and the model's outline exists only while it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import StudyError
from densesharp.geometry import Grid, ras_to_lps
from densesharp.records import NoduleMask, Volume
from densesharp.study.masks import Mask, make_mask, nodule_mask
from DenseSharpSlicerLib.scene import seeds, segments
from DenseSharpSlicerLib.scene import views as scene_views
from DenseSharpSlicerLib.scene.geometry import add_volume_node

from . import brush

FIELD_MM = 120.0
"""Width of the first view of a nodule: its neighbourhood, not the whole chest."""

OWN, MODEL = 1, 2
"""Numbers of the two outlines, for their colours."""


def outline_color(number: int) -> str:
    """The colour of an outline as a page writes it."""
    red, green, blue = segments.COLORS[number - 1]
    return f"rgb({255 * red:.0f}, {255 * green:.0f}, {255 * blue:.0f})"


class StudyScene:
    """Shows a case and takes the reader's outline; it is what the slice views' mice report to.

    Args:
        slicer_app: trame-slicer's application object.
        slice_views: name -> slice view.
        drawn: told the reader's outline after each stroke, None when it is empty.
        refused: told why an outline cannot be taken.
    """

    def __init__(
        self,
        slicer_app: Any,
        slice_views: dict[str, Any],
        drawn: Callable[[Mask | None], None],
        refused: Callable[[str], None],
    ) -> None:
        self._app, self._views = slicer_app, slice_views
        self._drawn, self._refused = drawn, refused
        self.tool, self.brush_radius_mm = "look", 3.0
        self.brush_3d, self.marked = False, True
        self.clear()

    # Showing

    def clear(self) -> None:
        """Empty the scene; views stay."""
        self._app.scene.Clear(False)
        self._volume_node: Any = None
        self._segmentation: Any = None
        self._mark: Any = None
        self._grid: Grid | None = None
        self._seed_lps = (0.0, 0.0, 0.0)
        self._own_id = self._model_id = ""
        self._mask: NoduleMask | None = None
        self._stored: bytes | None = None
        self._undo: list[NoduleMask | None] = []
        self._edits = 0
        self._stroking = False

    def show_case(self, volume: Volume, seed_lps: tuple[float, float, float]) -> None:
        """Replace what is shown by a CT, the views at its nodule."""
        self.clear()
        self._grid, self._seed_lps = volume.grid, seed_lps
        # The name is fixed: a file name may hold a patient's name.
        self._volume_node = add_volume_node(self._app.scene, volume, "Case")
        self._volume_node.RemoveAttribute("DICOM.instanceUIDs")
        self._segmentation = segments.create_segmentation(self._app.scene, self._volume_node)
        self._mark = seeds.create_seeds(self._app.scene, self._volume_node)
        seeds.add_seed(self._mark, ras_to_lps(seed_lps), "")
        self._mark.SetLocked(True)
        self.show_mark(True)
        scene_views.show_background(self._app.scene, self._volume_node)
        self.set_window("lung")
        for view in self._views.values():
            view.reset_view()
        self.return_to_nodule()

    def show_outlines(self, own: bytes | None, model: bytes | None) -> bool:
        """Show stored outlines; None takes an outline out of the scene.

        Args:
            own: NRRD bytes of the reader's outline.
            model: NRRD bytes of the model's outline.

        Returns:
            Whether an outline came that was not there before.
        """
        if self._grid is None:
            return False
        before = bool(self._own_id), bool(self._model_id)
        if own != self._stored:
            self._stored, self._undo, self._edits = own, [], 0
            self._mask = nodule_mask(own, self._grid) if own else None
            self._write_own()
        self._write_model(model)
        after = bool(self._own_id), bool(self._model_id)
        return any(now and not then for now, then in zip(after, before, strict=True))

    def hide(self, hidden: bool) -> None:
        """Hide the case during a pause without forgetting it."""
        if self._volume_node is not None:
            shown = None if hidden else self._volume_node
            scene_views.show_background(self._app.scene, shown)
            self._segmentation.GetDisplayNode().SetVisibility(not hidden)
            self._mark.GetDisplayNode().SetVisibility(self.marked and not hidden)

    def show_mark(self, shown: bool) -> None:
        """The point that marks the nodule, on or off."""
        self.marked = shown
        if self._mark is not None:
            self._mark.GetDisplayNode().SetVisibility(shown)

    def return_to_nodule(self) -> None:
        """Bring all slice views back to the marked nodule."""
        if self._grid is None:
            return
        for view in self._views.values():
            node = view.get_view_node()
            wide, high, deep = node.GetFieldOfView()
            node.SetFieldOfView(FIELD_MM, FIELD_MM * high / wide, deep)
        scene_views.jump_to(self._app.scene, ras_to_lps(self._seed_lps))

    def set_window(self, name: str) -> None:
        """A window preset."""
        if self._volume_node is not None:
            scene_views.set_window(self._volume_node, *scene_views.WINDOWS[name])

    def scroll(self, name: str, steps: int) -> None:
        """Move a slice view by whole slices."""
        view = self._views[name]
        low, high = view.get_slice_range()
        target = view.get_slice_value() + steps * view.get_slice_step()
        view.set_slice_value(min(max(target, low), high))

    # Outlining; called by `mouse.SliceMouse`

    def clicked(self, ras: NDArray[np.float64]) -> None:
        """Nothing: a study's seeds are given."""

    def seed_released(self) -> None:
        """Nothing: a study's seeds are given."""

    def stroke(
        self, start: NDArray[np.float64], end: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> None:
        """A piece of a brush stroke, RAS mm."""
        if self._grid is None or self.tool not in ("paint", "erase"):
            return
        if not self._stroking:
            self._stroking = True
            self._undo.append(self._mask)
        self._mask = brush.paint(
            self._mask, self._grid, ras_to_lps(start), ras_to_lps(end), self.brush_radius_mm,
            None if self.brush_3d else ras_to_lps(normal), self.tool == "erase",
        )  # fmt: skip
        self._write_own()

    def stroke_ended(self) -> None:
        """The brush was lifted: hand the outline over."""
        self._stroking = False
        self._edits += 1
        self._hand_over()

    def undo(self) -> None:
        """Take the last stroke back."""
        if self._undo:
            self._mask = self._undo.pop()
            self._edits += 1
            self._write_own()
            self._hand_over()

    def remove_outline(self) -> None:
        """Remove the reader's outline; can be undone."""
        if self._mask is not None:
            self._undo.append(self._mask)
            self._mask = None
            self._write_own()
            self._hand_over()

    def _hand_over(self) -> None:
        mask = None
        if self._grid is not None and self._mask is not None and self._mask.array.any():
            try:
                mask = make_mask(self._mask, self._grid, self._seed_lps, self._edits)
            except StudyError as error:
                self._mask = self._undo.pop()
                self._write_own()
                self._refused(str(error))
                return
        self._stored = mask.nrrd if mask else None
        self._drawn(mask)

    def _write_model(self, model: bytes | None) -> None:
        if self._grid is None or bool(model) == bool(self._model_id):
            return
        mask = nodule_mask(model, self._grid) if model else None
        if mask is None:
            self._segmentation.GetSegmentation().RemoveSegment(self._model_id)
            self._model_id = ""
        else:
            self._model_id = segments.add_segment(self._segmentation, "Model", MODEL)
            segments.write_mask(self._segmentation, self._model_id, self._volume_node, mask)

    def _write_own(self) -> None:
        if self._mask is None or not self._mask.array.any():
            self._segmentation.GetSegmentation().RemoveSegment(self._own_id)
            self._own_id = ""
            return
        if not self._own_id:
            self._own_id = segments.add_segment(self._segmentation, "Your outline", OWN)
        segments.write_mask(self._segmentation, self._own_id, self._volume_node, self._mask)
