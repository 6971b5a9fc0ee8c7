"""Writes results of the open CT: files and scene, the report, DICOM objects."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from densesharp.errors import ImageError
from densesharp.nodule.records import NoduleResult
from densesharp.words import counted
from densesharp.worklist.cases import Archive
from densesharp_scene.export import KEY, Export
from densesharp_scene.findings import results_of
from densesharp_scene.session_state import SessionState
from densesharp_scene.worker import JobEvent, JobHandle

from . import documents
from .ct_files import write_source
from .open_files import OpenFiles
from .page_listener import PageListener
from .scene_file import CtFile, scene_file
from .unsaved import Unsaved

NO_SERIES = (
    "No DICOM files are known for this CT, and a DICOM object must refer to them: open its DICOM "
    "folder, or start 'densesharp view SCENE --dicom FOLDER' for a saved scene."
)


class Exports:
    """What a reader can write of the open CT.

    Args:
        state: whose CT it is.
        files: where it came from, and where to write.
        export: writes in the background.
        unsaved: told what was saved.
        listener: told what was written.
        slicer_app: saves the scene.
    """

    def __init__(
        self,
        state: SessionState,
        files: OpenFiles,
        export: Export,
        unsaved: Unsaved,
        listener: PageListener,
        slicer_app: Any,
    ) -> None:
        self._state, self._files, self._export = state, files, export
        self._unsaved, self._listener, self._slicer_app = unsaved, listener, slicer_app
        self._ct: CtFile | None = None

    def forget(self) -> None:
        """Another CT was opened: the report that lies there is not on it."""
        self._ct = None
        self._show(False)
        self._listener.publish({"saved_in": ""})

    def save(self, then: Callable[[], None] = lambda: None) -> None:
        """Write masks, meshes, table, report and the scene into the results folder, then call."""
        scan, state = self._state.opened(), self._unsaved.state()

        def finish(event: JobEvent) -> None:
            if event.kind == "done" and scan is self._state.scan:
                self._saved()
                self._unsaved.saved(state)
                then()

        self.write(self._export, results_of(scan), finish)

    def write(
        self,
        export: Export,
        results: Sequence[NoduleResult],
        finish: Callable[[JobEvent], None],
        key: str = KEY,
    ) -> Callable[[], None]:
        """Write results and scene into the results folder of the open CT.

        Args:
            export: whose jobs write.
            results: of the open CT.
            finish: takes the end.
            key: what is written; earlier writing of the same is given up.

        Returns:
            Does the same again, whatever is open by then.
        """
        scan, folder = self._state.opened(), self._files.results
        self._ct = self._ct or CtFile(scan.volume())
        scene = scene_file(self._slicer_app, scan, self._ct)
        write_source(folder, self._files.source)
        target = folder / documents.SCENE_NAME
        return export.files(results, folder, finish, lambda: scene.write(target), key)

    def report(self) -> None:
        """Write the files of the nodules that were not rejected, and the report on them."""
        self._export.report(self._files.results, self._reported)

    def dicom(self, keep_identity: bool) -> None:
        """Write SEG and SR of the nodules that were not rejected into the results folder.

        Raises:
            ImageError: no DICOM files are known for the CT, or there is nothing to write.
        """
        self._state.opened()
        if not self._files.dicom:
            raise ImageError(NO_SERIES)

        def written(event: JobEvent, words: str) -> None:
            if event.kind == "done":
                self._tell(f"{words} They lie in {folder.resolve()}")

        folder = self._files.results / documents.DICOM_NAME
        self._export.dicom(self._files.dicom, folder, keep_identity, written)

    def send(
        self,
        archive: Archive,
        files: Path,
        fetch: Callable[[JobHandle], None],
        sent: Callable[[], None],
    ) -> None:
        """Write SEG and SR with the patient's identity, and send them to where the CT came from.

        Args:
            archive: keeps them.
            files: folder of the CT's DICOM files.
            fetch: brings these files where they are gone.
            sent: called when the archive has kept all.

        Raises:
            ImageError: there is nothing to send, or something is out of date.
        """

        def ended(event: JobEvent, words: str) -> None:
            if event.kind == "done":
                sent()
                self._tell(f"Sent to {archive.host}. {words}")

        self._export.dicom(
            files,
            self._files.results / documents.DICOM_NAME,
            True,
            ended,
            fetch,
            lambda written, handle: archive.store(written, handle.progress),
        )

    def _saved(self) -> None:
        folder = self._files.results
        self._show(True)
        count = sum(entry.is_file() for entry in folder.iterdir())
        self._tell(f"Saved {counted(count, 'file')} in {folder.resolve()}")

    def _reported(self, event: JobEvent) -> None:
        if event.kind == "done":
            self._show(True)
            self._tell(f"The report lies in {self._files.results.resolve()}")

    def _tell(self, text: str) -> None:
        """Where files were written, on the page and in the terminal; it stays on the page."""
        sys.stderr.write(f"Results: {self._files.results.resolve()}\n")
        self._listener.publish({"saved_in": str(self._files.results.resolve())})
        self._listener.said(text, "info")

    def _show(self, reported: bool) -> None:
        self._files.reported = reported
        self._listener.publish({"reported": reported})
