"""How much missing readings could change: the worst and the best case.

Each missing rating is taken as the worst or the best that the scale has been used for: against the
first condition and for the second, and the other way round (Little et al. 2012). What lies between
the two is what any guess about missing readings could find.
"""

from dataclasses import replace

import numpy as np

from densesharp.stats.mrmc import analyse
from densesharp.stats.study_design import study_design
from densesharp.stats.tables import FloatArray, Readings
from densesharp.study.analysis.task_results import MissingCases


def missing_cases(readings: Readings, pair: tuple[int, int]) -> MissingCases | None:
    """Both extremes, random readers and cases; None where nothing is missing or too much is.

    Args:
        readings: of one question.
        pair: numbers of the two conditions.

    Returns:
        The differences; None also where a reader read nothing under one of the conditions, and in
        nested designs, where nothing is missing.
    """
    names = tuple(readings.treatments[t] for t in pair)
    part = readings.select(treatments=names)
    order = [part.treatments.index(name) for name in names]
    gaps = np.isnan(part.ratings)
    if not gaps.any() or gaps.all(axis=2).any() or study_design(part.ratings):
        return None
    found = []
    for against in (order[0], order[1]):
        filled = replace(part, ratings=_filled(part, against))
        differences = analyse(filled).rrrc.differences
        found.append(differences[names[0], names[1]])
    return MissingCases(names[0], names[1], int(gaps.sum()), *found)


def _filled(readings: Readings, against: int) -> FloatArray:
    """Missing ratings against one condition and for the other."""
    ratings: FloatArray = readings.ratings.copy()
    low, high = float(np.nanmin(ratings)), float(np.nanmax(ratings))
    for t in range(len(ratings)):
        wrong = np.where(readings.truth, low, high)
        right = np.where(readings.truth, high, low)
        fill = np.broadcast_to(wrong if t == against else right, ratings[t].shape)
        ratings[t] = np.where(np.isnan(ratings[t]), fill, ratings[t])
    return ratings
