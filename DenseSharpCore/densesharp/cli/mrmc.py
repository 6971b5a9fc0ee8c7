"""`densesharp mrmc`: readers and treatments compared over readers and cases."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

HELP = "compare readers under treatments: AUC with random readers and cases"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "readings",
        type=Path,
        metavar="READINGS",
        help="CSV with the columns reader,treatment,case,truth,rating; or an .imrmc or .lrc file",
    )
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for stdout")
    parser.add_argument(
        "--figure",
        choices=("auc", "sensitivity", "specificity"),
        default="auc",
        help="what to compare (default auc)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="RATING",
        help="ratings from here on are positive, for sensitivity and specificity",
    )
    parser.add_argument(
        "--covariance",
        choices=("jackknife", "delong", "unbiased"),
        default="jackknife",
        help="how the error covariance is estimated (default jackknife)",
    )
    parser.add_argument(
        "--level",
        type=_between(0.5, 1, "confidence level, for example 0.95"),
        default=0.95,
        metavar="P",
        help="confidence level of the intervals (default 0.95)",
    )
    parser.add_argument(
        "--margin",
        type=_between(0, 1, "difference in the figure of merit, for example 0.05"),
        metavar="D",
        help="also test that one of two treatments is not worse than the other by D",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="also write the readings as .csv, .imrmc or .lrc",
    )
    parser.add_argument(
        "--dialect",
        choices=("imrmc", "rjafroc"),
        default="imrmc",
        help="the .imrmc dialect of --write (default imrmc)",
    )


def _between(low: float, high: float, what: str) -> Callable[[str], float]:
    """A number within limits, for argparse."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = high
        if not low < value < high:
            message = f"'{text}' is no {what}"
            raise argparse.ArgumentTypeError(message)
        return value

    return read


def run(args: argparse.Namespace) -> int:
    """Read, analyse, write."""
    from densesharp.errors import TableError
    from densesharp.stats import figures_of_merit as fom
    from densesharp.stats.formatting import write_json
    from densesharp.stats.mrmc_document import mrmc_document
    from densesharp.stats.mrmc_text import mrmc_text
    from densesharp.stats.readings_files import load_readings, save_readings

    readings = load_readings(args.readings)
    figure = fom.AUC
    if args.figure == "auc" and args.threshold is not None:
        message = "The AUC takes no --threshold: leave it out, or name another --figure."
        raise TableError(message)
    if args.figure != "auc":
        if args.threshold is None:
            message = f"The {args.figure} needs a threshold: give the rating with --threshold."
            raise TableError(message)
        if not math.isfinite(args.threshold):
            message = f"The threshold {args.threshold} is no number."
            raise TableError(message)
        if args.covariance != "jackknife":
            message = f"The {args.figure} takes the jackknife covariance only."
            raise TableError(message)
        make = fom.sensitivity if args.figure == "sensitivity" else fom.specificity
        figure = make(args.threshold)
    document = mrmc_document(readings, figure, args.covariance, args.level, margin=args.margin)
    if args.json:
        write_json(document, args.json)
    if args.json != "-":
        sys.stdout.write(mrmc_text(document))
    if args.write:
        save_readings(readings, args.write, args.dialect)
    return 0
