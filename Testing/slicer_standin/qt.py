"""`import qt` as PythonQt offers it, over PySide6: properties, string signatures, strictness.

Like PythonQt: Qt properties are attributes and cannot be called; signals are connected by their
signature; slots get as many arguments as they take; C++ objects take no new attributes; enums are
ints; file dialogs answer a str.

Unlike PythonQt, and avoided in our panels: a wrong signature raises (PythonQt returns False);
`isinstance` with a Qt class works (False in PythonQt); `None` or a number as text raises (PythonQt
takes it); keyword properties in constructors work (they fail in PythonQt); slots with `*args` get
nothing from the attribute form of `clicked`; a deleted widget can end the process (PythonQt
raises); styles and fonts are this computer's.
"""

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from PySide6.QtCore import QObject

# Read as attributes in PythonQt too, but Qt itself calls them on Python subclasses.
_VIRTUAL = {"sizeHint", "minimumSizeHint"}
_plain_connect = QObject.connect
_plain_disconnect = QObject.disconnect

CUSTOM_WIDGETS: dict[str, type] = {}
"""Classes that a `.ui` file may name beside Qt's own; `ctk` and `mrml_widgets` add theirs."""


def _make_property(name: str, writable: bool) -> property:
    def read(self: QObject) -> Any:
        return QObject.property(self, name)

    def write(self: QObject, value: Any) -> None:
        if name in {"text", "plainText", "toolTip", "windowTitle"} and not isinstance(value, str):
            raise TypeError(f"{type(self).__name__}.{name} needs a str, not {value!r}")
        if not QObject.setProperty(self, name, value):
            raise ValueError(f"cannot set {type(self).__name__}.{name} to {value!r}")

    return property(read, write if writable else None)


def _signature_signal(sender: QObject, signature: str) -> QtCore.QMetaMethod:
    """The signal with exactly this normalized signature, or ValueError as PythonQt's False."""
    normalized = re.sub(r"\bconst\b|[\s&]", "", signature)
    normalized = re.sub(r"vtkMRML\w+\*", "PyObject", normalized)
    index = sender.metaObject().indexOfSignal(normalized)
    if index < 0:
        raise ValueError(f"{sender.metaObject().className()} has no signal {signature}")
    return sender.metaObject().method(index)


def _accepted(slot: Callable[..., Any], count: int) -> int:
    """How many positional arguments the slot takes, at most `count`."""
    function = getattr(slot, "__func__", slot)
    code = getattr(function, "__code__", None)
    if code is None:
        return count  # a callable without Python code, such as list.append
    if code.co_flags & 0x04:  # *args
        return count
    bound = 1 if hasattr(slot, "__self__") else 0
    return min(count, code.co_argcount - bound)


def _own_signal(sender: QObject, signature: str) -> Any:
    """The bound signal when a Python class of the stand-in declares it, else None."""
    name, _, arguments = signature.rstrip(")").partition("(")
    for cls in type(sender).__mro__:
        if isinstance(vars(cls).get(name), QtCore.Signal):
            own = not cls.__module__.startswith("PySide6")
            return getattr(sender, name)[_SIGNAL_TYPES[arguments]] if own else None
    return None


_SIGNAL_TYPES: dict[str, Any] = {
    "": (), "bool": bool, "int": int, "double": float, "QString": str, "PyObject": object,
}  # fmt: skip


def _connect(self: QObject, signal: Any, slot: Callable[..., Any], *rest: Any) -> Any:
    if not isinstance(signal, str):  # PySide's own `signal.connect` comes here, sender first
        return _plain_connect(signal, slot, *rest)
    method = _signature_signal(self, signal)
    taken = _accepted(slot, method.parameterCount())

    def call(*values: Any) -> None:
        slot(*values[:taken])

    text = bytes(method.methodSignature().data()).decode()
    _connections(self)[(text, slot)] = call
    own = _own_signal(self, text)
    if own is not None:
        return bool(own.connect(call))
    return bool(_plain_connect(self, QtCore.SIGNAL(text), call))


def _disconnect(self: QObject, signal: Any = None, slot: Any = None, *rest: Any) -> Any:
    if not isinstance(signal, str):
        return _plain_disconnect(signal, slot, *rest)
    method = _signature_signal(self, signal)
    text = bytes(method.methodSignature().data()).decode()
    call = _connections(self).pop((text, slot), None)
    if call is None:
        return False
    own = _own_signal(self, text)
    if own is not None:
        return bool(own.disconnect(call))
    return bool(_plain_disconnect(self, QtCore.SIGNAL(text), call))


_tables: dict[int, dict[tuple[str, Any], Callable[..., None]]] = {}


def _connections(sender: QObject) -> dict[tuple[str, Any], Callable[..., None]]:
    """The connections made by signature; kept outside, C++ objects take no attributes."""
    key = id(sender)
    if key not in _tables:
        _tables[key] = {}
        _plain_connect(sender, QtCore.SIGNAL("destroyed()"), lambda: _tables.pop(key, None))
    return _tables[key]


