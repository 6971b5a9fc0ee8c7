"""DenseSharp: outline, measure and classify a lung nodule from one click in a chest CT.

Research use only, not for diagnosis. The import loads numpy and SimpleITK, nothing heavier.
"""

from densesharp.errors import DenseSharpError
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.records import (
    CLASS_NAMES,
    Measurements,
    NoduleResult,
    Patch,
    Prediction,
    Seed,
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
