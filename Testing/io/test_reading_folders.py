"""A CT among whatever else lies in its folder: read, and what was left out is told."""

import os
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from densesharp.errors import GeometryError, ImageError
from densesharp.io import SeriesChoiceError, read_volume
from dicom_phantom import (
    axial,
    phantom,
    read_slice,
    set_syntax,
    write_enhanced,
    write_series,
)


@pytest.fixture
def folder(tmp_path):
    write_series(tmp_path, phantom(), axial())
    return tmp_path


def notices(path, **options):
    """The messages by code, of a CT whose voxels are those of the phantom."""
    volume = read_volume(path, **options)
    np.testing.assert_array_equal(volume.array, phantom())
    return {notice.code: notice for notice in volume.notices}


def foreign(path, *, modality="MR", sop="1.2.840.10008.5.1.4.1.1.4", cut=None, **values):
    """An image of another kind beside the CT."""
    dataset = read_slice(path / "IM0000.dcm")
    dataset.Modality, dataset.SOPClassUID = modality, sop
    dataset.file_meta.MediaStorageSOPClassUID = sop
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    for name, value in values.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    target = path / "other.dcm"
    dataset.save_as(target)
    if cut:
        target.write_bytes(target.read_bytes()[:cut])


SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
BESIDE = {
    "an MR": ({}, "1 MR"),
    "a cut-off MR": ({"cut": 1500}, "1 MR"),
    "an ultrasound in colour": (
        {"modality": "US", "sop": "1.2.840.10008.5.1.4.1.1.6.1",
         "PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3}, "1 US"),
    "a picture without pixels": ({"modality": "OT", "sop": SECONDARY, "PixelData": None}, "1 OT"),
    "a derived picture": ({"modality": "CT", "sop": SECONDARY}, "1 derived CT picture"),
    "a localizer": ({"modality": "CT", "sop": "1.2.840.10008.5.1.4.1.1.2",
                     "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "1 localizer"),
    "a single CT picture": ({"modality": "CT", "sop": "1.2.840.10008.5.1.4.1.1.2"},
                            "1 slice of another CT series"),
    "a cut-off slice of another CT": (
        {"modality": "CT", "sop": "1.2.840.10008.5.1.4.1.1.2", "cut": 1800},
        "1 damaged or cut off CT slice"),
    "a report": ({"modality": "SR", "sop": "1.2.840.10008.5.1.4.1.1.88.33", "PixelData": None,
                  "Rows": None}, "1 SR"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BESIDE)
def test_what_is_no_slice_of_the_ct_does_not_block_it(folder, kind):
    values, words = BESIDE[kind]
    foreign(folder, **values)
    found = notices(folder)
    assert set(found) == {"other_files"}
    assert found["other_files"].severity == "info"
    assert words in found["other_files"].message


@pytest.mark.parametrize("syntax", ["1.2.3.4", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.102",
                                    "1.2.840.10008.1.2.8.1"])  # fmt: skip
def test_a_foreign_file_of_an_unknown_syntax_does_not_block_the_ct(folder, syntax):
    foreign(folder, modality="XA", sop="1.2.840.10008.5.1.4.1.1.12.1")
    path = folder / "other.dcm"
    set_syntax(path, syntax)
    assert "1 XA" in notices(folder)["other_files"].message


@pytest.mark.parametrize(
    ("syntax", "name"),
    [("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"), ("1.2.840.10008.1.2.4.112", "JPEG XL"),
     ("1.2.840.10008.1.2.4.102", "MPEG-4"), ("1.2.840.10008.1.2.4.95", "JPIP"),
     ("1.2.3.4", "unknown transfer syntax, 1.2.3.4")],
)  # fmt: skip
def test_a_ct_that_cannot_be_decoded_is_named_as_that(folder, syntax, name):
    for path in folder.iterdir():
        set_syntax(path, syntax)
    with pytest.raises(ImageError, match=f"stored as .*{name}.*, which is not read here") as caught:
        read_volume(folder)
    assert "damaged" not in str(caught.value)


def empty(path):
    path.write_bytes(b"")


def cut_in_the_preamble(path):
    path.write_bytes(path.read_bytes()[:100])


def cut_before_it_says_what_it_is(path):
    path.write_bytes(path.read_bytes()[:360])


def dead_link(path):
    path.unlink()
    path.symlink_to("nowhere")


def no_dicom(path):
    path.write_bytes(b"<html>404</html>" * 20)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(empty, "empty"), (cut_in_the_preamble, "cut off"),
     (cut_before_it_says_what_it_is, "damaged or cut off"),
     (dead_link, "a link to nothing"), (no_dicom, "no DICOM")],
)  # fmt: skip
def test_slices_at_the_end_that_cannot_be_read_are_told(tmp_path, fault, reason):
    paths = write_series(tmp_path, phantom((24, 20, 15)), axial((24, 20, 15)))
    for path in paths[12:]:
        fault(path)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, phantom((24, 20, 15))[:12])
    (notice,) = volume.notices
    assert (notice.code, notice.severity) == ("files_left_out", "caution")
    assert "3 of 15 files" in notice.message
    assert f"'IM0012.dcm' is {reason}" in notice.message


def test_slices_in_the_middle_that_cannot_be_read_are_the_reason_of_a_gap(folder):
    empty(folder / "IM0005.dcm")
    with pytest.raises(GeometryError, match=r"1 of 12 slices are missing.*'IM0005.dcm' is empty"):
        read_volume(folder)


def test_all_cut_off_slices_are_counted(folder):
    for path in sorted(folder.iterdir())[8:]:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"IM0008.dcm' is damaged or cut off and 3 more of its 12"):
        read_volume(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(folder):
    (folder / "IM0011.dcm").chmod(0)
    assert "without permission" in str(read_volume(folder).notices)
    with pytest.raises(ImageError, match="without permission to read"):
        read_volume(folder / "IM0011.dcm")


def test_a_folder_beside_the_ct_that_cannot_be_opened_is_left_out(folder, monkeypatch):
    (folder / "closed").mkdir()
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    told = notices(folder)["files_left_out"].message
    assert "'closed' is a folder that cannot be opened (Permission denied)" in told
    with pytest.raises(ImageError, match="cannot be read"):
        read_volume(folder / "closed")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_sockets_are_never_opened(folder, tmp_path):
    os.mkfifo(folder / "pipe.dcm")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "s"))
        assert "2 no file but a pipe or a device" in notices(folder)["other_files"].message
        for name in ("pipe.dcm", "s"):
            with pytest.raises(ImageError, match="no file but a pipe or a device"):
                read_volume(folder / name)
    os.mkfifo(folder / "pipe.nrrd")
    with pytest.raises(ImageError, match="no file but a pipe or a device"):
        read_volume(folder / "pipe.nrrd")
    (folder / "link.nrrd").symlink_to("nowhere.nrrd")
    with pytest.raises(ImageError, match="a link to nothing"):
        read_volume(folder / "link.nrrd")


