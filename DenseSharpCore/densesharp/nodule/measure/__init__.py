"""Measuring a nodule on the CT's own grid: `measure(volume, mask) -> Measurements`.

    ellipsoid.py the ellipsoid behind a mask
    smoothing.py the mask smoothed, without pulling its tips in
    contours.py  sub-voxel outlines of every axial, coronal and sagittal slice
    axes.py      long and short axis, largest 3D diameter
    solid.py     the solid part, its curve over thresholds
    kind.py      solid, part-solid or ground-glass

The rules and their sources: docs/explanation/measurements.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Volume
from densesharp.nodule.measure.axes import in_plane_axes, max_3d_diameter
from densesharp.nodule.measure.contours import all_outlines
from densesharp.nodule.measure.kind import nodule_type, type_probabilities
from densesharp.nodule.measure.solid import CURVE_HU, SOLID_THRESHOLD_HU, SolidMeter
from densesharp.nodule.records import Measurements

__all__ = ["CURVE_HU", "SOLID_THRESHOLD_HU", "mass_mg", "measure", "values_in_box"]

AIR_HU = -1000.0
"""Density of air: nothing weighs less."""

CURVE_UP_TO_MM = 40.0
"""Long axis up to which a curve of the solid part is measured. Beyond, nothing is a nodule any more
(more than 30 mm is a mass), and the curve would take ten times as long as all the rest."""


def measure(
    volume: Volume,
    mask: NoduleMask,
    solid_threshold_hu: float = SOLID_THRESHOLD_HU,
    curve_hu: Sequence[float] = CURVE_HU,
) -> Measurements:
    """Size, density, solid part and type of a nodule.

    Lengths are measured in the patient's axial, coronal and sagittal planes. On an oblique grid the
    CT's own planes nearest to these are taken: between them there is no data to measure on.

    Args:
        volume: the CT.
        mask: the nodule, a box cut out of the CT's grid.
        solid_threshold_hu: voxels above it count as solid.
        curve_hu: further thresholds, for the curve of the solid part; without effect on what is
            longer than `CURVE_UP_TO_MM`.

    Raises:
        ImageError: the mask is empty, or it is no part of this CT.
    """
    values = values_in_box(volume, mask)
    inside = mask.array > 0
    if not inside.any():
        raise ImageError("The outline is empty: there is nothing to measure.")
    outlines = all_outlines(inside, mask.grid)
    axes = in_plane_axes(outlines, mask.grid)
    # Only some directions are tried in 3D; the long axis, found in more, may beat them by a hair.
    largest = max(axes.long, max_3d_diameter(outlines, mask.grid), key=lambda line: line.length)
    meter = SolidMeter(values, inside, mask.grid, axes.plane, axes.long.length)
    further = curve_hu if axes.long.length <= CURVE_UP_TO_MM else ()
    solid, *curve = meter.above([solid_threshold_hu, *further])
    kinds = type_probabilities(values, inside, mask.grid)
    hu = values[inside]
    return Measurements(
        volume_mm3=float(inside.sum() * mask.grid.voxel_volume),
        long_axis_mm=axes.long.length,
        short_axis_mm=axes.short.length,
        mean_diameter_mm=(axes.long.length + axes.short.length) / 2,
        plane=axes.plane,
        long_axis=axes.long,
        short_axis=axes.short,
        max_3d_diameter_mm=largest.length,
        max_3d_diameter=largest,
        mean_hu=float(hu.mean()),
        sd_hu=float(hu.std()),
        min_hu=float(hu.min()),
        max_hu=float(hu.max()),
        mass_mg=mass_mg(hu, mask.grid.voxel_volume),
        solid=solid,
        solid_curve=tuple(curve),
        nodule_type=nodule_type(kinds, solid.volume_mm3),
    )


def values_in_box(volume: Volume, mask: NoduleMask) -> NDArray[np.float64]:
    """(k, j, i) HU of the CT in the mask's box.

    Raises:
        ImageError: the box does not lie in this CT, voxel on voxel.
    """
    fits = min(mask.start) >= 0 and (np.array(mask.end) <= volume.grid.size).all()
    if not fits or not volume.grid.crop(mask.start, mask.size).same_as(mask.grid, 1e-3):
        message = "The outline does not lie on this CT's voxels: it belongs to another image."
        raise ImageError(message)
    return np.asarray(volume.array[mask.box], dtype=np.float64)


def mass_mg(hu: NDArray[np.float64], voxel_volume: float) -> float:
    """Mass of voxels in mg: V x (mean HU + 1000) / 1000 with V in mm3.

    Source: de Hoop et al., Radiology 2010;255:199-206 (10.1148/radiol.09090571). Voxels below the
    density of air, which noise makes, weigh nothing rather than less.

    Args:
        hu: (n,) HU.
        voxel_volume: mm3.
    """
    return float((np.maximum(hu, AIR_HU) - AIR_HU).sum() * voxel_volume / 1000)
