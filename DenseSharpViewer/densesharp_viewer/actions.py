"""The one door from the page to the session: named actions with checked arguments.

Whatever arrives here comes from a client and is checked by type and range before anything happens.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from densesharp.errors import DenseSharpError
from densesharp_scene import DECISIONS
from densesharp_scene.questions import ANEW, KEEP

from . import patient_form

if TYPE_CHECKING:
    from .viewer import Viewer

log = logging.getLogger(__name__)

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

Check = Callable[[Any], bool]


def _is_nodule(value: Any) -> bool:
    return isinstance(value, str) and bool(_NODULE.fullmatch(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 120 and value.isprintable()


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_count(value) or value == 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _number(low: float, high: float) -> Check:
    return lambda value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


class Actions:
    """Runs named actions on a viewer; `say` shows a sentence to the reader."""

    def __init__(self, viewer: Viewer, say: Callable[[str], None]) -> None:
        session = viewer.session
        self._say, self._before = say, viewer.after_mouse.run
        self._check_ct = session.in_sight.check_ct
        self._table: dict[str, tuple[Callable[..., Any], tuple[Check, ...]]] = {
            "select": (lambda n: session.select(n, jump=True), (_is_nodule,)),
            "step": (session.step, (_one_of_numbers(-1, 1),)),
            "stay": (session.stay, ()),
            "rename": (session.rename, (_is_nodule, _is_text)),
            # A button names the nodule that it stands beside. A key means the nodule that is
            # selected here when its turn comes: the page may not know yet which one that is.
            "decide": (
                lambda n, what: session.decide(what, session.in_sight.nodule(n)),
                (_is_nodule, _one_of(*DECISIONS)),
            ),
            "decide_selected": (
                lambda what: session.decide(what, session.in_sight.nodule()),
                (_one_of(*DECISIONS),),
            ),
            "delete": (session.delete, (_is_nodule,)),
            "delete_selected": (lambda: session.delete(session.in_sight.nodule()), ()),
            "seen": (session.in_sight.seen, (_is_count,)),
            "shows": (session.in_sight.shows, (_is_count,)),
            "jump": (viewer.jump, ()),
            "undo": (session.undo, ()),
            "redo": (session.redo, ()),
            "again": (session.rerun, (_is_nodule,)),
            "answer": (session.questions.answer, (_one_of(KEEP, ANEW),)),
            "cancel": (viewer.cancel, ()),
            "save": (session.exports.save, ()),
            "report": (session.exports.report, ()),
            "dicom": (session.exports.dicom, (_is_bool,)),
            "keep_identity": (viewer.keep_identity, (_is_bool,)),
            "series": (session.choose_series, (_is_text,)),
            "no_series": (session.choose_no_series, ()),
            "leave_saved": (session.unsaved.save, ()),
            "leave": (session.unsaved.discard, ()),
            "no_leave": (session.unsaved.stay, ()),
            "test_server": (session.compute.test_server, (_is_line, _is_line)),
            "use_server": (session.compute.use_server, (_is_line, _is_line)),
            "use_local": (session.compute.use_local, ()),
            "patient": (session.tell_patient, (_one_of(*patient_form.NAMES), _is_text)),
            "fade_evidence": (session.fade_evidence, (_number(0, 1),)),
            "evidence": (session.show_evidence, (_is_bool,)),
            "axes": (session.show_axes, (_is_bool,)),
            "away": (viewer.set_away, (_is_bool,)),
            "reader": (viewer.set_reader, (_is_text,)),
            "tool": (viewer.set_tool, (_one_of(*TOOLS),)),
            "brush": (viewer.set_brush, (_number(0.5, 20),)),
            "brush_by": (viewer.change_brush, (_one_of_numbers(-1, 1),)),
            "brush_3d": (viewer.set_brush_3d, (_is_bool,)),
            "window": (viewer.set_window, (_one_of(*WINDOW_NAMES),)),
            "layout": (viewer.set_layout, (_one_of(*LAYOUT_NAMES),)),
            "toggle": (viewer.toggle, (_one_of(*SWITCHES),)),
            "outlines": (viewer.show_outlines, (_is_bool,)),
            "crosshair": (viewer.show_crosshair, (_is_bool,)),
            "clear_rulers": (viewer.clear_rulers, ()),
            "fit": (viewer.fit, ()),
            "seed_here": (viewer.seed_at_mouse, (_is_text, _is_number)),
            "scroll": (viewer.scroll, (_one_of_numbers(-1, 1),)),
            "slice": (viewer.set_slice, (_one_of(*SLICE_NAMES), _number(0, 1))),
            "no_hint": (viewer.forget_hint, ()),
            "forget": (session.forget_message, ()),
            "next_case": (viewer.reading.next, ()),
            "previous_case": (viewer.reading.previous, ()),
            "case": (viewer.reading.choose, (_is_text,)),
            "send": (viewer.reading.send, ()),
        }

    @property
    def names(self) -> frozenset[str]:
        """Names of all actions."""
        return frozenset(self._table)

    def run(self, name: Any = None, *args: Any) -> None:
        """Run one action; wrong names and arguments are refused, failures become a sentence."""
        entry = self._table.get(name) if isinstance(name, str) else None
        if entry is None:
            log.warning("Refused an unknown action")
            return
        function, checks = entry
        if len(args) != len(checks) or not all(
            check(arg) for check, arg in zip(checks, args, strict=True)
        ):
            log.warning("Refused arguments of the action %s", name)
            return
        try:
            self._before()
            if name in ABOUT_THE_CT:
                self._check_ct()
            function(*args)
        except DenseSharpError as error:
            self._say(str(error))


def _one_of_numbers(*values: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value in values
