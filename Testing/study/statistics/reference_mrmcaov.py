"""The numbers of MRMCaov, the Iowa program and geepack on Van Dyke 1993, by the product.

MRMCaov cuts upper limits of areas and proportions at 1; the product does not (its report does), so
that they are cut here.
"""

from typing import Any

import numpy as np

from densesharp.stats.dbm import dbm
from densesharp.stats.estimates import Estimate
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit, sensitivity, specificity
from densesharp.stats.fom_table import fom_table
from densesharp.stats.gee import gee_logistic
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_result import Form, MrmcResult
from densesharp.stats.tables import Readings

COVARIANCES = {"jackknife": "jackknife", "DeLong": "delong", "unbiased": "unbiased"}
PAIR = ("1", "2")


def _components(result: MrmcResult) -> dict[str, Any]:
    c = result.components
    names = ("reader", "treatment:reader", "Error", "Cov1", "Cov2", "Cov3")
    values = (c.var_r, c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3)
    return dict(zip(names, values, strict=True))


def _equality(result: MrmcResult, form: Form, statistic: str) -> list[dict[str, Any]]:
    test, c, ms = form.test, result.components, result.mean_squares
    row = {"MS(T)": ms.t, "MS(T:R)": ms.tr, "Cov1": c.cov1, "Cov2": c.cov2, "Cov3": c.cov3}
    row |= {"Denominator": test.denominator, statistic: test.statistic, "p-value": test.p}
    df = {"df": test.df1} if statistic == "X2" else {"df1": test.df1, "df2": test.df2}
    return [row | df]


def _row(one: Estimate, statistic: str = "t", cut: float = np.inf) -> dict[str, Any]:
    return {
        "Estimate": one.value, "StdErr": one.se, "df": one.df, statistic: one.statistic,
        "p-value": one.p, "CI_lower": one.ci[0], "CI_upper": min(cut, one.ci[1]),
    }  # fmt: skip


def _means(
    readings: Readings, form: Form, figure: FigureOfMerit, covariance: str
) -> list[dict[str, Any]]:
    """Each treatment alone, with the quantities of its own readings."""
    out = []
    for treatment in readings.treatments:
        own = analyse(readings.select(treatments=[treatment]), figure, covariance)
        row = {"MS(R)": own.mean_squares.r, "Cov2": own.components.cov2}
        row |= {"Var(Error)": own.components.var_error}
        out.append(row | _row(form.means[treatment], cut=1.0))
    return out


def _mrmcaov(readings: Readings, covariance: str) -> dict[str, Any]:
    result = analyse(readings, covariance=covariance)
    singles = [
        {"Estimate": one.value, "empirical_auc": one.value} | _row(one, cut=1.0)
        for by_reader in result.values.values()
        for one in by_reader.values()
    ]
    return {
        "RRRC": {
            "variance_components": _components(result),
            "test_equality": _equality(result, result.rrrc, "F"),
            "test_diffs": [_row(result.rrrc.differences[PAIR])],
            "test_means": _means(readings, result.rrrc, AUC, covariance),
        },
        "FRRC": {
            "variance_components": _components(result),
            "test_equality": _equality(result, result.frrc, "X2"),
            "test_diffs": [_row(result.frrc.differences[PAIR], "z")],
            "test_means": _means(readings, result.frrc, AUC, covariance),
            "reader_test_diffs": [
                _row(one, "z") for one in result.reader_differences[PAIR].values()
            ],
            "reader_means": singles,
        },
    }


def _mrmcaov_fixed_cases(readings: Readings) -> dict[str, Any]:
    result = analyse(readings)
    return {
        "test_equality": _equality(result, result.rrfc, "F"),
        "test_diffs": [_row(result.rrfc.differences[PAIR])],
        "test_means": _means(readings, result.rrfc, AUC, "jackknife"),
    }


def mrmcaov_binary(readings: Readings) -> dict[str, Any]:
    out = {}
    for threshold in (2, 3, 4, 5):
        for name, figure in (("sens", sensitivity(threshold)), ("spec", specificity(threshold))):
            result = analyse(readings, figure)
            out[f"binary_{name}_rating_ge_{threshold}"] = {
                "variance_components": _components(result),
                "test_equality": _equality(result, result.rrrc, "F"),
                "test_diffs": [_row(result.rrrc.differences[PAIR])],
                "test_means": _means(readings, result.rrrc, figure, "jackknife"),
            }
    return out


