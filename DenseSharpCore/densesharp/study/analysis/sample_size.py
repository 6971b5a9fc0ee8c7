"""The sample size that was planned: read from what `densesharp study power --json` wrote."""

import json
from dataclasses import dataclass
from pathlib import Path

from densesharp.errors import StudyError
from densesharp.stats.from_json import from_json
from densesharp.stats.power import DESIGNS, NO_CHANGE, Pilot, Plan, cases_needed, power
from densesharp.study.analysis.planned_endpoints import planned_of
from densesharp.study.analysis.study_results import SampleSize
from densesharp.study.exported.study_data import StudyData


@dataclass(frozen=True)
class PowerPlan:
    """From a pilot study: the difference to detect, at a two-sided level, with a power.

    Attributes:
        plan: the margin to keep to, and who reads what.
        figure: of merit; sensitivity and specificity count cases with, or without, disease only.
    """

    pilot: Pilot
    effect: float
    alpha: float
    target: float
    plan: Plan = NO_CHANGE
    figure: str = "auc"


def read_plan(path: str | Path) -> PowerPlan:
    """A plan as `densesharp study power --json` wrote it.

    Raises:
        StudyError: the file cannot be read or is no plan of a comparison.
    """
    try:
        return from_json(PowerPlan, json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StudyError(
            f"'{path}' is no plan of a comparison: give the file that 'densesharp study power "
            "PILOT --effect D --json FILE' wrote before the study."
        ) from error


def sample_size(data: StudyData, plan: PowerPlan) -> SampleSize:
    """What the plan says for the design's readers and cases, by the form of its endpoint.

    Args:
        data: the study; without a plan of readings its own readers and cases count.
        plan: effect, level and target power, with the pilot's variances.
    """
    readers = len(data.plan.readers if data.plan else data.readers)
    asked = planned_of(data)
    form, cases = asked.form, _cases(data, plan.figure, asked.task)
    found = (plan.effect, form, plan.alpha, plan.plan)
    needed = cases_needed(
        plan.pilot, readers, plan.effect, plan.target, form, plan.alpha, plan=plan.plan
    )
    return SampleSize(
        effect=plan.effect,
        alpha=plan.alpha,
        target=plan.target,
        form=form,
        pilot_cases=plan.pilot.cases,
        readers=readers,
        cases=cases,
        margin=plan.plan.margin,
        equivalence=True if plan.plan.equivalence else None,
        figure=None if plan.figure == "auc" else plan.figure,
        who_reads=None if plan.plan.design == "factorial" else DESIGNS[plan.plan.design],
        power=power(plan.pilot, readers, cases, *found).power,
        cases_needed=needed.cases if needed else None,
    )


def _cases(data: StudyData, figure: str, name: str) -> int:
    """Cases that a figure looks at: all, or those with or without the disease of a question."""
    tasks = [task for task in data.tasks if task.name == name] or list(data.tasks)
    if figure in ("sensitivity", "specificity") and tasks:
        positive = int(data.positive(tasks[0]).sum())
        return positive if figure == "sensitivity" else len(data.cases) - positive
    return len((data.plan and data.plan.cases) or data.cases)
