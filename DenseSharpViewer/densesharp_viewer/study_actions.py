"""What the study page may ask of the reading.

There is no action that opens a file, names a case, or asks for the model's result.
"""

from collections.abc import Callable
from typing import Any

from densesharp.nodule.records import CLASS_NAMES
from densesharp.study.conduct.answer_form import CONFIDENCE_LEVELS, LONGEST_COMMENT
from densesharp.study.conduct.answer_keys import CORRECT, SUBMIT

from .action_table import ActionTable, number, one_of, switch, text
from .actions import LAYOUT_NAMES, SLICE_NAMES, WINDOW_NAMES
from .study_viewer import FIRST_LAYOUT, StudyViewer

STUDY_TOOLS = ("look", "click", "paint", "erase")


class StudyActions(ActionTable):
    """Runs named actions of the study page."""

    def __init__(self, viewer: StudyViewer) -> None:
        presenter, scene = viewer.presenter, viewer.scene
        self._presenter = presenter
        super().__init__({
            "start": (presenter.start_session, (number(1, 99), text(500))),
            "next": (lambda shown: self._on(shown, presenter.next_case), (text(40),)),
            "class": (presenter.set_class, (one_of(*CLASS_NAMES),)),
            "rating": (presenter.set_rating, (one_of("p_invasive", "p_iac"), number(0, 100))),
            "confidence": (presenter.set_confidence, (one_of(*CONFIDENCE_LEVELS),)),
            "comment": (presenter.set_comment, (text(LONGEST_COMMENT),)),
            "submit": (lambda shown: self._on(shown, presenter.submit), (text(40),)),
            "cancel": (presenter.cancel, ()),
            "pause": (presenter.pause, ()),
            "resume": (presenter.resume, ()),
            "correct": (lambda shown: self._on(shown, presenter.correct_last), (text(40),)),
            "key": (self._key, (text(20), text(40))),
            "touch": (presenter.touch, ()),
            "focus": (presenter.set_focus, (switch,)),
            "tool": (viewer.set_tool, (one_of(*STUDY_TOOLS),)),
            "brush": (viewer.set_brush, (number(0.5, 40),)),
            "brush_by": (viewer.change_brush, (one_of(-1, 1),)),
            "brush_3d": (viewer.set_brush_3d, (switch,)),
            "undo": (scene.undo, ()),
            "remove_outline": (scene.remove_outline, ()),
            "take_outline": (presenter.take_outline, ()),
            "toggle": (viewer.toggle, (one_of("mark"),)),
            "nodule": (scene.return_to_nodule, ()),
            "window": (viewer.set_window, (one_of(*WINDOW_NAMES),)),
            "layout": (viewer.set_layout, (one_of(FIRST_LAYOUT, *LAYOUT_NAMES),)),
            "scroll": (viewer.scroll, (one_of(-1, 1),)),
            "slice": (viewer.set_slice, (one_of(*SLICE_NAMES), number(0, 1))),
        })  # fmt: skip
        self._after = viewer.refresh

    def do(self, name: str, action: Callable[[], Any]) -> None:  # noqa: ARG002
        """Do it and show what came of it; what a reader does wrong is a sentence on the screen."""
        action()
        self._after()

    def _key(self, name: str, shown: str) -> None:
        if name in (SUBMIT, CORRECT):
            self._on(shown, lambda: self._presenter.key(name))
        else:
            self._presenter.key(name)

    def _on(self, shown: str, go: Callable[[], Any]) -> None:
        """Go on, unless what the reader had on the screen was asked or told before something else.

        A second press that comes before the page has heard of the first would answer a question,
        or leave a message, that nobody has seen.
        """
        screen = self._presenter.screen
        if shown == f"{screen.page}/{str(screen.confirming).lower()}":
            go()
