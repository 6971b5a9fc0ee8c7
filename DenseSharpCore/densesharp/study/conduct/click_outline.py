"""An outline from one click, without any model: for readings in which none may be seen.

What is connected with the clicked point and denser than halfway between lung and the clicked tissue
(the half maximum, where a blurred edge lies), within a ball around the click. The ball keeps
vessels and pleura from being taken along.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.grid import box_slices, cube_grid, index_box
from densesharp.image.masks import NoduleMask, component_at, mask_from_box
from densesharp.image.volume import Volume

LUNG_HU = -850.0
"""Density of aerated lung around a nodule."""

NEAR_MM = 0.75
LEAST_CONTRAST_HU = 100.0
"""A click on tissue that is hardly denser than lung outlines nothing."""


def outline_at(volume: Volume, point_lps: ArrayLike, radius_mm: float) -> NoduleMask | None:
    """The outline around a click.

    Args:
        volume: the CT.
        point_lps: (3,) LPS mm of the click.
        radius_mm: radius of the ball that limits the outline.

    Returns:
        The outline as a box of the CT's grid; None when nothing denser than lung lies there.
    """
    point = np.asarray(point_lps, dtype=np.float64)
    if not volume.grid.contains(point):
        return None
    start, size = index_box(volume.grid, cube_grid(point, math.ceil(2 * radius_mm)), margin=1)
    values = volume.array[box_slices(start, size)].astype(np.float32)
    box = volume.grid.crop(start, size)
    distance = box.distance_to(point)
    # The nearest voxel and those about as near, so that noise does not decide.
    clicked = float(values[distance <= distance.min() + NEAR_MM].mean())
    if clicked < LUNG_HU + LEAST_CONTRAST_HU:
        return None
    inside = (values > (clicked + LUNG_HU) / 2) & (distance <= radius_mm)
    part = component_at(_without_spurs(inside).astype(np.float32), box, point, reach=1.0)
    if part is None:
        part = component_at(inside.astype(np.float32), box, point, reach=1.0)
    return None if part is None else mask_from_box(part, start, volume.grid)


def _without_spurs(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of which most neighbours in their slice are inside too: no lines one voxel wide."""
    padded = np.pad(inside, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    rows, columns = inside.shape[1:]
    count = sum(padded[:, j : j + rows, i : i + columns] for j in range(3) for i in range(3))
    return inside & (np.asarray(count) >= 5)
