"""The section Advanced: device, model, server, options, installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from densesharp_scene.server_backend import ServerBackend
from densesharp_scene.worker import JobHandle

from . import packages, preferences
from .session import Session

SHOWN_LINE = 90
"""So many signs of pip's newest line are shown while it installs."""


class AdvancedSection:
    """What most readers never touch; also the installation of what is missing.

    Args:
        ui: the panel's widgets.
        session: its state.
        requirements: lines of Resources/requirements.txt.
        on_backend: called when another device or model was chosen.
    """

    def __init__(
        self, ui: Any, session: Session, requirements: list[str], on_backend: Callable[[], None]
    ) -> None:
        self.ui = ui
        self.session = session
        self._requirements = requirements
        self._on_backend = on_backend
        self._installer = packages.Installer(self.onLog, self.onInstalled)
        self._fillPreferences()
        self._showTorch()
        self.ui.deviceCombo.connect("currentIndexChanged(int)", self.onDevice)
        self.ui.modelEdit.connect("currentPathChanged(QString)", self.onModel)
        self.ui.serverEdit.connect("editingFinished()", self.onServer)
        self.ui.serverKeyEdit.connect("editingFinished()", self.onServer)
        self.ui.serverTestButton.connect("clicked()", self.onServerTest)
        self.ui.installButton.connect("clicked()", self.onInstall)
        self.ui.wheelsButton.connect("clicked()", self.onInstallFromFolder)
        self.ui.torchButton.connect("clicked()", self.onTorch)
        self.ui.doctorButton.connect("clicked()", self.onDoctor)

    def _fillPreferences(self) -> None:
        words = {
            "auto": _("Automatic"),
            "cpu": _("Processor (CPU)"),
            "cuda": _("NVIDIA GPU (CUDA)"),
            "mps": _("Apple GPU (MPS)"),
        }
        for device in preferences.devices():
            self.ui.deviceCombo.addItem(words[device])
        self.ui.deviceCombo.currentIndex = preferences.devices().index(preferences.device())
        self.ui.modelEdit.nameFilters = ["*.safetensors"]
        self.ui.modelEdit.currentPath = preferences.read("Model")
        self.ui.serverEdit.text = preferences.read("Server")
        self.ui.serverKeyEdit.text = preferences.read("ServerKey")

    def refresh(self) -> None:
        """Show the device line and what is missing."""
        # A model that is open needs nothing more, and a look at the packages takes 50 ms.
        absent = [] if self.session.backend.device else self.missing()
        self.ui.installLabel.visible = bool(absent)
        self.ui.installButton.visible = bool(absent)
        self.ui.installButton.enabled = not self._installer.running
        if absent:
            names = ", ".join(packages.name_of(requirement) for requirement in absent)
            self.ui.installLabel.text = _("To be installed: {names}.").format(names=names)
        self.ui.doctorText.visible = bool(self.ui.doctorText.toPlainText())
        self.showDevice()

    def _showTorch(self) -> None:
        self.ui.torchButton.visible = not packages.torch_installed()

    def showDevice(self) -> None:
        """The standing line with device, model and the warning."""
        backend = self.session.backend
        warning = _("Research use, not for diagnosis.")
        if not backend.device:
            self.ui.deviceLabel.text = warning
            return
        parts = [f"{backend.device}, {backend.model}.", backend.fallback, warning]
        self.ui.deviceLabel.text = " ".join(part for part in parts if part)

    def missing(self) -> list[str]:
        """What has to be installed for the device that was chosen."""
        return packages.missing(self._requirements, bool(preferences.read("Server")))

    def ready(self) -> bool:
        """Whether everything needed is installed."""
        return not self.missing()

    # Preferences

    def onDevice(self, index: int) -> None:
        """Another device was chosen."""
        preferences.write("Device", preferences.devices()[index])
        self._on_backend()

    def onModel(self, path: str) -> None:
        """Another model file was chosen."""
        if not path or Path(path).is_file():
            preferences.write("Model", path)
            self._on_backend()

    def onServer(self) -> None:
        """Another server, or none; its own computer answers then."""
        entered = (self.ui.serverEdit.text.strip(), self.ui.serverKeyEdit.text.strip())
        if entered != (preferences.read("Server"), preferences.read("ServerKey")):
            preferences.write("Server", entered[0])
            preferences.write("ServerKey", entered[1])
            self._on_backend()

    def onServerTest(self) -> None:
        """Ask the server for its model, with the address and key as they stand there."""
        self.onServer()
        address, key = preferences.read("Server"), preferences.read("ServerKey")
        if not address:
            self.session.say(_("Enter the address of a server first."), failed=True)
            self.session.changed()
            return
        backend, answer = ServerBackend(address, key), _("It works: {device}, model {model}.")

        def work(handle: JobHandle) -> str:
            backend.open(handle.progress)
            return str(answer.format(device=backend.device, model=backend.model))

        self.session.run(lambda: self.session.do(work))
        self.session.changed()

    # Installation

    def onInstall(self) -> None:
        """Ask, then install what is missing from the internet."""
        self.offer(self.missing())

    def offer(self, absent: list[str]) -> None:
        """Say what is missing and how big it is; install it when the reader agrees."""
        if absent and slicer.util.confirmOkCancelDisplay(packages.question(absent)):
            self._install(absent, None)

    def onInstallFromFolder(self) -> None:
        """Install from a folder of wheels, without the internet."""
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder with packages (.whl)")
        )
        if folder:
            self._install(self._requirements, Path(folder))

    def onTorch(self) -> None:
        """Install PyTorch for a GPU: its extension knows which one fits driver and system."""
        try:
            from PyTorchUtils import PyTorchUtilsLogic
        except ImportError:
            self.session.say(
                _(
                    "Install the extension PyTorch in the Extensions Manager, restart Slicer, and "
                    "press this again."
                ),
                failed=True,
            )
            self.session.changed()
            return
        if PyTorchUtilsLogic().installTorch(askConfirmation=True) is not None:
            self.session.say(_("PyTorch is installed."))
            self._showTorch()
            self._on_backend()
        self.session.changed()

    def _install(self, wanted: list[str], wheels: Path | None) -> None:
        if self._installer.running:
            self.session.say(_("An installation is running: wait until it has ended."), failed=True)
            self.session.changed()
            return
        self.ui.doctorText.setPlainText("")
        self.session.say(_("Installing. This can take some minutes."))
        self.session.installing = True
        try:
            self._installer.start(wanted, wheels)
        except (OSError, RuntimeError) as error:
            self.ui.doctorText.appendPlainText(str(error))
        self.session.changed()

    def onLog(self, line: str) -> None:
        """A line of pip's output: the newest one stands above, all of them under Advanced."""
        self.ui.doctorText.appendPlainText(line)
        self.session.say(_("Installing: {line}").format(line=line[:SHOWN_LINE]))
        self.session.changed()

    def onInstalled(self, well: bool) -> None:
        """pip has ended."""
        self.session.installing = False
        self._showTorch()
        if well:
            self.session.say(_("Installed."))
            self._on_backend()
        else:
            self.session.say(
                _("The installation failed; its last lines stand under Advanced."), failed=True
            )
            self.ui.doctorText.setPlainText(self._installer.last_lines)
            self.ui.advancedSection.collapsed = False
        self.session.changed()

    def onDoctor(self) -> None:
        """List versions and devices."""
        from densesharp.cli import doctor

        with slicer.util.WaitCursor():
            checks = (doctor.machine, doctor.packages, doctor.model, doctor.devices)
            findings = [finding for check in checks for finding in doctor.findings_of(check)]
        lines = [f"{finding.state}  {finding.part}: {finding.text}" for finding in findings]
        self.ui.doctorText.setPlainText("\n".join(lines))
        self.refresh()
