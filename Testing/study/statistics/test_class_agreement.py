"""Kappa, Gwet, Krippendorff, Kendall and ICC against irr, irrCAC, psych and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from densesharp.study.agreement import (
    chance_corrected,
    fleiss_by_class,
    fleiss_test,
    kendall_w,
    krippendorff_alpha,
    percent_agreement,
)
from densesharp.study.icc import NAMES, icc
from densesharp.study.kappa import cohen_kappa, cross_table

FULL = {"rel": 1e-6, "abs": 1e-12}
PRINTED = {"abs": 5.1e-6}
COEFFICIENTS = {
    "conger": "conger",
    "fleiss": "fleiss",
    "AC": "gwet",
    "BP": "brennan-prediger",
}
WEIGHTS = {"unweighted": "unweighted", "equal": "linear", "squared": "quadratic"}


@pytest.fixture(scope="module")
def anxiety(rows_of):
    return np.array([[int(row[f"rater{i}"]) - 1 for i in (1, 2, 3)] for row in rows_of("anxiety")])


@pytest.fixture(scope="module")
def diagnoses(rows_of, expected):
    """Fleiss 1971, labels mapped through one common list."""
    levels = expected("fleiss1971_expected")["levels"]
    rows = rows_of("fleiss1971")
    return np.array([[levels.index(row[f"rater{i}"]) for i in range(1, 7)] for row in rows])


@pytest.fixture(scope="module")
def nodules(rows_of):
    """LIDC: rating name -> (897, 4) with values 1..5."""
    rows = rows_of("lidc_ratings")
    return lambda name: np.array([int(row[name]) for row in rows]).reshape(-1, 4)


def test_cohen_with_three_weightings(anxiety, expected):
    for row in expected("anxiety_expected")["pairwise_cohen"]:
        pair = anxiety[:, [row["r1"] - 1, row["r2"] - 1]]
        # irr numbers only the levels that the two raters used.
        levels, codes = np.unique(pair, return_inverse=True)
        first, second = codes.reshape(pair.shape).T
        found = cohen_kappa(cross_table(first, second, len(levels)), WEIGHTS[row["weights"]])
        assert found.value == pytest.approx(row["kappa"], **FULL)
        assert found.statistic == pytest.approx(row["z"], **FULL)
        assert found.p == pytest.approx(row["p"], **FULL)


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_cohen_intervals_are_those_of_statsmodels(anxiety, expected, weights):
    wanted = expected("anxiety_expected")["cohen_ci_statsmodels_raters_1_2"]
    counts = cross_table(anxiety[:, 0], anxiety[:, 1], 6)
    found = cohen_kappa(counts, weights)
    assert (found.value, found.ci[0]) == pytest.approx(wanted[weights][:2], **FULL)
    # The file's upper linear limit has a wrong fourth digit (it is not kappa + half the width).
    kind = None if weights == "unweighted" else weights
    reference = cohens_kappa(counts, wt=kind)
    assert found.ci == pytest.approx((reference.kappa_low, reference.kappa_upp), **FULL)
    assert found.se == pytest.approx(reference.std_kappa, **FULL)


@pytest.mark.parametrize("name", ["anxiety", "fleiss1971"])
def test_chance_corrected_coefficients_of_irrcac(name, anxiety, diagnoses, expected):
    table, classes = {"anxiety": (anxiety, 6), "fleiss1971": (diagnoses, 5)}[name]
    for row in expected(f"{name}_expected")["irrCAC"]:
        if row["coef"] == "kripp":
            continue
        if row["coef"] == "pa":
            found = percent_agreement(table, classes, row["weights"])
        else:
            found = chance_corrected(table, classes, COEFFICIENTS[row["coef"]], row["weights"])
        assert found.value == pytest.approx(row["value"], **PRINTED)
        assert found.se == pytest.approx(row["se"], **PRINTED)
        assert found.p == pytest.approx(row["p"], rel=1e-5, abs=1e-12)


def test_fleiss_1971(diagnoses, expected):
    wanted = expected("fleiss1971_expected")
    found = fleiss_test(diagnoses, 5)
    assert found.value == pytest.approx(wanted["irr_fleiss"]["kappa"], **FULL)
    assert found.statistic == pytest.approx(wanted["irr_fleiss"]["z"], **FULL)
    each = fleiss_by_class(diagnoses, 5)
    rows = wanted["irr_fleiss"]["per_category"]
    for i, category in enumerate(wanted["levels"]):
        mine = {row["Var2"]: row["Freq"] for row in rows if row["category"] == category}
        assert each[i].value == pytest.approx(mine["Kappa"], abs=6e-4)
        assert each[i].statistic == pytest.approx(mine["z"], abs=6e-4)


def test_pairs_of_raters_and_their_means(diagnoses, expected):
    wanted = expected("fleiss1971_expected")
    kappas = []
    for row in wanted["irr_pairwise_cohen"]:
        first, second = diagnoses[:, [row["r1"] - 1, row["r2"] - 1]].T
        found = cohen_kappa(cross_table(first, second, 5))
        assert found.value == pytest.approx(row["kappa"], **FULL)
        assert found.statistic == pytest.approx(row["z"], **FULL)
        kappas.append(found.value)
    assert np.mean(kappas) == pytest.approx(wanted["irr_light"]["kappa"], **FULL)
    conger = chance_corrected(diagnoses, 5, "conger")
    assert conger.value == pytest.approx(wanted["irr_conger_exact"], **FULL)


def test_krippendorff_by_the_coincidence_matrix(anxiety, diagnoses, expected):
    wanted = expected("anxiety_expected")["krippendorff_alpha"]
    values = np.arange(1.0, 7.0)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        found = krippendorff_alpha(anxiety, values, level, replicates=0)
        assert found.value == pytest.approx(wanted[level], **FULL)
    found = krippendorff_alpha(diagnoses, np.arange(5.0), "nominal", replicates=200)
    assert found.value == pytest.approx(0.43341, **PRINTED)
    assert found.ci[0] < found.value < found.ci[1]
    assert "200 resamples" in found.method


def test_alpha_with_missing_ratings_is_krippendorffs_own_example():
    """Krippendorff 2011, "Computing Krippendorff's alpha-reliability": reliability data C."""
    star = -1
    data = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, star, star, star],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, star, 3],
            [star, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, star],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, star],
        ]
    ).T
    codes = np.where(data == star, -1, data - 1)
    values = np.arange(1.0, 6.0)
    published = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}
    for level, value in published.items():
        found = krippendorff_alpha(codes, values, level, replicates=0)
        assert found.value == pytest.approx(value, abs=6e-4)


def test_concordance_of_rankings(anxiety, expected):
    found = kendall_w(anxiety.astype(float))
    assert found.value == pytest.approx(expected("anxiety_expected")["kendall_W"], **FULL)


@pytest.mark.parametrize("name", ["anxiety", "giavarina"])
def test_the_icc_family_of_psych(name, anxiety, rows_of, expected):
    if name == "anxiety":
        table, wanted = anxiety.astype(float), expected("anxiety_expected")["icc_psych"]
    else:
        rows = rows_of("giavarina2015")
        table = np.array([[float(row["method_a"]), float(row["method_b"])] for row in rows])
        wanted = expected("giavarina2015_expected")["A_vs_B"]["icc"]
    found = icc(table)
    for row in wanted:
        one = found[f"ICC({row['type'][3]},{'k' if row['type'].endswith('k') else '1'})"]
        assert one.value == pytest.approx(row["ICC"], **FULL)
        assert one.ci == pytest.approx((row["lower bound"], row["upper bound"]), **FULL)
        assert one.statistic == pytest.approx(row["F"], **FULL)
        assert one.df == row["df2"]
        assert one.p == pytest.approx(row["p"], **FULL)


@pytest.mark.parametrize("name", ["malignancy", "texture", "subtlety"])
def test_lidc_radiologists(nodules, expected, name):
    wanted = expected("lidc_expected")[name]
    ratings = nodules(name)
    codes = ratings - 1
    assert fleiss_test(codes, 5).value == pytest.approx(wanted["fleiss_kappa_unweighted"], **FULL)
    for level in ("ordinal", "interval"):
        found = krippendorff_alpha(codes, np.arange(1.0, 6.0), level, replicates=0)
        assert found.value == pytest.approx(wanted[f"krippendorff_alpha_{level}"], **FULL)
    found = icc(ratings.astype(float))
    assert found["ICC(1,1)"].value == pytest.approx(wanted["icc_1_1"], **FULL)
    assert found["ICC(1,k)"].value == pytest.approx(wanted["icc_1_k"], **FULL)
    assert np.bincount(codes.ravel()).tolist() == wanted["counts_1_to_5"]
    equal = (ratings == ratings[:, :1]).all(1).mean()
    assert equal == pytest.approx(wanted["share_all_four_equal"], **FULL)


def test_lidc_two_class_kappas(nodules, expected):
    wanted = expected("lidc_expected")
    suspicious = (nodules("malignancy") >= 4).astype(int)
    subsolid = (nodules("texture") <= 3).astype(int)
    kappas = (fleiss_test(part, 2).value for part in (suspicious, subsolid))
    keys = ("malignancy_ge4_fleiss_kappa", "texture_le3_fleiss_kappa")
    assert list(kappas) == pytest.approx([wanted[key] for key in keys], **FULL)


def test_clusters_are_drawn_together(nodules):
    codes = nodules("malignancy")[:60] - 1
    clusters = np.arange(60) // 20
    options = {"replicates": 300, "seed": 3}
    alone = krippendorff_alpha(codes, np.arange(5.0), "ordinal", **options)
    together = krippendorff_alpha(codes, np.arange(5.0), "ordinal", clusters=clusters, **options)
    assert alone.value == together.value
    assert alone.ci != together.ci
    assert "clusters" in together.method


def test_perfect_agreement_and_one_class_say_why():
    same = np.repeat(np.array([[0], [1], [2], [1]]), 3, axis=1)
    perfect = chance_corrected(same, 3, "fleiss")
    assert perfect.value == pytest.approx(1)
    assert perfect.ci is None
    assert "perfect" in perfect.reason
    assert cohen_kappa(cross_table(same[:, 0], same[:, 1], 3)).reason
    constant = np.zeros((5, 3), dtype=int)
    for found in (
        chance_corrected(constant, 3, "fleiss"),
        cohen_kappa(cross_table(constant[:, 0], constant[:, 1], 3)),
        krippendorff_alpha(constant, np.arange(3.0), "nominal"),
        fleiss_test(constant, 3),
        kendall_w(constant.astype(float)),
        icc(constant.astype(float))["ICC(2,1)"],
    ):
        assert found.value is None
        assert found.reason
    assert icc(same.astype(float))["ICC(3,1)"].value == 1
    assert set(icc(np.ones((1, 3)))) == set(NAMES)
    assert percent_agreement(np.array([[0, -1], [1, -1]]), 2).value is None


tables = st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=5, max_size=20).map(
    np.array
)


@settings(max_examples=40, deadline=None)
@given(tables, st.randoms())
def test_order_of_cases_and_raters_does_not_matter(table, random):
    cases, raters = list(range(len(table))), [0, 1, 2]
    random.shuffle(cases)
    random.shuffle(raters)
    moved = table[cases][:, raters]
    for coefficient in COEFFICIENTS.values():
        a = chance_corrected(table, 3, coefficient, "quadratic")
        b = chance_corrected(moved, 3, coefficient, "quadratic")
        assert (a.value is None) == (b.value is None)
        if a.value is not None:
            assert a.value == pytest.approx(b.value)
            assert (a.se or 0) == pytest.approx(b.se or 0)
    a, b = icc(table.astype(float)), icc(moved.astype(float))
    for name in NAMES:
        assert (a[name].value or 0) == pytest.approx(b[name].value or 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 5), st.integers(2, 4), st.data())
def test_icc_of_any_small_table_is_a_number_or_a_reason(n, k, data):
    cells = data.draw(st.lists(st.integers(0, 2), min_size=n * k, max_size=n * k))
    for one in icc(np.array(cells, dtype=float).reshape(n, k)).values():
        assert one.reason or (math.isfinite(one.value) and one.ci[0] <= one.ci[1])


@settings(max_examples=40, deadline=None)
@given(tables)
def test_a_scale_turned_round_keeps_agreement(table):
    for weights in ("unweighted", "linear", "quadratic"):
        a = cohen_kappa(cross_table(table[:, 0], table[:, 1], 3), weights)
        b = cohen_kappa(cross_table(2 - table[:, 0], 2 - table[:, 1], 3), weights)
        c = cohen_kappa(cross_table(table[:, 1], table[:, 0], 3), weights)
        assert (a.value or 0) == pytest.approx(b.value or 0)
        assert (a.value or 0) == pytest.approx(c.value or 0)
        assert (a.se or 0) == pytest.approx(c.se or 0)
