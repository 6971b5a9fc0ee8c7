"""A DICOMweb server as a worklist: what it has, one series fetched to disk, results sent back.

QIDO-RS, WADO-RS and STOW-RS of DICOM PS3.18 (sections 10.6, 10.4 and 10.5), with the standard
library only.
"""

import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from densesharp.errors import ImageError, OutputError
from densesharp.files import folder_name
from densesharp.io.identity import one_line, person_words
from densesharp.io.series_choice import day_words
from densesharp.progress import Progress, silent
from densesharp.worklist.cases import ListedCase, LoadedCase, read_preferred, unique_ids

TIMEOUT_S = 60.0
CHUNK = 1 << 20

PATIENT, PATIENT_ID, DATE = "00100010", "00100020", "00080020"
STUDY_UID, SERIES_UID = "0020000D", "0020000E"
SERIES_IMAGES, SERIES_NUMBER = "00201209", "00200011"
FAILED, STORED = "00081198", "00081199"
"""Sequences of the answer to what was sent (PS3.18 10.5.3)."""

_UID = re.compile(r"[0-9.]{1,64}")
_BROKEN = (OSError, ValueError, HTTPException)
"""What a connection raises that ends early, or a program behind it that speaks no HTTP."""

Tags = dict[str, Any]


class DicomWeb:
    """Asks one server.

    Args:
        address: its base, such as `https://host/dicom-web`, with the query that chooses studies.
        authorization: value of the header `Authorization`; empty for none.

    Attributes:
        host: its name.
    """

    def __init__(self, address: str, authorization: str = "") -> None:
        parts = urlsplit(address.strip())
        self._base = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self.host, self._query = parts.hostname or "", parts.query
        self._authorization = authorization.strip()

    def studies(self) -> list[Tags]:
        """The CT studies of the server that the query chooses.

        Raises:
            ImageError: the server does not answer as a DICOMweb server does.
        """
        fixed = urlencode([("ModalitiesInStudy", "CT"), ("includefield", PATIENT)])
        return self._found(f"/studies?{'&'.join(filter(None, (self._query, fixed)))}")

    def series(self, study: str) -> list[Tags]:
        """The CT series of a study."""
        query = urlencode([("Modality", "CT"), ("includefield", SERIES_IMAGES)])
        return self._found(f"/studies/{study}/series?{query}")

    def fetch(self, study: str, series: str, folder: Path, progress: Progress = silent) -> int:
        """Write every instance of a series into a folder; returns how many.

        Args:
            study: the study's UID.
            series: the series' UID.
            folder: an existing folder.
            progress: told of each instance; may cancel.

        Raises:
            ImageError: the server does not give them all.
            OutputError: the folder cannot be written to.
        """
        kind = 'multipart/related; type="application/dicom"'
        count = 0
        with self._open(f"/studies/{study}/series/{series}", kind) as answer:
            boundary = _boundary(answer.headers)
            chunks = iter(lambda: answer.read(CHUNK), b"")
            try:
                for count, body in enumerate(parts(chunks, boundary), start=1):
                    progress(0.0, f"Fetching image {count}")
                    _keep(body, folder / f"{count:05d}.dcm")
            except _BROKEN as error:
                raise ImageError(self._fault("ended before the series was complete")) from error
        return count

    def store(self, files: Sequence[Path], progress: Progress = silent) -> None:
        """Send objects to the server, which keeps all of them or is told to have failed.

        Args:
            files: DICOM files.
            progress: told when they go out; may cancel before that.

        Raises:
            ImageError: the server does not answer, or does not keep every object.
        """
        progress(0.8, f"Sending to {self.host}")
        boundary = f"densesharp-{uuid.uuid4().hex}"
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        bodies = b"".join(head + path.read_bytes() + b"\r\n" for path in files)
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        body = bodies + f"--{boundary}--\r\n".encode()
        with self._open("/studies", "application/dicom+json", body, kind) as answer:
            try:
                told = json.loads(answer.read() or b"{}")
                failed, kept = (_items(told, tag) for tag in (FAILED, STORED))
            except (*_BROKEN, TypeError, AttributeError) as error:
                raise ImageError(self._fault("does not say what it kept")) from error
        if failed or kept < len(files):
            raise ImageError(self._fault(f"kept {kept} of {len(files)} objects"))

    def _found(self, path: str) -> list[Tags]:
        with self._open(path, "application/dicom+json") as answer:
            try:
                text = answer.read()
                found = json.loads(text) if text else []  # 204 is an empty list
                return [dict(entry) for entry in found]
            except (*_BROKEN, TypeError) as error:
                raise ImageError(self._fault("gives no list of studies or series")) from error

    @contextmanager
    def _open(
        self, path: str, accept: str, body: bytes | None = None, kind: str = ""
    ) -> Iterator[Any]:
        headers = {"Accept": accept, **({"Content-Type": kind} if body is not None else {})}
        request = urllib.request.Request(self._base + path, body, headers)
        if self._authorization:
            # Not sent on where the server redirects to.
            request.add_unredirected_header("Authorization", self._authorization)
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            wants = error.code in (401, 403)
            what = "wants a log-in" if wants else f"answers with status {error.code}"
            raise ImageError(self._fault(what)) from error
        except _BROKEN as error:
            raise ImageError(self._fault("does not answer")) from error
        with answer:
            yield answer

    def _fault(self, what: str) -> str:
        return f"The DICOMweb server at {self.host} {what}: check its address and that it runs."


