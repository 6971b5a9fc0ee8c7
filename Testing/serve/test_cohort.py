"""Cohorts: every case once, failures noted, restarts, shards and a cluster that loses workers."""

import contextlib
import csv
import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp import cli
from densesharp.errors import Cancelled, DeviceError, OutputError, TableError
from densesharp.image.sampling import to_sitk
from densesharp.io import read_volume
from densesharp.nodule.settings import AnalysisSettings
from densesharp.serve import run_cohort as cohort
from densesharp.serve.case_list import (
    CohortCase,
    CohortRun,
    SeedPoint,
    is_finished,
    read_cases,
    take_shard,
)
from densesharp.serve.cohort_summary import merge
from densesharp.serve.run_cohort import run_here, run_on_dask, run_one
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = (-60.0, 20.0, -100.0)
QUICK = AnalysisSettings(1, stability=False)
SETTINGS = CohortRun("threshold", "0" * 64, "cpu", analysis=QUICK)


@pytest.fixture
def known_engine(monkeypatch):
    monkeypatch.setattr(cohort, "open_engine", lambda *_, **__: ThresholdEngine())
    monkeypatch.setattr(cohort, "load_model", lambda _: None)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """CTs with balls of 3, 4, 5 and 6 mm radius."""
    folder = tmp_path_factory.mktemp("images")
    for radius in (3, 4, 5, 6):
        grid = grid_around(CENTER, (50, 50, 40), (0.9, 0.9, 1.0), np.eye(3))
        ball = smooth_ball(grid, CENTER, radius, inside=20)
        sitk.WriteImage(to_sitk(ball.array, ball.grid), folder / f"ball{radius}.nrrd")
    (folder / "broken.nrrd").write_bytes(b"NRRD0004\nnothing")
    return folder


