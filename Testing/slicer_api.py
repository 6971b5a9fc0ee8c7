"""What Slicer's widgets and Python layers offer to modules, and a check of our code against it.

Facts read from the headers of Slicer v5.12.3 and CTK 868d56c7 (properties, signals, public slots
and invokable methods: PythonQt shows no more) and from Slicer's `util.py` at v5.10.0 and v5.12.3.
A misspelt property in a `.ui` file, for example, is no error in Qt: it silently becomes a dynamic
property. Here it is one.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Offered:
    """Members of one class beside those of QWidget."""

    properties: frozenset[str]
    methods: frozenset[str]
    signals: frozenset[str]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _offered(properties: str, methods: str, signals: str) -> Offered:
    return Offered(_names(properties), _names(methods), _names(signals))


CLASSES = {
    "qMRMLWidget": _offered("", "mrmlScene setMRMLScene", "mrmlSceneChanged(vtkMRMLScene*)"),
    "qMRMLNodeComboBox": _offered(
        "currentNodeID nodeTypes showHidden showChildNodeTypes hideChildNodeTypes baseName "
        "noneEnabled addEnabled removeEnabled editEnabled renameEnabled selectNodeUponCreation "
        "noneDisplay sizeAdjustPolicy interactionNodeSingletonTag",
        "mrmlScene sortFilterProxyModel addAttribute removeAttribute nodeCount nodeFromIndex "
        "currentNode setMRMLScene "
        "setCurrentNode setCurrentNodeID setCurrentNodeIndex removeCurrentNode renameCurrentNode",
        "currentNodeChanged(vtkMRMLNode*) currentNodeChanged(bool) currentNodeIDChanged(QString) "
        "nodeAdded(vtkMRMLNode*) nodeAddedByUser(vtkMRMLNode*) nodeActivated(vtkMRMLNode*) "
        "nodeAboutToBeRemoved(vtkMRMLNode*) currentNodeRenamed(QString)",
    ),
    "ctkCollapsibleButton": _offered(
        "collapsed collapsedHeight flat text checked checkable contentsFrameShape "
        "contentsFrameShadow contentsLineWidth contentsMidLineWidth buttonTextAlignment "
        "indicatorAlignment",
        "setText setChecked click toggle",
        "contentsCollapsed(bool) toggled(bool) clicked(bool) clicked()",
    ),
    "ctkSliderWidget": _offered(
        "decimals singleStep pageStep minimum maximum value prefix suffix tickInterval "
        "tickPosition synchronizeSiblings spinBoxAlignment tracking spinBoxVisible popupSlider "
        "invertedAppearance invertedControls",
        "reset setValue setSpinBoxVisible setDecimals",
        "valueChanged(double) valueIsChanging(double) decimalsChanged(int)",
    ),
    "ctkPathLineEdit": _offered(
        "label filters currentPath options settingKey showBrowseButton showHistoryButton "
        "sizeAdjustPolicy minimumContentsLength nameFilters",
        "comboBox setCurrentPath browse retrieveHistory addCurrentPathToHistory "
        "setCurrentDirectory",
        "currentPathChanged(QString) validInputChanged(bool)",
    ),
}
"""Custom widget classes of the `.ui` files; every other class is Qt's own."""

UTIL = _names(
    "VTKObservationMixin WaitCursor addVolumeFromArray arrayFromVolume childWidgetVariables "
    "confirmOkCancelDisplay confirmYesNoDisplay delayDisplay errorDisplay getModuleWidget "
    "getNodesByClass infoDisplay launchConsoleProcess loadUI loadVolume mainWindow selectModule "
    "setSliceViewerLayers settingsValue toBool tryWithErrorDisplay warningDisplay"
)
"""Names of `slicer.util` that v5.10.0 and v5.12.3 both have."""

APP = _names(
    "activeWindow applicationLogic applicationVersion cachePath clipboard connect dicomDatabase "
    "layoutManager majorVersion minorVersion moduleManager processEvents settings temporaryPath "
    "testingEnabled userSettings"
)
"""Members of `slicer.app` (qSlicerApplication, qSlicerCoreApplication, QApplication)."""

