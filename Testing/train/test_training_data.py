"""Data sets for training: what is read, and what is refused, all faults in one list."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densesharp.cli import main
from densesharp.errors import TableError
from densesharp.train.dataset import UNKNOWN, assign_subsets, read_dataset, read_datasets, split

EDGE = 40


def cubes() -> dict[str, Any]:
    seg = np.zeros((EDGE, EDGE, EDGE), np.uint8)
    seg[18:22, 18:22, 18:22] = 1
    return {"voxel": np.full((EDGE, EDGE, EDGE), 30, np.uint8), "seg": seg}


def write(folder: Path, rows: list[dict[str, str]], **arrays: dict[str, Any]) -> Path:
    """A data set; `arrays` replaces the cubes of a nodule."""
    (folder / "nodule").mkdir(parents=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / "info.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    for name in {row["name"] for row in rows}:
        np.savez(folder / "nodule" / f"{name}.npz", **arrays.get(name, cubes()))
    return folder


def row(name: str, diagnosis: str = "MIA", subset: str = "0", **more: str) -> dict[str, str]:
    return {"name": name, "diagnosis": diagnosis, "subset": subset, **more}


def faults_of(folder: Path) -> str:
    with pytest.raises(TableError) as error:
        read_dataset(folder)
    return str(error.value)


def test_a_data_set_of_the_original_code_is_read_unchanged(tmp_path: Path) -> None:
    # As `mylib/dataloader` reads it: pandas may have written an index column, other columns are
    # left alone, cubes have 80 mm, files are made by np.savez.
    rows = [
        {"": str(n), "name": name, "diagnosis": diagnosis, "subset": str(subset), "sex": "F"}
        for n, (name, diagnosis, subset) in enumerate(
            (("a", "AAH", 0), ("b", "AIS", 1), ("c", "MIA", 2), ("d", "IAC", 4))
        )
    ]
    pad = {name: {key: np.pad(cube, 20) for key, cube in cubes().items()} for name in "abcd"}
    samples = read_dataset(write(tmp_path / "set", rows, **pad))
    assert samples[0].voxel.shape == (80, 80, 80)
    assert [sample.label for sample in samples] == [0, 0, 1, 2]
    assert [sample.subset for sample in samples] == [0, 1, 2, 4]
    assert samples[0].voxel.dtype == np.uint8
    assert samples[0].seg.sum() == 64
    assert samples[3].patient == "d"


def test_a_nodule_without_diagnosis_has_no_class(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path / "set", [row("a", "")]))[0].label == UNKNOWN


def test_split_leaves_one_subset_out(tmp_path: Path) -> None:
    samples = read_dataset(write(tmp_path / "set", [row("a"), row("b", subset="1")]))
    train, test = split(samples, 1)
    assert [sample.name for sample in train] == ["a"]
    assert [sample.name for sample in test] == ["b"]
    assert split(samples, None) == (samples, [])


def test_all_faults_stand_in_one_list(tmp_path: Path) -> None:
    arrays: dict[str, dict[str, Any]] = {name: cubes() for name in "bcdefghi"}
    arrays["b"]["voxel"] = arrays["b"]["voxel"][:, :, :30]
    arrays["c"]["voxel"] = arrays["c"]["voxel"].astype(float)
    arrays["c"]["voxel"][0, 0, 0] = np.nan
    del arrays["d"]["seg"]
    arrays["e"]["seg"][:] = 0
    arrays["f"]["voxel"] = np.array(["x"])
    arrays["g"]["voxel"] = arrays["g"]["voxel"].astype(np.int16) - 1024
    arrays["h"]["seg"] = arrays["h"]["seg"][:30]
    arrays["n"] = cubes()
    arrays["n"]["seg"] = np.roll(arrays["n"]["seg"], 18, axis=0)
    rows = [row(name) for name in "bcdefghn"]
    rows += [row("i", "cancer"), row("j", subset="x"), row("k"), row("k"), row("o", texture="y")]
    rows = [{**r, "patient": ""} for r in rows]
    rows += [row("l", patient="p1"), row("m", subset="1", patient="p1")]
    message = faults_of(write(tmp_path / "set", rows, **arrays))
    for words in (
        "13 faults",
        "k: the name stands 2 times",
        "patient p1: nodules in several subsets (0, 1)",
        "b: voxel has shape (40, 40, 30)",
        "c: it holds values that are not numbers",
        "d: the file has no array 'seg'",
        "e: the mask is empty",
        "f: 'voxel' has type <U1",
        "g: voxel is not in grey values",
        "h: voxel (40, 40, 40) and seg (30, 40, 40) differ",
        "i: diagnosis 'cancer' is none of",
        "j: subset 'x' is no whole number",
        "n: no part of the mask lies in the middle 32 mm",
        "o: texture 'y' is no whole number",
    ):
        assert words in message
    assert "nothing was done" in message


def test_data_sets_are_checked_against_each_other_and_listed_together(tmp_path: Path) -> None:
    first = write(tmp_path / "first", [row("a", patient="p1"), row("b", "cancer", patient="")])
    second = write(tmp_path / "second", [row("c", subset="1", patient="p1"), row("", patient="")])
    with pytest.raises(TableError) as error:
        read_datasets([first, second, tmp_path / "third"])
    for words in (
        "4 faults",
        "first: b: diagnosis 'cancer'",
        "second: line 3 of info.csv: it has no name",
        "third: '",
        "patient p1: nodules in several subsets (0, 1)",
    ):
        assert words in str(error.value)


def test_the_command_trains_nothing_where_there_are_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "set", [row("a", "cancer"), row("b", subset="x")])
    assert main(["train", str(folder), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "a: diagnosis 'cancer'" in said
    assert "b: subset 'x'" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words", ["--mixup -1", "--steps 0", "--validate-every 0", "--devices 0", "--edge 30"]
)
def test_impossible_numbers_are_said_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    folder = write(tmp_path / "set", [row("a"), row("b", "IAC")])
    assert main(["train", str(folder), "--out", str(tmp_path / "run"), *words.split()]) == 2
    said = capsys.readouterr().err
    assert words.split()[1].lstrip("-") in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_fold_that_no_data_set_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "set", [row("a"), row("b", "IAC", subset="1")])
    words = ["train", str(folder), "--out", str(tmp_path / "run"), "--fold", "9"]
    assert main(words) == 2
    assert "no nodules in subset 9" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_evaluating_a_fold_that_is_not_there_writes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", [row("a")])
    assert main(["evaluate", str(folder), "--out", str(tmp_path / "out"), "--fold", "9"]) == 2
    assert not (tmp_path / "out").exists()


def test_tables_that_pandas_wrote_and_grey_values_as_floats_are_read(tmp_path: Path) -> None:
    arrays = cubes()
    arrays["voxel"] = np.full((EDGE, EDGE, EDGE), 29.9)
    arrays["seg"] = arrays["seg"].astype(bool)
    rows = [row("a", subset="2.0", patient="p")]
    first = write(tmp_path / "set", rows, a=arrays)
    second = write(tmp_path / "other", [row("b", subset="2", patient="p")])
    (sample,), (other,) = read_datasets([first, second])
    assert (sample.subset, other.subset) == (2, 2)
    assert (sample.voxel == 30).all()


def test_missing_damaged_and_pickled_files_are_faults(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", [row("a"), row("b"), row("c")])
    (folder / "nodule" / "a.npz").unlink()
    (folder / "nodule" / "b.npz").write_bytes(b"PK\x03\x04 not a zip")
    np.savez(folder / "nodule" / "c.npz", voxel=np.array([{"an": "object"}]), seg=cubes()["seg"])
    message = faults_of(folder)
    assert "a: 'a.npz' cannot be read" in message
    assert "b: " in message
    assert "c: " in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column"),
        ("name,diagnosis\na,MIA\n", "no column subset"),
        ("name,diagnosis,subset\n", "no nodules"),
    ],
)
def test_a_table_without_columns_or_lines_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "info.csv").write_text(text)
    assert words in faults_of(tmp_path)


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    assert "is a folder with an info.csv" in faults_of(tmp_path)
    assert "\n" not in faults_of(tmp_path / "a file.nrrd")


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=1),
    st.integers(2, 5),
    st.integers(0, 99),
)
def test_no_patient_is_dealt_into_two_subsets(
    nodules: list[tuple[str, str]], count: int, seed: int
) -> None:
    patients, strata = zip(*nodules, strict=True)
    subsets = assign_subsets(patients, strata, count, seed)
    assert len({(p, s) for p, s in zip(patients, subsets, strict=True)}) == len(set(patients))
    assert set(subsets) <= set(range(count))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=1),
    st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 9)),
)
def test_known_patients_stay_where_they_are(
    nodules: list[tuple[str, str]], known: dict[str, int]
) -> None:
    patients, strata = zip(*nodules, strict=True)
    for patient, subset in zip(
        patients, assign_subsets(patients, strata, 3, 0, known), strict=True
    ):
        assert subset == known[patient] if patient in known else 0 <= subset < 3


def test_classes_are_spread_evenly_over_the_subsets() -> None:
    patients = [f"p{n}" for n in range(50)]
    strata = ["AIS"] * 25 + ["IAC"] * 25
    subsets = np.array(assign_subsets(patients, strata, 5, 0))
    for subset in range(5):
        assert (subsets[:25] == subset).sum() == 5
        assert (subsets[25:] == subset).sum() == 5
