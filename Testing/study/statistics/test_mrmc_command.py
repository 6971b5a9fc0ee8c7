"""`densesharp mrmc`: the JSON contract, the text, refusals, speed and memory."""

import argparse
import json
import subprocess
import sys

import numpy as np
import pytest

from densesharp.cli import mrmc
from densesharp.errors import TableError
from densesharp.stats.estimates import to_json
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.tables import Readings, write_readings


def run(*arguments):
    parser = argparse.ArgumentParser()
    mrmc.configure(parser)
    return mrmc.run(parser.parse_args([str(a) for a in arguments]))


def test_the_json_contract(reader_study_folder, tmp_path, capsys):
    assert run(reader_study_folder / "vandyke.csv", "--json", tmp_path / "out.json") == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["auc"]["1"]["5"] == pytest.approx(0.829790660225443)
    assert found["mean_auc"]["2"] == pytest.approx(0.940837359098229)
    assert found["difference"] == pytest.approx(-0.0438003220611916)
    names = {"var_r", "var_tr", "cov1", "cov2", "cov3", "var_error"}
    assert set(found["components"]) == names
    assert set(found["mean_squares"]) == {"t", "r", "tr"}
    assert {"f", "df1", "ddf", "p", "ci", "se"} <= set(found["rrrc"])
    assert {"chi2", "df", "p", "ci", "se"} <= set(found["frrc"])
    assert {"f", "df1", "df2", "p", "ci", "se"} <= set(found["rrfc"])
    assert found["rrrc"]["p"] == pytest.approx(0.0516656858192944)
    assert found["u_statistic"]["var_difference"] == pytest.approx(0.000427312516744969)
    assert found["method"]["covariance"] == "jackknife"
    text = capsys.readouterr().out
    assert "-0.0438" in text
    assert "-0.0880 to 0.0004" in text


def test_json_to_stdout_is_only_json(reader_study_folder, capsys):
    run(reader_study_folder / "vandyke.imrmc", "--json", "-", "--covariance", "unbiased")
    found = json.loads(capsys.readouterr().out)
    assert found["method"]["covariance"] == "unbiased"
    assert found["rrrc"]["ddf"] == pytest.approx(15.0341808136651)


def test_sensitivity_needs_its_threshold(reader_study_folder, capsys):
    with pytest.raises(TableError, match="--threshold"):
        run(reader_study_folder / "vandyke.csv", "--figure", "sensitivity")
    run(
        *(reader_study_folder / "vandyke.csv", "--figure", "sensitivity"),
        *("--threshold", 3, "--json", "-"),
    )
    found = json.loads(capsys.readouterr().out)
    assert found["mean_values"]["2"] == pytest.approx(0.92)


def test_a_reader_of_one_treatment_is_compared_by_u_statistics_and_the_rest_says_why(
    van_dyke, tmp_path, capsys
):
    ratings = van_dyke.ratings.copy()
    ratings[0, 4], ratings[1, :3] = np.nan, np.nan
    parts = (van_dyke.treatments, van_dyke.readers, van_dyke.cases, van_dyke.truth)
    write_readings(Readings(*parts, ratings), tmp_path / "nested.csv")
    run(tmp_path / "nested.csv", "--json", tmp_path / "out.json")
    text = capsys.readouterr().out
    assert "A reader read no case under one of the treatments" in text
    found = json.loads((tmp_path / "out.json").read_text())
    u = found["u_statistic"]
    means = [np.mean([v for v in found["auc"][t].values() if v is not None]) for t in "12"]
    assert found["difference"] is None
    assert u["difference"] == pytest.approx(means[0] - means[1])
    assert f"{u['difference']:.4f}" in text


def test_what_cannot_be_estimated_is_null_with_a_reason(random_study, tmp_path, capsys):
    study = random_study(readers=1, treatments=1)
    write_readings(study, tmp_path / "one.csv")
    run(tmp_path / "one.csv", "--json", "-")
    found = json.loads(capsys.readouterr().out)
    for section in ("rrrc", "frrc", "rrfc", "u_statistic"):
        assert found[section]["p"] is None
        assert found[section]["reason"]
    assert found["difference"] is None
    assert found["reason"]
    assert run(tmp_path / "one.csv") == 0


