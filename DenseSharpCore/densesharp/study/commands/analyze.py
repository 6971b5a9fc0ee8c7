"""`densesharp study analyze`: statistics, figures and report of a finished study."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "analyse a finished study: results, tables, figures, report"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "study",
        type=Path,
        metavar="STUDY",
        help="export folder; or an answers CSV (reader,case,condition,class,...); or readings "
        "(reader,treatment,case,truth,rating; .imrmc; .lrc)",
    )
    add("--truth", type=Path, metavar="CSV", help="case,class: the reference standard")
    add("--model", type=Path, metavar="CSV", help="the model's results, if not in the folder")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--dice-margin",
        type=float,
        metavar="D",
        help="equivalence margin in Dice, set before the study, for the model's outlines",
    )


def run(args: argparse.Namespace) -> int:
    """Read, analyse, write."""
    from densesharp.commands.terminal import progress_bar
    from densesharp.study.analysis.study import analyse_study
    from densesharp.study.load_study import ANSWERS, DESIGN, MODEL, load_study
    from densesharp.study.report.write import write_results

    data = load_study(args.study, args.truth, args.model)
    inside = [args.study / name for name in (DESIGN, ANSWERS, MODEL)]
    inputs = [path for path in inside if path.is_file()] if args.study.is_dir() else [args.study]
    inputs += [path for path in (args.truth, args.model) if path]
    with progress_bar() as progress:
        results = analyse_study(
            data,
            inputs=inputs,
            dice_margin=args.dice_margin,
            progress=lambda fraction, text: progress(0.7 * fraction, text),
        )
        write_results(results, args.out, lambda f, text: progress(0.7 + 0.3 * f, text))
    sys.stderr.write(
        f"Results: {args.out}\nReport: {args.out / 'report.html'}\n"
        "Research use only, not for diagnosis.\n"
    )
    return 0
