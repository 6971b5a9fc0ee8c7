"""Any comment, any medium, any name: nothing makes a finished study unusable."""

import csv
import json
import os
import shutil
import stat
from dataclasses import replace

import pytest
import sqlalchemy as sa
from attack_on_truth import study_of_format_1
from study_simulation import make_study, plain_answer, read_session, truth_of
from test_conduct_design import a_design

from densesharp.errors import StudyError, TableError
from densesharp.stats.tables import read_table
from densesharp.study.conduct import answer_form, store_schema
from densesharp.study.conduct.answer_form import Answer
from densesharp.study.conduct.create import _read_readers
from densesharp.study.conduct.design import Reader
from densesharp.study.conduct.presenter import Presenter
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.store_schema import DRAFTS
from densesharp.study.conduct.study_folder import open_study
from densesharp.study.conduct.verify import verify
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.write_export import export

FULL = Answer("MIA", 60, 40, 3)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\x7f", "\ud83d", "a\rb"])
def test_what_no_table_holds_is_refused_in_a_new_answer(text):
    found = answer_form.problems(replace(FULL, comment=text))
    assert found == ["The comment holds a control character or half a character: type it anew."]
    assert not answer_form.problems(replace(FULL, comment=text), stored=True)


@pytest.mark.parametrize("text", ["two\nlines\tand a tab", "Müller 🫁 ‏עב", "=1+1", ""])
def test_every_text_that_people_write_is_taken(text):
    assert not answer_form.problems(replace(FULL, comment=text))


def test_line_ends_of_any_computer_are_line_feeds(tmp_path, reading_of):
    presenter = Presenter(reading_of(make_study(tmp_path, "unaided")))
    presenter.start_session(1)
    presenter.next_case()
    presenter.set_comment("a\r\nb\rc")
    assert presenter.screen.answer.comment == "a\nb\nc"


def test_a_study_with_any_comment_is_exported_and_analysed(tmp_path, reading_of, monkeypatch):
    """As earlier versions stored them; the record keeps them as they were typed."""
    comments = ["a\rb", "half \ud83d", "=HYPERLINK(1)", " +1", "-", "@x", 'quote " , comma', "\x00"]
    monkeypatch.setattr(answer_form, "_unstorable", lambda _letter: False)
    study = make_study(tmp_path / "study", "unaided", count=8)
    reading, left = reading_of(study), iter(comments)
    read_session(reading, 1, answer=lambda o: replace(plain_answer(o), comment=next(left)))
    monkeypatch.undo()
    assert verify(study, reading.store).clean
    folder = export(study, reading.store, tmp_path / "export")
    table = read_table(folder / "answers.csv", ("comment",))
    assert len(table) == 8
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        found = [row["comment"] for row in csv.DictReader(file)]
    assert found == [
        "a\rb", "half \\ud83d", "'=HYPERLINK(1)", "' +1", "'-", "'@x", "quote \" , comma", "\\x00",
    ]  # fmt: skip
    lines = (folder / "events.jsonl").read_text().splitlines()
    bodies = [json.loads(line)["body"] for line in lines]
    assert [b["form"]["comment"] for b in bodies if "form" in b] == comments
    truth = tmp_path / "truth.csv"
    truth.write_text("case,class\n" + "".join(f"{c},{t}\n" for c, t in truth_of(8).items()))
    assert load_study(folder, truth).cases == tuple(truth_of(8))


ITEM = '"item": "S1-1-001"'


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "7", "{}", f"{{{ITEM}}}", f'{{{ITEM}, "step": 0, "form": 5, "time": {{}}}}',
     f'{{{ITEM}, "step": 0, "form": {{"x": 1}}, "time": {{}}}}',
     f'{{{ITEM}, "step": 0, "form": {{}}, "time": 3}}'],
)  # fmt: skip
def test_a_damaged_draft_begins_an_empty_form(tmp_path, reading_of, body):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    reading.start_session(1)
    reading.open_case()
    reading.save_draft(FULL)
    with sa.create_engine(f"sqlite:///{study.default_store}").begin() as connection:
        connection.execute(sa.update(DRAFTS).values(body=body))
    assert reading_of(study).open_case().answer == Answer()


# Media


