"""Logistic regression of correct calls with readings clustered by case.

Generalized estimating equations (Liang & Zeger 1986), independence working correlation, sandwich
standard errors; below 40 cases the correction of Mancl & DeRouen (2001).
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

SMALL = 40


def gee_logistic(
    correct: BoolArray, covariates: dict[str, FloatArray], cases: IntArray
) -> dict[str, Estimate]:
    """Coefficients (log odds ratios) of `intercept` and every covariate.

    Args:
        correct: shape (n,): whether each reading was right.
        covariates: name -> shape (n,).
        cases: shape (n,): the case of each reading.
    """
    import statsmodels.api as sm

    names = ["intercept", *covariates]
    design = np.column_stack([np.ones(len(correct)), *covariates.values()])
    if reason := _problem(correct, design):
        return dict.fromkeys(names, not_estimable(reason))
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
        # Separation shows as huge standard errors, which are caught below.
        warnings.simplefilter("ignore")
        fit = model.fit(cov_type=kind)
        errors = fit.bse
    method = f"GEE, {clusters} cases as clusters" + (", Mancl-DeRouen" if clusters < SMALL else "")
    estimates = {}
    for name, value, se in zip(names, fit.params, errors, strict=True):
        if not (math.isfinite(value) and math.isfinite(se)) or abs(value) > 15 or se > 100:
            why = "A combination of covariates is always right or always wrong."
            estimates[name] = not_estimable(why, method)
        else:
            estimates[name] = normal_estimate(float(value), float(se) ** 2, method=method)
    return estimates


def _problem(correct: BoolArray, design: FloatArray) -> str | None:
    if correct.all() or not correct.any():
        return "All readings are right, or all are wrong."
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "The covariates cannot be told apart in these readings."
    return None
