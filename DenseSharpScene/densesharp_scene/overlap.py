"""Which nodules of a CT share voxels: one lesion that was marked twice counts twice."""

from collections.abc import Sequence

import numpy as np

from densesharp.image.grid import box_slices
from densesharp.image.masks import NoduleMask

from .nodule import Nodule

SHARED = 0.5
"""From this share of the smaller outline on two outlines are about one nodule."""


class Overlaps:
    """Remembers the answer until an outline or a name changes."""

    def __init__(self) -> None:
        self._seen: tuple[tuple[str, str, str], ...] = ()
        self._words: dict[str, str] = {}

    def words(self, nodules: Sequence[Nodule]) -> dict[str, str]:
        """Nodule id to a sentence about the nodule it shares most voxels with, where that is so."""
        seen = tuple((each.id, each.name, each.mask_digest) for each in nodules)
        if seen != self._seen:
            self._seen, self._words = seen, _words(nodules)
        return self._words


def _words(nodules: Sequence[Nodule]) -> dict[str, str]:
    outlined = [nodule for nodule in nodules if nodule.result.mask is not None]
    most: dict[str, tuple[float, str]] = {}
    masks = [nodule.result.mask for nodule in outlined if nodule.result.mask]
    for first, second in _meeting(masks):
        one, other = outlined[first], outlined[second]
        share = shared(one.result.mask, other.result.mask)
        for nodule_id, name in ((one.id, other.name), (other.id, one.name)):
            if share > SHARED:
                most[nodule_id] = max(most.get(nodule_id, (0.0, "")), (share, name))
    return {
        nodule_id: f"{share:.0%} of this outline and that of {name} are the same: if both are one "
        "nodule, delete one of them."
        for nodule_id, (share, name) in most.items()
    }


def _meeting(masks: Sequence[NoduleMask]) -> list[tuple[int, int]]:
    """Pairs of masks whose boxes meet, each once."""
    if len(masks) < 2:
        return []
    starts = np.array([mask.start for mask in masks])
    ends = starts + [mask.array.shape[::-1] for mask in masks]
    low = np.maximum(starts[:, None], starts[None])
    meet = (low < np.minimum(ends[:, None], ends[None])).all(axis=-1)
    return [(int(one), int(other)) for one, other in np.argwhere(np.triu(meet, 1))]


def shared(one: NoduleMask | None, other: NoduleMask | None) -> float:
    """Voxels in both masks of one CT, as a share of the smaller one: 0 to 1."""
    if one is None or other is None:
        return 0.0
    low = np.maximum(one.start, other.start)
    ends = [np.add(mask.start, mask.array.shape[::-1]) for mask in (one, other)]
    size = np.minimum(*ends) - low
    if (size <= 0).any():
        return 0.0
    parts = [mask.array[box_slices(low - mask.start, size)] > 0 for mask in (one, other)]
    smaller = min(int((mask.array > 0).sum()) for mask in (one, other))
    return float((parts[0] & parts[1]).sum()) / max(smaller, 1)
