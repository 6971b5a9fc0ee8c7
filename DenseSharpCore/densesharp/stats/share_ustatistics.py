"""U-statistics of shares of right calls: sensitivity, specificity, accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from densesharp.stats.figures_of_merit import FigureOfMerit
from densesharp.stats.tables import IntArray, Readings
from densesharp.stats.ustatistics import UStatistics, u_statistics


def share_statistics(
    readings: Readings,
    figure: FigureOfMerit,
    truth: IntArray | None = None,
    *,
    confidence: float = 0.95,
) -> UStatistics:
    """U-statistics of a share of right calls (Gallas, Pennello & Myers 2007).

    A share is the area against cases that are always between right and wrong: those are added here,
    alike for all, and add no variance.

    Args:
        readings: may be incomplete.
        figure: one with `right`.
        truth: shape (K,): classes, for figures that look at more than two.
        confidence: of the intervals.

    Returns:
        The statistics, with the share in the place of the area.

    Raises:
        ValueError: the figure is no share of right calls.
    """
    if figure.right is None:
        raise ValueError(f"{figure.name} is no share of right calls")
    classes = readings.truth.astype(np.int64) if truth is None else truth
    part = readings.of_cases(figure.uses(classes))
    right = figure.right(part.ratings, classes[figure.uses(classes)]).astype(np.float64)
    calls = np.where(np.isnan(part.ratings), np.nan, right)
    between = np.full((*calls.shape[:2], 2), 0.5)
    # Where a reader read nothing, the added cases were not read either.
    between[np.isnan(calls).all(axis=2)] = np.nan
    patients = part.patients
    joint = replace(
        part,
        cases=(*part.cases, "between 1", "between 2"),
        truth=np.append(np.ones(calls.shape[2], dtype=bool), [False, False]),
        ratings=np.concatenate([calls, between], axis=2),
        patients=None
        if patients is None
        else np.append(patients, patients.max() + np.arange(1, 3)),
    )
    return u_statistics(joint, confidence=confidence)
