"""Fixtures of the statistics tests: data sets whose answers other programs gave."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conducted_study import CASES
from example_study import write_example
from study_run import run

from densesharp.stats.tables import Readings, read_readings
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.truth_key import TruthKey, key_path
from densesharp.study.exported.write_export import export
from study.conduct.study_simulation import TurnableClock, make_study, read_session, truth_of


@pytest.fixture(scope="session")
def expected(reader_study_folder: Path) -> Callable[[str], Any]:
    """The expected values of a data set, by file name without `_expected.json`."""

    def load(name: str) -> Any:
        return json.loads((reader_study_folder / f"{name}.json").read_text())

    return load


@pytest.fixture(scope="session")
def van_dyke(reader_study_folder: Path) -> Readings:
    """Van Dyke 1993: 5 readers, 2 treatments, 45 diseased and 69 other cases."""
    return read_readings(reader_study_folder / "vandyke.csv")


@pytest.fixture(scope="session")
def rows_of(reader_study_folder: Path) -> Callable[[str], list[dict[str, str]]]:
    """The rows of a CSV of the data folder."""

    def load(name: str) -> list[dict[str, str]]:
        with (reader_study_folder / f"{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return load


@pytest.fixture
def random_study() -> Callable[..., Readings]:
    """A study with normal ratings: diseased cases higher, readers and cases correlated."""

    def make(
        seed: int = 0, readers: int = 4, cases: int = 40, treatments: int = 2, levels: int = 0
    ) -> Readings:
        rng = np.random.default_rng(seed)
        truth = np.arange(cases) % 2 == 0
        ratings = truth + rng.normal(size=(treatments, readers, cases))
        ratings += 0.7 * rng.normal(size=cases) + 0.2 * rng.normal(size=(1, readers, 1))
        if levels:
            ratings = np.round(ratings * levels / 4)
        return Readings(
            tuple(f"t{i}" for i in range(treatments)),
            tuple(f"r{j}" for j in range(readers)),
            tuple(f"c{k:05d}" for k in range(cases)),
            truth,
            ratings,
        )

    return make


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example study, analysed once through the command."""
    base = tmp_path_factory.mktemp("example")
    export = write_example(base, cases=36, masks=6)
    options = ("--truth", base / "truth.csv", "--out", base / "out", "--dice-margin", 0.05)
    assert run("analyze", export, *options) == 0
    return base


@pytest.fixture(scope="session")
def results(folder: Path) -> Any:
    """The content of its results.json."""
    return json.loads((folder / "out" / "results.json").read_text())


@pytest.fixture(scope="session")
def conducted(tmp_path_factory):
    """A crossover of four: S1 waits, S2 has a reason not to, J1 stops half-way, J2 never begins."""
    base = tmp_path_factory.mktemp("conducted")
    truth = base / "truth.csv"
    truth.write_text("case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(CASES).items()))
    key = TruthKey.draw()
    seal = key.seal(truth.read_bytes())
    study = make_study(base / "study", count=CASES, truth_sha256=seal, key=key)
    key.write(key_path(truth, "example"), "example")
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    for reader, days in (("S1", 30), ("S2", 3), ("J1", None)):
        clock = TurnableClock()
        reading = Reading(study, store, reader, clock)
        read_session(reading, 1)
        if days is not None:
            clock.pass_time(days=days)
            read_session(reading, 2, override="S2 leaves on Friday <soon>" if days < 28 else "")
    export(study, store, base / "export", closed=True)
    store.close()
    return base


@pytest.fixture(scope="session")
def found(conducted):
    """Its results, through the command."""
    arguments = ("--truth", conducted / "truth.csv", "--out", conducted / "out")
    assert run("analyze", conducted / "export", *arguments) == 0
    return json.loads((conducted / "out" / "results.json").read_text())


@pytest.fixture
def own(conducted, tmp_path):
    """A copy of the export that a test may change."""
    shutil.copytree(conducted / "export", tmp_path / "export")
    for name in ("truth.csv", "truth-example.key"):
        shutil.copy(conducted / name, tmp_path)
    return tmp_path
