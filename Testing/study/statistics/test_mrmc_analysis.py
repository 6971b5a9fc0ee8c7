"""Obuchowski-Rockette, Hillis and DBM against MRMCaov, RJafroc and the Iowa program."""

from __future__ import annotations

import math

import numpy as np
import pytest

from densesharp.study.dbm import dbm, dbm_frrc_p
from densesharp.study.figures_of_merit import sensitivity, specificity
from densesharp.study.fom_table import fom_table
from densesharp.study.mrmc import analyse
from densesharp.study.tables import Readings

FULL = {"rel": 1e-6, "abs": 1e-12}
NAMES = {"jackknife": "jackknife", "delong": "DeLong", "unbiased": "unbiased"}


def check_components(found, wanted):
    pairs = (
        (found.var_r, "reader"),
        (found.var_tr, "treatment:reader"),
        (found.var_error, "Error"),
        (found.cov1, "Cov1"),
        (found.cov2, "Cov2"),
        (found.cov3, "Cov3"),
    )
    for value, name in pairs:
        assert value == pytest.approx(wanted[name], **FULL), name


def check_estimate(found, wanted, clip=False):
    assert found.value == pytest.approx(wanted["Estimate"], **FULL)
    assert found.se == pytest.approx(wanted["StdErr"], **FULL)
    assert found.ci[0] == pytest.approx(wanted["CI_lower"], **FULL)
    upper = min(found.ci[1], 1.0) if clip else found.ci[1]
    assert upper == pytest.approx(wanted["CI_upper"], **FULL)
    if "df" in wanted:
        assert found.df == pytest.approx(wanted["df"], **FULL)
    if "p-value" in wanted:
        assert found.p == pytest.approx(wanted["p-value"], **FULL)


@pytest.mark.parametrize("covariance", NAMES)
def test_every_value_of_mrmcaov_is_reproduced(van_dyke, expected, covariance):
    wanted = expected("vandyke_expected")["MRMCaov"][NAMES[covariance]]
    found = analyse(van_dyke, covariance=covariance)
    check_components(found.components, wanted["RRRC"]["variance_components"])

    test = wanted["RRRC"]["test_equality"][0]
    assert found.rrrc.test.statistic == pytest.approx(test["F"], **FULL)
    assert found.rrrc.test.df2 == pytest.approx(test["df2"], **FULL)
    assert found.rrrc.test.p == pytest.approx(test["p-value"], **FULL)
    assert found.rrrc.test.denominator == pytest.approx(test["Denominator"], **FULL)
    assert found.mean_squares.t == pytest.approx(test["MS(T)"], **FULL)
    assert found.mean_squares.tr == pytest.approx(test["MS(T:R)"], **FULL)

    test = wanted["FRRC"]["test_equality"][0]
    assert found.frrc.test.statistic == pytest.approx(test["X2"], **FULL)
    assert found.frrc.test.p == pytest.approx(test["p-value"], **FULL)
    for form, name in ((found.rrrc, "RRRC"), (found.frrc, "FRRC")):
        check_estimate(form.differences["1", "2"], wanted[name]["test_diffs"][0])
        for row in wanted[name]["test_means"]:
            check_estimate(form.means[row["row"]], row, clip=True)
    for row in wanted["FRRC"]["reader_test_diffs"]:
        check_estimate(found.reader_differences["1", "2"][row["Reader"]], row)
    for row in wanted["FRRC"]["reader_means"]:
        one = found.values[row["treatment"]][row["reader"]]
        check_estimate(one, row | {"Estimate": row["empirical_auc"]}, clip=True)


def test_fixed_cases_give_the_paired_t_test(van_dyke, expected):
    wanted = expected("vandyke_expected")["MRMCaov"]["RRFC"]
    found = analyse(van_dyke).rrfc
    assert found.test.statistic == pytest.approx(wanted["test_equality"][0]["F"], **FULL)
    assert found.test.df2 == 4
    check_estimate(found.differences["1", "2"], wanted["test_diffs"][0])
    for row in wanted["test_means"]:
        check_estimate(found.means[row["row"]], row)


