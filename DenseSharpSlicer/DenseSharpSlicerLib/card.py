"""The words and numbers of the result card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from slicer.i18n import tr as _

from densesharp.nodule.guidelines import Hint
from densesharp.nodule.records import Measurements, NoduleResult, Stability, Uncertainty
from densesharp.report.labels import (
    minus_signs,
    percent_words,
    report_sentence,
    training_words,
)
from densesharp_scene.nodule import Nodule

LIGHTS = {"green": "#2e9e4f", "amber": "#d98a00", "red": "#d03a3a"}
"""Colours of the stability light that stand out in Slicer's light and dark theme; the word beside
it says the same."""


def nothing_selected() -> str:
    """What the card says without a nodule."""
    return _("No nodule is selected.")


def copied() -> str:
    """After the report sentence was copied."""
    return _("The report sentence is on the clipboard.")


def title(nodule: Nodule) -> str:
    """Name and most probable class, as rich text."""
    result, name = nodule.result.shown(), escape(nodule.name)
    if result.class_probabilities is None:
        return _("<b>{name}: no result</b>").format(name=name)
    probability = result.class_probabilities[str(result.predicted_class)]
    return _("<b>{name}: {class_name}, {percent}</b>").format(
        name=name, class_name=result.predicted_class, percent=escape(percent_words(probability))
    )


def training(result: NoduleResult) -> str:
    """What taught the model that gave the class."""
    return training_words(result)


def call(probability: float, threshold: float) -> str:
    """A binary answer at a threshold."""
    return _("yes") if probability >= threshold else _("no")


def verdict(result: NoduleResult) -> str:
    """The verdict with its reasons, one to a line, as rich text."""
    heads = {
        "ok": _("Usable."),
        "caution": _("Use with caution:"),
        "refused": _("Not usable:"),
    }
    wanted = ("caution", "refused") if result.verdict != "ok" else ("info",)
    reasons = [notice.message for notice in result.notices if notice.severity in wanted]
    return "<br/>".join((f"<b>{heads[result.verdict]}</b>", *map(escape, reasons)))


def uncertainty(spread: Uncertainty | None) -> str:
    """The spread over members and orientations."""
    if spread is None:
        return ""
    if spread.samples < 2:
        return _("Spread: not estimated from a single run.")
    low, high = spread.volume_range_mm3
    return _(
        "Spread over {n} runs: P(invasive) ± {invasive:.2f}, P(IAC) ± {iac:.2f}, "
        "volume {low:.0f} to {high:.0f} mm³."
    ).format(n=spread.samples, invasive=spread.sd_invasive, iac=spread.sd_iac, low=low, high=high)


def stability(found: Stability | None, running: bool) -> str:
    """What a click a little beside would have given, as rich text with its light."""
    if found is None:
        return _("Stability of the click: being tested.") if running else ""
    words = {"green": _("stable"), "amber": _("somewhat unstable"), "red": _("unstable")}
    dot = f'<font color="{LIGHTS[found.light]}">●</font> '
    return dot + _(
        "Click {light}: moved by {offset:.1f} mm, {same:.0%} of {n} clicks give the same class, "
        "the outlines overlap by at least {dice:.2f} (Dice)."
    ).format(
        light=words[found.light],
        offset=found.offset_mm,
        same=found.same_class,
        n=found.seeds,
        dice=found.dice_min,
    )


def measurement_rows(measured: Measurements) -> list[tuple[str, str]]:
    """Name and value, in the order a reader looks for them."""
    solid = measured.solid
    return [
        (
            _("Long × short axis ({plane})").format(plane=_plane(measured.plane)),
            f"{measured.long_axis_mm:.1f} × {measured.short_axis_mm:.1f} mm",
        ),
        (_("Mean diameter, Fleischner"), f"{measured.fleischner_mean_mm} mm"),
        (_("Mean diameter, Lung-RADS"), f"{measured.lung_rads_mean_mm:.1f} mm"),
        (_("Largest diameter in 3D"), f"{measured.max_3d_diameter_mm:.1f} mm"),
        (_("Volume"), f"{measured.volume_mm3:.0f} mm³"),
        (_("Type"), _type(measured.nodule_type)),
        (
            minus_signs(_("Solid part above {hu:.0f} HU").format(hu=solid.threshold_hu)),
            f"{solid.long_axis_mm:.1f} mm, {solid.volume_mm3:.0f} mm³",
        ),
        (_("Consolidation-to-tumour ratio"), f"{solid.ctr:.2f}"),
        (_("Density"), minus_signs(f"{measured.mean_hu:.0f} ± {measured.sd_hu:.0f} HU")),
        (_("Mass"), f"{measured.mass_mg:.0f} mg"),
    ]


def row(nodule: Nodule, state: str) -> tuple[str, ...]:
    """One line of the table of nodules."""
    result = nodule.result.shown()
    measured, probability = result.measurements, result.probability_invasive
    return (
        nodule.name,
        result.predicted_class or "–",
        percent_words(probability) if probability is not None else "–",
        f"{measured.mean_diameter_mm:.1f}" if measured else "–",
        f"{measured.volume_mm3:.0f}" if measured else "–",
        f"{measured.solid.ctr:.2f}" if measured else "–",
        state,
    )


def headers() -> list[str]:
    """The column heads of the table of nodules."""
    return [_("Name"), _("Class"), _("P(inv.)"), _("Ø mm"), _("mm³"), _("CTR"), _("Status")]


def decision(nodule: Nodule) -> str:
    """Who decided what, and when, in this computer's time."""
    review = nodule.review
    if review.decision == "open":
        return _("Not decided yet.")
    words = {"accepted": _("Accepted"), "rejected": _("Rejected")}
    return _("{what} by {who} on {when}.").format(
        what=words[review.decision],
        who=review.reader or _("unnamed reader"),
        when=datetime.fromisoformat(review.time).astimezone().strftime("%Y-%m-%d %H:%M"),
    )


def _plane(plane: str) -> str:
    return {"axial": _("axial"), "coronal": _("coronal"), "sagittal": _("sagittal")}[plane]


def _type(nodule_type: str) -> str:
    words = {
        "solid": _("solid"),
        "part-solid": _("part-solid"),
        "ground-glass": _("ground-glass"),
    }
    return words[nodule_type]


def guidelines(hints: Mapping[str, Any]) -> str:
    """Every hint that has an answer, as rich text: the answer, what it rests on, its limits."""
    return "".join(_hint(Hint.from_json(hint)) for hint in hints.values() if hint["answer"])


def _hint(hint: Hint) -> str:
    details = [hint.basis, *hint.limits]
    if hint.missing:
        details.append(_("Not known: {names}.").format(names=", ".join(hint.missing)))
    details.append(_("Source: {source}").format(source=hint.source))
    words = " ".join(detail if detail.endswith(".") else f"{detail}." for detail in details)
    unfit = "" if hint.applies is not False else _(" (does not apply here)")
    return (
        f"<p><b>{escape(hint.title)}:</b> {escape(str(hint.answer))}{unfit}<br/>"
        f"<small>{escape(words)}</small></p>"
    )


def sentence(result: NoduleResult) -> str:
    """The sentence for the report."""
    return report_sentence(result)