MRML = _names(
    "ActivePlaceNodeIDChangedEvent AddColumn AddControlPointWorld AddEmptySegment "
    "AddNewNodeByClass AddNode AddObserver AddRepresentation AddViewNodeID AllocateScalars "
    "ApplyLinearTransform ApplyThresholdOn AutoThresholdOff AutoWindowLevelOff Clear "
    "Completed ContainsRepresentation CopyContent CopyOrientation "
    "CreateBinaryLabelmapRepresentation CreateDefaultDisplayNodes CreateFolderItem "
    "CreateItem CreateRepresentation CreateStorageNodeAlways CursorPositionModifiedEvent "
    "DeepCopy EndCloseEvent EndImportEvent EndModify Flagged GenerateUniqueName "
    "GetActivePlaceNodeID GetAddressAsString GetAttribute GetBackgroundVolumeID GetClassName "
    "GetCurrentInteractionMode GetData GetDimensions GetDisplayNode GetExtent GetFieldOfView "
    "GetFirstNodeByClass GetFocalPoint GetForegroundOpacity GetForegroundVolumeID GetID "
    "GetIJKToRASMatrix GetImageData GetImageToWorldMatrix GetInteractionNode GetItemAsObject "
    "GetItemByDataNode GetItemChildWithName GetItemLevel GetItemParent GetLabelValue "
    "GetLayoutName GetLevel GetMTime GetMatrix GetMatrixTransformToWorld GetName GetNodeByID "
    "GetNodeReference GetNodeReferenceID GetNodesByClass GetNthControlPointAssociatedNodeID "
    "GetNthControlPointID GetNthControlPointIndexByID GetNthControlPointPositionStatus "
    "GetNthControlPointPositionWorld GetNumberOfControlPoints GetNumberOfItems "
    "GetNumberOfNodesByClass GetNumberOfPoints GetNumberOfRows GetNumberOfScalarComponents "
    "GetNumberOfSegments GetOutput GetParentTransformNode GetPointData GetPosition "
    "GetRepresentation GetScene GetSceneItemID GetSegment GetSegmentIDs GetSegmentOpacity3D "
    "GetSegmentVisibility GetSegmentation GetSelectionNode GetSingletonNode GetSliceOffset "
    "GetSliceToRAS GetSubjectHierarchyNode GetTag GetTerminologyEntryTagName GetText "
    "GetTransformNodeID GetTransformToWorld GetTransformToWorldMTime GetViewNodeIDs "
    "GetVisibility GetVisibility2DOutline GetWindow GetXYToRAS HardenTransform InProgress "
    "InteractionModeChangedEvent InterpolateOn IsA IsClosing IsImporting IsNodePresent "
    "IsProxyNodeID IsTransformToWorldLinear JumpSliceByCentering JumpSliceByOffsetting "
    "MODE_REPLACE NodeRemovedEvent Place PointEndInteractionEvent PointModifiedEvent "
    "PointPositionDefinedEvent PositionDefined ReadFromMRB RemoveAllColumns "
    "RemoveAllControlPoints RemoveAllViewNodeIDs RemoveAttribute RemoveNode "
    "RemoveNthControlPoint RemoveObserver RemoveRepresentation RemoveSegment RemoveTag "
    "ResampleOrientedImageToReferenceOrientedImage ResetClippingRange SegmentModified "
    "SeparateSegmentLabelmap SetActiveColor SetActiveList SetAllSegmentsVisibility "
    "SetAndObserveColorNodeID SetAndObserveImageData SetAndObserveTransformNodeID "
    "SetAttribute SetBackgroundVolumeID SetBinaryLabelmapToSegment SetColor "
    "SetConversionParameter SetCrosshairRAS SetCurveLineSizeMode SetDimensions SetExtent "
    "SetFieldOfView SetFocalPoint SetForceCreateStorageNode SetForegroundOpacity "
    "SetForegroundVolumeID SetGlyphScale SetGlyphTypeFromString SetHideFromEditors "
    "SetIJKToRASMatrix SetImageToWorldMatrix SetInputData SetInterpolationModeToLinear "
    "SetItemParent SetLabelValue SetLineThickness SetLocked SetMatrixTransformToParent "
    "SetName SetNodeReferenceID SetNthControlPointLabel SetNthControlPointPositionWorld "
    "SetNumberOfColors SetOrientation SetOutputOrigin SetOutputSpacing "
    "SetPointLabelsVisibility SetPosition SetPreferredDisplayRepresentationName2D "
    "SetPreferredDisplayRepresentationName3D SetPropertiesLabelVisibility "
    "SetReferenceImageGeometryParameterFromVolumeNode SetSegmentOpacity SetSegmentOpacity3D "
    "SetSegmentStatus SetSegmentVisibility3D SetSelectedColor SetSingletonTag "
    "SetSliceIntersectionThickness SetSliceOffset SetTag SetText SetTextScale SetThreshold "
    "SetTypeToUser SetURL SetUseColumnTitleAsColumnHeader SetUseGlyphScale SetVisibility "
    "SetVisibility2DFill SetVisibility2DOutline SetVisibility3D SetWindowLevel "
    "SetWindowLevelMinMax SlicerLayoutSideBySideView SourceRepresentationModified "
    "StartCloseEvent StartModify StartPlaceMode SwitchToViewTransformMode "
    "TransformModifiedEvent TransformPoint TransformPoints Translate UnRegister Update "
    "UseLineThickness WriteToMRB"
)
"""Methods, events and constants of MRML and of Slicer's logics that the modules use. Each stands in
the headers of Slicer v5.10.0 and of v5.12.3 (folders Libs, Modules, Base), or comes from VTK."""

