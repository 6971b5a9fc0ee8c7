"""The page's copy of what is shown of a nodule: plain values, nothing to compute there."""

from dataclasses import asdict
from typing import Any

from densesharp.io import SeriesChoice
from densesharp.words import counted
from densesharp_scene import Nodule
from densesharp_scene.card import list_row, result_card

ICONS = {"ok": "mdi-check-circle", "caution": "mdi-alert", "refused": "mdi-cancel"}


def row_of(nodule: Nodule, color: str, state: str) -> dict[str, Any]:
    """One line of the list of nodules; `state` is empty, `busy` or `outdated`."""
    return {
        **asdict(list_row(nodule)),
        "id": nodule.id,
        "color": color,
        "verdict": nodule.result.verdict,
        "decision": nodule.review.decision,
        "state": state,
    }


def card_of(nodule: Nodule, outdated: str | None, running: bool = False) -> dict[str, Any]:
    """Everything the card shows of the selected nodule."""
    result = nodule.result.shown()
    shown = result_card(nodule, running)
    card = asdict(shown)
    for row, line in zip(card["measurements"], shown.measurements, strict=True):
        row["text"] = line.text
    return {
        **card,
        "id": nodule.id,
        "name": nodule.name,
        "outdated": outdated or "",
        "edited": nodule.edited,
        "kind": result.verdict,
        "icon": ICONS[result.verdict],
        "decision": nodule.review.decision,
        "has_evidence": result.prediction is not None,
        "has_mask": result.mask is not None,
    }


def series_of(choice: SeriesChoice) -> dict[str, str]:
    """One line of the choice of series, with what tells two exams apart."""
    thickness = "" if choice.thickness_mm is None else f"{choice.thickness_mm:g} mm"
    parts = (f"Series {choice.key}", choice.kernel, thickness, counted(choice.slices, "image"))
    return {
        "key": choice.key,
        "title": choice.description or "No description",
        "when": choice.when or "No date",
        "text": " · ".join(filter(None, parts)),
    }
