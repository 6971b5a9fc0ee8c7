"""The losses: class cross-entropy and Dice, as the original code defines them, and more.

Zhao et al. 2018 minimise cross-entropy + 0.2 x Dice loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from densesharp.train.dataset import UNKNOWN


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
    """

    mask_weight: float = 0.2
    cross_entropy: float = 0.0
    label_smoothing: float = 0.0

    def __call__(
        self, logits: Tensor, mask_logits: Tensor, labels: Tensor, masks: Tensor
    ) -> Losses:
        """Losses of a batch.

        Args:
            logits: (N, classes)
            mask_logits: (N, 1, 32, 32, 32)
            labels: (N,), -1 where the class is not known; those count for the mask only.
            masks: like `mask_logits`, 0 or 1.
        """
        classes = class_loss(logits, labels, self.label_smoothing)
        mask = dice_loss(torch.sigmoid(mask_logits.float()), masks)
        if self.cross_entropy:
            voxels = functional.binary_cross_entropy_with_logits(mask_logits.float(), masks)
            mask = mask + self.cross_entropy * voxels
        return Losses(classes + self.mask_weight * mask, classes, mask)


def class_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the nodules whose class is known; 0 where none is."""
    known = labels != UNKNOWN
    if not known.any():
        return logits.sum() * 0
    return functional.cross_entropy(logits[known].float(), labels[known], label_smoothing=smoothing)


def dice_loss(predicted: Tensor, truth: Tensor, beta: float = 1.0, smooth: float = 1.0) -> Tensor:
    """The original's Dice loss: -((1 + beta^2) I + smooth) / (beta^2 T + P + smooth), mean over N.

    Args:
        predicted: (N, ...) probabilities.
        truth: (N, ...) 0 or 1.
        beta: above 1 favours recall.
        smooth: keeps empty masks defined.
    """
    squared = beta * beta
    p, t = predicted.flatten(1), truth.flatten(1)
    intersection = (p * t).sum(1)
    score = ((1 + squared) * intersection + smooth) / (squared * t.sum(1) + p.sum(1) + smooth)
    return -score.mean()
