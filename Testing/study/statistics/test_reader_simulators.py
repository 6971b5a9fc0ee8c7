"""Simulators of reader data: Roe & Metz against MRMCaov, the search model against RJafroc."""

import argparse
import json

import numpy as np
import pytest

from densesharp.cli.study import simulate
from densesharp.errors import StudyError
from densesharp.stats.mark_figures import mark_figure
from densesharp.stats.mrmc import analyse
from densesharp.stats.readings_files import load_marks, load_readings
from densesharp.stats.roe_metz import RoeMetz, in_levels, roe_metz, simulate_readings
from densesharp.stats.search_model import SearchModel, simulate_marks

# n0, n1, then delta1, delta2, var_R, var_TR, var_C, var_TC, var_RC, var_error, b; and what
# MRMCaov 0.3.0's RMH_to_OR makes of it: AUC1, AUC2, var_R, var_TR, Var, Cov1, Cov2, Cov3.
CONVERTED = [
    ((50, 50, 0.75, 0.75, 0.0055, 0.0055, 0.3, 0.3, 0.2, 0.2, 1),
     (7.01054962616e-01, 7.01054962616e-01, 6.56062099283e-04, 6.57064464111e-04,
      2.67501885998e-03, 1.24484914943e-03, 1.50639884811e-03, 7.31905460995e-04)),
    ((25, 10, 1.5, 1.5, 0.03, 0.03, 0.1, 0.1, 0.2, 0.6, 1),
     (8.48542927672e-01, 8.48542927672e-01, 1.58192413394e-03, 1.62882595619e-03,
      5.11518873667e-03, 1.21179870757e-03, 7.65948274572e-04, 3.73284901696e-04)),
    ((25, 25, 0.821, 0.9, 0.0132, 0.0132, 0.1, 0.1, 0.2, 0.6, 0.84566),
     (6.99998838800e-01, 7.17305935145e-01, 1.26851210292e-03, 1.27368901677e-03,
      5.30351148799e-03, 1.42192803016e-03, 9.36245271754e-04, 4.63937116225e-04)),
    ((60, 30, 1.831, 2.1, 0.0447, 0.02, 0.3, 0.25, 0.15, 0.3, 0.71082),
     (8.50482597724e-01, 8.83188260298e-01, 1.33662029103e-03, 6.40804605041e-04,
      1.84465935500e-03, 6.57477530731e-04, 8.15348115614e-04, 4.03931398774e-04)),
]  # fmt: skip


@pytest.mark.parametrize(("given", "want"), CONVERTED)
def test_expected_areas_and_components_are_those_of_hillis_2018(given, want):
    others, diseased, first, second, *variances = given
    model = RoeMetz((first, second), *variances)
    c = model.components(others, diseased)
    found = [*model.areas, c.var_r, c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3]
    assert found == pytest.approx(want, rel=1e-6)


