"""A study as arrays, made up: readers, classes, times, and a model that is better."""

import dataclasses

import numpy as np

from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.exported.export_design import ExportDesign, NamedEndpoint
from densesharp.study.exported.study_data import Model, StudyData, paper_tasks


def made_up(conditions=("unaided",), *, cases=40, readers=4, kind=None, endpoint=None, seed=5):
    """Ratings, classes and times of readers, and a model that is better."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=cases)
    shape = (len(conditions), readers, cases)
    hard = 0.4 * rng.normal(size=cases)
    score = truth + hard + 0.7 * rng.normal(size=shape)
    alone = truth + hard + 0.4 * rng.normal(size=cases)
    chances = np.exp(-((alone[:, None] - np.arange(3)) ** 2))
    chances /= chances.sum(1, keepdims=True)
    model = Model(chances.argmax(1), chances)
    percent = [np.round(100 / (1 + np.exp(-2 * (score - at)))) for at in (0.5, 1.5)]
    return StudyData(
        "made up",
        ExportDesign(kind=kind, endpoint=endpoint and NamedEndpoint(**endpoint)),
        tuple(conditions),
        tuple(f"R{r}" for r in range(readers)),
        {},
        tuple(f"C{k:03d}" for k in range(cases)),
        CLASS_NAMES,
        truth,
        paper_tasks(*percent, model),
        (score > 0.5).astype(int) + (score > 1.5),
        np.exp(3 + 0.3 * rng.normal(size=shape)),
        model=model,
    )


def without_a_reading(data):
    """The first reader did not read the first case under the first condition."""
    tasks = []
    for task in data.tasks:
        ratings = task.ratings.copy()
        ratings[0, 0, 0] = np.nan
        tasks.append(dataclasses.replace(task, ratings=ratings))
    chosen = data.classes.copy()
    chosen[0, 0, 0] = -1
    return dataclasses.replace(data, tasks=tuple(tasks), classes=chosen)
