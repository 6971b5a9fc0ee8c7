"""The Dorfman-Berbaum-Metz view of the same analysis: an ANOVA of jackknife pseudovalues.

Dorfman, Berbaum & Metz 1992. Pseudovalues Y_k = K theta - (K-1) theta_(k). Its RRRC and RRFC tests
equal those of `densesharp.stats.mrmc`; the mean squares are K times larger, and the FRRC test is
an F test with K-1 where Obuchowski-Rockette has a chi-square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, t_estimate
from densesharp.stats.fom_table import FomTable
from densesharp.stats.tables import FloatArray


@dataclass(frozen=True)
class DbmResult:
    """Components and mean squares of the pseudovalues.

    Attributes:
        var_r: readers.
        var_c: cases.
        var_tr: treatment by reader.
        var_tc: treatment by case.
        var_rc: reader by case.
        var_error: treatment by reader by case, and error.
        mean_squares: keys T, R, C, TR, TC, RC, TRC.
        frrc: first minus second treatment, fixed readers, the original test (two treatments only).
    """

    var_r: float
    var_c: float
    var_tr: float
    var_tc: float
    var_rc: float
    var_error: float
    mean_squares: dict[str, float]
    frrc: Estimate | None


def dbm(table: FomTable, *, confidence: float = 0.95) -> DbmResult | None:
    """The analysis of a jackknifed table; None unless there are 2 treatments, readers and cases."""
    if table.left_out is None or min(table.left_out.shape) < 2:
        return None
    t, r, n = table.left_out.shape
    pseudo = n * table.theta[:, :, None] - (n - 1) * table.left_out
    ms = _mean_squares(pseudo)
    frrc = None
    if t == 2:
        difference = float(table.theta[0].mean() - table.theta[1].mean())
        frrc = t_estimate(difference, 2 * ms["TC"] / (r * n), n - 1, confidence=confidence)
    return DbmResult(
        (ms["R"] - ms["TR"] - ms["RC"] + ms["TRC"]) / (t * n),
        (ms["C"] - ms["TC"] - ms["RC"] + ms["TRC"]) / (t * r),
        (ms["TR"] - ms["TRC"]) / n,
        (ms["TC"] - ms["TRC"]) / r,
        (ms["RC"] - ms["TRC"]) / t,
        ms["TRC"],
        ms,
        frrc,
    )


def dbm_frrc_p(result: DbmResult, table: FomTable) -> float | None:
    """The p-value of the original FRRC test F = MS(T) / MS(TC) with t-1 and (t-1)(K-1) df."""
    if table.left_out is None or result.mean_squares["TC"] <= 0:
        return None
    t, _, n = table.left_out.shape
    f = result.mean_squares["T"] / result.mean_squares["TC"]
    return float(stats.f.sf(f, t - 1, (t - 1) * (n - 1)))


def _mean_squares(values: FloatArray) -> dict[str, float]:
    """Mean squares of a complete three-way table (t, r, n) with one value a cell."""
    axes = {"T": 0, "R": 1, "C": 2}
    means = {
        letters: values.mean(
            axis=tuple(axis for name, axis in axes.items() if name not in letters), keepdims=True
        )
        for letters in ("", "T", "R", "C", "TR", "TC", "RC", "TRC")
    }
    out = {}
    for letters in ("T", "R", "C", "TR", "TC", "RC", "TRC"):
        # The effect of a set of letters: alternating sum of the means of its subsets.
        effect = sum(
            (-1) ** (len(letters) - len(subset)) * mean
            for subset, mean in means.items()
            if set(subset) <= set(letters)
        )
        levels = [values.shape[axes[name]] for name in letters]
        repeats = values.size / np.prod(levels)
        df = np.prod([level - 1 for level in levels])
        out[letters] = float(repeats * np.square(effect).sum() / df)
    return out
