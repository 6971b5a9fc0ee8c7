"""`densesharp study new`: fix a study's design before anybody reads."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

HELP = "fix and hash a study's design and schedule"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("study", type=Path, metavar="STUDY", help="folder to make")
    add(
        "--cases",
        type=Path,
        required=True,
        metavar="CSV",
        help="case,image,x,y,z[,space][,practice][,properties to balance by]",
    )
    add("--readers", type=Path, required=True, metavar="CSV", help="reader,group")
    add(
        "--truth",
        type=Path,
        metavar="CSV",
        help="case,class: balances the order; only its hash is kept, the file is not copied",
    )
    add(
        "--results",
        type=Path,
        metavar="DIR",
        help="the model's results, one folder per case as 'densesharp predict' writes them",
    )
    add(
        "--kind",
        choices=("crossover", "sequential", "unaided"),
        default="crossover",
        help="each case unaided and aided a washout apart (default), or unaided then aided at "
        "once, or unaided only",
    )
    add("--name", help="short name; default: the folder's name")
    add("--title", default="", help="what readers see")
    add("--seed", type=int, help="seed of the random order; default: drawn and recorded")
    add(
        "--washout-days",
        type=float,
        default=28.0,
        metavar="DAYS",
        help="shortest time between a reader's sessions (default 28)",
    )
    add(
        "--reveal",
        choices=("with_image", "after_first_answer"),
        default="with_image",
        help="crossover: when an aided reading shows the model",
    )
    add(
        "--repeats",
        type=int,
        default=0,
        metavar="N",
        help="cases read again, unaided, in a last session",
    )
    add(
        "--mask",
        choices=("none", "optional", "required"),
        default="optional",
        help="whether readers outline the nodule (default optional)",
    )
    add(
        "--going-back",
        action="store_true",
        help="let readers correct answers of the running session",
    )
    add("--figure", default="auc", help="primary endpoint's figure of merit (default auc)")
    add(
        "--task",
        choices=("invasive", "iac"),
        default="invasive",
        help="primary endpoint: invasive against AAH-AIS (default), or IAC against the rest",
    )
    add(
        "--fixed-readers",
        action="store_true",
        help="the primary analysis is about these readers, not readers in general",
    )
    add("--margin", type=float, help="non-inferiority margin in units of the figure")


def run(args: argparse.Namespace) -> int:
    """Make the study and say what was drawn."""
    from densesharp.commands.terminal import progress_bar
    from densesharp.study.create import Sources, create_study
    from densesharp.study.design import Endpoint

    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    name = args.name or args.study.resolve().name
    settings = {
        "study": name,
        "title": args.title or name,
        "kind": args.kind,
        "seed": seed,
        "washout_days": args.washout_days,
        "reveal": args.reveal,
        "repeats": args.repeats,
        "mask": args.mask,
        "going_back": args.going_back,
        "endpoint": Endpoint(
            args.figure, args.task, "fixed" if args.fixed_readers else "random", args.margin
        ),
    }
    sources = Sources(args.cases, args.readers, args.truth, args.results)
    with progress_bar() as progress:
        study = create_study(args.study, sources, settings, progress)
    design = study.design
    first = design.readers[0].id
    sys.stdout.write(
        f"Study '{design.study}' is frozen in {study.folder}\n"
        f"  {len(design.readers)} readers, {len(design.main_cases)} cases, "
        f"{len(design.practice_cases)} for practice, {study.sessions(first)} session(s) each, "
        f"seed {seed}\n"
        f"  design sha256 {design.sha256}\n"
        f"Note the sha256 in the protocol. Start reading with:\n"
        f"  densesharp study read {study.folder} --reader {first}\n"
    )
    return 0