def write_list(folder: Path, rows: list[str]) -> Path:
    path = folder / "cases.csv"
    path.write_text("case,image,x,y,z,space,nodule\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def case_list(images) -> Path:
    return write_list(images, [
        "a,ball3.nrrd,-60,20,-100,lps,",
        "b,ball4.nrrd,60,-20,-100,ras,",
        "c,broken.nrrd,60,-20,-100,ras,",
        "d,ball5.nrrd,24.5,24.5,19.5,ijk,first",
        "e,missing.nrrd,60,-20,-100,ras,",
        "f,ball6.nrrd,60,-20,-100,ras,",
        "f,ball6.nrrd,600,-20,-100,ras,outside",
    ])  # fmt: skip


def record(out: Path, case: str) -> dict:
    return json.loads((out / "cases" / f"{case}.json").read_text())


def test_every_case_gets_its_record_and_failures_their_reason(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)
    tally = run_here(cases, SETTINGS, tmp_path)
    assert (tally.cases, tally.done, tally.failed) == (6, 4, 2)
    assert "damaged" in record(tmp_path, "c")["reason"]
    assert "does not exist" in record(tmp_path, "e")["reason"]
    volumes = []
    for case, radius in (("a", 3), ("b", 4), ("d", 5), ("f", 6)):
        (nodule,) = record(tmp_path, case)["result"]["nodules"]
        assert nodule["measurements"]["volume_mm3"] == pytest.approx(
            4 / 3 * np.pi * radius**3, rel=0.15
        )
        volumes.append(nodule["measurements"]["volume_mm3"])
    assert volumes == sorted(volumes)
    assert record(tmp_path, "f")["failures"][0]["nodule"] == "outside"
    assert "outside the image" in record(tmp_path, "f")["failures"][0]["reason"]


def test_masks_are_small_and_lie_on_the_cts_voxels(case_list, tmp_path, known_engine):
    run_here(read_cases(case_list)[:1], SETTINGS, tmp_path)
    mask = sitk.ReadImage(tmp_path / "cases" / "a_nodule_001_mask.nrrd")
    ct = read_volume(case_list.parent / "ball3.nrrd")
    index = ct.grid.to_index(mask.GetOrigin())
    np.testing.assert_allclose(index, np.rint(index), atol=1e-6)
    assert np.prod(mask.GetSize()) < 1000
    middle = mask.TransformPhysicalPointToIndex(CENTER)
    assert mask[middle] == 1


def test_finished_cases_are_skipped_and_failed_ones_tried_again(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)
    run_here(cases, SETTINGS, tmp_path)
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cases").iterdir()}
    tally = run_here(cases, SETTINGS, tmp_path)
    assert (tally.cases, tally.done, tally.failed) == (2, 0, 2)
    changed = {
        p.name for p in (tmp_path / "cases").iterdir() if p.stat().st_mtime_ns != times[p.name]
    }
    assert changed == {"c.json", "e.json"}


def test_the_engine_is_opened_as_the_settings_say(case_list, tmp_path, known_engine, monkeypatch):
    asked = []
    monkeypatch.setattr(
        cohort, "open_engine", lambda *given, **_: asked.append(given[1:3]) or ThresholdEngine()
    )
    (case, *_) = read_cases(case_list)
    exact = replace(SETTINGS, precision="fp32")
    run_here([case], exact, tmp_path)
    assert asked == [("cpu", "fp32")]
    assert not is_finished(case, SETTINGS, tmp_path)
    run_one(case, SETTINGS, str(tmp_path))
    assert asked == [("cpu", "fp32"), ("cpu", "auto")]


def test_other_settings_or_seeds_are_done_again(case_list, tmp_path, known_engine):
    (case, *_) = read_cases(case_list)
    run_here([case], SETTINGS, tmp_path)
    other = CohortRun("threshold", "1" * 64, "cpu", analysis=QUICK)
    moved = CohortCase(
        case.id, case.image, (SeedPoint("nodule_001", (-59.0, 20.0, -100.0), "lps"),)
    )
    elsewhere = CohortRun("other path", "0" * 64, "cuda", analysis=QUICK)
    assert run_here([case], elsewhere, tmp_path).cases == 0
    assert run_here([moved], SETTINGS, tmp_path).cases == 1
    assert run_here([case], other, tmp_path).cases == 1
    assert merge([case], SETTINGS, tmp_path) is None


def test_a_stopped_run_goes_on_where_it_was(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)

    def stop_after_two(fraction, text):
        if text.startswith("2 of"):
            raise Cancelled

    with pytest.raises(Cancelled):
        run_here(cases, SETTINGS, tmp_path, stop_after_two)
    assert sorted(p.stem for p in (tmp_path / "cases").glob("[!.]*.json")) == ["a", "b"]
    assert run_here(cases, SETTINGS, tmp_path).cases == 4


def test_shards_share_the_list_and_the_last_one_merges(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)
    shards = [take_shard(cases, f"{n}/4") for n in range(1, 5)]
    assert sorted(case.id for shard in shards for case in shard) == [case.id for case in cases]
    for shard in shards[:-1]:
        run_here(shard, SETTINGS, tmp_path)
        assert merge(cases, SETTINGS, tmp_path) is None
    run_here(shards[-1], SETTINGS, tmp_path)
    assert merge(cases, SETTINGS, tmp_path) is not None


def test_merged_table_and_summary_count_everything(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)
    run_here(cases, SETTINGS, tmp_path)
    summary = merge(cases, SETTINGS, tmp_path)
    assert summary is not None
    assert {name: getattr(summary, name) for name in
            ("cases", "failed_cases", "nodules", "failed_nodules")} == {
        "cases": 6, "failed_cases": 2, "nodules": 4, "failed_nodules": 1
    }  # fmt: skip
    assert summary.predicted_class == {"AAH-AIS": 2, "MIA": 2}
    with (tmp_path / "cohort.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["case"], row["id"]) for row in rows] == [
        ("a", "nodule_001"), ("b", "nodule_001"), ("d", "first"), ("f", "nodule_001")
    ]  # fmt: skip
    for row in rows:
        (entry,) = record(tmp_path, row["case"])["result"]["nodules"]
        volume = entry["measurements"]["volume_mm3"]
        assert float(row["volume_mm3"]) == pytest.approx(volume, abs=1e-6)
    with (tmp_path / "failures.csv").open() as stream:
        failures = [(row["case"], row["nodule"]) for row in csv.DictReader(stream)]
    assert failures == [("c", ""), ("e", ""), ("f", "outside")]
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG")


def test_a_refused_answer_counts_as_refused_and_in_no_class(case_list, tmp_path, known_engine):
    cases = read_cases(case_list)
    run_here(cases, SETTINGS, tmp_path)
    before = merge(cases, SETTINGS, tmp_path).predicted_class
    content = record(tmp_path, "a")
    (entry,) = content["result"]["nodules"]
    entry["verdict"] = "refused"
    (tmp_path / "cases" / "a.json").write_text(json.dumps(content))
    summary = merge(cases, SETTINGS, tmp_path)
    assert summary.verdict["refused"] == 1
    assert sum(summary.predicted_class.values()) == sum(before.values()) - 1
    assert summary.nodules == 4


def test_an_odd_case_does_not_end_the_run(case_list, tmp_path, known_engine, monkeypatch):
    def fail(*args, **kwargs):
        raise IndexError("odd")

    monkeypatch.setattr(cohort, "analyse", fail)
    tally = run_here(read_cases(case_list), SETTINGS, tmp_path)
    assert tally.failed == 6
    assert "IndexError: odd" in record(tmp_path, "a")["reason"]


def test_progress_says_what_is_left(case_list, tmp_path, known_engine):
    told = []
    run_here(read_cases(case_list), SETTINGS, tmp_path, lambda f, text: told.append((f, text)))
    assert [fraction for fraction, _ in told] == pytest.approx(
        [0, 1 / 6, 2 / 6, 0.5, 4 / 6, 5 / 6, 1]
    )
    assert told[-1][1] == "6 of 6 CTs, 2 failed, 0 s left"


def test_a_result_that_cannot_be_written_ends_the_run(case_list, tmp_path, known_engine):
    (tmp_path / "cases").write_text("a file is in the way")
    with pytest.raises(OutputError, match="cannot be written to"):
        run_here(read_cases(case_list), SETTINGS, tmp_path)


def test_at_most_two_cts_are_in_memory(case_list, tmp_path, known_engine, monkeypatch):
    alive, most = weakref.WeakSet(), []
    original = cohort._read

    def watched(case):
        gc.collect()
        volume = original(case)
        alive.add(volume)
        most.append(len(alive))
        return volume

    monkeypatch.setattr(cohort, "_read", watched)
    names = [CohortCase(f"n{n}", str(case_list.parent / "ball3.nrrd"),
                  (SeedPoint("nodule_001", CENTER, "lps"),)) for n in range(8)]  # fmt: skip
    run_here(names, SETTINGS, tmp_path)
    assert max(most) <= 2


BAD_LISTS = {
    "case,image,x,y\n": "the column 'z' is missing",
    "": "the column 'case' is missing",
    "case,image,x,y,z,space\n": "has no cases",
    "case,image,x,y,z,space\na,i.nrrd,1,2,x,ras\n": "line 2, column 'z': 'x' is no number",
    "case,image,x,y,z,space\na,i.nrrd,1,2,nan,ras\n": "line 2, column 'z'",
    "case,image,x,y,z,space\na,i.nrrd,1,2,1_0,ras\n": "line 2, column 'z': '1_0' is no number",
    "case,image,x,y,z,space\na,i.nrrd,1,2,3,mni\n": "line 2, column 'space'",
    "case,image,x,y,z,space\na,,1,2,3,ras\n": "line 2, column 'image'",
    "case,image,x,y,z,space\n../a,i.nrrd,1,2,3,ras\n": "line 2, column 'case'",
    "case,image,x,y,z,space\n,i.nrrd,1,2,3,ras\n": "line 2, column 'case'",
    "case,image,x,y,z,space\na,i,1,2,3,ras,more\n": "line 2: there are more cells",
    "case,image,x,y,z,Image\na,i,1,2,3,j\n": "the column 'image' is there twice",
    "case,image,x,y,z,space\na,i,1,2,3,ras\nA,j,1,2,3,ras\n": "line 3, column 'case'",
    "case,image,x,y,z,space,nodule\na,i,1,2,3,ras,n\na,i,1,2,3,ras,n\n": "line 3, column 'nodule'",
    "case,image,x,y,z,space,nodule\na,i,1,2,3,ras,a/b\n": "line 2, column 'nodule'",
    "case,image,x,y,z,space,nodule\np,i,1,2,3,ras,left_1\nq,i,1,2,3,ras,\n"
    "p_left,j,1,2,3,ras,1\n": "line 4, column 'nodule': .* 'p_left_1_mask.nrrd', as line 2",
    "case,image,x,y,z,space,nodule\na,i,1,2,3,ras,n\na,i,1,2,3,ras,N\n": "as line 2: rename",
}


@pytest.mark.parametrize("text", BAD_LISTS)
def test_a_wrong_list_is_told_with_line_and_column(tmp_path, text):
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=BAD_LISTS[text]):
        read_cases(path)