def rewrite(folder, edit):
    for index, path in enumerate(sorted(folder.glob("*.dcm"))):
        dataset = read_slice(path)
        edit(dataset, index)
        dataset.save_as(path)


UNITS = {
    "US": ("unit_unspecified", "caution"), "us": ("unit_unspecified", "caution"),
    "UNSPECIFIED": ("unit_unspecified", "caution"), "HOUNSFIELD": ("unit_name", "info"),
    "Hounsfield Units": ("unit_name", "info"), "hu": None, "HU": None, "": None, None: None,
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_may_be_written_otherwise(folder, unit):
    rewrite(folder, lambda dataset, _: setattr(dataset, "RescaleType", unit))
    found = notices(folder)
    expected = UNITS[unit]
    assert {(n.code, n.severity) for n in found.values()} == ({expected} if expected else set())


@pytest.mark.parametrize("unit", ["MGML", "Z_EFF", "ED", "HU_MOD", "PCT"])
def test_another_unit_is_named(folder, unit):
    rewrite(folder, lambda dataset, _: setattr(dataset, "RescaleType", unit))
    with pytest.raises(ImageError, match=f"no Hounsfield units .HU. but '{unit}'"):
        read_volume(folder)


def test_class_and_instance_may_stand_in_the_meta_header_only(folder):
    def edit(dataset, _index):
        del dataset.SOPClassUID, dataset.SOPInstanceUID

    rewrite(folder, edit)
    assert notices(folder) == {}
    assert all(read_volume(folder).series["sop_instance_uids"])


def test_a_preamble_or_a_meta_header_is_not_needed(folder):
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    assert notices(folder) == {}
    for path in folder.iterdir():
        raw = path.read_bytes()
        path.write_bytes(raw[raw.index(b"\x08\x00\x05\x00") :])
    assert notices(folder) == {}
    assert notices(folder / "IM0003.dcm") == {}


@pytest.mark.parametrize("other", ["0.80", "0.800001", "8.0E-1", " .8"])
def test_one_spacing_may_be_written_in_two_ways(folder, other):
    def edit(dataset, index):
        if index % 2:
            dataset.PixelSpacing = [other, "0.7"]

    rewrite(folder, edit)
    assert notices(folder) == {}


@pytest.mark.parametrize("limit", [None, -32000])
@pytest.mark.parametrize("declared", [True, False])
def test_padding_beyond_16_bits_is_air_and_told(tmp_path, declared, limit):
    def edit(dataset, _index):
        stored = np.frombuffer(dataset.PixelData, "<i2").reshape(20, 24).copy()
        stored[:, 20:] = -32768 if limit is None or not declared else -32500
        stored[0, 20:] = -32768
        dataset.PixelData, dataset.PixelRepresentation = stored.tobytes(), 1
        if declared:
            dataset.add_new(0x00280120, "SS", -32768)
        if declared and limit is not None:
            dataset.add_new(0x00280121, "SS", limit)
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=edit)
    volume = read_volume(tmp_path)
    expected = phantom()
    expected[:, :, 20:] = -1024
    np.testing.assert_array_equal(volume.array, expected)
    assert [notice.code for notice in volume.notices] == ["padding"]


