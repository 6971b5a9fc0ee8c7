"""The primary endpoint as the design named it, and the secondary ones with Holm's correction.

With two conditions they are compared; with one, the model alone is compared with the readers.
"""

from __future__ import annotations

from typing import Any

from densesharp.study.estimates import holm

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
    """Every comparison of the first two conditions, or of model and readers, the primary marked.

    The p-values of the secondary ones are adjusted together by Holm's method; without a named
    primary endpoint all are secondary. Where readings are missing, the cases that every reader
    read under every condition are compared, and the row says so.
    """
    named = results["endpoint"] or {}
    if len(results["study"]["conditions"]) > 1:
        found = [_row(named, *parts) for parts in _documents(results)]
    else:
        alone = results["model_alone"] or {"comparisons": []}
        found = [_model_row(named, part) for part in alone["comparisons"]]
    rows = [row for row in found if row is not None]
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


def _primary(named: dict[str, Any], figure: str, task: str | None) -> tuple[bool, str]:
    """Whether this is the named endpoint, and the form that it is judged by."""
    primary = named.get("figure") == figure and (task is None or named.get("task") == task)
    return primary, "frrc" if primary and named.get("readers") == "fixed" else "rrrc"


def _model_row(named: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The model minus the readers' mean."""
    figure, task, result = part["figure"], part["task"], part["result"]
    primary, form = _primary(named, figure, task)
    estimate = result[form]
    values = list(result["readers"].values())
    mean = None if None in values or not values else sum(values) / len(values)
    ci, margin = estimate.get("ci"), part["margin"] if primary else None
    return {
        "figure": figure_title(figure, task),
        "primary": primary,
        "form": form,
        "first": "model",
        "second": "readers",
        "means": {"model": result["model"], "readers": mean},
        "difference": estimate["value"],
        "cases": part["cases"],
        "complete_cases_only": False,
        "ci": ci,
        "p": estimate.get("p"),
        "p_holm": None,
        "margin": margin,
        "not_inferior": None if margin is None or ci is None else ci[0] > -margin,
        "reason": estimate.get("reason"),
    }


def _row(
    named: dict[str, Any], figure: str, task: str | None, document: dict[str, Any]
) -> dict[str, Any] | None:
    conditions = document["study"]["treatments"]
    if len(conditions) < 2:
        return None
    primary, form = _primary(named, figure, task)
    used = document
    if document[form]["p"] is None and document.get("complete_cases"):
        used = document["complete_cases"]
    section = used[form]
    margin = named.get("margin") if primary else None
    ci = section["ci"]
    return {
        "figure": figure_title(figure, task),
        "primary": primary,
        "form": form,
        "first": conditions[0],
        "second": conditions[1],
        "means": used.get("mean_auc") or used["mean_values"],
        "difference": used["difference"],
        "cases": used["study"]["cases_diseased"] + used["study"]["cases_not_diseased"],
        "complete_cases_only": used is not document,
        "ci": ci,
        "p": section["p"],
        "p_holm": None,
        "margin": margin,
        "not_inferior": None if margin is None or ci is None else ci[0] > -margin,
        "reason": section.get("reason"),
    }
