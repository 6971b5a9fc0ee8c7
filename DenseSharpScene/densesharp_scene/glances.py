"""Says what the model sees at the pointer: one pass at a time, and only while nothing else runs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from densesharp.errors import DenseSharpError
from densesharp.image.grid import ras_to_lps
from densesharp.nodule.records import Seed
from densesharp.report.labels import Phrase

from .geometry import contains
from .jobs import Jobs
from .session_state import SessionState
from .worker import JobEvent

KEY = "glance"
NOTHING, SOMETHING = "Model: nothing here", "Model: about {diameter} mm here"


class Glances:
    """Looks where the pointer rests.

    Args:
        state: whose CT and model.
        jobs: the worker's.
        tell: told the words; empty when they are over.
    """

    def __init__(self, state: SessionState, jobs: Jobs, tell: Callable[[str], None]) -> None:
        self._state, self._jobs, self._tell = state, jobs, tell
        self._told = ""

    def stop(self) -> None:
        """The pointer moved on."""
        self._jobs.cancel(KEY)
        self._say("")

    def look(self, ras: ArrayLike) -> None:
        """The pointer rests at a place (world RAS mm): look, unless there is other work."""
        scan, backend = self._state.scan, self._state.backend
        idle = not self._jobs.busy and backend.glances and bool(backend.model)
        if scan is None or not scan.alive or not idle:
            return
        try:
            if not contains(scan.volume_node, ras) or scan.nodule_at(ras) is not None:
                return
            volume = scan.volume()
        except DenseSharpError:
            return
        seed = Seed(ras_to_lps(np.asarray(ras)))
        self._jobs.submit(
            lambda handle: backend.glance(volume, seed, handle.progress),
            self._seen,
            key=KEY,
            quiet=True,
            unseen=True,
        )

    def _seen(self, event: JobEvent) -> None:
        if event.kind == "done":
            found = event.value
            words = NOTHING if found is None else Phrase(SOMETHING, diameter=f"{found:.0f}")
            self._say(words)

    def _say(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._tell(words)
