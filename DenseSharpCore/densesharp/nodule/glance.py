"""One quick look of the model at a place, before anybody clicks there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from densesharp.image.volume import Volume
from densesharp.nodule.inference import run_at
from densesharp.nodule.records import Seed

if TYPE_CHECKING:
    from densesharp.model.engines import Engine


def glance(volume: Volume, seed: Seed, engine: Engine) -> float | None:
    """What the model outlines at a place in a single pass.

    No answer to a click: it is not recentred, not turned, not measured and not judged.

    Args:
        volume: the CT.
        seed: the place.
        engine: a loaded model.

    Returns:
        Diameter in mm of a ball with the outlined volume; None where the model sees nothing.
    """
    patch, _, component = run_at(volume, seed.lps, seed.lps, engine)
    if component is None:
        return None
    return float((6 / math.pi * component.sum() * patch.grid.voxel_volume) ** (1 / 3))
