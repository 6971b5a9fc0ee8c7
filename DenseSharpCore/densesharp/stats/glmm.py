"""Logistic mixed model of right calls with crossed readers and cases: a sensitivity analysis.

logit P(right) = X b + reader + case, both effects normal. Fitted by variational Bayes (statsmodels'
BinomialBayesMixedGLM: normal priors with standard deviation 2 on coefficients and 1 on the
logarithm of the effects' standard deviations). The variational posterior is too narrow, so the
standard errors are those of the information matrix of coefficients and effects together, at the
variational means (Laplace). They take the variances of the effects as known.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

MOST_LEVELS = 400
"""With more cases and readers together the fit takes too long."""

METHOD = (
    "sensitivity analysis: logistic mixed model, crossed readers and cases, variational Bayes; "
    "these readers only, as how the model helps does not vary in it"
)
_PRIOR_SD = 2.0
_SEARCH = {"gtol": 1e-5, "ftol": 1e-15, "maxcor": 100, "maxiter": 2000, "maxfun": 4000}
"""As exact as scipy's BFGS, which multiplies matrices as wide as there are cases in every step."""


def crossed_logistic(
    correct: BoolArray, covariates: dict[str, FloatArray], readers: IntArray, cases: IntArray
) -> dict[str, Estimate]:
    """Log odds ratios within reader and case, and the effects' standard deviations.

    Args:
        correct: shape (n,): whether each reading was right.
        covariates: name -> shape (n,): fixed effects beside the intercept.
        readers: shape (n,): reader of each reading.
        cases: shape (n,): case of each reading.

    Returns:
        `intercept`, every covariate, `sd_reader` and `sd_case`.
    """
    names = ["intercept", *covariates]
    design = np.column_stack([np.ones(len(correct)), *covariates.values()])
    effects, owner = _indicators(readers, cases)
    if reason := _problem(correct, design, owner):
        return dict.fromkeys([*names, "sd_reader", "sd_case"], not_estimable(reason, METHOD))
    fit, reason = _fit(correct, design, effects, owner)
    if reason:
        return dict.fromkeys([*names, "sd_reader", "sd_case"], not_estimable(reason, METHOD))
    deviations = np.exp(fit.vcp_mean)
    variances = _variances(fit, design, effects, deviations[owner])
    found = {
        name: normal_estimate(float(value), float(variance), method=METHOD)
        for name, value, variance in zip(names, fit.fe_mean, variances, strict=True)
    }
    for name, value in zip(("sd_reader", "sd_case"), deviations, strict=True):
        found[name] = Estimate(float(value), method=METHOD)
    return found


def _indicators(readers: IntArray, cases: IntArray) -> tuple[sparse.csr_matrix, IntArray]:
    """Columns of readers, then of cases; and 0 or 1 for each column's factor."""
    r, k = (np.unique(values, return_inverse=True)[1] for values in (readers, cases))
    sizes = int(r.max(initial=-1)) + 1, int(k.max(initial=-1)) + 1
    rows = np.arange(len(r))
    ones = np.ones(len(r))
    blocks = [
        sparse.csr_matrix((ones, (rows, column)), shape=(len(r), size))
        for column, size in zip((r, k), sizes, strict=True)
    ]
    return sparse.hstack(blocks).tocsr(), np.repeat([0, 1], sizes)


def _problem(correct: BoolArray, design: FloatArray, owner: IntArray) -> str | None:
    if correct.all() or not correct.any():
        return "All readings are right, or all are wrong."
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "The covariates cannot be told apart in these readings."
    if np.bincount(owner, minlength=2).min() < 2:
        return "Crossed effects need two readers and two cases."
    if len(owner) > MOST_LEVELS:
        return f"More than {MOST_LEVELS} cases and readers: the model was not fitted."
    return None


def _fit(
    correct: BoolArray, design: FloatArray, effects: sparse.csr_matrix, owner: IntArray
) -> tuple[Any, str | None]:
    """The fit, or why there is none."""
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    model = BinomialBayesMixedGLM(
        correct.astype(float), design, effects, owner, vcp_p=1.0, fe_p=_PRIOR_SD
    )
    sizes = design.shape[1] + 2 + len(owner)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # statsmodels starts at random numbers of numpy's global generator unless told where.
        fit = model.fit_vb(
            mean=np.zeros(sizes), sd=np.full(sizes, 0.5), fit_method="L-BFGS-B", minim_opts=_SEARCH
        )
    if any("converge" in str(warning.message) for warning in caught):
        return None, "The variational fit did not converge."
    if not (np.isfinite(fit.fe_mean).all() and np.isfinite(fit.vcp_mean).all()):
        return None, "The variational fit has no finite solution."
    return fit, None


def _variances(
    fit: Any, design: FloatArray, effects: sparse.csr_matrix, deviations: FloatArray
) -> FloatArray:
    """Variances of the coefficients: diagonal of the inverse of the whole information matrix."""
    columns = sparse.hstack([sparse.csr_matrix(design), effects]).tocsc()
    linear = design @ fit.fe_mean + effects @ fit.random_effects()["Mean"].to_numpy()
    chance = 1 / (1 + np.exp(-linear))
    penalty = np.concatenate([np.full(design.shape[1], _PRIOR_SD**-2.0), deviations**-2.0])
    weighted = columns.multiply((chance * (1 - chance))[:, None])
    information = (columns.T @ weighted + sparse.diags(penalty)).tocsc()
    wanted = np.eye(columns.shape[1], design.shape[1])
    inverse = splu(information).solve(wanted)
    variances: FloatArray = np.diag(inverse[: design.shape[1]]).astype(np.float64)
    return variances
