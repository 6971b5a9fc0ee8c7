"""`densesharp study`: its sub-commands, each a module of `densesharp.cli.study`."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

HELP = "plan, read and analyse a reader study"

SUBCOMMANDS = (
    "new",
    "read",
    "export",
    "verify",
    "merge",
    "analyze",
    "report",
    "power",
    "simulate",
    "paper",
)


def subcommand_module(name: str) -> ModuleType:
    """The module that implements a sub-command."""
    return importlib.import_module(f"densesharp.cli.study.{name}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands with their arguments."""
    subparsers = parser.add_subparsers(dest="subcommand", metavar="ACTION", required=True)
    for name in SUBCOMMANDS:
        module = subcommand_module(name)
        text = module.HELP
        sub = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        module.configure(sub)


def run(args: argparse.Namespace) -> int:
    """Run the sub-command."""
    return int(subcommand_module(args.subcommand).run(args))
