"""An export is compared with what was frozen before the first read."""

import csv
import json
import shutil

import pytest
from conducted_study import CASES, change, load, report_of, reseal
from example_study import write_csv
from study_run import rows_in

from densesharp.errors import StudyError, TableError
from densesharp.stats.estimates import to_json
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.exported.export_design import read_design
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.write_export import export
from study.conduct.study_simulation import (
    TurnableClock,
    ball_mask,
    make_study,
)

# What is frozen


def test_an_untouched_export_is_verified_and_the_report_says_so(found):
    assert found["study"]["design_verified"]
    assert found["study"]["truth_frozen"]
    text, design = report_of(found)
    assert "Primary endpoint, named before the first read: AUC, invasive" in text
    assert "truth was not frozen" not in text
    assert design["Design fixed before reading"].startswith("yes")
    assert design["Truth fixed before reading"].startswith("yes")


@pytest.mark.parametrize("name", ["answers.csv", "model.csv", "events.jsonl", "schedule.csv",
                                  "masks/model_C003.nrrd"])  # fmt: skip
def test_a_file_that_is_not_the_exported_one_is_refused(own, name):
    path = own / "export" / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(StudyError, match=rf"{name}' was changed after the export"):
        load(own)
    path.unlink()
    with pytest.raises(StudyError, match=rf"{name}' is missing"):
        load(own)


def test_a_table_that_the_export_did_not_have_is_refused(own):
    sums = own / "export" / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if not line.endswith("model.csv\n")))
    with pytest.raises(StudyError, match=r"model\.csv' is not part of the export"):
        load(own)
    sums.write_text("no hashes\n")
    with pytest.raises(StudyError, match="SHA256SUMS' cannot be read"):
        load(own)


def test_an_endpoint_changed_after_the_reading_is_refused(own):
    path = own / "export" / "design.json"
    design = json.loads(path.read_text())
    design["endpoint"] = {"figure": "vus", "task": "iac", "readers": "fixed", "margin": 0.3}
    path.write_text(json.dumps(design))
    reseal(own / "export")
    with pytest.raises(StudyError, match=r"design\.json was changed after the study was frozen"):
        load(own)
    # Without its hash it is no more the design of these answers.
    del design["design_sha256"]
    path.write_text(json.dumps(design))
    reseal(own / "export")
    with pytest.raises(TableError, match="line 2, column 'design_sha256': this answer was not"):
        load(own)


def test_a_design_written_by_hand_says_what_it_says(tmp_path):
    told = {"kind": "unaided", "readers": [{"id": "R2"}, {"id": "R1", "group": "senior"}],
            "cases": [{"id": "B"}, {"id": "A", "strata": {"mm": 8}}, {"id": "P", "practice": True}],
            "endpoint": {"figure": "vus"}, "washout_days": 14, "aid": None}  # fmt: skip
    (tmp_path / "design.json").write_text(json.dumps(told))
    design = read_design(tmp_path)
    assert (design.cases, design.conditions) == (("A", "B"), ("unaided",))
    assert dict(design.readers) == {"R2": "", "R1": "senior"}
    assert [dict(case.strata) for case in design.listed] == [{}, {"mm": "8"}, {}]
    assert to_json(design.endpoint) == {
        "figure": "vus", "task": "", "readers": "random", "margin": None,
    }  # fmt: skip
    assert (repr(design.washout_days), design.model, design.teaching) == ("14", None, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("readers", ["R1"]), ("cases", [{"name": "A"}]), ("repeats", "many"), ("aid", "on"),
     ("endpoint", {"margin": "0.05"}), ("washout_days", True)],
)  # fmt: skip
def test_a_design_with_another_entry_than_a_design_has_is_refused(tmp_path, name, value):
    (tmp_path / "design.json").write_text(json.dumps({name: value}))
    with pytest.raises(StudyError, match=r"is not what a design has there.*study new"):
        read_design(tmp_path)


def test_answers_given_under_another_design_are_refused(own):
    answers = own / "export" / "answers.csv"
    rows = rows_in(answers)
    write_csv(answers, [*rows[:2], rows[2] | {"design_sha256": "0" * 64}, *rows[3:]])
    reseal(own / "export")
    with pytest.raises(TableError, match=r"answers\.csv, line 4, column 'design_sha256'"):
        load(own)


