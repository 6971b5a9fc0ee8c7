"""A folder, a table or a DICOMweb server becomes a list of cases, and each case a CT."""

import json
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from densesharp.errors import ImageError, OutputError, TableError
from densesharp.progress import silent
from densesharp.worklist import CaseStates, open_worklist
from densesharp.worklist.dicomweb import DicomWeb, listed_studies, parts
from dicom_phantom import axial, phantom, write_series
from fake_dicomweb import fake_dicomweb


def write_ct(path: Path, value: int = 0) -> None:
    image = sitk.GetImageFromArray(phantom() + np.int16(value))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def write_study(folder: Path, number: str, date: str, **more: object) -> Path:
    folder.mkdir(parents=True)

    def mark(dataset, _index):
        dataset.PatientName, dataset.PatientID = f"Doe^{number}", number
        dataset.StudyDate = dataset.SeriesDate = date
        dataset.StudyInstanceUID = f"1.2.{number}.{date}"
        for name, value in more.items():
            setattr(dataset, name, value)
        return dataset

    write_series(folder, phantom(), axial(), edit=mark)
    return folder


def test_a_folder_lists_files_and_dicom_folders_as_people_count(tmp_path):
    for name in ("case 10.nrrd", "case 2.nii.gz", "pair.hdr", "sub/b.mha", "done/result.json",
                 "note.txt"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("") if path.suffix in (".json", ".txt") else write_ct(path)
    (tmp_path / ".hidden").mkdir()
    cases = open_worklist(str(tmp_path))
    assert [case.id for case in cases] == ["case_2", "case_10", "pair", "sub"]
    assert [case.name for case in cases] == ["case 2", "case 10", "pair", "sub"]
    assert cases[0].load(tmp_path, silent).volume.array.shape == (12, 20, 24)


def test_of_several_series_the_thinnest_is_read(tmp_path):
    write_study(tmp_path / "list" / "thick", "7", "20240102", SliceThickness=5.0)
    for path in (tmp_path / "list" / "thick").iterdir():
        path.rename(path.with_name(f"thick-{path.name}"))
    thin = write_study(tmp_path / "thin", "7", "20240102", SeriesInstanceUID="1.2.9",
                       SeriesNumber=9, SliceThickness=1.25)  # fmt: skip
    for path in thin.iterdir():
        path.rename(tmp_path / "list" / "thick" / path.name)
    (case,) = open_worklist(str(tmp_path / "list"))
    assert case.load(tmp_path, silent).volume.series["series_uid"] == "1.2.9"


def test_a_table_names_cases_once_and_says_where_it_is_wrong(tmp_path):
    write_ct(tmp_path / "images" / "a.nrrd", 5)
    table = tmp_path / "list.csv"
    table.write_text("case,image,x\nA/1,images/a.nrrd,1\nA/1,images/a.nrrd,2\na_1,gone.nrrd,3\n")
    first, second = open_worklist(str(table))
    assert (first.id, first.name, second.id) == ("A_1", "A/1", "a_1-2")
    assert first.load(tmp_path, silent).volume.array.max() == phantom().max() + 5
    with pytest.raises(ImageError, match=r"gone\.nrrd' does not exist"):
        second.load(tmp_path, silent)
    table.write_text("case,image\nA,\n")
    with pytest.raises(TableError, match="line 2, column 'image'"):
        open_worklist(str(table))
    table.write_text("case,image\nA,one, two.nrrd\n")
    with pytest.raises(TableError, match="line 2: there are more cells than columns"):
        open_worklist(str(table))
    table.write_text("case,image,Case\nA,one,B\n")
    with pytest.raises(TableError, match="the column 'case' is there twice"):
        open_worklist(str(table))
    table.write_text("case,file\nA,b\n")
    with pytest.raises(TableError, match="the column 'image' is missing"):
        open_worklist(str(table))


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(ImageError, match="holds no CT"):
        open_worklist(str(tmp_path))
    with pytest.raises(ImageError, match="does not exist"):
        open_worklist(str(tmp_path / "nowhere"))


def test_states_are_kept_and_a_read_case_stays_read(tmp_path):
    folder = tmp_path / "results"
    readings = CaseStates(folder)
    assert readings.state("a") == "new"
    readings.set("a", "open", "Dr A")
    readings.set("b", "read", "Dr A")
    readings.set("b", "open", "Dr B")
    again = CaseStates(folder)
    assert [again.state(case) for case in "abc"] == ["open", "read", "new"]
    stored = json.loads((folder / "worklist.json").read_text())["cases"]["b"]
    assert stored["reader"] == "Dr A"
    assert stored["time"][-6] in "+-"
    for text in ("{", '{"schema": 1, "cases": {"a": {"state": "x", "reader": "", "time": ""}}}'):
        (folder / "worklist.json").write_text(text)
        with pytest.raises(TableError, match="damaged"):
            CaseStates(folder)


def test_a_server_lists_its_studies_and_gives_the_whole_series(tmp_path):
    for number, date in (("2", "20240303"), ("1", "20240102")):
        write_study(tmp_path / number, number, date)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with fake_dicomweb(tmp_path) as address:
        older, newer = open_worklist(address)
        assert (older.id, older.name, older.when) == ("1_2024-01-02", "Doe, 1 · 1", "2024-01-02")
        loaded = newer.load(scratch, silent)
        (only,) = open_worklist(address + "?PatientID=2")
    assert only.id == newer.id
    np.testing.assert_array_equal(loaded.volume.array, phantom())
    sent = {path.read_bytes() for path in (tmp_path / "2").glob("*.dcm")}
    assert {path.read_bytes() for path in scratch.iterdir()} == sent


def test_a_server_that_fails_is_a_sentence(tmp_path, monkeypatch):
    write_study(tmp_path / "a", "1", "20240102")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with fake_dicomweb(tmp_path / "a", authorization="Bearer x") as address:
        with pytest.raises(ImageError, match="wants a log-in"):
            open_worklist(address)
        monkeypatch.setenv("DENSESHARP_DICOMWEB_AUTHORIZATION", "Bearer x")
        assert len(open_worklist(address)) == 1
    with pytest.raises(ImageError, match="does not answer"):
        open_worklist(address)
    with fake_dicomweb(tmp_path / "a", cut=True) as address:
        (case,) = open_worklist(address)
        with pytest.raises(ImageError, match="before the series was complete"):
            case.load(scratch, silent)

    with (
        fake_dicomweb(tmp_path / "a", breaks="studies?") as address,
        pytest.raises(ImageError, match="gives no list of studies"),
    ):
        open_worklist(address)
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=speak_ssh, args=(other,), daemon=True).start()
        with pytest.raises(ImageError, match="does not answer"):
            open_worklist(f"http://127.0.0.1:{other.getsockname()[1]}")
    with pytest.raises(ImageError, match="does not answer"):
        open_worklist(f"{address}?PatientName=A B")


