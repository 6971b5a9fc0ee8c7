"""The contaminated binormal curve against RJafroc 2.1.3, and against what must hold."""

import json

import numpy as np
import pytest
from scipy import optimize, stats

from densesharp.stats import contaminated
from densesharp.stats.binormal import ONE_POINT, categories
from densesharp.stats.contaminated import (
    AT_LIMIT,
    BORDER,
    CONTAMINATED_AUC,
    NO_INTERVAL,
    area_of,
    fit_contaminated,
)
from densesharp.stats.mrmc import analyse
from study.statistics.test_mrmc_command import run

# mu, alpha, area, its SE, minus log-likelihood by FitCbmRoc(dataset02, trt, rdr), Van Dyke's data
# (a general optimizer: about five digits).
PRINTED = {
    "11": (3.112787004, 0.8831464519, 0.929328016, 0.02718902984, 115.9278565),
    "12": (2.745791394, 0.7931264382, 0.875866801, 0.03964492209, 85.88458914),
    "15": (3.050854867, 0.6676238832, 0.8234691653, 0.04092543784, 135.2615295),
    "21": (2.760223687, 0.960810129, 0.9559211364, None, 130.7974333),
    "23": (2.798884525, 0.9067916135, 0.9317218562, None, 127.9673135),
}
# The same where it stopped at its limit for alpha (0.98), or before the top of a flat likelihood.
STOPPED = {
    "13": (2.192771205, 0.98, 0.9307021873),
    "14": (5.935613917, 0.9292952217, 0.9646350496),
    "22": (5.446473771, 0.8023609053, 0.9011333051),
    "25": (4.836629016, 0.872354147, 0.9359039477),
}


def curve(study, name):
    return study.ratings[int(name[0]) - 1, int(name[1]) - 1], study.truth


def loss(x, counts):
    """Minus the log-likelihood of (mu, alpha, thresholds), written out."""
    edges = np.concatenate([[-np.inf], x[2:], [np.inf]])
    others = stats.norm.cdf(edges)
    diseased = (1 - x[1]) * others + x[1] * stats.norm.cdf(edges - x[0])
    cells = np.diff([others, diseased], axis=1)
    return -float((counts * np.log(np.maximum(cells, 1e-300))).sum())


@pytest.mark.parametrize("name", PRINTED)
def test_curves_are_those_of_rjafroc(van_dyke, name):
    fit = fit_contaminated(*curve(van_dyke, name))
    mu, alpha, area, se, minus = PRINTED[name]
    assert fit.mu.value == pytest.approx(mu, abs=3e-5)
    assert fit.alpha.value == pytest.approx(alpha, abs=1e-5)
    assert fit.auc.value == pytest.approx(area, abs=3e-6)
    assert fit.loglik == pytest.approx(-minus, abs=1e-6)
    if se is not None:
        assert fit.auc.se == pytest.approx(se, rel=1e-5)
    assert fit.auc.value == area_of(np.array([fit.mu.value, fit.alpha.value]))


@pytest.mark.parametrize("name", STOPPED)
def test_where_rjafroc_stopped_ours_is_likelier(van_dyke, name):
    """With the best thresholds for its parameters, searched by a general optimizer."""
    ratings, truth = curve(van_dyke, name)
    counts, fit = categories(ratings, truth), fit_contaminated(ratings, truth)
    mu, alpha, area = STOPPED[name]
    ours = np.concatenate([[fit.mu.value, fit.alpha.value], fit.thresholds])
    assert loss(ours, counts) == pytest.approx(-fit.loglik, rel=1e-9)
    theirs = optimize.minimize(
        lambda z: loss(np.concatenate([[mu, alpha], np.sort(z)]), counts),
        fit.thresholds - 0.01,
        method="BFGS",
        options={"maxiter": 30},
    )
    assert theirs.fun >= -fit.loglik - 1e-7
    assert fit.auc.value == pytest.approx(area, abs=0.05 if name == "13" else 3e-4)


def test_standard_errors_are_those_of_a_numerical_hessian(van_dyke):
    ratings, truth = curve(van_dyke, "11")
    counts, fit = categories(ratings, truth), fit_contaminated(ratings, truth)
    at = np.concatenate([[fit.mu.value, fit.alpha.value], fit.thresholds])
    h, n = 1e-4, len(at)
    hessian = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        e, f = h * np.eye(n)[i], h * np.eye(n)[j]
        values = [loss(at + s * e + t * f, counts) for s in (1, -1) for t in (1, -1)]
        hessian[i, j] = (values[0] - values[1] - values[2] + values[3]) / (4 * h * h)
    covariance = np.linalg.inv(hessian)
    assert fit.mu.se**2 == pytest.approx(covariance[0, 0], rel=1e-4)
    assert fit.alpha.se**2 == pytest.approx(covariance[1, 1], rel=1e-4)
    slope = optimize.approx_fprime(at[:2], area_of, 1e-7)
    assert fit.auc.se**2 == pytest.approx(slope @ covariance[:2, :2] @ slope, rel=1e-4)


