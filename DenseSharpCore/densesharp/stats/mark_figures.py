"""Figures of merit of marks: areas under AFROC curves, of highest ratings, and under LROC curves.

Chakraborty & Berbaum 2004 (AFROC), Chakraborty & Zhai 2016 (weighted AFROC), Swensson 1996 (LROC),
Obuchowski, Lieber & Powell 2000 (regions of interest).
psi(x, y) is 1 if x > y, 1/2 if equal; a lesion without mark rates -inf, as does a case without
false mark. With F cases whose highest false mark f counts, and lesions of weight w with rating x,
an area is sum w psi(x, f) / (F sum w); all in O(n log n), with its leave-one-out values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from densesharp.stats.auc import partial_auc, roc_curve
from densesharp.stats.figures_of_merit import AUC, FigureOfMerit
from densesharp.stats.marks import Marks
from densesharp.stats.tables import BoolArray, FloatArray, IntArray

Found = tuple[float, FloatArray] | None

AREAS = {"wafroc": (True, False), "wafroc1": (True, True), "afroc": (False, False),
         "afroc1": (False, True)}  # fmt: skip
"""Name -> whether lesions weigh (else each counts 1), and whether false marks on diseased count."""

COUNTS = ("max-nlf", "max-nlf-all")
"""Numbers of false marks a case: without upper limit, and the fewer the better."""

REGIONS = "area of regions"

LOCATING = ("lroc", "pcl")
NAMES = (*AREAS, "roi", "hr-auc", "hr-se", "hr-sp", "max-llf", *COUNTS, "exp-nlf", *LOCATING)
"""What `mark_figure` knows."""


def mark_figure(name: str, marks: Marks, fpf: float = 1.0) -> FigureOfMerit:
    """A figure of merit of `marks.numbered()`.

    Args:
        name: one of `NAMES`.
        marks: the study.
        fpf: of `lroc` and `pcl`, the false positive fraction up to or at which.
    """
    rows = _Rows(marks)
    if name in AREAS:
        return rows.area(name, *AREAS[name])
    made: dict[str, Callable[[], FigureOfMerit]] = {
        "roi": rows.regions,
        "hr-auc": rows.highest_area,
        "hr-se": lambda: rows.share("highest-rating sensitivity", diseased=True),
        "hr-sp": lambda: rows.share("highest-rating specificity", diseased=False),
        "max-llf": rows.lesions_found,
        "max-nlf": lambda: rows.false_marks("false marks per case without disease", every=False),
        "max-nlf-all": lambda: rows.false_marks("false marks per case", every=True),
        "exp-nlf": rows.exponential,
        "lroc": lambda: rows.lroc(fpf, area=True),
        "pcl": lambda: rows.lroc(fpf, area=False),
    }
    return made[name]()


def _all_cases(truth: IntArray) -> BoolArray:
    return np.ones(len(truth), dtype=bool)


def _diseased(truth: IntArray) -> BoolArray:
    return truth > 0


def _others(truth: IntArray) -> BoolArray:
    return truth <= 0


def _mean(values: FloatArray) -> Found:
    n = len(values)
    return None if n < 2 else (float(values.mean()), (values.sum() - values) / (n - 1))


class _Rows:
    """Marks by row (treatment, reader, case), which the numbered readings name."""

    def __init__(self, marks: Marks) -> None:
        t, r, k = marks.read.shape
        self.located = marks.located.reshape(t * r * k, -1)
        self.false = marks.false.reshape(t * r * k, -1)
        self.highest_false = self.false.max(axis=1, initial=-np.inf)
        self.false_count = np.isfinite(marks.false).sum(axis=3).ravel()
        self.highest = marks.highest.ravel()
        # A row's lesions and their weights are those of its case.
        self.lesions = np.tile(marks.lesions, t * r)
        self.weights = np.tile(marks.weights, (t * r, 1))

    def area(self, name: str, weigh: bool, with_diseased: bool) -> FigureOfMerit:
        """An area under an AFROC curve."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:
            row, diseased = codes.astype(np.int64), truth > 0
            counted = np.ones(len(row), dtype=bool) if with_diseased else ~diseased
            if diseased.sum() < 2 or counted.sum() < 2:
                return None
            rated, weights = self.located[row], self.weights[row]
            if not weigh:
                weights = (weights > 0).astype(np.float64)
            return _afroc(rated, weights, self.highest_false[row], counted)

        needs = "two cases with" + (" lesions" if with_diseased else " and two without lesions")
        printed = name.replace("wafroc", "wAFROC").replace("afroc", "AFROC")
        return FigureOfMerit(f"{printed} area", needs, compute, _all_cases)

    def regions(self) -> FigureOfMerit:
        """The area of regions of interest: of those with a lesion against all others."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:
            row, diseased = codes.astype(np.int64), truth > 0
            rated, false = self.located[row], self.false[row]
            others = np.isfinite(false).sum(axis=1)
            if diseased.sum() < 2 or (others > 0).sum() < 2:
                return None
            lesions = (self.weights[row] > 0).astype(np.float64)
            return _regions(rated, lesions, false, others)

        needs = "two cases with lesions and two with regions without"
        return FigureOfMerit(REGIONS, needs, compute, _all_cases)

    def highest_area(self) -> FigureOfMerit:
        """The ROC area of each case's highest rating."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:
            return AUC.compute(self.highest[codes.astype(np.int64)], truth)

        return FigureOfMerit("area of highest ratings", AUC.needs, compute, _all_cases)

    def share(self, name: str, *, diseased: bool) -> FigureOfMerit:
        """The share of cases with a mark (with disease), or without one."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:  # noqa: ARG001
            marked = np.isfinite(self.highest[codes.astype(np.int64)])
            return _mean((marked == diseased).astype(np.float64))

        needs = f"two cases with{'' if diseased else 'out'} lesions"
        return FigureOfMerit(name, needs, compute, _diseased if diseased else _others)

    def lesions_found(self) -> FigureOfMerit:
        """The share of lesions that were marked."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:  # noqa: ARG001
            row = codes.astype(np.int64)
            if len(row) < 2:
                return None
            marked = np.isfinite(self.located[row]).sum(axis=1).astype(np.float64)
            there = self.lesions[row].astype(np.float64)
            left_out = (marked.sum() - marked) / (there.sum() - there)
            return float(marked.sum() / there.sum()), left_out

        return FigureOfMerit(
            "share of lesions marked", "two cases with lesions", compute, _diseased
        )

    def false_marks(self, name: str, *, every: bool) -> FigureOfMerit:
        """The mean number of false marks."""

        def compute(codes: FloatArray, truth: IntArray) -> Found:  # noqa: ARG001
            return _mean(self.false_count[codes.astype(np.int64)].astype(np.float64))

        uses = _all_cases if every else _others
        needs = "two cases" + ("" if every else " without lesions")
        return FigureOfMerit(name, needs, compute, uses, limits=(0.0, np.inf))

    def exponential(self) -> FigureOfMerit:
        """exp(- false marks per case without disease), a specificity of any number of marks."""
        inner = self.false_marks("", every=False)

        def compute(codes: FloatArray, truth: IntArray) -> Found:
            found = inner.compute(codes, truth)
            return None if found is None else (float(np.exp(-found[0])), np.exp(-found[1]))

        return FigureOfMerit("exp(-false marks per case)", inner.needs, compute, inner.uses)

    def lroc(self, fpf: float, *, area: bool) -> FigureOfMerit:
        """The area under the LROC curve up to a false positive fraction, or its height there."""

        def of_curve(rated: FloatArray, diseased: BoolArray) -> float:
            found = np.isfinite(rated) | ~diseased
            # With no lesion localized the curve is flat.
            if not (found & diseased).any():
                return 0.0
            share = float(found[diseased].mean())
            if area:
                curve_area = partial_auc(rated[found], diseased[found], (1.0, 1.0 - fpf))
                return share * float(curve_area.value or 0.0)
            return share * _height(rated[found], diseased[found], fpf)

        def compute(codes: FloatArray, truth: IntArray) -> Found:
            row, diseased = codes.astype(np.int64), truth > 0
            if min(int(diseased.sum()), int((~diseased).sum())) < 2:
                return None
            at_lesion = self.located[row].max(axis=1, initial=-np.inf)
            return _left_out(np.where(diseased, at_lesion, self.highest[row]), diseased, of_curve)

        what = "area under the LROC curve up to" if area else "share localized at"
        needs = "two cases with and two without lesions"
        return FigureOfMerit(f"{what} FPF {fpf:g}", needs, compute, _all_cases)


