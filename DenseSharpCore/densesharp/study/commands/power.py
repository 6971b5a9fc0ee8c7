"""`densesharp study power`: how many readers and cases the next study needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

HELP = "power and number of cases from a pilot study's variance"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add(
        "pilot",
        type=Path,
        metavar="PILOT",
        help="readings of a pilot study (.csv with reader,treatment,case,truth,rating; .imrmc; "
        ".lrc)",
    )
    add("--effect", type=float, required=True, help="difference in AUC to detect")
    add("--readers", type=int, nargs="+", required=True, metavar="J", help="numbers of readers")
    add("--cases", type=int, nargs="*", default=[], metavar="K", help="numbers of cases")
    add("--power", type=float, default=0.8, help="target power (default 0.8)")
    add("--alpha", type=float, default=0.05, help="two-sided level (default 0.05)")
    add("--json", metavar="FILE", help="write the results as JSON; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Analyse the pilot and compute power."""
    from densesharp.errors import StudyError
    from densesharp.study.formats import load_readings
    from densesharp.study.mrmc import analyse
    from densesharp.study.output import write_json
    from densesharp.study.power import pilot_from

    if not (0 < args.alpha < 1 and 0 < args.power < 1 and args.effect != 0):
        message = "The effect is a number other than 0; power and alpha lie between 0 and 1."
        raise StudyError(message)
    readings = load_readings(args.pilot)
    pilot = pilot_from(analyse(readings).components, len(readings.cases))
    document = power_document(pilot, args)
    if args.json:
        write_json(document, args.json)
    if args.json != "-":
        sys.stdout.write(_text(document))
    return 0


def power_document(pilot: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Power for every asked-for size, and the cases that reach the target."""
    from densesharp.study.power import FormName, cases_needed, power

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
    from densesharp.study.mrmc_document import FORM_TITLES
    from densesharp.study.output import number, text_table

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
