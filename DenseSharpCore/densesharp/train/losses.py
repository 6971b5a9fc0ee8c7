"""The losses: class cross-entropy and Dice, as the original code defines them, and more.

Zhao et al. 2018 minimise cross-entropy + 0.2 x Dice loss. Everything else is off by default.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Losses(NamedTuple):
    """The total that is minimised, and its parts."""

    total: Tensor
    classes: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Objective:
    """What training minimises.

    Attributes:
        mask_weight: weight of the mask's loss beside the class's (paper: 0.2).
        cross_entropy: weight, inside the mask's loss, of voxel-wise cross-entropy beside Dice.
        label_smoothing: share of each class label that is spread over all classes.
        beta: of the Dice loss; above 1 favours recall, below 1 precision.
        smooth: of the Dice loss; keeps empty masks defined.
        ordinal: weight, inside the class's loss, of `ordinal_loss` beside cross-entropy.
        soft: learn which share of a nodule's readers marked each voxel, with `soft_dice_loss`;
            else the mask that half of them agree on, with the original's Dice loss.
        volume: weight, inside the mask's loss, of `volume_loss` beside Dice.
    """

    mask_weight: float = 0.2
    cross_entropy: float = 0.0
    label_smoothing: float = 0.0
    beta: float = 1.0
    smooth: float = 1.0
    ordinal: float = 0.0
    soft: bool = False
    volume: float = 0.0

    def __call__(
        self, logits: Tensor, mask_logits: Tensor, targets: Tensor, masks: Tensor
    ) -> Losses:
        """Losses of a batch.

        Args:
            logits: (N, classes)
            mask_logits: (N, 1, 32, 32, 32)
            targets: (N, classes) probability of each class: 1 for a known one, a mixture after
                mixup, all 0 where no class is known; those count for the mask only.
            masks: like `mask_logits`, 0 to 1.
        """
        classes = class_loss(logits, targets, self.label_smoothing)
        if self.ordinal:
            classes = classes + self.ordinal * ordinal_loss(logits, targets)
        predicted = torch.sigmoid(mask_logits.float())
        if self.soft:
            mask = soft_dice_loss(predicted, masks, self.smooth)
        else:
            mask = dice_loss(predicted, masks, self.beta, self.smooth)
        if self.cross_entropy:
            voxels = functional.binary_cross_entropy_with_logits(mask_logits.float(), masks)
            mask = mask + self.cross_entropy * voxels
        if self.volume:
            mask = mask + self.volume * volume_loss(mask_logits, masks)
        return Losses(classes + self.mask_weight * mask, classes, mask)


def class_loss(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the nodules whose class is known; 0 where none is.

    A nodule that mixup made partly from one without class counts by the part that is known.

    Args:
        logits: (N, classes)
        targets: (N, classes), see `Objective`.
        smoothing: share of each label that is spread over all classes.
    """
    known = targets.sum(dim=1, keepdim=True)
    smoothed = targets * (1 - smoothing) + known * (smoothing / targets.shape[1])
    losses = -(smoothed * torch.log_softmax(logits.float(), dim=1)).sum(dim=1)
    return _mean_over_known(losses, known)


def ordinal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean squared earth mover's distance between predicted and true class; 0 where none is known.

    Sum over the borders between neighbouring classes of the squared difference of what lies below
    (Hou, Yu, Samaras 2016, https://arxiv.org/abs/1611.05916). AAH-AIS, MIA and IAC are ordered: to
    call IAC for AAH-AIS costs 2, to call MIA costs 1.
    """
    known = targets.sum(dim=1, keepdim=True)
    below = torch.cumsum(torch.softmax(logits.float(), dim=1) * known - targets, dim=1)
    return _mean_over_known(below.square().sum(dim=1), known)


def _mean_over_known(losses: Tensor, known: Tensor) -> Tensor:
    # Without a known class the sum is 0; the divisor only keeps it from being 0 / 0.
    return losses.sum() / known.sum().clamp(min=1e-6)


def dice_loss(predicted: Tensor, truth: Tensor, beta: float = 1.0, smooth: float = 1.0) -> Tensor:
    """The original's Dice loss: -((1 + beta^2) I + smooth) / (beta^2 T + P + smooth), mean over N.

    Args:
        predicted: (N, ...) probabilities.
        truth: (N, ...) 0 or 1; between them after mixup.
        beta: above 1 favours recall.
        smooth: keeps empty masks defined.
    """
    squared = beta * beta
    p, t = predicted.flatten(1), truth.flatten(1)
    intersection = (p * t).sum(1)
    score = ((1 + squared) * intersection + smooth) / (squared * t.sum(1) + p.sum(1) + smooth)
    return -score.mean()


def soft_dice_loss(predicted: Tensor, truth: Tensor, smooth: float = 1.0) -> Tensor:
    """The Dice loss for soft truth: 0 where prediction and truth are the same, mean over N.

    1 - (T + P - |T - P| + smooth) / (T + P + smooth) (Wang et al. 2023, "Dice Semimetric Losses",
    arXiv 2303.16296). The original's I = P T grows with P wherever T is above 0, so that no share
    of the readers can be learnt with it; for truth of 0 and 1 both are smallest at the truth.

    Args:
        predicted: (N, ...) probabilities.
        truth: (N, ...) 0..1, the share of the readers.
        smooth: keeps empty masks defined.
    """
    p, t = predicted.flatten(1), truth.flatten(1)
    sizes = p.sum(1) + t.sum(1) + smooth
    return ((p - t).abs().sum(1) / sizes).mean()


SMALLEST_VOLUME, STEEPNESS = 20, 4.0
"""Voxels from which a nodule's volume counts: below, one voxel is 5 %. And how steeply voxels are
counted at one half: a probability of 0.7 counts as 0.97."""


def volume_loss(mask_logits: Tensor, truth: Tensor) -> Tensor:
    """Mean squared log ratio of the volumes at one half: 0 where both are as large.

    log((sum sigmoid(4 z) + 1) / (n + 1)) squared, n the voxels of the truth at one half or above,
    where these are more than 20. Dice and cross-entropy allow what is too much at one side to be
    missing at another; a volume is measured for itself. Source: our own.

    Args:
        mask_logits: (N, ...).
        truth: (N, ...) 0..1.
    """
    volume = torch.sigmoid(STEEPNESS * mask_logits.float().flatten(1)).sum(1)
    true = (truth.flatten(1) >= 0.5).sum(1)
    ratio = torch.log((volume + 1) / (true + 1))
    return (ratio.square() * (true > SMALLEST_VOLUME)).mean()
