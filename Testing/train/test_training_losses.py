"""Losses against the original's definitions, worked out by hand."""

import math

import pytest
import torch
from torch.nn import functional

from densesharp.train.losses import (
    Objective,
    class_loss,
    dice_loss,
    ordinal_loss,
    soft_dice_loss,
    volume_loss,
)

ONE_HOT = torch.eye(3)
NO_CLASS = torch.zeros(1, 3)


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
    logits = torch.tensor([[math.log(2), 0.0, 0.0]])  # p = (1/2, 1/4, 1/4)
    mask_logits = torch.zeros(1, 1, 2, 2, 2)  # p = 1/2 in all eight voxels, four of them true
    masks = torch.zeros(1, 1, 2, 2, 2)
    masks[0, 0, 0] = 1
    losses = Objective()(logits, mask_logits, ONE_HOT[[1]], masks)
    # I = 2, T = 4, P = 4: -(2 * 2 + 1) / (4 + 4 + 1)
    assert losses.total.item() == pytest.approx(math.log(4) - 0.2 * 5 / 9, abs=1e-5)


def test_nodules_without_class_teach_the_mask_only() -> None:
    logits = torch.randn(3, 3, requires_grad=True)
    loss = class_loss(logits, torch.cat([NO_CLASS, ONE_HOT[[2]], NO_CLASS]))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() == 0
    assert logits.grad[1].abs().sum() > 0
    expected = -torch.log_softmax(logits[1], 0)[2]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert class_loss(logits, torch.zeros(3, 3)).item() == 0


def test_class_loss_is_pytorchs_cross_entropy_with_label_smoothing() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 1, 0])
    expected = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert class_loss(logits, ONE_HOT[labels], 0.1).item() == pytest.approx(expected.item())


def test_a_half_known_mixture_counts_half() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    targets = torch.tensor([[0.5, 0.0, 0.0], [0.0, 1.0, 0.0]])
    second = math.log(math.exp(2) + 2)
    expected = (0.5 * math.log(3) + second) / 1.5
    assert class_loss(logits, targets).item() == pytest.approx(expected, rel=1e-5)


def test_ordinal_loss_is_the_squared_earth_movers_distance() -> None:
    certain = 100 * ONE_HOT
    # Nothing lies wrong; one border too far; two borders too far.
    for called, cost in ((0, 0.0), (1, 1.0), (2, 2.0)):
        assert ordinal_loss(certain[[called]], ONE_HOT[[0]]).item() == pytest.approx(cost)
    # p = (1/3, 1/3, 1/3), truth MIA: below the borders 1/3 and 2/3 instead of 0 and 1.
    assert ordinal_loss(torch.zeros(1, 3), ONE_HOT[[1]]).item() == pytest.approx(2 / 9)
    assert ordinal_loss(torch.zeros(1, 3), NO_CLASS).item() == 0
    # The mean over those whose class is known: 0, 2 and 1.
    truth = torch.cat([ONE_HOT[[0, 0]], NO_CLASS, ONE_HOT[[2]]])
    assert ordinal_loss(certain[[0, 2, 1, 1]], truth).item() == pytest.approx(1)


def test_beta_and_smooth_reach_the_dice_loss() -> None:
    mask_logits = torch.tensor([50.0, -50.0]).reshape(1, 1, 1, 1, 2)
    masks = torch.ones(1, 1, 1, 1, 2)
    losses = Objective(beta=2.0, smooth=3.0)(torch.zeros(1, 3), mask_logits, NO_CLASS, masks)
    # I = 1, T = 2, P = 1: -(5 * 1 + 3) / (4 * 2 + 1 + 3)
    assert losses.mask.item() == pytest.approx(-8 / 12)


def test_the_ordinal_loss_can_be_added_to_the_class_loss() -> None:
    mask_logits, masks = torch.zeros(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2)
    plain = Objective()(torch.zeros(1, 3), mask_logits, ONE_HOT[[1]], masks)
    more = Objective(ordinal=2.0)(torch.zeros(1, 3), mask_logits, ONE_HOT[[1]], masks)
    assert more.classes.item() - plain.classes.item() == pytest.approx(4 / 9, rel=1e-5)
    assert more.total.item() - plain.total.item() == pytest.approx(4 / 9, rel=1e-5)


