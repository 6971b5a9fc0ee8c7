"""What only the reader can decide; without an answer nothing is lost."""

from collections.abc import Callable

from densesharp.report.labels import Phrase

from .events import Listener, Question, attempt

KEEP, ANEW = "keep", "anew"


class Questions:
    """Asks one question at a time, which the listener shows."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._actions: dict[str, Callable[[], None]] = {}

    def keep_correction(
        self, name: str, keep: Callable[[], None], anew: Callable[[], None]
    ) -> None:
        """Whether an outline that was corrected by hand stays.

        Args:
            name: of the nodule.
            keep: done when it stays, also when nobody answers.
            anew: done when the model shall outline the nodule again.
        """
        self.answer()  # an earlier question that nobody answered
        self._actions = {KEEP: keep, ANEW: anew}
        self._listener.asked(
            Question(
                Phrase("The outline of {name} was corrected by hand. Keep it?", name=name),
                (
                    (KEEP, "Keep it; compute class and numbers again"),
                    (ANEW, "Replace it by the model's outline"),
                ),
            )
        )

    def answer(self, key: str = KEEP) -> None:
        """The reader's answer to what was asked; nothing happens when nothing was."""
        actions, self._actions = self._actions, {}
        if actions:
            self._listener.asked(None)
            attempt(actions.get(key, actions[KEEP]), self._listener)
            self._listener.changed()
