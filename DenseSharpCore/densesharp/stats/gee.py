"""Logistic regression of correct calls with readings clustered by case, or by case and reader.

Generalized estimating equations (Liang & Zeger 1986), independence working correlation, sandwich
standard errors; below 40 cases the correction of Mancl & DeRouen (2001). With cases alone as
clusters the result is about exactly these readers: for others its level is not kept, as readers
differ in what the model does for them (docs/explanation/reader-statistics.md).
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

SMALL = 40


THESE_READERS = "these readers only"
"""In the method of every test that says nothing about other readers."""


def gee_logistic(
    correct: BoolArray,
    covariates: dict[str, FloatArray],
    cases: IntArray,
    readers: IntArray | None = None,
) -> dict[str, Estimate]:
    """Coefficients (log odds ratios) of `intercept` and every covariate.

    Args:
        correct: shape (n,): whether each reading was right.
        covariates: name -> shape (n,).
        cases: shape (n,): the case (or patient) of each reading.
        readers: shape (n,): the reader of each reading, for results about readers like them; None
            for results about these readers only.
    """
    names = ["intercept", *covariates]
    design = np.column_stack([np.ones(len(correct)), *covariates.values()])
    if reason := _problem(correct, design):
        return dict.fromkeys(names, not_estimable(reason))
    fit = _of_these_readers if readers is None else _of_readers_like_them
    found = fit(correct, design, cases, readers)
    touched = separated(correct, design)
    return {
        name: not_estimable(REASON, estimate.method) if endless else estimate
        for name, estimate, endless in zip(names, found, touched, strict=True)
    }


def _of_readers_like_them(
    correct: BoolArray, design: FloatArray, cases: IntArray, readers: IntArray | None
) -> list[Estimate]:
    method = "logistic regression, readers and cases as clusters"
    fit = logistic(design, correct.astype(float))
    if fit is None:
        return [not_estimable(REASON, method)] * design.shape[1]
    values, _ = fit
    if readers is None or len(np.unique(readers)) < 2:
        return [Estimate(float(value), method=method, reason=ONE_READER) for value in values]
    fitted = special.expit(design @ values)
    return Clusters(cases, readers).logistic_estimates(
        values, design, correct - fitted, fitted * (1 - fitted),
        nulls=[0.0] * len(values), method=method,
    )  # fmt: skip


def _of_these_readers(
    correct: BoolArray, design: FloatArray, cases: IntArray, _readers: IntArray | None
) -> list[Estimate]:
    import statsmodels.api as sm

    model = sm.GEE(
        correct.astype(float),
        design,
        groups=cases,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Independence(),
    )
    clusters = len(np.unique(cases))
    kind = "bias_reduced" if clusters < SMALL else "robust"
    with warnings.catch_warnings():
        # Separation, which the caller looks for, shows as huge numbers and warnings.
        warnings.simplefilter("ignore")
        fit = model.fit(cov_type=kind)
        errors = fit.bse
    small = ", Mancl-DeRouen" if clusters < SMALL else ""
    method = f"GEE, {clusters} cases as clusters{small}, {THESE_READERS}"
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
