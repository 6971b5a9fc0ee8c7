"""Masks of several readers, and places without a nodule: from the table to a training batch."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import TableError
from densesharp.model.model_file import ModelCard, load_model, save_model
from densesharp.train.augment import Augmentation
from densesharp.train.batches import SampleSource, make_batch
from densesharp.train.builder import build_dataset
from densesharp.train.dataset import Sample, consensus, read_dataset
from densesharp.train.fit import best, fit

STILL = Augmentation(0, (1.0, 1.0))
RADII = (3.2, 4.2, 5.2)
"""mm: what each reader drew around the same middle."""


def write(path: Path, array: np.ndarray) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((-100, 50, 7))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def drawn_by_three(tmp_path: Path) -> Path:
    """A CT of 1 mm with a ball, three readers' masks, and the table of it and of a place."""
    axes = np.meshgrid(*[np.arange(60)] * 3, indexing="ij")
    radius = np.sqrt(sum((axis - 29.5) ** 2 for axis in axes))
    write(tmp_path / "ct.nrrd", np.where(radius < 4.2, 0, -850).astype(np.int16))
    for number, limit in enumerate(RADII):
        write(tmp_path / f"{number}.nrrd", (radius < limit).astype(np.uint8))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "image", "mask", "x", "y", "z"))
        writer.writerow(("a", "ct.nrrd", "0.nrrd; 1.nrrd ;2.nrrd", "", "", ""))
        # RAS: the middle of the CT is LPS -70.5, 79.5, 36.5; 20 mm to the right of it is lung.
        writer.writerow(("vessel", "ct.nrrd", "", 70.5 + 20, -79.5, 36.5))
    return tmp_path


def read_all(folder: Path) -> dict[str, Sample]:
    assert build_dataset(folder / "table.csv", folder / "set", edge=40) == 2
    return {sample.name: sample for sample in read_dataset(folder / "set")}


def test_masks_of_several_readers_become_a_share_and_a_consensus(drawn_by_three: Path) -> None:
    sample = read_all(drawn_by_three)["a"]
    assert sample.readers is not None
    assert sample.readers.shape == (3, 40, 40, 40)
    sizes = [sitk.GetArrayFromImage(sitk.ReadImage(str(drawn_by_three / f"{n}.nrrd"))).sum()
             for n in range(3)]  # fmt: skip
    assert sample.readers.sum(axis=(1, 2, 3)).tolist() == sizes
    # Two of three agree on the middle one's ball.
    assert sample.seg.sum() == sizes[1]
    assert sample.share.sum() == pytest.approx(sum(sizes) / 3)
    assert np.unique(sample.share) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_changed_mask_of_one_reader_is_cut_out_anew(drawn_by_three: Path) -> None:
    before = read_all(drawn_by_three)["a"].share.sum()
    (drawn_by_three / "2.nrrd").write_bytes((drawn_by_three / "0.nrrd").read_bytes())
    assert read_all(drawn_by_three)["a"].share.sum() < before


def test_readers_who_agree_nowhere_by_half_still_give_a_mask() -> None:
    masks = np.zeros((3, 2, 2, 2), dtype=bool)
    masks[0, 0, 0, 0] = masks[1, 1, 1, 1] = masks[2, 0, 1, 0] = True
    assert consensus(masks).sum() == 3


