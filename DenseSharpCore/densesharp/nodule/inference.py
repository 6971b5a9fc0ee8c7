"""Run the model at a seed: recentre, average over members and augmentations, find the evidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.image.masks import THRESHOLD, centroid, component_at, grow, within_reach
from densesharp.image.volume import Volume
from densesharp.nodule.partial_volume import odds_of_true_volume, with_odds
from densesharp.nodule.patch import USUAL_SHARPNESS, cut_patch
from densesharp.nodule.records import CLASS_NAMES, Patch, Prediction
from densesharp.progress import Progress, silent

if TYPE_CHECKING:
    from densesharp.model.engines import Engine, EngineOutput

MAX_PASSES = 4
"""How often the patch is recentred at most: training moved its centre by 3 mm only, so a click
further off must be brought back (Zhao et al. 2018, supplement)."""

SETTLED_MM = 1.0
"""Recentring stops when the middle of the mask moves less."""


@dataclass(frozen=True, eq=False)
class Located:
    """The last pass of recentring.

    Attributes:
        patch: where it ended.
        output: the model's output there, for the patch as it is.
        component: (k, j, i) the seed's part of the mean mask; None where nothing was found.
        passes: how many patches were run.
        shift_mm: from the seed to the middle of the last patch.
    """

    patch: Patch
    output: EngineOutput
    component: NDArray[np.bool_] | None
    passes: int
    shift_mm: float


def locate(
    volume: Volume, seed_lps: ArrayLike, engine: Engine, known: ArrayLike | None = None
) -> Located:
    """Find the nodule at a seed, recentring the patch on the predicted mask.

    Args:
        volume: the CT.
        seed_lps: (3,) LPS mm.
        engine: a loaded model.
        known: (3,) LPS mm, the middle of a patch that was run before; recentring stops when it
            would come back there.

    Returns:
        The patch around the nodule, the model's output on it, and the part of the mask that is
        meant.
    """
    seed = np.asarray(seed_lps, dtype=np.float64)
    center = anchor = seed
    for passes in range(1, MAX_PASSES + 1):
        patch, output, component = run_at(volume, center, anchor, engine)
        if component is None:
            break
        # From the second pass on the nodule is known: follow it, not the click at its edge.
        anchor = centroid(component, patch.grid)
        ends = [center] if known is None else [center, np.asarray(known)]
        if passes == MAX_PASSES or any(np.linalg.norm(anchor - end) < SETTLED_MM for end in ends):
            break
        center = anchor
    if component is not None and not within_reach(component, patch.grid, seed):
        component = None  # recentring has moved on to something else than what was clicked
    shift = float(np.linalg.norm(patch.grid.center - seed))
    return Located(patch, output, component, passes, shift)


def run_at(
    volume: Volume, center: ArrayLike, anchor: ArrayLike, engine: Engine
) -> tuple[Patch, EngineOutput, NDArray[np.bool_] | None]:
    """One pass: the patch at `center`, the model's output, the part of the mask at `anchor`.

    Args:
        volume: the CT.
        center: (3,) LPS mm, middle of the patch.
        anchor: (3,) LPS mm, a point in or near the nodule.
        engine: a loaded model.
    """
    patch = cut_patch(volume, center)
    output = at_edge(engine.run(patch.array[np.newaxis]), patch, engine)
    return patch, output, component_at(output.mask.mean(axis=(0, 1)), patch.grid, anchor)


SHARPNESS_LIMITS = (0.3, 1.6)
"""What was seen when the correction was fitted; it does not grow beyond."""


def at_edge(output: EngineOutput, patch: Patch, engine: Engine) -> EngineOutput:
    """Move the mask's probabilities so that one half lies at the edge on slices of any thickness.

    On thick slices a nodule is blurred along the slice axis, and the same probability lies farther
    outside its edge. The log odds are moved by the model's `slice_shift` times the logarithm of
    the sharpness along the slices over `USUAL_SHARPNESS`. The class is left alone.

    Args:
        output: of the patch, in any orientation.
        patch: as it lies in the CT.
        engine: whose model ran.
    """
    weight = engine.model.card.slice_shift
    if not weight or patch.sharpness is None:
        return output
    ratio = float(np.clip(patch.sharpness, *SHARPNESS_LIMITS)) / USUAL_SHARPNESS
    return output._replace(mask=with_odds(output.mask, ratio**weight))


EVIDENCE_REACH = 3
"""Voxels (mm) around the mask that still count as the nodule's: half a cell of the evidence map,
and one because voxels beside the edge hold nodule too."""

Orientation = tuple[tuple[int, ...], tuple[int, ...]]


HALF_TURNS = ((), (0, 1), (0, 2), (1, 2))
"""The patch as it is and turned by half about each axis. Of these four every axis is flipped in
two, so that their mean prefers no side; single flips would leave each axis as it is in three."""


def orientations() -> list[Orientation]:
    """The 48 symmetries of a cube as (axis order, flipped axes): half turns, then flips, first."""
    flips = [*HALF_TURNS, (0,), (1,), (2,), (0, 1, 2)]
    return [(order, axes) for order in itertools.permutations(range(3)) for axes in flips]


def orient(array: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Turn the last three axes of an array."""
    order, flips = orientation
    lead = array.ndim - 3
    turned = np.transpose(array, [*range(lead), *(lead + axis for axis in order)])
    return np.ascontiguousarray(np.flip(turned, tuple(lead + axis for axis in flips)))


def orient_back(array: NDArray[Any], orientation: Orientation) -> NDArray[Any]:
    """Undo `orient`."""
    order, flips = orientation
    lead = array.ndim - 3
    flipped = np.flip(array, tuple(lead + axis for axis in flips))
    inverse = np.argsort(order)
    return np.transpose(flipped, [*range(lead), *(lead + int(axis) for axis in inverse)])


