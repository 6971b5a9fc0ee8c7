"""SEG and SR: the same voxels in the same place, the same numbers, read by other software."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom import DataElement

from densesharp.dicom import codes
from densesharp.dicom.codes import ALGORITHM_PARAMETERS
from densesharp.dicom.rerun import differences, outline_in
from densesharp.dicom.run_record import Run, read_report
from densesharp.dicom.seg import segmentation
from densesharp.dicom.source import lung_side, mask_of_points, mask_on_series
from densesharp.dicom.sr import measurement_report, numbers_of
from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice, Volume
from densesharp.io import read_volume
from densesharp.nodule.records import ReaderAxes, Uncertainty
from densesharp.nodule.settings import AnalysisSettings
from dicom_phantom import axial, phantom, write_enhanced, write_series
from nodule_results import ball, nodule

RUN = Run("0.1.0", "first", "ab" * 32, "CPU, fp32", AnalysisSettings(8, True, -300.0))
CENTERS = ((10, 9, 5), (17, 12, 7))


def oblique() -> Grid:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.3, -0.2, 0.5)
    return Grid((24, 20, 12), (10, -40, 200), (0.7, 0.8, 1.5), np.reshape(turn.GetMatrix(), (3, 3)))


GRIDS = {
    "axial": axial(),
    "flipped": Grid((24, 20, 12), (90, 120, 30), (0.7, 0.8, 1.25), np.diag([-1, -1, 1])),
    "oblique": oblique(),
    "reversed stack": Grid((24, 20, 12), (-90, -120, 300), (0.7, 0.8, 1.25), np.diag([1, 1, -1])),
    "coronal": Grid(
        (24, 20, 12), (5, 6, 7), (0.7, 0.8, 2), np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]).T
    ),
}


@pytest.fixture(params=GRIDS, ids=GRIDS)
def volume(request, tmp_path) -> Volume:
    write_series(tmp_path / "ct", phantom(), GRIDS[request.param])
    return read_volume(tmp_path / "ct")


@pytest.fixture
def axial_volume(tmp_path) -> Volume:
    write_series(tmp_path / "ct", phantom(), axial())
    return read_volume(tmp_path / "ct")


def two_nodules(volume: Volume):
    return [nodule(volume, CENTERS[0]), nodule(volume, CENTERS[1], 2, 2)]


def places(volume: Volume, result) -> np.ndarray:
    """(n, 3) LPS mm of the mask's voxels, sorted."""
    ijk = np.argwhere(result.mask.full(volume.grid))[:, ::-1]
    return ordered(volume.grid.to_world(ijk))


def ordered(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(np.round(points, 3).T)]


