"""The classes that were chosen: confusion, changes between conditions, agreement of readers."""

from dataclasses import replace

import numpy as np

from densesharp.stats.agreement import chance_corrected, percent_agreement
from densesharp.stats.area_interval import logit_interval
from densesharp.stats.bootstrap import bootstrap_weights
from densesharp.stats.clusters import share_of, summed
from densesharp.stats.estimates import Estimate, holm, not_estimable, t_estimate
from densesharp.stats.figures_of_merit import VUS, accuracy, quadratic_kappa
from densesharp.stats.gee import THESE_READERS, gee_logistic
from densesharp.stats.glmm import crossed_logistic
from densesharp.stats.icc import icc_of_random_raters
from densesharp.stats.kappa import Weights, cross_table, kappa_of
from densesharp.stats.krippendorff import krippendorff_alpha
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.multiclass import Confusion, confusion, weighted_f1
from densesharp.stats.paired_clusters import change_by_patient, homogeneity_by_patient
from densesharp.stats.proportions import (
    durkalski,
    marginal_homogeneity,
    obuchowski,
    paired_difference,
    tango,
)
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.study.analysis.automation_bias import automation_bias
from densesharp.study.analysis.class_probabilities import class_probabilities
from densesharp.study.analysis.class_results import (
    AgreementResults,
    Changes,
    ClassResults,
    ConditionAgreement,
    Confusions,
    KappaPairs,
    ReaderAgreement,
    ReaderChange,
)
from densesharp.study.analysis.kappa_change import kappa_differences
from densesharp.study.exported.study_data import StudyData

REPLICATES = 1000


def analyse_classes(data: StudyData) -> ClassResults | None:
    """Confusion matrices, figures of merit of the classes, and changes; None without classes."""
    if data.classes is None:
        return None
    ordinal = _ordinal(data)
    return ClassResults(
        class_names=data.class_names,
        confusion=_confusions(data, data.classes),
        accuracy=mrmc_document(data.class_readings(), accuracy(), truth=data.truth),
        quadratic_kappa=mrmc_document(
            data.class_readings(), quadratic_kappa(len(data.class_names)), truth=data.truth
        ),
        weighted_f1=_weighted_f1(data, data.classes),
        vus=None if ordinal is None else mrmc_document(ordinal, VUS, truth=data.truth),
        probabilities=class_probabilities(data),
        changes=None if data.pair is None else _changes(data, data.classes, data.pair),
    )


def _ordinal(data: StudyData) -> Readings | None:
    """One rating that orders the three classes: P(invasive) + P(IAC)."""
    by_name = {task.name: task.ratings for task in data.tasks}
    if not {"invasive", "iac"} <= set(by_name):
        return None
    ratings = by_name["invasive"] + by_name["iac"]
    return data.as_readings(ratings, data.truth > 0)


def _counts(called: IntArray, truth: IntArray, classes: int) -> FloatArray:
    known = called >= 0
    return cross_table(truth[known], called[known], classes)


def _confusions(data: StudyData, classes: IntArray) -> dict[str, Confusions]:
    size = len(data.class_names)
    out = {}
    for t, condition in enumerate(data.conditions):
        counts = [_counts(row, data.truth, size) for row in classes[t]]
        readers = {
            name: _confusion(data, row) for name, row in zip(data.readers, classes[t], strict=True)
        }
        mean = confusion(np.mean(counts, axis=0), averaged=True)
        out[condition] = Confusions(readers=readers, mean=mean)
    if data.model is not None:
        out["model"] = Confusions(mean=_confusion(data, data.model.classes))
    return out


def _confusion(data: StudyData, called: IntArray) -> Confusion:
    """The matrix of one reader or the model, shape (K,); intervals by patient where known."""
    size, of = len(data.class_names), data.patients
    found = confusion(_counts(called, data.truth, size))
    if of is None:
        return found
    known = called >= 0
    right, truth, of = (called == data.truth)[known], data.truth[known], of[known]
    if not len(of):
        return found
    away = np.abs(called - data.truth)[known]
    weights: tuple[Weights, ...] = ("unweighted", "linear", "quadratic")
    return replace(
        found,
        accuracy=share_of(right, of),
        one_step=share_of(away == 1, of),
        two_steps=share_of(away > 1, of),
        sensitivity=tuple(
            share_of(right[truth == c], of[truth == c]) if (truth == c).any() else one
            for c, one in enumerate(found.sensitivity)
        ),
        kappa={
            name: kappa_of(called, data.truth, size, name, clusters=data.patients)
            for name in weights
        },
    )


