"""Writes results of the open CT: files and scene, the report, DICOM objects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from densesharp.errors import ImageError
from densesharp.nodule.records import NoduleResult
from densesharp_scene import ScanNodules
from densesharp_scene.findings import findings_of, observer_name, reported_of, results_of
from densesharp_scene.worker import Event

from . import documents

if TYPE_CHECKING:
    from .session import Session

NO_SERIES = (
    "No DICOM files are known for this CT, and a DICOM object must refer to them: open its DICOM "
    "folder, or start 'densesharp view SCENE --dicom FOLDER' for a saved scene."
)


class Exports:
    """What a reader can write of the open CT.

    Args:
        session: whose CT and worker are used.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.reported = False

    def forget(self) -> None:
        """Another CT was opened: the report that lies there is not on it."""
        self.reported = False
        self._session.publish({"reported": False})

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Write masks, meshes, table, report and the scene into the results folder.

        Args:
            then: called when all is written.
        """
        scan, state = self._session.open_scan(), self._session.unsaved.state()

        def finish(event: Event) -> None:
            self._saved(scan, event)
            if event.kind == "done":
                self._session.unsaved.saved(state)
                if then is not None:
                    then()

        self._write(scan, results_of(scan), finish)

    def report(self) -> None:
        """Write the files of the nodules that were not rejected, and the report on them."""
        scan = self._session.open_scan()
        self._write(scan, reported_of(scan), self._reported)

    def dicom(self, keep_identity: bool) -> None:
        """Write SEG and SR of the nodules that were not rejected into the results folder.

        Raises:
            ImageError: no DICOM files are known for the CT, or there is nothing to write.
        """
        session = self._session
        scan, backend, files = session.open_scan(), session.backend, session.files
        if not files:
            raise ImageError(NO_SERIES)
        results, volume = findings_of(scan), scan.volume()
        observer, folder = observer_name(session.reader), session.results / documents.DICOM_NAME

        def written(event: Event) -> None:
            if event.kind == "done":
                left_out = len(scan.nodules) - len(results)
                count = f"{len(results)} nodule{'s' if len(results) > 1 else ''}"
                kept = "with the patient's identity" if keep_identity else "pseudonymised"
                self._tell_where()
                rest = f" Left out as rejected or without an answer: {left_out}."
                session.say(
                    f"SEG and SR of {count} written to the results folder, {kept}."
                    + (rest if left_out else ""),
                    "info",
                )

        session.jobs.submit(
            lambda task: backend.write_dicom(
                results, volume, files, folder, task.progress,
                observer=observer, keep_identity=keep_identity,
            ),
            written,
            key="save",
        )  # fmt: skip

    def _write(
        self, scan: ScanNodules, results: list[NoduleResult], finish: Callable[[Event], None]
    ) -> None:
        session = self._session
        volume, backend, folder = scan.volume(), session.backend, session.results
        session.jobs.submit(
            lambda task: backend.write(results, volume, folder, task.progress), finish, key="save"
        )

    def _saved(self, scan: ScanNodules, event: Event) -> None:
        session = self._session
        # What can fail last is a package that the report lacks: the scene is worth saving then too.
        if event.kind in ("done", "failed") and event.expected and scan.alive:
            documents.save_scene(session.slicer_app, scan, session.results / documents.SCENE_NAME)
        if event.kind == "done":
            self._show()
            self._tell_where()
            count = sum(entry.is_file() for entry in session.results.iterdir())
            session.say(f"Saved {count} files in the results folder.", "info")

    def _reported(self, event: Event) -> None:
        if event.kind == "done":
            self._show()
            self._tell_where()
            self._session.say(
                "The report lies in the results folder; see it below the card.", "info"
            )

    def _tell_where(self) -> None:
        """In the terminal: the page gets no paths, whose names may be a patient's."""
        sys.stderr.write(f"Results: {self._session.results.resolve()}\n")

    def _show(self) -> None:
        self.reported = True
        self._session.publish({"reported": True})