def places_by_pydicom(seg: pydicom.Dataset, number: int, frames=None) -> np.ndarray:
    """(n, 3) LPS mm of a segment's voxels, from the attributes of DICOM PS3.3 C.7.6.16 alone."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    rows_mm, columns_mm = (float(value) for value in measures.PixelSpacing)
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    frames = seg.pixel_array if frames is None else frames
    frames = frames.reshape(-1, seg.Rows, seg.Columns)
    points = []
    for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        identified = group.get("SegmentIdentificationSequence") or (
            shared.SegmentIdentificationSequence
        )
        if identified[0].ReferencedSegmentNumber == number:
            origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
            row, column = np.nonzero(frame)
            points.append(
                origin
                + np.outer(column, cosines[:3] * columns_mm)
                + np.outer(row, cosines[3:] * rows_mm)
            )
    return ordered(np.concatenate(points))


def test_pydicom_finds_every_voxel_where_it_was(volume, tmp_path):
    results = two_nodules(volume)
    written, _, _ = segmentation(results, volume, RUN)
    written.save_as(tmp_path / "seg.dcm")
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    for number, result in enumerate(results, start=1):
        np.testing.assert_allclose(
            places_by_pydicom(seg, number), places(volume, result), atol=2e-3
        )


@pytest.mark.parametrize("name", GRIDS)
def test_an_enhanced_ct_keeps_every_voxel_and_its_frames(name, tmp_path):
    """Stored in another order than the slices lie; two nodules, one of them across the other."""
    grid, order = GRIDS[name], [7, 3, 11, 0, 5, 9, 1, 10, 4, 8, 2, 6]
    write_enhanced(tmp_path / "ct" / "one.dcm", phantom(), grid, order=order)
    volume = read_volume(tmp_path / "ct")
    results = [nodule(volume, CENTERS[0], 3), nodule(volume, CENTERS[1], 2, 2)]
    seg, report = measurement_report(results, volume, RUN)
    for written, path in ((seg, "seg.dcm"), (report, "sr.dcm")):
        written.save_as(tmp_path / path)
        raw = (tmp_path / path).read_bytes()
        assert not any(word in raw for word in (b"Secret", b"20200304", b"ID-4711"))
    read = pydicom.dcmread(tmp_path / "seg.dcm")
    for number, result in enumerate(results, start=1):
        np.testing.assert_allclose(
            places_by_pydicom(read, number), places(volume, result), atol=2e-3
        )
    positions = {
        frame: volume.grid.to_world((0, 0, k)) for k, frame in enumerate(volume.series["frames"])
    }
    for group in read.PerFrameFunctionalGroupsSequence:
        (reference,) = group.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == volume.series["sop_instance_uids"][0]
        at = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        np.testing.assert_allclose(positions[reference.ReferencedFrameNumber], at, atol=2e-3)
    groups = read_report(pydicom.dcmread(tmp_path / "sr.dcm"))
    assert [g.series_uid for g in groups] == [volume.series["series_uid"]] * 2
    if shutil.which("dciodvfy"):
        for path in ("seg.dcm", "sr.dcm"):
            checked = subprocess.run(
                ["dciodvfy", tmp_path / path], capture_output=True, text=True, timeout=60
            )
            assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []


def test_an_enhanced_ct_in_several_files_is_refused_for_objects(tmp_path):
    write_enhanced(tmp_path / "a.dcm", phantom(), axial(), order=[0, 1, 2, 3, 4, 5])
    write_enhanced(tmp_path / "b.dcm", phantom(), axial(), order=[6, 7, 8, 9, 10, 11])
    volume = read_volume(tmp_path)
    with pytest.raises(ImageError, match="spread over several files"):
        segmentation([nodule(volume, CENTERS[0])], volume, RUN)


def test_simpleitk_decodes_the_same_voxels(volume, tmp_path):
    """GDCM decodes the bits; it does not know a SEG's frame positions, which pydicom gives."""
    result = nodule(volume, CENTERS[0])
    segmentation([result], volume, RUN)[0].save_as(tmp_path / "seg.dcm")
    frames = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "seg.dcm"))
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    found = places_by_pydicom(seg, 1, frames)
    np.testing.assert_allclose(found, places(volume, result), atol=2e-3)


def test_highdicom_reads_the_outlines_as_we_read_them_back(volume):
    """Ours is kept: it also reads a segmentation of uneven slices, which have no one affine."""
    results = [nodule(volume, center) for center in CENTERS]
    seg, report = measurement_report(results, volume, RUN, keep_identity=False)
    read = hd.seg.Segmentation.from_dataset(seg)
    for reported in read_report(report):
        numbers = read.get_segment_numbers(tracking_uid=reported.tracking_uid)
        theirs = read.get_volume(segment_numbers=numbers, combine_segments=True)
        index = np.argwhere(theirs.array)
        places = index @ theirs.affine[:3, :3].T + theirs.affine[:3, 3]
        ours = outline_in(seg, reported.tracking_uid, volume.grid)
        same = mask_of_points(places, volume.grid)
        np.testing.assert_array_equal(ours.full(volume.grid), same.full(volume.grid))


