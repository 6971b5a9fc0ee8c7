"""Flat records as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def plain(record: Any) -> dict[str, Any]:
    """A flat record as a dictionary of JSON values."""
    values = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    return {
        name: dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }
