"""Hands on what was found: files and report, DICOM objects."""

from collections.abc import Callable, Sequence
from pathlib import Path

from densesharp.nodule.records import NoduleResult
from densesharp.report.document import ReportError
from densesharp.words import counted

from .findings import findings_of, observer_name, reported_of
from .jobs import Jobs
from .session_state import SessionState
from .worker import JobEvent, JobHandle

KEY = "write"


class Export:
    """Writes in the background what the CT, model and reader of `state` are about."""

    def __init__(self, state: SessionState, jobs: Jobs) -> None:
        self._state, self._jobs = state, jobs

    def report(self, folder: Path, finish: Callable[[JobEvent], None]) -> None:
        """Write files and report on the nodules that were not rejected; `finish` takes the end.

        Raises:
            ImageError: there is nothing to write, or something is out of date.
        """
        self.files(reported_of(self._state.opened()), folder, finish)

    def files(
        self,
        results: Sequence[NoduleResult],
        folder: Path,
        finish: Callable[[JobEvent], None],
        then: Callable[[], None] = lambda: None,
        key: str = KEY,
    ) -> Callable[[], None]:
        """Write masks, meshes, pictures, table and report of these nodules.

        Args:
            results: of the CT that is shown.
            folder: where to.
            finish: takes the end.
            then: what else to write, on the worker's thread; also where the report could not be.
            key: what is written; earlier writing of the same is given up.

        Returns:
            Does the same again, whatever is shown by then.
        """
        backend, volume = self._state.backend, self._state.opened().volume()

        def work(handle: JobHandle) -> int:
            try:
                count = backend.write(results, volume, folder, handle.progress)
            except ReportError:
                then()
                raise
            then()
            return count

        def start() -> None:
            self._jobs.submit(work, finish, key=key)

        start()
        return start

    def dicom(
        self,
        files: Path | Sequence[Path],
        folder: Path,
        keep_identity: bool,
        finish: Callable[[JobEvent, str], None],
        first: Callable[[JobHandle], None] = lambda _handle: None,
        then: Callable[[Sequence[Path], JobHandle], None] = lambda _written, _handle: None,
    ) -> None:
        """Write SEG and SR of the nodules that were not rejected.

        Args:
            files: the DICOM files of the CT, or their folder.
            folder: where to.
            keep_identity: write the patient's own name and id.
            finish: takes the end, and what was written in words.
            first: brings the files, on the worker's thread.
            then: does something with what was written, on the worker's thread.

        Raises:
            ImageError: there is nothing to write, or something is out of date.
        """
        scan, backend = self._state.opened(), self._state.backend
        results, volume = findings_of(scan), scan.volume()
        observer = observer_name(self._state.reader)
        words = _words(len(results), len(scan.nodules) - len(results), keep_identity)

        def work(handle: JobHandle) -> None:
            first(handle)
            names = backend.write_dicom(
                results, volume, files, folder, handle.progress,
                observer=observer, keep_identity=keep_identity,
            )  # fmt: skip
            then([folder / name for name in names], handle)

        self._jobs.submit(work, lambda event: finish(event, words), key=KEY)


def _words(written: int, left_out: int, keep_identity: bool) -> str:
    kept = "with the patient's identity" if keep_identity else "pseudonymized"
    rest = f" Left out as rejected or without an answer: {left_out}." if left_out else ""
    return f"SEG and SR of {counted(written, 'nodule')} written, {kept}.{rest}"
