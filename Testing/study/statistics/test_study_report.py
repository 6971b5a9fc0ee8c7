"""What `study analyze` and `study report` write: figures, tables, HTML, PDF, hashes."""

import csv
import dataclasses
import hashlib
import html.parser
import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from conducted_study import report_of
from reportlab.pdfbase.pdfmetrics import stringWidth
from study_run import rows_in, run

from densesharp.errors import StudyError
from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import number, p_text
from densesharp.stats.from_json import from_json
from densesharp.study.analysis.study_results import StudyDescription
from densesharp.study.report import study_pdf
from densesharp.study.report.blocks import Heading, TableBlock
from densesharp.study.report.cells import with_reason
from densesharp.study.report.design_tables import study_table

EXPECTED_FIGURES = {
    "flow", "roc_invasive", "forest_invasive", "reliability_invasive", "decision_invasive",
    "ratings_invasive", "roc_iac", "forest_iac", "reliability_iac", "decision_iac", "ratings_iac",
    "binormal_invasive", "binormal_iac", "confusion", "reclassification", "agreement",
    "dice_matrix", "outlines", "volume_agreement", "diameter_agreement", "time",
}  # fmt: skip


def test_every_figure_is_a_vector_with_its_numbers(folder):
    figures = folder / "out" / "figures"
    assert {path.stem for path in figures.glob("*.svg")} == EXPECTED_FIGURES
    for name in EXPECTED_FIGURES:
        root = ET.parse(figures / f"{name}.svg").getroot()
        tags = {element.tag.split("}")[1] for element in root.iter()}
        assert "path" in tags
        assert "image" not in tags, f"{name} holds pixels"
        assert rows_in(figures / f"{name}.csv"), name


def test_the_average_reader_s_point_is_the_mean_of_the_readers(folder, results):
    task = results["tasks"]["invasive"]
    for condition in ("aided", "unaided"):
        points = task["operating_points"][condition].values()
        wanted = np.mean([one["sensitivity"]["value"] for one in points])
        assert task["average_points"][condition]["sensitivity"] == pytest.approx(wanted)
        row = next(
            r for r in rows_in(folder / "out" / "figures" / "roc_invasive.csv")
            if (r["series"], r["condition"]) == ("average point", condition)
        )  # fmt: skip
        assert float(row["tpr"]) == pytest.approx(wanted)
    text = (folder / "out" / "tables" / "operating_points_invasive.csv").read_text()
    assert "mean reader, aided" in text.replace('"', "")


