"""Export and merge: what leaves the store is complete, hashed and free of truth."""

import csv
import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from study_simulation import (
    CT_GRID,
    READERS,
    aid_for,
    ball,
    ball_mask,
    make_study,
    plain_answer,
    read_session,
    truth_of,
)

from densesharp.errors import OutputError, StudyError
from densesharp.study.analysis.analyse_study import analyse_study
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.design import design_from_json
from densesharp.study.conduct.merge import merge
from densesharp.study.conduct.model_results import load_aid, percent
from densesharp.study.conduct.reader_masks import case_box, decode
from densesharp.study.conduct.schedule import schedule_from_csv
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.open_export import verify_export
from densesharp.study.exported.write_export import ANSWER_COLUMNS, export


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def an_export(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path / "study", "sequential", count=4, practice=1, going_back=True)
    reading = reading_of(study)
    reading.start_session(1)
    a_turnable_clock.pass_time(seconds=10)
    opened = reading.open_case()
    a_turnable_clock.pass_time(seconds=12)
    opened.timer.touch()
    reading.submit(Answer("MIA", 70, 20, 4, 'a "comment",\nof two lines'), ball_mask())
    reading.submit(Answer("IAC", 80, 60, 4), ball_mask(5))
    reading.reopen(opened.item.item)
    reading.submit(Answer("IAC", 90, 60, 4))
    for _ in range(2):
        while reading.submit(plain_answer(reading.open or reading.open_case())):
            pass
    return study, reading.store, export(study, reading.store, tmp_path / "out", closed=True)


def test_answers_hold_one_row_per_valid_answer(an_export):
    _, store, folder = an_export
    rows = table(folder / "answers.csv")
    assert tuple(rows[0]) == ANSWER_COLUMNS
    assert len(rows) == 6
    first, second = rows[:2]
    assert (first["reader"], first["group"], first["role"]) == ("S1", "senior", "practice")
    assert (first["condition"], first["final"], first["aid_shown"]) == ("unaided", "1", "0")
    assert (first["class"], first["p_invasive"], first["p_iac"]) == ("MIA", "70", "20")
    assert first["comment"] == 'a "comment",\nof two lines'
    assert (first["wall_s"], first["active_s"], first["aid_p_invasive"]) == ("12.0", "12.0", "")
    opened = "2026-01-05T08:00:10.000+00:00"  # once, though the case was opened again
    assert [(row["t_open"], row["visits"]) for row in (first, second)] == [
        (opened, "1"),
        (opened, "2"),
    ]
    assert (second["condition"], second["step"], second["revision"]) == ("aided", "2", "1")
    assert (second["class"], second["p_invasive"], second["changed"]) == ("IAC", "90", "1")
    assert float(second["aid_p_invasive"]) == 80.0
    assert second["mask"] == "", "the corrected answer was given without an outline"
    hashes = {event.hash for event in store.events("S1")}
    assert {row["event_sha256"] for row in rows} <= hashes


def read_in_parts(reading, clock, opened, *seconds):
    """Spend each number of seconds on one answer to the open case."""
    for count in seconds:
        clock.pass_time(seconds=count)
        opened.timer.touch()
        opened.timer.pause()
        clock.pass_time(seconds=1)
        opened.timer.resume()
        opened = reading.submit(plain_answer(opened))


def times_of(study, reading, folder, item):
    """Of each exported answer to an item: active_s, wall_s, paused_s, pauses."""
    rows = table(export(study, reading.store, folder) / "answers.csv")
    names = ("active_s", "wall_s", "paused_s", "pauses")
    return [tuple(float(row[name]) for name in names) for row in rows if row["item"] == item]


def test_a_second_look_is_exported_with_the_time_of_the_first(
    tmp_path, reading_of, a_turnable_clock
):
    study = make_study(tmp_path / "study", "sequential", count=2)
    reading = reading_of(study)
    reading.start_session(1)
    opened = reading.open_case()
    started = a_turnable_clock.now()
    read_in_parts(reading, a_turnable_clock, opened, 50, 5)
    found = times_of(study, reading, tmp_path / "out", opened.item.item)
    assert found == [(50, 51, 1, 1), (55, 57, 2, 2)]
    parts = [e.body["time"]["active_s"] for e in reading.store.events("S1") if e.kind == "answer"]
    assert parts == [50, 5], "the log keeps the single parts"
    rows = table(tmp_path / "out" / "answers.csv")
    first_action = (started + timedelta(seconds=50)).isoformat(timespec="milliseconds")
    assert [row["t_first_action"] for row in rows] == [first_action] * 2


