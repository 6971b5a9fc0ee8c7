"""`densesharp study paper`: the paper's own observer study from its published tables."""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Compute and write."""
    from densesharp.stats.formatting import write_json
    from densesharp.study.analysis.paper_study import published_text, rebuild

    found = rebuild()
    if args.json:
        write_json(found, args.json)
    if args.json != "-":
        sys.stdout.write(published_text(found))
    return 0
