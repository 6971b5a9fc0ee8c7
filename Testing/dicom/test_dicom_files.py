"""DICOM files from a CT as a scene holds it: turned, cut, or another one; corrected outlines."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from test_dicom_objects import ordered, places, places_by_pydicom

from densesharp import cli
from densesharp.dicom.run_record import Run, read_report, run_of
from densesharp.dicom.write import SEG_NAME, SR_NAME, on_series, write_dicom
from densesharp.errors import GeometryError, ImageError, OutputError
from densesharp.image.grid import Grid
from densesharp.image.masks import mask_from_box
from densesharp.image.volume import Volume
from densesharp.io import SeriesChoiceError, read_volume
from densesharp.nodule.measure import measure
from densesharp.nodule.pipeline import analyse, update_mask
from densesharp.nodule.records import NoduleResult, Seed
from densesharp.nodule.settings import AnalysisSettings
from dicom_phantom import axial, phantom, write_ball, write_enhanced, write_series
from nodule_results import nodule
from phantoms import ThresholdEngine

RUN = Run("0.1.0", "first", "ab" * 32, "CPU, fp32", AnalysisSettings(8, True, -300.0))


def measured(volume: Volume, center_ijk) -> NoduleResult:
    """A nodule whose densities are those of the volume."""
    result = nodule(volume, center_ijk)
    return replace(result, measurements=measure(volume, result.mask))


@pytest.fixture
def files(tmp_path):
    return write_series(tmp_path / "ct", phantom(), axial())


def turned(volume: Volume, order, flips) -> Volume:
    """The CT as another program may hold it, without anything that names the series."""
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetOrigin(volume.grid.origin.tolist())
    image = sitk.Flip(sitk.PermuteAxes(image, order), flips)
    direction = np.reshape(image.GetDirection(), (3, 3))
    grid = Grid(image.GetSize(), image.GetOrigin(), image.GetSpacing(), direction)
    return Volume(sitk.GetArrayFromImage(image), grid)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True)])
def test_a_turned_ct_is_the_series_again(files, order, flips):
    read = read_volume(files[0])
    result = nodule(read, (10, 9, 5))
    other = turned(read, order, flips)
    mask = nodule(other, np.rint(other.grid.to_index(read.grid.to_world((10, 9, 5)))))
    (moved,), volume = on_series([mask], other, files)
    np.testing.assert_array_equal(volume.array, read.array)
    assert volume.array.base is not None  # turned, not copied
    assert dict(volume.series) == dict(read.series)
    assert moved.mask.array.sum() == pytest.approx(result.mask.array.sum(), rel=0.3)
    np.testing.assert_allclose(places(volume, moved), places(other, mask), atol=1e-3)


def test_a_part_of_the_series_keeps_its_places(files, tmp_path):
    read = read_volume(files[0])
    grid = read.grid.crop((4, 3, 2), (15, 14, 9))
    part = Volume(read.array[2:11, 3:17, 4:19], grid)
    result = measured(part, (6, 6, 3))
    (moved,), volume = on_series([result], part, files)
    write_dicom([moved], volume, RUN, tmp_path / "out")
    seg = pydicom.dcmread(tmp_path / "out" / SEG_NAME)
    expected = ordered(grid.to_world(np.argwhere(result.mask.full(grid))[:, ::-1]))
    np.testing.assert_allclose(places_by_pydicom(seg, 1), expected, atol=2e-3)


def test_a_ct_finds_its_own_series_among_several(files, tmp_path):
    """A study folder: the instances that the CT was loaded from say which one it is."""
    write_series(tmp_path / "ct" / "more", phantom(), axial(), number=9)
    read = read_volume(files[0].parent, "3")
    result = nodule(read, (10, 9, 5))
    _, volume = on_series([result], read, tmp_path / "ct")
    assert volume.series["series_uid"] == read.series["series_uid"]
    nameless = Volume(read.array, read.grid)
    with pytest.raises(SeriesChoiceError, match="There are 2 CT series"):
        on_series([result], nameless, tmp_path / "ct")


def test_another_series_or_a_moved_ct_is_refused(files, tmp_path):
    read = read_volume(files[0])
    result = nodule(read, (10, 9, 5))
    twin = write_series(tmp_path / "twin", phantom(), axial(), number=9)
    with pytest.raises(GeometryError, match="another series"):
        on_series([result], read, twin)
    moved = Volume(read.array, replace(read.grid, origin=read.grid.origin + 0.3))
    with pytest.raises(GeometryError, match="does not lie on the voxels"):
        on_series([nodule(moved, (10, 9, 5))], moved, files)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="no DICOM image"):
        on_series([result], read, tmp_path / "empty")


def test_results_of_another_series_on_the_same_grid_are_refused(files, tmp_path):
    """Another reconstruction, another day: the voxels under the outline tell, whatever is named."""
    read = read_volume(files[0])
    result = measured(read, (10, 9, 5))
    rounded = replace(result.measurements, mean_hu=result.measurements.mean_hu + 0.6)
    refused = replace(result, verdict="refused")
    silent = replace(nodule(read, (17, 12, 7), number=2), measurements=None)
    nameless = Volume(read.array, read.grid)
    noise = np.random.default_rng(4).normal(0, 3, phantom().shape).astype(np.int16)
    other = write_series(tmp_path / "other", phantom() + noise, axial(), number=9)
    for given in (result, replace(result, measurements=rounded), refused):
        moved, volume = on_series([given, silent], nameless, files)
        write_dicom(moved, volume, RUN, tmp_path / "out")
        moved, volume = on_series([given, silent], nameless, other)
        with pytest.raises(ImageError, match=r"not computed from this series: .* nodule_001"):
            write_dicom(moved, volume, RUN, tmp_path / "none")
    odd = replace(result, measurements=replace(result.measurements, mean_hu="many"))
    with pytest.raises(ImageError, match="not computed from this series"):
        write_dicom([odd], read, RUN, tmp_path / "none")
    for path in files:
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ImageError, match="can no longer be read"):
        write_dicom([result], read, RUN, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_densities_of_an_enhanced_ct_are_found_in_its_frames(tmp_path):
    order = [7, 3, 11, 0, 5, 9, 1, 10, 4, 8, 2, 6]
    write_enhanced(tmp_path / "ct" / "one.dcm", phantom(), axial(), order=order)
    volume = read_volume(tmp_path / "ct")
    result = measured(volume, (10, 9, 5))
    write_dicom([result], volume, RUN, tmp_path / "out")
    elsewhere = replace(result, measurements=measured(volume, (12, 9, 5)).measurements)
    with pytest.raises(ImageError, match="not computed from this series"):
        write_dicom([elsewhere], volume, RUN, tmp_path / "out")


def test_both_files_are_written_or_none(files, tmp_path, monkeypatch):
    volume = read_volume(files[0])
    result = measured(volume, (10, 9, 5))
    assert write_dicom([result], volume, RUN, tmp_path / "out") == (SEG_NAME, SR_NAME)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    save, calls = pydicom.Dataset.save_as, []

    def fail_second(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return save(self, *args, **kwargs)

    monkeypatch.setattr(pydicom.Dataset, "save_as", fail_second)
    with pytest.raises(OutputError, match="No space left"):
        write_dicom([result], volume, RUN, tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(("said", "precision"), [("2 threads, fp32", "fp32"), ("bf16", "auto")])
def test_a_corrected_outline_is_repeated_from_the_segmentation(
    tmp_path, capsys, monkeypatch, said, precision
):
    """No seed gives it: it comes from the SEG, and every number is the same again."""
    center = (-60.0, 20.0, -100.0)
    write_ball(tmp_path / "ct", center)
    volume = read_volume(tmp_path / "ct")
    engine, settings = ThresholdEngine(), AnalysisSettings(2, stability=False)
    engine.description = said
    result = analyse(volume, Seed(np.array(center)), engine, settings=settings)
    array = result.mask.array.astype(bool)
    array[: len(array) // 2] = False
    half = mask_from_box(array, result.mask.start, volume.grid)
    corrected = update_mask(volume, result, half, engine, settings)
    write_dicom([corrected], volume, run_of(engine, settings), tmp_path / "out")
    (reported,) = read_report(pydicom.dcmread(tmp_path / "out" / SR_NAME))
    assert reported.corrected
    asked = []
    monkeypatch.setattr(
        "densesharp.model.engines.open_engine", lambda *given: asked.append(given[2]) or engine
    )
    monkeypatch.setattr("densesharp.model.model_file.load_model", lambda _: None)
    arguments = ["dicom", "rerun", str(tmp_path / "out" / SR_NAME)]
    arguments += ["--dicom", str(tmp_path / "ct"), "--out"]
    assert cli.main([*arguments, str(tmp_path / "again")]) == 0
    assert asked == [precision]
    assert "the same to the last bit" in capsys.readouterr().err
    (tmp_path / "out" / SEG_NAME).rename(tmp_path / "kept.dcm")
    assert cli.main([*arguments, str(tmp_path / "more")]) == 2
    assert "give that file too (--seg)" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()
    assert cli.main([*arguments, str(tmp_path / "more"), "--seg", str(tmp_path / "kept.dcm")]) == 0
