"""The binormal curve against RJafroc 2.1.3 and MRMCaov 0.3.0, and against what must hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import optimize, stats

from densesharp.errors import TableError
from densesharp.stats import binormal
from densesharp.stats.binormal import BINORMAL_AUC, ON_THE_BORDER, ONE_POINT, fit_binormal
from densesharp.stats.mrmc import analyse
from study.statistics.test_mrmc_command import run

# a, b, area, its SE by RJafroc's FitBinormalRoc (a general optimizer: about five digits); area by
# MRMCaov's binormal_auc. Reader 4 of treatment 2 is degenerate for both.
PRINTED = {
    "11": (1.70215088, 0.53677324, 0.93316046, 0.02986330, 0.93316084553),
    "12": (1.40330752, 0.56071559, 0.88952779, 0.05113194, 0.889528041447),
    "13": (1.74083028, 0.63464389, 0.92919410, 0.02721479, 0.929198755575),
    "14": (1.92549679, 0.20151040, 0.97045712, 0.02724712, 0.970457640993),
    "15": (1.06301100, 0.46351438, 0.83258843, 0.04840710, 0.832588017095),
    "21": (1.85006188, 0.50295703, 0.95081280, 0.02380155, 0.950818482092),
    "22": (1.65513338, 0.44749646, 0.93457569, 0.03037770, 0.934595215496),
    "23": (1.62197665, 0.48784787, 0.92754620, 0.02983101, 0.927547084331),
    "25": (1.73286938, 0.42210643, 0.94480821, 0.02688317, 0.944807430156),
}
# 40 others, then 30 diseased; MRMCaov finds an area of 0.834924050529.
CONTINUOUS = [
    -0.626, 0.184, -0.836, 1.595, 0.33, -0.82, 0.487, 0.738, 0.576, -0.305, 1.512, 0.39, -0.621,
    -2.215, 1.125, -0.045, -0.016, 0.944, 0.821, 0.594, 0.919, 0.782, 0.075, -1.989, 0.62, -0.056,
    -0.156, -1.471, -0.478, 0.418, 1.359, -0.103, 0.388, -0.054, -1.377, -0.415, -0.394, -0.059,
    1.1, 0.763, 0.754, 0.77, 2.856, 1.466, 0.487, 0.357, 1.473, 1.901, 1.484, 2.075, 1.395, 1.494,
    1.512, 0.063, 2.673, 3.708, 0.889, 0.233, 1.461, 0.97, 3.738, 0.907, 2.309, 0.417, 0.741,
    0.567, -0.686, 2.449, 1.062, 3.438,
]  # fmt: skip


@pytest.mark.parametrize("curve", PRINTED)
def test_ordinal_curves_are_those_of_both_programs(van_dyke, curve):
    fit = fit_binormal(van_dyke.ratings[int(curve[0]) - 1, int(curve[1]) - 1], van_dyke.truth)
    a, b, auc, se, precise = PRINTED[curve]
    assert fit.a.value == pytest.approx(a, rel=1e-4)
    assert fit.b.value == pytest.approx(b, rel=5e-4)
    assert fit.auc.value == pytest.approx(auc, abs=3e-5)
    assert fit.auc.se == pytest.approx(se, rel=2e-4)
    assert fit.auc.value == pytest.approx(precise, abs=3e-8)


def test_continuous_ratings_have_the_area_of_mrmcaov():
    truth = np.arange(70) >= 40
    fit = fit_binormal(np.array(CONTINUOUS), truth)
    assert fit.auc.value == pytest.approx(0.834924050529, abs=1e-9)
    assert (round(fit.a.value, 2), round(fit.b.value, 3)) == (1.31, 0.901)
    # Any monotone change of the scale leaves all of it alone.
    again = fit_binormal(np.exp(np.array(CONTINUOUS)), truth)
    assert again.a.value == pytest.approx(fit.a.value, rel=1e-8)
    assert again.auc.se == pytest.approx(fit.auc.se, rel=1e-8)


def test_the_analysis_is_that_of_mrmcaov(van_dyke):
    """One refit without a case is degenerate; MRMCaov's optimizer stops on its way to the limit."""
    found = analyse(van_dyke, BINORMAL_AUC)
    assert found.values["2"]["4"].value == 1.0
    assert found.rrrc.test.statistic == pytest.approx(2.672375536, rel=2e-3)
    assert found.rrrc.test.p == pytest.approx(0.1315520213, rel=2e-3)
    assert found.components.cov1 == pytest.approx(0.0003125017592, rel=1e-5)
    assert found.components.var_error == pytest.approx(0.0010782524, rel=1e-3)


def test_no_other_parameters_are_likelier(van_dyke):
    """The likelihood written out, and searched by a general optimizer from the fit."""
    counts = binormal.categories(van_dyke.ratings[0, 2], van_dyke.truth)
    fit = fit_binormal(van_dyke.ratings[0, 2], van_dyke.truth)

    def loss(x):
        edges = np.concatenate([[-np.inf], x[2:], [np.inf]])
        cells = [np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(x[1] * edges - x[0]))]
        return -float((counts * np.log(np.maximum(cells, 1e-300))).sum())

    start = np.concatenate([[fit.a.value, fit.b.value], fit.thresholds])
    assert loss(start) == pytest.approx(-fit.loglik, rel=1e-12)
    best = optimize.minimize(loss, start + 0.05, method="BFGS")
    assert best.fun >= -fit.loglik - 1e-9
    slope = optimize.approx_fprime(start, loss, 1e-6)
    assert np.abs(slope).max() < 1e-3