def test_padding_that_looks_like_metal_is_air_and_other_padding_stays(tmp_path):
    for name, padding, intercept, hu in (
        ("metal", 32767, -1024, -1024), ("unsigned", 65535, -1024, -1024),
        ("usual", 0, -1024, -1024), ("in range", 24, -1024, -1000),
    ):  # fmt: skip

        def edit(dataset, _index, padding=padding, intercept=intercept):
            stored = np.frombuffer(dataset.PixelData, "<u2").reshape(20, 24).copy()
            stored[:, 20:] = padding
            dataset.PixelData, dataset.RescaleIntercept = stored.tobytes(), intercept
            dataset.add_new(0x00280120, "US", padding)
            return dataset

        write_series(tmp_path / name, phantom(), axial(), edit=edit)
        volume = read_volume(tmp_path / name)
        assert set(np.unique(volume.array[:, :, 20:])) == {hu}
        codes = [notice.code for notice in volume.notices]
        assert codes == (["padding"] if name in ("metal", "unsigned") else [])


def bits(stored, high, shift=0, extra=0):
    def edit(dataset, _index):
        values = np.frombuffer(dataset.PixelData, "<u2").reshape(20, 24).copy() << shift
        values[:2, :2] |= extra
        dataset.PixelData = values.astype("<u2").tobytes()
        dataset.BitsStored, dataset.HighBit = stored, high
        return dataset

    return edit


