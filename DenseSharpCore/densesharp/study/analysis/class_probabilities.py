"""Three-class probabilities of readers and model: separation of classes, and Brier score.

A reader's two ratings P(invasive) >= P(IAC) give the three probabilities by differences.
"""

import numpy as np

from densesharp.stats.calibration import brier_multiclass
from densesharp.stats.multiclass import hand_till, one_vs_rest, ordinal_concordance
from densesharp.stats.tables import FloatArray, IntArray
from densesharp.study.analysis.class_results import ProbabilityScores
from densesharp.study.exported.study_data import StudyData

MODEL = "model"


def class_probabilities(data: StudyData) -> dict[str, dict[str, ProbabilityScores]] | None:
    """Results by condition and reader, and of the model; None without the two ratings."""
    ratings = {task.name: task.ratings / (task.scale or 1.0) for task in data.tasks}
    if not {"invasive", "iac"} <= set(ratings):
        return None
    invasive, iac = ratings["invasive"], ratings["iac"]
    chances = np.stack([1 - invasive, invasive - iac, iac], axis=-1)
    out = data.by_reader(lambda t, r: _results(chances[t, r], data.truth))
    if data.model is not None:
        out[MODEL] = {MODEL: _results(data.model.probabilities, data.truth)}
    return out


def _results(chances: FloatArray, truth: IntArray) -> ProbabilityScores:
    """Args: probabilities (K, 3), NaN where nothing was read; classes (K,)."""
    known = ~np.isnan(chances).any(axis=1)
    chances, truth = chances[known], truth[known]
    return ProbabilityScores(
        int(known.sum()),
        hand_till(chances, truth),
        one_vs_rest(chances, truth),
        # The expected class number: 0 for AAH-AIS to 2 for IAC.
        ordinal_concordance(chances[:, 1] + 2 * chances[:, 2], truth),
        brier_multiclass(chances, truth),
    )
