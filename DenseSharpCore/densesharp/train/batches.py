"""Endless training batches, each determined by seed and step alone.

Batch n of a run depends on nothing but the run's seed and n. A run that is resumed at step n
therefore goes on with exactly the batches it would have seen, and process r of a parallel run
draws its own part without talking to the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from densesharp.train.augment import Augmentation, augmented_patch
from densesharp.train.dataset import Sample


class Batch(NamedTuple):
    """N patches with what is known about them."""

    patches: Tensor
    """(N, 1, 32, 32, 32) float32, network units."""
    labels: Tensor
    """(N,) class index; -1 where it is not known."""
    masks: Tensor
    """(N, 1, 32, 32, 32) float32, 0 or 1."""


@dataclass(frozen=True, eq=False)
class Source:
    """Nodules that share an augmentation, and how many of them a batch holds.

    Nodules of each class (and those without) are drawn equally often, as in the paper.

    Attributes:
        samples: the nodules.
        per_batch: how many of them are in each batch.
        augmentation: how they are varied.
    """

    samples: Sequence[Sample]
    per_batch: int
    augmentation: Augmentation

    def draw(self, rng: np.random.Generator) -> list[Sample]:
        """Draw `per_batch` nodules, classes in turn from a random start."""
        groups = [
            [sample for sample in self.samples if sample.label == label]
            for label in sorted({sample.label for sample in self.samples})
        ]
        start = int(rng.integers(len(groups)))
        drawn = []
        for n in range(self.per_batch):
            group = groups[(start + n) % len(groups)]
            drawn.append(group[int(rng.integers(len(group)))])
        return drawn


def make_batch(sources: Sequence[Source], seed: int, step: int, rank: int = 0) -> Batch:
    """Make the batch of one step (of process `rank`)."""
    rng = np.random.default_rng([seed, step, rank])
    patches, labels, masks = [], [], []
    for source in sources:
        for sample in source.draw(rng):
            patch, mask = augmented_patch(
                rng, sample.voxel, sample.seg, source.augmentation, sample.keep_slice_axis
            )
            patches.append(patch)
            masks.append(mask)
            labels.append(sample.label)
    return Batch(
        torch.from_numpy(np.stack(patches)[:, None]),
        torch.tensor(labels, dtype=torch.long),
        torch.from_numpy(np.stack(masks)[:, None].astype(np.float32)),
    )


class Batches(IterableDataset[Batch]):
    """The batches of steps `first` to `last`, without `last`."""

    def __init__(self, sources: Sequence[Source], seed: int, first: int, last: int) -> None:
        super().__init__()
        self.sources, self.seed, self.first, self.last = sources, seed, first, last

    def __iter__(self) -> Iterator[Batch]:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        rank = torch.distributed.get_rank() if distributed else 0
        for step in range(self.first, self.last):
            yield make_batch(self.sources, self.seed, step, rank)
