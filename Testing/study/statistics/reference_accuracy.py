"""The numbers of the expected files about ROC curves, classes and outlines, by the product."""

from itertools import combinations
from typing import Any

import numpy as np
from known_shapes import SHAPES

from densesharp.stats.auc import (
    OperatingPoint,
    auc_estimate,
    delong_covariance,
    delong_test,
    empirical_auc,
    operating_point,
    partial_auc,
    placements,
    roc_curve,
)
from densesharp.stats.calibration import (
    brier,
    brier_skill,
    calibration_errors,
    decision_curve,
    reliability_bins,
)
from densesharp.stats.consensus import majority, staple
from densesharp.stats.gee import gee_logistic
from densesharp.stats.multiclass import hand_till, one_vs_rest
from densesharp.stats.power_single import single_cases, single_power
from densesharp.stats.segmentation import compare, dice, jaccard
from densesharp.stats.surface_distance import (
    hausdorff,
    normalized_surface_dice,
    surface_distances,
)


def asah(rows: list[dict[str, str]], fitted: list[dict[str, str]]) -> dict[str, Any]:
    """Three markers of 113 patients, and the logistic model's probabilities."""
    truth = np.array([row["outcome"] == "Poor" for row in rows])
    markers = {
        name: np.array([float(row[name]) for row in rows]) for name in ("s100b", "wfns", "ndka")
    }
    areas = {name: auc_estimate(values, truth) for name, values in markers.items()}
    paired = []
    for a, b in combinations(markers, 2):
        test = delong_test(markers[a], markers[b], truth)
        both = delong_covariance([placements(markers[name], truth) for name in (a, b)])
        row = {"cov": both[0, 1], "z": test.statistic, "p": test.p}
        paired.append(row | {"ci_lo": test.ci[0], "ci_hi": test.ci[1]})
    part = partial_auc(markers["s100b"], truth)
    point = _youden_point(markers["s100b"], truth)
    positive, negative = int(truth.sum()), int((~truth).sum())
    area = areas["s100b"].value
    needed = single_cases(area, 0.9, negative / positive)
    # One patient a cluster: the estimating equations are those of the likelihood.
    model = gee_logistic(truth, markers, np.arange(len(truth)))
    outcome = np.array([row["outcome_poor"] == "1" for row in fitted])
    probabilities = np.array([float(row["prob"]) for row in fitted])
    classes = np.array([int(row["gos6"]) for row in rows])
    return {
        "auc": [
            {"auc": one.value, "delong_var": one.se**2, "ci_lo": one.ci[0], "ci_hi": one.ci[1]}
            for one in areas.values()
        ],
        "delong_paired": paired,
        "partial_auc_spec_100_90": {
            "s100b_raw": part.value,
            "s100b_mcclish": (1 + (part.value - 0.005) / (0.1 - 0.005)) / 2,
        },
        "youden_s100b": [
            {
                name: getattr(point, name)
                for name in (
                    "threshold", "sensitivity", "specificity", "ppv", "npv", "accuracy", "tp",
                    "fp", "tn", "fn",
                )
            }
        ],
        "hand_till_univariate_gos6_s100b": _mean_pairwise_auc(markers["s100b"], classes),
        "power_roc_test_s100b": {
            "power": single_power(area, positive, negative).power,
            "n_for_power_0.9": [needed.diseased, needed.others],
        },
        "logistic_model": {
            "coef": {
                "(Intercept)": model["intercept"].value,
                "s100b": model["s100b"].value,
                "as.numeric(wfns)": model["wfns"].value,
                "ndka": model["ndka"].value,
            },
            "brier": brier(probabilities, outcome).value,
            "auc": empirical_auc(probabilities, outcome),
        },
    }  # fmt: skip


def _youden_point(ratings: np.ndarray, truth: np.ndarray) -> OperatingPoint:
    """Where sensitivity + specificity is largest, midway to the next smaller rating."""
    curve = roc_curve(ratings, truth)
    best = int(np.argmax(curve.tpr - curve.fpr))
    return operating_point(ratings, truth, float(curve.thresholds[best : best + 2].mean()))


