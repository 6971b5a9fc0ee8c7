"""How the selected nodule changed since an earlier CT, as sentences."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from slicer.i18n import tr as _

from densesharp.errors import DenseSharpError
from densesharp.nodule.followup.change import compare, followup_sentence
from densesharp.nodule.followup.timeline import timeline_sentence, timeline_svg
from densesharp_scene import dates
from densesharp_scene.prior_link import earlier

from .dicom_database import open_database
from .session import Session

STUDY_DATE = "0008,0020"


def days_between(prior_node: Any, volume_node: Any) -> int:
    """Days from an earlier CT to a later one, as told, else by their DICOM study dates; else 0."""
    known = dates.days_between(volume_node, prior_node)
    if known is None:
        before, after = study_date(prior_node), study_date(volume_node)
        known = (after - before).days if before and after else 0
    return max(round(known), 0)


def chart(session: Session, theme: str) -> str:
    """The selected nodule at all its dates as SVG; empty with fewer than two that are known."""
    if session.scan is None or session.nodule is None:
        return ""
    try:
        points = dates.timeline(session.scan, session.nodule, session.others())
    except DenseSharpError:
        return ""
    return timeline_svg(points, theme)


def study_date(volume_node: Any) -> date | None:
    """The study date that Slicer's DICOM database has for a CT; None when it has none."""
    database = open_database()
    uids = (volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if database is None or not uids:
        return None
    try:
        return datetime.strptime(database.instanceValue(uids[0], STUDY_DATE), "%Y%m%d").date()
    except ValueError:
        return None


def describe(session: Session, prior_node: Any | None, days: int) -> str:
    """The change of the selected nodule; empty without an earlier CT.

    Args:
        session: the panel's state.
        prior_node: the earlier CT, or none.
        days: between the two; 0 when not known.
    """
    if prior_node is None or session.nodule is None or session.scan is None:
        return ""
    if prior_node is session.scan.volume_node:
        return str(_("Choose an earlier CT, not the same one."))
    try:
        before = earlier(session.scan, session.nodule, session.scan_of(prior_node))
    except DenseSharpError as error:
        return str(error)
    if before is None:
        return str(
            _(
                "The nodule is not marked in the earlier CT: press the button above, or choose "
                "that CT under Inputs and mark it there."
            )
        )
    change = compare(before.result, session.nodule.result, float(days) or None)
    text = _("Compared with {name} of the earlier CT. {sentence}")
    compared = str(text.format(name=before.name, sentence=followup_sentence(change)))
    points = dates.timeline(session.scan, session.nodule, session.others())
    return f"{compared} {timeline_sentence(points)}" if len(points) > 2 else compared
