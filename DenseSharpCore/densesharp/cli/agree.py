"""`densesharp agree`: how far readers agree on the classes of the same cases."""

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "ratings",
        type=Path,
        metavar="RATINGS.csv",
        help="CSV with the columns reader,case,rating[,truth][,patient]",
    )
    add("--json", metavar="FILE", help="write the results as JSON; - for stdout")
    add("--rating", default="rating", metavar="COLUMN", help="the ratings' column (default rating)")
    add(
        "--order",
        metavar="A,B,C",
        help="the classes in their order, where they are names; AAH-AIS,MIA,IAC is known",
    )
    add(
        "--interchangeable",
        action="store_true",
        help="reader labels do not name the same person from case to case",
    )
    add("--replicates", type=int, default=2000, metavar="N", help="bootstrap resamples")
    add("--seed", type=int, default=20240229, help="seed of the bootstrap")


def run(args: argparse.Namespace) -> int:
    """Read, analyse, write."""
    from densesharp.cli.terminal import show
    from densesharp.errors import TableError
    from densesharp.stats.agree_document import agree_document, agree_text
    from densesharp.stats.ratings import read_ratings

    if args.replicates < 1:
        raise TableError(f"{args.replicates} bootstrap resamples are none: give a number above 0.")
    order = [name.strip() for name in args.order.split(",")] if args.order else None
    ratings = read_ratings(args.ratings, rating=args.rating.lower(), order=order)
    document = agree_document(
        ratings, interchangeable=args.interchangeable, replicates=args.replicates, seed=args.seed
    )
    show(agree_text(document), document, args.json)
    return 0
