"""The Obuchowski-Rockette analysis where every reader reads under one treatment only.

Hillis 2014: MS(R(T)) takes the place of MS(T*R), with R - t degrees of freedom for R readers in t
treatments, and Cov1 does not exist. With r_i readers of treatment i,

F = MS(T) / [MS(R(T)) + r max(Cov2 - Cov3, 0)],  r = (R - sum r_i^2 / R) / (t - 1),

and the difference of two treatments has the variance
(1 / r_i + 1 / r_j) MS(R(T)) + 2 max(Cov2 - Cov3, 0), which are the same with two treatments. These
readers only: Var - Cov2 in the place of MS(R(T)), and no degrees of freedom.

Degrees of freedom are d (1 + c / MS)^2 by Hillis' formula, for d of MS and what cases add, c. As
1 / MS is too large on average, tests reject 5.5 to 6.5 % with so few; here c / MS is multiplied by
(d - 2) / d, which makes it right on average, and with d below 3 the square is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, degrees_of_sum, normal_estimate, t_estimate
from densesharp.stats.fom_table import FomTable
from densesharp.stats.mrmc_result import (
    ROUNDING,
    Components,
    EqualityTest,
    Form,
    MeanSquares,
    Pair,
)
from densesharp.stats.tables import FloatArray, IntArray

ONE_EACH = "Every treatment has one reader only, so how readers differ cannot be estimated."
NO_SPREAD = "The readers of each treatment do not differ, and cases add no error."


@dataclass(frozen=True)
class _Sums:
    """What the tests are made from; `excess` is max(Cov2 - Cov3, 0)."""

    means: FloatArray
    readers: IntArray
    ms_t: float
    ms_r: float | None
    var: float
    cov2: float
    cov3: float
    known: bool

    @property
    def excess(self) -> float:
        return max(self.cov2 - self.cov3, 0.0)

    @property
    def df(self) -> int:
        return int(self.readers.sum()) - len(self.readers)

    @property
    def weight(self) -> float:
        """The number of readers of a treatment, where treatments have as many."""
        n = self.readers.sum()
        return float((n - (self.readers**2).sum() / n) / (len(self.readers) - 1))


def nested_forms(
    table: FomTable, confidence: float, means: dict[str, dict[str, Estimate]]
) -> tuple[Components, MeanSquares, dict[str, Form]]:
    """Components, mean squares and the three forms.

    Args:
        table: of a design with readers nested in treatments; NaN where a reader did not read.
        confidence: of the intervals.
        means: form -> treatment -> its mean with interval, which need nothing from the others.
    """
    sums = _sums(table)
    forms = {}
    for name in ("rrrc", "frrc", "rrfc"):
        noise, excess, df = _parts(sums, name)
        forms[name] = Form(
            _equality(sums, noise, excess, df, known=name == "rrfc" or sums.known),
            _differences(table, sums, (noise, excess, df), confidence),
            means[name],
        )
    found = (sums.cov2, sums.cov3, sums.var) if sums.known else (None, None, None)
    components = Components(None, None, None, *found)
    if sums.known and sums.ms_r is not None:
        var_r = sums.ms_r - sums.var + sums.cov2
        components = Components(var_r, None, None, *found)
    return components, MeanSquares(sums.ms_t, sums.ms_r, None), forms


def _sums(table: FomTable) -> _Sums:
    read = ~np.isnan(table.theta)
    readers = read.sum(axis=1)
    means = np.nanmean(table.theta, axis=1)
    total = float(table.theta[read].mean())
    t, df = len(means), int(readers.sum()) - len(means)
    within = float(np.nansum((table.theta - means[:, None]) ** 2))
    ms_t = float((readers * (means - total) ** 2).sum()) / (t - 1)
    var = cov2 = cov3 = 0.0
    if table.covariance is not None:
        treatment = np.nonzero(read)[0]
        matrix = table.covariance[read][:, read]
        same = treatment[:, None] == treatment[None, :]
        alone = np.eye(len(treatment), dtype=bool)
        var = float(matrix[alone].mean())
        cov2 = float(matrix[same & ~alone].mean()) if (same & ~alone).any() else 0.0
        cov3 = float(matrix[~same].mean())
    known = table.covariance is not None
    return _Sums(means, readers, ms_t, within / df if df else None, var, cov2, cov3, known)


def _parts(sums: _Sums, form: str) -> tuple[float | None, float, int | None]:
    """The reader's own noise, what cases add, and the noise's degrees of freedom (None: known)."""
    if form == "frrc":
        return sums.var - sums.cov2, sums.excess, None
    return sums.ms_r, sums.excess if form == "rrrc" else 0.0, sums.df


def _equality(
    sums: _Sums, noise: float | None, excess: float, df: int | None, *, known: bool
) -> EqualityTest:
    if noise is None:
        return EqualityTest(None, None, None, None, reason=ONE_EACH)
    d = noise + sums.weight * excess
    if d <= ROUNDING or not known:
        return EqualityTest(None, None, None, None, reason=NO_SPREAD)
    df1 = len(sums.readers) - 1
    if df is None:
        x2 = df1 * sums.ms_t / d
        return EqualityTest(x2, df1, None, float(stats.chi2.sf(x2, df1)), d)
    f = sums.ms_t / d
    if noise <= ROUNDING:
        return EqualityTest(f, df1, None, float(stats.chi2.sf(df1 * f, df1)), d)
    df2 = degrees_of_sum(df, noise, d)
    return EqualityTest(f, df1, df2, float(stats.f.sf(f, df1, df2)), d)


def _differences(
    table: FomTable,
    sums: _Sums,
    parts: tuple[float | None, float, int | None],
    confidence: float,
) -> dict[Pair, Estimate]:
    noise, excess, df = parts
    found: dict[Pair, Estimate] = {}
    for a, b in combinations(range(len(sums.means)), 2):
        value = float(sums.means[a] - sums.means[b])
        pair = (table.treatments[a], table.treatments[b])
        if noise is None or (df is None and not sums.known):
            found[pair] = Estimate(value, reason=table.reason or ONE_EACH)
            continue
        own = noise * float(1 / sums.readers[a] + 1 / sums.readers[b])
        variance = own + 2 * excess
        if variance <= ROUNDING:
            found[pair] = Estimate(value, reason=NO_SPREAD)
        elif df is None or own <= ROUNDING:
            found[pair] = normal_estimate(value, variance, confidence=confidence)
        else:
            degrees = degrees_of_sum(df, own, variance)
            found[pair] = t_estimate(value, variance, degrees, confidence=confidence)
    return found
