"""Outlines as wide as a mass: measured in parts, with the numbers of doing all at once."""

import numpy as np
import pytest
from scipy import ndimage

from densesharp.image.masks import mask_from_box
from densesharp.image.volume import Volume
from densesharp.nodule.measure import CURVE_HU, CURVE_UP_TO_MM, axes, measure, smoothing, solid
from densesharp.nodule.measure.axes import at_most, caliper
from phantoms import grid_around


def porous_ball(diameter: float, spacing=(0.7, 0.7, 1.0)):
    """A ball of tissue with noise, as a CT and a mask; its solid part has many islands."""
    size = tuple(int((diameter + 6) / step) for step in spacing)
    grid = grid_around((0, 0, 0), size, spacing, np.eye(3))
    inside = np.linalg.norm(grid.points, axis=-1) <= diameter / 2
    noise = np.random.default_rng(3).normal(0, 250, inside.shape)
    values = np.where(inside, -330.0, -850.0) + ndimage.gaussian_filter(noise, 0.7)
    return Volume(values.astype(np.int16), grid), mask_from_box(inside, (0, 0, 0), grid)


def test_smoothing_in_blocks_is_smoothing(monkeypatch):
    monkeypatch.setattr(smoothing, "_BLOCK", 64)
    field, deviations = np.random.default_rng(1).random((9, 21, 34)), np.array([0.8, 1.4, 1.1])
    expected = field
    for axis, deviation in enumerate(deviations):
        weights = smoothing._weights(deviation)
        expected = ndimage.correlate1d(expected, weights, axis, mode="constant")
    np.testing.assert_allclose(smoothing._gaussian(field, deviations), expected, atol=1e-12)


def test_numbers_do_not_depend_on_the_parts(monkeypatch):
    volume, mask = porous_ball(16.0)
    whole = measure(volume, mask).to_json()
    monkeypatch.setattr(smoothing, "_BLOCK", 64)
    monkeypatch.setattr(axes, "_AT_ONCE", 3)
    assert measure(volume, mask).to_json() == whole


def test_the_longest_line_is_that_of_all_pairs(monkeypatch):
    monkeypatch.setattr(axes, "_AT_ONCE", 3)
    points = np.random.default_rng(5).normal(size=(400, 3)) * (20.0, 6.0, 5.0)
    begin, end = axes._longest(points, axes._HALF_SPHERE)
    pairs = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert np.linalg.norm(end - begin) == pytest.approx(pairs.max(), rel=1e-3)


def test_islands_that_cannot_be_the_widest_are_not_measured(monkeypatch):
    volume, mask = porous_ball(24.0)
    values, inside = volume.array.astype(float), mask.array > 0
    measured = []

    def counted(island, plane, grid):
        width = caliper(island, plane, grid)
        assert width <= at_most(island.shape, plane, grid)
        measured.append(width)
        return width

    monkeypatch.setattr(solid, "caliper", counted)
    meter = solid.SolidMeter(values[mask.box], inside, mask.grid, "axial", 1000.0)
    skipped = 0
    for threshold in (-400.0, -300.0, -250.0, -200.0):
        (labels,) = solid._labelled((inside & (values[mask.box] > threshold))[np.newaxis])
        islands = meter._islands(labels)
        every = [caliper(island, "axial", mask.grid) for island in islands]
        measured.clear()
        (part,) = meter.above([threshold])
        assert part.long_axis_mm == max(every)
        skipped += len(islands) - len(measured)
    assert skipped > 10


@pytest.mark.parametrize("diameter", [CURVE_UP_TO_MM - 4, CURVE_UP_TO_MM + 4])
def test_the_curve_of_the_solid_part_ends_where_no_nodule_is(diameter):
    volume, mask = porous_ball(diameter, (2.0, 2.0, 2.0))
    found = measure(volume, mask)
    expected = CURVE_HU if diameter < CURVE_UP_TO_MM else ()
    assert tuple(part.threshold_hu for part in found.solid_curve) == expected
    assert found.solid.threshold_hu == -300.0
