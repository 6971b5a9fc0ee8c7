"""U-statistics of means against iMRMC's uStat11 (jointD), on the diseased cases of Van Dyke."""

import json
from dataclasses import replace

import numpy as np
import pytest

from densesharp.stats.mean_ustatistics import mean_statistics
from densesharp.stats.tables import Readings
from study.statistics.test_mrmc_command import run

# Means of both treatments and their difference, then the three variances.
PRINTED = {
    "complete": (4.19555555555556, 4.4, -0.20444444444444,
                 0.049252076318744, 0.029898989898991, 0.013161167227834),
    "missing": (4.1764705882353, 4.3921568627451, -0.2156862745098,
                0.066800923288811, 0.027958368875322, 0.025220555397124),
    "split plot": (4.19642857142857, 4.39285714285714, -0.19642857142857,
                   0.0454835343228201, 0.0303513450834881, 0.0089575602968456),
}  # fmt: skip


def part(study: Readings, kind: str) -> Readings:
    found = study.of_cases(study.truth)
    case = np.array([int(name) for name in found.cases])
    reader, treatment = np.arange(1, 6)[None, :, None], np.arange(1, 3)[:, None, None]
    kept = {
        "complete": np.ones(found.ratings.shape, dtype=bool),
        "missing": (case * 7 + reader * 3 + treatment) % 11 != 0,
        "split plot": np.broadcast_to((case % 2 == 0) == (reader <= 2), found.ratings.shape),
    }[kind]
    return replace(found, ratings=np.where(kept, found.ratings, np.nan))


@pytest.mark.parametrize("kind", PRINTED)
def test_means_and_variances_are_those_of_imrmc(van_dyke, kind):
    found = mean_statistics(part(van_dyke, kind))
    *means, difference, first, second, third = PRINTED[kind]
    assert [found.auc[t].value for t in "12"] == pytest.approx(means, rel=1e-12)
    one = found.differences["1", "2"]
    assert one.value == pytest.approx(difference, rel=1e-11)
    variances = [found.auc["1"].se ** 2, found.auc["2"].se ** 2, one.se**2]
    assert variances == pytest.approx([first, second, third], rel=1e-10)
    assert found.auc["1"].p is None
    assert one.p is not None


def test_the_variance_is_unbiased():
    rng = np.random.default_rng(0)
    values, variances = [], []
    for _ in range(2000):
        ratings = (
            rng.normal(size=(1, 4, 1)) + rng.normal(size=(1, 1, 9)) + rng.normal(size=(1, 4, 9))
        )
        names = tuple("abcdefghi")
        study = Readings(("t",), tuple("wxyz"), names, np.ones(9, dtype=bool), ratings)
        found = mean_statistics(study).variance["t", "t"]
        values.append(ratings.mean())
        variances.append(found)
    assert np.mean(variances) == pytest.approx(1 / 4 + 1 / 9 + 1 / 36, rel=0.05)
    assert np.var(values) == pytest.approx(np.mean(variances), rel=0.1)


def test_one_reader_and_patients_have_no_variance(van_dyke):
    alone = mean_statistics(van_dyke.select(readers=["1"]))
    assert "one reader only" in alone.differences["1", "2"].reason
    twins = replace(van_dyke, patients=np.arange(114) // 2)
    assert "several cases" in mean_statistics(twins).differences["1", "2"].reason


def test_the_command(reader_study_folder, tmp_path, capsys):
    run(reader_study_folder / "vandyke.csv", "--figure", "mean", "--json", tmp_path / "out.json")
    assert "mean rating: 5 readers" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["method"]["limits"] == [None, None]
    assert found["u_statistic"]["difference"] == pytest.approx(found["difference"])
