"""When the CTs of a scene were made, and one nodule at all its dates."""

from collections.abc import Iterable
from typing import Any

from densesharp.nodule.followup.timeline import TimePoint

from .nodule import Nodule
from .prior_link import earlier
from .scan import ScanNodules

DAY = "DenseSharp.Day"
"""Attribute of a CT: its day, counted from any day that is the same for all CTs of the scene."""


def day_of(volume_node: Any) -> float | None:
    """The day of a CT; None when nobody has told it."""
    text = volume_node.GetAttribute(DAY)
    return float(text) if text else None


def tell_days(volume_node: Any, prior_node: Any, days: float) -> None:
    """Keep how many days lie between an earlier CT and a later one; 0: it is not known."""
    if days <= 0:
        prior_node.RemoveAttribute(DAY)
        return
    now, before = day_of(volume_node), day_of(prior_node)
    if now is None:
        now = before + days if before is not None else 0.0
        volume_node.SetAttribute(DAY, str(now))
    prior_node.SetAttribute(DAY, str(now - days))


def days_between(volume_node: Any, prior_node: Any) -> float | None:
    """Days from an earlier CT to a later one; None when they are not known."""
    now, before = day_of(volume_node), day_of(prior_node)
    return None if now is None or before is None else now - before


def timeline(scan: ScanNodules, nodule: Nodule, others: Iterable[ScanNodules]) -> list[TimePoint]:
    """A nodule at every date that is known.

    Args:
        scan: its CT.
        nodule: the nodule.
        others: the other CTs of the scene.
    """
    today = day_of(scan.volume_node)
    points = [TimePoint(today or 0.0, nodule.result, scan.volume_node.GetName())]
    for other in others:
        day = day_of(other.volume_node) if other.alive and other is not scan else None
        same = earlier(scan, nodule, other) if day is not None else None
        if same is not None and day is not None:
            points.append(TimePoint(day, same.result, other.volume_node.GetName()))
    return points