def class_probabilities(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Softmax of logits / temperature along the last axis."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    exponent = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=-1, keepdims=True))


def predict(
    located: Located, engine: Engine, augmentations: int = 1, progress: Progress = silent
) -> tuple[Prediction, NDArray[np.float32]]:
    """Average the model over its members and over orientations of the patch.

    Args:
        located: where the nodule is; its output is used again for the first orientation.
        engine: a loaded model.
        augmentations: number of orientations, 1..48; 1 is the patch as it is, 4 the half
            turns, 8 all flips.
        progress: told after each orientation.

    Returns:
        The prediction, and each run's own mask probability (orientations * members, 32, 32, 32),
        zero away from the nodule.
    """
    chosen = orientations()[:augmentations]
    outputs = [located.output]
    for done in range(1, len(chosen), engine.batch):
        progress(done / len(chosen), f"Orientation {done + 1} of {len(chosen)}")
        group = chosen[done : done + engine.batch]
        turned = np.stack([orient(located.patch.array, each) for each in group])
        outputs.append(at_edge(engine.run(turned), located.patch, engine))
    logits, masks, activations = (np.concatenate(part) for part in zip(*outputs, strict=True))
    samples = class_probabilities(logits, engine.model.card.temperature).reshape(
        -1, len(CLASS_NAMES)
    )
    masks = _turned_back(masks, chosen)
    activation = _turned_back(activations, chosen).mean(axis=0)

    mean_mask = masks.mean(axis=0, dtype=np.float32)
    component = component_at(mean_mask, located.patch.grid, _anchor(located))
    near = np.zeros(mean_mask.shape, dtype=np.bool_) if component is None else grow(component)
    if engine.model.card.slice_shift:  # a model that is taught the nodule's edge
        factor = odds_of_true_volume(located.patch, mean_mask, near)
        if factor != 1:
            masks, mean_mask = with_odds(masks, factor), with_odds(mean_mask, factor)
    probabilities = samples.mean(axis=0)
    evidence = evidence_map(activation, int(probabilities.argmax()), mean_mask.shape)
    around = grow(near, 3) if near.any() else near
    masks = np.where(around, masks, np.float32(0))
    volumes = _volumes(masks)
    prediction = Prediction(
        class_probabilities=probabilities / probabilities.sum(),
        samples=samples,
        mask=np.where(near, mean_mask, np.float32(0)),
        volume_samples_mm3=volumes * located.patch.grid.voxel_volume,
        evidence=evidence,
        evidence_inside=share_of_evidence(evidence, near),
        patch=located.patch,
        shift_mm=located.shift_mm,
        passes=located.passes,
        agreement=_agreement(masks, near & (mean_mask >= THRESHOLD)),
        silent=int((volumes == 0).sum()),
    )
    return prediction, masks


def _turned_back(arrays: NDArray[Any], chosen: list[Orientation]) -> NDArray[Any]:
    """(n, members, ...) in n orientations -> (n * members, ...) in the patch's own axes."""
    return np.concatenate([orient_back(*pair) for pair in zip(arrays, chosen, strict=True)])


def _anchor(located: Located) -> NDArray[np.float64]:
    """The middle of the part that was found, or of the patch."""
    if located.component is None:
        return located.patch.grid.center
    return centroid(located.component, located.patch.grid)


def _volumes(masks: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) voxels of each mask."""
    return np.asarray((masks >= THRESHOLD).sum(axis=(1, 2, 3)), dtype=np.float64)


def _agreement(masks: NDArray[np.float32], shown: NDArray[np.bool_]) -> float:
    """Mean Dice of the outlines of several runs (n, k, j, i) with the one shown (k, j, i)."""
    own = masks >= THRESHOLD
    both = (own & shown).sum(axis=(1, 2, 3))
    sizes = own.sum(axis=(1, 2, 3)) + shown.sum()
    return float((2 * both / np.maximum(sizes, 1)).mean())


def evidence_map(
    activation: NDArray[np.floating], chosen: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Where in the patch the classifier finds reasons for the chosen class.

    Class activation mapping (Zhou et al. 2016), as the chosen class's map minus the mean over the
    classes: softmax ignores what all classes share. Negative values (reasons against) are cut.

    Args:
        activation: (classes, 8, 8, 8), its spatial mean is the logits.
        chosen: index of the class.
        shape: (k, j, i) of the patch.

    Returns:
        `shape` float32, trilinear between the activation's cells, maximum 1 (or all zero).
    """
    positive = np.maximum(activation[chosen] - activation.mean(axis=0), 0)
    for axis, edge in enumerate(shape):
        positive = _stretch(positive, axis, edge)
    top = float(positive.max())
    return np.asarray(positive / top if top > 0 else positive, dtype=np.float32)


def _stretch(array: NDArray[np.floating], axis: int, edge: int) -> NDArray[np.floating]:
    """Linear interpolation along one axis to `edge` samples; cells keep their outer faces."""
    cells = array.shape[axis]
    position = np.clip((np.arange(edge) + 0.5) * cells / edge - 0.5, 0, cells - 1)
    low = np.minimum(position.astype(int), cells - 2)
    weight = (position - low).reshape([-1 if n == axis else 1 for n in range(array.ndim)])
    below, above = np.take(array, low, axis), np.take(array, low + 1, axis)
    return np.asarray(below + weight * (above - below))


def share_of_evidence(evidence: NDArray[np.float32], near: NDArray[np.bool_]) -> float:
    """Share of the evidence inside a mask (grown by `EVIDENCE_REACH`), 0..1."""
    total = float(evidence.sum())
    return (
        float(evidence[grow(near, EVIDENCE_REACH)].sum()) / total
        if total > 0 and near.any()
        else 0.0
    )
