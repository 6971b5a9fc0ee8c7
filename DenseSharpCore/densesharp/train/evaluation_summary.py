"""What an evaluation amounts to: tables with intervals, always beside simple baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.auc import auc_estimate, delong_test
from densesharp.stats.bootstrap import bootstrap_cases
from densesharp.stats.calibration import Bin, calibration_errors, reliability_bins
from densesharp.stats.estimates import Estimate, not_estimable, optional
from densesharp.stats.kappa import cross_table
from densesharp.stats.multiclass import confusion
from densesharp.stats.proportions import paired_difference
from densesharp.train.dataset import UNKNOWN
from densesharp.train.evaluation_records import Outcome

Floats = NDArray[np.float64]

SIZES = ((0.0, 8.0), (8.0, 15.0), (15.0, 100.0))
"""mm, groups of the true equivalent diameter."""

TEXTURES = {"ground-glass (1-2)": (1, 2), "part-solid (3-4)": (3, 4), "solid (5)": (5,)}
INVASIVE, IAC = "invasive (MIA or IAC)", "IAC"


@dataclass(frozen=True)
class MaskRow:
    """Outlines of a group of nodules beside the true masks; errors of volumes are shares."""

    n: int
    mean_dice: Estimate
    median_dice: float
    median_hd95_mm: float | None
    mean_volume_error: float
    median_absolute_volume_error: float
    refused: int


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Loss of Dice when the seed is displaced; all but the mean only where seeds were run."""

    JSON_NAMES: ClassVar = {"losing_more_than_0_1": "nodules_losing_more_than_0.1"}
    n: int | None = optional()
    mean_loss: Estimate
    mean_loss_of_worst_seed: float | None = optional()
    losing_more_than_0_1: int | None = optional()


@dataclass(frozen=True)
class RatingRow:
    """Mean class probabilities of a group of nodules."""

    JSON_NAMES: ClassVar = dict(zip(("aah_ais", "mia", "iac"), CLASS_NAMES, strict=True))
    group: str
    n: int
    aah_ais: float
    mia: float
    iac: float
    refused: int


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """How well somebody classifies, and by how much the network does better."""

    JSON_NAMES: ClassVar = {
        "auc_invasive": f"auc, {INVASIVE}",
        "network_minus_auc_invasive": f"network minus this, auc, {INVASIVE}",
        "auc_iac": f"auc, {IAC}",
        "network_minus_auc_iac": f"network minus this, auc, {IAC}",
        "network_minus_accuracy": "network minus this, accuracy",
    }
    n: int
    accuracy: Estimate
    weighted_f1: Estimate
    mcc: Estimate
    quadratic_kappa: Estimate
    confusion: Floats
    auc_invasive: Estimate
    network_minus_auc_invasive: Estimate | None = optional()
    auc_iac: Estimate
    network_minus_auc_iac: Estimate | None = optional()
    network_minus_accuracy: Estimate | None = optional()


@dataclass(frozen=True)
class ClassCalibration:
    """Expected calibration error of the most probable class, with its reliability bins."""

    ece: Estimate | None = optional()
    bins: Sequence[Bin] | None = optional()


def masks(outcomes: Sequence[Outcome]) -> dict[str, MaskRow]:
    """Segmentation by group, see `groups_of`."""
    return {name: _mask_row(group) for name, group in groups_of(outcomes).items()}