@dataclass(frozen=True)
class WebCase(ListedCase):
    """A study on a server.

    Attributes:
        server: where it lies.
        study: Study Instance UID.
        before: the patient's study before it in the list.
    """

    server: DicomWeb
    study: str
    before: "WebCase | None" = None

    def archive(self) -> DicomWeb | None:
        """The server it came from."""
        return self.server

    def earlier(self) -> ListedCase | None:
        """The patient's last study before this one, of those that the query chose."""
        return self.before

    def load(self, scratch: Path, progress: Progress) -> LoadedCase:
        """Fetch its CT series with the most images, and read it."""
        choices = self.server.series(self.study)
        uids = {_text(entry, SERIES_UID): _order(entry) for entry in choices}
        uids = {uid: order for uid, order in uids.items() if _UID.fullmatch(uid)}
        if not uids:
            raise ImageError(f"The study of '{self.name}' holds no CT series any more.")
        self.server.fetch(self.study, min(uids, key=lambda uid: uids[uid]), scratch, progress)
        return LoadedCase(read_preferred(scratch, None, progress), scratch)


def listed_studies(server: DicomWeb) -> list[ListedCase]:
    """The studies of a server as cases, the oldest first."""
    found = [entry for entry in server.studies() if _UID.fullmatch(_text(entry, STUDY_UID))]
    found.sort(key=lambda entry: (_text(entry, DATE), _text(entry, STUDY_UID)))
    names = [_name(entry) for entry in found]
    folders = [
        "_".join(filter(None, (_text(entry, PATIENT_ID) or name, day_words(_text(entry, DATE)))))
        for entry, name in zip(found, names, strict=True)
    ]
    last: dict[str, WebCase] = {}
    cases: list[ListedCase] = []
    for case, name, entry in zip(unique_ids(folders, folder_name), names, found, strict=True):
        day, patient = day_words(_text(entry, DATE)), _text(entry, PATIENT_ID)
        known = last.get(patient) if patient and day else None
        before = known if known is not None and known.when < day else None
        cases.append(WebCase(case, name, day, server, _text(entry, STUDY_UID), before))
        last[patient] = cases[-1]  # type: ignore[assignment]
    return cases


def parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The bodies of a multipart message (RFC 2046), each as soon as it is complete.

    Raises:
        ValueError: the message ends before its last boundary.
    """
    mark, held, begun = b"\r\n--" + boundary, bytearray(b"\r\n"), False
    for chunk in chunks:
        # What was looked through is not looked through again: a body may have gigabytes.
        start = max(0, len(held) - len(mark))
        held += chunk
        while (end := held.find(mark, start)) >= 0:
            if begun:
                yield bytes(held[:end]).partition(b"\r\n\r\n")[2]
            begun, start = True, 0
            del held[: end + len(mark)]
    if not begun or not held.startswith(b"--"):
        raise ValueError("the message is not complete")


def _boundary(headers: Message) -> bytes:
    boundary = headers.get_boundary()
    if not boundary:
        raise ImageError("The DICOMweb server sends a series in a form that is not read here.")
    return boundary.encode("ascii", "replace")


def _keep(body: bytes, path: Path) -> None:
    try:
        path.write_bytes(body)
    except OSError as error:
        message = f"'{path}' cannot be written ({error.strerror}): free space on the disk."
        raise OutputError(message) from error


def _items(entry: Tags, tag: str) -> int:
    """How many items a sequence has."""
    return len(entry.get(tag, {}).get("Value") or ())


def _value(entry: Tags, tag: str) -> Any:
    element = entry.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _text(entry: Tags, tag: str) -> str:
    value = _value(entry, tag)
    if isinstance(value, dict):  # a person's name
        value = value.get("Alphabetic")
    return one_line(value)


def _name(entry: Tags) -> str:
    """Patient as people write it, with the number."""
    person = person_words(_text(entry, PATIENT))
    return " · ".join(filter(None, (person, _text(entry, PATIENT_ID)))) or "No patient named"


def _order(entry: Tags) -> tuple[int, int]:
    """Most images first, then the lowest number."""
    images, number = _value(entry, SERIES_IMAGES), _value(entry, SERIES_NUMBER)
    return (-images if isinstance(images, int) else 0, number if isinstance(number, int) else 10**9)
