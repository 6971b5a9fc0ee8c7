"""A model beside the readers who outlined the same nodules.

Each reader in turn is left out: the model, and that reader, are compared with what half or more of
the others marked. So both are measured against the same truth, in which neither has a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from densesharp.stats.bootstrap import bootstrap_cases
from densesharp.stats.segmentation import dice
from densesharp.train.dataset import consensus

if TYPE_CHECKING:
    from densesharp.train.evaluation import Outcome

SLICES = ((0.0, 1.3), (1.3, 2.1), (2.1, 100.0))
"""mm, groups of the CT's slice spacing; up to the upper bound."""


@dataclass(frozen=True)
class AmongReaders:
    """Mean Dice of one nodule's outline with its readers', and of theirs among each other.

    Attributes:
        count: how many readers drew the nodule, two or more.
        one: the model and the first reader.
        mean: the model and each reader, averaged.
        others: the model and the consensus of all readers but one, averaged over that one.
        reader: the one left out and the same consensus, averaged.
        pairs: readers two by two, averaged.
    """

    count: int
    one: float
    mean: float
    others: float
    reader: float
    pairs: float


def among_readers(
    mask: NDArray[np.bool_], readers: NDArray[np.bool_] | None
) -> AmongReaders | None:
    """Compare a model's mask (k, j, i) with those of all readers (reader, k, j, i).

    Args:
        mask: the model's, may be empty.
        readers: what they drew; None where there is one mask only.
    """
    if readers is None or len(readers) < 2:
        return None
    count = len(readers)
    others = [consensus(np.delete(readers, n, axis=0)) for n in range(count)]
    each = [dice(mask, reader) for reader in readers]
    pairs = [dice(readers[a], readers[b]) for a in range(count) for b in range(a)]
    return AmongReaders(
        count=count,
        one=each[0],
        mean=float(np.mean(each)),
        others=float(np.mean([dice(mask, other) for other in others])),
        reader=float(np.mean([dice(*pair) for pair in zip(readers, others, strict=True)])),
        pairs=float(np.mean(pairs)),
    )


def readers_table(
    outcomes: Sequence[Outcome], groups: Mapping[str, Sequence[Outcome]]
) -> dict[str, dict[str, Any]]:
    """The model beside the readers by group: those of the masks, four readers, slice spacing.

    Args:
        outcomes: of every nodule.
        groups: by name, as the table of the masks has them.

    Returns:
        Mean Dice by group; empty where no nodule has two readers.
    """
    fits = [o for o in outcomes if o.fits]
    more = {"fits, four readers or more": [o for o in fits if o.among and o.among.count >= 4]}
    for low, high in SLICES:
        name = f"fits, slices {low:g}-{high:g} mm" if high < 100 else f"fits, slices > {low:g} mm"
        more[name] = [o for o in fits if o.slice_mm is not None and low < o.slice_mm <= high]
    rows = {name: _row(group) for name, group in {**groups, **more}.items()}
    return {name: row for name, row in rows.items() if row}


def _row(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    group = [(o, o.among) for o in outcomes if o.among]
    if not group:
        return {}
    _, patients = np.unique([o.patient for o, _ in group], return_inverse=True)
    gap = np.array([among.others - among.reader for _, among in group])
    columns = ("one", "mean", "others", "reader", "pairs")
    return {
        "n": len(group),
        "consensus": float(np.mean([o.dice for o, _ in group])),
        **{name: float(np.mean([getattr(a, name) for _, a in group])) for name in columns},
        "model_minus_reader": bootstrap_cases(
            lambda rows: float(gap[rows].mean()), len(group), clusters=patients, replicates=1000
        ),
    }
