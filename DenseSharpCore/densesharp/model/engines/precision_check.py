"""Whether an engine, in reduced precision or on a GPU, gives the results of the exact one.

Checked once at load, with the user's own model and processor, on simulated patches. Classes,
probabilities and Dice have the bounds promised for real nodules in docs/reference/performance.md.
"""

from __future__ import annotations

import numpy as np

from densesharp.model.engines.interface import PATCH, Engine, EngineOutput, Floats

LARGEST_PROBABILITY_CHANGE = 0.01
SMALLEST_DICE = 0.995
LARGEST_VOXEL_CHANGE = 0.03
"""Of the probability that a voxel belongs to the nodule. Masks only show where it crosses one half,
and on eight patches that may go well by chance."""


def agrees(engine: Engine, exact: Engine) -> bool:
    """Whether both engines give the same masks, classes and, nearly, probabilities."""
    patches = check_patches_of_nodules()
    mine, theirs = engine.run(patches), exact.run(patches)
    same_class = np.array_equal(mine.logits.argmax(-1), theirs.logits.argmax(-1))
    change = np.abs(_softmax(mine.logits) - _softmax(theirs.logits)).max()
    return bool(
        same_class
        and change <= LARGEST_PROBABILITY_CHANGE
        and np.abs(mine.mask - theirs.mask).max() <= LARGEST_VOXEL_CHANGE
        and _smallest_dice(mine, theirs) >= SMALLEST_DICE
    )


def check_patches_of_nodules() -> Floats:
    """Make eight balls in lung, (8, 32, 32, 32) in network units: two sizes, four densities.

    Ground glass, part-solid, solid and dense, in noisy lung, with edges softened over 1 mm.
    """
    grid = np.indices(PATCH) - 15.5
    distance = np.sqrt((grid**2).sum(0))
    noise = np.random.default_rng(0).normal(0.0, 20.0, PATCH)
    patches = []
    for radius in (3.5, 7.5):
        for outer, core in ((-550.0, -550.0), (-550.0, 0.0), (30.0, 30.0), (200.0, 300.0)):
            inside = np.clip(radius + 0.5 - distance, 0.0, 1.0)
            inner = np.clip(radius / 2 + 0.5 - distance, 0.0, 1.0)
            hounsfield = -850.0 + inside * (outer + 850.0) + inner * (core - outer) + noise
            grey = np.rint((np.clip(hounsfield, -1024.0, 400.0) + 1024.0) / 1424.0 * 255.0)
            patches.append(grey / 128.0 - 1.0)
    return np.stack(patches).astype(np.float32)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Floats = powers / powers.sum(-1, keepdims=True)
    return shares


def _smallest_dice(mine: EngineOutput, theirs: EngineOutput) -> float:
    """Over patches and members; two empty masks agree."""
    a, b = mine.mask > 0.5, theirs.mask > 0.5
    both, sizes = (a & b).sum((2, 3, 4)), a.sum((2, 3, 4)) + b.sum((2, 3, 4))
    return float(np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), 1.0).min())
