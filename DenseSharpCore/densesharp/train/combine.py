"""From several trained networks to one calibrated model file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from densesharp.errors import ModelError, TableError
from densesharp.model.engines import open_engine
from densesharp.model.model_file import ModelCard, ModelFile, Weights, load_model, save_model
from densesharp.nodule.inference import class_probabilities, orient, orientations
from densesharp.progress import Progress, silent
from densesharp.train.augment import middle_patch
from densesharp.train.dataset import UNKNOWN, Sample

PAPER_SHARES = (205 / 651, 316 / 651, 130 / 651)
"""Shares of AAH-AIS, MIA and IAC in the paper's cohort of resected nodules."""

CLASSIFIER_BIAS = "densenet.classifier.bias"

MIRRORED = 8
"""Orientations that differ by flips alone."""


def combine(
    paths: Sequence[str | Path],
    out: str | Path,
    card: ModelCard,
    calibration: Sequence[Sample],
    shares: Sequence[float] = PAPER_SHARES,
    *,
    average: bool = False,
    progress: Progress = silent,
) -> ModelCard:
    """Put the first members of several model files into one ensemble and calibrate it.

    Training shows every class equally often; the classifier's bias is moved by log(share x
    classes), so that probabilities stand for a population with these shares (Bayes' rule). Then
    one temperature is fitted (Guo et al. 2017, arXiv 1706.04599).

    Args:
        paths: model files, each with the network of one run.
        out: the model file to write.
        card: what it shall say; members and temperature are filled in.
        calibration: nodules with known class, drawn with these shares, that no run was trained on.
        shares: share of each class where the model will be used.
        average: average the weights into one network instead of keeping them as members (Wortsman
            et al. 2022, arXiv 2203.05482). Right only for runs that started from the same weights.
        progress: told after each nodule of the calibration set.

    Returns:
        The card as written.

    Raises:
        ModelError: a model file cannot be used.
        TableError: no nodule of the calibration set has a known class.
    """
    models = [load_model(path) for path in paths]
    members = [_with_shares(model.members[0], shares) for model in models]
    if average:
        members = [mean_weights(members)]
    shift = float(np.mean([model.card.slice_shift for model in models]))
    card = replace(card, members=len(members), temperature=1.0, slice_shift=shift)
    labelled = [sample for sample in calibration if sample.label != UNKNOWN]
    if not labelled:
        raise TableError("The calibration set has no nodule with a known class.")
    logits = logits_in_all_orientations(ModelFile(card, tuple(members), ""), labelled, progress)
    labels = np.array([sample.label for sample in labelled])
    card = replace(card, temperature=round(fit_temperature(logits, labels), 4))
    save_model(out, members, card)
    return card


def mean_weights(members: Sequence[Weights]) -> Weights:
    """The mean of several networks' weights, tensor by tensor."""
    return {
        name: np.asarray(np.mean([member[name] for member in members], axis=0), dtype=np.float32)
        for name in members[0]
    }


def _with_shares(weights: Weights, shares: Sequence[float]) -> Weights:
    if CLASSIFIER_BIAS not in weights or len(shares) != len(weights[CLASSIFIER_BIAS]):
        raise ModelError("The shares do not fit the network's classes.")
    shift = np.log(np.asarray(shares) * len(shares)).astype(np.float32)
    return {**weights, CLASSIFIER_BIAS: weights[CLASSIFIER_BIAS] + shift}


def logits_in_all_orientations(
    model: ModelFile, samples: Sequence[Sample], progress: Progress = silent
) -> NDArray[np.float32]:
    """Logits (N, orientations * members, classes) of the patches in the samples' middles.

    In the eight mirrored orientations whose probabilities `predict` averages unless told otherwise:
    an average is less sure than its parts, and the temperature must fit what users see.

    Args:
        model: the ensemble.
        samples: whose middles are run.
        progress: told before each sample.
    """
    engine = open_engine(model, precision="fp32")
    turned = orientations()[:MIRRORED]
    logits = []
    for number, sample in enumerate(samples):
        progress(number / len(samples), f"Calibrating: nodule {number + 1} of {len(samples)}")
        patch, _ = middle_patch(sample.voxel, sample.seg)
        outputs = [engine.run(orient(patch, each)[None]).logits[0] for each in turned]
        logits.append(np.concatenate(outputs))
    return np.stack(logits)


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature that makes the mean probability over all runs most likely.

    Logits are (N, runs, classes), labels (N,).
    """

    def loss(log_temperature: float) -> float:
        mean = class_probabilities(logits, float(np.exp(log_temperature))).mean(axis=1)
        chosen = mean[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    found = optimize.minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded")
    return float(np.exp(found.x))
