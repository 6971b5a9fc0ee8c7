"""The model alone against the readers, by every figure of merit that both have.

This is the comparison of a study in which readers only read alone, as the DenseSharp paper's.
"""

from collections.abc import Iterator

import numpy as np

from densesharp.stats.figures_of_merit import (
    AUC,
    VUS,
    FigureOfMerit,
    accuracy,
    quadratic_kappa,
    sensitivity,
    specificity,
)
from densesharp.stats.model_vs_readers import ReaderForm, standalone
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.study.analysis.planned_endpoints import Planned, planned_of
from densesharp.study.analysis.task_results import CompleteStandalone, ModelAlone, ModelComparison
from densesharp.study.exported.study_data import Model, StudyData, Task

Comparison = tuple[str, str | None, FigureOfMerit, FloatArray, FloatArray, IntArray]
"""Figure's name, task's name, figure, the model's (K,) and readers' (r, K) ratings, truth (K,)."""


def analyse_model_alone(data: StudyData) -> ModelAlone | None:
    """Every comparison with the readers reading alone; None without the model's results."""
    if data.model is None:
        return None
    primary = planned_of(data)
    rows = []
    for name, task, figure, model, ratings, truth in _comparisons(data, data.model):
        known = ~np.isnan(model)
        if not known.any():
            continue
        readings = Readings(
            (data.conditions[data.alone],),
            data.readers,
            data.cases,
            truth > 0,
            ratings[None],
            data.patients,
        ).of_cases(known)
        asked = (name, task, primary)
        rows.append(against_readers(model[known], readings, figure, truth[known], *asked))
    return ModelAlone(data.conditions[data.alone], rows) if rows else None


def against_readers(
    model: FloatArray,
    readings: Readings,
    figure: FigureOfMerit,
    truth: IntArray,
    name: str,
    task: str | None,
    planned: Planned,
) -> ModelComparison:
    """The model minus the readers, with the same on the cases that every reader read.

    Args:
        model: shape (K,): the model's rating of every case.
        readings: of one condition.
        figure: what to compare.
        truth: shape (K,): classes.
        name: of the figure, as designs name it.
        task: the question's name.
        planned: the primary analysis; if this is another one, there is no margin.
    """
    primary = planned.of_model and planned.names(name, task)
    form: ReaderForm = planned.form if primary else "rrrc"
    margin = planned.margin if primary and not planned.equivalence else None
    result = standalone(model, readings, figure, truth=truth, margin=margin, form=form)
    complete = None
    whole: BoolArray = ~np.isnan(readings.ratings).any(axis=(0, 1))  # type: ignore[assignment]
    if whole.any() and not whole.all():
        part = readings.of_cases(whole)
        found = standalone(model[whole], part, figure, truth=truth[whole], margin=margin, form=form)
        complete = CompleteStandalone(int(whole.sum()), found)
    return ModelComparison(name, task, primary, form, margin, len(readings.cases), result, complete)


def _comparisons(data: StudyData, model: Model) -> Iterator[Comparison]:
    chosen = np.where(model.classes < 0, np.nan, model.classes.astype(float))
    classes = None
    if data.classes is not None:
        own = data.classes[data.alone]
        classes = np.where(own < 0, np.nan, own.astype(float))
    for task in data.tasks:
        yield from _of_task(data, task, chosen, classes)
    if classes is not None:
        size = len(data.class_names)
        yield "accuracy", None, accuracy(), chosen, classes, data.truth
        yield "quadratic_kappa", None, quadratic_kappa(size), chosen, classes, data.truth
    by_name = {task.name: task for task in data.tasks}
    if {"invasive", "iac"} <= set(by_name):
        pair = by_name["invasive"], by_name["iac"]
        if pair[0].model is not None and pair[1].model is not None:
            ratings = pair[0].ratings[data.alone] + pair[1].ratings[data.alone]
            yield "vus", None, VUS, pair[0].model + pair[1].model, ratings, data.truth


def _of_task(
    data: StudyData, task: Task, chosen: FloatArray, classes: FloatArray | None
) -> Iterator[Comparison]:
    truth = data.positive(task).astype(np.int64)
    if task.model is not None:
        yield "auc", task.name, AUC, task.model, task.ratings[data.alone], truth
    if classes is None:
        return
    model, readers = (
        np.where(np.isnan(called), np.nan, called >= task.level) for called in (chosen, classes)
    )
    yield "sensitivity", task.name, sensitivity(0.5), model, readers, truth
    yield "specificity", task.name, specificity(0.5), model, readers, truth
