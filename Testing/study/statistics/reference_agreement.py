"""The numbers of the expected files about agreement and measurements, computed by the product."""

import math
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from densesharp.stats.agreement import (
    chance_corrected,
    fleiss_by_class,
    fleiss_test,
    kendall_w,
    light_kappa,
    percent_agreement,
)
from densesharp.stats.bland_altman import concordance, limits_of_agreement
from densesharp.stats.icc import icc
from densesharp.stats.kappa import cohen_kappa, cross_table
from densesharp.stats.krippendorff import krippendorff_alpha
from densesharp.stats.mixed_model import fit_mixed_model
from densesharp.stats.mixed_profile import profile_intervals
from densesharp.stats.proportions import mcnemar

COEFFICIENTS = {
    "conger": "conger",
    "fleiss": "fleiss",
    "kripp": "krippendorff",
    "AC": "gwet",
    "BP": "brennan-prediger",
}
IRR_WEIGHTS = {"unweighted": "unweighted", "equal": "linear", "squared": "quadratic"}
DIAGNOSES = ("1. Depression", "2. Personality Disorder", "3. Schizophrenia", "4. Neurosis")
DIAGNOSES += ("5. Other",)


def _table(rows: list[dict[str, str]], raters: int) -> list[list[str]]:
    return [[row[f"rater{i}"] for i in range(1, raters + 1)] for row in rows]


def _irrcac(ratings: Any, classes: int, weights: tuple[str, ...]) -> list[dict[str, Any]]:
    """irrCAC's table: coefficient, error, interval (cut at 1), p of every weighting."""
    out = []
    for weight in weights:
        agreement = percent_agreement(ratings, classes, weight)
        for name in (*COEFFICIENTS, "pa"):
            found = agreement
            if name != "pa":
                found = chance_corrected(ratings, classes, COEFFICIENTS[name], weight)
            low, high = found.ci
            pa = agreement.value
            if name == "kripp":
                pa += (1 - pa) / ratings.size
            # kappa = (pa - pe) / (1 - pe), solved for the chance agreement pe.
            pe = 0.0 if name == "pa" else (pa - found.value) / (1 - found.value)
            row = {"coef": name, "value": found.value, "se": found.se, "p": found.p}
            out.append(row | {"ci": [low, min(1.0, high)], "pa": pa, "pe": pe})
    return out


def _irr_cohen(ratings: Any, weights: tuple[str, ...]) -> list[dict[str, Any]]:
    out = []
    for a, b in combinations(range(ratings.shape[1]), 2):
        # irr numbers only the levels that the two raters used.
        levels, codes = np.unique(ratings[:, [a, b]], return_inverse=True)
        counts = cross_table(*codes.reshape(-1, 2).T, len(levels))
        for weight in weights:
            one = cohen_kappa(counts, IRR_WEIGHTS[weight])
            row = {"r1": a + 1, "r2": b + 1, "kappa": one.value, "z": one.statistic, "p": one.p}
            out.append(row)
    return out


def _psych(values: Any) -> list[dict[str, Any]]:
    n, k = values.shape
    out = []
    for name, one in sorted(icc(values).items(), key=lambda item: (item[0][6], item[0][4])):
        df2 = n * (k - 1) if name.startswith("ICC(1") else (n - 1) * (k - 1)
        assert one.df == df2
        out.append({
            "type": name, "ICC": one.value, "F": one.statistic, "df1": n - 1, "df2": one.df,
            "p": one.p, "lower bound": one.ci[0], "upper bound": one.ci[1],
        })  # fmt: skip
    return out


