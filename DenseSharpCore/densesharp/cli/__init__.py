"""The command line: `densesharp COMMAND ...`.

Each command is one module of `densesharp.cli` with `HELP`, `configure(parser)` and
`run(args) -> int`. Only the module of the command that was asked for is imported.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from densesharp.errors import Cancelled, DenseSharpError

COMMANDS = {
    "demo": "the bundled sample, from one click to a measured and classified nodule",
    "predict": "outline, measure and classify the nodule at a seed in a CT",
    "cohort": "run a whole list of CTs, restartable and in parallel",
    "report": "write a report (HTML and PDF) from the results of one scan",
    "followup": "compare a nodule in two CTs of the same patient",
    "view": "look at a CT in the browser: click, see, correct, accept",
    "train": "train a model on your own nodules (data set of the original code, or simulated)",
    "evaluate": (
        "measure a model on a data set: masks, classes, calibration, robustness to the click"
    ),
    "simulate": "make simulated nodules with known class and mask, or the sample chest CT",
    "dataset": "cut nodules out of CTs with masks, into a data set for training",
    "explore": (
        "look at a data set's nodule (slices, histogram, 3D page) or at how a training run went"
    ),
    "combine": "combine trained networks into one calibrated ensemble",
    "import-keras": "convert weights written by the original Keras code",
    "study": "plan, read and analyse a reader study",
    "mrmc": "compare readers under treatments: AUC with random readers and cases",
    "agree": "agreement of readers on classes: kappa, alpha, ICC",
    "dicom": "write results as DICOM SEG and structured report, or repeat a run from a report",
    "serve": "share one model and one GPU with several readers over the network",
    "doctor": "what is installed, which device works, and why not",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"densesharp: {message}. '{self.prog} --help' explains.\n")


def command_module(name: str) -> ModuleType:
    """The module that implements a command."""
    return importlib.import_module("densesharp.cli." + name.replace("-", "_"))


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of the command that `argv` begins with."""
    from densesharp import __version__

    parser = _Parser(
        prog="densesharp",
        description="Lung nodules in chest CT: outline, measure, classify. Research use only, "
        "not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"densesharp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = argv[0] if argv else None
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == asked:
            command_module(name).configure(sub)
    return parser


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """Write `--seed -10,20,30` as `--seed=-10,20,30`; argparse takes the first for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--seed" and re.match(r"-\.?\d", word):
            joined[-1] = f"--seed={word}"
        else:
            joined.append(word)
    return joined


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status: 0 done, 2 wrong input, 1 a fault of ours."""
    arguments = join_negative_values(sys.argv[1:] if argv is None else argv)
    try:
        if "" in arguments:
            # An empty path would mean the current folder: hardly what was meant.
            build_parser(arguments).error("an argument is empty: was a variable not set?")
        args = build_parser(arguments).parse_args(arguments)
        return int(command_module(args.command).run(args))
    except DenseSharpError as error:
        sys.stderr.write(f"densesharp: {error}\n")
        return 2
    except (Cancelled, KeyboardInterrupt):
        sys.stderr.write("densesharp: cancelled, nothing more was written.\n")
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) left: point stdout elsewhere for the final flush.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