def mrmcaov(readings: Readings) -> dict[str, Any]:
    """Areas under three covariances."""
    found = {name: _mrmcaov(readings, ours) for name, ours in COVARIANCES.items()}
    return found | {"RRFC": _mrmcaov_fixed_cases(readings)}


def binary(readings: Readings) -> dict[str, Any]:
    """vandyke_binary_expected.json: calls at rating >= 3, and GEE clustered by case."""
    figures = {0: specificity(3), 1: sensitivity(3)}
    values = {truth: analyse(readings, figure).values for truth, figure in figures.items()}
    rows = [
        {"treatment": int(t), "reader": int(r), "truth": truth, "correct": by[t][r].value}
        for truth, by in values.items()
        for r in readings.readers
        for t in readings.treatments
    ]
    models: dict[str, Any] = {}
    for name, truth in (("sensitivity", True), ("specificity", False)):
        chosen = readings.truth == truth
        positive = readings.ratings[:, :, chosen] >= 3
        correct = positive if truth else ~positive
        treatment = np.broadcast_to(np.arange(2.0)[:, None, None], correct.shape).ravel()
        cases = np.broadcast_to(np.arange(chosen.sum()), correct.shape).ravel()
        found = gee_logistic(correct.ravel(), {"tx": treatment}, cases, small=0)
        models[name] = [
            {
                "Estimate": found[term].value, "Std.err": found[term].se,
                "Wald": found[term].statistic ** 2, "Pr(>|W|)": found[term].p,
            }
            for term in ("intercept", "tx")
        ]  # fmt: skip
        # In a complete design the exchangeable working correlation gives the same.
        models[f"{name}_exch"] = models[name]
    return {"per_reader": rows, "gee_geepack": models}


def published(readings: Readings) -> dict[str, Any]:
    """vandyke_iowa_ordbm.json: the printed output of Iowa's program."""
    result, found = analyse(readings), dbm(fom_table(readings))
    c, ms, form = result.components, result.mean_squares, result.rrrc
    t, r, _ = readings.ratings.shape

    def line(value: float, df: int) -> dict[str, Any]:
        return {"SS": value * df, "df": df, "MS": value}

    def contrast(one: Estimate) -> dict[str, Any]:
        rest = [one.statistic, one.p] if one.df is None else [one.df, one.statistic, one.p]
        return {"difference": one.value, "stderr": one.se, "rest": rest, "ci": one.ci}

    singles: dict[str, list[Any]] = {"rrrc": [], "frrc": []}
    for name in readings.treatments:
        own = analyse(readings.select(treatments=[name]))
        one, fixed = form.means[name], result.frrc.means[name]
        singles["rrrc"].append([one.value, one.se, one.df, *one.ci, own.components.cov2])
        singles["frrc"].append([fixed.value, fixed.se, *fixed.ci])
    readers = result.reader_differences[PAIR].items()
    return {
        "auc": [
            {"reader": int(r), "treatment1": result.values["1"][r].value,
             "treatment2": result.values["2"][r].value}
            for r in readings.readers
        ],
        "anova": {
            "T": line(ms.t, t - 1), "R": line(ms.r, r - 1), "T*R": line(ms.tr, (t - 1) * (r - 1)),
        },
        "OR_components": {
            "Var(R)": c.var_r, "Var(T*R)": c.var_tr, "COV1": c.cov1, "COV2": c.cov2,
            "COV3": c.cov3, "Var(Error)": c.var_error,
        },
        "DBM_components": {
            "Var(R)": found.var_r, "Var(C)": found.var_c, "Var(T*R)": found.var_tr,
            "Var(T*C)": found.var_tc, "Var(R*C)": found.var_rc,
            "Var(T*R*C) + Var(Error)": found.var_error,
        },
        "RRRC": {
            "F": form.test.statistic, "p": form.test.p, "ddf": form.test.df2,
            "error_MS": form.test.denominator, "diff": contrast(form.differences[PAIR]),
            "single": singles["rrrc"],
        },
        "FRRC": {
            "X2": result.frrc.test.statistic, "df": result.frrc.test.df1, "p": result.frrc.test.p,
            "diff": contrast(result.frrc.differences[PAIR]),
            "single": singles["frrc"],
            "per_reader": [
                [int(r), one.value, one.se, one.statistic, one.p, *one.ci] for r, one in readers
            ],
        },
        "RRFC": {
            "F": result.rrfc.test.statistic, "p": result.rrfc.test.p,
            "diff": contrast(result.rrfc.differences[PAIR]),
        },
    }  # fmt: skip