def test_overlapping_nodules_keep_their_voxels(axial_volume):
    results = [nodule(axial_volume, (10, 9, 5)), nodule(axial_volume, (12, 9, 5), 3, 2)]
    seg, _, _ = segmentation(results, axial_volume, RUN)
    for number, result in enumerate(results, start=1):
        np.testing.assert_allclose(
            places_by_pydicom(seg, number), places(axial_volume, result), atol=2e-3
        )


def test_segment_is_coded_and_refers_to_its_slices(axial_volume):
    result = nodule(axial_volume, CENTERS[0])
    seg, _, _ = segmentation([result], axial_volume, RUN)
    segment = seg.SegmentSequence[0]
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("27925004", "SCT")
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert segment.AnatomicRegionSequence[0].CodeValue == "39607008"
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
    algorithm = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert RUN.model_sha256 in algorithm.AlgorithmParameters
    start, depth = result.mask.start[2], result.mask.array.shape[0]
    series = seg.ReferencedSeriesSequence[0]
    named = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
    assert named == set(axial_volume.series["sop_instance_uids"][start : start + depth])
    assert series.SeriesInstanceUID == axial_volume.series["series_uid"]
    assert "Secret" not in str(seg.PatientName)  # unless it is asked for
    assert seg.SeriesNumber == 351  # sorts behind its source, series 3
    assert seg.FrameOfReferenceUID == axial_volume.series["frame_of_reference_uid"]


def items(node, name):
    """All content items with a concept name code, however deep."""
    for child in node.get("ContentSequence", ()):
        if child.ConceptNameCodeSequence[0].get("CodeValue") == name:
            yield child
        yield from items(child, name)


def test_a_nodule_has_one_tracking_uid_at_all_its_dates(axial_volume, tmp_path):
    """What a front end knows as the same nodule is told so in SEG and SR of each CT."""
    uid = "2.25.271828182845904523536028747135266249775"
    first, second = two_nodules(axial_volume)
    for results in (
        [replace(first, tracking_uid=uid), second],
        [replace(second, tracking_uid=uid)],
    ):
        written, report = measurement_report(results, axial_volume, RUN)
        report.save_as(tmp_path / "sr.dcm")
        assert written.SegmentSequence[0].TrackingUID == uid
        assert read_report(pydicom.dcmread(tmp_path / "sr.dcm"))[0].tracking_uid == uid
    alone, _ = measurement_report([first], axial_volume, RUN)
    again, _ = measurement_report([first], axial_volume, RUN)
    assert alone.SegmentSequence[0].TrackingUID == again.SegmentSequence[0].TrackingUID != uid


def test_report_carries_every_number_exactly_and_the_same_ids(axial_volume, tmp_path):
    results = two_nodules(axial_volume)
    written, report = measurement_report(results, axial_volume, RUN, observer="Reader^One")
    report.save_as(tmp_path / "sr.dcm")
    read = pydicom.dcmread(tmp_path / "sr.dcm")
    groups = read_report(read)
    segments = {s.TrackingID: s.TrackingUID for s in written.SegmentSequence}
    assert {g.id: g.tracking_uid for g in groups} == segments
    assert len(segments) == 2
    for group, result in zip(groups, results, strict=True):
        assert group.run == RUN
        assert group.seed_lps == tuple(result.seed.lps.tolist())
        assert group.series_uid == axial_volume.series["series_uid"]
        expected = {
            (name.value, name.scheme_designator, derivation.value if derivation else ""): value
            for name, value, _, derivation, _ in numbers_of(result)
        }
        assert group.numbers == expected
    parameters = [item.TextValue for item in items(read, ALGORITHM_PARAMETERS.value)]
    assert parameters.count('trained_on="phantoms (no patient)"') == 2
    m = results[1].measurements
    assert groups[1].numbers["118565006", "SCT", ""] == m.volume_mm3
    assert groups[1].numbers["112031", "DCM", "373098007"] == m.mean_hu
    assert groups[1].numbers["DS-P-IAC", "99DENSESHARP", ""] == 0.7


