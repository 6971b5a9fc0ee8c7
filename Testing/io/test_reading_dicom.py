"""DICOM series: the right voxels at the right place, or one sentence that says what is wrong."""

import random
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from highdicom.spatial import get_series_volume_positions
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.io import SeriesChoiceError, read_volume
from dicom_phantom import (
    axial,
    compressed,
    coronal,
    in_syntax,
    oblique,
    phantom,
    setting,
    write_series,
)


@pytest.mark.parametrize(
    "grid", [axial(), oblique(), coronal()], ids=["axial", "oblique", "coronal"]
)
def test_voxels_and_geometry_are_those_written(tmp_path, grid):
    array = phantom()
    write_series(tmp_path, array, grid)
    volume = read_volume(tmp_path)
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, array)
    assert volume.grid.same_as(grid)
    assert volume.notices == ()


def test_file_order_does_not_matter(tmp_path):
    names = [f"{n}.dcm" for n in range(12)]
    random.Random(1).shuffle(names)
    write_series(tmp_path, phantom(), axial(), name=lambda index: names[index])
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom())


def test_a_stack_written_from_top_to_bottom_is_turned_right_handed(tmp_path):
    down = Grid((24, 20, 12), (-90, -120, 300), (0.7, 0.8, 1.25), np.diag([1, 1, -1]))
    write_series(tmp_path, phantom(), down)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom()[::-1])
    np.testing.assert_allclose(volume.grid.to_world((3, 4, 11 - 5)), down.to_world((3, 4, 5)))
    assert np.linalg.det(volume.grid.direction) > 0


def test_sub_folders_and_other_files_are_handled(tmp_path):
    write_series(tmp_path / "a" / "b", phantom(), axial())
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"junk")
    np.testing.assert_array_equal(read_volume(tmp_path).array, phantom())


def test_one_file_stands_for_its_series(tmp_path):
    write_series(tmp_path, phantom(), axial(), number=3)
    other = write_series(tmp_path, phantom(nodule_hu=-300), axial(), number=4, name="B{}".format)
    np.testing.assert_array_equal(read_volume(other[0]).array, phantom(nodule_hu=-300))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_slices_read_the_same(tmp_path, syntax):
    edit = compressed(RLELossless) if syntax == RLELossless else None
    paths = write_series(tmp_path, phantom(), axial(), edit=edit)
    if syntax == JPEG2000Lossless:
        for path in paths:
            _recompress_with_gdcm(path)
    np.testing.assert_array_equal(read_volume(tmp_path).array, phantom())


def _recompress_with_gdcm(path: Path) -> None:
    image = sitk.ReadImage(path, imageIO="GDCMImageIO")
    kept = pydicom.dcmread(path, stop_before_pixels=True)
    image = sitk.Cast(image, sitk.sitkInt16)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path) + ".j2k.dcm")
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG2000")
    writer.Execute(image)
    packed = pydicom.dcmread(str(path) + ".j2k.dcm")
    kept.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
    assert packed.file_meta.TransferSyntaxUID.is_compressed
    kept["PixelData"] = packed["PixelData"]
    for name in ("BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept"):
        setattr(kept, name, getattr(packed, name))
    kept.save_as(path)
    Path(str(path) + ".j2k.dcm").unlink()


def test_identity_is_kept_for_references_in_slice_order(tmp_path):
    down = Grid((24, 20, 12), (-90, -120, 300), (0.7, 0.8, 1.25), np.diag([1, 1, -1]))
    paths = write_series(tmp_path, phantom(), down)
    series = read_volume(tmp_path).series
    heads = [pydicom.dcmread(path) for path in series["paths"]]
    assert [head.SOPInstanceUID for head in heads] == list(series["sop_instance_uids"])
    heights = [head.ImagePositionPatient[2] for head in heads]
    assert heights == sorted(heights)
    assert series["frame_of_reference_uid"] == heads[0].FrameOfReferenceUID
    assert len(paths) == len(heads)
    assert "Secret" not in str(dict(series))
    assert "4711" not in str(dict(series))


def drop(*lost: int):
    return lambda dataset, index: None if index in lost else dataset


def tilt(dataset, index):
    """A gantry tilt of about 15 degrees: slices turn about x, the stack stays straight."""
    angle = np.radians(15)
    dataset.ImageOrientationPatient = [1, 0, 0, 0, np.cos(angle), -np.sin(angle)]
    return dataset


def uneven(dataset, index):
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x, y, z + (0.4 if index % 2 else 0)]
    return dataset


def sideways(dataset, index):
    x, y, z = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [x + (2 if index == 5 else 0), y, z]
    return dataset


