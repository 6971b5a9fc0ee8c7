"""From tables and images to a frozen study, and the commands around it."""

import argparse
import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
from study_simulation import CT_GRID, SEED, ball, ball_mask, plain_answer, read_session

from densesharp.cli.study import export, merge, new, verify
from densesharp.errors import DenseSharpError, StudyError, TableError
from densesharp.image.sampling import to_sitk
from densesharp.image.volume import Notice
from densesharp.nodule.records import NoduleResult, Seed, Uncertainty
from densesharp.serve.case_list import read_cases
from densesharp.study.conduct.model_results import load_aid
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.truth_key import read_key
from nodule_results import measurements

MODEL = {"name": "example model", "sha256": "cd" * 32, "trained_on": "simulated nodules"}


def a_ct() -> np.ndarray:
    noise = np.random.default_rng(0).normal(-850, 30, CT_GRID.shape)
    return np.where(ball(), 20, noise).astype(np.int16)


def write_image(path, array):
    sitk.WriteImage(to_sitk(array, CT_GRID), str(path))


def write_rows(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def write_result(path, chances, verdict="caution"):
    """As `predict` writes it; a refused result keeps what was computed."""
    result = NoduleResult(
        id="nodule_001", seed=Seed(np.array(SEED)), center_lps=SEED, class_probabilities=chances,
        uncertainty=Uncertainty(8, {}, 0.04, 0.001, 0.5, 3.0, (1201.0, 1299.0)), stability=None,
        measurements=measurements(), guidelines={}, verdict=verdict,
        notices=(Notice("light", "A note.", "info"), Notice("grave", "A reason.")), timings_ms={},
        shift_mm=0.0, passes=1, evidence_inside=None,
    )  # fmt: skip
    path.write_text(json.dumps({"model": MODEL, "nodules": [result.to_json()]}))


@pytest.fixture
def tables(tmp_path):
    """Six cases with images, results, truth and readers."""
    rows = [("case", "image", "x", "y", "z", "space", "practice", "size")]
    truth = [("case", "class")]
    x, y, z = SEED
    seeds = {"ras": (-x, -y, z), "lps": (x, y, z), "ijk": tuple(CT_GRID.to_index(SEED))}
    for n, space in enumerate(("ras", "lps", "ijk", "", "ras", "ras")):
        name = f"case{n}"
        write_image(tmp_path / f"{name}.nrrd", a_ct() + n)
        practice = "yes" if n == 5 else "no"
        rows.append((name, f"{name}.nrrd", *seeds[space or "ras"], space, practice, "ab"[n % 2]))
        truth.append((name, ("AAH-AIS", "MIA", "IAC")[n % 3]))
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        chances = {"AAH-AIS": 0.1, "MIA": 0.2 + n / 100, "IAC": 0.7 - n / 100}
        write_result(folder / "result.json", chances)
        write_image(folder / "nodule_001_mask.nrrd", ball().astype(np.uint8))
    write_rows(tmp_path / "cases.csv", *rows)
    write_rows(tmp_path / "truth.csv", *truth)
    write_rows(tmp_path / "readers.csv", ("reader", "group"), ("S1", "senior"), ("J1", "junior"))
    return tmp_path


def command(module, *arguments) -> int:
    parser = argparse.ArgumentParser()
    module.configure(parser)
    return module.run(parser.parse_args([str(argument) for argument in arguments]))


def make(tables, *more) -> int:
    return command(
        new, tables / "study", "--cases", tables / "cases.csv", "--readers", tables / "readers.csv",
        "--seed", 3, *more,
    )  # fmt: skip


def with_aid(tables):
    return ("--results", tables / "results", "--truth", tables / "truth.csv")


def test_a_preview_lists_what_would_be_frozen_and_makes_nothing(tables, capsys):
    before = {path.name for path in tables.iterdir()}
    assert make(tables, *with_aid(tables), "--preview") == 0
    said = capsys.readouterr().out
    assert "Study 'study' would have\n  2 readers: S1 (senior), J1 (junior)\n" in said
    assert "    case4: case4.nrrd, size a\n    case5: case5.nrrd (practice), size b\n" in said
    assert {path.name for path in tables.iterdir()} == before, "no study, no key"
    (tables / "case0.nrrd").unlink()
    with pytest.raises(DenseSharpError, match="case0"):
        make(tables, "--preview")


def test_a_study_is_made_from_tables(tables, capsys):
    assert make(tables, *with_aid(tables), "--margin", "0.05", "--repeats", "2") == 0
    said = capsys.readouterr().out
    study = open_study(tables / "study")
    assert study.design.sha256 in said
    assert "2 readers, 5 cases, 1 for practice, 3 sessions each, seed 3" in said
    for case in study.design.cases:
        assert case.seed_lps == pytest.approx(SEED, abs=1e-9)
        assert study.image(case).resolve() == tables / f"{case.id}.nrrd"
        assert case.strata == {"size": "ab"[int(case.id[-1]) % 2]}
    aid = load_aid(study, study.design.cases[2])
    assert (aid.model, aid.model_sha256, aid.trained_on) == tuple(MODEL.values())
    assert aid.probabilities == pytest.approx({"AAH-AIS": 0.1, "MIA": 0.22, "IAC": 0.68})
    assert aid.mask == ball_mask().nrrd


def test_the_results_of_a_cohort_serve_a_study_as_they_are(tables):
    """`cohort cases.csv --out results`: one record a case, masks cut to the nodule."""
    cases = tables / "cohort" / "cases"
    cases.mkdir(parents=True)
    for n in range(6):
        written = tables / "results" / f"case{n}"
        document = json.loads((written / "result.json").read_text())
        record = {"schema": 1, "case": f"case{n}", "status": "done", "result": document}
        (cases / f"case{n}.json").write_text(json.dumps(record))
        image = sitk.ReadImage(str(written / "nodule_001_mask.nrrd"))
        cut = sitk.LabelShapeStatisticsImageFilter()
        cut.Execute(image)
        box = cut.GetBoundingBox(1)
        small = sitk.RegionOfInterest(image, box[3:], box[:3])
        sitk.WriteImage(small, str(cases / f"case{n}_nodule_001_mask.nrrd"))
    truth = ("--truth", tables / "truth.csv")
    assert make(tables, "--results", tables / "cohort", *truth) == 0
    study = open_study(tables / "study")
    aid = load_aid(study, study.design.cases[2])
    assert aid.probabilities == pytest.approx({"AAH-AIS": 0.1, "MIA": 0.22, "IAC": 0.68})
    assert aid.mask == ball_mask().nrrd


def test_a_studys_case_list_serves_a_cohort(tables):
    cases = read_cases(tables / "cases.csv")
    assert [case.id for case in cases] == [f"case{n}" for n in range(6)]
    assert [case.points[0].space for case in cases] == ["ras", "lps", "ijk", "ras", "ras", "ras"]


def test_the_truth_stays_out_of_the_study_folder(tables):
    make(tables, *with_aid(tables))
    for path in (tables / "study").rglob("*"):
        assert "truth" not in path.name
        if path.suffix == ".csv":
            assert b"MIA" not in path.read_bytes()


def test_the_key_lies_with_the_truth_and_a_sorted_table_tells_nothing(tables, capsys):
    rows = list(csv.reader((tables / "cases.csv").read_text().splitlines()))
    by_class = {"case0": 0, "case3": 0, "case1": 1, "case4": 1, "case2": 2, "case5": 2}
    write_rows(tables / "cases.csv", rows[0], *sorted(rows[1:], key=lambda r: -by_class[r[0]]))
    make(tables, *with_aid(tables))
    key = tables / "truth-study.key"
    said = capsys.readouterr().out
    assert f"key {key}: keep it with the truth" in said
    design = open_study(tables / "study").design
    assert [case.id for case in design.cases] == [f"case{n}" for n in range(6)]
    secret = read_key(key, design.key_sha256)
    assert design.truth_sha256 == secret.seal((tables / "truth.csv").read_bytes())
    with pytest.raises(StudyError, match="holds a study already"):
        make(tables, *with_aid(tables))
    assert key.is_file(), "another try leaves the key of the study alone"


def test_instructions_and_feedback_are_part_of_the_design(tables):
    (tables / "readme.txt").write_text("Read as in the clinic.\r\nThank you.\n", newline="")
    options = ("--instructions", tables / "readme.txt", "--practice-feedback")
    text = (tables / "truth.csv").read_text()
    (tables / "truth.csv").write_text(text.replace("case5,IAC", "other,IAC"))
    with pytest.raises(StudyError, match="Feedback needs the class of 'case5'"):
        make(tables, *with_aid(tables), *options)
    (tables / "truth.csv").write_text(text)
    make(tables, *with_aid(tables), *options)
    design = open_study(tables / "study").design
    assert design.instructions == "Read as in the clinic.\nThank you."
    assert [case.feedback for case in design.cases] == [""] * 5 + ["IAC"]


def test_a_teaching_set_is_named_as_such_when_it_is_made(tables, capsys):
    make(tables, *with_aid(tables), "--teaching")
    assert "a teaching set" in capsys.readouterr().out
    design = open_study(tables / "study").design
    assert design.teaching
    assert all(case.feedback for case in design.cases)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\x00b", b"x" * 10_001])
def test_instructions_that_are_no_short_text_are_refused(tables, content):
    (tables / "bad.txt").write_bytes(content)
    with pytest.raises(StudyError, match="instructions"):
        make(tables, "--kind", "unaided", "--instructions", tables / "bad.txt")


def test_a_key_in_the_study_folder_or_over_another_is_refused(tables):
    for name, sentence in (("study/a.key", "would lie in the study's folder"),
                           ("truth.csv", "exists already")):  # fmt: skip
        with pytest.raises(DenseSharpError, match=sentence):
            make(tables, *with_aid(tables), "--key", tables / name)
        assert not (tables / "study").exists()
    make(tables, *with_aid(tables), "--key", tables / "elsewhere.key")
    assert (tables / "elsewhere.key").is_file()


def test_names_that_say_the_class_are_refused(tables):
    for n, name in enumerate(("aah_ais", "mia", "iac", "ais", "MIA", "IAC")):
        (tables / name).mkdir(exist_ok=True)
        (tables / f"case{n}.nrrd").rename(tables / name / f"{n}.nrrd")
        text = (tables / "cases.csv").read_text()
        (tables / "cases.csv").write_text(text.replace(f"case{n}.nrrd", f"{name}/{n}.nrrd"))
    with pytest.raises(StudyError, match="path of case 'case0' says its class"):
        make(tables, *with_aid(tables))
    assert not (tables / "study").exists()


def test_reading_verifying_exporting_and_merging_by_command(tables, capsys):
    make(tables, *with_aid(tables))
    study = open_study(tables / "study")
    for reader, address in (("S1", study.default_store), ("J1", tables / "elsewhere.sqlite")):
        store = open_store(address, study.design.study, study.design.sha256)
        read_session(Reading(study, store, reader), 1)
        store.close()
    folder, heads = study.folder, tables / "heads.json"
    assert command(merge, folder, tables / "elsewhere.sqlite") == 0
    assert command(verify, folder, "--write-heads", heads) == 0
    assert (
        "The record is whole: 12 of 22 planned answers, 2 of 2 readers." in capsys.readouterr().out
    )
    assert command(verify, folder, "--heads", heads) == 0
    assert command(export, folder, "--out", tables / "export") == 0
    assert len((tables / "export" / "answers.csv").read_text().splitlines()) == 13
    unread = sum(item.session > 1 or item.reader not in ("S1", "J1") for item in study.schedule)
    assert f"{unread} readings still to be made" in capsys.readouterr().err
    heads.write_text(json.dumps({"S1": "00" * 32}))
    capsys.readouterr()
    assert command(verify, folder, "--heads", heads) == 2
    assert "The record is NOT whole" in capsys.readouterr().out


def test_looking_before_anybody_read_is_said(tables):
    make(tables, "--kind", "unaided")
    with pytest.raises(StudyError, match="nobody has read yet"):
        command(verify, tables / "study")


@pytest.mark.parametrize(
    ("file", "old", "new_text", "sentence"),
    [
        ("cases.csv", "case2.nrrd", "none.nrrd", r"line 4, column 'image'"),
        ("cases.csv", "ijk", "abc", r"line 4, column 'space': 'abc' is not ras, lps or ijk"),
        ("cases.csv", "yes", "maybe", r"line 7, column 'practice'"),
        ("cases.csv", "size", "class", r"truth belongs into a table of its own"),
        ("cases.csv", "case1,", "case0,", r"'case0' is named twice"),
        ("readers.csv", "group", "rank", r"column 'group' is missing"),
        ("truth.csv", "case4", "caseX", r"lacks the case 'case4'"),
        ("truth.csv", "case1", "case0", r"'case0' is listed twice"),
        ("truth.csv", "IAC", "cancer", r"'cancer' is not one of AAH-AIS, MIA, IAC"),
        ("results/case1/result.json", "cdcd", "abcd", r"different models"),
        ("results/case1/result.json", "{", "", r"no result of the model for case 'case1'"),
        ("results/case1/result.json", "nodule_001", "nodule_002", None),
    ],
)
def test_wrong_sources_are_named_and_nothing_is_made(tables, file, old, new_text, sentence):
    path = tables / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new_text, 1))
    if sentence is None:
        # A result without an outline is a result.
        assert make(tables, *with_aid(tables)) == 0
        return
    with pytest.raises(DenseSharpError, match=sentence):
        make(tables, *with_aid(tables))
    assert not (tables / "study").exists()


