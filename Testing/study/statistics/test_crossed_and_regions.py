"""Treatments of two crossed factors, and regions of interest, against RJafroc 2.1.3."""

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.stats.mark_figures import mark_figure
from densesharp.stats.marks import Marks
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.readings_files import load_readings
from densesharp.stats.tables import Readings, write_readings
from study.statistics.test_mrmc_command import run

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture(scope="module")
def crossed():
    """2 x 3 treatments, 3 readers, 10 + 8 cases, ratings by a formula."""
    a, b, j, k = np.ogrid[1:3, 1:4, 1:4, 1:19]
    rating = (7 * a + 3 * b + 5 * j + 11 * k + k * k + a * k * j + b * k) % 13
    rating = rating + np.where(k > 10, 2 + b + (a - 1) * 2, 0)
    treatments = tuple(f"A{a} x {b}" for a in (1, 2) for b in (1, 2, 3))
    cases = tuple(f"{k:02d}" for k in range(1, 19))
    truth = np.arange(18) >= 10
    return Readings(treatments, tuple("123"), cases, truth, rating.reshape(6, 3, 18).astype(float))


# StORAnalysis(dataset, "Wilcoxon", "jackknife", "RRRC", 0.05, ...) of these readings: F, df, p;
# first difference with its SE and limits; Var(R), Var(TR), Cov1, Cov2, Cov3, Var.
PRINTED = {
    "first": (
        (10.8138551031201, 2, 0.0813493880676497),
        (-0.0993055555555556, 0.0301983540349429, -0.229238585977943, 0.0306274748668321),
        (-0.000589920269757802, -0.000899361099511446, 0.000406699697864206, -0.000183640047430344,
         0.000207823903643151, 0.002673971677005280),
    ),
    "second": (
        (4.066750285904, 7.17778971394533, 0.0659444137134666),
        (-0.00312500000000004, 0.039449235633823, -0.0959412652813746, 0.08969126528137455),
        (0.000421551590314910, -0.004383457229485301, -0.000567439649470899, 0.000143590097075639,
         -0.000053657156378213, 0.005755886361246031),
    ),
}  # fmt: skip


@pytest.mark.parametrize("factor", PRINTED)
def test_one_factor_averaged_over_the_other_is_that_of_rjafroc(crossed, factor):
    found = mrmc_document(crossed, compared=factor)
    test, difference, components = PRINTED[factor]
    rrrc = found.rrrc
    assert (rrrc.statistic, rrrc.df2, rrrc.p) == pytest.approx(test, rel=1e-10)
    one = found.comparisons[0].rrrc
    assert (one.value, one.se, *one.ci) == pytest.approx(difference, rel=1e-9)
    # Where Cov2 is below Cov3, as for the first factor, RJafroc clamps the readers' components too.
    from_readers = 2 if factor == "first" else 0
    ours = list(vars(found.components).values())[from_readers:]
    assert ours == pytest.approx(components[from_readers:], rel=1e-9)
    levels = ("A1", "A2") if factor == "first" else ("1", "2", "3")
    assert found.study.treatments == levels
    assert list(found.mean_values) == list(levels)


def test_crossed_means_are_those_of_the_treatments(crossed):
    whole, part = mrmc_document(crossed), mrmc_document(crossed, compared="second")
    values = np.array(list(whole.mean_values.values())).reshape(2, 3)
    assert list(part.mean_values.values()) == pytest.approx(values.mean(axis=0))
    assert part.u_statistic is None


def test_what_is_not_crossed_is_refused(crossed, van_dyke):
    with pytest.raises(TableError, match=r"named 'one x other'.*these are 1, 2"):
        mrmc_document(van_dyke, compared="first")
    with pytest.raises(TableError, match="'A2 x 3' is missing"):
        mrmc_document(crossed.select(treatments=crossed.treatments[:-1]), compared="first")
    ratings = crossed.ratings.copy()
    ratings[0, 0, 0] = np.nan
    lacking = Readings(
        *(crossed.treatments, crossed.readers, crossed.cases), crossed.truth, ratings
    )
    with pytest.raises(TableError, match="readings are missing"):
        mrmc_document(lacking, compared="first")


