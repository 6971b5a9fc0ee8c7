"""What the pages say of an evaluation's figures, each between two marks.

`<!-- evaluation:NAME -->` and `<!-- /evaluation:NAME -->` hold what `BLOCKS[NAME]` makes of
docs/reference/evaluation.json. No mark shows in a page.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import markdown_table
from densesharp.stats.from_json import from_json
from densesharp.train.evaluation_answers import JudgedAnswers
from densesharp.train.evaluation_readers import GRIDS, Reach, ReadersRow
from densesharp.train.evaluation_report import (
    answer_lines,
    class_lines,
    mask_lines,
    rating_lines,
    reach_sentence,
    readers_lines,
    show,
)
from densesharp.train.evaluation_summary import (
    ClassCalibration,
    ClassRow,
    MaskRow,
    RatingRow,
    Robustness,
)

Figures = Mapping[str, Any]
Row = TypeVar("Row")

PAGES = ("docs/reference/evaluation.md", "README.md")


def rows_of(kind: type[Row], data: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of a table as the records that they came from."""
    return {name: from_json(kind, row) for name, row in data.items()}


def model(figures: Figures) -> str:
    """Which model was measured."""
    part = figures["lidc"]
    return f"Measured: {part['model']}, SHA-256 `{part['sha256']}`."


def readers(figures: Figures) -> str:
    """The model beside the readers, on the CT's own grid."""
    found = figures["lidc"]["result"]
    parts = []
    for grid in ("inner", "outer"):
        lines = readers_lines(rows_of(ReadersRow, found["readers"][grid]))
        parts += [f"Mean Dice {GRIDS[grid]}.", "", *lines, ""]
    parts += [reach_sentence(Reach(**found["reach"])), ""]
    loss = show(from_json(Robustness, found["robustness"]).mean_loss)
    parts += [f"Seed moved by 5 mm along each axis, either way: the mean Dice loses {loss}."]
    return "\n".join(parts)


def answers(figures: Figures) -> str:
    """Whether the warnings are where they belong."""
    return "\n".join(answer_lines(JudgedAnswers(**figures["lidc"]["result"]["answers"])))


def limits(figures: Figures) -> str:
    """Limits that were fitted to readers, and what they do on patients left out of the fit."""
    found = figures["limits"]["result"]
    doubt, interval, kind = found["doubt"], found["interval"], found["type"]

    def fitted(of: Mapping[str, Any], digits: int) -> list[str]:
        folds = [round(value, digits) for value in of["by_fold"]]
        return [str(of["used"]), f"{of['on_all']:.{digits}f}", f"{min(folds)} to {max(folds)}"]

    def doubted(counts: Sequence[int]) -> str:
        return " and ".join(f"{n} of {of}" for n, of in zip(counts, doubt["n"], strict=True))

    def typed(of: Mapping[str, float]) -> str:
        return f"kappa {of['kappa']:.3f}, {of['part_solid']:.0%} of the part-solid"

    covered = [f"{interval[name]} of {interval['n']}" for name in ("covered", "covered_left_out")]
    told = [
        f"{found['nodule'][n]} of {found['nodule']['n']}" for n in ("doubted", "doubted_left_out")
    ]
    chosen = [
        ["overlap below which an outline is doubted: bad and good ones", *fitted(doubt, 3),
         doubted(doubt["doubted"]), doubted(doubt["doubted_left_out"])],
        ["overlap below which there is perhaps no nodule: nodules so doubted",
         *fitted(found["nodule"], 3), *told],
        ["interval of the volume: nodules whose readers it holds", *fitted(interval, 2), *covered],
        [f"type of {sum(kind['n'])} slices", "below", "below", "", typed(kind["as_used"]),
         typed(kind["left_out"])],
    ]  # fmt: skip
    weights = [
        [f"{name}, {title}", *(f"{weight:.3f}" for weight in row)]
        for title, rows in (("in use", kind["used"]), ("fitted again", kind["on_all"]))
        for name, row in zip(("ground-glass", "part-solid"), rows, strict=False)
    ]
    counted = ("counted with the one in use", "counted on patients left out")
    return "\n".join(
        [
            *markdown_table(["limit", "in use", "fitted again", "by fold", *counted], chosen),
            "",
            *markdown_table(
                ["weights of the type", "constant", "median", "90th percentile", "diameter"],
                weights,
            ),
        ]
    )


def density(figures: Figures) -> str:
    """Density and mean class by texture and size."""
    found = figures["lidc"]["result"]
    whole, inner = (
        show(from_json(Estimate, found[name]))
        for name in ("density_spearman", "inner_density_spearman")
    )
    return "\n".join(
        [
            f"Spearman of solid share and texture: {whole}; without the masks' outermost voxels "
            f"{inner}.",
            "",
            *rating_lines([from_json(RatingRow, row) for row in found["class_by_rating"]]),
        ]
    )


def places(figures: Figures) -> str:
    """Clicks where no nodule is, beside those on nodules."""
    found = figures["places"]["result"]
    names = {"vessel": "a vessel", "wall": "the chest wall or mediastinum", "nodule": "a nodule"}
    head = ["click on", "n", "refused", "told that it may be no nodule", "one of the two",
            "refused or any caution about the outline"]  # fmt: skip
    rows = []
    for kind, name in names.items():
        n, refused, told, warned = (found[kind][k] for k in ("n", "refused", "no_nodule", "warned"))
        one, any_ = ((refused + more) / n for more in (told, warned))
        rows.append([name, n, refused, told, f"{one:.0%}", f"{any_:.0%}"])
    return "\n".join(markdown_table(head, rows))


def isolated(figures: Figures) -> str:
    """Isolated solid nodules beside what is denser than midway."""
    found = figures["isolated"]["result"]

    def ratio(of: Sequence[float]) -> str:
        low, middle, high = of
        return f"{middle:.2f} (quartiles {low:.2f} and {high:.2f})"

    return (
        f"Volume over that above half density, {found['n']} isolated solid nodules, median: the "
        f"model {ratio(found['model'])}, what half of the readers or more marked "
        f"{ratio(found['readers'])}."
    )


def balls(figures: Figures) -> str:
    """Error of the volume of digital balls by slice spacing and size."""
    table = figures["balls"]["result"]
    rows = [
        (f"{slice_mm} mm", *map(percent, [*row.values(), sum(row.values()) / len(row)]))
        for slice_mm, row in table.items()
    ]
    sizes = next(iter(table.values()))
    return "\n".join(markdown_table(["slices", *(f"{size} mm" for size in sizes), "mean"], rows))


def percent(share: float) -> str:
    """A share with its sign."""
    rounded = round(100 * share)
    return f"{rounded:+d} %" if rounded else "0 %"


def simulated(figures: Figures) -> str:
    """Classes and masks of simulated nodules."""
    found = figures["simulated"]["result"]
    ece = show(from_json(ClassCalibration, found["calibration"]).ece)
    return "\n".join(
        [
            *class_lines(rows_of(ClassRow, found["classes"])),
            "",
            *mask_lines(rows_of(MaskRow, found["masks"])),
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
    "limits": limits,
    "density": density,
    "places": places,
    "isolated": isolated,
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