def test_a_point_outside_its_image_is_named(tables):
    image = sitk.ReadImage(str(tables / "case3.nrrd"))
    image.SetOrigin((500, 0, 0))
    sitk.WriteImage(image, str(tables / "case3.nrrd"))
    with pytest.raises(TableError, match=r"line 5, column 'x': the point lies outside the image"):
        make(tables, *with_aid(tables))


def test_a_refused_result_cannot_be_shown(tables):
    path = tables / "results" / "case0" / "result.json"
    chances = {"AAH-AIS": 0.1, "MIA": 0.2, "IAC": 0.7}  # kept in the file, never shown
    for kept in (None, chances):
        write_result(path, kept, verdict="refused")
        with pytest.raises(StudyError, match="refused case 'case0'"):
            make(tables, *with_aid(tables))


def test_the_aid_says_what_the_product_says(tables):
    """The same sentences, what is gravest first: volume, what other readers would give, spread."""
    assert make(tables, *with_aid(tables)) == 0
    study = open_study(tables / "study")
    aid = load_aid(study, study.design.cases[0])
    assert (aid.verdict, aid.reasons) == ("caution", ("A reason.", "A note."))
    low, high = (f"{value:.0f}" for value in measurements().volume_interval_mm3)
    assert aid.volume == f"Volume 1235 mm³. Volume by other readers {low} to {high} mm³."
    assert aid.spread == (
        "Spread over 8 runs: P(invasive) ± 0.04, P(IAC) ± <0.01, volume 1201 to 1299 mm³."
    )