def test_a_list_is_the_same_however_it_is_named_and_its_paths_are_absolute(
    case_list, tmp_path, known_engine, monkeypatch
):
    run_here(read_cases(case_list)[:1], SETTINGS, tmp_path)
    monkeypatch.chdir(case_list.parent.parent)
    for name in (Path(case_list.parent.name, case_list.name), case_list):
        (case, *_) = read_cases(name)
        assert Path(case.image).is_absolute()  # a Dask worker runs in another folder
        assert is_finished(case, SETTINGS, tmp_path)


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "cases.csv").write_bytes(b"\xff\xfe\0\0")
    listed, missing = tmp_path / "cases.csv", tmp_path / "missing.csv"
    unread = "cannot be read"
    for path, why in ((listed, unread), (missing, unread), (tmp_path, "is a folder")):
        with pytest.raises(TableError, match=why):
            read_cases(path)


def test_lists_from_spreadsheets_are_read(tmp_path):
    path = tmp_path / "cases.csv"
    rows = ("Case,Image,X,Y,Z,Space", "p1,ä b.nrrd, 1 ,2,-3.5,RAS", "p1,ä b.nrrd,4,5,6,ras")
    path.write_bytes(("\ufeff" + "\r\n".join(rows)).encode())
    (case,) = read_cases(path)
    assert case.image == str(tmp_path / "ä b.nrrd")
    assert [(p.nodule, p.position, p.space) for p in case.points] == [
        ("nodule_001", (1, 2, -3.5), "ras"), ("nodule_002", (4, 5, 6), "ras")
    ]  # fmt: skip


