"""Whose name is in SEG and SR: nobody's unless asked for, whatever the CT's headers hold."""

import pytest
from test_dicom_objects import CENTERS, RUN, two_nodules

from densesharp.dicom.seg import segmentation
from densesharp.dicom.sr import measurement_report
from densesharp.image.volume import Volume
from densesharp.io import read_volume
from densesharp.io.quiet import quiet_pydicom
from dicom_phantom import axial, fill_modules, phantom, write_enhanced, write_series
from nodule_results import nodule


@pytest.fixture
def axial_volume(tmp_path) -> Volume:
    write_series(tmp_path / "ct", phantom(), axial())
    return read_volume(tmp_path / "ct")


def test_patient_is_left_out_unless_asked_for(axial_volume, tmp_path):
    results = two_nodules(axial_volume)
    for kept in (False, True):
        for dataset in measurement_report(results, axial_volume, RUN, keep_identity=kept):
            dataset.save_as(tmp_path / "object.dcm")
            raw = (tmp_path / "object.dcm").read_bytes()
            for secret in (b"Secret", b"ID-4711", b"19500102", b"20200304", b"ACC-99"):
                assert (secret in raw) == kept
            assert (dataset.get("PatientIdentityRemoved") == "YES") != kept
    first, second = measurement_report(results, axial_volume, RUN)
    assert first.PatientID == second.PatientID


def raw_of(dataset, folder) -> bytes:
    dataset.save_as(folder / "written.dcm")
    return (folder / "written.dcm").read_bytes()


def test_nothing_of_patient_study_trial_site_and_scanner_is_found_in_the_objects(tmp_path):
    """Every attribute of the CT's own modules, with a value that stands nowhere else."""
    filled = {}

    def fill(dataset, index):
        filled.update(fill_modules(dataset))
        return dataset

    with quiet_pydicom():
        write_series(tmp_path / "ct", phantom(), axial(), edit=fill)
        volume = read_volume(tmp_path / "ct")
    assert {"OtherPatientNames", "ClinicalTrialSubjectID", "StationName"} < set(filled)
    assert len(filled) > 200
    results = two_nodules(volume)
    for dataset in measurement_report(results, volume, RUN):
        raw = raw_of(dataset, tmp_path)
        assert [name for name, value in filled.items() if value in raw] == []
        assert dataset.PatientID.startswith("DS-")
        assert dataset.PatientSex in (None, "")
        assert len(dataset.ContributingEquipmentSequence) == 1  # highdicom itself
    for dataset in measurement_report(results, volume, RUN, keep_identity=True):
        raw = raw_of(dataset, tmp_path)
        assert sum(value in raw for value in filled.values()) > 40


def test_nothing_hides_in_the_frames_of_an_enhanced_ct(tmp_path):
    def fill(dataset):
        fill_modules(dataset)
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        measures.private_block(0x0009, "MAKER", create=True).add_new(1, "LO", "SECRETMAKER")

    with quiet_pydicom():
        write_enhanced(tmp_path / "ct" / "one.dcm", phantom(), axial(), edit=fill)
        volume = read_volume(tmp_path / "ct")
    for dataset in measurement_report([nodule(volume, CENTERS[0])], volume, RUN):
        raw = raw_of(dataset, tmp_path)
        assert [word for word in (b"SECRET", b"MAKER", b"20200304") if word in raw] == []


def test_a_source_that_is_deidentified_keeps_its_patient_and_its_own_words(tmp_path):
    """Its name and number, for archives; how it was done is its own claim, not ours."""
    filled = {}

    def public(dataset, index):
        filled.update(fill_modules(dataset))
        dataset.PatientIdentityRemoved = "YES"
        dataset.PatientName = dataset.PatientID = "TRIAL-007"
        dataset.DeidentificationMethod = "Done by the trial office"
        return dataset

    with quiet_pydicom():
        write_series(tmp_path / "ct", phantom(), axial(), edit=public)
        volume = read_volume(tmp_path / "ct")
    kept = {name for name in filled if name.startswith("DeidentificationMethodCodeSequence/")}
    for dataset in measurement_report([nodule(volume, CENTERS[0])], volume, RUN):
        assert (dataset.PatientID, dataset.PatientIdentityRemoved) == ("TRIAL-007", "YES")
        assert dataset.DeidentificationMethod == "Done by the trial office"
        raw = raw_of(dataset, tmp_path)
        assert {name for name, value in filled.items() if value in raw} <= kept

    def silent(dataset, index):
        dataset.PatientIdentityRemoved = "YES"
        return dataset

    write_series(tmp_path / "silent", phantom(), axial(), edit=silent)
    volume = read_volume(tmp_path / "silent")
    seg, _, _ = segmentation([nodule(volume, CENTERS[0])], volume, RUN)
    assert seg.PatientID == "ID-4711"
    assert seg.DeidentificationMethod == "DenseSharp: details removed; name, id and UIDs kept"
