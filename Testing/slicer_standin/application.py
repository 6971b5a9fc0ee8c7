# ruff: noqa: N801, N815 - the names are Slicer's
"""`slicer.app`, `slicer.modules` and `slicer.mrmlScene` over slicer-core, and the module loader.

There is no main window: Slicer can be started without one too, and a module must work then.
"""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import vtk
from PySide6.QtCore import Signal

from slicer_standin import qt
from slicer_standin.mrml_widgets import qMRMLWidget


class ModuleManager(qt.QObject):
    """Knows the loaded modules by name."""

    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._modules: dict[str, Any] = {}

    def module(self, name: str) -> Any:
        return self._modules.get(name)

    def add(self, module: Any) -> None:
        self._modules[module.name] = module


class Application(qt.QApplication):
    """`slicer.app`: the members that scripted modules use. Always in testing mode."""

    startupCompleted = Signal()
    applicationName = "Slicer"
    majorVersion, minorVersion, revision = 5, 12, "stand-in"

    def __init__(self, logic: Any) -> None:
        super().__init__(["slicer"])
        self._logic = logic
        self._manager = ModuleManager()
        self._testing = True
        self._folder = tempfile.mkdtemp(prefix="slicer-standin-")
        self.restarted = False

    def testingEnabled(self) -> bool:
        return self._testing

    def applicationLogic(self) -> Any:
        return self._logic

    def moduleManager(self) -> ModuleManager:
        return self._manager

    def dicomDatabase(self) -> None:
        """Without the DICOM module there is no database."""
        return

    def layoutManager(self) -> None:
        """Without a main window there is no layout manager."""
        return

    def commandOptions(self) -> SimpleNamespace:
        return SimpleNamespace(runPythonAndExit=False, noMainWindow=True)

    def translate(self, context: str, text: str) -> str:
        return text

    def userSettings(self) -> Any:
        return qt.QSettings()

    settings = userSettings

    def pauseRender(self) -> None:
        """Nothing is drawn here."""

    resumeRender = pauseRender

    def restart(self) -> None:
        self.restarted = True

    @property
    def temporaryPath(self) -> str:
        return self._folder

    @property
    def cachePath(self) -> str:
        return str(Path(self._folder) / "cache")


def start(slicer: ModuleType) -> None:
    """Create the application, the scene and the logics of the modules that the panels use."""
    vtk.vtkObject.GlobalWarningDisplayOff()  # slicer-core warns about absent share folders
    scene = slicer.vtkMRMLScene()
    logic = _application_logic(slicer, scene)
    slicer.mrmlScene = scene
    slicer.modules = SimpleNamespace()
    for name, cls in _LOGICS.items():
        slicer.modules.__dict__[name] = _LoadableModule(name, _module_logic(slicer, cls, logic))
    slicer.app = qt.QApplication.instance() or Application(logic)
    vtk.vtkObject.GlobalWarningDisplayOn()
    slicer.app.setApplicationName("Slicer")
    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    folder = slicer.app.temporaryPath
    _set_cache(slicer, scene, folder)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, folder)
    slicer.app.setOrganizationName("stand-in")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    slicer.qSlicerScriptedLoadableModuleWidget = qSlicerScriptedLoadableModuleWidget


def _set_cache(slicer: ModuleType, scene: Any, folder: str) -> None:
    """Scene bundles (.mrb) are unpacked into the cache folder."""
    cache, manager = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(folder)
    manager.SetCacheManager(cache)
    scene.SetCacheManager(cache)
    scene.SetDataIOManager(manager)


_LOGICS = {
    "markups": "vtkSlicerMarkupsLogic",
    "segmentations": "vtkSlicerSegmentationsModuleLogic",
    "volumes": "vtkSlicerVolumesLogic",
    "terminologies": "vtkSlicerTerminologiesModuleLogic",
    "subjecthierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "sequences": "vtkSlicerSequencesLogic",
}


def _application_logic(slicer: ModuleType, scene: Any) -> Any:
    """As qSlicerCoreApplication does it: default nodes, colours, slice orientations."""
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    for name in ("Red", "Yellow", "Green"):
        _add_slice_view(slicer, scene, name)
    return logic


_ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


def _add_slice_view(slicer: ModuleType, scene: Any, name: str) -> None:
    view = slicer.vtkMRMLSliceNode()
    view.SetName(name)
    view.SetSingletonTag(name)
    view.SetLayoutName(name)
    view = scene.AddNode(view)
    view.SetOrientation(_ORIENTATIONS[name])
    composite = slicer.vtkMRMLSliceCompositeNode()
    composite.SetSingletonTag(name)
    composite.SetLayoutName(name)
    scene.AddNode(composite)


def _module_logic(slicer: ModuleType, class_name: str, application_logic: Any) -> Any:
    logic = getattr(slicer, class_name)()
    if hasattr(logic, "SetModuleShareDirectory"):
        logic.SetModuleShareDirectory(tempfile.gettempdir())
    logic.SetMRMLScene(slicer.mrmlScene)
    logic.SetMRMLApplicationLogic(application_logic)
    name = class_name.replace("vtkSlicer", "").replace("Logic", "")
    application_logic.SetModuleLogic(name, logic)
    return logic


class _LoadableModule:
    """A C++ module as `slicer.modules.NAME`: only its logic."""

    def __init__(self, name: str, logic: Any) -> None:
        self.name = name
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


class ScriptedModule:
    """A scripted module as `slicer.modules.NAME`; its file's class fills in title and so on."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.path = str(path)
        self.title, self.helpText, self.acknowledgementText = "", "", ""
        self.categories: list[str] = []
        self.dependencies: list[str] = []
        self.contributors: list[str] = []
        self.hidden, self.index = False, -1
        self.icon: Any = None
        self.associatedNodeTypes: list[str] = []
        self._widget: Any = None

    def widgetRepresentation(self) -> Any:
        import slicer

        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget(self)
            self._widget.setMRMLScene(slicer.mrmlScene)
            self._widget.reload()
        return self._widget


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """Hosts a module's Python widget and calls its life cycle."""

    def __init__(self, module: ScriptedModule) -> None:
        super().__init__()
        self.setLayout(qt.QVBoxLayout())
        self.isEntered = False
        self._module = module

    def reload(self) -> None:
        import slicer

        name = f"{self._module.name}Widget"
        self._python = getattr(sys.modules[self._module.name], name)(self)
        setattr(slicer.modules, name, self._python)
        self._python.setup()

    def self(self) -> Any:
        return self._python

    def enter(self) -> None:
        self.isEntered = True
        self._python.enter()

    def exit(self) -> None:
        self.isEntered = False
        self._python.exit()


def load_module(path: Path) -> ScriptedModule:
    """What Slicer does with a scripted module's file: folder on the path, import, instantiate."""
    import slicer

    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = code
    spec.loader.exec_module(code)
    module = ScriptedModule(path)
    getattr(code, path.stem)(module)
    setattr(slicer.modules, path.stem.lower(), module)
    slicer.app.moduleManager().add(module)
    return module
