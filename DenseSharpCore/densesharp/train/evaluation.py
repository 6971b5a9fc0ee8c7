"""Running a model on a data set as a user would, and keeping what it said about each nodule."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import ModelError
from densesharp.image.grid import cube_grid
from densesharp.image.masks import centroid, paste
from densesharp.image.volume import Volume
from densesharp.model.engines import Engine, open_engine
from densesharp.model.model_file import ModelFile
from densesharp.nodule.inference import locate, predict
from densesharp.nodule.patch import EDGE, WINDOW
from densesharp.nodule.records import Prediction
from densesharp.progress import Progress, silent
from densesharp.stats.segmentation import compare, dice
from densesharp.train.dataset import Sample
from densesharp.train.evaluation_answers import answer_at
from densesharp.train.evaluation_readers import among_readers, on_own_grid
from densesharp.train.evaluation_records import Outcome

SHIFT_MM = 5.0
SHIFTS = tuple(
    tuple(SHIFT_MM * sign * (axis == n) for n in range(3)) for axis in range(3) for sign in (1, -1)
)
"""Displacements of the seed, LPS mm: 5 mm along each axis, either way."""

MIDDLE = np.zeros(3)
"""LPS mm in a sample's cube: where a place without a nodule is clicked."""

SOLID_HU = -300.0
SMALLEST_MM3 = 10.0
SMALLEST_INSIDE = 5


def evaluate(
    samples: Sequence[Sample],
    model: ModelFile,
    by_fold: bool = False,
    shifts: bool = True,
    augmentations: int = 1,
    answers: bool = False,
    progress: Progress = silent,
) -> list[Outcome]:
    """Run a model on every nodule, through the same steps as `densesharp predict`.

    Args:
        samples: the nodules; places without one are left out, see `outlined_places`.
        model: the model file.
        by_fold: nodules of subset k are run by member k alone, which must have been trained
            without them (cross-validation).
        shifts: also run displaced seeds.
        augmentations: orientations that are averaged (see `densesharp.nodule.inference.predict`).
        answers: also give every nodule the complete answer of `predict`.
        progress: told after every nodule.

    Raises:
        ModelError: `by_fold`, and there is a subset without a member.
    """
    outcomes: list[Outcome] = []
    samples = [sample for sample in samples if sample.is_nodule]
    for engine, group in _engines(samples, model, by_fold):
        for sample in group:
            outcomes.append(outcome_of(sample, engine, shifts, augmentations, answers))
            progress(len(outcomes) / len(samples), f"{len(outcomes)} of {len(samples)} nodules")
    return outcomes


def outcome_of(
    sample: Sample, engine: Engine, shifts: bool, augmentations: int, answers: bool
) -> Outcome:
    """Run a model on one nodule, see `evaluate`.

    Args:
        sample: the nodule.
        engine: a loaded model.
        shifts: also run displaced seeds.
        augmentations: orientations that are averaged.
        answers: also give the complete answer of `predict`.

    Returns:
        What the model said about it.
    """
    outcome = _run(sample, engine, shifts, augmentations)
    if not answers:
        return outcome
    volume = as_volume(sample)
    answer = answer_at(volume, centroid(sample.seg, volume.grid), engine, augmentations)
    return replace(outcome, answer=answer)


def outlined_places(
    samples: Sequence[Sample], model: ModelFile, by_fold: bool = False, augmentations: int = 1
) -> tuple[int, int]:
    """Click on the places without a nodule.

    Args:
        samples: all; those with a nodule are passed over.
        model: the model, perhaps of several folds.
        by_fold: use for each sample only members that have not seen it.
        augmentations: orientations that are averaged.

    Returns:
        At how many of them 10 mm3 or more were outlined, and how many there are.
    """
    places = [sample for sample in samples if not sample.is_nodule]
    outlined = 0
    for engine, group in _engines(places, model, by_fold) if places else ():
        for sample in group:
            mask, _ = _outlined(as_volume(sample), MIDDLE, engine, augmentations)
            outlined += int(mask.sum() >= SMALLEST_MM3)
    return outlined, len(places)


