"""The contaminated binormal ROC curve, fitted by maximum likelihood to ratings of any scale.

Cases without disease rate N(0, 1) on a hidden scale; of those with it a share alpha, whose disease
is visible, N(mu, 1), and the others N(0, 1) like cases without (Dorfman & Berbaum 2000). The curve
is proper: it never crosses the chance line, and it fits ratings that no binormal curve fits. Its
area is (1 - alpha) / 2 + alpha Phi(mu / sqrt 2).

Ratings are cut into categories as for the binormal curve (`binormal.categories`). Fisher scoring
within the parameters' limits, from several starts; a parameter that the search drives to a limit
stays there, and standard errors, from the observed information, are those of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import special

from densesharp.stats.binormal import (
    GROUPS,
    ONE_CLASS,
    ONE_POINT,
    TOO_FEW,
    categories,
    degenerate,
    pearson,
)
from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable, rescaled
from densesharp.stats.figures_of_merit import FigureOfMerit
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

AT_LIMIT = "The likelihood is largest at the end of the parameter's range, so it has no interval."
BORDER = "All points of the empirical curve lie on the border of the square; the area is the limit."
NO_INTERVAL = "The likelihood is flat around its largest value, so there is no standard error."

_FLAT = 100.0
"""A variance above it is that of a parameter that the ratings do not determine."""
_LIMITS = ((1e-6, 10.0), (1e-6, 1.0))
_STARTS = ((1.5, 0.8), (3.0, 0.5), (0.8, 0.9))
_REFITS = 60
"""With more kinds of cases the jackknife takes their influences in the place of refits."""
_THRESHOLDS = (-9.0, 19.0)
_GRID = np.linspace(-9.0, 19.0, 1401)


NAMES = ("mu", "alpha")


class _Heights(NamedTuple):
    """Shares rated above points z, of cases without and with disease.

    Attributes:
        above: shape (2, m).
        by_point: shape (2, m): derivatives by z.
        by_parameter: shape (2, m, 2): derivatives by mu and alpha.
    """

    above: FloatArray
    by_point: FloatArray
    by_parameter: FloatArray


def _above(parameters: FloatArray, z: FloatArray) -> _Heights:
    mu, alpha = parameters
    seen, unseen = special.ndtr(mu - z), special.ndtr(-z)
    moved, still = _density(z - mu), _density(z)
    by_parameter = np.zeros((2, len(z), 2))
    by_parameter[1] = np.column_stack([alpha * moved, seen - unseen])
    return _Heights(
        np.array([unseen, (1 - alpha) * unseen + alpha * seen]),
        np.array([-still, -(1 - alpha) * still - alpha * moved]),
        by_parameter,
    )


def _density(z: FloatArray) -> FloatArray:
    found: FloatArray = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return found


def area_of(parameters: FloatArray) -> float:
    """The area under the curve of mu and alpha."""
    mu, alpha = float(parameters[0]), float(parameters[1])
    return (1 - alpha) / 2 + alpha * float(special.ndtr(mu / math.sqrt(2)))


@dataclass(frozen=True)
class ContaminatedFit:
    """A fitted curve, or why there is none.

    Attributes:
        mu: how much higher visible disease rates.
        alpha: share of diseased cases whose disease is visible.
        auc: area under the curve, with the delta method's standard error.
        thresholds: shape (m,): on the hidden scale, ascending.
        loglik: the largest log-likelihood.
        fit: Pearson's chi-square of the fit; `value` is it.
        reason: why there is no curve, or no standard error of its area.
    """

    mu: Estimate
    alpha: Estimate
    auc: Estimate
    thresholds: FloatArray = field(default_factory=lambda: np.empty(0))
    loglik: float | None = None
    fit: Estimate = field(default_factory=lambda: not_estimable(ONE_POINT))
    reason: str | None = None

    def tpf(self, fpf: FloatArray) -> FloatArray | None:
        """The curve's true positive fractions at false positive ones; None without a fit."""
        if self.mu.value is None or self.alpha.value is None:
            return None
        parameters = np.array([self.mu.value, self.alpha.value])
        found: FloatArray = _above(parameters, -special.ndtri(fpf)).above[1]
        return found


@dataclass(frozen=True)
class _Maximum:
    """Where the likelihood is largest.

    Attributes:
        at: shape (2 + m,): parameters and thresholds.
        loglik: there.
        free: shape (2 + m,): what is not at a limit.
    """

    at: FloatArray
    loglik: float
    free: BoolArray


