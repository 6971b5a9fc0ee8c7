"""Nodules of several CTs that are the same share a tracking UID, in the scene and in DICOM."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .nodule import Nodule, new_uid
from .scan import ScanNodules

SAME_PLACE_MM = 15.0
"""Two breath-holds move a nodule by about a centimetre; neighbours closer than this are rare."""


def pair(
    scan: ScanNodules,
    nodule_id: str,
    prior: ScanNodules,
    prior_id: str,
    others: Iterable[ScanNodules] = (),
) -> None:
    """Keep in the scene that two nodules are the same: the later one takes the earlier one's UID.

    Args:
        scan: the later CT.
        nodule_id: its nodule.
        prior: the earlier CT.
        prior_id: its nodule.
        others: further CTs; what was the same as the later nodule there stays the same.
    """
    uid, former = prior.nodule(prior_id).tracking_uid or new_uid(), scan.nodule(nodule_id)
    prior.track(prior_id, uid)
    if former.tracking_uid == uid:
        return
    for each in scan.nodules:
        if each.tracking_uid == uid:  # was taken for it before
            scan.track(each.id, new_uid())
    scan.track(nodule_id, uid)
    for other in others:
        for each in other.nodules:
            if other not in (scan, prior) and each.tracking_uid == former.tracking_uid:
                other.track(each.id, uid)


def pair_all(scan: ScanNodules, prior: ScanNodules, others: Iterable[ScanNodules] = ()) -> None:
    """Keep for all nodules of a CT which of an earlier CT they are taken for."""
    found = [(nodule, earlier(scan, nodule, prior)) for nodule in scan.nodules]
    for nodule, before in found:
        if before is not None:
            pair(scan, nodule.id, prior, before.id, others)


def earlier(scan: ScanNodules, nodule: Nodule, prior: ScanNodules) -> Nodule | None:
    """The same nodule in an earlier CT: as it was paired, else the nearest at the same place.

    One that was paired with another nodule of this CT is not taken.
    """
    taken = {each.tracking_uid for each in scan.nodules} - {"", nodule.tracking_uid}
    for other in prior.nodules:
        if other.tracking_uid and other.tracking_uid == nodule.tracking_uid:
            return other
    return nearest(scan.center_of(nodule.id), prior, taken)


def nearest(
    ras: NDArray[np.float64], other: ScanNodules, without: Iterable[str] = ()
) -> Nodule | None:
    """The nodule of another CT at the same place in the world; None when there is none.

    Args:
        ras: (3,) mm.
        other: the other CT.
        without: tracking UIDs of nodules that are known to be others.
    """
    free = [each for each in other.nodules if each.tracking_uid not in set(without)]
    distances = [np.linalg.norm(other.center_of(each.id) - ras) for each in free]
    if not distances or min(distances) > SAME_PLACE_MM:
        return None
    return free[int(np.argmin(distances))]
