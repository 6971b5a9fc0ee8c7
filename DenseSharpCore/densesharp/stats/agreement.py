"""Agreement of several raters on classes: Fleiss, Conger, Light, Gwet and others.

A table of ratings is an integer array (n cases, m raters) of classes 0..c-1, with -1 where a rater
did not rate. A case with one rating has no observed agreement, but says how often the classes are
used; a case without ratings is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED, bootstrap_weights
from densesharp.stats.clusters import jackknifed, over_cases, spread, summed
from densesharp.stats.estimates import Estimate, not_estimable
from densesharp.stats.kappa import Weights, kappa_values, weight_matrix
from densesharp.stats.tables import FloatArray, IntArray

Coefficient = Literal["fleiss", "conger", "gwet", "brennan-prediger", "krippendorff"]

TITLES = {
    "fleiss": "Fleiss' kappa",
    "conger": "Conger's kappa",
    "gwet": "Gwet's AC",
    "brennan-prediger": "Brennan-Prediger",
    "krippendorff": "Krippendorff's alpha",
}
TOO_FEW = "Fewer than two cases were rated by two raters."


def class_counts(ratings: IntArray, classes: int) -> FloatArray:
    """Shape (n, c): how many raters put each case into each class."""
    counts: FloatArray = np.array([(ratings == c).sum(1) for c in range(classes)], dtype=float)
    transposed: FloatArray = counts.T
    return transposed


@dataclass(frozen=True)
class _Parts:
    """Agreement and chance agreement, over all and for each case (its influence).

    `weight` is each case's share in the mean of `observed`, see `_case_weights`; `bonus` is what a
    correction for small samples adds to the observed agreement.
    """

    observed: FloatArray
    chance: float
    chance_each: FloatArray
    weight: FloatArray
    bonus: float = 0.0


def percent_agreement(
    ratings: IntArray,
    classes: int,
    weights: Weights = "unweighted",
    *,
    clusters: IntArray | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean share of agreeing rater pairs, with Gwet's variance over cases and a t interval.

    The mean is over the cases with two or more ratings, the variance over all cases with a rating
    (Gwet 2014), as in `chance_corrected`.

    Args:
        ratings: shape (cases, raters): class indices, -1 where there is none.
        classes: number of classes.
        weights: how near misses count.
        clusters: shape (cases,): patients of the cases, which are then what varies.
        confidence: of the interval.
    """
    counts = class_counts(ratings, classes)
    rated = counts.sum(1) >= 1
    counts = counts[rated]
    if (counts.sum(1) >= 2).sum() < 2:
        return not_estimable(TOO_FEW)
    each = _case_weights(counts) * pair_agreement(counts, weight_matrix(classes, weights))
    value = float(each.mean())
    of = None if clusters is None else clusters[rated]
    return over_cases(value, (each - value) / len(each), of, confidence=confidence)


