"""What the page may ask of the viewer and its session."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from densesharp.errors import DenseSharpError
from densesharp_scene import DECISIONS
from densesharp_scene.questions import ANEW, KEEP

from . import patient_form
from .action_table import ActionTable, line, number, one_of, switch

if TYPE_CHECKING:
    from .viewer import Viewer

TOOLS = ("seed", "more", "less", "ruler", "move", "paint", "erase")
WINDOW_NAMES = ("lung", "mediastinum", "bone")
LAYOUT_NAMES = ("four", "large", "axial", "coronal", "sagittal", "threed", "pair")
SWITCHES = ("outlines", "evidence", "axes", "crosshair")
SLICE_NAMES = ("axial", "coronal", "sagittal")

ABOUT_THE_CT = frozenset([
    "select", "rename", "decide", "decide_selected", "delete", "delete_selected", "again", "undo",
    "redo", "answer", "patient", "next_case", "save", "report", "dicom", "send",
])  # fmt: skip
"""What is never done to a CT that its reader cannot have seen yet."""

_NODULE = re.compile(r"nodule_\d{3,6}")
_word, _address = line(120), line(200)


def _is_nodule(value: Any) -> bool:
    return isinstance(value, str) and bool(_NODULE.fullmatch(value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_picture(value: Any) -> bool:
    return type(value) is int and value >= 0


class Actions(ActionTable):
    """Runs named actions on a viewer; `say` shows a sentence to the reader."""

    def __init__(self, viewer: Viewer, say: Callable[[str], None]) -> None:
        session = viewer.session
        self._say, self._before = say, viewer.after_mouse.run
        self._check_ct = session.in_sight.check_ct
        super().__init__({
            "select": (lambda n: session.select(n, jump=True), (_is_nodule,)),
            "step": (session.step, (one_of(-1, 1),)),
            "stay": (session.stay, ()),
            "rename": (session.rename, (_is_nodule, _word)),
            # A button names the nodule that it stands beside. A key means the nodule that is
            # selected here when its turn comes: the page may not know yet which one that is.
            "decide": (
                lambda n, what: session.decide(what, session.in_sight.nodule(n)),
                (_is_nodule, one_of(*DECISIONS)),
            ),
            "decide_selected": (
                lambda what: session.decide(what, session.in_sight.nodule()),
                (one_of(*DECISIONS),),
            ),
            "delete": (session.delete, (_is_nodule,)),
            "delete_selected": (lambda: session.delete(session.in_sight.nodule()), ()),
            "seen": (session.in_sight.seen, (_is_count,)),
            "shows": (session.in_sight.shows, (_is_count,)),
            "jump": (viewer.jump, ()),
            "undo": (session.undo, ()),
            "redo": (session.redo, ()),
            "again": (session.rerun, (_is_nodule,)),
            "answer": (session.questions.answer, (one_of(KEEP, ANEW),)),
            "cancel": (viewer.cancel, ()),
            "save": (session.exports.save, ()),
            "report": (session.exports.report, ()),
            "dicom": (session.exports.dicom, (switch,)),
            "keep_identity": (viewer.keep_identity, (switch,)),
            "series": (session.choose_series, (_word,)),
            "no_series": (session.choose_no_series, ()),
            "leave_saved": (session.unsaved.save, ()),
            "leave": (session.unsaved.discard, ()),
            "no_leave": (session.unsaved.stay, ()),
            "test_server": (session.compute.test_server, (_address, _address)),
            "use_server": (session.compute.use_server, (_address, _address)),
            "use_local": (session.compute.use_local, ()),
            "patient": (session.tell_patient, (one_of(*patient_form.NAMES), _word)),
            "fade_evidence": (session.fade_evidence, (number(0, 1),)),
            "evidence": (session.show_evidence, (switch,)),
            "axes": (session.show_axes, (switch,)),
            "away": (viewer.set_away, (switch,)),
            "reader": (viewer.set_reader, (_word,)),
            "tool": (viewer.set_tool, (one_of(*TOOLS),)),
            "brush": (viewer.set_brush, (number(0.5, 20),)),
            "brush_by": (viewer.change_brush, (one_of(-1, 1),)),
            "brush_3d": (viewer.set_brush_3d, (switch,)),
            "window": (viewer.set_window, (one_of(*WINDOW_NAMES),)),
            "layout": (viewer.set_layout, (one_of(*LAYOUT_NAMES),)),
            "toggle": (viewer.toggle, (one_of(*SWITCHES),)),
            "outlines": (viewer.show_outlines, (switch,)),
            "crosshair": (viewer.show_crosshair, (switch,)),
            "clear_rulers": (viewer.clear_rulers, ()),
            "fit": (viewer.fit, ()),
            "seed_here": (viewer.seed_at_mouse, (_word, _is_picture)),
            "scroll": (viewer.scroll, (one_of(-1, 1),)),
            "slice": (viewer.set_slice, (one_of(*SLICE_NAMES), number(0, 1))),
            "no_hint": (viewer.forget_hint, ()),
            "forget": (session.forget_message, ()),
            "next_case": (viewer.reading.next, ()),
            "previous_case": (viewer.reading.previous, ()),
            "case": (viewer.reading.choose, (_word,)),
            "send": (viewer.reading.send, ()),
        })  # fmt: skip

    def do(self, name: str, action: Callable[[], Any]) -> None:
        """What the mouse asked for comes first; failures become a sentence."""
        try:
            self._before()
            if name in ABOUT_THE_CT:
                self._check_ct()
            action()
        except DenseSharpError as error:
            self._say(str(error))