def fit_contaminated(
    ratings: FloatArray, truth: BoolArray, *, confidence: float = 0.95
) -> ContaminatedFit:
    """The curve of most likelihood, its area and the test of its fit.

    Args:
        ratings: shape (K,), without NaN; larger means disease.
        truth: shape (K,): True with the disease.
        confidence: of the intervals.
    """
    one_class = truth.all() or not truth.any()
    counts = None if one_class else categories(ratings, truth)
    shape = ONE_CLASS if counts is None else degenerate(counts)
    if counts is None or shape == ONE_POINT:
        missing = not_estimable(shape or ONE_CLASS)
        return ContaminatedFit(missing, missing, missing, reason=shape, fit=missing)
    best = _best(counts)
    covariance = None if shape else _covariance(best, counts)
    method, why = "contaminated binormal, maximum likelihood", BORDER if shape else NO_INTERVAL

    def estimate(i: int) -> Estimate:
        value = float(best.at[i])
        if covariance is None or not best.free[i] or covariance[i, i] > _FLAT:
            reason = AT_LIMIT if covariance is not None and not best.free[i] else why
            return Estimate(value, method=method, reason=reason)
        # The distance is above 0, the share between 0 and 1: limits are made where both are free.
        slope = value if i == 0 else value * (1 - value)
        free = normal_estimate(
            math.log(value) if i == 0 else float(special.logit(value)),
            float(covariance[i, i]) / slope**2,
            confidence=confidence, null=None, method=method,
        )  # fmt: skip
        back = math.exp if i == 0 else lambda x: float(special.expit(x))
        return rescaled(free, value, slope, back)

    auc = Estimate(area_of(best.at[:2]), method=method, reason=why)
    if covariance is not None and best.free[:2].any():
        slope = _area_slope(best)
        variance = float(slope @ covariance @ slope)
        auc = normal_estimate(
            area_of(best.at[:2]), variance, confidence=confidence, null=0.5, method=method
        )
    fit = _fit_test(ratings, truth, best, counts)
    return ContaminatedFit(estimate(0), estimate(1), auc, best.at[2:], best.loglik, fit, auc.reason)


def _best(counts: IntArray) -> _Maximum:
    """The largest of the maxima that the search finds from the model's starts."""
    found = [_maximum(counts, np.array(start)) for start in _STARTS]
    return max(found, key=lambda one: one.loglik)


def _first_thresholds(parameters: FloatArray, counts: IntArray) -> FloatArray:
    """Points above which the model has the share of all cases that the counts have."""
    total = counts.sum(axis=1)
    above = _above(parameters, _GRID).above
    pooled = (total @ above) / total.sum()
    seen = 1 - np.cumsum(counts.sum(axis=0))[:-1] / total.sum()
    points: FloatArray = np.interp(-seen, -pooled, _GRID)
    apart: FloatArray = points + 1e-6 * np.arange(len(points))
    return apart


