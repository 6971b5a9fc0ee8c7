# ruff: noqa: TID251 - stands in for Slicer's Qt layers
"""`slicer.parameterNodeWrapper`: typed parameters on a MRML node, bound to widgets. Own subset.

Types: bool, int, float, str and node classes; `Annotated[...]` with `WithinRange`, `Choice` and
`Default`. Widgets: check boxes and checkable buttons, number boxes, `ctkSliderWidget`, combo boxes,
line edits and the node selector. Anything else raises, as Slicer's own layer does.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ctk
import qt
import slicer
import vtk

__all__ = ["Choice", "Default", "WithinRange", "parameterNodeWrapper"]


class WithinRange:
    """Validator: a number between two bounds."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def check(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} to {self.maximum}")


class Choice:
    """Validator: one of some values."""

    def __init__(self, choices: list[Any]) -> None:
        self.choices = choices

    def check(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is not one of {self.choices}")


@dataclass
class Default:
    """The value of a parameter that was never set."""

    value: Any


@dataclass
class _Parameter:
    name: str
    kind: type
    checks: list[Any]
    default: Any

    @property
    def is_node(self) -> bool:
        return isinstance(self.kind, type) and issubclass(self.kind, slicer.vtkMRMLNode)

    def read(self, node: Any) -> Any:
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.kind is bool else self.kind(text)

    def write(self, node: Any, value: Any) -> None:
        self._check(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))

    def _check(self, value: Any) -> None:
        allowed = (int, float) if self.kind is float else self.kind
        if not isinstance(value, allowed) and not (value is None and self.is_node):
            raise TypeError(f"parameter {self.name} needs {self.kind.__name__}, not {value!r}")
        for check in self.checks:
            check.check(value)


def parameterNodeWrapper(cls: type) -> type:
    """Class decorator: annotated attributes become parameters of the node."""
    parameters = [_describe(cls, *item) for item in _hints(cls)]
    for parameter in parameters:
        setattr(cls, parameter.name, _property(parameter))
    members = {name: value for name, value in vars(_Wrapper).items() if name[:2] != "__"}
    for name, member in {**members, "__init__": _Wrapper.__init__}.items():
        setattr(cls, name, member)
    cls.allParameters = {parameter.name: parameter for parameter in parameters}  # type: ignore[attr-defined]
    return cls


def _hints(cls: type) -> list[tuple[str, Any]]:
    return list(typing.get_type_hints(cls, include_extras=True).items())


def _describe(cls: type, name: str, hint: Any) -> _Parameter:
    kind, notes = hint, []
    if typing.get_origin(hint) is typing.Annotated:
        kind, *notes = typing.get_args(hint)
    is_node = isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)
    if kind not in (bool, int, float, str) and not is_node:
        raise TypeError(f"{cls.__name__}.{name}: no parameter can be of type {kind}")
    default: Any = None if is_node else kind()
    for note in notes:
        default = note.value if isinstance(note, Default) else default
    default = getattr(cls, name, default)
    checks = [note for note in notes if not isinstance(note, Default)]
    parameter = _Parameter(name, kind, checks, default)
    parameter._check(default)
    return parameter


def _property(parameter: _Parameter) -> property:
    def read(self: Any) -> Any:
        return parameter.read(self.parameterNode)

    def write(self: Any, value: Any) -> None:
        parameter.write(self.parameterNode, value)

    return property(read, write)