def test_drawn_readings_are_as_expected():
    model = RoeMetz((1.2, 1.5), 0.03, 0.02, 0.3, 0.2, 0.2, 0.3, 0.8)
    want = model.components(25, 30)
    found = []
    for seed in range(300):
        readings = simulate_readings(model, 4, 25, 30, np.random.default_rng(seed))
        result = analyse(readings, covariance="unbiased")
        c = result.components
        means = [result.rrrc.means[t].value for t in readings.treatments]
        found.append([*means, c.var_r, c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(300)
    expected = [*model.areas, want.var_r, want.var_tr, want.var_error, want.cov1, want.cov2]
    assert np.abs((mean - [*expected, want.cov3]) / error).max() < 3.5


def test_structures_of_the_table_have_the_areas_asked_for():
    for structure in ("HH", "HL", "LH", "LL"):
        assert roe_metz(structure, [0.85, 0.9]).areas == pytest.approx((0.85, 0.9))
    table = roe_metz("HL", [0.702])
    assert (table.reader, table.case) == (0.0055, 0.3)
    assert table.delta[0] == pytest.approx(0.75, abs=0.01)
    levels = in_levels(simulate_readings(table, 2, 20, 20, np.random.default_rng(1)), 5)
    assert sorted(np.unique(levels.ratings)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("limit", "want"), [(-np.inf, (0.725589867, 0.577888979)), (0.0, (0.712539535, 0.601041381))]
)
def test_expected_areas_of_the_search_model_are_those_of_rjafroc(limit, want):
    """UtilAnalyticalAucsRSM at mu = lambda' = nu' = 1, 90 % with one lesion and 10 % with two."""
    found = SearchModel(1.0, 1.0, 1 - np.exp(-1), limit).areas([0.9, 0.1])
    assert (found["hr-auc"], found["wafroc"]) == pytest.approx(want, abs=2e-7)


def test_drawn_marks_are_as_expected():
    model = SearchModel(1.6, 1.2, 0.7, -0.5)
    better = model.with_mu(2.2)
    lesions = [1, 2] * 400
    marks = simulate_marks([model, better], 8, 800, lesions, np.random.default_rng(2))
    for name in ("hr-auc", "wafroc"):
        found = analyse(marks.numbered(), mark_figure(name, marks))
        for treatment, one in zip(marks.treatments, (model, better), strict=True):
            mean = found.frrc.means[treatment]
            assert abs(mean.value - one.areas([0.5, 0.5])[name]) < 3.5 * mean.se
    assert better.found > model.found
    assert better.false_marks < model.false_marks


def test_readers_may_differ():
    models = [SearchModel(1.6, 1.0, 0.7)]
    spread = []
    for sd in (0.0, 0.4):
        marks = simulate_marks(models, 12, 150, [1] * 150, np.random.default_rng(3), sd)
        found = analyse(marks.numbered(), mark_figure("wafroc", marks)).values["1"]
        spread.append(np.std([one.value for one in found.values()]))
    assert spread[1] > 2 * spread[0]


def run(*arguments):
    parser = argparse.ArgumentParser()
    simulate.configure(parser)
    return simulate.run(parser.parse_args([str(a) for a in arguments]))


def test_the_command_writes_readings(tmp_path, capsys):
    options = ("--readers", 3, "--cases", 20, 12, "--auc", 0.8, 0.85, "--seed", 4)
    for name in ("one.csv", "two.csv"):
        run("roe-metz", *options, "--out", tmp_path / name, "--json", tmp_path / "expected.json")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    readings = load_readings(tmp_path / "one.csv")
    assert readings.ratings.shape == (2, 3, 32)
    assert readings.truth.sum() == 12
    expected = json.loads((tmp_path / "expected.json").read_text())
    assert expected["auc"] == pytest.approx([0.8, 0.85])
    assert expected["components"]["var_error"] > expected["components"]["cov1"]
    assert "0.8500" in capsys.readouterr().out
    run("roe-metz", "--out", tmp_path / "five.csv", "--levels", 5)
    assert set(np.unique(load_readings(tmp_path / "five.csv").ratings)) == {1, 2, 3, 4, 5}


def test_the_command_writes_marks(tmp_path, capsys):
    pytest.importorskip("openpyxl")
    run("rsm", "--out", tmp_path / "m.xlsx", "--mu", 2, 2.5, "--cases", 10, 8, "--readers", 2)
    marks = load_marks(tmp_path / "m.xlsx")
    assert marks.read.shape == (2, 2, 18)
    assert marks.paradigm == "FROC"
    assert "wafroc" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("roe-metz", "--mu", 2), "--mu belongs to the model rsm"),
        (("rsm", "--auc", 0.8), "--auc belongs to the model roe-metz"),
        (("roe-metz", "--auc", 1.2), "between 0.5 and 1"),
        (("roe-metz", "--cases", 0, 5), "a case with and a case without"),
        (("roe-metz", "--variances", 1, 1, 0, 0, 0, 0), "not all 0"),
        (("roe-metz", "--structure", "HH", "--variances", 1, 1, 1, 1, 1, 1), "twice"),
        (("roe-metz", "--levels", 1), "two steps"),
        (("rsm",), "written as an Excel workbook"),
        (("rsm", "--mu", -1), "mu is above 0"),
        (("roe-metz", "--seed", -1), "seed is 0 or above"),
    ],
)
def test_faults_are_said(tmp_path, options, message):
    ending = "x.xlsx" if options[0] == "rsm" and len(options) > 1 else "x.csv"
    with pytest.raises(StudyError, match=message):
        run(*options, "--out", tmp_path / ending)
