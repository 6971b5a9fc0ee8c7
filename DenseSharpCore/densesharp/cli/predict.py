"""`densesharp predict`: outline, measure and classify the nodules at seeds in one CT."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from densesharp.cli.terminal import number_if
from densesharp.csv_files import plain_number
from densesharp.errors import SeedError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice
from densesharp.nodule.records import NoduleResult, Seed

if TYPE_CHECKING:
    from densesharp.model.engines import Engine, Precision
    from densesharp.nodule.settings import AnalysisSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("image", type=Path, help="CT as NRRD, NIfTI, MHA or a DICOM folder")
    parser.add_argument(
        "--seed",
        action="append",
        required=True,
        metavar="X,Y,Z",
        help="a point in the nodule; repeat for more nodules",
    )
    parser.add_argument(
        "--space",
        choices=("ras", "lps", "ijk"),
        default="ras",
        help="what the seed's numbers are: RAS mm as in 3D Slicer (default), LPS mm as in DICOM "
        "and ITK, or voxel indices",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    parser.add_argument(
        "--series", help="number or UID of the series, where a DICOM folder holds several"
    )
    add_model_arguments(parser)
    add_solid_threshold(parser)
    parser.add_argument("--json", metavar="FILE", help="also write result.json here; - for stdout")


def add_solid_threshold(parser: argparse.ArgumentParser) -> None:
    """Add where solid begins."""
    parser.add_argument(
        "--solid-threshold",
        type=number_if(lambda hu: -1000 <= hu <= 400, "density from -1000 to 400 HU"),
        default=-300.0,
        metavar="HU",
        help="density from which a part of the nodule counts as solid (default -300)",
    )


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which model runs, and on what."""
    parser.add_argument("--model", type=Path, help="model file; default: the bundled one")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command that runs the model takes."""
    add_device_arguments(parser)
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32"),
        default="auto",
        help="auto (default): reduced precision, about twice as fast, where the hardware has it "
        "and a check at the start finds the same results; fp32: the same on every machine",
    )
    parser.add_argument(
        "--tta",
        type=orientation_count,
        default=4,
        metavar="N",
        help="orientations to average over, 1 to 48 (default 4)",
    )
    parser.add_argument("--no-stability", action="store_true", help="do not move the click")


def settings_of(args: argparse.Namespace) -> AnalysisSettings:
    """What the arguments of a command that runs the model choose."""
    from densesharp.nodule.settings import DEFAULTS, AnalysisSettings

    threshold = getattr(args, "solid_threshold", DEFAULTS.solid_threshold_hu)
    return AnalysisSettings(args.tta, not args.no_stability, threshold)


def engine_of(args: argparse.Namespace, precision: Precision | None = None) -> Engine:
    """The engine that the arguments choose; a precision that is named wins over theirs."""
    from densesharp.model.engines import available_cores, open_engine
    from densesharp.model.model_file import load_model
    from densesharp.resources import model_path

    model = load_model(args.model or model_path())
    return open_engine(model, args.device, precision or args.precision, available_cores())


def orientation_count(text: str) -> int:
    """A whole number from 1 to 48."""
    if not text.isdecimal() or not 1 <= int(text) <= 48:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 48")
    return int(text)


def parse_seed(text: str, space: str, grid: Grid) -> Seed:
    """A seed from `X,Y,Z` in the named space.

    Args:
        text: three numbers with commas, such as `12.5,-40,88`.
        space: `ras`, `lps` (mm) or `ijk` (voxels).
        grid: the CT's grid.

    Raises:
        SeedError: not three numbers.
    """
    # As we print it: (−20, 0, −1), with the minus sign of typography.
    numbers = [plain_number(part) for part in text.strip(" ()").split(",")]
    if len(numbers) != 3 or None in numbers:
        message = f"The seed '{text}' is not three numbers: write X,Y,Z, for example 12.5,-40,88."
        raise SeedError(message)
    point = np.array(numbers, dtype=np.float64)
    if space == "ijk":
        return Seed.from_ijk(point, grid)
    return Seed.from_ras(point) if space == "ras" else Seed(point)


def run(args: argparse.Namespace) -> int:
    """Run the chain for every seed, then write everything at once."""
    from densesharp.cli.terminal import progress_bar, write_json
    from densesharp.files import check_folder
    from densesharp.io import read_volume
    from densesharp.nodule.pipeline import analyse, check_seed
    from densesharp.report.result_files import write_results

    check_folder(args.out)
    with progress_bar() as progress:
        progress(0.0, "Reading the CT")
        volume = read_volume(args.image, series=args.series)
        seeds = [parse_seed(text, args.space, volume.grid) for text in args.seed]
        for seed in seeds:
            check_seed(volume, seed)
        progress(0.1, "Loading the model")
        engine = engine_of(args)
        results = [
            analyse(
                volume, seed, engine, nodule_id=f"nodule_{number:03d}", settings=settings_of(args),
                progress=lambda _, text, n=number: progress(  # type: ignore[misc]
                    0.2 + 0.7 * (n - 1) / len(seeds), f"Nodule {n} of {len(seeds)}: {text}"
                ),
            )
            for number, seed in enumerate(seeds, start=1)
        ]  # fmt: skip
        results = name_repeated(results)
        progress(0.9, "Writing the results")
        document = write_results(results, volume, engine, args.out)
    report(results, args.out, engine.description)
    if args.json:
        write_json(document, args.json)
    return 0


def name_repeated(results: list[NoduleResult]) -> list[NoduleResult]:
    """Say of a nodule that was clicked twice that it is one."""
    from densesharp.image.masks import dice

    told: list[NoduleResult] = []
    for result in results:
        found = [one.id for one in told if result.mask and dice(result.mask, one.mask) > 0.5]
        notices = [
            Notice("clicked_twice", f"The same nodule as {name.replace('_', ' ')}.", "info")
            for name in found[:1]
        ]
        told.append(replace(result, notices=(*result.notices, *notices)))
    return told


def report(results: list[NoduleResult], out: Path, device: str) -> None:
    """Tell the user what was found and where it lies.

    Args:
        results: the nodules.
        out: the folder of their files.
        device: what computed, in words.
    """
    from densesharp.report.labels import DISCLAIMER, report_sentence

    lines = [report_sentence(result) for result in results]
    lines += [f"Results: {out}", f"Ran on: {device}", DISCLAIMER]
    sys.stderr.write("\n".join(lines) + "\n")
