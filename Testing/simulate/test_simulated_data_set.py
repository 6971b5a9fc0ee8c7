"""Simulated data sets on disk."""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from densesharp.cli import simulate as command
from densesharp.errors import TableError
from densesharp.simulate import simulated_set as dataset
from densesharp.simulate.simulated_set import BALANCED, Recipe, make_case, write_dataset
from densesharp.train.dataset import UNKNOWN, read_dataset
from densesharp.train.evaluation_report import read_ideal


def test_a_data_set_can_be_read_back_by_the_training_code(tmp_path: Path) -> None:
    recipe = Recipe(seed=4, diagnoses=BALANCED, edge=48)
    write_dataset(tmp_path, 3, recipe)
    samples = read_dataset(tmp_path)
    assert [sample.label for sample in samples] == [0, 1, 2]
    case = make_case(recipe, 1)
    assert np.array_equal(samples[1].seg, case.mask)
    low, high = -1024, 400
    back = samples[1].voxel * ((high - low) / 255) + low
    inside = (case.hu > low) & (case.hu < high)
    assert np.abs(back - case.hu)[inside].max() <= 0.5 * (high - low) / 255 + 0.01
    ideal = read_ideal(tmp_path)
    assert sum(ideal[samples[0].name]) == pytest.approx(1)


@pytest.mark.parametrize("count", [12, 15, 45, 100])
def test_small_sets_have_balanced_subsets(count: int) -> None:
    dealt = [dataset.subset_of(BALANCED, number) for number in range(count)]
    sizes = [dealt.count(subset) for subset in range(5)]
    assert max(sizes) - min(sizes) <= 1
    for names in (("AAH", "AIS"), ("MIA",), ("IAC",)):
        own = [dealt[n] for n in range(count) if BALANCED[n % len(BALANCED)] in names]
        of_class = [own.count(subset) for subset in range(5)]
        assert max(of_class) - min(of_class) <= 1


def test_a_grown_data_set_keeps_its_first_nodules(tmp_path: Path) -> None:
    recipe = Recipe(seed=4, edge=48)
    write_dataset(tmp_path / "a", 1, recipe)
    write_dataset(tmp_path / "b", 2, recipe)
    name = read_dataset(tmp_path / "a")[0].name
    first, second = ((tmp_path / folder / "nodule" / f"{name}.npz").read_bytes() for folder in "ab")
    assert first == second


def test_processes_do_not_change_what_is_made(tmp_path: Path) -> None:
    recipe = Recipe(seed=5, diagnoses=BALANCED, edge=40)
    write_dataset(tmp_path / "one", 3, recipe)
    write_dataset(tmp_path / "two", 3, recipe, workers=2)
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert (
            path.read_bytes()
            == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )


def test_nodules_made_before_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(seed=4, edge=48)
    write_dataset(tmp_path, 1, recipe)
    tables = [(tmp_path / name).read_text() for name in ("info.csv", "truth.csv")]
    made = []
    original = dataset.make_case
    monkeypatch.setattr(dataset, "make_case", lambda *args: made.append(args[1]) or original(*args))
    write_dataset(tmp_path, 2, recipe)
    assert made == [1]
    grown = [(tmp_path / name).read_text() for name in ("info.csv", "truth.csv")]
    assert all(now.startswith(before) for now, before in zip(grown, tables, strict=True))
    write_dataset(tmp_path, 1, replace(recipe, outline_mm=0.5))
    assert made == [1, 0]


def test_masks_drawn_outside_are_larger_and_say_so(tmp_path: Path) -> None:
    write_dataset(tmp_path, 1, Recipe(seed=4, edge=48, outline_mm=0.5))
    drawn = read_dataset(tmp_path)[0].seg
    exact = make_case(Recipe(seed=4, edge=48), 0).mask
    assert drawn.sum() > exact.sum()
    assert (drawn | exact).sum() == drawn.sum()
    with (tmp_path / "truth.csv").open() as file:
        assert float(next(csv.DictReader(file))["volume_mm3"]) == exact.sum()


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(words)


def test_the_command_makes_nodules_without_class(tmp_path: Path) -> None:
    words = ("--out", str(tmp_path), "--count", "1", "--edge", "40", "--classes", "any")
    assert command.run(arguments(*words)) == 0
    assert read_dataset(tmp_path)[0].label == UNKNOWN


@pytest.mark.parametrize("words", [("--count", "0"), ("--edge", "39"), ("--seed", "-1")])
def test_impossible_numbers_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(TableError, match="must be"):
        command.run(arguments("--out", str(tmp_path / "x"), *words))
