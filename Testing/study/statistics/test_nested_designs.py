"""Nested and split-plot designs, against MRMCaov 0.3.0 on parts of Van Dyke's study.

The parts: reader j the cases with number % 5 = j - 1 (both treatments); treatment i those with
number % 2 = i - 1 (all readers); readers 1-3 treatment 1 and readers 4-5 treatment 2; readers 1-2
the even cases and readers 3-5 the odd ones. The file holds what MRMCaov printed.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from densesharp.stats.figures_of_merit import AUC, sensitivity, specificity
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_text import mrmc_text
from densesharp.stats.study_design import study_design
from densesharp.stats.ustatistics import u_statistics

PRINTED = json.loads(Path(__file__).with_name("nested_designs_mrmcaov.json").read_text())
FIGURES = {"auc": AUC, "sensitivity": sensitivity(3), "specificity": specificity(3)}
NAMES = {
    "cases_in_readers": "cases nested in readers",
    "cases_in_treatments": "cases nested in treatments",
    "readers_in_treatments": "readers nested in treatments",
    "split_plot": "split plot: groups of readers with cases of their own",
}


SEED = 0
"""Of a study in which Cov2 is above Cov3, so that nothing is clamped."""


def part(study, design):
    case = np.array([int(name) for name in study.cases])
    reader, treatment = np.arange(1, 6)[None, :, None], np.arange(1, 3)[:, None, None]
    kept = {
        "cases_in_readers": case % 5 == reader - 1,
        "cases_in_treatments": case % 2 == treatment - 1,
        "readers_in_treatments": (treatment == 1) == (reader <= 3),
        "split_plot": (case % 2 == 0) == (reader <= 2),
    }[design]
    kept = np.broadcast_to(kept, study.ratings.shape)
    return replace(study, ratings=np.where(kept, study.ratings, np.nan))


@pytest.mark.parametrize("design", NAMES)
def test_the_design_is_recognized_and_said(van_dyke, design):
    document = mrmc_document(part(van_dyke, design))
    assert document.study.design == NAMES[design]
    assert document.study.missing_readings == 0
    assert f"Design: {NAMES[design]}" in mrmc_text(document)
    assert document.complete_cases is None


def test_single_missing_readings_are_no_design(van_dyke):
    ratings = van_dyke.ratings.copy()
    assert study_design(ratings) == "factorial"
    ratings[0, 0, 0] = np.nan
    assert study_design(ratings) is None
    assert mrmc_document(replace(van_dyke, ratings=ratings)).study.missing_readings == 1


def found(study, key):
    design, covariance, figure, form = key.split("/")
    result = analyse(part(study, design), FIGURES[figure], covariance)
    return result, getattr(result, form)


def is_here(key):
    """What MRMCaov and this program compute alike.

    Left out are two faults of MRMCaov 0.3.0: readers nested in treatments, where R - sum r_i^2 / R
    was written R - sum r_i^2 (a negative number of readers, so that its denominator is below MS);
    and fixed readers where Cov2 < Cov3, which it does not clamp.
    """
    return (
        not (key.startswith("readers_in_treatments") and not key.endswith("rrfc"))
        and key != "split_plot/jackknife/specificity/frrc"
    )


@pytest.mark.parametrize("key", [key for key in PRINTED if is_here(key)])
def test_tests_and_differences_are_those_of_mrmcaov(van_dyke, key):
    want = PRINTED[key]
    _, form = found(van_dyke, key)
    test, difference = want["test"], want["differences"]
    assert form.test.statistic == pytest.approx(test.get("F", test.get("X2")), rel=1e-9)
    assert form.test.p == pytest.approx(test["p-value"], rel=1e-8)
    one = form.differences["1", "2"]
    assert one.value == pytest.approx(difference["Estimate"], rel=1e-10)
    assert one.se == pytest.approx(difference["StdErr"], rel=1e-9)
    assert one.ci == pytest.approx(difference["CI"], rel=1e-8)
    if "df2" in test:
        assert form.test.df2 == pytest.approx(test["df2"], rel=1e-9)


@pytest.mark.parametrize("key", [key for key in PRINTED if PRINTED[key]["means"]])
def test_means_of_treatments_are_those_of_mrmcaov(van_dyke, key):
    _, form = found(van_dyke, key)
    want = PRINTED[key]["means"]
    for i, treatment in enumerate("12"):
        assert form.means[treatment].value == pytest.approx(want["Estimate"][i], rel=1e-10)
        assert form.means[treatment].se == pytest.approx(want["StdErr"][i], rel=1e-9)


@pytest.mark.parametrize("key", [key for key in PRINTED if key.endswith("rrrc")])
def test_components_are_those_of_mrmcaov(van_dyke, key):
    components = found(van_dyke, key)[0].components
    want = PRINTED[key]["components"]
    names = {"cov1": "Cov1", "cov2": "Cov2", "cov3": "Cov3", "var_error": "Error"}
    for ours, theirs in names.items():
        if not (ours == "cov1" and key.startswith("readers_in_treatments")):
            assert getattr(components, ours) == pytest.approx(want[theirs], rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("figure", ["auc", "sensitivity", "specificity"])
def test_readers_in_treatments_follow_hillis_2014(van_dyke, figure):
    """From the mean squares and covariances that MRMCaov printed, by the paper's formula.

    Of its degrees of freedom d (D / MS)^2 what cases add counts (d - 2) / d, here a third.
    """
    key = f"readers_in_treatments/jackknife/{figure}/rrrc"
    want = PRINTED[key]["test"]
    per_treatment = (5 - 13 / 5) / 1
    d = want["MS[R(T)]"] + per_treatment * max(want["Cov2"] - want["Cov3"], 0)
    _, form = found(van_dyke, key)
    assert form.test.statistic == pytest.approx(want["MS[T]"] / d, rel=1e-9)
    ratio = 1 + (d / want["MS[R(T)]"] - 1) / 3
    assert form.test.df2 == pytest.approx(3 * ratio**2, rel=1e-9)
    one = form.differences["1", "2"]
    assert one.se == pytest.approx(np.sqrt((1 / 3 + 1 / 2) * d), rel=1e-9)
    assert one.p == pytest.approx(form.test.p, rel=1e-9)


@pytest.mark.parametrize("design", ["cases_in_treatments", "readers_in_treatments"])
def test_with_the_unbiased_covariance_the_variance_is_that_of_u_statistics(random_study, design):
    """Balanced, where both are the one unbiased estimate (as iMRMC's of these designs)."""
    study = random_study(seed=SEED, readers=4, cases=48)
    reader, treatment = np.arange(4)[None, :, None], np.arange(2)[:, None, None]
    half = (np.arange(48) // 2) % 2
    kept = {
        "cases_in_treatments": half == treatment,
        "readers_in_treatments": reader % 2 == treatment,
    }[design]
    ratings = np.where(np.broadcast_to(kept, study.ratings.shape), study.ratings, np.nan)
    part_of = replace(study, ratings=ratings)
    result = analyse(part_of, covariance="unbiased")
    assert result.components.cov2 > (result.components.cov3 or 0)
    se = result.rrrc.differences["t0", "t1"].se
    assert se == pytest.approx(u_statistics(part_of).differences["t0", "t1"].se, rel=1e-9)


def test_delong_takes_blocks_of_cases(van_dyke):
    """Curves without common cases have no covariance; within a block it is DeLong's."""
    split = part(van_dyke, "split_plot")
    blocks = [split.of_cases(~np.isnan(split.ratings[0, r])) for r in (0, 4)]
    kept = [blocks[0].select(readers=["1", "2"]), blocks[1].select(readers=["3", "4", "5"])]
    whole = analyse(split, covariance="delong").components
    parts = [analyse(one, covariance="delong").components for one in kept]
    assert whole.var_error == pytest.approx((2 * parts[0].var_error + 3 * parts[1].var_error) / 5)
    pairs = (1 * parts[0].cov2 + 3 * parts[1].cov2) / 10
    assert whole.cov2 == pytest.approx(pairs)


def test_three_treatments_with_readers_of_their_own(random_study):
    study = random_study(seed=1, readers=6, treatments=3)
    mine = np.arange(6)[None, :, None] // 2 == np.arange(3)[:, None, None]
    ratings = np.where(np.broadcast_to(mine, study.ratings.shape), study.ratings, np.nan)
    form = analyse(replace(study, ratings=ratings)).rrrc
    assert form.test.df1 == 2
    ses = [one.se for one in form.differences.values()]
    assert ses[0] == pytest.approx(ses[1])
    assert ses[0] ** 2 == pytest.approx(2 / 2 * form.test.denominator)
    alone = ratings.copy()
    alone[:, [1, 3, 5]] = np.nan
    ones = replace(study, ratings=alone[:, [0, 2, 4]], readers=study.readers[:3])
    assert "one reader only" in analyse(ones).rrrc.test.reason
