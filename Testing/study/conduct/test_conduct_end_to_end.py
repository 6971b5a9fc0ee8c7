"""Four simulated readers of known skill, 60 cases, crossover: the analysis finds what is built in.

Ratings follow the equal-variance binormal model: latent x = d'·(diseased) + case and reader parts
of total variance 1, so the true AUC is Phi(d' / sqrt 2) whatever the split. Everything goes through
the real presenter, form, store and export; only the clock and the readers' eyes are simulated.
"""

import argparse
import json
from statistics import mean

import numpy as np
import pytest
from scipy.stats import norm
from study_simulation import READERS, aid_for, make_study, read_session, truth_of

from densesharp.cli.study import analyze
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.write_export import export

CASES = 60
TRUTH = {f"C{n:03d}": ("AAH-AIS", "AAH-AIS", "MIA", "IAC")[n % 4] for n in range(CASES)}
UNAIDED = {"S1": 1.3, "S2": 1.1, "J1": 0.8, "J2": 0.6}
CASE_SHARE = 0.5
GAIN = 0.9
"""What the simulated aid adds to every reader's d'."""


class SimulatedReader:
    """Sees each case with the programmed skill and fills in the form."""

    def __init__(self, reader: str, gain: float, seed: int) -> None:
        self.skill = {"unaided": UNAIDED[reader], "aided": UNAIDED[reader] + gain}
        own = np.random.default_rng([seed, *reader.encode()])
        shared = np.random.default_rng(seed)
        self.looks = {
            (case, condition): CASE_SHARE**0.5 * case_part + (1 - CASE_SHARE) ** 0.5 * own_part
            for (case, case_part) in zip(TRUTH, shared.normal(size=CASES), strict=True)
            for condition, own_part in zip(("unaided", "aided"), own.normal(size=2), strict=True)
        }

    def rate(self, case: str, condition: str) -> float:
        skill = self.skill[condition]
        diseased = TRUTH[case] != "AAH-AIS"
        return 100 * norm.cdf(skill * diseased - skill / 2 + self.looks[case, condition])

    def answer(self, presenter: Presenter) -> None:
        opened = presenter._reading.open
        invasive = self.rate(opened.item.case, opened.step.condition)
        presenter.set_class("IAC" if invasive > 75 else "MIA" if invasive > 50 else "AAH-AIS")
        presenter.set_rating("p_invasive", invasive)
        presenter.set_rating("p_iac", invasive / 2)
        presenter.set_confidence(1 + round(abs(invasive - 50) / 12.5))
        presenter.submit()
        presenter.submit()


def true_difference(gain: float) -> float:
    """Mean over readers of AUC aided minus unaided."""

    def auc(skill):
        return norm.cdf(skill / 2**0.5)

    return mean(auc(skill + gain) - auc(skill) for skill in UNAIDED.values())


def conduct(folder, gain, reading_of, clock):
    """The whole study, from design to export."""
    aids = [aid_for(case, (0.2, 0.3, 0.5), mask=False) for case in TRUTH]
    study = make_study(folder / "study", truth=TRUTH, aids=aids, seed=11)
    for reader in READERS:
        reading = reading_of(study, reader.id)
        presenter, simulated = Presenter(reading), SimulatedReader(reader.id, gain, seed=5)
        for session in (1, 2):
            presenter.start_session(session)
            while presenter.screen.page == "next":
                presenter.next_case()
                clock.pass_time(seconds=40)
                simulated.answer(presenter)
            clock.pass_time(days=28)
    assert verify(study, reading.store).clean
    return export(study, reading.store, folder / "export")


def write_truth(path):
    rows = "".join(f"{case},{name}\n" for case, name in TRUTH.items())
    path.write_text(f"case,class\n{rows}", encoding="utf-8")
    return path


@pytest.fixture
def numbers_only(monkeypatch):
    """The analysis writes its results.json and no report, whose pictures take half of the time."""
    monkeypatch.setattr("densesharp.study.report.write_report.write_report", lambda *_: None)


def test_analyze_recovers_the_programmed_difference_within_its_interval(
    tmp_path, reading_of, a_turnable_clock, numbers_only
):
    folder = conduct(tmp_path, GAIN, reading_of, a_turnable_clock)
    parser = argparse.ArgumentParser()
    analyze.configure(parser)
    truth, out = write_truth(tmp_path / "truth.csv"), tmp_path / "results"
    arguments = [folder, "--truth", truth, "--out", out]
    assert analyze.run(parser.parse_args(list(map(str, arguments)))) == 0
    auc = json.loads((out / "results.json").read_text())["tasks"]["invasive"]["auc"]
    low, high = auc["rrrc"]["ci"]
    assert low <= true_difference(GAIN) <= high
    assert low > 0, "the gain is found"
    for condition, extra in (("unaided", 0.0), ("aided", GAIN)):
        for reader, skill in UNAIDED.items():
            programmed = norm.cdf((skill + extra) / 2**0.5)
            assert auc["auc"][condition][reader] == pytest.approx(programmed, abs=0.2)


def test_a_study_folder_is_analysed_like_its_export(tmp_path, reading_of, numbers_only):
    study = make_study(tmp_path / "study", "sequential", count=4)
    for reader in READERS:
        read_session(reading_of(study, reader.id), 1)
    truth = tmp_path / "truth.csv"
    truth.write_text("case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(4).items()))
    exported = export(study, reading_of(study).store, tmp_path / "export")
    parser = argparse.ArgumentParser()
    analyze.configure(parser)
    found = []
    for source in (study.folder, exported):
        out = tmp_path / f"results of {source.name}"
        arguments = [source, "--truth", truth, "--out", out]
        assert analyze.run(parser.parse_args(list(map(str, arguments)))) == 0
        found.append(json.loads((out / "results.json").read_text()))
    assert found[0] == found[1]
    assert found[0]["study"]["missing_readings"] == 0


def test_the_programmed_difference_is_the_one_of_normal_tables():
    # Phi at 0.919, 0.778, 0.566, 0.424 and at 1.556, 1.414, 1.202, 1.061.
    unaided, aided = (0.821, 0.782, 0.714, 0.664), (0.940, 0.921, 0.885, 0.856)
    assert true_difference(GAIN) == pytest.approx(mean(aided) - mean(unaided), abs=0.001)