def numbers_in(report) -> dict[tuple[str, ...], tuple[float, str]]:
    """Value and unit of every number of the one nodule, by its code and that of its derivation."""
    found: dict[tuple[str, ...], tuple[float, str]] = {}
    for group in items(report, "125007"):
        for item in group.ContentSequence:
            if item.ValueType == "NUM":
                derivation = [i.ConceptCodeSequence[0].CodeValue for i in items(item, "121401")]
                measured = item.MeasuredValueSequence[0]
                found[(item.ConceptNameCodeSequence[0].CodeValue, *derivation)] = (
                    measured.get("FloatingPointValue", measured.NumericValue),
                    measured.MeasurementUnitsCodeSequence[0].CodeValue,
                )
    return found


def test_every_number_has_its_code_and_unit(axial_volume):
    result = nodule(axial_volume, CENTERS[0])
    hu, mean, spread, low, high = "[hnsf'U]", "373098007", "386136009", "255605001", "56851009"
    measured = {
        ("103339001",): (12.3456789012345, "mm"),  # SCT: long axis, short axis, volume
        ("103340004",): (9.1, "mm"),
        ("118565006",): (1234.5678901234567, "mm3"),
        ("L0JK",): (13.3, "mm"),
        ("112031", mean): (-412.00000012345, hu),
        ("112031", spread): (123.4, hu),
        ("112031", low): (-900.0, hu),
        ("112031", high): (88.0, hu),
        ("DS-MASS",): (725.9, "mg"),
        ("DS-SOLID-VOLUME",): (211.12345678901234, "mm3"),
        ("DS-SOLID-LONG",): (6.5, "mm"),
        ("DS-CTR",): (0.5123456789012345, "1"),
    }
    classes = {
        ("DS-P-AAH-AIS",): (0.1, "1"),
        ("DS-P-MIA",): (0.2, "1"),
        ("DS-P-IAC",): (0.7, "1"),
        ("DS-P-INVASIVE",): (0.2 + 0.7, "1"),
    }
    spreads = {
        ("DS-P-AAH-AIS", spread): (0.01, "1"),
        ("DS-P-MIA", spread): (0.02, "1"),
        ("DS-P-IAC", spread): (0.03, "1"),
    }
    for changes, expected in (
        ({}, measured | classes | spreads),
        ({"uncertainty": None}, measured | classes),
        ({"class_probabilities": None}, measured),
        ({"measurements": None}, classes | spreads),
    ):
        _, report = measurement_report([replace(result, **changes)], axial_volume, RUN)
        assert numbers_in(report) == expected


def test_report_states_type_class_verdict_and_who(axial_volume):
    seg, report = measurement_report(
        [nodule(axial_volume, CENTERS[0])], axial_volume, RUN, observer="Reader^One"
    )

    def value(name):
        return [item.ConceptCodeSequence[0] for item in items(report, name)]

    assert [c.CodeValue for c in value("C41144")] == ["RID50152"]
    assert [c.CodeValue for c in value("DS-CLASS")] == ["DS-IAC"]
    assert [c.CodeValue for c in value("DS-VERDICT")] == ["DS-V-CAUTION"]
    reasons = [c.get("CodeValue") or c.LongCodeValue for c in value("DS-REASON")]
    assert reasons == ["slice_thickness", "orientation_unknown"]
    assert [c.CodeValue for c in value("121071")] == ["27925004"]
    assert [i.PersonName for i in items(report, "121008")] == ["Reader^One"]
    flags = (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag)
    assert report.SeriesNumber == 352
    assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    refers = next(items(report, "121191")).ReferencedSOPSequence[0]
    assert refers.ReferencedSOPInstanceUID == seg.SOPInstanceUID
    assert refers.ReferencedSegmentNumber == 1
    source = [item.UID for item in items(report, "121232")]
    assert source == [axial_volume.series["series_uid"]]
    schemes = {entry.CodingSchemeDesignator for entry in report.CodingSchemeIdentificationSequence}
    assert "99DENSESHARP" in schemes


