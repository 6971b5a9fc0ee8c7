"""Reading times, and whether the sessions of a crossover are comparable."""

import numpy as np

from densesharp.stats.reading_time import ReadingTime, reading_time, summarize
from densesharp.stats.tables import FloatArray, IntArray
from densesharp.stats.ustatistics import u_statistics
from densesharp.study.analysis.time_results import (
    FirstSession,
    ReadingTimePoint,
    SessionAccuracy,
    SessionResults,
    TimeResults,
)
from densesharp.study.exported.study_data import StudyData


def analyse_times(data: StudyData) -> TimeResults | None:
    """Medians by condition and reader, the mixed model, and the plotted points."""
    if data.seconds is None or np.isnan(data.seconds).all():
        return None
    seconds = data.seconds
    readers = data.by_reader(lambda t, r: summarize(_known(seconds[t, r])))
    summary = {
        condition: {"all": summarize(_known(of_all))} | readers[condition]
        for condition, of_all in zip(data.conditions, seconds, strict=True)
    }
    points = _points(data, seconds)
    if data.pair is None:
        return TimeResults(summary, points)
    group, reason = _groups(data)
    model = _model(data, data.seconds, data.pair, group)
    return TimeResults(summary, points, reason, model)


def _groups(data: StudyData) -> tuple[IntArray | None, str | None]:
    """Shape (r,): 0 or 1 for the group of each reader, or why the model has no group term."""
    names = data.group_names
    if not names:
        return None, None
    without = [reader for reader in data.readers if data.groups.get(reader, "") not in names]
    if without:
        reason = f"{', '.join(without)} without a group: the model has no term for groups."
        return None, reason
    if len(names) > 2:
        return None, f"There are {len(names)} groups: the model has no term for groups."
    if len(data.readers) <= len(names):
        return None, "Each group has one reader: the model has no term for groups."
    return np.array([names.index(data.groups[reader]) for reader in data.readers]), None


def _known(values: FloatArray) -> FloatArray:
    known: FloatArray = values[~np.isnan(values)]
    return known


def _points(data: StudyData, seconds: FloatArray) -> list[ReadingTimePoint]:
    """Every reading."""
    out = []
    for t, r, k in zip(*np.nonzero(~np.isnan(seconds)), strict=True):
        position = None if data.position is None else data.position[t, r, k]
        where = None if position is None or np.isnan(position) else float(position)
        out.append(
            ReadingTimePoint(data.conditions[t], data.readers[r], where, float(seconds[t, r, k]))
        )
    return out


def _model(
    data: StudyData, seconds: FloatArray, pair: tuple[int, int], group: IntArray | None
) -> ReadingTime:
    of_pair = np.isin(np.arange(len(seconds)), pair)
    there = ~np.isnan(seconds) & of_pair[:, None, None]
    t, r, k = np.nonzero(there)
    extra: dict[str, FloatArray | None] = {"period": None, "position": None}
    for name, values in (("period", data.session), ("position", data.position)):
        if values is not None and not np.isnan(values[there]).any():
            extra[name] = values[there]
    of_reading = None if group is None else group[r]
    patients = None if data.patients is None else data.patients[k]
    return reading_time(
        seconds[there], t == pair[0], r, k, patients=patients, group=of_reading, **extra
    )


def analyse_sessions(data: StudyData) -> SessionResults | None:
    """Accuracy by session and condition, and the first session alone (parallel groups)."""
    session = data.session
    if session is None or len(np.unique(_known(session))) < 2:
        return None
    areas = {}
    for task in data.tasks:
        first = np.where(session == np.nanmin(session), task.ratings, np.nan)
        readings = data.as_readings(first, data.positive(task))
        if not np.isnan(first).all():
            found = u_statistics(readings)
            differences = {" minus ".join(p): e for p, e in found.differences.items()}
            areas[task.name] = FirstSession(found.auc, differences)
    accuracy = None if data.classes is None else _accuracy_by_session(data, session, data.classes)
    return SessionResults(areas, accuracy)


def _accuracy_by_session(
    data: StudyData, session: FloatArray, classes: IntArray
) -> list[SessionAccuracy]:
    rows = []
    for number in np.unique(_known(session)):
        for t, condition in enumerate(data.conditions):
            chosen = (session[t] == number) & (classes[t] >= 0)
            n = int(chosen.sum())
            right = int(((classes[t] == data.truth) & chosen).sum())
            rows.append(SessionAccuracy(int(number), condition, n, right / n if n else None))
    return rows