@pytest.mark.parametrize(
    ("column", "value"),
    [("p_invasive", "101"), ("case", "C999"), ("reader", "J2"), ("event_sha256", "0" * 64),
     ("t_submit", "2026-01-01T00:00:00.000+00:00"), ("mask_sha256", "ab"), ("session", "2"),
     ("condition", "either"), ("role", "practice"), ("final", "0"), ("confidence", "9"),
     ("active_s", "1.0"), ("position", "99"), ("aid_shown", "2"),
     # No rule looks at these: the row is made again from the record and compared whole.
     ("wall_s", "1.0"), ("pauses", "7"), ("visits", "99"), ("block", "9"), ("revision", "3"),
     ("group", "novice"), ("software", "another 1.0"), ("study", "another"),
     ("t_open", "2026-01-01T00:00:00.000+00:00")],
)  # fmt: skip
def test_an_answer_that_is_not_the_recorded_one_is_refused(own, column, value):
    answers = own / "export" / "answers.csv"
    first, *others = rows_in(answers)
    write_csv(answers, [first | {column: value}, *others])
    reseal(own / "export")
    with pytest.raises(TableError, match=f"line 2, column '{column}': this is not the answer in"):
        load(own)


def test_what_was_shown_is_what_the_record_says(own):
    answers = own / "export" / "answers.csv"
    rows = rows_in(answers)
    at = next(n for n, row in enumerate(rows) if row["aid_p_iac"])
    for column in ("aid_p_iac", "aid_p_invasive"):
        more = rows[at] | {column: str(float(rows[at][column]) + 1)}
        write_csv(answers, [*rows[:at], more, *rows[at + 1 :]])
        reseal(own / "export")
        with pytest.raises(TableError, match=f"line {at + 2}, column '{column}': this is not"):
            load(own)


def test_an_answer_of_the_record_that_was_left_out_is_refused(own):
    answers = own / "export" / "answers.csv"
    first, *others = rows = rows_in(answers)
    said = f"lacks the answer of reader {first['reader']} to '{first['item']}' that stands in"
    for fewer in (others, [{k: v for k, v in r.items() if k != "event_sha256"} for r in rows]):
        write_csv(answers, fewer)
        reseal(own / "export")
        with pytest.raises(StudyError, match=said):
            load(own)


@pytest.fixture
def corrected(tmp_path):
    """The export of one answer with an outline, p_invasive 70, which was corrected to 71."""
    study = make_study(tmp_path / "study", "unaided", count=2, going_back=True)
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    reading = Reading(study, store, "S1", TurnableClock())
    reading.start_session(1)
    item = reading.open_case().item
    reading.submit(Answer("MIA", 70, 20, 4), ball_mask())
    reading.reopen(item.item)
    reading.submit(Answer("MIA", 71, 20, 4), ball_mask())
    export(study, store, tmp_path / "export")
    store.close()
    (tmp_path / "truth.csv").write_text("case,class\nC000,MIA\nC001,IAC\n")
    assert load(tmp_path).tasks[0].ratings[0, 0, 0] == 71
    return tmp_path


def test_an_answer_that_was_corrected_later_does_not_count(corrected):
    record = (corrected / "export" / "events.jsonl").read_text().splitlines()
    before = next(e for e in map(json.loads, record) if e["kind"] == "answer")
    said = {"event_sha256": before["hash"], "t_submit": before["time"], "p_invasive": "70"}
    answers = corrected / "export" / "answers.csv"
    write_csv(answers, [rows_in(answers)[0] | said])
    reseal(corrected / "export")
    with pytest.raises(TableError, match="line 2, column 'event_sha256': this is not the answer"):
        load(corrected)


def test_an_outline_that_is_not_the_recorded_one_is_refused(corrected):
    answers = corrected / "export" / "answers.csv"
    row = rows_in(answers)[0]
    (corrected / "export" / row["mask"]).write_bytes(ball_mask(3).nrrd)
    reseal(corrected / "export")
    with pytest.raises(TableError, match="line 2, column 'mask': this is not the answer"):
        load(corrected)
    write_csv(answers, [row | {"mask": ""}])
    reseal(corrected / "export")
    with pytest.raises(TableError, match="line 2, column 'mask': this is not the answer"):
        load(corrected)


def test_a_record_or_schedule_that_was_changed_is_refused(own):
    schedule = own / "export" / "schedule.csv"
    kept = schedule.read_text()
    change(schedule, "C000", "C00x")
    reseal(own / "export")
    with pytest.raises(StudyError, match=r"schedule\.csv' was changed after the study was frozen"):
        load(own)
    schedule.write_text(kept)
    record = own / "export" / "events.jsonl"
    kept = record.read_text()
    change(record, '"time": "2026', '"time": "2025')
    reseal(own / "export")
    with pytest.raises(StudyError, match=r"events\.jsonl' was changed: Event 0 of reader"):
        load(own)
    record.write_text("[]\n" + kept)
    reseal(own / "export")
    with pytest.raises(StudyError, match=r"events\.jsonl' cannot be read"):
        load(own)