def test_standard_errors_are_those_of_a_numerical_hessian():
    truth = np.arange(70) >= 40
    ratings = np.digitize(CONTINUOUS, [-0.5, 0.3, 0.8, 1.4]).astype(float)
    counts, fit = binormal.categories(ratings, truth), fit_binormal(ratings, truth)
    at = np.concatenate([[fit.a.value, fit.b.value], fit.thresholds])
    h, n = 1e-4, len(at)
    hessian = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        e, f = h * np.eye(n)[i], h * np.eye(n)[j]
        values = [binormal._loglik(at + s * e + t * f, counts) for s in (1, -1) for t in (1, -1)]
        hessian[i, j] = (values[0] - values[1] - values[2] + values[3]) / (4 * h * h)
    assert fit.covariance == pytest.approx(np.linalg.inv(-hessian)[:2, :2], rel=1e-4)


def test_influences_are_near_to_refits(monkeypatch):
    ratings, truth = np.array(CONTINUOUS), (np.arange(70) >= 40).astype(int)
    value, refits = BINORMAL_AUC.compute(ratings, truth)
    monkeypatch.setattr(binormal, "_REFITS", 0)
    same, first_order = BINORMAL_AUC.compute(ratings, truth)
    assert same == value
    assert np.corrcoef(refits, first_order)[0, 1] > 0.99
    assert first_order.var() == pytest.approx(refits.var(), rel=0.15)


def test_degenerate_ratings_are_said():
    truth = np.arange(20) >= 10
    perfect = fit_binormal(truth * 1.0, truth)
    assert (perfect.auc.value, perfect.auc.se, perfect.reason) == (1.0, None, ON_THE_BORDER)
    assert fit_binormal(1.0 - truth, truth).auc.value == 0.0
    assert fit_binormal(np.ones(20), truth).auc.value == 0.5
    two = fit_binormal((np.arange(20) % 3 == 0) * 1.0, truth)
    assert (two.auc.value, two.reason) == (None, ONE_POINT)
    assert two.tpf(np.array([0.1])) is None
    # Points along a horizontal line: b goes to 0, and the area to their height.
    counts = [[62, 3, 4, 0], [2, 0, 1, 41]]
    ratings = np.concatenate([np.repeat(np.arange(4.0), row) for row in counts])
    line = fit_binormal(ratings, np.arange(113) >= 69)
    assert line.a.value is None
    assert "without end" in line.auc.reason
    assert line.auc.value == pytest.approx(42 / 44, abs=0.01)


def test_the_fit_test_finds_two_bumps_and_keeps_its_level():
    rng = np.random.default_rng(5)
    truth = np.arange(400) % 2 == 0
    bumps = rng.normal(size=400) + np.where(truth, 6.0 * rng.choice([0, 1], size=400) - 2, 1.2)
    assert fit_binormal(bumps, truth).fit.p < 0.02
    p = [fit_binormal(rng.normal(size=400) + 1.2 * truth, truth).fit.p for _ in range(40)]
    assert 0.3 < np.mean(p) < 0.7
    steps = np.digitize(rng.normal(size=400) + 1.2 * truth, [-0.5, 0.3, 0.9, 1.6]) * 1.0
    few = fit_binormal(steps[:398], truth[:398]).fit
    assert (few.p, few.reason) == (None, binormal.FEW)
    assert fit_binormal(steps, truth).fit.p is not None


def test_the_command_prints_the_curves(van_dyke, reader_study_folder, tmp_path, capsys):
    csv = reader_study_folder / "vandyke.csv"
    assert run(csv, "--figure", "binormal-auc", "--json", tmp_path / "out.json") == 0
    text = capsys.readouterr().out
    assert "binormal AUC: 5 readers" in text
    assert "2, 4: All points of the empirical curve lie on the border" in text
    found = json.loads((tmp_path / "out.json").read_text())
    curve = found["binormal"]["1"]["1"]
    assert curve["a"]["value"] == pytest.approx(1.70215, rel=1e-4)
    assert curve["tpf"][0] == 0.0
    assert curve["tpf"][-1] == 1.0
    assert len(curve["tpf"]) == len(curve["fpf"]) == 101
    assert found["binormal"]["2"]["4"]["a"]["value"] is None
    with pytest.raises(TableError, match="takes the jackknife covariance only"):
        run(csv, "--figure", "binormal-auc", "--covariance", "delong")


def test_thousands_of_values_take_no_time_and_groups_change_next_to_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    truth = np.arange(5000) % 2 == 0
    ratings = rng.normal(size=5000) * np.where(truth, 1.4, 1.0) + 1.5 * truth
    fit = fit_binormal(ratings, truth)
    assert binormal.categories(ratings, truth).shape[1] <= 200
    assert fit.auc.value == pytest.approx(stats.norm.cdf(1.5 / np.hypot(1.4, 1)), abs=0.02)
    some = slice(0, 600)
    grouped = fit_binormal(ratings[some], truth[some]).auc
    monkeypatch.setattr(binormal, "_MOST", 10_000)
    whole = fit_binormal(ratings[some], truth[some]).auc
    assert grouped.value == pytest.approx(whole.value, abs=1e-4)
    assert grouped.se == pytest.approx(whole.se, rel=0.01)