def anxiety(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Ordinal ratings 1..6 of 20 subjects by 3 raters."""
    values = np.array(_table(rows, 3), dtype=float)
    codes = values.astype(np.int64) - 1
    scale = np.arange(1.0, 7.0)
    levels = ("nominal", "ordinal", "interval", "ratio")
    first_two = cross_table(codes[:, 0], codes[:, 1], 6)
    intervals = {}
    for weight in ("unweighted", "linear", "quadratic"):
        one = cohen_kappa(first_two, weight)
        intervals[weight] = [one.value, *one.ci]
    return {
        "pairwise_cohen": _irr_cohen(codes, ("unweighted", "equal", "squared")),
        "kendall_W": kendall_w(values).value,
        "icc_psych": _psych(values),
        "irrCAC": _irrcac(codes, 6, ("unweighted", "linear", "quadratic", "ordinal")),
        "krippendorff_alpha": {
            level: krippendorff_alpha(codes, scale, level, replicates=0).value for level in levels
        },
        "cohen_ci_statsmodels_raters_1_2": intervals,
    }


def _irr_light(codes: Any, classes: int) -> dict[str, float]:
    """Light's kappa with the z of irr 0.84.1.

    Its variance, c / (n (1 - c)) with c = 1 - q prod(1 - pe) over the q pairs of raters, has no
    published derivation (c can be negative), so that the product has the value only.
    """
    value = light_kappa(codes, classes, replicates=0).value
    shares = [np.bincount(column, minlength=classes) / len(codes) for column in codes.T]
    pairs = list(combinations(shares, 2))
    c = 1 - len(pairs) * math.prod(1 - float(a @ b) for a, b in pairs)
    z = value / math.sqrt(c / (len(codes) * (1 - c)))
    return {"kappa": value, "z": z, "p": 2 * float(stats.norm.sf(abs(z)))}


def fleiss1971(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Psychiatric diagnoses of 30 patients by 6 raters, labels through one common list."""
    codes = np.array([[DIAGNOSES.index(cell) for cell in row] for row in _table(rows, 6)])
    overall, each = fleiss_test(codes, 5), fleiss_by_class(codes, 5)
    return {
        "irr_fleiss": {
            "kappa": overall.value,
            "z": overall.statistic,
            "p": overall.p,
            "per_category": [
                {"Freq": part}
                for parts in (
                    [one.value for one in each],
                    [one.statistic for one in each],
                    [one.p for one in each],
                )
                for part in parts
            ],
        },
        "irr_conger_exact": chance_corrected(codes, 5, "conger").value,
        "irr_light": _irr_light(codes, 5),
        "irrCAC": _irrcac(codes, 5, ("unweighted",)),
        "irr_pairwise_cohen": _irr_cohen(codes, ("unweighted",)),
    }


def giavarina2015(rows: list[dict[str, str]]) -> dict[str, Any]:
    """30 pairs of measurements."""
    a, b = (np.array([float(row[f"method_{m}"]) for row in rows]) for m in "ab")
    found, older = limits_of_agreement(a, b), limits_of_agreement(a, b, approximate=True)
    ccc = concordance(a, b)
    pearson = float(np.corrcoef(a, b)[0, 1])
    sa, sb = a.std(), b.std()
    half = float(stats.norm.ppf(0.975)) * ccc.se
    return {
        "A_vs_B": {
            "n": found.n,
            "bias": found.bias.value,
            "sd": found.sd.value,
            "loa": [found.lower.value, found.upper.value],
            "ci_bias": found.bias.ci,
            "se_loa_1986_sqrt3overn": older.lower.se,
            "ci_lower_loa_1986": older.lower.ci,
            "ci_upper_loa_1986": older.upper.ci,
            "se_loa_1999": found.lower.se,
            "ci_lower_loa_1999": found.lower.ci,
            "ci_upper_loa_1999": found.upper.ci,
            "ccc": {
                "est": ccc.value,
                "lo": ccc.ci[0],
                "hi": ccc.ci[1],
                # The product's concordance split into bias and correlation (Lin 1989).
                "C_b": ccc.value / pearson,
                # epiR takes the second minus the first, and over it.
                "location_shift": float(b.mean() - a.mean()) / math.sqrt(sa * sb),
                "scale_shift": sb / sa,
                "pearson": pearson,
            },
            "ccc_asym": [ccc.value - half, ccc.value + half],
            "icc": _psych(np.column_stack([a, b])),
        }
    }


def lidc(rows: list[dict[str, str]]) -> dict[str, Any]:
    """897 LIDC nodules, each rated by four radiologists whose order means nothing."""

    def ratings(name: str) -> Any:
        return np.array([int(row[name]) for row in rows]).reshape(-1, 4)

    out: dict[str, Any] = {
        "n_nodules": len({row["nodule_id"] for row in rows}),
        "n_patients": len({row["nodule_id"].split("-s")[0] for row in rows}),
        "rows": len(rows),
    }
    for name in ("malignancy", "texture", "subtlety"):
        values = ratings(name)
        codes = values - 1
        coefficients = icc(values.astype(float))
        out[name] = {
            "fleiss_kappa_unweighted": fleiss_test(codes, 5).value,
            "icc_1_1": coefficients["ICC(1,1)"].value,
            "icc_1_k": coefficients["ICC(1,k)"].value,
            "share_all_four_equal": (codes == codes[:, :1]).all(1).mean(),
            "counts_1_to_5": np.bincount(codes.ravel()),
        } | {
            f"krippendorff_alpha_{level}": krippendorff_alpha(
                codes, np.arange(1.0, 6.0), level, replicates=0
            ).value
            for level in ("ordinal", "interval")
        }
    suspicious, subsolid = ratings("malignancy") >= 4, ratings("texture") <= 3
    out["malignancy_ge4_fleiss_kappa"] = fleiss_test(suspicious.astype(int), 2).value
    out["texture_le3_fleiss_kappa"] = fleiss_test(subsolid.astype(int), 2).value
    out["median_texture_le3_nodules"] = (np.median(ratings("texture"), axis=1) <= 3).sum()
    out["volume_missing_nodules"] = sum(row["volume_mm3"] == "" for row in rows) / 4
    return out


def approval_ratings() -> dict[str, Any]:
    """McNemar's test of Agresti's table (no data file: the table is the data)."""
    plain, corrected = mcnemar(150, 86), mcnemar(150, 86, correction=True)
    return {
        "table": [[794, 150], [86, 570]],
        "chi2": plain.statistic,
        "p": plain.p,
        "chi2_cc": corrected.statistic,
        "p_cc": corrected.p,
        "exact_p": mcnemar(150, 86, exact=True).p,
    }


def penicillin(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Diameters with crossed random effects of plates and samples."""
    diameter = np.array([float(row["diameter"]) for row in rows])
    factors = {name: np.array([ord(row[name]) for row in rows]) for name in ("plate", "sample")}
    model = fit_mixed_model(diameter, {}, factors)
    profile = profile_intervals(diameter, {}, factors)
    one = model.fixed["intercept"]
    return {
        "fixed": [
            {
                "Estimate": one.value, "Std. Error": one.se, "df": one.df,
                "t value": one.statistic, "Pr(>|t|)": one.p,
            }
        ],
        "varcomp": [
            {"vcov": model.variances[name], "sdcor": math.sqrt(model.variances[name])}
            for name in ("plate", "sample", "residual")
        ],
        "reml_criterion": model.criterion,
        "profile_ci": [
            dict(zip(("2.5 %", "97.5 %"), profile[name].ci, strict=True))
            for name in ("plate", "sample", "residual", "intercept")
        ],
    }  # fmt: skip
