"""One two-class question: ROC curves, the multi-reader analysis, the model alone, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from densesharp.stats.auc import (
    auc_estimate,
    logit_interval,
    operating_point,
    partial_auc,
    roc_curve,
)
from densesharp.stats.bootstrap import DEFAULT_SEED
from densesharp.stats.calibration import (
    brier,
    brier_skill,
    calibration_errors,
    calibration_line,
    decision_curve,
    reliability_bins,
)
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit, sensitivity, specificity
from densesharp.stats.model_vs_readers import sensitivity_at
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.proportions import wilson
from densesharp.stats.tables import BoolArray, FloatArray, Readings
from densesharp.study.analysis.model_alone import against_readers
from densesharp.study.analysis.planned_endpoints import planned_of
from densesharp.study.analysis.resampling import resampled_difference
from densesharp.study.exported.study_data import StudyData, Task

FPR_GRID = np.linspace(0, 1, 101)
THRESHOLDS = np.linspace(0.01, 0.99, 99)
HALF_STEP = 0.005
"""Readers rate in whole percent: ratings of 0 and 100 stand for half a step from the end."""
BAND_REPLICATES = 500


def analyse_task(data: StudyData, task: Task) -> dict[str, Any]:
    """Everything about one question."""
    positive = data.positive(task)
    result: dict[str, Any] = {
        "title": task.title,
        "positive_cases": int(positive.sum()),
        "negative_cases": int((~positive).sum()),
        "auc": mrmc_document(data.readings(task)),
        "reader_auc": _reader_areas(data, task),
        "roc": _curves(data, task),
        "operating_points": _operating_points(data, task),
        "histograms": _histograms(data, task),
    }
    result["average_points"] = _average_points(data, result["operating_points"])
    calls = _calls(data, task)
    if calls is not None:
        result["sensitivity"] = _at_calls(calls, sensitivity(0.5))
        result["specificity"] = _at_calls(calls, specificity(0.5))
    if data.pair is not None:
        result["bootstrap"] = resampled_difference(data.readings(task), data.pair)
    if data.group_names:
        result["groups"] = {name: _group(data, task, name) for name in data.group_names}
    if task.model is not None and not np.isnan(task.model).all():
        result["model"] = _model(data, task, task.model)
    if task.scale is not None:
        result["calibration"] = _calibration(data, task)
        result["decision"] = _decision(data, task)
    return result


def _read(ratings: FloatArray, positive: BoolArray) -> tuple[FloatArray, BoolArray]:
    there = ~np.isnan(ratings)
    return ratings[there], positive[there]


def _reader_areas(data: StudyData, task: Task) -> dict[str, dict[str, Any]]:
    positive = data.positive(task)
    out: dict[str, dict[str, Any]] = {}
    for t, condition in enumerate(data.conditions):
        for r, reader in enumerate(data.readers):
            pair = _read(task.ratings[t, r], positive)
            area = auc_estimate(*pair)
            out.setdefault(condition, {})[reader] = {
                "auc": area,
                "logit_interval": logit_interval(area).ci,
                "partial_auc_specificity_90": partial_auc(*pair),
            }
    return out


def _curve(ratings: FloatArray, positive: BoolArray) -> dict[str, Any] | None:
    ratings, positive = _read(ratings, positive)
    if positive.all() or not positive.any():
        return None
    curve = roc_curve(ratings, positive)
    return {
        "fpr": curve.fpr,
        "tpr": curve.tpr,
        "thresholds": [None, *curve.thresholds[1:].tolist()],
    }


def _curves(data: StudyData, task: Task) -> dict[str, Any]:
    positive = data.positive(task)
    out: dict[str, Any] = {"fpr_grid": FPR_GRID, "readers": {}, "mean": {}}
    for t, condition in enumerate(data.conditions):
        curves = {
            reader: _curve(task.ratings[t, r], positive) for r, reader in enumerate(data.readers)
        }
        out["readers"][condition] = curves
        heights = [_heights(curve) for curve in curves.values() if curve is not None]
        out["mean"][condition] = np.mean(heights, axis=0) if heights else None
    if task.model is not None:
        out["model"] = _curve(task.model, positive)
        out["model_band"] = _band(*_read(task.model, positive))
    return out


def _heights(curve: dict[str, Any]) -> FloatArray:
    """Sensitivity at the grid of false positive fractions, straight lines between points."""
    last = np.append(np.diff(curve["fpr"]) > 0, True)
    heights: FloatArray = np.interp(FPR_GRID, curve["fpr"][last], curve["tpr"][last])
    return heights


def _band(ratings: FloatArray, positive: BoolArray) -> dict[str, FloatArray] | None:
    """Pointwise 95 % band of a curve by resampling cases within their class."""
    if positive.all() or not positive.any():
        return None
    rng = np.random.default_rng(DEFAULT_SEED)
    parts = [np.flatnonzero(positive), np.flatnonzero(~positive)]
    heights = []
    for _ in range(BAND_REPLICATES):
        drawn = np.concatenate([rng.choice(part, len(part)) for part in parts])
        curve = _curve(ratings[drawn], positive[drawn])
        if curve is not None:
            heights.append(_heights(curve))
    low, high = np.quantile(heights, [0.025, 0.975], axis=0)
    return {"low": low, "high": high}


def _calls(data: StudyData, task: Task) -> Readings | None:
    """The readers' yes or no from their classes, as ratings 1 and 0."""
    if data.classes is None:
        return None
    calls = np.where(data.classes < 0, np.nan, (data.classes >= task.level).astype(float))
    return Readings(data.conditions, data.readers, data.cases, data.positive(task), calls)