def groups_of(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Nodules by name of group: fitting masks, all, by texture, by size; no empty ones."""
    groups: dict[str, list[Outcome]] = {
        "mask fits the patch": [o for o in outcomes if o.fits],
        "all": list(outcomes),
    }
    for name, ratings in TEXTURES.items():
        groups[f"fits, {name}"] = [o for o in outcomes if o.fits and o.texture in ratings]
    for low, high in SIZES:
        name = f"fits, {low:g}-{high:g} mm" if high < 100 else f"fits, {low:g} mm and more"
        groups[name] = [o for o in outcomes if o.fits and low <= o.diameter_mm < high]
    return {name: group for name, group in groups.items() if group}


def _mask_row(group: Sequence[Outcome]) -> MaskRow:
    dice = np.array([o.dice for o in group])
    distances = [o.hd95_mm for o in group if o.hd95_mm is not None]
    ratio = np.array([o.volume_ratio for o in group])
    return MaskRow(
        n=len(group),
        mean_dice=_bootstrap(group, lambda rows: float(dice[rows].mean())),
        median_dice=float(np.median(dice)),
        median_hd95_mm=float(np.median(distances)) if distances else None,
        mean_volume_error=float((ratio - 1).mean()),
        median_absolute_volume_error=float(np.median(np.abs(ratio - 1))),
        refused=sum(o.refused for o in group),
    )


def robustness(outcomes: Sequence[Outcome]) -> Robustness:
    """Loss of Dice when the seed is displaced, over nodules whose mask fits the patch."""
    moved = [
        (o, o.plain_dice, o.shifted_dice) for o in outcomes if o.fits and o.plain_dice is not None
    ]
    group = [o for o, _, _ in moved]
    if not group:
        return Robustness(mean_loss=not_estimable("No displaced seeds were run."))
    loss = np.array([plain - np.mean(shifted) for _, plain, shifted in moved])
    worst = np.array([plain - min(shifted) for _, plain, shifted in moved])
    return Robustness(
        n=len(group),
        mean_loss=_bootstrap(group, lambda rows: float(loss[rows].mean())),
        mean_loss_of_worst_seed=float(worst.mean()),
        losing_more_than_0_1=int((loss > 0.1).sum()),
    )


def density(
    outcomes: Sequence[Outcome], share: Literal["solid_share", "inner_solid_share"]
) -> Estimate:
    """Spearman's correlation of the predicted mask's solid share with the readers' texture."""
    rated = [o for o in outcomes if o.texture is not None and getattr(o, share) is not None]
    if len(rated) < 3:
        return not_estimable("Fewer than three nodules have a texture rating.")
    x = np.array([getattr(o, share) for o in rated], dtype=np.float64)
    y = np.array([o.texture for o in rated], dtype=np.float64)
    return _bootstrap(rated, lambda rows: _spearman(x[rows], y[rows]))


def _spearman(x: Floats, y: Floats) -> float | None:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(stats.spearmanr(x, y).statistic)


def class_by_rating(outcomes: Sequence[Outcome]) -> list[RatingRow]:
    """Mean class probabilities by texture and by size; no accuracy, for real CT has no class."""
    rows = []
    for name, ratings in TEXTURES.items():
        rows.append((name, [o for o in outcomes if o.texture in ratings]))
    for low, high in SIZES:
        rows.append((f"{low:g}-{high:g} mm", [o for o in outcomes if low <= o.diameter_mm < high]))
    return [_rating_row(name, group) for name, group in rows if group]


def _rating_row(name: str, group: Sequence[Outcome]) -> RatingRow:
    aah_ais, mia, iac = np.mean([o.probabilities for o in group], axis=0).tolist()
    return RatingRow(name, len(group), aah_ais, mia, iac, sum(o.refused for o in group))


def classes(
    outcomes: Sequence[Outcome], ideal: Mapping[str, Sequence[float]] | None = None
) -> dict[str, ClassRow]:
    """Classification of the nodules with known class: the network, two baselines, the ceiling.

    Baselines are quadratic discriminants (one normal distribution per class) of the true
    logarithm of the diameter, or the true mean HU, fitted on the other subsets.

    Args:
        outcomes: of a data set; nodules without class are left out.
        ideal: class probabilities of the perfect reader by name (simulated nodules only).
    """
    known = [o for o in outcomes if o.label != UNKNOWN]
    if not known:
        return {}
    truth = np.array([o.label for o in known])
    folds = np.array([o.subset for o in known])
    rows = {
        "DenseSharp": np.array([o.probabilities for o in known]),
        "diameter only": _baseline(np.log([o.diameter_mm for o in known]), truth, folds),
        "mean HU only": _baseline(np.array([o.mean_hu for o in known]), truth, folds),
    }
    if ideal:
        rows["ceiling (perfect reader)"] = np.array([ideal[o.name] for o in known])
    network = rows["DenseSharp"]
    return {name: _class_row(p, truth, network) for name, p in rows.items()}


def _class_row(probabilities: Floats, truth: NDArray[np.int64], network: Floats) -> ClassRow:
    called = probabilities.argmax(axis=1)
    matrix = confusion(cross_table(truth, called, len(CLASS_NAMES)))
    ratings = [probabilities[:, first:].sum(axis=1) for first in (1, 2)]
    row = ClassRow(
        n=len(truth),
        accuracy=matrix.accuracy,
        weighted_f1=matrix.weighted_f1,
        mcc=matrix.mcc,
        quadratic_kappa=matrix.kappa["quadratic"],
        confusion=matrix.counts,
        auc_invasive=auc_estimate(ratings[0], truth >= 1),
        auc_iac=auc_estimate(ratings[1], truth >= 2),
    )
    if probabilities is network:
        return row
    right, mine = network.argmax(axis=1) == truth, called == truth
    return replace(
        row,
        network_minus_auc_invasive=delong_test(network[:, 1:].sum(axis=1), ratings[0], truth >= 1),
        network_minus_auc_iac=delong_test(network[:, 2:].sum(axis=1), ratings[1], truth >= 2),
        network_minus_accuracy=paired_difference(
            int((right & mine).sum()),
            int((right & ~mine).sum()),
            int((~right & mine).sum()),
            int((~right & ~mine).sum()),
        ),
    )


def _baseline(values: Floats, truth: NDArray[np.int64], folds: NDArray[np.int64]) -> Floats:
    """Cross-validated class probabilities (N, classes) from one number per nodule."""
    result = np.full((len(values), len(CLASS_NAMES)), 1 / len(CLASS_NAMES))
    for fold in np.unique(folds):
        seen = folds != fold
        density = np.zeros((int((~seen).sum()), len(CLASS_NAMES)))
        for label in range(len(CLASS_NAMES)):
            group = values[seen & (truth == label)]
            if len(group) > 1 and group.std() > 0:
                normal = stats.norm(group.mean(), group.std(ddof=1))
                density[:, label] = len(group) * normal.pdf(values[~seen])
        total = density.sum(axis=1, keepdims=True)
        result[~seen] = np.divide(density, total, out=result[~seen], where=total > 0)
    return result


def calibration(outcomes: Sequence[Outcome]) -> ClassCalibration:
    """How well the most probable class is calibrated; empty without known classes."""
    known = [o for o in outcomes if o.label != UNKNOWN]
    if not known:
        return ClassCalibration()
    confidence = np.array([max(o.probabilities) for o in known])
    right = np.array([o.predicted == o.label for o in known])
    bins = reliability_bins(confidence, right)
    return ClassCalibration(calibration_errors(bins)[0], bins)


def _bootstrap(
    group: Sequence[Outcome], statistic: Callable[[NDArray[np.int64]], float | None]
) -> Estimate:
    _, patients = np.unique([o.patient for o in group], return_inverse=True)
    return bootstrap_cases(statistic, len(group), clusters=patients, replicates=1000)
