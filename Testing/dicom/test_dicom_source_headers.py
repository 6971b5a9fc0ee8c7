"""SEG and SR from headers as scanners around the world write them: right, or refused by name."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid

from densesharp.dicom.run_record import Run
from densesharp.dicom.source import check_densities
from densesharp.dicom.sr import measurement_report
from densesharp.errors import ImageError
from densesharp.io import read_volume
from densesharp.nodule.settings import AnalysisSettings
from dicom_phantom import axial, phantom, setting, write_series
from nodule_results import nodule

RUN = Run("0.1.0", "first", "ab" * 32, "CPU, fp32", AnalysisSettings(8, True, -300.0))

SETS = {
    "Japan": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "Japan, half width": (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"),
    "Korea": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "China, GB18030": ("GB18030", "Wang^XiaoDong=王^小东"),
    "China, GBK": ("GBK", "Wang^XiaoDong=王^小东"),
    "Unicode": ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
    "Latin": ("ISO_IR 100", "Müller^Jörg"),
    "Latin with extensions": (["ISO 2022 IR 6", "ISO 2022 IR 100"], "Müller^Jörg"),
    "Greek": ("ISO_IR 126", "Διονυσιος"),
    "Russia": ("ISO_IR 144", "Люкceмбypг"),
    "none": (None, "Plain^Name"),
}
CHINA_58 = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
"""The example of the standard (PS3.5 annex K); pydicom cannot write it."""


def written(folder: Path, *, keep_identity: bool = True, edit=None, change=None):
    """SEG and SR of a nodule in a series; `change` may alter the bytes of its files."""
    for path in write_series(folder / "ct", phantom(), axial(), edit=edit):
        if change:
            path.write_bytes(change(path.read_bytes()))
    volume = read_volume(folder / "ct")
    objects = measurement_report(
        [nodule(volume, (10, 9, 5))], volume, RUN, keep_identity=keep_identity
    )
    for number, made in enumerate(objects):
        made.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return [pydicom.dcmread(folder / f"{number}.dcm") for number in range(2)]


@pytest.mark.parametrize("land", SETS)
def test_names_of_every_character_set_are_written_as_they_were(tmp_path, land):
    charset, name = SETS[land]
    for made in written(tmp_path, edit=setting(SpecificCharacterSet=charset, PatientName=name)):
        assert str(made.PatientName) == name
        assert made.SpecificCharacterSet == "ISO_IR 192"


def test_the_standards_example_of_china_is_written_as_it_was(tmp_path):
    blank = "X" * (len(CHINA_58) + len(CHINA_58) % 2)
    made = written(
        tmp_path,
        edit=setting(SpecificCharacterSet=["", "ISO 2022 IR 58"], PatientName=blank),
        change=lambda raw: raw.replace(blank.encode(), CHINA_58.ljust(len(blank))),
    )
    assert {str(part.PatientName) for part in made} == {"Zhang^XiaoDong=张^小东"}


@pytest.mark.parametrize("declared", [b"ISO_IR 6  ", b"ISO_IR 999", b"          "])
def test_names_in_an_undeclared_character_set_are_refused_or_left_out(tmp_path, declared):
    edit = setting(SpecificCharacterSet="ISO_IR 100", PatientName="Müller")

    def change(raw):
        return raw.replace(b"ISO_IR 100", declared)

    with pytest.raises(ImageError, match="not in its character set") as caught:
        written(tmp_path / "kept", edit=edit, change=change)
    assert "ller" not in str(caught.value)
    for made in written(tmp_path / "hidden", edit=edit, change=change, keep_identity=False):
        assert str(made.PatientName).startswith("DS-")
    # A text that no object takes over is no reason to refuse.
    edit = setting(SpecificCharacterSet="ISO_IR 100", SeriesDescription="Lunge dünn")
    assert len(written(tmp_path / "described", edit=edit, change=change)) == 2


@pytest.mark.parametrize("keep_identity", [True, False])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("StudyInstanceUID", "no Study Instance UID (0020,000D)"),
        ("SeriesInstanceUID", "no Series Instance UID (0020,000E)"),
        ("FrameOfReferenceUID", "no Frame of Reference UID (0020,0052)"),
    ],
)
def test_what_a_reference_needs_is_asked_for_by_name(tmp_path, keep_identity, name, words):
    for value in (None, ""):
        with pytest.raises(ImageError) as caught:
            written(tmp_path, keep_identity=keep_identity, edit=setting(**{name: value}))
        assert words in str(caught.value)
    with pytest.raises(ImageError, match="is no valid UID"):
        written(
            tmp_path,
            keep_identity=keep_identity,
            edit=setting(**{name: "1.2.77.4"}),
            change=lambda raw: raw.replace(b"1.2.77.4", b"1.2.07.4"),
        )


MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName", "SliceThickness",
    "PositionReferenceIndicator", "SOPClassUID", "SOPInstanceUID", "Modality",
    "SpecificCharacterSet", "InstanceNumber", "SeriesNumber", "Manufacturer",
)  # fmt: skip


@pytest.mark.parametrize("names", [*((name,) for name in MAY_BE_EMPTY), MAY_BE_EMPTY])
def test_what_may_be_empty_is_filled(tmp_path, names):
    """Each alone, missing and empty, once with identity and once without; and all together."""
    ways = [(None, True), ("", False)]
    if len(names) > 1:
        ways += [(None, False), ("", True)]
    for number, (value, keep_identity) in enumerate(ways):
        edit = setting(**dict.fromkeys(names, value))
        made = written(tmp_path / str(number), keep_identity=keep_identity, edit=edit)
        uids = [e.value for part in made for e in part.iterall() if e.VR == "UI"]
        assert all(uids), "an empty UID was written"


def test_instances_that_share_a_uid_are_refused(tmp_path):
    with pytest.raises(ImageError, match="the same SOP Instance UID"):
        written(tmp_path, edit=setting(SOPInstanceUID=generate_uid()))


def test_a_value_that_breaks_the_standard_is_named_but_not_shown(tmp_path):
    with pytest.raises(ImageError, match=r"\(Study Date, Series Date\)") as caught:
        written(tmp_path, change=lambda raw: raw.replace(b"20200304", b"2020/3/4"))
    assert "2020" not in str(caught.value)


def test_a_day_that_no_month_has_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"\(Patient's Birth Date\)"):
        written(tmp_path, change=lambda raw: raw.replace(b"19500102", b"19500230"))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_densities_are_looked_up_in_odd_files_too(tmp_path, syntax):
    def edit(dataset, _index):
        dataset.file_meta.TransferSyntaxUID = syntax
        return dataset

    for path in write_series(tmp_path, phantom(), axial(), edit=edit):
        path.write_bytes(path.read_bytes() + bytes([0, 0, 1, 0, 0, 0, 1, 229]))
    volume = read_volume(tmp_path)
    result = nodule(volume, (10, 9, 5))
    hu = volume.array[result.mask.full(volume.grid) > 0].astype(float)
    ends = {"mean_hu": hu.mean(), "sd_hu": hu.std(), "min_hu": hu.min(), "max_hu": hu.max()}
    check_densities([replace(result, measurements=replace(result.measurements, **ends))], volume)
    with pytest.raises(ImageError, match="not computed from this series"):
        check_densities([result], volume)


def test_files_without_preamble_are_referred_to(tmp_path):
    made = written(tmp_path, change=lambda raw: raw[132:])
    assert {str(part.PatientName) for part in made} == {"Secret^Patient"}
