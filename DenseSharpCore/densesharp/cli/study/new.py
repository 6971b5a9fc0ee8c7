"""`densesharp study new`: fix a study's design before anybody reads."""

import argparse
import sys

from densesharp.cli.pages import page
from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.study.conduct.design_fields import FIELDS, Field


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: the fields of a plan, the folder first."""
    folder, *rest = FIELDS
    parser.add_argument(folder.name, nargs="?", metavar="STUDY", help=folder.help)
    for field in rest:
        _add(parser, field)
    add_json_argument(parser)
    parser.add_argument(
        "--preview", action="store_true", help="check everything and list the cases, make nothing"
    )
    parser.add_argument("--page", action="store_true", help="fill this in on a page in the browser")


def _add(parser: argparse.ArgumentParser, field: Field) -> None:
    option = _option(field)
    if field.kind == "switch":
        parser.add_argument(option, action="store_true", help=field.help)
        return
    default = f" (default {field.default})" if field.default else ""
    parser.add_argument(
        option,
        metavar={"file": "CSV", "folder": "DIR", "number": "N"}.get(field.kind),
        choices=[value for value, _ in field.choices] or None,
        help=field.help + default,
    )


def _option(field: Field) -> str:
    return "STUDY" if field.name == "study" else "--" + field.name.replace("_", "-")


def run(args: argparse.Namespace) -> int:
    """Make the study and say what was drawn."""
    from densesharp.errors import StudyError
    from densesharp.study.conduct.new_study import create, preview, summary

    values = {field.name: getattr(args, field.name) or "" for field in FIELDS}
    if args.page:
        page("planning")(values)
        return 0
    for field in FIELDS:
        if field.required and not values[field.name]:
            # Forms have no options, so that only the command line names them.
            raise StudyError(
                f"'{field.label}' is missing ({_option(field)} on the command line): {field.help}."
            )
    if args.preview:
        with progress_bar() as progress:
            seen = preview(values, progress)
        finish(seen, {"preview": seen}, args.json, sys.stdout)
        return 0
    with progress_bar() as progress:
        study = create(values, progress)
    design = study.design
    document = {"study": design.study, "sha256": design.sha256, "cases": len(design.cases)}
    finish(summary(study, values), document, args.json, sys.stdout)
    return 0
