"""An export is compared with what was frozen; the report says what the readers really did."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil

import pytest
from example_study import CLASSES, write_csv
from study_run import rows_in, run

from densesharp.errors import StudyError, TableError
from densesharp.study.analysis.study import analyse_study, describe
from densesharp.study.export import export
from densesharp.study.form import Answer
from densesharp.study.load_study import load_study
from densesharp.study.report.blocks import Paragraph, TableBlock
from densesharp.study.report.content import content
from densesharp.study.session import Reading
from densesharp.study.store import open_store
from densesharp.study.washout import Washout, describe_washout
from study.conduct.study_simulation import (
    TurnableClock,
    ball_mask,
    make_study,
    read_session,
    truth_of,
)

CASES = 12


@pytest.fixture(scope="module")
def conducted(tmp_path_factory):
    """A crossover of four: S1 waits, S2 has a reason not to, J1 stops half-way, J2 never begins."""
    base = tmp_path_factory.mktemp("conducted")
    truth = base / "truth.csv"
    truth.write_text("case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(CASES).items()))
    digest = hashlib.sha256(truth.read_bytes()).hexdigest()
    study = make_study(base / "study", count=CASES, truth_sha256=digest)
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    for reader, days in (("S1", 30), ("S2", 3), ("J1", None)):
        clock = TurnableClock()
        reading = Reading(study, store, reader, clock)
        read_session(reading, 1)
        if days is not None:
            clock.pass_time(days=days)
            read_session(reading, 2, override="S2 leaves on Friday <soon>" if days < 28 else "")
    export(study, store, base / "export")
    store.close()
    return base


@pytest.fixture(scope="module")
def found(conducted):
    """Its results, through the command."""
    arguments = ("--truth", conducted / "truth.csv", "--out", conducted / "out")
    assert run("analyze", conducted / "export", *arguments) == 0
    return json.loads((conducted / "out" / "results.json").read_text())


@pytest.fixture
def own(conducted, tmp_path):
    """A copy of the export that a test may change."""
    shutil.copytree(conducted / "export", tmp_path / "export")
    shutil.copy(conducted / "truth.csv", tmp_path)
    return tmp_path


def load(base):
    return load_study(base / "export", base / "truth.csv")


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def reseal(folder):
    """SHA256SUMS as somebody would write it again after a change."""
    names = [line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def report_of(results):
    """The report's paragraphs as one text, and the rows of its design table."""
    blocks = content(results, {})
    table = next(b for b in blocks if isinstance(b, TableBlock) and b.name == "design")
    return " ".join(b.text for b in blocks if isinstance(b, Paragraph)), dict(table.rows)


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
     ("active_s", "1.0"), ("position", "99"), ("aid_shown", "2")],
)  # fmt: skip
def test_an_answer_that_is_not_the_recorded_one_is_refused(own, column, value):
    answers = own / "export" / "answers.csv"
    first, *others = rows_in(answers)
    write_csv(answers, [first | {column: value}, *others])
    (own / "export" / "SHA256SUMS").unlink()
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
    (own / "export" / "SHA256SUMS").unlink()
    schedule = own / "export" / "schedule.csv"
    kept = schedule.read_text()
    change(schedule, "C000", "C00x")
    with pytest.raises(StudyError, match=r"schedule\.csv' was changed after the study was frozen"):
        load(own)
    schedule.unlink()
    with pytest.raises(StudyError, match=r"schedule\.csv' is missing"):
        load(own)
    schedule.write_text(kept)
    record = own / "export" / "events.jsonl"
    kept = record.read_text()
    change(record, '"time": "2026', '"time": "2025')
    with pytest.raises(StudyError, match=r"events\.jsonl' was changed: Event 0 of reader"):
        load(own)
    record.write_text("[]\n" + kept)
    with pytest.raises(StudyError, match=r"events\.jsonl' cannot be read"):
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
        checklist = dict(csv.reader(file))
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


# What the readers did