FAULTS = {
    "one slice missing": (drop(5), GeometryError, "About 1 of 12 slices are missing"),
    "three slices missing": (drop(5, 6, 7), GeometryError, "About 3 of 12 slices are missing"),
    "scattered slices missing": (drop(2, 8), GeometryError, "About 2 of 12 slices are missing"),
    "tilt": (tilt, GeometryError, "tilted by 15.0 degrees"),
    "uneven": (uneven, GeometryError, "unevenly spaced"),
    "sideways": (sideways, GeometryError, "shifted sideways"),
    "mixed orientation": (
        setting(4, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        GeometryError,
        "different orientations",
    ),
    "no orientation": (
        setting(4, ImageOrientationPatient=None),
        GeometryError,
        "Image Orientation",
    ),
    "no position": (setting(4, ImagePositionPatient=None), GeometryError, "Image Position"),
    "no pixel size": (setting(PixelSpacing=None), GeometryError, "Pixel Spacing"),
    "three pixel sizes": (setting(PixelSpacing=[0.7, 0.8, 1]), GeometryError, "Pixel Spacing"),
    "place beyond the earth": (
        setting(4, ImagePositionPatient=[0, 0, 1e10]),
        GeometryError,
        "Image Position",
    ),
    "mixed pixel size": (setting(3, PixelSpacing=[0.5, 0.5]), GeometryError, "pixel spacings"),
    "mixed frame": (
        setting(3, FrameOfReferenceUID=generate_uid()),
        GeometryError,
        "frames of reference",
    ),
    "two studies": (
        setting(3, StudyInstanceUID=generate_uid()),
        GeometryError,
        "different studies",
    ),
    "two patients": (setting(3, 4, PatientID="Secret"), GeometryError, "different patients"),
    "projection": (
        setting(ImageType=["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MIP"]),
        GeometryError,
        "only localizer or derived pictures",
    ),
    "mixed rescale slope": (setting(3, RescaleSlope=2), ImageError, "mixed rescale"),
    "mixed rescale intercept": (setting(3, RescaleIntercept=-1000), ImageError, "mixed rescale"),
    "no rescale": (setting(RescaleSlope=None), ImageError, "Hounsfield"),
    "rescale slope of zero": (setting(RescaleSlope=0), ImageError, "Hounsfield"),
    "values above 16 bits": (
        setting(RescaleSlope=100, RescaleIntercept=-30000),
        ImageError,
        "holds values that are not Hounsfield",
    ),
    "values below 16 bits": (
        setting(RescaleSlope=-100, RescaleIntercept=0),
        ImageError,
        "holds values that are not Hounsfield",
    ),
    "other unit": (setting(RescaleType="MGML"), ImageError, "Hounsfield"),
    "inverted": (setting(PhotometricInterpretation="MONOCHROME1"), ImageError, "color or inverted"),
    "MR": (setting(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), ImageError, "12 MR"),
    "localizer": (
        setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        GeometryError,
        "localizer",
    ),
    "enhanced without frames": (
        setting(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1"),
        ImageError,
        "IM0000.dcm' is an enhanced CT that does not describe its frames",
    ),
    "single slice": (drop(*range(1, 12)), GeometryError, "single slice"),
    "stored without offset": (setting(RescaleIntercept=0), ImageError, "without its offset"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_sentence(tmp_path, fault, capfd):
    edit, error, words = FAULTS[fault]
    write_series(tmp_path, phantom(), axial(), edit=edit)
    with pytest.raises(error, match=words) as caught:
        read_volume(tmp_path)
    assert "\n" not in str(caught.value)
    assert "Secret" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_two_slices_are_a_stack(tmp_path):
    write_series(tmp_path, phantom(), axial(), edit=drop(*range(2, 12)))
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom()[:2])
    assert volume.grid.spacing[2] == pytest.approx(1.25)


def test_every_fault_says_something_else():
    words = [sentence for _, _, sentence in FAULTS.values()]
    assert len({word.split()[-1] for word in words}) >= 17


def test_duplicate_slices_are_refused(tmp_path):
    paths = write_series(tmp_path, phantom(), axial())
    shutil.copy(paths[3], tmp_path / "copy.dcm")
    with pytest.raises(GeometryError, match="1 of 13 slices lie at the same place"):
        read_volume(tmp_path)


def test_rounded_positions_are_accepted(tmp_path):
    """0.625 mm slices whose positions were stored with one decimal: 0.6 and 0.7 mm apart."""

    def edit(dataset, index):
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, round(float(z), 1)]
        return dataset

    write_series(tmp_path, phantom(), axial(thickness=0.625), edit=edit)
    assert read_volume(tmp_path).grid.spacing[2] == pytest.approx(0.625, abs=0.01)


@pytest.mark.parametrize(("axis", "words"), [(0, "shifted sideways"), (2, "unevenly spaced")])
def test_slices_may_lie_a_tenth_of_their_distance_off_their_place(tmp_path, axis, words):
    for share in (0.09, 0.11):

        def edit(dataset, index, share=share):
            position = [float(value) for value in dataset.ImagePositionPatient]
            # Four in turn, so that the line through all slices stays where it is.
            position[axis] += (share, -share, -share, share)[index % 4] * 1.25
            dataset.ImagePositionPatient = [round(value, 6) for value in position]
            return dataset

        write_series(tmp_path / str(share), phantom(), axial(), edit=edit)
    assert read_volume(tmp_path / "0.09").grid.same_as(axial())
    with pytest.raises(GeometryError, match=words):
        read_volume(tmp_path / "0.11")


def test_a_tilt_may_move_a_slice_by_a_thousandth_of_its_height(tmp_path):
    for slope in (0.0009, 0.0011):
        angle = np.arctan(slope)
        cosines = [1, 0, 0, 0, round(np.cos(angle), 9), round(np.sin(angle), 9)]
        write_series(
            tmp_path / str(slope), phantom(), axial(), edit=setting(ImageOrientationPatient=cosines)
        )
    assert read_volume(tmp_path / "0.0009").grid.spacing[2] == pytest.approx(1.25, rel=1e-5)
    with pytest.raises(GeometryError, match=r"tilted by 0\.1 degrees"):
        read_volume(tmp_path / "0.0011")


@pytest.mark.parametrize(
    ("place", "value"), [(0, 1), (4, 1), (1, 0), (3, 0)], ids=["row", "column", "angle", "angle 2"]
)
def test_rounded_cosines_become_right_angles_and_damaged_ones_are_refused(tmp_path, place, value):
    for error in (0.0008, 0.0015):
        cosines = [1, 0, 0, 0, 1, 0]
        cosines[place] = value + error
        write_series(
            tmp_path / str(error), phantom(), axial(), edit=setting(ImageOrientationPatient=cosines)
        )
    direction = read_volume(tmp_path / "0.0008").grid.direction
    np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(direction, np.eye(3), atol=0.0008)
    with pytest.raises(GeometryError, match="not at right angles"):
        read_volume(tmp_path / "0.0015")


def test_orientations_may_differ_by_what_rounding_does(tmp_path):
    for error in (0.0009, 0.0011):
        odd = setting(4, ImageOrientationPatient=[1, 0, 0, 0, 1, error])
        write_series(tmp_path / str(error), phantom(), axial(), edit=odd)
    assert read_volume(tmp_path / "0.0009").grid.same_as(axial())
    with pytest.raises(GeometryError, match="different orientations"):
        read_volume(tmp_path / "0.0011")


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -1000), (1, -1024.5)])
def test_a_rescale_with_fractions_gives_fractions(tmp_path, slope, intercept):
    edit = setting(RescaleSlope=slope, RescaleIntercept=intercept)
    write_series(tmp_path, phantom(), axial(), edit=edit)
    array = read_volume(tmp_path).array
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, (phantom() + 1024) * slope + intercept)


