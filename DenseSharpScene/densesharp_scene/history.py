"""The states that nodules had before each step, for undo; gone when the scene is closed."""

from __future__ import annotations

from densesharp.image.masks import NoduleMask

from .nodule import Nodule

STEPS = 100
"""So many can be undone."""


class History:
    """Former states of all nodules of a CT in the order of the steps."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Nodule | None]] = []

    @property
    def last(self) -> str | None:
        """The nodule of the last step; None before the first."""
        return self._steps[-1][0] if self._steps else None

    def remember(self, nodule_id: str, state: Nodule | None) -> None:
        """Keep what a nodule was before a step; None: it was not there."""
        self._steps.append((nodule_id, state))
        del self._steps[:-STEPS]

    def step(self, nodule: Nodule, mask: NoduleMask | None) -> Nodule:
        """Keep a nodule as it is before a step, with its voxels; returns it with them.

        An outline that was changed since the last step is a step of its own: or undo would take
        it back in place of what a reader did after it.
        """
        if not nodule.has_voxels(mask):
            self.remember(nodule.id, nodule)
            nodule = nodule.with_mask(mask)
        self.remember(nodule.id, nodule)
        return nodule

    def knows(self, nodule_id: str) -> bool:
        """Whether a nodule has a former state."""
        return any(name == nodule_id for name, _ in self._steps)

    def take(self, nodule_id: str) -> Nodule | None:
        """The last former state of a nodule that has one; its step is forgotten."""
        index = max(n for n, (name, _) in enumerate(self._steps) if name == nodule_id)
        return self._steps.pop(index)[1]
