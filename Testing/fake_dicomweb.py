"""A small DICOMweb server on loopback: QIDO-RS, WADO-RS and STOW-RS over the files of a folder."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom

BOUNDARY = "a-b.c"


@contextmanager
def fake_dicomweb(
    folder: Path,
    authorization: str = "",
    cut: bool = False,
    breaks: str = "",
    kept: list[pydicom.Dataset] | None = None,
    keeps: int = 99,
) -> Iterator[str]:
    """The server's address.

    What is sent to it is added to `kept`, the first `keeps` objects of each message.

    `cut` ends every series before its last boundary; an answer to what contains `breaks` ends
    before the length that it declares.
    """
    files = [(path, pydicom.dcmread(path)) for path in sorted(folder.rglob("*.dcm"))]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if authorization and self.headers["Authorization"] != authorization:
                self.send_error(401)
                return
            url = urlsplit(self.path)
            match url.path.removeprefix("/dicom-web/").split("/"):
                case ["studies"]:
                    self.give_studies(parse_qs(url.query))
                case ["studies", study, "series"]:
                    self.give_series(study)
                case ["studies", study, "series", series]:
                    self.give_images(study, series)
                case _:
                    self.send_error(404)

        def do_POST(self) -> None:
            if authorization and self.headers["Authorization"] != authorization:
                self.send_error(401)
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = BytesParser(policy=HTTP).parsebytes(kind + body)
            sent = [part.get_payload(decode=True) for part in message.iter_parts()]
            objects = [pydicom.dcmread(BytesIO(each)) for each in sent]
            if kept is not None:
                kept.extend(objects[:keeps])
            names = ("SOPClassUID", "SOPInstanceUID")
            told = {"00081199": {"vr": "SQ", "Value": [_tags(d, names) for d in objects[:keeps]]}}
            if objects[keeps:]:
                told["00081198"] = {"vr": "SQ", "Value": [_tags(d, names) for d in objects[keeps:]]}
            self.give("application/dicom+json", json.dumps(told).encode())

        def give_studies(self, query: dict[str, list[str]]) -> None:
            assert query["ModalitiesInStudy"] == ["CT"]
            found = {d.StudyInstanceUID: d for _, d in files}
            wanted = query.get("PatientID")
            names = ("PatientName", "PatientID", "StudyDate", "StudyInstanceUID")
            self.give_json(
                [_tags(d, names) for d in found.values() if not wanted or d.PatientID in wanted]
            )

        def give_series(self, study: str) -> None:
            found = {d.SeriesInstanceUID: d for _, d in files if d.StudyInstanceUID == study}
            entries = []
            for uid, dataset in found.items():
                entry = _tags(dataset, ("SeriesInstanceUID", "SeriesNumber"))
                count = sum(d.SeriesInstanceUID == uid for _, d in files)
                entries.append({**entry, "00201209": {"vr": "IS", "Value": [count]}})
            self.give_json(entries)

        def give_images(self, study: str, series: str) -> None:
            body = b""
            for path, dataset in files:
                if (dataset.StudyInstanceUID, dataset.SeriesInstanceUID) == (study, series):
                    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n"
                    body += head.encode() + path.read_bytes() + b"\r\n"
            body += b"" if cut else f"--{BOUNDARY}--\r\n".encode()
            kind = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
            self.give(kind, body)

        def give_json(self, entries: list[dict]) -> None:
            self.give("application/dicom+json", json.dumps(entries).encode())

        def give(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            broken = bool(breaks) and breaks in self.path
            self.send_header("Content-Length", str(len(body) + 10 * broken))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dicom-web"
    finally:
        server.shutdown()
        server.server_close()


def _tags(dataset: pydicom.Dataset, names: tuple[str, ...]) -> dict:
    """Some attributes in the DICOM JSON model, as pydicom writes it."""
    part = pydicom.Dataset()
    for name in names:
        part[name] = dataset[name]
    return part.to_json_dict()
