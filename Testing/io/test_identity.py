"""Whose CT it is: read for the screen only, and names of folders that every system takes."""

import pydicom
import pytest

from densesharp.io import SeriesChoiceError, read_volume
from densesharp.io.identity import CaseIdentity, read_identity
from dicom_phantom import axial, phantom, setting, write_series


def test_two_exams_of_one_protocol_are_told_apart(tmp_path):
    for folder, day, hour in (("a", "20200304", "101213"), ("b", "20210506", "0830")):
        edit = setting(
            SeriesInstanceUID=pydicom.uid.generate_uid(), StudyDate=day, SeriesTime=hour,
            ConvolutionKernel=["B60f", "3"],
        )  # fmt: skip
        write_series(tmp_path / folder, phantom(), axial(), edit=edit)
    with pytest.raises(SeriesChoiceError) as caught:
        read_volume(tmp_path)
    whens = {(c.date, c.time, c.kernel) for c in caught.value.choices}
    assert whens == {("2020-03-04", "10:12", "B60f/3"), ("2021-05-06", "08:30", "B60f/3")}
    assert "B60f/3, 2021-05-06 08:30)" in str(caught.value)


def test_the_header_says_whose_ct_it_is_and_the_volume_does_not(tmp_path):
    edit = setting(PatientName="M\xfcller^Eva Maria^^Dr", ConvolutionKernel="B60f")
    path = write_series(tmp_path, phantom(), axial(), edit=edit)[0]
    assert read_identity(path) == CaseIdentity(
        "Müller, Eva Maria", "ID-4711", "2020-03-04", "10:11", "3", "Lung thin", "B60f", "1.25 mm"
    )
    assert "ller" not in str(read_volume(tmp_path).series)


def test_what_is_no_header_has_no_identity(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"no DICOM")
    assert read_identity(tmp_path / "x.dcm") == CaseIdentity()
    path = write_series(tmp_path / "s", phantom(), axial(), edit=setting(StudyDate=""))[0]
    assert read_identity(path).date == "2020-03-04"  # that of the series


@pytest.mark.parametrize("value", [b"1.25\\2", b"1.2.55"], ids=["two", "no number"])
def test_one_wrong_value_takes_no_name_away(tmp_path, value):
    path = write_series(tmp_path, phantom(), axial(), edit=setting(SliceThickness=[1.25, 2]))[0]
    path.write_bytes(path.read_bytes().replace(b"1.25\\2", value))
    found = read_identity(path)
    assert (found.patient, found.thickness) == ("Secret, Patient", "")
