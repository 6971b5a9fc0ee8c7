"""The whole chain on real CT. Outlines are radiologists'; nothing here says what a class is worth.

The bundled model saw most of these patients in training, so overlaps are a check of the chain, not
of the model: docs/explanation/evaluation.md has the cross-validated numbers.
"""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.cli import main
from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.model.engines import open_engine
from densesharp.model.model_file import load_model
from densesharp.nodule.pipeline import analyse
from densesharp.nodule.records import Seed
from densesharp.nodule.settings import AnalysisSettings
from densesharp.resources import model_path

QUICK = AnalysisSettings(augmentations=1, stability=False)


@pytest.fixture(scope="module")
def engine():
    return open_engine(load_model(model_path()), device="cpu")


def middle_of(mask: sitk.Image, label: int = 1) -> np.ndarray:
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask, sitk.sitkUInt8))
    return np.array(shape.GetCentroid(label))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_a_click_in_a_whole_scan_finds_what_four_radiologists_outlined(real_ct_folder, tmp_path):
    folder = real_ct_folder / "lidc-idri-0001"
    consensus = sitk.ReadImage(str(folder / "consensus.nrrd"))
    seed = ",".join(str(n) for n in middle_of(consensus) + [4, -3, 2])
    arguments = ["predict", str(folder / "ct.nrrd"), f"--seed={seed}", "--space", "lps"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    mask = sitk.ReadImage(str(tmp_path / "nodule_001_mask.nrrd"))
    assert mask.GetSize() == consensus.GetSize()
    found, truth = (sitk.GetArrayFromImage(image) == 1 for image in (mask, consensus))
    assert dice(found, truth) > 0.75
    entry = json.loads((tmp_path / "result.json").read_text())["nodules"][0]
    assert entry["measurements"]["volume_mm3"] == pytest.approx(
        found.sum() * np.prod(mask.GetSpacing()), rel=1e-6
    )
    assert entry["measurements"]["nodule_type"] == "solid"
    assert entry["stability"]["found"] == 4


def test_the_scan_stored_the_other_way_round_gives_the_same_nodule(real_ct_folder, engine):
    folder = real_ct_folder / "lidc-idri-0001"
    volume = read_volume(folder / "ct.nrrd")
    seed = Seed(middle_of(sitk.ReadImage(str(folder / "consensus.nrrd"))))
    straight = analyse(volume, seed, engine, settings=QUICK)
    # The same voxels in reversed slice and row order, as some scanners store them.
    flips = np.array([1, -1, -1])
    last = (np.array(volume.grid.size) - 1) * (flips < 0)
    grid = Grid(
        volume.grid.size, volume.grid.to_world(last), volume.grid.spacing,
        volume.grid.direction * flips,
    )  # fmt: skip
    flipped = analyse(Volume(volume.array[::-1, ::-1], grid), seed, engine, settings=QUICK)
    np.testing.assert_array_equal(straight.mask.array, flipped.mask.array[::-1, ::-1])
    np.testing.assert_allclose(straight.center_lps, flipped.center_lps, atol=1e-6)
    assert straight.class_probabilities == flipped.class_probabilities


def test_a_flipped_direction_is_honoured(real_ct_folder, engine):
    volume = read_volume(real_ct_folder / "partsolid-lstk" / "ct.nrrd")
    np.testing.assert_allclose(np.diag(volume.grid.direction), [-1, -1, 1])
    clicks = [(185.2, 175.6, -257.8), (183.1, 174.2, -257.8)]
    results = [analyse(volume, Seed(np.array(c)), engine, settings=QUICK) for c in clicks]
    for result, click in zip(results, clicks, strict=True):
        index = np.round(result.mask.grid.to_index(click)).astype(int)
        assert result.mask.array[tuple(index[::-1])] == 1, "the click lies inside the outline"
        assert np.linalg.norm(np.array(result.center_lps) - click) < 15
        assert result.measurements.nodule_type == "part-solid"
    first, second = (result.measurements.volume_mm3 for result in results)
    assert first == pytest.approx(second, rel=0.05)


def test_slices_of_eight_millimetres_are_refused_and_that_is_an_answer(real_ct_folder, tmp_path):
    folder = real_ct_folder / "lungpetctdx-A0002"
    image = sitk.ReadImage(str(folder / "ct.nrrd"))
    lung = np.argwhere(np.abs(sitk.GetArrayFromImage(image) + 840) < 20)
    k, j, i = lung[len(lung) // 2]
    seed = ",".join(str(n) for n in (i, j, k))
    arguments = ["predict", str(folder / "ct.nrrd"), "--seed", seed, "--space", "ijk"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    entry = json.loads((tmp_path / "result.json").read_text())["nodules"][0]
    assert entry["verdict"] == "refused"
    assert [warning["code"] for warning in entry["warnings"]] == ["slice_thickness"]
    assert entry["class_probabilities"] is None
    assert entry["measurements"] is None
    assert not (tmp_path / "nodule_001_mask.nrrd").exists()


def test_all_66_cubes_run_and_the_outlines_overlap(real_ct_folder, engine, full):
    overlaps, verdicts = [], []
    paths = sorted((real_ct_folder / "lidc-cubes").glob("*_ct.nrrd"))
    assert len(paths) == 66
    for path in paths if full else paths[::3]:
        image = sitk.ReadImage(str(path).replace("_ct", "_mask"))
        # By the model's own rule: what half of the readers or more drew, outline pixels left out.
        name = path.name.replace("_ct", "_inside")
        bits = sitk.GetArrayFromImage(
            sitk.ReadImage(str(real_ct_folder / "lidc-readers" / "cubes" / name))
        )
        readers = int(bits.max()).bit_length()
        truth = np.mean([bits >> n & 1 for n in range(readers)], axis=0) >= 0.5
        volume = read_volume(path)
        result = analyse(volume, Seed(middle_of(image > 0)), engine, settings=QUICK)
        verdicts.append(result.verdict)
        if result.mask is None:
            overlaps.append(0.0)
            continue
        overlaps.append(dice(result.mask.full(volume.grid) == 1, truth))
        assert sum(result.class_probabilities.values()) == pytest.approx(1)
    # Some are larger than the cube or cavities: refused or poor, never an error.
    assert np.median(overlaps) > 0.77
    assert verdicts.count("refused") < 15 / 66 * len(verdicts)
