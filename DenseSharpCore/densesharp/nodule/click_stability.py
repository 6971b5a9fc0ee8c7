"""Does the answer survive a slightly different click?

The seed is moved by a fixed distance towards the corners of a tetrahedron and the nodule found
anew, with recentring, as a click there would have found it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from densesharp.image.masks import NoduleMask, dice, grow, paste
from densesharp.image.volume import Volume
from densesharp.nodule.inference import Located, class_probabilities, locate
from densesharp.nodule.records import CLASS_NAMES, Light, Seed, Stability
from densesharp.progress import Progress, silent

if TYPE_CHECKING:
    from densesharp.model.engines import Engine

OFFSET_MM = 3.0
"""The shift that the network's training covered (Zhao et al. 2018, supplement)."""

DIRECTIONS = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / np.sqrt(3)
"""From the middle of a tetrahedron to its corners (LPS): the fewest that look to all sides alike,
that is, whose mean is zero and whose mean square is the same along every direction."""

STEADY_DICE = 0.8
LOST_DICE = 0.5


def click_stability(
    volume: Volume, seed: Seed, located: Located, engine: Engine, progress: Progress = silent
) -> Stability:
    """Move the seed by `OFFSET_MM` in four directions and compare the answers with the click's own.

    Args:
        volume: the CT.
        seed: the click.
        located: what the click itself found; a component must have been found.
        engine: a loaded model.
        progress: told after each moved seed.

    Returns:
        How many moved clicks found a nodule, and how far class, volume and mask changed.
    """
    temperature = engine.model.card.temperature
    own_mask = _mask_of(located, volume)
    own_class = int(_probabilities(located, temperature).argmax())
    overlaps, rows, volumes = [], [], []
    for done, step in enumerate(DIRECTIONS * OFFSET_MM):
        progress(done / len(DIRECTIONS), f"Moved click {done + 1} of {len(DIRECTIONS)}")
        # A click that leads back to the same patch needs no second look at it.
        moved = locate(volume, seed.lps + step, engine, located.patch.grid.center)
        mask = _mask_of(moved, volume)
        overlaps.append(dice(own_mask, mask))
        if mask is not None:
            rows.append(_probabilities(moved, temperature))
            volumes.append(float(mask.array.sum()) * mask.grid.voxel_volume)
    classes = np.array([row.argmax() for row in rows], dtype=int)
    spread = np.std(rows, axis=0).tolist() if len(rows) > 1 else [None] * len(CLASS_NAMES)
    same = float((classes == own_class).sum() / len(DIRECTIONS))
    lowest = min(overlaps)
    return Stability(
        offset_mm=OFFSET_MM,
        seeds=len(DIRECTIONS),
        found=len(rows),
        same_class=same,
        sd_class=dict(zip(CLASS_NAMES, spread, strict=True)),
        volume_cv=float(np.std(volumes, ddof=1) / np.mean(volumes)) if len(volumes) > 1 else None,
        dice_min=lowest,
        light=light_of(same, lowest),
    )


def _mask_of(located: Located, volume: Volume) -> NoduleMask | None:
    """The mask of a located nodule on the CT's own grid, of the patch as it is."""
    if located.component is None:
        return None
    probability = located.output.mask.mean(axis=(0, 1))
    near = np.where(grow(located.component), probability, np.float32(0))
    return paste(near, located.patch.grid, volume.grid)


def _probabilities(located: Located, temperature: float) -> NDArray[np.float64]:
    """(3,) mean over the members at the patch as it is."""
    return np.asarray(class_probabilities(located.output.logits[0], temperature).mean(axis=0))


def light_of(same_class: float, dice_min: float) -> Light:
    """Green: same class and outline everywhere; red: class or outline lost; amber: between."""
    if same_class == 1.0 and dice_min >= STEADY_DICE:
        return "green"
    return "red" if same_class < 0.5 or dice_min < LOST_DICE else "amber"