def _engines(
    samples: Sequence[Sample], model: ModelFile, by_fold: bool
) -> Iterator[tuple[Engine, Iterable[Sample]]]:
    if not by_fold:
        yield open_engine(model, precision="fp32"), samples
        return
    subsets = sorted({sample.subset for sample in samples})
    if subsets[0] < 0 or subsets[-1] >= len(model.members):
        raise ModelError(
            f"The model has {len(model.members)} members, but the data set has subset "
            f"{subsets[-1]}: one member per fold is needed."
        )
    for subset in subsets:
        card = replace(model.card, members=1)
        single = ModelFile(card, (model.members[subset],), model.sha256)
        engine = open_engine(single, precision="fp32")
        yield engine, [sample for sample in samples if sample.subset == subset]


def _run(sample: Sample, engine: Engine, shifts: bool, augmentations: int) -> Outcome:
    volume = as_volume(sample)
    inside = volume.array[sample.seg]
    # Between voxels, as users click: a patch of a cube's own voxels is sharper than any of theirs.
    click = centroid(sample.seg, volume.grid)
    mask, prediction = _outlined(volume, click, engine, augmentations)
    own = on_own_grid(prediction, sample.own) if sample.own else (None, None, None)
    shifted = [_outlined(volume, click + s, engine, 1)[0] for s in SHIFTS] if shifts else []
    plain = _outlined(volume, click, engine, 1)[0] if shifts else mask
    measures = compare(mask, sample.seg, (1.0, 1.0, 1.0))
    extent = np.ptp(np.argwhere(sample.seg), axis=0) + 1
    return Outcome(
        name=sample.name,
        label=sample.label,
        subset=sample.subset,
        patient=sample.patient,
        texture=sample.texture,
        diameter_mm=float((6 * sample.seg.sum() / np.pi) ** (1 / 3)),
        mean_hu=float(inside.mean()),
        fits=bool(extent.max() <= EDGE),
        probabilities=tuple(float(p) for p in prediction.class_probabilities),
        dice=dice(mask, sample.seg),
        hd95_mm=measures["hd95_mm"].value if mask.any() else None,
        volume_ratio=float(mask.sum() / sample.seg.sum()),
        shifted_dice=tuple(dice(m, sample.seg) for m in shifted),
        solid_share=_solid_share(volume.array, mask),
        inner_solid_share=_solid_share(volume.array, _inner(mask)),
        refused=bool(mask.sum() < SMALLEST_MM3),
        plain_dice=dice(plain, sample.seg) if shifts else None,
        slice_mm=sample.slice_mm,
        among=None if sample.readers is None else among_readers(mask, sample.readers),
        inner=own[0],
        outer=own[1],
        extent=own[2],
    )


def _solid_share(hu: NDArray[np.floating], mask: NDArray[np.bool_]) -> float | None:
    return float((hu[mask] >= SOLID_HU).mean()) if mask.any() else None


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask without the voxels that share a face with the outside."""
    inner = ndimage.binary_erosion(mask)
    return inner if inner.sum() >= SMALLEST_INSIDE else mask


def as_volume(sample: Sample) -> Volume:
    """A sample's cube as a CT whose middle is the origin."""
    low, high = WINDOW
    hu = sample.voxel.astype(np.float32) * ((high - low) / 255) + low
    return Volume(hu, cube_grid(np.zeros(3), sample.voxel.shape[0]))


def _outlined(
    volume: Volume, click: NDArray[np.float64], engine: Engine, augmentations: int
) -> tuple[NDArray[np.bool_], Prediction]:
    """Mask on the cube's own grid, empty where nothing was found, and what it was read from."""
    located = locate(volume, click, engine)
    prediction, _ = predict(located, engine, augmentations)
    if located.component is None:
        prediction = replace(prediction, mask=np.zeros_like(prediction.mask))
    found = paste(prediction.mask, prediction.patch.grid, volume.grid)
    mask = np.zeros(volume.grid.shape, np.bool_) if found is None else found.full(volume.grid) > 0
    return mask, prediction
