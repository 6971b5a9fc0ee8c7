"""A nodule outlined on one slice only, lifted to a cube that a 3D network can learn from.

Some collections hold, of many nodules, just the slice with the largest cross-section and a reader's
outline on it. `volume_of_slice` keeps that slice as it is and invents its neighbours: towards both
ends the cross-section shrinks as that of an ellipsoid, and the lung beside the nodule is drawn in
behind it. Edge, texture, neighbouring vessels and pleura, and where a reader drew the line, stay
real.

Each slice is the real one, seen through a radial map about the middle of the outline. With R the
outline's radius in a direction and s the shrinkage, 0..1, of the slice,

    radius 0 .. sR        shows     0 .. R           the nodule
    radius sR .. R + B    shows     R .. R + B       its surroundings, stretched
    beyond                          as it is

and mask and grey values go through the same map, so that the mask fits each slice exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SURROUNDINGS_MM = 10.0
"""Width B of the ring round the outline that is stretched."""

DIRECTIONS = 128
"""Steps of the angle in which the outline's radius is measured."""


@dataclass(frozen=True)
class Lift:
    """The third dimension that is given to an outline.

    Attributes:
        half_height_mm: from the outlined slice to the ends of the nodule.
        lean: (y, x) mm in which everything moves per mm along the slice axis: vessels then cross
            the slices at an angle.
        bend: exponent of the profile; 2 is an ellipsoid, more is flatter at the middle.
        smoothing_mm: standard deviation of the slice profile.
    """

    half_height_mm: float
    lean: tuple[float, float] = (0.0, 0.0)
    bend: float = 2.0
    smoothing_mm: float = 0.0


def draw_lift(rng: np.random.Generator, area_mm2: float) -> Lift:
    """Draw a height like the nodule's width, and a lean of up to 30 degrees.

    Returns:
        Height and lean of the lifted nodule.
    """
    radius = float(np.sqrt(area_mm2 / np.pi))
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, np.tan(np.pi / 6))
    return Lift(
        half_height_mm=radius * float(rng.uniform(0.7, 1.15)),
        lean=(float(slope * np.sin(angle)), float(slope * np.cos(angle))),
        bend=float(rng.uniform(1.8, 2.8)),
        smoothing_mm=float(rng.uniform(0.3, 1.0)),
    )


def volume_of_slice(
    image: NDArray[np.floating], mask: NDArray[np.bool_], pixel_mm: float, how: Lift, edge: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Make a cube at 1 mm from one slice and the outline on it.

    Args:
        image: (y, x) HU of the slice.
        mask: (y, x) the nodule; must not be empty.
        pixel_mm: spacing of the slice along both axes.
        how: the third dimension.
        edge: voxels along each side of the cube; the middle of the mask comes to the voxel with
            index `edge // 2` along each axis.

    Returns:
        (k, j, i) float32 HU and (k, j, i) bool mask; k across slices.

    Source: our own; no published method is followed.
    """
    middle = np.argwhere(mask).mean(axis=0)
    offsets = np.arange(edge) - edge // 2
    radii = outline_radii(mask, middle, pixel_mm)
    height = np.abs(offsets) / how.half_height_mm
    shrinkage = np.where(height < 1, np.clip(1 - height**how.bend, 0, 1) ** (1 / how.bend), 0.0)
    hu = np.empty((edge,) * 3, dtype=np.float32)
    seg = np.zeros((edge,) * 3, dtype=np.bool_)
    for k, (z, shrunk) in enumerate(zip(offsets, shrinkage, strict=True)):
        y = (offsets - z * how.lean[0])[:, None] + np.zeros(edge)
        x = (offsets - z * how.lean[1])[None, :] + np.zeros((edge, 1))
        stretch, _ = stretched(y, x, radii, shrunk * radii)
        at = [middle[0] + stretch * y / pixel_mm, middle[1] + stretch * x / pixel_mm]
        hu[k] = ndimage.map_coordinates(image, at, order=1, mode="nearest")
        if shrunk > 0:
            seg[k] = ndimage.map_coordinates(mask.astype(np.float32), at, order=1) >= 0.5
    if how.smoothing_mm:
        hu = ndimage.gaussian_filter1d(hu, how.smoothing_mm, axis=0, mode="nearest")
    return hu, seg


def outline_radii(
    mask: NDArray[np.bool_], middle: NDArray[np.float64], pixel_mm: float
) -> NDArray[np.float64]:
    """Radius in mm at which a ray from the middle last leaves the mask, in `DIRECTIONS` angles.

    Args:
        mask: (rows, columns) of one slice.
        middle: (2,) row and column.
        pixel_mm: side of a pixel.
    """
    reach = np.arange(0, np.hypot(*mask.shape), 0.25)
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    at = [middle[0] + np.outer(np.sin(angles), reach), middle[1] + np.outer(np.cos(angles), reach)]
    inside = ndimage.map_coordinates(mask.astype(np.float32), at, order=1) >= 0.5
    last = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    radii = np.where(inside.any(axis=1), reach[last], 0.0) * pixel_mm
    # A jagged radius would tear the surroundings apart.
    return np.asarray(np.maximum(ndimage.gaussian_filter1d(radii, 3, mode="wrap"), pixel_mm / 2))


def stretched(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    outlined: NDArray[np.float64],
    here: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The radial map from a slice to the outlined one.

    Args:
        y: (rows, columns) mm from the middle of the nodule in this slice.
        x: the same.
        outlined: radii in mm of the outlined slice, in `DIRECTIONS` angles.
        here: radii of the nodule in this slice; 0 above and below it.

    Returns:
        Factor from a place in the slice to the place in the outlined slice that it shows, and how
        far each place is on its way from the nodule's edge (0) to where nothing is moved (1).
    """
    radius = np.hypot(y, x)
    turn = (np.arctan2(y, x) / (2 * np.pi) * DIRECTIONS) % DIRECTIONS

    def along(radii: NDArray[np.float64]) -> NDArray[np.float64]:
        found = ndimage.map_coordinates(radii, [turn.ravel()], order=1, mode="grid-wrap")
        return np.asarray(found.reshape(radius.shape))

    outline, inner = along(outlined), along(here)
    outer = np.maximum(outline, inner) + SURROUNDINGS_MM
    way = np.clip((radius - inner) / (outer - inner), 0, 1)
    shown = outline + way * (outer - outline)
    shown = np.where(radius <= inner, radius * outline / np.maximum(inner, 1e-6), shown)
    shown = np.where(radius >= outer, radius, shown)
    factor = np.where(radius > 1e-6, shown / np.maximum(radius, 1e-6), 1.0)
    return np.asarray(factor), np.asarray(way)
