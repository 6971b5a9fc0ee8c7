"""`densesharp study power`: how many readers and cases the next study needs.

From a pilot study's readings (or its variance components) for a comparison of two conditions: to
show a difference, or none beyond a margin; or from an expected AUC alone (`--auc`) for showing that
a model, or one reader, is better than chance.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from densesharp.cli.mrmc import add_figure, read_figure
from densesharp.cli.terminal import number_if, show

if TYPE_CHECKING:
    from densesharp.stats.power import Pilot


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "pilot",
        type=Path,
        nargs="?",
        metavar="PILOT",
        help="readings of a pilot study (.csv with reader,treatment,case,truth,rating; .imrmc; "
        ".lrc; .xlsx)",
    )
    add_figure(parser)
    add(
        "--components",
        type=float,
        nargs=6,
        metavar=("R", "TR", "COV1", "COV2", "COV3", "VAR"),
        help="instead of a pilot's readings: its variance components, as mrmc prints them",
    )
    add("--pilot-cases", type=int, metavar="K", help="with --components: cases they belong to")
    add("--effect", type=float, help="true difference: to detect, or beside a margin (then 0)")
    add(
        "--margin",
        type=number_if(lambda margin: 0 < margin < 100, "margin above 0"),
        metavar="D",
        help="show that the new condition is not worse by D (one-sided, half of alpha)",
    )
    add("--equivalence", action="store_true", help="with --margin: that it differs by less than D")
    add(
        "--design",
        choices=("factorial", "cases-in-readers", "cases-in-treatments", "readers-in-treatments",
                 "split-plot"),
        default="factorial",
        help="who reads what (default factorial: every reader everything); readers and cases are "
        "those of the whole study",
    )  # fmt: skip
    add("--groups", type=int, default=2, metavar="G", help="of a split plot (default 2)")
    add("--readers", type=int, nargs="+", default=[], metavar="J", help="numbers of readers")
    add("--cases", type=int, nargs="*", default=[], metavar="K", help="numbers of cases")
    add("--auc", type=float, metavar="A", help="instead of a pilot: one AUC to tell from chance")
    add(
        "--ratio",
        type=float,
        default=1.0,
        metavar="R",
        help="with --auc: cases without disease for each case with (default 1)",
    )
    add("--power", type=float, default=0.8, help="target power (default 0.8)")
    add("--alpha", type=float, default=0.05, help="two-sided level (default 0.05)")
    add("--json", metavar="FILE", help="write the results as JSON; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Compute power and sizes."""
    from densesharp.errors import StudyError

    if not (0 < args.alpha < 1 and 0 < args.power < 1):
        raise StudyError("Power and alpha lie between 0 and 1.")
    if sum(given is not None for given in (args.pilot, args.auc, args.components)) != 1:
        raise StudyError(
            "Give either a pilot study's readings, or its --components, or one AUC with --auc."
        )
    document = _pilot_document(args) if args.auc is None else _single_document(args)
    show(_text(document) if args.auc is None else _single_text(document), document, args.json)
    return 0


def _single_document(args: argparse.Namespace) -> dict[str, Any]:
    """Power for every asked-for number of cases, and the cases that reach the target."""
    from densesharp.stats.power_single import single_cases, single_power

    share = 1 / (1 + args.ratio) if args.ratio > 0 else 0.0
    return {
        "auc": args.auc,
        "ratio": args.ratio,
        "alpha": args.alpha,
        "target": args.power,
        "power": [
            single_power(args.auc, share * k, (1 - share) * k, args.alpha) for k in args.cases
        ],
        "cases_needed": single_cases(args.auc, args.power, args.ratio, args.alpha),
    }


def _single_text(document: dict[str, Any]) -> str:
    import math

    from densesharp.stats.formatting import number, text_table

    found = document["cases_needed"]
    rows = [
        [number(one.diseased, 1), number(one.others, 1), number(one.power)]
        for one in document["power"]
    ]
    rows.append([str(math.ceil(n)) for n in (found.diseased, found.others)] + [f"{found.power:g}"])
    head = f"Telling an AUC of {document['auc']:g} from chance (level {document['alpha']:g}):\n"
    return head + text_table(["with disease", "without", "power"], rows) + "\n"