def _regions(
    rated: FloatArray, lesions: FloatArray, false: FloatArray, others: IntArray
) -> tuple[float, FloatArray]:
    """The area of regions and its leave-one-out values; regions of a case are left out together.

    Args:
        rated: shape (n, L): ratings at lesions.
        lesions: shape (n, L): 1 where there is one, else 0.
        false: shape (n, N): ratings of other regions; -inf where there is none.
        others: shape (n,): how many other regions.
    """
    there = np.isfinite(false)
    known, at_lesions = np.sort(false[there]), np.sort(rated[lesions > 0])

    def below(ascending: FloatArray, x: FloatArray) -> FloatArray:
        left, right = (np.searchsorted(ascending, x, side) for side in ("left", "right"))
        found: FloatArray = (left + right) / 2
        return found

    by_lesion = (lesions * below(known, rated)).sum(axis=1)
    above = len(at_lesions) - below(at_lesions, np.where(there, false, 0.0))
    by_other = np.where(there, above, 0.0).sum(axis=1)
    pairs = (rated[:, :, None] > false[:, None, :]) + (rated[:, :, None] == false[:, None, :]) / 2
    own = (pairs * lesions[:, :, None] * there[:, None, :]).sum(axis=(1, 2))
    total, count = float(by_lesion.sum()), lesions.sum(axis=1)
    left_out = (total - by_lesion - by_other + own) / (
        (count.sum() - count) * (others.sum() - others)
    )
    return total / float(count.sum() * others.sum()), left_out