def test_of_several_nodules_the_list_must_name_one(tables):
    path = tables / "results" / "case0" / "result.json"
    document = json.loads(path.read_text())
    document["nodules"] = [{**document["nodules"][0], "id": f"nodule_00{n}"} for n in (1, 2)]
    path.write_text(json.dumps(document))
    with pytest.raises(StudyError, match="has 2 results for case 'case0'"):
        make(tables, *with_aid(tables))
    rows = list(csv.reader((tables / "cases.csv").read_text().splitlines()))
    rows = [[*row, "nodule" if n == 0 else "nodule_001"] for n, row in enumerate(rows)]
    write_rows(tables / "cases.csv", *rows)
    assert make(tables, *with_aid(tables)) == 0
    assert "nodule" not in open_study(tables / "study").design.cases[0].strata


def test_an_outline_of_another_image_is_refused(tables):
    array = sitk.ReadImage(str(tables / "results/case0/nodule_001_mask.nrrd"))
    array.SetOrigin((0, 0, 0))
    sitk.WriteImage(array, str(tables / "results/case0/nodule_001_mask.nrrd"))
    with pytest.raises(StudyError, match="does not lie on the image of case 'case0'"):
        make(tables, *with_aid(tables))


def test_a_second_design_in_the_same_folder_is_refused(tables):
    make(tables, "--kind", "unaided")
    with pytest.raises(StudyError, match="holds a study already"):
        make(tables, "--kind", "unaided")


