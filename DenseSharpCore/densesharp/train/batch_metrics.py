"""The original code's metrics, as counts that batches and processes can add up.

Accuracy, precision, recall and F for the three classes, for invasive (MIA or IAC) against the
rest, for IAC against the rest, and for the mask's voxels. Definitions of the original's
`mylib/models/metrics.py`: a class or voxel counts as predicted where its probability is above one
half, so that a nodule without such a class counts in no precision; only the accuracy of the three
classes asks for the most probable one.
"""

import torch
from torch import Tensor

GROUPS = ("class", "invasive", "iac", "mask")
METRICS = ("accuracy", "precision", "recall", "f1")
EPSILON = 1e-7
"""Keras' epsilon in the original's divisions."""

FIRST_OF = {"invasive": 1, "iac": 2}
"""Class index from which on the answer to a binary question is yes."""


def count(logits: Tensor, targets: Tensor, mask_logits: Tensor, masks: Tensor) -> Tensor:
    """Count what the metrics are made from.

    Args:
        logits: (N, classes)
        targets: (N, classes), 1 for the known class; all 0 where it is not known, which leaves
            the nodule out of all but the mask's metrics. A mixture counts as its largest part.
        mask_logits: (N, 1, D, H, W)
        masks: like `mask_logits`, 0 or 1; a mixture counts above one half.

    Returns:
        (4, 5) int64, rows as in `GROUPS`: how many were judged, judged rightly, predicted and
        true, predicted, true.
    """
    known = targets.sum(dim=1) > 0
    labels = targets[known].argmax(dim=1)
    probabilities = torch.softmax(logits[known].float(), dim=1)
    truth = torch.nn.functional.one_hot(labels, probabilities.shape[1]).bool()
    rows = [_row(probabilities > 0.5, truth)]
    rows[0][0] = len(labels)
    rows[0][1] = (probabilities.argmax(dim=1) == labels).sum()
    rows += [
        _row(probabilities[:, first:].sum(dim=1) > 0.5, labels >= first)
        for first in FIRST_OF.values()
    ]
    rows.append(_row(mask_logits > 0, masks > 0.5))
    return torch.stack(rows)


def _row(predicted: Tensor, truth: Tensor) -> Tensor:
    counts = [
        torch.tensor(predicted.numel(), device=predicted.device),
        (predicted == truth).sum(),
        (predicted & truth).sum(),
        predicted.sum(),
        truth.sum(),
    ]
    return torch.stack(counts)


def metrics(counts: Tensor) -> dict[str, float]:
    """The metrics by name, `class_accuracy` to `mask_f1`, from `count` or a sum of such counts.

    Groups of which nothing was judged (no nodule with a known class) are left out.
    """
    values: dict[str, float] = {}
    for group, row in zip(GROUPS, counts.tolist(), strict=True):
        judged, right, both, predicted, true = row
        if judged:
            precision, recall = both / (predicted + EPSILON), both / (true + EPSILON)
            f1 = 2 * precision * recall / (precision + recall + EPSILON)
            of_group = (right / judged, precision, recall, f1)
            values |= {f"{group}_{name}": v for name, v in zip(METRICS, of_group, strict=True)}
    return values