def test_a_place_without_a_nodule_is_a_sample_with_an_empty_mask(drawn_by_three: Path) -> None:
    place = read_all(drawn_by_three)["vessel"]
    assert not place.is_nodule
    assert place.class_name == "unknown"
    # 20 mm beside the ball's middle: the ball lies at the cube's left end, i = 40 - 0.5 - 0.
    bright = np.argwhere(place.voxel > 150)
    assert bright[:, 2].max() == 39
    assert bright.mean(axis=0)[:2] == pytest.approx([19.5, 19.5], abs=0.6)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (("a", "ct.nrrd", "", "", "", ""), "mask is empty (for a place without a nodule"),
        (("a", "ct.nrrd", "", "1", "far", "2"), "y 'far' is no number"),
        (("a", "ct.nrrd", "", "900", "0", "0"), "the place lies outside the CT"),
        (("a", "ct.nrrd", "0.nrrd;gone.nrrd", "", "", ""), "the mask cannot be read"),
    ],
)
def test_faults_of_readers_and_places_are_named(
    line: tuple[str, ...], fault: str, drawn_by_three: Path
) -> None:
    with (drawn_by_three / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows((("name", "image", "mask", "x", "y", "z"), line))
    with pytest.raises(TableError) as error:
        build_dataset(drawn_by_three / "table.csv", drawn_by_three / "set", edge=40)
    assert fault in str(error.value)


def test_a_soft_batch_holds_the_share_and_a_plain_one_the_consensus(drawn_by_three: Path) -> None:
    sample = read_all(drawn_by_three)["a"]
    soft, plain = (
        make_batch([SampleSource([sample], 1, STILL, soft=choice)], seed=0, step=0).masks
        for choice in (True, False)
    )
    assert soft.sum().item() == pytest.approx(sample.share.sum(), rel=1e-4)
    assert plain.sum().item() == sample.seg.sum()
    assert set(plain.unique().tolist()) == {0.0, 1.0}


def test_fitting_the_mask_branch_leaves_everything_else_as_it_was(
    balls_of_three_sizes: list[Sample], tmp_path: Path
) -> None:
    from densesharp.model.densesharp import DenseSharp, export_weights

    save_model(
        tmp_path / "start.safetensors", [export_weights(DenseSharp())], ModelCard("start", "none")
    )
    settings = replace(
        best(2), per_batch=(2,), precision="32-true", augmentation=Augmentation(1, (1, 1), edge=16)
    )
    settings = replace(
        settings,
        optimisation=replace(settings.optimisation, mask_only=True),
        objective=replace(settings.objective, soft=True),
    )
    with pytest.raises(TableError, match="give the model whose other weights are kept"):
        fit([balls_of_three_sizes], settings, tmp_path / "none", ModelCard("t", "t"))
    made = fit(
        [balls_of_three_sizes], settings, tmp_path / "run", ModelCard("t", "t"),
        tmp_path / "start.safetensors",
    )  # fmt: skip
    before, after = (load_model(p).members[0] for p in (tmp_path / "start.safetensors", made))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith("decoder.")}


def write_native(path: Path, array: np.ndarray) -> None:
    """An image of 0.6 x 0.6 mm pixels and 2 mm slices."""
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((-100, 50, 7))
    image.SetSpacing((0.6, 0.6, 2.0))
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize("rule", ["", "inner", "outer"])
def test_what_was_drawn_on_the_cts_own_slices_is_kept_by_both_rules(
    rule: str, tmp_path: Path
) -> None:
    k, j, i = np.indices((30, 100, 100))
    away = np.sqrt((2.0 * (k - 15)) ** 2 + (0.6 * (j - 50)) ** 2 + (0.6 * (i - 45)) ** 2)
    write_native(tmp_path / "ct.nrrd", np.where(away < 6, 0, -850).astype(np.int16))
    masks = [away < 5, away < 7]
    for n, mask in enumerate(masks):
        write_native(tmp_path / f"{n}.nrrd", mask.astype(np.uint8))
    (tmp_path / "table.csv").write_text(
        f"name,image,mask,rule\na,ct.nrrd,0.nrrd;1.nrrd,{rule}\n", encoding="utf-8"
    )
    build_dataset(tmp_path / "table.csv", tmp_path / "set", edge=48)
    (sample,) = read_dataset(tmp_path / "set")
    own = sample.own
    assert own is not None
    assert own.grid.spacing == pytest.approx((0.6, 0.6, 2.0))
    assert sample.slice_mm == pytest.approx(2.0)
    # Pixels that share a side, within the slice, with one outside.
    edge = [
        mask & ~np.all([np.roll(mask, s, a) for s in (1, -1) for a in (1, 2)], axis=0)
        for mask in masks
    ]
    beside = [
        np.any([np.roll(mask, s, a) for s in (1, -1) for a in (1, 2)], axis=0) for mask in masks
    ]
    outer = rule == "outer"
    for reader in range(2):
        inner_mask = masks[reader] & ~edge[reader] if outer else masks[reader]
        outer_mask = masks[reader] if outer else masks[reader] | beside[reader]
        assert own.by("inner")[reader].sum() == inner_mask.sum()
        assert own.by("outer")[reader].sum() == outer_mask.sum()
        # Where they lie: their middle is that of what was drawn, seen from the cube's middle.
        middle = np.argwhere(inner_mask).mean(axis=0)[::-1] * (0.6, 0.6, 2.0)
        places = own.grid.to_world(np.argwhere(own.by("inner")[reader])[:, ::-1])
        shift = middle - places.mean(axis=0)
        assert (shift / (0.6, 0.6, 2.0) % 1) == pytest.approx(0.5, abs=1e-3)
    # Training follows the inner rule; the cube's mask closes the steps of slices of 2 mm.
    assert sample.readers is not None
    assert sample.readers[1].sum() == pytest.approx(own.by("inner")[1].sum() * 0.72, rel=0.06)