def test_drawings_in_unused_bits_are_left_out_as_pydicom_does(tmp_path):
    paths = write_series(tmp_path, phantom(), axial(), edit=bits(12, 11, extra=0x1000))
    theirs = np.array([pydicom.dcmread(path).pixel_array.astype(int) - 1024 for path in paths])
    np.testing.assert_array_equal(read_volume(tmp_path).array, theirs)
    np.testing.assert_array_equal(theirs, phantom())


def test_values_beyond_the_declared_bits_and_other_high_bits_are_refused(tmp_path):
    openjpeg = pytest.importorskip("openjpeg", reason="pylibjpeg-openjpeg is not installed")
    assert openjpeg

    def packed(dataset, _index):
        values = np.frombuffer(dataset.PixelData, "<u2").copy()
        values[:8] |= 0x1000
        dataset.PixelData = values.tobytes()
        dataset.compress(pydicom.uid.JPEG2000Lossless, generate_instance_uid=False)
        dataset.BitsStored, dataset.HighBit = 12, 11
        return dataset

    size = (64, 64, 4)
    write_series(tmp_path / "j2k", phantom(size), axial(size), edit=packed)
    with pytest.raises(ImageError, match="beyond the 12 bits"):
        read_volume(tmp_path / "j2k")


def test_contradicting_bits_are_refused(tmp_path):
    write_series(tmp_path, phantom(), axial(), edit=bits(12, 15, shift=4))
    with pytest.raises(ImageError, match="High Bit 15, Bits Stored 12"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"PhotometricInterpretation": "MONOCHROME1"}, "inverted"),
     ({"PhotometricInterpretation": None}, "Photometric Interpretation"),
     ({"NumberOfFrames": 2}, "several frames"),
     ({"BitsAllocated": None}, "without BitsAllocated in its header")],
)  # fmt: skip
def test_the_reason_is_true(tmp_path, change, words):
    def edit(dataset, _index):
        for name, value in change.items():
            setattr(dataset, name, value)
        if "NumberOfFrames" in change:
            dataset.PixelData = dataset.PixelData * 2
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=edit)
    with pytest.raises(ImageError, match=words):
        read_volume(tmp_path)


def test_compression_with_loss_is_told(folder):
    rewrite(folder, lambda dataset, _: setattr(dataset, "LossyImageCompression", "01"))
    assert notices(folder)["lossy_compression"].severity == "caution"


def second(folder, shift, *, hu=300, **values):
    """Another acquisition under the same Series Instance UID, `shift` mm higher."""

    def edit(dataset, index):
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, z + shift]
        dataset.SOPInstanceUID = generate_uid()
        for name, value in values.items():
            setattr(dataset, name, value(index) if callable(value) else value)
        return dataset

    write_series(
        folder, (phantom() + hu).astype(np.int16), axial(), edit=edit, name="B{}.dcm".format
    )


@pytest.mark.parametrize(
    ("shift", "values"),
    [
        (0, {"AcquisitionNumber": 2}),
        (0.625, {"AcquisitionNumber": 7, "AcquisitionTime": "120000"}),
        (5, {"AcquisitionNumber": 2}),
    ],
)
def test_acquisitions_that_lie_in_each_other_are_asked_about(folder, shift, values):
    second(folder, shift, **values)
    with pytest.raises(SeriesChoiceError) as caught:
        read_volume(folder)
    choices = caught.value.choices
    assert [choice.key for choice in choices] == ["3", "3.2"]
    assert [choice.slices for choice in choices] == [12, 12]
    assert "acquisition 1" in choices[0].description
    assert set(notices(folder, series="3")) == {"other_files"}
    assert "12 slices of another" in notices(folder, series=choices[0].uid)["other_files"].message
    other = read_volume(folder, series="3.2")
    np.testing.assert_array_equal(other.array, phantom() + 300)
    np.testing.assert_array_equal(read_volume(folder / "B3.dcm").array, phantom() + 300)
    assert notices(folder / "IM0003.dcm").keys() == {"other_files"}
    with pytest.raises(SeriesChoiceError, match="2 acquisitions"):
        read_volume(folder, series=other.series["series_uid"])


