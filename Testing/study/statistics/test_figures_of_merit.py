"""Leave-one-out values of figures of merit against leaving one case out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from densesharp.stats.figures_of_merit import (
    AUC,
    MEAN_SCORE,
    VUS,
    accuracy,
    quadratic_kappa,
    sensitivity,
    specificity,
)
from densesharp.stats.mrmc import analyse
from densesharp.stats.tables import Readings

FIGURES = [AUC, MEAN_SCORE, VUS, accuracy(), quadratic_kappa(3)]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=9, max_size=16), st.integers(0, 1000))
def test_leave_one_out_equals_leaving_one_out(figure, ratings, seed):
    rated = np.array(ratings, dtype=float)
    truth = np.arange(len(ratings)) % 3
    np.random.default_rng(seed).shuffle(truth)
    found = figure.compute(rated, truth)
    if found is None:
        return
    for k in range(len(ratings)):
        keep = np.arange(len(ratings)) != k
        rest = figure.compute(rated[keep], truth[keep])
        if rest is not None:
            assert found[1][k] == pytest.approx(rest[0], abs=1e-10)


def test_sensitivity_and_specificity_are_shares_of_their_own_class():
    ratings = np.array([0.0, 1, 2, 3, 1, 2, 2, 5])
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    for figure, cases, called in (
        (sensitivity(2), truth > 0, [0, 1, 1, 1]),
        (specificity(2), truth == 0, [1, 1, 0, 0]),
        (accuracy(), np.ones(8, bool), [1, 0, 0, 0, 1, 0, 1, 0]),
    ):
        used = figure.uses(truth)
        assert used.tolist() == cases.tolist()
        value, without = figure.compute(ratings[used], truth[used])
        assert value == pytest.approx(np.mean(called))
        left = [np.mean(np.delete(called, k)) for k in range(len(called))]
        assert without == pytest.approx(left)


def test_quadratic_kappa_is_cohens():
    rng = np.random.default_rng(2)
    truth = rng.integers(3, size=40)
    rated = np.clip(truth + rng.integers(-1, 2, size=40), 0, 2)
    counts = np.zeros((3, 3))
    np.add.at(counts, (truth, rated), 1)
    wanted = cohens_kappa(counts, wt="quadratic").kappa
    assert quadratic_kappa(3).compute(rated.astype(float), truth)[0] == pytest.approx(wanted)


def brute_force_volume(ratings, truth):
    def order(a, b, c):
        if a < b < c:
            return 1.0
        if a == b == c:
            return 1 / 6
        return 0.5 if a <= b <= c else 0.0

    groups = [ratings[truth == c] for c in range(3)]
    return float(np.mean([order(*triple) for triple in product(*groups)]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=14))
def test_volume_under_the_surface_equals_counting_triples(ratings):
    rated = np.array(ratings, dtype=float)
    truth = np.arange(len(ratings)) % 3
    assert VUS.compute(rated, truth)[0] == pytest.approx(brute_force_volume(rated, truth))


def test_volume_of_equal_and_of_perfect_ratings():
    truth = np.repeat([0, 1, 2], 4)
    assert VUS.compute(np.ones(12), truth)[0] == pytest.approx(1 / 6)
    assert VUS.compute(truth * 1.0, truth)[0] == 1


def test_too_few_cases_give_no_value():
    assert AUC.compute(np.arange(3.0), np.array([1, 0, 0])) is None
    assert VUS.compute(np.arange(5.0), np.array([0, 0, 1, 1, 2])) is None
    assert quadratic_kappa(3).compute(np.zeros(4), np.zeros(4, int)) is None


def test_what_no_reference_program_has_takes_fewer_degrees_of_freedom():
    """d (1 + c / MS)^2 for d of MS(TR) and what cases add, c, which counts (d - 2) / d there."""
    rng = np.random.default_rng(4)
    truth = np.arange(60) % 3
    seen = truth + 0.7 * rng.normal(size=(2, 1, 60)) + 0.5 * rng.normal(size=(2, 4, 60))
    ratings = np.clip(np.round(seen), 0, 2)
    names = tuple(f"{k:02d}" for k in range(60))
    study = Readings(("a", "b"), tuple("wxyz"), names, truth > 0, ratings)
    for figure in FIGURES:
        found = analyse(study, figure, truth=truth)
        ms = found.mean_squares.tr
        beyond = found.rrrc.test.denominator / ms - 1
        counts = 1 / 3 if figure.name in ("quadratic kappa against the truth", VUS.name) else 1
        assert beyond > 0
        assert found.rrrc.test.df2 == pytest.approx(3 * (1 + counts * beyond) ** 2)
        assert found.rrrc.differences["a", "b"].df == pytest.approx(found.rrrc.test.df2)
