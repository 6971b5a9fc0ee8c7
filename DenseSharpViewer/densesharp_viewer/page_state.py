"""Everything the page knows: what it shows, and which of its controls are on.

The one list of names that the program and the page's templates and scripts share; a value under any
other name is refused.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from densesharp_scene.drawing import Brush
from densesharp_scene.evidence import OPACITY

from .case_rows import NO_LIST
from .change_card import NO_CHANGE
from .exam import NO_EXAM
from .page_listener import NO_MESSAGE, NO_QUESTION

Values = dict[str, Any]
Rows = list[Values]


@dataclass(frozen=True)
class PageState:
    """The page before anything happens.

    Attributes:
        opened: what the open CT is; empty without one.
        exam: whose CT it is.
        notices: what reading it found.
        nodules: rows of the list.
        selected: id of the nodule whose card is shown.
        ct: number of the CT that is open, counted from the start.
        came: number of an answer about it, as long as the page has not told that it is seen.
        card: that card.
        patient: fields of the form for the guidelines.
        lengths: of axes that a reader has drawn.
        busy: something is computed.
        progress: how much of it, percent.
        progress_text: what is computed.
        message: one sentence to the reader.
        question: what only the reader can decide, and the answers.
        unsaved: there is work that is in no file.
        leaving: whether to save is asked before another CT takes its place.
        saved_in: folder of the results.
        reported: a report of the open CT can be opened.
        series: series of a DICOM folder to choose from.
        cases: the worklist.
        prior: the earlier CT beside the open one.
        prior_slice: its slice.
        change: of the selected nodule since then.
        device: what runs the model.
        model: its name.
        server: address of a server that computes.
        tested: what asking that server gave.
        keep_identity: DICOM objects carry the patient's own name.
        reader: who accepts and rejects.
        tool: what the mouse does.
        brush_mm: diameter of the brush.
        brush_3d: it is a ball.
        window: the preset that is on.
        levels: window and level in HU.
        layout: which views are shown.
        outlines: outlines, surfaces and seeds are shown.
        axes: axes of the selected nodule are shown.
        crosshair: the crosshair is shown.
        evidence: the evidence map is shown.
        evidence_opacity: how much it covers.
        can_undo: there is a step to take back.
        can_redo: there is one to do again.
        slices: place and letters of each slice view.
        pointer: what lies under the pointer.
        seen: what the model sees there.
        hint: what a newcomer can do next.
    """

    opened: str = ""
    exam: Values = field(default_factory=NO_EXAM.shown)
    notices: list[str] = field(default_factory=list)
    nodules: Rows = field(default_factory=list)
    selected: str = ""
    ct: int = 0
    came: int = 0
    card: Values | None = None
    patient: Values = field(default_factory=dict)
    lengths: str = ""
    busy: bool = True
    progress: int = 0
    progress_text: str = "Starting"
    message: Values = field(default_factory=lambda: dict(NO_MESSAGE))
    question: Values = field(default_factory=lambda: dict(NO_QUESTION))
    unsaved: bool = False
    leaving: bool = False
    saved_in: str = ""
    reported: bool = False
    series: Rows = field(default_factory=list)
    cases: Values = field(default_factory=lambda: dict(NO_LIST))
    prior: Values | None = None
    prior_slice: Values = field(default_factory=dict)
    change: Values = field(default_factory=lambda: dict(NO_CHANGE))
    device: str = ""
    model: str = ""
    server: str = ""
    tested: Values = field(default_factory=lambda: {"kind": "info", "text": ""})
    keep_identity: bool = False
    reader: str = ""
    tool: str = "seed"
    brush_mm: float = 2 * Brush().radius_mm
    brush_3d: bool = False
    window: str = "lung"
    levels: str = ""
    layout: str = "four"
    outlines: bool = True
    axes: bool = True
    crosshair: bool = False
    evidence: bool = False
    evidence_opacity: float = OPACITY
    can_undo: bool = False
    can_redo: bool = False
    slices: Values = field(default_factory=dict)
    pointer: str = ""
    seen: str = ""
    hint: str = ""


NAMES = frozenset(each.name for each in fields(PageState))


def first_state() -> Values:
    """Names and values before anything happens."""
    return asdict(PageState())


def checked(values: Values) -> Values:
    """Values for the page.

    Raises:
        AttributeError: the page has none of such a name.
    """
    unknown = sorted(values.keys() - NAMES)
    if unknown:
        raise AttributeError(f"The page knows no {', '.join(unknown)}.")
    return values