def test_results_are_sent_to_where_the_ct_came_from(tmp_path, monkeypatch):
    write_study(tmp_path / "a", "1", "20240102")
    files = sorted((tmp_path / "a").glob("*.dcm"))[:2]
    kept: list[pydicom.Dataset] = []
    monkeypatch.setenv("DENSESHARP_DICOMWEB_AUTHORIZATION", "Bearer x")
    with fake_dicomweb(tmp_path / "a", authorization="Bearer x", kept=kept) as address:
        (case,) = open_worklist(address)
        archive = case.archive()
        assert archive.host == "127.0.0.1"
        archive.store(files, silent)
        assert [each.SOPInstanceUID for each in kept] == [
            pydicom.dcmread(path).SOPInstanceUID for path in files
        ]
        with pytest.raises(ImageError, match="wants a log-in"):
            DicomWeb(address).store(files)
    with (
        fake_dicomweb(tmp_path / "a", keeps=1) as address,
        pytest.raises(ImageError, match="kept 1 of 2 objects"),
    ):
        DicomWeb(address).store(files)
    with (
        fake_dicomweb(tmp_path / "a", breaks="studies") as address,
        pytest.raises(ImageError, match="does not say what it kept"),
    ):
        DicomWeb(address).store(files)
    with pytest.raises(ImageError, match="does not answer"):
        DicomWeb(address).store(files)


