"""Set up DenseSharp in a private environment and run it, with Python and nothing else.

    python run.py demo              the bundled sample: one click to a measured, classified nodule
    python run.py test              every check and test; with --full the long searches too
    python run.py COMMAND ...       any other command, as in: python run.py predict CT.nrrd --help
    python run.py install EXTRA ... only set up: viewer, train, study, ... or all
    python run.py check             style and types only, before a commit
    python run.py docs              the documentation as a site in the folder `site`

The environment lies in `.venv` beside this file. It gets what a command needs when the command
is first used, and is made again only when Python or the folder changes. Paths are those of the
folder where the command is typed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "densesharp-setup.txt"
TABLE = ROOT / "DenseSharpCore" / "densesharp" / "cli" / "extras.py"
BASIC_MEGABYTES = 1350
USAGE = "usage: python run.py demo | test | COMMAND ... | install EXTRA ...   (see README.md)"


class SetupError(Exception):
    """Something about this machine that its user can mend; the text says how."""


def fingerprint() -> str:
    """What the environment was made for: the machine, and the packages with their versions.

    When the first half changes, an environment is of no use; when the second does, pip mends it.
    """
    machine = f"{sys.version}|{platform.machine()}|{ROOT}".encode()
    packages = b"".join(
        (ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")
    )
    return " ".join(hashlib.sha256(part).hexdigest() for part in (machine, packages))


def installed_extras() -> tuple[set[str], bool] | None:
    """The extras in the environment, and whether they are up to date; None where there is none."""
    if not (PYTHON.exists() and STAMP.exists()):
        return None
    made_for, _, extras = STAMP.read_text(encoding="utf-8").partition("\n")
    if made_for.split(" ")[0] != fingerprint().split(" ")[0]:
        return None
    return set(extras.split()), made_for == fingerprint()


def make_environment() -> None:
    """Create an empty virtual environment with pip."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"This Python has no '{error.name}' module, so no private environment can be made. "
            f"On Debian or Ubuntu: sudo apt install python{version}-venv"
        ) from error
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
        venv.create(VENV, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(
            f"The environment {VENV} cannot be made ({reason}): put the project into a folder of "
            "your own, on a disk with space."
        ) from error


def pip(command: list[str]) -> int:
    """Run pip and give its status; it speaks on stderr, since a program may read stdout.

    Without a terminal, what is there already is left out: hundreds of lines of no use.
    """
    if sys.stderr.isatty():
        return subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            if not line.startswith(("Requirement already", "Looking in ")):
                sys.stderr.write(line)
                sys.stderr.flush()
    return running.returncode


def install(extras: set[str], new: set[str], basic: bool) -> None:
    """Install the project and its extras at the tested versions; pip shows how far it is."""
    known = runpy.run_path(str(TABLE))["EXTRAS"]
    size = sum(known[name].megabytes for name in new if name in known) + basic * BASIC_MEGABYTES
    what = [known[name].what for name in sorted(new) if name in known]
    text = ", ".join(["the basic packages"] * basic + what) or "changed versions"
    print(f"Setting up {text} in {VENV} (once; about {size} MB) ...", file=sys.stderr, flush=True)
    target = ".[" + ",".join(sorted(extras)) + "]" if extras else "."
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check",
               "-c", "constraints.txt", "-e", target]  # fmt: skip
    if pip(command):
        raise SetupError(
            "The packages could not be installed; pip's own words stand above. Without a network, "
            "or behind a proxy that blocks it: put wheels into a folder and set PIP_NO_INDEX=1 and "
            "PIP_FIND_LINKS to that folder."
        )
    STAMP.write_text(fingerprint() + "\n" + " ".join(sorted(extras)), encoding="utf-8")


def set_up(wanted: set[str]) -> None:
    """Bring the environment to at least the wanted extras."""
    reason = runpy.run_path(str(TABLE))["unavailable"](wanted)
    if reason:
        raise SetupError(reason)
    found = installed_extras()
    if found is None:
        make_environment()
        install(wanted, wanted, basic=True)
        return
    have, current = found
    if not (current and wanted <= have):
        install(have | wanted, wanted - have, basic=False)


