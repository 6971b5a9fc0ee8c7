"""`densesharp cohort`: thousands of CTs from a list, one record each, one table at the end."""

import argparse
from dataclasses import asdict
from pathlib import Path

from densesharp.cli.predict import add_model_arguments, add_solid_threshold, settings_of
from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "cases",
        type=Path,
        help="CSV with columns case, image, x, y, z[, space][, nodule][, series]; a reader study's "
        "case list is one, too",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    split = parser.add_mutually_exclusive_group()
    split.add_argument(
        "--shard", metavar="I/N", help="do every N-th case from the I-th: one part of N jobs"
    )
    split.add_argument(
        "--dask", metavar="ADDRESS", help="run on a Dask cluster, such as tcp://host:8786"
    )
    add_json_argument(parser)
    add_model_arguments(parser)
    add_solid_threshold(parser)


def run(args: argparse.Namespace) -> int:
    """Do what is not done yet, then merge if nothing is missing."""
    from densesharp.files import check_folder
    from densesharp.model.model_file import load_model
    from densesharp.report.labels import DISCLAIMER
    from densesharp.resources import model_path
    from densesharp.serve.case_list import CohortRun, read_cases, take_shard
    from densesharp.serve.cohort_summary import merge
    from densesharp.serve.run_cohort import run_here, run_on_dask

    check_folder(args.out)
    cases = read_cases(args.cases)
    part = take_shard(cases, args.shard) if args.shard else cases
    model = (args.model or model_path()).resolve()
    settings = CohortRun(
        model=str(model),
        model_sha256=load_model(model).sha256,
        device=args.device,
        precision=args.precision,
        analysis=settings_of(args),
    )
    with progress_bar() as progress:
        if args.dask:
            tally = run_on_dask(part, settings, args.out, args.dask, progress)
        else:
            tally = run_here(part, settings, args.out, progress)
    skipped = len(part) - tally.cases
    text = f"{counted(tally.done, 'CT')} done, {tally.failed} failed, {skipped} done before.\n"
    summary = merge(cases, settings, args.out)
    if summary is None:
        if tally.outdated:
            text += "The old cohort.csv and summary were removed: records changed.\n"
        text += "Other parts of the list are not finished yet, so nothing is merged.\n"
    else:
        nodules = counted(summary.nodules, "nodule")
        text += f"Table of {nodules}: {args.out / 'cohort.csv'}\n{DISCLAIMER}\n"
    counts = {"done": tally.done, "failed": tally.failed, "done_before": skipped}
    document = {**counts, "out": str(args.out), "summary": summary and asdict(summary)}
    finish(text, document, args.json)
    return 0
