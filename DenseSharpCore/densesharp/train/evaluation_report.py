"""An evaluation as files: tables for people and programs, and figures.

OUT/evaluation.json   every number with interval, test and reason
OUT/evaluation.md     the same as tables
OUT/nodules.csv       one line per nodule
OUT/*.png             Dice by size and texture, reliability plot; the model is in their metadata
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from densesharp.csv_files import read_csv, write_csv
from densesharp.errors import TableError
from densesharp.files import atomic_path, write_text
from densesharp.model.model_file import ModelFile
from densesharp.nodule.records import CLASS_NAMES
from densesharp.stats.calibration import Bin
from densesharp.stats.estimates import Estimate, to_json
from densesharp.stats.formatting import markdown_table
from densesharp.train import evaluation_summary as summary
from densesharp.train.evaluation_answers import BAD, TYPES, JudgedAnswers, judge
from densesharp.train.evaluation_readers import (
    BEYOND_MM,
    GRIDS,
    LEAK_SHARE,
    Reach,
    ReadersRow,
    reach,
    readers_tables,
)
from densesharp.train.evaluation_records import AmongReaders, Extent, Outcome, StoredAnswer
from densesharp.words import counted

MORE = {"extent": Extent, "answer": StoredAnswer}
"""Further records of an `Outcome` that nodules.csv spreads over columns."""

Ideal = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class EvaluatedModel:
    """Which model was judged."""

    name: str
    sha256: str
    members: int


@dataclass(frozen=True)
class OutlinedPlaces:
    """At how many places without a nodule something was outlined, and how many there are."""

    outlined: int
    n: int


@dataclass(frozen=True)
class Evaluation:
    """What evaluation.json holds.

    Attributes:
        model: that was judged.
        nodules: how many.
        masks: by group of nodules.
        readers: by field of `GRIDS`, then by group; without what was not measured.
        reach: None where no outlines on the CT's own voxels are known.
        answers: None where none were asked for.
        places: without a nodule.
        robustness: against displaced seeds.
        density_spearman: of the outline's solid share and the readers' texture.
        inner_density_spearman: without the outline's outermost voxels.
        class_by_rating: by texture and by size.
        classes: of the network, of baselines and of the perfect reader; empty without classes.
        calibration: of the classes.
    """

    model: EvaluatedModel
    nodules: int
    masks: Mapping[str, summary.MaskRow]
    readers: Mapping[str, Mapping[str, ReadersRow]]
    reach: Reach | None
    answers: JudgedAnswers | None
    places: OutlinedPlaces
    robustness: summary.Robustness
    density_spearman: Estimate
    inner_density_spearman: Estimate
    class_by_rating: Sequence[summary.RatingRow]
    classes: Mapping[str, summary.ClassRow]
    calibration: summary.ClassCalibration


def read_ideal(dataset: str | Path) -> Ideal:
    """Class probabilities of the perfect reader by nodule, from a simulated data set's truth.csv.

    Empty for other data sets.

    Raises:
        TableError: the file is damaged.
    """
    path = Path(dataset) / "truth.csv"
    if not path.exists():
        return {}
    columns = [f"ideal_{name}" for name in CLASS_NAMES]
    try:
        return {
            row["name"]: tuple(float(row[column]) for column in columns)
            for row in read_csv(path, f"'{path}'").records()
            if all(row.get(column) for column in columns)
        }
    except (ValueError, KeyError) as error:
        message = f"'{path}' is damaged ({error}): simulate the data set again, or remove the file."
        raise TableError(message) from error


def write_report(
    folder: Path,
    outcomes: Sequence[Outcome],
    model: ModelFile,
    ideal: Ideal,
    places: tuple[int, int] = (0, 0),
) -> Evaluation:
    """Summarise the outcomes and write all files.

    Args:
        folder: to write to.
        outcomes: of every nodule.
        model: that was judged.
        ideal: probabilities of a perfect reader, where the data set is simulated.
        places: how many places without a nodule were outlined, and how many there are.

    Returns:
        What evaluation.json holds.

    Raises:
        OutputError: the folder cannot be written to.
    """
    results = Evaluation(
        model=EvaluatedModel(model.card.name, model.sha256, len(model.members)),
        nodules=len(outcomes),
        masks=summary.masks(outcomes),
        readers=readers_tables(outcomes, summary.groups_of(outcomes)),
        reach=reach(outcomes),
        answers=judge(outcomes),
        places=OutlinedPlaces(*places),
        robustness=summary.robustness(outcomes),
        density_spearman=summary.density(outcomes, "solid_share"),
        inner_density_spearman=summary.density(outcomes, "inner_solid_share"),
        class_by_rating=summary.class_by_rating(outcomes),
        classes=summary.classes(outcomes, ideal),
        calibration=summary.calibration(outcomes),
    )
    write_text(folder / "evaluation.json", json.dumps(to_json(results), indent=1) + "\n")
    write_text(folder / "evaluation.md", markdown(results))
    _write_nodules(folder / "nodules.csv", outcomes)
    named = f"{model.card.name}, SHA-256 {model.sha256}"
    _draw_dice(folder / "dice.png", outcomes, named)
    if results.calibration.bins:
        _draw_reliability(folder / "reliability.png", results.calibration.bins, named)
    return results


def markdown(results: Evaluation) -> str:
    """The results as Markdown tables."""
    model, places = results.model, results.places
    parts = ["# Evaluation", ""]
    size = f"{counted(model.members, 'member')}, {counted(results.nodules, 'nodule')}"
    parts += [f"{model.name}, {size}.", ""]
    parts += ["## Masks", "", *mask_lines(results.masks), ""]
    if results.readers:
        parts += ["## Beside the readers", ""]
    for grid, rows in results.readers.items():
        parts += [f"Mean Dice {GRIDS[grid]}.", "", *readers_lines(rows), ""]
    if results.reach:
        parts += [reach_sentence(results.reach), ""]
    if results.answers:
        parts += ["## Answers", "", *answer_lines(results.answers), ""]
    if places.n:
        parts += [f"Outlined at {places.outlined} of {places.n} places without a nodule.", ""]
    loss = show(results.robustness.mean_loss)
    parts += [f"Seed moved by 5 mm along each axis: mean Dice loss {loss}.", ""]
    parts += [
        f"Spearman of solid share and texture: {show(results.density_spearman)}; without the "
        f"masks' outermost voxels {show(results.inner_density_spearman)}.",
        "",
    ]
    if results.classes:
        parts += ["## Classes", "", *class_lines(results.classes), ""]
        parts += [f"Expected calibration error: {show(results.calibration.ece)}.", ""]
    if results.class_by_rating:
        lines = rating_lines(results.class_by_rating)
        parts += ["## Mean class probabilities", "", *lines, ""]
    return "\n".join(parts)


def show(value: Estimate | float | None, digits: int = 3) -> str:
    """A number with its interval, or why there is none."""
    if isinstance(value, Estimate):
        if value.value is None:
            return f"not estimable ({value.reason})"
        text = f"{value.value:.{digits}f}"
        if value.ci is not None:
            text += f" ({value.ci[0]:.{digits}f} to {value.ci[1]:.{digits}f})"
        return text
    return "–" if value is None else f"{value:.{digits}f}"


def mask_lines(rows: Mapping[str, summary.MaskRow]) -> list[str]:
    """A table of masks by group."""
    return markdown_table(
        ("nodules", "n", "mean Dice (95 % CI)", "median Dice", "median HD95, mm",
         "mean volume error", "median abs. volume error", "refused"),
        [
            (name, row.n, show(row.mean_dice), show(row.median_dice), show(row.median_hd95_mm, 1),
             f"{row.mean_volume_error:+.0%}", f"{row.median_absolute_volume_error:.0%}",
             row.refused)
            for name, row in rows.items()
        ],
    )  # fmt: skip


READERS = {
    "n": "n (of two readers or more)",
    "one": "model and first reader",
    "mean": "model and each reader",
    "consensus": "model and consensus",
    "others": "model and consensus of the others",
    "reader": "a reader and the same",
    "pairs": "readers two by two",
    "model_minus_reader": "model minus reader (95 % CI)",
    "volume_ratio": "volume over the consensus's, median",
}
"""Columns of the tables beside the readers, by entry of a row."""


def readers_lines(rows: Mapping[str, ReadersRow]) -> list[str]:
    """A table of the model beside the readers, by group."""

    def cells(row: ReadersRow) -> list[str]:
        shown = {key: show(getattr(row, key)) for key in READERS}
        shown |= {"n": f"{row.n} ({row.several})", "volume_ratio": show(row.volume_ratio, 2)}
        return list(shown.values())

    return markdown_table(
        ["nodules", *READERS.values()], [[name, *cells(row)] for name, row in rows.items()]
    )


def reach_sentence(found: Reach) -> str:
    """How far the outlines reach."""
    longer = "–" if found.longer_mm is None else f"{found.longer_mm:+.1f} mm"
    return (
        f"Outlines that reach more than {BEYOND_MM:g} mm beyond every reader's: {found.beyond} of "
        f"{found.n}; with more than {LEAK_SHARE:.0%} of their volume there: {found.leaks}. Long "
        f"axis against the mean of the readers', measured alike: mean {longer}. Height along the "
        f"slices against the consensus: mean {found.taller_mm:+.1f} mm."
    )


def answer_lines(found: JudgedAnswers) -> list[str]:
    """Tables of what the complete answers say."""
    judged = {
        f"outlines that fit, Dice with the consensus under {BAD:g}, doubted": found.bad,
        "other outlines that fit, with any caution": found.good,
        "the same, with a caution about the outline": found.good_outline,
        "larger than the patch, said so": found.too_large,
        "that fit, interval of the volume holds every reader's": found.covered,
    }
    called = (*TYPES, "none")
    return [
        *markdown_table(
            ["nodules", "of how many"],
            [(name, f"{some} of {n}") for name, (some, n) in judged.items()],
        ),
        "",
        *markdown_table(
            ["reader's texture", *(f"called {name}" for name in called)],
            [(name, *(row[other] for other in called)) for name, row in found.types.items()],
        ),
    ]


def class_lines(rows: Mapping[str, summary.ClassRow]) -> list[str]:
    """A table of the classes of the network, of baselines and of a perfect reader."""
    lines = []
    for label, row in rows.items():
        gap = row.network_minus_accuracy
        shown = (row.accuracy, row.weighted_f1.value, row.mcc.value, row.quadratic_kappa,
                 row.auc_invasive, row.auc_iac, gap)  # fmt: skip
        p = "–" if gap is None or gap.p is None else f"{gap.p:.2g}"
        lines.append([label, *map(show, shown), p])
    areas = [f"AUC {name}" for name in (summary.INVASIVE, summary.IAC)]
    head = ["", "accuracy", "weighted F1", "MCC", "quadratic kappa", *areas]
    return markdown_table([*head, "accuracy, network minus this", "p"], lines)


def rating_lines(rows: Sequence[summary.RatingRow]) -> list[str]:
    """A table of mean class probabilities by texture and size."""
    lines = []
    for row in rows:
        shown = [f"{share:.2f}" for share in (row.aah_ais, row.mia, row.iac)]
        lines.append([row.group, row.n, *shown, row.refused])
    return markdown_table(["group", "n", *CLASS_NAMES, "refused"], lines)


def _write_nodules(path: Path, outcomes: Sequence[Outcome]) -> None:
    rows = []
    for outcome in outcomes:
        row = asdict(outcome)
        for part, kind in (*dict.fromkeys(GRIDS, AmongReaders).items(), *MORE.items()):
            values = row.pop(part) or dict.fromkeys(f.name for f in fields(kind))
            row |= {f"{part}_{name}": value for name, value in values.items()}
        row |= dict(zip(CLASS_NAMES, row.pop("probabilities"), strict=True))
        shifted = row.pop("shifted_dice")
        row["mean_shifted_dice"] = float(np.mean(shifted)) if shifted else ""
        rows.append(row)
    write_csv(path, list(rows[0]) if rows else [], rows)


def _draw_dice(path: Path, outcomes: Sequence[Outcome], model: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    colours = {
        "ground-glass (1-2)": "#2a9d8f",
        "part-solid (3-4)": "#e9a23b",
        "solid (5)": "#c1432f",
    }
    rated = False
    for name, ratings in summary.TEXTURES.items():
        group = [o for o in outcomes if o.texture in ratings]
        if group:
            rated = True
            x, y = [o.diameter_mm for o in group], [o.dice for o in group]
            axes.scatter(x, y, s=22, color=colours[name], label=name, alpha=0.8)
    if not rated:
        x, y = [o.diameter_mm for o in outcomes], [o.dice for o in outcomes]
        axes.scatter(x, y, s=16, color="#33658a", alpha=0.6)
    else:
        axes.legend(title="texture", loc="lower right", frameon=False)
    axes.set(xlabel="equivalent diameter, mm", ylabel="Dice", ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Description": model})


def _draw_reliability(path: Path, bins: Sequence[Bin], model: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    x = np.array([b.mean_probability for b in bins])
    y = np.array([b.observed.value or 0.0 for b in bins])
    limits = np.array([b.observed.ci or (0.0, 1.0) for b in bins])
    errors = np.abs(limits.T - y)
    axes.errorbar(x, y, yerr=errors, fmt="o", color="#33658a", capsize=3)
    for b, where in zip(bins, y, strict=True):
        axes.annotate(f"n={b.n}", (b.mean_probability, where), xytext=(5, -10),
                      textcoords="offset points", fontsize=7)  # fmt: skip
    axes.set(xlabel="probability of the predicted class", ylabel="share that was right",
             xlim=(0.25, 1.02), ylim=(0, 1.02))  # fmt: skip
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Description": model})
