"""`study analyze` of FROC and LROC marks: figures, curves, endpoints, the report's section."""

import dataclasses
import threading
from multiprocessing import get_all_start_methods

import numpy as np
import pytest
from study_run import rows_in, run

from densesharp.stats.formatting import number, p_text
from densesharp.stats.jafroc import write_jafroc
from densesharp.stats.mark_figures import mark_figure
from densesharp.stats.marks import Marks
from densesharp.stats.mrmc_document import mrmc_document
from densesharp.stats.readings_files import load_marks
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.analysis.mark_results import analyse_marks
from densesharp.study.exported.load_study import load_study
from densesharp.study.figures import all_figures
from densesharp.study.report.content import content
from densesharp.study.report.write_report import read_results


@pytest.fixture(scope="module")
def froc(tmp_path_factory):
    """Marks drawn by the search model, and their results through the command."""
    base = tmp_path_factory.mktemp("marks")
    drawn = ("simulate", "rsm", "--out", base / "marks.xlsx", "--readers", 3, "--cases", 20, 20)
    run(*drawn, "--seed", 4, "--mu", 1.2, 2.0)
    assert run("analyze", base / "marks.xlsx", "--out", base / "out") == 0
    return base


def lroc(readers=3, cases=24, treatments=("a", "b", "c"), seed=1):
    """One mark a case, at the lesion more often in later treatments."""
    rng = np.random.default_rng(seed)
    shape = (len(treatments), readers, cases)
    truth = np.arange(cases) % 2
    rated = rng.integers(1, 6, size=shape) + truth
    right = (truth == 1) & (
        rng.random(shape) < 0.5 + 0.15 * np.arange(len(treatments))[:, None, None]
    )
    names = tuple(("1",) if one else () for one in truth)
    labels = tuple(f"{k:02d}" for k in range(cases))
    return Marks(
        "LROC", treatments, tuple(f"R{r}" for r in range(readers)), labels, truth, names,
        truth[:, None] * 1.0, np.where(right, rated, -np.inf)[..., None],
        np.where(right, -np.inf, rated)[..., None], np.ones(shape, dtype=bool),
    )  # fmt: skip


def test_every_figure_is_that_of_mrmc_with_its_own_p(froc):
    marks, found = load_marks(froc / "marks.xlsx"), read_results(froc / "out").marks
    rows = {row["Figure"]: row for row in rows_in(froc / "out/tables/marks.csv")}
    assert found.lesions == marks.lesions.sum()
    assert len(rows) == len(found.figures) == 5
    for (name, document), row in zip(found.figures.items(), rows.values(), strict=True):
        wanted = mrmc_document(marks.numbered(), mark_figure(name, marks))
        assert document.rrrc.p == pytest.approx(wanted.rrrc.p)
        for reader, value in wanted.values["1"].items():
            assert document.values["1"][reader] == pytest.approx(value)
        assert row["1"].startswith(number(wanted.mean_values["1"]))
        assert document.difference == pytest.approx(wanted.difference)
        assert row["1 minus 2"].startswith(number(wanted.difference))
        assert row["p"] == p_text(wanted.rrrc.p)
    assert p_text(found.figures["wafroc"].rrrc.p) in {
        row["p"]
        for row in rows_in(froc / "out/tables/endpoints.csv")
        if row["Endpoint"] == "wAFROC area"
    }


def test_the_area_under_the_drawn_curve_is_the_figure_of_merit(froc):
    found = read_results(froc / "out").marks
    for condition, readers in found.curves.items():
        for reader, curve in readers.items():
            area = np.trapezoid(curve.found, curve.fpf)
            assert area == pytest.approx(found.figures["wafroc"].values[condition][reader])
    drawn = rows_in(froc / "out/figures/marks.csv")
    assert len(drawn) == sum(len(c.fpf) for part in found.curves.values() for c in part.values())


def test_the_roc_analysis_takes_the_highest_rating(froc):
    marks, results = load_marks(froc / "marks.xlsx"), read_results(froc / "out")
    wanted = mrmc_document(marks.numbered(), mark_figure("hr-auc", marks))
    assert results.tasks["disease"].auc.difference == pytest.approx(wanted.difference)
    page = (froc / "out" / "report.html").read_text()
    assert "Marks: FROC analysis" in page
    assert "highest rating" in page
    assert (froc / "out" / "report.pdf").stat().st_size > 10_000


@pytest.mark.skipif("fork" not in get_all_start_methods(), reason="this system does not fork")
def test_two_processes_draw_what_one_draws(froc, tmp_path, monkeypatch):
    results, drawn = read_results(froc / "out"), {}
    for fork in (True, False):
        monkeypatch.setattr(all_figures, "_may_fork", lambda fork=fork: fork)
        folder = tmp_path / str(fork)
        folder.mkdir()
        names = [one.name for one in all_figures.draw_all(results, folder)]
        drawn[fork] = names, {path.name: path.read_bytes() for path in folder.iterdir()}
    assert drawn[True] == drawn[False]
    assert len(drawn[True][1]) == 2 * len(drawn[True][0]) == 12


def test_a_thread_that_may_hold_a_lock_forbids_to_fork():
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        assert not all_figures._may_fork()
    finally:
        waiting.set()
        thread.join()


def test_lroc_marks_of_three_treatments_compare_every_pair(tmp_path):
    marks = lroc()
    write_jafroc(marks, tmp_path / "lroc.xlsx")
    data = load_study(tmp_path / "lroc.xlsx")
    assert data.marks.paradigm == "LROC"
    results = analyse_study(data)
    pairs = [(row.first, row.second) for row in results.endpoints if row.figure == "LROC area"]
    assert sorted(pairs) == [("a", "b"), ("a", "c"), ("b", "c")]
    wanted = mrmc_document(marks.numbered(), mark_figure("lroc", marks))
    for row in results.endpoints:
        if row.figure == "LROC area":
            assert row.p == wanted.of(row.first, row.second).rrrc.p
    for condition, readers in results.marks.curves.items():
        for reader, curve in readers.items():
            area = np.trapezoid(curve.found, curve.fpf)
            assert area == pytest.approx(wanted.values[condition][reader])
    assert any(getattr(block, "name", "") == "marks" for block in content(results, {}))


def test_readers_without_marks_and_ratings_of_a_workbook(tmp_path):
    marks = lroc(treatments=("a", "b"))
    silent = np.full_like(marks.false, -np.inf)
    none = dataclasses.replace(marks, paradigm="FROC", false=silent, located=silent)
    found = analyse_marks(none)
    assert found.figures["max-llf"].mean_values["a"] == 0
    assert np.trapezoid(found.curves["a"]["R0"].found, found.curves["a"]["R0"].fpf) == 0.5
    write_jafroc(dataclasses.replace(marks, paradigm="ROC"), tmp_path / "roc.xlsx")
    data = load_study(tmp_path / "roc.xlsx")
    assert data.marks is None
    assert data.tasks[0].title == "Disease"
    assert analyse_marks(None) is None
