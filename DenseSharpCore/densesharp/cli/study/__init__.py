"""`densesharp study`: its sub-commands, each a module of `densesharp.cli.study`."""

import argparse
import importlib
from types import ModuleType

SUBCOMMANDS = {
    "new": "fix and hash a study's design and schedule",
    "read": "read the cases that are due, in the browser",
    "export": "write answers, masks and the record as plain files with hashes",
    "verify": "check that the record is whole and follows the design",
    "merge": "bring the stores of several workstations together",
    "analyze": "analyse a finished study: results, tables, figures, report",
    "report": "draw figures and write the report again from a results folder",
    "power": "power and number of cases, from a pilot study or for one AUC",
    "simulate": "simulated readings (Roe & Metz) or marks (search model), to try designs and "
    "programs",
    "paper": "the DenseSharp paper's own observer study, rebuilt from its published tables",
}


def subcommand_module(name: str) -> ModuleType:
    """The module that implements a sub-command."""
    return importlib.import_module(f"densesharp.cli.study.{name}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands with their arguments."""
    subparsers = parser.add_subparsers(dest="subcommand", metavar="ACTION", required=True)
    for name, text in SUBCOMMANDS.items():
        sub = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        subcommand_module(name).configure(sub)


def run(args: argparse.Namespace) -> int:
    """Run the sub-command."""
    return int(subcommand_module(args.subcommand).run(args))
