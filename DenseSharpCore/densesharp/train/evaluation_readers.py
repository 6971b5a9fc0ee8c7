"""A model beside the readers who outlined the same nodules.

Each reader in turn is left out: the model, and that reader, are compared with what half or more of
the others marked. So both are measured against the same truth, in which neither has a part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.masks import mask_from_box, paste
from densesharp.nodule.measure.axes import in_plane_axes
from densesharp.nodule.measure.contours import all_outlines
from densesharp.nodule.records import Prediction
from densesharp.stats.bootstrap import bootstrap_cases
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.segmentation import dice
from densesharp.train.cube_files import PATCH_EDGE
from densesharp.train.dataset import consensus
from densesharp.train.evaluation_records import AmongReaders, Extent, Outcome
from densesharp.train.own_grid import OwnMasks, slice_axis

SLICES = ((0.0, 1.3), (1.3, 2.1), (2.1, 100.0))
"""mm, groups of the CT's slice spacing; up to the upper bound."""


GRIDS = {
    "among": "at 1 mm, the network's grid, by the rule for the edge of the data set's masks",
    "inner": "on the CT's own grid, inner rule: outline pixels are left out, as LIDC-IDRI has it",
    "outer": "on the CT's own grid, outer rule: outline pixels included",
}
"""How an outline is compared with the readers', by the field of an `Outcome` that holds it."""


def among_readers(mask: NDArray[np.bool_], readers: NDArray[np.bool_]) -> AmongReaders:
    """Compare a model's mask (k, j, i), which may be empty, with its readers' (reader, k, j, i).

    Returns:
        Dice of the model and of the readers, each with the same truth.
    """
    count = len(readers)
    all_of_them = consensus(readers)
    each = [dice(mask, reader) for reader in readers]
    found = AmongReaders(
        count=count,
        one=each[0],
        mean=float(np.mean(each)),
        consensus=dice(mask, all_of_them),
        volume_ratio=float(mask.sum() / all_of_them.sum()),
    )
    if count == 1:
        return found
    others = [consensus(np.delete(readers, n, axis=0)) for n in range(count)]
    pairs = [dice(readers[a], readers[b]) for a in range(count) for b in range(a)]
    return replace(
        found,
        others=float(np.mean([dice(mask, other) for other in others])),
        reader=float(np.mean([dice(*pair) for pair in zip(readers, others, strict=True)])),
        pairs=float(np.mean(pairs)),
    )


BEYOND_MM = 1.5
"""An outline that reaches farther than this beyond every reader's has a voxel there."""

LEAK_SHARE = 0.05
"""With more of its volume there it leaks: into a vessel, say, or a slice that nobody marked."""


def on_own_grid(prediction: Prediction, own: OwnMasks) -> tuple[AmongReaders, AmongReaders, Extent]:
    """Compare a prediction with what readers drew on the CT's own voxels.

    Args:
        prediction: of a CT whose origin is the middle of the nodule's cube.
        own: of the same nodule.

    Returns:
        By the inner rule, by the outer one, and how far the outline reaches.
    """
    wide = own.padded(PATCH_EDGE)
    grid, inner, outer = wide.grid, wide.by("inner"), wide.by("outer")
    found = paste(prediction.mask, prediction.patch.grid, grid)
    mask = np.zeros(grid.shape, np.bool_) if found is None else found.full(grid) > 0
    volumes = inner.sum(axis=(1, 2, 3)) * grid.voxel_volume
    away = ndimage.distance_transform_edt(~outer.any(axis=0), sampling=grid.spacing[::-1])
    drawn = float(np.mean([_long_axis(reader, grid) for reader in inner if reader.any()]))
    extent = Extent(
        smallest_mm3=float(volumes.min()),
        largest_mm3=float(volumes.max()),
        beyond_mm=float(away[mask].max()) if mask.any() else 0.0,
        beyond_share=float((away[mask] > BEYOND_MM).mean()) if mask.any() else 0.0,
        longer_mm=_long_axis(mask, grid) - drawn if mask.any() else None,
        taller_mm=_height(mask, grid) - _height(consensus(inner), grid),
        drawn_mm=_longest_side(consensus(outer), grid),
    )
    return among_readers(mask, inner), among_readers(mask, outer), extent


@dataclass(frozen=True)
class Reach:
    """How the outlines of the nodules that fit the patch reach beside their readers'.

    Attributes:
        beyond: outlines that reach more than `BEYOND_MM` beyond every reader's.
        leaks: outlines with more than `LEAK_SHARE` of their volume there.
        n: of how many.
        longer_mm: mean long axis over that of the readers; None where nothing was found.
        taller_mm: mean height over that of the consensus, across the slices.
    """

    beyond: int
    leaks: int
    n: int
    longer_mm: float | None
    taller_mm: float


