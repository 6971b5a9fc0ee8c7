"""Endless training batches, each determined by seed and step alone.

Batch n of a run depends on nothing but the run's seed and n. A run that is resumed at step n
therefore goes on with exactly the batches it would have seen, and process r of a parallel run
draws its own part without talking to the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from densesharp.nodule.records import CLASS_NAMES
from densesharp.train.augment import Augmentation, augmented_patch
from densesharp.train.dataset import UNKNOWN, Sample

MIXUP_STREAM = 1
"""Tells the random numbers of mixup from those of the augmentation."""


class Batch(NamedTuple):
    """N patches with what is known about them."""

    patches: Tensor
    """(N, 1, 32, 32, 32) float32, network units."""
    targets: Tensor
    """(N, 3) float32 probability of each class; all 0 where the class is not known."""
    masks: Tensor
    """(N, 1, 32, 32, 32) float32, 0 or 1; between them after mixup, or as a share of readers."""


@dataclass(frozen=True, eq=False)
class SampleSource:
    """Nodules that share an augmentation, and how many of them a batch holds.

    Nodules of each class (and those without) are drawn equally often, as in the paper.

    Attributes:
        samples: the nodules.
        per_batch: how many of them are in each batch.
        augmentation: how they are varied.
        soft: whether masks are the share of the readers who marked a voxel, else 0 or 1.
    """

    samples: Sequence[Sample]
    per_batch: int
    augmentation: Augmentation
    soft: bool = False

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


def make_batch(sources: Sequence[SampleSource], seed: int, step: int, rank: int = 0) -> Batch:
    """Make the batch of one step (of process `rank`).

    Args:
        sources: data sets with their share of a batch.
        seed: of the run.
        step: of the optimiser.
        rank: process, where several train together.

    Returns:
        Patches, classes and masks; the same for the same arguments.
    """
    rng = np.random.default_rng([seed, step, rank])
    patches, labels, masks = [], [], []
    for source in sources:
        for sample in source.draw(rng):
            drawn = sample.share if source.soft else sample.seg
            patch, mask = augmented_patch(
                rng, sample.voxel, drawn, source.augmentation, sample.keep_slice_axis
            )
            patches.append(patch)
            masks.append(mask)
            labels.append(sample.label)
    batch = to_batch(patches, labels, masks)
    # A generator of its own, so that batches without mixup stay what they are.
    rng = np.random.default_rng([seed, step, rank, MIXUP_STREAM])
    first = 0
    for source in sources:
        if source.augmentation.mixup:
            rows = slice(first, first + source.per_batch)
            share = float(rng.beta(source.augmentation.mixup, source.augmentation.mixup))
            partners = torch.from_numpy(rng.permutation(source.per_batch))
            for tensor in batch:
                tensor[rows] = mixed(tensor[rows], partners, share)
        first += source.per_batch
    return batch


def to_batch(
    patches: Sequence[NDArray[np.float32]],
    labels: Sequence[int],
    masks: Sequence[NDArray[np.bool_] | NDArray[np.float32]],
) -> Batch:
    """Stack patches (k, j, i), class indices and masks (k, j, i) of N nodules.

    Args:
        patches: N of (k, j, i) in network units.
        labels: N class indices.
        masks: N of (k, j, i).

    Returns:
        Them as tensors.
    """
    targets = np.zeros((len(labels), len(CLASS_NAMES)), dtype=np.float32)
    for row, label in enumerate(labels):
        if label != UNKNOWN:
            targets[row, label] = 1
    return Batch(
        torch.from_numpy(np.stack(patches)[:, None]),
        torch.from_numpy(targets),
        torch.from_numpy(np.stack(masks)[:, None].astype(np.float32)),
    )


def mixed(values: Tensor, partners: Tensor, share: float) -> Tensor:
    """Mixup (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).

    Args:
        values: (N, ...) patches, targets or masks.
        partners: (N,) the row each row is mixed with.
        share: how much each row keeps of itself.
    """
    return share * values + (1 - share) * values[partners]


class Batches(IterableDataset[Batch]):
    """The batches of steps `first` to `last`, without `last`."""

    def __init__(self, sources: Sequence[SampleSource], seed: int, first: int, last: int) -> None:
        super().__init__()
        self.sources, self.seed, self.first, self.last = sources, seed, first, last

    def __iter__(self) -> Iterator[Batch]:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        rank = torch.distributed.get_rank() if distributed else 0
        for step in range(self.first, self.last):
            yield make_batch(self.sources, self.seed, step, rank)
