"""The results of `densesharp agree`: one JSON document, and the same as text."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from densesharp.stats.agreement import (
    chance_corrected,
    fleiss_by_class,
    fleiss_test,
    kendall_w,
    krippendorff_alpha,
    light_kappa,
    percent_agreement,
)
from densesharp.stats.bootstrap import DEFAULT_REPLICATES, DEFAULT_SEED
from densesharp.stats.estimates import Estimate, not_estimable, to_json
from densesharp.stats.formatting import p_text, text_table, with_interval
from densesharp.stats.icc import NAMES, icc
from densesharp.stats.kappa import Weights, cohen_kappa, cross_table
from densesharp.stats.multiclass import confusion
from densesharp.stats.ratings import Ratings, needs_two

NO_IDENTITY = (
    "The readers differ from case to case (--interchangeable), so results of single readers and "
    "two-way models mean nothing."
)
NO_ORDER = "The classes have no order; give it with --order."
NEEDS_ALL = "Not every reader rated every case."


def agree_document(
    ratings: Ratings,
    *,
    interchangeable: bool = False,
    replicates: int = DEFAULT_REPLICATES,
    seed: int = DEFAULT_SEED,
) -> dict[str, Any]:
    """Everything that `densesharp agree` finds, as JSON data.

    Args:
        ratings: the table.
        interchangeable: reader labels do not name persons (LIDC): one-way statistics only.
        replicates: bootstrap resamples of Krippendorff's alpha.
        seed: of the bootstrap.

    Raises:
        TableError: fewer than two readers or cases.
    """
    needs_two(ratings)
    classes = len(ratings.classes)
    weights: list[Weights] = ["unweighted"]
    if ratings.ordered and classes > 2:
        weights += ["linear", "quadratic"]
    codes = ratings.codes
    document: dict[str, Any] = {
        "study": _study_section(ratings),
        "percent_agreement": percent_agreement(codes, classes),
        "fleiss_kappa": fleiss_test(codes, classes),
        "fleiss_by_class": dict(zip(ratings.classes, fleiss_by_class(codes, classes), strict=True)),
        "coefficients": {
            name: {w: chance_corrected(codes, classes, name, w) for w in weights}
            for name in ("fleiss", "conger", "gwet", "brennan-prediger", "krippendorff")
            if not (interchangeable and name == "conger")
        },
        "light_kappa": {
            w: not_estimable(NO_IDENTITY)
            if interchangeable
            else light_kappa(codes, classes, w, replicates=replicates, seed=seed)
            for w in weights
        },
        "krippendorff_alpha": _alphas(ratings, replicates, seed),
        "icc": _iccs(ratings, interchangeable),
        "kendall_w": _kendall(ratings, interchangeable),
        "all_equal": _all_equal(ratings),
    }
    pairs = combinations(range(len(ratings.readers)), 2)
    document["cohen_kappa"] = (
        {"reason": NO_IDENTITY}
        if interchangeable
        else {
            f"{ratings.readers[a]} / {ratings.readers[b]}": {
                w: _cohen(codes[:, a], codes[:, b], classes, w) for w in weights
            }
            for a, b in pairs
        }
    )
    if ratings.truth is not None:
        document["against_truth"] = _against_truth(ratings, ratings.truth, weights, interchangeable)
    document["method"] = {"weights": weights, "replicates": replicates, "seed": seed}
    plain: dict[str, Any] = to_json(document)
    return plain


def _study_section(ratings: Ratings) -> dict[str, Any]:
    counts = np.bincount(ratings.codes[ratings.codes >= 0], minlength=len(ratings.classes))
    return {
        "readers": list(ratings.readers),
        "cases": len(ratings.cases),
        "patients": None if ratings.patients is None else len(np.unique(ratings.patients)),
        "classes": list(ratings.classes),
        "ordered": ratings.ordered,
        "ratings_by_class": dict(zip(ratings.classes, counts.tolist(), strict=True)),
        "missing_ratings": int((ratings.codes < 0).sum()),
    }


def _alphas(ratings: Ratings, replicates: int, seed: int) -> dict[str, Estimate]:
    if not ratings.ordered:
        missing = not_estimable(NO_ORDER)
        rest = dict.fromkeys(("ordinal", "interval", "ratio"), missing)
        return {
            "nominal": krippendorff_alpha(
                ratings.codes, ratings.values, "nominal", clusters=ratings.patients,
                replicates=replicates, seed=seed,
            )
        } | rest  # fmt: skip
    return {
        level: krippendorff_alpha(
            ratings.codes, ratings.values, level, clusters=ratings.patients,
            replicates=replicates, seed=seed,
        )
        for level in ("nominal", "ordinal", "interval", "ratio")
    }  # fmt: skip


def _iccs(ratings: Ratings, interchangeable: bool) -> dict[str, Estimate]:
    if not ratings.ordered or not ratings.complete:
        return dict.fromkeys(NAMES, not_estimable(NEEDS_ALL if ratings.ordered else NO_ORDER))
    found = icc(ratings.values[ratings.codes])
    if interchangeable:
        two_way = not_estimable(NO_IDENTITY)
        found |= {name: two_way for name in NAMES if not name.startswith("ICC(1")}
    return found


def _kendall(ratings: Ratings, interchangeable: bool) -> Estimate:
    if interchangeable:
        return not_estimable(NO_IDENTITY)
    if not ratings.ordered or not ratings.complete:
        return not_estimable(NEEDS_ALL if ratings.ordered else NO_ORDER)
    return kendall_w(ratings.values[ratings.codes])


def _all_equal(ratings: Ratings) -> Estimate:
    if not ratings.complete:
        return not_estimable(NEEDS_ALL)
    return Estimate(float((ratings.codes == ratings.codes[:, :1]).all(1).mean()))


def _cohen(first: Any, second: Any, classes: int, weights: Weights) -> Estimate:
    both = (first >= 0) & (second >= 0)
    return cohen_kappa(cross_table(first[both], second[both], classes), weights)


def _against_truth(
    ratings: Ratings, truth: Any, weights: list[Weights], interchangeable: bool
) -> dict[str, Any]:
    if interchangeable:
        return {"reason": NO_IDENTITY}
    out = {}
    for j, reader in enumerate(ratings.readers):
        rated = ratings.codes[:, j] >= 0
        counts = cross_table(truth[rated], ratings.codes[rated, j], len(ratings.classes))
        summary = confusion(counts)
        out[reader] = {
            "confusion": counts.astype(int),
            "accuracy": summary.accuracy,
            "kappa": {w: cohen_kappa(counts, w) for w in weights},
        }
    return out


def agree_text(document: dict[str, Any]) -> str:
    """The document as text for a terminal."""
    study = document["study"]
    head = (
        f"{len(study['readers'])} readers, {study['cases']} cases, classes "
        f"{', '.join(study['classes'])}; {study['missing_ratings']} ratings missing"
    )
    results = {"percent agreement": document["percent_agreement"]}
    for name, by_weight in document["coefficients"].items():
        results |= {f"{name}, {weights}": one for weights, one in by_weight.items()}
    results |= {f"Light, {w}": one for w, one in document["light_kappa"].items()}
    for level, one in document["krippendorff_alpha"].items():
        results[f"Krippendorff alpha, {level}"] = one
    results |= {"share of cases with all equal": document["all_equal"]} | document["icc"]
    rows = [[name, _shown(one)] for name, one in results.items() if one["value"] is not None]
    parts = [head, text_table(["", "95 % interval"], rows)]
    reasons = {one["reason"]: name for name, one in results.items() if one["value"] is None}
    parts += [f"Not estimable ({name} and the like): {why}" for why, name in reasons.items()]
    if "reason" not in document["cohen_kappa"]:
        names = document["method"]["weights"]
        pairs = [
            [pair, *(_shown(by_weight[w]) for w in names)]
            for pair, by_weight in document["cohen_kappa"].items()
        ]
        parts.append(text_table(["Cohen's kappa", *names], pairs))
    fleiss = document["fleiss_kappa"]
    if fleiss.get("p") is not None:
        parts.append(f"Fleiss' kappa against chance: p {p_text(fleiss['p'])}")
    return "\n\n".join(parts) + "\n"


def _shown(one: dict[str, Any]) -> str:
    ci = one.get("ci")
    return with_interval(Estimate(one["value"], ci=tuple(ci) if ci else None))
