"""Reading a reader study in 3D Slicer: one case at a time, blinded, every answer locked."""

import importlib.util
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

ADDRESS = "https://github.com/DenseSharp/SlicerDenseSharpLungNodule/blob/main"

NEEDED = "sqlalchemy>=2.0.30"
"""Stores the answers; Slicer does not bring it."""


class DenseSharpReaderStudy(ScriptedLoadableModule):
    """Description of the module for Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("DenseSharp Reader Study")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Markups", "Segmentations", "Volumes"]
        self.parent.contributors = ["DenseSharp for 3D Slicer contributors (DenseSharp)"]
        self.parent.helpText = _("""
Read the cases of a study that "densesharp study new" made: alone, and with the model where the
design says so. The analysis is done by "densesharp study analyze". Research use, not for diagnosis.
<p><a href="{address}/docs/tutorial/reader-study.md">Tutorial</a>,
<a href="{address}/docs/README.md">all documentation</a>.</p>
""").format(address=ADDRESS)
        self.parent.acknowledgementText = _("""
The sources of all methods stand in docs/explanation/reader-statistics.md.
""")


class DenseSharpReaderStudyWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Hosts the panel; all that happens is in DenseSharpSlicerLib.reader_study_panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel = None
        self.newStudy = None
        self._keys = []
        self._installer = None

    def setup(self):
        """Called once, when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        self.uiWidget = slicer.util.loadUI(self.resourcePath("UI/DenseSharpReaderStudy.ui"))
        self.layout.addWidget(self.uiWidget)
        self.ui = slicer.util.childWidgetVariables(self.uiWidget)
        self.uiWidget.setMRMLScene(slicer.mrmlScene)
        self.ui.studyInstallButton.connect("clicked()", self.onInstall)
        self._makePanel()

    def _makePanel(self):
        ready = importlib.util.find_spec("sqlalchemy") is not None
        self.ui.studyInstallButton.visible = not ready
        self.ui.studyOpenButton.enabled = ready
        self.ui.studyReadingSection.visible = False
        self.ui.studyAnswerSection.visible = False
        self.ui.studyNewSection.visible = ready
        if ready and self.panel is None:
            from DenseSharpSlicerLib.reader_study_new import NewStudySection
            from DenseSharpSlicerLib.reader_study_panel import ReaderStudyPanel

            self.panel = ReaderStudyPanel(self.ui)
            self.newStudy = NewStudySection(self.ui)

    def cleanup(self):
        """Called when the module is reloaded or Slicer ends."""
        self._stopKeys()
        if self.panel is not None:
            self.panel.close()
        self.removeObservers()

    def enter(self):
        """Called each time the module is opened."""
        if self.panel is None:
            return
        self._startKeys()
        self.panel.take_outline()
        self.panel.refresh()

    def exit(self):
        """Called each time another module is opened, such as Segment Editor for the outline."""
        self._stopKeys()

    def onInstall(self):
        """Install what stores the answers."""
        from DenseSharpSlicerLib import packages

        if not slicer.util.confirmOkCancelDisplay(packages.question([NEEDED])):
            return
        self.ui.studyInstallButton.enabled = False
        self._installer = packages.Installer(self.onLine, self.onInstalled)
        self._installer.start([NEEDED])

    def onLine(self, line):
        """Show what pip says."""
        self.ui.studyInstallButton.text = line[:60]

    def onInstalled(self, done):
        """The installation has ended."""
        self.ui.studyInstallButton.enabled = True
        if not done:
            slicer.util.errorDisplay(
                _("The installation failed:\n{lines}").format(lines=self._installer.last_lines)
            )
        importlib.invalidate_caches()
        self._makePanel()

    def _startKeys(self):
        from densesharp.study.conduct.answer_keys import QT_KEYS

        if self._keys:
            return
        parent = slicer.util.mainWindow() or self.uiWidget
        for name, meaning in QT_KEYS.items():
            key = qt.QShortcut(parent)
            key.setKey(qt.QKeySequence(name))
            key.connect("activated()", lambda meaning=meaning: self.panel.key(meaning))
            self._keys.append(key)

    def _stopKeys(self):
        for key in self._keys:
            key.setEnabled(False)
            key.setParent(None)
            key.deleteLater()
        self._keys = []


class DenseSharpReaderStudyLogic(ScriptedLoadableModuleLogic):
    """What scripts may use without the panel."""

    def verify(self, folder):
        """Check the record of a study; see densesharp.study.conduct.verify.Verification."""
        from densesharp.study.conduct.store import open_store
        from densesharp.study.conduct.study_folder import open_study
        from densesharp.study.conduct.verify import verify

        study = open_study(Path(folder))
        design = study.design
        store = open_store(study.default_store, design.study, design.sha256, create=False)
        try:
            return verify(study, store)
        finally:
            store.close()


class DenseSharpReaderStudyTest(ScriptedLoadableModuleTest):
    """Self tests for Slicer: no torch, no GPU, no network."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear(0)

    def test_case_in_scene(self):
        """A case shows under a fixed name, and nothing of it stays afterwards."""
        import numpy as np

        from densesharp.image.grid import Grid
        from densesharp.image.volume import Volume
        from densesharp_scene.study_case import StudyCase

        grid = Grid((40, 30, 20), np.zeros(3), np.array([1.0, 1.0, 2.0]), np.eye(3))
        case = StudyCase(slicer.mrmlScene)
        case.show(Volume(np.full(grid.shape, -850, np.int16), grid), tuple(grid.center))
        assert case.volume_node.GetName() == "Case"
        assert case.own_mask() is None
        case.clear()
        assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
