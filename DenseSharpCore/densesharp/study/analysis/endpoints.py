"""The primary endpoint as the design named it, and the secondary ones with Holm's correction.

With two conditions they are compared; with one, the model alone is compared with the readers. The
p of a row is two-sided, of no difference; with a margin the one-sided tests stand beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from densesharp.stats.estimates import Estimate, Interval, holm
from densesharp.stats.logit_scale import beyond, difference_on_logit, turned
from densesharp.stats.model_vs_readers import ReaderForm, non_inferiority
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.study.analysis.planned_endpoints import Planned, planned
from densesharp.study.analysis.study_results import (
    EndpointResult,
    EndpointTest,
    Equivalence,
    StudyResults,
)
from densesharp.study.analysis.task_results import ModelComparison
from densesharp.study.exported.study_data import AIDED, UNAIDED

_TITLES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Three-class accuracy",
    "quadratic_kappa": "Quadratic kappa against pathology",
    "vus": "Volume under the ROC surface",
    "dice": "Mean Dice with the other readers",
    "wafroc": "wAFROC area",
    "wafroc1": "wAFROC area, false marks of all cases",
    "afroc": "AFROC area",
    "max-llf": "Share of lesions marked",
    "max-nlf": "False marks per case without lesions",
    "lroc": "LROC area",
    "pcl": "Share of cases with a lesion where it was found",
}

_TASKS = {"iac": "IAC"}


def endpoints(results: StudyResults) -> list[EndpointResult]:
    """Every comparison of conditions, or of model and readers, the primary one marked.

    Only what the design named is primary, judged by its form and its margin: aided minus unaided,
    or the model minus the readers where nothing was to be read with the model. The p-values of the
    secondary ones are adjusted together by Holm's method; without a named primary endpoint all are
    secondary. Where readings are missing, the cases that every reader read under every condition
    are compared, and the row says so. Without aided reading every pair of conditions is compared.
    """
    conditions = results.study.conditions
    primary = planned(results.endpoint, results.study.kind, conditions)
    if primary.of_model or len(conditions) < 2:
        alone = results.model_alone
        rows = [_model_row(part, primary) for part in alone.comparisons] if alone else []
    else:
        aided = {AIDED, UNAIDED} <= set(conditions)
        asked = primary if aided else None
        pairs = [(AIDED, UNAIDED)] if aided else list(combinations(conditions, 2))
        rows = [_row(asked, pair, *parts) for parts in documents(results) for pair in pairs]
    adjusted = iter(holm([row.p for row in rows if not row.primary]))
    rows = [row if row.primary else replace(row, p_holm=next(adjusted)) for row in rows]
    return sorted(rows, key=lambda row: not row.primary)


def documents(results: StudyResults) -> list[tuple[str, str | None, MrmcDocument]]:
    """(figure, task, document) of every multi-reader analysis."""
    found: list[tuple[str, str | None, MrmcDocument | None]] = []
    for name, task in results.tasks.items():
        found += [
            ("auc", name, task.auc),
            ("sensitivity", name, task.sensitivity),
            ("specificity", name, task.specificity),
        ]
    if classes := results.classes:
        found += [
            ("accuracy", None, classes.accuracy),
            ("quadratic_kappa", None, classes.quadratic_kappa),
            ("vus", None, classes.vus),
        ]
    if outlines := results.outlines:
        found.append(("dice", None, outlines.change))
    if marks := results.marks:
        name, document = next(iter(marks.figures.items()))
        found.append((name, None, document))
    return [(figure, task, document) for figure, task, document in found if document]


def figure_title(figure: str, task: str | None) -> str:
    """A figure of merit and its question as tables name them."""
    return _TITLES[figure] + (f", {_TASKS.get(task, task)}" if task else "")


def _model_row(part: ModelComparison, planned: Planned) -> EndpointResult:
    """The model minus the readers' mean."""
    used, complete = part.result, part.complete_cases
    partial = complete is not None and getattr(used, part.form).p is None
    if complete is not None and partial:
        used = complete.result
    values = [value for value in used.readers.values() if value is not None]
    estimate: Estimate = getattr(used, part.form)
    return _endpoint(
        figure_title(part.figure, part.task),
        ("model", "readers"),
        estimate,
        # A reader without a value leaves no mean.
        {
            "model": used.model,
            "readers": sum(values) / len(values)
            if values and len(values) == len(used.readers)
            else None,
        },
        _test("z", [], estimate.statistic)
        if estimate.df is None
        else _test("t", [estimate.df], estimate.statistic),
        complete.cases if complete is not None and partial else part.cases,
        partial=partial,
        form=part.form,
        asked=planned if part.primary else None,
    )


