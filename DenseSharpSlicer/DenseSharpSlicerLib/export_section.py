"""The part of Review that writes what other programs read: files, a report, DICOM objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp.words import plain_name
from densesharp_scene.prior_link import pair_all
from densesharp_scene.worker import JobEvent

from . import packages
from .dicom_database import files_of, import_folder, open_database
from .session import Session


class ExportSection:
    """Asks where to, has the worker write, and says what lies there.

    Args:
        ui: the panel's widgets.
        session: its state.
        offer: asks whether missing packages shall be installed.
    """

    def __init__(self, ui: Any, session: Session, offer: Callable[[list[str]], None]) -> None:
        self.ui = ui
        self.session = session
        self._offer = offer
        self._no_dicom = packages.why_no_dicom()
        self.ui.reportButton.connect("clicked()", self.onReport)
        self.ui.dicomButton.connect("clicked()", self.onDicom)
        self.ui.labelMapButton.connect("clicked()", self.onLabelMap)

    def refresh(self) -> None:
        """There must be something to write."""
        some = bool(self.session.nodules)
        for button in (self.ui.reportButton, self.ui.dicomButton, self.ui.labelMapButton):
            button.enabled = some
        if self._no_dicom:
            self.ui.dicomButton.enabled = False
            self.ui.dicomButton.toolTip = self._no_dicom
        self.ui.databaseCheckBox.enabled = open_database() is not None

    def onReport(self) -> None:
        """Write masks, surfaces, pictures, tables and the report (HTML and PDF) into a folder."""
        folder = self._folder(packages.REPORT, _("Folder for report and files"))
        if folder is not None:
            self.session.run(lambda: self._report(folder))
            self.session.changed()

    def _report(self, folder: Path) -> None:
        done = str(_("Report and files: {folder}").format(folder=folder))
        self.session.export.report(folder, lambda event: self._tell(event, done))

    def _tell(self, event: JobEvent, done: str) -> None:
        if event.kind == "done":
            self.session.told.said(done, "done")

    def onDicom(self) -> None:
        """Write a DICOM Segmentation and a structured report that refers to it."""
        folder = self._folder(packages.DICOM, _("Folder for the DICOM objects"))
        source = self._source() if folder is not None else None
        if folder is not None and source is not None:
            self.session.run(lambda: self._dicom(folder, source))
            self.session.changed()

    def _dicom(self, folder: Path, source: list[Path] | Path) -> None:
        self.session.state.reader = plain_name(self.ui.readerEdit.text)
        prior, scan = self.ui.priorSelector.currentNode(), self.session.opened()
        if prior is not None and prior is not scan.volume_node:
            # One tracking UID for a nodule at all its dates, as the reader sees them compared.
            pair_all(scan, self.session.scan_of(prior), self.session.others())
        keep, place = bool(self.ui.identityCheckBox.checked), _("Folder: {folder}")
        wanted = bool(self.ui.databaseCheckBox.checked)

        def told(event: JobEvent, words: str) -> None:
            if event.kind == "done" and wanted:
                import_folder(folder)
            self._tell(event, f"{words} {place.format(folder=folder)}")

        self.session.export.dicom(source, folder, keep, told)

    def onLabelMap(self) -> None:
        """Make a label map volume of all nodules."""
        scan = self.session.scan
        if scan is not None and self.session.run(scan.labelmap):
            self.session.say(_("The label map is in the scene."))
        self.session.changed()

    def _folder(self, needed: Sequence[str], title: str) -> Path | None:
        """Where to write; None when packages must be installed first or nobody chose."""
        absent = packages.missing(list(needed))
        if absent:
            self._offer(absent)
            return None
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)
        return Path(folder) if folder else None

    def _source(self) -> list[Path] | Path | None:
        """The DICOM files of the CT: those that Slicer's database knows, else a chosen folder."""
        scan = self.session.scan
        known = files_of(scan.volume_node) if scan is not None else []
        if known:
            return known
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder with the DICOM files of this CT")
        )
        return Path(folder) if folder else None