def _set_attribute(self: QObject, name: str, value: Any) -> None:
    """Write a property; new attributes only on Python subclasses, as in PythonQt."""
    for cls in type(self).__mro__:
        found = vars(cls).get(name)
        if isinstance(found, property):
            found.__set__(self, value)
            return
        if isinstance(found, QtCore.Property):
            found.fset(self, value)
            return
    if isinstance(value, QtCore.SignalInstance):
        return  # PySide's own cache
    if type(self).__module__.startswith("PySide6"):
        raise AttributeError(f"{type(self).__name__} has no attribute {name}")
    self.__dict__[name] = value


def _attribute_lookup(cls: type) -> Callable[[QObject, str], Any]:
    """Shiboken's own look-up, except for what it would answer before it looks at the class."""
    plain = cls.__getattribute__

    def look_up(self: QObject, name: str) -> Any:
        if name in ("connect", "disconnect"):
            return object.__getattribute__(self, name)
        value = plain(self, name)
        return value.fget(self) if isinstance(value, QtCore.Property) else value

    return look_up


def _own_properties(cls: type) -> dict[str, bool]:
    """Qt properties that the class itself declares, with whether they can be written."""
    meta = cls.staticMetaObject  # type: ignore[attr-defined]
    entries = (meta.property(index) for index in range(meta.propertyOffset(), meta.propertyCount()))
    return {entry.name(): entry.isWritable() for entry in entries}


def _adapt(cls: type) -> None:
    for name, writable in _own_properties(cls).items():
        if name not in _VIRTUAL:
            setattr(cls, name, _make_property(name, writable))
    cls.__setattr__ = _set_attribute  # type: ignore[assignment,method-assign]
    if "__getattribute__" in vars(cls):  # the others have QObject's
        cls.__getattribute__ = _attribute_lookup(cls)  # type: ignore[assignment,method-assign]
    cls.connect = _connect  # type: ignore[attr-defined]
    cls.disconnect = _disconnect  # type: ignore[attr-defined]


def _children(self: QObject) -> tuple[QObject, ...]:
    return tuple(_plain_children(self))


_plain_children = QObject.children


def _publish() -> dict[str, Any]:
    """Every public class and function of the Qt modules under one roof."""
    found: dict[str, Any] = {}
    for module in (QtCore, QtGui, QtWidgets, QtUiTools):
        found.update({name: getattr(module, name) for name in dir(module) if name[:1] == "Q"})
    return found


_classes = _publish()
for _entry in _classes.values():
    if isinstance(_entry, type) and issubclass(_entry, QObject):
        _adapt(_entry)
QObject.name = _make_property("objectName", writable=True)
QObject.className = lambda self: self.metaObject().className()
QObject.children = _children
QtWidgets.QDialog.exec_ = QtWidgets.QDialog.exec
QtWidgets.QMenu.exec_ = QtWidgets.QMenu.exec
QtCore.QEventLoop.exec_ = QtCore.QEventLoop.exec
globals().update(_classes)


class QFileDialog(QtWidgets.QFileDialog):
    """File dialogs answer a str in PythonQt, a pair in PySide6."""

    @staticmethod
    def getOpenFileName(*values: Any) -> str:
        return str(QtWidgets.QFileDialog.getOpenFileName(*values)[0])

    @staticmethod
    def getSaveFileName(*values: Any) -> str:
        return str(QtWidgets.QFileDialog.getSaveFileName(*values)[0])


class QUiLoader(QtUiTools.QUiLoader):
    """Loads a `.ui` file with the custom classes of the stand-in; refuses classes it lacks."""

    def load(self, device: QtCore.QFile) -> QtWidgets.QWidget:
        root = ET.fromstring(bytes(device.readAll().data()))
        self._check_classes(root)
        connections = root.find("connections")
        wires = [] if connections is None else list(connections)
        if connections is not None:
            root.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.ReadOnly)
        widget = super().load(buffer)
        _loaders.append(self)  # PySide deletes what a loader made together with the loader
        for wire in wires:
            self._wire(widget, *(str(wire.findtext(part)) for part in _WIRE_PARTS))
        return widget

    def createWidget(self, name: str, parent: Any = None, object_name: str = "") -> Any:
        if name not in CUSTOM_WIDGETS:
            return super().createWidget(name, parent, object_name)
        widget = CUSTOM_WIDGETS[name](parent)
        widget.setObjectName(object_name)
        return widget

    def _check_classes(self, root: ET.Element) -> None:
        known = set(self.availableWidgets()) | set(CUSTOM_WIDGETS)
        unknown = {str(node.get("class")) for node in root.iter("widget")} - known
        if unknown:
            raise RuntimeError(f"the .ui file names unknown widget classes: {sorted(unknown)}")

    @staticmethod
    def _wire(widget: Any, sender: str, signal: str, receiver: str, slot: str) -> None:
        """One connection of the file. PySide cannot spell `vtkMRMLScene*`, so that one is ours."""
        found = {child.objectName: child for child in widget.findChildren(QtWidgets.QWidget)}
        found[widget.objectName] = widget
        source, target = found[sender], found[receiver]
        if "vtkMRMLScene*" in signal:
            source.followScene(getattr(target, re.sub(r"\(.*", "", slot)))
            return
        if not _plain_connect(source, QtCore.SIGNAL(signal), target, QtCore.SLOT(slot)):
            raise RuntimeError(f"the .ui file connects {signal} to {slot}, which cannot be done")


_loaders: list[QUiLoader] = []
_WIRE_PARTS = ("sender", "signal", "receiver", "slot")
