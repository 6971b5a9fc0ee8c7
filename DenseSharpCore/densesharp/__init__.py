"""DenseSharp: outline, measure and classify a lung nodule from one click in a chest CT.

Research use only, not for diagnosis. The import loads numpy and SimpleITK, nothing heavier.
"""

from densesharp.errors import DenseSharpError
from densesharp.geometry import Grid
from densesharp.records import (
    CLASS_NAMES,
    Measurements,
    NoduleMask,
    NoduleResult,
    Notice,
    Patch,
    Prediction,
    Seed,
    Volume,
)

__version__ = "0.1.0"

__all__ = [
    "CLASS_NAMES",
    "DenseSharpError",
    "Grid",
    "Measurements",
    "NoduleMask",
    "NoduleResult",
    "Notice",
    "Patch",
    "Prediction",
    "Seed",
    "Volume",
    "__version__",
]
