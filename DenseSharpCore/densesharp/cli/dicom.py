"""`densesharp dicom`: results as DICOM SEG and SR, and a run repeated from an SR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from densesharp.cli.predict import add_device_arguments, engine_of
from densesharp.cli.terminal import add_json_argument, finish
from densesharp.errors import ImageError, OutputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    for name, text in (
        ("seg", "write the outlines as a DICOM Segmentation"),
        ("sr", "write outlines and measurements as a Segmentation and a structured report"),
    ):
        sub = tasks.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("results", type=Path, help="folder that 'densesharp predict' wrote")
        _add_series(sub)
        sub.add_argument(
            "--keep-identity",
            action="store_true",
            help="write the patient's own name and id, for a clinical archive; without it the "
            "patient is pseudonymised",
        )
        if name == "sr":
            sub.add_argument("--observer", metavar="NAME", help="reader, such as Doe^Jane")
    text = "repeat the run that a structured report describes and compare every number"
    sub = tasks.add_parser("rerun", help=text, description=text[0].upper() + text[1:] + ".")
    sub.add_argument("report", type=Path, help="structured report that DenseSharp wrote")
    sub.add_argument(
        "--seg", type=Path, metavar="FILE",
        help="its segmentation, which holds outlines that a reader corrected; default: the one "
        "beside the report",
    )  # fmt: skip
    _add_series(sub)
    add_device_arguments(sub)


def _add_series(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dicom", type=Path, required=True, metavar="DIR", help="folder of the CT series"
    )
    parser.add_argument("--series", metavar="KEY", help="which series, where there are several")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the objects, or repeat a run."""
    return _rerun(args) if args.task == "rerun" else _write(args)


def _write(args: argparse.Namespace) -> int:
    from densesharp.cli.terminal import progress_bar
    from densesharp.dicom.rerun import load_results
    from densesharp.dicom.write import write_dicom
    from densesharp.io import read_volume

    with progress_bar() as progress:
        volume = read_volume(args.dicom, args.series, progress)
    results, made_by = load_results(args.results, volume)
    names = write_dicom(
        results, volume, made_by, args.out, report=args.task == "sr",
        observer=getattr(args, "observer", None), keep_identity=args.keep_identity,
    )  # fmt: skip
    left_out = [result.id for result in results if result.mask is None]
    if left_out:
        sys.stderr.write(f"Without an outline, so left out: {', '.join(left_out)}\n")
    kept = "with the patient's identity" if args.keep_identity else "pseudonymised"
    text = f"Written to {args.out} ({kept}): {', '.join(names)}\n"
    finish(text, {"out": str(args.out), "files": list(names)}, args.json)
    return 0


def _rerun(args: argparse.Namespace) -> int:
    from densesharp.cli.terminal import progress_bar
    from densesharp.dicom.rerun import differences, run_again
    from densesharp.dicom.run_record import read_report
    from densesharp.dicom.write import SEG_NAME
    from densesharp.io import read_volume
    from densesharp.report.result_files import write_results

    nodules = read_report(load_dicom(args.report))
    seg = args.seg or args.report.with_name(SEG_NAME)
    outlines = load_dicom(seg) if args.seg or seg.exists() else None
    with progress_bar() as progress:
        volume = read_volume(args.dicom, args.series, progress)
        # Equal to the last bit is expected: with the precision of the report.
        engine = engine_of(args, "fp32" if "fp32" in nodules[0].run.engine else "auto")
        results = []
        for done, nodule in enumerate(nodules):
            progress(done / len(nodules), f"Nodule {done + 1} of {len(nodules)}")
            results.append(run_again(nodule, volume, engine, outlines))
    found = [
        f"{nodule.id}: {entry}"
        for nodule, result in zip(nodules, results, strict=True)
        for entry in differences(nodule, result)
    ]
    if found:
        raise OutputError(
            f"The new run differs from the report in {len(found)} numbers (another machine, "
            f"engine or version: report {nodules[0].run.software}, {nodules[0].run.engine}). "
            f"First: {found[0]}."
        )
    write_results(results, volume, engine, args.out)
    count = sum(len(nodule.numbers) for nodule in nodules)
    text = f"All {count} numbers are the same to the last bit. Results: {args.out}\n"
    finish(text, {"out": str(args.out), "numbers": count}, args.json)
    return 0


def load_dicom(path: Path) -> Dataset:
    """A DICOM file.

    Raises:
        ImageError: it is none, or damaged.
    """
    import pydicom

    from densesharp.io.quiet import quiet_pydicom

    try:
        with quiet_pydicom():
            dataset = pydicom.dcmread(path)
            for _ in dataset.iterall():
                pass  # pydicom decodes an element when it is looked at
        return dataset
    except Exception as error:  # a damaged file can make pydicom raise nearly anything
        message = f"'{path}' is no DICOM file that can be read: give a file DenseSharp wrote."
        raise ImageError(message) from error