def test_the_published_output_of_the_iowa_program_is_reproduced(van_dyke, expected):
    iowa = expected("vandyke_iowa_ordbm")
    found = analyse(van_dyke)
    for row in iowa["auc"]:
        for treatment in "12":
            value = found.values[treatment][str(row["reader"])].value
            assert value == pytest.approx(row[f"treatment{treatment}"], abs=6e-9)
    squares = found.mean_squares
    for value, name in ((squares.t, "T"), (squares.r, "R"), (squares.tr, "T*R")):
        assert value == pytest.approx(iowa["anova"][name]["MS"], abs=6e-9)
    components = found.components
    printed = iowa["OR_components"]
    for value, name in (
        (components.var_r, "Var(R)"),
        (components.var_tr, "Var(T*R)"),
        (components.cov1, "COV1"),
        (components.cov2, "COV2"),
        (components.cov3, "COV3"),
        (components.var_error, "Var(Error)"),
    ):
        assert value == pytest.approx(printed[name], abs=6e-9)
    assert found.rrrc.test.p == pytest.approx(iowa["RRRC"]["p"], abs=6e-5)
    assert found.frrc.test.statistic == pytest.approx(iowa["FRRC"]["X2"], abs=6e-6)
    assert found.rrfc.test.p == pytest.approx(iowa["RRFC"]["p"], abs=6e-4)
    for i, row in enumerate(iowa["RRRC"]["single"]):
        mean = found.rrrc.means["12"[i]]
        shown = (mean.value, mean.se, mean.df, *mean.ci)
        assert shown == pytest.approx(row[:5], abs=5e-3)
        assert (mean.value, mean.se, *mean.ci) == pytest.approx([*row[:2], *row[3:5]], abs=6e-9)
    for row in iowa["FRRC"]["per_reader"]:
        one = found.reader_differences["1", "2"][str(int(row[0]))]
        assert (one.value, one.se, *one.ci) == pytest.approx([row[1], row[2], *row[5:]], abs=6e-6)
        assert one.p == pytest.approx(row[4], abs=6e-5)


def test_dbm_is_the_same_analysis_in_other_units(van_dyke, expected):
    wanted = expected("vandyke_expected")["RJafroc_DBM"]
    table = fom_table(van_dyke)
    found = dbm(table)
    assert found is not None
    names = ("VarR", "VarC", "VarTR", "VarTC", "VarRC", "VarErr")
    values = (found.var_r, found.var_c, found.var_tr, found.var_tc, found.var_rc, found.var_error)
    for name, value in zip(names, values, strict=True):
        assert value == pytest.approx(wanted["variance_components"][name], **FULL)
    for row in wanted["anova_pseudovalues"][:-1]:
        assert found.mean_squares[row["term"]] == pytest.approx(row["MS"], **FULL)
    assert dbm_frrc_p(found, table) == pytest.approx(wanted["FRRC_F"][0]["p"], **FULL)
    row = wanted["FRRC_diff"][0]
    assert found.frrc.se == pytest.approx(row["StdErr"], **FULL)
    assert found.frrc.ci == pytest.approx((row["CILower"], row["CIUpper"]), **FULL)
    # Equivalences of the components (K = 114).
    c = analyse(van_dyke).components
    assert found.var_c == pytest.approx(114 * c.cov3)
    assert found.var_tc == pytest.approx(114 * (c.cov2 - c.cov3))
    assert found.var_rc == pytest.approx(114 * (c.cov1 - c.cov3))


