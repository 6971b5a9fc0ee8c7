"""`densesharp dataset`: from CTs, masks and a table of diagnoses to a data set for training."""

import argparse
import os
from pathlib import Path

from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.files import check_folder
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "table",
        help="CSV: name, image, mask[, label, diagnosis, patient, subset, keep_slice_axis, "
        "texture, rule, x, y, z]; or where accepted outlines are: a saved scene (.mrb, .mrml), a "
        "folder of scenes or of DICOM SEG with their CT, or of densesharp cohort",
    )
    parser.add_argument("--out", required=True, help="folder of the data set; may be grown later")
    parser.add_argument("--edge", type=int, default=80, help="mm along a cube's side (default 80)")
    parser.add_argument("--folds", type=int, default=5, help="subsets to deal into (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the dealing (default 0)")
    add_json_argument(parser)
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")


def run(args: argparse.Namespace) -> int:
    """Build the data set."""
    from densesharp.train.accepted import SCENES, collect
    from densesharp.train.builder import build_dataset

    check_folder(args.out)
    with progress_bar() as progress:
        table = args.table
        if Path(table).is_dir() or Path(table).suffix.lower() in SCENES:
            table = collect(table, args.out, progress)
        count = build_dataset(
            table,
            args.out,
            args.edge,
            args.folds,
            args.seed,
            min(args.workers, os.cpu_count() or 1),
            progress,
        )
    finish(
        f"Data set of {counted(count, 'nodule')}: {args.out}\n{_to_fill_in(table, args)}",
        {"nodules": count, "out": args.out},
        args.json,
    )
    return 0


def _to_fill_in(table: str | Path, args: argparse.Namespace) -> str:
    """How to add classes to outlines that were found."""
    if table == args.table:
        return ""
    return f"Fill in the diagnoses in {table}, then: densesharp dataset {table} --out {args.out}\n"