def _mean_pairwise_auc(ratings: np.ndarray, classes: np.ndarray) -> float:
    """Over pairs of classes, each in the direction that makes it at least 1/2 (pROC)."""
    areas = []
    for low, high in combinations(np.unique(classes), 2):
        both = (classes == low) | (classes == high)
        area = empirical_auc(ratings[both], classes[both] == high)
        areas.append(max(area, 1 - area))
    return float(np.mean(areas))


def asah_prob(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Calibration and decision curve of the fitted probabilities."""
    outcome = np.array([row["outcome_poor"] == "1" for row in rows])
    chance = np.array([float(row["prob"]) for row in rows])
    ece, mce = calibration_errors(reliability_bins(chance, outcome))
    counted = calibration_errors(reliability_bins(chance, outcome, equal_count=True))[0]
    thresholds = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    curve = decision_curve(chance, outcome, np.array(thresholds))
    return {
        "brier_sklearn": brier(chance, outcome).value,
        "ece_10_equal_width": ece.value,
        "mce_10_equal_width": mce.value,
        "ece_10_equal_count": counted.value,
        "net_benefit": {
            f"{pt:.2f}": {"model": model, "treat_all": everyone}
            for pt, model, everyone in zip(thresholds, curve.model, curve.treat_all, strict=True)
        },
        "brier_skill": brier_skill(chance, outcome).value,
    }


def handtill_glass(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Six classes of glass."""
    names = list(rows[0])[1:]
    chances = np.array([[float(row[name]) for name in names] for row in rows])
    truth = np.array([names.index(row["observed"]) for row in rows])
    each = one_vs_rest(chances, truth)
    m = hand_till(chances, truth).value
    return {
        "handtill_M_HandTill2001": m,
        "published_in_package_test": m,
        "pROC_multiclass": m,
        "ovr_auc": dict(zip(names, each.each, strict=True)),
        "ovr_macro": each.macro.value,
        "ovr_prevalence_weighted": each.weighted.value,
    }


def segmetrics() -> dict[str, Any]:
    """Distances and overlap of shapes that a recipe in the file describes."""
    out = {}
    for name, (first, second, spacing) in SHAPES.items():
        found = surface_distances(first, second, spacing)
        ratio = compare(first, second, spacing)["volume_ratio"].value
        distances = {"hd100": hausdorff(found, 100).value, "hd95": hausdorff(found).value}
        out[name] = {
            "dice": dice(first, second),
            "deepmind": distances
            | {
                "asd": [
                    np.average(found.first, weights=found.first_area),
                    np.average(found.second, weights=found.second_area),
                ],
                "nsd_1mm": normalized_surface_dice(found, 1).value,
                "nsd_2mm": normalized_surface_dice(found, 2).value,
            },
            "monai": distances,
            "sitk": {
                "hd100": distances["hd100"],
                "dice": dice(first, second),
                "jaccard": jaccard(first, second),
                "volsim": 2 * (ratio - 1) / (ratio + 1),
            },
        }
    return {"values": out}


def staple4(rows: list[dict[str, str]]) -> dict[str, Any]:
    """A consensus of four simulated raters."""
    raters = [np.array([row[f"r{i}"] == "1" for row in rows]).reshape(-1, 24) for i in range(1, 5)]
    truth = np.array([row["truth"] == "1" for row in rows]).reshape(-1, 24)
    found = staple(raters)
    points = [operating_point(r.ravel().astype(float), truth.ravel(), 0.5) for r in raters]
    consensus = found.probability > 0.5
    return {
        "sensitivity": found.sensitivity,
        "specificity": found.specificity,
        "empirical_vs_truth": [{"sens": p.sensitivity, "spec": p.specificity} for p in points],
        "pixels_staple_gt_0.5": consensus.sum(),
        "dice_staple_vs_truth": dice(consensus, truth),
        # "At least three of four" is more than half.
        "pixels_majority_ge_3": majority(raters).sum(),
    }
