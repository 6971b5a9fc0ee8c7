"""Masks of the same nodules by several readers and a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED, bootstrap_cases
from densesharp.stats.consensus import majority, staple
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.surface_distance import (
    BOTH_EMPTY,
    EMPTY,
    Mask,
    Spacing,
    assd,
    hausdorff,
    normalized_surface_dice,
    surface_distances,
)
from densesharp.stats.tables import FloatArray, IntArray


def dice(first: Mask, second: Mask) -> float:
    """2 |A and B| / (|A| + |B|); two empty masks agree: 1."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def jaccard(first: Mask, second: Mask) -> float:
    """|A and B| / |A or B|; two empty masks agree: 1."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def compare(first: Mask, second: Mask, spacing: Spacing) -> dict[str, Estimate]:
    """All measures of two masks of one shape.

    Two empty masks have distance 0 mm; if one is empty distances do not exist.

    Args:
        first: shape (k, j, i).
        second: the same shape.
        spacing: mm along k, j, i.
    """
    overlap = {"dice": Estimate(dice(first, second)), "jaccard": Estimate(jaccard(first, second))}
    if not first.any() and not second.any():
        zero, one = Estimate(0.0, method=BOTH_EMPTY), Estimate(1.0, method=BOTH_EMPTY)
        distances = {"hd95_mm": zero, "assd_mm": zero, "nsd_1mm": one, "nsd_2mm": one}
        return overlap | distances | {"volume_ratio": not_estimable(BOTH_EMPTY)}
    found = surface_distances(first, second, spacing)
    volumes = int(first.sum()), int(second.sum())
    return overlap | {
        "hd95_mm": hausdorff(found),
        "assd_mm": assd(found),
        "nsd_1mm": normalized_surface_dice(found, 1.0),
        "nsd_2mm": normalized_surface_dice(found, 2.0),
        "volume_ratio": Estimate(volumes[0] / volumes[1]) if volumes[1] else not_estimable(EMPTY),
    }


def consensus_masks(masks: Sequence[Mask]) -> dict[str, Mask]:
    """STAPLE (probability at least 1/2) and majority of masks, made in a box around them.

    The box keeps five voxels of background; STAPLE depends on how much there is.
    """
    both = np.any(np.array(masks), axis=0)
    if not both.any():
        return {"staple": both, "majority": both}
    box = tuple(
        slice(max(0, int(f.min()) - 5), int(f.max()) + 6)
        for f in (np.flatnonzero(both.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    )
    inside = [mask[box] for mask in masks]
    out = {name: np.zeros_like(both) for name in ("staple", "majority")}
    out["majority"][box] = majority(inside)
    if len(masks) > 1:
        out["staple"][box] = staple(inside).probability >= 0.5
    else:
        out["staple"][box] = inside[0]
    return out


@dataclass(frozen=True)
class WithinSpread:
    """Whether the model agrees with readers as well as readers do with each other.

    Attributes:
        model_reader: mean over cases of the model's mean Dice with the readers.
        reader_reader: mean over cases of the readers' mean Dice with each other.
        difference: model minus readers, with its bootstrap interval over cases.
        margin: the equivalence margin, or None.
        not_worse: whether the interval lies above minus the margin; None if not decidable.
    """

    model_reader: Estimate
    reader_reader: Estimate
    difference: Estimate
    margin: float | None
    not_worse: bool | None


def within_spread(
    cases: Sequence[tuple[Mask, Sequence[Mask]]],
    margin: float | None = None,
    *,
    patients: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
) -> WithinSpread:
    """Compare the model's Dice with readers to the readers' Dice with each other.

    Args:
        cases: (model's mask, readers' masks) of each case; cases with fewer than two readers are
            left out.
        margin: equivalence margin in Dice, set before the study.
        patients: shape (len(cases),): patients, whose cases are drawn together.
        replicates: bootstrap resamples.
        seed: of the bootstrap.

    Returns:
        Both means, their difference with its interval, and whether it keeps the margin.
    """
    rows = np.array([_spread_row(model, masks) for model, masks in cases if len(masks) > 1])
    used = np.array([len(masks) > 1 for _, masks in cases], dtype=bool)
    of = None if patients is None else patients[used]
    if len(rows) < 2:
        missing = not_estimable("Two cases with masks of two readers are needed.")
        return WithinSpread(missing, missing, missing, margin, None)
    gap = rows[:, 0] - rows[:, 1]

    def means(values: FloatArray) -> Estimate:
        return bootstrap_cases(
            lambda drawn: float(values[drawn].mean()),
            len(values),
            clusters=of,
            replicates=replicates,
            seed=seed,
        )

    difference = means(gap)
    decided = None
    if margin is not None and difference.ci is not None:
        decided = difference.ci[0] > -margin
    return WithinSpread(means(rows[:, 0]), means(rows[:, 1]), difference, margin, decided)


def _spread_row(model: Mask, masks: Sequence[Mask]) -> tuple[float, float]:
    with_model = float(np.mean([dice(model, mask) for mask in masks]))
    return with_model, float(np.mean([dice(a, b) for a, b in combinations(masks, 2)]))


def pairwise_dice(by_case: Sequence[Mapping[str, Mask]], names: Sequence[str]) -> FloatArray:
    """Shape (m, m): mean Dice of each pair over the cases both outlined, NaN without any."""
    sums, counts = np.zeros((2, len(names), len(names)))
    for masks in by_case:
        present = [(i, masks[name]) for i, name in enumerate(names) if name in masks]
        for (i, a), (j, b) in combinations(present, 2):
            value = dice(a, b)
            sums[i, j] += value
            sums[j, i] += value
            counts[i, j] += 1
            counts[j, i] += 1
    out = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=out, where=counts > 0)
    np.fill_diagonal(out, 1.0)
    return out