def test_the_curve_is_proper_and_has_its_area(van_dyke):
    fit = fit_contaminated(*curve(van_dyke, "12"))
    fpf = np.concatenate([[0.0], np.geomspace(1e-9, 1, 4001)])
    tpf = fit.tpf(fpf)
    assert (tpf >= fpf - 1e-12).all()
    assert np.trapezoid(tpf, fpf) == pytest.approx(fit.auc.value, abs=1e-4)
    slopes = np.diff(tpf) / np.diff(fpf)
    assert (np.diff(slopes) <= 1e-6 * slopes[1:]).all()


def test_many_values_are_fitted_as_they_were_drawn():
    rng = np.random.default_rng(3)
    truth = np.arange(400) % 2 == 0
    seen = truth & (rng.random(400) < 0.7)
    ratings = rng.normal(size=400) + 2.5 * seen
    fit = fit_contaminated(ratings, truth)
    assert fit.mu.value == pytest.approx(2.5, abs=0.4)
    assert fit.alpha.value == pytest.approx(0.7, abs=0.12)
    assert fit.fit.p > 0.01
    # Any monotone change of the scale leaves all of it alone.
    assert fit_contaminated(np.exp(ratings), truth).auc.value == pytest.approx(fit.auc.value)


def test_thousands_of_values_take_no_time():
    rng = np.random.default_rng(4)
    truth = np.arange(4000) % 2 == 0
    ratings = rng.normal(size=4000) + 2.0 * (truth & (rng.random(4000) < 0.7))
    value, left_out = CONTAMINATED_AUC.compute(ratings, truth.astype(int))
    assert value == pytest.approx(area_of(np.array([2.0, 0.7])), abs=0.02)
    assert len(left_out) == 4000


def test_influences_are_near_to_refits(monkeypatch):
    rng = np.random.default_rng(1)
    truth = (np.arange(70) < 35).astype(int)
    ratings = np.round(rng.normal(size=70) + 1.3 * truth, 2)
    monkeypatch.setattr(contaminated, "_REFITS", 1000)
    value, refits = CONTAMINATED_AUC.compute(ratings, truth)
    monkeypatch.setattr(contaminated, "_REFITS", 0)
    same, first_order = CONTAMINATED_AUC.compute(ratings, truth)
    assert same == value
    assert np.corrcoef(refits, first_order)[0, 1] > 0.97
    assert first_order.var() == pytest.approx(refits.var(), rel=0.25)


def test_what_the_ratings_do_not_determine_is_said(van_dyke):
    truth = np.arange(20) >= 10
    perfect = fit_contaminated(truth * 1.0, truth)
    assert (perfect.auc.value, perfect.auc.se) == (pytest.approx(1.0, abs=1e-6), None)
    assert perfect.reason == BORDER
    two = fit_contaminated((np.arange(20) % 3 == 0) * 1.0, truth)
    assert (two.auc.value, two.reason, two.tpf(np.array([0.1]))) == (None, ONE_POINT, None)
    assert fit_contaminated(np.arange(20.0), truth | True).auc.value is None
    # Worse than chance: no proper curve is, so the area ends at a half.
    worse = fit_contaminated(np.array([3, 2, 1, 1, 2, 1, 1, 0, 2, 0] * 2) * 1.0, ~truth)
    assert worse.auc.value >= 0.5
    flat = fit_contaminated(*curve(van_dyke, "14"))
    assert (flat.mu.se, flat.mu.reason) == (None, NO_INTERVAL)
    assert flat.auc.se == pytest.approx(0.01976, abs=1e-5)
    rng = np.random.default_rng(0)
    many = np.arange(300) % 2 == 0
    wide = fit_contaminated(rng.normal(size=300) * (1 - 0.4 * many) + 1.5 * many, many)
    assert (wide.alpha.value, wide.alpha.se, wide.alpha.reason) == (1.0, None, AT_LIMIT)


def test_the_command_prints_the_curves(van_dyke, reader_study_folder, tmp_path, capsys):
    csv = reader_study_folder / "vandyke.csv"
    assert run(csv, "--figure", "cbm-auc", "--json", tmp_path / "out.json") == 0
    text = capsys.readouterr().out
    assert "Contaminated binormal curves" in text
    assert "2, 4: All points of the empirical curve lie on the border" in text
    found = json.loads((tmp_path / "out.json").read_text())
    one = found["contaminated"]["1"]["1"]
    assert one["mu"]["value"] == pytest.approx(3.11279, abs=1e-4)
    assert one["tpf"][0] == 0.0
    assert one["tpf"][-1] == 1.0
    means = analyse(van_dyke, CONTAMINATED_AUC).rrrc.means
    assert found["mean_values"]["1"] == pytest.approx(means["1"].value)
