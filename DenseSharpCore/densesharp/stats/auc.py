"""The empirical ROC curve: area, DeLong's covariance and tests, partial area, operating points.

Conventions: `truth` is True for diseased; larger ratings mean disease; n1 diseased cases with
ratings x, n0 others with ratings y. psi(x, y) is 1 if x > y, 1/2 if equal, 0 otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from densesharp.stats.estimates import Estimate, normal_estimate, not_estimable
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

ONE_CLASS = "The ROC curve needs at least one case with and one without disease."


@dataclass(frozen=True)
class Placements:
    """The placement values of one rating (DeLong, DeLong & Clarke-Pearson 1988).

    Attributes:
        diseased: shape (n1,): mean over the others of psi(x_k, y_l); called V10.
        others: shape (n0,): mean over the diseased of psi(x_k, y_l); called V01.
    """

    diseased: FloatArray
    others: FloatArray

    @property
    def auc(self) -> float:
        """The area: the mean of either."""
        return float(self.diseased.mean())


def placements(ratings: FloatArray, truth: BoolArray) -> Placements:
    """Placement values from mid-ranks in O(n log n) (Sun & Xu 2014).

    Args:
        ratings: shape (K,), without NaN.
        truth: shape (K,), with at least one case of each class.
    """
    x, y = ratings[truth], ratings[~truth]
    ranks = stats.rankdata(np.concatenate([x, y]))
    v10 = (ranks[: len(x)] - stats.rankdata(x)) / len(y)
    v01 = 1 - (ranks[len(x) :] - stats.rankdata(y)) / len(x)
    return Placements(v10, v01)


def empirical_auc(ratings: FloatArray, truth: BoolArray) -> float | None:
    """The area under the empirical ROC curve, U / (n1 n0) (Bamber 1975); None with one class."""
    if truth.all() or not truth.any():
        return None
    return placements(ratings, truth).auc


def clustered_covariance(
    curves: list[Placements], truth: BoolArray, patients: IntArray
) -> FloatArray:
    """Covariance of the areas of curves, shape (c, c), cases of one patient together.

    Obuchowski 1997: with D_i and H_i the sums of (V10 - A) / n1 and (V01 - A) / n0 over a patient's
    diseased and other cases, I1 patients with the one, I0 with the other, I in all:
    I1/(I1-1) sum D D' + I0/(I0-1) sum H H' + I/(I-1) sum (D H' + H D').

    Args:
        curves: on the same cases.
        truth: shape (K,).
        patients: shape (K,).
    """
    numbers = np.unique(patients, return_inverse=True)[1]
    size = int(numbers.max()) + 1

    def sums(values: list[FloatArray], cases: BoolArray) -> FloatArray:
        return np.array([
            np.bincount(numbers[cases], (v - v.mean()) / len(v), size) for v in values
        ])  # fmt: skip

    d = sums([curve.diseased for curve in curves], truth)
    h = sums([curve.others for curve in curves], ~truth)
    i1, i0 = len(np.unique(numbers[truth])), len(np.unique(numbers[~truth]))
    both = size / (size - 1) * (d @ h.T)
    covariance: FloatArray = i1 / (i1 - 1) * d @ d.T + i0 / (i0 - 1) * h @ h.T + both + both.T
    return covariance


def _covariance(
    curves: list[Placements], truth: BoolArray, patients: IntArray | None
) -> FloatArray:
    if patients is None:
        return delong_covariance(curves)
    return clustered_covariance(curves, truth, patients)


def delong_covariance(curves: list[Placements]) -> FloatArray:
    """Covariance of the areas of curves on the same cases, shape (c, c) (DeLong et al. 1988).

    S10 / n1 + S01 / n0 with the sample covariances of the placements. Needs two cases a class.
    """
    v10 = np.array([curve.diseased for curve in curves])
    v01 = np.array([curve.others for curve in curves])
    return np.atleast_2d(np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1])


def too_few(truth: BoolArray, patients: IntArray | None) -> str | None:
    """Why there is no variance of an area; None where there is one."""
    n1 = int(truth.sum())
    if n1 < 2 or len(truth) - n1 < 2:
        return "DeLong's variance needs at least two cases with and two without disease."
    if patients is not None and min(len(np.unique(patients[c])) for c in (truth, ~truth)) < 2:
        return "The variance needs at least two patients with and two without a diseased case."
    return None


def _method(patients: IntArray | None) -> str:
    return "DeLong" if patients is None else "Obuchowski 1997, clusters are patients"


def auc_estimate(
    ratings: FloatArray,
    truth: BoolArray,
    patients: IntArray | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """The area with DeLong's variance and its Wald interval, tested against 1/2.

    Args:
        ratings: shape (K,), without NaN.
        truth: shape (K,).
        patients: shape (K,): whose cases they are, where patients have several; the variance is
            then that of Obuchowski 1997.
        confidence: of the interval.
    """
    area = empirical_auc(ratings, truth)
    method = _method(patients)
    if area is None:
        return not_estimable(ONE_CLASS)
    if reason := too_few(truth, patients):
        return Estimate(area, method=method, reason=reason)
    variance = float(_covariance([placements(ratings, truth)], truth, patients)[0, 0])
    return normal_estimate(area, variance, confidence=confidence, null=0.5, method=method)


def delong_test(
    first: FloatArray,
    second: FloatArray,
    truth: BoolArray,
    patients: IntArray | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Difference of two areas on the same cases, first minus second, with DeLong's z test.

    With several cases of a patient the variance is that of Obuchowski 1997, see `auc_estimate`.

    Args:
        first: shape (K,) ratings; larger means disease.
        second: shape (K,) ratings of the same cases.
        truth: shape (K,): True with the disease.
        patients: shape (K,): whose case each is; None for a patient each.
        confidence: of the interval.
    """
    if truth.all() or not truth.any():
        return not_estimable(ONE_CLASS)
    a, b = placements(first, truth), placements(second, truth)
    method = f"{_method(patients)}, paired"
    if reason := too_few(truth, patients):
        return Estimate(a.auc - b.auc, method=method, reason=reason)
    c = _covariance([a, b], truth, patients)
    variance = float(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    # Identical curves leave rounding noise, which is no variance.
    variance = variance if variance > 1e-15 else 0.0
    return normal_estimate(a.auc - b.auc, variance, confidence=confidence, method=method)


@dataclass(frozen=True)
class RocCurve:
    """An empirical ROC curve, from (0, 0) to (1, 1).

    Attributes:
        fpr: false positive fraction, ascending.
        tpr: true positive fraction.
        thresholds: A case is called positive at `rating >= threshold`; the first is infinite.
    """

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray


def roc_curve(ratings: FloatArray, truth: BoolArray) -> RocCurve:
    """The empirical curve with one point for every distinct rating; needs both classes."""
    values = np.unique(ratings)[::-1]
    x, y = np.sort(ratings[truth]), np.sort(ratings[~truth])
    tpr = 1 - np.searchsorted(x, values, side="left") / len(x)
    fpr = 1 - np.searchsorted(y, values, side="left") / len(y)
    start = np.zeros(1)
    thresholds = np.concatenate([[math.inf], values])
    return RocCurve(np.concatenate([start, fpr]), np.concatenate([start, tpr]), thresholds)


def partial_auc(
    ratings: FloatArray, truth: BoolArray, specificities: tuple[float, float] = (1.0, 0.9)
) -> Estimate:
    """Area of the empirical curve between two specificities, straight lines between its points.

    Args:
        ratings: shape (K,): ratings of the cases.
        truth: shape (K,): True with the disease.
        specificities: where it begins and ends.
    """
    if truth.all() or not truth.any():
        return not_estimable(ONE_CLASS)
    low, high = sorted(1 - s for s in specificities)
    if not 0 <= low < high <= 1:
        return not_estimable("The two specificities must differ and lie between 0 and 1.")
    curve = roc_curve(ratings, truth)
    inside = (curve.fpr > low) & (curve.fpr < high)
    # At a vertical step the band starts with the highest point and ends with the lowest.
    edges = [_height(curve, low, highest=True), _height(curve, high, highest=False)]
    x = np.concatenate([[low], curve.fpr[inside], [high]])
    y = np.concatenate([edges[:1], curve.tpr[inside], edges[1:]])
    method = f"empirical, specificity {1 - low:g} to {1 - high:g}"
    return Estimate(float(np.trapezoid(y, x)), method=method)


def _height(curve: RocCurve, fpr: float, *, highest: bool) -> float:
    at = np.flatnonzero(np.isclose(curve.fpr, fpr, atol=1e-12))
    if len(at):
        return float(curve.tpr[at[-1] if highest else at[0]])
    return float(np.interp(fpr, curve.fpr, curve.tpr))


@dataclass(frozen=True)
class OperatingPoint:
    """Calls at `rating >= threshold` against the truth, as counts."""

    threshold: float
    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def sensitivity(self) -> float | None:
        """Share of diseased cases called positive; None without diseased cases."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def specificity(self) -> float | None:
        """Share of other cases called negative; None without cases free of disease."""
        return self.tn / (self.tn + self.fp) if self.tn + self.fp else None

    @property
    def ppv(self) -> float | None:
        """Share of positive calls that are right; None if nothing was called positive."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def npv(self) -> float | None:
        """Share of negative calls that are right; None if everything was called positive."""
        return self.tn / (self.tn + self.fn) if self.tn + self.fn else None

    @property
    def accuracy(self) -> float:
        """Share of right calls."""
        return (self.tp + self.tn) / (self.tp + self.fp + self.tn + self.fn)


def operating_point(ratings: FloatArray, truth: BoolArray, threshold: float) -> OperatingPoint:
    """Counts of the calls `rating >= threshold`.

    Args:
        ratings: shape (K,): ratings of the cases.
        truth: shape (K,): True with the disease.
        threshold: from which on a rating is a call.
    """
    positive = ratings >= threshold
    tp, fp = int((positive & truth).sum()), int((positive & ~truth).sum())
    n1 = int(truth.sum())
    return OperatingPoint(threshold, tp, fp, len(truth) - n1 - fp, n1 - tp)
