"""Figures of merit of all readers under all treatments, with the covariance of their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from densesharp.stats.auc import clustered_covariance, delong_covariance, placements
from densesharp.stats.clusters import cluster_covariance
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.tables import FloatArray, IntArray, Readings
from densesharp.stats.ustatistics import pair_sums, unbiased_covariance

Covariance = Literal["jackknife", "delong", "unbiased"]

INCOMPLETE = (
    "Not every reader read every case under every treatment; this analysis needs all readings "
    "(the U-statistics of areas and of shares of right calls do not)."
)


NESTED = (
    "A reader read no case under one of the treatments, so that treatments and readers cannot be "
    "told apart here (the U-statistics compare such designs)."
)


@dataclass(frozen=True)
class FomTable:
    """Figures of merit of all treatments and readers with their error covariance.

    Attributes:
        treatments: labels, t of them.
        readers: labels, r of them.
        theta: shape (t, r), NaN where not estimable.
        covariance: shape (t, r, t, r), or None where it is not estimable.
        left_out: shape (t, r, n): jackknife values, or None.
        reason: why something is missing.
        patients: shape (n,): the patients of the cases left out one by one; None where each case
            is a patient of its own.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    theta: FloatArray
    covariance: FloatArray | None
    left_out: FloatArray | None = None
    reason: str | None = None
    patients: IntArray | None = None


def fom_table(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    truth: IntArray | None = None,
) -> FomTable:
    """Figures of merit and error covariance of readings.

    Args:
        readings: the readings; with missing ones there are values but no covariance.
        figure: what to compute of each reader's readings.
        covariance: `delong` and `unbiased` exist for the AUC only.
        truth: shape (K,): classes, for figures of merit that look at more than two.

    Raises:
        ValueError: the covariance does not exist for the figure of merit.
    """
    if covariance != "jackknife" and figure is not AUC:
        message = f"The {covariance} covariance exists for the AUC only."
        raise ValueError(message)
    if covariance == "unbiased" and readings.patients is not None:
        message = "The unbiased covariance exists for one case of each patient only."
        raise ValueError(message)
    classes = readings.truth.astype(np.int64) if truth is None else truth
    t, r, _ = readings.ratings.shape
    theta = np.full((t, r), np.nan)
    left_out: list[FloatArray] = []
    for i, j in np.ndindex(t, r):
        ratings = readings.ratings[i, j]
        used = ~np.isnan(ratings) & figure.uses(classes)
        found = figure.compute(ratings[used], classes[used])
        if found is not None:
            theta[i, j] = found[0]
            left_out.append(found[1])
    labels = (readings.treatments, readings.readers)
    if np.isnan(theta).any():
        unread = np.isnan(readings.ratings).all(axis=2)
        if unread.any():
            return FomTable(*labels, theta, None, reason=NESTED)
        why = f"A reader lacks what {figure.name} needs: {figure.needs}."
        return FomTable(*labels, theta, None, reason=why)
    if not readings.complete:
        return FomTable(*labels, theta, None, reason=INCOMPLETE)
    values = np.array(left_out)
    patients = None if readings.patients is None else readings.patients[figure.uses(classes)]
    if patients is not None and len(np.unique(patients)) < 2:
        return FomTable(*labels, theta, None, reason="All cases are of one patient.")
    matrix = _covariances(readings, values, patients)[covariance]()
    return FomTable(
        *labels, theta, matrix.reshape(t, r, t, r), values.reshape(t, r, -1), None, patients
    )


def _covariances(
    readings: Readings, left_out: FloatArray, patients: IntArray | None
) -> dict[Covariance, Callable[[], FloatArray]]:
    curves = readings.ratings.reshape(len(left_out), -1)

    def delong() -> FloatArray:
        placed = [placements(row, readings.truth) for row in curves]
        if patients is None:
            return delong_covariance(placed)
        return clustered_covariance(placed, readings.truth, patients)

    return {
        "jackknife": lambda: jackknife_covariance(left_out, patients),
        "delong": delong,
        "unbiased": lambda: unbiased_covariance(pair_sums(curves, readings.truth)),
    }


def jackknife_covariance(left_out: FloatArray, patients: IntArray | None = None) -> FloatArray:
    """((n-1)/n) sum_k (theta_(k) - mean)(theta_(k) - mean)' of leave-one-out values (c, n).

    With several cases of a patient their influences (n-1)/n (mean - theta_(k)) are added before
    they are squared: the infinitesimal jackknife over patients.

    Args:
        left_out: shape (c, n).
        patients: shape (n,), or None where each case is a patient of its own.
    """
    n = left_out.shape[1]
    spread = left_out - left_out.mean(1, keepdims=True)
    if patients is not None:
        return cluster_covariance((1 - n) / n * spread, patients)
    covariance: FloatArray = (n - 1) / n * (spread @ spread.T)
    return covariance
