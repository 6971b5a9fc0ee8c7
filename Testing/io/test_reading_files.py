"""NRRD, NIfTI and MetaImage: the same CT from each of them, and no broken file gets through."""

import gzip
import itertools
import os
import struct
import sys
import threading

import numpy as np
import pytest
import SimpleITK as sitk

from densesharp.errors import DenseSharpError, GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.io.checks import check_hu, check_memory, check_spacing
from densesharp.io.image_files import read_header
from densesharp.resources import sample_path
from dicom_phantom import phantom

ENDINGS = (".nrrd", ".nii", ".nii.gz", ".mha", ".mhd")
each_format = pytest.mark.parametrize("ending", ENDINGS)


def image(array=None, direction=None, spacing=(0.7, 0.8, 1.25)) -> sitk.Image:
    made = sitk.GetImageFromArray(phantom() if array is None else array)
    made.SetSpacing(spacing)
    made.SetOrigin((-90.5, -120.25, 30.0))
    if direction is not None:
        made.SetDirection(np.asarray(direction, float).ravel())
    return made


def save(folder, ending, made=None, packed=True):
    path = folder / ("ct" + ending)
    sitk.WriteImage(image() if made is None else made, path, useCompression=packed)
    return path


def turned() -> np.ndarray:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.3, -0.2, 0.5)
    return np.reshape(turn.GetMatrix(), (3, 3))


@each_format
@pytest.mark.parametrize("packed", [True, False], ids=["compressed", "raw"])
def test_voxels_and_geometry_are_those_written(tmp_path, ending, packed):
    made = image(direction=turned())
    volume = read_volume(save(tmp_path, ending, made, packed))
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, phantom())
    for index in ((0, 0, 0), (23, 0, 0), (3, 19, 11)):
        place = made.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.grid.to_world(index), place, atol=1e-4)
    assert volume.notices == ()
    assert dict(volume.series) == {}


@each_format
def test_every_axis_order_and_flip_keeps_its_place(tmp_path, ending):
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            direction = np.eye(3)[:, order] * signs
            volume = read_volume(save(tmp_path, ending, image(direction=direction)))
            np.testing.assert_allclose(volume.grid.direction, direction, atol=1e-6)


@pytest.mark.parametrize(
    ("space", "signs"), [("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1))]
)
def test_nrrd_spaces_of_the_patient_become_lps(tmp_path, space, signs):
    path = save(tmp_path, ".nrrd", packed=False)
    written = read_volume(path).grid
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"space: left-posterior-superior", b"space: " + space.encode()))
    volume = read_volume(path)
    np.testing.assert_allclose(volume.grid.to_world((3, 2, 1)), written.to_world((3, 2, 1)) * signs)
    assert volume.notices == ()


@pytest.mark.parametrize("kind", [np.int32, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_whole_numbers_of_any_type_become_int16(tmp_path, ending, kind):
    volume = read_volume(save(tmp_path, ending, image(phantom().astype(kind))))
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, phantom())


def test_fractions_are_kept(tmp_path):
    array = phantom() + 0.25
    volume = read_volume(save(tmp_path, ".nrrd", image(array)))
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array, array.astype(np.float32))


def test_nifti_scaling_is_applied(tmp_path):
    path = save(tmp_path, ".nii", image((phantom() + 1024).astype(np.int16)))
    raw = bytearray(path.read_bytes())
    struct.pack_into("<2f", raw, 112, 1.0, -1024.0)
    path.write_bytes(raw)
    np.testing.assert_array_equal(read_volume(path).array, phantom())


def test_nifti_with_one_time_point_is_three_dimensional(tmp_path):
    path = save(tmp_path, ".nii")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<h", raw, 40, 4)
    struct.pack_into("<h", raw, 48, 1)
    path.write_bytes(raw)
    np.testing.assert_array_equal(read_volume(path).array, phantom())


@pytest.mark.parametrize(
    ("thickness", "severity"), [(2.5, None), (3.0, "caution"), (5.0, "caution"), (8.0, "refused")]
)
def test_thick_slices_are_noticed_along_any_axis(tmp_path, thickness, severity):
    for axis in range(3):
        spacing = np.ones(3)
        spacing[axis] = thickness
        notices = read_volume(save(tmp_path, ".nrrd", image(spacing=spacing.tolist()))).notices
        assert [n.severity for n in notices] == ([severity] if severity else [])


