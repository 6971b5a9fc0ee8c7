"""`densesharp study read`: read the cases that are due, in the browser."""

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    parser.add_argument("--reader", required=True, metavar="NAME", help="who reads")
    add_store_argument(parser)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """Add where the answers are."""
    parser.add_argument(
        "--store",
        metavar="ADDRESS",
        help="SQLite file or postgresql://user@host/database; default: store.sqlite in STUDY",
    )


def run(args: argparse.Namespace) -> int:
    """Serve the reading page until the reader closes it."""
    from densesharp.cli.pages import page
    from densesharp.cli.terminal import check_port
    from densesharp.study.conduct.reading_session import Reading
    from densesharp.study.conduct.store import open_store
    from densesharp.study.conduct.study_folder import OLD_ORDER, open_study

    check_port("127.0.0.1", args.port)
    study = open_study(args.study)
    study.design.reader(args.reader)
    if study.design.order_reveals_truth:
        sys.stderr.write(f"Note: {OLD_ORDER}\n")
    address = args.store or study.default_store
    store = open_store(address, study.design.study, study.design.sha256)
    try:
        reading = Reading(study, store, args.reader)
        sys.stderr.write("Starting the page, which takes some seconds. Stop it with Ctrl + C.\n")
        page("study")(reading, port=args.port, open_browser=not args.no_browser)
    finally:
        store.close()
    return 0