def test_a_washout_that_was_not_kept_stands_in_the_report(conducted, found):
    assert {"events.jsonl", "schedule.csv"} <= set(found["inputs"])
    washout = found["study"]["washout"]
    assert washout["shortest_days"] == {"J1": None, "S1": 30.0, "S2": 3.0}
    reason = "S2 leaves on Friday <soon>"
    assert washout["early"] == [{"reader": "S2", "session": 2, "days": 3.0, "reason": reason}]
    _, design = report_of(found)
    assert design["Washout planned"] == "28 days at least"
    assert design["Shortest time between sessions"] == "S1 30.00, S2 3.00 days"
    early = f"S2, session 2 after 3.00 days: {reason}"
    assert design["Began before the washout was over"] == early
    assert "leaves on Friday &lt;soon&gt;" in (conducted / "out" / "report.html").read_text()


def test_early_is_what_is_shorter_than_planned_or_has_a_reason():
    washout = Washout({"a": {2: 3.0, 3: 2.999}, "b": {2: 30.0}, "c": {}}, {("b", 2): "ill"})
    found = describe_washout(washout, 3.0)
    assert found["shortest_days"] == {"a": 2.999, "b": 30.0, "c": None}
    assert found["early"] == [
        {"reader": "a", "session": 3, "days": 2.999, "reason": None},
        {"reader": "b", "session": 2, "days": 30.0, "reason": "ill"},
    ]
    assert describe_washout(washout, None)["early"] == found["early"][1:]
    assert describe_washout(None, 3.0) is None


def test_without_the_record_the_times_still_tell_who_began_early(own, found):
    for name in ("events.jsonl", "SHA256SUMS"):
        (own / "export" / name).unlink()
    study = describe(load(own))
    _, design = report_of(found | {"study": study})
    early = "S2, session 2 after 3.00 days: no reason recorded"
    assert design["Began before the washout was over"] == early


def test_readers_who_did_not_read_are_counted_and_the_report_is_interim(found):
    study = found["study"]
    assert [row["reader"] for row in study["readers"]] == ["J1", "S1", "S2"]
    assert study["absent_readers"] == [{"reader": "J2", "group": "junior"}]
    assert study["planned_readings"] == 4 * 2 * CASES
    assert study["missing_readings"] == CASES + 2 * CASES
    assert study["missing_by_reader"] == {"J1": CASES, "J2": 2 * CASES}
    text, design = report_of(found)
    assert design["Readers without answers"] == "J2 (junior)"
    assert design["Readings missing"] == "36 of 96 planned (J1 12, J2 24)"
    assert (
        "Interim report of an unfinished study: 36 of 96 planned readings are missing. The "
        "statistics are those of the readers who have read; without any answer: J2 (junior)."
    ) in text
    assert "The flow chart counts the readers who have read" in text


