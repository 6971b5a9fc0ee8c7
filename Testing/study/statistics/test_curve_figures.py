"""Partial area and expected utility as figures of merit of the multi-reader analysis."""

import argparse
import itertools
import json

import numpy as np
import pytest

from densesharp.cli import mrmc
from densesharp.errors import TableError
from densesharp.stats.curve_figures import expected_utility, partial_area
from densesharp.stats.figures_of_merit import AUC
from densesharp.stats.mrmc import analyse


def run(*arguments):
    parser = argparse.ArgumentParser()
    mrmc.configure(parser)
    return mrmc.run(parser.parse_args([str(argument) for argument in arguments]))


def area_by_steps(ratings, truth, low):
    """Area left of 1 - low: the mean height over a fine grid of false positive fractions."""
    points = [(0.0, 0.0)]
    for cut in sorted(set(ratings), reverse=True):
        points.append(((ratings[~truth] >= cut).mean(), (ratings[truth] >= cut).mean()))
    total = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        end = min(x1, 1 - low)
        if x1 > x0 and end > x0:
            height = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            total += (end - x0) * (y0 + height) / 2
    return total


def utility_by_cuts(ratings, truth, slope):
    cuts = [*np.unique(ratings), np.inf]
    return max((ratings[truth] >= c).mean() - slope * (ratings[~truth] >= c).mean() for c in cuts)


@pytest.mark.parametrize("seed", range(4))
def test_values_and_jackknife_are_those_of_leaving_one_out(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(24) < 0.5
    ratings = np.round(truth + rng.normal(size=24), seed % 2)
    for figure, by_hand in (
        (partial_area(0.7, 1), lambda r, t: area_by_steps(r, t, 0.7)),
        (expected_utility(0.8), lambda r, t: utility_by_cuts(r, t, 0.8)),
    ):
        value, left_out = figure.compute(ratings, truth.astype(int))
        assert value == pytest.approx(by_hand(ratings, truth), abs=1e-12)
        rest = [np.arange(24) != k for k in range(24)]
        expected = [by_hand(ratings[keep], truth[keep]) for keep in rest]
        assert left_out == pytest.approx(expected, abs=1e-12)


def test_the_whole_partial_area_is_the_analysis_of_the_area(van_dyke):
    whole, area = analyse(van_dyke, partial_area(0, 1)), analyse(van_dyke, AUC)
    pair = next(iter(area.rrrc.differences))
    assert whole.rrrc.differences[pair].value == pytest.approx(area.rrrc.differences[pair].value)
    assert whole.rrrc.differences[pair].ci == pytest.approx(area.rrrc.differences[pair].ci)


def test_utility_of_slope_one_is_youden(van_dyke):
    found = analyse(van_dyke, expected_utility(1)).values
    ratings, truth = van_dyke.ratings[0, 0], van_dyke.truth
    best = max((ratings[truth] >= c).mean() - (ratings[~truth] >= c).mean() for c in range(7))
    assert found[van_dyke.treatments[0]][van_dyke.readers[0]].value == pytest.approx(best)


def test_the_command_takes_them(reader_study_folder, capsys):
    table = reader_study_folder / "vandyke.csv"
    for options, name in (
        (("--figure", "partial-auc", "--specificities", 0.9, 1), "partial AUC, specificity 0.9"),
        (("--figure", "utility", "--slope", 1), "expected utility, slope 1"),
    ):
        assert run(table, *options, "--json", "-") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["method"]["figure"].startswith(name)
        assert 0 < found["rrrc"]["p"] < 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(("--figure", "utility"), "needs --slope"), (("--slope", 1), "takes no --slope"),
     (("--figure", "utility", "--slope", 0), "above 0"),
     (("--figure", "partial-auc", "--specificities", 1, 0.9), "the lower one first"),
     (("--figure", "utility", "--slope", 1, "--covariance", "delong"), "jackknife covariance"),
     (("--figure", "sensitivity"), "needs --threshold"), (("--threshold", 1), "no --threshold")],
)  # fmt: skip
def test_what_a_figure_does_not_take_is_said(reader_study_folder, options, sentence):
    with pytest.raises(TableError, match=sentence):
        run(reader_study_folder / "vandyke.csv", *options)
