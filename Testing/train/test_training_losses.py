"""Losses against the original's definitions, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from densesharp.train.losses import Objective, class_loss, dice_loss


def test_dice_loss_is_the_originals() -> None:
    predicted = torch.tensor([[0.5, 0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    truth = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    # First: I = 1.5, T = 2, P = 2: -(3 + 1) / (4 + 1); second, empty: -1.
    assert dice_loss(predicted, truth).item() == pytest.approx((-0.8 - 1) / 2)


def test_beta_weighs_recall() -> None:
    predicted, truth = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    # beta 2: -(5 * 1 + 1) / (4 * 2 + 1 + 1)
    assert dice_loss(predicted, truth, beta=2.0).item() == pytest.approx(-0.6)


def test_the_whole_loss_is_cross_entropy_plus_a_fifth_of_dice() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0]])
    mask_logits = torch.full((1, 1, 2, 2, 2), 50.0)
    masks = torch.ones(1, 1, 2, 2, 2)
    losses = Objective()(logits, mask_logits, torch.tensor([1]), masks)
    assert losses.total.item() == pytest.approx(math.log(3) - 0.2, abs=1e-5)


def test_nodules_without_class_teach_the_mask_only() -> None:
    logits = torch.randn(3, 3, requires_grad=True)
    loss = class_loss(logits, torch.tensor([-1, 2, -1]))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() == 0
    assert logits.grad[1].abs().sum() > 0
    expected = -torch.log_softmax(logits[1], 0)[2]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert class_loss(logits, torch.tensor([-1, -1, -1])).item() == 0


def test_voxel_cross_entropy_can_be_added() -> None:
    mask_logits, masks = torch.zeros(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2)
    logits, labels = torch.zeros(1, 3), torch.tensor([-1])
    plain = Objective(mask_weight=1.0)(logits, mask_logits, labels, masks)
    more = Objective(mask_weight=1.0, cross_entropy=1.0)(logits, mask_logits, labels, masks)
    assert more.total.item() - plain.total.item() == pytest.approx(math.log(2), rel=1e-5)
