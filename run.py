"""Set up DenseSharp in a private environment and run it, with Python and nothing else.

    python run.py demo      the bundled sample: one click to a measured, classified nodule
    python run.py test      every check and test

The environment lies in `.venv` beside this file. It is made once and made again only when
`pyproject.toml`, `constraints.txt`, Python or the folder changes. Any other command line is
passed on to `densesharp`: `python run.py predict CT.nrrd --seed 10,20,-30 --out result`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "densesharp-setup.txt"
EXTRAS = {
    "demo": ("viewer",),
    "view": ("viewer",),
    "test": (
        "torch", "keras", "viewer", "train", "study", "report", "serve", "cohort", "explore",
        "test",
    ),
}  # fmt: skip
USAGE = "usage: python run.py demo | test | view [IMAGE] | COMMAND ...   (see README.md)"


class SetupError(Exception):
    """Something about this machine that its user can mend; the text says how."""


def fingerprint() -> str:
    """Everything that makes an existing environment unusable when it changes."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    digest.update(f"{sys.version}|{platform.machine()}|{ROOT}".encode())
    return digest.hexdigest()


def installed_extras() -> set[str] | None:
    """The extras the environment was made with, or None when it must be made anew."""
    if not (PYTHON.exists() and STAMP.exists()):
        return None
    stamp, _, extras = STAMP.read_text(encoding="utf-8").partition("\n")
    return set(extras.split()) if stamp == fingerprint() else None


def make_environment() -> None:
    """Create an empty virtual environment with pip."""
    if VENV.exists():
        shutil.rmtree(VENV)
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"This Python has no '{error.name}' module, so no private environment can be made. "
            f"On Debian or Ubuntu: sudo apt install python{version}-venv"
        ) from error
    venv.create(VENV, with_pip=True)


def install(extras: set[str]) -> None:
    """Install the project and the named extras, at the tested versions."""
    target = ".[" + ",".join(sorted(extras)) + "]" if extras else "."
    print(f"Setting up DenseSharp in {VENV} (once; a few minutes) ...", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "-c", "constraints.txt", "-e", target]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        tail = "\n".join(result.stderr.strip().splitlines()[-8:])
        raise SetupError(
            "The packages could not be installed. pip said:\n"
            f"{tail}\n"
            "Without a network, or behind a proxy that blocks it: put wheels into a folder and "
            "set PIP_NO_INDEX=1 and PIP_FIND_LINKS to that folder."
        )
    STAMP.write_text(fingerprint() + "\n" + " ".join(sorted(extras)), encoding="utf-8")


def set_up(wanted: set[str]) -> None:
    """Bring the environment to at least the wanted extras."""
    if sys.version_info < (3, 10):
        raise SetupError(f"Python 3.10 or newer is needed; this is {platform.python_version()}.")
    if "viewer" in wanted and sys.version_info >= (3, 14):
        raise SetupError(
            "The viewer needs Python 3.10 to 3.13, because its views (slicer-core) have no build "
            f"for {platform.python_version()} yet. The command line works: "
            "python run.py predict --help"
        )
    have = installed_extras()
    if have is None:
        make_environment()
        install(wanted)
    elif not wanted <= have:
        install(have | wanted)


def test_commands(arguments: list[str]) -> list[list[str]]:
    """Style, types, the tests with their coverage, and that they run every line of the panel."""
    python = str(PYTHON)
    if arguments:
        return [[python, "-m", "pytest", *arguments]]
    return [
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy"],
        [python, "-m", "pytest", "--cov", "--cov-report=term"],
        [python, "Testing/panel/covered_lines.py"],
    ]


def main(arguments: list[str]) -> int:
    """Set up what the command needs, then run it."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    command = arguments[0]
    if command.startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        set_up(set(EXTRAS.get(command, ())))
        if command == "test":
            commands = test_commands(arguments[1:])
        else:
            commands = [[str(PYTHON), "-m", "densesharp", *arguments]]
        for each in commands:
            code = subprocess.run(each, cwd=ROOT, check=False).returncode
            if code:
                return code
    except SetupError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
