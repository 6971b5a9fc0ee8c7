"""`densesharp simulate`: nodules with known class, mask and measurements."""

import argparse
import os

from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.errors import TableError
from densesharp.files import check_folder

CLASSES = {
    "paper": "classes as often as in the paper",
    "balanced": "every class equally often",
    "any": "nodules of any kind without class, for outlining only",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--out", required=True, help="folder of the data set")
    parser.add_argument("--count", type=int, default=100, help="number of nodules (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--classes",
        choices=CLASSES,
        default="paper",
        help="; ".join(f"{name}: {text}" for name, text in CLASSES.items()),
    )
    parser.add_argument("--edge", type=int, default=80, help="mm along a cube's side (default 80)")
    parser.add_argument(
        "--outline",
        type=float,
        default=0.0,
        help="mm that masks are drawn outside the true outline (LIDC-IDRI's readers: about 0.5)",
    )
    parser.add_argument(
        "--lung",
        metavar="CT",
        help="put the nodules into the lungs of this CT, or of the CTs in this folder, away from "
        "nodules that are there; instead of simulated lungs",
    )
    parser.add_argument(
        "--shapes",
        metavar="MASKS",
        help="give the nodules the shapes of these masks (a label map, or a folder of them), "
        "scaled to the drawn diameters; instead of shapes that are made up",
    )
    add_json_argument(parser)
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--sample", action="store_true", help="make the sample chest CT instead of a data set"
    )


def run(args: argparse.Namespace) -> int:
    """Simulate."""
    from densesharp.simulate.latents import UNLABELLED
    from densesharp.simulate.real_lung import find_cts
    from densesharp.simulate.sample import SEED, write_sample
    from densesharp.simulate.shapes import read_shapes
    from densesharp.simulate.simulated_set import BALANCED, Recipe, write_dataset

    if args.count < 1 or args.edge < 40 or args.edge % 2 or args.seed < 0:
        message = "--count must be above 0, --edge an even number from 40 on, --seed not negative."
        raise TableError(message)
    check_folder(args.out)
    if args.sample:
        with progress_bar() as progress:
            write_sample(args.out, args.seed or SEED, progress)
        finish(f"Sample CT: {args.out}\n", {"out": args.out}, args.json)
        return 0
    diagnoses = {"paper": (None,), "balanced": BALANCED, "any": (UNLABELLED,)}[args.classes]
    lungs = tuple(str(path) for path in find_cts(args.lung)) if args.lung else ()
    if args.shapes:
        read_shapes(args.shapes)  # its faults are told before anything is made
    recipe = Recipe(args.seed, diagnoses, args.edge, args.outline, lungs, args.shapes or "")
    with progress_bar() as progress:
        write_dataset(
            args.out, args.count, recipe, min(args.workers, os.cpu_count() or 1), progress
        )
    finish(
        f"Data set of {args.count} simulated nodules: {args.out}\n",
        {"nodules": args.count, "out": args.out},
        args.json,
    )
    return 0
