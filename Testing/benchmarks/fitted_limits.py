"""Limits that were fitted to readers, fitted again: on all, and on four fifths of the patients.

    python Testing/benchmarks/evaluation_pages.py SHARED WORK --only limits

Patients are dealt into five folds, those of docs/reference/lidc-folds.csv as they stand there. Each
limit is chosen on four folds and counted on the fifth. The product's own limits are not changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clicks import outcomes
from lidc_sets import FOLDS, LEAST_MM2, annotations, rows_of
from numpy.typing import NDArray
from scipy.optimize import minimize

from densesharp.nodule.measure.kind import WEIGHTS
from densesharp.nodule.patch import EDGE
from densesharp.nodule.records.measurements import READERS_DIFFER
from densesharp.nodule.reliability import AGREEMENT_LIMIT, NODULE_LIMIT
from densesharp.stats.kappa import cohen_kappa, cross_table
from densesharp.train.evaluation_answers import BAD
from densesharp.train.evaluation_records import Outcome

DOUBTED_SHARE = 0.07
"""Of the good outlines, that the limit of the doubt may doubt."""

NODULE_SHARE = 0.05
"""Of the nodules, that the limit of what is perhaps no nodule may doubt."""

COVERED_SHARE = 0.9
"""Of the nodules, whose readers the interval of the volume is to hold."""

RAISED = 0.3
"""By which the constants of ground-glass and part-solid are raised above the fitted ones: much of
what one reader calls part-solid would else be called solid."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Parts = Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def five_folds(folds: Sequence[int]) -> Parts:
    """For each fold: who is chosen on, who is counted."""
    for fold in range(5):
        left_out = np.asarray(folds) == fold
        yield ~left_out, left_out


def doubt(good: NDArray[np.bool_], agreement: Floats, share: float = DOUBTED_SHARE) -> float:
    """The highest limit that doubts at most 7 % (or so many) of the good outlines."""
    known = np.sort(agreement[good])
    return float(known[int(share * len(known))])


def spread(needed: Floats) -> float:
    """The least constant of the interval that covers 90 % of the nodules."""
    return float(np.sort(needed)[int(np.ceil(COVERED_SHARE * len(needed))) - 1])


