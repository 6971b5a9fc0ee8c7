"""Readings that belong together: several cases of a patient, several readings of a case."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats

from densesharp.errors import TableError
from densesharp.stats.area_interval import reader_area
from densesharp.stats.auc import auc_estimate, delong_test, placements
from densesharp.stats.bland_altman import random_reader_limits, repeated_limits
from densesharp.stats.calibration import calibration_line, reliability_bins
from densesharp.stats.clusters import Clusters, share_of
from densesharp.stats.estimates import to_json
from densesharp.stats.figures_of_merit import AUC, accuracy, sensitivity
from densesharp.stats.fom_table import fom_table
from densesharp.stats.gee import THESE_READERS, gee_logistic
from densesharp.stats.glmm import METHOD
from densesharp.stats.model_vs_readers import standalone
from densesharp.stats.mrmc import analyse
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_text import mrmc_text
from densesharp.stats.proportions import durkalski, obuchowski, wilson
from densesharp.stats.reading_time import reading_time
from densesharp.stats.separation import separated
from densesharp.stats.tables import Readings, read_readings
from densesharp.stats.ustatistics import u_statistics


def nodules_of_patients(seed=0, patients=30, nodules=3):
    """One reader's ratings of several nodules of patients, which are alike within a patient."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), nodules)
    truth = rng.normal(size=patients)[patient] + 0.5 * rng.normal(size=len(patient)) > 0.2
    ratings = truth + rng.normal(size=patients)[patient] + 0.5 * rng.normal(size=len(patient))
    return ratings, truth, patient


def obuchowski_1997(ratings, truth, patient):
    """The variance as the paper writes it, with sums over all pairs."""
    x, y = ratings[truth], ratings[~truth]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area, m, n = psi.mean(), len(x), len(y)
    v10, v01 = psi.mean(1), psi.mean(0)
    all_patients = np.unique(patient)
    first = [v10[patient[truth] == i] - area for i in all_patients]
    second = [v01[patient[~truth] == i] - area for i in all_patients]
    i10 = sum(len(part) > 0 for part in first)
    i01 = sum(len(part) > 0 for part in second)
    s10 = i10 / ((i10 - 1) * m) * sum(part.sum() ** 2 for part in first)
    s01 = i01 / ((i01 - 1) * n) * sum(part.sum() ** 2 for part in second)
    i = len(all_patients)
    s11 = i / (i - 1) * sum(a.sum() * b.sum() for a, b in zip(first, second, strict=True))
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("seed", range(3))
def test_the_area_of_clusters_has_obuchowski_s_variance(seed):
    ratings, truth, patient = nodules_of_patients(seed)
    found = auc_estimate(np.round(ratings, 1), truth, patient)
    assert found.se**2 == pytest.approx(obuchowski_1997(np.round(ratings, 1), truth, patient))
    assert found.se != pytest.approx(auc_estimate(ratings, truth).se, rel=0.02)
    assert "clusters are patients" in found.method


def test_patients_of_one_case_each_change_nothing():
    ratings, truth, _ = nodules_of_patients(nodules=1)
    alone = np.arange(len(truth))[::-1]
    one, other = auc_estimate(ratings, truth), auc_estimate(ratings, truth, alone)
    assert (other.value, other.se) == pytest.approx((one.value, one.se))
    noisy = ratings + np.random.default_rng(1).normal(size=len(ratings))
    pair = delong_test(ratings, noisy, truth), delong_test(ratings, noisy, truth, alone)
    assert pair[1].p == pytest.approx(pair[0].p)


def as_study(patient, truth, ratings):
    t, r, k = ratings.shape
    return Readings(
        tuple(f"t{i}" for i in range(t)), tuple(f"r{i}" for i in range(r)),
        tuple(f"c{i:03d}" for i in range(k)), truth, ratings, patient,
    )  # fmt: skip