@pytest.mark.parametrize(
    "grid", [axial(), oblique(), coronal()], ids=["axial", "oblique", "coronal"]
)
@pytest.mark.parametrize("edit", [None, drop(5), uneven], ids=["good", "hole", "uneven"])
def test_highdicom_judges_the_same(tmp_path, grid, edit):
    """highdicom.spatial as the independent judge of which stacks are regular."""
    paths = write_series(tmp_path, phantom(), grid, edit=edit)
    spacing, _ = get_series_volume_positions([pydicom.dcmread(path) for path in paths])
    if spacing is None:
        with pytest.raises(GeometryError):
            read_volume(tmp_path)
    else:
        assert read_volume(tmp_path).grid.spacing[2] == pytest.approx(spacing, abs=1e-5)


@pytest.mark.parametrize(
    ("thickness", "severity"), [(2.5, None), (2.6, "caution"), (5.0, "caution"), (5.1, "refused")]
)
def test_thick_slices_are_noticed(tmp_path, thickness, severity):
    write_series(tmp_path, phantom(), axial(thickness=thickness))
    found = [n.severity for n in read_volume(tmp_path).notices if n.code == "slice_thickness"]
    assert found == ([severity] if severity else [])


def test_thick_overlapping_slices_count_by_their_thickness(tmp_path):
    write_series(tmp_path, phantom(), axial(thickness=2), edit=setting(SliceThickness=8))
    assert [n.severity for n in read_volume(tmp_path).notices] == ["refused"]


