"""The whole analysis: a study in, plain results out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.progress import Progress, silent
from densesharp.stats.estimates import to_json
from densesharp.study.analysis.binary_tasks import analyse_task
from densesharp.study.analysis.classes import analyse_agreement, analyse_classes
from densesharp.study.analysis.endpoints import endpoints
from densesharp.study.analysis.model_alone import analyse_model_alone
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.times import analyse_sessions, analyse_times
from densesharp.study.exported.study_data import StudyData
from densesharp.study.exported.washout import describe_washout

SCHEMA = 1


def analyse_study(
    data: StudyData,
    *,
    inputs: Sequence[Path] = (),
    dice_margin: float | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Analyse a study.

    Args:
        data: The study.
        inputs: Files whose sha256 the results keep.
        dice_margin: Equivalence margin of outlines, see `analyse_outlines`.
        progress: Told what is being done.

    Returns:
        The content of results.json: plain JSON data. Sections that the study has no data for are
        null.
    """
    from densesharp import __version__

    endpoint = dict(data.design.get("endpoint") or {})
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "software": {"name": "densesharp", "version": __version__},
        "inputs": {path.name: _sha256(path) for path in inputs},
        "study": describe(data),
        "endpoint": endpoint or None,
        "tasks": {},
    }
    for number, task in enumerate(data.tasks):
        progress(0.1 + 0.2 * number, f"ROC analysis: {task.name}")
        results["tasks"][task.name] = analyse_task(data, task)
    steps = (
        ("model_alone", analyse_model_alone),
        ("classes", analyse_classes),
        ("agreement", analyse_agreement),
        ("time", analyse_times),
        ("sessions", analyse_sessions),
    )
    for number, (name, step) in enumerate(steps):
        progress(0.5 + 0.08 * number, f"Analysing {name}")
        results[name] = step(data)
    progress(0.9, "Comparing outlines")
    results["outlines"] = analyse_outlines(data, dice_margin)
    plain: dict[str, Any] = to_json(results)
    plain["endpoints"] = endpoints(plain)
    return plain


def describe(data: StudyData) -> dict[str, Any]:
    """Design and numbers: what the flow chart and the first table show."""
    counts = np.bincount(data.truth, minlength=len(data.class_names))
    design = data.design
    washout_days = design.get("washout_days")
    return {
        "title": data.title,
        "kind": design.get("kind"),
        "design_verified": data.verified,
        "truth_frozen": bool(design.get("truth_sha256")),
        "washout_days": washout_days,
        "washout": describe_washout(data.washout, washout_days),
        "reveal": design.get("reveal"),
        "model": (design.get("aid") or {}).get("model"),
        "model_sha256": (design.get("aid") or {}).get("model_sha256"),
        "trained_on": data.model.trained_on if data.model else None,
        "conditions": list(data.conditions),
        "readers": [{"reader": r, "group": data.groups.get(r, "")} for r in data.readers],
        "class_names": list(data.class_names),
        "cases": len(data.cases),
        "cases_by_class": dict(zip(data.class_names, counts.tolist(), strict=True)),
        "unread_cases": len(data.unread),
        "practice_answers": data.practice,
        **_readings(data),
    }


def _readings(data: StudyData) -> dict[str, Any]:
    """What was read, and by the design what is still to be read; practice is not counted."""
    read = _was_read(data)
    plan = data.plan
    each = len((plan and plan.conditions) or data.conditions) * len(
        (plan and plan.cases) or data.cases
    )
    readers = data.readers if plan is None else tuple(plan.readers)
    done = {reader: int(read[:, r].sum()) for r, reader in enumerate(data.readers)}
    missing = {reader: each - done.get(reader, 0) for reader in readers}
    repeats = 0 if data.repeats is None else int((data.repeats >= 0).sum())
    missing_repeats = 0 if plan is None else plan.repeats * len(readers) - repeats
    total = sum(missing.values())
    return {
        "readings": {
            condition: {reader: int(read[t, r].sum()) for r, reader in enumerate(data.readers)}
            for t, condition in enumerate(data.conditions)
        },
        "absent_readers": [
            {"reader": reader, "group": data.groups.get(reader, "")}
            for reader in readers
            if reader not in data.readers
        ],
        "planned_readings": None if plan is None else each * len(readers),
        "missing_readings": total,
        "missing_by_reader": {reader: count for reader, count in missing.items() if count},
        "missing_repeats": missing_repeats,
        "interim": plan is not None and total + missing_repeats > 0,
    }


def _was_read(data: StudyData) -> Any:
    if data.classes is not None:
        return data.classes >= 0
    return ~np.isnan(data.tasks[0].ratings)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