def test_so_is_a_crossover_s_answer_after_one_without_the_model(
    tmp_path, reading_of, a_turnable_clock
):
    study = make_study(tmp_path / "study", reveal="after_first_answer")
    reading = reading_of(study)
    reading.start_session(1)
    while (opened := reading.open_case()).item.condition != "aided":
        reading.submit(plain_answer(opened))
    read_in_parts(reading, a_turnable_clock, opened, 50, 5)
    found = times_of(study, reading, tmp_path / "out", opened.item.item)
    assert found == [(50, 51, 1, 1), (55, 57, 2, 2)]


def test_and_a_correction_with_the_time_of_what_it_corrects(tmp_path, reading_of, a_turnable_clock):
    study = make_study(tmp_path / "study", "unaided", going_back=True)
    reading = reading_of(study)
    reading.start_session(1)
    opened = reading.open_case()
    read_in_parts(reading, a_turnable_clock, opened, 50)
    a_turnable_clock.pass_time(seconds=600)
    read_in_parts(reading, a_turnable_clock, reading.reopen(opened.item.item), 2)
    read_in_parts(reading, a_turnable_clock, reading.open_case(), 7)
    found = times_of(study, reading, tmp_path / "out", opened.item.item)
    assert found == [(52, 54, 2, 2)], "the ten minutes between are no reading"


def test_design_and_schedule_are_the_frozen_ones(an_export):
    study, _, folder = an_export
    assert design_from_json((folder / "design.json").read_text()) == study.design
    assert schedule_from_csv((folder / "schedule.csv").read_text()) == study.schedule


def test_an_exported_outline_lies_where_it_was_drawn(an_export):
    _, _, folder = an_export
    row = table(folder / "answers.csv")[0]
    array, grid = decode((folder / row["mask"]).read_bytes())
    start, size = case_box(CT_GRID, CT_GRID.center)
    assert grid.same_as(CT_GRID.crop(start, size))
    inside = np.argwhere(array)[:, ::-1]
    whole = np.argwhere(ball())[:, ::-1]
    assert len(inside) == len(whole)
    np.testing.assert_allclose(grid.to_world(inside), CT_GRID.to_world(whole), atol=1e-6)


def test_foreign_tools_can_check_the_hashes(an_export):
    _, _, folder = an_export
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {line.split("  ")[1] for line in lines}
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert listed == files - {"SHA256SUMS"}
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def test_the_model_s_results_are_exported_once_per_case(an_export):
    study, _, folder = an_export
    rows = table(folder / "model.csv")
    assert [row["case"] for row in rows] == [case.id for case in study.design.cases]
    assert {row["p_iac"] for row in rows} == {"50.0"}
    taught = load_aid(study, study.design.cases[0]).trained_on
    assert {row["trained_on"] for row in rows} == {taught} != {""}
    assert all((folder / row["mask"]).exists() for row in rows)


def test_the_record_in_the_export_is_the_whole_chain(an_export):
    _, store, folder = an_export
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [line["hash"] for line in lines] == [event.hash for event in store.events("S1")]


def test_nothing_in_an_export_tells_the_truth(an_export):
    _, _, folder = an_export
    assert not [path for path in folder.rglob("*") if "truth" in path.name]


def test_an_export_never_overwrites(an_export):
    study, store, folder = an_export
    with pytest.raises(OutputError, match="not empty"):
        export(study, store, folder)


