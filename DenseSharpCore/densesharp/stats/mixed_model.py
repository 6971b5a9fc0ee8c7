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
from itertools import combinations, product

import numpy as np
from scipy import optimize

from densesharp.stats.estimates import Estimate, not_estimable, t_estimate
from densesharp.stats.tables import FloatArray, IntArray

MOST_CELLS = 16
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
        float(products.criterion(variances)),
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
    nested in another (a case's readings with and without the model in the case, or the patient), a
    group is a level of that one with its cells, and factors between the two go along; else each
    level is a group of one cell. Groups with equally many observations in cells that belong
    together alike (in a complete study all) are eliminated together. Z are the indicators of the
    other factors' m levels, w is [X, y].

    Attributes:
        names: the factors, those that are eliminated first.
        n: number of observations.
        p: number of fixed effects.
        alike: shape (g, e, cells, cells): which cells of each kind of group are of one level of the
            e eliminated factors.
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
    alike: FloatArray
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
        inside, group, cell = _groups(levels, names)
        names = (*inside, *(name for name in names if name not in inside))
        hot = [np.eye(int(levels[name].max()) + 1)[levels[name]] for name in names[len(inside) :]]
        zw = np.hstack([*hot, w])
        shape = int(group.max()) + 1, int(cell.max()) + 1
        observed, sums = np.zeros(shape), np.zeros((*shape, zw.shape[1]))
        np.add.at(observed, (group, cell), 1)
        np.add.at(sums, (group, cell), zw)
        labels = np.full((*shape, len(inside)), -1)
        for f, name in enumerate(inside):
            labels[group, cell, f] = levels[name]
        alike = np.moveaxis(labels[:, :, None] == labels[:, None, :], 3, 1)
        rows = np.column_stack([alike.reshape(len(alike), -1), observed])
        found, kind = np.unique(rows, axis=0, return_inverse=True)
        kinds = found[:, -shape[1] :]
        products = [
            np.einsum("kiv,kjw->ijvw", one, one, optimize=True)
            for one in (sums[kind.ravel() == number] for number in range(len(kinds)))
        ]
        owner = np.repeat(np.arange(len(hot)), [part.shape[1] for part in hot])
        return cls(
            names,
            len(outcome),
            design.shape[1],
            found[:, : -shape[1]].reshape(-1, len(inside), shape[1], shape[1]),
            kinds,
            np.bincount(kind.ravel()).astype(float),
            np.array(products),
            zw.T @ zw,
            owner,
        )

    def reduced(self, ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log determinant of V / v and W' (V / v)^-1 W for variance ratios v_f / v, (..., f).

        Args:
            ratios: shape (..., f): of as many points as wanted, which cost little more than one.
        """
        s = np.sqrt(ratios[..., self.alike.shape[1] :])[..., self.owner]
        m = s.shape[-1]
        root = self._cell_root(ratios)
        cells = np.eye(root.shape[-1]) + root @ (self.kinds[:, :, None] * root)
        log_det = np.linalg.slogdet(cells)[1] @ self.counts
        weights = root @ np.linalg.solve(cells, np.broadcast_to(root, cells.shape))
        left = self.whole - np.tensordot(weights, self.sums, 3)
        schur = np.eye(m) + s[..., :, None] * left[..., :m, :m] * s[..., None, :]
        rest, inner = s[..., :, None] * left[..., :m, m:], left[..., m:, m:]
        # The identity and a part that is never negative, but for rounding where ratios are huge.
        values, vectors = np.linalg.eigh(schur)
        values, turned = np.maximum(values, 1.0), np.swapaxes(vectors, -1, -2) @ rest
        inner = inner - np.swapaxes(turned, -1, -2) @ (turned / values[..., :, None])
        return log_det + np.log(values).sum(axis=-1), inner

    def _cell_root(self, ratios: FloatArray) -> FloatArray:
        """The symmetric roots of the covariances of groups' cells, by the residual variance.

        Shape (..., g, cells, cells).
        """
        covariance = np.tensordot(ratios[..., : self.alike.shape[1]], self.alike, (-1, 1))
        values, vectors = np.linalg.eigh(covariance)
        deviations = np.sqrt(np.maximum(values, 0.0))[..., None, :]
        root: FloatArray = (vectors * deviations) @ np.swapaxes(vectors, -1, -2)
        return root

    def split(self, inner: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """X'V^-1X, the coefficients, and the weighted residual sum of squares."""
        xx, xy, yy = inner[..., :-1, :-1], inner[..., :-1, -1], inner[..., -1, -1]
        # Not `solve`: where ratios are huge, X'V^-1X can be singular to all digits.
        values, vectors = np.linalg.eigh(xx)
        parts = (np.swapaxes(vectors, -1, -2) @ xy[..., None])[..., 0]
        known = values > 1e-15 * values[..., -1:]
        share = np.where(known, parts / np.where(known, values, 1.0), 0.0)
        beta: FloatArray = (vectors @ share[..., None])[..., 0]
        return xx, beta, yy - (parts * share).sum(axis=-1)

    def profiled_residual(self, ratios: FloatArray) -> float:
        """The residual variance that is best (REML) for variance ratios."""
        return float(self.split(self.reduced(ratios)[1])[2]) / (self.n - self.p)

    def _profiled_criterion(self, ratios: FloatArray) -> FloatArray:
        """-2 log restricted likelihood, the residual variance at its best; points (..., f)."""
        log_det, inner = self.reduced(ratios)
        xx, _, rss = self.split(inner)
        df = self.n - self.p
        value = log_det + np.linalg.slogdet(xx)[1]
        found: FloatArray = value + df * (1 + np.log(2 * math.pi * rss / df))
        return found

    def criterion(self, variances: FloatArray) -> FloatArray:
        """-2 log restricted likelihood at variances (..., factors and residual)."""
        residual = variances[..., -1]
        log_det, inner = self.reduced(variances[..., :-1] / residual[..., None])
        xx, _, rss = self.split(inner)
        df = self.n - self.p
        value = log_det + np.linalg.slogdet(xx)[1] + rss / residual
        found: FloatArray = value + df * np.log(2 * math.pi * residual)
        return found

    def best_ratios(self) -> FloatArray:
        """Variance ratios of the smallest criterion.

        Looked for over their square roots, where steps fit small and large ratios alike. But there
        the slope at 0 is always 0, also where it is no minimum: over the ratios it shows.
        """
        start = np.full(len(self.names), 1.0)
        none = np.zeros_like(start)
        rough = smallest(lambda root: self._profiled_criterion(root**2), start, none, 1e3)[0]
        found = smallest(self._profiled_criterion, rough**2, none, 1e6)[0]
        return self._polished(np.sqrt(np.where(found < 1e-6, 0.0, found))) ** 2

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
        covariance, beta = self.covariance(variances)
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

    def covariance(self, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Of the coefficients, and these, at variances (factors, residual)."""
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
            up = self.covariance(variances + step)[0][i, i]
            down = self.covariance(variances - step)[0][i, i]
            out[position] = (up - down) / (2 * step[f])
        return out

    def _variance_covariance(self, variances: FloatArray, free: IntArray) -> FloatArray:
        """Covariance of the variance estimates: 2 H^-1, H the Hessian of the criterion."""
        hessian = _derivatives(self.criterion, variances, free, 3e-3 * variances[free])[1]
        inverse: FloatArray = 2 * np.linalg.pinv(hessian).astype(np.float64)
        return inverse


def _groups(
    levels: Mapping[str, IntArray], names: tuple[str, ...]
) -> tuple[tuple[str, ...], IntArray, IntArray]:
    """Which factors are eliminated together, and group and cell of every observation.

    Args:
        levels: factor -> shape (n,): levels 0, 1, ...
        names: the factors, the one with most levels first.
    """
    finest = levels[names[0]]
    best = names[:1], finest, np.zeros(len(finest), dtype=np.int64)
    for name in names[1:]:
        outer = levels[name]
        inside = tuple(
            one for one in names if _nested(finest, levels[one]) and _nested(levels[one], outer)
        )
        pairs = np.unique(np.column_stack([outer, finest]), axis=0)
        starts = np.r_[0, np.cumsum(np.bincount(pairs[:, 0]))]
        most = int(np.diff(starts).max())
        if len(inside) <= len(best[0]) or not 1 < most <= MOST_CELLS:
            continue
        place = np.empty(len(pairs), dtype=np.int64)
        place[pairs[:, 1]] = np.arange(len(pairs)) - starts[pairs[:, 0]]
        best = inside, outer, place[finest]
    return best


def _nested(inner: IntArray, outer: IntArray) -> bool:
    """Whether each inner level lies within one outer level."""
    return len(np.unique(np.column_stack([inner, outer]), axis=0)) == int(inner.max()) + 1


def smallest(
    function: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    low: FloatArray,
    high: float | None = None,
    **options: float,
) -> tuple[FloatArray, float]:
    """Where a function of numbers not below 0 is smallest, and its value there (L-BFGS-B).

    Args:
        function: points, shape (k, p), to values, shape (k,).
        start: shape (p,).
        low: shape (p,): lower bounds.
        high: upper bound of all; None for none.
        options: of the method.
    """
    size = len(start)

    def with_slope(point: FloatArray) -> tuple[float, FloatArray]:
        step = np.maximum(1e-4 * point, 1e-7)
        # To both sides, or twice to one at a bound: all points at once.
        central = point - step >= low
        moves = np.concatenate([np.diag(step), np.diag(np.where(central, -step, 2 * step))])
        values = function(point + np.concatenate([np.zeros((1, size)), moves]))
        middle, up, other = values[0], values[1 : size + 1], values[size + 1 :]
        slope = np.where(central, up - other, 4 * up - other - 3 * middle) / (2 * step)
        return float(middle), slope

    bounds = [(bound, high) for bound in low]
    found = optimize.minimize(
        with_slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    return np.asarray(found.x, dtype=np.float64), float(found.fun)


def _derivatives(
    function: Callable[[FloatArray], FloatArray], at: FloatArray, free: IntArray, steps: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient and Hessian by central differences in the free coordinates.

    Args:
        function: points, shape (k, p), to values, shape (k,).
        at: shape (p,).
        free: numbers of the coordinates that vary.
        steps: of each of these.
    """
    size = len(free)
    pairs = list(combinations(range(size), 2))
    moves = np.zeros((1 + 2 * size + 4 * len(pairs), len(at)))
    signs = [(i, sign) for i in range(size) for sign in (1, -1)]
    for row, (i, sign) in enumerate(signs, 1):
        moves[row, free[i]] = sign * steps[i]
    corners = list(product((1, -1), repeat=2))
    for row, ((j, i), (a, b)) in enumerate(product(pairs, corners), 1 + 2 * size):
        moves[row, free[i]], moves[row, free[j]] = a * steps[i], b * steps[j]
    values = function(at + moves)
    middle, up, down = values[0], values[1 : 2 * size + 1 : 2], values[2 : 2 * size + 1 : 2]
    gradient = (up - down) / (2 * steps)
    hessian = np.diag((up - 2 * middle + down) / steps**2)
    for (j, i), mixed in zip(pairs, values[1 + 2 * size :].reshape(-1, 4), strict=True):
        found = (mixed[0] - mixed[1] - mixed[2] + mixed[3]) / (4 * steps[i] * steps[j])
        hessian[i, j] = hessian[j, i] = found
    return gradient, hessian
