"""The command line: `densesharp COMMAND ...`.

Each command is one module of `densesharp.cli` with `configure(parser)` and `run(args) -> int`. Only
the module of the command that was asked for is imported.
"""

import argparse
import contextlib
import difflib
import importlib
import io
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from densesharp import stopping
from densesharp.cli.extras import EXTRAS, not_installed
from densesharp.errors import Cancelled, DenseSharpError, ImageError
from densesharp.files import why_missing

GROUPS = {
    "Read a CT": {
        "demo": "the bundled sample, from one click to a measured and classified nodule",
        "view": "look at a CT in the browser: click, see, correct, accept",
        "predict": "outline, measure and classify the nodule at a seed in a CT",
        "report": "write a report (HTML and PDF) from the results of one scan",
        "followup": "compare a nodule in two CTs of the same patient",
        "cohort": "run a whole list of CTs, restartable and in parallel",
        "dicom": "write results as DICOM SEG and structured report, or repeat a run from a report",
    },
    "Run a reader study": {
        "study": "plan, read and analyse a reader study",
        "mrmc": "compare readers under treatments: AUC with random readers and cases",
        "agree": "agreement of readers on classes: kappa, alpha, ICC",
    },
    "Train a model": {
        "dataset": "cut nodules out of CTs with masks, into a data set for training",
        "simulate": "make simulated nodules with known class and mask, or the sample chest CT",
        "explore": (
            "look at a data set's nodule (slices, histogram, 3D page) or at how a training run went"
        ),
        "train": "train a model on your own nodules (data set of the original code, or simulated)",
        "combine": "combine trained networks into one calibrated ensemble",
        "evaluate": (
            "measure a model on a data set: masks, classes, calibration, robustness to the click"
        ),
        "import-keras": "convert weights written by the original Keras code",
    },
    "Serve and look after": {
        "serve": "share one model and one GPU with several readers over the network",
        "doctor": "what is installed, which device works, and why not",
        "completion": "complete commands and options with the Tab key",
    },
}
STOPPED = 130
COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the list of all options."""

    _words: Sequence[str] = ()

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Keep what was typed, to say later what was meant."""
        self._words = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        meant = self._meant(message)
        if meant:
            message = message.split(" (choose from")[0]
        for kind, what in (("int", "whole number"), ("float", "number")):
            message = re.sub(f"invalid {kind} value: (.*)", rf"\1 is no {what}", message)
        self.exit(2, f"densesharp: {message}. {meant}'{self.prog} --help' explains.\n")

    def _meant(self, message: str) -> str:
        """The word that was probably meant, where one is close."""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message, re.DOTALL)
        if choice:
            words, known = [choice[1]], re.findall(r"[\w.-]+", choice[2])
            if choice[1] in ("help", "version"):
                return f"Did you mean --{choice[1]}? "
        else:
            known = list(self._option_string_actions)
            words = [word.split("=")[0] for word in self._words if word.startswith("--")]
        for word in words:
            close = difflib.get_close_matches(word, known, 1)
            if close and word not in known:
                return f"Did you mean {close[0]}? "
        return ""


def command_module(name: str) -> ModuleType:
    """The module that implements a command."""
    return importlib.import_module("densesharp.cli." + name.replace("-", "_"))


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of the command that `argv` begins with."""
    from densesharp.version import __version__

    parser = _Parser(
        prog="densesharp",
        usage="densesharp COMMAND ...",
        description="Lung nodules in chest CT: outline, measure, classify. Research use only, "
        "not for diagnosis.",
        epilog=_commands_by_task(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"densesharp {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, help="one of the commands below"
    )
    asked = argv[0] if argv else None
    for name, text in COMMANDS.items():
        sub = commands.add_parser(
            name, prog=f"densesharp {name}", description=text[0].upper() + text[1:] + "."
        )
        if name == asked:
            command_module(name).configure(sub)
    return parser


def _commands_by_task() -> str:
    """The list of commands as the help shows it."""
    lines = []
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:"]
        for name, text in commands.items():
            lines += textwrap.wrap(
                text, 88, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16
            )
    return "\n".join([*lines[1:], "", "'densesharp COMMAND --help' explains a command."])


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """Write `--seed -10,20,30` as `--seed=-10,20,30`; argparse takes the first for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--seed" and re.match(r"-\.?\d", word):
            joined[-1] = f"--seed={word}"
        else:
            joined.append(word)
    return joined


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line; what is wrong with it ends the program with status 2."""
    parser = build_parser(arguments)
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(2)
    if "" in arguments:
        # An empty path would mean the current folder: hardly what was meant.
        parser.error("an argument is empty, perhaps a variable that was not set")
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        _innermost(parser, args).error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def _innermost(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> argparse.ArgumentParser:
    """The parser of the command, or of its sub-command, that was asked for."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return _innermost(action.choices[getattr(args, action.dest)], args)
    return parser


def _run(arguments: Sequence[str]) -> int:
    """Run the command if it has its packages."""
    args = parse(arguments)
    lacking = not_installed(arguments)
    if lacking:
        sys.stderr.write(f"densesharp: {lacking}\n")
        return 2
    _check_paths(args)
    if getattr(args, "json", None):
        from densesharp.cli.terminal import check_json

        check_json(args.json)
    return int(command_module(args.command).run(args))


def _check_paths(args: argparse.Namespace) -> None:
    """Refuse the address of a web page where a file or a folder is meant."""
    for value in vars(args).values():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and path.parts[:1] in (("http:",), ("https:",)):
                raise ImageError(why_missing(path.as_posix()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        argv: its words; None takes those of this process, which Ctrl + C and SIGTERM then end.

    Returns:
        0 done, 2 wrong input, 1 a fault of ours, 130 or 143 stopped.
    """
    if argv is None:
        stopping.begin()
    try:
        status = _status(sys.argv[1:] if argv is None else argv)
    except BaseException:  # libraries turn a stop into errors of their own
        if not stopping.asked():
            raise
        status = STOPPED
    stopped = status == STOPPED or stopping.asked()
    if argv is None:
        stopping.ignore()
        return stopping.leave() if stopped else status
    if stopped:
        sys.stderr.write(stopping.SENTENCE)
    return status


def _status(argv: Sequence[str]) -> int:
    """Run one command; what is wrong with its input or this computer is one sentence."""
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what the Tab key may add
        from densesharp.cli.completion import complete

        complete()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console may have no sign for ± or mm³,
            stream.reconfigure(errors="replace")  # and names of files may be no text
    try:
        return _run(join_negative_values(argv))
    except (Cancelled, KeyboardInterrupt):
        return STOPPED
    except Exception as error:
        told = None if stopping.asked() else _told(error)
        if told is None:
            raise
        sys.stderr.write(told)
        return 0 if isinstance(error, BrokenPipeError) else 2


def _told(error: Exception) -> str | None:
    """What an error is to the reader; None for a fault of ours."""
    if isinstance(error, DenseSharpError):
        return f"densesharp: {error}\n"
    if isinstance(error, ModuleNotFoundError):
        name = (error.name or "").partition(".")[0]
        if name in {module for extra in EXTRAS.values() for module in extra.modules}:
            return f"densesharp: The package '{name}' is not installed or damaged.\n"
    if isinstance(error, BrokenPipeError):
        # The reader of our output (head, less) left: point stdout elsewhere for the final flush.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ""
    if isinstance(error, OSError) and error.filename is not None:
        why = error.strerror or error
        return f"densesharp: '{error.filename}' cannot be used ({why}): check the path.\n"
    return None
