"""Linear mixed models with crossed random effects, by restricted maximum likelihood (REML).

y = X b + sum_f Z_f u_f + e, with u_f ~ N(0, v_f I) for every factor f and e ~ N(0, v I). The
largest factor (the cases, with what is nested in them) is eliminated first, so that time and memory
grow linearly with it.
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

MOST_CELLS = 8
"""Levels of a factor within one of the factor it is nested in, up to which both go together."""


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

    The levels of the first factor (with most levels) are eliminated group by group: where they are
    nested in the next factor (a case's readings with and without the model in the case), a group is
    a level of that one with its cells, else each level is a group of one cell. Groups with equally
    many observations in their cells (in a complete study all) are eliminated together. Z are the
    indicators of the other factors' m levels, w is [X, y].

    Attributes:
        names: the factors, the one with most levels first.
        n: number of observations.
        p: number of fixed effects.
        nested: whether the first factor is nested in the second.
        kinds: shape (g, cells): observations in the cells of each kind of group.
        counts: shape (g,): groups of each kind.
        sums: shape (g, cells, cells, m + p + 1, m + p + 1): products of the cells' sums of [Z, w],
            added up over the groups of a kind.
        whole: shape (m + p + 1, m + p + 1): [Z, w]' [Z, w] over all observations.
        owner: shape (m,): number of each level's factor among the others.
    """

    names: tuple[str, ...]
    n: int
    p: int
    nested: bool
    kinds: FloatArray
    counts: FloatArray
    sums: FloatArray
    whole: FloatArray
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
        groups = _groups(levels[names[0]], levels[names[1]] if len(names) > 1 else None)
        nested = groups is not None
        group, cell = groups if groups is not None else (levels[names[0]], np.zeros(len(w), int))
        hot = [np.eye(int(levels[name].max()) + 1)[levels[name]] for name in names[1 + nested :]]
        zw = np.hstack([*hot, w])
        shape = int(group.max()) + 1, int(cell.max()) + 1
        observed, sums = np.zeros(shape), np.zeros((*shape, zw.shape[1]))
        np.add.at(observed, (group, cell), 1)
        np.add.at(sums, (group, cell), zw)
        kinds, kind = np.unique(observed, axis=0, return_inverse=True)
        products = [
            np.einsum("kiv,kjw->ijvw", one, one, optimize=True)
            for one in (sums[kind.ravel() == number] for number in range(len(kinds)))
        ]
        owner = np.repeat(np.arange(len(hot)), [part.shape[1] for part in hot])
        return cls(
            names,
            len(outcome),
            design.shape[1],
            nested,
            kinds,
            np.bincount(kind.ravel()).astype(float),
            np.array(products),
            zw.T @ zw,
            owner,
        )

    def reduced(self, ratios: FloatArray) -> tuple[float, FloatArray]:
        """Log determinant of V / v and W' (V / v)^-1 W for variance ratios v_f / v."""
        s = np.sqrt(ratios[1 + self.nested :])[self.owner]
        m = len(s)
        root = self._cell_root(ratios)
        cells = np.eye(len(root)) + root @ (self.kinds[:, :, None] * root)
        log_det = float(self.counts @ np.linalg.slogdet(cells)[1])
        weights = root @ np.linalg.solve(cells, np.broadcast_to(root, cells.shape))
        left = self.whole - np.tensordot(weights, self.sums, 3)
        schur = np.eye(m) + s[:, None] * left[:m, :m] * s
        rest, inner = s[:, None] * left[:m, m:], left[m:, m:]
        # The identity and a part that is never negative, but for rounding where ratios are huge.
        values, vectors = np.linalg.eigh(schur)
        values, turned = np.maximum(values, 1.0), vectors.T @ rest
        inner = inner - turned.T @ (turned / values[:, None])
        return log_det + float(np.log(values).sum()), inner

    def _cell_root(self, ratios: FloatArray) -> FloatArray:
        """The symmetric root of the covariance of a group's cells, by the residual variance.

        Cells vary by themselves and, when nested, together: ratios[0] I + ratios[1] J.
        """
        cells = self.kinds.shape[1]
        own = math.sqrt(ratios[0])
        both = math.sqrt(ratios[0] + cells * ratios[1]) if self.nested else own
        root: FloatArray = own * np.eye(cells) + (both - own) / cells * np.ones((cells, cells))
        return root

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


def _groups(inner: IntArray, outer: IntArray | None) -> tuple[IntArray, IntArray] | None:
    """Group and cell of every observation if the inner levels are nested in few per outer one."""
    if outer is None:
        return None
    pairs = np.unique(np.column_stack([outer, inner]), axis=0)
    if len(pairs) != int(inner.max()) + 1 or len(pairs) == int(outer.max()) + 1:
        return None
    starts = np.r_[0, np.cumsum(np.bincount(pairs[:, 0]))]
    if np.diff(starts).max() > MOST_CELLS:
        return None
    place = np.empty(len(pairs), dtype=np.int64)
    place[pairs[:, 1]] = np.arange(len(pairs)) - starts[pairs[:, 0]]
    return outer, place[inner]


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
