"""Power of nested and split-plot designs, of margins and of equivalence."""

import argparse
import json

import numpy as np
import pytest
from scipy import stats

from densesharp.cli.study import power as command
from densesharp.errors import StudyError, TableError
from densesharp.stats.power import Pilot, Plan, cases_needed, power

PILOT = Pilot(0.0004, 0.0009, 0.0008, 0.0005, 0.0024, 80, 0.0007)
"""var_tr, cov1, cov2, cov3, var_error of 80 cases, var_r."""


def read_by(design, readers, groups):
    """The block of cases that each curve (treatment, reader) has, -1 for none; and their number."""
    treatment, reader = np.arange(2)[:, None], np.arange(readers)[None, :]
    both = np.zeros((2, readers), dtype=int)
    return {
        "factorial": (both, 1),
        "cases-in-readers": (both + reader, readers),
        "cases-in-treatments": (both + treatment, 2),
        "readers-in-treatments": (np.where(reader % 2 == treatment, 0, -1), 1),
        "split-plot": (both + reader % groups, groups),
    }[design]


@pytest.mark.parametrize(
    ("design", "groups"),
    [("factorial", 1), ("cases-in-readers", 1), ("cases-in-treatments", 1),
     ("readers-in-treatments", 1), ("split-plot", 2), ("split-plot", 3)],
)  # fmt: skip
def test_the_variance_of_a_difference_is_that_of_all_its_curves(design, groups):
    """The whole covariance matrix of the curves, written out, and the contrast of two means."""
    readers, cases = 6, 240
    block, parts = read_by(design, readers, groups)
    scale = PILOT.cases * parts / cases
    curves = np.argwhere(block >= 0)
    matrix = np.empty((len(curves), len(curves)))
    for a, (i, j) in enumerate(curves):
        for b, (k, m) in enumerate(curves):
            kinds = {(True, True): PILOT.var_error, (False, True): PILOT.cov1,
                     (True, False): PILOT.cov2, (False, False): PILOT.cov3}  # fmt: skip
            error = scale * kinds[i == k, j == m] if block[i, j] == block[k, m] else 0.0
            matrix[a, b] = error + (j == m) * (PILOT.var_r + (i == k) * PILOT.var_tr)
    each = (block >= 0).sum(axis=1)
    contrast = np.array([(1 if i == 0 else -1) / each[i] for i, _ in curves])
    found = power(PILOT, readers, cases, 0.05, plan=Plan(design, groups))
    assert found.se**2 == pytest.approx(contrast @ matrix @ contrast, rel=1e-12)
    # The mean square's expectation, as the trace of its projection times the matrix.
    if design == "readers-in-treatments":
        same = curves[:, 0][:, None] == curves[:, 0]
        projection, df = np.eye(6) - same / 3, 4
    else:
        row = np.eye(2) - 1 / 2
        projection, df = np.kron(row, np.eye(6) - 1 / 6), 5
    square = float(np.trace(projection @ matrix)) / df
    d = found.se**2 * each[0] / 2
    assert found.ddf == pytest.approx(df * (d / square) ** 2, rel=1e-9)
    drawn = stats.ncf.sf(stats.f.isf(0.05, 1, found.ddf), 1, found.ddf, (0.05 / found.se) ** 2)
    assert found.power == pytest.approx(drawn)


def test_at_the_margin_itself_the_power_is_the_level():
    for form in ("rrrc", "frrc", "rrfc"):
        at = power(PILOT, 5, 120, -0.05, form, plan=Plan(margin=0.05))
        assert at.power == pytest.approx(0.025, rel=1e-6)
    away = [power(PILOT, 5, 120, e, plan=Plan(margin=0.05)).power for e in (-0.02, 0.0, 0.02)]
    assert away == sorted(away)


