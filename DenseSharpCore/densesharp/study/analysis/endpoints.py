"""The primary endpoint as the design named it, and the secondary ones with Holm's correction.

With two conditions they are compared; with one, the model alone is compared with the readers. The
p of a row is two-sided, of no difference; with a margin the one-sided test stands beside it.
"""

from __future__ import annotations

from typing import Any

from densesharp.stats.estimates import Estimate, holm, to_json
from densesharp.stats.model_vs_readers import non_inferiority
from densesharp.study.analysis.planned_endpoints import Planned, planned
from densesharp.study.exported.study_data import AIDED, UNAIDED

_TITLES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Three-class accuracy",
    "quadratic_kappa": "Quadratic kappa against pathology",
    "vus": "Volume under the ROC surface",
    "dice": "Mean Dice with the other readers",
}

_TASKS = {"iac": "IAC"}


def endpoints(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every comparison of two conditions, or of model and readers, the primary one marked.

    Only what the design named is primary, judged by its form and its margin: aided minus unaided,
    or the model minus the readers where nothing was to be read with the model. The p-values of the
    secondary ones are adjusted together by Holm's method; without a named primary endpoint all are
    secondary. Where readings are missing, the cases that every reader read under every condition
    are compared, and the row says so.
    """
    conditions = results["study"]["conditions"]
    primary = planned(results["endpoint"], results["study"].get("kind"), conditions)
    if primary.of_model or len(conditions) < 2:
        alone = results["model_alone"] or {"comparisons": []}
        rows = [_model_row(part) for part in alone["comparisons"]]
    else:
        aided = {AIDED, UNAIDED} <= set(conditions)
        pair = (AIDED, UNAIDED) if aided else (conditions[0], conditions[1])
        rows = [_row(primary if aided else None, pair, *parts) for parts in _documents(results)]
    secondary = [row for row in rows if not row["primary"]]
    adjusted = holm([row["p"] for row in secondary])
    for row, p in zip(secondary, adjusted, strict=True):
        row["p_holm"] = p
    return sorted(rows, key=lambda row: not row["primary"])


def _documents(results: dict[str, Any]) -> list[tuple[str, str | None, dict[str, Any]]]:
    """(figure, task, document) of every multi-reader analysis."""
    found: list[tuple[str, str | None, dict[str, Any]]] = []
    for name, task in results["tasks"].items():
        for figure in ("auc", "sensitivity", "specificity"):
            if task.get(figure):
                found.append((figure, name, task[figure]))
    for figure in ("accuracy", "quadratic_kappa", "vus"):
        if (results["classes"] or {}).get(figure):
            found.append((figure, None, results["classes"][figure]))
    if (results["outlines"] or {}).get("change"):
        found.append(("dice", None, results["outlines"]["change"]))
    return found


def figure_title(figure: str, task: str | None) -> str:
    """A figure of merit and its question as tables name them."""
    return _TITLES[figure] + (f", {_TASKS.get(task, task)}" if task else "")


def _model_row(part: dict[str, Any]) -> dict[str, Any]:
    """The model minus the readers' mean."""
    form, used = part["form"], part
    complete = part["complete_cases"]
    if part["result"][form].get("p") is None and complete:
        used = complete
    result = used["result"]
    values = list(result["readers"].values())
    mean = None if None in values or not values else sum(values) / len(values)
    estimate = result[form]
    statistic, df = estimate.get("statistic"), estimate.get("df")
    return _finished(
        {
            "figure": figure_title(part["figure"], part["task"]),
            "primary": part["primary"],
            "form": form,
            "first": "model",
            "second": "readers",
            "means": {"model": result["model"], "readers": mean},
            "cases": used["cases"],
            "complete_cases_only": used is complete,
        },
        estimate,
        {"name": "z" if df is None else "t", "statistic": statistic, "df": [df] if df else []},
        part["margin"],
    )


def _row(
    primary: Planned | None,
    pair: tuple[str, str],
    figure: str,
    task: str | None,
    document: dict[str, Any],
) -> dict[str, Any]:
    """The first condition minus the second."""
    asked = primary if primary and primary.names(figure, task) else None
    form = asked.form if asked else "rrrc"
    used = document
    complete = document.get("complete_cases")
    if _difference(document, pair, form).get("p") is None and complete:
        used = complete
    estimate = _difference(used, pair, form)
    statistic, df = estimate.get("statistic"), estimate.get("df")
    # Of two conditions the F and the chi-square are the squares of the difference's t and z.
    squared = None if statistic is None else statistic**2
    return _finished(
        {
            "figure": figure_title(figure, task),
            "primary": asked is not None,
            "form": form,
            "first": pair[0],
            "second": pair[1],
            "means": used.get("mean_auc") or used["mean_values"],
            "cases": used["study"]["cases_diseased"] + used["study"]["cases_not_diseased"],
            "complete_cases_only": used is complete,
        },
        estimate,
        {"name": "χ²", "statistic": squared, "df": [1]}
        if df is None
        else {"name": "F", "statistic": squared, "df": [1, df]},
        asked.margin if asked else None,
    )


def _difference(document: dict[str, Any], pair: tuple[str, str], form: str) -> dict[str, Any]:
    """The estimate of first minus second condition."""
    found: dict[str, Any] = next(
        row[form] for row in document["comparisons"] if (row["first"], row["second"]) == pair
    )
    return found


def _finished(
    row: dict[str, Any], estimate: dict[str, Any], test: dict[str, Any], margin: float | None
) -> dict[str, Any]:
    """The row with its difference, the test of no difference, and non-inferiority."""
    ci = estimate.get("ci")
    tested = None
    if margin is not None:
        difference = Estimate(
            estimate["value"], estimate.get("se"), df=estimate.get("df"),
            reason=estimate.get("reason"),
        )  # fmt: skip
        tested = to_json(non_inferiority(difference, margin, row["form"]))
    return row | {
        "difference": estimate["value"],
        "ci": ci,
        "test": None if test["statistic"] is None else test,
        "p": estimate.get("p"),
        "p_holm": None,
        "margin": margin,
        "not_inferior": None if margin is None or ci is None else ci[0] > -margin,
        "non_inferiority": tested,
        "reason": estimate.get("reason"),
    }
