"""Finding the same place in another CT of the same patient: rigid registration of the lung around.

First the whole chests are aligned coarsely, then the neighbourhood of the nodule by itself, because
lungs deform with breathing. The nodule is left out of the comparison: it may have changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.image.grid import Grid, cube_grid
from densesharp.image.sampling import to_sitk
from densesharp.image.volume import Volume
from densesharp.nodule.records import NoduleResult

COARSE_MM = 4.0
FINE_MM = 2.0
NEIGHBOURHOOD = 40
"""Voxels of `FINE_MM` along each side: 80 mm of lung around the nodule."""

WINDOW = (-1000.0, 200.0)
"""HU compared: lung and soft tissue; bone and contrast do not dominate."""


@dataclass(frozen=True)
class Match:
    """Where a point of one CT lies in another.

    Attributes:
        point: LPS mm in the second CT.
        rotation_deg: angle of the rotation between the two.
        similarity: correlation of the lung around the nodule after registration, -1..1.
    """

    point: tuple[float, float, float]
    rotation_deg: float
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """Plain values, the point in RAS mm."""
        x, y, z = self.point
        return {
            "point_ras": [-x, -y, z],
            "rotation_deg": self.rotation_deg,
            "similarity": self.similarity,
        }


def find_again(first: Volume, result: NoduleResult, second: Volume) -> Match:
    """Where the nodule of a result lies in a second CT of the same patient.

    Args:
        first: the earlier CT.
        result: the nodule in it.
        second: the later CT.
    """
    center = np.asarray(result.center_lps)
    chest = _align_chests(first, second)
    grid = cube_grid(center, NEIGHBOURHOOD, FINE_MM)
    fixed = to_sitk(_on_grid(first, grid), grid)
    expected = np.array(chest.TransformPoint(center.tolist()))
    around = cube_grid(expected, 2 * NEIGHBOURHOOD, FINE_MM)
    moving = to_sitk(_on_grid(second, around), around)
    measured = result.measurements
    apart = 4.0 if measured is None else measured.max_3d_diameter_mm / 2 + 4.0
    lung = _around(grid, center, apart)
    local = sitk.Euler3DTransform()
    local.SetCenter(center.tolist())
    local.SetMatrix(chest.GetMatrix())
    local.SetTranslation((expected - center).tolist())
    local = _register(fixed, moving, local, to_sitk(lung.astype(np.uint8), grid))
    moved = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, local, sitk.sitkLinear, WINDOW[0]))
    correlation = np.corrcoef(moved[lung], sitk.GetArrayViewFromImage(fixed)[lung])[0, 1]
    x, y, z = local.TransformPoint(center.tolist())
    turn = np.array(local.GetMatrix()).reshape(3, 3)
    angle = math.degrees(math.acos(float(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    return Match((x, y, z), angle, float(np.nan_to_num(correlation)))


def _align_chests(first: Volume, second: Volume) -> sitk.Euler3DTransform:
    """A coarse rigid transform from points of the first CT to points of the second."""
    fixed, moving = _coarse(first), _coarse(second)
    method = _method(fixed)
    starts = []
    middle = first.grid.center.tolist()
    for shift in (np.zeros(3), second.grid.center - first.grid.center, _mass_shift(fixed, moving)):
        start = sitk.Euler3DTransform()
        start.SetCenter(middle)
        start.SetTranslation(shift.tolist())
        method.SetInitialTransform(start, inPlace=False)
        starts.append((_value(method, fixed, moving), start))
    best = min(starts, key=lambda entry: entry[0])[1]
    return _register(fixed, moving, best)


def _value(method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image) -> float:
    """How well a start fits, lower is better; infinite when the images do not overlap."""
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return math.inf


def _mass_shift(fixed: sitk.Image, moving: sitk.Image) -> NDArray[np.float64]:
    """From the centre of mass of the first chest to that of the second."""
    middles = []
    for image in (fixed, moving):
        weight = sitk.GetArrayFromImage(image) - WINDOW[0] + 1e-3
        k, j, i = (
            float((weight.sum(axis=tuple({0, 1, 2} - {axis})) * np.arange(n)).sum() / weight.sum())
            for axis, n in enumerate(weight.shape)
        )
        middles.append(np.array(image.TransformContinuousIndexToPhysicalPoint((i, j, k))))
    return np.asarray(middles[1] - middles[0])


def _method(fixed: sitk.Image) -> sitk.ImageRegistrationMethod:
    """Correlation on a regular share of the voxels, gradient descent with shrinking steps."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1.0, 40000 / fixed.GetNumberOfPixels()))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=100, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    return method


def _register(
    fixed: sitk.Image,
    moving: sitk.Image,
    start: sitk.Euler3DTransform,
    mask: sitk.Image | None = None,
) -> sitk.Euler3DTransform:
    """Improve a transform; the start itself when the optimiser loses the overlap."""
    method = _method(fixed)
    improved = sitk.Euler3DTransform(start)
    method.SetInitialTransform(improved, inPlace=True)
    if mask is not None:
        method.SetMetricFixedMask(mask)
    try:
        method.Execute(fixed, moving)
    except RuntimeError:  # ITK: "all samples map outside moving image buffer"
        return start
    return improved


def _coarse(volume: Volume) -> sitk.Image:
    """The whole CT at `COARSE_MM`."""
    size = np.maximum(
        np.ceil(np.array(volume.grid.size) * volume.grid.spacing / COARSE_MM), 1
    ).astype(int)
    # Smoothing is left to the registration; a coarse grid along the CT's own axes is enough.
    first = volume.grid.to_world((COARSE_MM / volume.grid.spacing - 1) / 2)
    i, j, k = (int(n) for n in size)
    grid = Grid((i, j, k), first, np.full(3, COARSE_MM), volume.grid.direction)
    return to_sitk(_on_grid(volume, grid), grid)


def _on_grid(volume: Volume, grid: Grid) -> NDArray[np.float32]:
    """Windowed HU on a grid."""
    values = volume.on_grid(grid, outside=WINDOW[0])
    return np.asarray(np.clip(values, *WINDOW), dtype=np.float32)


def _around(grid: Grid, center: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """(k, j, i) the voxels farther than a radius from a point."""
    distance = grid.distance_to(center)
    return np.asarray(distance > radius)
