"""`densesharp study merge`: bring the stores of several workstations together."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from densesharp.cli.study.read import add_store_argument
from densesharp.cli.terminal import add_json_argument, finish
from densesharp.words import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="stores to add")
    add_store_argument(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Merge the sources into the study's store."""
    from densesharp.study.conduct.merge import merge
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import OLD_ORDER, open_study

    study = open_study(args.study)
    design = study.design
    with ExitStack() as stack:
        sources = []
        for address in args.sources:
            sources.append(open_store(address, design.study, design.sha256, create=False))
            stack.callback(sources[-1].close)
        target = open_store(args.store or study.default_store, design.study, design.sha256)
        stack.callback(target.close)
        added = merge(study, target, sources)
    if design.order_reveals_truth:
        sys.stderr.write(f"Note: {OLD_ORDER}\n")
    text = f"{counted(added, 'event')} added to {target.label}.\n"
    finish(text, {"added": added, "store": target.label}, args.json, sys.stdout)
    return 0
