"""Figures of merit of all readers under all treatments, with the covariance of their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from densesharp.errors import TableError
from densesharp.stats.auc import clustered_covariance, delong_covariance, placements, too_few
from densesharp.stats.clusters import cluster_covariance
from densesharp.stats.estimates import Interval
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.study_design import (
    READERS_IN_TREATMENTS,
    Design,
    share_cases,
    study_design,
)
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.stats.ustatistics import pair_sums, unbiased_covariance

Covariance = Literal["jackknife", "delong", "unbiased"]

INCOMPLETE = (
    "Not every reader read every case under every treatment; this analysis needs all readings "
    "(the U-statistics of areas and of shares of right calls do not)."
)


NESTED = (
    "A reader read no case under one of the treatments, and others did, so that treatments and "
    "readers cannot be told apart here (the U-statistics compare such designs)."
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
        design: who read what; None where readings are missing that no design leaves out.
        limits: least and greatest value of the figure.
        fewest: cases that its variance is from, of the smaller class where it looks at two.
        cautious: whether degrees of freedom are made smaller, see `FigureOfMerit`.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    theta: FloatArray
    covariance: FloatArray | None
    left_out: FloatArray | None = None
    reason: str | None = None
    patients: IntArray | None = None
    design: Design | None = "factorial"
    limits: Interval = (0.0, 1.0)
    fewest: int | None = None
    cautious: bool = False


LARGEST = 1e9
"""Of ratings whose mean is compared: beyond, squares of their differences lose them."""


def fom_table(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    truth: IntArray | None = None,
) -> FomTable:
    """Figures of merit and error covariance of readings.

    Args:
        readings: the readings; with missing ones that no nested or split-plot design leaves
            out there are values but no covariance.
        figure: what to compute of each reader's readings.
        covariance: `delong` and `unbiased` exist for the AUC only.
        truth: shape (K,): classes, for figures of merit that look at more than two.

    Raises:
        ValueError: the covariance does not exist for the figure of merit.
        TableError: it does not exist for several cases of a patient (in a nested design), or
            ratings are too large for their mean.
    """
    if covariance != "jackknife" and figure is not AUC:
        raise ValueError(f"The {covariance} covariance exists for the AUC only.")
    if covariance == "unbiased" and readings.patients is not None:
        raise TableError(
            "Patients have several cases: the unbiased covariance exists for one case of each "
            "patient only. Take the jackknife or DeLong's."
        )
    if figure.limits == (-np.inf, np.inf) and np.nanmax(np.abs(readings.ratings)) > LARGEST:
        message = f"Ratings beyond {LARGEST:g} have no mean that can be compared: take other units."
        raise TableError(message)
    classes = readings.truth.astype(np.int64) if truth is None else truth
    design = study_design(readings.ratings)
    t, r, _ = readings.ratings.shape
    theta = np.full((t, r), np.nan)
    used = figure.uses(classes)
    left_out: list[FloatArray] = []
    for i, j in np.ndindex(t, r):
        ratings = readings.ratings[i, j]
        own = ~np.isnan(ratings) & used
        found = figure.compute(ratings[own], classes[own])
        if found is not None:
            theta[i, j] = found[0]
            # Without a case that a reader did not read, the figure is what it was.
            without = np.full(len(ratings), found[0])
            without[own] = found[1]
            left_out.append(without[used])
    labels = (readings.treatments, readings.readers)
    smaller = _fewest(figure, classes[used])

    def lacking(reason: str) -> FomTable:
        return FomTable(
            *labels, theta, None, reason=reason, design=design, limits=figure.limits, fewest=smaller
        )

    unread = np.isnan(readings.ratings).all(axis=2)
    if unread.any() and design != READERS_IN_TREATMENTS:
        return lacking(NESTED)
    if np.isnan(theta[~unread]).any():
        return lacking(f"A reader lacks what {figure.name} needs: {figure.needs}.")
    if design is None:
        return lacking(INCOMPLETE)
    values = np.array(left_out)
    patients = None if readings.patients is None else readings.patients[used]
    if patients is not None and len(np.unique(patients)) < 2:
        return lacking("All cases are of one patient.")
    known = np.flatnonzero(~unread.ravel())
    curves = readings.ratings.reshape(t * r, -1)[known]
    if patients is not None and covariance == "delong":
        reason = too_few(readings.truth, readings.patients)
        if reason:
            return lacking(reason)
    between = _covariances(curves, readings.truth, values, patients)[covariance]()
    if patients is None:
        between = np.where(share_cases(curves[:, None]), between, 0.0)
    matrix = np.full((t * r, t * r), np.nan)
    matrix[np.ix_(known, known)] = between
    whole = values.reshape(t, r, -1) if design == "factorial" else None
    return FomTable(
        *labels, theta, matrix.reshape(t, r, t, r), whole, None, patients, design, figure.limits,
        smaller, figure.cautious,
    )  # fmt: skip


def _fewest(figure: FigureOfMerit, used: IntArray) -> int:
    """Cases used, of the smaller class where the figure looks at two."""
    diseased = int((used > 0).sum())
    both = 0 < diseased < len(used) and figure.right is None
    return min(diseased, len(used) - diseased) if both else len(used)


def _covariances(
    curves: FloatArray, truth: BoolArray, left_out: FloatArray, patients: IntArray | None
) -> dict[Covariance, Callable[[], FloatArray]]:
    return {
        "jackknife": lambda: jackknife_covariance(left_out, patients),
        "delong": lambda: _delong(curves, truth, patients),
        "unbiased": lambda: unbiased_covariance(pair_sums(curves, truth)),
    }


def _delong(curves: FloatArray, truth: BoolArray, patients: IntArray | None) -> FloatArray:
    """DeLong's covariance of curves, shape (c, K), that share all of their cases or none."""
    read = ~np.isnan(curves)
    if read.all():
        placed = [placements(row, truth) for row in curves]
        if patients is None:
            return delong_covariance(placed)
        return clustered_covariance(placed, truth, patients)
    if patients is not None:
        raise TableError("With several cases of a patient, nested designs take the jackknife only.")
    matrix = np.zeros((len(curves), len(curves)))
    for block in np.unique(read, axis=0):
        rows = np.flatnonzero((read == block).all(axis=1))
        own = [placements(row[block], truth[block]) for row in curves[rows]]
        matrix[np.ix_(rows, rows)] = delong_covariance(own)
    return matrix


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
