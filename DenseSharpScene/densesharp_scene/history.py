"""What readers did with the nodules of a CT, step by step, for undo and redo; gone with the scene.

A step is taken back by putting the nodule into the state it had before; what it was until then is
kept for redo. Anything new that a reader does ends what could be redone.
"""

from dataclasses import dataclass

from densesharp.image.masks import NoduleMask

from .nodule import Nodule

STEPS = 100
"""So many can be undone."""


@dataclass(frozen=True)
class Step:
    """One thing that a reader did, or undid.

    Attributes:
        nodule_id: to which nodule.
        state: what the nodule is to become when the step is undone, or redone; None: it goes.
        what: in words, with the nodule's name.
    """

    nodule_id: str
    state: Nodule | None
    what: str


class History:
    """The steps that can be undone and those that can be redone, each in their order."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self.count = 0

    @property
    def last(self) -> Step | None:
        """The step that undo takes back; None before the first."""
        return self._done[-1] if self._done else None

    @property
    def next(self) -> Step | None:
        """The step that redo brings back; None when nothing was undone since the last new one."""
        return self._undone[-1] if self._undone else None

    def remember(self, nodule_id: str, state: Nodule | None, what: str) -> None:
        """Keep what a nodule was before something new; None: it was not there."""
        self._undone.clear()
        self.count += 1
        self._keep(Step(nodule_id, state, what))

    def step(self, nodule: Nodule, mask: NoduleMask | None, what: str) -> Nodule:
        """Keep a nodule as it is before a step, with its voxels; returns it with them.

        An outline that was changed since the last step is a step of its own: or undo would take
        it back in place of what a reader did after it.
        """
        if not nodule.has_voxels(mask):
            self.remember(nodule.id, nodule, f"{nodule.name}: outline changed")
            nodule = nodule.with_mask(mask)
        self.remember(nodule.id, nodule, what)
        return nodule

    def answer_for(self, nodule_id: str, outline: str) -> Nodule | None:
        """The last answer of the model's own that had the outline with this fingerprint."""
        for step in reversed(self._done):
            state = step.state if step.nodule_id == nodule_id else None
            of_the_model = state is not None and not (state.edited or state.unanswered)
            if of_the_model and state.mask_digest == outline:
                return state
        return None

    def knows(self, nodule_id: str) -> bool:
        """Whether a nodule has a former state."""
        return any(step.nodule_id == nodule_id for step in self._done)

    def numbers(self) -> set[int]:
        """Numbers of nodules that undo would bring back."""
        return {step.state.number for step in self._done if step.state is not None}

    def take(self, nodule_id: str) -> Step:
        """The last step of a nodule that has one; it is forgotten."""
        index = max(n for n, step in enumerate(self._done) if step.nodule_id == nodule_id)
        return self._done.pop(index)

    def undone(self, nodule_id: str, now: Nodule | None, what: str) -> None:
        """A step was taken back; `now` is what the nodule was until then."""
        self._undone.append(Step(nodule_id, now, what))

    def redone(self, before: Nodule | None) -> None:
        """The next step was brought back; `before` is what the nodule was until then."""
        step = self._undone.pop()
        self._keep(Step(step.nodule_id, before, step.what))

    def forget(self, nodule_id: str) -> None:
        """A nodule is gone for good."""
        for steps in (self._done, self._undone):
            steps[:] = [step for step in steps if step.nodule_id != nodule_id]

    def forget_undone(self) -> None:
        """Something new was done that is no step yet: nothing can be redone."""
        self._undone.clear()

    def _keep(self, step: Step) -> None:
        self._done.append(step)
        del self._done[:-STEPS]
