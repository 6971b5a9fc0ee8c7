"""What lies under the pointer, and what the model sees there once it rests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from densesharp.image.grid import ras_to_lps
from densesharp.report.labels import minus_signs
from densesharp_scene import ScanNodules
from densesharp_scene.glances import Glances

if TYPE_CHECKING:
    from .session import Session


REST_S = 0.35
"""How long a pointer rests before the model looks there."""


class Pointer:
    """Follows the pointer over the open CT; the session's tool says whether clicks mark nodules."""

    def __init__(
        self, session: Session, later: Callable[[Callable[[], None], float], None]
    ) -> None:
        self._session, self._later = session, later
        self._glances = Glances(
            session.state, session.jobs, lambda words: session.publish({"seen": words})
        )
        self._moves = 0

    def at(self, ras: np.ndarray) -> str:
        """What lies at a place (RAS mm); what the model sees there is told when it rests."""
        self._moves += 1
        moves = self._moves
        self._glances.stop()

        def rested() -> None:
            if moves == self._moves and self._session.tool == "seed":
                self._glances.look(ras)

        self._later(rested, REST_S)
        return words_at(self._session.scan, ras)

    def stop(self) -> None:
        """A click comes first: no look waits before it."""
        self._moves += 1
        self._glances.stop()


def words_at(scan: ScanNodules | None, ras: np.ndarray) -> str:
    """Density and place (RAS mm) in a CT; empty outside of it."""
    if scan is None or not scan.alive:
        return ""
    volume = scan.volume()
    index = np.rint(volume.grid.to_index(ras_to_lps(ras))).astype(int)
    if (index < 0).any() or (index >= volume.grid.size).any():
        return ""
    hu = volume.array[tuple(index[::-1])]
    place = ", ".join(f"{value:.1f}" for value in ras)
    return minus_signs(f"{hu:.0f} HU at RAS {place} mm")
