"""Pairs of masks whose distances other programs measured (recipe in segmetrics_expected.json)."""

from typing import Any

import numpy as np


def ball(
    centre: tuple[int, int, int],
    radius: float,
    shape: tuple[int, int, int] = (20, 40, 40),
    spacing: tuple[float, float, float] = (2.0, 1.0, 1.0),
) -> Any:
    """Voxels whose midpoints lie in a ball; centre in voxels, radius in mm."""
    grid = np.indices(shape)
    distance = sum(((grid[axis] - centre[axis]) * spacing[axis]) ** 2 for axis in range(3))
    return distance <= radius**2


def cube(offset: int) -> Any:
    """A cube of 10 mm, moved along the last axis."""
    mask = np.zeros((20, 20, 20), bool)
    mask[5:15, 5:15, 5 + offset : 15 + offset] = True
    return mask


THICK = (2.0, 1.0, 1.0)
SHAPES = {
    "ball_r8_vs_shift_x2": (ball((10, 20, 20), 8), ball((10, 20, 22), 8), THICK),
    "ball_r8_vs_ball_r6": (ball((10, 20, 20), 8), ball((10, 20, 20), 6), THICK),
    "cube10_shift2": (cube(0), cube(2), (1.0, 1.0, 1.0)),
}
