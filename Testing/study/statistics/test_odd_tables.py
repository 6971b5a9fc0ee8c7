"""Tables that are legal and odd: `densesharp mrmc` answers in sentences and possible numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.stats.agree_document import agree_document, agree_text
from densesharp.stats.binormal import ONE_CLASS, fit_binormal
from densesharp.stats.bootstrap import BIASED
from densesharp.stats.contaminated import CONTAMINATED_AUC, fit_contaminated
from densesharp.stats.figures_of_merit import MEAN_RATING
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_text import mrmc_text
from densesharp.stats.ratings import Ratings


def test_no_row_of_the_difference_goes_beyond_what_is_possible(random_study):
    """U-statistics of two readers have a degree of freedom or so."""
    wide = 0
    for seed in range(12):
        study = random_study(seed, readers=2, cases=16)
        document = mrmc_document(study)
        u = document.u_statistic
        wide += bool(u.ci and (u.ci[0] < -1 or u.ci[1] > 1))
        for low, high in re.findall(r"(-?[0-9.]+) to (-?[0-9.]+)", mrmc_text(document)):
            assert -1 <= float(low) <= float(high) <= 1
    assert wide, "there was something to cut"


@pytest.mark.parametrize("unread", [[(1, 0)], [(0, 0), (1, 1), (1, 2)]])
def test_a_reader_without_a_treatment_has_no_contaminated_curve(random_study, unread):
    study = random_study(1, readers=3, cases=24)
    ratings = study.ratings.copy()
    for t, r in unread:
        ratings[t, r] = np.nan
    document = mrmc_document(replace(study, ratings=ratings), CONTAMINATED_AUC)
    for t, r in unread:
        curve = document.contaminated[f"t{t}"][f"r{r}"]
        assert curve.tpf is None
        assert curve.auc.reason == ONE_CLASS
    assert mrmc_text(document)


def test_patients_and_covariances(random_study):
    study = random_study(1, readers=3, cases=24)
    many = replace(study, patients=np.arange(24) // 3)
    with pytest.raises(TableError, match="Take the jackknife or DeLong's"):
        mrmc_document(many, covariance="unbiased")
    alone = replace(study, patients=study.truth.astype(int))
    found = mrmc_document(alone, covariance="delong")
    assert found.rrrc.p is None
    assert "two patients with" in found.rrrc.reason


def test_numbers_too_large_for_a_mean_are_told(random_study):
    study = random_study(1, readers=3, cases=24)
    with pytest.raises(TableError, match="take other units"):
        mrmc_document(replace(study, ratings=1e200 * study.ratings), MEAN_RATING)
    assert mrmc_document(replace(study, ratings=1e8 * study.ratings), MEAN_RATING).rrrc.p


def test_parameters_of_curves_keep_to_their_ranges(random_study):
    """With 8 + 8 cases the old limits of b and of the share went below 0 or above 1."""
    beyond = 0
    for seed in range(8):
        study = random_study(seed, readers=2, cases=16)
        for ratings in study.ratings.reshape(-1, 16):
            fit, other = fit_binormal(ratings, study.truth), fit_contaminated(ratings, study.truth)
            if fit.b.ci:
                assert 0 < fit.b.ci[0] < fit.b.value < fit.b.ci[1]
                half = 1.96 * fit.b.se / fit.b.value
                assert np.log(fit.b.ci[1] / fit.b.value) == pytest.approx(half, rel=1e-4)
                beyond += fit.b.value < 1.96 * fit.b.se
            if other.alpha.ci:
                assert 0 < other.alpha.ci[0] < other.alpha.value < other.alpha.ci[1] < 1
            if other.mu.ci:
                assert 0 < other.mu.ci[0] < other.mu.value < other.mu.ci[1]
    assert beyond


def ratings_of(codes, values):
    return Ratings(
        ("a", "b", "c"), tuple(f"{k:02d}" for k in range(len(codes))),
        tuple(f"{v:g}" for v in values), values, True, codes, None, None,
    )  # fmt: skip


def test_no_interval_lies_beside_its_value():
    """Every rating another class: a drawn case agrees with itself, and all resamples lie below."""
    codes = np.random.default_rng(1).permutation(48).reshape(16, 3)
    found = agree_document(ratings_of(codes, np.arange(1.0, 49)), replicates=50)
    nominal = found.krippendorff_alpha["nominal"]
    assert (nominal.ci, nominal.reason) == (None, BIASED)
    for low, value, high in (
        (one.ci[0], one.value, one.ci[1]) for one in found.krippendorff_alpha.values() if one.ci
    ):
        assert low <= value <= high


def test_values_below_zero_have_no_ratios():
    codes = np.random.default_rng(2).integers(4, size=(16, 3))
    found = agree_document(ratings_of(codes, np.array([-3.0, -1.0, 0.5, 2.0])), replicates=50)
    assert "no ratios" in found.krippendorff_alpha["ratio"].reason
    assert found.krippendorff_alpha["interval"].value is not None


@pytest.mark.parametrize(("cases", "patients"), [(20, [0] * 20), (3, [0, 0, 1]), (20, [0, 1] * 10)])
def test_agreement_of_one_or_two_patients(cases, patients):
    rng = np.random.default_rng(3)
    codes = rng.integers(4, size=(cases, 3))
    table = Ratings(
        ("a", "b", "c"), tuple(f"{k:02d}" for k in range(cases)), tuple("1234"),
        np.arange(1.0, 5), True, codes, codes[:, 0], np.array(patients),
    )  # fmt: skip
    text = agree_text(agree_document(table, replicates=30))
    for name, low, high in re.findall(r"(\S+) +-?[0-9.]+ \((-?[0-9.]+) to (-?[0-9.]+)\)", text):
        assert float(high) <= 1
        assert float(low) >= -1 or name.endswith(",k)")