EDITOR = _names("setSegmentationNode setSourceVolumeNode setCurrentSegmentID")
"""Slots of `qMRMLSegmentEditorWidget`, the same in both."""

EDITOR_HERE = _names(
    "setMRMLScene setMRMLSegmentEditorNode setSegmentationNode setSourceVolumeNode "
    "setCurrentSegmentID setEffectNameOrder setMaximumNumberOfUndoStates setActiveEffectByName "
    "setupViewObservations removeViewObservations unorderedEffectsVisible "
    "segmentationNodeSelectorVisible sourceVolumeNodeSelectorVisible "
    "switchToSegmentationsButtonVisible autoShowSourceVolumeNode"
)
"""What the panel uses of `qMRMLSegmentEditorWidget` in Review: slots, methods, properties."""

DATABASE = _names("isOpen fileForInstance instanceValue")
"""Of `ctkDICOMDatabase`: a property and two invokable methods."""

KEYS = _names(
    "Ctrl+0 Ctrl+1 Ctrl+2 Ctrl+3 Ctrl+4 Ctrl+5 Ctrl+6 Ctrl+` Ctrl+B Ctrl+C Ctrl+F Ctrl+H "
    "Ctrl+Left Ctrl+O Ctrl+P Ctrl+Right Ctrl+S Ctrl+V Ctrl+W Ctrl+X Ctrl+Y Ctrl+Z "
    "Ctrl+Shift+A Ctrl+Shift+T Ctrl+Shift+Space "  # Markups tool bar
    "Ctrl+Shift+Down Ctrl+Shift+Left Ctrl+Shift+Right"  # Sequences tool bar
)
"""Keys that work everywhere in Slicer v5.10.0 and v5.12.3. Of two equal ones Qt obeys none."""

VIEW_KEYS = _names(
    "F B T G R V Shift+V [ ] { } Left Right Up Down "  # slice views
    "+ - 0 1 2 3 4 5 6 7 8 9 Home End PgUp PgDown Ins Clear Ctrl+B "  # 3D views; the keypad's too
    "Shift+1 Shift+2 Shift+3 Shift+4 Shift+5 Shift+6 Shift+7 Shift+8 Shift+Home Shift+End "
    "Shift+PgDown Shift+Left Shift+Right Shift+Up Shift+Down "
    "Del Backspace S"  # a markups point under the mouse
)
"""Keys that slice and 3D views of Slicer take while they have the focus (`vtkMRML...Widget.cxx`). A
shortcut of the main window would be served before them. Qt tells no keypad digit from another."""

EDITOR_KEYS = _names("0 1 2 3 4 5 6 7 8 9 I Q W Y Z Space Shift+Z")
"""Keys of Segment Editor beside Esc, which leaves its effect (`qMRMLSegmentEditorWidget.cxx`)."""

FORBIDDEN_CALLS = {"sizeHint": "an attribute in PythonQt, a method elsewhere"}


def widgets_of(ui_file: Path) -> dict[str, str]:
    """Name -> class of every widget in a `.ui` file."""
    root = ET.parse(ui_file).getroot()
    return {str(node.get("name")): str(node.get("class")) for node in root.iter("widget")}


def check_ui(ui_file: Path, qt: Any) -> list[str]:
    """What a `.ui` file names that does not exist."""
    root = ET.parse(ui_file).getroot()
    widgets = widgets_of(ui_file)
    found = [
        f"{node.get('name')}: {node.get('class')} has no property {name}"
        for node in root.iter("widget")
        for name in _properties(node)
        if name not in _properties_of(str(node.get("class")), qt)
    ]
    for wire in root.iter("connection"):
        sender, signal = str(wire.findtext("sender")), str(wire.findtext("signal"))
        receiver, slot = str(wire.findtext("receiver")), str(wire.findtext("slot"))
        if not _has_signal(widgets[sender], signal, qt):
            found.append(f"{sender} has no signal {signal}")
        if slot.partition("(")[0] not in _methods_of(widgets[receiver], qt):
            found.append(f"{receiver} has no slot {slot}")
    declared = {str(node.findtext("class")) for node in root.iter("customwidget")}
    used = set(widgets.values()) & set(CLASSES)
    found += [f"{name} is used but not declared as custom widget" for name in used - declared]
    found += [f"{name} is declared but not used" for name in declared - used]
    return found