def test_report_states_what_the_reader_decided_and_calls_the_nodule(axial_volume, tmp_path):
    from densesharp.nodule.records import Review

    review = Review("accepted", "Dr Müller", "2026-05-04T11:20:00+00:00")
    seen = replace(nodule(axial_volume, CENTERS[0]), name="LLL ü\\spiculated", review=review)
    _, report = measurement_report([seen], axial_volume, RUN)
    report.save_as(tmp_path / "sr.dcm")
    again = pydicom.dcmread(tmp_path / "sr.dcm")
    (decided,) = items(again, "DS-DECISION")
    code = decided.ConceptCodeSequence[0]
    assert (code.CodeValue, code.CodeMeaning) == (
        "DS-ACCEPTED", "Accepted 2026-05-04T11:20:00+00:00 Dr Müller",
    )  # fmt: skip
    (named,) = items(again, "DS-NAME")
    assert named.ConceptCodeSequence[0].CodeMeaning == "LLL ü/spiculated"
    _, silent = measurement_report([nodule(axial_volume, CENTERS[0])], axial_volume, RUN)
    assert [*items(silent, "DS-DECISION"), *items(silent, "DS-NAME")] == []


def test_a_refused_answer_gives_outline_and_reasons_but_no_class_and_no_number(
    axial_volume, tmp_path
):
    """What no reader may use must not reach an archive as a finding's size or class."""
    whole = nodule(axial_volume, CENTERS[0])
    reason = Notice("too_large", "The mass is too large for this model.", "refused")
    refused = replace(whole, verdict="refused", notices=(reason,))
    seg, report = measurement_report([refused], axial_volume, RUN)
    assert len(seg.SegmentSequence) == 1
    assert next(items(report, "DS-VERDICT")).ConceptCodeSequence[0].CodeValue == "DS-V-REFUSED"
    assert next(items(report, "DS-REASON")).ConceptCodeSequence[0].CodeValue == "too_large"
    for name in ("DS-CLASS", "DS-P-IAC", "C41144", "118565006", "103339001"):
        assert list(items(report, name)) == []
        assert list(items(measurement_report([whole], axial_volume, RUN)[1], name)) != []
    (group,) = read_report(report)
    assert group.numbers == {}
    if shutil.which("dciodvfy"):
        report.save_as(tmp_path / "sr.dcm")
        checked = subprocess.run(
            ["dciodvfy", tmp_path / "sr.dcm"], capture_output=True, text=True, timeout=60
        )
        assert [line for line in checked.stderr.splitlines() if line.startswith("Error")] == []


def test_no_deviation_is_reported_of_a_single_run(axial_volume):
    one_run = replace(nodule(axial_volume, CENTERS[0]), uncertainty=Uncertainty.of_one_run(0.5))
    probabilities = [derivation for name, _, _, derivation, _ in numbers_of(one_run)
                     if name in codes.PROBABILITIES.values()]  # fmt: skip
    assert probabilities == [None] * 3


def test_a_number_that_only_report_or_new_run_has_is_a_difference(axial_volume):
    whole = nodule(axial_volume, CENTERS[0])
    refused = replace(whole, verdict="refused")
    numbers = numbers_of(whole)
    for reported, now in ((whole, refused), (refused, whole)):
        (group,) = read_report(measurement_report([reported], axial_volume, RUN)[1])
        assert differences(group, reported) == []
        assert len(differences(group, now)) == len(numbers)


