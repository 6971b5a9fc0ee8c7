"""Shows on the page what a session tells."""

from collections.abc import Callable
from typing import Any

from densesharp_scene import Nodule
from densesharp_scene.events import Kind, Listener, Progress, Question

Publish = Callable[[dict[str, Any]], None]

NO_MESSAGE = {"text": "", "kind": "info"}
NO_QUESTION: dict[str, Any] = {"text": "", "answers": []}
DONE = "Done."


class PageListener(Listener):
    """Turns a session's events into values of the page.

    Args:
        publish: told what the page must show.

    Attributes:
        on_changed: draws list and card anew.
        on_looked_at: turns the 3D view to a nodule.
        on_showing: calls what it gets once the views are drawn.
    """

    def __init__(self, publish: Publish) -> None:
        self.publish = publish
        self.on_changed: Callable[[], None] = lambda: None
        self.on_looked_at: Callable[[Nodule], None] = lambda _nodule: None
        self.on_showing: Callable[[Callable[[], None]], None] = lambda shown: shown()

    def changed(self) -> None:
        """Draw list and card anew."""
        self.on_changed()

    def said(self, text: str, kind: Kind) -> None:
        """Show a sentence; that an answer is there is seen in its card."""
        if text != DONE:
            self.publish({"message": {"text": text, "kind": "info" if kind == "done" else kind}})

    def progressed(self, progress: Progress) -> None:
        """Show how far the work is."""
        self.publish(
            {
                "busy": progress.busy,
                "progress": round(100 * progress.fraction),
                "progress_text": progress.text,
            }
        )

    def showing(self, shown: Callable[[], None]) -> None:
        """Let the pictures of a first answer go out before its rest is computed."""
        self.on_showing(shown)

    def asked(self, question: Question | None) -> None:
        """Open a dialog, or close it."""
        shown = NO_QUESTION
        if question is not None:
            answers = [{"key": key, "text": words} for key, words in question.answers]
            shown = {"text": question.text, "answers": answers}
        self.publish({"question": shown})

    def looked_at(self, nodule: Nodule) -> None:
        """Turn the 3D view there."""
        self.on_looked_at(nodule)
