"""What readers drew on the CT's own pixels and slices, kept beside a cube of 1 mm, by both rules.

A cube of 1 mm holds masks that were interpolated: the outline of a slice of 2.5 mm is spread over
neighbours in which nobody drew. So each reader's own voxels are kept too, and a model's probability
is read off at their centers, as `densesharp predict` does with a CT.

Two rules for the edge are in use. By the *inner* rule, LIDC-IDRI's own, the pixels of a drawn
outline do not belong to the nodule; by the *outer* rule they do. A label map knows one of the two;
the other follows from it within each slice: outline pixels are those that share a side with what is
outside. Against 579 masks of LIDC-IDRI, whose outlines are known, that gives a mean Dice of 0.998
(inner from outer) and 0.992 (outer from inner).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.masks import with_volume_of
from densesharp.image.sampling import resample

Rule = Literal["inner", "outer"]

INSIDE, OUTLINE = 1, 2
"""Values of `OwnMasks.drawn`, as LIDC-IDRI's outlines have them: inside, and the outline itself."""


@dataclass(frozen=True, eq=False)
class OwnMasks:
    """What each reader drew, on the CT's own voxels, in a box that holds all of it.

    Attributes:
        drawn: (reader, k, j, i) uint8; 0 outside, `INSIDE`, `OUTLINE`.
        grid: the box's grid; in a data set LPS mm from the middle of the nodule's cube.
    """

    drawn: NDArray[np.uint8]
    grid: Grid

    def __post_init__(self) -> None:
        if self.drawn.ndim != 4 or self.drawn.shape[1:] != self.grid.shape or not self.drawn.size:
            raise ImageError(f"own {self.drawn.shape} does not fit its grid {self.grid.shape}")
        if self.drawn.max() > OUTLINE:
            raise ImageError("own holds other values than 0 outside, 1 inside and 2 on the outline")

    def by(self, rule: Rule) -> NDArray[np.bool_]:
        """(reader, k, j, i) each reader's mask by a rule for the edge."""
        return np.asarray(self.drawn == INSIDE if rule == "inner" else self.drawn > 0)

    def about(self, middle: NDArray[np.float64]) -> "OwnMasks":
        """The same, in LPS mm from a point (3,)."""
        g = self.grid
        return OwnMasks(self.drawn, Grid(g.size, g.origin - middle, g.spacing, g.direction))

    def padded(self, mm: float) -> "OwnMasks":
        """The same with `mm` more room on every side, for what a model outlines beside it."""
        more = np.ceil(mm / self.grid.spacing).astype(int)
        room = [(0, 0), *((n, n) for n in more[::-1])]
        return OwnMasks(
            np.pad(self.drawn, room), self.grid.crop(-more, np.array(self.grid.size) + 2 * more)
        )

    def to_archive(self) -> dict[str, NDArray[np.generic]]:
        """The arrays `own` and `own_affine` of a nodule's file."""
        return {"own": self.drawn, "own_affine": self.grid.affine}

    @classmethod
    def from_archive(cls, drawn: NDArray[Any], affine: NDArray[Any]) -> "OwnMasks":
        """Undo `to_archive`.

        Args:
            drawn: `own`, see above.
            affine: (4, 4) from the index (i, j, k) to LPS mm.

        Returns:
            The masks on their grid.

        Raises:
            DenseSharpError: the arrays are none of `to_archive`.
        """
        if affine.shape != (4, 4) or drawn.ndim != 4 or drawn.dtype.kind not in "bui":
            message = f"own {drawn.shape} and own_affine {affine.shape} are no masks on a grid"
            raise ImageError(message)
        affine = np.asarray(affine, dtype=np.float64)
        axes = affine[:3, :3]
        spacing = np.linalg.norm(axes, axis=0)
        k, j, i = drawn.shape[1:]
        grid = Grid((i, j, k), affine[:3, 3], spacing, axes / np.where(spacing > 0, spacing, 1))
        return cls(drawn.astype(np.uint8), grid)


def own_masks(masks: Mapping[str, NDArray[np.bool_]], grid: Grid, rule: Rule) -> OwnMasks:
    """Keep the part of a CT that the readers of a nodule marked.

    Args:
        masks: (k, j, i) of each reader by name, of the CT's size; at least one voxel is marked.
        grid: the CT's.
        rule: that the masks were drawn by.

    Returns:
        The masks in LPS mm of the CT, with a margin of one voxel.

    Raises:
        ImageError: by the outer rule, a reader leaves nothing inside the outline.
    """
    places = np.argwhere(np.any(list(masks.values()), axis=0))
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    around = grid.crop(low[::-1] - 1, (high - low)[::-1] + 2)
    drawn = []
    for name, mask in masks.items():
        drawn.append(with_outline(np.pad(mask[box], 1), around, rule))
        if not (drawn[-1] == INSIDE).any():
            raise ImageError(
                f"nothing is left of the mask '{name}' without its outline pixels: leave it out"
            )
    return OwnMasks(np.stack(drawn), around)


def with_outline(mask: NDArray[np.bool_], grid: Grid, rule: Rule) -> NDArray[np.uint8]:
    """A mask that was drawn by one rule, with its outline pixels told apart.

    Args:
        mask: (k, j, i), empty at the sides of the array.
        grid: its grid.
        rule: that the mask was drawn by.

    Returns:
        (k, j, i) 0 outside, `INSIDE`, `OUTLINE`.
    """
    cross = ndimage.generate_binary_structure(2, 1)
    in_slices = np.expand_dims(cross, slice_axis(grid))
    if rule == "inner":
        outer = ndimage.binary_dilation(mask, in_slices)
        return np.where(mask, INSIDE, np.where(outer, OUTLINE, 0)).astype(np.uint8)
    inner = ndimage.binary_erosion(mask, in_slices)
    return np.where(inner, INSIDE, np.where(mask, OUTLINE, 0)).astype(np.uint8)


def slice_axis(grid: Grid) -> int:
    """The axis of an array (k, j, i) that lies nearest to the patient's: readers draw across it."""
    return 2 - int(np.abs(grid.direction[2]).argmax())


def on_cube(marked: NDArray[np.bool_], own: Grid, grid: Grid) -> NDArray[np.uint8]:
    """A mask (k, j, i) on its own grid, at 1 mm on a cube's grid."""
    seg = with_volume_of(resample(marked, own, grid, 0.0))
    if max(own.spacing) > 1:
        # As the original code does: closes the steps that interpolated thick slices leave.
        seg |= ndimage.binary_closing(seg, ndimage.generate_binary_structure(3, 1))
    return np.asarray(seg, dtype=np.uint8)
