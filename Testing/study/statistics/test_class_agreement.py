"""Kappa, Gwet, Krippendorff, Kendall and ICC: statsmodels, published examples, invariances."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from densesharp.stats.agreement import (
    chance_corrected,
    fleiss_test,
    kendall_w,
    light_kappa,
    percent_agreement,
)
from densesharp.stats.icc import NAMES, icc, icc_of_random_raters
from densesharp.stats.kappa import cohen_kappa, cross_table
from densesharp.stats.krippendorff import krippendorff_alpha

FULL = {"rel": 1e-6, "abs": 1e-12}
COEFFICIENTS = ("conger", "fleiss", "gwet", "brennan-prediger", "krippendorff")


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


@pytest.mark.parametrize("weights", ["unweighted", "linear", "quadratic"])
def test_cohen_intervals_are_those_of_statsmodels(anxiety, expected, weights):
    wanted = expected("anxiety_expected")["cohen_ci_statsmodels_raters_1_2"]
    counts = cross_table(anxiety[:, 0], anxiety[:, 1], 6)
    found = cohen_kappa(counts, weights)
    assert (found.value, found.ci[0]) == pytest.approx(wanted[weights][:2], **FULL)
    # The file's upper linear limit has a wrong digit (it is not kappa + half the width).
    kind = None if weights == "unweighted" else weights
    reference = cohens_kappa(counts, wt=kind)
    assert found.ci == pytest.approx((reference.kappa_low, reference.kappa_upp), **FULL)
    assert found.se == pytest.approx(reference.std_kappa, **FULL)


def test_the_interval_of_alpha_is_the_bootstraps(diagnoses):
    found = krippendorff_alpha(diagnoses, np.arange(5.0), "nominal", replicates=200)
    assert found.ci[0] < found.value < found.ci[1]
    assert "200 resamples" in found.method


def test_gwets_form_of_alpha_is_the_coincidence_matrix_also_with_missing_ratings(diagnoses):
    some = np.where(np.random.default_rng(2).random(diagnoses.shape) < 0.3, -1, diagnoses)
    for table in (diagnoses, some):
        for weights, level in (("unweighted", "nominal"), ("quadratic", "interval")):
            one = chance_corrected(table, 5, "krippendorff", weights)
            other = krippendorff_alpha(table, np.arange(5.0), level, replicates=0)
            assert one.value == pytest.approx(other.value)
            assert one.ci[0] < one.value < one.ci[1]


def test_gwets_interval_of_alpha_is_about_the_bootstraps(diagnoses):
    gwet = chance_corrected(diagnoses, 5, "krippendorff")
    drawn = krippendorff_alpha(diagnoses, np.arange(5.0), "nominal", replicates=400)
    assert gwet.ci == pytest.approx(drawn.ci, abs=0.03)


def test_lights_kappa_is_the_mean_over_pairs_that_both_rated(diagnoses):
    some = np.where(np.random.default_rng(3).random(diagnoses.shape) < 0.2, -1, diagnoses)
    kappas = []
    for a, b in combinations(range(6), 2):
        both = (some[:, a] >= 0) & (some[:, b] >= 0)
        kappas.append(cohen_kappa(cross_table(some[both, a], some[both, b], 5)).value)
    found = light_kappa(some, 5, replicates=100)
    assert found.value == pytest.approx(np.mean(kappas))
    assert found.ci[0] < found.value < found.ci[1]
    assert "bootstrap over cases" in found.method
    assert light_kappa(np.zeros((5, 3), dtype=int), 3).reason


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


# cac.raw4raters of Gwet's irrCAC: 12 subjects by 4 raters, 0 where a rating is missing.
FOUR_RATERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 0],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 3],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
).T  # fmt: skip


@pytest.mark.parametrize(
    ("coefficient", "value", "se", "p"),
    [
        # As irrCAC's own readme prints them.
        ("gwet", 0.77544, 0.14295, 0.000208721),
        ("fleiss", 0.76117, 0.15302, 0.000419173),
        ("conger", 0.76282, 0.14917, 0.0003367066),
        ("brennan-prediger", 0.77273, 0.14472, 0.0002375609),
        ("krippendorff", 0.74342, 0.14557, 0.0004594257),
    ],
)
def test_missing_ratings_count_as_in_gwets_own_program(coefficient, value, se, p):
    found = chance_corrected(FOUR_RATERS - 1, 5, coefficient)
    assert (found.value, found.se) == pytest.approx((value, se), abs=5e-6)
    assert found.p == pytest.approx(p, abs=5e-10)
    # A subject that nobody rated adds nothing.
    more = np.vstack([FOUR_RATERS, np.zeros((1, 4), dtype=int)])
    assert chance_corrected(more - 1, 5, coefficient) == found


def test_percent_agreement_with_missing_ratings_is_that_of_gwets_own_program():
    found = percent_agreement(FOUR_RATERS - 1, 5)
    assert (found.value, found.se) == pytest.approx((0.8181818, 0.12561), abs=5e-6)
    assert found.p == pytest.approx(4.345373e-05, abs=5e-12)


def test_one_pattern_in_every_case_is_not_called_perfect_agreement():
    # One against two in each case: agreement 1/3 of the pairs, chance 1/2.
    pattern = np.array([[0, 0, 1], [1, 0, 1]] * 4)
    found = chance_corrected(pattern, 2, "fleiss")
    assert found.value == pytest.approx((1 / 3 - 1 / 2) / (1 - 1 / 2))
    assert found.ci is None
    assert "perfect" not in found.reason
    assert "the same in every case" in found.reason


def test_complete_disagreement_of_two_raters_is_not_called_perfect_agreement():
    found = cohen_kappa(np.array([[0.0, 5.0], [5.0, 0.0]]))
    assert found.value == pytest.approx(-1)
    assert found.ci is None
    assert "perfect" not in found.reason


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


def test_the_icc_of_few_readers_who_differ_is_inside_its_printed_interval():
    """Six readers with biases: McGraw & Wong's limits miss in more than 7 % (of 400 sets, 5 %)."""
    rng, true, held = np.random.default_rng(4), 0.36 / (0.36 + 0.04 + 0.0225), []
    for _ in range(400):
        bias, case = 0.2 * rng.normal(size=6), 0.6 * rng.normal(size=(30, 1))
        values = case + bias + 0.15 * rng.normal(size=(30, 6))
        found = icc(values)["ICC(2,1)"], icc_of_random_raters(values)["ICC(2,1)"]
        held.append([one.ci[0] <= true <= one.ci[1] for one in found])
    published, printed = np.mean(held, axis=0)
    assert published < 0.93 < printed < 0.98


def test_the_generalized_icc_interval_is_that_of_random_draws():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(20, 1)) + 0.5 * rng.normal(size=4) + rng.normal(size=(20, 4))
    cases, raters = values.mean(1), values.mean(0)
    rest = values - cases[:, None] - raters + values.mean()
    between, rater, error = (
        total / rng.chisquare(df, 200_000)
        for total, df in (
            (4 * ((cases - values.mean()) ** 2).sum(), 19),
            (20 * ((raters - values.mean()) ** 2).sum(), 3),
            ((rest**2).sum(), 57),
        )
    )
    variances = (between - error) / 4, (rater - error) / 20
    drawn = np.quantile(variances[0] / (variances[0] + variances[1] + error), (0.025, 0.975))
    found = icc_of_random_raters(values)
    assert found["ICC(2,1)"].ci == pytest.approx(drawn, abs=0.01)
    mean = 4 * drawn / (1 + 3 * drawn)
    assert found["ICC(2,k)"].ci == pytest.approx(mean, abs=0.01)
    assert found["ICC(2,1)"].value == icc(values)["ICC(2,1)"].value


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
    for coefficient in COEFFICIENTS:
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
