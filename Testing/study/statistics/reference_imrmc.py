"""The numbers of iMRMC and pROC on Van Dyke 1993, by the product."""

from typing import Any

import numpy as np

from densesharp.stats.auc import auc_estimate, delong_covariance, delong_test, placements
from densesharp.stats.estimates import Estimate, normal_estimate
from densesharp.stats.tables import Readings
from densesharp.stats.ustatistics import (
    Moments,
    pair_sums,
    u_statistics,
    unbiased_covariance,
)

PAIR = ("1", "2")
ALPHA = 0.05

_EFFECTS = ("N", "D", "ND", "R", "NR", "DR", "RND")
# Variance components from the moments M1..M8 (Gallas et al. 2009, eq. 19).
_FROM_MOMENTS = np.array([
    [0, 0, 0, 0, 0, 0, 1, -1], [0, 0, 0, 0, 0, 1, 0, -1], [0, 0, 0, 0, 1, -1, -1, 1],
    [0, 0, 0, 1, 0, 0, 0, -1], [0, 0, 1, -1, 0, 0, -1, 1], [0, 1, 0, -1, 0, -1, 0, 1],
    [1, -1, -1, 1, -1, 1, 1, -1],
])  # fmt: skip
_COEFFICIENTS = np.array([
    [1, 0, 1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0],
    [1, 1, 1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0, 0, 0],
])  # fmt: skip


def _moments(one: Moments) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for m in range(8):
        out[f"M{m + 1}"] = one.unbiased[m]
        out[f"M{m + 1}.b"] = one.biased[m]
        out[f"M{m + 1}.coeff"] = one.coefficients[m]
    for effect, values, weights in zip(_EFFECTS, _FROM_MOMENTS, _COEFFICIENTS, strict=True):
        out[f"BCK.{effect}"] = values @ one.unbiased
        out[f"BCK.{effect}.b"] = values @ one.biased
        out[f"BCK.{effect}.coeff"] = weights @ one.coefficients
    return out


def _counts(readings: Readings) -> dict[str, int]:
    r, diseased = len(readings.readers), int(readings.truth.sum())
    return {"NR": r, "N0": len(readings.cases) - diseased, "N1": diseased}


def _imrmc_row(one: Estimate, null: float) -> dict[str, Any]:
    normal = normal_estimate(one.value, one.se**2, null=null)
    return {
        "pValueNormal": normal.p, "botCInormal": normal.ci[0], "topCInormal": normal.ci[1],
        "rejectNormal": int(normal.p < ALPHA), "dfBDG": one.df, "pValueBDG": one.p,
        "botCIBDG": one.ci[0], "topCIBDG": one.ci[1], "rejectBDG": int(one.p < ALPHA),
    }  # fmt: skip


def _imrmc_table(readings: Readings, single: Any, difference: Estimate) -> list[dict[str, Any]]:
    a, b = single["1"], single["2"]
    first = {"AUCA": a.value, "varAUCA": a.se**2}
    second = {"AUCB": b.value, "varAUCB": b.se**2}
    gap = {"AUCAminusAUCB": difference.value, "varAUCAminusAUCB": difference.se**2}
    rows = [
        first | _imrmc_row(a, 0.5),
        {"AUCA": b.value, "varAUCA": b.se**2} | _imrmc_row(b, 0.5),
        first | second | gap | _imrmc_row(difference, 0.0),
    ]
    return [_counts(readings) | row for row in rows]


def _imrmc_readers(readings: Readings) -> list[dict[str, Any]]:
    t, r, k = readings.ratings.shape
    sums = pair_sums(readings.ratings.reshape(t * r, k), readings.truth)
    areas = (sums.totals / sums.pairs).reshape(t, r)
    c = unbiased_covariance(sums).reshape(t, r, t, r)
    rows: list[dict[str, Any]] = [
        {"AUCA": areas[i, j], "varAUCA": c[i, j, i, j]} for i in range(t) for j in range(r)
    ]
    for j in range(r):
        variance = c[0, j, 0, j] + c[1, j, 1, j] - 2 * c[0, j, 1, j]
        rows.append({
            "AUCA": areas[0, j], "varAUCA": c[0, j, 0, j], "AUCB": areas[1, j],
            "varAUCB": c[1, j, 1, j], "AUCAminusAUCB": areas[0, j] - areas[1, j],
            "varAUCAminusAUCB": variance,
        })  # fmt: skip
    return [_counts(readings) | row for row in rows]


def imrmc(readings: Readings) -> dict[str, Any]:
    found = u_statistics(readings)
    pairs = (("1", "1"), ("2", "2"), ("1", "2"))
    return {
        "Ustat": _imrmc_table(readings, found.auc, found.differences[PAIR]),
        "MLEstat": _imrmc_table(readings, found.auc_v, found.differences_v[PAIR]),
        "perReader": _imrmc_readers(readings),
        "moments": [_moments(found.moments[pair]) for pair in pairs],
    }


def proc(readings: Readings) -> list[dict[str, Any]]:
    rows = []
    for j, reader in enumerate(readings.readers):
        first, second = readings.ratings[:, j]
        test = delong_test(first, second, readings.truth)
        both = delong_covariance([placements(x, readings.truth) for x in (first, second)])
        row = {"reader": int(reader), "cov": both[0, 1], "z": test.statistic, "p": test.p}
        for number, ratings in ((1, first), (2, second)):
            one = auc_estimate(ratings, readings.truth)
            row |= {f"auc{number}": one.value, f"var{number}": one.se**2}
            row |= {f"ci{number}_lo": one.ci[0], f"ci{number}_hi": min(1.0, one.ci[1])}
        rows.append(row)
    return rows
