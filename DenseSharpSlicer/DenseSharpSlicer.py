# ruff: noqa: ARG002 - VTK hands caller and event to every observer
"""DenseSharp: outline, measure and classify a lung nodule from one click."""

import sys
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from DenseSharpSlicerLib import pace
from DenseSharpSlicerLib.parameters import DenseSharpSlicerParameterNode

ADDRESS = "https://github.com/DenseSharp/SlicerDenseSharpLungNodule/blob/main"
"""Where the documentation lies."""


class DenseSharpSlicer(ScriptedLoadableModule):
    """Description of the module for Slicer."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("DenseSharp")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Markups", "Segmentations", "SubjectHierarchy", "Volumes"]
        self.parent.contributors = ["DenseSharp for 3D Slicer contributors (DenseSharp)"]
        self.parent.helpText = _("""
Click a lung nodule in a chest CT: DenseSharp outlines and measures it and estimates whether it is
pre-invasive (AAH-AIS), minimally invasive (MIA) or invasive (IAC). Correct, accept, save.
Research use, not for diagnosis.
<p><a href="{address}/docs/tutorial/slicer.md">Tutorial</a>,
<a href="{address}/docs/how-to/slicer-troubleshooting.md">trouble</a>,
<a href="{address}/docs/README.md">all documentation</a>.</p>
""").format(address=ADDRESS)
        self.parent.acknowledgementText = _("""
After W. Zhao, J. Yang et al., 3D deep learning from CT scans predicts tumor invasiveness of
subcentimeter pulmonary adenocarcinomas, Cancer Research 78 (2018) 6881-6889.
""")
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the bundled CT in the Sample Data module."""
    from DenseSharpSlicerLib import sample

    sample.register()


class DenseSharpSlicerWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: builds its sections and keeps them in step with the scene."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.session = None
        self.shortcuts = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._timer = None
        self._shown = None
        self.pace = None
        self.moving = None

    def setup(self):
        """Called once, when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/DenseSharpSlicer.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = DenseSharpSlicerLogic()
        self._timer = qt.QTimer()
        self._timer.setInterval(pace.POLL_MS)
        self._timer.connect("timeout()", self.onTimer)
        self._makeSections(uiWidget)
        self._observeScene()
        self.initializeParameterNode()
        if self.parent.isEntered:
            self.enter()  # Reload makes a new panel in the module that is open

    def _makeSections(self, uiWidget):
        from DenseSharpSlicerLib import packages
        from DenseSharpSlicerLib.adopt_section import AdoptSection
        from DenseSharpSlicerLib.advanced_section import AdvancedSection
        from DenseSharpSlicerLib.correction_section import CorrectionSection
        from DenseSharpSlicerLib.export_section import ExportSection
        from DenseSharpSlicerLib.inputs_section import InputsSection
        from DenseSharpSlicerLib.moving import MovingViews
        from DenseSharpSlicerLib.nodules_section import NodulesSection
        from DenseSharpSlicerLib.result_section import ResultSection
        from DenseSharpSlicerLib.review_section import ReviewSection
        from DenseSharpSlicerLib.session import Session, ask
        from DenseSharpSlicerLib.shortcuts import Shortcuts

        self.session = Session(self.logic.backend(), self.onWork)
        self.moving = MovingViews(self.session.jobs.views_moved)
        self.session.usable = lambda: self.parent.enabled
        self.session.told.ask = ask
        wanted = packages.requirements(Path(self.resourcePath("requirements.txt")))
        self.inputs = InputsSection(self.ui, self.session)
        self.nodules = NodulesSection(self.ui, self.session)
        self.adopt = AdoptSection(self.ui, self.session)
        self.result = ResultSection(self.ui, self.session)
        self.review = ReviewSection(self.ui, self.session)
        self.correction = CorrectionSection(self.ui, self.session)
        self.advanced = AdvancedSection(self.ui, self.session, wanted, self.onBackend)
        self.export = ExportSection(self.ui, self.session, self.advanced.offer)
        pieces = [self.inputs.refresh, self.nodules.refresh, *self.result.parts]
        sections = (self.adopt, self.review, self.correction, self.export, self.advanced)
        pieces += [section.refresh for section in sections]
        self.pace = pace.Pace(self.session, pieces, self.inputs.showProgress)
        self.session.on_change = self.refresh
        self.shortcuts = Shortcuts(self.ui, uiWidget, self.session.usable)

    def _observeScene(self):
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        logic = slicer.app.applicationLogic()
        interaction, selection = logic.GetInteractionNode(), logic.GetSelectionNode()
        if interaction is not None and selection is not None:
            mode, place = interaction.InteractionModeChangedEvent, selection
            self.addObserver(interaction, mode, self.onInteractionMode)
            self.addObserver(place, place.ActivePlaceNodeIDChangedEvent, self.onInteractionMode)

    # Life cycle

    def cleanup(self):
        """Called when the module is reloaded or Slicer ends, also after a setup that failed."""
        if self._timer is not None:
            self._timer.stop()
        if self.shortcuts is not None:
            self.shortcuts.disable()
            self.review.linked.unlink()
        self.setParameterNode(None)
        self.removeObservers()
        if self.session is not None:
            self.moving.removeObservers()
            self.session.close()

    def onReload(self):
        """The developer's Reload button: take the library anew too, not only this file."""
        library = {"DenseSharpSlicerLib", "densesharp_scene"}
        for name in [name for name in sys.modules if name.split(".")[0] in library]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def enter(self):
        """Called each time the module is opened; a reader study has it switched off."""
        from densesharp_scene.compared import smooth_again

        if not self.session.usable():
            return
        smooth_again(slicer.mrmlScene)
        self.initializeParameterNode()
        self.onViews()
        self._followViews()
        self.shortcuts.enable()
        if self.advanced.ready():
            self.session.warm_up()
            self._timer.start()
        self.refresh()

    def exit(self):
        """Called each time another module is opened. Corrected outlines are still followed."""
        from DenseSharpSlicerLib import placing

        placing.stop()
        self.correction.stop()
        self.review.linked.unlink()
        self.shortcuts.disable()
        self._followNoViews()
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """The scene is about to be closed."""
        self.session.forget()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """The scene is empty again."""
        self.session.say("")
        if self.parent.isEntered:
            self.initializeParameterNode()
        self.refresh()

    def onSceneEndImport(self, caller, event):
        """A scene was opened: its nodules are read back."""
        self.session.forget()
        self.session.say("")
        self.result.followScene()
        if self.parent.isEntered:
            self.setParameterNode(None)
            self.initializeParameterNode()
        self.refresh()

    def onNodeRemoved(self, caller, event):
        """A node left the scene; it may be a CT that is analysed or shown."""
        self.session.forget_dead()
        if self.session.scan is not None and not self.session.scan.alive:
            self.session.choose(None)
            self.refresh()

    def onInteractionMode(self, caller, event):
        """The views entered or left place mode, or place points of another list."""
        self.inputs.showPlacing()

    def _followViews(self):
        """Take the CT that a reader brings into the views, while the module is open."""
        modified = vtk.vtkCommand.ModifiedEvent
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            if not self.hasObserver(composite, modified, self.onViews):
                self.addObserver(composite, modified, self.onViews)

    def _followNoViews(self):
        modified = vtk.vtkCommand.ModifiedEvent
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            if self.hasObserver(composite, modified, self.onViews):
                self.removeObserver(composite, modified, self.onViews)

    def onViews(self, caller=None, event=None):
        """The views may show another CT than before: that one is meant."""
        if slicer.mrmlScene.IsImporting():
            return  # nodes come one by one; onSceneEndImport looks when all are there
        shown = self.logic.backgroundVolume()
        if shown is not None and shown is not self._shown and self._parameterNode:
            self._parameterNode.inputVolume = shown
        self._shown = shown
        self.inputs.showOutlines()

    # Parameters

    def initializeParameterNode(self):
        """Make sure that there are parameters and that they have a CT if the views show one."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            self._parameterNode.inputVolume = self.logic.shownVolume()

    def setParameterNode(self, inputParameterNode):
        """Show other parameters, or none."""
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, modified, self.onParameters)
        self._parameterNode = inputParameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, modified, self.onParameters)
            self.onParameters()

    def onParameters(self, caller=None, event=None):
        """A parameter was changed, by the panel or by a scene that was opened."""
        from DenseSharpSlicerLib import placing

        if slicer.mrmlScene.IsImporting():
            return
        parameters = self._parameterNode
        volume = parameters.inputVolume
        self.session.auto_update = parameters.autoUpdate
        self.session.backend.settings = self.logic.settings(parameters)
        shown = self.session.scan.volume_node if self.session.scan is not None else None
        if volume is not shown:
            placing.stop()
            self.session.choose(volume)
            if shown is not None and self.session.scan is not None:
                self.inputs.showVolume()  # the reader chose another CT: see it, not the former
            self.refresh()

    def onBackend(self):
        """Another device or model: load it now."""
        self.session.use(self.logic.backend())
        if self._parameterNode:
            self.session.backend.settings = self.logic.settings(self._parameterNode)
        if self.advanced.ready():
            self.session.warm_up()
            self._timer.start()
        self.refresh()

    # Drawing

    def onWork(self):
        """There is something to do: look for its answers, and for views that move meanwhile."""
        self.moving.follow()
        self._timer.start()

    def onTimer(self):
        """Look for answers while some are awaited, and draw."""
        if slicer.mrmlScene.IsImporting() or slicer.mrmlScene.IsClosing():
            return  # Slicer draws its progress meanwhile; nothing may be written now
        if not self.pace.look():
            self._timer.stop()

    def refresh(self):
        """Draw every section anew."""
        self.pace.draw_all()


class DenseSharpSlicerLogic(ScriptedLoadableModuleLogic):
    """What other modules and scripts may use without the panel."""

    def getParameterNode(self):
        """The parameters of this scene, with their types."""
        return DenseSharpSlicerParameterNode(super().getParameterNode())

    def backend(self):
        """The model on the device or the server that the user chose."""
        from densesharp_scene.backend import LocalBackend
        from densesharp_scene.server_backend import ServerBackend
        from DenseSharpSlicerLib import preferences

        if preferences.read("Server"):
            return ServerBackend(preferences.read("Server"), preferences.read("ServerKey"))
        model = preferences.read("Model")
        return LocalBackend(Path(model) if model else None, preferences.device())

    def settings(self, parameters):
        """The parameters as the pipeline takes them."""
        from densesharp.nodule.settings import AnalysisSettings

        return AnalysisSettings(
            augmentations=parameters.augmentations,
            stability=parameters.stability,
            solid_threshold_hu=parameters.solidThreshold,
        )

    def shownVolume(self):
        """The CT in the slice views, else the only one in the scene, else none."""
        from densesharp_scene.geometry import may_be_ct

        volumes = [
            n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if may_be_ct(n)
        ]
        return self.backgroundVolume() or (volumes[0] if len(volumes) == 1 else None)

    def backgroundVolume(self):
        """The CT in the slice views; none when they show something else."""
        from densesharp_scene.geometry import may_be_ct
        from densesharp_scene.views import background_volume

        shown = background_volume(slicer.mrmlScene)
        return shown if shown is not None and may_be_ct(shown) else None

    def process(self, volumeNode, ras, progress=None):
        """Analyse the nodule at a world point and write it to the scene; waits for the answer.

        :param volumeNode: the CT.
        :param ras: world point in mm.
        :param progress: called with the done fraction and a text.
        :return: the new nodule (see densesharp_scene.nodule.Nodule).
        """
        from densesharp.progress import silent
        from DenseSharpSlicerLib import scripted

        return scripted.process(self.backend(), volumeNode, ras, progress or silent)


class DenseSharpSlicerTest(ScriptedLoadableModuleTest):
    """Self tests for Slicer: no torch, no GPU, no network."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear(0)

    def test_everything(self):
        """Run every check of DenseSharpSlicerLib.selftest, each in an empty scene."""
        from DenseSharpSlicerLib import selftest

        for check in selftest.CHECKS:
            slicer.mrmlScene.Clear(0)
            self.delayDisplay(check.__doc__.splitlines()[0])
            check()
