"""Outlines made elsewhere become nodules: the row below the table of nodules."""

from __future__ import annotations

from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from densesharp.image.grid import ras_to_lps
from densesharp_scene.adopted import ForeignOutline, outlines_in, take_over
from densesharp_scene.nodule import Nodule
from densesharp_scene.scan import ScanNodules
from densesharp_scene.segments import VOXELS

from . import placing
from .session import Session


class AdoptSection:
    """Chooses a segmentation or label map and takes what it holds as nodules."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self.ui.adoptButton.connect("clicked()", self.onAdopt)

    def refresh(self) -> None:
        """Offer what is not ours."""
        scan = self.session.scan
        self.ui.adoptButton.enabled = scan is not None and scan.alive
        own = [
            node.GetID()
            for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            if node.GetAttribute(VOXELS)
        ]
        listed = self.ui.adoptSelector.sortFilterProxyModel()
        if list(listed.hiddenNodeIDs) != own:
            listed.hiddenNodeIDs = own

    def onAdopt(self) -> None:
        """Make a nodule of each outline that is small enough for one."""
        self.session.run(self._adopt)
        self.session.changed()

    def _adopt(self) -> None:
        scan = self.session.opened()
        with slicer.util.WaitCursor():
            found, left_out = outlines_in(self.ui.adoptSelector.currentNode(), scan)
        for each in found:
            with placing.same_list():
                claim = scan.claim(scan.place(ras_to_lps(each.mask.centroid).tolist()))
            self.session.answers.analyse(scan, claim, partial(self._take_over, scan, each))
        self.session.watch.watch(scan)
        if left_out:
            text = _("{count} outlines become nodules; left out, too large or elsewhere: {names}.")
            names = ", ".join(left_out[:5]) + (" …" if len(left_out) > 5 else "")
            self.session.say(text.format(count=len(found), names=names))

    def _take_over(self, scan: ScanNodules, found: ForeignOutline, nodule: Nodule) -> None:
        """The model's first answer is there: put the outline in its place and measure that."""
        take_over(scan, nodule.id, found)
        self.session.drawing.correct(scan, nodule.id)
