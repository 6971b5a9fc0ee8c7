"""DenseSharp: outline, measure and classify a lung nodule from one click in a chest CT.

Research use only, not for diagnosis. The import loads nothing heavy: each name below loads what it
needs when it is first used.

    volume = densesharp.read_volume("ct.nrrd")
    result = densesharp.analyse(volume, densesharp.Seed.from_ras((72, -34, -19)))
    densesharp.write_results([result], volume, None, "result")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from densesharp.version import __version__

if TYPE_CHECKING:
    from densesharp.errors import DenseSharpError
    from densesharp.image.grid import Grid
    from densesharp.image.masks import NoduleMask
    from densesharp.image.volume import Notice, Volume
    from densesharp.io import read_volume
    from densesharp.model.engines import open_engine
    from densesharp.nodule.followup import FollowUp, follow_up
    from densesharp.nodule.pipeline import analyse, update_mask
    from densesharp.nodule.records import (
        CLASS_NAMES,
        Measurements,
        NoduleResult,
        Patch,
        Prediction,
        Seed,
    )
    from densesharp.nodule.settings import AnalysisSettings
    from densesharp.report.result_files import write_results

__all__ = [
    "CLASS_NAMES",
    "AnalysisSettings",
    "DenseSharpError",
    "FollowUp",
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
    "analyse",
    "follow_up",
    "open_engine",
    "read_volume",
    "update_mask",
    "write_results",
]

_LATER = {
    "CLASS_NAMES": "nodule.records",
    "DenseSharpError": "errors",
    "Grid": "image.grid",
    "Measurements": "nodule.records",
    "NoduleMask": "image.masks",
    "NoduleResult": "nodule.records",
    "Notice": "image.volume",
    "Patch": "nodule.records",
    "Prediction": "nodule.records",
    "Seed": "nodule.records",
    "Volume": "image.volume",
    "read_volume": "io",
    "open_engine": "model.engines",
    "analyse": "nodule.pipeline",
    "update_mask": "nodule.pipeline",
    "AnalysisSettings": "nodule.settings",
    "follow_up": "nodule.followup",
    "FollowUp": "nodule.followup",
    "write_results": "report.result_files",
}


def __getattr__(name: str) -> object:
    """Load the module of a name when the name is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'densesharp' has no attribute '{name}'")
    return getattr(importlib.import_module(f"densesharp.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