STRANGE = {
    "a reader is missing": ("a,ct.nrrd,0.nrrd;gone.nrrd,", "a: the mask cannot be read: "),
    "the same mask twice": ("a,ct.nrrd,0.nrrd;0.nrrd,", "a: the mask '0.nrrd' stands twice"),
    "another grid": ("a,ct.nrrd,0.nrrd;coarse.nrrd,", "a: the mask 'coarse.nrrd' does not lie on"),
    "of another CT": ("a,ct.nrrd,0.nrrd;moved.nrrd,", "a: the mask 'moved.nrrd' does not lie on"),
    "empty": ("a,ct.nrrd,0.nrrd;empty.nrrd,", "a: the mask 'empty.nrrd' is empty"),
    "another nodule": ("a,ct.nrrd,0.nrrd;apart.nrrd,", "a: the masks '0.nrrd' and 'apart.nrrd' l"),
    "no other rule": ("a,ct.nrrd,0.nrrd,both", "a: rule 'both' is none of inner, outer"),
    "all outline": ("a,ct.nrrd,thin.nrrd,outer", "a: nothing is left of the mask 'thin.nrrd' wit"),
    "only separators": ("a,ct.nrrd, ; ,", "a: mask is empty"),
    "named twice": ("a,ct.nrrd,0.nrrd,\na,ct.nrrd,1.nrrd,", "name 'a' stands 2 times"),
    "one nodule of two patients": (
        "a,ct.nrrd,0.nrrd,\nb,ct.nrrd,0.nrrd,", "the mask '0.nrrd' is of patient a and of b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_tables_of_readers_end_in_a_sentence(kind: str, drawn_by_three: Path) -> None:
    folder = drawn_by_three
    ball = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "0.nrrd")))
    write(folder / "empty.nrrd", np.zeros_like(ball))
    write(folder / "apart.nrrd", np.roll(ball, 20, 2))
    thin = np.zeros_like(ball)
    thin[30, 30, 20:30] = 1
    write(folder / "thin.nrrd", thin)
    for name, spacing, origin in (("coarse", 2.0, -100), ("moved", 1.0, 400)):
        image = sitk.GetImageFromArray(ball)
        image.SetOrigin((origin, 50, 7))
        image.SetSpacing((spacing,) * 3)
        sitk.WriteImage(image, str(folder / f"{name}.nrrd"))
    lines, sentence = STRANGE[kind]
    (folder / "table.csv").write_text(f"name,image,mask,rule\n{lines}\n", encoding="utf-8")
    with pytest.raises(TableError) as error:
        build_dataset(folder / "table.csv", folder / "set", edge=40)
    assert f"- {sentence}" in str(error.value)
    assert not (folder / "set" / "info.csv").exists()
