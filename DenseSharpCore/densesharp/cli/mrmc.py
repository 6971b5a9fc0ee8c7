"""`densesharp mrmc`: readers and treatments compared over readers and cases."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densesharp.cli.terminal import number_if, show

if TYPE_CHECKING:
    from densesharp.stats.figures_of_merit import FigureOfMerit
    from densesharp.stats.marks import Marks
    from densesharp.stats.tables import Readings

NEEDS = {"sensitivity": "threshold", "specificity": "threshold", "partial-auc": "specificities",
         "utility": "slope"}  # fmt: skip
"""Figure -> the option it needs; the others need none."""

RATED = ("auc", "binormal-auc", "cbm-auc", *NEEDS, "mean")
MARKED = ("wafroc", "wafroc1", "afroc", "afroc1", "roi", "hr-auc", "hr-se", "hr-sp", "max-llf",
          "max-nlf", "max-nlf-all", "exp-nlf", "lroc", "pcl")  # fmt: skip
"""Figures of a rating for each case, and of marks (FROC and LROC)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "readings",
        type=Path,
        metavar="READINGS",
        help="CSV with the columns reader,treatment,case,truth,rating; or an .imrmc or .lrc file, "
        "or an Excel workbook (.xlsx) in the layout of JAFROC",
    )
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for stdout")
    add_figure(parser)
    parser.add_argument(
        "--covariance",
        choices=("jackknife", "delong", "unbiased"),
        default="jackknife",
        help="how the error covariance is estimated (default jackknife)",
    )
    parser.add_argument(
        "--level",
        type=number_if(lambda level: 0.5 < level < 1, "confidence level, for example 0.95"),
        default=0.95,
        metavar="P",
        help="confidence level of the intervals (default 0.95)",
    )
    parser.add_argument(
        "--margin",
        type=number_if(
            lambda margin: 0 < margin < 1, "difference in the figure of merit, for example 0.05"
        ),
        metavar="D",
        help="also test that one of two treatments is not worse than the other by D",
    )
    parser.add_argument(
        "--compare",
        choices=("first", "second"),
        help="of treatments named 'one x other', which cross two factors: compare this one, "
        "averaged over the other",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="also write the readings as .csv, .imrmc, .lrc or .xlsx",
    )
    parser.add_argument(
        "--dialect",
        choices=("imrmc", "rjafroc"),
        default="imrmc",
        help="the .imrmc dialect of --write (default imrmc)",
    )


def add_figure(parser: argparse.ArgumentParser) -> None:
    """Add the figure of merit and what it needs."""
    parser.add_argument(
        "--figure",
        choices=(*RATED, *MARKED),
        default="auc",
        metavar="NAME",
        help=f"what to compare (default auc): {', '.join(RATED)}; of marks in a workbook: "
        f"{', '.join(MARKED)}",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="RATING",
        help="ratings from here on are positive, for sensitivity and specificity",
    )
    parser.add_argument(
        "--specificities",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="between which the area is taken, for partial-auc, for example 0.9 1",
    )
    parser.add_argument(
        "--slope",
        type=float,
        metavar="S",
        help="of the lines of equal utility, for utility: (1 - prevalence) / prevalence x costs",
    )
    parser.add_argument(
        "--fpf",
        type=number_if(
            lambda fraction: 0 < fraction <= 1, "false positive fraction, above 0 and at most 1"
        ),
        metavar="F",
        help="up to which (lroc) or at which (pcl) false positive fraction (default 1)",
    )


def run(args: argparse.Namespace) -> int:
    """Read, analyse, write."""
    from densesharp.stats.mrmc_document import mrmc_document
    from densesharp.stats.mrmc_text import mrmc_text
    from densesharp.stats.readings_files import save_readings

    _check_options(args)
    readings, written, figure = read_figure(args.readings, args)
    document = mrmc_document(
        readings, figure, args.covariance, args.level, margin=args.margin, compared=args.compare
    )
    show(mrmc_text(document), document, args.json)
    if args.write:
        save_readings(written, args.write, args.dialect)
    return 0


def read_figure(
    path: Path, args: argparse.Namespace
) -> tuple[Readings, Readings | Marks, FigureOfMerit]:
    """Readings to analyse, what the file holds, and the figure of merit of `add_figure`'s options.

    Raises:
        TableError: the file or an option is at fault.
    """
    from densesharp.stats.readings_files import load_marks, load_readings

    _check_figure(args)
    if args.figure not in MARKED:
        readings = load_readings(path)
        return readings, readings, _figure(args)
    from densesharp.stats.mark_figures import mark_figure

    marks = load_marks(path)
    return marks.numbered(), marks, mark_figure(args.figure, marks, min(args.fpf or 1.0, 1.0))


def _check_options(args: argparse.Namespace) -> None:
    """Refuse a covariance or margin that the figure does not take."""
    from densesharp.errors import TableError

    name = args.figure
    if name != "auc" and args.covariance != "jackknife":
        raise TableError(f"--figure {name} takes the jackknife covariance only.")
    if args.margin is not None and name.startswith("max-nlf"):
        message = f"--margin is of figures that are better when larger, and {name} counts mistakes."
        raise TableError(message)


def _check_figure(args: argparse.Namespace) -> None:
    """Refuse options that a figure does not take, and say what it lacks."""
    from densesharp.errors import TableError

    name, needed = args.figure, NEEDS.get(args.figure)
    takes = {needed} | ({"fpf"} if name in ("lroc", "pcl") else set())
    for option in sorted({*NEEDS.values(), "fpf"} - takes):
        if getattr(args, option) is not None:
            message = f"--figure {name} takes no --{option}: leave it out, or name another figure."
            raise TableError(message)
    value: Any = getattr(args, needed) if needed else 1.0
    if value is None:
        raise TableError(f"--figure {name} needs --{needed}: see --help.")
    if not all(map(math.isfinite, value if isinstance(value, list) else [value])):
        raise TableError(f"--{needed} takes plain numbers.")
    if name == "partial-auc" and not 0 <= value[0] < value[1] <= 1:
        raise TableError("--specificities are two numbers from 0 to 1, the lower one first.")
    if name == "utility" and not value > 0:
        raise TableError("--slope is a number above 0.")


def _figure(args: argparse.Namespace) -> FigureOfMerit:
    """The figure of merit of a rating for each case."""
    from densesharp.stats import curve_figures, figures_of_merit

    if args.figure == "auc":
        return figures_of_merit.AUC
    if args.figure == "mean":
        return figures_of_merit.MEAN_RATING
    if args.figure == "binormal-auc":
        from densesharp.stats.binormal import BINORMAL_AUC

        return BINORMAL_AUC
    if args.figure == "cbm-auc":
        from densesharp.stats.contaminated import CONTAMINATED_AUC

        return CONTAMINATED_AUC
    made: dict[str, Callable[[Any], FigureOfMerit]] = {
        "sensitivity": figures_of_merit.sensitivity,
        "specificity": figures_of_merit.specificity,
        "partial-auc": lambda pair: curve_figures.partial_area(*pair),
        "utility": curve_figures.expected_utility,
    }
    return made[args.figure](getattr(args, NEEDS[args.figure]))