def test_a_mean_near_one_says_that_its_interval_is_short(van_dyke):
    one = van_dyke.select(treatments=["2"])
    assert "take the one on the logit scale" in mrmc_document(one).notes[0]
    assert mrmc_document(van_dyke.select(treatments=["1"])).notes is None
    assert mrmc_document(van_dyke).notes is None


def test_writing_another_format(reader_study_folder, tmp_path, capsys):
    target = tmp_path / "copy.lrc"
    run(reader_study_folder / "vandyke.csv", "--write", target)
    run(target, "--json", "-")
    assert '"difference": -0.0438' in capsys.readouterr().out


BIG = """
import json, sys
from densesharp.cli import mrmc
import argparse
parser = argparse.ArgumentParser()
mrmc.configure(parser)
mrmc.run(parser.parse_args([sys.argv[1], "--json", sys.argv[2]]))
# Not getrusage: a child's maximum there begins with its parent's memory.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
json.dump(int(status["VmHWM"].split()[0]) / 1024, open(sys.argv[3], "w"))
"""


def big_study(tmp_path, cases):
    rng = np.random.default_rng(1)
    truth = rng.random(cases) < 0.5
    ratings = np.round(20 * (truth + rng.normal(size=(2, 5, cases))), 3)
    names = tuple(f"c{k:06d}" for k in range(cases))
    study = Readings(("aided", "unaided"), tuple("12345"), names, truth, ratings)
    write_readings(study, tmp_path / f"{cases}.csv")
    return study


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux's /proc")
def test_ten_thousand_cases_fit_in_a_gigabyte_and_memory_grows_linearly(tmp_path, full):
    used = {}
    for cases in (5_000, 10_000, 20_000) if full else (2_500, 5_000, 10_000):
        big_study(tmp_path, cases)
        out = [tmp_path / f"{cases}.csv", tmp_path / "out.json", tmp_path / f"{cases}.json"]
        subprocess.run([sys.executable, "-c", BIG, *map(str, out)], check=True, capture_output=True)
        used[cases] = json.loads(out[2].read_text())
    assert used[10_000] < 1024
    # Linear: the second doubling takes about twice what the first takes, not four times.
    few, some, many = used.values()
    assert many - some < 3 * max(some - few, 20)


def test_missing_readings_leave_the_cases_that_all_read(van_dyke):
    ratings = van_dyke.ratings.copy()
    ratings[1, 2, [4, 60]] = np.nan
    partial = Readings(
        van_dyke.treatments, van_dyke.readers, van_dyke.cases, van_dyke.truth, ratings
    )
    keep = np.setdiff1d(np.arange(114), [4, 60])
    whole = Readings(
        van_dyke.treatments,
        van_dyke.readers,
        tuple(van_dyke.cases[k] for k in keep),
        van_dyke.truth[keep],
        van_dyke.ratings[:, :, keep],
    )
    found = to_json(mrmc_document(partial))
    assert found["rrrc"]["p"] is None
    assert found["u_statistic"]["p"] is not None
    assert found["complete_cases"] == to_json(mrmc_document(whole))
    assert "complete_cases" not in found["complete_cases"]
    ratings[0, 0] = np.nan
    assert to_json(mrmc_document(partial))["complete_cases"] is None


def test_document_is_the_same_for_any_order_of_rows(random_study):
    study = random_study(levels=5)
    rng = np.random.default_rng(0)
    r, k = rng.permutation(len(study.readers)), rng.permutation(len(study.cases))
    moved = Readings(
        study.treatments,
        tuple(study.readers[i] for i in r),
        tuple(study.cases[i] for i in k),
        study.truth[k],
        study.ratings[:, r][:, :, k],
    )
    a, b = to_json(mrmc_document(study)), to_json(mrmc_document(moved))
    for section, key in (("rrrc", "p"), ("frrc", "chi2"), ("u_statistic", "df"), ("rrfc", "f")):
        assert a[section][key] == pytest.approx(b[section][key], rel=1e-9)
    assert a["components"] == pytest.approx(b["components"], rel=1e-9, abs=1e-14)