def test_when_results_were_sent_is_kept(tmp_path):
    readings = CaseStates(tmp_path)
    readings.set("a", "open", "Dr. Doe")
    assert readings.sent("a") == ""
    readings.mark_sent("a")
    readings.set("a", "read", "Dr. Doe")
    again = CaseStates(tmp_path)
    assert again.sent("a") == readings.sent("a") != ""
    assert (again.state("a"), again.sent("b")) == ("read", "")


def speak_ssh(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.recv(1 << 16)
        client.sendall(b"SSH-2.0-OpenSSH\r\n")


def test_a_full_disk_is_not_the_servers_fault(tmp_path):
    write_study(tmp_path / "a", "1", "20240102")
    with fake_dicomweb(tmp_path / "a") as address:
        (case,) = open_worklist(address)
        with pytest.raises(OutputError, match="cannot be written"):
            case.load(tmp_path / "gone", silent)


@pytest.mark.parametrize(
    "entry", [{}, {"00100010": "x"}, {"00100010": {"Value": "x"}}, {"00100010": {"Value": []}},
              {"00100010": {"Value": [None]}}, {"00100010": {"Value": [{}]}}]
)  # fmt: skip
def test_a_study_without_a_name_in_its_form_has_none(entry):
    uid = {"0020000D": {"vr": "UI", "Value": ["1.2"]}}
    server = DicomWeb("http://x")
    server.studies = lambda: [entry | uid]
    assert [case.name for case in listed_studies(server)] == ["No patient named"]


def test_a_body_is_looked_through_once():
    """16 MB in small pieces, such as an enhanced CT over a slow line."""
    body = bytes(1 << 24)
    message = b"--b\r\n\r\n" + body + b"\r\n--b--"
    begun = time.process_time()
    chunks = (message[at : at + 4096] for at in range(0, len(message), 4096))
    assert list(parts(chunks, b"b")) == [body]
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_parts_are_cut_wherever_the_chunks_end(size):
    bodies = [bytes(range(256)) * 3, b"\r\n--", b"\r\n\r\n--b\r\n"]
    message = b"preamble" + b"".join(b"\r\n--b-d\r\nX: 1\r\n\r\n" + body for body in bodies)
    message += b"\r\n--b-d--\r\nepilogue"
    chunks = [message[at : at + size] for at in range(0, len(message), size)]
    assert list(parts(chunks, b"b-d")) == bodies
    with pytest.raises(ValueError, match="not complete"):
        list(parts([message[:40]], b"b-d"))


def test_a_list_names_the_earlier_ct(tmp_path):
    """A column of a table; on a server the patient's last study before."""
    write_ct(tmp_path / "now.nrrd")
    write_ct(tmp_path / "then.nrrd", 3)
    table = tmp_path / "list.csv"
    table.write_text("case,image,prior\nA,now.nrrd,then.nrrd\nB,now.nrrd,\n")
    first, second = open_worklist(str(table))
    assert first.earlier().load(tmp_path, silent).volume.array.max() == phantom().max() + 3
    assert second.earlier() is None
    for number, date in (("1", "20240102"), ("2", "20240103"), ("1", "20250102")):
        write_study(tmp_path / f"s{number}{date}", number, date)
    with fake_dicomweb(tmp_path) as address:
        old, other, new = open_worklist(address)
    assert (old.earlier(), other.earlier()) == (None, None)
    assert new.earlier() == old
