"""One two-class question: ROC curves, the multi-reader analysis, the model alone, calibration."""

import numpy as np

from densesharp.stats.area_interval import reader_area
from densesharp.stats.auc import operating_point, partial_auc, roc_curve
from densesharp.stats.bootstrap import DEFAULT_SEED, drawer
from densesharp.stats.calibration import (
    brier,
    brier_skill,
    calibration_errors,
    calibration_line,
    decision_curve,
    reliability_bins,
)
from densesharp.stats.clusters import Clusters, share_of
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.figures_of_merit import AUC, sensitivity, specificity
from densesharp.stats.model_vs_readers import sensitivity_at
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import area_document, binormal_curves, mrmc_document
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.study_design import study_design
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.study.analysis.missing_readings import missing_cases
from densesharp.study.analysis.model_alone import against_readers
from densesharp.study.analysis.planned_endpoints import planned_of
from densesharp.study.analysis.resampling import resampled_difference
from densesharp.study.analysis.task_results import (
    Band,
    Calibration,
    Curve,
    Decision,
    GroupDifference,
    Histograms,
    MeanPoint,
    ModelTask,
    Point,
    ReaderArea,
    ReaderGroup,
    RocCurves,
    TaskResults,
)
from densesharp.study.exported.study_data import StudyData, Task

Points = dict[str, dict[str, Point | None]]

FPR_GRID = np.linspace(0, 1, 101)
THRESHOLDS = np.linspace(0.01, 0.99, 99)
HALF_STEP = 0.005
"""Readers rate in whole percent: ratings of 0 and 100 stand for half a step from the end."""
BAND_REPLICATES = 500


def analyse_task(data: StudyData, task: Task) -> TaskResults:
    """Everything about one question."""
    positive = data.positive(task)
    readings, calls = data.readings(task), _calls(data, task)
    points = _operating_points(data, task)
    crossed = study_design(task.ratings) in (None, "factorial")
    has_model = task.model is not None and not np.isnan(task.model).all()
    return TaskResults(
        title=task.title,
        positive_cases=int(positive.sum()),
        negative_cases=int((~positive).sum()),
        auc=area_document(readings),
        reader_auc=_reader_areas(data, task),
        roc=_curves(data, task),
        operating_points=points,
        histograms=_histograms(data, task),
        average_points=_average_points(data, points),
        sensitivity=_at_calls(calls, "sensitivity"),
        specificity=_at_calls(calls, "specificity"),
        bootstrap=resampled_difference(readings, data.pair) if data.pair and crossed else None,
        groups={name: _group(data, task, name) for name in data.group_names} or None,
        model=_model(data, task, task.model) if task.model is not None and has_model else None,
        calibration=None if task.scale is None else _calibration(data, task, task.scale),
        decision=None if task.scale is None else _decision(data, task, task.scale),
        missing=None if data.pair is None else missing_cases(readings, data.pair),
        binormal=binormal_curves(readings),
    )


def _read(ratings: FloatArray, positive: BoolArray) -> tuple[FloatArray, BoolArray]:
    there = ~np.isnan(ratings)
    return ratings[there], positive[there]


def _patients(data: StudyData, cases: BoolArray) -> IntArray | None:
    return None if data.patients is None else data.patients[cases]


def _reader_areas(data: StudyData, task: Task) -> dict[str, dict[str, ReaderArea]]:
    positive = data.positive(task)

    def area(t: int, r: int) -> ReaderArea:
        ratings = task.ratings[t, r]
        pair = _read(ratings, positive)
        found = reader_area(*pair, _patients(data, ~np.isnan(ratings)))
        return ReaderArea(found, found.ci, partial_auc(*pair))

    return data.by_reader(area)


def _curve(ratings: FloatArray, positive: BoolArray) -> Curve | None:
    ratings, positive = _read(ratings, positive)
    if positive.all() or not positive.any():
        return None
    curve = roc_curve(ratings, positive)
    return Curve(curve.fpr, curve.tpr, [None, *curve.thresholds[1:].tolist()])


def _curves(data: StudyData, task: Task) -> RocCurves:
    positive = data.positive(task)
    readers = data.by_reader(lambda t, r: _curve(task.ratings[t, r], positive))
    mean: dict[str, FloatArray | None] = {}
    for condition, curves in readers.items():
        heights = [_heights(curve) for curve in curves.values() if curve is not None]
        mean[condition] = np.mean(heights, axis=0) if heights else None
    if task.model is None:
        return RocCurves(FPR_GRID, readers, mean)
    model, band = _curve(task.model, positive), _band(data, task.model, positive)
    return RocCurves(FPR_GRID, readers, mean, model, band)


