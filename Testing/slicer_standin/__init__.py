"""A small stand-in for the Qt side of 3D Slicer, so that the panel runs in a real Qt without it.

In 3D Slicer a scripted module finds `qt` and `ctk` (PythonQt over Qt 5), Slicer's own widgets and
`slicer.app`. Here the same names are made from PySide6 and from slicer-core, whose MRML scene is
the real one. Unknown members raise: nothing is a mock. What it copies was measured on real
PythonQt, CTK and Slicer widgets; `Testing/panel/test_standin.py` keeps those behaviours.

`install()` puts the modules in place and returns the application object.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

SLICER_PYTHON = "DENSESHARP_SLICER_PYTHON"
"""Environment variable: folder `Base/Python` of Slicer's sources, to run on Slicer's own layers."""


def missing() -> str:
    """Why the stand-in cannot start here; empty when it can."""
    for name in ("slicer_core", "PySide6"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed (pip install -e .[viewer,test])"
    _set_qt_options()
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:  # a system library of Qt is absent
        return f"Qt does not start: {error} (Debian: libegl1 libgl1 libxkbcommon0 libdbus-1-3)"
    return ""


def _set_qt_options() -> None:
    """Before PySide6 is first imported: no display needed; enums are ints, as in PythonQt."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x02")


def install() -> ModuleType:
    """Make `import qt, ctk, slicer` work as in Slicer; safe to call again.

    Returns:
        The `slicer` module, with `app`, `modules`, `mrmlScene` and the widgets in place.
    """
    _set_qt_options()
    import slicer

    if "qt" in sys.modules and hasattr(slicer, "app"):
        return slicer
    from slicer_standin import qt

    sys.modules["qt"] = qt
    from slicer_standin import ctk

    sys.modules["ctk"] = ctk
    from slicer_standin import application, mrml_widgets

    application.start(slicer)
    mrml_widgets.publish(slicer)
    _install_layers(slicer)
    return slicer


def _install_layers(slicer: ModuleType) -> None:
    """Slicer's own Python layers where a copy is at hand, else the small ones of this folder."""
    folder = os.environ.get(SLICER_PYTHON)
    if folder:
        slicer.__path__.append(str(Path(folder) / "slicer"))
        _name_further_widgets(slicer)
        return
    from slicer_standin import base_module, packaging, parameter_node, translation

    for name, module in {
        "i18n": translation,
        "ScriptedLoadableModule": base_module,
        "parameterNodeWrapper": parameter_node,
        "packaging": packaging,
    }.items():
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)


NAMED_ONLY = {
    "ctk": "ctkCheckBox ctkCheckablePushButton ctkColorPickerButton ctkComboBox ctkDirectoryButton "
    "ctkDoubleRangeSlider ctkDoubleSlider ctkDoubleSpinBox ctkRangeWidget",
    "slicer": "qMRMLRangeWidget qMRMLSliderWidget qMRMLSpinBox qMRMLSubjectHierarchyComboBox "
    "qMRMLSubjectHierarchyTreeView qSlicerSimpleMarkupsWidget qSlicerWidget",
}
"""Widgets that Slicer's own layers compare types with; no panel of ours uses them."""


def _name_further_widgets(slicer: ModuleType) -> None:
    """Give those classes a name, so that Slicer's layers can be imported."""
    from slicer_standin import ctk, qt

    for module, names in ((ctk, NAMED_ONLY["ctk"]), (slicer, NAMED_ONLY["slicer"])):
        for name in names.split():
            setattr(module, name, type(name, (qt.QWidget,), {}))
