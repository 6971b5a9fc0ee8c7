"""Enhanced CT: many frames in one file give the same volume as a file for each slice."""

import numpy as np
import pytest

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.io import SeriesChoiceError, read_volume
from dicom_phantom import axial, coronal, oblique, phantom, write_enhanced, write_series

SIZE = (24, 20, 12)
GRIDS = {
    "axial": axial(),
    "flipped": Grid(SIZE, (90, 120, 30), (0.7, 0.8, 1.25), np.diag([-1, -1, 1])),
    "reversed stack": Grid(SIZE, (-90, -120, 300), (0.7, 0.8, 1.25), np.diag([1, 1, -1])),
    "oblique": oblique(),
    "coronal": coronal(),
}
SHUFFLED = [int(n) for n in np.random.default_rng(4).permutation(12)]


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("order", [None, list(range(11, -1, -1)), SHUFFLED])
def test_frames_in_any_order_give_the_volume_of_single_slices(tmp_path, name, order):
    grid = GRIDS[name]
    array = phantom(grid.size)
    write_series(tmp_path / "slices", array, grid)
    path = write_enhanced(tmp_path / "enhanced" / "one.dcm", array, grid, order=order)
    expected = read_volume(tmp_path / "slices")
    for source in (path, path.parent):
        volume = read_volume(source)
        np.testing.assert_array_equal(volume.array, expected.array)
        assert volume.array.dtype == np.int16
        assert volume.grid.same_as(expected.grid)
        assert volume.notices == expected.notices
    order = order or range(len(array))
    frames = [list(order).index(k) + 1 for k in range(len(array))]
    if not np.allclose(expected.grid.origin, grid.origin):
        frames = frames[::-1]
    assert volume.series["frames"] == tuple(frames)
    assert set(volume.series["paths"]) == {str(path)}


def test_a_series_cut_into_several_objects_is_one_volume(tmp_path):
    """Concatenations: the frames of a series in two files."""
    array, grid = phantom(), axial()
    write_enhanced(tmp_path / "b.dcm", array, grid, order=[0, 1, 2, 3, 4])
    write_enhanced(tmp_path / "a.dcm", array, grid, order=[11, 10, 9, 8, 7, 6, 5])
    np.testing.assert_array_equal(read_volume(tmp_path).array, array)


def test_it_is_one_choice_among_other_series(tmp_path):
    write_series(tmp_path / "slices", phantom(), axial(), number=3)
    write_enhanced(tmp_path / "one.dcm", phantom(nodule_hu=90), axial(), number=6)
    with pytest.raises(SeriesChoiceError) as caught:
        read_volume(tmp_path)
    assert [(c.key, c.slices) for c in caught.value.choices] == [("3", 12), ("6", 12)]
    assert read_volume(tmp_path, "6").array.max() > 90


def in_frame(number, **values):
    def edit(dataset):
        group = dataset.PerFrameFunctionalGroupsSequence[number]
        for name, value in values.items():
            setattr(group.PlanePositionSequence[0], name, value)

    return edit


def fewer_groups(dataset):
    del dataset.PerFrameFunctionalGroupsSequence[3]


def without_rescale(dataset):
    del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence


def own_rescale(dataset):
    frame = dataset.PerFrameFunctionalGroupsSequence[2]
    shared = dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    changed = type(shared)()
    changed.RescaleSlope, changed.RescaleIntercept, changed.RescaleType = 2, -1024, "HU"
    frame.PixelValueTransformationSequence = [changed]


def half_the_pixels(dataset):
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]


@pytest.mark.parametrize(
    ("edit", "error", "words"),
    [
        (in_frame(4, ImagePositionPatient=[-90.5, -120.25, 30.0]), GeometryError, "same place"),
        (in_frame(11, ImagePositionPatient=[-90.5, -120.25, 60.0]), GeometryError, "are missing"),
        (in_frame(4, ImagePositionPatient=None), GeometryError, "where it lies"),
        (fewer_groups, ImageError, "does not describe its frames"),
        (without_rescale, ImageError, "Hounsfield units"),
        (own_rescale, ImageError, "mixed rescale"),
        (half_the_pixels, ImageError, "damaged or cut off"),
    ],
    ids=["doubled", "gap", "no place", "groups", "no rescale", "mixed rescale", "cut off"],
)
def test_each_fault_has_its_own_sentence(tmp_path, edit, error, words, capfd):
    write_enhanced(tmp_path / "one.dcm", phantom(), axial(), edit=edit)
    with pytest.raises(error, match=words) as caught:
        read_volume(tmp_path)
    assert "\n" not in str(caught.value)
    assert "Secret" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_contrast_and_thickness_are_told(tmp_path):
    def contrast(dataset):
        agent = type(dataset.SharedFunctionalGroupsSequence[0])()
        agent.CodeMeaning = "Iodinated contrast agent"
        dataset.ContrastBolusAgentSequence = [agent]

    write_enhanced(tmp_path / "one.dcm", phantom(), axial(thickness=4.0), edit=contrast)
    assert [n.code for n in read_volume(tmp_path).notices] == ["contrast", "slice_thickness"]