def test_forest_plot_and_table_show_the_same_intervals(folder, results):
    with (folder / "out" / "tables" / "auc_invasive.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["Reader", "aided", "unaided", "aided minus unaided", "Model alone"]
    table = {row[0]: row[1:] for row in rows}
    for line in rows_in(folder / "out" / "figures" / "forest_invasive.csv"):
        low, high = (number(float(line[name])) for name in ("low", "high"))
        column = {"aided": 0, "unaided": 1, "": 3}[line["condition"]]
        wanted = f"{number(float(line['auc']))} ({low} to {high})"
        assert table[line["reader"]][column] == wanted
        assert 0 <= float(line["low"]) < float(line["auc"]) < float(line["high"]) <= 1
    differences = results["tasks"]["invasive"]["auc"]["readers"]["differences"][0]["readers"]
    for reader, one in differences.items():
        low, high = map(number, one["ci"])
        assert table[reader][2] == f"{number(one['value'])} ({low} to {high})"
    del table["model"]
    assert not any(row[3] for row in table.values())


def test_the_binormal_curves_stand_beside_the_empirical_ones(folder, results):
    curves = results["tasks"]["invasive"]["binormal"]
    rows = {row["Reader"]: row for row in rows_in(folder / "out/tables/binormal_invasive.csv")}
    drawn = rows_in(folder / "out/figures/binormal_invasive.csv")
    for condition, readers in curves.items():
        for reader, curve in readers.items():
            row = rows[f"{reader}, {condition}"]
            assert row["Area"].startswith(number(curve["auc"]["value"]))
            assert row["p of the fit"] == p_text(curve["fit"].get("p"))
            mine = [p for p in drawn if (p["condition"], p["reader"]) == (condition, reader)]
            heights = [float(p["tpr"]) for p in mine]
            assert heights == pytest.approx(curve["tpf"] or [])
            if heights:
                # The area under the points drawn is that of the table.
                area = np.trapezoid(heights, [float(p["fpr"]) for p in mine])
                assert area == pytest.approx(curve["auc"]["value"], abs=0.01)
    folded = re.findall(
        r"<details>.*?</details>", (folder / "out/report.html").read_text(), re.DOTALL
    )
    assert any('id="tbinormal_invasive"' in part for part in folded)


def test_the_formula_of_the_times_has_every_effect_of_the_model(folder, results):
    page = (folder / "out" / "report.html").read_text()
    assert "reader × aided + case × aided" in page
    assert "case_x_aided" in results["time"]["model"]["spreads"]


def test_the_time_model_shows_standard_errors_and_degrees_of_freedom(folder, results):
    effects = results["time"]["model"]["effects"]
    rows = rows_in(folder / "out" / "tables" / "time_model.csv")
    for row, one in zip(rows, effects.values(), strict=True):
        assert (row["SE"], row["df"]) == (number(one["se"]), number(one["df"], 1))


def test_a_difference_without_interval_says_why():
    assert (
        with_reason(Estimate(0.0, reason="All the same.")) == "0.000 (no interval: All the same.)"
    )
    assert with_reason(Estimate(None, reason="Nobody.")) == "not estimable: Nobody."
    assert with_reason(Estimate(0.5, ci=(0.4, 0.6))) == "0.500 (0.400 to 0.600)"


def test_the_design_says_when_the_model_was_shown(folder):
    with (folder / "out" / "tables" / "design.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[0]]
    assert dict(rows)["The model was shown"] == "with the image, in aided readings"
    assert dict(rows)["Washout planned"] == "28 days at least"
    assert dict(rows)["Shortest time between sessions"] == "not recorded"


def test_the_design_says_what_the_model_was_trained_on(folder, results):
    with (folder / "out" / "tables" / "design.csv").open(newline="") as file:
        assert ["Model trained on", "made-up nodules"] in list(csv.reader(file))
    study = from_json(StudyDescription, results["study"])
    silent = dataclasses.replace(study, trained_on="")
    assert study_table(silent).rows[-1] == ["Model trained on", "not stated"]
    without = dataclasses.replace(study, trained_on=None)
    assert "Model trained on" not in dict(study_table(without).rows)


def test_the_roc_csv_holds_the_operating_points(folder, results):
    rows = rows_in(folder / "out" / "figures" / "roc_invasive.csv")
    point = next(
        r for r in rows
        if (r["series"], r["condition"], r["reader"]) == ("operating point", "aided", "S1")
    )  # fmt: skip
    wanted = results["tasks"]["invasive"]["operating_points"]["aided"]["S1"]
    assert float(point["tpr"]) == pytest.approx(wanted["sensitivity"]["value"])
    assert float(point["fpr"]) == pytest.approx(1 - wanted["specificity"]["value"])


def test_tables_are_csv_and_agree_with_the_results(folder, results):
    rows = rows_in(folder / "out" / "tables" / "endpoints.csv")
    primary = results["endpoints"][0]
    assert rows[0]["Difference"] == number(primary["difference"])
    assert rows[0]["p"] == p_text(primary["p"])


class Page(html.parser.HTMLParser):
    """What the page refers to, and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.sources, self.open, self.alts, self.headings = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.sources += [attributes[k] for k in ("src", "href") if k in attributes]
        if tag == "img":
            self.alts.append(attributes.get("alt"))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_the_page_needs_nothing_else(folder):
    page = Page()
    text = (folder / "out" / "report.html").read_text()
    page.feed(text)
    assert page.open == []
    assert all(s.startswith(("data:image/svg+xml;base64,", "#")) for s in page.sources)
    assert len(page.alts) == len(EXPECTED_FIGURES)
    assert all(page.alts)
    for heading in ("Summary", "Design", "Classes", "Agreement", "Methods", "Checklist"):
        assert heading in page.headings
    assert "Research use only" in text
    assert "D = MS(T×R) + r max(Cov2 − Cov3, 0)" in text
    assert "aided × second session" in text
    assert "{{" not in text
    assert "nan" not in re.sub(r"base64,[^\"]+", "", text).lower().split()


def test_what_few_need_is_folded_and_the_primary_question_comes_first(folder):
    page = (folder / "out" / "report.html").read_text()
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.DOTALL))
    assert "Variance components" in folded
    assert "Log odds of a right class" in folded
    rest = page.replace(folded, "")
    for name in ("endpoints", "auc_invasive", "auc_difference_invasive", "changes", "checklist"):
        assert f'id="t{name}"' not in folded
        assert f'id="t{name}"' in rest
    assert page.index("ROC analysis: Invasive") < page.index("ROC analysis: IAC")
    # Folded tables are files too.
    assert (folder / "out" / "tables" / "gee.csv").is_file()


def test_figures_in_the_pdf_have_our_font_where_none_is_installed(folder, monkeypatch):
    """`fc-match`, which other systems lack, is never asked."""
    asked = []
    monkeypatch.setattr("svglib.fonts._font_map._map", {})
    monkeypatch.setattr("svglib.fonts.FontMap.use_fontconfig", lambda *what: asked.append(what))
    study_pdf._register_fonts()
    study_pdf._drawing(folder / "out" / "figures" / "roc_iac.svg")
    assert asked == []


def test_the_pdf_is_one_of_about_ten_pages(folder):
    content = (folder / "out" / "report.pdf").read_bytes()
    assert 8 <= max(map(int, re.findall(rb"/Count (\d+)", content))) <= 11
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")


def numbers_in(column):
    """Items of a column of the checklist; "7-10" and "16a-16c" are ranges."""
    found = []
    for part in ",".join(column).replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if last.isdigit():
            found += map(str, range(int(first), int(last) + 1))
        elif last:
            found += [
                f"{first[:-1]}{letter}" for letter in "abcd" if first[-1] <= letter <= last[-1]
            ]
        else:
            found.append(first)
    return {item for item in found if item}


def test_the_checklist_names_every_item_of_both_lists(folder):
    """STARD-AI (Nat Med 2025) has 40 items, five of them in parts, and CLAIM 2024 has 44."""
    parts = {"15": "abcd", "16": "abc", "17": "ab", "26": "ab", "40": "ab"}
    stard = {f"{n}{part}" for n in map(str, range(1, 41)) for part in parts.get(n, [""])}
    rows = rows_in(folder / "out" / "tables" / "checklist.csv")
    assert numbers_in([row["STARD-AI"] for row in rows]) == stard
    assert numbers_in([row["CLAIM 2024"] for row in rows]) == set(map(str, range(1, 45)))


def test_the_pdf_says_on_which_page_each_section_of_the_checklist_is(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        study_pdf, "_with_pages", lambda *what, old=study_pdf._with_pages: said.append(old(*what))
        or said[-1]
    )  # fmt: skip
    long = TableBlock("long", "", ("", ""), [["row", "cell"]] * 90)
    asked = [["5", "Design"], ["18", "Design, Methods"], ["33", "for the authors to write"]]
    checklist = TableBlock("checklist", "Items.", ("Item", "Where"), asked, sections=1)
    blocks = [Heading("Design"), long, Heading("Methods"), checklist]
    study_pdf.write_pdf(tmp_path / "report.pdf", "title", "software", blocks, tmp_path)
    assert said[-3:] == ["Design (p. 1)", "Design (p. 1), Methods (p. 2)", asked[2][1]]


def test_no_word_of_a_header_is_broken_and_the_page_is_filled():
    study_pdf._register_fonts()
    styles = study_pdf._styles()
    header = ("Reader", "p (Holm)", "p (Stuart-Maxwell)", "Model", "Difference")
    cell = "0.123 (-0.123 to 0.123)"
    rows = [
        ["all, these readers only, by a test of a long name", "< 0.001", "0.1", "0.9", cell]
    ] * 3
    widths = study_pdf._widths(TableBlock("t", "", header, rows), styles)
    assert sum(widths) == pytest.approx(study_pdf.WIDTH)
    for title, width in zip(header, widths, strict=True):
        for word in title.split():
            assert stringWidth(word, study_pdf.BOLD, styles["HeadCell"].fontSize) < width, word


def test_no_number_of_a_narrow_column_is_broken():
    study_pdf._register_fonts()
    styles = study_pdf._styles()
    long = "0.123 (-0.123 to 0.123) and more words than the page is wide"
    rows = [["a reader", "300", *[long] * 6]]
    table = study_pdf._table(TableBlock("t", "", ("Reader", "n", *"abcdef"), rows), styles)
    cell, style = table._cellvalues[1][1], table._cellStyles[1][1]
    inner = table._colWidths[1] - style.leftPadding - style.rightPadding
    assert len(cell.breakLines(inner).lines) == 1


def test_what_is_about_these_readers_or_cases_says_so(folder):
    """On the page and in the results, wherever other readers or cases would be missed."""
    out = folder / "out"
    page = " ".join(re.sub(r"<[^>]+>", " ", (out / "report.html").read_text("utf-8")).split())
    for text in (
        "on the class, 95 % intervals, for exactly these readers",
        "Every row is about exactly these readers",
        "take the effects' variances as known), for exactly these readers",
        "95 % Wilson intervals, each for exactly this reader",
        "Mean weighted F1 of these readers",
        "random readers, these cases (never alone)",
    ):
        assert text in page.replace("&#39;", "'"), text
    found = json.loads((out / "results.json").read_text("utf-8"))
    assert "these readers" in found["agreement"]["about"]
    assert "these readers" in found["classes"]["weighted_f1"]["aided"]["method"]
    (pair,) = found["tasks"]["iac"]["auc"]["comparisons"]
    assert "never to be used alone" in pair["rrfc"]["method"]
    assert pair["frrc"]["method"] == "these readers only"


def test_hashes_cover_every_file(folder):
    out = folder / "out"
    listed = dict(
        reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines()
    )
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert set(listed) == files
    for name, digest in listed.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_the_report_can_be_made_again_and_is_the_same(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(folder / "out" / "results.json", again)
    assert run("report", again) == 0
    for name in ("report.html", "report.pdf", "figures/roc_iac.svg", "tables/classes.csv"):
        assert (again / name).read_bytes() == (folder / "out" / name).read_bytes(), name


def test_results_of_an_earlier_version_are_reported_without_what_they_do_not_say(folder):
    found = json.loads((folder / "out" / "results.json").read_text())
    for name in (
        "design_verified", "truth_frozen", "washout", "absent_readers", "planned_readings",
        "missing_by_reader", "missing_repeats", "interim",
    ):  # fmt: skip
        del found["study"][name]
    text, design = report_of(found)
    assert design["Shortest time between sessions"] == "not recorded"
    assert design["Readings missing"] == "0"
    assert "named before the first read" not in text


def test_results_that_are_none_or_of_another_version_are_refused(tmp_path):
    with pytest.raises(StudyError, match="study analyze"):
        run("report", tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 99}')
    with pytest.raises(StudyError, match="format 99"):
        run("report", tmp_path)


def test_a_missing_pdf_library_is_named_and_the_results_are_kept(folder, tmp_path, monkeypatch):
    shutil.copy(folder / "out" / "results.json", tmp_path)
    monkeypatch.setitem(sys.modules, "svglib.svglib", None)
    monkeypatch.delitem(sys.modules, "densesharp.study.report.study_pdf", raising=False)
    with pytest.raises(StudyError, match=r"svglib.*pip install jinja2 reportlab svglib"):
        run("report", tmp_path)
    assert (tmp_path / "results.json").is_file()
