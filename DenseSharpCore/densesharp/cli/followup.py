"""`densesharp followup`: the same nodule in two CTs of one patient, and what changed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from densesharp.cli.terminal import add_json_argument, finish, number_if
from densesharp.words import counted

if TYPE_CHECKING:
    from densesharp.image.volume import Volume
    from densesharp.model.engines import Engine
    from densesharp.nodule.followup import FollowUp

_MAX_DAYS = 36500


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from densesharp.cli.predict import add_model_arguments

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
        type=number_if(
            lambda days: 0 < days <= _MAX_DAYS, f"number of days above 0 and up to {_MAX_DAYS}"
        ),
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
    add_json_argument(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Analyse both CTs, compare, write both result folders and the comparison."""
    from densesharp.cli.predict import engine_of, parse_seed, settings_of
    from densesharp.cli.terminal import progress_bar
    from densesharp.errors import SeedError
    from densesharp.files import check_folder
    from densesharp.nodule.followup import days_between, follow_up, followup_sentence

    if len(args.seed) > 2:
        raise SeedError(
            f"{len(args.seed)} seeds were given: one for the earlier and one for the later CT."
        )
    check_folder(args.out)
    with progress_bar() as progress:
        progress(0.0, "Reading the CTs")
        first = _read(args.first, args.first_series, "first")
        second = _read(args.second, args.second_series, "second")
        # Asked even where the user says the days: the dates may prove the order wrong.
        dated = days_between(first, second)
        days = dated if args.days is None else args.days
        seeds = [
            parse_seed(text, args.space, volume.grid)
            for text, volume in zip(args.seed, (first, second), strict=False)
        ]
        engine = engine_of(args)
        found = follow_up(
            first,
            seeds[0],
            second,
            engine,
            days=days or None,
            second_seed=seeds[1] if len(seeds) == 2 else None,
            settings=settings_of(args),
            progress=progress,
        )
    _write(found, first, second, engine, args.out)
    sys.stderr.write(_about_days(args.days, dated))
    text = f"{followup_sentence(found)}\nResults: {args.out}\n"
    finish(text, {**found.to_json(), "out": str(args.out)}, args.json)
    return 0


def _write(found: FollowUp, first: Volume, second: Volume, engine: Engine, target: Path) -> None:
    """Both result folders, picture and comparison: all of them, or the folder stays as it was."""
    from densesharp.files import HIDDEN, ensure_folder, write_text
    from densesharp.report.followup_picture import write_followup_picture
    from densesharp.report.result_files import files_of_earlier_run, put_in_place, write_results

    out = ensure_folder(target)
    earlier = [Path("followup.json"), Path("followup.png")]
    for part in ("first", "second"):
        earlier += [Path(part, name) for name in files_of_earlier_run(out / part)]
    with tempfile.TemporaryDirectory(prefix=HIDDEN, dir=out) as hidden:
        made = Path(hidden)
        write_results([found.first], first, engine, made / "first")
        write_results([found.second], second, engine, made / "second")
        write_followup_picture(made / "followup.png", found, first, second)
        text = json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n"
        write_text(made / "followup.json", text)
        put_in_place(made, out, earlier)


def _read(path: Path, series: str | None, which: str) -> Volume:
    """One of the two CTs; where it is one series of several, its own option is named."""
    from densesharp.io import SeriesChoiceError, read_volume

    try:
        return read_volume(path, series)
    except SeriesChoiceError as error:
        message = f"The {which} CT lies among several series: say which one (--{which}-series KEY)."
        raise SeriesChoiceError(message, error.choices) from error


def _about_days(given: float | None, dated: int | None) -> str:
    """Where the time between the CTs comes from, and where user and headers disagree."""
    if given is not None:
        if dated is None or abs(given - dated) <= 1:
            return ""
        return (
            f"By their DICOM dates the CTs are {counted(dated, 'day')} apart, not {given:g}: "
            f"{given:g} was taken, as --days says. Check it.\n"
        )
    if dated is None:
        return "The CTs carry no dates, so no doubling time can be given: say --days N.\n"
    if dated == 0:
        return "Both CTs are of the same day, so there is no doubling time.\n"
    return f"Days between the CTs, from their DICOM dates: {dated}.\n"
