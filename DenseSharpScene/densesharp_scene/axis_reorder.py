"""A CT whose axes Slicer turned round when it read the scene's file: the same place, other indices.

Slicer reads volumes with left-handed axes (half of all orders and signs) back with one of them
reversed, but segmentations as they were saved. Outlines are counted in the CT's voxels, so they are
counted anew; where they lie does not change.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, mask_from_box

from . import segments
from .geometry import ijk_to_world
from .nodule import Nodule

TOLERANCE = 0.02
"""Voxels; file formats round the last digits."""


def follow_axes(node: Any | None, volume_node: Any, nodules: list[Nodule]) -> list[Nodule]:
    """Count segments and nodules in the CT's present voxels, when its axes were turned round.

    Args:
        node: the CT's segmentation, if there is one.
        volume_node: the CT.
        nodules: as the scene's record gives them.

    Returns:
        The nodules; what did not fit its outline before does not fit it afterwards.
    """
    changes = (turned(volume_node, nodule.world) for nodule in nodules)
    change = next((found for found in changes if found is not None), None)
    if change is None:
        return nodules
    back, grid = np.linalg.inv(change), segments.index_grid(volume_node)
    moved = [replace(nodule, world=nodule.world @ back) for nodule in nodules]
    if node is None:
        return moved
    masks = [segments.read_mask(node, nodule.segment_id, grid) for nodule in nodules]
    segments.lay_on(node, volume_node)
    return [
        nodule if mask is None else _counted_anew(nodule, node, volume_node, mask, change)
        for nodule, mask in zip(moved, masks, strict=True)
    ]


def turned(volume_node: Any, world: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(4, 4) from the voxel indices of then to those of now; None unless only axes were turned.

    Args:
        volume_node: the CT.
        world: (4, 4) IJK to world RAS of then.
    """
    change = np.linalg.solve(ijk_to_world(volume_node), world)
    turn = np.rint(change[:3, :3])
    one_each = (np.abs(turn).sum(axis=0) == 1).all() and (np.abs(turn).sum(axis=1) == 1).all()
    if not one_each or (turn == np.eye(3)).all():
        return None
    size = np.array(volume_node.GetImageData().GetDimensions())
    first = np.where(turn.sum(axis=1) > 0, 0, size - 1)
    exact = np.eye(4)
    exact[:3, :3], exact[:3, 3] = turn, first
    corners = np.array([[0, 0, 0, 1], [*(np.abs(turn.T) @ size), 1]]).T
    return exact if np.abs((change - exact) @ corners).max() < TOLERANCE else None


def _counted_anew(
    nodule: Nodule, node: Any, volume_node: Any, mask: NoduleMask, change: NDArray[np.float64]
) -> Nodule:
    fits = segments.digest(mask) == nodule.mask_digest
    turned_mask = _turn(mask, change, segments.index_grid(volume_node))
    segments.write_mask(node, nodule.segment_id, volume_node, turned_mask)
    return replace(nodule, mask_digest=segments.digest(turned_mask)) if fits else nodule


def _turn(mask: NoduleMask, change: NDArray[np.float64], grid: Grid) -> NoduleMask:
    """The mask counted in other indices."""
    index = np.argwhere(mask.array)[:, ::-1] + np.array(mask.start)
    moved = np.rint(index @ change[:3, :3].T + change[:3, 3]).astype(np.int64)
    low, high = moved.min(axis=0), moved.max(axis=0) + 1
    box = np.zeros((high - low)[::-1], dtype=np.bool_)
    box[tuple((moved - low).T[::-1])] = True
    found = mask_from_box(box, low, grid)
    return mask if found is None else found  # an empty one is the same in any order
