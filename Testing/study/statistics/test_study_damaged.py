"""Damaged exports and results: one sentence with the file and the reason, never a green result."""

import json
import random
import shutil

import pytest
from conducted_study import load, reseal
from study_run import run

from densesharp.cli import main
from densesharp.errors import DenseSharpError, StudyError
from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.exported.load_study import load_study
from densesharp.study.exported.open_export import verify_export
from densesharp.study.exported.write_export import export
from densesharp.study.report.write_report import read_results
from study.conduct.study_simulation import (
    READERS,
    TurnableClock,
    ball_mask,
    make_study,
    plain_answer,
    truth_of,
)

NAMES = ("design.json", "schedule.csv", "events.jsonl", "export.json", "SHA256SUMS", "model.csv",
         "answers.csv", "masks/model_C001.nrrd", "masks/S1-1-001_1.nrrd")  # fmt: skip


def an_export(base, seed):
    """Of one reader's first session, with an outline in each answer."""
    study = make_study(base / f"study{seed}", count=4, seed=seed, readers=READERS[:2])
    store = open_store(study.default_store, study.design.study, study.design.sha256)
    reading = Reading(study, store, "S1", TurnableClock())
    reading.start_session(1)
    for _ in range(4):
        reading.submit(plain_answer(reading.open_case()), ball_mask())
    folder = export(study, store, base / f"export{seed}", closed=True)
    store.close()
    return folder


@pytest.fixture(scope="module")
def two_exports(tmp_path_factory):
    base = tmp_path_factory.mktemp("damaged")
    rows = "".join(f"{case},{name}\n" for case, name in truth_of(4).items())
    (base / "truth.csv").write_text(f"case,class\n{rows}")
    return an_export(base, 7), an_export(base, 8)


def damages(content, other, name):
    """Damage -> the file's new bytes; None where it is gone."""
    lines = content.splitlines(keepends=True)
    rng = random.Random(name)
    found = {"missing": None, "empty": b"", "another study's": other, "latin-1": content + b"\xe9"}
    found |= {f"cut at {at}": content[:at] for at in (1, len(content) // 2, len(content) - 1)}
    for at in rng.sample(range(len(content)), 4):
        found[f"byte {at}"] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    found["words of JSON"] = rng.choice((b"null", b"[]", b"{}", b"7", b'"x"', b"[[]]"))
    if not name.endswith(".nrrd"):
        text = content.decode()
        found["Windows' line ends"] = content.replace(b"\n", b"\r\n")
        found |= {code: text.encode(code) for code in ("utf-16", "utf-8-sig")}
        found["swapped lines"] = b"".join([lines[0], *lines[:0:-1]])
        found["a line twice"] = b"".join([*lines[:2], *lines[1:]])
        found["a line less"] = b"".join([lines[0], *lines[2:]])
    if name.endswith(".csv"):
        found["another column"] = b"\n".join(b + b',"9"' for b in content.splitlines()) + b"\n"
    return {what: new for what, new in found.items() if new != content}


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_of_an_export_is_named_and_nothing_is_computed(two_exports, tmp_path, name):
    whole, other = two_exports
    assert verify_export(whole).clean
    work = tmp_path / "export"
    shutil.copytree(whole, work)
    twin = other / name
    content = (whole / name).read_bytes()
    for what, new in damages(content, twin.read_bytes() if twin.exists() else None, name).items():
        (work / name).unlink(missing_ok=True)
        if new is not None:
            (work / name).write_bytes(new)
        for look in (verify_export, lambda folder: load_study(folder, whole.parent / "truth.csv")):
            with pytest.raises(DenseSharpError) as error:
                look(work)
            assert name.rsplit("/", 1)[-1] in str(error.value), (what, str(error.value))


@pytest.mark.parametrize(
    ("path", "value"),
    [("washout_days", -1), ("kind", 7), ("mask", {}), ("reveal", None), ("readers", []),
     ("readers", 5), ("cases", "x"), ("endpoint", None), ("aid", []), ("schema", "x"),
     ("seed", None), ("schedule_sha256", 3)],
)  # fmt: skip
def test_a_design_with_another_entry_is_named_even_where_hashes_were_written_again(
    two_exports, tmp_path, path, value
):
    shutil.copytree(two_exports[0], tmp_path / "export")
    design = tmp_path / "export" / "design.json"
    design.write_text(json.dumps(json.loads(design.read_text()) | {path: value}))
    reseal(tmp_path / "export")
    with pytest.raises(StudyError, match=r"design\.json"):
        verify_export(tmp_path / "export")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [("export.json", {"closed": False}, "is not the note on this record"),
     ("export.json", {"held_back": ["C001"]}, "this is not the answer|is not the note"),
     ("export.json", {"heads": {}}, "is not the note on this record")],
)  # fmt: skip
def test_the_note_is_made_again_from_the_record(two_exports, tmp_path, name, change, said):
    shutil.copytree(two_exports[0], tmp_path / "export")
    note = tmp_path / "export" / name
    note.write_text(json.dumps(json.loads(note.read_text()) | change))
    reseal(tmp_path / "export")
    with pytest.raises(DenseSharpError, match=said):
        verify_export(tmp_path / "export")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.csv", "does not hold the results of this export"),
        ("answers.csv", "stands here twice"),
    ],
)
def test_a_row_less_or_twice_is_noticed_where_hashes_were_written_again(
    two_exports, tmp_path, name, said
):
    shutil.copytree(two_exports[0], tmp_path / "export")
    table = tmp_path / "export" / name
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-1] if name == "model.csv" else [*lines, lines[-1]]))
    reseal(tmp_path / "export")
    with pytest.raises(DenseSharpError, match=said):
        verify_export(tmp_path / "export")


def test_verify_takes_an_export_and_says_how_much_there_is(own, tmp_path, capsys):
    assert run("verify", own / "export", "--write-heads", tmp_path / "heads.json") == 0
    said = capsys.readouterr().out
    assert "The record is whole: 60 of 96 planned answers, 3 of 4 readers." in said
    heads = json.loads((tmp_path / "heads.json").read_text())
    assert f"head of S1: {heads['S1']}" in said
    (tmp_path / "heads.json").write_text(json.dumps(heads | {"S1": "0" * 64}))
    assert run("verify", own / "export", "--heads", tmp_path / "heads.json") == 2
    assert "problem: The last event noted earlier for reader S1 is gone" in capsys.readouterr().out
    (own / "export" / "SHA256SUMS").unlink()
    assert main(["study", "verify", str(own / "export")]) == 2
    error = capsys.readouterr().err
    assert "SHA256SUMS' is missing" in error
    assert "Traceback" not in error
    with pytest.raises(StudyError):
        load(own)


def test_results_that_were_changed_or_cut_are_no_results(conducted, found, tmp_path):
    for name in ("results.json", "SHA256SUMS"):
        shutil.copy(conducted / "out" / name, tmp_path)
    path = tmp_path / "results.json"
    text = path.read_text()
    assert read_results(tmp_path).schema
    path.write_text(text.replace("0.", "1.", 1))
    with pytest.raises(StudyError, match=r"results\.json' was changed after the analysis"):
        read_results(tmp_path)
    for damaged in (text[:1000], "", "[]", "null", text + "x", '{"schema": 3}'):
        path.write_text(damaged)
        with pytest.raises(StudyError, match=r"results\.json' (is damaged|has format)"):
            read_results(tmp_path)
    path.unlink()
    with pytest.raises(StudyError, match="holds no results"):
        read_results(tmp_path)
