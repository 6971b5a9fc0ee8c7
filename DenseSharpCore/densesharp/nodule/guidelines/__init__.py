"""What published guidelines and models say about a measured nodule.

    context.py     what is known about the patient and the scan; every field may be unknown
    fleischner.py  Fleischner Society 2017, incidental nodules
    lung_rads.py   Lung-RADS 2022, screening
    brock.py       Brock (PanCan) probability of cancer
    stage.py       clinical T category and CTR group, if it is a lung cancer
    baselines.py   what diameter or density alone would say about invasiveness

Each gives a `Hint`: the answer, its source, what is missing, and where it does not apply. Every
guideline is given the metric it asks for; diameters are never turned into volumes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from densesharp.nodule.guidelines.baselines import diameter_baseline, mean_hu_baseline
from densesharp.nodule.guidelines.brock import brock, brock_probability
from densesharp.nodule.guidelines.context import Context, ContextError, Hint
from densesharp.nodule.guidelines.fleischner import fleischner_2017
from densesharp.nodule.guidelines.lung_rads import lung_rads_2022
from densesharp.nodule.guidelines.stage import ctr_group, stage_hint
from densesharp.nodule.records import Measurements, NoduleResult

__all__ = [
    "Context",
    "ContextError",
    "Hint",
    "all_hints",
    "brock",
    "brock_probability",
    "ctr_group",
    "diameter_baseline",
    "fleischner_2017",
    "guideline_hints",
    "lung_rads_2022",
    "mean_hu_baseline",
    "reported_hints",
    "stage_hint",
]


def all_hints(measurements: Measurements, context: Context) -> dict[str, Hint]:
    """Every hint, by a short stable name."""
    return {
        "fleischner_2017": fleischner_2017(measurements, context),
        "lung_rads_2022": lung_rads_2022(measurements, context),
        "brock": brock(measurements, context),
        "clinical_t": stage_hint(measurements),
        "ctr": ctr_group(measurements),
        "diameter_baseline": diameter_baseline(measurements),
        "mean_hu_baseline": mean_hu_baseline(measurements),
    }


UNKNOWN = Context()
"""Nothing is known about the patient."""


def guideline_hints(measurements: Measurements, context: Context = UNKNOWN) -> dict[str, Any]:
    """Every hint as JSON, for `NoduleResult.guidelines` (see docs/reference/result-json.md)."""
    return {name: hint.to_json() for name, hint in all_hints(measurements, context).items()}


def reported_hints(result: NoduleResult, context: Context = UNKNOWN) -> dict[str, Hint]:
    """Every hint by the sizes that are reported; what rests on a reader's own axes says so.

    Args:
        result: with measurements; without them there are no hints.
        context: what is known about the patient.
    """
    measured, reported, own = result.measurements, result.reported, result.reader_axes
    if measured is None or reported is None:
        return {}
    hints, by_outline = all_hints(reported, context), all_hints(measured, context)
    for name, hint in hints.items():
        if own is not None and hint != by_outline[name]:
            whose = f"{own.which} measured by the reader, all else on the outline"
            hints[name] = replace(hint, basis=f"{hint.basis}; {whose}")
    return hints