def of_outlines(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The limit of the doubt and the constant of the volume's interval."""
    known = [
        (o.subset, o.answer.agreement, o.inner.consensus, needed(o), o.extent.drawn_mm <= EDGE)
        for o in outcomes
        if o.answer and o.answer.agreement and o.answer.interval_mm3 and o.inner and o.extent
        if o.fits
    ]
    columns = tuple(np.array(column) for column in zip(*known, strict=True))
    folds, agreement, dice, constant, room = columns
    return {
        "doubt": _doubted(folds[room], agreement[room], dice[room] >= BAD),
        "interval": _covered(folds[room], constant[room]),
        "nodule": _no_nodule(outcomes),
    }


def _no_nodule(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    known = [(o.subset, o.answer.agreement) for o in outcomes if o.answer and o.answer.agreement]
    folds, agreement = (np.array(column) for column in zip(*known, strict=True))
    every = np.ones(len(folds), dtype=bool)
    chosen = [doubt(every[seen], agreement[seen], NODULE_SHARE) for seen, _ in five_folds(folds)]
    left_out = [
        int((agreement[rest] < limit).sum())
        for limit, (_, rest) in zip(chosen, five_folds(folds), strict=True)
    ]
    return {
        "used": NODULE_LIMIT,
        "on_all": doubt(every, agreement, NODULE_SHARE),
        "by_fold": chosen,
        "n": len(folds),
        "doubted": int((agreement < NODULE_LIMIT).sum()),
        "doubted_left_out": sum(left_out),
    }


def needed(outcome: Outcome) -> float:
    """The constant with which the interval would just hold every reader's volume."""
    assert outcome.answer is not None
    assert outcome.answer.interval_mm3 is not None
    assert outcome.extent is not None
    volume = float(np.sqrt(np.prod(outcome.answer.interval_mm3)))
    ends = (outcome.extent.smallest_mm3 / volume, outcome.extent.largest_mm3 / volume)
    return float(np.abs(np.log(ends)).max() * np.sqrt(np.cbrt(6 * volume / np.pi)))


def _doubted(folds: Ints, agreement: Floats, good: NDArray[np.bool_]) -> dict[str, Any]:
    chosen, doubted = [], np.zeros(len(folds), dtype=bool)
    for seen, left_out in five_folds(folds):
        chosen.append(doubt(good[seen], agreement[seen]))
        doubted |= left_out & (agreement < chosen[-1])
    used = agreement < AGREEMENT_LIMIT
    return {
        "used": AGREEMENT_LIMIT,
        "on_all": doubt(good, agreement),
        "by_fold": chosen,
        "n": [int((~good).sum()), int(good.sum())],
        "doubted": [int((used & ~good).sum()), int((used & good).sum())],
        "doubted_left_out": [int((doubted & ~good).sum()), int((doubted & good).sum())],
    }


def _covered(folds: Ints, constant: Floats) -> dict[str, Any]:
    chosen, covered = [], 0
    for seen, left_out in five_folds(folds):
        chosen.append(spread(constant[seen]))
        covered += int((constant[left_out] <= chosen[-1]).sum())
    return {
        "used": READERS_DIFFER,
        "on_all": spread(constant),
        "by_fold": chosen,
        "n": len(constant),
        "covered": int((constant <= READERS_DIFFER).sum()),
        "covered_left_out": covered,
    }


def slices_with_types(shared: Path) -> tuple[Ints, Floats, Ints]:
    """Slices of nodules with two readers or more: fold, what the type is read from, the type."""
    textures: dict[str, list[int]] = defaultdict(list)
    for row, _ in annotations(shared / "lidc-readers"):
        textures[row["nodule"]].append(int(row["texture"]))
    about = {row["annotation"]: row for row in rows_of(shared / "lidc-readers/annotations.csv")}
    patches = np.load(shared / "lidc-patches2d/patches.npz")
    pixels, marked = patches["hu"], patches["mask"] == 1
    found = []
    for number, row in enumerate(rows_of(shared / "lidc-readers/patches.csv")):
        nodule = about[row["annotation"]]
        area = marked[number].sum() * float(nodule["pixel_mm"]) ** 2
        if len(textures[row["nodule"]]) > 1 and area >= LEAST_MM2:
            median, high = np.percentile(pixels[number][marked[number]], [50, 90]) / 100
            rating = np.median(textures[row["nodule"]])
            kind = 0 if rating <= 2 else 1 if rating <= 4 else 2
            size = np.log(2 * np.sqrt(area / np.pi))
            found.append((nodule["patient"], (1.0, median, high, size), kind))
    patients, known, types = zip(*found, strict=True)
    given = {row["patient"]: int(row["subset"]) for row in rows_of(FOLDS)}
    dealt = {patient: n % 5 for n, patient in enumerate(sorted(set(patients)))} | given
    return np.array([dealt[one] for one in patients]), np.array(known), np.array(types)


def regression(known: Floats, types: Ints) -> Floats:
    """(3, 4) weights of a multinomial logistic regression, types weighted alike, solid at 0."""
    weights = (len(types) / 3 / np.bincount(types))[types]

    def loss(free: Floats) -> tuple[float, Floats]:
        scores = known @ np.vstack([free.reshape(2, 4), np.zeros(4)]).T
        scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
        slope = ((np.exp(scores) - np.eye(3)[types]) * weights[:, None]).T @ known
        return -float(weights @ scores[np.arange(len(types)), types]), slope[:2].ravel()

    free = minimize(loss, np.zeros(8), jac=True, method="BFGS", options={"gtol": 1e-3}).x
    fitted = np.vstack([free.reshape(2, 4), np.zeros(4)])
    fitted[:2, 0] += RAISED
    return fitted


def of_types(shared: Path) -> dict[str, Any]:
    """The regression behind the type of a nodule."""
    folds, known, types = slices_with_types(shared)
    called = np.zeros(len(types), dtype=int)
    for seen, left_out in five_folds(folds):
        called[left_out] = (known[left_out] @ regression(known[seen], types[seen]).T).argmax(1)
    used = np.array(list(WEIGHTS.values()))
    return {
        "used": used.tolist(),
        "on_all": regression(known, types).tolist(),
        "n": np.bincount(types).tolist(),
        "as_used": _agreement(types, (known @ used.T).argmax(1)),
        "left_out": _agreement(types, called),
    }


def _agreement(types: Ints, called: Ints) -> dict[str, float | None]:
    kappa = cohen_kappa(cross_table(types, called, 3), "linear").value
    return {"kappa": kappa, "part_solid": float((called[types == 1] == 1).mean())}


def limits(shared: Path, work: Path) -> dict[str, Any]:
    """All of them; the answers are those of `densesharp evaluate --answers`."""
    known = outcomes(work / "lidc", work / "lidc-kept", answers=True)
    return {**of_outlines(known), "type": of_types(shared)}
