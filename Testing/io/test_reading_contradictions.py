"""Headers that leave something open or say it twice: what nibabel, pynrrd and SimpleITK give, or
one sentence; never one of two values in silence."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from damage import calm
from densesharp.errors import DenseSharpError, GeometryError, ImageError
from densesharp.io import read_volume
from dicom_phantom import phantom
from io_headers import STEPS, TO_RAS, affine, meta, nifti, nrrd


def read_or_sentence(path):
    """The CT, or the sentence that says why there is none."""
    try:
        return read_volume(path), ""
    except DenseSharpError as error:
        return None, str(error)


def codes_of(path):
    return [notice.code for notice in read_volume(path).notices]


def says(path, *words, error=ImageError):
    with pytest.raises(error) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("two", [False, True], ids=["nifti-1", "nifti-2"])
def test_nifti_size_of_voxels_given_twice_is_refused_with_both(tmp_path, two):
    path = tmp_path / "ct.nii.gz"
    sform = affine(spacing=(0.7, 0.8, 2.0))
    says(nifti(path, two=two, sform=sform), "0.7 x 0.8 x 1.25 mm", "0.7 x 0.8 x 2 mm",
         error=GeometryError)  # fmt: skip
    says(nifti(path, two=two, pixdim=(1, 1, 1)), "1 x 1 x 1 mm (pixdim)", error=GeometryError)
    says(nifti(path, two=two, pixdim=(0.7, 0.8, 1.25 * 1.006)), "two sizes", error=GeometryError)
    rounded = nifti(path, two=two, pixdim=(0.7, 0.8, 1.25 * 1.004))
    assert read_volume(rounded).grid.spacing == pytest.approx(STEPS)
    for pixdim in ((0, 0.8, 1.25), (0.7, np.nan, 1.25), (0.7, 0.8, -1.25)):
        says(nifti(path, two=two, pixdim=pixdim), "how large its voxels are", error=GeometryError)


def test_nifti_forms_that_flip_against_each_other_are_refused_and_a_moved_one_told(tmp_path):
    path = tmp_path / "ct.nii"
    for signs in ((1, -1, 1), (-1, 1, 1), (-1, -1, -1), (1, 1, 1)):
        qform = (signs, (90.5, 120.25, 30.0))
        says(nifti(path, codes=(1, 2), qform=qform), "two ways", "qform", "sform",
             error=GeometryError)  # fmt: skip
    moved = nifti(path, codes=(1, 2), qform=((-1, -1, 1), (90.5, 120.25, 60.0)))
    (notice,) = read_volume(moved).notices
    assert (notice.code, notice.severity) == ("two_places", "caution")
    assert "(90.5, 120.2, 30.0) by its sform" in notice.message
    assert "(90.5, 120.2, 60.0) by its qform" in notice.message
    assert "30.0 mm apart" in notice.message
    for shift, codes in ((0.06, []), (0.08, ["two_places"])):  # a tenth of the finest step is 0.07
        place = (90.5, 120.25, 30.0 + shift)
        assert codes_of(nifti(path, codes=(1, 1), qform=((-1, -1, 1), place))) == codes


def test_nifti_slope_of_zero_scales_nothing(tmp_path):
    path = tmp_path / "ct.nii"
    for slope, intercept, codes in (
        (0.0, 0.0, []),
        (0.0, -1024.0, ["scaling_unclear"]),
        (np.nan, np.nan, ["scaling_unclear"]),
        (np.nan, 0.0, ["scaling_unclear"]),
        (1.0, 0.0, []),
    ):
        volume = read_volume(nifti(path, slope=slope, intercept=intercept))
        np.testing.assert_array_equal(volume.array, phantom())
        assert [notice.code for notice in volume.notices] == codes
    says(nifti(path, slope=1.0, intercept=np.nan), "slope 1, intercept nan")
    half = read_volume(nifti(path, slope=0.5, intercept=-512.0, array=phantom() * 2 + 1024))
    np.testing.assert_array_equal(half.array, phantom())


@pytest.mark.parametrize(
    ("units", "words"), [(1, "in m:"), (3, "micrometres"), (5, "unknown unit (5)")]
)
def test_nifti_units_that_are_no_mm_are_refused(tmp_path, units, words):
    says(nifti(tmp_path / "ct.nii", units=units), words, error=GeometryError)
    for fine in (0, 2, 10):  # unknown, mm, mm and seconds
        assert codes_of(nifti(tmp_path / "ct.nii", units=fine)) == []


def test_nifti_pair_of_header_and_image_is_read(tmp_path):
    nib = pytest.importorskip("nibabel", reason="nibabel is not installed")
    for kind in (nib.Nifti1Pair, nib.Nifti2Pair):
        made = kind(phantom().transpose(2, 1, 0), affine())
        made.header.set_xyzt_units("mm")
        nib.save(made, tmp_path / "ct.img")
        for name in ("ct.hdr", "ct.img"):
            volume = read_volume(tmp_path / name)
            np.testing.assert_array_equal(volume.array, phantom())
            np.testing.assert_allclose(TO_RAS @ volume.grid.affine, affine(), atol=1e-4)
    (tmp_path / "ct.img").unlink()
    says(tmp_path / "ct.hdr", "ct.hdr' cannot be read")
    analyze = nib.AnalyzeImage(phantom().transpose(2, 1, 0), affine())
    nib.save(analyze, tmp_path / "old.img")
    says(tmp_path / "old.hdr", "no NIfTI file")


spacing_like = st.sampled_from([STEPS, STEPS, STEPS, (0.7, 0.8, 1.252), (1, 1, 1), (0.7, 0.8, 2)])
flips = st.sampled_from(list(itertools.product((1, -1), repeat=3)))
places = st.sampled_from([(90.5, 120.25, 30.0), (90.5, 120.25, 30.0), (0, 0, 0), (90.5, 90, 30.0)])


@calm
@given(
    two=st.booleans(),
    codes=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    form=st.tuples(spacing_like, flips, places),
    other=st.tuples(flips, places),
    pixdim=spacing_like,
    scale=st.sampled_from([(1, 0), (0, 0), (0, -1024), (np.nan, 0), (1, -24), (0.5, -300), (2, 0)]),
    units=st.sampled_from([0, 2, 2, 10, 1, 3, 7]),
    dims=st.sampled_from([(), (), (1,), (1, 1), (2,)]),
)
def test_nifti_equals_nibabel_or_says_why_not(
    tmp_path_factory, two, codes, form, other, pixdim, scale, units, dims
):
    nib = pytest.importorskip("nibabel", reason="nibabel is not installed")
    path = tmp_path_factory.getbasetemp() / "property.nii"
    array = np.concatenate([phantom()] * (dims[0] if dims else 1))
    if dims == (2,):
        array = phantom()
    nifti(path, two=two, sform=affine(*form), qform=other, codes=codes, pixdim=pixdim,
          slope=scale[0], intercept=scale[1], units=units, dims=dims, array=array)  # fmt: skip
    volume, sentence = read_or_sentence(path)
    if volume is None:
        assert path.name in sentence
        return
    theirs = nib.load(path)
    values = np.asanyarray(theirs.dataobj).reshape(phantom().shape[::-1])
    np.testing.assert_allclose(volume.array, values.transpose(2, 1, 0), atol=1e-3)
    np.testing.assert_allclose(TO_RAS @ volume.grid.affine, theirs.affine, atol=1e-3)
    contradicting = {notice.code for notice in volume.notices}
    assert ("orientation_unknown" in contradicting) == (codes == (0, 0))
    assert ("scaling_unclear" in contradicting) == (scale in ((0, -1024), (np.nan, 0)))


@pytest.mark.parametrize(
    "change",
    [
        {"space_directions": "(0.7,0,0) (0,0.8,0) none"},
        {"space_directions": "none none none"},
        {"space_directions": "(0.7,0,0) (0,0.8,0) (0,0,nan)"},
        {"space_directions": "(0.7,0,0) (0,0.8,0) (0,0,0)"},
        {"space_directions": None},
        {"space_directions": None, "spacings": "0.7 0.8 nan"},
        {"space_directions": None, "spacings": "nan nan nan"},
        {"space_directions": None, "spacings": "0.7 0.8 0"},
        {"space_directions": None, "spacings": "0.7 0.8 -1.25"},
        {"space_directions": None, "spacings": "0.7 0.8"},
        {"space_directions": None, "spacings": "0.7 0.8 inf"},
    ],
)
def test_nrrd_axis_without_a_size_is_refused(tmp_path, change):
    says(nrrd(tmp_path / "ct.nrrd", **change), "how large its voxels are", error=GeometryError)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spacings": "0.7 0.8 2"}, "0.7 x 0.8 x 2 mm (spacings)"),
        ({"space_units": '"mm" "mm" "cm"'}, "in cm"),
        ({"space_units": '"um" "um" "um"'}, "in um"),
        ({"space_origin": "(nan,nan,nan)"}, "where it lies"),
        ({"space_directions": "(0.7,0,0) (0,0.8,0)"}, "damaged"),
        ({"space_directions": "(0.7,0) (0,0.8) (0,1)"}, "damaged"),
        ({"endian": None}, "order"),
        ({"byte_skip": "16"}, "skip"),
        ({"line_skip": "1"}, "skip"),
        ({"encoding": "bzip2"}, "stored as 'bzip2'"),
        ({"space_origin": "(-90.5,-120.25,30)\nspace origin: (0,0,0)"}, "space origin twice"),
        ({"space": "left-posterior-superior\nspace: RAS"}, "space twice"),
        ({"dimension": "4", "sizes": "24 20 6 2", "kinds": None,
          "space_directions": "(0.7,0,0) (0,0.8,0) (0,0,1.25) none"}, "4 dimensions"),
        ({"dimension": "4", "sizes": "2 24 20 6", "kinds": "list domain domain domain",
          "space_directions": "none (0.7,0,0) (0,0.8,0) (0,0,1.25)"}, "several values per voxel"),
    ],
)  # fmt: skip
def test_nrrd_headers_that_cannot_be_used_say_so(tmp_path, change, words):
    says(nrrd(tmp_path / "ct.nrrd", **change), words)


@pytest.mark.parametrize(
    "change",
    [
        {"dimension": "4", "sizes": "24 20 12 1", "kinds": "domain domain domain list",
         "space_directions": "(0.7,0,0) (0,0.8,0) (0,0,1.25) none"},
        {"dimension": "4", "sizes": "1 24 20 12", "kinds": "list domain domain domain",
         "space_directions": "none (0.7,0,0) (0,0.8,0) (0,0,1.25)"},
        {"dimension": "4", "sizes": "24 20 12 1", "kinds": "domain domain domain time",
         "space_directions": "(0.7,0,0) (0,0.8,0) (0,0,1.25) none"},
        {"kinds": None},
        {"spacings": "0.7 0.8 1.25"},
        {"spacings": "nan nan nan"},
        {"space_units": '"mm" "mm" "mm"'},
        {"encoding": "gzip"},
        {"kinds": "space space space"},
    ],
)  # fmt: skip
def test_nrrd_in_other_words_is_the_same_ct(tmp_path, change):
    volume = read_volume(nrrd(tmp_path / "ct.nrrd", **change))
    np.testing.assert_array_equal(volume.array, phantom())
    assert volume.grid.spacing == pytest.approx(STEPS)
    assert volume.grid.origin == pytest.approx((-90.5, -120.25, 30))
    assert volume.notices == ()


def test_nrrd_keys_may_have_capitals(tmp_path):
    path = nrrd(tmp_path / "ct.nrrd")
    path.write_bytes(path.read_bytes().replace(b"sizes:", b"Sizes:").replace(b"kinds:", b"KINDS:"))
    np.testing.assert_array_equal(read_volume(path).array, phantom())


vectors = st.sampled_from(["(0.7,0,0)", "(0,0.8,0)", "(0,0,1.25)", "(0,0,-2)", "(-0.7,0,0)", "none",
                           "(0.5,0.5,0)", "(-0.5,0.5,0)", "(nan,nan,nan)"])  # fmt: skip


@calm
@given(
    space=st.sampled_from(["left-posterior-superior", "RAS", "LAS", "scanner-xyz", None]),
    directions=st.one_of(st.none(), st.lists(vectors, min_size=3, max_size=3), st.just(None)),
    spacings=st.sampled_from([None, None, "0.7 0.8 1.25", "1 1 1", "0.7 0.8 nan"]),
    origin=st.sampled_from(["(-90.5,-120.25,30)", None, "(1,2,3)"]),
    form=st.sampled_from([("short", "<i2"), ("int", ">i4"), ("float", "<f4"), ("double", ">f8")]),
    encoding=st.sampled_from(["raw", "gzip"]),
    units=st.sampled_from([None, None, '"mm" "mm" "mm"', '"cm" "cm" "cm"']),
)
def test_nrrd_equals_pynrrd_or_says_why_not(
    tmp_path_factory, space, directions, spacings, origin, form, encoding, units
):
    pynrrd = pytest.importorskip("nrrd", reason="pynrrd is not installed")
    path = tmp_path_factory.getbasetemp() / "property.nrrd"
    nrrd(path, phantom().astype(form[1]), space=space, spacings=spacings, space_origin=origin,
         space_directions=directions and " ".join(directions), type=form[0], encoding=encoding,
         endian="big" if form[1][0] == ">" else "little", space_units=units)  # fmt: skip
    volume, sentence = read_or_sentence(path)
    if volume is None:
        assert path.name in sentence
        return
    theirs, header = pynrrd.read(path)
    np.testing.assert_array_equal(volume.array, theirs.transpose(2, 1, 0))
    signs = {"RAS": (-1, -1, 1), "LAS": (1, -1, 1)}.get(space, (1, 1, 1))
    if "space directions" in header:
        steps = header["space directions"].T
        place = header.get("space origin", np.zeros(3))
        np.testing.assert_allclose(volume.grid.affine[:3, :3], steps * np.reshape(signs, (3, 1)))
        np.testing.assert_allclose(volume.grid.origin, place * signs)
    else:
        np.testing.assert_allclose(volume.grid.spacing, header["spacings"])
    known = directions and space in ("left-posterior-superior", "RAS", "LAS")
    assert ("orientation_unknown" in {n.code for n in volume.notices}) == (not known)
    assert units != '"cm" "cm" "cm"'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DistanceUnits": "cm"}, "in cm"),
        ({"DistanceUnits": "MET_DISTANCE_UNITS_UM"}, "in um"),
        ({"ElementSpacing": None}, "how large its voxels are"),
        ({"ElementSpacing": "0.7 0.8"}, "how large its voxels are"),
        ({"ElementSpacing": "0.7 0.8 nan"}, "how large its voxels are"),
        ({"ElementSpacing": "0.7 0.8 0"}, "how large its voxels are"),
        ({"ElementSpacing": "0.7 0.8 -1.25"}, "how large its voxels are"),
        ({"TransformMatrix": "2 0 0 0 1 0 0 0 1"}, "two sizes"),
        ({"TransformMatrix": "1 0 0 0 1 0"}, "damaged"),
        ({"TransformMatrix": "1 0 0 0 1 0 0 0 nan"}, "two sizes"),
        ({"Offset": "-90.5 nan 30"}, "where it lies"),
        ({"Offset": "-90.5 30"}, "damaged"),
        ({"Modality": "MET_MOD_MR"}, "no CT but MR"),
        ({"BinaryData": "False"}, "text"),
        ({"ElementNumberOfChannels": "3"}, "several values per voxel"),
        ({"NDims": "4", "DimSize": "24 20 6 2"}, "4 dimensions"),
        ({"Position": "-90.5 -120.25 60"}, r"offset (position) twice, as '-90.5 -120.25 30' and"),
        ({"Origin": "0 0 0"}, "offset (origin) twice"),
        ({"Rotation": "-1 0 0 0 -1 0 0 0 1"}, "transformmatrix (rotation) twice"),
        ({"Offset": "-90.5 -120.25 30\nOffset = 0 0 0"}, "offset twice"),
        ({"ElementSpacing": "0.7 0.8 1.25\nElementSpacing = 1 1 1"}, "elementspacing twice"),
    ],
)
def test_meta_image_headers_that_cannot_be_used_say_so(tmp_path, change, words):
    says(meta(tmp_path / "ct.mha", **change), words)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"DistanceUnits": "mm"}, []),
        ({"Position": "-90.5 -120.25 30.0", "Comment": "one\nComment = two"}, []),
        ({"ElementSpacing": None, "ElementSize": "0.7 0.8 1.25"}, []),
        ({"ElementSize": "0.7 0.8 1.25"}, []),
        ({"ElementSize": "0.7 0.8 5"}, ["two_spacings"]),
        ({"AnatomicalOrientation": "RAI"}, []),
        ({"AnatomicalOrientation": "???"}, []),
        ({"AnatomicalOrientation": "LPI"}, ["two_orientations"]),
        ({"TransformMatrix": None}, ["orientation_unknown"]),
        ({"TransformMatrix": "0 1 0 1 0 0 0 0 -1"}, []),
        ({"TransformMatrix": "0 1 0 1 0 0 0 0 -1", "AnatomicalOrientation": "ARS"}, []),
        ({"Offset": None, "Position": "-90.5 -120.25 30"}, []),
        ({"NDims": "4", "DimSize": "24 20 12 1", "ElementSpacing": "0.7 0.8 1.25 1",
          "Offset": "-90.5 -120.25 30 0", "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"},
         []),
    ],
)  # fmt: skip
def test_meta_image_is_read_as_simpleitk_reads_it(tmp_path, change, codes):
    path = meta(tmp_path / "ct.mha", **change)
    volume = read_volume(path)
    assert [notice.code for notice in volume.notices] == codes
    theirs = sitk.ReadImage(path)
    theirs = theirs[:, :, :, 0] if theirs.GetDimension() == 4 else theirs
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(theirs))
    for index in ((0, 0, 0), (23, 0, 0), (3, 19, 11)):
        place = theirs.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.grid.to_world(index), place, atol=1e-6)


def test_files_of_the_package_nibabel_read_as_it_reads_them():
    """Files that nobody here made: each equals nibabel in affine and values or says why not."""
    nib = pytest.importorskip("nibabel", reason="nibabel is not installed")
    folder = nib.__path__[0] + "/tests/data"
    seen = 0
    for path in sorted(Path(folder).glob("*")):
        if not path.name.endswith((".nii", ".nii.gz", ".img", ".hdr")):
            continue
        seen += 1
        volume, sentence = read_or_sentence(path)
        if volume is None:
            assert path.name in sentence
            continue
        theirs = nib.load(path)
        np.testing.assert_allclose(volume.array, theirs.get_fdata().transpose(2, 1, 0), atol=1e-2)
        np.testing.assert_allclose(TO_RAS @ volume.grid.affine, theirs.affine, atol=1e-3)
    assert seen, "nibabel came without its test data"


HU = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("mr", HU.normal(600, 250, (20, 20, 20)) - 50, "above"),
        ("mr of 16 bits", HU.gamma(2, 6000, (20, 20, 20)) - 3, "not Hounsfield|above"),
        ("offset missing, padding", np.where(HU.random((20, 20, 20)) < 0.1, -2000,
                                             HU.normal(700, 300, (20, 20, 20))), "above 500"),
        ("offset twice", HU.normal(-1500, 400, (20, 20, 20)), "below air"),
        ("far too low", HU.normal(-2000, 100, (20, 20, 20)), "nothing is as dense"),
        ("mr, interpolated below 0", HU.gamma(2, 60, (20, 20, 20)) - 4, "light as fat"),
        ("0 to 1", HU.random((20, 20, 20)), "normalised|offset"),
        ("-1 to 1", HU.random((20, 20, 20)) * 2 - 1, "normalised"),
        ("0 to 255", HU.random((20, 20, 20)) * 255, "offset"),
    ],
)  # fmt: skip
def test_values_that_are_no_hu_are_refused_by_the_values(tmp_path, name, values, words):
    made = sitk.GetImageFromArray(values.astype(np.float32))
    sitk.WriteImage(made, tmp_path / "ct.nrrd")
    with pytest.raises(ImageError, match=words):
        read_volume(tmp_path / "ct.nrrd")


@pytest.mark.parametrize("padding", [-2000, -3024, -8192, -32768])
def test_padding_and_metal_are_no_reason_to_refuse(tmp_path, padding):
    array = phantom((40, 40, 20))
    array[:, :12] = padding  # a third of the image
    array[:, :4] = max(padding, -2000)
    array[3, 20, 20:24] = 31743
    sitk.WriteImage(sitk.GetImageFromArray(array), tmp_path / "ct.nrrd")
    np.testing.assert_array_equal(read_volume(tmp_path / "ct.nrrd").array, array)
