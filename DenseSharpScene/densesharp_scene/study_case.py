"""The scene of a reader study: one CT, its mark, the reader's outline, the model's when shown.

What is not shown now is not in the scene: between cases the scene is empty, and the model's outline
exists only while it is shown. Names are fixed, because a file name may hold a patient's name.
"""

from pathlib import Path
from typing import Any

import vtk

from densesharp.image.grid import Grid, ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.study.conduct.reader_masks import nodule_mask

from . import seeds, segments, views
from .geometry import add_volume_node

OWN, MODEL = 1, 2
"""Numbers of the two outlines, for their colours."""


FIELD_MM = 120.0
"""Width of the first, or fixed, view of a nodule: its neighbourhood, not the whole chest."""


class StudyCase:
    """One case of a study in a scene; the scene belongs to it alone."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene
        self.marked = True
        self._last: tuple[Path, Volume] | None = None
        self._held: list[tuple[Any, int]] = []
        self._holding = False
        self._forget()

    def _forget(self) -> None:
        self.volume_node: Any = None
        self.segmentation_node: Any = None
        self.grid: Grid | None = None
        self.seed_lps = (0.0, 0.0, 0.0)
        self.own_id = self.model_id = ""
        self._mark: Any = None

    def read(self, image: Path) -> Volume:
        """Read a CT; the last one is kept, as its next nodule often follows.

        Args:
            image: file or folder of the CT.

        Raises:
            DenseSharpError: it cannot be read.
        """
        if self._last is None or self._last[0] != image:
            self._last = None
            self._last = image, read_volume(image)
        return self._last[1]

    def clear(self) -> None:
        """Empty the scene; views stay."""
        for node, tag in self._held:
            node.RemoveObserver(tag)
        self._held = []
        self.scene.Clear(False)
        self._forget()

    def show(self, volume: Volume, seed_lps: tuple[float, float, float]) -> None:
        """Replace what is in the scene by a CT, the views' background and window included."""
        self.clear()
        self.grid, self.seed_lps = volume.grid, seed_lps
        self.volume_node = add_volume_node(self.scene, volume, "Case")
        self.volume_node.RemoveAttribute("DICOM.instanceUIDs")
        self.segmentation_node = segments.create_segmentation(self.scene, self.volume_node)
        self._mark = seeds.create_seeds(self.scene, self.volume_node)
        seeds.add_seed(self._mark, ras_to_lps(seed_lps), "")
        self._mark.SetLocked(True)
        self.show_mark(True)
        views.show_background(self.scene, self.volume_node)

    def jump(self) -> None:
        """Bring all slice views to the marked nodule."""
        if self.grid is not None:
            views.jump_to(self.scene, ras_to_lps(self.seed_lps))

    def zoom(self) -> None:
        """Let all slice views show the neighbourhood of a nodule."""
        for view in views.nodes_of(self.scene, "vtkMRMLSliceNode"):
            across, up, deep = view.GetFieldOfView()
            if abs(across - FIELD_MM) > 1e-3 * FIELD_MM:
                view.SetFieldOfView(FIELD_MM, FIELD_MM * up / across, deep)

    def hold(self) -> None:
        """Fix the lung window and the zoom until the case is left: what changes them is undone."""
        nodes = [self.volume_node.GetDisplayNode()]
        nodes += views.nodes_of(self.scene, "vtkMRMLSliceNode")
        self._held = [(n, n.AddObserver(vtk.vtkCommand.ModifiedEvent, self._undo)) for n in nodes]
        self._undo()

    def _undo(self, *_event: Any) -> None:
        if self._holding or self.volume_node is None:
            return
        self._holding = True
        if views.window_name(self.volume_node) != "lung":
            self.set_window("lung")
        self.zoom()
        self._holding = False

    def look(self) -> dict[str, float]:
        """Window, level (HU) and the width of the axial view (mm), as they are now."""
        if self.volume_node is None:
            return {}
        display = self.volume_node.GetDisplayNode()
        found = {"window_hu": display.GetWindow(), "level_hu": display.GetLevel()}
        for view in views.nodes_of(self.scene, "vtkMRMLSliceNode"):
            if abs(view.GetSliceToRAS().GetElement(2, 2)) > 0.9:  # axial, or nearly
                found["axial_mm"] = round(view.GetFieldOfView()[0], 2)
        return found

    def set_window(self, name: str) -> None:
        """A window preset of `views.WINDOWS`."""
        if self.volume_node is not None:
            views.set_window(self.volume_node, *views.WINDOWS[name])

    def show_mark(self, shown: bool) -> None:
        """The point that marks the nodule, on or off."""
        self.marked = shown
        if self._mark is not None:
            self._mark.GetDisplayNode().SetVisibility(shown)

    def hide(self, hidden: bool) -> None:
        """Hide the case during a pause without forgetting it."""
        if self.volume_node is not None:
            views.show_background(self.scene, None if hidden else self.volume_node)
            self.segmentation_node.GetDisplayNode().SetVisibility(not hidden)
            self._mark.GetDisplayNode().SetVisibility(self.marked and not hidden)

    # Outlines

    def own_mask(self) -> NoduleMask | None:
        """The reader's outline as it is in the scene; None when it is empty."""
        if self.grid is None or not self.own_id:
            return None
        return segments.read_mask(self.segmentation_node, self.own_id, self.grid)

    def write_own(self, mask: NoduleMask | None) -> None:
        """Show the reader's outline; None or an empty one takes it out of the scene."""
        if mask is None or not mask.array.any():
            self.segmentation_node.GetSegmentation().RemoveSegment(self.own_id)
            self.own_id = ""
            return
        segments.write_mask(self.segmentation_node, self.own_segment(), self.volume_node, mask)

    def own_segment(self) -> str:
        """The id of the reader's segment, which is made if there is none."""
        if not self.own_id:
            self.own_id = segments.add_segment(self.segmentation_node, "Your outline", OWN)
        return self.own_id

    def show_model(self, nrrd: bytes | None) -> bool:
        """Show the model's outline, or take it out of the scene; tells whether it came new."""
        if self.grid is None or bool(nrrd) == bool(self.model_id):
            return False
        mask = nodule_mask(nrrd, self.grid) if nrrd else None
        if mask is None:
            self.segmentation_node.GetSegmentation().RemoveSegment(self.model_id)
            self.model_id = ""
            return False
        self.model_id = segments.add_segment(self.segmentation_node, "Model", MODEL)
        segments.write_mask(self.segmentation_node, self.model_id, self.volume_node, mask)
        return True


def outline_color(number: int) -> str:
    """The colour of an outline as a page writes it."""
    red, green, blue = segments.COLORS[number - 1]
    return f"rgb({255 * red:.0f}, {255 * green:.0f}, {255 * blue:.0f})"
