"""The cases of a worklist one after the other: saved by themselves, the next one read ahead.

A case is left only when its answers are there; what is saved then is taken from the scene at once
and written in the background, while the next case is looked at already.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from densesharp.errors import DenseSharpError, OutputError
from densesharp.image.volume import Volume
from densesharp.worklist import CaseState, CaseStates, ListedCase
from densesharp.worklist.cases import LoadedCase
from densesharp_scene.events import Listener
from densesharp_scene.jobs import Jobs
from densesharp_scene.worker import JobEvent, JobHandle

from . import documents
from .case_rows import list_of, row_of, words_at_the_end
from .case_saving import CaseSaving
from .exam import Exam, ReadExam, exam_of, listed_scene_exam, read_exam

if TYPE_CHECKING:
    from .session import Session

AUTOSAVE_S = 4.0
"""After the last change; saving takes some tenths of a second of the page's time."""

READ_AHEAD_S = 0.5
"""The case that was just opened is drawn first."""

SOON_S = 0.2
"""A case is opened again once it is written."""

SAVE_LIMIT_S = 120.0
"""How long the end of the program waits for what is still being written."""

Later = Callable[[Callable[[], None], float], None]


@dataclass(frozen=True)
class _Ready:
    """A case that was read, and whose it is."""

    loaded: LoadedCase
    exam: Exam


