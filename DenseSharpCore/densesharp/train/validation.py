"""Watching a run on nodules it does not learn from: metrics, learning rate, when to stop.

The nodules are a part of those the run was given, chosen by patient. The fold that a model is
tested on is not among them, so that nothing is ever selected by looking at it.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from densesharp.errors import TableError
from densesharp.model.densesharp import DenseSharp
from densesharp.train.augment import middle_patch
from densesharp.train.batch_metrics import GROUPS, count, metrics
from densesharp.train.batches import Batch, to_batch
from densesharp.train.dataset import UNKNOWN, Sample, assign_subsets
from densesharp.train.module import TrainingModule

_PLATEAU: Mapping[str, Any] = {
    "factor": 0.334, "patience": 10, "cooldown": 2, "threshold": 1e-5, "threshold_mode": "abs",
}  # fmt: skip
"""When the validation loss no longer falls the learning rate does: values of the original code,
where an epoch stands for what is one validation here."""

BATCH = 12


@dataclass(frozen=True)
class Validation:
    """Whether and how a run is watched.

    Attributes:
        share: share of the patients that is kept out of training for this; 0 watches nothing.
        every: steps between validations. There is always one after the last step.
        patience: stop after this many validations in a row without an improvement; 0 never stops.
        monitor: what has to improve; the original stops by accuracy.
    """

    share: float = 0.0
    every: int = 50
    patience: int = 0
    monitor: Literal["loss", "class_accuracy", "mask_f1"] = "loss"


def hold_out(
    datasets: Sequence[Sequence[Sample]], share: float, seed: int
) -> tuple[list[list[Sample]], list[Sample]]:
    """Take a share of the patients out of all data sets, classes spread evenly.

    Args:
        datasets: what may be learnt from.
        share: of the patients, 0 to one half.
        seed: of the choice.

    Returns:
        What is left of each data set, and what was taken out.

    Raises:
        TableError: the share is impossible, or leaves a data set or the validation without nodules.
    """
    if not 0 <= share <= 0.5:
        message = f"A validation share of {share:g} is impossible: give a number from 0 to 0.5."
        raise TableError(message)
    if share == 0:
        return [list(samples) for samples in datasets], []
    everything = [(n, sample) for n, samples in enumerate(datasets) for sample in samples]
    patients = [sample.patient for _, sample in everything]
    strata = [f"{n} {sample.class_name}" for n, sample in everything]
    ratio = Fraction(share).limit_denominator(100)
    parts = assign_subsets(patients, strata, ratio.denominator, seed)
    taken: list[Sample] = []
    left: list[list[Sample]] = [[] for _ in datasets]
    for (n, sample), part in zip(everything, parts, strict=True):
        # Parts at even distances: where there are fewer patients than parts, the last stay empty.
        held = part * ratio.numerator % ratio.denominator < ratio.numerator
        (taken if held else left[n]).append(sample)
    if not taken or not all(left):
        message = f"There are too few patients to keep {share:.0%} of them out for validation."
        raise TableError(message)
    return left, taken


class Watcher(Callback):
    """Validates every so many steps, before the checkpoint of that step is written.

    Lightning's own validation loop runs after that checkpoint: a run that was killed in between
    would go on without this validation, and not as an unbroken run. What this one remembers is in
    the checkpoint, the best network so far too.

    Args:
        how: when and by what.
        samples: the nodules to watch.
        edge: voxels along a patch's side: that of the training, because class logits are means
            over the patch and change with its size.
        finished: gives the network that the run would end with now; it is not changed by it.

    Raises:
        TableError: accuracy shall be watched, but no class is known.
    """

    def __init__(
        self,
        how: Validation,
        samples: Sequence[Sample],
        edge: int,
        finished: Callable[[TrainingModule], DenseSharp],
    ) -> None:
        if how.monitor == "class_accuracy" and all(s.label == UNKNOWN for s in samples):
            message = "No class of the watched nodules is known: their accuracy cannot be watched."
            raise TableError(message)
        self.how, self.samples, self.edge, self.finished = how, samples, edge, finished
        self.best: float | None = None
        self.best_network: dict[str, Tensor] = {}
        self.without_improvement = 0
        self.stopped = False
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take hold of the learning rate, where it follows the validation."""
        assert isinstance(pl_module, TrainingModule)
        if pl_module.optimisation.schedule == "plateau":
            self._plateau = ReduceLROnPlateau(trainer.optimizers[0], **_PLATEAU)
            if self._plateau_state:
                self._plateau.load_state_dict(self._plateau_state)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Validate, log, follow the plateau, remember the best, stop."""
        assert isinstance(pl_module, TrainingModule)
        step = trainer.global_step
        if step % self.how.every and step != pl_module.optimisation.steps:
            return
        network = self.finished(pl_module)
        values = self._validate(trainer, pl_module, network)
        # Not pl_module.log: Lightning would write these again at every step until the next ones.
        for logger in trainer.loggers:
            logger.log_metrics({f"val_{name}": value for name, value in values.items()}, step - 1)
        if self._plateau:
            self._plateau.step(values["loss"])
        # The loss shall fall, all other values shall rise.
        value = values.get(self.how.monitor, 0.0) * (-1 if self.how.monitor == "loss" else 1)
        if self.best is None or value > self.best:
            self.best, self.without_improvement = value, 0
            self.best_network = {name: t.cpu() for name, t in network.state_dict().items()}
        else:
            self.without_improvement += 1
            if 0 < self.how.patience <= self.without_improvement:
                self.stopped = trainer.should_stop = True

    def _validate(
        self, trainer: pl.Trainer, module: TrainingModule, network: DenseSharp
    ) -> dict[str, float]:
        """Loss and metrics over all samples; each process of a parallel run does its share."""
        network = network.to(module.device)
        counts = torch.zeros(len(GROUPS), 5, dtype=torch.int64, device=module.device)
        sums = torch.zeros(4, device=module.device)
        mine = self.samples[trainer.global_rank :: trainer.world_size]
        with torch.no_grad():
            for first in range(0, len(mine), BATCH):
                batch = middles(mine[first : first + BATCH], self.edge)
                patches, targets, masks = (tensor.to(module.device) for tensor in batch)
                output = network(patches.contiguous(memory_format=torch.channels_last_3d))
                losses = module.objective(output.logits, output.mask_logits, targets, masks)
                known, nodules = targets.sum(), torch.ones_like(targets[:, 0]).sum()
                sums += torch.stack([losses.classes * known, known, losses.mask * nodules, nodules])
                counts += count(output.logits, targets, output.mask_logits, masks)
        counts, sums = (trainer.strategy.reduce(t, reduce_op="sum") for t in (counts, sums))
        class_sum, of_class, mask_sum, of_mask = sums.tolist()
        by_class, by_mask = class_sum / max(of_class, 1.0), mask_sum / of_mask
        total = by_class + module.objective.mask_weight * by_mask
        values = {"loss": total, "loss_class": by_class, "loss_mask": by_mask}
        return values | metrics(counts)

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on has to know."""
        return {
            "best": self.best,
            "best_network": self.best_network,
            "without_improvement": self.without_improvement,
            "stopped": self.stopped,
            "plateau": self._plateau.state_dict() if self._plateau else None,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_network = state_dict["best"], state_dict["best_network"]
        self.without_improvement = state_dict["without_improvement"]
        self.stopped, self._plateau_state = state_dict["stopped"], state_dict["plateau"]

    def best_of(self, network: DenseSharp) -> DenseSharp:
        """The best network so far, as a copy of `network` with its weights."""
        best = copy.deepcopy(network)
        best.load_state_dict(self.best_network)
        return best


def middles(samples: Sequence[Sample], edge: int) -> Batch:
    """The patches in the middles of some nodules' cubes, without augmentation."""
    pairs = [middle_patch(sample.voxel, sample.seg, edge=edge) for sample in samples]
    return to_batch(
        [patch for patch, _ in pairs], [sample.label for sample in samples], [m for _, m in pairs]
    )
