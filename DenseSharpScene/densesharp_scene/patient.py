"""What a reader says of the patient and of a nodule, for the guidelines; kept in the scene.

No identity: age, sex, risks. The hints of every result that is shown or written follow it.
"""

import json
from dataclasses import asdict, fields, replace
from typing import Any

from densesharp.nodule.guidelines import Context, reported_hints
from densesharp.nodule.records import NoduleResult

ATTRIBUTE = "DenseSharp.Context"
"""Attribute of a CT's record: fields of `Context`; with a dot and an id those of one nodule."""

OF_NODULE = ("upper_lobe", "spiculated", "comparison")
"""Fields that are about one nodule, not about the patient."""

FIELDS = tuple(field.name for field in fields(Context))


def context_of(record: Any | None, nodule_id: str) -> Context:
    """What is known for a nodule; nothing where its CT has no record."""
    known = {**_read(record, ATTRIBUTE), **_read(record, f"{ATTRIBUTE}.{nodule_id}")}
    return Context(**known)


def tell(record: Any, nodule_id: str, name: str, value: Any) -> None:
    """Keep one field of `Context`; None: it is not known.

    Args:
        record: of the CT.
        nodule_id: the nodule that a field of `OF_NODULE` is about.
        name: of the field.
        value: as `Context` takes it.

    Raises:
        ContextError: an age or a number of nodules that cannot be.
    """
    attribute = f"{ATTRIBUTE}.{nodule_id}" if name in OF_NODULE else ATTRIBUTE
    known = {**_read(record, attribute), name: value}
    Context(**known)
    kept = {key: each for key, each in known.items() if each is not None}
    record.SetAttribute(attribute, json.dumps(kept) if kept else None)


def with_hints(result: NoduleResult, context: Context) -> NoduleResult:
    """The result with hints for this patient and a reader's axes; as it is where neither is."""
    if (context == Context() and result.reader_axes is None) or result.measurements is None:
        return result
    hints = reported_hints(result, context)
    return replace(result, guidelines={name: hint.to_json() for name, hint in hints.items()})


def known_fields(context: Context) -> dict[str, Any]:
    """Every field by name."""
    return asdict(context)


def _read(record: Any | None, attribute: str) -> dict[str, Any]:
    text = record.GetAttribute(attribute) if record is not None else None
    stored = json.loads(text) if text else {}
    return {name: value for name, value in stored.items() if name in FIELDS}
