"""Automation bias: how often a right answer was changed to the model's wrong one.

Goddard, Roudsari & Wyatt 2012. Readers change answers without a model's advice too, when they read
a case again. So the share of right answers that followed a wrong model is compared with the share
of right answers that became wrong although the model was right.
"""

from __future__ import annotations

import numpy as np

from densesharp.stats.clustered_shares import clustered_share, share_difference
from densesharp.stats.proportions import obuchowski
from densesharp.stats.tables import IntArray
from densesharp.study.analysis.class_results import AutomationBias, ReaderFollowed
from densesharp.study.exported.study_data import StudyData


def automation_bias(data: StudyData, aided: IntArray, unaided: IntArray) -> AutomationBias | None:
    """Changes from unaided to aided where the model was wrong; None without its classes.

    Args:
        data: the study.
        aided: shape (r, K): classes with the model, -1 where nothing was read.
        unaided: shape (r, K): the same without.
    """
    if data.model is None:
        return None
    known = data.model.classes >= 0
    wrong, right = (known & (data.model.classes != data.truth)), (data.model.classes == data.truth)
    both = (aided >= 0) & (unaided >= 0)
    before = both & (unaided == data.truth)
    followed = before & wrong & (aided == data.model.classes)
    lost = before & right & (aided != data.truth)
    of_wrong = (followed.sum(0) * 1.0, (before & wrong).sum(0) * 1.0)
    of_right = (lost.sum(0) * 1.0, (before & right).sum(0) * 1.0)
    gained = both & wrong & (aided == data.truth) & (unaided != data.truth)
    given_up = both & wrong & (aided != data.truth) & (unaided == data.truth)
    paired = (np.array(x.sum(0) * 1.0) for x in (gained, given_up, both & wrong))
    return AutomationBias(
        wrong_model_cases=int((wrong & both.any(0)).sum()),
        readers={
            reader: ReaderFollowed(int((before & wrong)[r].sum()), int(followed[r].sum()))
            for r, reader in enumerate(data.readers)
        },
        followed=clustered_share(*of_wrong),
        spontaneous=clustered_share(*of_right),
        difference=share_difference(of_wrong, of_right),
        accuracy_change=obuchowski(*paired),
    )
