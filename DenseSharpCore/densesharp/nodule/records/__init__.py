"""The records that flow through DenseSharp: frozen, checked on construction, to and from JSON.

    Seed -> Patch -> Prediction -> Measurements -> NoduleResult

A record that exists is valid. Arrays inside records are `[k, j, i]` and must not be changed.
Coordinates are LPS mm; JSON files carry RAS mm (as 3D Slicer shows them) under names that say so.
"""

from densesharp.nodule.records.inputs import Patch, Seed
from densesharp.nodule.records.measurements import (
    TYPE_AGREEMENT,
    Measurements,
    NoduleType,
    Segment,
    SolidPart,
)
from densesharp.nodule.records.prediction import (
    CLASS_NAMES,
    Light,
    Prediction,
    Stability,
    Uncertainty,
)
from densesharp.nodule.records.reader import DECISIONS, Decision, Place, ReaderAxes, Review
from densesharp.nodule.records.result import SCHEMA, NoduleResult, Verdict

__all__ = [
    "CLASS_NAMES",
    "DECISIONS",
    "SCHEMA",
    "TYPE_AGREEMENT",
    "Decision",
    "Light",
    "Measurements",
    "NoduleResult",
    "NoduleType",
    "Patch",
    "Place",
    "Prediction",
    "ReaderAxes",
    "Review",
    "Seed",
    "Segment",
    "SolidPart",
    "Stability",
    "Uncertainty",
    "Verdict",
]
