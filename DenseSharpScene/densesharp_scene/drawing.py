"""Brush strokes on the selected nodule, and what follows from an outline that was corrected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from densesharp.image.grid import ras_to_lps
from densesharp.image.masks import NoduleMask
from densesharp.nodule.by_click import Move
from densesharp.report.labels import Phrase

from . import segments, surfaces
from .answers import Answers
from .brush import paint
from .events import Listener
from .nodule import Nodule
from .reach import LARGEST_MM, far_part_mm, is_too_large, stroke_is_near
from .scan import ScanNodules
from .session_state import SessionState

OUT_OF_REACH = (
    "That is too far from {name} to belong to it: select the nodule that you paint, or click to "
    "mark another one."
)
TOO_LARGE = (
    "The outline of {name} is more than {largest:.0f} mm wide, which no nodule is, and nothing was "
    "computed: undo that."
)
OWN_AGAIN = "{name} has the model's own outline again, and its answer."
FAR_PART = (
    "A part of the outline lies {far:.0f} mm from {name}, and nothing was computed: undo that "
    "stroke, or mark another nodule there."
)


@dataclass
class Brush:
    """What is painted with.

    Attributes:
        radius_mm: of the brush.
        ball: paint a ball instead of the plane painted on.
        erase: take voxels away instead of adding them.
    """

    radius_mm: float = 3.0
    ball: bool = False
    erase: bool = False


class Drawing:
    """Corrects outlines.

    Args:
        state: whose selected nodule is drawn on.
        answers: measures and classifies again.
        listener: told what could not be drawn.

    Attributes:
        brush: what is painted with.
    """

    def __init__(self, state: SessionState, answers: Answers, listener: Listener) -> None:
        self._state, self._answers, self._listener = state, answers, listener
        self.brush = Brush()

    def stroke(self, start: ArrayLike, end: ArrayLike, normal: ArrayLike) -> None:
        """A piece of a brush stroke on the selected nodule.

        Args:
            start: (3,) world RAS mm.
            end: (3,) world RAS mm.
            normal: (3,) RAS unit vector across the plane painted on.
        """
        scan, nodule, brush = self._state.scan, self._state.nodule, self.brush
        if scan is None or nodule is None:
            self._listener.said("Choose a nodule to paint on.", "info")
            return
        if brush.erase and not nodule.segment_id:
            self._listener.said("This nodule has no outline yet: paint one.", "info")
            return
        mask, point = scan.mask_of(nodule.id), ras_to_lps(end)
        middle = ras_to_lps(scan.center_of(nodule.id))
        if not brush.erase and not stroke_is_near(point, middle, mask, brush.radius_mm):
            self._listener.said(Phrase(OUT_OF_REACH, name=nodule.name), "caution")
            return
        # A nodule that the model did not find can be outlined by hand.
        segment_id = scan.outline(nodule.id)
        self._state.drawing, self._state.expected = nodule.id, None
        self._answers.cancel(scan, nodule.id)
        plane = None if brush.ball else ras_to_lps(normal)
        drawn = paint(
            mask, scan.volume().grid, ras_to_lps(start), point, brush.radius_mm, plane, brush.erase
        )
        segments.write_mask(scan.segmentation_node, segment_id, scan.volume_node, drawn)

    def end(self) -> None:
        """The brush was lifted: measure and classify again."""
        drawn, self._state.drawing = self._state.drawing, None
        scan = self._state.scan
        if scan is not None and drawn is not None and scan.is_edited(drawn):
            self.correct(scan, drawn)

    def click(self, ras: ArrayLike, *, add: bool) -> None:
        """A plus or minus click: the selected nodule's outline moves to the point, or from it.

        Args:
            ras: (3,) world RAS mm.
            add: take the point in; else leave it out.
        """
        scan, nodule = self._state.scan, self._state.nodule
        if scan is None or nodule is None:
            self._listener.said("Choose a nodule to correct.", "info")
            return
        self._state.expected = None
        self._listener.said("", "info")  # what an earlier click was told is over
        self._answers.move(scan, nodule.id, Move(ras_to_lps(ras), add))

    def correct(self, scan: ScanNodules, nodule_id: str) -> None:
        """Measure and classify a nodule whose outline was corrected, wherever that was done."""
        nodule, mask = scan.nodule(nodule_id), scan.mask_of(nodule_id)
        if mask is not None and is_too_large(mask):  # first: all else of it takes many seconds
            surfaces.remove_old_surface(scan.segmentation_node, nodule.segment_id)
            self._refuse(scan, nodule, Phrase(TOO_LARGE, name=nodule.name, largest=LARGEST_MM))
            return
        if scan.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id) is not None:
            segments.renew_surface(scan.segmentation_node, nodule.segment_id)
        if scan.take_own_back(nodule_id):
            self._answers.cancel(scan, nodule_id)
            self._listener.said(Phrase(OWN_AGAIN, name=nodule.name), "info")
            self._listener.changed()
            return
        refusal = self._refusal(scan, nodule, mask) if mask is not None else None
        if refusal is not None:
            self._refuse(scan, nodule, refusal)
            return
        self._answers.correct(scan, nodule_id)

    def _refuse(self, scan: ScanNodules, nodule: Nodule, refusal: Phrase) -> None:
        """Say why an outline is not answered for; what was computed for the former one ends."""
        self._answers.cancel(scan, nodule.id)
        self._listener.said(refusal, "caution")
        self._listener.changed()

    def _refusal(self, scan: ScanNodules, nodule: Nodule, mask: NoduleMask) -> Phrase | None:
        """Why a corrected outline cannot be this nodule's."""
        middle = ras_to_lps(scan.center_of(nodule.id))
        far = far_part_mm(mask, nodule.result.mask, np.asarray(middle))
        return Phrase(FAR_PART, far=far, name=nodule.name) if far > 0 else None
