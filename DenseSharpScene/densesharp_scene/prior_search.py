"""Finds the nodule of a CT in an earlier CT of the same patient, and has it answered there."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from densesharp.errors import GeometryError
from densesharp.image.grid import ras_to_lps

from .answers import Answers
from .errors import SceneError
from .jobs import Jobs
from .prior_link import pair
from .scan import ScanNodules
from .worker import JobEvent, JobHandle

KEY = "match"

NOT_FOUND = "The place of the nodule was not found in the earlier CT: click on it there yourself."

Mark = Callable[[ScanNodules, Sequence[float]], str]
"""Puts a point into a CT and claims it."""

Others = Callable[[], Iterable[ScanNodules]]


class PriorSearch:
    """Looks in the background."""

    def __init__(self, jobs: Jobs, answers: Answers) -> None:
        self._jobs, self._answers = jobs, answers

    def find(
        self,
        scan: ScanNodules,
        nodule_id: str,
        prior: ScanNodules,
        mark: Mark = lambda prior, ras: prior.claim(prior.place(ras)),
        others: Others = tuple,
    ) -> None:
        """Find a nodule by registering the lung around it.

        Args:
            scan: its CT.
            nodule_id: the nodule.
            prior: the earlier CT.
            mark: how a point is made there.
            others: gives further CTs, for the tracking UID (see `pair`).

        Raises:
            SceneError: its outline or its place is not that of the result.
        """
        reason = scan.outdated(nodule_id)
        if reason is not None:
            raise SceneError(reason)
        volume, earlier = scan.volume(), prior.volume()
        result = scan.nodule(nodule_id).result

        def work(handle: JobHandle) -> Any:
            from densesharp.nodule.followup import SIMILAR_ENOUGH
            from densesharp.nodule.followup.registration import find_again

            handle.progress(0.1, "Looking for the nodule in the earlier CT")
            match = find_again(volume, result, earlier)
            if match.similarity < SIMILAR_ENOUGH:
                raise GeometryError(NOT_FOUND)
            return match

        def found(event: JobEvent) -> None:
            if event.kind == "done" and scan.alive and prior.alive:
                place = ras_to_lps(event.value.point).tolist()
                self.mark(scan, nodule_id, prior, place, mark, others)

        self._jobs.submit(work, found, key=KEY)

    def mark(
        self,
        scan: ScanNodules,
        nodule_id: str,
        prior: ScanNodules,
        ras: ArrayLike,
        mark: Mark = lambda prior, ras: prior.claim(prior.place(ras)),
        others: Others = tuple,
    ) -> None:
        """A place (world RAS mm) in the earlier CT is that of a nodule: have it answered there."""
        claim = mark(prior, ras)  # type: ignore[arg-type]
        self._answers.analyse(
            prior, claim, lambda found: pair(scan, nodule_id, prior, found.id, others())
        )