@pytest.mark.parametrize("waiting", [False, True])
def test_a_store_on_a_read_only_medium_is_verified_and_exported(
    tmp_path, reading_of, monkeypatch, waiting
):
    """`waiting`: answers still lie in SQLite's log, as in a copy of a store that is in use."""
    study = make_study(tmp_path / "used", "unaided", count=2)
    reading = reading_of(study)
    read_session(reading, 1)
    if not waiting:
        reading.store.close()
    medium = tmp_path / "medium"
    shutil.copytree(study.folder, medium)
    for path in (*medium.rglob("*"), medium):
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    writable = os.access
    monkeypatch.setattr(  # root may write everywhere
        store_schema.os, "access",
        lambda path, mode: "medium" not in str(path) and writable(path, mode),
    )  # fmt: skip
    before = sorted(path.name for path in medium.iterdir())
    assert any(name.endswith("-wal") for name in before) is waiting
    copy = open_study(medium)
    store = open_store(copy.default_store, copy.design.study, copy.design.sha256, reading=True)
    found = verify(copy, store)
    assert (found.clean, found.answers) == (True, 2)
    assert export(copy, store, tmp_path / "export")
    store.close()
    assert sorted(path.name for path in medium.iterdir()) == before
    for path in (medium, *medium.rglob("*")):
        path.chmod(0o700)


def test_a_store_that_is_checked_is_not_written(tmp_path, reading_of):
    study = make_study(tmp_path, "unaided")
    reading = reading_of(study)
    read_session(reading, 1)
    store = open_store(study.default_store, study.design.study, study.design.sha256, reading=True)
    assert verify(study, store).clean
    with pytest.raises(StudyError, match="cannot be written to"):
        store.save_draft("S1", reading._last_number, {})
    store.close()
    absent = tmp_path / "absent.sqlite"
    with pytest.raises(StudyError, match="nobody has read yet"):
        open_store(absent, study.design.study, study.design.sha256, reading=True)
    assert not absent.exists()


def test_verify_says_how_much_of_the_plan_is_there(tmp_path):
    study = open_study(study_of_format_1(tmp_path) / "study")
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    with sa.create_engine(f"sqlite:///{study.default_store}").begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER study_events_no_delete")
        last = "SELECT max(number) FROM study_events WHERE reader = 'S1'"
        connection.exec_driver_sql(
            f"DELETE FROM study_events WHERE reader = 'S1' AND number > ({last}) - 20"
        )
    found = verify(study, store)
    store.close()
    assert found.clean, "a cut end shows with heads only"
    assert found.found == "54 of 62 planned answers, 2 of 2 readers"


# Names


@pytest.mark.parametrize("name", ["all", "model", "pathology"])
def test_readers_with_the_name_of_a_row_of_the_results_are_refused_before_they_read(tmp_path, name):
    (tmp_path / "readers.csv").write_text(f"reader,group\nR1,a\n{name},a\n")
    with pytest.raises(StudyError, match=f"is called '{name}', as are rows of the results"):
        _read_readers(tmp_path / "readers.csv")


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "LPT9.nrrd", "a."])
def test_names_that_windows_keeps_are_refused_in_new_studies(name):
    with pytest.raises(StudyError, match="Windows keeps"):
        a_design(readers=(Reader(name, "x"),))
    old = a_design(readers=(Reader(name, "x"),), schema=1)
    assert old.readers[0].id == name


@pytest.mark.parametrize(
    ("name", "said"),
    [("S1\u200b", "ZERO WIDTH SPACE in it"), ("\uff33\uff11", "FULLWIDTH"),
     ("\u0405\u0031", "CYRILLIC"), ("M\u00fcller", "SMALL LETTER U WITH DIAERESIS"),
     ("Mu\u0308ller", "COMBINING DIAERESIS")],
)  # fmt: skip
def test_a_name_with_signs_that_nobody_sees_is_refused_with_their_names(name, said):
    with pytest.raises(StudyError, match=said):
        a_design(readers=(Reader(name, "x"),))


def test_two_readers_that_look_alike_are_refused_where_their_table_is_read(tmp_path):
    path = tmp_path / "readers.csv"
    for other in ("S1\u200b", "\uff331", "s1"):
        path.write_text(f"reader,group\nS1,a\n{other},a\n", encoding="utf-8")
        with pytest.raises(
            TableError, match=r"line 3, column 'reader': .* looks like 'S1' in line"
        ):
            _read_readers(path)
    path.write_text("reader,group\nS1 ,a\n S2,a\n", encoding="utf-8")
    assert [reader.id for reader in _read_readers(path)] == ["S1", "S2"]
