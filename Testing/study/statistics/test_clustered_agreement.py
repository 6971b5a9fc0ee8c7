"""Agreement, paired calls, sizes and times of patients with several cases.

Every case twice, as two nodules of one patient, says nothing new: intervals and tests by patient
are then those of the single cases, and without patients they are too narrow.
"""

from dataclasses import replace

import numpy as np
import pytest
from example_study import write_example
from scipy.stats import t, ttest_1samp
from statsmodels.stats.inter_rater import cohens_kappa

from densesharp.stats.agree_document import agree_document, agree_text
from densesharp.stats.agreement import (
    chance_corrected,
    fleiss_test,
    kendall_w,
    light_kappa,
    percent_agreement,
)
from densesharp.stats.bland_altman import concordance, random_reader_limits
from densesharp.stats.clusters import jackknifed
from densesharp.stats.estimates import Estimate
from densesharp.stats.icc import NAMES, icc
from densesharp.stats.kappa import cohen_kappa, cross_table, kappa_of, printed_kappa
from densesharp.stats.multiclass import confusion
from densesharp.stats.paired_clusters import change_by_patient, homogeneity_by_patient
from densesharp.stats.proportions import (
    marginal_homogeneity,
    obuchowski,
    paired_difference,
    tango,
)
from densesharp.stats.ratings import Ratings
from densesharp.stats.reading_time import reading_time
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.exported.load_study import load_study

TWICE = np.repeat(np.arange(40), 2)


@pytest.fixture
def codes():
    """40 cases by four readers who agree somewhat on four classes."""
    rng = np.random.default_rng(4)
    true = rng.integers(4, size=40)
    return np.clip(true[:, None] + rng.integers(-1, 2, size=(40, 4)), 0, 3)


def test_cases_that_are_there_twice_say_nothing_new(codes):
    twice = codes[TWICE]
    coefficients = ("fleiss", "conger", "gwet", "brennan-prediger")

    def all_of(table, clusters=None):
        yield percent_agreement(table, 4, clusters=clusters)
        for name in coefficients:
            yield chance_corrected(table, 4, name, "linear", clusters=clusters)

    pairs = zip(all_of(codes), all_of(twice, TWICE), all_of(twice), strict=True)
    for single, by_patient, naive in pairs:
        assert by_patient.value == pytest.approx(single.value)
        assert by_patient.se == pytest.approx(single.se)
        assert by_patient.ci == pytest.approx(single.ci)
        assert by_patient.df == single.df == 39
        assert naive.se < 0.75 * single.se
    test, single = fleiss_test(twice, 4, TWICE), fleiss_test(codes, 4, np.arange(40))
    assert test.value == pytest.approx(fleiss_test(codes, 4).value)
    assert (test.p, test.df) == pytest.approx((single.p, single.df))
    rest = [fleiss_test(np.delete(codes, k, axis=0), 4).value for k in range(40)]
    pseudo = 40 * test.value - 39 * np.array(rest)
    assert single.p == pytest.approx(ttest_1samp(pseudo, 0).pvalue)
    assert kendall_w(twice * 1.0, TWICE).p is None
    wide, narrow = (light_kappa(twice, 4, clusters=of, replicates=400) for of in (TWICE, None))
    assert wide.se == pytest.approx(np.sqrt(2) * narrow.se, rel=0.15)


