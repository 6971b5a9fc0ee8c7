"""What of a scan may be handed on: up to date, not rejected, with an answer."""

from densesharp.errors import ImageError
from densesharp.nodule.records import NoduleResult

from .nodule import Nodule
from .scan import ScanNodules


def real_nodules(scan: ScanNodules) -> list[Nodule]:
    """All nodules; a click that found nothing is none."""
    return [nodule for nodule in scan.nodules if not nodule.refused_click]


def results_of(scan: ScanNodules) -> list[NoduleResult]:
    """The answers of all nodules, with the names and decisions that readers gave them.

    Raises:
        ImageError: there is none, or one does not fit what is shown.
    """
    nodules = real_nodules(scan)
    for nodule in nodules:
        reason = scan.outdated(nodule.id)
        if reason is not None:
            raise ImageError(f"{nodule.name} cannot be written yet. {reason}")
    if not nodules:
        raise ImageError("There is nothing to save yet: click a nodule first.")
    return [scan.handed_out(nodule.id).result for nodule in nodules]


def reported_of(scan: ScanNodules) -> list[NoduleResult]:
    """The answers that a report tells of: those that no reader rejected.

    Raises:
        ImageError: none is left, or one does not fit what is shown.
    """
    rejected = {n.id for n in scan.nodules if n.review.decision == "rejected"}
    kept = [result for result in results_of(scan) if result.id not in rejected]
    if not kept:
        raise ImageError("Every nodule was rejected: there is nothing to report.")
    return kept


def findings_of(scan: ScanNodules) -> list[NoduleResult]:
    """The answers that may become findings of the patient in an archive.

    Left out are nodules that a reader rejected, and those without an outline or an answer.

    Raises:
        ImageError: none is left, or one does not fit what is shown.
    """
    kept = [r for r in reported_of(scan) if r.mask is not None and r.verdict != "refused"]
    if not kept:
        raise ImageError("No nodule with an outline and an answer is left for a DICOM object.")
    return kept


def observer_name(reader: str) -> str | None:
    """A reader's name as DICOM wants a person's name; one without carets is one component."""
    clean = reader.replace("\\", " ").replace("=", " ").strip()
    if not clean:
        return None
    return clean if "^" in clean else f"{clean}^"
