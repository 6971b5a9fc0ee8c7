"""All figures that a study's results allow."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl

from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.figures.agreement_plots import diameter_plot, volume_plot
from densesharp.study.figures.course import flow_plot, time_plot
from densesharp.study.figures.figure_style import RC, Plot
from densesharp.study.figures.matrices import (
    agreement_plot,
    confusion_plot,
    dice_plot,
    reclassification_plot,
)
from densesharp.study.figures.outline_plots import overlap_plot
from densesharp.study.figures.probability import decision_plot, histogram_plot, reliability_plot
from densesharp.study.figures.roc_plots import binormal_plot, forest_plot, marks_plot, roc_plot


def draw_all(results: StudyResults) -> list[Plot]:
    """The figures of results.json, in the order of the report."""
    with mpl.rc_context(RC):
        return list(_draw(results))


def _draw(results: StudyResults) -> Iterator[Plot]:
    study = results.study
    yield flow_plot(study)
    for name, task in results.tasks.items():
        yield roc_plot(name, task, study)
        yield forest_plot(name, task, study)
        if task.binormal:
            yield binormal_plot(name, task, task.binormal)
        if task.calibration:
            yield reliability_plot(name, task.title, task.calibration, study)
        if task.decision:
            yield decision_plot(name, task.title, task.decision, study)
        yield histogram_plot(name, task, study)
    if results.marks:
        yield marks_plot(results.marks)
    classes = results.classes
    if classes:
        yield confusion_plot(classes)
        if classes.changes:
            yield reclassification_plot(classes.class_names, classes.changes)
    if results.agreement:
        yield agreement_plot(results.agreement)
    outlines = results.outlines
    if outlines:
        if len(outlines.dice_matrix.names) > 1:
            yield dice_plot(outlines)
        if outlines.comparisons:
            yield overlap_plot(outlines)
        if outlines.volume.points:
            yield volume_plot(outlines.volume)
            yield diameter_plot(outlines.diameter)
    if results.time:
        yield time_plot(results.time, study)