@pytest.mark.parametrize(
    ("agent", "noticed"), [("Iomeprol 400", True), ("", False), ("NONE", False)]
)
def test_contrast_agent_is_noticed_but_not_named(tmp_path, agent, noticed):
    write_series(tmp_path, phantom(), axial(), edit=setting(ContrastBolusAgent=agent))
    notices = read_volume(tmp_path).notices
    assert [n.code for n in notices] == (["contrast"] if noticed else [])
    assert "Iomeprol" not in str(notices)


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path):
    write_series(tmp_path / "thin", phantom(), axial(), number=3)
    thick = phantom((24, 20, 5), nodule_hu=-200)
    write_series(tmp_path / "thick", thick, axial((24, 20, 5), 3), number=12)
    with pytest.raises(SeriesChoiceError) as caught:
        read_volume(tmp_path)
    choices = caught.value.choices
    assert [(c.key, c.description, c.slices, c.thickness_mm) for c in choices] == [
        ("3", "Lung thin", 12, 1.25),
        ("12", "Lung thin", 5, 3.0),
    ]
    assert "3: Lung thin (12 slices, 1.25 mm, 2020-03-04 10:12)" in str(caught.value)
    assert choices[0].uid not in str(caught.value)
    np.testing.assert_array_equal(read_volume(tmp_path, series="12").array, thick)
    np.testing.assert_array_equal(read_volume(tmp_path, series=choices[0].uid).array, phantom())
    with pytest.raises(SeriesChoiceError, match="no CT series with this key"):
        read_volume(tmp_path, series="4")


def test_series_with_the_same_number_get_different_keys(tmp_path):
    write_series(tmp_path / "a", phantom(), axial(), number=3)
    other = generate_uid()
    write_series(
        tmp_path / "b", phantom(), axial(), number=3, edit=setting(SeriesInstanceUID=other)
    )
    with pytest.raises(SeriesChoiceError) as caught:
        read_volume(tmp_path)
    assert [c.key for c in caught.value.choices] == ["3", "3.2"]


def test_localizer_in_another_series_is_left_out(tmp_path):
    write_series(tmp_path / "a", phantom(), axial(), number=3)
    scout = setting(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(tmp_path / "b", phantom(), axial(), number=1, edit=scout)
    assert read_volume(tmp_path).array.shape == (12, 20, 24)


@pytest.mark.parametrize("kept", [0.97, 0.6, 0.1])
def test_cut_off_slices_are_refused(tmp_path, kept, capfd):
    paths = write_series(tmp_path, phantom(), axial())
    raw = paths[4].read_bytes()
    paths[4].write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(ImageError, match=r"IM0004.dcm' is damaged or cut off"):
        read_volume(tmp_path)
    assert capfd.readouterr().err == ""


def test_cut_off_compressed_slice_is_refused(tmp_path):
    paths = write_series(tmp_path, phantom(), axial(), edit=compressed(RLELossless))
    raw = paths[4].read_bytes()
    paths[4].write_bytes(raw[:-40])
    with pytest.raises(ImageError, match="damaged or cut off"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    "form", [setting(), in_syntax(ImplicitVRLittleEndian), compressed(RLELossless)]
)
@pytest.mark.parametrize("undefined", [False, True])
def test_what_follows_the_pixels_is_passed_over(tmp_path, form, undefined):
    def edit(dataset, index):
        dataset = form(dataset, index)
        mac = pydicom.Dataset()
        mac.MACIDNumber = 1
        dataset.DigitalSignaturesSequence = [mac]
        dataset["DigitalSignaturesSequence"].is_undefined_length = undefined
        mac.is_undefined_length_sequence_item = undefined
        dataset.DataSetTrailingPadding = bytes(600)
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=edit)
    np.testing.assert_array_equal(read_volume(tmp_path).array, phantom())


def test_huge_declared_size_is_refused_before_allocating(tmp_path):
    write_series(tmp_path, phantom(), axial(), edit=setting(Rows=65535, Columns=65535))
    with pytest.raises(ImageError, match="damaged or cut off"):
        read_volume(tmp_path)


def test_reading_can_be_cancelled_and_tells_progress(tmp_path):
    write_series(tmp_path, phantom((16, 16, 70)), axial((16, 16, 70)))
    seen = []
    read_volume(tmp_path, progress=lambda fraction, _: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 1
    assert len(seen) >= 4


def test_a_folder_without_dicom_is_refused(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ImageError, match="holds no DICOM image: choose the folder"):
        read_volume(tmp_path)
    for name in "dbca":
        (tmp_path / f"{name}.nrrd").write_text("nothing")
    monkeypatch.chdir(tmp_path)
    words = f"'{tmp_path.name}' holds no DICOM image but 'a.nrrd', 'b.nrrd', 'c.nrrd' and 1 more"
    with pytest.raises(ImageError, match=words):
        read_volume(".")