def reach(outcomes: Sequence[Outcome]) -> Reach | None:
    """Count the leaks among the nodules that fit; None where nothing was measured."""
    extents = [o.extent for o in outcomes if o.fits and o.extent]
    if not extents:
        return None
    longer = [one.longer_mm for one in extents if one.longer_mm is not None]
    return Reach(
        beyond=sum(one.beyond_mm > BEYOND_MM for one in extents),
        leaks=sum(one.beyond_share > LEAK_SHARE for one in extents),
        n=len(extents),
        longer_mm=float(np.mean(longer)) if longer else None,
        taller_mm=float(np.mean([one.taller_mm for one in extents])),
    )


def _long_axis(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Mm of the long axis of a mask (k, j, i) that is not empty."""
    found = mask_from_box(mask, (0, 0, 0), grid)
    if found is None:
        raise ImageError("There is nothing to measure.")
    return in_plane_axes(all_outlines(found.array > 0, found.grid), found.grid).long.length


@dataclass(frozen=True)
class ReadersRow:
    """Means over a group of nodules of what `AmongReaders` has of each.

    Attributes:
        n: how many nodules.
        several: how many of them two readers or more drew.
        one: see `AmongReaders`, as `mean` and `consensus`.
        mean: over all readers.
        consensus: with all readers.
        volume_ratio: the median.
        others: over the nodules of several readers, as `reader` and `pairs`.
        reader: the one left out.
        pairs: two by two.
        model_minus_reader: `others` minus `reader`.
    """

    n: int
    several: int
    one: float
    mean: float
    consensus: float
    volume_ratio: float
    others: float | None
    reader: float | None
    pairs: float | None
    model_minus_reader: Estimate


def _longest_side(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Mm of the longest side of the box around a mask (k, j, i)."""
    voxels = np.ptp(np.argwhere(mask), axis=0) + 1
    return float((voxels * grid.spacing[::-1]).max())


def _height(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Mm across the slices that a mask (k, j, i) fills."""
    axis = slice_axis(grid)
    filled = mask.any(axis=tuple(n for n in range(3) if n != axis))
    return float(filled.sum() * grid.spacing[2 - axis])


def readers_tables(
    outcomes: Sequence[Outcome], groups: Mapping[str, Sequence[Outcome]]
) -> dict[str, dict[str, ReadersRow]]:
    """The model beside the readers for each of `GRIDS` that was measured, by group.

    Groups are those of the masks, nodules of four readers or more, and slice spacings.
    """
    fits = [o for o in outcomes if o.fits]
    more = {"fits, four readers or more": [o for o in fits if _most_readers(o) >= 4]}
    for low, high in SLICES:
        name = f"fits, slices {low:g}-{high:g} mm" if high < 100 else f"fits, slices > {low:g} mm"
        more[name] = [o for o in fits if o.slice_mm is not None and low < o.slice_mm <= high]
    tables: dict[str, dict[str, ReadersRow]] = {}
    for grid in GRIDS:
        for name, group in {**groups, **more}.items():
            if row := _row(group, grid):
                tables.setdefault(grid, {})[name] = row
    return tables


def _most_readers(outcome: Outcome) -> int:
    return max((one.count for one in (outcome.among, outcome.inner) if one), default=0)


def _row(outcomes: Sequence[Outcome], grid: str) -> ReadersRow | None:
    group = [(o.patient, found) for o in outcomes if (found := getattr(o, grid)) is not None]
    if not group:
        return None
    patients, found = zip(*group, strict=True)
    several = [one for one in found if one.others is not None]

    def mean(name: str, among: Sequence[AmongReaders] = found) -> float:
        return float(np.mean([getattr(one, name) for one in among]))

    def of_several(name: str) -> float | None:
        return mean(name, several) if several else None

    return ReadersRow(
        n=len(group),
        several=len(several),
        one=mean("one"),
        mean=mean("mean"),
        consensus=mean("consensus"),
        volume_ratio=float(np.median([one.volume_ratio for one in found])),
        others=of_several("others"),
        reader=of_several("reader"),
        pairs=of_several("pairs"),
        model_minus_reader=_gap(list(zip(patients, found, strict=True))),
    )


def _gap(group: Sequence[tuple[str, AmongReaders]]) -> Estimate:
    """The model's Dice with the consensus of the others, minus the left-out reader's."""
    pairs = [
        (patient, one.others - one.reader)
        for patient, one in group
        if one.others is not None and one.reader is not None
    ]
    if not pairs:
        return not_estimable("No nodule has two readers.")
    gap = np.array([value for _, value in pairs])
    _, patients = np.unique([patient for patient, _ in pairs], return_inverse=True)
    return bootstrap_cases(
        lambda rows: float(gap[rows].mean()), len(gap), clusters=patients, replicates=1000
    )