def test_a_store_that_is_not_whole_is_not_exported(tmp_path, reading_of):
    from test_conduct_store import change_behind_the_store_s_back

    study = make_study(tmp_path, "unaided", count=2)
    reading = reading_of(study)
    read_session(reading, 1)
    change_behind_the_store_s_back(
        study.default_store, "UPDATE study_events SET time = '2020-01-01T00:00:00+00:00'"
    )
    with pytest.raises(StudyError, match="not whole and was not exported"):
        export(study, reading.store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Before all have read


def with_the_model_s_outline(opened):
    """What a reader submits who takes the model's outline, where it is shown."""
    return ball_mask(5) if opened.aid else None


def test_an_export_midway_tells_nothing_of_the_model_that_a_reader_has_still_to_see(
    tmp_path, reading_of, a_turnable_clock
):
    outline = {"mask": ball_mask(4).nrrd, "mask_sha256": ball_mask(4).sha256}
    aids = [
        replace(aid_for(f"C{n:03d}", (0.11 + n / 100, 0.29, 0.6 - n / 100)), **outline)
        for n in range(4)
    ]
    study = make_study(tmp_path / "study", count=4, aids=aids, readers=READERS[:2])
    first, second = (reading_of(study, reader.id) for reader in READERS[:2])
    first.start_session(1)
    for _ in range(4):
        opened = first.open_case()
        first.submit(plain_answer(opened), with_the_model_s_outline(opened))
    read_session(second, 1)
    a_turnable_clock.pass_time(days=29)
    read_session(second, 2)  # all of it with the model; the first reader has half of it to come
    folder = export(study, first.store, tmp_path / "midway")
    note = json.loads((folder / "export.json").read_text())
    to_come = {i.case for i in study.session("S1", 2) if i.condition == "aided"}
    assert len(to_come) == 2
    assert set(note["held_back"]) == to_come
    assert (note["closed"], note["unread"]) == (False, 4)
    assert "reader has still to read them with the model" in note["why"]
    assert {row["case"] for row in table(folder / "model.csv")} == set(truth_of(4)) - to_come
    for row in table(folder / "answers.csv"):
        told = [row[name] for name in row if name.startswith("aid_") and name != "aid_shown"]
        shown = row["aid_shown"] == "1" and row["case"] not in to_come
        assert any(told) is shown
        assert not (row["mask"] and row["aid_shown"] == "1" and row["case"] in to_come)
    plain = [p for p in folder.rglob("*") if p.suffix in (".csv", ".nrrd")]
    held = [aid for aid in aids if aid.case in to_come]
    for aid in held:
        for number in (aid.p_invasive, aid.p_iac):
            text = str(percent(number)).encode()
            assert not any(text in path.read_bytes() for path in plain if path.suffix == ".csv")
        assert not (folder / "masks" / f"model_{aid.case}.nrrd").exists()
    # It is verified and analysed as any other.
    assert verify_export(folder).clean
    (tmp_path / "truth.csv").write_text(
        "case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(4).items())
    )
    data = load_study(folder, tmp_path / "truth.csv")
    assert analyse_study(data).tasks
    model = data.model
    assert [c for c, k in zip(truth_of(4), model.classes, strict=True) if k < 0] == sorted(to_come)

    read_session(first, 2)
    for name, options in (("all", {}), ("closed", {"closed": True})):
        folder = export(study, first.store, tmp_path / name, **options)
        assert json.loads((folder / "export.json").read_text())["held_back"] == []
        assert len(table(folder / "model.csv")) == 4
        assert verify_export(folder).clean


def test_who_closes_a_study_has_all_results(tmp_path, reading_of):
    study = make_study(tmp_path / "study", count=4)
    reading = reading_of(study)
    read_session(reading, 1)
    open_folder = export(study, reading.store, tmp_path / "open")
    assert not (open_folder / "model.csv").exists(), "nobody else has begun"
    folder = export(study, reading.store, tmp_path / "closed", closed=True)
    assert len(table(folder / "model.csv")) == 4
    (tmp_path / "truth.csv").write_text(
        "case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(4).items())
    )
    assert load_study(open_folder, tmp_path / "truth.csv").model is None
    assert load_study(folder, tmp_path / "truth.csv").model is not None


# Merging


@pytest.fixture
def two_workstations(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided", count=3)
    stores = [store_of(study, tmp_path / f"{name}.sqlite") for name in ("one", "other")]
    for reader, store in zip(("S1", "J1"), stores, strict=True):
        reading = reading_of(study, reader, store)
        reading.start_session(1)
        for _ in range(3):
            reading.submit(plain_answer(reading.open_case()), ball_mask())
    return study, stores


def test_workstations_are_merged_and_merging_again_adds_nothing(two_workstations, store_of):
    study, stores = two_workstations
    target = store_of(study)
    assert merge(study, target, stores) == sum(len(s.events(s.readers()[0])) for s in stores)
    assert merge(study, target, stores) == 0
    found = verify(study, target)
    assert found.clean
    assert found.answers == 6


def test_a_record_that_went_on_is_carried_forward(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided", count=3)
    store = store_of(study, tmp_path / "one.sqlite")
    reading = reading_of(study, "S1", store)
    reading.start_session(1)
    reading.submit(plain_answer(reading.open_case()))
    target = store_of(study)
    merge(study, target, [store])
    read_session(reading, 1)
    assert merge(study, target, [store]) == 4
    assert target.events("S1") == store.events("S1")


def test_one_reader_at_two_places_is_a_contradiction(tmp_path, reading_of, store_of):
    study = make_study(tmp_path, "unaided", count=3)
    stores = [store_of(study, tmp_path / f"{name}.sqlite") for name in ("one", "other")]
    for store in stores:
        read_session(reading_of(study, "S1", store), 1)
    target = store_of(study)
    with pytest.raises(StudyError, match="read at two places at once"):
        merge(study, target, stores)
    assert target.readers() == []


def test_a_store_that_was_tampered_with_is_not_merged(two_workstations, store_of):
    from test_conduct_store import change_behind_the_store_s_back

    study, stores = two_workstations
    change_behind_the_store_s_back(
        stores[1].label, "UPDATE study_events SET body = replace(body, 'IAC', 'MIA')",
        "UPDATE study_events SET previous = ''",
    )  # fmt: skip
    target = store_of(study)
    with pytest.raises(StudyError, match=r"other\.sqlite' is not whole"):
        merge(study, target, stores)
    assert target.readers() == []
