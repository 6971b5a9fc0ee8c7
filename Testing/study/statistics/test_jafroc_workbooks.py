"""Workbooks in the layouts of JAFROC and RJafroc: read, refused, written."""

import json
from dataclasses import replace

import numpy as np
import pytest

from densesharp.errors import TableError
from densesharp.stats.mark_figures import mark_figure
from densesharp.stats.marks import marks_of
from densesharp.stats.mrmc import analyse
from densesharp.stats.readings_files import load_marks, load_readings, save_readings
from study.statistics.test_mark_figures import froc, lroc  # noqa: F401 - fixtures
from study.statistics.test_mrmc_command import run

openpyxl = pytest.importorskip("openpyxl")

TRUTH = [("CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"),
         (1, 0, 0, "0, 1", "(7)", "FROC"), (2, 0, 0, "0, 1", "(7)", "FCTRL"),
         (70, 1, 0.3, "0, 1", "(7)", None), (70, 2, 0.7, "0, 1", "(7)", None),
         (71, 1, 1, "0, 1", "(7)", None)]  # fmt: skip
NL = [("ReaderID", "ModalityID", "CaseID", "NL_Rating"), ("0", "7", 1, 1.5), ("0", "7", 1, 2.5),
      ("1", "7", 70, "1.25")]  # fmt: skip
LL = [("ReaderID", "ModalityID", "CaseID", "LesionID", "LL_Rating"), ("0", "7", 70, 2, 2.5),
      ("1", "7", 71, 1, 4), ("0", "7", 71, 1, 1)]  # fmt: skip


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in ({"TRUTH": TRUTH, "NL": NL, "LL": LL} | sheets).items():
        sheet = book.create_sheet(name)
        for row in rows or ():
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_worked_out_by_hand(tmp_path):
    marks = load_marks(workbook(tmp_path / "study.xlsx"))
    assert (marks.readers, marks.treatments) == (("0", "1"), ("7",))
    assert marks.cases == ("1", "2", "70", "71")
    found = analyse(marks.numbered(), mark_figure("wafroc", marks)).values["7"]
    # Reader 0: case 1 at most 2.5, case 2 none; lesions none (0.3), 2.5 (0.7) and 1.
    pairs = [0.3 * (0 + 0.5) + 0.7 * (0.5 + 1), 0 + 1]
    assert found["0"].value == pytest.approx(sum(pairs) / 4)
    # Reader 1: no false mark on either; lesions none, none and 4.
    assert found["1"].value == pytest.approx((1.0 * (0.5 + 0.5) + 2) / 4)
    found = analyse(marks.numbered(), mark_figure("max-nlf", marks)).values["7"]
    assert [found[r].value for r in "01"] == [1.0, 0.0]


def test_the_older_layout_without_readers_and_with_equal_weights(tmp_path):
    truth = [row[:3] for row in TRUTH]
    truth[3:] = [(70, 1, 0), (70, 2, 0), (71, 1, 0)]
    marks = load_marks(workbook(tmp_path / "old.xlsx", TRUTH=truth))
    assert marks.weights[2].tolist() == [0.5, 0.5]
    assert marks.readers == ("0", "1")


BAD = [
    ({"LL": [*LL, ("0", "7", 72, 1, 3)]}, r"sheet LL, row 5: '72' in 'caseid' is not in the sheet"),
    ({"LL": [*LL, ("0", "7", 71, 2, 3)]}, "has no lesion '2'"),
    ({"LL": [*LL, ("0", "7", 71, 1, 3)]}, "marked a second time"),
    ({"NL": [*NL, ("0", "7", 1, "high")]}, "'high' in 'rating' is not a number"),
    ({"NL": [*NL, ("0", "7", 1, None)]}, "the cell 'rating' is empty"),
    ({"NL": [*NL, ("9", "7", 1, 2)]}, "'9' in 'readerid' is not in the sheet TRUTH"),
    ({"TRUTH": [*TRUTH, (71, 2, 0.5, "0, 1", "(7)", None)]}, "must be above 0 and add up to 1"),
    ({"TRUTH": [*TRUTH, (71, 1, 1, "0, 1", "(7)", None)]}, "lesion '1' twice"),
    ({"NL": [("ReaderID", "CaseID", "NL_Rating")]}, "the column 'modalityid' is missing"),
    ({"NL": [(*NL[0], "Rating"), *(row + (9,) for row in NL[1:])]}, "more than one column of rat"),
    ({"NL": [(*NL[0], "CaseID"), *(row + (1,) for row in NL[1:])]}, "'caseid' is there twice"),
    ({"NL": [*NL, (None, None, None, 3)]}, "the cell 'modalityid' is empty"),
    ({"TRUTH": [TRUTH[0], (1, 0, 0, "0, 1", "7", "XROC"), *TRUTH[2:]]}, "'XROC' is none of ROC"),
    ({"TRUTH": [TRUTH[0], (1, 0, 0, "0, 1", "7", "LROC"), *TRUTH[2:]]}, "two ratings of case '1'"),
]  # fmt: skip


