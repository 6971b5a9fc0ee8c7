"""From a stored cube to the patch the network sees, moved, zoomed, turned and mirrored."""

from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import TableError
from densesharp.image.masks import with_volume_of
from densesharp.train.cube_files import PATCH_EDGE, middle_of

SMALLEST_EDGE = 12
"""The network halves a patch twice. On the 2 x 2 x 2 voxels that would be left of 8, PyTorch 2.13's
bf16 convolution on a CPU gives wrong gradients: they hold memory that was never written."""


@dataclass(frozen=True)
class Augmentation:
    """How patches are varied in training.

    Attributes:
        shift_mm: the middle moves by up to this along each axis.
        zoom: smallest and largest magnification.
        grey: standard deviation of a random offset of all grey values, and of voxel noise.
        edge: voxels along each side of a training patch. The network is fully convolutional, so
            that the first part of a training may use smaller patches, in a fraction of the time.
            A multiple of 4 from 12 on.
        mixup: above 0, the nodules of a batch are mixed in pairs, patch, class and mask alike, by
            a share drawn from the Beta distribution with both parameters this. The authors used
            0.9 in a later work (Zhao et al., Cancer Medicine 2019).
    """

    shift_mm: float
    zoom: tuple[float, float]
    grey: float = 0.0
    edge: int = PATCH_EDGE
    mixup: float = 0.0

    def __post_init__(self) -> None:
        if self.edge % 4 or self.edge < SMALLEST_EDGE:
            raise TableError(
                f"Training patches of {self.edge} voxels are impossible: give a multiple of 4 "
                f"from {SMALLEST_EDGE} on."
            )


LIKE_PAPER = Augmentation(shift_mm=3, zoom=(0.8, 1.15))
"""Rotations, flips, axis reordering, ±3 mm, zoom 0.8-1.15 (paper, supplementary methods)."""

ORIENTATIONS = tuple(
    (order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)
)
"""The 48 ways to lay a cube on itself: an order of the axes, and a direction for each."""

IN_PLANE = tuple((order, flips) for order, flips in ORIENTATIONS if order[0] == 0)


def network_units(grey: NDArray[np.generic]) -> NDArray[np.float32]:
    """Grey values 0..255 to the network's input: grey / 128 - 1 (paper)."""
    return np.asarray(np.asarray(grey, dtype=np.float32) / 128 - 1, dtype=np.float32)


def middle_patch(
    voxel: NDArray[np.uint8],
    seg: NDArray[np.bool_],
    shift: tuple[int, int, int] = (0, 0, 0),
    edge: int = PATCH_EDGE,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The patch in the middle of a cube, or moved by whole voxels (k, j, i), without augmentation.

    Args:
        voxel: (k, j, i) uint8 grey values at 1 mm.
        seg: (k, j, i) bool.
        shift: whole voxels (k, j, i).
        edge: voxels along the patch's side.

    Returns:
        (edge, edge, edge) in network units, and the mask.
    """
    return network_units(middle_of(voxel, shift, edge)), middle_of(seg, shift, edge)


def augmented_patch(
    rng: np.random.Generator,
    voxel: NDArray[np.uint8],
    seg: NDArray[np.bool_] | NDArray[np.float32],
    how: Augmentation,
    keep_slice_axis: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | NDArray[np.float32]]:
    """Make a random patch (32, 32, 32) in network units, and its mask.

    Args:
        rng: what decides.
        voxel: (k, j, i) uint8 grey values at 1 mm.
        seg: (k, j, i) bool, or float32 where it holds the share of the readers.
        how: the ranges.
        keep_slice_axis: use only the 16 orientations that keep the first axis, not all 48.

    Returns:
        (edge, edge, edge) in network units, and the mask.
    """
    scale = 1 / rng.uniform(*how.zoom)
    middle = np.array(voxel.shape) // 2 - 0.5 + rng.uniform(-how.shift_mm, how.shift_mm, 3)
    first = middle - scale * (how.edge - 1) / 2
    grey = _sampled(voxel, first, scale, how.edge)
    share = _sampled(seg, first, scale, how.edge)
    mask = with_volume_of(share) if seg.dtype == np.bool_ else share
    if how.grey:
        grey += np.float32(rng.normal(0, how.grey))
        noise = abs(rng.normal(0, how.grey))
        grey += np.float32(noise) * rng.standard_normal(grey.shape, dtype=np.float32)
        grey = np.clip(grey, 0, 255)
    choices = IN_PLANE if keep_slice_axis else ORIENTATIONS
    order, flips = choices[int(rng.integers(len(choices)))]
    turned = network_units(turn(grey, order, flips))
    return turned, turn(mask, order, flips)


def turn(array: NDArray[Any], order: tuple[int, ...], flips: tuple[int, ...]) -> NDArray[Any]:
    """Reorder the axes of a cube, then mirror those whose flip is -1.

    Args:
        array: (k, j, i).
        order: which old axis becomes each new one.
        flips: 1 or -1 for each new axis.
    """
    return np.ascontiguousarray(array.transpose(order)[tuple(slice(None, None, f) for f in flips)])


def _sampled(
    array: NDArray[np.generic], first: NDArray[np.float64], scale: float, edge: int
) -> NDArray[np.float32]:
    return np.asarray(
        ndimage.affine_transform(
            array.astype(np.float32), np.full(3, scale), first, (edge,) * 3, order=1, mode="nearest"
        )
    )
