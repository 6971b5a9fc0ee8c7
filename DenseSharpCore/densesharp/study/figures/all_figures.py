"""All figures that a study's results allow."""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

from densesharp.parallel import process_pool
from densesharp.study.analysis.study_results import StudyResults
from densesharp.study.figures.agreement_plots import diameter_plot, volume_plot
from densesharp.study.figures.course import flow_plot, time_plot
from densesharp.study.figures.figure_style import RC, Plot, save
from densesharp.study.figures.matrices import (
    agreement_plot,
    confusion_plot,
    dice_plot,
    reclassification_plot,
)
from densesharp.study.figures.outline_plots import overlap_plot
from densesharp.study.figures.probability import decision_plot, histogram_plot, reliability_plot
from densesharp.study.figures.roc_plots import binormal_plot, forest_plot, marks_plot, roc_plot


class Drawn(NamedTuple):
    """A figure that lies in the folder: name of its files, caption, and text for who sees none."""

    name: str
    caption: str
    alt: str


def draw_all(results: StudyResults, folder: Path) -> list[Drawn]:
    """Draw the figures of results.json as NAME.svg and NAME.csv, in the order of the report.

    On two cores where there are.

    Raises:
        OutputError: they cannot be written.
    """
    if not _may_fork():
        return _drawn(results, folder, slice(None))
    half = sum(1 for _ in _plots(results)) // 2
    with warnings.catch_warnings(), process_pool(1, get_context("fork")) as submit:
        # Python 3.12 warns of every thread; those of numpy are made for it.
        warnings.simplefilter("ignore", DeprecationWarning)
        others = submit(_drawn, results, folder, slice(half, None))
        first = _drawn(results, folder, slice(half))
        return [*first, *others.result()]


def _may_fork() -> bool:
    """Whether a copy of this process can help: two cores, and no thread that may hold a lock."""
    threads = {type(one).__name__ for one in threading.enumerate()} - {"_MainThread", "TMonitor"}
    return (os.cpu_count() or 1) > 1 and "fork" in get_all_start_methods() and not threads


def _drawn(results: StudyResults, folder: Path, part: slice) -> list[Drawn]:
    found = []
    with mpl.rc_context(RC):
        for draw in list(_plots(results))[part]:
            plot = draw()
            save(plot, folder)
            found.append(Drawn(plot.name, plot.caption, plot.alt))
    return found


def _plots(results: StudyResults) -> Iterator[Callable[[], Plot]]:
    """How to draw each figure."""
    study = results.study
    yield partial(flow_plot, study)
    for name, task in results.tasks.items():
        yield partial(roc_plot, name, task, study)
        yield partial(forest_plot, name, task, study)
        if task.binormal:
            yield partial(binormal_plot, name, task, task.binormal)
        if task.calibration:
            yield partial(reliability_plot, name, task.title, task.calibration, study)
        if task.decision:
            yield partial(decision_plot, name, task.title, task.decision, study)
        yield partial(histogram_plot, name, task, study)
    if results.marks:
        yield partial(marks_plot, results.marks)
    classes = results.classes
    if classes:
        yield partial(confusion_plot, classes)
        if classes.changes:
            yield partial(reclassification_plot, classes.class_names, classes.changes)
    if results.agreement:
        yield partial(agreement_plot, results.agreement)
    outlines = results.outlines
    if outlines:
        if len(outlines.dice_matrix.names) > 1:
            yield partial(dice_plot, outlines)
        if outlines.comparisons:
            yield partial(overlap_plot, outlines)
        if outlines.volume.points:
            yield partial(volume_plot, outlines.volume)
            yield partial(diameter_plot, outlines.diameter)
    if results.time:
        yield partial(time_plot, results.time, study)
