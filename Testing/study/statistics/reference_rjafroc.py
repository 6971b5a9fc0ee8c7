"""The numbers of RJafroc on Van Dyke 1993, by the product."""

from typing import Any

import numpy as np
from scipy import stats

from densesharp.stats.dbm import dbm, dbm_frrc_p
from densesharp.stats.estimates import Estimate
from densesharp.stats.fom_table import fom_table, jackknife_covariance
from densesharp.stats.model_vs_readers import standalone
from densesharp.stats.mrmc import analyse
from densesharp.stats.power import cases_needed, pilot_from, power
from densesharp.stats.tables import Readings

PAIR = ("1", "2")
ALPHA = 0.05


def _difference_row(one: Estimate, statistic: str, p: str, df: float | None) -> dict[str, Any]:
    return {
        "Estimate": one.value, "StdErr": one.se, "DF": df, statistic: one.statistic, p: one.p,
        "CILower": one.ci[0], "CIUpper": one.ci[1],
    }  # fmt: skip


def dorfman_berbaum_metz(readings: Readings) -> dict[str, Any]:
    table, result = fom_table(readings), analyse(readings)
    found = dbm(table)
    t, r, k = readings.ratings.shape
    sizes = {"T": t, "R": r, "C": k}
    anova = []
    for term, ms in found.mean_squares.items():
        df = int(np.prod([sizes[letter] - 1 for letter in term]))
        anova.append({"term": term, "SS": ms * df, "DF": df, "MS": ms})
    anova.append({"SS": sum(row["SS"] for row in anova), "DF": sum(row["DF"] for row in anova)})
    ms = found.mean_squares
    names = ("VarR", "VarC", "VarTR", "VarTC", "VarRC", "VarErr")
    values = (found.var_r, found.var_c, found.var_tr, found.var_tc, found.var_rc, found.var_error)
    both, readers = result.rrrc, result.rrfc

    def f_table(error: float, df: float, p: float) -> list[dict[str, Any]]:
        treatment = {"DF": t - 1, "MS": ms["T"], "FStat": ms["T"] / error, "p": p}
        return [treatment, {"DF": df, "MS": error}]

    return {
        "anova_pseudovalues": anova,
        "variance_components": dict(zip(names, values, strict=True)),
        # Mean squares of pseudovalues are those of the areas times the number of cases.
        "RRRC_F": f_table(both.test.denominator * k, both.test.df2, both.test.p),
        "FRRC_F": f_table(ms["TC"], k - 1, dbm_frrc_p(found, table)),
        "RRFC_F": f_table(readers.test.denominator * k, readers.test.df2, readers.test.p),
        "RRRC_diff": [_difference_row(both.differences[PAIR], "t", "PrGTt", both.test.df2)],
        "FRRC_diff": [_difference_row(found.frrc, "t", "PrGTt", found.frrc.df)],
        "RRFC_diff": [_difference_row(readers.differences[PAIR], "t", "PrGTt", readers.test.df2)],
    }


def obuchowski_rockette(readings: Readings) -> dict[str, Any]:
    result = analyse(readings)
    c, both, fixed = result.components, result.rrrc.test, result.frrc.test
    return {
        "variance_components": {
            "VarR": c.var_r, "VarTR": c.var_tr, "Cov1": c.cov1, "Cov2": c.cov2, "Cov3": c.cov3,
            "Var": c.var_error,
        },
        "RRRC_F": [
            {"DF": both.df1, "MS": result.mean_squares.t, "FStat": both.statistic, "p": both.p},
            {"DF": both.df2, "MS": both.denominator},
        ],
        "FRRC_F": [
            {"DF": fixed.df1, "MS": result.mean_squares.t, "Chisq": fixed.statistic, "p": fixed.p},
            {"MS": fixed.denominator},
        ],
        "FRRC_diff": [_difference_row(result.frrc.differences[PAIR], "z", "PrGTz", None)],
    }  # fmt: skip