def _cells(at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probabilities of the categories, shape (2, m+1), and their slopes, (2, m+1, 2+m)."""
    found = _above(at[:2], at[2:])
    m = len(at) - 2
    edges = np.concatenate([np.ones((2, 1)), found.above, np.zeros((2, 1))], axis=1)
    cells = np.maximum(-np.diff(edges, axis=1), 1e-300)
    of_point = np.zeros((2, m, 2 + m))
    of_point[:, :, :2] = found.by_parameter
    of_point[:, np.arange(m), 2 + np.arange(m)] = found.by_point
    slopes = -np.diff(np.pad(of_point, ((0, 0), (1, 1), (0, 0))), axis=1)
    return cells, slopes


def _loglik(at: FloatArray, counts: IntArray) -> float:
    if (np.diff(at[2:]) <= 0).any():
        return -math.inf
    above = _above(at[:2], at[2:]).above
    edges = np.concatenate([np.ones((2, 1)), above, np.zeros((2, 1))], axis=1)
    return float((counts * np.log(np.maximum(-np.diff(edges, axis=1), 1e-300))).sum())


def _score(at: FloatArray, counts: IntArray) -> FloatArray:
    cells, slopes = _cells(at)
    found: FloatArray = (counts / cells).ravel() @ slopes.reshape(-1, len(at))
    return found


def _maximum(counts: IntArray, start: FloatArray) -> _Maximum:
    """Fisher scoring within limits; steps are halved until the likelihood grows."""
    m, total = counts.shape[1] - 1, counts.sum(axis=1)
    at = np.concatenate([start, _first_thresholds(start, counts)])
    low, high = np.array([*_LIMITS, *[_THRESHOLDS] * m]).T
    value = _loglik(at, counts)
    free = np.ones(len(at), dtype=bool)
    for _ in range(300):
        cells, slopes = _cells(at)
        flat = slopes.reshape(-1, len(at))
        score = (counts / cells).ravel() @ flat
        information = flat.T @ ((total[:, None] / cells).reshape(-1, 1) * flat)
        free = ~(((at <= low) & (score < 0)) | ((at >= high) & (score > 0)))
        own = information[np.ix_(free, free)]
        ridge = 1e-10 * np.diag(np.maximum(np.diag(own), 1e-10))
        step = np.zeros(len(at))
        step[free] = np.linalg.solve(own + ridge, score[free])
        gain = float(score @ step)
        step /= max(1.0, float(np.abs(step).max()))
        scale = 1.0
        new = np.clip(at + step, low, high)
        while (found := _loglik(new, counts)) < value and scale > 1e-10:
            scale /= 2
            new = np.clip(at + scale * step, low, high)
        if not math.isfinite(gain) or gain < 1e-11 or scale <= 1e-10:
            break
        at, value = new, found
    return _Maximum(at, value, free)


def _covariance(best: _Maximum, counts: IntArray) -> FloatArray | None:
    """Of parameters and thresholds, 0 where at a limit; None where the likelihood is flat.

    The observed information from differences of the score, which is exact.
    """
    n = len(best.at)
    information = np.zeros((n, n))
    for i in np.flatnonzero(best.free):
        h = 1e-5 * np.eye(n)[i]
        ahead, behind = (_score(best.at + s * h, counts) for s in (1, -1))
        information[i] = (behind - ahead) / 2e-5
    own = information[np.ix_(best.free, best.free)]
    try:
        inverse = np.linalg.inv((own + own.T) / 2)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(inverse).all() or (np.diag(inverse) <= 0).any():
        return None
    covariance = np.zeros((n, n))
    covariance[np.ix_(best.free, best.free)] = inverse
    return covariance


def _area_slope(best: _Maximum) -> FloatArray:
    """The derivatives of the area, shape (2 + m,); 0 at limits."""
    mu, alpha = float(best.at[0]), float(best.at[1])
    slope = np.zeros(len(best.at))
    slope[0] = alpha * math.exp(-mu * mu / 4) / math.sqrt(4 * math.pi)
    slope[1] = float(special.ndtr(mu / math.sqrt(2))) - 0.5
    return np.where(best.free, slope, 0.0)


def _fit_test(ratings: FloatArray, truth: BoolArray, best: _Maximum, counts: IntArray) -> Estimate:
    """Pearson's chi-square, ratings of many values in groups, as for the binormal curve."""
    if len(np.unique(ratings)) > GROUPS:
        limits = np.quantile(ratings, np.arange(1, GROUPS) / GROUPS)
        counts = categories(np.searchsorted(limits, ratings).astype(np.float64), truth)
        if degenerate(counts):
            return not_estimable(TOO_FEW)
        best = _best(counts)
    return pearson(counts, _cells(best.at)[0], 2)


def _influence(best: _Maximum, ratings: FloatArray, diseased: BoolArray) -> FloatArray | None:
    """What each case adds to the area, shape (K,), to first order; None where unknown."""
    counts = categories(ratings, diseased)
    covariance = _covariance(best, counts)
    if covariance is None:
        return None
    cells, slopes = _cells(best.at)
    by_cell = (slopes / cells[..., None]) @ (covariance @ _area_slope(best))
    order = np.argsort(ratings, kind="stable")
    category = np.empty(len(ratings), dtype=np.int64)
    category[order] = np.repeat(np.arange(counts.shape[1]), counts.sum(axis=0))
    influence: FloatArray = by_cell[diseased.astype(np.int64), category]
    return influence


def _leave_one_out(ratings: FloatArray, diseased: BoolArray) -> tuple[float, FloatArray] | None:
    if min(int(diseased.sum()), int((~diseased).sum())) < 2:
        return None
    counts = categories(ratings, diseased)
    if degenerate(counts) == ONE_POINT:
        return None
    best = _best(counts)
    area = area_of(best.at[:2])
    kinds, kind = np.unique(np.column_stack([ratings, diseased]), axis=0, return_inverse=True)
    if len(kinds) > _REFITS:
        influence = _influence(best, ratings, diseased)
        if influence is not None:
            return area, area - influence
    left_out, every = np.empty(len(ratings)), np.arange(len(ratings))
    for number in range(len(kinds)):
        alike = kind.ravel() == number
        rest = every != np.argmax(alike)
        fewer = categories(ratings[rest], diseased[rest])
        if degenerate(fewer) == ONE_POINT:
            return None
        near = _maximum(fewer, best.at[:2])
        left_out[alike] = area_of(near.at[:2])
    return area, left_out


def _compute(ratings: FloatArray, truth: IntArray) -> tuple[float, FloatArray] | None:
    return _leave_one_out(ratings, truth > 0)


CONTAMINATED_AUC = FigureOfMerit(
    "contaminated binormal AUC",
    "ratings that make two points inside the square of the empirical curve, or some on its border, "
    "also without any one case",
    _compute,
    lambda truth: np.ones(len(truth), dtype=bool),
)
"""Area under the contaminated binormal curve."""
