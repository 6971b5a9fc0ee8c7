"""`densesharp study paper`: the paper's own observer study from its published tables."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Compute and write."""
    from densesharp.cli.terminal import show
    from densesharp.study.analysis.paper_study import published_text, rebuild

    found = rebuild()
    show(published_text(found), found, args.json)
    return 0
