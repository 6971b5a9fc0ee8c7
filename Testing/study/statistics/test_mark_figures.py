"""Figures of marks (FROC, LROC) against RJafroc 2.1.3, and its workbooks.

The file holds marks that RJafroc's search-model simulator made, rounded to halves so that there are
ties, and what RJafroc found of them (OR, jackknife); `null` is no mark.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.stats.figures_of_merit import AUC
from densesharp.stats.mark_figures import NAMES, mark_figure
from densesharp.stats.marks import Marks, marks_of
from densesharp.stats.mrmc import analyse

FILE = json.loads(Path(__file__).with_name("marks_rjafroc.json").read_text())
FROC = {"wafroc": "wAFROC", "wafroc1": "wAFROC1", "afroc": "AFROC", "afroc1": "AFROC1",
        "hr-auc": "HrAuc", "hr-se": "HrSe", "hr-sp": "HrSp", "max-llf": "MaxLLF",
        "max-nlf": "MaxNLF", "max-nlf-all": "MaxNLFAllCases"}  # fmt: skip


def array(values):
    return np.array(values, dtype=float)


def marked(values):
    found = array(values)
    return np.where(np.isnan(found), -np.inf, found)


def study(located, false, weights, per_case, paradigm):
    t, r, k, _ = false.shape
    lesions = np.concatenate([np.zeros(k - len(per_case), dtype=int), per_case])
    return Marks(
        paradigm, ("1", "2"), tuple("1234"), tuple(f"{i + 1:02d}" for i in range(k)), lesions,
        tuple(tuple(str(i + 1) for i in range(n)) for n in lesions), weights, located, false,
        np.ones((t, r, k), dtype=bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def froc() -> Marks:
    data = FILE["froc"]
    per_case = np.array(data["perCase"])
    false, k = marked(data["NL"]), 36
    located = np.full((2, 4, k, 3), -np.inf)
    located[:, :, 20:] = marked(data["LL"])
    weights = np.zeros((k, 3))
    weights[20:] = np.nan_to_num(array(data["weights"]))
    return study(located, false, weights, per_case, "FROC")


@pytest.fixture(scope="module")
def lroc() -> Marks:
    """RJafroc writes -10.5 where there is no mark of a kind, and lets it be the case's rating."""
    data = FILE["lroc"]
    located = np.full((2, 4, 36, 1), -np.inf)
    right = array(data["LL"]) > -10
    located[:, :, 20:] = np.where(right, array(data["LL"]), -np.inf)
    false = array(data["NL"])
    false[:, :, 20:] = np.where(right, -np.inf, np.nan_to_num(array(data["LL_IL"]), nan=-10.5))
    weights = (np.arange(36) >= 20)[:, None] * 1.0
    return study(located, false, weights, np.ones(16, dtype=int), "LROC")


@pytest.mark.parametrize("name", FROC)
def test_every_number_of_the_analysis_is_that_of_rjafroc(froc, name):
    want = FILE["froc"]["results"][FROC[name]]
    found = analyse(froc.numbered(), mark_figure(name, froc))
    values = [[found.values[t][r].value for r in froc.readers] for t in froc.treatments]
    assert np.array(values) == pytest.approx(np.array(want["foms"]), rel=1e-10)
    c = found.components
    components = [c.var_r, c.var_tr, c.cov1, c.cov2, c.cov3, c.var_error]
    # RJafroc clamps Cov2 - Cov3 also in the components of readers; Iowa's program does not.
    same = slice(0, None) if c.cov2 >= c.cov3 else slice(2, None)
    assert components[same] == pytest.approx(want["components"][same], rel=1e-8, abs=1e-14)
    assert found.rrrc.test.p == pytest.approx(want["p"][0], rel=1e-8)
    one = found.rrrc.differences["1", "2"]
    printed = [one.value, one.se, one.df, one.statistic, one.p, *one.ci]
    assert printed == pytest.approx(want["difference"], rel=1e-8)
    fixed, cases = found.frrc.differences["1", "2"], found.rrfc.differences["1", "2"]
    shown = [fixed.value, fixed.se, fixed.statistic, fixed.p, *fixed.ci]
    assert shown == pytest.approx(want["frrc"], rel=1e-8)
    shown = [cases.value, cases.se, cases.df, cases.statistic, cases.p, *cases.ci]
    assert shown == pytest.approx(want["rrfc"], rel=1e-8)


@pytest.mark.parametrize("fpf", [0.2, 1.0])
@pytest.mark.parametrize(("name", "theirs"), [("lroc", "ALROC"), ("pcl", "PCL")])
def test_lroc_curves_are_those_of_rjafroc(lroc, name, theirs, fpf):
    found = analyse(lroc.numbered(), mark_figure(name, lroc, fpf))
    values = [[found.values[t][r].value for r in lroc.readers] for t in lroc.treatments]
    want = FILE["lroc"]["results"][f"{theirs}-{fpf:g}"]
    assert np.array(values) == pytest.approx(np.array(want), rel=1e-10)


def test_the_rating_of_an_lroc_case_is_that_of_its_mark(lroc):
    found = analyse(lroc.rated(), AUC)
    values = [[found.values[t][r].value for r in lroc.readers] for t in lroc.treatments]
    want = FILE["lroc"]["results"]["Wilcoxon-0.2"]
    assert np.array(values) == pytest.approx(np.array(want), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_values_without_a_case_are_the_figure_without_it(froc, lroc, name):
    marks = lroc if name in ("lroc", "pcl") else froc
    figure = mark_figure(name, marks, 0.3)
    readings = marks.numbered()
    truth = readings.truth.astype(int)
    codes = readings.ratings[1, 2][figure.uses(truth)]
    truth = truth[figure.uses(truth)]
    _, left_out = figure.compute(codes, truth)
    slow = [figure.compute(np.delete(codes, i), np.delete(truth, i))[0] for i in range(len(codes))]
    assert left_out == pytest.approx(slow)


def test_a_reader_without_any_mark_is_at_chance(froc):
    none = replace(
        froc,
        located=np.full_like(froc.located, -np.inf),
        false=np.full_like(froc.false, -np.inf),
    )
    want = {"wafroc": 0.5, "hr-auc": 0.5, "max-llf": 0, "hr-sp": 1, "exp-nlf": 1, "lroc": 0}
    for name, value in want.items():
        found = analyse(none.numbered(), mark_figure(name, none)).values["1"]["1"]
        assert found.value == value


def test_readings_of_a_rating_each_are_marks_too(van_dyke):
    marks = marks_of(van_dyke)
    want, found = analyse(van_dyke), analyse(marks.numbered(), mark_figure("hr-auc", marks))
    assert found.rrrc.test.p == pytest.approx(want.rrrc.test.p, rel=1e-12)
    weighted = analyse(marks.numbered(), mark_figure("wafroc", marks))
    assert weighted.rrrc.test.p == pytest.approx(want.rrrc.test.p, rel=1e-12)


def test_ratings_of_froc_cases_need_a_figure_for_marks(froc):
    with pytest.raises(TableError, match="--figure hr-auc"):
        froc.rated()