def test_equivalence_is_about_that_of_drawn_studies():
    plan = Plan(margin=0.12, equivalence=True)
    found = power(PILOT, 5, 150, 0.02, plan=plan)
    rng = np.random.default_rng(1)
    shift = 0.02 + found.se * rng.normal(size=200_000)
    spread = found.se * np.sqrt(rng.chisquare(found.ddf, size=200_000) / found.ddf)
    limit = stats.t.isf(0.025, found.ddf) * spread
    assert found.power == pytest.approx(np.mean(np.abs(shift) + limit < 0.12), abs=0.005)
    one = power(PILOT, 5, 150, 0.02, plan=Plan(margin=0.12)).power
    assert found.power < one
    fixed = power(PILOT, 5, 150, 0.0, "frrc", plan=plan)
    known = 2 * stats.norm.cdf(0.12 / fixed.se - stats.norm.isf(0.025)) - 1
    assert fixed.power == pytest.approx(max(known, 0.0), rel=1e-9)


@pytest.mark.parametrize("design", ["cases-in-readers", "cases-in-treatments", "split-plot"])
def test_parted_cases_cost_cases(design):
    whole = cases_needed(PILOT, 6, 0.08)
    parted = cases_needed(PILOT, 6, 0.08, plan=Plan(design))
    assert parted.cases > whole.cases
    fewer = power(PILOT, 6, parted.cases - 1, 0.08, plan=Plan(design))
    assert fewer.power < 0.8 <= parted.power


@pytest.mark.parametrize(
    ("readers", "cases", "plan", "message"),
    [
        (5, 100, Plan("split-plot", 2), "cannot be parted into 2 groups"),
        (5, 100, Plan("readers-in-treatments"), "even number of them"),
        (6, 8, Plan("cases-in-readers"), "8 cases are too few for 6 parts"),
        (6, 80, Plan(margin=-0.1), "margin is above 0"),
    ],
)
def test_designs_that_cannot_be_are_refused(readers, cases, plan, message):
    with pytest.raises(StudyError, match=message):
        power(PILOT, readers, cases, 0.05, plan=plan)


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(a) for a in arguments]))


def test_the_command_takes_components_margins_and_designs(tmp_path, capsys):
    numbers = (0.0007, 0.0004, 0.0009, 0.0008, 0.0005, 0.0024)
    given = ("--components", *numbers, "--pilot-cases", 80, "--readers", 6, "--cases", 200)
    plan = ("--margin", 0.05, "--design", "split-plot", "--groups", 3)
    run(*given, *plan, "--json", tmp_path / "plan.json")
    assert "to show not worse by 0.05 where the difference is 0" in capsys.readouterr().out
    found = json.loads((tmp_path / "plan.json").read_text())
    want = power(PILOT, 6, 200, 0.0, plan=Plan("split-plot", 3, 0.05))
    assert found["power"][0]["power"] == pytest.approx(want.power)
    assert found["plan"]["design"] == "split-plot"
    with pytest.raises(StudyError, match="needs its --margin"):
        run(*given, "--effect", 0.05, "--equivalence")
    with pytest.raises(StudyError, match="need --pilot-cases"):
        run("--components", *numbers, "--readers", 4, "--effect", 0.05)
    with pytest.raises(StudyError, match="an effect other than 0, or a margin"):
        run(*given)


def test_sensitivity_is_planned_in_diseased_cases(reader_study_folder, tmp_path, capsys):
    pilot = reader_study_folder / "vandyke.csv"
    options = ("--readers", 5, "--effect", 0.1, "--cases", 45)
    sens = ("--figure", "sensitivity", "--threshold", 3)
    run(pilot, *options, *sens, "--json", tmp_path / "plan.json")
    assert "Cases with disease for a power of 0.8" in capsys.readouterr().out
    found = json.loads((tmp_path / "plan.json").read_text())
    assert found["pilot"]["cases"] == 45
    with pytest.raises(TableError, match="needs --threshold"):
        run(pilot, *options, "--figure", "sensitivity")


def test_a_plan_with_a_margin_reaches_the_report(tmp_path):
    from densesharp.study.analysis.sample_size import read_plan

    numbers = (0.0007, 0.0004, 0.0009, 0.0008, 0.0005, 0.0024)
    given = ("--components", *numbers, "--pilot-cases", 80, "--readers", 6)
    run(*given, "--margin", 0.05, "--json", tmp_path / "plan.json")
    plan = read_plan(tmp_path / "plan.json")
    assert (plan.plan.margin, plan.effect) == (0.05, 0.0)