def check_tool_tips(ui_file: Path) -> list[str]:
    """Controls without a tool tip."""
    root = ET.parse(ui_file).getroot()
    silent = {"qMRMLWidget", "ctkCollapsibleButton", "QWidget", "QLabel"}
    return [
        str(node.get("name"))
        for node in root.iter("widget")
        if node.get("class") not in silent and "toolTip" not in _properties(node)
    ]


def check_code(source: Path, widgets: dict[str, str], qt: Any, util: Any) -> list[str]:
    """What a Python file uses of Slicer that does not exist, or works in one place only."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return [
        f"{source.name}:{node.lineno}: {text}"
        for node in ast.walk(tree)
        for text in (
            *_check_attribute(node, widgets, qt, util),
            *_check_call(node, widgets, qt),
        )
    ]


def _check_attribute(node: ast.AST, widgets: dict[str, str], qt: Any, util: Any) -> Iterator[str]:
    if not isinstance(node, ast.Attribute):
        return
    path = _widget_path(node)
    if path[:2] == ["slicer", "util"] and len(path) == 3:
        if path[2] not in UTIL or not hasattr(util, path[2]):
            yield f"slicer.util.{path[2]} is not known to exist in 5.10 and 5.12"
    elif path[:2] == ["slicer", "app"] and len(path) == 3:
        if path[2] not in APP:
            yield f"slicer.app.{path[2]} is not known to exist"
    elif path[:2] == ["self", "ui"] and len(path) >= 3:
        if path[2] not in widgets:
            yield f"the .ui file has no widget {path[2]}"
        elif len(path) == 4 and not _has_member(widgets[path[2]], path[3], qt):
            yield f"{widgets[path[2]]} has no member {path[3]}"
    elif path[:1] == ["qt"] and len(path) == 2 and not hasattr(qt, path[1]):
        yield f"qt.{path[1]} does not exist"


def _check_call(node: ast.AST, widgets: dict[str, str], qt: Any) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    path = _widget_path(node.func)
    if path[:2] == ["self", "ui"] and path[3:] == ["connect"] and path[2] in widgets:
        signal = ast.literal_eval(node.args[0])
        if not _has_signal(widgets[path[2]], signal, qt):
            yield f"{widgets[path[2]]} has no signal {signal}"
    if path == ["isinstance"] and any(_dotted(part)[:1] == ["qt"] for part in node.args):
        yield "isinstance with a Qt class is False in PythonQt"
    if path[-1:] and path[-1] in FORBIDDEN_CALLS:
        yield f"{path[-1]}: {FORBIDDEN_CALLS[path[-1]]}"


def _widget_path(node: ast.AST) -> list[str]:
    """`a.b.c` as its parts; a local `ui` stands for `self.ui`."""
    path = _dotted(node)
    return ["self", *path] if path[:1] == ["ui"] else path


def mrml_names(source: Path, slicer: Any) -> set[str]:
    """Names of a Python file that a class of MRML or of a logic has too."""
    known = {
        name
        for cls in vars(slicer).values()
        if isinstance(cls, type) and cls.__name__.startswith("vtk")
        for name in dir(cls)
    }
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr[0].isupper()
        and node.attr in known
        and _dotted(node)[:1] != ["threading"]
    }


def _dotted(node: ast.AST) -> list[str]:
    """`a.b.c` as its parts; empty for anything else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value)
        return [*above, node.attr] if above else []
    return []


def _properties(node: ET.Element) -> list[str]:
    """Static properties that a widget of a `.ui` file sets."""
    return [
        str(entry.get("name")) for entry in node.findall("property") if entry.get("stdset") != "0"
    ]


def _properties_of(class_name: str, qt: Any) -> set[str]:
    if class_name in CLASSES:
        return set(CLASSES[class_name].properties) | _qt_properties(qt.QWidget)
    return _qt_properties(getattr(qt, class_name))


def _qt_properties(cls: Any) -> set[str]:
    meta = cls.staticMetaObject
    return {meta.property(index).name() for index in range(meta.propertyCount())}


def _methods_of(class_name: str, qt: Any) -> set[str]:
    if class_name in CLASSES:
        return set(CLASSES[class_name].methods) | set(dir(qt.QWidget))
    return set(dir(getattr(qt, class_name)))


def _has_member(class_name: str, member: str, qt: Any) -> bool:
    signals = (
        {name.partition("(")[0] for name in CLASSES[class_name].signals}
        if class_name in CLASSES
        else set()
    )
    return member in _properties_of(class_name, qt) | _methods_of(class_name, qt) | signals


def _has_signal(class_name: str, signature: str, qt: Any) -> bool:
    if class_name in CLASSES and signature in CLASSES[class_name].signals:
        return True
    cls = qt.QWidget if class_name in CLASSES else getattr(qt, class_name)
    return int(cls.staticMetaObject.indexOfSignal(signature)) >= 0
