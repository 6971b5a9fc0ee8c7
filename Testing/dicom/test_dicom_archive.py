"""The written objects in a real archive: stored, found again, given back unchanged (Orthanc)."""

import io
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pynetdicom import AE

from densesharp.dicom.run_record import Run, read_report
from densesharp.dicom.sr import measurement_report
from densesharp.errors import ImageError
from densesharp.io import read_volume
from densesharp.nodule.settings import AnalysisSettings
from densesharp.progress import silent
from densesharp.worklist import open_worklist
from dicom_phantom import axial, phantom, write_series
from nodule_results import nodule

DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
RUN = Run("0.1.0", "first", "ab" * 32, "CPU, fp32", AnalysisSettings(8, True, -300.0))

pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not DICOMWEB.exists(),
    reason="Debian packages orthanc and orthanc-dicomweb are absent",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An empty Orthanc on loopback; gives its HTTP and its DICOM port."""
    folder = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": http,
        "DicomPort": dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpBindAddresses": ["127.0.0.1"],
        "Plugins": [str(DICOMWEB)],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        ["Orthanc", folder / "orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{http}/system", process)
        yield http, dicom
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            assert process.poll() is None, "Orthanc ended"
            time.sleep(0.1)
    pytest.fail("Orthanc did not start within two minutes")


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    paths = write_series(folder, phantom(), axial())
    volume = read_volume(folder)
    nodules = [nodule(volume, (10, 9, 5)), nodule(volume, (17, 12, 7), 2, 2)]
    seg, report = measurement_report(nodules, volume, RUN, keep_identity=True)
    return [pydicom.dcmread(path) for path in paths], seg, report


def ask(port: int, path: str):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/dicom-web/{path}", headers={"Accept": "application/dicom+json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def give_back(port: int, uid: str) -> pydicom.Dataset:
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/tools/lookup", data=uid.encode()),
        timeout=30,
    ) as reply:
        found = next(entry for entry in json.load(reply) if entry["Type"] == "Instance")
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/instances/{found['ID']}/file", timeout=30
    ) as reply:
        return pydicom.dcmread(io.BytesIO(reply.read()))


def test_objects_are_stored_by_c_store_and_found_over_dicomweb(archive, objects):
    http, dicom = archive
    images, seg, report = objects
    entity = AE()
    for dataset in (images[0], seg, report):
        entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", dicom)
    assert association.is_established
    for dataset in (*images, seg, report):
        assert association.send_c_store(dataset).Status == 0x0000
    association.release()

    study = f"studies/{seg.StudyInstanceUID}"
    series = {entry["00080060"]["Value"][0]: entry for entry in ask(http, f"{study}/series")}
    assert set(series) == {"CT", "SEG", "SR"}
    for modality, dataset in (("SEG", seg), ("SR", report)):
        found = ask(http, f"{study}/instances?00080060={modality}")
        assert [entry["00080018"]["Value"][0] for entry in found] == [dataset.SOPInstanceUID]
    patients = {give_back(http, d.SOPInstanceUID).PatientID for d in (images[0], seg, report)}
    assert patients == {"ID-4711"}


def test_objects_come_back_unchanged(archive, objects):
    http, _ = archive
    _, seg, report = objects
    returned = give_back(http, seg.SOPInstanceUID)
    assert returned.PixelData == seg.PixelData
    assert returned.SegmentSequence == seg.SegmentSequence
    assert read_report(give_back(http, report.SOPInstanceUID)) == read_report(report)


def test_objects_are_accepted_over_stow(archive, objects):
    http, _ = archive
    _, seg, report = objects
    parts = []
    for dataset in (seg, report):
        raw = io.BytesIO()
        dataset.save_as(raw)
        parts.append(b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + raw.getvalue())
    body = b"\r\n".join(parts) + b"\r\n--cut--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=cut'
    request = urllib.request.Request(
        f"http://127.0.0.1:{http}/dicom-web/studies",
        data=body,
        headers={"Content-Type": kind, "Accept": "application/dicom+json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer = json.load(reply)
    assert len(answer["00081199"]["Value"]) == 2
    assert "00081198" not in answer or not answer["00081198"].get("Value")


def test_the_archive_is_a_worklist(archive, objects, tmp_path):
    """Its study is a case, and its CT comes back whole, beside SEG and SR of the same study."""
    http, _ = archive
    for image in objects[0]:
        written = io.BytesIO()
        image.save_as(written, enforce_file_format=True)
        address = f"http://127.0.0.1:{http}/instances"
        urllib.request.urlopen(
            urllib.request.Request(address, data=written.getvalue()), timeout=30
        ).close()
    base = f"http://127.0.0.1:{http}/dicom-web"
    (case,) = open_worklist(f"{base}?PatientID=ID-4711")
    assert (case.id, case.name) == ("ID-4711_2020-03-04", "Secret, Patient · ID-4711")
    np.testing.assert_array_equal(case.load(tmp_path, silent).volume.array, phantom())
    with pytest.raises(ImageError, match="holds no CT"):
        open_worklist(f"{base}?PatientID=nobody")


def test_results_of_a_case_go_back_to_its_study(archive, objects, tmp_path):
    """Stored by the worklist's own client, found beside the CT they refer to."""
    http, _ = archive
    images, _, _ = objects
    for image in images:
        written = io.BytesIO()
        image.save_as(written, enforce_file_format=True)
        address = f"http://127.0.0.1:{http}/instances"
        urllib.request.urlopen(
            urllib.request.Request(address, data=written.getvalue()), timeout=30
        ).close()
    (case,) = open_worklist(f"http://127.0.0.1:{http}/dicom-web?PatientID=ID-4711")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    volume = case.load(scratch, silent).volume
    results = [nodule(volume, (10, 9, 5))]
    files = [tmp_path / "seg.dcm", tmp_path / "sr.dcm"]
    made = measurement_report(results, volume, RUN, keep_identity=True)
    for path, dataset in zip(files, made, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    case.archive().store(files, silent)
    for path in files:
        sent = pydicom.dcmread(path)
        uid = sent.SOPInstanceUID
        found = ask(http, f"studies/{images[0].StudyInstanceUID}/instances?00080018={uid}")
        assert [entry["00080060"]["Value"][0] for entry in found] == [sent.Modality]
        assert give_back(http, uid).PatientID == "ID-4711"
    nothing = tmp_path / "no.dcm"
    nothing.write_bytes(b"no DICOM")
    with pytest.raises(ImageError, match=r"kept 0 of 1|answers with status"):
        case.archive().store([nothing], silent)
