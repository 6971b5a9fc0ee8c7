"""What the pages say of an evaluation's figures, each between two marks.

`<!-- evaluation:NAME -->` and `<!-- /evaluation:NAME -->` hold what `BLOCKS[NAME]` makes of
docs/reference/evaluation.json. No mark shows in a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from densesharp.stats.estimates import Estimate
from densesharp.train.evaluation_answers import JudgedAnswers
from densesharp.train.evaluation_readers import GRIDS, Reach
from densesharp.train.evaluation_report import (
    answer_lines,
    class_lines,
    mask_lines,
    rating_lines,
    reach_sentence,
    readers_lines,
    show,
)

Figures = Mapping[str, Any]

PAGES = ("docs/reference/evaluation.md", "README.md")


def revived(value: Any) -> Any:
    """JSON values with estimates as records again."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "value" in value and set(value) <= {field.name for field in fields(Estimate)}:
        ci = value.get("ci")
        return Estimate(**{**value, "ci": None if ci is None else (ci[0], ci[1])})
    return {name: revived(item) for name, item in value.items()}


def model(figures: Figures) -> str:
    """Which model was measured."""
    part = figures["lidc"]
    return f"Measured: {part['model']}, SHA-256 `{part['sha256']}`."


def readers(figures: Figures) -> str:
    """The model beside the readers, on the CT's own grid."""
    found = revived(figures["lidc"]["result"])
    parts = []
    for grid in ("inner", "outer"):
        parts += [f"Mean Dice {GRIDS[grid]}.", "", *readers_lines(found["readers"][grid]), ""]
    parts += [reach_sentence(Reach(**found["reach"])), ""]
    loss = show(found["robustness"]["mean_loss"])
    parts += [f"Seed moved by 5 mm along each axis, either way: the mean Dice loses {loss}."]
    return "\n".join(parts)


def answers(figures: Figures) -> str:
    """Whether the warnings are where they belong."""
    return "\n".join(answer_lines(JudgedAnswers(**figures["lidc"]["result"]["answers"])))


def density(figures: Figures) -> str:
    """Density and mean class by texture and size."""
    found = revived(figures["lidc"]["result"])
    return "\n".join(
        [
            f"Spearman of solid share and texture: {show(found['density_spearman'])}; without the "
            f"masks' outermost voxels {show(found['inner_density_spearman'])}.",
            "",
            *rating_lines(found["class_by_rating"]),
        ]
    )


def balls(figures: Figures) -> str:
    """Error of the volume of digital balls by slice spacing and size."""
    table = figures["balls"]["result"]
    sizes = list(next(iter(table.values())))
    lines = [
        f"| slices | {' | '.join(f'{size} mm' for size in sizes)} | mean |",
        "|" + "---|" * (len(sizes) + 2),
    ]
    for slice_mm, row in table.items():
        mean = sum(row.values()) / len(row)
        cells = " | ".join(percent(row[size]) for size in sizes)
        lines.append(f"| {slice_mm} mm | {cells} | {percent(mean)} |")
    return "\n".join(lines)


def percent(share: float) -> str:
    """A share with its sign."""
    rounded = round(100 * share)
    return f"{rounded:+d} %" if rounded else "0 %"


def simulated(figures: Figures) -> str:
    """Classes and masks of simulated nodules."""
    found = revived(figures["simulated"]["result"])
    ece = show(found["calibration"]["ece"])
    return "\n".join(
        [
            *class_lines(found["classes"]),
            "",
            *mask_lines(found["masks"]),
            "",
            f"Expected calibration error: {ece}.",
        ]
    )


def beside(figures: Figures) -> Mapping[str, Any]:
    """The line of the readers' table that is told in short."""
    found: Mapping[str, Any] = figures["lidc"]["result"]["readers"]["inner"]["mask fits the patch"]
    return found


def outlines_in_short(figures: Figures) -> str:
    """The README's sentence on outlines."""
    row = beside(figures)
    return (
        f"on {row['several']} real nodules that fit the patch and that several radiologists "
        f"outlined, outlines overlap the consensus of\n  the other radiologists with a mean Dice "
        f"of {row['others']:.2f} (another radiologist: {row['reader']:.2f})"
    )


def card_text(figures: Figures) -> str:
    """What the model card says was measured."""
    row = beside(figures)
    of = figures["simulated"]["result"]
    network = of["classes"]["DenseSharp"]
    means = [sum(r.values()) / len(r) for r in figures["balls"]["result"].values()]
    auc = {name: network[f"auc, {name}"]["value"] for name in ("invasive (MIA or IAC)", "IAC")}
    return (
        f"real CT, {row['several']} LIDC-IDRI nodules that fit the patch, inner rule, consensus of "
        f"the other readers: mean Dice {row['others']:.3f} (a reader {row['reader']:.3f}); the "
        "network has seen all these patients (its mask branch, fitted without them: 0.808 of 56, a "
        "reader 0.800). Digital balls of 40 HU and 5 to 20 mm, slices of "
        f"0.6 to 2.5 mm: mean volume error {percent(min(means))} to {percent(max(means))}. "
        f"{of['nodules']} simulated "
        f"nodules: accuracy {network['accuracy']['value']:.3f}, AUC of invasive "
        f"{auc['invasive (MIA or IAC)']:.3f} and of IAC {auc['IAC']:.3f}, calibration error "
        f"{of['calibration']['ece']['value']:.3f}. No class was checked against pathology."
    )


def classes_in_short(figures: Figures) -> str:
    """The README's sentence on classes."""
    right = {
        name: round(100 * row["accuracy"]["value"])
        for name, row in figures["simulated"]["result"]["classes"].items()
    }
    return (
        f"On simulated nodules the class is\n  right in {right['DenseSharp']} % "
        f"(size alone {right['diameter only']} %, density alone {right['mean HU only']} %, a "
        f"perfect reader {right['ceiling (perfect reader)']} %)"
    )


BLOCKS: Mapping[str, Callable[[Figures], str]] = {
    "model": model,
    "readers": readers,
    "answers": answers,
    "density": density,
    "balls": balls,
    "simulated": simulated,
}
SENTENCES: Mapping[str, Callable[[Figures], str]] = {
    "outlines_in_short": outlines_in_short,
    "classes_in_short": classes_in_short,
}
"""Blocks that stand within a sentence."""


def filled(text: str, figures: Figures) -> str:
    """A page with what the figures say between its marks."""
    for name, block in {**BLOCKS, **SENTENCES}.items():
        gap = "\n\n" if name in BLOCKS else ""
        pattern = rf"(<!-- evaluation:{name} -->).*?(<!-- /evaluation:{name} -->)"
        body = f"{gap}{block(figures)}{gap}"
        text = re.sub(pattern, lambda m, b=body: f"{m[1]}{b}{m[2]}", text, flags=re.DOTALL)
    return text


def write_pages(root: Path, figures: Figures) -> None:
    """Put the figures into all pages."""
    for page in PAGES:
        path = root / page
        path.write_text(filled(path.read_text(encoding="utf-8"), figures), encoding="utf-8")