def wanted_extras(arguments: list[str]) -> set[str]:
    """The extras that a command line needs, by the table that the commands have too."""
    table = runpy.run_path(str(TABLE))
    everything = set(table["EXTRAS"])
    if arguments[0] in ("test", "check"):
        return everything | {"test"}
    if arguments[0] == "docs":
        return {"docs"}
    if arguments[0] != "install":
        return set(table["needed"](arguments))
    unknown = set(arguments[1:]) - everything - {"all", "test"}
    if unknown:
        raise SetupError(f"'{min(unknown)}' is none of: {', '.join(sorted(everything))}, all.")
    return everything if "all" in arguments else set(arguments[1:])


def check_commands() -> list[list[str]]:
    """Style and types."""
    python = str(PYTHON)
    return [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
    ]


def test_commands(arguments: list[str]) -> list[list[str]]:
    """Style, types and tests; the first two are tests too, and so run beside the others.

    With `--full` also the long searches, the coverage, and that the tests run every line of the
    panel. Any other arguments go to pytest alone, which then runs in one process.
    """
    python = str(PYTHON)
    full = arguments == ["--full"]
    if arguments and not full:
        return [[python, "-m", "pytest", *arguments]]
    # One worker more than cores, since a third of the time goes by in waiting for browsers and
    # servers. A worker needs 1 to 2 GB: no more of them than a usual machine has memory for.
    # `Testing/conftest.py` says which tests go together and which groups begin.
    workers = min((os.cpu_count() or 1) + 1, 8)
    tests = [python, "-m", "pytest", f"--numprocesses={workers}", "--dist=loadfile",
             "--no-loadscope-reorder", "--durations=25"]  # fmt: skip
    if not full:
        return [tests]
    return [
        [*tests, "--full", "--cov", "--cov-report=term"],
        [python, "Testing/panel/covered_lines.py"],
    ]


def version() -> str:
    """The version, as pyproject.toml says it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    return f"densesharp {found[1]}" if found else "densesharp"


def run(arguments: list[str]) -> int:
    """Set up what the command needs, then run it; paths are those of the caller."""
    if sys.version_info < (3, 10):
        raise SetupError(f"Python 3.10 or newer is needed; this is {platform.python_version()}.")
    set_up(wanted_extras(arguments))
    if arguments[0] == "install":
        have = installed_extras() or (set(), True)
        print(f"In {VENV}: the basic packages, {', '.join(sorted(have[0])) or 'no extras'}")
        return 0
    own = {
        "test": lambda: test_commands(arguments[1:]),
        "check": check_commands,
        "docs": lambda: [[str(PYTHON), "-m", "mkdocs", "build", *arguments[1:]]],
    }
    if arguments[0] == "test":
        # Containers often set it; then every process of the tests compiles all files anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if arguments[0] in own:
        commands, folder = own[arguments[0]](), ROOT
    else:
        commands, folder = [[str(PYTHON), "-m", "densesharp", *arguments]], None
    for each in commands:
        code = wait_for(each, folder)
        if code:
            return code
    return 0


def wait_for(command: list[str], folder: Path | None) -> int:
    """Run a command and give its status; Ctrl+C and SIGTERM are for it to answer.

    `subprocess.run` would kill it after a quarter of a second, and leave what it started.
    """
    with subprocess.Popen(command, cwd=folder) as running:
        signal.signal(signal.SIGTERM, lambda *_: running.terminate())
        while True:
            try:
                code = running.wait()
                return code if code >= 0 else 128 - code  # as shells say it
            except KeyboardInterrupt:
                # A terminal has told it already, another program perhaps not; ours hears it once.
                if os.name == "posix" and "densesharp" in command:
                    running.send_signal(signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Run a command line and give its exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(version())
        return 0
    if arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return run(arguments)
    except SetupError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("run.py: stopped; type the command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
