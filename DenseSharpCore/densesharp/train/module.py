"""The Lightning module: one network, its loss, its optimiser, its averaged weights."""

import copy
from dataclasses import dataclass
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from densesharp.model.densesharp import DenseSharp, DenseSharpOutput
from densesharp.train.batch_metrics import count, metrics
from densesharp.train.batches import Batch
from densesharp.train.losses import Objective


@dataclass(frozen=True)
class Optimisation:
    """How the weights are moved.

    Attributes:
        steps: how many steps in all.
        learning_rate: the largest one.
        schedule: `fixed` as in the paper; `cosine`: rises for a tenth of the steps, then falls;
            `plateau` as in the original code: falls to a third when the validation loss no longer
            does (needs a `Validation`).
        averaging: decay of the running average of the weights that is kept as the result;
            0 keeps the last weights, as the paper does.
        mask_only: move the weights of the mask branch alone; all others, and so the classes, stay
            as they are, and a step takes about a third of the time.
    """

    steps: int
    learning_rate: float
    schedule: Literal["fixed", "cosine", "plateau"]
    averaging: float = 0.0
    mask_only: bool = False


class TrainingModule(pl.LightningModule):
    """Trains a `DenseSharp`.

    Args:
        objective: the loss.
        optimisation: how it is minimised.
        network: the network to go on from; by default a new one.
    """

    def __init__(
        self, objective: Objective, optimisation: Optimisation, network: DenseSharp | None = None
    ) -> None:
        super().__init__()
        self.objective, self.optimisation = objective, optimisation
        self.network = network or DenseSharp()
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        if optimisation.mask_only:
            self.network.densenet.requires_grad_(False)

    def train(self, mode: bool = True) -> "TrainingModule":
        """Keep the running statistics of a trunk that is not trained."""
        super().train(mode)
        if self.optimisation.mask_only:
            self.network.densenet.eval()
        return self

    def forward(self, patches: Tensor) -> DenseSharpOutput:
        """Run the network on patches (N, 1, 32, 32, 32)."""
        output: DenseSharpOutput = self.network(
            patches.contiguous(memory_format=torch.channels_last_3d)
        )
        return output

    def training_step(self, batch: Batch, index: int) -> Tensor:  # noqa: ARG002
        """Loss of one batch; logged with the original's metrics, over all processes' parts."""
        output = self(batch.patches)
        losses = self.objective(output.logits, output.mask_logits, batch.targets, batch.masks)
        reduce = self.trainer.strategy.reduce
        logged = reduce(torch.stack(losses).detach(), reduce_op="mean")
        for name, value in zip(("loss", "loss_class", "loss_mask"), logged, strict=True):
            self.log(name, value, prog_bar=True)
        with torch.no_grad():
            counts = count(output.logits, batch.targets, output.mask_logits, batch.masks)
        self.log_dict(metrics(reduce(counts, reduce_op="sum")))
        return losses.total

    def configure_optimizers(self) -> Any:
        """Adam as Keras has it (epsilon 1e-7), with the schedule."""
        how = self.optimisation
        # Small networks need few, large updates: foreach updates all tensors in one call.
        moved = self.network.decoder if how.mask_only else self.network
        optimizer = torch.optim.Adam(moved.parameters(), how.learning_rate, eps=1e-7, foreach=True)
        if how.schedule != "cosine":  # a plateau is followed by the one who validates
            return optimizer
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, how.learning_rate, total_steps=how.steps, pct_start=0.1
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Move the weights, and their average towards them."""
        # Not in on_train_batch_end: checkpoints are written just before that.
        super().optimizer_step(*args, **kwargs)
        # Early on the average must follow fast, or it would remember the random start.
        step = self.global_step
        decay = min(self.optimisation.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(
                self.averaged.parameters(), self.network.parameters(), strict=True
            ):
                mean.lerp_(value, 1 - decay)


def refresh_batch_norm(network: nn.Module, batches: list[Tensor]) -> None:
    """Set the running statistics to their plain average over some batches.

    Needed because averaged weights were never run on data, and because the moving average with
    momentum 0.01 lags behind in short runs.

    Args:
        network: changed in place; left in evaluation mode.
        batches: patches (N, 1, 32, 32, 32) each.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's sign for a plain average
    network.train()
    with torch.no_grad():
        for patches in batches:
            network(patches.contiguous(memory_format=torch.channels_last_3d))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
