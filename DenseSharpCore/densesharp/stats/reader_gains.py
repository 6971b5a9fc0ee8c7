"""How much a mean gain over readers varies, where few readers were drawn.

In the mixed model the variance of a reader's gain is estimated from few readers, and now and then
as 0. The coefficient then has many degrees of freedom and a small standard error, though readers
differ: with four of them its test rejects in 8 to 10 %. So what readers add is taken from their own
gains as they are, with the degrees of freedom that so many readers have; what cases add beyond
that is the mixed model's. In a complete study with no variance estimated as 0 the standard error is
the mixed model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from densesharp.stats.clusters import summed
from densesharp.stats.estimates import Estimate, degrees_of_sum, t_estimate
from densesharp.stats.mixed_model import CrossProducts, MixedModel, fixed_design
from densesharp.stats.tables import FloatArray, IntArray

GAINS = ("aided", "aided_x_group")
"""Coefficients that are means over readers' gains, or differences of such."""

OF_READERS = ("reader", "reader_x_aided", "residual")

METHOD = "mixed model, REML; readers' own gains, Hillis' degrees of freedom made smaller"


def with_drawn_readers(
    model: MixedModel,
    outcome: FloatArray,
    covariates: Mapping[str, FloatArray],
    factors: Mapping[str, IntArray],
) -> MixedModel:
    """The model with the gains' standard errors, intervals and tests for readers like these.

    Args:
        model: fitted to the rest.
        outcome: shape (n,).
        covariates: name -> shape (n,), of which `GAINS` are changed.
        factors: name -> shape (n,): `reader`, `case` and what is crossed with `aided`.
    """
    gains = [name for name in GAINS if name in covariates]
    shares, spread = _gains_of_readers(outcome, covariates, factors)
    left = len(spread) - len(gains)
    if model.criterion is None or left < 1:
        return model
    # What cases add is not known better than so many cases, or patients, allow.
    most = len(np.unique(factors.get("patient", factors["case"]))) - 1
    beyond = _of_cases(model, outcome, covariates, factors)
    fixed = dict(model.fixed)
    for name, share, of_cases in zip(covariates, shares, beyond, strict=True):
        of_readers = float(share @ share) * float(spread @ spread) / left
        if name in gains and of_readers > 0:
            fixed[name] = _of_both(fixed[name], of_readers, float(of_cases), left, most)
    return replace(model, fixed=fixed)


def _of_both(one: Estimate, of_readers: float, of_cases: float, left: int, most: int) -> Estimate:
    if one.value is None:
        return one
    total = of_readers + max(0.0, of_cases)
    df = min(degrees_of_sum(left, of_readers, total), most)
    return t_estimate(one.value, total, df, method=METHOD)


def _of_cases(
    model: MixedModel,
    outcome: FloatArray,
    covariates: Mapping[str, FloatArray],
    factors: Mapping[str, IntArray],
) -> FloatArray:
    """What the cases' variances add to those of the coefficients, in the order of `covariates`."""
    products = CrossProducts.of(outcome, fixed_design(outcome, covariates)[1], dict(factors))
    labels = (*products.names, "residual")
    whole = np.array([model.variances[name] for name in labels])
    without = np.where([name in OF_READERS for name in labels], whole, 0.0)
    parts = [np.diag(products.covariance(variances)[0])[1:] for variances in (whole, without)]
    found: FloatArray = parts[0] - parts[1]
    return found


def _gains_of_readers(
    outcome: FloatArray, covariates: Mapping[str, FloatArray], factors: Mapping[str, IntArray]
) -> tuple[FloatArray, FloatArray]:
    """How much each reader's gain counts in the coefficients, shape (p, r), and its residual, (r,).

    Within reader and case, of the readers who read with and without the model.
    """
    columns = np.column_stack([outcome, *covariates.values()])
    values = _within(columns, [factors["reader"], factors["case"]])
    y, x = values[:, 0], values[:, 1:]
    weights = np.linalg.pinv(x)
    rest = y - x @ (weights @ y)
    aided = covariates["aided"]
    shares = np.array([summed(row * aided, factors["reader"]) for row in weights])
    own = shares[list(covariates).index("aided")]
    counts = np.abs(own) > 1e-9
    residual = summed(weights[list(covariates).index("aided")] * rest, factors["reader"])
    return shares[:, counts], residual[counts] / own[counts]


def _within(values: FloatArray, factors: list[IntArray]) -> FloatArray:
    """Columns without the means of each level; of a complete study, both at once."""
    scale = np.abs(values).max(axis=0) + 1e-300
    for _ in range(100):
        before = values
        for levels in factors:
            number = np.unique(levels, return_inverse=True)[1]
            sums = np.zeros((int(number.max()) + 1, values.shape[1]))
            np.add.at(sums, number, values)
            values = values - (sums / np.bincount(number)[:, None])[number]
        if (np.abs(values - before) <= 1e-12 * scale).all():
            break
    # A column that does not vary within reader and case leaves rounding only.
    return np.where(np.abs(values).max(axis=0) <= 1e-10 * scale, 0.0, values)
