"""The results of `densesharp mrmc`: one JSON document, and the same as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from densesharp.stats.dbm import dbm, dbm_frrc_p
from densesharp.stats.estimates import Estimate, to_json
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.fom_table import Covariance, FomTable, fom_table
from densesharp.stats.formatting import interval, number, p_text, text_table
from densesharp.stats.mrmc import ONE_TREATMENT, Form, MrmcResult, analyse_table
from densesharp.stats.tables import BoolArray, IntArray, Readings
from densesharp.stats.ustatistics import UStatistics, u_statistics

TEST_NAMES = {
    "rrrc": ("f", "df1", "ddf"),
    "frrc": ("chi2", "df", None),
    "rrfc": ("f", "df1", "df2"),
}
FORM_TITLES = {
    "rrrc": "random readers, random cases",
    "frrc": "these readers, random cases",
    "rrfc": "random readers, these cases",
}


def mrmc_document(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    confidence: float = 0.95,
    truth: IntArray | None = None,
) -> dict[str, Any]:
    """Everything that `densesharp mrmc` finds, as JSON data.

    `difference`, `ci` and `u_statistic` are for the first minus the second treatment in sorted
    order; `comparisons` has every pair. What cannot be estimated is null, with a `reason` beside.
    With missing readings, `complete_cases` is the same for the cases that all read.

    Args:
        readings: The readings.
        figure: Figure of merit.
        covariance: How the error covariance is estimated.
        confidence: Of the intervals.
        truth: Shape (K,): classes, for figures of merit that look at more than two.
    """
    table = fom_table(readings, figure, covariance, truth)
    result = analyse_table(table, figure.name, covariance, confidence=confidence)
    names = ("auc", "mean_auc") if figure is AUC else ("values", "mean_values")
    first = next(iter(result.rrrc.differences), None)
    means = {t: form.value for t, form in result.rrrc.means.items()}
    document = {
        names[0]: {t: {r: e.value for r, e in row.items()} for t, row in result.values.items()},
        names[1]: means,
        "difference": result.rrrc.differences[first].value if first else None,
        "components": to_json(result.components),
        "mean_squares": to_json(result.mean_squares),
    }
    for name in TEST_NAMES:
        document[name] = _section(result, name, first)
    document["comparisons"] = _comparisons(result)
    document["readers"] = _reader_sections(result)
    if figure is AUC:
        statistics = u_statistics(readings, confidence=confidence)
        document["u_statistic"] = _u_section(statistics, first)
    document["dbm"] = _dbm_section(table, confidence)
    document["method"] = {"covariance": covariance, "figure": figure.name, "confidence": confidence}
    document["study"] = _study_section(readings)
    if not readings.complete:
        document["complete_cases"] = _complete_cases(
            readings, figure, covariance, confidence, truth
        )
    reason = table.reason or (None if first else ONE_TREATMENT)
    return document | ({"reason": reason} if reason else {})


def _complete_cases(
    readings: Readings,
    figure: FigureOfMerit,
    covariance: Covariance,
    confidence: float,
    truth: IntArray | None,
) -> dict[str, Any] | None:
    """The analysis of the cases that every reader read under every treatment, if there are any."""
    whole: BoolArray = ~np.isnan(readings.ratings).any(axis=(0, 1))  # type: ignore[assignment]
    if not whole.any():
        return None
    part = Readings(
        readings.treatments,
        readings.readers,
        tuple(case for case, kept in zip(readings.cases, whole, strict=True) if kept),
        readings.truth[whole],
        readings.ratings[:, :, whole],
    )
    classes = None if truth is None else truth[whole]
    return mrmc_document(part, figure, covariance, confidence, classes)


def _section(result: MrmcResult, name: str, pair: tuple[str, str] | None) -> dict[str, Any]:
    form: Form = getattr(result, name)
    statistic, df1, df2 = TEST_NAMES[name]
    section: dict[str, Any] = {statistic: form.test.statistic, df1: form.test.df1}
    if df2:
        section[df2] = form.test.df2
    difference = form.differences[pair] if pair else Estimate(None)
    section |= {"p": form.test.p, "ci": to_json(difference.ci), "se": difference.se}
    section["means"] = {t: to_json(e) for t, e in form.means.items()}
    reason = form.test.reason or difference.reason
    return section | ({"reason": reason} if reason else {})


def _comparisons(result: MrmcResult) -> list[dict[str, Any]]:
    return [
        {"first": first, "second": second}
        | {name: to_json(getattr(result, name).differences[first, second]) for name in TEST_NAMES}
        for first, second in result.rrrc.differences
    ]


def _reader_sections(result: MrmcResult) -> dict[str, Any]:
    return {
        "values": to_json(result.values),
        "differences": [
            {"first": first, "second": second, "readers": to_json(readers)}
            for (first, second), readers in result.reader_differences.items()
        ],
    }


def _u_section(u: UStatistics, pair: tuple[str, str] | None) -> dict[str, Any]:
    section: dict[str, Any] = {"auc": to_json(u.auc), "auc_v_statistic": to_json(u.auc_v)}
    section |= dict.fromkeys(("difference", "var_difference", "se", "df", "p", "ci"))
    if pair is None:
        return section | {"reason": ONE_TREATMENT}
    found, biased = u.differences[pair], u.differences_v[pair]
    section |= {
        "difference": found.value,
        "var_difference": None if found.se is None else found.se**2,
        "se": found.se,
        "df": found.df,
        "p": found.p,
        "ci": to_json(found.ci),
        "v_statistic": {"var_difference": None if biased.se is None else biased.se**2}
        | to_json(biased),
    }
    return section | ({"reason": found.reason} if found.reason else {})


def _dbm_section(table: FomTable, confidence: float) -> dict[str, Any] | None:
    found = dbm(table, confidence=confidence)
    if found is None:
        return None
    section: dict[str, Any] = to_json(found)
    return section | {"frrc_p": dbm_frrc_p(found, table)}


def _study_section(readings: Readings) -> dict[str, Any]:
    diseased = int(readings.truth.sum())
    return {
        "treatments": list(readings.treatments),
        "readers": list(readings.readers),
        "cases_diseased": diseased,
        "cases_not_diseased": len(readings.cases) - diseased,
        "missing_readings": int((readings.ratings != readings.ratings).sum()),
    }


def mrmc_text(document: dict[str, Any]) -> str:
    """The document as text for a terminal."""
    study = document["study"]
    values = document.get("auc") or document["values"]
    means = document.get("mean_auc") or document["mean_values"]
    treatments = study["treatments"]
    rows = [[r, *(number(values[t][r], 4) for t in treatments)] for r in study["readers"]]
    rows.append(["mean", *(number(means[t], 4) for t in treatments)])
    parts = [
        f"{document['method']['figure']}: {len(study['readers'])} readers, "
        f"{study['cases_diseased']} cases with and {study['cases_not_diseased']} without disease, "
        f"{study['missing_readings']} readings missing",
        text_table(["reader", *treatments], rows),
    ]
    if len(treatments) > 1:
        parts.append(_difference_text(document))
    if "reason" in document:
        parts.append(f"Note: {document['reason']}")
    return "\n\n".join(parts) + "\n"


def _difference_text(document: dict[str, Any]) -> str:
    first, second = document["study"]["treatments"][:2]
    rows = []
    for name, title in FORM_TITLES.items():
        section = document[name]
        ci = interval(section["ci"], 4) if section["ci"] else "not estimable"
        rows.append([title, ci, p_text(section["p"])])
    u = document.get("u_statistic")
    if u and u["p"] is not None:
        rows.append(["U-statistic, all random", interval(u["ci"], 4), p_text(u["p"])])
    percent = f"{100 * document['method']['confidence']:g} % interval"
    head = f"{first} minus {second}: {number(document['difference'], 4)}"
    if u and u["difference"] is not None and document["difference"] is None:
        head = (
            f"{first} minus {second}, readers weighted by their pairs: {number(u['difference'], 4)}"
        )
    complete = document.get("complete_cases")
    if complete and complete["rrrc"]["ci"]:
        counts = complete["study"]["cases_diseased"] + complete["study"]["cases_not_diseased"]
        title = f"{FORM_TITLES['rrrc']}; the {counts} complete cases"
        rows.append([title, interval(complete["rrrc"]["ci"], 4), p_text(complete["rrrc"]["p"])])
    return head + "\n" + text_table(["", percent, "p"], rows)
