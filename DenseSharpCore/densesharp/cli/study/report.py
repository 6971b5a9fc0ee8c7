"""`densesharp study report`: figures, tables and report again from results.json."""

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "results", type=Path, metavar="RESULTS", help="folder that 'study analyze' wrote"
    )


def run(args: argparse.Namespace) -> int:
    """Read results.json and write what is made from it."""
    from densesharp.study.report.write_report import read_results, write_report

    write_report(read_results(args.results), args.results)
    sys.stderr.write(f"Report: {args.results / 'report.html'}\n")
    return 0
