"""Which nodule of an earlier CT is the same as one of this CT; kept in the scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .nodule import Nodule
from .scan import ScanNodules

ROLE = "earlier"
ATTRIBUTE = "DenseSharp.Earlier."

SAME_PLACE_MM = 15.0
"""Two breath-holds move a nodule by about a centimetre; neighbours closer than this are rare."""


def pair(scan: ScanNodules, nodule_id: str, prior: ScanNodules, prior_id: str) -> None:
    """Keep in the scene that two nodules are the same."""
    record = scan.record_node
    record.SetNodeReferenceID(ROLE, prior.volume_node.GetID())
    record.SetAttribute(ATTRIBUTE + nodule_id, prior_id)


def earlier(scan: ScanNodules, nodule: Nodule, prior: ScanNodules) -> Nodule | None:
    """The same nodule in an earlier CT: as it was paired, else the nearest at the same place."""
    record = scan.record_node
    if record.GetNodeReference(ROLE) is prior.volume_node:
        paired = record.GetAttribute(ATTRIBUTE + nodule.id)
        for other in prior.nodules:
            if other.id == paired:
                return other
    return nearest(scan.center_of(nodule.id), prior)


def nearest(ras: NDArray[np.float64], other: ScanNodules) -> Nodule | None:
    """The nodule of another CT at the same place in the world; None when there is none."""
    distances = [np.linalg.norm(other.center_of(each.id) - ras) for each in other.nodules]
    if not distances or min(distances) > SAME_PLACE_MM:
        return None
    return other.nodules[int(np.argmin(distances))]
