"""Results read back: JSON data that `to_json` made, as the records they came from."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from densesharp.stats.estimates import json_name

T = TypeVar("T")


def from_json(record: type[T], data: Any) -> T:
    """A record of JSON data.

    Args:
        record: a dataclass of numbers, words, arrays, mappings, sequences and such records.
        data: what `to_json` made of one. What it lacks has the record's own default.

    Returns:
        The record; lists are tuples or, where the record says so, numpy arrays.

    Raises:
        ValueError: the data lack something that the record needs, or have another shape.
    """
    try:
        found: T = _read(record, data)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no {record.__name__}: {error}") from error
    return found


def _read(kind: Any, data: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if data is None or origin is Literal:
        return data
    if origin in (Union, types.UnionType):
        (only,) = (one for one in arguments if one is not types.NoneType)
        return _read(only, data)
    if dataclasses.is_dataclass(kind):
        return _record(kind, data)
    if origin is np.ndarray:
        return np.array(data, dtype=get_args(arguments[1])[0])
    if origin is None and isinstance(kind, type) and issubclass(kind, tuple):
        hints = get_type_hints(kind).values()
        return kind(*(_read(hint, item) for hint, item in zip(hints, data, strict=True)))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(_read(one, item) for one, item in zip(arguments, data, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _read(arguments[1], item) for key, item in data.items()}
    if origin is not None:
        return tuple(_read(arguments[0], item) for item in data)
    return data


def _record(kind: Any, data: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    names = {name: json_name(kind, name) for name in hints}
    return kind(**{n: _read(hints[n], data[key]) for n, key in names.items() if key in data})


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
