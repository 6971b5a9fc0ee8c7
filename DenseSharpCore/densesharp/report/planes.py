"""The three planes through a nodule, as a radiologist looks at them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.grid import Grid
from densesharp.image.sampling import resample
from densesharp.image.volume import Volume
from densesharp.nodule.measure.contours import Plane
from densesharp.nodule.records import NoduleResult, Segment
from densesharp.nodule.surface import outline_field

LUNG_WINDOW = (-1350.0, 150.0)
"""HU from black to white: level -600, width 1500."""

AIR_HU = -1024.0

CONTEXT_PIXELS = 260
"""Along each side of the picture of the whole slice."""

_AXES: dict[Plane, tuple[tuple[int, int], tuple[int, int]]] = {
    "axial": ((0, 1), (1, 1)),
    "coronal": ((0, 1), (2, -1)),
    "sagittal": ((1, 1), (2, -1)),
}
"""LPS axis and sign that run to the right and down on the screen: the patient's right is on the
left, anterior is on the left in sagittal planes, superior is up."""

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
"""Ends of the LPS axes."""


@dataclass(frozen=True, eq=False)
class View:
    """One plane through the nodule, resampled for the screen.

    Attributes:
        plane: which plane of the patient.
        center: (3,) LPS mm in the middle of the picture.
        width_mm: edge of the picture.
        hu: (rows, columns) HU.
        mask: (rows, columns) 0..1, one half at the outline; None where there is no outline.
    """

    plane: Plane
    center: NDArray[np.float64]
    width_mm: float
    hu: NDArray[np.float32]
    mask: NDArray[np.float32] | None

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Orientation letters: left, right, top, bottom."""
        (column, right), (row, down) = _AXES[self.plane]
        left_right = _LETTERS[column][::right]
        top_bottom = _LETTERS[row][::down]
        return left_right[0], left_right[1], top_bottom[0], top_bottom[1]

    def on_screen(self, lps: ArrayLike) -> NDArray[np.float64]:
        """(..., 2) mm to the right of and below the middle, of LPS points."""
        (column, right), (row, down) = _AXES[self.plane]
        offset = np.asarray(lps, dtype=np.float64) - self.center
        return np.stack([offset[..., column] * right, offset[..., row] * down], axis=-1)

    def line(self, segment: Segment) -> NDArray[np.float64]:
        """(2, 2) a measured line on the screen."""
        return self.on_screen([segment.start, segment.end])


def width_for(result: NoduleResult) -> float:
    """Edge (mm) of a view large enough to show all of a nodule and what lies around it."""
    measured = result.measurements
    return 40.0 if measured is None else max(40.0, 1.5 * measured.max_3d_diameter_mm)


def views_of(
    result: NoduleResult, volume: Volume, width_mm: float | None = None, pixels: int = 220
) -> list[View]:
    """Axial, coronal and sagittal views through the nodule.

    The plane in which the axes were measured lies on them; the others go through the middle.

    Args:
        result: the nodule.
        volume: its CT.
        width_mm: edge of the views; None to fit the nodule.
        pixels: number of rows and columns.
    """
    measured, width = result.measurements, width_mm or width_for(result)
    views = []
    for plane in _AXES:
        center = np.array(result.center_lps)
        if measured is not None and measured.plane == plane:
            normal = ({0, 1, 2} - {axis for axis, _ in _AXES[plane]}).pop()
            ends = np.array([measured.long_axis.start, measured.long_axis.end])
            center[normal] = ends[:, normal].mean()
        views.append(view_at(result, volume, plane, center, width, pixels))
    return views


def view_at(
    result: NoduleResult,
    volume: Volume,
    plane: Plane,
    center: NDArray[np.float64],
    width_mm: float,
    pixels: int,
) -> View:
    """One view, resampled from the CT's crop around it.

    Args:
        result: the nodule, whose outline is drawn.
        volume: the CT.
        plane: axial, coronal or sagittal.
        center: (3,) LPS mm, middle of the view.
        width_mm: side of the view.
        pixels: along each side.
    """
    grid = _screen_grid(plane, center, width_mm, pixels)
    hu = volume.on_grid(grid, outside=AIR_HU)[0]
    mask = None
    field = outline_field(result)
    if field is not None:
        # A margin of zeros, so that the outline closes where its box ends.
        values, box = field
        around = box.crop((-1, -1, -1), np.array(box.size) + 2)
        mask = resample(np.pad(values, 1), around, grid, outside=0.0)[0]
    return View(plane, center, width_mm, hu, mask)


def _screen_grid(plane: Plane, center: NDArray[np.float64], width: float, pixels: int) -> Grid:
    """A grid of one slice whose i runs to the right and j down on the screen."""
    (column, right), (row, down) = _AXES[plane]
    direction = np.zeros((3, 3))
    direction[column, 0] = right
    direction[row, 1] = down
    direction[:, 2] = np.cross(direction[:, 0], direction[:, 1])
    step = width / pixels
    origin = center - (pixels - 1) / 2 * step * (direction[:, 0] + direction[:, 1])
    return Grid((pixels, pixels, 1), origin, np.array([step, step, 1.0]), direction)


def context_view(result: NoduleResult, volume: Volume) -> View:
    """The whole axial slice through the nodule, for orientation."""
    corners = volume.grid.corners(0.5)
    low, high = corners.min(axis=0), corners.max(axis=0)
    center = (low + high) / 2
    center[2] = result.center_lps[2]
    return view_at(result, volume, "axial", center, float((high - low)[:2].max()), CONTEXT_PIXELS)
