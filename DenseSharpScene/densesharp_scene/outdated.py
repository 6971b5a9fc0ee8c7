"""Which results do not fit the scene any more; looks again only when something has changed."""

from typing import Any

from .nodule import Nodule
from .scan import ScanNodules
from .segments import LABELMAP


class Outdated:
    """Remembers why each result is outdated: front ends ask for all of them whenever they draw."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[tuple[Any, ...], str | None]] = {}

    def why(self, scan: ScanNodules, nodule: Nodule, model: str) -> str | None:
        """Why a result does not fit the scene or the model; None when it does."""
        scan.model = model
        state = _state_of(scan, nodule)
        known = self._known.get((id(scan), nodule.id))
        if known is None or known[0] != state:
            known = (state, scan.outdated(nodule.id))
            self._known[(id(scan), nodule.id)] = known
        return known[1]

    def clear(self) -> None:
        """Forget everything: a scan has gone, and another may get its id."""
        self._known.clear()


def _state_of(scan: ScanNodules, nodule: Nodule) -> tuple[Any, ...]:
    """Changes whenever the outline, the CT's place or the result does."""
    segment = scan.segmentation_node.GetSegmentation().GetSegment(nodule.segment_id)
    image = segment.GetRepresentation(LABELMAP) if segment is not None else None
    transform = scan.volume_node.GetParentTransformNode()
    return (
        nodule.world.tobytes(),
        nodule.mask_digest,
        nodule.model,
        scan.model,
        image.GetMTime() if image is not None else None,
        scan.volume_node.GetMTime(),
        transform.GetTransformToWorldMTime() if transform is not None else None,
    )
