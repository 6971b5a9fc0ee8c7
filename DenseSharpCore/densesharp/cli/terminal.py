"""What long work shows while it runs, and what a command says at its end."""

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from densesharp.csv_files import plain_number
from densesharp.errors import DeviceError, OutputError
from densesharp.files import check_folder, write_text
from densesharp.progress import Progress

PLAIN_AFTER_S = 5.0
"""Seconds between plain lines: short work shows none."""


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Progress on stderr: a bar with the time left on a terminal, else a plain line at times."""
    if not sys.stderr.isatty():
        yield plain_progress()
        return
    with tqdm(
        total=100,
        file=sys.stderr,
        ncols=_columns(),
        leave=False,
        bar_format="{desc} |{bar}| {percentage:3.0f} % {elapsed}, {remaining} left",
    ) as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_description_str(text, refresh=not bar.desc)
            bar.update(max(0.0, fraction * 100 - bar.n))

        yield show


def _columns() -> int:
    """The width of the terminal; some (serial lines, containers) say 0 or nothing."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def plain_progress() -> Progress:
    """Progress as lines on stderr, for logs and pipes: one in `PLAIN_AFTER_S` at most."""
    begun = last = time.monotonic()

    def show(fraction: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PLAIN_AFTER_S:
            return
        last = now
        left = f", {time_left(now - begun, fraction)} left" if 0 < fraction < 1 else ""
        sys.stderr.write(f"{fraction:4.0%}  {text}{left}\n")
        sys.stderr.flush()

    return show


def time_left(passed: float, fraction: float) -> str:
    """How long the rest takes at the pace so far, in words; `passed` in seconds."""
    left = passed * (1 - fraction) / fraction
    if left < 90:
        return f"about {max(left, 1):.0f} s"
    return f"about {left / 60:.0f} min" if left < 5400 else f"about {left / 3600:.1f} h"


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add where a program finds what was made."""
    parser.add_argument(
        "--json", metavar="FILE", help="write what was made, and where, as JSON; - for stdout"
    )


def check_json(target: str | None) -> None:
    """Check before the work that the file of `--json` can be written, and that no other is lost.

    Raises:
        OutputError: its folder cannot be written to, or it is another file: a CT, a table.
    """
    if not target or target == "-":
        return
    path = Path(target)
    check_folder(path.parent)
    if path.is_file():
        with path.open("rb") as file:
            begin = file.read(1)
        if begin not in (b"", b"{", b"["):
            raise OutputError(
                f"'{target}' is there and no JSON: --json would replace it. Give another name."
            )


def write_json(document: Mapping[str, Any], target: str) -> None:
    """Write a document to a file, or to stdout for `-`."""
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        write_text(target, text)


def number_if(fits: Callable[[float], bool], what: str) -> Callable[[str], float]:
    """A number for argparse.

    Args:
        fits: whether it may be given.
        what: what it is, for the message: `'x' is no WHAT`.
    """

    def read(text: str) -> float:
        number = plain_number(text)
        if number is None or not fits(number):
            raise argparse.ArgumentTypeError(f"'{text}' is no {what}")
        return number

    return read


def show(text: str, record: object, target: str | None) -> None:
    """Print results to stdout, or their JSON where `--json -` asks for that.

    Args:
        text: for the reader; lines, each ended.
        record: of results.
        target: of `--json`, if given.
    """
    from densesharp.stats.estimates import to_json

    if target:
        write_json(to_json(record), target)
    if target != "-":
        sys.stdout.write(text)


def finish(
    text: str, document: Mapping[str, Any], target: str | None, stream: TextIO | None = None
) -> None:
    """Say what was made and where, to the reader and to a program.

    Args:
        text: for the reader; lines, each ended.
        document: the same for a program.
        target: of `--json`, if given.
        stream: where the text goes; stderr by default, and always where stdout holds the JSON.
    """
    (sys.stderr if stream is None or target == "-" else stream).write(text)
    if target:
        write_json(document, target)


def check_port(host: str, port: int) -> None:
    """Check that a port can be listened on, before anything is loaded or said.

    Raises:
        DeviceError: it is taken, or may not be used.
    """
    if not port:
        return
    if not 0 < port < 65536:
        message = f"There is no port {port}: choose a --port from 1 to 65535, or 0 for a free one."
        raise DeviceError(message)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # on Windows it would allow a port that is taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        message = f"Port {port} cannot be used (is a server running there?): choose another --port."
        raise DeviceError(message) from error