def test_readers_and_treatments_get_the_same_covariance():
    _, truth, patient = nodules_of_patients()
    rng = np.random.default_rng(3)
    ratings = truth + rng.normal(size=30)[patient] + rng.normal(size=(2, 3, len(truth)))
    study = as_study(patient, truth, ratings)
    table = fom_table(study, AUC, "delong")
    own = table.covariance[1, 2, 1, 2]
    assert own == pytest.approx(obuchowski_1997(ratings[1, 2], truth, patient))
    pair = delong_test(ratings[0, 1], ratings[1, 1], truth, patient)
    c = table.covariance[:, 1, :, 1]
    assert pair.se**2 == pytest.approx(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    # The jackknife over patients is close, and exactly the usual one when each has one case.
    assert fom_table(study).covariance == pytest.approx(table.covariance, rel=0.15, abs=2e-4)
    alone = replace(study, patients=np.arange(len(truth)))
    for figure in (AUC, accuracy(), sensitivity(0.5)):
        usual = fom_table(replace(study, patients=None), figure).covariance
        assert fom_table(alone, figure).covariance == pytest.approx(usual)
    with pytest.raises(TableError, match="one case of each patient"):
        fom_table(study, AUC, "unbiased")


def test_sensitivity_of_clusters_is_the_ratio_estimator():
    """Obuchowski 1998 (Rao & Scott 1992): m/(m-1) sum (s_i - p n_i)^2 / n^2."""
    ratings, truth, patient = nodules_of_patients()
    study = as_study(patient, truth, ratings[None, None])
    found = analyse(study, sensitivity(0.8)).values["t0"]["r0"]
    right, of = (ratings >= 0.8)[truth], patient[truth]
    share = right.mean()
    sums = np.array([(right[of == i] - share).sum() for i in np.unique(of)])
    m = len(sums)
    assert found.se**2 == pytest.approx(m / (m - 1) * (sums**2).sum() / truth.sum() ** 2)


def test_an_operating_point_counts_patients():
    """Effective number p (1 - p) / V; three equal nodules of a patient are one observation."""
    rng = np.random.default_rng(4)
    right, patient = rng.random(40) < 0.7, np.arange(40)
    assert share_of(right).ci == wilson(int(right.sum()), 40).ci
    n = 40 - 1  # an unbiased variance takes one off
    expected = wilson(right.mean() * n, n).ci
    assert share_of(np.repeat(right, 3), np.repeat(patient, 3)).ci == pytest.approx(expected)
    perfect = share_of(np.ones(30, bool), np.repeat(np.arange(10), 3))
    assert perfect.ci == pytest.approx(wilson(10, 10).ci)
    assert share_of(np.ones(0, bool), np.ones(0, int)).value is None


def test_what_has_no_clustered_form_says_so():
    _, truth, patient = nodules_of_patients()
    study = as_study(patient, truth, np.random.default_rng(0).normal(size=(2, 3, len(truth))))
    found = u_statistics(study)
    assert found.differences["t0", "t1"].ci is None
    assert "Patients have several cases" in found.differences["t0", "t1"].reason
    one = as_study(np.zeros_like(patient), truth, study.ratings)
    assert "one patient" in fom_table(one).reason
    assert "two patients" in auc_estimate(study.ratings[0, 0], truth, one.patients).reason


def test_a_model_is_compared_by_patient():
    ratings, truth, patient = nodules_of_patients()
    rng = np.random.default_rng(8)
    readers = ratings + rng.normal(size=(1, 4, len(ratings)))
    study = as_study(patient, truth, readers)
    model = truth + rng.normal(size=30)[patient]
    found, plain = standalone(model, study), standalone(model, replace(study, patients=None))
    assert found.rrrc.se > 1.2 * plain.rrrc.se
    for reader, one in found.each_reader.items():
        assert one.se > plain.each_reader[reader].se
    part = study.of_cases(np.arange(len(truth)) < 60)
    assert part.patients.tolist() == patient[:60].tolist()


def test_the_column_patient_is_read_and_checked(tmp_path):
    path = tmp_path / "readings.csv"
    head = "reader,treatment,case,truth,rating,patient\n"
    path.write_text(head + "a,x,1,1,3,P\na,x,2,0,1,P\na,x,3,1,2,Q\n")
    assert read_readings(path).patients.tolist() == [0, 0, 1]
    path.write_text(head + "a,x,1,1,3,P\na,x,2,0,1,R\na,x,3,1,2,Q\n")
    assert read_readings(path).patients is None, "each patient has one case"
    path.write_text(head + "a,x,1,1,3,P\na,y,1,1,1,Q\na,x,3,0,2,Q\n")
    with pytest.raises(TableError, match=r"line 3, column 'patient': case '1' has patient 'Q'"):
        read_readings(path)


# Readers who differ by the same amount


def all_gain_the_same(gain=6, readers=3):
    """Each reader finds `gain` more of 30 diseased cases under the first treatment."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) < 30
    without = (rng.random((readers, 60)) < 0.5) * 1.0
    more = without.copy()
    for row in more:
        row[np.flatnonzero(truth & (row == 0))[:gain]] = 1
    return as_study(None, truth, np.array([more, without]))


def test_equal_differences_of_all_readers_are_the_limit_and_no_end():
    study = all_gain_the_same()
    found = analyse(study, sensitivity(1))
    one = found.rrrc.differences["t0", "t1"]
    assert found.mean_squares.tr < 1e-18
    c = found.components
    assert one.se**2 == pytest.approx(2 * (c.cov2 - c.cov3))
    assert one.ci == pytest.approx((0.2 - 1.959964 * one.se, 0.2 + 1.959964 * one.se))
    assert (one.df, one.p) == (None, pytest.approx(found.rrrc.test.p))
    assert found.rrrc.test.statistic == pytest.approx(one.statistic**2)
    # Any small change of one reader comes close to the limit.
    near = study.ratings.copy()
    near[0, 0] = np.where(study.truth, near[0, 0] + 1e-9 * np.arange(60), near[0, 0])
    nudged = fom_table(replace(study, ratings=near), AUC)
    assert nudged.covariance is not None
    assert found.rrfc.test.reason
    alike = as_study(None, study.truth, np.repeat(study.ratings[:, :1], 3, axis=1))
    single = analyse(alike, sensitivity(1)).rrrc.means["t0"]
    assert single.se**2 == pytest.approx(fom_table(alike, sensitivity(1)).covariance[0, 0, 0, 0])


def test_without_any_error_there_is_still_no_test():
    study = all_gain_the_same(gain=0)
    found = analyse(study, sensitivity(1))
    assert found.rrrc.test.p is None
    assert "differ by the same amount" in found.rrrc.test.reason


# Readings of one case by several readers


def ratings_of_readers(seed, readers=4, cases=60):
    rng = np.random.default_rng(seed)
    latent = 1.5 * rng.normal(size=cases)
    truth = rng.random(cases) < special.expit(latent)
    own = 0.5 * rng.normal(size=readers)[:, None] + latent + 0.6 * rng.normal(size=(readers, cases))
    reader, case = np.indices(own.shape).reshape(2, -1)
    return special.expit(own.ravel()), np.tile(truth, readers), reader, case


def jackknife_variance(truth, design, clusters):
    """statsmodels' bias-reduced sandwich (Mancl & DeRouen 2001) as a jackknife variance."""
    model = sm.GEE(truth * 1.0, design, clusters, family=sm.families.Binomial())
    fit, m = model.fit(cov_type="bias_reduced"), len(np.unique(clusters))
    return fit.params, fit.bse**2 * (m - 1) / m


def apart_in_cases(truth, design, readings, cases):
    """What readings of a case differ by in the last coefficient, each left out by one step."""
    fitted = special.expit(design @ sm.GLM(truth, design, sm.families.Binomial()).fit().params)
    information = (design * (fitted * (1 - fitted))[:, None]).T @ design
    total = 0.0
    for case in np.unique(cases):
        changes = []
        for one in np.unique(readings[cases == case]):
            rows, p = design[readings == one], fitted[readings == one]
            rest = information - (rows * (p * (1 - p))[:, None]).T @ rows
            changes.append(np.linalg.solve(rest, rows.T @ (truth[readings == one] - p))[1])
        total += len(changes) * np.var(changes, ddof=1)
    return total


def test_readers_who_say_the_same_are_one_reader():
    chance, truth, _, case = ratings_of_readers(4, readers=1)
    alone = calibration_line(chance, truth, 1e-9, Clusters(case))
    copies = np.repeat(np.arange(4), len(case))
    found = calibration_line(
        np.tile(chance, 4), np.tile(truth, 4), 1e-9, Clusters(np.tile(case, 4), copies)
    )
    for one, four in zip(alone, found, strict=True):
        assert four.value == pytest.approx(one.value, rel=1e-6)
        assert four.se == pytest.approx(one.se, rel=1e-6)


def test_cases_of_one_reader_each_vary_as_their_readers_do():
    chance, truth, _, case = ratings_of_readers(5, readers=1)
    reader = case % 6
    found = calibration_line(chance, truth, 1e-9, Clusters(case, reader))[1]
    design = sm.add_constant(special.logit(chance))
    between, by_case = (jackknife_variance(truth, design, by)[1][1] for by in (reader, case))
    assert found.se**2 == pytest.approx(between, rel=0.02)
    assert found.se**2 < between + by_case / 2


def test_calibration_of_these_readers_is_the_sandwich_of_statsmodels():
    chance, truth, _, case = ratings_of_readers(1)
    design = sm.add_constant(special.logit(chance))
    values, variances = jackknife_variance(truth, design, case)
    found = calibration_line(chance, truth, 1e-9, Clusters(case))
    for one, value, variance in zip(found, values, variances, strict=True):
        assert one.value == pytest.approx(value, rel=1e-6)
        assert one.se**2 == pytest.approx(variance, rel=1e-6)
        assert one.df == len(np.unique(case)) - 1
    # Cases left out one after the other and fitted anew, to first order.
    kept = [case != k for k in np.unique(case)]
    slopes = np.array([calibration_line(chance[k], truth[k], 1e-9)[1].value for k in kept])
    m = len(slopes)
    real = (m - 1) / m * ((slopes - slopes.mean()) ** 2).sum()
    assert found[1].se ** 2 == pytest.approx(real, rel=0.05)


def test_calibration_intervals_are_for_readers_like_these():
    """V(reader) + V(case) - V(reading in its case), t with Hillis' degrees of freedom."""
    chance, truth, reader, case = ratings_of_readers(2)
    found = calibration_line(chance, truth, 1e-9, Clusters(case, reader))[1]
    design = sm.add_constant(special.logit(chance))
    between, of_case = (jackknife_variance(truth, design, by)[1][1] for by in (reader, case))
    beyond = max(0, of_case - apart_in_cases(truth, design, np.arange(len(case)), case))
    assert found.se**2 == pytest.approx(between + beyond, rel=1e-6)
    df = 3 * (1 + beyond / between / 3) ** 2
    assert found.df == pytest.approx(min(df, 59), rel=1e-6)
    assert found.se > 1.3 * calibration_line(chance, truth, 1e-9)[1].se


def test_reliability_bars_count_cases_and_not_readings():
    chance, truth, reader, case = ratings_of_readers(3)
    by_case, by_both = Clusters(case), Clusters(case, reader)
    for mine, old in zip(
        reliability_bins(chance, truth, clusters=by_case), reliability_bins(chance, truth),
        strict=True,
    ):  # fmt: skip
        assert mine.observed.value == pytest.approx(old.observed.value)
        assert mine.observed.ci[1] - mine.observed.ci[0] >= old.observed.ci[1] - old.observed.ci[0]
    # Four equal readings of each case are that many cases.
    one = reliability_bins(chance[:60], truth[:60])
    four = reliability_bins(np.tile(chance[:60], 4), truth, clusters=by_both)
    for mine, old in zip(four, one, strict=True):
        share = old.observed.value
        n = old.n - (0 < share < 1)  # an unbiased variance takes one off
        assert mine.observed.ci == pytest.approx(wilson(share * n, n).ci, abs=1e-9)


def test_reliability_bars_are_for_readers_like_these():
    """Half of the readings that reader A called likely are right, nearly all of B's: by hand."""
    right = np.repeat([True, False, True, False], [20, 20, 36, 4])
    reader = np.repeat([0, 1], 40)
    found = share_of(right, np.arange(80), reader)
    influence = (right - 0.7) / 80
    between = 2 * sum(influence[reader == r].sum() ** 2 for r in (0, 1))
    assert between == pytest.approx(2 * 2 * (8 / 80) ** 2)
    reach = stats.t.isf(0.025, 1) / stats.norm.isf(0.025)
    n = 0.7 * 0.3 / (between * reach**2)
    assert found.ci == pytest.approx(wilson(0.7 * n, n).ci)
    assert share_of(right, np.arange(80), reader * 0) == share_of(right, np.arange(80))


def right_calls(seed=0, readers=4, cases=60):
    rng = np.random.default_rng(seed)
    case, reader, aided = np.indices((cases, readers, 2)).reshape(3, -1)
    logit = 0.6 + rng.normal(size=cases)[case] + 0.4 * rng.normal(size=readers)[reader]
    logit += 0.4 * rng.normal(size=(readers, 2))[reader, aided]
    return rng.random(len(case)) < special.expit(logit), {"aided": aided * 1.0}, case, reader


def test_right_calls_for_these_readers_and_for_readers_like_them():
    correct, covariates, case, reader = right_calls()
    these = gee_logistic(correct, covariates, case)["aided"]
    like = gee_logistic(correct, covariates, case, reader)["aided"]
    assert like.value == pytest.approx(these.value, rel=1e-6)
    assert like.df < 60
    assert THESE_READERS in these.method
    assert THESE_READERS not in like.method
    assert "one reader" in gee_logistic(correct, covariates, case, 0 * reader)["aided"].reason


@pytest.mark.parametrize("cases_each", [1, 2])
def test_two_readings_of_a_case_by_one_reader_are_one_part_of_both_clusters(cases_each):
    """V(reader) + V(case) - V(reader and case, in the case)."""
    correct, covariates, case, reader = right_calls(seed=9)
    of = case // cases_each
    found = gee_logistic(correct, covariates, of, reader)["aided"]
    design = sm.add_constant(covariates["aided"])
    between, by_case = (jackknife_variance(correct, design, by)[1][1] for by in (reader, of))
    beyond = max(0, by_case - apart_in_cases(correct, design, 4 * of + reader, of))
    assert beyond > 0
    assert found.se**2 == pytest.approx(between + beyond, rel=1e-6)
    assert found.df == pytest.approx(3 * (1 + beyond / between / 3) ** 2, rel=1e-6)


def test_regression_of_few_cases_is_corrected_and_of_many_is_the_plain_sandwich():
    correct, covariates, case, _ = right_calls(cases=99)
    design = sm.add_constant(covariates["aided"])
    found = gee_logistic(correct, covariates, case)["aided"]
    assert found.se**2 == pytest.approx(jackknife_variance(correct, design, case)[1][1], rel=1e-6)
    assert found.df == 98
    model = sm.GEE(correct * 1.0, design, case, family=sm.families.Binomial())
    plain = gee_logistic(correct, covariates, case, small=99)["aided"]
    assert plain.se == pytest.approx(model.fit().bse[1], rel=1e-6)
    assert plain.df is None


def test_tests_for_exactly_these_readers_say_so():
    counts = np.array([3.0, 1, 0, 2]), np.array([1.0, 0, 1, 0]), np.full(4, 4.0)
    for one in (durkalski(*counts), obuchowski(*counts)):
        assert THESE_READERS in one.method
    assert THESE_READERS in METHOD


def test_a_coefficient_that_separation_touches_has_no_number():
    """18 aided readings in the second session, all wrong: the others keep their numbers."""
    rng = np.random.default_rng(5)
    aided = np.repeat([0.0, 1, 0, 1], 18)
    second = np.repeat([-0.5, -0.5, 0.5, 0.5], 18)
    correct = rng.random(72) < 0.6
    correct[(aided == 1) & (second > 0)] = False
    product = (aided - 0.5) * second
    other = rng.normal(size=72)
    design = np.column_stack([np.ones(72), aided, second, product, other])
    assert separated(correct, design).tolist() == [False, True, True, True, False]
    assert not separated(rng.random(72) < 0.5, design).any()
    covariates = {"aided": aided, "second": second, "both": product, "other": other}
    for readers in (None, np.arange(72) % 4):
        found = gee_logistic(correct, covariates, np.arange(72) // 2, readers)
        told = {name for name, one in found.items() if one.value is None}
        assert {"aided", "second", "both"} <= told
        assert all("always" in found[name].reason for name in ("aided", "second", "both"))


# Reading times


@pytest.mark.filterwarnings("ignore:The MLE may be on the boundary")
def test_cases_that_the_model_speeds_and_slows_are_in_the_time_model():
    """Four crossed random effects against statsmodels' general solver."""
    rng = np.random.default_rng(3)
    case, reader, aided = np.indices((20, 4, 2)).reshape(3, -1)
    log = 3 + 0.3 * rng.normal(size=20)[case] + 0.3 * rng.normal(size=4)[reader]
    log += 0.3 * rng.normal(size=(20, 2))[case, aided] + 0.4 * rng.normal(size=len(case))
    found = reading_time(np.exp(log), aided == 1, reader, case)
    levels = {"r": reader, "c": case, "ra": 2 * reader + aided, "ca": 2 * case + aided}
    model = sm.MixedLM.from_formula(
        "y ~ a", groups=np.ones(len(log)), data=pd.DataFrame({"y": log, "a": aided * 1.0} | levels),
        vc_formula={name: f"0 + C({name})" for name in levels},
    ).fit(reml=True)  # fmt: skip
    assert found.effects["aided"].se == pytest.approx(model.bse["a"], rel=2e-3)
    assert found.variances["case_x_aided"] == pytest.approx(model.vcomp[1], rel=5e-3)
    once = reading_time(np.exp(log[reader == 0]), aided[reader == 0] == 1,
                        reader[reader == 0], case[reader == 0])  # fmt: skip
    assert "case_x_aided" not in once.variances, "one reading of each is the residual"


# Areas near 1


def test_the_interval_of_an_area_stays_inside():
    rng = np.random.default_rng(1)
    truth = np.arange(100) < 10
    ratings = rng.normal(size=100) + 3 * truth
    assert auc_estimate(ratings, truth).ci[1] > 1
    found = reader_area(ratings, truth)
    assert 0 < found.ci[0] < found.value < found.ci[1] < 1
    # Its test of 1/2 rejects just where an interval of that confidence leaves 1/2 out.
    edge = reader_area(ratings, truth, confidence=1 - found.p).ci[0]
    assert edge == pytest.approx(0.5, abs=1e-9)
    assert reader_area(truth * 1.0, truth, np.arange(100) // 2).ci is None
    assert placements(truth * 1.0, truth).auc == 1


# Limits of agreement


def test_limits_for_other_readers_hold_the_spread_of_readers():
    """By hand from the mean squares of the two-way table."""
    rng = np.random.default_rng(2)
    table = 0.5 * rng.normal(size=5)[:, None] + rng.normal(size=(5, 40))
    found = random_reader_limits(table)
    rows, columns = table.mean(1), table.mean(0)
    ms_r, ms_c = 40 * rows.var(ddof=1), 5 * columns.var(ddof=1)
    rest = table - rows[:, None] - columns + table.mean()
    ms_e = (rest**2).sum() / (4 * 39)
    parts = (ms_r - ms_e) / 40 + (ms_c - ms_e) / 5 + ms_e
    assert found.sd.value**2 == pytest.approx(parts)
    assert found.upper.value == pytest.approx(table.mean() + 1.96 * np.sqrt(parts))
    cases = np.tile(np.arange(40), 5)
    fixed = repeated_limits(table.ravel(), cases)
    wide = found.bias.ci[1] - found.bias.ci[0]
    assert wide > 2 * (fixed.bias.ci[1] - fixed.bias.ci[0])
    two = table[:2]
    own, beyond = 40 * two.mean(1).var(ddof=1), 2 * two.mean(0).var(ddof=1)
    beyond -= ((two - two.mean(1)[:, None] - two.mean(0) + two.mean()) ** 2).sum() / 39
    df = max(1, 1 + beyond / own)  # not squared: one degree is too few for that
    half = stats.t.isf(0.025, df) * np.sqrt(max(own, own + beyond) / 80)
    found = random_reader_limits(two).bias
    assert found.ci == pytest.approx((found.value - half, found.value + half))
    gap = table.copy()
    gap[0, 3] = np.nan
    assert random_reader_limits(gap).n == 5 * 39
    assert "two readers" in random_reader_limits(table[:1]).bias.reason


def test_few_patients_bound_the_degrees_of_freedom_and_are_said():
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(15), 4)
    truth = np.arange(60) % 3 == 0
    ratings = rng.normal(size=(2, 6, 60)) * 0.3 + truth + rng.normal(size=60)
    names = tuple(f"{k:02d}" for k in range(60))
    study = Readings(("a", "b"), tuple("uvwxyz"), names, truth, ratings, patients)
    document = mrmc_document(study)
    assert document.comparisons[0].rrrc.df <= 14
    assert document.rrrc.means["a"].df <= 14
    assert "There are 15 patients only" in document.notes[0]
    assert "Note: There are 15 patients only" in mrmc_text(document)
    alone = mrmc_document(replace(study, patients=None))
    assert alone.notes is None
    assert "notes" not in to_json(alone)