def _at_calls(calls: Readings, figure: FigureOfMerit) -> dict[str, Any]:
    document = mrmc_document(calls, figure)
    document["method"]["figure"] = figure.name.split(" at ")[0] + " of the chosen class"
    return document


def _point(calls: FloatArray, positive: BoolArray) -> dict[str, Any] | None:
    calls, positive = _read(calls, positive)
    if len(calls) == 0:
        return None
    point = operating_point(calls, positive, 0.5)
    return {
        "tp": point.tp, "fp": point.fp, "tn": point.tn, "fn": point.fn,
        "sensitivity": wilson(point.tp, point.tp + point.fn),
        "specificity": wilson(point.tn, point.tn + point.fp),
        "ppv": wilson(point.tp, point.tp + point.fp),
        "npv": wilson(point.tn, point.tn + point.fn),
        "accuracy": wilson(point.tp + point.tn, len(calls)),
    }  # fmt: skip


def _operating_points(data: StudyData, task: Task) -> dict[str, Any]:
    calls = _calls(data, task)
    positive = data.positive(task)
    out: dict[str, Any] = {}
    if calls is not None:
        for t, condition in enumerate(data.conditions):
            out[condition] = {
                reader: _point(calls.ratings[t, r], positive)
                for r, reader in enumerate(data.readers)
            }
    if data.model is not None:
        known = data.model.classes >= 0
        chosen = (data.model.classes[known] >= task.level).astype(float)
        out["model"] = {"model": _point(chosen, positive[known])}
    return out


def _average_points(data: StudyData, points: dict[str, Any]) -> dict[str, Any]:
    """Mean sensitivity and specificity of the readers by condition; None where one has none."""
    out = {}
    for condition in data.conditions:
        row: dict[str, float | None] = {}
        for name in ("sensitivity", "specificity"):
            found = [point and point[name].value for point in points.get(condition, {}).values()]
            row[name] = float(np.mean(found)) if found and None not in found else None
        out[condition] = row
    return out


def _histograms(data: StudyData, task: Task) -> dict[str, Any]:
    """Counts of ratings in ten bins by condition, reader and class of truth."""
    everything = task.ratings[~np.isnan(task.ratings)]
    top = task.scale or (float(everything.max()) if len(everything) else 1.0)
    low = 0.0 if task.scale else (float(everything.min()) if len(everything) else 0.0)
    edges = np.linspace(low, top if top > low else low + 1, 11)
    return {
        "edges": edges,
        "counts": {
            condition: {
                reader: {
                    name: np.histogram(_known(task.ratings[t, r], data.truth == c), edges)[0]
                    for c, name in enumerate(data.class_names)
                }
                for r, reader in enumerate(data.readers)
            }
            for t, condition in enumerate(data.conditions)
        },
    }


