"""The same nodule in an earlier CT, and how it changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError

from .scene.nodule import Nodule
from .session import Session

SAME_PLACE_MM = 15.0
"""Two breath-holds move a nodule by about a centimetre; neighbours closer than this are rare."""


def describe(session: Session, prior_node: Any | None) -> str:
    """How the selected nodule changed since an earlier CT, as sentences; empty without one."""
    if prior_node is None or session.nodule is None or session.scan is None:
        return ""
    if prior_node is session.scan.volume_node:
        return _("Choose an earlier CT, not the same one.")
    try:
        earlier = session.scan_of(prior_node).nodules
    except DenseSharpError as error:
        return str(error)
    if not earlier:
        return _("No nodule is marked in the earlier CT: choose it under Inputs and mark it there.")
    match = nearest(session.nodule, earlier)
    if match is None:
        return _(
            "No nodule of the earlier CT lies within {mm:.0f} mm. If the two CT are not aligned, "
            "register them and apply the transform to the earlier one."
        ).format(mm=SAME_PLACE_MM)
    return change(match, session.nodule)


def nearest(nodule: Nodule, others: tuple[Nodule, ...]) -> Nodule | None:
    """The nodule of another CT at the same place in the world; None when there is none."""
    here = np.asarray(nodule.result.center_lps)
    distances = [np.linalg.norm(np.asarray(other.result.center_lps) - here) for other in others]
    best = int(np.argmin(distances))
    return others[best] if distances[best] <= SAME_PLACE_MM else None


def change(before: Nodule, after: Nodule) -> str:
    """What grew or shrank from one nodule to the other."""
    old, new = before.result.measurements, after.result.measurements
    if old is None or new is None:
        return _("One of the two was not measured.")
    percent = 100 * (new.volume_mm3 - old.volume_mm3) / old.volume_mm3
    text = _(
        "Matched with {name}: volume {v0:.0f} to {v1:.0f} mm³ ({percent:+.0f} %), mean diameter "
        "{d0:.1f} to {d1:.1f} mm ({mm:+.1f} mm), solid part {s0:.1f} to {s1:.1f} mm."
    )
    return text.format(
        name=before.name,
        v0=old.volume_mm3,
        v1=new.volume_mm3,
        percent=percent,
        d0=old.mean_diameter_mm,
        d1=new.mean_diameter_mm,
        mm=new.mean_diameter_mm - old.mean_diameter_mm,
        s0=old.solid.long_axis_mm,
        s1=new.solid.long_axis_mm,
    )