def test_a_reader_s_axes_stand_beside_the_software_s(axial_volume):
    whole = replace(nodule(axial_volume, CENTERS[0]), reader_axes=ReaderAxes(14.25, None))
    _, report = measurement_report([whole], axial_volume, RUN, observer="Reader^One")
    found = []
    for group in items(report, "125007"):
        for item in items(group, "103339001"):
            method = [i.ConceptCodeSequence[0].CodeValue for i in items(item, "370129005")]
            found.append((float(item.MeasuredValueSequence[0].NumericValue), method))
    assert found == [(pytest.approx(12.3456789012345), []), (14.25, ["DS-BY-READER"])]
    (group,) = read_report(report)
    assert differences(group, replace(whole, reader_axes=None)) == [], "no run would give it again"


def test_headers_that_break_the_standard_are_told_without_names(tmp_path, capfd):
    def odd(dataset, index):
        dataset["PatientBirthDate"] = DataElement(
            "PatientBirthDate", "DA", "19XX", validation_mode=0
        )
        dataset.PatientSex = "UNKNOWN"
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=odd)
    volume = read_volume(tmp_path)
    with pytest.raises(ImageError, match="break the DICOM standard") as caught:
        segmentation([nodule(volume, CENTERS[0])], volume, RUN, keep_identity=True)
    assert "Secret" not in str(caught.value)
    assert capfd.readouterr().err == ""
    segmentation([nodule(volume, CENTERS[0])], volume, RUN)


def test_missing_optional_headers_do_no_harm(tmp_path):
    def bare(dataset, index):
        for name in ("PatientSex", "StudyID", "AccessionNumber", "ReferringPhysicianName"):
            delattr(dataset, name)
        return dataset

    write_series(tmp_path, phantom(), axial(), edit=bare)
    volume = read_volume(tmp_path)
    measurement_report([nodule(volume, CENTERS[0])], volume, RUN)


def test_nothing_to_write_is_said(axial_volume):
    with pytest.raises(ImageError, match="No nodule in this result has an outline"):
        segmentation([], axial_volume, RUN)
    plain = Volume(axial_volume.array, axial_volume.grid)
    with pytest.raises(ImageError, match="DICOM folder"):
        segmentation([nodule(axial_volume, CENTERS[0])], plain, RUN)
    shutil.rmtree(Path(axial_volume.series["paths"][0]).parent)
    with pytest.raises(ImageError, match="can no longer be read"):
        segmentation([nodule(axial_volume, CENTERS[0])], axial_volume, RUN)


def test_other_reports_are_refused():
    with pytest.raises(ImageError, match="no structured report"):
        read_report(pydicom.Dataset())


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="Debian package dicom3tools is absent")
@pytest.mark.parametrize("kept", [False, True], ids=["pseudonymised", "identified"])
def test_dciodvfy_finds_no_error(volume, tmp_path, kept):
    objects = measurement_report(
        two_nodules(volume), volume, RUN, observer="Reader^One", keep_identity=kept
    )
    for name, dataset in zip(("seg", "sr"), objects, strict=True):
        dataset.save_as(tmp_path / f"{name}.dcm")
        checked = subprocess.run(
            ["dciodvfy", tmp_path / f"{name}.dcm"], capture_output=True, text=True, timeout=60
        )
        errors = [line for line in checked.stderr.splitlines() if line.startswith("Error")]
        assert checked.returncode == 0
        assert errors == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1)])
def test_a_mask_of_the_turned_image_lands_on_the_same_voxels(axial_volume, order, signs):
    grid = axial_volume.grid
    array = ball(axial_volume, CENTERS[0], 3)
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.SetSpacing(grid.spacing.tolist())
    image.SetOrigin(grid.origin.tolist())
    image = sitk.Flip(sitk.PermuteAxes(image, order), [sign < 0 for sign in signs])
    direction = np.reshape(image.GetDirection(), (3, 3))
    turned = Grid(image.GetSize(), image.GetOrigin(), image.GetSpacing(), direction)
    mask = mask_on_series(sitk.GetArrayFromImage(image), turned, grid)
    np.testing.assert_array_equal(mask.full(grid), array)