@pytest.mark.parametrize("weights", [None, "quadratic"])
def test_the_interval_of_kappa_is_the_jackknifes_on_fishers_scale(codes, weights):
    """Kappas by statsmodels; patients are left out with all their cases."""
    kind = weights or "unweighted"
    first, second = codes[:, 0], codes[:, 1].copy()
    second[3] = -1

    def by_hand(units):
        there = second >= 0
        kept = [there, *(there & (units != one) for one in np.unique(units[there]))]
        tables = (cross_table(first[some], second[some], 4) for some in kept)
        value, *rest = (cohens_kappa(table, wt=weights, return_results=False) for table in tables)
        spread = np.var(rest) * (len(rest) - 1)
        half = t.ppf(0.975, len(rest) - 1) * np.sqrt(spread) / (1 - value**2)
        return np.tanh([np.arctanh(value) - half, np.arctanh(value) + half])

    single = kappa_of(first, second, 4, kind)
    assert single.ci == pytest.approx(by_hand(np.arange(40)))
    assert (
        single.se == cohen_kappa(cross_table(first[second >= 0], second[second >= 0], 4), kind).se
    )
    patients = np.arange(40) // 3
    found = kappa_of(first, second, 4, kind, clusters=patients)
    assert found.ci == pytest.approx(by_hand(patients))
    assert (found.value, found.df) == (pytest.approx(single.value), 13)
    doubled = kappa_of(first[TWICE], second[TWICE], 4, kind, clusters=TWICE)
    assert doubled.ci == pytest.approx(single.ci)
    table = cross_table(first, codes[:, 1], 4)
    assert confusion(table).kappa[kind].ci == kappa_of(first, codes[:, 1], 4, kind).ci


def test_a_kappa_below_zero_is_no_surer_than_by_chance():
    """Two rare calls never on the same case: -0.07 with a spread of 0.03 by its formula."""
    table = np.array([[26.0, 2.0], [2.0, 0.0]])
    found, formula = printed_kappa(table), cohen_kappa(table)
    assert formula.ci[1] < 0 < found.ci[1]
    value = formula.value
    chance = cohens_kappa(table).std_kappa0  # Fleiss, Cohen & Everitt, by chance
    half = t.ppf(0.975, 29) * chance / (1 - value**2)
    assert found.ci == pytest.approx(np.tanh([np.arctanh(value) - half, np.arctanh(value) + half]))
    assert found.p == formula.p
    one = np.array([[9.0, 1.0], [0.0, 0.0]])
    assert printed_kappa(one).ci is None
    assert printed_kappa(one, "unweighted", np.array([one])).ci is None


def test_icc_by_patient_is_near_the_exact_interval_where_patients_have_one_case(codes):
    rng = np.random.default_rng(1)
    values = rng.normal(size=120)[:, None] + 0.2 * rng.normal(size=5) + rng.normal(size=(120, 5))
    exact, jackknife = icc(values), icc(values, clusters=np.arange(120))
    for name in NAMES:
        assert jackknife[name].value == exact[name].value
        if not name.startswith("ICC(2"):
            # The exact interval of ICC(2,.) also lets the raters vary.
            assert jackknife[name].ci == pytest.approx(exact[name].ci, abs=0.03)
        assert jackknife[name].p < 1e-6
    twice = np.repeat(np.arange(120), 2)
    doubled = icc(values[twice], clusters=twice)
    for name in NAMES:
        assert doubled[name].ci == pytest.approx(jackknife[name].ci, abs=0.01)
    assert icc(np.ones((4, 2)), clusters=np.array([0, 0, 1, 1]))["ICC(1,1)"].value is None
    assert jackknifed(1.0, [1.0, None]).ci is None


