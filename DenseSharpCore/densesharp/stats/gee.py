"""Logistic regression of correct calls with readings clustered by case, or by case and reader.

Generalized estimating equations (Liang & Zeger 1986), independence working correlation, sandwich
standard errors; below 100 cases the correction of Mancl & DeRouen (2001) and t quantiles. With
cases alone as clusters the result is about exactly these readers: for others its level is not kept,
as readers differ in what the model does for them (docs/explanation/reader-statistics.md).
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy import special

from densesharp.stats.calibration import logistic
from densesharp.stats.clusters import Clusters
from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.mrmc_result import ONE_READER
from densesharp.stats.separation import REASON, separated
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

SMALL = 100
"""Below so many cases plain sandwich variances and normal quantiles reject a little too often."""

THESE_READERS = "these readers only"
"""In the method of every test that says nothing about other readers."""


def gee_logistic(
    correct: BoolArray,
    covariates: dict[str, FloatArray],
    cases: IntArray,
    readers: IntArray | None = None,
    *,
    small: int = SMALL,
) -> dict[str, Estimate]:
    """Coefficients (log odds ratios) of `intercept` and every covariate.

    Args:
        correct: shape (n,): whether each reading was right.
        covariates: name -> shape (n,).
        cases: shape (n,): the case (or patient) of each reading.
        readers: shape (n,): the reader of each reading, for results about readers like them; None
            for results about these readers only.
        small: below so many cases results about these readers are corrected.
    """
    names = ["intercept", *covariates]
    design = np.column_stack([np.ones(len(correct)), *covariates.values()])
    if reason := _problem(correct, design):
        return dict.fromkeys(names, not_estimable(reason))
    touched = separated(correct, design)
    clusters = len(np.unique(cases))
    if readers is not None:
        method = "logistic regression, readers and cases as clusters"
        found = _as_if_left_out(correct, design, Clusters(cases, readers), method)
    elif clusters < small and not touched.any():
        method = f"GEE, {clusters} cases as clusters, Mancl-DeRouen with t, {THESE_READERS}"
        found = _as_if_left_out(correct, design, Clusters(cases), method)
    else:
        method = f"GEE, {clusters} cases as clusters, {THESE_READERS}"
        found = _sandwich(correct, design, cases, method)
    return {
        name: not_estimable(REASON, estimate.method) if endless else estimate
        for name, estimate, endless in zip(names, found, touched, strict=True)
    }


def _as_if_left_out(
    correct: BoolArray, design: FloatArray, clusters: Clusters, method: str
) -> list[Estimate]:
    fit = logistic(design, correct.astype(float))
    if fit is None:
        return [not_estimable(REASON, method)] * design.shape[1]
    values, _ = fit
    if clusters.readers is not None and len(np.unique(clusters.readers)) < 2:
        return [Estimate(float(value), method=method, reason=ONE_READER) for value in values]
    fitted = special.expit(design @ values)
    return clusters.logistic_estimates(
        values, design, correct - fitted, fitted * (1 - fitted),
        nulls=[0.0] * len(values), method=method,
    )  # fmt: skip


def _sandwich(
    correct: BoolArray, design: FloatArray, cases: IntArray, method: str
) -> list[Estimate]:
    import statsmodels.api as sm

    model = sm.GEE(
        correct.astype(float),
        design,
        groups=cases,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Independence(),
    )
    with warnings.catch_warnings():
        # Separation, which the caller looks for, shows as huge numbers and warnings.
        warnings.simplefilter("ignore")
        fit = model.fit(cov_type="robust")
        errors = fit.bse
    return [
        normal_estimate(float(value), float(se) ** 2, method=method)
        if math.isfinite(value) and math.isfinite(se)
        else not_estimable(REASON, method)
        for value, se in zip(fit.params, errors, strict=True)
    ]


def _problem(correct: BoolArray, design: FloatArray) -> str | None:
    if correct.all() or not correct.any():
        return "All readings are right, or all are wrong."
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "The covariates cannot be told apart in these readings."
    return None
