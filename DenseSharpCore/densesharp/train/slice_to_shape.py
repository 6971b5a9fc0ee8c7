"""One slice of a nodule, lifted to the shape that readers outlined above and below it.

Where all outlines of a nodule are known but only one slice of its CT, the shape need not be made
up: each slice of the cube is the real one, its nodule warped to what half of the readers outlined
at that height (the radial map of `slice_to_volume.py`). What is made so is then seen as the CT saw
it: blurred over the slice thickness, read off at the CT's slices, and from these at 1 mm. The real
slice stays as it is, at its own height.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.train.slice_to_volume import DIRECTIONS, outline_radii, stretched

ROOM = 4
"""mm beyond the cube that are made too, for slices that reach into it."""

PROFILE = 2.6
"""Slice spacing over the standard deviation of the slice profile, between a box (3.5) and a bell
that is half as high at half a slice (2.4)."""


def lift_to_shape(
    image: NDArray[np.floating],
    shares: NDArray[np.floating],
    level: int,
    pixel_mm: float,
    slice_mm: float,
    edge: int,
) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Make a cube at 1 mm from one slice and the outlines on all slices.

    Args:
        image: (y, x) HU of the slice.
        shares: (k, y, x) which share of the readers marked a pixel, on the CT's slices.
        level: index k of the slice that `image` shows; half of the readers marked some of it.
        pixel_mm: spacing of the slice along both axes.
        slice_mm: distance of the slices.
        edge: voxels along each side of the cube.

    Returns:
        (k, j, i) float32 HU, k across slices, and the index (i, j, k) on `shares` of the cube's
        middle: that of the outline on the slice, at the height of the middle of the nodule.

    Source: our own; no published method is followed.
    """
    outlined = _largest(shares[level] >= 0.5)
    middle = np.argwhere(outlined).mean(axis=0)
    radii = outline_radii(outlined, middle, pixel_mm)
    middle_k = float(np.argwhere(shares >= 0.5)[:, 0].mean())
    offsets = np.arange(edge) - (edge - 1) / 2
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    # An empty slice at both ends: beyond what was outlined there is no nodule.
    padded = np.pad(shares, ((1, 1), (0, 0), (0, 0)))
    heights = np.arange(-(edge // 2) - ROOM, edge // 2 + ROOM + 1, dtype=np.float64)
    fine = np.empty((len(heights), edge, edge), dtype=np.float32)
    center, here = middle, np.zeros(DIRECTIONS)
    for n, height in enumerate(heights):
        part = _largest(_between(padded, np.asarray([height / slice_mm + middle_k + 1]))[0] >= 0.5)
        if part.any():
            center = np.argwhere(part).mean(axis=0)
            here = outline_radii(part, center, pixel_mm)
        else:
            here = np.zeros(DIRECTIONS)
        aside = (center - middle) * pixel_mm
        factor, way = stretched(y - aside[0], x - aside[1], radii, here)
        at = [
            middle[axis] + (factor * (place - aside[axis]) + way * aside[axis]) / pixel_mm
            for axis, place in enumerate((y, x))
        ]
        fine[n] = ndimage.map_coordinates(image, at, order=1, mode="nearest")
    fine = ndimage.gaussian_filter1d(fine, slice_mm / PROFILE, axis=0, mode="nearest")
    first = int(np.ceil(heights[0] / slice_mm + middle_k))
    last = int(np.floor(heights[-1] / slice_mm + middle_k))
    indices = np.arange(first, last + 1)
    slices = _between(fine, (indices - middle_k) * slice_mm - heights[0])
    real = [middle[0] + y / pixel_mm, middle[1] + x / pixel_mm]
    slices[level - first] = ndimage.map_coordinates(image, real, order=1, mode="nearest")
    hu = _between(slices, offsets / slice_mm + middle_k - first)
    return hu.astype(np.float32), (float(middle[1]), float(middle[0]), middle_k)


def _between(stack: NDArray[np.floating], at: NDArray[np.floating]) -> NDArray[np.floating]:
    """Slices of a stack (k, y, x) at fractional indices, the ends kept beyond them."""
    at = np.clip(at, 0, len(stack) - 1)
    low = np.minimum(at.astype(int), len(stack) - 2)
    weight = (at - low)[:, None, None]
    return np.asarray((1 - weight) * stack[low] + weight * stack[low + 1])


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a slice."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(labels == 1 + np.bincount(labels.ravel())[1:].argmax())