def test_paired_calls_by_patient():
    rng = np.random.default_rng(2)
    first, second = rng.random(40) < 0.8, rng.random(40) < 0.6
    cells = [int(part.sum()) for part in (
        first & second, first & ~second, second & ~first, ~first & ~second,
    )]  # fmt: skip
    newcombe, score = change_by_patient(first[TWICE], second[TWICE], TWICE)
    for found, classic in ((newcombe, paired_difference(*cells)), (score, tango(*cells))):
        assert found.value == pytest.approx(classic.value)
        assert found.ci == pytest.approx(classic.ci, abs=0.01)
    b, c = (first & ~second) * 1.0, (second & ~first) * 1.0
    assert newcombe.p == pytest.approx(obuchowski(b, c, np.ones(40)).p)
    single = change_by_patient(first, second, np.arange(40))
    assert single[0].ci == pytest.approx(paired_difference(*cells).ci)
    assert change_by_patient(first[:0], second[:0], TWICE[:0])[0].value is None
    same = change_by_patient(first, first, np.arange(40) // 2)
    assert same[0].value == 0
    assert same[0].p is None
    assert same[0].ci[0] < 0 < same[0].ci[1]


def test_marginal_homogeneity_by_patient(codes):
    first, second = codes[:, 0], codes[:, 1]
    counts = np.zeros((4, 4))
    np.add.at(counts, (first, second), 1)
    classic = marginal_homogeneity(counts)
    for found in (
        homogeneity_by_patient(first, second, 4, np.arange(40)),
        homogeneity_by_patient(first[TWICE], second[TWICE], 4, TWICE),
    ):
        assert found.value == pytest.approx(classic.value)
        assert found.p == pytest.approx(classic.p)
    none = homogeneity_by_patient(first * 0, first * 0, 4, np.arange(40))
    assert "Only one class" in none.reason


def test_limits_and_concordance_by_patient():
    rng = np.random.default_rng(3)
    table = 0.1 * rng.normal(size=4)[:, None] + rng.normal(size=40) + rng.normal(size=(4, 40))
    single = random_reader_limits(table)
    found = random_reader_limits(table[:, TWICE], clusters=TWICE)
    naive = random_reader_limits(table[:, TWICE])
    assert found.bias.se == pytest.approx(single.bias.se, rel=0.02)
    assert naive.bias.se < 0.9 * found.bias.se
    assert found.upper.ci == pytest.approx(single.upper.ci, abs=0.1)
    assert random_reader_limits(table, clusters=np.zeros(40, dtype=int)).bias.value is None
    x, y = table[0] + table[1], table[0] + table[2]
    lin = concordance(x, y)
    by_patient = concordance(x[TWICE], y[TWICE], clusters=TWICE)
    assert by_patient.value == pytest.approx(lin.value)
    assert by_patient.ci == pytest.approx(lin.ci, abs=0.05)
    assert concordance(x[TWICE], y[TWICE]).ci[0] > by_patient.ci[0] + 0.02
    assert concordance(x, x * 0, clusters=TWICE[:40]).value is None


def test_patients_are_in_the_time_model():
    """Six crossed and nested random effects against the restricted likelihood of whole matrices."""
    rng = np.random.default_rng(6)
    case, reader, aided = np.indices((24, 4, 2)).reshape(3, -1)
    patient = case // 3
    log = 3 + 0.4 * rng.normal(size=8)[patient] + 0.3 * rng.normal(size=4)[reader]
    log += 0.4 * rng.normal(size=(8, 2))[patient, aided] + 0.4 * rng.normal(size=len(case))
    log += 0.3 * rng.normal(size=24)[case]
    found = reading_time(np.exp(log), aided == 1, reader, case, patients=patient)
    levels = {
        "case": case, "reader": reader, "reader_x_aided": 2 * reader + aided,
        "case_x_aided": 2 * case + aided, "patient": patient,
        "patient_x_aided": 2 * patient + aided, "residual": np.arange(len(log)),
    }  # fmt: skip
    alike = {name: of[:, None] == of[None, :] for name, of in levels.items()}
    x = np.column_stack([np.ones(len(log)), aided])

    def restricted(variances):
        v = sum(variances[name] * alike[name] for name in levels)
        inside = x.T @ np.linalg.solve(v, x)
        beta = np.linalg.solve(inside, x.T @ np.linalg.solve(v, log))
        rest = log - x @ beta
        value = np.linalg.slogdet(v)[1] + np.linalg.slogdet(inside)[1]
        return value + rest @ np.linalg.solve(v, rest), np.sqrt(np.linalg.inv(inside)[1, 1])

    best, se = restricted(found.variances)
    # What readers add is from their own gains: by chance the model takes it as none.
    assert found.variances["reader_x_aided"] < 1e-9
    readers_only = {n: v if n in ("reader", "residual") else 0 for n, v in found.variances.items()}
    gains = [log[(reader == r) & (aided == 1)].mean() - log[(reader == r) & (aided == 0)].mean()
             for r in range(4)]  # fmt: skip
    of_cases = se**2 - restricted(readers_only)[1] ** 2
    expected = np.sqrt(np.var(gains, ddof=1) / 4 + of_cases)
    assert found.effects["aided"].se == pytest.approx(expected, rel=1e-6)
    for name, value in found.variances.items():
        for moved in (value * 0.9 - 1e-4, value * 1.1 + 1e-4):
            if moved >= 0:
                assert restricted(found.variances | {name: moved})[0] > best - 1e-6
    assert found.variances["patient_x_aided"] > 0.02
    without = reading_time(np.exp(log), aided == 1, reader, case)
    assert found.effects["aided"].se > 1.2 * without.effects["aided"].se
    assert found.effects["aided"].df <= 7 < without.effects["aided"].df, "eight patients"


def test_agree_takes_the_column_patient_for_every_interval(codes):
    labels = tuple("wxyz")
    cases = tuple(f"{k:03d}" for k in range(80))
    scale = np.arange(1.0, 5)
    table = Ratings(labels, cases, tuple("1234"), scale, True, codes[TWICE], codes[TWICE, 0], TWICE)
    found = agree_document(table, replicates=200)
    naive = agree_document(replace(table, patients=None), replicates=200)
    alone = agree_document(replace(table, patients=np.arange(80)), replicates=200)

    def width(one: Estimate) -> float:
        return one.ci[1] - one.ci[0]

    def intervals(document):
        yield document.percent_agreement
        for group in (document.coefficients, document.cohen_kappa):
            yield from (one for by_weight in group.values() for one in by_weight.values())
        yield from document.light_kappa.values()
        yield from document.krippendorff_alpha.values()
        yield from document.icc.values()
        yield document.against_truth["x"].accuracy
        yield from document.against_truth["x"].kappa.values()

    rows = list(zip(*(intervals(one) for one in (found, naive, alone)), strict=True))
    assert len(rows) > 40
    for wide, narrow, single in rows:
        if narrow.ci is None or "ICC(2" in str(wide.method):
            continue
        assert narrow.ci == single.ci
        assert width(wide) > 1.15 * width(narrow), wide.method
    assert found.kendall_w.p is None
    assert found.fleiss_by_class["1"].df == 39
    assert "take the 40 patients as clusters" in agree_text(found)
    assert "patients" not in agree_text(alone)


def test_a_study_takes_its_patients_everywhere(tmp_path):
    export = write_example(tmp_path, cases=36, masks=6)
    data = load_study(export, tmp_path / "truth.csv")
    pairs = np.arange(len(data.cases)) // 2
    single, found = analyse_study(data), analyse_study(replace(data, patients=pairs))
    agreement = found.agreement.conditions["aided"]
    assert agreement.readers.fleiss.df == len(np.unique(pairs)) - 1
    assert "patients" in agreement.readers.icc_2_1.method
    assert "clusters" in agreement.readers.krippendorff_ordinal.method
    assert all(one.df for one in agreement.pairs.quadratic_kappa.values() if one.ci)
    assert "clusters" in found.agreement.differences["fleiss"].method
    assert "clusters" in found.classes.weighted_f1["aided"].method
    assert "clusters" in found.tasks["iac"].bootstrap.cases.method
    assert "clusters" in found.tasks["iac"].bootstrap.readers_and_cases.method
    changed = next(iter(found.classes.changes.readers.values()))
    assert "patients" in changed.accuracy_difference.method
    assert found.classes.changes.mixed_model_sensitivity["aided"].value is None
    assert "patient_x_aided" in found.time.model.spreads
    assert "patient" not in single.time.model.spreads
    band, alone = (one.tasks["iac"].roc.model_band for one in (found, single))
    assert not np.array_equal(band.low, alone.low)
    reader = next(iter(found.classes.confusion["aided"].readers.values()))
    assert "clusters" in reader.accuracy.method
    assert "patients" in found.outlines.diameter.limits.bias.method