def test_a_mask_may_reach_the_borders_of_the_series(axial_volume):
    array = np.zeros(axial_volume.grid.shape, dtype=bool)
    array[0, 0, 0] = array[-1, -1, -1] = True
    mask = mask_on_series(array, axial_volume.grid, axial_volume.grid)
    np.testing.assert_array_equal(mask.full(axial_volume.grid), array)


def test_a_mask_from_elsewhere_is_refused(axial_volume):
    grid = axial_volume.grid
    array = ball(axial_volume, CENTERS[0], 3)
    moved = Grid(grid.size, grid.origin + 0.3, grid.spacing, grid.direction)
    # Every voxel of the coarser grid lies on one of the series.
    coarser = Grid(grid.size, grid.origin, grid.spacing * 2, grid.direction)
    for other, mask in ((moved, array), (coarser, ball(axial_volume, (4, 4, 2), 2))):
        with pytest.raises(GeometryError, match="does not lie on the voxels"):
            mask_on_series(mask, other, grid)
    for shift, fits in ((0.04, True), (0.06, False)):
        near = Grid(grid.size, grid.to_world((shift, 0, 0)), grid.spacing, grid.direction)
        if fits:
            np.testing.assert_array_equal(mask_on_series(array, near, grid).full(grid), array)
        else:
            with pytest.raises(GeometryError, match="does not lie on the voxels"):
                mask_on_series(array, near, grid)
    beyond = Grid(grid.size, grid.to_world((grid.size[0] - 10, 0, 0)), grid.spacing, grid.direction)
    with pytest.raises(GeometryError, match="does not lie on the voxels"):
        mask_on_series(array, beyond, grid)
    with pytest.raises(ImageError, match="empty"):
        mask_on_series(np.zeros_like(array), grid, grid)


def body(width_mm: float, margin_mm: float) -> Volume:
    """Soft tissue with air on both sides, 1 mm voxels, body middle at x = 0."""
    reach = int(width_mm / 2 + margin_mm)
    x = np.arange(-reach, reach + 1)
    array = np.where(np.abs(x) <= width_mm / 2, 30, -1000).astype(np.int16)
    array = np.broadcast_to(array, (4, 4, len(x)))
    return Volume(array, Grid((len(x), 4, 4), (-reach, 0, 0), (1, 1, 1), np.eye(3)))


@pytest.mark.parametrize(
    ("width", "margin", "x", "side"),
    [
        (340, 20, 80, "left"),
        (340, 20, -80, "right"),
        (340, 20, 25, "left"),
        (340, 20, 24, None),
        (340, 5, 80, "left"),
        (340, 4, 80, None),
        (340, 0, 80, None),
        (200, 20, 50, "left"),
        (198, 20, 50, None),
        (600, 20, 80, "left"),
        (602, 20, 80, None),
    ],
    ids=["left", "right", "beside the middle", "near the middle", "air beyond", "little air",
         "flanks cut off", "narrow", "too narrow for a body", "wide", "too wide for a body"],
)  # fmt: skip
def test_side_is_stated_only_when_it_is_sure(width, margin, x, side):
    assert lung_side(body(width, margin), np.array([x, 1.0, 1.0])) == side


def test_side_gets_into_both_objects(tmp_path):
    wide = body(340, 20)
    array = np.broadcast_to(wide.array[0, 0], (6, 8, wide.grid.size[0])).copy()
    grid = Grid(array.shape[::-1], (-190, 0, 0), (1, 1, 1), np.eye(3))
    write_series(tmp_path, array, grid)
    volume = read_volume(tmp_path)
    center = np.rint(grid.to_index((-90, 4, 3))).astype(int)
    seg, report = measurement_report([nodule(volume, center, 2)], volume, RUN)
    region = seg.SegmentSequence[0].AnatomicRegionSequence[0]
    assert region.AnatomicRegionModifierSequence[0].CodeValue == "24028007"
    found = [i.ConceptCodeSequence[0].CodeValue for i in items(report, "272741003")]
    assert found == ["24028007"]