@pytest.mark.parametrize("shard", ["0/3", "4/3", "x", "1/0", "1/2/3", "-1/2", "1"])
def test_wrong_shards_are_refused(shard):
    with pytest.raises(TableError, match="is no shard"):
        take_shard([], shard)


def test_the_command_runs_a_list_to_the_table(
    case_list, tmp_path, known_engine, monkeypatch, capsys
):
    model = type("Model", (), {"sha256": "0" * 64})
    monkeypatch.setattr("densesharp.model.model_file.load_model", lambda _: model)
    monkeypatch.setattr(cohort, "load_model", lambda _: model)
    arguments = ["cohort", str(case_list), "--out", str(tmp_path), "--tta", "1", "--no-stability"]
    assert cli.main([*arguments, "--shard", "1/2"]) == 0
    assert "nothing is merged" in capsys.readouterr().err
    assert cli.main(arguments) == 0
    said = capsys.readouterr().err
    assert "1 done before" in said
    assert "Table of 4 nodules" in said
    assert cli.main(["cohort", str(tmp_path / "no.csv"), "--out", str(tmp_path / "x")]) == 2
    assert not (tmp_path / "x").exists()


def test_a_part_that_changes_records_removes_the_old_table_and_says_so(
    case_list, tmp_path, known_engine, monkeypatch, capsys
):
    model = type("Model", (), {"sha256": "0" * 64})
    monkeypatch.setattr("densesharp.model.model_file.load_model", lambda _: model)
    lines = case_list.read_text().splitlines()
    short = tmp_path / "list.csv"
    rows = [line.replace(",ball", f",{case_list.parent}/ball") for line in lines]
    short.write_text("\n".join([rows[0], rows[1], rows[2], rows[4]]) + "\n")
    merged = [tmp_path / name for name in ("cohort.csv", "failures.csv", "summary.json",
                                           "summary.png")]  # fmt: skip
    arguments = ["cohort", str(short), "--out", str(tmp_path), "--tta", "1", "--no-stability"]
    assert cli.main(arguments) == 0
    assert all(path.exists() for path in merged)
    assert cli.main([*arguments, "--shard", "1/3"]) == 0  # nothing to do: it stays
    assert all(path.exists() for path in merged)
    assert "removed" not in capsys.readouterr().err
    assert cli.main([*arguments, "--shard", "1/3", "--solid-threshold", "-200"]) == 0
    assert not any(path.exists() for path in merged)
    assert "The old cohort.csv and summary were removed" in capsys.readouterr().err
    assert cli.main([*arguments, "--solid-threshold", "-200"]) == 0
    assert all(path.exists() for path in merged)