def _weighted_f1(data: StudyData, classes: IntArray) -> dict[str, Estimate]:
    """Mean weighted F1 of these readers per condition, and its difference.

    Standard errors by bootstrap; its percentiles cover too little near 1, where F1 is skewed. So
    intervals are t, on the logit scale but for the difference.
    """
    size = len(data.class_names)
    # Each reading as the cell of its confusion matrix, shape (K, t * r * size * size).
    cells = (classes >= 0)[..., None] * np.eye(size**2)[data.truth * size + classes]
    cells = np.moveaxis(cells, 2, 0).reshape(len(data.cases), -1)
    shape = *classes.shape[:2], size, size

    def means(times: FloatArray) -> FloatArray:
        found: FloatArray = weighted_f1((times @ cells).reshape(-1, *shape)).mean(axis=2)
        if data.pair is None:
            return found
        return np.column_stack([found, found[:, data.pair[0]] - found[:, data.pair[1]]])

    of = data.patients
    # Not within their class: how often each class came is chance as well.
    found = bootstrap_weights(means, len(data.cases), clusters=of, replicates=REPLICATES)
    df = (len(data.cases) if of is None else len(np.unique(of))) - 1.0
    out = {
        name: replace(one, ci=None) if not one.se else _of_these(logit_interval(one, df))
        for name, one in zip(data.conditions, found, strict=False)
    }
    if data.pair is None:
        return out
    gap = found[-1]
    if gap.value is not None and gap.se is not None:
        method = f"{gap.method}, t"
        gap = _of_these(t_estimate(gap.value, gap.se**2, df, null=None, method=method))
    return out | {"difference": gap}


def _of_these(one: Estimate) -> Estimate:
    return replace(one, method=f"{one.method}, {THESE_READERS}")


def _changes(data: StudyData, classes: IntArray, pair: tuple[int, int]) -> Changes:
    aided, unaided = classes[pair[0]], classes[pair[1]]
    both = (aided >= 0) & (unaided >= 0)
    right_aided, right_unaided = (aided == data.truth) & both, (unaided == data.truth) & both
    b, c = right_aided & ~right_unaided, right_unaided & ~right_aided
    found = [
        _reader_change(data, aided[r, both[r]], unaided[r, both[r]], both[r])
        for r in range(len(data.readers))
    ]
    adjusted = holm([row.accuracy_difference.p for row in found])
    rows = (replace(row, p_holm=p) for row, p in zip(found, adjusted, strict=True))
    of = np.arange(len(data.cases)) if data.patients is None else data.patients
    clustered = [summed(part.sum(0) * 1.0, of) for part in (b, c, both)]
    return Changes(
        readers=dict(zip(data.readers, rows, strict=True)),
        all_readers=durkalski(*clustered),
        all_readers_obuchowski=obuchowski(*clustered),
        reclassification=_reclassification(data, aided, unaided, both),
        gee=_gee(data, classes, pair),
        gee_random_readers=_gee(data, classes, pair, readers_like_them=True),
        mixed_model_sensitivity=_mixed_model(data, classes, pair),
        automation_bias=automation_bias(data, aided, unaided),
    )


def _reader_change(
    data: StudyData, aided: IntArray, unaided: IntArray, read: BoolArray
) -> ReaderChange:
    """One reader's changes, p not yet adjusted.

    Args:
        data: the study.
        aided: shape (n,): classes of the cases that were read twice.
        unaided: shape (n,): the same without the model.
        read: shape (K,): which cases these are.
    """
    size, truth, n = len(data.class_names), data.truth[read], len(aided)
    first, second = aided == truth, unaided == truth
    only = int((first & ~second).sum()), int((second & ~first).sum())
    if data.patients is not None:
        of = data.patients[read]
        intervals = change_by_patient(first, second, of)
        margins = homogeneity_by_patient(aided, unaided, size, of)
    else:
        cells = (int((first & second).sum()), *only)
        neither = n - sum(cells)
        intervals = paired_difference(*cells, neither), tango(*cells, neither)
        margins = marginal_homogeneity(cross_table(aided, unaided, size))
    return ReaderChange(n, *only, *intervals, margins, None)


def _reclassification(
    data: StudyData, aided: IntArray, unaided: IntArray, both: BoolArray
) -> dict[str, dict[str, IntArray]]:
    """Counts unaided (rows) by aided class (columns), by truth, and by right or wrong model."""
    size = len(data.class_names)
    parts = {"all": np.ones(len(data.cases), dtype=bool)}
    if data.model is not None:
        known = data.model.classes >= 0
        right = data.model.classes == data.truth
        parts |= {"model right": known & right, "model wrong": known & ~right}
    out: dict[str, dict[str, IntArray]] = {}
    for name, cases in parts.items():
        for c, label in enumerate(data.class_names):
            chosen = both & (cases & (data.truth == c))[None, :]
            counts = cross_table(unaided[chosen], aided[chosen], size)
            out.setdefault(name, {})[label] = counts.astype(int)
    return out


