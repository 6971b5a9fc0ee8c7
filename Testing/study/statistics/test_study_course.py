"""The report says what the readers really did, and of plain tables what they tell."""

from dataclasses import replace

import numpy as np
import pytest
from conducted_study import CASES, as_if_by_hand, load, report_of
from example_study import CLASSES, write_csv
from study_data_made_up import made_up
from study_run import rows_in

from densesharp.errors import TableError
from densesharp.stats.estimates import to_json
from densesharp.study.analysis.analyse_study import analyse_study, describe
from densesharp.study.analysis.study_results import ReaderRow
from densesharp.study.analysis.time_results import ReadingTimePoint, TimeResults
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.washout import Washout, describe_washout
from densesharp.study.exported.write_export import export
from densesharp.study.figures.course import time_plot
from densesharp.study.figures.figure_style import save
from study.conduct.study_simulation import (
    TurnableClock,
    make_study,
    read_session,
    truth_of,
)

# What the readers did


def test_a_washout_that_was_not_kept_stands_in_the_report(conducted, found):
    assert {"events.jsonl", "schedule.csv"} <= set(found["inputs"])
    washout = found["study"]["washout"]
    assert washout["shortest_days"] == {"J1": None, "S1": 30.0, "S2": 3.0}
    reason = "S2 leaves on Friday <soon>"
    assert washout["early"] == [{"reader": "S2", "session": 2, "days": 3.0, "reason": reason}]
    text, design = report_of(found)
    assert (
        "Washout: the shortest time between sessions was 3.00 days (S2), at least 28 were planned; "
        "began earlier: S2."
    ) in text
    assert design["Washout planned"] == "28 days at least"
    assert design["Shortest time between sessions"] == "S1 30.00, S2 3.00 days"
    early = f"S2, session 2 after 3.00 days: {reason}"
    assert design["Began before the washout was over"] == early
    assert "leaves on Friday &lt;soon&gt;" in (conducted / "out" / "report.html").read_text()


def test_early_is_what_is_shorter_than_planned_or_has_a_reason():
    washout = Washout({"a": {2: 3.0, 3: 2.999}, "b": {2: 30.0}, "c": {}}, {("b", 2): "ill"})
    found = to_json(describe_washout(washout, 3.0))
    assert found["shortest_days"] == {"a": 2.999, "b": 30.0, "c": None}
    assert found["early"] == [
        {"reader": "a", "session": 3, "days": 2.999, "reason": None},
        {"reader": "b", "session": 2, "days": 30.0, "reason": "ill"},
    ]
    assert to_json(describe_washout(washout, None))["early"] == found["early"][1:]
    assert describe_washout(None, 3.0) is None


def test_without_the_record_the_times_still_tell_who_began_early(own, found):
    as_if_by_hand(own / "export")
    study = to_json(describe(load(own)))
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
    found = to_json(analyse_study(load_study(export(study, store, tmp_path / "early"), truth)))
    assert (found["study"]["missing_readings"], found["study"]["missing_repeats"]) == (0, 8)
    text, design = report_of(found)
    assert "0 of 48 planned readings are missing, and 8 repeated readings." in text
    assert "without any answer" not in text
    assert design["Readings missing"] == "0 of 48 planned; repeated readings: 8"
    assert "Washout planned" not in design, "one session has none"
    for reading in readings.values():
        read_session(reading, 2)
    found = to_json(analyse_study(load_study(export(study, store, tmp_path / "late"), truth)))
    store.close()
    assert not found["study"]["interim"]
    text, design = report_of(found)
    assert "Interim" not in text
    assert "truth was not frozen" in text
    assert design["Began before the washout was over"] == "nobody"


def test_before_both_conditions_are_read_nothing_is_the_primary_endpoint(own):
    answers = own / "export" / "answers.csv"
    write_csv(answers, [r for r in rows_in(answers) if r["condition"] == "unaided"])
    as_if_by_hand(own / "export")
    found = to_json(analyse_study(load(own)))
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
    as_if_by_hand(own / "export")
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
    found = to_json(analyse_study(plain(tmp_path, [answer(case=n) for n in range(3)])))
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
    found = to_json(analyse_study(plain(tmp_path, rows)))
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
    found = to_json(analyse_study(load_study(tmp_path / "answers.csv", conducted / "truth.csv")))
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


def test_thousands_of_reading_times_are_one_path_and_every_number_in_the_table(tmp_path):
    rng = np.random.default_rng(2)
    readers, conditions = ("A", "B"), ("aided", "unaided")
    points = [
        ReadingTimePoint(condition, reader, float(place), float(np.exp(3 + 0.3 * rng.normal())))
        for condition in conditions
        for reader in readers
        for place in range(300)
    ]
    study = replace(
        describe(made_up(conditions)), readers=[ReaderRow(reader, "") for reader in readers]
    )
    save(time_plot(TimeResults({}, points), study), tmp_path)
    drawing = (tmp_path / "time.svg").read_text()
    assert drawing.count("<use") < 200
    assert len(rows_in(tmp_path / "time.csv")) == 1200
    few = [point for point in points if point.position < 100]
    save(time_plot(TimeResults({}, few), study), tmp_path)
    assert (tmp_path / "time.svg").read_text().count("<use") > 400
