"""Characteristics of the cases, and results by the properties that the design balances.

Subgroups are descriptive: few cases each, no test, and no correction for their number.
"""

import numpy as np

from densesharp.stats.mrmc import analyse
from densesharp.stats.tables import BoolArray
from densesharp.study.analysis.study_results import Subgroup, SubgroupArea
from densesharp.study.exported.study_data import StudyData, Task

MOST_LEVELS = 8
"""A property with more values is cut at its median if it is a number, and else left out."""


def analyse_subgroups(data: StudyData) -> list[Subgroup] | None:
    """The cases by property and value; None where the design has no properties."""
    properties = _properties(data)
    rows = []
    for name, values in properties.items():
        for level, chosen in _levels(values):
            counts = np.bincount(data.truth[chosen], minlength=len(data.class_names))
            by_class = dict(zip(data.class_names, counts.tolist(), strict=True))
            areas = {task.name: _area(data, task, chosen) for task in data.tasks}
            rows.append(Subgroup(name, level, int(chosen.sum()), by_class, areas))
    return rows or None


def _properties(data: StudyData) -> dict[str, list[str]]:
    """Property -> value of each analysed case, "" where it has none."""
    strata = {case.id: case.strata for case in data.design.listed}
    names = sorted({name for case in data.cases for name in strata.get(case, {})})
    return {name: [strata.get(case, {}).get(name, "") for case in data.cases] for name in names}


def _levels(values: list[str]) -> list[tuple[str, BoolArray]]:
    """The values of a property with the cases that have them."""
    names, known = np.array(values), sorted(set(values))
    if len(known) <= MOST_LEVELS:
        return [(level or "not recorded", names == level) for level in known]
    try:
        numbers = np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return []
    middle = float(np.nanmedian(numbers))
    return [(f"up to {middle:g}", numbers <= middle), (f"above {middle:g}", numbers > middle)]


def _area(data: StudyData, task: Task, chosen: BoolArray) -> SubgroupArea | None:
    """Mean AUC of the readers by condition; None where all cases are of one class."""
    truth = data.positive(task)[chosen]
    if truth.all() or not truth.any():
        return None
    found = analyse(data.readings(task).of_cases(chosen))
    pair = None if data.pair is None else tuple(data.conditions[t] for t in data.pair)
    difference = None if pair is None else found.rrrc.differences[pair[0], pair[1]]
    return SubgroupArea(found.rrrc.printed(), difference)
