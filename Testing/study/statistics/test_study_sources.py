"""What `study analyze` and `study power` are given: small, wrong and exchanged tables."""

import dataclasses
import hashlib
import html
import json
import shutil

import matplotlib as mpl
import pytest
from example_study import CLASSES, write_csv
from study_run import find_missing, rows_in, run

from densesharp.errors import StudyError, TableError
from densesharp.stats.estimates import to_json
from densesharp.stats.from_json import from_json
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.analysis.outlines import analyse_outlines
from densesharp.study.analysis.study_results import EndpointResult, StudyResults
from densesharp.study.conduct.reader_masks import decode, encode
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.write_export import ANSWER_COLUMNS, MODEL_COLUMNS
from densesharp.study.figures.figure_style import RC, save
from densesharp.study.figures.matrices import agreement_plot
from densesharp.study.report.summary import primary_sentence


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
    found = to_json(analyse_study(data))
    assert found["tasks"] == {}
    assert found["classes"]["confusion"]["unaided"]["readers"]["a"]["accuracy"]["value"] is not None
    assert list(find_missing(found)) == []


@pytest.mark.parametrize(
    ("reader", "condition", "sentence"),
    [
        ("model", "unaided", "A reader in .* is called 'model'"),
        ("all", "unaided", "A reader in .* is called 'all'"),
        ("pathology", "unaided", "A reader in .* is called 'pathology'"),
        ("a", "model", "A condition in .* is called 'model'"),
        ("a", "difference", "A condition in .* is called 'difference'"),
    ],
)
def test_names_of_rows_of_the_results_are_refused(tmp_path, reader, condition, sentence):
    """Reader `all` took the place of all readers' times, condition `model` that of the model."""
    rows = [(reader, case, condition, "MIA") for case in ("c1", "c2")]
    with pytest.raises(StudyError, match=sentence):
        small(tmp_path, rows)


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [(name, cell, "is not a number") for name in ("p_invasive", "active_s")
     for cell in ("inf", "-inf", "nan", "1e400", "abc", "1_0", "٥٠", "50,5", "0x1")]
    + [(name, cell, "not between 0") for name, cell in (
        ("p_invasive", "101"), ("p_iac", "-1"), ("p_iac", "1e300"), ("active_s", "-5"),
        ("active_s", "1e308"), ("active_s", "86401"))]
    + [("class", cell, "class") for cell in ("XXX", "mia", "")],
)  # fmt: skip
def test_odd_cells_are_refused_with_their_place(tmp_path, column, cell, sentence):
    names = ("reader", "case", "condition", "class", "p_invasive", "p_iac", "active_s")
    rows = [dict(zip(names, ("a", case, "unaided", "MIA", "50", "20", "30"), strict=True))
            for case in ("c1", "c2")]  # fmt: skip
    rows[1][column] = cell
    with pytest.raises(TableError, match=f"line 3, column '{column}'.*{sentence}"):
        small(tmp_path, [tuple(row.values()) for row in rows], header=names)


@pytest.mark.parametrize("cell", ["-0", "0.0", "5e-324", "1e2", " 50 ", "99.999999999999999"])
def test_numbers_at_the_ends_are_taken(tmp_path, cell):
    names = ("reader", "case", "condition", "class", "p_invasive", "p_iac")
    rows = [("a", case, "unaided", "MIA", cell, "0") for case in ("c1", "c2")]
    data = small(tmp_path, rows, header=names)
    assert data.tasks[0].ratings[0, 0, 0] == float(cell)


def test_names_with_a_slash_or_dollars_are_drawn_as_they_are(tmp_path):
    names = ("Smith / Jones", "a$b$c", "$\\frac{", "<b>")
    rows = [
        (r, c, "unaided", CLASSES[(i + j) % 3])
        for i, r in enumerate(names)
        for j, c in enumerate(("c1", "c2", "c3"))
    ]
    data = small(tmp_path, rows, (("c1", "MIA"), ("c2", "IAC"), ("c3", "AAH-AIS")))
    found = analyse_study(data)
    with mpl.rc_context(RC):
        plot = agreement_plot(found.agreement)
    save(plot, tmp_path)
    drawn = html.unescape((tmp_path / "agreement.svg").read_text())
    assert all(name in drawn for name in names)
    pairs = found.agreement.conditions["unaided"].pairs.quadratic_kappa
    for row in rows_in(tmp_path / "agreement.csv"):
        wanted = pairs[f"{row['first']} / {row['second']}"].value
        assert float(row["quadratic_kappa"]) == pytest.approx(wanted)


def test_tiny_and_one_class_studies_are_analysed_without_a_crash(tmp_path):
    names = ("reader", "case", "condition", "class", "p_invasive", "p_iac", "active_s", "session")
    rows = [
        ("a", "c1", "aided", "MIA", 50, 20, 10, 1), ("a", "c2", "aided", "MIA", 50, 20, 10, 1),
        ("a", "c1", "unaided", "MIA", 50, 20, 10, 2), ("b", "c1", "unaided", "MIA", 50, 20, 10, 2),
    ]  # fmt: skip
    data = small(tmp_path, rows, (("c1", "MIA"), ("c2", "MIA")), names)
    found = to_json(analyse_study(data))
    assert list(find_missing(found)) == []
    json.dumps(found, allow_nan=False)
    (tmp_path / "out").mkdir()
    from densesharp.study.report.write_report import write_results

    write_results(from_json(StudyResults, found), tmp_path / "out")
    assert "not estimable" in (tmp_path / "out" / "report.html").read_text()


def test_a_missing_reading_leaves_the_complete_cases_to_the_endpoints(folder, tmp_path):
    answers = [r for r in rows_in(folder / "export" / "answers.csv") if r["role"] == "main"]
    write_csv(tmp_path / "answers.csv", [row | {"mask": ""} for row in answers[1:]])
    data = load_study(tmp_path / "answers.csv", folder / "truth.csv")
    found = to_json(analyse_study(data))
    assert found["study"]["missing_readings"] == 1
    for row in found["endpoints"]:
        assert row["complete_cases_only"]
        assert row["cases"] == 35
        assert row["p"] is not None
    assert "35 cases that all read" in primary_sentence(
        from_json(EndpointResult, found["endpoints"][0] | {"margin": None})
    )


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
    run("power", "--auc", 0.75, "--ratio", 0.5, "--cases", 90, "--json", "-")
    document = json.loads(capsys.readouterr().out)
    (found,) = document["power"]
    assert (found["diseased"], found["others"]) == pytest.approx((60, 30))
    run("power", "--auc", 0.75, "--json", "-")
    assert json.loads(capsys.readouterr().out)["cases_needed"]["diseased"] > 10
    for wrong in ((), (reader_study_folder / "vandyke.csv", "--auc", 0.8)):
        with pytest.raises(StudyError, match="either a pilot"):
            run("power", *wrong)
    with pytest.raises(StudyError, match="cases without disease"):
        run("power", "--auc", 0.75, "--ratio", -1)
