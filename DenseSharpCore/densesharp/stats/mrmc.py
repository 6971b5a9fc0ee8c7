"""The Obuchowski-Rockette analysis with Hillis' degrees of freedom.

Model: A_ij = mu + tau_i + R_j + (tau R)_ij + e_ij for treatment i of t and reader j of r, with
errors whose covariance is Cov1 (same reader, other treatment), Cov2 (same treatment, other reader)
or Cov3 (both other). Obuchowski & Rockette 1995; Hillis et al. 2005; Hillis 2007; Hillis, Berbaum &
Metz 2008. Any figure of merit can be analysed: only theta and its covariance change.

Clamping follows the Iowa program: max(Cov2 - Cov3, 0) in the RRRC denominator and the FRRC
chi-square, none in the reported components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import stats

from densesharp.stats.estimates import (
    Estimate,
    degrees_of_sum,
    normal_estimate,
    not_estimable,
    t_estimate,
)
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.fom_table import INCOMPLETE, Covariance, FomTable, fom_table
from densesharp.stats.logit_scale import difference_on_logit, mean_on_logit
from densesharp.stats.mrmc_result import (
    NO_INTERACTION,
    ONE_READER,
    ONE_TREATMENT,
    ROUNDING,
    SAME_FIGURE,
    Components,
    EqualityTest,
    Form,
    MeanSquares,
    MrmcResult,
    Pair,
)
from densesharp.stats.nested_readers import nested_forms
from densesharp.stats.study_design import READERS_IN_TREATMENTS
from densesharp.stats.tables import FloatArray, IntArray, Readings


def analyse(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    truth: IntArray | None = None,
    *,
    confidence: float = 0.95,
) -> MrmcResult:
    """The Obuchowski-Rockette analysis of readings; see `fom_table` for the arguments.

    Args:
        readings: the readings.
        figure: of merit.
        covariance: how the error covariance is estimated.
        truth: shape (K,): classes, for figures that look at more than two.
        confidence: of the intervals.
    """
    table = fom_table(readings, figure, covariance, truth)
    return analyse_table(table, figure.name, covariance, confidence=confidence)


def analyse_table(
    table: FomTable, figure: str, covariance: Covariance, *, confidence: float = 0.95
) -> MrmcResult:
    """The analysis of a finished table of figures of merit.

    Args:
        table: figures of merit with their covariances.
        figure: its name.
        covariance: how they were estimated.
        confidence: of the intervals.
    """
    means = {name: _means(table, name, confidence) for name in ("rrrc", "frrc", "rrfc")}
    if table.design == READERS_IN_TREATMENTS and table.reason is None:
        components, squares, forms = nested_forms(table, confidence, means)
    else:
        sums = _Sums.of(table)
        components, squares = sums.components(), MeanSquares(sums.ms_t, sums.ms_r, sums.ms_tr)
        forms = {name: _form(table, sums, name, confidence, means[name]) for name in means}
    forms = {name: _with_logit(table, name, form, confidence) for name, form in forms.items()}
    return MrmcResult(
        figure,
        covariance,
        _values(table, confidence),
        components,
        squares,
        forms["rrrc"],
        forms["frrc"],
        forms["rrfc"],
        _reader_differences(table, confidence),
    )


def _values(table: FomTable, confidence: float) -> dict[str, dict[str, Estimate]]:
    def one(i: int, j: int) -> Estimate:
        value = float(table.theta[i, j])
        if math.isnan(value):
            return not_estimable(table.reason or NOT_READ)
        if table.covariance is None:
            return Estimate(value, reason=table.reason)
        return normal_estimate(
            value, float(table.covariance[i, j, i, j]), confidence=confidence, null=None
        )

    return {
        treatment: {reader: one(i, j) for j, reader in enumerate(table.readers)}
        for i, treatment in enumerate(table.treatments)
    }


NOT_READ = "This reader read under one treatment only."


@dataclass(frozen=True)
class _Sums:
    """Mean squares and covariance averages of a table; None where not estimable."""

    t: int
    r: int
    ms_t: float | None
    ms_r: float | None
    ms_tr: float | None
    var: float | None
    cov1: float | None
    cov2: float | None
    cov3: float | None

    @classmethod
    def of(cls, table: FomTable) -> _Sums:
        t, r = table.theta.shape
        ms_t = ms_r = ms_tr = None
        if not np.isnan(table.theta).any():
            rows, columns = table.theta.mean(1), table.theta.mean(0)
            rest = table.theta - rows[:, None] - columns[None, :] + table.theta.mean()
            ms_t = float(r * rows.var(ddof=1)) if t > 1 else None
            ms_r = float(t * columns.var(ddof=1)) if r > 1 else None
            if t > 1 and r > 1:
                ms_tr = float((rest**2).sum() / ((t - 1) * (r - 1)))
        return cls(t, r, ms_t, ms_r, ms_tr, *_covariance_averages(table.covariance))

    @property
    def excess(self) -> float:
        """max(Cov2 - Cov3, 0); zero with one reader, where neither exists."""
        if self.cov2 is None or self.cov3 is None:
            return 0.0
        return max(self.cov2 - self.cov3, 0.0)

    def components(self) -> Components:
        var_tr = var_r = None
        known = (self.ms_r, self.ms_tr, self.var, self.cov1, self.cov2, self.cov3)
        if None not in known:
            ms_r, ms_tr, var, cov1, cov2, cov3 = (v for v in known if v is not None)
            var_tr = ms_tr - var + cov1 + (cov2 - cov3)
            var_r = (ms_r - ms_tr) / self.t - cov1 + cov3
        return Components(var_r, var_tr, self.cov1, self.cov2, self.cov3, self.var)


def _covariance_averages(
    covariance: FloatArray | None,
) -> tuple[float | None, float | None, float | None, float | None]:
    """Var, Cov1, Cov2, Cov3: the entries averaged by kind."""
    if covariance is None:
        return None, None, None, None
    t, r = covariance.shape[:2]
    everything = covariance.sum()
    same_reader = np.einsum("ijkj->", covariance)
    same_treatment = np.einsum("ijik->", covariance)
    diagonal = np.einsum("ijij->", covariance)
    n = t * r
    return (
        float(diagonal / n),
        float((same_reader - diagonal) / (n * (t - 1))) if t > 1 else None,
        float((same_treatment - diagonal) / (n * (r - 1))) if r > 1 else None,
        float((everything - same_reader - same_treatment + diagonal) / (n * (t - 1) * (r - 1)))
        if t > 1 and r > 1
        else None,
    )


def _means(table: FomTable, name: str, confidence: float) -> dict[str, Estimate]:
    return {
        treatment: _single(table, i, name, confidence)
        for i, treatment in enumerate(table.treatments)
    }


def _form(
    table: FomTable, sums: _Sums, name: str, confidence: float, means: dict[str, Estimate]
) -> Form:
    tests = {"rrrc": _rrrc_test, "frrc": _frrc_test, "rrfc": _rrfc_test}
    test = tests[name](table, sums)
    pairs = combinations(range(len(table.treatments)), 2)
    differences = {}
    for a, b in pairs:
        value = float(table.theta[a].mean() - table.theta[b].mean())
        differences[table.treatments[a], table.treatments[b]] = _difference(
            value, test, sums.r, confidence
        )
    return Form(test, differences, means)


def _difference(value: float, test: EqualityTest, r: int, confidence: float) -> Estimate:
    """Two means differ with variance 2 D / r, D the denominator of the test."""
    if math.isnan(value):
        return not_estimable(test.reason or "A reader's figure of merit does not exist.")
    if test.denominator is None or test.p is None:
        return Estimate(value, reason=test.reason)
    variance = 2 * test.denominator / r
    if test.df2 is None:
        return normal_estimate(value, variance, confidence=confidence)
    return t_estimate(value, variance, test.df2, confidence=confidence)


def _with_logit(table: FomTable, name: str, form: Form, confidence: float) -> Form:
    """The form with its intervals on the logit scale, which say what they are about."""
    form = replace(
        form,
        means={one: _about(found, name) for one, found in form.means.items()},
        differences={pair: _about(found, name) for pair, found in form.differences.items()},
    )
    fewest = table.fewest if name != "rrfc" else None
    if table.patients is not None and fewest is not None:
        fewest = len(np.unique(table.patients))
    means = {
        treatment: mean_on_logit(mean, table.limits, fewest, confidence=confidence)
        for treatment, mean in form.means.items()
    }
    differences = {
        pair: difference_on_logit(
            (form.means[pair[0]], form.means[pair[1]]), one, table.limits, confidence=confidence
        )
        for pair, one in form.differences.items()
    }
    return replace(form, means_logit=means, differences_logit=differences)


ABOUT = {
    "frrc": "these readers only",
    "rrfc": "these cases only: says nothing about other cases, never to be used alone",
}
"""What two of the forms are about, as every interval of them says."""


def _about(one: Estimate, form: str) -> Estimate:
    return replace(one, method=ABOUT[form]) if form in ABOUT and one.ci else one


def _missing(table: FomTable, *, readers: bool, covariance: bool) -> str | None:
    if len(table.treatments) < 2:
        return ONE_TREATMENT
    if np.isnan(table.theta).any() or (covariance and table.covariance is None):
        return table.reason or INCOMPLETE
    if readers and len(table.readers) < 2:
        return ONE_READER
    return None


def _no_test(reason: str) -> EqualityTest:
    return EqualityTest(None, None, None, None, reason=reason)


def _rrrc_test(table: FomTable, s: _Sums) -> EqualityTest:
    """F = MS(T) / D with D = MS(TR) + r max(Cov2 - Cov3, 0); ddf of Hillis 2007.

    ddf = (t-1) (r-1) (D / MS(TR))^2 grows without end as MS(TR) goes to zero. Figures that no
    reference program has take `degrees_of_sum`.
    """
    if reason := _missing(table, readers=True, covariance=True):
        return _no_test(reason)
    ms_t, ms_tr = s.ms_t or 0.0, s.ms_tr or 0.0
    d = ms_tr + s.r * s.excess
    df1 = s.t - 1
    if d <= ROUNDING:
        return _no_test(NO_INTERACTION)
    if ms_tr <= ROUNDING and table.patients is None:
        return EqualityTest(ms_t / d, df1, None, float(stats.chi2.sf(df1 * ms_t / d, df1)), d)
    ddf = math.inf
    if ms_tr > ROUNDING and table.cautious:
        ddf = degrees_of_sum(df1 * (s.r - 1), ms_tr, d)
    elif ms_tr > ROUNDING:
        ddf = d**2 / (ms_tr**2 / (df1 * (s.r - 1)))
    ddf = _not_above_patients(table, ddf)
    return EqualityTest(ms_t / d, df1, ddf, float(stats.f.sf(ms_t / d, df1, ddf)), d)


def _not_above_patients(table: FomTable, df: float) -> float:
    """Degrees of freedom, not more than there are patients less one, where patients are clusters.

    Hillis' formula takes what cases add to the variance as known, which few patients do not allow.
    """
    if table.patients is None:
        return df
    return min(df, float(len(np.unique(table.patients)) - 1))


def _rrfc_test(table: FomTable, s: _Sums) -> EqualityTest:
    """F = MS(T) / MS(TR): the paired t test when there are two treatments."""
    if reason := _missing(table, readers=True, covariance=False):
        return _no_test(reason)
    ms_t, ms_tr = s.ms_t or 0.0, s.ms_tr or 0.0
    if ms_tr <= ROUNDING:
        return _no_test(NO_INTERACTION)
    df1, df2 = s.t - 1, (s.t - 1) * (s.r - 1)
    return EqualityTest(ms_t / ms_tr, df1, df2, float(stats.f.sf(ms_t / ms_tr, df1, df2)), ms_tr)


def _frrc_test(table: FomTable, s: _Sums) -> EqualityTest:
    """X2 = (t-1) MS(T) / [Var - Cov1 + (r-1) max(Cov2 - Cov3, 0)]."""
    if reason := _missing(table, readers=False, covariance=True):
        return _no_test(reason)
    d = (s.var or 0.0) - (s.cov1 or 0.0) + (s.r - 1) * s.excess
    if d <= ROUNDING:
        return _no_test("The readings under the treatments do not differ, so there is no error.")
    x2 = (s.t - 1) * (s.ms_t or 0.0) / d
    return EqualityTest(x2, s.t - 1, None, float(stats.chi2.sf(x2, s.t - 1)), d)


def _single(table: FomTable, i: int, name: str, confidence: float) -> Estimate:
    """One treatment's mean from that treatment's readings only (Hillis 2007)."""
    own_readers = np.arange(len(table.readers))
    if table.design == READERS_IN_TREATMENTS and table.reason is None:
        own_readers = np.flatnonzero(~np.isnan(table.theta[i]))
    values = table.theta[i, own_readers]
    r = len(values)
    if np.isnan(values).any():
        return not_estimable(table.reason or "A reader's figure of merit does not exist.")
    mean = float(values.mean())
    needs_covariance = name != "rrfc"
    if needs_covariance and table.covariance is None:
        return Estimate(mean, reason=table.reason)
    if name != "frrc" and r < 2:
        return Estimate(mean, reason=ONE_READER)
    var = cov2 = 0.0
    if needs_covariance and table.covariance is not None:
        own = table.covariance[i, :, i, :][np.ix_(own_readers, own_readers)]
        var = float(np.trace(own) / r)
        cov2 = max(float((own.sum() - np.trace(own)) / (r * (r - 1))), 0.0) if r > 1 else 0.0
    if name == "frrc":
        return normal_estimate(mean, (var + (r - 1) * cov2) / r, confidence=confidence, null=None)
    ms_r = float(values.var(ddof=1))
    d = ms_r + (r * cov2 if name == "rrrc" else 0.0)
    if d <= ROUNDING:
        return Estimate(mean, reason=SAME_FIGURE)
    if ms_r <= ROUNDING and not (name == "rrrc" and table.patients is not None):
        return normal_estimate(mean, d / r, confidence=confidence, null=None)
    df = d**2 / (ms_r**2 / (r - 1)) if ms_r > ROUNDING else math.inf
    if name == "rrrc":
        df = _not_above_patients(table, df)
    return t_estimate(mean, d / r, df, confidence=confidence, null=None)


def _reader_differences(table: FomTable, confidence: float) -> dict[Pair, dict[str, Estimate]]:
    """Per reader: SE = sqrt(2 (Var_j - Cov1_j)), pooled over the treatments."""
    out: dict[Pair, dict[str, Estimate]] = {}
    t = len(table.treatments)
    for a, b in combinations(range(t), 2):
        row = out.setdefault((table.treatments[a], table.treatments[b]), {})
        for j, reader in enumerate(table.readers):
            value = float(table.theta[a, j] - table.theta[b, j])
            if math.isnan(value):
                row[reader] = not_estimable(table.reason or NOT_READ)
            elif table.covariance is None:
                row[reader] = Estimate(value, reason=table.reason)
            else:
                own = table.covariance[:, j, :, j]
                var, diagonal = float(np.trace(own) / t), float(np.trace(own))
                cov1 = float((own.sum() - diagonal) / (t * (t - 1)))
                variance = 2 * (var - cov1)
                variance = variance if variance > ROUNDING else 0.0
                row[reader] = normal_estimate(value, variance, confidence=confidence)
    return out
