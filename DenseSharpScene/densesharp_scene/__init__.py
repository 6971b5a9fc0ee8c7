"""Scene geometry and writing results to MRML; shared by desktop Slicer and the browser viewer.

Needs MRML, VTK and numpy only: no Qt, no `slicer.app`, no `slicer.modules`, no module widgets.
"""

from .errors import SceneError
from .nodule import DECISIONS, Decision, Nodule, Review
from .scan import ScanNodules

__all__ = ["DECISIONS", "Decision", "Nodule", "Review", "ScanNodules", "SceneError"]
