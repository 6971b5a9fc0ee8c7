"""The primary endpoint as the design named it, and the secondary ones with Holm's correction."""

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
    """Every comparison of the first two conditions, the primary one marked.

    The p-values of the secondary ones are adjusted together by Holm's method; without a named
    primary endpoint all are secondary. Where readings are missing, the cases that every reader
    read under every condition are compared, and the row says so.
    """
    named = results["endpoint"] or {}
    found = (_row(named, *parts) for parts in _documents(results))
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


def _row(
    named: dict[str, Any], figure: str, task: str | None, document: dict[str, Any]
) -> dict[str, Any] | None:
    conditions = document["study"]["treatments"]
    if len(conditions) < 2:
        return None
    primary = named.get("figure") == figure and (task is None or named.get("task") == task)
    form = "frrc" if primary and named.get("readers") == "fixed" else "rrrc"
    used = document
    if document[form]["p"] is None and document.get("complete_cases"):
        used = document["complete_cases"]
    section = used[form]
    margin = named.get("margin") if primary else None
    ci = section["ci"]
    return {
        "figure": _TITLES[figure] + (f", {_TASKS.get(task, task)}" if task else ""),
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
