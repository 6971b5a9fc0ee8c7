"""The original's metrics, worked out by hand."""

import pytest
import torch

from densesharp.train.batch_metrics import GROUPS, METRICS, count, metrics

ONE_HOT = torch.eye(3)
NO_MASK = torch.full((1, 1, 1, 1, 2), -9.0), torch.zeros(1, 1, 1, 1, 2)


def of_classes(probabilities: list[list[float]], truth: torch.Tensor) -> dict[str, float]:
    return metrics(count(torch.log(torch.tensor(probabilities)), truth, *NO_MASK))


def test_three_classes() -> None:
    found = of_classes(
        [
            [0.7, 0.2, 0.1],  # AAH-AIS, right
            [0.6, 0.3, 0.1],  # AAH-AIS, wrong: it is MIA
            [0.2, 0.45, 0.35],  # MIA, right, but nothing is above one half
            [0.1, 0.1, 0.8],  # IAC, right
        ],
        ONE_HOT[[0, 1, 1, 2]],
    )
    assert found["class_accuracy"] == pytest.approx(3 / 4)
    # Above one half: three entries, two of them right; four are true.
    assert found["class_precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["class_recall"] == pytest.approx(2 / 4, abs=1e-6)
    assert found["class_f1"] == pytest.approx(2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2), abs=1e-6)


def test_invasive_and_iac_against_the_rest() -> None:
    found = of_classes(
        [
            [0.7, 0.2, 0.1],  # not invasive, right
            [0.6, 0.3, 0.1],  # not invasive, wrong
            [0.2, 0.45, 0.35],  # invasive, right; not IAC, right
            [0.4, 0.2, 0.4],  # invasive, right; not IAC, wrong
        ],
        ONE_HOT[[0, 1, 1, 2]],
    )
    assert found["invasive_accuracy"] == pytest.approx(3 / 4)
    assert found["invasive_precision"] == pytest.approx(1, abs=1e-6)
    assert found["invasive_recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["invasive_f1"] == pytest.approx(0.8, abs=1e-6)
    assert found["iac_accuracy"] == pytest.approx(3 / 4)
    assert found["iac_precision"] == found["iac_recall"] == found["iac_f1"] == 0


def test_predicted_is_what_lies_above_one_half() -> None:
    probabilities = [[0.48, 0.26, 0.26], [0.5, 0.25, 0.25]]
    found = of_classes(probabilities, ONE_HOT[[0, 0]])
    assert found["class_recall"] == 0  # 0.48 and 0.5 are no prediction
    found = of_classes(probabilities, ONE_HOT[[1, 1]])
    assert found["invasive_recall"] == pytest.approx(1 / 2, abs=1e-6)  # 0.52 is, 0.5 is not
    found = of_classes([[0.47, 0.53, 0.0]], ONE_HOT[[1]])
    assert found["class_recall"] == pytest.approx(1, abs=1e-6)
    logits = torch.tensor([0.05, 0.0, 0.05, -0.05]).reshape(1, 1, 1, 1, 4)
    masks = torch.tensor([0.52, 1.0, 0.5, 0.48]).reshape(1, 1, 1, 1, 4)
    found = metrics(count(torch.zeros(1, 3), ONE_HOT[[0]], logits, masks))
    assert found["mask_precision"] == found["mask_recall"] == pytest.approx(1 / 2, abs=1e-6)


def test_masks() -> None:
    logits = torch.tensor([2.0, 2.0, -2.0, -2.0, 2.0]).reshape(1, 1, 1, 1, 5)
    masks = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]).reshape(1, 1, 1, 1, 5)
    found = metrics(count(torch.zeros(1, 3), ONE_HOT[[0]], logits, masks))
    assert found["mask_accuracy"] == pytest.approx(3 / 5)
    assert found["mask_precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["mask_recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["mask_f1"] == pytest.approx(2 / 3, abs=1e-6)


def test_nodules_without_class_count_for_the_mask_only() -> None:
    logits = torch.tensor([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    masks = torch.zeros(2, 1, 1, 1, 2)
    targets = torch.stack([ONE_HOT[0], torch.zeros(3)])
    assert metrics(count(logits, targets, masks - 9, masks))["class_accuracy"] == 1
    found = metrics(count(logits, torch.zeros(2, 3), masks - 9, masks))
    assert set(found) == {f"mask_{name}" for name in METRICS}


def test_counts_of_batches_add_up_to_those_of_all() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 3, generator=generator)
    targets = ONE_HOT[torch.randint(0, 3, (8,), generator=generator)]
    mask_logits = torch.randn(8, 1, 4, 4, 4, generator=generator)
    masks = (torch.rand(8, 1, 4, 4, 4, generator=generator) > 0.5).float()
    batch = (logits, targets, mask_logits, masks)
    parts = [count(*(tensor[rows] for tensor in batch)) for rows in (slice(3), slice(3, 8))]
    assert torch.equal(parts[0] + parts[1], count(*batch))
    assert len(metrics(count(*batch))) == len(GROUPS) * len(METRICS)
