"""What goes into the chain: the CT, the click, and what the network sees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import ImageError, SeedError
from densesharp.image.grid import Grid, ras_to_lps


@dataclass(frozen=True, eq=False)
class Seed:
    """A click: a point in or near a nodule.

    Attributes:
        lps: (3,) LPS mm.

    Raises:
        SeedError: not three finite numbers.

    Examples:
        >>> densesharp.Seed((-72.2, 33.7, -18.6)).ras.tolist()
        [72.2, -33.7, -18.6]
    """

    lps: NDArray[np.float64]

    def __post_init__(self) -> None:
        try:
            point = np.array(self.lps, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SeedError(f"The seed {self.lps!r} is not three numbers.") from error
        if point.shape != (3,) or not np.isfinite(point).all():
            raise SeedError("A seed needs three finite numbers.")
        point.setflags(write=False)
        object.__setattr__(self, "lps", point)

    @property
    def ras(self) -> NDArray[np.float64]:
        """(3,) RAS mm."""
        return ras_to_lps(self.lps)

    @classmethod
    def from_ras(cls, point: ArrayLike) -> Seed:
        """A seed from RAS mm, as 3D Slicer shows them.

        Examples:
            >>> densesharp.Seed.from_ras((72.2, -33.7, -18.6)).lps.tolist()
            [-72.2, 33.7, -18.6]
        """
        return cls(ras_to_lps(point))

    @classmethod
    def from_ijk(cls, index: ArrayLike, grid: Grid) -> Seed:
        """A seed from (continuous) voxel indices (i, j, k) of an image.

        Examples:
            >>> densesharp.Seed.from_ijk((83, 144, 78), volume.grid).lps.tolist()
            [-72.5, 33.5, -18.375]
        """
        return cls(grid.to_world(index))


@dataclass(frozen=True, eq=False)
class Patch:
    """What the network sees: a cube along the patient's axes.

    Attributes:
        array: (32, 32, 32) float32 in network units (-1..1), axes superior, posterior, left.
        grid: 1 mm cube, identity direction.
        inside: share of the cube that lies inside the CT, 0..1; the rest is padded with air.
        sharpness: along the CT's slices over that within them; None where not known.

    Examples:
        >>> patch = result.prediction.patch
        >>> patch.array.shape, patch.grid.spacing.tolist(), patch.inside
        ((32, 32, 32), [1.0, 1.0, 1.0], 1.0)
    """

    array: NDArray[np.float32] = field(repr=False)
    grid: Grid
    inside: float
    sharpness: float | None = None

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape or self.array.dtype != np.float32:
            raise ImageError(f"Patch {self.array.shape} {self.array.dtype} does not fit its grid.")