def chance_corrected(
    ratings: IntArray,
    classes: int,
    coefficient: Coefficient,
    weights: Weights = "unweighted",
    *,
    clusters: IntArray | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """A chance-corrected coefficient with its variance over cases (Gwet 2008, 2014).

    (pa - pe) / (1 - pe); the variance is that of kappa_i - 2 (1 - kappa)(pe_i - pe) / (1 - pe)
    over cases, divided by n; interval and test by t with n-1 degrees of freedom. n counts every
    case with a rating. Of these, the n2 with two or more give pa, the mean of their pa_i, and have
    kappa_i = (n / n2)(pa_i - pe) / (1 - pe); kappa_i is 0 for a case rated once, which counts in pe
    and pe_i only. Krippendorff's alpha leaves cases rated once out.

    Args:
        ratings: shape (n, m), -1 where missing.
        classes: c.
        coefficient: which chance agreement is taken.
        weights: agreement weights.
        clusters: shape (n,): patients of the cases, over which the variance is then taken.
        confidence: of the interval.
    """
    counts = class_counts(ratings, classes)
    if (counts.sum(1) >= 2).sum() < 2:
        return not_estimable(TOO_FEW)
    rated = counts.sum(1) >= (2 if coefficient == "krippendorff" else 1)
    n = int(rated.sum())
    parts = _parts(ratings[rated], counts[rated], coefficient, weight_matrix(classes, weights))
    if 1 - parts.chance < 1e-12:
        return not_estimable("All raters used one and the same class only.")
    each = parts.weight * (parts.observed - parts.chance) / (1 - parts.chance)
    kappa = float(each.mean())
    each -= 2 * (1 - kappa) * (parts.chance_each - parts.chance) / (1 - parts.chance)
    influence = (each - kappa) / n
    of = None if clusters is None else clusters[rated]
    variance = spread(influence if of is None else summed(influence, of))
    kappa += parts.bonus / (1 - parts.chance)
    method = f"{TITLES[coefficient]}, {weights}"
    if variance < 1e-15:
        why = "agreement is perfect" if kappa > 1 - 1e-9 else "agreement is the same in every case"
        why = f"The variance over cases is zero ({why}), so there is no interval."
        return Estimate(kappa, method=method, reason=why)
    return over_cases(kappa, influence, of, confidence=confidence, method=method)


def pair_agreement(counts: FloatArray, w: FloatArray) -> FloatArray:
    """Shape (n,): share of agreeing pairs of raters; 0 for a case rated once, which has no pair."""
    m = counts.sum(1)
    agreeing: FloatArray = (counts * (counts @ w - 1)).sum(1) / np.maximum(m * (m - 1), 1)
    return agreeing


def _case_weights(counts: FloatArray) -> FloatArray:
    """Shape (n,): n / n2 for each of the n2 cases with two or more ratings, 0 for the others."""
    pairs = counts.sum(1) >= 2
    weights: FloatArray = pairs * (len(counts) / float(pairs.sum()))
    return weights


def _parts(
    ratings: IntArray, counts: FloatArray, coefficient: Coefficient, w: FloatArray
) -> _Parts:
    observed, weight = pair_agreement(counts, w), _case_weights(counts)
    classes = len(w)
    if coefficient == "krippendorff":
        return _alpha_parts(counts, observed, w)
    shares = counts / counts.sum(1, keepdims=True)
    pi = shares.mean(0)
    if coefficient == "fleiss":
        return _Parts(observed, float(pi @ w @ pi), shares @ w @ pi, weight)
    if coefficient == "brennan-prediger":
        chance = float(w.sum()) / classes**2
        return _Parts(observed, chance, np.full(len(counts), chance), weight)
    if coefficient == "gwet":
        factor = float(w.sum()) / (classes * (classes - 1)) if classes > 1 else 1.0
        return _Parts(observed, factor * float(pi @ (1 - pi)), factor * shares @ (1 - pi), weight)
    return _Parts(observed, *_conger_chance(ratings, w), weight)


def _alpha_parts(counts: FloatArray, observed: FloatArray, w: FloatArray) -> _Parts:
    """Krippendorff's alpha with Gwet's variance (Gwet 2014): every *rating* weighs the same.

    With N ratings in all, the observed agreement pa becomes (1 - 1/N) pa + 1/N. In a case's part
    the corrected one is taken for cases with more or fewer ratings than the mean, as in irrCAC.
    """
    share = counts.sum(1) / counts.sum(1).mean()
    pi = counts.sum(0) / counts.sum()
    agreement = float((observed * share).mean())
    chance = float(pi @ w @ pi)
    of_case = counts @ w @ pi / counts.sum(1).mean()
    bonus = (1 - agreement) / float(counts.sum())
    return _Parts(
        observed * share - (agreement + bonus) * (share - 1),
        chance,
        of_case - chance * (share - 1),
        np.ones(len(counts)),
        bonus,
    )


def _conger_chance(ratings: IntArray, w: FloatArray) -> tuple[float, FloatArray]:
    """Chance agreement from each rater's own marginals (Conger 1980), and each case's part in it.

    A marginal is a mean over the n_g of n cases that rater g rated, so that a case's part in it is
    p + (n / n_g)(d - p) if g rated the case (d is 1 for the class chosen), else p (Gwet 2014).
    """
    classes, raters = len(w), ratings.shape[1]
    one_hot = (ratings[:, :, None] == np.arange(classes)).astype(float)
    rated = one_hot.sum(2)
    seen = np.maximum(rated.sum(0), 1)
    marginals = one_hot.sum(0) / seen[:, None]
    others = marginals.sum(0)[None, :] - marginals
    pairs = raters * (raters - 1)
    chance = float(np.einsum("gc,cd,gd->", marginals, w, others)) / pairs
    surprise = one_hot - rated[:, :, None] * marginals
    parts = marginals + (len(ratings) / seen)[None, :, None] * surprise
    each: FloatArray = np.einsum("igc,cd,gd->i", parts, w, others) / pairs
    return chance, each


def fleiss_test(ratings: IntArray, classes: int, clusters: IntArray | None = None) -> Estimate:
    """Fleiss' kappa (1971) with the z test of chance agreement (Fleiss, Nee & Landis 1979).

    Needs the same number of raters for every case. That test takes cases as independent even of a
    rater's habits in a patient; with clusters it is a t test by jackknife over them.

    Args:
        ratings: shape (n, m), -1 where missing.
        classes: c.
        clusters: shape (n,): patients of the cases.
    """
    counts = class_counts(ratings, classes)
    m = counts.sum(1)
    if len(counts) < 2 or m.min() != m.max() or m[0] < 2:
        return not_estimable("Fleiss' test needs the same number of raters, two or more, per case.")
    raters, n = float(m[0]), len(counts)
    p = counts.sum(0) / (n * raters)
    s = float((p * (1 - p)).sum())
    if s < 1e-12:
        return not_estimable("All raters used one and the same class only.")
    observed = float(((counts**2).sum(1) - raters).mean() / (raters * (raters - 1)))
    kappa = 1 - (1 - observed) / s
    if clusters is not None:
        return _fleiss_by_patient(kappa, ratings, classes, clusters)
    skew = float((p * (1 - p) * (1 - 2 * p)).sum())
    variance = 2 / (n * raters * (raters - 1)) * (s**2 - skew) / s**2
    if variance <= 0:
        return Estimate(kappa, reason="The variance under chance agreement is not positive.")
    z = kappa / math.sqrt(variance)
    return Estimate(kappa, None, None, z, None, float(2 * stats.norm.sf(abs(z))), "Fleiss 1971")


def _fleiss_by_patient(
    kappa: float, ratings: IntArray, classes: int, clusters: IntArray
) -> Estimate:
    """The test by jackknife, whose estimate lacks the bias that kappa by chance has (below 0)."""
    kept = [clusters != one for one in np.unique(clusters)]
    left_out = [fleiss_test(ratings[some], classes).value for some in kept]
    m = len(kept)
    known = [value for value in left_out if value is not None]
    unbiased = m * kappa - (m - 1) * float(np.mean(known)) if len(known) == m else None
    found = jackknifed(unbiased, left_out)
    method = f"Fleiss 1971, jackknife over {m} patients"
    return replace(found, value=kappa, se=None, ci=None, method=method)


def fleiss_by_class(
    ratings: IntArray, classes: int, clusters: IntArray | None = None
) -> list[Estimate]:
    """Fleiss' kappa of each class against all others together, with its test (`fleiss_test`)."""
    numbers = [np.where(ratings < 0, -1, ratings == c).astype(np.int64) for c in range(classes)]
    return [fleiss_test(part, 2, clusters) for part in numbers]


def light_kappa(
    ratings: IntArray,
    classes: int,
    weights: Weights = "unweighted",
    *,
    clusters: IntArray | None = None,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
) -> Estimate:
    """Light's kappa (1971): the mean of Cohen's kappa over pairs of raters.

    The interval is the percentile bootstrap's over cases. (R's irr prints a z whose variance has no
    published derivation; it is not offered.)

    Args:
        ratings: shape (n, m), -1 where missing; a pair counts the cases that both rated.
        classes: c.
        weights: agreement weights.
        clusters: shape (n,): cases of a cluster (patient) are drawn together.
        replicates: bootstrap resamples; 0 for the value alone.
        seed: of the bootstrap.
    """
    one_hot = (ratings[:, :, None] == np.arange(classes)).astype(float)
    first, second = zip(*combinations(range(ratings.shape[1]), 2), strict=True)
    # Each case's place in the cross table of every pair, shape (n, pairs * c * c).
    cells = np.einsum("npc,npd->npcd", one_hot[:, first], one_hot[:, second])
    shape, cells = cells.shape[1:], cells.reshape(len(ratings), -1)
    w = weight_matrix(classes, weights)

    def mean_kappa(times: FloatArray) -> FloatArray:
        found: FloatArray = kappa_values((times @ cells).reshape(-1, *shape), w).mean(axis=1)
        return found[:, None]

    value = float(mean_kappa(np.ones((1, len(ratings))))[0, 0])
    if np.isnan(value):
        return not_estimable("A pair of raters has no common case, or used one class only.")
    if replicates == 0:
        return Estimate(value, method="Light 1971")
    (found,) = bootstrap_weights(
        mean_kappa, len(ratings), clusters=clusters, replicates=replicates, seed=seed
    )
    return found


def kendall_w(scores: FloatArray, clusters: IntArray | None = None) -> Estimate:
    """Kendall's coefficient of concordance of m raters' rankings, corrected for ties.

    Its test is of rankings at random, which those of a patient's several cases are not: without it.

    Args:
        scores: shape (n, m), complete.
        clusters: shape (n,): patients of the cases.
    """
    n, m = scores.shape
    if n < 2 or m < 2:
        return not_estimable("Concordance needs two cases and two raters.")
    ranks = stats.rankdata(scores, axis=0)
    ties = sum(
        float((sizes**3 - sizes).sum())
        for sizes in (np.unique(column, return_counts=True)[1] for column in scores.T)
    )
    apart = float(((ranks.sum(1) - ranks.sum(1).mean()) ** 2).sum())
    scale = m**2 * (n**3 - n) - m * ties
    if scale <= 0:
        return not_estimable("No rater distinguished any cases.")
    w = 12 * apart / scale
    if clusters is not None:
        return Estimate(w, reason="Patients have several cases, for which W has no test.")
    x2 = m * (n - 1) * w
    p = float(stats.chi2.sf(x2, n - 1))
    return Estimate(w, None, None, x2, float(n - 1), p, "Kendall's W, corrected for ties")
