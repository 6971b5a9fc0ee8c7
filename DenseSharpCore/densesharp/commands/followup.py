"""`densesharp followup`: the same nodule in two CTs of one patient, and what changed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from densesharp.records import Volume

HELP = "compare a nodule in two CTs of the same patient"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from densesharp.commands.predict import add_model_arguments

    parser.add_argument("first", type=Path, help="the earlier CT")
    parser.add_argument("second", type=Path, help="the later CT")
    parser.add_argument(
        "--seed",
        action="append",
        required=True,
        metavar="X,Y,Z",
        help="a point in the nodule in the earlier CT; give a second one for the later CT to do "
        "without registration",
    )
    parser.add_argument("--space", choices=("ras", "lps", "ijk"), default="ras")
    parser.add_argument(
        "--days",
        type=float,
        metavar="N",
        help="days between the two CTs; default: from their DICOM dates, where they have them",
    )
    for which in ("first", "second"):
        parser.add_argument(
            f"--{which}-series",
            metavar="KEY",
            help=f"which series, where the {which} CT has several",
        )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Analyse both CTs, compare, write both result folders and the comparison."""
    from densesharp.commands.predict import parse_seed
    from densesharp.commands.terminal import progress_bar
    from densesharp.engine import available_cores, open_engine
    from densesharp.errors import SeedError
    from densesharp.export.files import write_results
    from densesharp.export.followup_picture import write_followup_picture
    from densesharp.files import ensure_folder, write_text
    from densesharp.followup import days_between, follow_up, followup_sentence
    from densesharp.network.model_file import load_model
    from densesharp.pipeline import Options
    from densesharp.resources import model_path

    if len(args.seed) > 2:
        message = (
            f"{len(args.seed)} seeds were given: one for the earlier and one for the later CT."
        )
        raise SeedError(message)
    with progress_bar() as progress:
        progress(0.0, "Reading the CTs")
        first = _read(args.first, args.first_series, "first")
        second = _read(args.second, args.second_series, "second")
        days = args.days if args.days is not None else days_between(first, second)
        seeds = [
            parse_seed(text, args.space, volume.grid)
            for text, volume in zip(args.seed, (first, second), strict=False)
        ]
        model = load_model(args.model or model_path())
        engine = open_engine(model, args.device, args.precision, available_cores())
        found = follow_up(
            first,
            seeds[0],
            second,
            engine,
            days=days or None,
            second_seed=seeds[1] if len(seeds) == 2 else None,
            options=Options(args.tta, not args.no_stability),
            progress=progress,
        )
    out = ensure_folder(args.out)
    write_results([found.first], first, engine, out / "first")
    write_results([found.second], second, engine, out / "second")
    write_followup_picture(out / "followup.png", found, first, second)
    write_text(out / "followup.json", json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n")
    sys.stderr.write(_about_days(args.days, days))
    sys.stderr.write(f"{followup_sentence(found)}\nResults: {out}\n")
    return 0


def _read(path: Path, series: str | None, which: str) -> Volume:
    """One of the two CTs; where it is one series of several, its own option is named."""
    from densesharp.reading import SeriesChoiceError, read_volume

    try:
        return read_volume(path, series)
    except SeriesChoiceError as error:
        message = f"The {which} CT lies among several series: say which one (--{which}-series KEY)."
        raise SeriesChoiceError(message, error.choices) from error


def _about_days(given: float | None, used: float | None) -> str:
    """Where the time between the CTs comes from, unless the user said it."""
    if given is not None:
        return ""
    if used is None:
        return "The CTs carry no dates, so no doubling time can be given: say --days N.\n"
    if used == 0:
        return "Both CTs are of the same day, so there is no doubling time.\n"
    return f"Days between the CTs, from their DICOM dates: {used:g}.\n"
