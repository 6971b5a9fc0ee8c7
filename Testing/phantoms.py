"""Synthetic anatomy with known answers, on any grid."""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk

from densesharp.geometry import Grid
from densesharp.records import Volume


def rotation(a: float, b: float, c: float) -> np.ndarray:
    """A rotation about the three axes in turn."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(a, b, c)
    return np.array(turn.GetMatrix()).reshape(3, 3)


def signed_permutations() -> list[np.ndarray]:
    """The 48 ways to store the same anatomy along the patient's axes."""
    eye = np.eye(3)
    return [
        eye[:, list(order)] * np.array(signs)
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]


def grid_around(middle, size, spacing, direction) -> Grid:
    """A grid of any spacing and direction with its middle at a point (LPS mm)."""
    spacing, direction = np.asarray(spacing, float), np.asarray(direction, float)
    origin = np.asarray(middle, float) - (direction * spacing) @ ((np.array(size) - 1) / 2)
    return Grid(tuple(size), origin, spacing, direction)


def world_points(grid: Grid) -> np.ndarray:
    """(k, j, i, 3) LPS mm of every voxel's centre."""
    k, j, i = np.indices(grid.shape)
    return grid.to_world(np.stack([i, j, k], axis=-1))


def smooth_ball(grid: Grid, center, radius, inside=0.0, outside=-850.0, edge=1.0) -> Volume:
    """A ball of tissue in lung; its edge falls off over `edge` mm with half height at `radius`."""
    distance = np.linalg.norm(world_points(grid) - np.asarray(center, float), axis=-1)
    share = np.clip((radius - distance) / edge + 0.5, 0, 1)
    return Volume(np.round(outside + (inside - outside) * share).astype(np.int16), grid)