def test_voxel_cross_entropy_can_be_added() -> None:
    mask_logits, masks = torch.zeros(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2)
    logits, targets = torch.zeros(1, 3), NO_CLASS
    plain = Objective(mask_weight=1.0)(logits, mask_logits, targets, masks)
    more = Objective(mask_weight=1.0, cross_entropy=1.0)(logits, mask_logits, targets, masks)
    assert more.total.item() - plain.total.item() == pytest.approx(math.log(2), rel=1e-5)


def test_the_soft_dice_loss_is_smallest_at_the_share_of_the_readers() -> None:
    truth = torch.tensor([[1.0, 0.5, 0.25, 0.0]])
    # |T - P| sums to 0.5, T + P + smooth to 1.75 + 2.25 + 1.
    other = torch.tensor([[1.0, 0.75, 0.5, 0.0]])
    assert soft_dice_loss(other, truth).item() == pytest.approx(0.5 / 5)
    assert soft_dice_loss(truth, truth).item() == 0
    # The original's loss would rather have the voxel that half of the readers marked at 1.
    sure = torch.tensor([[1.0, 1.0, 0.25, 0.0]])
    assert soft_dice_loss(sure, truth).item() > 0
    assert dice_loss(sure, truth) < dice_loss(truth, truth)


def test_the_soft_objective_takes_the_soft_dice_loss() -> None:
    mask_logits, masks = torch.zeros(1, 1, 2, 2, 2), torch.full((1, 1, 2, 2, 2), 0.5)
    assert Objective(soft=True)(ONE_HOT[[1]], mask_logits, ONE_HOT[[1]], masks).mask.item() == 0


def test_the_volume_loss_is_the_squared_log_ratio_of_counted_voxels() -> None:
    truth = torch.zeros(3, 1, 100)
    truth[0, 0, :60] = 1
    truth[1, 0, :60] = 0.5  # one half counts
    truth[2, 0, :20] = 1  # too small: one voxel would be 5 %
    logits = torch.full((3, 1, 100), -20.0)
    logits[:, 0, 40:70] = 20  # 30 voxels, wherever they lie
    expected = 2 * math.log(31 / 61) ** 2 / 3
    assert volume_loss(logits, truth).item() == pytest.approx(expected, rel=1e-5)
    logits[:, 0, 10:40] = 20
    assert volume_loss(logits, truth).item() == pytest.approx(0, abs=1e-6)


def test_the_volume_loss_pulls_the_edge_towards_the_true_volume() -> None:
    truth = torch.zeros(1, 1, 100)
    truth[0, 0, :60] = 1
    for extra, sign in ((-10, 1.0), (10, -1.0)):
        logits = torch.full((1, 1, 100), -3.0)
        logits[0, 0, : 60 + extra] = 3.0
        logits[0, 0, 55:65] = 0.1  # the voxels at the edge
        logits.requires_grad_(True)
        volume_loss(logits, truth).backward()
        assert logits.grad is not None
        larger = torch.sigmoid(4 * logits.detach()).sum().item() > 60
        assert larger == (sign < 0)
        assert (logits.grad[0, 0, 55:65] * sign < 0).all()


def test_the_volume_loss_can_be_added() -> None:
    logits, targets = torch.zeros(1, 3), torch.zeros(1, 3)
    mask_logits = torch.randn(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(1, 1, 4, 4, 4)
    masks[0, 0, :2] = 1
    plain, more = (
        Objective(mask_weight=1, soft=True, volume=weight)(logits, mask_logits, targets, masks)
        for weight in (0.0, 0.3)
    )
    added = 0.3 * volume_loss(mask_logits, masks)
    assert added > 0
    assert (more.total - plain.total).item() == pytest.approx(added.item(), rel=1e-5)