def _heights(curve: Curve) -> FloatArray:
    """Sensitivity at the grid of false positive fractions, straight lines between points."""
    last = np.append(np.diff(curve.fpr) > 0, True)
    heights: FloatArray = np.interp(FPR_GRID, curve.fpr[last], curve.tpr[last])
    return heights


def _band(data: StudyData, ratings: FloatArray, positive: BoolArray) -> Band | None:
    """Pointwise 95 % band of a curve by resampling cases within their class, or patients."""
    of = _patients(data, ~np.isnan(ratings))
    ratings, positive = _read(ratings, positive)
    if positive.all() or not positive.any():
        return None
    rng = np.random.default_rng(DEFAULT_SEED)
    draw = drawer(len(positive), (~positive).astype(np.int64), of)
    heights = []
    for _ in range(BAND_REPLICATES):
        drawn = draw(rng)
        curve = _curve(ratings[drawn], positive[drawn])
        if curve is not None:
            heights.append(_heights(curve))
    low, high = np.quantile(heights, [0.025, 0.975], axis=0)
    return Band(low, high)


def _calls(data: StudyData, task: Task) -> Readings | None:
    """The readers' yes or no from their classes, as ratings 1 and 0."""
    if data.classes is None:
        return None
    calls = np.where(data.classes < 0, np.nan, (data.classes >= task.level).astype(float))
    return data.as_readings(calls, data.positive(task))


def _at_calls(calls: Readings | None, name: str) -> MrmcDocument | None:
    if calls is None:
        return None
    figure = (sensitivity if name == "sensitivity" else specificity)(0.5)
    return mrmc_document(calls, figure, title=f"{name} of the chosen class")


def _point(
    calls: FloatArray, positive: BoolArray, patients: IntArray | None = None
) -> Point | None:
    there = ~np.isnan(calls)
    calls, positive = calls[there], positive[there]
    if len(calls) == 0:
        return None
    of = None if patients is None else patients[there]

    def share(right: BoolArray, among: BoolArray) -> Estimate:
        return share_of(right[among], None if of is None else of[among])

    called, every = calls > 0.5, np.ones(len(calls), dtype=bool)
    point = operating_point(calls, positive, 0.5)
    tp, fp, tn, fn = point.tp, point.fp, point.tn, point.fn
    return Point(
        tp, fp, tn, fn,
        sensitivity=share(called, positive),
        specificity=share(~called, ~positive),
        ppv=share(positive, called),
        npv=share(~positive, ~called),
        accuracy=share(called == positive, every),
    )  # fmt: skip


def _operating_points(data: StudyData, task: Task) -> Points:
    calls = _calls(data, task)
    positive = data.positive(task)
    out: Points = {}
    if calls is not None:
        called = calls.ratings
        out |= data.by_reader(lambda t, r: _point(called[t, r], positive, data.patients))
    if data.model is not None:
        known = data.model.classes >= 0
        chosen = (data.model.classes[known] >= task.level).astype(float)
        out["model"] = {"model": _point(chosen, positive[known], _patients(data, known))}
    return out


def _average_points(data: StudyData, points: Points) -> dict[str, MeanPoint]:
    """Mean sensitivity and specificity of the readers by condition; None where one has none."""

    def mean(estimates: list[Estimate | None]) -> float | None:
        values = [one.value for one in estimates if one is not None and one.value is not None]
        return float(np.mean(values)) if values and len(values) == len(estimates) else None

    found = {condition: points.get(condition, {}).values() for condition in data.conditions}
    return {
        condition: MeanPoint(
            mean([None if point is None else point.sensitivity for point in readers]),
            mean([None if point is None else point.specificity for point in readers]),
        )
        for condition, readers in found.items()
    }


def _histograms(data: StudyData, task: Task) -> Histograms:
    """Counts of ratings in ten bins by condition, reader and class of truth."""
    everything = task.ratings[~np.isnan(task.ratings)]
    top = task.scale or (float(everything.max()) if len(everything) else 1.0)
    low = 0.0 if task.scale else (float(everything.min()) if len(everything) else 0.0)
    edges = np.linspace(low, top if top > low else low + 1, 11)

    def counts(t: int, r: int) -> dict[str, IntArray]:
        return {
            name: np.histogram(_known(task.ratings[t, r], data.truth == c), edges)[0]
            for c, name in enumerate(data.class_names)
        }

    return Histograms(edges, data.by_reader(counts))