class ReadingList:
    """Goes through a worklist with one session.

    Args:
        session: shows one case at a time.
        cases: the worklist; empty without one.
        folder: for results; each case gets a folder of its id in it.
        wake: called on a worker's thread when `poll` has something to do.
        later: runs a function on the main thread after some seconds.

    Attributes:
        on_earlier: has an earlier CT of the case that was opened read and shown beside it.
    """

    def __init__(
        self,
        session: Session,
        cases: Sequence[ListedCase],
        folder: Path,
        wake: Callable[[], None] | None = None,
        later: Later = lambda _function, _seconds: None,
    ) -> None:
        self._session, self._cases, self._folder = session, tuple(cases), folder
        self._later = later
        self._loading, self._saving = Jobs(Listener(), wake), CaseSaving(session, wake)
        self._readings = CaseStates(folder) if cases else None
        self._scratch = Path(tempfile.mkdtemp(prefix="densesharp-cases-"))
        self._ready: dict[int, _Ready] = {}
        self._at: int | None = None
        self._coming: int | None = None
        self._unreadable: set[int] = set()
        self._then: Callable[[], None] | None = None
        self._changes = 0
        self.on_earlier: Callable[[ReadExam], None] = lambda _read: None
        session.followers.append(self.changed)
        session.on_replaced_by_reader = self._left_the_list

    # What a reader does

    def begin(self) -> None:
        """Open the first case that was not read yet; the first of all when all were."""
        if self._cases:
            following = self._following(-1)
            self._open(0 if following is None else following)

    def next(self) -> None:
        """Save the open case, mark it as read, and open the next one that was not read."""
        if not self._cases:
            self._session.say(
                "No worklist is open: start with 'densesharp view --worklist'.", "info"
            )
            return
        self._when_answered(self._next)

    def previous(self) -> None:
        """Save the open case and open the one before it in the list that could be opened."""
        before = [n for n in range(self._at or 0) if n not in self._unreadable]
        if before:
            self.choose(self._cases[before[-1]].id)

    def choose(self, case_id: str) -> None:
        """Save the open case and open another; neither counts as read by that."""
        index = next((n for n, case in enumerate(self._cases) if case.id == case_id), None)
        if index is not None and index != self._at:
            self._when_answered(lambda: self._go(index, "open"))

    def send(self) -> None:
        """Send outlines and measurements of the open case to the server that it came from.

        Raises:
            DenseSharpError: there is nothing to send, or something is out of date.
        """
        index = self._at
        listed = self._cases[index] if index is not None else None
        archive = listed.archive() if listed is not None else None
        if index is None or listed is None or archive is None:
            self._session.say("This CT came from no DICOMweb server: nothing was sent.", "info")
            return
        scratch = self._scratch / listed.id

        def fetch(handle: JobHandle) -> None:
            if scratch.is_dir():
                return
            scratch.mkdir()  # a saved case was opened without its images
            try:
                listed.load(scratch, handle.progress)
            except DenseSharpError:
                shutil.rmtree(scratch, ignore_errors=True)
                raise

        def sent() -> None:
            if self._readings is not None:
                self._readings.mark_sent(listed.id)
            self.publish()

        self._session.exports.send(archive, scratch, fetch, sent)

    def stay(self) -> None:
        """Do not leave the open case."""
        self._then = None

    # What the session tells

    def changed(self) -> None:
        """Something on the open case changed: save it soon, or leave it when that was asked for."""
        self._changes += 1
        if self._then is not None and self._idle:
            then, self._then = self._then, None
            self._later(then, 0.0)
        elif self._at is not None and self._session.unsaved.any:
            seen = self._changes
            self._later(lambda: self._autosave(seen), AUTOSAVE_S)

    def poll(self) -> None:
        """Take over what was read and written."""
        self._loading.poll()
        self._saving.poll()

    def close(self) -> None:
        """The program ends: save the open case, and wait until everything is written."""
        if self._at is not None and self._session.unsaved.any:
            try:
                self._save(self._at, "open")
            except DenseSharpError as error:
                sys.stderr.write(f"{self._cases[self._at].name} was not saved. {error}\n")
        self._saving.try_again()
        deadline = time.monotonic() + SAVE_LIMIT_S
        while not self._saving.at_rest and time.monotonic() < deadline:
            self._saving.poll()
            time.sleep(0.02)
        for lost in self._saving.kept:
            sys.stderr.write(f"The case '{lost}' was not saved.\n")
        self._loading.close()
        self._saving.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    # Leaving a case

    @property
    def _idle(self) -> bool:
        return not self._session.jobs.keys - {""}

    def _when_answered(self, go: Callable[[], None]) -> None:
        self._session.drawing.end()
        if self._idle:
            go()
            return
        self._then = go
        self._session.say("The other case comes when this is done. Esc stays here.", "info")

    def _next(self) -> None:
        following = self._following(-1 if self._at is None else self._at)
        if following is None:
            self._leave("read")
            lost, kept = len(self._unreadable), len(self._saving.failed)
            self._session.say(words_at_the_end(len(self._cases), lost, kept), "info")
            self.publish()
            self._unreadable.clear()  # a server that is back has them all
            return
        self._go(following, "read")

    def _go(self, index: int, state: CaseState) -> None:
        case = self._cases[index]
        if case.id in self._saving.failed:  # what lies on the disk is older
            self._saving.try_again()
            self._session.say(f"{case.name} is still to be saved: choose it again then.", "info")
            return
        if case.id in self._saving.kept:
            self._later(lambda: self.choose(case.id), SOON_S)
            return
        if self._at is None:  # a CT that is not of the list: it is asked about as always
            self._session.unsaved.ask(lambda: self._open(index))
            return
        if self._leave(state):
            self._open(index)

    def _leave(self, state: CaseState) -> bool:
        """Save the open case; False, and a sentence, when that cannot be done yet."""
        self._saving.try_again()
        if self._at is None:
            return True
        if not self._session.unsaved.any:
            self._mark(self._at, state)
            return True
        try:
            self._save(self._at, state)
        except DenseSharpError as error:
            self._session.say(str(error), "caution")
            return False
        return True

    def _save(self, index: int, state: CaseState) -> None:
        """Write the open case in the background; it has its state once all is written."""

        def ended(written: bool) -> None:
            if written:
                self._mark(index, state)
            else:
                self.publish()

        self._saving.save(self._cases[index], state, ended)

    def _autosave(self, seen: int) -> None:
        """Save unless the reader went on meanwhile: then a later call does."""
        due = seen == self._changes and self._idle and self._session.state.drawing is None
        if due and self._at is not None and self._session.unsaved.any:
            try:
                self._save(self._at, "open")
            except OutputError as error:
                self._session.say(str(error), "error")
            except DenseSharpError:
                return  # an outline without its answer: saved when that is there

    def _left_the_list(self) -> None:
        """The reader opened another CT by hand."""
        self._at = self._then = None
        self.publish()

    def _mark(self, index: int, state: CaseState) -> None:
        if self._readings is not None:
            self._readings.set(self._cases[index].id, state, self._session.state.reader)
        self.publish()

    # Opening a case

    def _following(self, index: int) -> int | None:
        """The next case to read, from the last to the first; never the same one.

        One that could not be opened is passed by: it is tried again when it is chosen.
        """
        count = len(self._cases)
        for step in range(1, count + (index < 0)):
            other = (index + step) % count
            passed = other in self._unreadable or self._cases[other].id in self._saving.kept
            if self._state(other) != "read" and not passed:
                return other
        return None

    def _state(self, index: int) -> CaseState:
        if self._readings is None or self._saving.will_be_read(self._cases[index].id):
            return "read"
        return self._readings.state(self._cases[index].id)

    def _open(self, index: int) -> None:
        self._coming = index
        if index in self._ready:
            self._show(index, self._ready.pop(index))
        elif self._scene_of(index).exists():
            self._show_scene(index)
        else:
            self._session.say(f"Reading {self._cases[index].name} …", "info")
            self._load(index)
            self.publish()

    def _load(self, index: int) -> None:
        """Read a case; what else is being read gives way."""
        if f"case {index}" in self._loading.keys:
            return
        for key in self._loading.keys:
            self._loading.cancel(key)
        listed, scratch = self._cases[index], self._scratch / self._cases[index].id

        def work(handle: JobHandle) -> _Ready:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            loaded = listed.load(scratch, handle.progress)
            return _Ready(loaded, exam_of(loaded.volume, loaded.path))

        self._loading.submit(work, lambda event: self._loaded(index, event), key=f"case {index}")

    def _loaded(self, index: int, event: JobEvent) -> None:
        wanted = index == self._coming
        if event.kind == "done":
            self._unreadable.discard(index)
            self._ready = {index: event.value}
            if wanted:
                self._show(index, self._ready.pop(index))
        elif event.kind == "failed" and wanted:
            self._coming = None
            self._unreadable.add(index)
            self._session.say(f"{self._cases[index].name}: {event.text}", "error")
            self.publish()

    def _show(self, index: int, ready: _Ready) -> None:
        folder = self._folder / self._cases[index].id
        self._session.show_exam(ready.loaded.volume, ready.loaded.path, ready.exam, folder)
        self._shown(index)

    def _show_scene(self, index: int) -> None:
        listed, path = self._cases[index], self._scene_of(index)
        case = listed_scene_exam(path, Exam(listed.name, listed.when, "", listed.id))
        self._session.show_scene(path, case, path.parent)
        self._shown(index)

    def _shown(self, index: int) -> None:
        self._at, self._coming = index, None
        self._session.say(self._saving.problem, "error")
        self._mark(index, "open")
        self._later(self._read_ahead, READ_AHEAD_S)
        earlier = self._cases[index].earlier()
        if earlier is not None:
            self.on_earlier(lambda handle: self._read_earlier(earlier, handle))

    def _read_ahead(self) -> None:
        following = self._following(self._at) if self._at is not None else None
        if following is None or self._coming is not None:
            return
        kept = {self._cases[index].id for index in (self._at, following) if index is not None}
        for folder in self._scratch.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        if following not in self._ready and not self._scene_of(following).exists():
            self._ready.clear()
            self._load(following)

    def _read_earlier(self, earlier: ListedCase, handle: JobHandle) -> tuple[Volume, Exam]:
        with tempfile.TemporaryDirectory(prefix="densesharp-earlier-") as scratch:
            return read_exam(earlier, Path(scratch), handle)

    def _scene_of(self, index: int) -> Path:
        return self._folder / self._cases[index].id / documents.SCENE_NAME

    # What the page shows

    def publish(self) -> None:
        """Show the list and how far it is."""
        sent = self._readings.sent if self._readings else lambda _id: ""
        rows = [
            row_of(case, self._shown_state(index), sent(case.id))
            for index, case in enumerate(self._cases)
        ]
        self._session.publish({"cases": list_of(rows, self._cases, self._at, self._coming)})

    def _shown_state(self, index: int) -> str:
        if self._cases[index].id in self._saving.failed:
            return "not saved"
        return "not opened" if index in self._unreadable else self._state(index)