SLOW_WORKER = """
import sys, time
sys.path[:0] = {path!r}
from phantoms import ThresholdEngine
from densesharp.serve import run_cohort

class Slow(ThresholdEngine):
    def run(self, patches):
        time.sleep(0.15)
        return super().run(patches)

run_cohort.open_engine = lambda *_, **__: Slow()
run_cohort.load_model = lambda _: None
"""


def written_by(process, path):
    """What a program writes into a JSON file, once that is whole."""
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(path.read_text())
        time.sleep(0.1)
    pytest.fail(f"the program ended with {process.returncode}")


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers on loopback, each in a process group of its own."""
    distributed = pytest.importorskip("distributed", reason="the extra 'cohort' is not installed")
    preload = tmp_path / "slow_worker.py"
    preload.write_text(SLOW_WORKER.format(path=[str(Path(__file__).parents[1])]))
    address_file = tmp_path / "scheduler.json"
    started = [start(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
         "--port", "0", "--no-dashboard", "--scheduler-file", str(address_file)]
    )]  # fmt: skip
    try:
        address = written_by(started[0], address_file)["address"]
        workers = [
            start([sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny",
                   "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1",
                   "--local-directory", str(tmp_path / f"w{n}"), "--preload", str(preload)])
            for n in range(2)
        ]  # fmt: skip
        started += workers
        with distributed.Client(address) as client:
            client.wait_for_workers(2, timeout=180)  # without workers a cluster waits for ever
        yield address, workers
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def start(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_a_dask_worker_that_is_killed_loses_and_doubles_nothing(cluster, images, tmp_path):
    address, workers = cluster
    point = (SeedPoint("nodule_001", CENTER, "lps"),)
    cases = [CohortCase(f"n{n:02d}", str(images / "ball3.nrrd"), point) for n in range(14)]
    cases.append(CohortCase("broken", str(images / "broken.nrrd"), point))
    out = tmp_path / "out"
    written: dict[str, int] = {}

    def kill_one(fraction, text):
        for path in (out / "cases").glob("[!.]*.json"):
            written.setdefault(path.name, path.stat().st_mtime_ns)
        if text.startswith("4 of") and workers[0].poll() is None:
            os.killpg(workers[0].pid, signal.SIGKILL)

    tally = run_on_dask(cases, SETTINGS, out, address, kill_one)
    assert workers[0].poll() is not None
    assert (tally.done, tally.failed) == (14, 1)
    assert len(list((out / "cases").glob("[!.]*.json"))) == 15
    for name, stamp in written.items():
        assert (out / "cases" / name).stat().st_mtime_ns == stamp, f"{name} was written twice"
    assert merge(cases, SETTINGS, out).nodules == 14


def test_a_finished_case_is_not_run_again_by_a_second_worker(case_list, tmp_path, known_engine):
    (case, *_) = read_cases(case_list)
    assert run_one(case, SETTINGS, str(tmp_path)) == "done"
    stamp = (tmp_path / "cases" / "a.json").stat().st_mtime_ns
    assert run_one(case, SETTINGS, str(tmp_path)) == "done"
    assert (tmp_path / "cases" / "a.json").stat().st_mtime_ns == stamp


def test_a_scheduler_that_is_not_there_is_named(case_list, tmp_path, monkeypatch):
    monkeypatch.setattr(cohort, "CONNECT_S", 0.5)
    for address in ("tcp://127.0.0.1:1", "nonsense"):
        with pytest.raises(DeviceError, match="No Dask scheduler answers"):
            run_on_dask(read_cases(case_list), SETTINGS, tmp_path, address)