def test_a_finished_study_is_not_interim_until_its_repeats_are_read(tmp_path):
    study = make_study(tmp_path / "study", "unaided", count=CASES, repeats=2)
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    truth = tmp_path / "truth.csv"
    truth.write_text("case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(CASES).items()))
    readings = {}
    for reader in ("S1", "S2", "J1", "J2"):
        clock = TurnableClock()
        readings[reader] = Reading(study, store, reader, clock)
        read_session(readings[reader], 1)
        clock.pass_time(days=29)
    found = analyse_study(load_study(export(study, store, tmp_path / "early"), truth))
    assert (found["study"]["missing_readings"], found["study"]["missing_repeats"]) == (0, 8)
    text, design = report_of(found)
    assert "0 of 48 planned readings are missing, and 8 repeated readings." in text
    assert "without any answer" not in text
    assert design["Readings missing"] == "0 of 48 planned; repeated readings: 8"
    assert "Washout planned" not in design, "one session has none"
    for reading in readings.values():
        read_session(reading, 2)
    found = analyse_study(load_study(export(study, store, tmp_path / "late"), truth))
    store.close()
    assert not found["study"]["interim"]
    text, design = report_of(found)
    assert "Interim" not in text
    assert "truth was not frozen" in text
    assert design["Began before the washout was over"] == "nobody"


def test_before_both_conditions_are_read_nothing_is_the_primary_endpoint(own):
    answers = own / "export" / "answers.csv"
    write_csv(answers, [r for r in rows_in(answers) if r["condition"] == "unaided"])
    for name in ("events.jsonl", "SHA256SUMS"):
        (own / "export" / name).unlink()
    found = analyse_study(load(own))
    assert found["endpoints"]
    assert not any(row["primary"] for row in found["endpoints"])
    assert "primary endpoint cannot be computed from these readings" in report_of(found)[0]


@pytest.mark.parametrize(
    ("column", "value"), [("reader", "X1"), ("case", "C099"), ("condition", "guessed")]
)
def test_what_the_design_does_not_name_is_refused(own, column, value):
    answers = own / "export" / "answers.csv"
    first, *others = rows_in(answers)
    write_csv(answers, [first | {column: value}, *others])
    for name in ("events.jsonl", "SHA256SUMS"):
        (own / "export" / name).unlink()
    with pytest.raises(TableError, match=f"the design names no {column} '{value}'"):
        load(own)


# Plain tables


def plain(tmp_path, rows):
    write_csv(tmp_path / "answers.csv", rows)
    truth = [{"case": f"c{n}", "class": name} for n, name in enumerate(CLASSES)]
    write_csv(tmp_path / "truth.csv", truth)
    return load_study(tmp_path / "answers.csv", tmp_path / "truth.csv")


def answer(reader="a", case=0, condition="unaided", **more):
    return {"reader": reader, "case": f"c{case}", "condition": condition, "class": "MIA"} | more


def test_plain_tables_have_no_washout_on_record(tmp_path):
    found = analyse_study(plain(tmp_path, [answer(case=n) for n in range(3)]))
    assert found["study"]["washout"] is None
    text, design = report_of(found)
    assert design["Washout planned"] == "not recorded"
    assert design["Shortest time between sessions"] == "not recorded"
    assert "named before the first read" not in text
    assert design["Readings missing"] == "0"


def test_plain_tables_with_times_tell_the_gaps(tmp_path):
    def at(session, opened, submitted, **more):
        return answer(session=session, t_open=opened, t_submit=submitted, **more)

    rows = [
        at(1, "2026-01-01T08:00:00Z", "2026-01-01T10:00:00Z"),
        at(1, "2026-01-01T10:00:00Z", "2026-01-01T12:00:00Z", case=1),
        at(2, "2026-01-03T14:00:00+02:00", "2026-01-03T15:00", condition="aided"),
        at(2, "", "", condition="aided", case=1),
        at(3, "2026-01-04T03:00:00", "2026-01-04T04:00:00", condition="aided", case=2),
    ]
    found = analyse_study(plain(tmp_path, rows))
    assert found["study"]["washout"] == {"shortest_days": {"a": 0.5}, "early": []}
    _, design = report_of(found)
    assert design["Shortest time between sessions"] == "a 0.50 days"
    assert "Began before the washout was over" not in design, "none was planned"
    with pytest.raises(TableError, match="line 3, column 't_open': 'yesterday' is not a time"):
        plain(tmp_path, [rows[0], at(2, "yesterday", "2026-01-03T15:00", case=1)])


def test_a_third_condition_of_a_table_is_counted_and_not_taken_for_another(conducted, tmp_path):
    rows = [r for r in rows_in(conducted / "export" / "answers.csv") if r["reader"] != "J1"]
    third = [r | {"condition": "a third"} for r in rows if r["condition"] == "unaided"]
    write_csv(tmp_path / "answers.csv", rows + third[1:])
    found = analyse_study(load_study(tmp_path / "answers.csv", conducted / "truth.csv"))
    assert {(row["first"], row["second"]) for row in found["endpoints"]} == {("aided", "unaided")}
    _, design = report_of(found)
    assert design["Conditions"] == "a third, aided, unaided"
    assert design["Readings missing"] == "1 (S1 1)"


def test_groups_are_given_for_all_readers_or_for_none(tmp_path):
    with pytest.raises(TableError, match="line 3, column 'group': reader 'b' has no group"):
        plain(tmp_path, [answer(group="senior"), answer("b", group="")])
    with pytest.raises(TableError, match="line 3, column 'group': reader 'a' has group 'y' here"):
        plain(tmp_path, [answer(group="x"), answer(case=1, group="y")])
    assert plain(tmp_path, [answer(group=""), answer("b", group="")]).group_names == ()
