"""A case of a study in the viewer's views, and the reader's brush on it.

Knows the scene and the mouse; knows no page and no rules of the study.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import StudyError
from densesharp.image.grid import ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.study.conduct.click_outline import outline_at
from densesharp.study.conduct.reader_masks import Mask, make_mask, nodule_mask
from densesharp_scene import brush
from densesharp_scene.study_case import StudyCase

from .pictures import TOO_LATE


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
        self.case = StudyCase(slicer_app.scene)
        self._views = slice_views
        self._drawn, self._refused = drawn, refused
        self.tool, self.brush_radius_mm, self.brush_3d = "look", 3.0, False
        self.click_radius_mm = 10.0
        self._volume: Volume | None = None
        self._take_over(None)

    # Showing

    def clear(self) -> None:
        """Empty the scene; views stay."""
        self.case.clear()
        self._another_case()
        self._volume = None
        self._take_over(None)

    def show_case(self, volume: Volume, seed_lps: tuple[float, float, float]) -> None:
        """Replace what is shown by a CT, the views at its nodule."""
        self.case.show(volume, seed_lps)
        self._another_case()
        self._volume = volume
        self._take_over(None)
        for view in self._views.values():
            view.reset_view()
        self.return_to_nodule()

    def show_outlines(self, own: bytes | None, model: bytes | None) -> bool:
        """Show outlines (NRRD bytes; None takes one out); whether a new one came."""
        if self.case.grid is None:
            return False
        before = self.case.own_id
        if own != self._stored:
            self._take_over(own)
            self.case.write_own(self._mask)
        came = self.case.show_model(model)
        return came or bool(self.case.own_id and not before)

    def return_to_nodule(self) -> None:
        """Bring all slice views back to the marked nodule, each to a slice of the CT."""
        self.case.zoom()
        self.case.jump()
        for view in self._views.values():
            view.snap()

    # Outlining

    def choose(self, tool: str) -> None:
        """Take a tool: look, click, paint or erase."""
        # The mouse calls a click by what it places elsewhere.
        self.tool = "seed" if tool == "click" else tool

    @property
    def radius_mm(self) -> float:
        """Of the brush, or of the ball that limits a click, whichever tool is taken."""
        return self.click_radius_mm if self.tool == "seed" else self.brush_radius_mm

    def set_radius(self, radius_mm: float) -> None:
        """Of the tool that is taken."""
        if self.tool == "seed":
            self.click_radius_mm = radius_mm
        else:
            self.brush_radius_mm = radius_mm

    # Called by `mouse.SliceMouse`

    def clicked(self, ras: NDArray[np.float64]) -> None:
        """Add what is connected with a clicked point (RAS mm) to the outline."""
        if self._volume is None:
            return
        found = outline_at(self._volume, ras_to_lps(ras), self.click_radius_mm)
        if found is None:
            self._refused("Nothing denser than lung lies there: click into the nodule.")
            return
        self._undo.append(self._mask)
        self._edits += 1
        own = self._mask
        self._replace(found if own is None else own.union(found, self._volume.grid))

    def seed_released(self) -> None:
        """Nothing: only a click outlines, dragging sets the window."""

    def pointed(self, ras: NDArray[np.float64]) -> None:
        """Nothing: a study's views are moved one by one, so that the time in each is known."""

    def stroke(
        self, start: NDArray[np.float64], end: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> None:
        """A piece of a brush stroke, RAS mm."""
        if self.case.grid is None or self.tool not in ("paint", "erase"):
            return
        if not self._stroking:
            self._stroking = True
            self._undo.append(self._mask)
        self._mask = brush.paint(
            self._mask, self.case.grid, ras_to_lps(start), ras_to_lps(end), self.brush_radius_mm,
            None if self.brush_3d else ras_to_lps(normal), self.tool == "erase",
        )  # fmt: skip
        self.case.write_own(self._mask)

    def stroke_ended(self) -> None:
        """The brush was lifted: hand the outline over."""
        self._stroking = False
        self._edits += 1
        self._hand_over()

    def undo(self) -> None:
        """Take the last stroke back."""
        if self._undo:
            self._edits += 1
            self._replace(self._undo.pop())

    def remove_outline(self) -> None:
        """Remove the reader's outline; can be undone."""
        if self._mask is not None:
            self._undo.append(self._mask)
            self._replace(None)

    def pressed_too_late(self) -> None:
        """The picture that was clicked is not what the view shows any more."""
        self._refused(TOO_LATE)

    # Inside

    def _another_case(self) -> None:
        for view in self._views.values():
            view.pictures.another_case()

    def _take_over(self, own: bytes | None) -> None:
        """Begin with a stored outline, or with none."""
        grid = self.case.grid
        self._stored = own
        self._mask: NoduleMask | None = nodule_mask(own, grid) if own and grid else None
        self._undo: list[NoduleMask | None] = []
        self._edits, self._stroking = 0, False

    def _replace(self, mask: NoduleMask | None) -> None:
        self._mask = mask
        self.case.write_own(mask)
        self._hand_over()

    def _hand_over(self) -> None:
        mask = None
        if self.case.grid is not None and self._mask is not None and self._mask.array.any():
            try:
                mask = make_mask(self._mask, self.case.grid, self.case.seed_lps, self._edits)
            except StudyError as error:
                self._mask = self._undo.pop()
                self.case.write_own(self._mask)
                self._refused(str(error))
                return
        self._stored = mask.nrrd if mask else None
        self._drawn(mask)