@each_format
@pytest.mark.parametrize("packed", [True, False], ids=["compressed", "raw"])
@pytest.mark.parametrize("kept", [0.999, 0.7, 0.3, 0.01])
def test_truncated_files_are_refused(tmp_path, ending, packed, kept, capfd):
    path = save(tmp_path, ending, packed=packed)
    voxels = path
    if ending == ".mhd":
        voxels = next(p for p in tmp_path.iterdir() if p.suffix in (".raw", ".zraw"))
    whole = voxels.read_bytes()
    voxels.write_bytes(whole[: int(len(whole) * kept)])
    refused(path, "truncated|damaged", capfd)


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_one_wrong_bit_in_a_compressed_file_is_found(tmp_path, ending, capfd):
    """ITK reads such .nii.gz and .mha files without a word."""
    path = save(tmp_path, ending)
    raw = bytearray(path.read_bytes())
    raw[-len(raw) // 4] ^= 0x10
    path.write_bytes(raw)
    refused(path, "truncated or damaged", capfd)


def refused(path, words, capfd, error=ImageError):
    """One sentence, nothing else on the screen."""
    with pytest.raises(error, match=words) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@each_format
def test_empty_files_are_refused(tmp_path, ending, capfd):
    path = tmp_path / ("ct" + ending)
    path.write_bytes(b"")
    refused(path, "is empty", capfd)


@each_format
@pytest.mark.parametrize("real", [".png", ".nrrd", ".nii", ".nii.gz", ".mha", ".txt"])
def test_renamed_files_are_refused(tmp_path, ending, real, capfd):
    if ending == real or {ending, real} == {".mha", ".mhd"}:
        return
    picture = image()[:, :, 3]
    source = tmp_path / ("source" + real)
    if real == ".png":
        sitk.WriteImage(sitk.Cast(picture, sitk.sitkUInt16), source)
    elif real == ".txt":
        source.write_text("This is no image.")
    else:
        sitk.WriteImage(image(), source)
    refused(source.rename(tmp_path / ("ct" + ending)), "renamed", capfd)


@each_format
def test_pictures_films_and_colours_are_refused(tmp_path, ending, capfd):
    picture = sitk.Cast(image()[:, :, 3], sitk.sitkInt16)
    refused(save(tmp_path, ending, picture), "single picture", capfd)
    flat = image(phantom()[:1])
    refused(save(tmp_path, ending, flat), "single picture", capfd)
    film = sitk.JoinSeries([image(), image()])
    refused(save(tmp_path, ending, film), "4 dimensions", capfd)
    colour = sitk.Compose([sitk.Cast(image(), sitk.sitkUInt8)] * 3)
    refused(save(tmp_path, ending, colour), "several values per voxel|dimensions", capfd)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_without_a_value_are_refused(tmp_path, ending, bad, capfd):
    array = phantom().astype(np.float32)
    array[3, 4, 5] = bad
    refused(save(tmp_path, ending, image(array)), "without a value", capfd)
    array[:] = bad
    refused(save(tmp_path, ending, image(array)), "without a value", capfd)


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii.gz"])
def test_values_that_are_no_hounsfield_units_are_refused(tmp_path, ending, capfd):
    hu = phantom()
    for array, words in (
        (hu.astype(np.int64) * 10**12, "not Hounsfield"),
        (hu.astype(np.float64) * 1e300, "not Hounsfield"),
        ((hu + 1024).astype(np.uint16), "without its offset"),
        ((hu > -500).astype(np.uint8), "mask"),
        ((hu / 1000).astype(np.float32), "normalised"),
        (np.full_like(hu, -1000), "no CT"),
    ):
        refused(save(tmp_path, ending, image(array)), words, capfd)


def test_complex_values_are_refused(tmp_path, capfd):
    made = sitk.RealAndImaginaryToComplex(
        sitk.Cast(image(), sitk.sitkFloat32), sitk.Cast(image(), sitk.sitkFloat32)
    )
    refused(save(tmp_path, ".nii", made), "type", capfd)


def test_an_image_without_air_is_noticed(tmp_path):
    array = np.clip(phantom(), -200, None)
    assert [n.code for n in read_volume(save(tmp_path, ".mha", image(array))).notices] == ["no_air"]


HUGE = 2_000_000


def test_huge_headers_are_refused_at_once(tmp_path, capfd):
    nrrd = save(tmp_path, ".nrrd")
    nrrd.write_bytes(nrrd.read_bytes().replace(b"24 20 12", b"%d %d 12" % (HUGE, HUGE)))
    meta = save(tmp_path, ".mha")
    meta.write_bytes(meta.read_bytes().replace(b"24 20 12", b"%d %d 12" % (HUGE, HUGE)))
    nifti = save(tmp_path, ".nii")
    raw = bytearray(nifti.read_bytes())
    struct.pack_into("<3h", raw, 42, 32767, 32767, 32767)
    nifti.write_bytes(raw)
    packed = tmp_path / "packed.nii.gz"
    packed.write_bytes(gzip.compress(bytes(raw)))
    for path in (nrrd, meta, nifti, packed):
        refused(path, "fewer voxels than its header declares", capfd)


def test_more_than_this_machine_can_hold_is_refused(tmp_path, monkeypatch, capfd):
    path = save(tmp_path, ".nrrd")
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    refused(path, "more than this machine can hold", capfd)
    check_memory(5000, "half of 100 pages of 100 bytes")
    with pytest.raises(ImageError):
        check_memory(5001, "a byte more")

    def unknown(_):
        raise ValueError

    monkeypatch.setattr(os, "sysconf", unknown)
    check_memory(8 * 2**30, "half of 16 GB")
    with pytest.raises(ImageError):
        check_memory(8 * 2**30 + 1, "a byte more")


@pytest.mark.parametrize("axis", range(3))
def test_voxels_from_a_twentieth_of_a_mm_to_50_mm_are_a_body(axis):
    for good, bad in ((0.05, 0.049), (50.0, 50.1)):
        spacing = np.ones(3)
        spacing[axis] = good
        check_spacing(Grid((4, 4, 4), (0, 0, 0), spacing, np.eye(3)), "ct")
        spacing[axis] = bad
        with pytest.raises(GeometryError, match="unit is wrong"):
            check_spacing(Grid((4, 4, 4), (0, 0, 0), spacing, np.eye(3)), "ct")


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(-500, 0, []), (-499, 0, ["no_air"]), (-32768, 32767, []), (-32769, 0, "not Hounsfield"),
     (-1000, 32768, "not Hounsfield"), (-1, 99, "light as fat"),
     (-50, 60, ["no_air"]), (-1, 98, "normalised"),
     (0, 1000, "without its offset"), (-7, -7, "Every voxel")],
)  # fmt: skip
def test_what_hounsfield_units_may_be(low, high, answer):
    # Single values may lie far out; the bulk of a CT does not.
    bulk = np.linspace(max(low, -1000), min(high, 100), 62)
    array = np.array([low, *bulk, high]).reshape(4, 4, 4)
    if isinstance(answer, str):
        with pytest.raises(ImageError, match=answer):
            check_hu(array, "ct")
    else:
        kept, notices = check_hu(array, "ct")
        np.testing.assert_array_equal(kept, array.astype(np.float32))
        assert [notice.code for notice in notices] == answer


