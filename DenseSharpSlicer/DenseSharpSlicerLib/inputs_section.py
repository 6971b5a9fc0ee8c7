"""The section Inputs: which CT, marking, what goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from densesharp_scene.bending import straightened
from densesharp_scene.clicks import Meaning
from densesharp_scene.compared import show_outlines
from densesharp_scene.geometry import EVIDENCE, is_bent
from densesharp_scene.views import WINDOWS, set_window, show_background, shows, window_name

from . import placing, sample
from .pace import show_value
from .session import Session


class InputsSection:
    """Chooses the CT, starts marking and shows progress."""

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui = ui
        self.session = session
        self._modes = {
            "mark": self.ui.placeButton, "more": self.ui.moreButton, "less": self.ui.lessButton,
        }  # fmt: skip
        for meaning, button in self._modes.items():
            button.connect("toggled(bool)", partial(self.onPlace, meaning))
        self.ui.sampleButton.connect("clicked()", self.onSample)
        self.ui.lungWindowButton.connect("clicked()", self.onLungWindow)
        self.ui.cancelButton.connect("clicked()", self.onCancel)
        self.ui.straightButton.connect("clicked()", self.onStraight)

    def refresh(self) -> None:
        """Show what can be done and what goes on."""
        usable = self.session.scan is not None and self.session.scan.alive
        self.ui.placeButton.enabled = usable
        self.ui.lungWindowButton.enabled = usable
        selected = usable and self.session.nodule is not None
        self.ui.moreButton.enabled = self.ui.lessButton.enabled = selected
        if not selected and self.session.clicks.meaning != "mark":
            placing.stop()
        chosen = self.ui.inputSelector.currentNode()
        self.ui.straightButton.visible = chosen is not None and is_bent(chosen)
        self._hideEvidence()
        self.showOutlines()
        self.showProgress()
        self.showPlacing()

    def showOutlines(self) -> None:
        """Outlines of each CT lie over that CT only."""
        scan = self.session.scan
        chosen = scan.volume_node if scan is not None and scan.alive else None
        show_outlines(slicer.mrmlScene, chosen)

    def _hideEvidence(self) -> None:
        """Evidence maps are volumes too, and no CT to choose."""
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        ids = [node.GetID() for node in volumes if node.GetAttribute(EVIDENCE)]
        for selector in (self.ui.inputSelector, self.ui.priorSelector):
            listed = selector.sortFilterProxyModel()
            if list(listed.hiddenNodeIDs) != ids:
                listed.hiddenNodeIDs = ids

    def showProgress(self) -> None:
        """The standing line, and the bar while something runs."""
        status, running = self.session.status, self.session.busy
        self.ui.statusLabel.text = status.text or self._hint()
        self.ui.progressBar.visible = running or self.session.installing
        self.ui.cancelButton.visible = running
        # pip tells no share of its work: the bar only shows that it goes on.
        self.ui.progressBar.maximum = 0 if self.session.installing else 100
        show_value(self.ui.progressBar, round(100 * status.fraction))

    def _hint(self) -> str:
        if self.session.scan is None:
            return _("Load a chest CT, or press Sample CT.")
        if not self.session.nodules:
            return _("Press Mark a nodule, then click it in a slice view.")
        return ""

    def showPlacing(self) -> None:
        """The button of what clicks mean is down while the views are in place mode."""
        if not placing.is_placing() and not self.session.watch.points_waiting:
            self.session.clicks.meaning = "mark"
        for meaning, button in self._modes.items():
            wasBlocked = button.blockSignals(True)
            button.checked = placing.is_placing() and meaning == self.session.clicks.meaning
            button.blockSignals(wasBlocked)

    def onPlace(self, meaning: Meaning, checked: bool) -> None:
        """Start or end marking, or correcting by clicks."""
        if checked:
            self.session.run(partial(self._startPlacing, meaning))
        else:
            placing.stop()
        self.refresh()

    def _startPlacing(self, meaning: Meaning) -> None:
        """Some view shows the CT that is marked; two CTs side by side stay as they are."""
        seeds = self.session.seeds_node()
        volume = self.ui.inputSelector.currentNode()
        if not shows(slicer.mrmlScene, volume):
            self.showVolume()
        if not self.session.nodules and not window_name(volume):
            set_window(volume, *WINDOWS["lung"])
        placing.start(seeds)
        self.session.clicks.meaning = meaning

    def showVolume(self) -> None:
        """Show the chosen CT in all slice views."""
        if self.session.scan is not None:
            show_background(slicer.mrmlScene, self.session.scan.volume_node)

    def onSample(self) -> None:
        """Load the CT that comes with the package."""
        self.session.run(self._loadSample)

    def _loadSample(self) -> None:
        with slicer.util.WaitCursor():
            node = sample.load()
            sample.show(node)
        self.ui.inputSelector.setCurrentNode(node)

    def onStraight(self) -> None:
        """Use a copy of a CT that lies under a transform which bends space."""
        with slicer.util.WaitCursor():
            copy = straightened(self.ui.inputSelector.currentNode())
        self.ui.inputSelector.setCurrentNode(copy)
        self.showVolume()
        self.session.changed()

    def onLungWindow(self) -> None:
        """Show the CT, with a lung window."""
        if self.session.scan is not None:
            volume = self.session.scan.volume_node
            if volume.GetDisplayNode() is None:
                volume.CreateDefaultDisplayNodes()
            self.showVolume()
            set_window(volume, *WINDOWS["lung"])

    def onCancel(self) -> None:
        """Stop the analysis that runs."""
        self.session.cancel()
