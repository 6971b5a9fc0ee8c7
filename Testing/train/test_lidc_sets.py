"""Data sets of files laid out as the shared ones of LIDC-IDRI."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.train.builder import build_dataset
from densesharp.train.dataset import read_dataset

ROOT = Path(__file__).resolve().parents[2]


def lidc_like(folder: Path) -> None:
    """Files as the shared ones of LIDC-IDRI: a cube with slices of 2 mm, drawn by two readers."""
    (folder / "lidc-cubes").mkdir()
    (folder / "lidc-readers").mkdir()
    cube = np.full((51, 51, 51), -850, np.int16)
    cube[15:35, 20:30, 20:30] = 0
    image = sitk.GetImageFromArray(cube)
    image.SetOrigin((-25, -25, -25))
    image.SetSpacing((1, 1, 0.5))  # a stretched cube: its true height per sample
    sitk.WriteImage(image, str(folder / "lidc-cubes/LIDC-IDRI-0006_ct.nrrd"))
    k, j, i = np.arange(4.5, 48, 4.0), np.arange(0.2, 50, 0.7), np.arange(0.1, 50, 0.7)
    inside = np.zeros((len(k), len(j), len(i)), np.uint8)
    inside[3:8, 28:42, 28:42] = 1
    inside[3:8, 28:42, 28:40] |= 2
    outline = inside.copy()
    outline[3:8, 27:43, 27:43] |= 1
    np.savez(
        folder / "lidc-readers/native.npz",
        **{f"LIDC-IDRI-0006_{name}": array for name, array in zip("kji", (k, j, i), strict=True)},
        **{"LIDC-IDRI-0006_inside": inside, "LIDC-IDRI-0006_outline": outline},
    )
    line = "LIDC-IDRI-0006,2.0,4\n"
    (folder / "lidc-readers/cubes.csv").write_text(
        f"patient,gap_mm,texture\n{line}{line}", encoding="utf-8"
    )


def test_shared_cubes_become_a_data_set_at_their_true_spacing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(ROOT / "Testing/benchmarks")
    (tmp_path / "shared").mkdir()
    lidc_like(tmp_path / "shared")
    import_module("lidc_sets").cubes(tmp_path / "shared", tmp_path / "set")
    (sample,) = read_dataset(tmp_path / "set")
    own = sample.own
    assert own is not None
    assert own.grid.spacing == pytest.approx((0.7, 0.7, 2.0))
    assert own.by("inner").sum(axis=(1, 2, 3)).tolist() == [5 * 14 * 14, 5 * 14 * 12]
    assert own.by("outer").sum(axis=(1, 2, 3)).tolist() == [5 * 16 * 16, 5 * 14 * 12]
    # 10 mm along every axis, where the cube's file has 20 samples of 0.5 mm along the slices.
    assert np.ptp(np.argwhere(sample.voxel > 150), axis=0) == pytest.approx([9, 9, 9], abs=1)
    # What was drawn lies on what is bright: its middle is that of the bright box, to a pixel.
    drawn = own.grid.to_world(np.argwhere(own.by("inner")[0])[:, ::-1]).mean(axis=0)
    bright = np.argwhere(sample.voxel > 150).mean(axis=0)[::-1] - 23.5
    assert drawn == pytest.approx(bright, abs=0.7)


def slices_like(folder: Path) -> None:
    """A patch and the boxes of two readers, of whom one drew a slice more; another nodule's."""
    for name in ("lidc-patches2d", "lidc-readers"):
        (folder / name).mkdir()
    hu = np.full((1, 71, 71), -850, np.int16)
    hu[0, 30:41, 30:41] = 0
    np.savez(folder / "lidc-patches2d/patches.npz", hu=hu, nodule=[9])
    boxes = [np.full(shape, 1, np.uint8) for shape in ((3, 11, 11), (4, 11, 11), (1, 2, 2))]
    boxes[0][:, 0, :] = 2  # outline pixels, which do not count
    np.savez(
        folder / "lidc-readers/outlines.npz",
        voxels=np.concatenate([box.ravel() for box in boxes]),
        end=np.cumsum([box.size for box in boxes]),
        annotation=[5, 6, 7],
    )
    head = "annotation,nodule,patient,pixel_mm,slice_mm,texture,k,y,x,nk,ny,nx\n"
    lines = [
        "5,1,LIDC-IDRI-0006,0.7,2.0,5,88,330,430,3,11,11",
        "6,1,LIDC-IDRI-0006,0.7,2.0,4,87,330,430,4,11,11",
        "7,2,LIDC-IDRI-0006,0.7,2.0,5,10,10,10,1,2,2",
    ]
    annotations = folder / "lidc-readers/annotations.csv"
    annotations.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    (folder / "lidc-readers/patches.csv").write_text(
        "patch,annotation,nodule,k,y0,x0\n9,5,1,89,300,400\n9,6,1,89,300,400\n", encoding="utf-8"
    )


def test_shared_slices_become_a_table_that_the_builder_lifts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(ROOT / "Testing/benchmarks")
    (tmp_path / "shared").mkdir()
    slices_like(tmp_path / "shared")
    import_module("lidc_sets").slices(tmp_path / "shared", tmp_path / "table")
    assert build_dataset(tmp_path / "table/slices.csv", tmp_path / "set", edge=40) == 1
    (sample,) = read_dataset(tmp_path / "set")
    assert (sample.patient, sample.texture, sample.subset) == ("LIDC-IDRI-0006", 4, 3)
    assert sample.readers is not None
    # 10 x 11 pixels of 0.7 mm on three slices of 2 mm, and 11 x 11 on four.
    sizes = sample.readers.sum(axis=(1, 2, 3))
    assert sizes == pytest.approx([10 * 11 * 0.49 * 6, 11 * 11 * 0.49 * 8], rel=0.12)
    bright = sample.voxel > 110
    assert 2 * (bright & sample.seg).sum() / (bright.sum() + sample.seg.sum()) > 0.85
