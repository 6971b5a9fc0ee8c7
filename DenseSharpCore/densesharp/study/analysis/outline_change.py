"""Whether readers outline more alike with the model: their Dice with each other, by condition."""

from collections.abc import Mapping

import numpy as np

from densesharp.stats.figures_of_merit import MEAN_SCORE
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.segmentation import dice
from densesharp.stats.surface_distance import Mask
from densesharp.study.exported.study_data import StudyData

Masks = Mapping[tuple[int, int, int], Mask]
"""(condition, reader, case) numbers -> outline."""


def analyse_outline_change(data: StudyData, masks: Masks) -> MrmcDocument | None:
    """The multi-reader analysis of mean Dice; None unless two readers drew in two conditions.

    The score of a reader and case is the mean Dice with the other readers' outlines of the case in
    the same condition. Cases that nobody else outlined have none.
    """
    scores = np.full((len(data.conditions), len(data.readers), len(data.cases)), np.nan)
    for (t, r, k), mask in masks.items():
        others = (masks.get((t, s, k)) for s in range(len(data.readers)) if s != r)
        found = [dice(mask, other) for other in others if other is not None]
        if found:
            scores[t, r, k] = float(np.mean(found))
    drawn = ~np.isnan(scores)
    cases = drawn.any(axis=(0, 1))
    if len(data.readers) < 2 or drawn.any(axis=(1, 2)).sum() < 2 or cases.sum() < 2:
        return None
    readings = data.as_readings(scores, data.truth > 0).of_cases(cases)
    return mrmc_document(readings, MEAN_SCORE, title="mean Dice with the other readers")
