"""From CT, mask and table to a data set."""

import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from densesharp.errors import TableError
from densesharp.train.builder import build_dataset
from densesharp.train.dataset import read_dataset


def write_case(folder: Path, name: str, shift: int = 0, spacing: float = 1.0) -> None:
    """A ball of 8 mm at voxel (30 + shift, 30, 30) of a CT with air around."""
    axis = np.arange(60) * spacing
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    middle = 30 * spacing
    ball = (k - middle) ** 2 + (j - middle) ** 2 + (i - middle - shift * spacing) ** 2 < 16
    ct = np.where(ball, 0, -850).astype(np.int16)
    for kind, array in (("ct", ct), ("mask", ball.astype(np.uint8) * 2)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((spacing,) * 3)
        image.SetOrigin((-100, 50, 7))
        sitk.WriteImage(image, str(folder / f"{name}_{kind}.nrrd"))


def write_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(name: str, **more: str) -> dict[str, str]:
    return {"name": name, "image": f"{name}_ct.nrrd", "mask": f"{name}_mask.nrrd", **more}


def test_a_nodule_is_cut_out_with_its_middle_in_the_middle(tmp_path: Path) -> None:
    write_case(tmp_path, "a", shift=5, spacing=0.8)
    table = write_table(tmp_path, [row("a", diagnosis="IAC", label="2", patient="p")])
    assert build_dataset(table, tmp_path / "set", edge=40) == 1
    (sample,) = read_dataset(tmp_path / "set")
    assert sample.label == 2
    assert sample.patient == "p"
    # The middle may lie half a voxel of the CT from the nodule's.
    assert np.argwhere(sample.seg).mean(axis=0) == pytest.approx([19.5] * 3, abs=0.42)
    volume = (sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a_mask.nrrd"))) == 2).sum()
    assert sample.seg.sum() == pytest.approx(volume * 0.8**3, rel=0.06)
    assert sample.voxel[20, 20, 20] == round(1024 / 1424 * 255)
    assert sample.voxel[20, 20, 2] == round((1024 - 850) / 1424 * 255)


def test_a_ct_of_1_mm_is_copied_and_not_interpolated(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    grey = rng.integers(0, 256, (50, 50, 50))
    mask = np.pad(rng.random((38, 38, 38)) < 0.002, 6)
    mask[20:26, 22:27, 23:30] = True
    for kind, array in (("ct", grey * (1424 / 255) - 1024), ("mask", mask.astype(np.uint8))):
        image = sitk.GetImageFromArray(array)
        image.SetOrigin((3.2, -70.1, 11.9))
        sitk.WriteImage(image, str(tmp_path / f"a_{kind}.nrrd"))
    build_dataset(write_table(tmp_path, [row("a")]), tmp_path / "set", edge=40)
    (sample,) = read_dataset(tmp_path / "set")
    i, j, k = np.floor(np.argwhere(mask).mean(axis=0)[::-1]).astype(int) - 19
    part = np.s_[max(k, 0) : k + 40, max(j, 0) : j + 40, max(i, 0) : i + 40]
    assert (sample.seg[: part[0].stop - k] == mask[part]).all()
    assert (sample.voxel == grey[part]).all()


def test_beyond_the_ct_there_is_air(tmp_path: Path) -> None:
    write_case(tmp_path, "a", shift=20)  # ten voxels from the border
    build_dataset(write_table(tmp_path, [row("a")]), tmp_path / "set", edge=40)
    (sample,) = read_dataset(tmp_path / "set")
    lung = round((1024 - 850) / 1424 * 255)
    assert (sample.voxel[5, 5, :28] == lung).all()
    assert (sample.voxel[..., 31:] == 0).all()
    assert not sample.seg[..., 31:].any()


def test_steps_of_masks_on_thick_slices_are_closed(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    rng = np.random.default_rng(0)
    for kind in ("ct", "mask"):
        image = sitk.ReadImage(str(tmp_path / f"a_{kind}.nrrd"))
        array = sitk.GetArrayFromImage(image)
        if kind == "mask":
            array[rng.random(array.shape) < 0.3] = 0
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1, 1, 2.5))
        sitk.WriteImage(image, str(tmp_path / f"a_{kind}.nrrd"))
    build_dataset(write_table(tmp_path, [row("a")]), tmp_path / "set", edge=40)
    (sample,) = read_dataset(tmp_path / "set")
    assert sample.seg.any()
    assert (ndimage.binary_closing(sample.seg) <= sample.seg).all()


def test_a_cube_with_code_in_it_is_not_run_but_made_again(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "run"),)

    write_case(tmp_path, "a")
    table = write_table(tmp_path, [row("a")])
    build_dataset(table, tmp_path / "set", edge=40)
    before = cube_of(tmp_path / "set", "a")
    np.savez(tmp_path / "set" / "nodule" / "a.npz", source=np.array([Code()], dtype=object))
    build_dataset(table, tmp_path / "set", edge=40)
    assert cube_of(tmp_path / "set", "a") == before
    assert not (tmp_path / "run").exists()


def test_nodules_already_cut_out_are_kept(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    table = write_table(tmp_path, [row("a")])
    build_dataset(table, tmp_path / "set", edge=40)
    (tmp_path / "a_ct.nrrd").unlink()
    assert build_dataset(table, tmp_path / "set", edge=40) == 1


def cube_of(folder: Path, name: str) -> bytes:
    return (folder / "nodule" / f"{name}.npz").read_bytes()


def test_a_nodule_whose_mask_or_line_changed_is_cut_out_again(tmp_path: Path) -> None:
    for name in "ab":
        write_case(tmp_path, name)
    build_dataset(write_table(tmp_path, [row("a"), row("b")]), tmp_path / "set", edge=40)
    before = {name: cube_of(tmp_path / "set", name) for name in "ab"}
    mask = sitk.ReadImage(str(tmp_path / "a_mask.nrrd"))
    sitk.WriteImage(sitk.BinaryDilate(mask > 0, (2, 2, 2)), str(tmp_path / "a_mask.nrrd"))
    build_dataset(tmp_path / "table.csv", tmp_path / "set", edge=40)
    assert cube_of(tmp_path / "set", "b") == before["b"]
    assert cube_of(tmp_path / "set", "a") != before["a"]
    assert read_dataset(tmp_path / "set")[0].seg.sum() > 300
    build_dataset(tmp_path / "table.csv", tmp_path / "set", edge=44)
    assert {sample.voxel.shape for sample in read_dataset(tmp_path / "set")} == {(44, 44, 44)}


def test_processes_and_progress(tmp_path: Path) -> None:
    for name in "abc":
        write_case(tmp_path, name)
    rows = [row(name) for name in "abc"]
    told: list[tuple[float, str]] = []
    build_dataset(
        write_table(tmp_path, rows), tmp_path / "set", 40, workers=2,
        progress=lambda *words: told.append(words),
    )  # fmt: skip
    assert [text for _, text in told] == [
        f"{n} of 3 {what}" for what in ("nodules checked", "nodules") for n in (1, 2, 3)
    ]
    build_dataset(tmp_path / "table.csv", tmp_path / "alone", 40)
    for name in "abc":
        first, second = (
            np.load(tmp_path / folder / "nodule" / f"{name}.npz") for folder in ("set", "alone")
        )
        assert np.array_equal(first["voxel"], second["voxel"])


def test_all_nodules_of_a_patient_go_where_the_table_puts_one(tmp_path: Path) -> None:
    for name in "abc":
        write_case(tmp_path, name)
    rows = [
        row("a", patient="p", subset="4"),
        row("b", patient="p", subset=""),
        row("c", patient="q", subset=""),
    ]
    build_dataset(write_table(tmp_path, rows), tmp_path / "set", edge=40)
    subsets = {sample.name: sample.subset for sample in read_dataset(tmp_path / "set")}
    assert subsets["a"] == subsets["b"] == 4


def test_all_faults_of_the_images_stand_in_one_list(tmp_path: Path) -> None:
    for name in "abc":
        write_case(tmp_path, name)
    mask = sitk.ReadImage(str(tmp_path / "b_mask.nrrd"))
    mask.SetOrigin((0, 0, 0))
    sitk.WriteImage(mask, str(tmp_path / "b_mask.nrrd"))
    (tmp_path / "c_mask.nrrd").write_bytes(b"nothing")
    rows = [row("a", label="7"), row("b", label=""), row("c", label="")]
    with pytest.raises(TableError) as error:
        build_dataset(write_table(tmp_path, rows), tmp_path / "set", edge=40)
    for words in (
        "a: the mask 'a_mask.nrrd' is empty at label 7",
        "b: the mask 'b_mask.nrrd' does not lie",
        "c: the mask",
    ):
        assert words in str(error.value)
    assert not (tmp_path / "set").exists()


def test_a_ct_that_is_missing_or_no_ct_is_told_before_anything_is_written(tmp_path: Path) -> None:
    for name in "abc":
        write_case(tmp_path, name)
    (tmp_path / "b_ct.nrrd").unlink()
    (tmp_path / "c_ct.nrrd").write_bytes(b"nothing")
    with pytest.raises(TableError) as error:
        build_dataset(write_table(tmp_path, [row(n) for n in "abc"]), tmp_path / "set", edge=40)
    for words in ("2 nodules", "nothing was cut out", "b: ", "does not exist", "c: "):
        assert words in str(error.value)
    assert not (tmp_path / "set").exists()


def test_a_ct_that_proves_damaged_while_it_is_read_leaves_the_finished_cubes(
    tmp_path: Path,
) -> None:
    for name in "ab":
        write_case(tmp_path, name)
    whole = (tmp_path / "b_ct.nrrd").read_bytes()
    (tmp_path / "b_ct.nrrd").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match=r"the others lie in .*, info\.csv is not written"):
        build_dataset(write_table(tmp_path, [row(n) for n in "ab"]), tmp_path / "set", edge=40)
    assert [path.name for path in (tmp_path / "set").rglob("*.*")] == ["a.npz"]


def subsets_of(folder: Path) -> dict[str, str]:
    with (folder / "info.csv").open(newline="") as file:
        return {line["name"]: line["subset"] for line in csv.DictReader(file)}


def test_patients_stay_in_their_subsets_when_the_set_grows(tmp_path: Path) -> None:
    """A patient dealt anew would be tested on by a network that has learnt from it."""
    write_case(tmp_path, "a")

    def line(name: str, diagnosis: str) -> dict[str, str]:
        mask = f"{name}_mask.nrrd"  # one mask in two lines is a fault
        shutil.copy(tmp_path / "a_mask.nrrd", tmp_path / mask)
        return {**row("a", diagnosis=diagnosis), "name": name, "mask": mask}

    first = [line(f"n{n}", "AIS") for n in range(7)]
    build_dataset(write_table(tmp_path, first), tmp_path / "set", edge=40)
    before = subsets_of(tmp_path / "set")
    # Names that come before the others in the alphabet, and another seed.
    new = [line(f"a{n}", "AIS") for n in range(3)] + [line(f"b{n}", "IAC") for n in range(5)]
    again = [{**line("z", "IAC"), "patient": "n3"}]
    rows = [{"patient": "", **one} for one in [*new, *first, *again]]
    build_dataset(write_table(tmp_path, rows), tmp_path / "set", edge=40, seed=9)
    after = subsets_of(tmp_path / "set")
    assert {name: after[name] for name in before} == before
    assert after["z"] == before["n3"]
    for diagnosis, size in (("n", 10), ("b", 5)):
        dealt = [after[n] for n in after if (n[0] == "b") == (diagnosis == "b") and n != "z"]
        assert sorted(dealt) == sorted("01234" * (size // 5))


def test_a_damaged_info_csv_is_told_and_not_dealt_over(tmp_path: Path) -> None:
    write_case(tmp_path, "a")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "info.csv").write_text("name,diagnosis,subset\na,,x\n")
    with pytest.raises(TableError, match=r"subset 'x' is no whole number.* dealt anew"):
        build_dataset(write_table(tmp_path, [row("a")]), tmp_path / "set", edge=40)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"name": "a", "image": "x"}], "no column mask"),
        ([row("a"), row("a")], "stands 2 times"),
        ([row("a"), row("A")], "'a' and 'A' differ in upper and lower case only"),
        ([row("a", diagnosis="cancer")], "diagnosis 'cancer' is none of AAH, AIS"),
        ([row("a", label="x")], "label 'x' is no whole number"),
        ([row("../a")], "that can be the name of a file"),
        ([row("a"), row("")], "line 3: a name is needed"),
        (
            [row("a", patient="p", subset="1"), row("b", patient="p", subset="2")],
            "patient p: nodules in several subsets",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, rows: list[dict[str, str]], words: str) -> None:
    with pytest.raises(TableError, match=words):
        build_dataset(write_table(tmp_path, rows), tmp_path / "set")


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_builder_that_is_killed_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    names = [f"n{n:02d}" for n in range(12)]
    for name in names:
        write_case(tmp_path, name, shift=int(name[1:]))
    table = write_table(tmp_path, [row(name, diagnosis="MIA") for name in names])
    words = [sys.executable, "-m", "densesharp", "dataset", str(table), "--edge", "40"]
    subprocess.run([*words, "--out", str(tmp_path / "whole")], check=True)
    broken = tmp_path / "broken"
    process = subprocess.Popen([*words, "--out", str(broken)])
    while process.poll() is None and len(list(broken.glob("nodule/n*.npz"))) < 2:
        time.sleep(0.005)
    process.kill()
    process.wait()
    made = sorted(broken.glob("nodule/n*.npz"))
    assert 2 <= len(made) < len(names)
    assert not (broken / "info.csv").exists()
    times = {path: path.stat().st_mtime_ns for path in made}
    subprocess.run([*words, "--out", str(broken)], check=True)
    assert {path: path.stat().st_mtime_ns for path in made} == times  # kept
    for path in ("info.csv", *(f"nodule/{name}.npz" for name in names)):
        assert (broken / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()