@pytest.mark.parametrize("threshold", [2, 3, 4, 5])
@pytest.mark.parametrize(("name", "figure"), [("sens", sensitivity), ("spec", specificity)])
def test_sensitivity_and_specificity_as_figures_of_merit(
    van_dyke, expected, threshold, name, figure
):
    wanted = expected("vandyke_expected")["MRMCaov_binary"][f"binary_{name}_rating_ge_{threshold}"]
    found = analyse(van_dyke, figure(threshold))
    check_components(found.components, wanted["variance_components"])
    test = wanted["test_equality"][0]
    assert found.rrrc.test.statistic == pytest.approx(test["F"], **FULL)
    assert found.rrrc.test.df2 == pytest.approx(test["df2"], **FULL)
    check_estimate(found.rrrc.differences["1", "2"], wanted["test_diffs"][0])
    for row in wanted["test_means"]:
        check_estimate(found.rrrc.means[row["row"]], row, clip=True)


def test_proportions_per_reader(van_dyke, expected):
    figures = {1: sensitivity(3), 0: specificity(3)}
    values = {truth: analyse(van_dyke, figure).values for truth, figure in figures.items()}
    for row in expected("vandyke_binary_expected")["per_reader"]:
        found = values[row["truth"]][str(row["treatment"])][str(row["reader"])].value
        assert found == pytest.approx(row["correct"], **FULL)


def test_three_treatments_are_compared_pair_by_pair(random_study):
    study = random_study(treatments=3)
    found = analyse(study)
    assert found.rrrc.test.df1 == 2
    assert set(found.rrrc.differences) == {("t0", "t1"), ("t0", "t2"), ("t1", "t2")}
    ms_tr = found.mean_squares.tr
    assert found.rrfc.test.statistic == pytest.approx(found.mean_squares.t / ms_tr)


def test_one_reader_leaves_only_the_fixed_reader_test(van_dyke, expected):
    found = analyse(van_dyke.select(readers=["5"]), covariance="delong")
    wanted = expected("vandyke_expected")["pROC_DeLong_per_reader"][4]
    assert found.frrc.differences["1", "2"].p == pytest.approx(wanted["p"], **FULL)
    assert found.rrrc.test.p is None
    assert "one reader" in found.rrrc.test.reason
    assert found.components.cov2 is None


def test_missing_readings_leave_values_but_no_analysis(van_dyke):
    ratings = van_dyke.ratings.copy()
    ratings[0, 0, 3] = np.nan
    found = analyse(
        Readings(van_dyke.treatments, van_dyke.readers, van_dyke.cases, van_dyke.truth, ratings)
    )
    assert found.values["1"]["1"].value is not None
    assert found.rrrc.test.p is None
    assert found.rrrc.differences["1", "2"].value is not None
    assert "needs all readings" in found.rrrc.test.reason


def test_equal_differences_of_all_readers_are_not_testable(van_dyke):
    ratings = van_dyke.ratings.copy()
    ratings[1] = ratings[0]
    same = Readings(van_dyke.treatments, van_dyke.readers, van_dyke.cases, van_dyke.truth, ratings)
    found = analyse(same)
    assert found.rrrc.test.p is None
    assert found.rrrc.differences["1", "2"].value == 0
    assert "MS(T*R) is zero" in found.rrrc.test.reason
    assert found.frrc.test.p is None


def test_nothing_is_ever_nan(random_study):
    study = random_study(readers=2, cases=4)
    ratings = study.ratings.copy()
    ratings[:, 0] = 1.0
    flat = Readings(study.treatments, study.readers, study.cases, study.truth, ratings)
    found = analyse(flat)
    for form in (found.rrrc, found.frrc, found.rrfc):
        for estimate in (*form.differences.values(), *form.means.values()):
            assert estimate.value is None or math.isfinite(estimate.value)
            assert (estimate.p is None) or (0 <= estimate.p <= 1)


def test_delong_exists_for_the_auc_only(van_dyke):
    with pytest.raises(ValueError, match="AUC only"):
        analyse(van_dyke, sensitivity(3), "delong")
