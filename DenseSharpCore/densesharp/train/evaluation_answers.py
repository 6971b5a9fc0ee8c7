"""What a complete answer says about each nodule, and whether its warnings are where they belong.

`densesharp evaluate --answers` gives every nodule the answer that `densesharp predict` would give:
verdict with its reasons, type, interval of the volume. Beside readers' outlines on the CT's own
grid these can be judged: bad outlines should be doubted, good ones not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import SeedError
from densesharp.image.volume import Volume
from densesharp.model.engines import Engine
from densesharp.nodule.patch import EDGE
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.train.evaluation_records import Outcome, StoredAnswer

BAD = 0.7
"""Dice with the readers' consensus below which an outline ought to be doubted."""

TOO_LARGE = {"mask_touches_cube", "larger_than_cube"}

TYPES = ("ground-glass", "part-solid", "solid")


@dataclass(frozen=True)
class JudgedAnswers:
    """How many answers of a group of nodules are as they should be.

    A nodule fits here when the outlines around it fit the patch too, pixels included: of what comes
    nearer to the patch's faces the answer must say that it may be incomplete.

    Attributes:
        bad: (doubted, all) outlines with a Dice below `BAD` to the consensus, of those that fit.
        good: the same of the others, with any caution.
        good_outline: the same, with a caution about the outline.
        too_large: nodules that do not fit the patch: (said so, all).
        covered: nodules that fit: (interval of the volume holds every reader's, all).
        types: by (texture rating as a type, called so), how many.
    """

    bad: tuple[int, int]
    good: tuple[int, int]
    good_outline: tuple[int, int]
    too_large: tuple[int, int]
    covered: tuple[int, int]
    types: dict[str, dict[str, int]]


def answer_at(
    volume: Volume, click: NDArray[np.float64], engine: Engine, augmentations: int
) -> StoredAnswer:
    """Analyse a nodule as `densesharp predict` does.

    Args:
        volume: the CT.
        click: (3,) LPS mm.
        engine: a loaded model.
        augmentations: orientations averaged.

    Returns:
        What it says.
    """
    try:
        settings = AnalysisSettings(augmentations=augmentations)
        result = analyse(volume, Seed(click), engine, settings=settings)
    except SeedError:
        return StoredAnswer("refused", ("seed",))
    reasons = tuple(notice.code for notice in result.notices if notice.severity != "info")
    measured = result.measurements
    return StoredAnswer(
        result.verdict,
        reasons,
        None if measured is None else measured.nodule_type,
        None if measured is None else measured.volume_interval_mm3,
        None if result.uncertainty is None else result.uncertainty.outline_agreement,
    )


def judge(outcomes: Sequence[Outcome]) -> JudgedAnswers | None:
    """Count the answers that are as they should be; None where there are none on the own grid."""
    known = [o for o in outcomes if o.answer is not None and o.inner is not None]
    if not known:
        return None
    fits = [o for o in known if _fits(o)]
    bad = [o for o in fits if o.inner and o.inner.consensus < BAD]
    good = [o for o in fits if o.inner and o.inner.consensus >= BAD]
    rated = [o for o in known if o.texture is not None]
    pairs = Counter(_pair(o) for o in rated)
    types = {a: {b: pairs[a, b] for b in (*TYPES, "none")} for a in TYPES}
    return JudgedAnswers(
        bad=(sum(_doubted(o) for o in bad), len(bad)),
        good=(sum(_doubted(o) for o in good), len(good)),
        good_outline=(sum(bool(o.answer and o.answer.doubts_outline) for o in good), len(good)),
        too_large=(sum(_said_too_large(o) for o in known if not _fits(o)), len(known) - len(fits)),
        covered=(sum(_covers(o) for o in fits), len(fits)),
        types=types,
    )


def _fits(outcome: Outcome) -> bool:
    return outcome.fits and outcome.extent is not None and outcome.extent.drawn_mm <= EDGE


def _doubted(outcome: Outcome) -> bool:
    return outcome.answer is not None and outcome.answer.verdict != "ok"


def _said_too_large(outcome: Outcome) -> bool:
    return outcome.answer is not None and bool(TOO_LARGE & set(outcome.answer.reasons))


def _covers(outcome: Outcome) -> bool:
    interval = outcome.answer.interval_mm3 if outcome.answer else None
    if interval is None or outcome.extent is None:
        return False
    return interval[0] <= outcome.extent.smallest_mm3 and outcome.extent.largest_mm3 <= interval[1]


def _pair(outcome: Outcome) -> tuple[str, str]:
    """The reader's texture as a type (1-2, 3-4, 5), and what it was called."""
    rating = outcome.texture or 0
    truth = TYPES[0 if rating <= 2 else 1 if rating <= 4 else 2]
    return truth, (outcome.answer.nodule_type if outcome.answer else None) or "none"
