"""`study analyze`: an export folder in, results, tables, figures and report out."""

from __future__ import annotations

import argparse
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
from example_study import CLASSES, READERS, write_csv, write_example

from densesharp.commands import study
from densesharp.errors import StudyError, TableError
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.study import analyse_study
from densesharp.study.export import ANSWER_COLUMNS, MODEL_COLUMNS
from densesharp.study.load_study import load_study
from densesharp.study.masks import decode, encode
from densesharp.study.output import number, p_text
from densesharp.study.report.content import primary_sentence


def run(*arguments):
    parser = argparse.ArgumentParser()
    study.configure(parser)
    return study.run(parser.parse_args([str(a) for a in arguments]))


def rows_in(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example study, analysed once through the command."""
    base = tmp_path_factory.mktemp("example")
    export = write_example(base, cases=36, masks=6)
    options = ("--truth", base / "truth.csv", "--out", base / "out", "--dice-margin", 0.05)
    assert run("analyze", export, *options) == 0
    return base


@pytest.fixture(scope="module")
def results(folder):
    return json.loads((folder / "out" / "results.json").read_text())


def test_counts_are_those_of_the_tables(folder, results):
    described = results["study"]
    assert described["cases"] == 36
    assert described["unread_cases"] == 1
    assert described["practice_answers"] == 4
    assert described["missing_readings"] == 0
    truth = {row["case"]: row["class"] for row in rows_in(folder / "truth.csv")}
    answers = rows_in(folder / "export" / "answers.csv")
    for reader in READERS:
        mine = [r for r in answers if r["reader"] == reader and r["role"] == "main"]
        for condition in ("aided", "unaided"):
            right = [truth[r["case"]] == r["class"] for r in mine if r["condition"] == condition]
            accuracy = results["classes"]["accuracy"]["values"][condition][reader]
            assert accuracy == pytest.approx(np.mean(right))
    assert set(results["inputs"]) == {"design.json", "answers.csv", "model.csv", "truth.csv"}
    digest = hashlib.sha256((folder / "truth.csv").read_bytes()).hexdigest()
    assert results["inputs"]["truth.csv"] == digest


def test_the_primary_endpoint_is_the_one_of_the_design(results):
    primary, *others = results["endpoints"]
    assert primary["primary"]
    assert primary["figure"] == "AUC, invasive"
    document = results["tasks"]["invasive"]["auc"]
    assert primary["p"] == document["rrrc"]["p"]
    assert primary["margin"] == 0.05
    assert not any(row["primary"] for row in others)
    for row in others:
        assert row["p_holm"] >= row["p"]
    assert "named before the first read" in primary_sentence(primary)


def test_every_section_is_there(results):
    for name in ("tasks", "classes", "agreement", "time", "sessions", "outlines"):
        assert results[name], name
    assert results["outlines"]["cases"] == 6
    kinds = {row["kind"] for row in results["outlines"]["comparisons"]}
    assert kinds == {"reader-reader", "model-reader", "reader-consensus", "model-consensus"}
    assert set(results["agreement"]["repeats"]) == set(READERS)
    assert results["tasks"]["invasive"]["model"]["against_readers"]["non_inferiority"]["p"] < 1
    assert results["tasks"]["iac"]["model"]["against_readers"]["non_inferiority"] is None
    parts = results["classes"]["changes"]["reclassification"]
    everything = sum(np.sum(v) for v in parts["all"].values())
    split = sum(np.sum(v) for part in ("model right", "model wrong") for v in parts[part].values())
    assert everything == split == 36 * 4


def test_readers_times_have_the_ratio_they_were_made_with(results):
    low, high = results["time"]["model"]["ratio"]["ci"]
    assert low < 0.85 < high


def test_results_are_plain_json_without_nan(folder):
    text = (folder / "out" / "results.json").read_text()
    assert not re.search(r"\bNaN\b|\bInfinity\b", text)


def find_missing(value, path=""):
    """Estimates without value and reason."""
    if isinstance(value, dict):
        if "value" in value and value["value"] is None and not value.get("reason"):
            yield path
        for key, item in value.items():
            yield from find_missing(item, f"{path}/{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from find_missing(item, f"{path}[{i}]")


def test_what_is_not_estimable_has_a_reason(results):
    assert list(find_missing(results)) == []


def test_sizes_are_those_of_the_balls_that_were_drawn(folder, results):
    """The example's outlines are balls: their volume and diameter are known."""
    points = {(case, name): (m, r) for case, name, m, r in results["outlines"]["volume"]["points"]}
    assert len(points) == 6 * 4
    for case, name, model, reader in results["outlines"]["diameter"]["points"]:
        volumes = points[case, name]
        for diameter, volume in ((model, volumes[0]), (reader, volumes[1])):
            # The longest axis of three planes: above the mean width by up to a voxel.
            assert -0.2 < diameter - (6 * volume / np.pi) ** (1 / 3) < 1
    limits = results["outlines"]["diameter"]["limits"]
    differences = [m - r for _, _, m, r in results["outlines"]["diameter"]["points"]]
    # Every case has the four readers, so that the mean of means is the mean.
    assert limits["bias"]["value"] == pytest.approx(np.mean(differences))
    assert limits["lower"]["ci"][0] < limits["lower"]["value"] < limits["lower"]["ci"][1]
    ratio = results["outlines"]["volume"]["ratio"]
    logs = [np.log(m / r) for m, r in points.values()]
    assert ratio["bias"]["value"] == pytest.approx(np.exp(np.mean(logs)))
    rows = rows_in(folder / "out" / "figures" / "diameter_agreement.csv")
    assert {row["case"] for row in rows} >= {"bias", "lower limit", "upper limit"}
    assert len(rows) == 24 + 3


def test_probabilities_of_three_classes_are_those_of_the_answers(folder, results):
    truth = {row["case"]: CLASSES.index(row["class"]) for row in rows_in(folder / "truth.csv")}
    found = results["classes"]["probabilities"]
    assert set(found) == {"aided", "unaided", "model"}
    rows = [
        row for row in rows_in(folder / "export" / "answers.csv")
        if (row["reader"], row["condition"], row["role"]) == ("S1", "unaided", "main")
    ]  # fmt: skip
    one = found["unaided"]["S1"]
    assert one["n"] == len(rows) == 36
    scores, areas = [], []
    for row in rows:
        invasive, iac = float(row["p_invasive"]) / 100, float(row["p_iac"]) / 100
        wanted = np.eye(3)[truth[row["case"]]]
        scores.append(np.sum((np.array([1 - invasive, invasive - iac, iac]) - wanted) ** 2))
        areas.append((truth[row["case"]] == 2, iac))
    assert one["brier"]["value"] == pytest.approx(np.mean(scores))
    pairs = [(x > y) + 0.5 * (x == y) for a, x in areas if a for b, y in areas if not b]
    assert one["one_vs_rest"]["each"][2] == pytest.approx(np.mean(pairs))


def test_readers_dice_with_each_other_is_compared_between_the_conditions(folder, results):
    change = results["outlines"]["change"]
    assert change["study"]["readers"] == sorted(READERS)
    assert change["method"]["figure"] == "mean Dice with the other readers"
    masks = folder / "export" / "masks"
    values = []
    for n in range(6):
        mine, *others = (
            decode((masks / f"{r}_C{n:03d}_aided.nrrd").read_bytes())[0] > 0
            for r in ("S1", "J1", "J2", "S2")
        )
        values.append([2 * (mine & o).sum() / (mine.sum() + o.sum()) for o in others])
    assert change["values"]["aided"]["S1"] == pytest.approx(np.mean(values))
    row = next(r for r in results["endpoints"] if "Dice" in r["figure"])
    assert row["p"] == change["rrrc"]["p"]
    assert row["p_holm"] >= row["p"]


def test_the_bootstrap_stands_beside_the_main_result(results):
    for task in results["tasks"].values():
        drawn, main = task["bootstrap"], task["auc"]
        assert drawn["cases"]["value"] == pytest.approx(main["difference"])
        assert drawn["readers_and_cases"]["value"] == pytest.approx(main["difference"])
        assert "4 readers" in drawn["readers_and_cases"]["method"]
        # Fixed readers, random cases: the same question as the bootstrap over cases.
        assert drawn["cases"]["se"] == pytest.approx(main["frrc"]["se"], rel=0.35)


EXPECTED_FIGURES = {
    "flow", "roc_invasive", "forest_invasive", "reliability_invasive", "decision_invasive",
    "ratings_invasive", "roc_iac", "forest_iac", "reliability_iac", "decision_iac", "ratings_iac",
    "confusion", "reclassification", "agreement", "dice_matrix", "outlines", "volume_agreement",
    "diameter_agreement", "time",
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


def test_the_design_says_when_the_model_was_shown(folder):
    with (folder / "out" / "tables" / "design.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[0]]
    assert dict(rows)["The model was shown"] == "with the image, in aided readings"
    assert dict(rows)["Washout"] == "28 days at least"


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


def test_the_pdf_is_one(folder):
    content = (folder / "out" / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")


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


def test_results_that_are_none_or_of_another_version_are_refused(tmp_path):
    with pytest.raises(StudyError, match="study analyze"):
        run("report", tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 99}')
    with pytest.raises(StudyError, match="format 99"):
        run("report", tmp_path)


def test_a_missing_pdf_library_is_named_and_the_results_are_kept(folder, tmp_path, monkeypatch):
    shutil.copy(folder / "out" / "results.json", tmp_path)
    monkeypatch.setitem(sys.modules, "svglib.svglib", None)
    monkeypatch.delitem(sys.modules, "densesharp.study.report.pdf", raising=False)
    with pytest.raises(StudyError, match=r"svglib.*densesharp\[report\]"):
        run("report", tmp_path)
    assert (tmp_path / "results.json").is_file()


def test_plain_readings_are_analysed_too(van_dyke, reader_study_folder, tmp_path):
    assert run("analyze", reader_study_folder / "vandyke.csv", "--out", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    auc = found["tasks"]["disease"]["auc"]
    assert auc["rrrc"]["p"] == pytest.approx(0.0516656858192944)
    assert found["classes"] is None
    assert found["model_alone"] is None
    assert "exploratory" in (tmp_path / "out" / "report.html").read_text()


def small(tmp_path, answers, truth=(("c1", "MIA"), ("c2", "IAC")), header=None):
    names = header or ("reader", "case", "condition", "class")
    write_csv(tmp_path / "answers.csv", [dict(zip(names, row, strict=True)) for row in answers])
    write_csv(tmp_path / "truth.csv", [{"case": c, "class": t} for c, t in truth])
    return load_study(tmp_path / "answers.csv", tmp_path / "truth.csv")


def test_answers_without_ratings_give_classes_only(tmp_path):
    data = small(
        tmp_path,
        [(r, c, "unaided", CLASSES[(i + j) % 3]) for i, r in enumerate("ab")
         for j, c in enumerate(("c1", "c2", "c3"))],
        (("c1", "MIA"), ("c2", "IAC"), ("c3", "AAH-AIS")),
    )  # fmt: skip
    found = analyse_study(data)
    assert found["tasks"] == {}
    assert found["classes"]["confusion"]["unaided"]["readers"]["a"]["accuracy"]["value"] is not None
    assert list(find_missing(found)) == []


def test_tiny_and_one_class_studies_are_analysed_without_a_crash(tmp_path):
    names = ("reader", "case", "condition", "class", "p_invasive", "p_iac", "active_s", "session")
    rows = [
        ("a", "c1", "aided", "MIA", 50, 20, 10, 1), ("a", "c2", "aided", "MIA", 50, 20, 10, 1),
        ("a", "c1", "unaided", "MIA", 50, 20, 10, 2), ("b", "c1", "unaided", "MIA", 50, 20, 10, 2),
    ]  # fmt: skip
    data = small(tmp_path, rows, (("c1", "MIA"), ("c2", "MIA")), names)
    found = analyse_study(data)
    assert list(find_missing(found)) == []
    json.dumps(found, allow_nan=False)
    (tmp_path / "out").mkdir()
    from densesharp.study.report.write import write_results

    write_results(found, tmp_path / "out")
    assert "not estimable" in (tmp_path / "out" / "report.html").read_text()


def test_a_missing_reading_leaves_the_complete_cases_to_the_endpoints(folder, tmp_path):
    answers = [r for r in rows_in(folder / "export" / "answers.csv") if r["role"] == "main"]
    write_csv(tmp_path / "answers.csv", [row | {"mask": ""} for row in answers[1:]])
    data = load_study(tmp_path / "answers.csv", folder / "truth.csv")
    found = analyse_study(data)
    assert found["study"]["missing_readings"] == 1
    for row in found["endpoints"]:
        assert row["complete_cases_only"]
        assert row["cases"] == 35
        assert row["p"] is not None
    assert "35 cases that all read" in primary_sentence(found["endpoints"][0] | {"margin": None})


@pytest.mark.parametrize(
    ("answers", "truth", "says"),
    [
        ([("a", "c1", "unaided", "GGN")], None, "line 2, column 'class': unknown class 'GGN'"),
        ([("a", "c1", "unaided", "")], None, "line 2, column 'class': the class is missing"),
        ([("a", "c9", "unaided", "MIA")], None, "line 2, column 'case': case 'c9' has no class"),
        ([("a", "c1", "unaided", "MIA")] * 2, None, "line 3, column 'case': a second answer"),
        ([("a", "c1", "unaided", "MIA")], (("c1", "cancer"),), "unknown class 'cancer'"),
        ([("a", "c1", "unaided", "MIA")], (("c1", "MIA"),) * 2, "a second reading of case"),
        ([("", "c1", "unaided", "MIA")], None, "line 2, column 'reader': the cell is empty"),
    ],
)
def test_wrong_answers_and_truths_are_refused(tmp_path, answers, truth, says):
    with pytest.raises(TableError, match=says):
        small(tmp_path, answers, truth or (("c1", "MIA"), ("c2", "IAC")))


def test_readers_alone_are_compared_with_the_model(folder, tmp_path):
    """The study of the paper: no aided reading; the endpoint is model against readers."""
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    answers = [row for row in rows_in(export / "answers.csv") if row["condition"] == "unaided"]
    write_csv(export / "answers.csv", answers)
    design = json.loads((export / "design.json").read_text()) | {"kind": "unaided"}
    endpoint = {"figure": "accuracy", "task": "invasive", "readers": "fixed", "margin": 0.2}
    (export / "design.json").write_text(json.dumps(design | {"endpoint": endpoint}))
    found = analyse_study(load_study(export, folder / "truth.csv"))
    primary, *others = found["endpoints"]
    assert (primary["figure"], primary["form"]) == ("Three-class accuracy", "frrc")
    assert (primary["first"], primary["second"]) == ("model", "readers")
    confusion = found["classes"]["confusion"]
    model = confusion["model"]["mean"]["accuracy"]["value"]
    readers = [one["accuracy"]["value"] for one in confusion["unaided"]["readers"].values()]
    assert primary["means"]["model"] == pytest.approx(model)
    assert primary["difference"] == pytest.approx(model - np.mean(readers))
    assert primary["not_inferior"] is (primary["ci"][0] > -0.2)
    assert "the model is" in primary_sentence(primary)
    assert {row["figure"] for row in others} >= {
        "AUC, invasive",
        "Quadratic kappa against pathology",
    }
    auc = found["tasks"]["invasive"]["model"]["against_readers"]
    assert auc["non_inferiority"] is None, "the margin is the accuracy's, not the area's"
    same = next(row for row in others if row["figure"] == "AUC, invasive")
    assert same["p"] == auc["rrrc"]["p"]


def test_ratings_outside_the_scale_are_refused(tmp_path):
    names = ("reader", "case", "condition", "class", "p_invasive", "p_iac")
    with pytest.raises(TableError, match="line 3, column 'p_iac': the rating is not between"):
        small(
            tmp_path,
            [("a", "c1", "unaided", "MIA", 50, 20), ("a", "c2", "unaided", "MIA", 50, 120)],
            header=names,
        )


def test_a_truth_that_was_exchanged_is_refused(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    design = json.loads((export / "design.json").read_text())
    digest = hashlib.sha256((folder / "truth.csv").read_bytes()).hexdigest()
    (export / "design.json").write_text(json.dumps(design | {"truth_sha256": digest}))
    assert load_study(export, folder / "truth.csv").cases
    (export / "design.json").write_text(json.dumps(design | {"truth_sha256": "0" * 64}))
    with pytest.raises(StudyError, match="not the file that the design was frozen with"):
        load_study(export, folder / "truth.csv")


def test_folders_that_are_no_export_and_missing_truths_are_refused(folder, tmp_path):
    with pytest.raises(StudyError, match=r"'design\.json' is missing"):
        load_study(tmp_path, folder / "truth.csv")
    with pytest.raises(StudyError, match="--truth"):
        load_study(folder / "export")


def test_power_from_a_pilot(reader_study_folder, capsys):
    pilot = reader_study_folder / "vandyke.csv"
    sizes = ("--readers", 6, 10, "--cases", 251)
    run("power", pilot, "--effect", 0.05, *sizes, "--json", "-")
    found = json.loads(capsys.readouterr().out)
    first = next(r for r in found["power"] if r["form"] == "rrrc" and r["readers"] == 6)
    assert first["power"] == pytest.approx(0.89228198939156)
    needed = next(r for r in found["cases_needed"] if r["form"] == "rrrc" and r["readers"] == 6)
    assert needed["found"]["cases"] == 170
    run("power", pilot, "--effect", 0.001, "--readers", 2)
    assert "not reachable" in capsys.readouterr().out
    with pytest.raises(StudyError, match="effect"):
        run("power", pilot, "--effect", 0, "--readers", 4)


def test_power_of_one_area(reader_study_folder, capsys):
    run("power", "--auc", 0.731368563685637, "--ratio", 72 / 41, "--power", 0.9, "--cases", 113)
    text = capsys.readouterr().out
    assert "0.990" in text
    assert text.splitlines()[-1].split() == ["24", "42", "0.9"]
    run("power", "--auc", 0.75, "--json", "-")
    assert json.loads(capsys.readouterr().out)["cases_needed"]["diseased"] > 10
    for wrong in ((), (reader_study_folder / "vandyke.csv", "--auc", 0.8)):
        with pytest.raises(StudyError, match="either a pilot"):
            run("power", *wrong)
    with pytest.raises(StudyError, match="cases without disease"):
        run("power", "--auc", 0.75, "--ratio", -1)


def test_the_export_of_a_study_has_the_columns_that_the_analysis_reads(folder):
    read = {
        "reader", "group", "session", "position", "role", "case", "condition", "final", "class",
        "p_invasive", "p_iac", "mask", "active_s",
    }  # fmt: skip
    assert read <= set(ANSWER_COLUMNS)
    assert set(rows_in(folder / "export" / "answers.csv")[0]) <= set(ANSWER_COLUMNS)
    assert set(rows_in(folder / "export" / "model.csv")[0]) == set(MODEL_COLUMNS)


def test_outlines_on_another_grid_are_refused(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    array, grid = decode((export / "masks" / "S1_C002_unaided.nrrd").read_bytes())
    moved = dataclasses.replace(grid, origin=grid.origin + (2, 0, 0))
    (export / "masks" / "S1_C002_unaided.nrrd").write_bytes(encode(array, moved))
    with pytest.raises(StudyError, match="'C002' have different sizes or places"):
        analyse_outlines(load_study(export, folder / "truth.csv"))


def test_lung_around_the_outlines_changes_nothing(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "export", export)
    for path in (export / "masks").glob("*C002*.nrrd"):
        array, grid = decode(path.read_bytes())
        wider = grid.crop((-30, -20, -10), np.array(grid.size) + (60, 40, 20))
        path.write_bytes(encode(np.pad(array, ((10, 10), (20, 20), (30, 30))), wider))
    found = [
        analyse_outlines(load_study(base / "export", folder / "truth.csv"))
        for base in (folder, tmp_path)
    ]
    for name in ("volume", "diameter"):
        pairs = zip(*(one[name]["points"] for one in found), strict=True)
        assert all(a[:2] == b[:2] and a[2:] == pytest.approx(b[2:]) for a, b in pairs)
    for a, b in zip(*(one["comparisons"] for one in found), strict=True):
        # STAPLE looks at the background, which here ended at the picture's edge.
        if "consensus" not in a["kind"]:
            assert a == pytest.approx(b)
