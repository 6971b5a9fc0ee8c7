"""The report: what it says, in HTML and in PDF, read back by other programs."""

import dataclasses
import json
import shutil
import subprocess
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from densesharp import cli
from densesharp.image.volume import Notice
from densesharp.nodule.guidelines import Context, all_hints
from densesharp.nodule.guidelines.concordance import classes_suggested, concordance
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import ReaderAxes, Review, Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.report.document import ReportError, read_report, write_html
from densesharp.report.pdf import write_pdf
from densesharp.report.result_files import write_results
from phantoms import ThresholdEngine, grid_around, smooth_ball

CENTER = np.array([5.0, -8.0, 12.0])


@pytest.fixture(scope="module")
def results():
    grid = grid_around(CENTER, (64, 64, 50), (0.8, 0.8, 1.0), np.eye(3))
    volume = smooth_ball(grid, CENTER, 4.5)
    settings = AnalysisSettings(augmentations=1, stability=False)
    first = analyse(volume, Seed(CENTER), ThresholdEngine(-425), settings=settings)
    first = dataclasses.replace(first, verdict="ok", notices=())
    refused = dataclasses.replace(
        first, id="nodule_002", verdict="refused",
        notices=(Notice("x", "Too <large> & odd.", "refused"),),
    )  # fmt: skip
    return volume, [first, refused]


@pytest.fixture
def a_result_folder(tmp_path, results):
    volume, nodules = results
    write_results(nodules, volume, ThresholdEngine(), tmp_path / "run")
    return tmp_path / "run"