def test_workbooks_and_the_command_take_two_factors(crossed, tmp_path, capsys):
    book = openpyxl.Workbook()
    truth = book.active
    truth.title = "TRUTH"
    header = [
        "Case_ID",
        "Lesion_ID",
        "Weight",
        "ReaderID",
        "ModalityID1",
        "ModalityID2",
        "Paradigm",
    ]
    truth.append(header)
    false, located = book.create_sheet("FP"), book.create_sheet("TP")
    false.append(["Reader_ID", "Modality_ID1", "Modality_ID2", "Case_ID", "FP_Rating"])
    located.append(["ReaderID", "ModalityID1", "ModalityID2", "CaseID", "LesionID", "TP_Rating"])
    for k in range(18):
        diseased = int(crossed.truth[k])
        said = {0: "ROC", 1: "FCTRL-X-MOD"}.get(k)
        truth.append([k + 1, diseased, 0, "1, 2, 3", "A1, A2", "1, 2, 3", said])
        for t, r in np.ndindex(6, 3):
            place = [r + 1, *crossed.treatments[t].split(" x "), k + 1]
            rating = crossed.ratings[t, r, k]
            (located if diseased else false).append([*place, *([1] if diseased else []), rating])
    book.save(tmp_path / "x.xlsx")
    found = load_readings(tmp_path / "x.xlsx")
    assert found.treatments == crossed.treatments
    by_name = [found.cases.index(str(k)) for k in range(1, 19)]
    assert np.array_equal(found.ratings[:, :, by_name], crossed.ratings)
    write_readings(crossed, tmp_path / "x.csv")
    assert run(tmp_path / "x.csv", "--compare", "first") == 0
    assert "A1 minus A2: -0.0993" in capsys.readouterr().out


@pytest.fixture(scope="module")
def regions():
    """2 readers, 4 cases with three regions, 5 with one or two of three diseased."""
    lesions = np.array([0, 0, 0, 0, 1, 2, 1, 2, 1])
    false, located = np.full((1, 2, 9, 3), -np.inf), np.full((1, 2, 9, 2), -np.inf)
    for j, k in np.ndindex(2, 9):
        for n in range(3 - lesions[k]):
            one, two, three = k + 1, n + 1, j + 1
            false[0, j, k, n] = (5 * one + 3 * two + 7 * three + one * two * two) % 11
        for n in range(lesions[k]):
            one, two, three = k - 3, n + 1, j + 1
            located[0, j, k, n] = (4 * one + 5 * two + 3 * three + one * one) % 11 + 4
    weights = np.where(np.arange(2) < lesions[:, None], 1 / np.maximum(lesions, 1)[:, None], 0.0)
    names = tuple(tuple(str(n + 1) for n in range(count)) for count in lesions)
    return Marks("FROC", ("a",), ("1", "2"), tuple("123456789"), lesions, names, weights, located,
                 false, np.ones((1, 2, 9), dtype=bool))  # fmt: skip


def test_areas_of_regions_are_those_of_rjafroc(regions):
    """RJafroc's ROI(4, 5, 3, ...) of the same ratings."""
    found = mrmc_document(regions.numbered(), mark_figure("roi", regions))
    assert found.values["a"] == pytest.approx({"1": 0.8178571428571428, "2": 0.7892857142857144})
    assert found.notes[0].startswith("There are 2 readers only. With three, tests of areas of reg")


def test_a_case_is_left_out_with_all_its_regions(regions):
    figure, rows = mark_figure("roi", regions), regions.numbered().ratings[0, 0]
    truth = regions.truth.astype(int)
    value, left_out = figure.compute(rows, truth)
    for k in range(9):
        rest = np.arange(9) != k
        lesions = [x for i in np.flatnonzero(rest) for x in regions.located[0, 0, i] if x > -np.inf]
        others = [x for i in np.flatnonzero(rest) for x in regions.false[0, 0, i] if x > -np.inf]
        pairs = [(x > y) + (x == y) / 2 for x in lesions for y in others]
        assert left_out[k] == pytest.approx(np.mean(pairs))
    assert value == pytest.approx(0.8178571428571428)