def test_an_unknown_table_is_refused(tables):
    (tables / "cases.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError):
        make(tables, "--kind", "unaided")


def test_study_and_images_can_move_together(tables, tmp_path):
    make(tables, "--kind", "unaided")
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tables.rename(moved)
    study = open_study(moved / "study")
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    reading = Reading(study, store, "S1")
    reading.start_session(1)
    reading.submit(plain_answer(reading.open_case()))
    store.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seed", "1.5"), "'Seed' cannot be '1.5': it is a whole number"),
        (("--washout-days", "a month"), "'Washout in days' cannot be 'a month'"),
        (("--margin", "nan"), "'Margin' cannot be 'nan'"),
        (("--margin", "2"), "margin 2.0 must lie between 0 and 1"),
        (("--repeats", "99"), "99 repeated cases"),
        (("--cases", ""), "'Cases' is missing .--cases on the command line.: table case,image"),
    ],
)
def test_wrong_settings_are_named_and_nothing_is_made(tables, arguments, sentence):
    with pytest.raises(StudyError, match=sentence):
        make(tables, "--kind", "unaided", *arguments)
    assert not (tables / "study").exists()


def test_a_seed_is_drawn_and_recorded_when_none_is_given(tables, capsys):
    command(
        new, tables / "study", "--cases", tables / "cases.csv", "--readers", tables / "readers.csv",
        "--kind", "unaided",
    )  # fmt: skip
    study = open_study(tables / "study")
    assert f"seed {study.design.seed}\n" in capsys.readouterr().out