def _known(ratings: FloatArray, chosen: BoolArray) -> FloatArray:
    values: FloatArray = ratings[chosen & ~np.isnan(ratings)]
    return values


def _group(data: StudyData, task: Task, name: str) -> dict[str, Any]:
    """A subgroup of readers: fixed readers only, as two readers say little about others."""
    readings = data.readings(task).select(readers=data.readers_of(name))
    result = analyse(readings)
    return {
        "readers": list(readings.readers),
        "means": result.frrc.means,
        "differences": [
            {"first": first, "second": second, "frrc": estimate}
            for (first, second), estimate in result.frrc.differences.items()
        ],
    }


def _model(data: StudyData, task: Task, ratings: FloatArray) -> dict[str, Any]:
    known = ~np.isnan(ratings)
    positive = data.positive(task)[known]
    area = auc_estimate(ratings[known], positive)
    condition = data.conditions[data.alone]
    part = data.readings(task).select(treatments=[condition])
    readings = Readings(
        part.treatments,
        part.readers,
        tuple(np.array(part.cases)[known]),
        positive,
        part.ratings[:, :, known],
    )
    points = [p for p in _operating_points(data, task).get(condition, {}).values() if p]
    rates = [p["specificity"].value for p in points if p["specificity"].value is not None]
    average = float(np.mean(rates)) if rates else None
    at = None if average is None else sensitivity_at(ratings[known], positive, average)
    primary = planned_of(data)
    asked = primary if primary.of_model and primary.names("auc", task.name) else None
    found = against_readers(ratings[known], readings, AUC, positive.astype(np.int64), asked)
    return {
        "auc": area,
        "logit_interval": logit_interval(area).ci,
        "condition": condition,
        "against_readers": found["result"],
        "complete_cases": found["complete_cases"],
        "primary": found["primary"],
        "form": found["form"],
        "readers_average_specificity": average,
        "sensitivity_there": Estimate(at)
        if at is not None
        else not_estimable("The readers' average specificity or the model's curve is missing."),
    }


def _sources(data: StudyData, task: Task) -> dict[str, tuple[FloatArray, BoolArray, float]]:
    """Probabilities with their outcome: each condition's readings pooled, and the model."""
    positive = data.positive(task)
    scale = task.scale or 1.0
    repeated = np.broadcast_to(positive, task.ratings.shape)
    out = {
        condition: (*_read(task.ratings[t].ravel() / scale, repeated[t].ravel()), HALF_STEP)
        for t, condition in enumerate(data.conditions)
    }
    if task.model is not None:
        out["model"] = (*_read(task.model / scale, positive), 1e-4)
    return out


def _calibration(data: StudyData, task: Task) -> dict[str, Any]:
    out = {}
    for name, (chance, outcome, edge) in _sources(data, task).items():
        bins = reliability_bins(chance, outcome)
        counted = reliability_bins(chance, outcome, equal_count=True)
        intercept, slope = calibration_line(chance, outcome, edge)
        out[name] = {
            "n": len(chance),
            "brier": brier(chance, outcome),
            "brier_skill": brier_skill(chance, outcome),
            "ece": calibration_errors(bins)[0],
            "ece_equal_count": calibration_errors(counted)[0],
            "intercept": intercept,
            "slope": slope,
            "bins": bins,
            "bins_equal_count": counted,
        }
    return out


def _decision(data: StudyData, task: Task) -> dict[str, Any]:
    positive = data.positive(task)
    scale = task.scale or 1.0
    curves: dict[str, Any] = {}
    for t, condition in enumerate(data.conditions):
        pairs = [_read(row / scale, positive) for row in task.ratings[t]]
        found = [decision_curve(*pair, THRESHOLDS).model for pair in pairs if len(pair[0])]
        curves[condition] = np.mean(found, axis=0) if found else None
    if task.model is not None:
        pair = _read(task.model / scale, positive)
        curves["model"] = decision_curve(*pair, THRESHOLDS).model if len(pair[0]) else None
    everyone = decision_curve(np.ones(len(positive)), positive, THRESHOLDS).treat_all
    return {"thresholds": THRESHOLDS, "net_benefit": curves, "treat_all": everyone}
