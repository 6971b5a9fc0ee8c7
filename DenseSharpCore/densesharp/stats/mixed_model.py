"""Linear mixed models with crossed random effects, by restricted maximum likelihood (REML).

y = X b + sum_f Z_f u_f + e, with u_f ~ N(0, v_f I) for every factor f and e ~ N(0, v I). The
largest factor (the cases) is eliminated first, so that time and memory grow linearly with it.
Degrees of freedom of a coefficient are Satterthwaite's (Giesbrecht & Burns 1985).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from densesharp.stats.estimates import Estimate, not_estimable, t_estimate
from densesharp.stats.tables import FloatArray, IntArray


@dataclass(frozen=True)
class MixedModel:
    """A fitted model.

    Attributes:
        fixed: coefficient name -> estimate with Satterthwaite's degrees of freedom.
        variances: factor -> variance; `residual` is the error's.
        criterion: REML criterion (-2 log restricted likelihood), None if there was no fit.
        reason: why there is no fit.
    """

    fixed: Mapping[str, Estimate]
    variances: Mapping[str, float]
    criterion: float | None
    reason: str | None = None


def fit_mixed_model(
    outcome: FloatArray, covariates: Mapping[str, FloatArray], factors: Mapping[str, IntArray]
) -> MixedModel:
    """Fit by REML.

    Args:
        outcome: shape (n,).
        covariates: name -> shape (n,): fixed effects beside the intercept.
        factors: name -> shape (n,): level of each observation; levels are crossed or nested.

    Returns:
        Fixed effects with their intervals and tests, and the variances.
    """
    names, design = fixed_design(outcome, covariates)
    if reason := problem(outcome, design):
        return MixedModel(dict.fromkeys(names, not_estimable(reason)), {}, None, reason)
    products = CrossProducts.of(outcome, design, dict(factors))
    ratios = products.best_ratios()
    residual = products.profiled_residual(ratios)
    variances = np.append(ratios * residual, residual)
    fixed = products.fixed_effects(variances, names)
    labels = (*products.names, "residual")
    return MixedModel(
        fixed,
        dict(zip(labels, map(float, variances), strict=True)),
        products.criterion(variances),
    )


def fixed_design(
    outcome: FloatArray, covariates: Mapping[str, FloatArray]
) -> tuple[tuple[str, ...], FloatArray]:
    """Names and design matrix (n, p) of the fixed effects, the intercept first."""
    names = ("intercept", *covariates)
    return names, np.column_stack([np.ones(len(outcome)), *covariates.values()])


def problem(outcome: FloatArray, design: FloatArray) -> str | None:
    """Why these observations cannot be modelled, as a sentence, or None."""
    if len(outcome) <= design.shape[1] + 1:
        return "There are too few observations for this model."
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "The covariates cannot be told apart in these observations."
    residual = outcome - design @ np.linalg.lstsq(design, outcome, rcond=None)[0]
    if float(residual @ residual) <= 1e-12 * max(1.0, float(outcome @ outcome)):
        return "The observations do not vary."
    return None


@dataclass(frozen=True)
class CrossProducts:
    """Cross products of the data, from which the (restricted) likelihood is made.

    The levels of the first factor (with most levels) form a diagonal block `a`; those of the
    others a small dense block `c`; `b` couples them. `w` is [X, y].
    """

    names: tuple[str, ...]
    n: int
    p: int
    a: FloatArray
    b: FloatArray
    c: FloatArray
    first_w: FloatArray
    other_w: FloatArray
    ww: FloatArray
    owner: IntArray

    @classmethod
    def of(
        cls, outcome: FloatArray, design: FloatArray, factors: dict[str, IntArray]
    ) -> CrossProducts:
        """Of an outcome (n,), a design (n, p) and the factors' levels, each (n,).

        Args:
            outcome: shape (n,).
            design: shape (n, p).
            factors: name -> shape (n,): levels.
        """
        levels = {name: np.unique(v, return_inverse=True)[1] for name, v in factors.items()}
        names = tuple(sorted(levels, key=lambda name: -int(levels[name].max())))
        w = np.column_stack([design, outcome])
        first = levels[names[0]]
        size = int(first.max()) + 1
        hot = [np.eye(int(levels[name].max()) + 1)[levels[name]] for name in names[1:]]
        others = np.hstack(hot) if hot else np.zeros((len(outcome), 0))
        b, first_w = np.zeros((size, others.shape[1])), np.zeros((size, w.shape[1]))
        np.add.at(b, first, others)
        np.add.at(first_w, first, w)
        owner = np.repeat(np.arange(len(hot)), [part.shape[1] for part in hot])
        return cls(
            names,
            len(outcome),
            design.shape[1],
            np.bincount(first, minlength=size).astype(float),
            b,
            others.T @ others,
            first_w,
            others.T @ w,
            w.T @ w,
            owner,
        )

    def reduced(self, ratios: FloatArray) -> tuple[float, FloatArray]:
        """Log determinant of V / v and W' (V / v)^-1 W for variance ratios v_f / v."""
        s0, s = math.sqrt(ratios[0]), np.sqrt(ratios[1:])[self.owner]
        a = 1 + ratios[0] * self.a
        b = s0 * self.b * s
        schur = np.eye(len(s)) + s[:, None] * self.c * s - b.T @ (b / a[:, None])
        u0, u = s0 * self.first_w, s[:, None] * self.other_w
        rest = u - b.T @ (u0 / a[:, None])
        inner = self.ww - u0.T @ (u0 / a[:, None])
        log_det = float(np.log(a).sum())
        # The identity and a part that is never negative, but for rounding where ratios are huge.
        values, vectors = np.linalg.eigh(schur)
        values, turned = np.maximum(values, 1.0), vectors.T @ rest
        inner = inner - turned.T @ (turned / values[:, None])
        return log_det + float(np.log(values).sum()), inner

    def split(self, inner: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """X'V^-1X, the coefficients, and the weighted residual sum of squares."""
        xx, xy, yy = inner[:-1, :-1], inner[:-1, -1], float(inner[-1, -1])
        # Not `solve`: where ratios are huge, X'V^-1X can be singular to all digits.
        beta: FloatArray = np.linalg.lstsq(xx, xy, rcond=None)[0].astype(np.float64)
        return xx, beta, yy - float(xy @ beta)

    def profiled_residual(self, ratios: FloatArray) -> float:
        """The residual variance that is best (REML) for variance ratios."""
        return self.split(self.reduced(ratios)[1])[2] / (self.n - self.p)

    def _profiled_criterion(self, ratios: FloatArray) -> float:
        log_det, inner = self.reduced(ratios)
        xx, _, rss = self.split(inner)
        df = self.n - self.p
        return float(
            log_det + np.linalg.slogdet(xx)[1] + df * (1 + math.log(2 * math.pi * rss / df))
        )

    def criterion(self, variances: FloatArray) -> float:
        """-2 log restricted likelihood at variances (factors, residual)."""
        residual = float(variances[-1])
        log_det, inner = self.reduced(variances[:-1] / residual)
        xx, _, rss = self.split(inner)
        df = self.n - self.p
        value = log_det + np.linalg.slogdet(xx)[1] + rss / residual
        return float(value + df * math.log(2 * math.pi * residual))

    def best_ratios(self) -> FloatArray:
        """Variance ratios of the smallest criterion.

        Looked for over their square roots, where steps fit small and large ratios alike. But there
        the slope at 0 is always 0, also where it is no minimum: over the ratios it shows.
        """
        size = len(self.names)
        rough = optimize.minimize(
            lambda root: self._profiled_criterion(root**2),
            np.full(size, 1.0),
            method="L-BFGS-B",
            bounds=[(0, 1e3)] * size,
        )
        found = optimize.minimize(
            self._profiled_criterion, rough.x**2, method="L-BFGS-B", bounds=[(0, 1e6)] * size
        )
        return self._polished(np.sqrt(np.where(found.x < 1e-6, 0.0, found.x))) ** 2

    def _polished(self, roots: FloatArray) -> FloatArray:
        """Newton steps on the roots that are not zero, where the criterion is smooth."""
        free = np.flatnonzero(roots)
        for _ in range(5 if len(free) else 0):
            gradient, hessian = _derivatives(
                lambda root: self._profiled_criterion(root**2), roots, free, 1e-3 * roots[free]
            )
            moved = roots.copy()
            moved[free] -= np.linalg.lstsq(hessian, gradient, rcond=None)[0]
            if self._profiled_criterion(moved**2) > self._profiled_criterion(roots**2) + 1e-9:
                break
            roots = moved
        return roots

    def fixed_effects(self, variances: FloatArray, names: tuple[str, ...]) -> dict[str, Estimate]:
        """Coefficients with Satterthwaite's degrees of freedom at variances (factors, residual)."""
        covariance, beta = self._covariance(variances)
        free = np.flatnonzero(variances > 0)
        spread = self._variance_covariance(variances, free)
        out = {}
        for i, name in enumerate(names):
            gradient = self._gradient(variances, free, i)
            scale = float(gradient @ spread @ gradient)
            df = 2 * float(covariance[i, i]) ** 2 / scale if scale > 0 else float(self.n - self.p)
            method = "mixed model, REML, Satterthwaite"
            out[name] = t_estimate(float(beta[i]), float(covariance[i, i]), df, method=method)
        return out

    def _covariance(self, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
        residual = variances[-1]
        xx, beta, _ = self.split(self.reduced(variances[:-1] / residual)[1])
        covariance: FloatArray = (np.linalg.inv(xx) * residual).astype(np.float64)
        return covariance, beta

    def _gradient(self, variances: FloatArray, free: IntArray, i: int) -> FloatArray:
        """Derivative of a coefficient's variance by the free variances (central differences)."""
        out = np.zeros(len(free))
        for position, f in enumerate(free):
            step = np.zeros(len(variances))
            step[f] = 1e-4 * variances[f]
            up = self._covariance(variances + step)[0][i, i]
            down = self._covariance(variances - step)[0][i, i]
            out[position] = (up - down) / (2 * step[f])
        return out

    def _variance_covariance(self, variances: FloatArray, free: IntArray) -> FloatArray:
        """Covariance of the variance estimates: 2 H^-1, H the Hessian of the criterion."""
        hessian = _derivatives(self.criterion, variances, free, 1e-3 * variances[free])[1]
        inverse: FloatArray = 2 * np.linalg.pinv(hessian).astype(np.float64)
        return inverse


def _derivatives(
    function: Callable[[FloatArray], float], at: FloatArray, free: IntArray, steps: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient and Hessian by central differences in the free coordinates."""

    def value(*moves: tuple[int, int]) -> float:
        point = at.copy()
        for row, sign in moves:
            point[free[row]] += sign * steps[row]
        return function(point)

    size = len(free)
    gradient, hessian = np.zeros(size), np.zeros((size, size))
    middle = value()
    for i in range(size):
        up, down = value((i, 1)), value((i, -1))
        gradient[i] = (up - down) / (2 * steps[i])
        hessian[i, i] = (up - 2 * middle + down) / steps[i] ** 2
        for j in range(i):
            mixed = value((i, 1), (j, 1)) - value((i, 1), (j, -1))
            mixed += value((i, -1), (j, -1)) - value((i, -1), (j, 1))
            hessian[i, j] = hessian[j, i] = mixed / (4 * steps[i] * steps[j])
    return gradient, hessian
