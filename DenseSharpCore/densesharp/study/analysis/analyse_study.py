"""The whole analysis: a study in, plain results out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from densesharp.files import sha256
from densesharp.progress import Progress, silent
from densesharp.stats.study_design import study_design
from densesharp.stats.tables import BoolArray
from densesharp.study.analysis.binary_tasks import analyse_task
from densesharp.study.analysis.classes import analyse_agreement, analyse_classes
from densesharp.study.analysis.endpoints import endpoints
from densesharp.study.analysis.mark_results import analyse_marks
from densesharp.study.analysis.model_alone import analyse_model_alone
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.planned_endpoints import endpoint_of
from densesharp.study.analysis.sample_size import PowerPlan, sample_size
from densesharp.study.analysis.study_results import (
    SCHEMA,
    ReaderRow,
    Software,
    StudyDescription,
    StudyResults,
)
from densesharp.study.analysis.subgroups import analyse_subgroups
from densesharp.study.analysis.times import analyse_sessions, analyse_times
from densesharp.study.exported.study_data import StudyData
from densesharp.study.exported.washout import describe_washout

T = TypeVar("T")


def analyse_study(
    data: StudyData,
    *,
    inputs: Sequence[Path] = (),
    dice_margin: float | None = None,
    plan: PowerPlan | None = None,
    progress: Progress = silent,
) -> StudyResults:
    """Analyse a study.

    Args:
        data: the study.
        inputs: files whose sha256 the results keep.
        dice_margin: equivalence margin of outlines, see `analyse_outlines`.
        plan: the power calculation that was made before the study, for the report.
        progress: told what is being done.

    Returns:
        The content of results.json. Sections that the study has no data for are None.
    """
    from densesharp.version import __version__

    tasks = {}
    for number, task in enumerate(data.tasks):
        progress(0.1 + 0.2 * number, f"ROC analysis: {task.name}")
        tasks[task.name] = analyse_task(data, task)

    def step(fraction: float, name: str, analyse: Callable[[StudyData], T]) -> T:
        progress(fraction, f"Analysing {name}")
        return analyse(data)

    found = StudyResults(
        schema=SCHEMA,
        software=Software("densesharp", __version__),
        inputs={path.name: sha256(path) for path in inputs},
        study=replace(describe(data), sample_size=sample_size(data, plan) if plan else None),
        endpoint=endpoint_of(data),
        tasks=tasks,
        model_alone=step(0.5, "the model alone", analyse_model_alone),
        classes=step(0.58, "classes", analyse_classes),
        agreement=step(0.66, "agreement", analyse_agreement),
        time=step(0.74, "reading times", analyse_times),
        sessions=step(0.82, "sessions", analyse_sessions),
        outlines=step(0.9, "outlines", partial(analyse_outlines, margin=dice_margin)),
        endpoints=(),
        subgroups=step(0.95, "subgroups of cases", analyse_subgroups),
        marks=step(0.97, "marks", lambda study: analyse_marks(study.marks)),
    )
    return replace(found, endpoints=endpoints(found))


def describe(data: StudyData) -> StudyDescription:
    """Design and numbers: what the flow chart and the first table show."""
    counts = np.bincount(data.truth, minlength=len(data.class_names))
    design, read, plan = data.design, _was_read(data), data.plan
    nested = _nested(data, read)
    planned, missing = _planned(data, read)
    if nested:
        missing = {}
    repeats = 0 if data.repeats is None else int((data.repeats >= 0).sum())
    missing_repeats = 0 if plan is None else plan.repeats * len(plan.readers) - repeats
    total = sum(missing.values())
    return StudyDescription(
        title=data.title,
        kind=design.kind,
        design_verified=data.verified,
        truth_frozen=data.truth_state == "frozen",
        truth_state=data.truth_state,
        order_reveals_truth=data.order_reveals_truth,
        patients=None if data.patients is None else len(np.unique(data.patients)),
        unknown_patients=data.unknown_patients,
        washout_days=design.washout_days,
        washout=describe_washout(data.washout, design.washout_days),
        reveal=design.reveal,
        model=design.model,
        model_sha256=design.model_sha256,
        trained_on=data.model.trained_on if data.model else None,
        conditions=data.conditions,
        readers=[ReaderRow(reader, data.groups.get(reader, "")) for reader in data.readers],
        class_names=data.class_names,
        cases=len(data.cases),
        cases_by_class=dict(zip(data.class_names, counts.tolist(), strict=True)),
        unread_cases=len(data.unread),
        practice_answers=data.practice,
        readings=data.by_reader(lambda t, r: int(read[t, r].sum())),
        absent_readers=[
            ReaderRow(reader, data.groups.get(reader, ""))
            for reader in missing
            if reader not in data.readers
        ],
        planned_readings=None if plan is None else planned,
        missing_readings=total,
        missing_by_reader={reader: count for reader, count in missing.items() if count},
        missing_repeats=missing_repeats,
        interim=plan is not None and total + missing_repeats > 0,
        teaching=True if design.teaching else None,
        reading_design=nested,
    )


def _nested(data: StudyData, read: BoolArray) -> str | None:
    """The nested design or split plot of readings without a plan; None where it is crossed."""
    found = None if data.plan else study_design(np.where(read, 0.0, np.nan))
    return None if found == "factorial" else found


def _planned(data: StudyData, read: BoolArray) -> tuple[int, dict[str, int]]:
    """How many readings the design or the table has, and reader -> how many are missing.

    Practice is not counted.
    """
    plan = data.plan
    conditions = (plan and plan.conditions) or data.conditions
    each = len(conditions) * len((plan and plan.cases) or data.cases)
    readers = data.readers if plan is None else tuple(plan.readers)
    done = {reader: int(read[:, r].sum()) for r, reader in enumerate(data.readers)}
    return each * len(readers), {reader: each - done.get(reader, 0) for reader in readers}


def _was_read(data: StudyData) -> BoolArray:
    if data.classes is not None:
        return data.classes >= 0
    read: BoolArray = ~np.isnan(data.tasks[0].ratings)
    return read