@pytest.mark.parametrize(("sheets", "message"), BAD)
def test_faults_are_refused_with_sheet_and_row(tmp_path, sheets, message):
    with pytest.raises(TableError, match=message):
        load_marks(workbook(tmp_path / "bad.xlsx", **sheets))


def test_files_that_are_no_such_workbook(tmp_path):
    (tmp_path / "text.xlsx").write_text("no workbook")
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        load_marks(tmp_path / "text.xlsx")
    book = openpyxl.Workbook()
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(TableError, match="needs one sheet named TRUTH"):
        load_marks(tmp_path / "empty.xlsx")


@pytest.mark.parametrize("kind", ["froc", "lroc"])
def test_written_marks_are_read_again(request, tmp_path, kind):
    marks = request.getfixturevalue(kind)
    save_readings(marks, tmp_path / "copy.xlsx")
    again = load_marks(tmp_path / "copy.xlsx")
    assert (again.paradigm, again.cases) == (marks.paradigm, tuple(str(k) for k in marks.cases))
    assert np.array_equal(again.located, marks.located)
    most = again.false.shape[3]
    kept = np.sort(marks.false, axis=3)[..., -most:]
    assert np.array_equal(np.sort(again.false, axis=3), kept)
    assert again.weights == pytest.approx(marks.weights)


def test_nested_cases_are_kept(van_dyke, tmp_path):
    from dataclasses import replace

    ratings = van_dyke.ratings.copy()
    case = np.arange(114)
    ratings[:, case[None, :] % 5 != np.arange(5)[:, None]] = np.nan
    nested = replace(van_dyke, ratings=ratings)
    save_readings(nested, tmp_path / "nested.xlsx")
    again = load_readings(tmp_path / "nested.xlsx")
    assert analyse(again).rrrc.test.p == pytest.approx(analyse(nested).rrrc.test.p)


def test_the_command_takes_workbooks(froc, tmp_path, capsys):  # noqa: F811
    save_readings(froc, tmp_path / "study.xlsx")
    assert run(tmp_path / "study.xlsx", "--figure", "wafroc", "--json", tmp_path / "out.json") == 0
    assert "wAFROC area: 4 readers" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["rrrc"]["p"] == pytest.approx(0.534150147317884)
    run(tmp_path / "study.xlsx", "--figure", "max-nlf", "--json", "-")
    assert json.loads(capsys.readouterr().out)["method"]["limits"] == [0, None]
    with pytest.raises(TableError, match="counts mistakes"):
        run(tmp_path / "study.xlsx", "--figure", "max-nlf", "--margin", 0.1)
    with pytest.raises(TableError, match="takes no --fpf"):
        run(tmp_path / "study.xlsx", "--figure", "wafroc", "--fpf", 0.1)
    with pytest.raises(TableError, match="--figure wafroc"):
        run(tmp_path / "study.xlsx")


def test_a_case_without_rating_is_missing_where_a_case_has_one_rating(van_dyke, tmp_path):
    """In a FROC study it was read and not marked; in the others its rating is not there."""
    ratings = van_dyke.ratings.copy()
    ratings[0, 0, 3] = np.nan
    lacking = replace(van_dyke, ratings=ratings)
    marks = marks_of(lacking)
    assert np.isnan(marks.numbered().ratings).sum() == 1
    everything = replace(marks, read=np.ones_like(marks.read))
    assert np.isnan(everything.numbered().ratings).sum() == 1
    assert not np.isnan(replace(everything, paradigm="FROC").numbered().ratings).any()
