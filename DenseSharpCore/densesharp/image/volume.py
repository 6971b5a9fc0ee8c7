"""A CT on its grid, and what its reader must know about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.image.grid import Grid, box_slices, index_box
from densesharp.image.sampling import resample


@dataclass(frozen=True)
class Notice:
    """Something the reader must know about an image or a result.

    Attributes:
        code: short stable name for programs, such as `slice_thickness`.
        message: one sentence for the radiologist.
        severity: `info` only informs; `caution` and `refused` decide the verdict.

    Examples:
        >>> [notice.code for notice in volume.notices]
        ['simulated']
    """

    code: str
    message: str
    severity: Literal["info", "caution", "refused"] = "caution"


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT in Hounsfield units on its own grid.

    Attributes:
        array: (k, j, i) numeric HU; int16 as read where possible.
        grid: where its voxels lie, LPS mm.
        notices: what reading found (thick slices, contrast, ...).
        series: identity needed to refer back to a DICOM source (empty otherwise); never shown.

    Raises:
        ImageError: not three-dimensional, not numeric, or it does not fit the grid.

    Examples:
        A CT that another library read, 0.7 x 0.7 x 1.0 mm:

        >>> hu = np.full((3, 4, 5), -850, dtype=np.int16)
        >>> grid = densesharp.Grid((5, 4, 3), np.zeros(3), np.array([0.7, 0.7, 1.0]), np.eye(3))
        >>> densesharp.Volume(hu, grid).array.mean()
        np.float64(-850.0)
        >>> densesharp.Volume(hu[0], grid)
        Traceback (most recent call last):
        densesharp.errors.ImageError: The image has 2 dimensions of type int16: ...
    """

    array: NDArray[Any] = field(repr=False)
    grid: Grid
    notices: tuple[Notice, ...] = ()
    series: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or self.array.dtype.kind not in "iuf":
            raise ImageError(
                f"The image has {self.array.ndim} dimensions of type {self.array.dtype}: "
                "a CT with three dimensions and one number per voxel is needed."
            )
        if self.array.shape != self.grid.shape:
            raise ImageError(f"Array {self.array.shape} and grid {self.grid.shape} do not fit.")
        object.__setattr__(self, "notices", tuple(self.notices))
        object.__setattr__(self, "series", MappingProxyType(dict(self.series)))

    def on_grid(self, grid: Grid, outside: float) -> NDArray[np.float32]:
        """HU on another grid, trilinear; only the part of the CT that it covers is touched.

        Args:
            grid: where the values are wanted, LPS mm.
            outside: value beyond the outer faces of the CT's voxels.

        Returns:
            (k, j, i) float32 on `grid`.
        """
        # Two voxels more than the grid touches, so that the crop's edge is never interpolated.
        start, size = index_box(self.grid, grid, margin=2)
        if not size.all():
            return np.full(grid.shape, outside, dtype=np.float32)
        crop = self.array[box_slices(start, size)]
        return resample(crop, self.grid.crop(start, size), grid, outside)