class _Wrapper:
    """Members that every wrapped class gets."""

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._bindings: dict[int, Any] = {}
        self._updating = False
        for parameter in self.allParameters.values():  # type: ignore[attr-defined]
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def StartModify(self) -> int:
        return int(self.parameterNode.StartModify())

    def EndModify(self, previous: int) -> None:
        self.parameterNode.EndModify(previous)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def connectGui(self, gui: Any) -> int:
        """Bind every widget of `gui` that carries the property `SlicerParameterName`."""
        named = {widget.property("SlicerParameterName"): widget for widget in vars(gui).values()}
        named.pop(None, None)
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        table = self.allParameters  # type: ignore[attr-defined]
        unknown = set(mapping) - set(table)
        if unknown:
            raise ValueError(f"no such parameters: {sorted(unknown)}")
        links = [_Link(self, table[name], widget) for name, widget in mapping.items()]

        def show(caller: Any, event: str) -> None:
            if not self._updating:
                self._show(links)

        self._show(links)
        for link in links:
            link.attach()
        tag = len(self._bindings)
        self._bindings[tag] = (links, self.AddObserver(vtk.vtkCommand.ModifiedEvent, show))
        return tag

    def _show(self, links: list[_Link]) -> None:
        self._updating = True
        for link in links:
            link.show()
        self._updating = False

    def disconnectGui(self, tag: int) -> None:
        links, observer = self._bindings.pop(tag)
        self.RemoveObserver(observer)
        for link in links:
            link.detach()


class _Link:
    """One parameter and one widget."""

    def __init__(self, wrapper: Any, parameter: _Parameter, widget: Any) -> None:
        self._wrapper, self._parameter, self._widget = wrapper, parameter, widget
        self._signal, self.read, self.write = _adapter(parameter, widget)

    def attach(self) -> None:
        self._widget.connect(self._signal, self._changed)

    def detach(self) -> None:
        self._widget.disconnect(self._signal, self._changed)

    def _changed(self) -> None:
        if not self._wrapper._updating:
            setattr(self._wrapper, self._parameter.name, self.read())

    def show(self) -> None:
        self.write(getattr(self._wrapper, self._parameter.name))


_Adapter = tuple[str, Callable[[], Any], Callable[[Any], None]]


def _adapter(parameter: _Parameter, widget: Any) -> _Adapter:
    """Signal, reader and writer for a widget of this class, or RuntimeError."""
    kind, cls = parameter.kind, type(widget)
    if kind is bool and cls in (qt.QCheckBox, qt.QPushButton):
        return "toggled(bool)", *_attribute(widget, "checked", bool)
    if kind is int and cls in (qt.QSpinBox, qt.QSlider):
        _set_range(parameter, widget, lambda low, high: widget.setRange(low, high))
        return "valueChanged(int)", *_attribute(widget, "value", int)
    if kind in (int, float) and cls in (qt.QDoubleSpinBox, ctk.ctkSliderWidget):
        _set_range(parameter, widget, lambda low, high: _assign_range(widget, low, high))
        return "valueChanged(double)", *_attribute(widget, "value", kind)
    if kind is str and cls is qt.QLineEdit:
        return "textChanged(QString)", *_attribute(widget, "text", str)
    if parameter.is_node and cls is slicer.qMRMLNodeComboBox:
        widget.nodeTypes = [kind.__name__]
        return "currentNodeChanged(vtkMRMLNode*)", widget.currentNode, widget.setCurrentNode
    choice = next((check for check in parameter.checks if isinstance(check, Choice)), None)
    if cls is qt.QComboBox and choice is not None:
        return _combo_adapter(widget, choice.choices)
    raise RuntimeError(f"cannot connect {parameter.name} ({kind.__name__}) to a {cls.__name__}")


def _attribute(widget: Any, name: str, kind: type) -> tuple[Any, Any]:
    return lambda: kind(getattr(widget, name)), lambda value: setattr(widget, name, value)


def _set_range(parameter: _Parameter, widget: Any, assign: Any) -> None:
    bounds = [check for check in parameter.checks if isinstance(check, WithinRange)]
    if not bounds and type(widget) in (ctk.ctkSliderWidget, qt.QSlider):
        raise RuntimeError(f"{parameter.name}: a slider needs WithinRange")
    for bound in bounds:
        assign(bound.minimum, bound.maximum)


def _assign_range(widget: Any, low: float, high: float) -> None:
    widget.minimum, widget.maximum = low, high


def _combo_adapter(widget: Any, choices: list[Any]) -> _Adapter:
    widget.clear()
    for choice in choices:
        widget.addItem(str(choice))
    return (
        "currentIndexChanged(int)",
        lambda: choices[widget.currentIndex],
        lambda value: setattr(widget, "currentIndex", choices.index(value)),
    )
