"""What the page shows of a result: plain values and finished text, nothing to compute there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from densesharp.io import SeriesChoice
from densesharp.nodule.records import Measurements, NoduleResult
from densesharp.report.labels import (
    minus_signs,
    percent_words,
    report_sentence,
    training_words,
)
from densesharp_scene import Nodule

from .labels import CLASS_TITLES, LIGHTS, VERDICTS


def row_of(nodule: Nodule, color: str, state: str) -> dict[str, Any]:
    """One line of the list of nodules; `state` is empty, `busy` or `outdated`."""
    result = nodule.result.shown()
    measured = result.measurements
    return {
        "id": nodule.id,
        "name": nodule.name,
        "color": color,
        "cls": result.predicted_class or "–",
        "invasive": _percent(result.probability_invasive),
        "diameter": f"{measured.mean_diameter_mm:.1f}" if measured else "–",
        "volume": f"{measured.volume_mm3:.0f}" if measured else "–",
        "ctr": f"{measured.solid.ctr:.2f}" if measured else "–",
        "verdict": result.verdict,
        "decision": nodule.review.decision,
        "state": state,
    }


def card_of(nodule: Nodule, outdated: str | None) -> dict[str, Any]:
    """Everything the card shows of the selected nodule.

    A refused answer shows its reasons only: its size and class must not reach a report.
    """
    result = nodule.result.shown()
    return {
        "id": nodule.id,
        "name": nodule.name,
        "outdated": outdated or "",
        "edited": nodule.edited,
        "verdict": {"kind": result.verdict, **VERDICTS[result.verdict]},
        "reasons": [
            {"text": notice.message, "severity": notice.severity} for notice in result.notices
        ],
        "classes": _class_bars(result),
        "binaries": _binary_bars(result),
        "certainty": _certainty(result) if result.class_probabilities else "",
        "stability": _stability(result),
        "sizes": _sizes(result.measurements) if result.measurements else [],
        "hints": hints_of(result.guidelines),
        "sentence": report_sentence(result),
        "training": training_words(result),
        "decision": nodule.review.decision,
        "decided": _decided(nodule),
        "has_evidence": result.prediction is not None,
        "has_mask": result.mask is not None,
        "time": f"{result.timings_ms.get('total', 0):.0f} ms",
    }


def series_of(choice: SeriesChoice) -> dict[str, str]:
    """One line of the choice of series."""
    thickness = "" if choice.thickness_mm is None else f"{choice.thickness_mm:g} mm, "
    return {
        "key": choice.key,
        "title": choice.description or "No description",
        "text": f"Series {choice.key}: {thickness}{choice.slices} images",
    }


def hints_of(guidelines: Mapping[str, Any]) -> list[dict[str, str]]:
    """Guideline hints (`nodule.guidelines`) as blocks of title, answer and small print."""
    return [
        {
            "title": hint["title"],
            "answer": _hint_answer(hint),
            "basis": hint["basis"],
            "small": " ".join([*hint["limits"], f"Source: {hint['source']}."]),
        }
        for hint in guidelines.values()
    ]


def _hint_answer(hint: Mapping[str, Any]) -> str:
    if hint["answer"] is not None:
        return str(hint["answer"])
    if hint["applies"] is False:
        return "Does not apply to this nodule."
    missing = ", ".join(name.replace("_", " ") for name in hint["missing"])
    return f"Not estimable without: {missing}." if missing else "Not estimable."


def _class_bars(result: NoduleResult) -> list[dict[str, Any]]:
    if result.class_probabilities is None:
        return []
    spread = result.uncertainty.sd_class if result.uncertainty else {}
    return [
        {
            "title": name,
            "long": CLASS_TITLES[name],
            "percent": round(100 * probability, 1),
            "text": percent_words(probability),
            "spread": f"± {100 * spread[name]:.0f}" if name in spread else "",
            "most": name == result.predicted_class,
        }
        for name, probability in result.class_probabilities.items()
    ]


def _binary_bars(result: NoduleResult) -> list[dict[str, Any]]:
    if result.probability_invasive is None or result.probability_iac is None:
        return []
    spread = result.uncertainty
    pairs = (
        ("MIA or IAC", result.probability_invasive, spread and spread.sd_invasive),
        ("IAC alone", result.probability_iac, spread and spread.sd_iac),
    )
    return [
        {
            "title": title,
            "percent": round(100 * value, 1),
            "text": percent_words(value),
            "spread": f"± {100 * sd:.0f}" if sd is not None else "",
        }
        for title, value, sd in pairs
    ]


def _certainty(result: NoduleResult) -> str:
    spread = result.uncertainty
    if spread is None or spread.samples < 2:
        return "One orientation only: the spread is not estimable."
    low, high = spread.volume_range_mm3
    return (
        f"Spread over {spread.samples} orientations: class entropy {spread.entropy:.2f} "
        f"(0 sure, 1 undecided), volume {low:.0f}–{high:.0f} mm³."
    )


def _stability(result: NoduleResult) -> dict[str, str]:
    stability = result.stability
    if stability is None:
        return {"light": "", "text": "Click stability: not estimated."}
    return {
        "light": stability.light,
        "text": f"{LIGHTS[stability.light]} {stability.found} of {stability.seeds} moved clicks "
        f"({stability.offset_mm:g} mm) found the nodule, {stability.same_class:.0%} with "
        "the same class.",
    }


def _sizes(measured: Measurements) -> list[dict[str, str]]:
    pairs = (
        ("Mean diameter, Fleischner", f"{measured.fleischner_mean_mm} mm"),
        ("Mean diameter, Lung-RADS", f"{measured.lung_rads_mean_mm:.1f} mm"),
        ("Long × short axis", f"{measured.long_axis_mm:.1f} × {measured.short_axis_mm:.1f} mm "
                              f"({measured.plane})"),
        ("Largest 3D diameter", f"{measured.max_3d_diameter_mm:.1f} mm"),
        ("Volume", f"{measured.volume_mm3:.0f} mm³"),
        ("Type", measured.nodule_type),
        ("Solid part", f"{measured.solid.volume_mm3:.0f} mm³, {measured.solid.long_axis_mm:.1f} mm "
                       f"above {measured.solid.threshold_hu:.0f} HU"),
        ("CTR", f"{measured.solid.ctr:.2f}"),
        ("Density", f"{measured.mean_hu:.0f} ± {measured.sd_hu:.0f} HU"),
        ("Mass", f"{measured.mass_mg:.0f} mg"),
    )  # fmt: skip
    return [{"title": title, "value": minus_signs(value)} for title, value in pairs]


def _decided(nodule: Nodule) -> str:
    review = nodule.review
    if review.decision == "open":
        return "Not decided yet"
    when = review.time.replace("T", " ").split("+")[0]
    return f"{review.decision.capitalize()} by {review.reader or 'an unnamed reader'}, {when} UTC"


def _percent(value: float | None) -> str:
    return "–" if value is None else percent_words(value)
