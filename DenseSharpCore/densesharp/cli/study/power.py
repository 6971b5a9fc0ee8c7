"""`densesharp study power`: how many readers and cases the next study needs.

From a pilot study's readings for a comparison of two conditions, or from an expected AUC alone
(`--auc`) for showing that a model, or one reader, is better than chance.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

HELP = "power and number of cases, from a pilot study or for one AUC"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "pilot",
        type=Path,
        nargs="?",
        metavar="PILOT",
        help="readings of a pilot study (.csv with reader,treatment,case,truth,rating; .imrmc; "
        ".lrc)",
    )
    add("--effect", type=float, help="difference in AUC to detect")
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
    from densesharp.stats.formatting import write_json

    if not (0 < args.alpha < 1 and 0 < args.power < 1):
        message = "Power and alpha lie between 0 and 1."
        raise StudyError(message)
    if (args.pilot is None) == (args.auc is None):
        message = "Give either a pilot study's readings, or one AUC with --auc."
        raise StudyError(message)
    document = _pilot_document(args) if args.auc is None else single_document(args)
    if args.json:
        write_json(document, args.json)
    if args.json != "-":
        sys.stdout.write(_text(document) if args.auc is None else _single_text(document))
    return 0


def single_document(args: argparse.Namespace) -> dict[str, Any]:
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
    from densesharp.stats.mrmc import analyse
    from densesharp.stats.power import pilot_from
    from densesharp.stats.readings_files import load_readings

    if not args.effect or not args.readers:
        message = "A pilot study needs an effect other than 0 and numbers of readers."
        raise StudyError(message)
    readings = load_readings(args.pilot)
    pilot = pilot_from(analyse(readings).components, len(readings.cases))
    return power_document(pilot, args)


def power_document(pilot: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Power for every asked-for size, and the cases that reach the target."""
    from densesharp.stats.power import FormName, cases_needed, power

    forms: tuple[FormName, ...] = ("rrrc", "frrc", "rrfc")
    sizes = [(j, k) for j in args.readers for k in args.cases]
    return {
        "pilot": pilot,
        "effect": args.effect,
        "alpha": args.alpha,
        "target": args.power,
        "power": [
            power(pilot, j, k, args.effect, form, args.alpha)
            for j, k in sizes
            for form in forms
            if j > 1 or form == "frrc"
        ],
        "cases_needed": [
            {
                "readers": j,
                "form": form,
                "found": cases_needed(pilot, j, args.effect, args.power, form, args.alpha),
            }
            for j in args.readers
            for form in forms
            if j > 1 or form == "frrc"
        ],
    }


def _text(document: dict[str, Any]) -> str:
    from densesharp.stats.formatting import number, text_table
    from densesharp.stats.mrmc_records import FORM_TITLES

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
    parts.append(
        f"Cases for a power of {document['target']:g} to detect {document['effect']:g}:\n"
        + text_table(["", "readers", "cases"], rows)
    )
    return "\n\n".join(parts) + "\n"