def _gee(
    data: StudyData, classes: IntArray, pair: tuple[int, int], *, readers_like_them: bool = False
) -> dict[str, Estimate]:
    """Log odds of a right class by condition, period, their interaction and position.

    The interaction of condition and period is the carryover of a crossover study. Sessions are
    coded -1/2 and 1/2 and the interaction is centred, so that `aided` is the mean of its effects
    in the two sessions and `second_session` that in the two conditions.
    """
    there = _of_pair(classes, pair) >= 0
    t, r, k = np.nonzero(there)
    correct = classes[there] == data.truth[k]
    shown = (t == pair[0]).astype(float)
    covariates = {"aided": shown}
    if data.session is not None:
        period = data.session[there]
        if not np.isnan(period).any() and len(np.unique(period)) == 2:
            second = np.where(period == period.max(), 0.5, -0.5)
            covariates |= {"second_session": second}
            product = (shown - 0.5) * second
            design = np.column_stack([np.ones(len(shown)), shown, second, product])
            if np.linalg.matrix_rank(design) == 4:
                covariates["aided_x_second_session"] = product
    if data.position is not None and not np.isnan(data.position[there]).any():
        covariates["position_per_100"] = data.position[there] / 100
    clusters = k if data.patients is None else data.patients[k]
    return gee_logistic(correct, covariates, clusters, r if readers_like_them else None)


def _of_pair(classes: IntArray, pair: tuple[int, int]) -> IntArray:
    """The classes with all but the two conditions taken as not read."""
    chosen = np.isin(np.arange(len(classes)), pair)
    found: IntArray = np.where(chosen[:, None, None], classes, -1)
    return found


def _mixed_model(data: StudyData, classes: IntArray, pair: tuple[int, int]) -> dict[str, Estimate]:
    """Log odds of a right class, aided against unaided, within reader and case."""
    if data.patients is not None:
        why = "Patients have several cases, for which this model has no effect: see the regression."
        return dict.fromkeys(("intercept", "aided", "sd_reader", "sd_case"), not_estimable(why))
    t, r, k = np.nonzero(_of_pair(classes, pair) >= 0)
    correct = classes[t, r, k] == data.truth[k]
    return crossed_logistic(correct, {"aided": (t == pair[0]).astype(float)}, r, k)


def analyse_agreement(data: StudyData) -> AgreementResults | None:
    """Agreement of readers with each other, with the model and with pathology."""
    if data.classes is None:
        return None
    by_condition = {c: _agreement(data, data.classes[t]) for t, c in enumerate(data.conditions)}
    differences = cases = repeats = None
    if data.pair is not None and len(data.readers) > 1:
        differences = kappa_differences(
            data.classes, data.pair, len(data.class_names), clusters=data.patients
        )
        cases = int((data.classes[list(data.pair)] >= 0).all((0, 1)).sum())
    if data.repeats is not None:
        repeats = _repeats(data, data.classes[data.alone], data.repeats)
    return AgreementResults(by_condition, differences, cases, repeats)


def _agreement(data: StudyData, classes: IntArray) -> ConditionAgreement:
    size = len(data.class_names)
    codes = classes.T
    names = [*data.readers]
    rows = [*classes]
    if data.model is not None:
        names.append("model")
        rows.append(data.model.classes)
    names.append("pathology")
    rows.append(data.truth)
    pairs, of = _kappa_matrix(data, names, rows), data.patients
    if len(data.readers) < 2:
        alone = ReaderAgreement(reason="There is only one reader.")
        return ConditionAgreement(pairs=pairs, readers=alone)
    whole = (codes >= 0).all(1)
    complete, of_complete = codes[whole], None if of is None else of[whole]
    readers = ReaderAgreement(
        percent_agreement=percent_agreement(codes, size, clusters=of),
        fleiss=chance_corrected(codes, size, "fleiss", clusters=of),
        fleiss_quadratic=chance_corrected(codes, size, "fleiss", "quadratic", clusters=of),
        gwet_ac1=chance_corrected(codes, size, "gwet", clusters=of),
        gwet_ac2_quadratic=chance_corrected(codes, size, "gwet", "quadratic", clusters=of),
        krippendorff_ordinal=krippendorff_alpha(
            codes, np.arange(1.0, size + 1), "ordinal", clusters=of, replicates=REPLICATES
        ),
        icc_2_1=icc_of_random_raters(complete.astype(float), clusters=of_complete)["ICC(2,1)"],
    )
    rated = int((codes >= 0).any(1).sum())
    return ConditionAgreement(
        pairs=pairs, cases=rated, complete_cases=len(complete), readers=readers
    )


def _kappa_matrix(data: StudyData, names: list[str], rows: list[IntArray]) -> KappaPairs:
    values = {
        f"{second} / {first}": _quadratic_kappa(data, rows[i], rows[j])
        for i, first in enumerate(names)
        for j, second in enumerate(names[:i])
    }
    return KappaPairs(names, values)


def _quadratic_kappa(data: StudyData, first: IntArray, second: IntArray) -> Estimate:
    return kappa_of(first, second, len(data.class_names), "quadratic", clusters=data.patients)


def _repeats(data: StudyData, classes: IntArray, repeats: IntArray) -> dict[str, Estimate]:
    out = {}
    for r, reader in enumerate(data.readers):
        both = (classes[r] >= 0) & (repeats[r] >= 0)
        if both.sum() < 2:
            out[reader] = not_estimable("Fewer than two cases were read twice.")
            continue
        out[reader] = _quadratic_kappa(data, classes[r], repeats[r])
    return out
