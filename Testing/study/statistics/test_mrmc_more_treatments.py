"""`densesharp mrmc` of one, two and more treatments: every p belongs to what stands beside it."""

import argparse
import json
import re

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from densesharp.cli import mrmc
from densesharp.errors import TableError
from densesharp.stats.estimates import to_json
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.mrmc_text import mrmc_text
from densesharp.stats.tables import Readings, write_readings


def run(*arguments):
    parser = argparse.ArgumentParser()
    mrmc.configure(parser)
    return mrmc.run(parser.parse_args([str(a) for a in arguments]))


@pytest.fixture
def three(random_study):
    """Three treatments, of which the last is the best."""
    study = random_study(seed=4, treatments=3, cases=60)
    ratings = study.ratings.copy()
    ratings[2] += 0.8 * study.truth
    return Readings(study.treatments, study.readers, study.cases, study.truth, ratings)


def test_each_pair_has_its_own_interval_and_p_and_holm_is_over_the_pairs(three):
    document = mrmc_document(three)
    assert [(row.first, row.second) for row in document.comparisons] == [
        ("t0", "t1"), ("t0", "t2"), ("t1", "t2"),
    ]  # fmt: skip
    for form in ("rrrc", "frrc", "rrfc"):
        raw = []
        for row in document.comparisons:
            one = getattr(row, form)
            means = [np.mean(list(document.values[t].values())) for t in (row.first, row.second)]
            assert one.value == pytest.approx(means[0] - means[1])
            law = stats.norm if one.df is None else stats.t(one.df)
            raw.append(2 * law.sf(abs(one.value / one.se)))
            assert one.p == pytest.approx(raw[-1])
            assert (one.p < 0.05) == (one.ci[0] > 0 or one.ci[1] < 0)
        wanted = multipletests(raw, method="holm")[1]
        found = [getattr(row.p_holm, form) for row in document.comparisons]
        assert found == pytest.approx(wanted)


def test_the_test_of_equality_stands_by_its_name_and_beside_no_difference(three):
    document = mrmc_document(three)
    found = to_json(document)
    for form in ("rrrc", "frrc", "rrfc"):
        assert found[form]["p"] not in [row[form]["p"] for row in found["comparisons"]]
        assert found[form]["ci"] is None
        assert found[form]["se"] is None
    assert found["difference"] is None
    u = found["u_statistic"]
    assert u["difference"] is None
    assert u["p"] is None
    assert len(u["comparisons"]) == 3
    gap = u["auc"]["t0"]["value"] - u["auc"]["t2"]["value"]
    assert u["comparisons"][1]["difference"]["value"] == pytest.approx(gap)
    text = mrmc_text(document)
    assert f"F(2, {document.rrrc.df2:.1f}".rstrip("0").rstrip(".") in text
    for row in document.comparisons:
        line = next(x for x in text.splitlines() if f"{row.first} minus {row.second}" in x)
        values = [float(x) for x in re.findall(r"(?<![\w.])-?\d\.\d+", line)]
        assert values[0] == pytest.approx(row.rrrc.value, abs=5e-5)
        assert values[1:3] == pytest.approx(row.rrrc.ci, abs=5e-5)
        shown = [row.rrrc.p, row.p_holm.rrrc]
        assert values[3:] == pytest.approx([p for p in shown if p >= 0.001], abs=5e-4)


def test_missing_readings_of_three_treatments_leave_the_complete_cases(three):
    ratings = three.ratings.copy()
    ratings[1, 0, 0] = np.nan
    partial = Readings(three.treatments, three.readers, three.cases, three.truth, ratings)
    assert "the 59 complete cases" in mrmc_text(mrmc_document(partial))


def test_two_treatments_keep_the_documented_contract(van_dyke):
    found = to_json(mrmc_document(van_dyke))
    only = found["comparisons"][0]
    assert "p_holm" not in only
    assert found["difference"] == only["rrrc"]["value"]
    assert "comparisons" not in found["u_statistic"]
    for form in ("rrrc", "frrc", "rrfc"):
        assert found[form]["ci"] == only[form]["ci"]
        assert found[form]["p"] == pytest.approx(only[form]["p"])


def test_one_treatment_has_the_interval_of_its_mean(random_study):
    document = mrmc_document(random_study(treatments=1))
    text = mrmc_text(document)
    for section in (document.rrrc, document.frrc, document.rrfc):
        low, high = section.means["t0"].ci
        assert f"{max(low, 0):.4f} to {min(high, 1):.4f}" in text


def test_intervals_beyond_what_a_difference_can_be_are_cut(random_study):
    study = random_study(readers=2, cases=8, seed=0)
    document = mrmc_document(study)
    low, high = document.comparisons[0].rrfc.ci
    assert low < -1 or high > 1, "this study is to have such an interval"
    numbers = [float(x) for x in re.findall(r"-?\d+\.\d{4}", mrmc_text(document))]
    assert all(-1 <= x <= 1 for x in numbers)
    assert to_json(document)["rrfc"]["ci"] == [low, high]


def test_level_and_margin_are_those_of_the_command(van_dyke, tmp_path, capsys):
    write_readings(van_dyke, tmp_path / "a.csv")
    run(tmp_path / "a.csv", "--level", 0.9, "--margin", 0.05, "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    one = found["comparisons"][0]["rrrc"]
    half = stats.t.ppf(0.95, one["df"]) * one["se"]
    assert one["ci"] == pytest.approx([one["value"] - half, one["value"] + half])
    for row, sign in zip(found["non_inferiority"], (1, -1), strict=True):
        t = (sign * one["value"] + 0.05) / one["se"]
        assert row["test"]["t"] == pytest.approx(t)
        assert row["test"]["p"] == pytest.approx(stats.t.sf(t, one["df"]))
        assert row["test"]["level"] == 0.05
    text = capsys.readouterr().out
    assert "90 % interval" in text
    assert "2 not worse than 1 by 0.05: shown" in text
    assert "1 not worse than 2 by 0.05: not shown" in text
    assert "equivalent" not in text
    run(tmp_path / "a.csv", "--margin", 0.2)
    assert "the two are equivalent within 0.2" in capsys.readouterr().out


def test_a_margin_without_two_treatments_and_a_threshold_of_areas_are_refused(three, tmp_path):
    write_readings(three, tmp_path / "a.csv")
    with pytest.raises(TableError, match="two treatments"):
        run(tmp_path / "a.csv", "--margin", 0.05)
    with pytest.raises(TableError, match="--threshold"):
        run(tmp_path / "a.csv", "--threshold", 1)
    for wrong in (("--level", 95), ("--level", "x"), ("--margin", 0)):
        with pytest.raises(SystemExit):
            run(tmp_path / "a.csv", *wrong)
