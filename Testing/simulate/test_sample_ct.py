"""The bundled sample CT."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.image.grid import ras_to_lps
from densesharp.io import read_volume
from densesharp.resources import sample_path, sample_truth
from densesharp.simulate.sample import make_sample
from densesharp.stats.estimates import to_json


@pytest.fixture(scope="module")
def the_sample_ct() -> sitk.Image:
    return sitk.ReadImage(str(sample_path()))


@pytest.fixture(scope="module")
def the_sample_mask() -> np.ndarray:
    path = Path(sample_path()).with_name("sample_mask.nrrd")
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_making_the_sample_again_gives_the_same_voxels(
    the_sample_ct: sitk.Image, the_sample_mask: np.ndarray
) -> None:
    told: list[float] = []
    made = make_sample(progress=lambda fraction, _: told.append(fraction))
    assert told == sorted(told)
    assert len(told) > 5
    assert np.array_equal(made.labels, the_sample_mask)
    # Processors may round the last bit of a float differently, which can move a value by one step.
    differs = made.hu != sitk.GetArrayFromImage(the_sample_ct)
    assert differs.mean() < 1e-4
    assert to_json(made.nodules) == sample_truth()["nodules"]


def test_the_file_is_small_and_says_that_it_is_simulated(the_sample_ct: sitk.Image) -> None:
    assert sample_path().stat().st_size < 6e6
    assert "imulated" in the_sample_ct.GetMetaData("description")
    assert sample_truth()["simulated"] is True


def test_it_reads_as_a_simulated_chest_ct_without_warnings() -> None:
    volume = read_volume(sample_path())
    assert [(notice.code, notice.severity) for notice in volume.notices] == [("simulated", "info")]
    lung = ((volume.array < -700) & (volume.array > -980)).mean()
    assert 0.15 < lung < 0.6
    assert (volume.array > 200).mean() > 0.005  # bone


def test_its_nodules_are_where_and_as_large_as_it_says(
    the_sample_ct: sitk.Image, the_sample_mask: np.ndarray
) -> None:
    nodules = sample_truth()["nodules"]
    assert {nodule["class"] for nodule in nodules} == {"AAH-AIS", "MIA", "IAC"}
    voxel = float(np.prod(the_sample_ct.GetSpacing()))
    hu = sitk.GetArrayFromImage(the_sample_ct)
    for nodule in nodules:
        mask = the_sample_mask == nodule["id"]
        center = np.argwhere(mask).mean(axis=0)[::-1]
        lps = the_sample_ct.TransformContinuousIndexToPhysicalPoint(center.tolist())
        assert nodule["center_lps"] == pytest.approx(lps, abs=0.01)
        assert nodule["center_ras"] == pytest.approx(ras_to_lps(lps), abs=0.01)
        assert nodule["volume_mm3"] == pytest.approx(mask.sum() * voxel, abs=0.1)
        assert hu[mask].mean() == pytest.approx(nodule["mean_hu"], abs=60)
        assert nodule["equivalent_diameter_mm"] == pytest.approx(
            nodule["latents"]["diameter_mm"], rel=0.12
        )