def test_geometry_that_is_missing_or_odd_is_told(tmp_path, capfd):
    nrrd = save(tmp_path, ".nrrd", packed=False)
    raw = nrrd.read_bytes()
    lines = [line for line in raw.split(b"\n") if b"space" not in line[:5]]
    bare = tmp_path / "bare.nrrd"
    bare.write_bytes(b"\n".join(lines))
    refused(bare, "how large its voxels are", capfd, GeometryError)
    spaced = tmp_path / "spaced.nrrd"
    spaced.write_bytes(b"\n".join(lines).replace(b"kinds:", b"spacings: 0.7 0.8 1.25\nkinds:"))
    assert [n.code for n in read_volume(spaced).notices] == ["orientation_unknown"]
    for space in (b"space: scanner-xyz", b"space dimension: 3"):
        anywhere = tmp_path / "anywhere.nrrd"
        anywhere.write_bytes(raw.replace(b"space: left-posterior-superior", space))
        assert [n.code for n in read_volume(anywhere).notices] == ["orientation_unknown"]
    sheared = tmp_path / "sheared.nrrd"
    sheared.write_bytes(raw.replace(b"(0,0,1.25)", b"(0,0.4,1.25)"))
    refused(sheared, "right angles|damaged", capfd)
    centimetres = tmp_path / "cm.nrrd"
    centimetres.write_bytes(raw.replace(b"endian:", b'space units: "cm" "cm" "cm"\nendian:'))
    refused(centimetres, "in mm", capfd, GeometryError)
    metres = save(tmp_path, ".mha", image(spacing=(0.0007, 0.0007, 0.001)))
    refused(metres, "unit is wrong", capfd, GeometryError)


def test_nifti_without_orientation_is_noticed_and_a_sheared_one_refused(tmp_path, capfd):
    path = save(tmp_path, ".nii")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<2h", raw, 252, 0, 0)
    path.write_bytes(raw)
    assert [n.code for n in read_volume(path).notices] == ["orientation_unknown"]
    limit = 1e-3
    for qform in (0, 1):
        struct.pack_into("<2h", raw, 252, qform, 1)
        for row, column in ((0, 1), (0, 2), (1, 2)):
            sheared = bytearray(raw)
            place, length = 280 + 4 * (4 * row + column), (0.7, 0.8, 1.25)[column]
            struct.pack_into("<f", sheared, place, 0.9 * limit * length)
            path.write_bytes(sheared)
            assert read_volume(path).grid.spacing == pytest.approx((0.7, 0.8, 1.25))
            for cosine in (1.1 * limit, -1.1 * limit, 0.5):
                struct.pack_into("<f", sheared, place, cosine * length)
                path.write_bytes(sheared)
                refused(path, "right angles", capfd, GeometryError)
    struct.pack_into("<f", raw, 76 + 4, 0.0)
    path.write_bytes(raw)
    refused(path, "how large its voxels are", capfd, GeometryError)