def _pilot_document(args: argparse.Namespace) -> dict[str, Any]:
    from densesharp.errors import StudyError

    if not args.readers or not (args.effect or args.margin):
        message = "A comparison needs an effect other than 0, or a margin, and numbers of readers."
        raise StudyError(message)
    if args.equivalence and args.margin is None:
        raise StudyError("--equivalence needs its --margin.")
    return _power_document(_pilot(args), args)


def _pilot(args: argparse.Namespace) -> Pilot:
    import numpy as np

    from densesharp.errors import StudyError
    from densesharp.stats.mrmc import analyse
    from densesharp.stats.mrmc_result import Components
    from densesharp.stats.power import pilot_from

    if args.components is None:
        readings, _, figure = read_figure(args.pilot, args)
        # Sensitivity has the variance of the diseased cases, and is planned in them.
        used = int(figure.uses(readings.truth.astype(np.int64)).sum())
        return pilot_from(analyse(readings, figure).components, used)
    if not args.pilot_cases or args.pilot_cases < 2:
        message = "--components need --pilot-cases, the number of cases that they belong to."
        raise StudyError(message)
    var_r, var_tr, cov1, cov2, cov3, var_error = args.components
    return pilot_from(Components(var_r, var_tr, cov1, cov2, cov3, var_error), args.pilot_cases)


def _power_document(pilot: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Power for every asked-for size, and the cases that reach the target."""
    from densesharp.stats.power import FormName, Plan, cases_needed, power

    plan = Plan(args.design, args.groups, args.margin, args.equivalence)
    effect = args.effect or 0.0
    forms: tuple[FormName, ...] = ("rrrc", "frrc", "rrfc")
    sizes = [(j, k) for j in args.readers for k in args.cases]
    return {
        "pilot": pilot,
        "effect": effect,
        "plan": plan,
        "figure": args.figure,
        "alpha": args.alpha,
        "target": args.power,
        "power": [
            power(pilot, j, k, effect, form, args.alpha, plan)
            for j, k in sizes
            for form in forms
            if j > 1 or form == "frrc"
        ],
        "cases_needed": [
            {
                "readers": j,
                "form": form,
                "found": cases_needed(pilot, j, effect, args.power, form, args.alpha, plan=plan),
            }
            for j in args.readers
            for form in forms
            if j > 1 or form == "frrc"
        ],
    }


def _text(document: dict[str, Any]) -> str:
    from densesharp.stats.formatting import number, text_table
    from densesharp.stats.mrmc_records import FORM_TITLES
    from densesharp.stats.power import DESIGNS

    parts = []
    if document["power"]:
        rows = [
            [FORM_TITLES[one.form], str(one.readers), str(one.cases), number(one.power)]
            for one in document["power"]
        ]
        parts.append(text_table(["", "readers", "cases", "power"], rows))
    rows = [
        [
            FORM_TITLES[row["form"]],
            str(row["readers"]),
            str(row["found"].cases) if row["found"] else "not reachable",
        ]
        for row in document["cases_needed"]
    ]
    plan = document["plan"]
    aim = f"to detect {document['effect']:g}"
    if plan.margin is not None:
        kind = "equivalence within" if plan.equivalence else "not worse by"
        aim = f"to show {kind} {plan.margin:g} where the difference is {document['effect']:g}"
    what = {"sensitivity": "Cases with disease", "specificity": "Cases without disease"}
    cases = what.get(document["figure"], "Cases")
    design = "" if plan.design == "factorial" else f"; {DESIGNS[plan.design]}"
    parts.append(
        f"{cases} for a power of {document['target']:g} {aim}{design}:\n"
        + text_table(["", "readers", "cases"], rows)
    )
    return "\n\n".join(parts) + "\n"
