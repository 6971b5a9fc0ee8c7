"""Two time points: the same nodule found again, outlined by the same model, and compared.

    registration.py  where the nodule lies in the second CT
    change.py        what changed, and whether it is growth
    dates.py         days between two CTs, from their DICOM headers

A change is called growth only when it exceeds what repeated scans of the same nodule differ by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from densesharp.errors import GeometryError
from densesharp.image.volume import Volume
from densesharp.nodule.followup.change import (
    Change,
    FollowUp,
    compare,
    doubling_days,
    followup_sentence,
    trend_of,
)
from densesharp.nodule.followup.dates import days_between
from densesharp.nodule.followup.registration import Match, find_again
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import DEFAULTS, AnalysisSettings
from densesharp.progress import Progress, silent

if TYPE_CHECKING:
    from densesharp.model.engines import Engine

__all__ = [
    "Change",
    "FollowUp",
    "Match",
    "compare",
    "days_between",
    "doubling_days",
    "find_again",
    "follow_up",
    "followup_sentence",
    "trend_of",
]

SIMILAR_ENOUGH = 0.5
"""Least correlation of the lung around the nodule after registration."""


def follow_up(
    first: Volume,
    seed: Seed,
    second: Volume,
    engine: Engine,
    *,
    days: float | None = None,
    second_seed: Seed | None = None,
    settings: AnalysisSettings = DEFAULTS,
    progress: Progress = silent,
) -> FollowUp:
    """Analyse the nodule at a seed in both CTs and compare.

    Args:
        first: the earlier CT.
        seed: the nodule in it.
        second: the later CT.
        engine: the model, the same for both.
        days: between the two CTs.
        second_seed: the nodule in the later CT; None to find it by registration.
        settings: for both analyses.
        progress: told what goes on.

    Raises:
        SeedError: a seed lies outside the lung of its CT.
        GeometryError: the later CT does not show the same place, or days are not positive.

    Returns:
        Both results, the changes with the measurement error of each, the trend, and doubling times
        where there is growth and the days are known.

    Examples:
        >>> found = densesharp.follow_up(
        ...     volume,
        ...     seed,
        ...     volume,
        ...     engine,
        ...     days=90,
        ...     second_seed=seed,
        ...     settings=densesharp.AnalysisSettings(augmentations=1, stability=False),
        ... )
        >>> found.trend, found.changes["volume_mm3"].difference
        ('no change beyond measurement error', 0.0)
    """
    if days is not None and not days > 0:
        raise GeometryError(f"The second CT must be later than the first: {days:g} days is not.")
    progress(0.0, "Analysing the first CT")
    before = analyse(first, seed, engine, nodule_id="first", settings=settings)
    match = None
    if second_seed is None:
        progress(0.4, "Finding the same place in the second CT")
        match = find_again(first, before, second)
        if match.similarity < SIMILAR_ENOUGH:
            raise GeometryError(
                "The place of the nodule was not found again in the second CT (similarity "
                f"{match.similarity:.2f}): click on the nodule there as well."
            )
        second_seed = Seed(np.array(match.point))
    progress(0.6, "Analysing the second CT")
    after = analyse(second, second_seed, engine, nodule_id="second", settings=settings)
    progress(1.0, "Done")
    return compare(before, after, days, match)