@pytest.mark.parametrize(
    ("place", "form", "value", "words"),
    [(40, "<h", 0, "damaged"), (40, "<h", 8, "damaged"), (108, "<f", np.nan, "damaged"),
     (108, "<f", 347, "damaged"), (116, "<f", np.inf, "no usable scaling"),
     (280, "<f", np.nan, "damaged"), (280, "<f", 0, "how large its voxels"),
     (344, "<4s", b"ni1", "one piece"),
     (70, "<h", 2304, "several values"), (70, "<h", 32, "type number 32")],
    ids=["no dimension", "8 dimensions", "no offset", "offset", "intercept", "sform",
         "flat sform", "two files", "colour", "complex"],
)  # fmt: skip
def test_nifti_headers_that_cannot_be_are_told(tmp_path, capfd, place, form, value, words):
    path = save(tmp_path, ".nii")
    raw = bytearray(path.read_bytes())
    struct.pack_into(form, raw, place, value)
    path.write_bytes(raw)
    refused(path, words, capfd)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".mha"])
def test_a_header_tells_where_the_voxels_lie_whatever_their_type(tmp_path, ending, kind):
    array = (phantom() % 100).astype(kind)
    path = save(tmp_path, ending, image(array), packed=False)
    header = read_header(path)
    assert header.grid.size == (24, 20, 12)
    assert header.dtype == array.dtype
    assert path.read_bytes()[header.data_offset :] == array.tobytes()
    assert len(array.tobytes()) == header.voxel_data_bytes


def test_detached_headers_read_no_file_elsewhere(tmp_path, capfd):
    (tmp_path / "inner").mkdir()
    path = save(tmp_path / "inner", ".mhd", packed=False)
    (tmp_path / "inner" / "ct.raw").rename(tmp_path / "ct.raw")
    refused(path, "voxel file beside it", capfd)
    path.write_text(path.read_text().replace("ct.raw", "../ct.raw"))
    refused(path, "voxel file beside it", capfd)
    nrrd = save(tmp_path, ".nrrd")
    nrrd.write_bytes(nrrd.read_bytes().replace(b"endian:", b"data file: /etc/passwd\nendian:"))
    refused(nrrd, "another file", capfd)
    refused(nrrd.rename(tmp_path / "ct.nhdr"), "another file", capfd)


def test_a_simulated_ct_says_so(tmp_path):
    codes = [notice.code for notice in read_volume(sample_path()).notices]
    assert "simulated" in codes
    codes = [notice.code for notice in read_volume(save(tmp_path, ".nrrd")).notices]
    assert "simulated" not in codes


def test_paths_that_are_no_files_are_refused(tmp_path, capfd):
    refused(tmp_path / "missing.nrrd", "does not exist", capfd)
    refused(tmp_path / ("x" * 5000), "no usable path|does not exist", capfd)
    refused(tmp_path / "a\0b.nrrd", "no usable path|does not exist", capfd)
    text = tmp_path / "thesis.pdf"
    text.write_text("%PDF")
    refused(text, "neither NRRD", capfd)


def test_names_in_any_script_are_read(tmp_path):
    folder = tmp_path / "Ärzte 肺 folder"
    folder.mkdir()
    np.testing.assert_array_equal(read_volume(save(folder, ".nrrd")).array, phantom())


def test_threads_may_read_at_once_and_stderr_survives(tmp_path, capfd):
    path = save(tmp_path, ".mha")
    volumes: list[Volume] = []
    threads = [threading.Thread(target=lambda: volumes.append(read_volume(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(volumes) == 8
    sys.stderr.write("still here")
    os.write(2, b" and here")
    assert capfd.readouterr().err == "still here and here"


def test_real_ct_reads_as_simpleitk_gives_it(real_ct_folder):
    for name, codes in (
        ("lidc-idri-0001", []),
        ("partsolid-lstk", []),
        ("lungpetctdx-A0002", ["slice_thickness"]),
    ):
        path = real_ct_folder / name / "ct.nrrd"
        volume, theirs = read_volume(path), sitk.ReadImage(path)
        np.testing.assert_array_equal(volume.array, sitk.GetArrayViewFromImage(theirs))
        direction = np.reshape(theirs.GetDirection(), (3, 3))
        own = Grid(theirs.GetSize(), theirs.GetOrigin(), theirs.GetSpacing(), direction)
        assert volume.grid.same_as(own)
        assert [n.code for n in volume.notices] == codes
    assert volume.notices[0].severity == "refused"
    with pytest.raises(DenseSharpError, match="mask"):
        read_volume(real_ct_folder / "lidc-idri-0001" / "reader1.nrrd")
