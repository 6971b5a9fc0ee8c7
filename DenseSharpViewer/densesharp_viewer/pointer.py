"""What lies under the pointer, in words."""

from __future__ import annotations

import numpy as np

from densesharp.image.grid import ras_to_lps
from densesharp.report.labels import minus_signs
from densesharp_scene import ScanNodules


def words_at(scan: ScanNodules | None, ras: np.ndarray) -> str:
    """Density and place (RAS mm) in a CT; empty outside of it."""
    if scan is None or not scan.alive:
        return ""
    volume = scan.volume()
    index = np.rint(volume.grid.to_index(ras_to_lps(ras))).astype(int)
    if (index < 0).any() or (index >= volume.grid.size).any():
        return ""
    hu = volume.array[tuple(index[::-1])]
    place = ", ".join(f"{value:.1f}" for value in ras)
    return minus_signs(f"{hu:.0f} HU at RAS {place} mm")
