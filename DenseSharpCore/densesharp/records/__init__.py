"""The records that flow through DenseSharp: frozen, checked on construction, to and from JSON.

    Volume + Seed -> Patch -> Prediction -> Measurements -> NoduleResult

A record that exists is valid. Arrays inside records are `[k, j, i]` and must not be changed.
Coordinates are LPS mm; JSON files carry RAS mm (as 3D Slicer shows them) under names that say so.
"""

from densesharp.records.inputs import Notice, Patch, Seed, Volume
from densesharp.records.measurements import Measurements, NoduleType, Segment, SolidPart
from densesharp.records.prediction import (
    CLASS_NAMES,
    Light,
    NoduleMask,
    Prediction,
    Stability,
    Uncertainty,
)
from densesharp.records.result import SCHEMA, NoduleResult, Verdict

__all__ = [
    "CLASS_NAMES",
    "SCHEMA",
    "Light",
    "Measurements",
    "NoduleMask",
    "NoduleResult",
    "NoduleType",
    "Notice",
    "Patch",
    "Prediction",
    "Seed",
    "Segment",
    "SolidPart",
    "Stability",
    "Uncertainty",
    "Verdict",
    "Volume",
]