@pytest.mark.parametrize(
    "values",
    [{"TemporalPositionIdentifier": 2}, {"ConvolutionKernel": "B70f"}, {"KVP": "80"},
     {"AcquisitionTime": "120000"}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}],
)  # fmt: skip
def test_time_points_and_reconstructions_at_one_place_are_asked_about(folder, values):
    second(folder, 0, **values)
    with pytest.raises(SeriesChoiceError, match="There are 2 CT series"):
        read_volume(folder)


def test_acquisitions_one_above_the_other_are_one_ct(tmp_path):
    """Step and shoot: every step of the table is an acquisition, with its own time."""

    def edit(dataset, index):
        dataset.AcquisitionNumber = 1 + index // 4
        dataset.AcquisitionTime = f"1200{index // 4:02}"
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=edit)
    assert notices(tmp_path) == {}


def test_one_file_of_a_series_in_two_folders_gives_all_of_it(tmp_path):
    write_series(tmp_path / "a", phantom(), axial())
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    for path in sorted((tmp_path / "a").iterdir())[6:]:
        shutil.move(path, tmp_path / "b" / path.name)
    (tmp_path / "c" / "notes.txt").write_text("nothing")
    assert notices(tmp_path / "a" / "IM0000.dcm") == {}
    # A copy of the series is no part of it.
    shutil.copytree(tmp_path / "a", tmp_path / "d" / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "d" / "copy")
    assert len(read_volume(tmp_path / "d" / "a" / "IM0000.dcm").array) == 6


def test_a_file_cut_in_a_sequence_is_damage_and_no_fault_of_the_folder(folder):
    dataset = read_slice(folder / "IM0000.dcm")
    item = pydicom.Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.9"
    item.is_undefined_length_sequence_item = True
    dataset.ReferencedImageSequence = [item]
    dataset["ReferencedImageSequence"].is_undefined_length = True
    path = folder / "IM0000.dcm"
    dataset.save_as(path)
    raw = path.read_bytes()
    start = raw.index(b"\xfe\xff\x00\xe0")
    for end in range(start, start + 40):
        path.write_bytes(raw[:end])
        with pytest.raises(ImageError, match=r"IM0000\.dcm' is"):
            read_volume(path)
        assert "IM0000.dcm" in read_volume(folder).notices[0].message


def test_names_that_are_no_utf_8_are_read_and_told(tmp_path):
    write_series(
        tmp_path / os.fsdecode(b"\xe9\xff"), phantom(), axial(),
        name=lambda index: os.fsdecode(b"B\xe9_%d" % index),
    )  # fmt: skip
    path = tmp_path / os.fsdecode(b"\xe9\xff")
    assert notices(path) == {}
    empty(path / os.fsdecode(b"B\xe9_3"))
    with pytest.raises(GeometryError) as caught:
        read_volume(path)
    assert "'B\N{REPLACEMENT CHARACTER}_3' is empty" in str(caught.value)
    str(caught.value).encode("utf-8")


def test_enhanced_ct_beside_other_files(tmp_path):
    write_enhanced(tmp_path / "ct.dcm", phantom(), axial())
    empty(tmp_path / "lost.dcm")
    assert set(notices(tmp_path)) == {"files_left_out"}


def test_ten_thousand_files_take_no_longer_each_and_tell_progress(tmp_path):
    """Links to a few files stand for many; other files are passed over at their first bytes."""
    write_series(tmp_path / "ct", phantom(), axial())
    for number in range(1000):
        (tmp_path / f"note{number}.txt").write_bytes(b"nothing" * 50)
    seen: list[float] = []
    start = time.process_time()
    volume = read_volume(tmp_path, progress=lambda fraction, _: seen.append(fraction))
    assert time.process_time() - start < 30
    np.testing.assert_array_equal(volume.array, phantom())
    assert len(seen) > 20
    assert seen == sorted(seen)
    assert "1000 no DICOM" in str(volume.notices)