def _afroc(
    rated: FloatArray, weights: FloatArray, false: FloatArray, counted: BoolArray
) -> tuple[float, FloatArray]:
    """The area and its leave-one-out values.

    Args:
        rated: shape (n, L): ratings at lesions.
        weights: shape (n, L): of lesions, 0 where there is none.
        false: shape (n,): highest false mark of each case.
        counted: shape (n,): whether it counts.
    """
    lesion = weights > 0
    known = np.sort(false[counted])
    below = np.searchsorted(known, rated, "left") + np.searchsorted(known, rated, "right")
    by_case = (weights * below / 2).sum(axis=1)
    # Seen from a false mark: the weight of the lesions above it, half where equal.
    order = np.argsort(rated[lesion])
    values = rated[lesion][order]
    up_to = np.concatenate([[0.0], np.cumsum(weights[lesion][order])])
    under, until = (up_to[np.searchsorted(values, false, side)] for side in ("left", "right"))
    above = np.where(counted, up_to[-1] - (under + until) / 2, 0.0)
    equal = rated == false[:, None]
    own = (weights * ((rated > false[:, None]) + equal / 2)).sum(axis=1) * counted
    total, weight = float(by_case.sum()), weights.sum(axis=1)
    left_out = (total - by_case - above + own) / (
        (weight.sum() - weight) * (counted.sum() - counted)
    )
    return total / float(weight.sum() * counted.sum()), left_out


def _height(rated: FloatArray, diseased: BoolArray, fpf: float) -> float:
    """The LROC curve at a false positive fraction: straight between points, low end of steps."""
    curve = roc_curve(rated, diseased)
    before = np.flatnonzero(curve.fpr < fpf - 1e-12)
    high = int(np.flatnonzero(curve.fpr >= fpf - 1e-12)[0])
    if not len(before):
        return float(curve.tpr[high])
    low = int(before[-1])
    part = (fpf - curve.fpr[low]) / (curve.fpr[high] - curve.fpr[low])
    return float(curve.tpr[low] + part * (curve.tpr[high] - curve.tpr[low]))


def _left_out(
    rated: FloatArray, diseased: BoolArray, of_curve: Callable[[FloatArray, BoolArray], float]
) -> tuple[float, FloatArray]:
    """A figure of a curve with its leave-one-out values, each kind of case once."""
    left_out = np.empty(len(rated))
    kinds, kind = np.unique(np.column_stack([rated, diseased]), axis=0, return_inverse=True)
    every = np.arange(len(rated))
    for number in range(len(kinds)):
        alike = kind.ravel() == number
        rest = every != np.argmax(alike)
        left_out[alike] = of_curve(rated[rest], diseased[rest])
    return of_curve(rated, diseased), left_out
