"""Obuchowski-Rockette, Hillis and DBM: identities, and what cannot be estimated."""

import math

import numpy as np
import pytest
from scipy import stats

from densesharp.stats.auc import delong_covariance, placements
from densesharp.stats.dbm import dbm
from densesharp.stats.figures_of_merit import sensitivity
from densesharp.stats.fom_table import fom_table
from densesharp.stats.mrmc import analyse
from densesharp.stats.tables import Readings

FULL = {"rel": 1e-6, "abs": 1e-12}
NAMES = {"jackknife": "jackknife", "delong": "DeLong", "unbiased": "unbiased"}


def test_dbm_is_the_same_analysis_in_other_units(van_dyke):
    found = dbm(fom_table(van_dyke))
    # Equivalences of the components (K = 114).
    c = analyse(van_dyke).components
    assert found.var_c == pytest.approx(114 * c.cov3)
    assert found.var_tc == pytest.approx(114 * (c.cov2 - c.cov3))
    assert found.var_rc == pytest.approx(114 * (c.cov1 - c.cov3))


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


def test_means_of_two_readers_by_hand(random_study):
    """Hillis 2007: one treatment's mean from its own readings only."""
    study = random_study(readers=2, cases=30)
    found = analyse(study, covariance="delong")
    for t, name in enumerate(study.treatments):
        curves = [placements(row, study.truth) for row in study.ratings[t]]
        covariance = delong_covariance(curves)
        areas = np.array([curve.auc for curve in curves])
        for reader, one, variance in zip(study.readers, areas, np.diag(covariance), strict=True):
            shown = found.values[name][reader]
            assert (shown.value, shown.se) == pytest.approx((one, math.sqrt(variance)))
        spread, shared = areas.var(ddof=1), max(covariance[0, 1], 0)
        d = spread + 2 * shared
        for form, variance, df in (
            (found.rrrc, d / 2, (d / spread) ** 2),
            (found.rrfc, spread / 2, 1),
            (found.frrc, (np.trace(covariance) / 2 + shared) / 2, None),
        ):
            mean = form.means[name]
            assert (mean.value, mean.se) == pytest.approx((areas.mean(), math.sqrt(variance)))
            assert mean.df == (df if df is None else pytest.approx(df))
            law = stats.norm if df is None else stats.t(df)
            half = law.ppf(0.975) * mean.se
            assert mean.ci == pytest.approx((mean.value - half, mean.value + half))


def test_one_treatment_has_means_and_nothing_to_compare(random_study):
    found = analyse(random_study(treatments=1))
    for form in (found.rrrc, found.frrc, found.rrfc):
        assert "only one treatment" in form.test.reason
        assert form.differences == {}
        assert form.means["t0"].ci is not None
    assert (found.mean_squares.t, found.mean_squares.tr) == (None, None)
    assert found.components.cov1 is None
    assert found.components.cov2 is not None


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
