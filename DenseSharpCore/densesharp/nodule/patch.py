"""A cube of CT around a point, resampled and scaled as the network expects it.

Only the crop is resampled, never the whole CT. Source of the numbers: Zhao et al. 2018
(10.1158/0008-5472.CAN-18-0696) and its published code: 1 mm isotropic, trilinear; window
-1024..400 HU to 8-bit grey, rounded; network units are grey / 128 - 1; outside the CT is air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def cut_patch(volume: Volume, center_lps: ArrayLike, edge: int = EDGE) -> Patch:
    """The network's input around a point.

    Args:
        volume: the CT, any spacing and direction.
        center_lps: (3,) LPS mm, the middle of the cube.
        edge: voxels of 1 mm along each side.
    """
    grid = cube_grid(center_lps, edge)
    hu = volume.on_grid(grid, outside=WINDOW[0])
    return Patch(to_network_units(hu), grid, inside=share_inside(grid, volume.grid))