def power_of_studies(readings: Readings) -> dict[str, Any]:
    result = analyse(readings)
    pilot = pilot_from(result.components, len(readings.cases))
    # RJafroc's effect "0.0438" is the observed difference, unrounded.
    observed = result.rrrc.differences[PAIR].value
    out: dict[str, Any] = {}
    for name, readers, cases, effect, form in (
        ("J10_K165_effect_0.0438_RRRC", 10, 165, observed, "rrrc"),
        ("J10_K131_effect_0.0438_FRRC", 10, 131, observed, "frrc"),
        ("J10_K53_effect_0.0438_RRFC", 10, 53, observed, "rrfc"),
        ("J6_K251_effect_0.05_RRRC", 6, 251, 0.05, "rrrc"),
    ):
        found, upper = power(pilot, readers, cases, effect, form), form.upper()
        limit = {} if found.ddf is None else {f"f{upper}": stats.f.isf(ALPHA, 1, found.ddf)}
        out[name] = [
            {f"power{upper}": found.power, f"ncp{upper}": found.ncp, f"df2{upper}": found.ddf}
            | limit
            | {f"chsq{upper}": stats.chi2.isf(ALPHA, 1)}
        ]
    needed = cases_needed(pilot, 6, 0.05)
    out["K_for_J6_effect_0.05"] = [{"KRRRC": needed.cases, "powerRRRC": needed.power}]
    return out


def model_alone(readings: Readings) -> dict[str, Any]:
    """Reader 1 of treatment 1 as a model against readers 2 to 5; RJafroc subtracts the model."""
    model = readings.ratings[0, 0]
    others = readings.select(treatments=["1"], readers=["2", "3", "4", "5"])
    found = standalone(model, others)
    values = np.array(list(found.readers.values()))
    mean, r = float(values.mean()), len(values)
    table = fom_table(readings.select(treatments=["1"]))
    covariance = jackknife_covariance(table.left_out[0, :1] - table.left_out[0, 1:])
    trace = float(np.trace(covariance))
    alone = analyse(others)

    def turned(one: Estimate) -> list[float]:
        return [-one.ci[1], -one.ci[0]]

    shared = {"fomCAD": found.model, "fomRAD": values, "avgRadFom": mean}
    shared |= {"varR": values.var(ddof=1)}
    both, fixed = found.rrrc, found.rrfc
    # RJafroc puts the difference's width around the readers' mean here; 2T-RRRC has their own.
    half = (both.ci[1] - both.ci[0]) / 2
    return {
        "1T-RRFC": shared
        | {
            "CIAvgRadFom": alone.rrfc.means["1"].ci,
            "avgDiffFom": -fixed.value,
            "CIAvgDiffFom": turned(fixed),
            "Tstat": -fixed.statistic,
            "df": fixed.df,
            "pval": fixed.p,
        },
        "1T-RRRC": shared
        | {
            "CIAvgRad": [mean - half, mean + half],
            "avgDiffFom": -both.value,
            "CIAvgDiffFom": turned(both),
            "varError": trace / r,
            "cov2": (covariance.sum() - trace) / (r * (r - 1)),
            "Tstat": -both.statistic,
            "df": both.df,
            "pval": both.p,
        },
        "2T-RRRC": shared | _twice(model, others),
    }


def _twice(model: Any, others: Readings) -> dict[str, Any]:
    """The model repeated as a second treatment of the same readers."""
    r = len(others.readers)
    ratings = np.stack([np.repeat(model[None], r, 0), others.ratings[0]])
    study = Readings(("model", "reader"), others.readers, others.cases, others.truth, ratings)
    result = analyse(study)
    difference, c = result.rrrc.differences["model", "reader"], result.components
    theta = fom_table(study).theta
    rows = []
    for treatment, form in (("model", result.frrc), ("reader", result.rrrc)):
        own = analyse(study.select(treatments=[treatment]))
        one = form.means[treatment]
        row = _difference_row(one, "t", "PrGTt", one.df)
        rows.append(row | {"Cov2": own.components.cov2})
    difference_row = _difference_row(difference, "t", "PrGTt", difference.df)
    low, high = difference.ci
    return {
        "avgDiffFom": -difference.value,
        "varDiffFom": float((theta[1] - theta[0]).var(ddof=1)),
        "ciDiffFom": [
            difference_row
            | {
                "Estimate": -difference.value,
                "t": -difference.statistic,
                "CILower": -high,
                "CIUpper": -low,
            }
        ],
        "ciAvgRdrEachTrt": rows,
        "varR": c.var_r,
        "varTR": c.var_tr,
        "cov1": c.cov1,
        "cov2": c.cov2,
        "cov3": c.cov3,
        "varError": c.var_error,
        "FStat": result.rrrc.test.statistic,
        "ndf": result.rrrc.test.df1,
        "df": result.rrrc.test.df2,
        "pval": result.rrrc.test.p,
    }
