"""A cube of CT around a point, resampled and scaled as the network expects it.

Only the crop is resampled, never the whole CT. Source of the numbers: Zhao et al. 2018
(10.1158/0008-5472.CAN-18-0696) and its published code: 1 mm isotropic, trilinear; window
-1024..400 HU to 8-bit grey, rounded; network units are grey / 128 - 1; outside the CT is air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import ImageError
from densesharp.image.grid import cube_grid
from densesharp.image.sampling import share_inside
from densesharp.image.volume import Volume
from densesharp.nodule.records import Patch

EDGE = 32
"""Edge of the network's input in voxels of 1 mm."""

WINDOW = (-1024.0, 400.0)
"""HU that map to grey 0 and 255; everything outside saturates."""


def to_network_units(hu: ArrayLike) -> NDArray[np.float32]:
    """Hounsfield units to network units: -1 at -1024 HU and below, 0.992 at 400 HU and above."""
    low, high = WINDOW
    values = np.asarray(hu, dtype=np.float32)
    grey = np.rint((np.clip(values, low, high) - low) * (255.0 / (high - low)))
    return np.asarray(grey / 128.0 - 1.0, dtype=np.float32)


def to_hu(units: NDArray[np.floating]) -> NDArray[np.float32]:
    """Network units back to HU, within the window and to its steps of 5.6 HU."""
    low, high = WINDOW
    return np.asarray((units + 1) * (128.0 / 255) * (high - low) + low, dtype=np.float32)


USUAL_SHARPNESS = 0.62
"""Of a patch along its slices (see `slice_sharpness`), between 1.25 and 2.5 mm slices."""


def slice_sharpness(array: NDArray[np.floating], axis: int = 0) -> float:
    """How sharp a cube is along the CT's slices, as a share of how sharp it is within them.

    The mean size of the second differences along `axis` over that along the other two: thick or
    interpolated slices are smooth along their axis. About 1.2 on simulated slices of 0.6 mm, 1 on 1
    mm, 0.5 on 2 mm and 0.4 on 2.5 mm; on cubes of LIDC-IDRI 0.8 on 1.25 mm and 0.5 on 2.5 mm. It is
    seen in the picture, so that a CT which was resampled before does not hide it.

    Args:
        array: (k, j, i) of the cube.
        axis: across the slices.
    """
    rough = [float(np.abs(np.diff(array, 2, axis=n)).mean()) for n in range(3)]
    within = (sum(rough) - rough[axis]) / 2
    return rough[axis] / within if within > 0 and rough[axis] > 0 else 1.0


def slice_axis(volume: Volume) -> int:
    """The axis of a patch's array (0 k, 1 j, 2 i) that runs across a CT's slices.

    Slices lie apart by the coarsest spacing; where no axis is coarser they are stored as the last.
    """
    spacing = volume.grid.spacing
    across = 2 if spacing[2] >= 0.999 * spacing.max() else int(spacing.argmax())
    return 2 - int(np.abs(volume.grid.direction[:, across]).argmax())


def cut_patch(volume: Volume, center_lps: ArrayLike, edge: int = EDGE) -> Patch:
    """The network's input around a point.

    Args:
        volume: the CT, any spacing and direction.
        center_lps: (3,) LPS mm, the middle of the cube.
        edge: voxels of 1 mm along each side.

    Raises:
        ImageError: voxels in the cube have no value.
    """
    grid = cube_grid(center_lps, edge)
    hu = volume.on_grid(grid, outside=WINDOW[0])
    if not np.isfinite(hu).all():
        message = "The CT has voxels without a value (NaN or infinite) here: export it again."
        raise ImageError(message)
    units = to_network_units(hu)
    sharpness = slice_sharpness(units, slice_axis(volume))
    return Patch(units, grid, share_inside(grid, volume.grid), sharpness)