def _row(
    primary: Planned | None,
    pair: tuple[str, str],
    figure: str,
    task: str | None,
    document: MrmcDocument,
) -> EndpointResult:
    """The first condition minus the second."""
    asked = primary if primary and primary.names(figure, task) else None
    form: ReaderForm = asked.form if asked else "rrrc"
    used, estimate = document, _difference(document, pair, form)
    complete = document.complete_cases
    if complete and estimate.p is None:
        used, estimate = complete, _difference(complete, pair, form)
    # Of two conditions the F and the chi-square are the squares of the difference's t and z.
    squared = None if estimate.statistic is None else estimate.statistic**2
    return _endpoint(
        figure_title(figure, task),
        pair,
        estimate,
        used.mean_values,
        _test("χ²", [1], squared) if estimate.df is None else _test("F", [1, estimate.df], squared),
        used.study.cases,
        partial=used is complete,
        form=form,
        asked=asked,
        on_logit=_on_logit(used, pair, form),
    )


def _on_logit(document: MrmcDocument, pair: tuple[str, str], form: ReaderForm) -> "OnLogit":
    section = document.rrrc if form == "rrrc" else document.frrc
    limits = document.method.limits or (0.0, 1.0)
    return OnLogit(section.means[pair[0]], section.means[pair[1]], limits)


def _difference(document: MrmcDocument, pair: tuple[str, str], form: ReaderForm) -> Estimate:
    """The estimate of first minus second condition."""
    found = document.of(*pair)
    return found.rrrc if form == "rrrc" else found.frrc


def _test(name: str, df: Sequence[float], statistic: float | None) -> EndpointTest | None:
    return None if statistic is None else EndpointTest(name, statistic, df)


def _endpoint(
    figure: str,
    pair: tuple[str, str],
    estimate: Estimate,
    means: Mapping[str, float | None],
    test: EndpointTest | None,
    cases: int,
    *,
    partial: bool,
    form: ReaderForm,
    asked: Planned | None,
    on_logit: "OnLogit | None" = None,
) -> EndpointResult:
    """The row; with non-inferiority or equivalence if it is the planned one and has a margin."""
    margin = asked.margin if asked else None
    both = asked is not None and asked.equivalence and margin is not None
    one_sided = None if both else margin
    return EndpointResult(
        figure=figure,
        primary=asked is not None,
        form=form,
        first=pair[0],
        second=pair[1],
        means=means,
        cases=cases,
        complete_cases_only=partial,
        difference=estimate.value,
        ci=estimate.ci,
        test=test,
        p=estimate.p,
        p_holm=None,
        margin=margin,
        not_inferior=None
        if one_sided is None or estimate.ci is None
        else estimate.ci[0] > -one_sided,
        non_inferiority=None if one_sided is None else non_inferiority(estimate, one_sided, form),
        reason=estimate.reason,
        equivalence=equivalence(estimate, margin, on_logit)
        if both and margin is not None
        else None,
    )


@dataclass(frozen=True)
class OnLogit:
    """What the intervals of two conditions on the logit scale are made from.

    Attributes:
        first: mean of the first condition, with its own standard error.
        second: of the second.
        limits: least and greatest value of the figure.
    """

    first: Estimate
    second: Estimate
    limits: Interval


def equivalence(
    difference: Estimate, margin: float, on_logit: OnLogit | None = None
) -> Equivalence:
    """The two one-sided tests from a difference with standard error and 95 % interval.

    Where the means are known, by intervals on the logit scale: areas that differ by the margin have
    different variances, and t alone is too ready to agree.

    Args:
        difference: first minus second.
        margin: above 0, in its units.
        on_logit: of two conditions.
    """
    if difference.value is None:
        return Equivalence(margin, None, shown=False)
    ways = [difference, turned(difference)]
    ci, found = difference.ci, [non_inferiority(one, margin).p for one in ways]
    if on_logit is not None:
        means, limits = (on_logit.first, on_logit.second), on_logit.limits
        inside = difference_on_logit(means, difference, limits)
        if inside.ci is not None:
            pairs = zip((means, means[::-1]), ways, strict=True)
            ci = inside.ci
            found = [beyond(both, one, limits, margin) for both, one in pairs]
    p = None if None in found else max(one for one in found if one is not None)
    shown = ci is not None and -margin < ci[0] and ci[1] < margin
    return Equivalence(margin, p, shown, ci=ci)