class _Text(HTMLParser):
    """The text of a page, and whether it asks for anything from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.links, self.pictures = "", [], 0

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag, attributes) -> None:
        for name, value in attributes:
            if name in ("src", "href"):
                self.links.append(value)
        self.pictures += tag == "img"


def test_the_page_says_everything_and_needs_nothing_else(tmp_path, a_result_folder):
    write_html(tmp_path / "report.html", read_report(a_result_folder))
    page = _Text()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    for word in ("Nodule 1", "No reason for caution found", "Refused: not to be used",
                 "Fleischner 2017", "Lung-RADS 2022", "Brock",
                 "Not estimable without: age", "Too <large> & odd.", "SHA-256 " + "0" * 64,
                 "Research use only, not for diagnosis."):  # fmt: skip
        assert word in page.text, word
    assert page.pictures == 2
    assert all(link.startswith("data:image/png;base64,") for link in page.links)


def test_the_report_names_the_nodule_as_its_reader_did_and_says_who_decided(tmp_path, results):
    volume, (first, _) = results
    stamp = "2026-05-04T11:20:00+00:00"
    seen = dataclasses.replace(
        first, name="LLL spiculated", review=Review("rejected", "Dr Müller", stamp)
    )
    write_results([seen], volume, ThresholdEngine(), tmp_path / "run")
    write_html(tmp_path / "report.html", read_report(tmp_path / "run"))
    page = _Text()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    local = datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    assert "LLL spiculated at RAS (" in page.text
    assert f"Rejected by Dr Müller on {local}." in page.text


def test_the_report_and_its_hints_have_the_axes_that_a_reader_measured(tmp_path, results):
    volume, (first, _) = results
    seen = dataclasses.replace(first, reader_axes=ReaderAxes(20.4, 11.6))
    write_results([seen], volume, ThresholdEngine(), tmp_path / "run")
    report = read_report(tmp_path / "run", Context(screening=True))
    write_html(tmp_path / "report.html", report)
    page = _Text()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "20 × 12 mm (axes measured by the reader)" in page.text
    (row,) = [row for row in report.pages[0].rows if row.title == "Lung-RADS 2022"]
    whose = "; axes measured by the reader, all else on the outline"
    assert row.basis.endswith(f"mean diameter 16.0 mm{whose}")
    assert row.answer.startswith("Category 4B"), "15 mm or more; the outline's 9 mm are 4A"


def test_what_is_known_about_the_patient_changes_the_hints(a_result_folder):
    def line(report, title):
        return next(row for row in report.pages[0].rows if row.title == title)

    plain = read_report(a_result_folder)
    assert line(plain, "Brock (PanCan)").answer.startswith("Not estimable without: age")
    known = read_report(a_result_folder, Context(age=60, nodules=1, screening=True))
    assert line(known, "Brock (PanCan)").answer.startswith("Probability of cancer")
    assert "Fleischner 2017" not in [row.title for row in known.pages[0].rows]
    assert line(known, "Lung-RADS 2022").answer.startswith("Category 4A")


def test_a_refused_nodule_gets_no_rules(a_result_folder):
    assert read_report(a_result_folder).pages[1].rows == ()


def test_disagreement_with_the_model_is_marked(results):
    _, (first, _) = results
    hints = all_hints(first.measurements, Context())
    # A solid nodule of 9 mm: by size cT1a, so invasive.
    assert classes_suggested("clinical_t", first.measurements, hints["clinical_t"]) == ("IAC",)
    for predicted, expected in (("IAC", "agrees"), ("AAH-AIS", "differs"),
                                (None, "not comparable")):  # fmt: skip
        rows = concordance(predicted, first.measurements, hints)
        found = {row.hint.title: row.agreement for row in rows}
        assert found["Clinical T by size"] == expected
        assert found["Fleischner 2017"] == "not comparable"
        assert found["Diameter alone"] == "not comparable"  # not a ground-glass nodule


def test_the_pdf_has_a_page_for_each_nodule_and_its_text(tmp_path, a_result_folder):
    path = tmp_path / "report.pdf"
    write_pdf(path, read_report(a_result_folder))
    assert path.read_bytes().startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian package poppler-utils)")
    run = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    pages = run.stdout.decode("utf-8").rstrip("\f").split("\f")
    assert len(pages) == 2
    for word in ("Nodule 1", "Fleischner 2017", "Lung-RADS 2022", "Research use only"):
        assert word in pages[0], word
    assert "Too <large> & odd." in pages[1]


def test_the_same_results_give_the_same_pdf(tmp_path, a_result_folder):
    report = read_report(a_result_folder)
    write_pdf(tmp_path / "a.pdf", report)
    write_pdf(tmp_path / "b.pdf", report)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"schema": 99}', '{"schema": 1, "nodules": [{}]}']
)
def test_a_folder_without_whole_results_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    with pytest.raises(ReportError, match=r"result\.json|run it again"):
        read_report(tmp_path)


def test_the_command_writes_both_and_refuses_an_impossible_patient(a_result_folder, capsys):
    assert cli.main(["report", str(a_result_folder), "--age", "66", "--sex", "female"]) == 0
    assert (a_result_folder / "report.html").exists()
    assert (a_result_folder / "report.pdf").exists()
    assert cli.main(["report", str(a_result_folder), "--age", "400"]) == 2
    assert "age" in capsys.readouterr().err


@pytest.mark.parametrize("kept", [None, 0, 100, 4000])
def test_a_report_survives_a_picture_that_is_missing_or_damaged(tmp_path, a_result_folder, kept):
    for picture in a_result_folder.glob("*.png"):
        raw = picture.read_bytes()
        picture.unlink()
        if kept is not None:
            picture.write_bytes(raw[:kept])
    report = read_report(a_result_folder)
    write_html(tmp_path / "report.html", report)
    write_pdf(tmp_path / "report.pdf", report)
    assert "<img" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_hints_of_the_run_are_kept_when_nothing_new_is_known(a_result_folder):
    path = a_result_folder / "result.json"
    document = json.loads(path.read_text())
    document["nodules"][0]["guidelines"]["brock"]["answer"] = "Probability of cancer 12.3%"
    path.write_text(json.dumps(document))
    answers = [row.answer for row in read_report(a_result_folder).pages[0].rows]
    assert "Probability of cancer 12.3%" in answers
