"""Profile likelihood intervals of a linear mixed model with crossed random effects.

A value of one parameter lies in the interval if the best likelihood with it is within the
chi-square quantile (1 df) of the best likelihood of all: no normality of the estimate is assumed,
which matters for standard deviations of few readers. As in lme4 the profile is that of the
likelihood, not of the restricted likelihood (Pinheiro & Bates 2000; Bates et al. 2015, section 5).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.mixed_model import CrossProducts, fixed_design, problem
from densesharp.stats.tables import FloatArray, IntArray

METHOD = "maximum likelihood, profile interval"


def profile_intervals(
    outcome: FloatArray,
    covariates: Mapping[str, FloatArray],
    factors: Mapping[str, IntArray],
    *,
    coefficients: bool = True,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Maximum likelihood estimates with profile intervals.

    Args:
        outcome: shape (n,).
        covariates: name -> shape (n,): fixed effects beside the intercept.
        factors: name -> shape (n,): level of each observation.
        coefficients: whether fixed effects are wanted too, or the spreads only.
        confidence: of the intervals.

    Returns:
        Factor, and `residual`, -> standard deviation (not below 0); `intercept` and covariate ->
        coefficient.
    """
    names, design = fixed_design(outcome, covariates)
    labels = (*factors, "residual", *(names if coefficients else ()))
    if reason := problem(outcome, design):
        return dict.fromkeys(labels, not_estimable(reason))
    products = CrossProducts.of(outcome, design, dict(factors))
    best = _best(products, math.sqrt(float(np.var(outcome))))
    allowed = best.deviance + float(stats.chi2.ppf(confidence, 1))
    found: dict[str, Estimate] = {}
    for row, name in enumerate((*products.names, "residual")):
        found[name] = _deviation(products, best, row, allowed)
    for column, name in enumerate(names if coefficients else ()):
        found[name] = _coefficient(products, best, column, allowed)
    return {label: found[label] for label in labels}


@dataclass(frozen=True)
class _Best:
    """The maximum likelihood fit: standard deviations (factors, residual) and deviance."""

    deviations: FloatArray
    deviance: float


def _deviance(products: CrossProducts, deviations: FloatArray) -> float:
    """-2 log likelihood at standard deviations (factors, residual), coefficients at their best."""
    variance = float(deviations[-1]) ** 2
    log_det, inner = products.reduced(deviations[:-1] ** 2 / variance)
    rss = products.split(inner)[2]
    return log_det + rss / variance + products.n * math.log(2 * math.pi * variance)


def _minimum(
    products: CrossProducts, start: FloatArray, fixed: int | None = None, value: float = 0.0
) -> _Best:
    """The smallest deviance, with the `fixed`-th standard deviation held at `value`.

    Looked for over variances: over deviations the slope at 0 is 0, also where it is no minimum.
    """
    free = np.array([row for row in range(len(start)) if row != fixed])
    unit = float(start @ start)

    def at(moving: FloatArray) -> FloatArray:
        deviations: FloatArray = start.copy()
        if fixed is not None:
            deviations[fixed] = value
        deviations[free] = np.sqrt(unit * moving)
        return deviations

    floor = np.full(len(start), 0.0)
    floor[-1] = 1e-6
    found = optimize.minimize(
        lambda moving: _deviance(products, at(moving)),
        start[free] ** 2 / unit,
        method="L-BFGS-B",
        bounds=[(low, None) for low in floor[free]],
        options={"ftol": 1e-13, "gtol": 1e-6},
    )
    return _Best(at(found.x), float(found.fun))


def _best(products: CrossProducts, scale: float) -> _Best:
    start = np.full(len(products.names) + 1, scale / math.sqrt(len(products.names) + 1))
    first = _minimum(products, start)
    # Once more from there: the first run's steps were measured on a rough scale.
    return _minimum(products, first.deviations)


def _deviation(products: CrossProducts, best: _Best, row: int, allowed: float) -> Estimate:
    value = float(best.deviations[row])

    def excess(at: float) -> float:
        return _minimum(products, best.deviations, row, at).deviance - allowed

    scale = value if value > 0 else float(best.deviations[-1])
    smallest = 1e-3 * scale if row == len(best.deviations) - 1 else 0.0
    low = 0.0 if excess(smallest) <= 0 else _root(excess, smallest, value)
    return Estimate(value, None, (low, _beyond(excess, value, scale)), method=METHOD)


def _coefficient(products: CrossProducts, best: _Best, column: int, allowed: float) -> Estimate:
    variance = float(best.deviations[-1]) ** 2
    xx, beta, _ = products.split(products.reduced(best.deviations[:-1] ** 2 / variance)[1])
    value = float(beta[column])
    step = math.sqrt(variance * float(np.linalg.inv(xx)[column, column]))

    def excess(at: float) -> float:
        without = _without(products, column, at)
        return _minimum(without, best.deviations).deviance - allowed

    low = -_beyond(lambda at: excess(-at), -value, step)
    return Estimate(value, None, (low, _beyond(excess, value, step)), method=METHOD)


def _without(products: CrossProducts, column: int, coefficient: float) -> CrossProducts:
    """The products with a coefficient given: its column times it taken off the outcome."""
    row = len(products.owner) + column
    turn = np.delete(np.eye(len(products.whole)), row, axis=1)
    turn[row, -1] = -coefficient
    return dataclasses.replace(
        products,
        p=products.p - 1,
        sums=turn.T @ products.sums @ turn,
        whole=turn.T @ products.whole @ turn,
    )


def _beyond(excess: Callable[[float], float], value: float, step: float) -> float:
    """Where the excess turns positive above `value`, looked for in growing steps."""
    high = value + 2 * step
    while excess(high) <= 0:
        step *= 2
        high += 2 * step
    return _root(excess, value, high)


def _root(excess: Callable[[float], float], inside: float, outside: float) -> float:
    low, high = sorted((inside, outside))
    return float(optimize.brentq(excess, low, high, xtol=1e-7 * (high - low)))
