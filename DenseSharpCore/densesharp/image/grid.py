"""Affine maths in LPS millimetres: index to world and back, grids, crops.

Conventions used everywhere in the core:

* Arrays are `[k, j, i]` (slice, row, column); index triples are written `(i, j, k)`.
* World coordinates are LPS millimetres: x to the patient's left, y posterior, z superior (DICOM,
  ITK). RAS (3D Slicer, NIfTI) differs in the signs of x and y; `ras_to_lps` is the only converter.
* The centre of voxel (0, 0, 0) lies at the origin; the image reaches half a voxel further.
* A direction is a 3x3 matrix whose columns are the unit vectors of the i, j and k axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import GeometryError

Float = NDArray[np.float64]

ORTHOGONAL_TOLERANCE = 1e-3
"""Largest departure of direction^T direction from identity; DICOM's own rounding stays below."""


def ras_to_lps(points: ArrayLike) -> Float:
    """Turn RAS points (..., 3) into LPS or the other way: the first two coordinates change sign."""
    return np.asarray(points, dtype=np.float64) * (-1.0, -1.0, 1.0)


class HasGeometry(Protocol):
    """What SimpleITK's images and file readers say about where voxels lie (LPS mm)."""

    def GetSize(self) -> tuple[int, ...]:  # noqa: D102, N802
        ...

    def GetOrigin(self) -> tuple[float, ...]:  # noqa: D102, N802
        ...

    def GetSpacing(self) -> tuple[float, ...]:  # noqa: D102, N802
        ...

    def GetDirection(self) -> tuple[float, ...]:  # noqa: D102, N802
        ...


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels in space.

    Attributes:
        size: number of voxels along (i, j, k).
        origin: LPS mm of the centre of voxel (0, 0, 0).
        spacing: mm between voxel centres along (i, j, k), all positive.
        direction: (3, 3), columns are the unit vectors of the axes.

    Raises:
        GeometryError: values are missing, not finite, not positive, or the axes not orthogonal.

    Examples:
        >>> grid = densesharp.Grid((512, 512, 300), np.zeros(3), np.array([0.7, 0.7, 1]), np.eye(3))
        >>> grid.shape
        (300, 512, 512)
    """

    size: tuple[int, int, int]
    origin: Float
    spacing: Float
    direction: Float

    def __post_init__(self) -> None:
        origin = np.array(self.origin, dtype=np.float64)
        spacing = np.array(self.spacing, dtype=np.float64)
        direction = np.array(self.direction, dtype=np.float64)
        if (
            len(self.size) != 3
            or origin.shape != (3,)
            or spacing.shape != (3,)
            or direction.shape != (3, 3)
        ):
            message = "The image has no complete 3D geometry (origin, spacing and direction)."
            raise GeometryError(message)
        if not all(np.isfinite(part).all() for part in (origin, spacing, direction)):
            raise GeometryError("The image's geometry holds values that are not numbers.")
        if min(self.size) < 1 or (spacing <= 0).any():
            numbers = f"size {[*map(int, self.size)]} or spacing {spacing.tolist()}"
            raise GeometryError(f"The image's {numbers} is not positive.")
        if np.abs(direction.T @ direction - np.eye(3)).max() > ORTHOGONAL_TOLERANCE:
            raise GeometryError(
                "The image's axes are not at right angles (gantry tilt or a shear): "
                "resample it onto a rectangular grid first."
            )
        for name, value in (("origin", origin), ("spacing", spacing), ("direction", direction)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "size", (int(self.size[0]), int(self.size[1]), int(self.size[2])))

    @classmethod
    def from_sitk(cls, image: HasGeometry) -> Grid:
        """The grid of a SimpleITK image, or of a reader that has read an image's information.

        Raises:
            GeometryError: it has not three dimensions, or its geometry cannot be.
        """
        size = image.GetSize()
        if len(size) != 3:
            raise GeometryError(f"The image has {len(size)} dimensions: a CT has three.")
        origin, spacing = np.array(image.GetOrigin()), np.array(image.GetSpacing())
        direction = np.reshape(image.GetDirection(), (3, 3))
        return cls((size[0], size[1], size[2]), origin, spacing, direction)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid: (k, j, i)."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def affine(self) -> Float:
        """(4, 4) matrix from homogeneous (i, j, k) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * self.spacing
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    @property
    def center(self) -> Float:
        """LPS mm of the middle of the grid."""
        return self.to_world((np.array(self.size) - 1) / 2)

    @property
    def points(self) -> Float:
        """(k, j, i, 3) LPS mm of every voxel's centre."""
        k, j, i = np.indices(self.shape)
        return self.to_world(np.stack([i, j, k], axis=-1))

    def corners(self, beyond: float = 0.0) -> Float:
        """(8, 3) LPS mm of the corner voxels' centres; `beyond` voxels further out: 0.5 for faces.

        Examples:
            >>> volume.grid.corners(0.5)[0].tolist()
            [-156.0, -111.0, -116.5]
        """
        ends = [(-beyond, count - 1 + beyond) for count in self.size]
        return self.to_world(np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, 3))

    def to_world(self, ijk: ArrayLike) -> Float:
        """LPS mm of continuous indices (..., 3).

        Examples:
            >>> volume.grid.to_world((0, 0, 2)).tolist()
            [-155.5, -110.5, -113.375]
        """
        steps: Float = (self.direction * self.spacing).T
        return np.asarray(np.asarray(ijk, dtype=np.float64) @ steps + self.origin)

    def to_index(self, lps: ArrayLike) -> Float:
        """Continuous indices (i, j, k) of LPS points (..., 3).

        Examples:
            >>> volume.grid.to_index((-155.5, -110.5, -113.375)).tolist()
            [0.0, 0.0, 2.0]
        """
        inverse = np.asarray(np.linalg.inv(self.direction * self.spacing), dtype=np.float64)
        return np.asarray((np.asarray(lps, dtype=np.float64) - self.origin) @ inverse.T)

    def contains(self, lps: ArrayLike) -> bool:
        """Whether a point lies inside the image, its voxels' outer faces included.

        Examples:
            >>> volume.grid.contains(seed.lps), volume.grid.contains((0, 0, 999))
            (True, False)
        """
        index = self.to_index(lps)
        return bool(np.all(index >= -0.5) and np.all(index <= np.array(self.size) - 0.5))

    def distance_to(self, lps: ArrayLike) -> Float:
        """(k, j, i) mm from every voxel's centre to a point (3,) in LPS mm."""
        away = self.points - np.asarray(lps, dtype=np.float64)
        return np.asarray(np.linalg.norm(away, axis=-1))

    def crop(self, start: ArrayLike, size: ArrayLike) -> Grid:
        """The grid of `size` voxels (i, j, k) that starts at index `start`, inside or not."""
        i, j, k = (int(n) for n in np.asarray(size))
        return Grid((i, j, k), self.to_world(start), self.spacing, self.direction)

    def same_as(self, other: Grid, tolerance: float = 1e-4) -> bool:
        """Whether both grids put every voxel at the same place.

        Args:
            other: the grid to compare with.
            tolerance: by how much steps between voxels may differ, in parts of the finest spacing;
                origins by that for every voxel of the longest side.
        """
        if self.size != other.size:
            return False
        corners = np.array([[0, 0, 0], np.array(self.size) - 1])
        step = float(self.spacing.min())
        axes = np.abs(self.direction * self.spacing - other.direction * other.spacing).max()
        ends = np.abs(self.to_world(corners) - other.to_world(corners)).max()
        return bool(axes < tolerance * step and ends < tolerance * step * max(self.size))