def _known(ratings: FloatArray, chosen: BoolArray) -> FloatArray:
    values: FloatArray = ratings[chosen & ~np.isnan(ratings)]
    return values


def _group(data: StudyData, task: Task, name: str) -> ReaderGroup:
    """A subgroup of readers: fixed readers only, as two readers say little about others."""
    readings = data.readings(task).select(readers=data.readers_of(name))
    result = analyse(readings)
    differences = [GroupDifference(*pair, one) for pair, one in result.frrc.differences.items()]
    return ReaderGroup(readings.readers, result.frrc.printed(), differences)


def _model(data: StudyData, task: Task, ratings: FloatArray) -> ModelTask:
    known = ~np.isnan(ratings)
    positive = data.positive(task)[known]
    area = reader_area(ratings[known], positive, _patients(data, known))
    condition = data.conditions[data.alone]
    readings = data.readings(task).select(treatments=[condition]).of_cases(known)
    points = [p for p in _operating_points(data, task).get(condition, {}).values() if p]
    rates = [p.specificity.value for p in points if p.specificity.value is not None]
    average = float(np.mean(rates)) if rates else None
    at = None if average is None else sensitivity_at(ratings[known], positive, average)
    asked = ("auc", task.name, planned_of(data))
    found = against_readers(ratings[known], readings, AUC, positive.astype(np.int64), *asked)
    return ModelTask(
        auc=area,
        logit_interval=area.ci,
        condition=condition,
        against_readers=found.result,
        complete_cases=found.complete_cases,
        primary=found.primary,
        form=found.form,
        readers_average_specificity=average,
        sensitivity_there=Estimate(at)
        if at is not None
        else not_estimable("The readers' average specificity or the model's curve is missing."),
    )


def _sources(
    data: StudyData, task: Task, scale: float
) -> dict[str, tuple[FloatArray, BoolArray, float, Clusters]]:
    """Probabilities with outcome and clusters: each condition's readings pooled, and the model."""
    positive = data.positive(task)
    of = np.arange(len(data.cases)) if data.patients is None else data.patients
    out = {}
    for t, condition in enumerate(data.conditions):
        readers, cases = np.nonzero(~np.isnan(task.ratings[t]))
        chance = task.ratings[t, readers, cases] / scale
        out[condition] = (chance, positive[cases], HALF_STEP, Clusters(of[cases], readers))
    if task.model is not None:
        cases = np.flatnonzero(~np.isnan(task.model))
        out["model"] = (task.model[cases] / scale, positive[cases], 1e-4, Clusters(of[cases]))
    return out


def _calibration(data: StudyData, task: Task, scale: float) -> dict[str, Calibration]:
    out = {}
    for name, (chance, outcome, edge, clusters) in _sources(data, task, scale).items():
        bins = reliability_bins(chance, outcome, clusters=clusters)
        counted = reliability_bins(chance, outcome, equal_count=True, clusters=clusters)
        # Independent readings have the likelihood's own formula.
        by = clusters if clusters.readers is not None or data.patients is not None else None
        intercept, slope = calibration_line(chance, outcome, edge, by)
        out[name] = Calibration(
            n=len(chance),
            brier=brier(chance, outcome),
            brier_skill=brier_skill(chance, outcome),
            ece=calibration_errors(bins)[0],
            ece_equal_count=calibration_errors(counted)[0],
            intercept=intercept,
            slope=slope,
            bins=bins,
            bins_equal_count=counted,
        )
    return out


def _decision(data: StudyData, task: Task, scale: float) -> Decision:
    positive = data.positive(task)
    curves: dict[str, FloatArray | None] = {}
    for t, condition in enumerate(data.conditions):
        pairs = [_read(row / scale, positive) for row in task.ratings[t]]
        found = [decision_curve(*pair, THRESHOLDS).model for pair in pairs if len(pair[0])]
        curves[condition] = np.mean(found, axis=0) if found else None
    if task.model is not None:
        pair = _read(task.model / scale, positive)
        curves["model"] = decision_curve(*pair, THRESHOLDS).model if len(pair[0]) else None
    everyone = decision_curve(np.ones(len(positive)), positive, THRESHOLDS).treat_all
    return Decision(THRESHOLDS, curves, everyone)