@pytest.mark.parametrize("name", ["schedule.csv", "events.jsonl", "SHA256SUMS"])
def test_what_every_export_has_may_not_be_taken_away(own, name):
    """Even where the hashes were written again without it."""
    if name != "SHA256SUMS":
        sums = own / "export" / "SHA256SUMS"
        lines = sums.read_text().splitlines(keepends=True)
        sums.write_text("".join(line for line in lines if not line.endswith(f"{name}\n")))
    (own / "export" / name).unlink()
    with pytest.raises(StudyError, match=rf"{name}' is missing"):
        load(own)


def test_a_record_begun_under_another_design_is_refused(own, tmp_path):
    """A whole chain, but of another study with the same readers."""
    other = make_study(tmp_path / "other", count=CASES, seed=8)
    store = open_store(other.default_store, other.design.study, other.design.sha256)
    Reading(other, store, "S1", TurnableClock()).start_session(1)
    export(other, store, tmp_path / "exported")
    store.close()
    shutil.copy(tmp_path / "exported" / "events.jsonl", own / "export")
    reseal(own / "export")
    with pytest.raises(StudyError, match=r"events\.jsonl' was not begun under the design"):
        load(own)


def test_a_design_without_hash_is_not_said_to_be_older_than_the_readings(folder, results):
    assert not results["study"]["design_verified"]
    page = (folder / "out" / "report.html").read_text()
    assert "named before the first read" not in page
    text, design = report_of(results)
    assert "Primary endpoint, which was not verified to be named before the readings" in text
    assert design["Design fixed before reading"].startswith("not verified")
    assert design["Truth fixed before reading"] == "no: the truth was not frozen with the design"
    with (folder / "out" / "tables" / "checklist.csv").open(newline="") as file:
        checklist = {row[2]: row[3] for row in csv.reader(file)}
    topic = "Hypotheses and objectives; primary endpoint named before reading"
    assert checklist[topic] == "for the authors to write"


def test_answers_that_name_no_design_leave_it_unverified(own):
    answers = own / "export" / "answers.csv"
    write_csv(answers, [{k: v for k, v in row.items() if k != "design_sha256"}
                        for row in rows_in(answers)])  # fmt: skip
    reseal(own / "export")
    assert not load(own).verified


def test_a_truth_that_was_not_frozen_is_named(found):
    study = found["study"] | {"truth_frozen": False}
    text, design = report_of(found | {"study": study})
    assert "The truth was not frozen with the design" in text
    assert design["Truth fixed before reading"].startswith("no")


def test_results_that_the_readers_were_not_shown_are_refused(own):
    model, other = own / "export" / "model.csv", own / "other.csv"
    rows = rows_in(model)
    load_study(own / "export", own / "truth.csv", model)

    write_csv(other, [row | {"model_sha256": "0" * 64} for row in rows])
    with pytest.raises(TableError, match="line 2, column 'model_sha256': this is not the model"):
        load_study(own / "export", own / "truth.csv", other)

    seen = next(row["case"] for row in rows_in(own / "export" / "answers.csv") if row["aid_p_iac"])
    at = next(n for n, row in enumerate(rows) if row["case"] == seen)
    was = float(rows[at]["p_iac"])
    swapped = {"p_iac": rows[at]["p_mia"], "p_mia": rows[at]["p_iac"]}
    assert abs(float(swapped["p_iac"]) - was) > 0.1
    changed = [row | swapped if row["case"] == seen else row for row in rows]
    write_csv(other, [{k: v for k, v in row.items() if k != "model_sha256"} for row in changed])
    expected = rf"line {at + 2}, column 'p_iac': the readers were shown {was:g} % for case '{seen}'"
    with pytest.raises(TableError, match=expected):
        load_study(own / "export", own / "truth.csv", other)
    turned = {"p_mia": rows[at]["p_aah_ais"], "p_aah_ais": rows[at]["p_mia"]}
    write_csv(other, [row | turned if row["case"] == seen else row for row in rows])
    with pytest.raises(TableError, match=rf"line {at + 2}, column 'p_mia': the readers were shown"):
        load_study(own / "export", own / "truth.csv", other)
    # As the message says: another model can be compared with the answers alone.
    write_csv(other, changed)
    data = load_study(own / "export" / "answers.csv", own / "truth.csv", other)
    assert data.model.probabilities[data.cases.index(seen)][2] == pytest.approx(
        float(swapped["p_iac"]) / 100
    )


def test_a_design_that_is_none_is_refused(own):
    for text in ("[]", "{", '{"readers": ["S1"]}'):
        (own / "export" / "design.json").write_text(text)
        (own / "export" / "SHA256SUMS").unlink(missing_ok=True)
        answers = own / "export" / "answers.csv"
        write_csv(answers, [r | {"design_sha256": ""} for r in rows_in(answers)])
        (own / "export" / "events.jsonl").unlink(missing_ok=True)
        with pytest.raises(StudyError, match=r"design\.json'"):
            load(own)