def cube_grid(center: ArrayLike, edge: int, spacing: float = 1.0) -> Grid:
    """A cube of `edge` voxels along the patient's axes, its middle at `center` (LPS mm).

    With an even edge the middle lies between voxels, so that flips and rotations of the cube map
    it onto itself.

    Args:
        center: (3,) LPS mm.
        edge: voxels along each side.
        spacing: mm between them.
    """
    middle = np.asarray(center, dtype=np.float64)
    return Grid(
        (edge, edge, edge), middle - spacing * (edge - 1) / 2, np.full(3, spacing), np.eye(3)
    )


def index_box(
    grid: Grid, other: Grid, margin: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and size (i, j, k) of the part of `grid` that covers `other`, clipped to `grid`.

    Args:
        grid: the large grid.
        other: a grid somewhere in the same world, in any orientation.
        margin: voxels added on each side before clipping.

    Returns:
        start (3,) and size (3,); a size with a zero means that the two do not meet.
    """
    index = grid.to_index(other.corners(0.5))
    low = np.floor(index.min(axis=0)).astype(np.int64) - margin
    high = np.ceil(index.max(axis=0)).astype(np.int64) + margin + 1
    low = np.clip(low, 0, grid.size)
    high = np.clip(high, 0, grid.size)
    return low, np.maximum(high - low, 0)


def box_slices(start: ArrayLike, size: ArrayLike) -> tuple[slice, slice, slice]:
    """Slices for an array `[k, j, i]` from a start and size written (i, j, k)."""
    begin, count = np.asarray(start), np.asarray(size)
    i, j, k = (slice(int(b), int(b + n)) for b, n in zip(begin, count, strict=True))
    return k, j, i
