"""Nodules in the lung of a given CT: where they go, what they change, and what they leave alone.

The bundled sample stands for a CT; one test looks at a real one.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from densesharp.cli import main
from densesharp.errors import ImageError
from densesharp.image.grid import Grid, cube_grid
from densesharp.image.sampling import resample
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.nodule.patch import WINDOW
from densesharp.resources import sample_path, sample_truth
from densesharp.simulate import real_lung as module
from densesharp.simulate.case import simulate
from densesharp.simulate.latents import Latents
from densesharp.simulate.real_lung import (
    KEEP_AWAY_MM,
    Lungs,
    RealLung,
    find_cts,
    read_lung,
    real_lung,
    without_noise,
)
from densesharp.train.dataset import read_dataset

GROUND_GLASS = Latents("AIS", "ground-glass", 16, -600, 0, 0.8, 0, 0, 0, False, False)
SOLID = Latents("IAC", "solid", 14.0, -500, 1.0, 0.8, 0.0, 0.0, 0, False, False)
AT_THE_PLEURA = Latents("IAC", "solid", 14.0, -500, 1.0, 0.8, 0.0, 0.0, 0, True, False)


@pytest.fixture(scope="module")
def the_samples_lung() -> RealLung:
    return read_lung(str(sample_path()))


def distance_to(mask: np.ndarray, volume: Volume, lung: RealLung) -> np.ndarray:
    """mm from every voxel of the lung's grid to a mask on the CT's grid."""
    inside = resample(mask.astype(np.uint8), volume.grid, lung.grid, 0.0) > 0.3
    return ndimage.distance_transform_edt(~inside, sampling=lung.grid.spacing[::-1])


def test_both_lungs_are_found_and_nothing_else(the_samples_lung: RealLung) -> None:
    lung = the_samples_lung
    litres = (lung.depth > 0).sum() * lung.grid.voxel_volume / 1e6
    assert 2 < litres < 8
    k, j, i = np.argwhere(lung.depth > 0).T
    left = lung.grid.to_world(np.stack([i, j, k], axis=-1))[:, 0] > 0
    assert 0.35 < left.mean() < 0.65  # both sides
    # Deepest in the lung, not in the middle of the body or outside of it.
    hu = resample(lung.volume.array, lung.volume.grid, lung.grid, WINDOW[0])
    assert np.median(hu[lung.depth > 5]) == pytest.approx(-860, abs=40)
    assert np.median(hu[(lung.depth < -3) & (lung.depth > -8)]) > -200


def test_lungs_that_reach_the_edge_of_a_tight_crop_are_found_too(
    the_samples_lung: RealLung,
) -> None:
    volume = the_samples_lung.volume
    k, j, i = np.argwhere(the_samples_lung.depth > 0).T
    points = the_samples_lung.grid.to_world(np.stack([i, j, k], axis=-1))
    low, high = (np.round(volume.grid.to_index(p)).astype(int) for p in (
        points.min(axis=0) + 15, points.max(axis=0) - 15
    ))  # fmt: skip
    box = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    tight = real_lung(Volume(volume.array[box].copy(), volume.grid.crop(low, high - low)))
    share = (tight.depth > 0).sum() / (the_samples_lung.depth > 0).sum()
    assert 0.5 < share < 1
    assert len(tight.places(SOLID)) > 1000


def test_places_are_away_from_the_nodules_that_are_there(the_samples_lung: RealLung) -> None:
    lung = the_samples_lung
    path = Path(sample_path()).with_name("sample_mask.nrrd")
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    places = lung.places(SOLID)
    assert len(places) > 1000
    for nodule in sample_truth()["nodules"]:
        if nodule["latents"]["diameter_mm"] >= 12:
            gap = distance_to(labels == nodule["id"], lung.volume, lung)[tuple(places.T)].min()
            assert gap > SOLID.diameter_mm / 2 + KEEP_AWAY_MM - 4  # its faint rim is seen late


def test_places_follow_size_and_pleura(the_samples_lung: RealLung) -> None:
    lung = the_samples_lung
    depth = lung.depth[tuple(lung.places(SOLID).T)]
    assert depth.min() > 1.15 * 7 + 2 - 1e-3
    at_pleura = lung.depth[tuple(lung.places(AT_THE_PLEURA).T)]
    assert at_pleura.min() > 0.2 * 7 - 1e-3
    assert at_pleura.max() < 0.9 * 7 + 1e-3


def test_the_same_seed_gives_the_same_voxels(the_samples_lung: RealLung) -> None:
    first, again, other = (
        simulate(seed, edge=48, latents=SOLID, lung=the_samples_lung) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.hu, again.hu)
    assert np.array_equal(first.mask, again.mask)
    assert first.place == again.place != other.place


@pytest.mark.parametrize("latents", [GROUND_GLASS, SOLID, AT_THE_PLEURA])
def test_mask_and_density_are_the_nodules_and_the_ct_around_is_left_alone(
    the_samples_lung: RealLung, latents: Latents
) -> None:
    case = simulate([2, 1], edge=48, latents=latents, lung=the_samples_lung)
    assert case.place is not None
    ct = resample(
        the_samples_lung.volume.array,
        the_samples_lung.volume.grid,
        cube_grid(case.place, 48),
        WINDOW[0],
    )
    inner = np.zeros(ct.shape, bool)
    inner[4:-4, 4:-4, 4:-4] = True  # a shifted cube repeats its edge
    far = inner & (case.distance < -5)
    assert np.abs(case.hu - ct)[far].max() < 1.0
    # The mask is exact: half of the change lies on its outline.
    assert np.array_equal(case.mask, case.distance > 0)
    volume = np.pi / 6 * latents.diameter_mm**3
    if latents.pleural:
        assert 0.3 * volume < case.volume_mm3 < 1.2 * volume
    else:
        assert case.volume_mm3 == pytest.approx(volume, rel=0.3)
    expected = -600 if latents is GROUND_GLASS else 30
    deep = ndimage.binary_erosion(case.mask, iterations=3)
    assert np.median(case.hu[deep]) == pytest.approx(expected, abs=90)
    assert np.abs(np.array(ndimage.center_of_mass(case.mask)) - 23.5).max() <= 0.51


def test_the_noise_of_the_ct_stays_in_the_nodule(the_samples_lung: RealLung) -> None:
    case = simulate([2, 1], edge=48, latents=SOLID, lung=the_samples_lung)
    fine = case.hu - ndimage.gaussian_filter(case.hu, 1.0)
    deep = ndimage.binary_erosion(case.mask, iterations=3)
    lung = (case.distance < -6) & (case.hu < -700)
    spread = [1.4826 * np.median(np.abs(fine[where])) for where in (deep, lung)]
    assert 0.6 < spread[0] / spread[1] < 1.7


def test_taking_noise_out_leaves_vessels() -> None:
    rng = np.random.default_rng(0)
    truth = np.full((24, 24, 24), -860.0)
    truth[:, 11:14, 11:14] = 40
    noisy = truth + rng.normal(0, 20, truth.shape)
    quiet = without_noise(noisy, truth < -500)
    assert np.std(quiet[truth < -500]) < 14
    assert quiet[:, 12, 12].mean() > -150


def test_without_a_lung_or_without_room_it_says_so(the_samples_lung: RealLung) -> None:
    grid = Grid((60, 60, 60), np.zeros(3), np.full(3, 3.0), np.eye(3))
    with pytest.raises(ImageError, match="No lung was found in 'brick'"):
        real_lung(Volume(np.full((60, 60, 60), 40, np.int16), grid), "brick")
    giant = Latents("IAC", "solid", 90.0, -500, 1.0, 0.8, 0.0, 0.0, 0, False, False)
    with pytest.raises(ImageError, match="no place for a nodule of 90 mm"):
        the_samples_lung.cut(np.random.default_rng(0), giant, 48)


def test_a_nodule_goes_into_the_next_ct_that_has_room(
    the_samples_lung: RealLung, monkeypatch: pytest.MonkeyPatch
) -> None:
    cramped = replace(the_samples_lung, name="cramped", room=the_samples_lung.room * 0)
    lungs = {"cramped": cramped, "sample": the_samples_lung}
    monkeypatch.setattr(module, "read_lung", lungs.__getitem__)
    for first in (0, 1, 2):
        assert Lungs(("cramped", "sample"), first).with_room(SOLID) is the_samples_lung
    case = simulate(1, edge=48, latents=SOLID, lung=Lungs(("cramped", "sample"), 0))
    assert case.lung == the_samples_lung.name
    with pytest.raises(ImageError, match="No CT has a place for a nodule of 14 mm"):
        Lungs(("cramped",), 0).with_room(SOLID)


def test_what_a_path_stands_for(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").touch()
    (tmp_path / "b.nrrd").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "series" / "1").mkdir(parents=True)
    assert find_cts(tmp_path / "b.nrrd") == [tmp_path / "b.nrrd"]
    assert [path.name for path in find_cts(tmp_path)] == ["a.nii.gz", "b.nrrd"]
    assert find_cts(tmp_path / "series") == [tmp_path / "series" / "1"]
    assert find_cts(tmp_path / "series" / "1") == [tmp_path / "series" / "1"]
    with pytest.raises(ImageError, match="does not exist"):
        find_cts(tmp_path / "nowhere")


def test_the_command_keeps_the_nodules_of_a_ct_together(tmp_path: Path) -> None:
    words = ["--count", "2", "--edge", "44", "--seed", "3", "--lung", str(sample_path())]
    assert main(["simulate", "--out", str(tmp_path), *words]) == 0
    samples = read_dataset(tmp_path)
    assert {sample.patient for sample in samples} == {"sample_ct.nrrd"}
    assert {sample.subset for sample in samples} == {0}
    with (tmp_path / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    volume = read_volume(sample_path())
    for row in rows:
        assert row["lung"] == "sample_ct.nrrd"
        assert volume.grid.contains([float(row[f"lps_{axis}"]) for axis in "xyz"])
    assert all(row["ideal_IAC"] for row in rows)


def test_a_real_ct_and_its_real_nodule(real_ct_folder: Path) -> None:
    folder = real_ct_folder / "lidc-idri-0001"
    lung = read_lung(str(folder / "ct.nrrd"))
    litres = (lung.depth > 0).sum() * lung.grid.voxel_volume / 1e6
    assert 2 < litres < 8
    real = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "consensus.nrrd"))) > 0
    for latents in (GROUND_GLASS, SOLID, AT_THE_PLEURA):
        places = lung.places(latents)
        assert len(places) > 1000
        gap = distance_to(real, lung.volume, lung)[tuple(places.T)].min()
        assert gap > latents.diameter_mm / 2 + KEEP_AWAY_MM - 1
    case = simulate(1, "IAC", 48, lung=lung)
    assert case.lung == "ct.nrrd"
    assert case.scanner.slice_mm == 2.5
    assert ndimage.label(case.mask)[1] == 1
