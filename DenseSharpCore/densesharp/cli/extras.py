"""Which packages beyond the basic ones a command needs, and how to get them.

The one table of this: `run.py` reads this file before anything is installed, so it needs the
standard library only.
"""

import importlib.util
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple


class Extra(NamedTuple):
    """A group of packages that some commands need.

    Attributes:
        what: what it is for.
        megabytes: its size on disk beside the basic packages, measured on Linux.
        modules: what must be importable.
    """

    what: str
    megabytes: int
    modules: tuple[str, ...]


EXTRAS = {
    "viewer": Extra("the browser viewer", 250, ("trame_slicer", "trame", "trame_vuetify")),
    "report": Extra("reports as HTML and PDF", 25, ("jinja2", "reportlab", "svglib")),
    "data": Extra("data sets and judging models", 225, ("scipy", "pandas")),
    "train": Extra("training", 1200, ("torch", "lightning", "tensorboard", "scipy", "pandas")),
    "study": Extra(
        "reader studies and their statistics",
        360,
        ("scipy", "pandas", "statsmodels", "sqlalchemy", "jinja2", "reportlab", "svglib"),
    ),
    "explore": Extra("pictures and 3D pages of data sets", 295, ("scipy", "pandas", "plotly")),
    "serve": Extra("one model and GPU for several readers", 900, ("litserve", "torch")),
    "cohort": Extra("lists of CTs on a Dask cluster", 120, ("distributed",)),
    "keras": Extra("weights of the original Keras code", 20, ("h5py",)),
    "torch": Extra("computing on a GPU", 870, ("torch",)),
    "completion": Extra("completing commands with the Tab key", 1, ("argcomplete",)),
    "docs": Extra("the documentation as a site", 80, ("mkdocs", "material")),
}

NEEDS = {
    "demo": ("viewer",),
    "view": ("viewer",),
    "report": ("report",),
    "simulate": ("data",),
    "dataset": ("data",),
    "evaluate": ("data",),
    "combine": ("data",),
    "train": ("train",),
    "explore": ("explore",),
    "import-keras": ("keras",),
    "study": ("study",),
    "study read": ("study", "viewer"),
    "mrmc": ("study",),
    "agree": ("study",),
    "serve": ("serve",),
    "completion": ("completion",),
}
"""Extras by command; a command that is not here needs the basic packages only."""

TORCH_FOR_PROCESSORS = "https://download.pytorch.org/whl/cpu"


def needed(arguments: Sequence[str]) -> tuple[str, ...]:
    """The extras that a command line needs."""
    words = set(arguments)
    if not arguments or words & {"-h", "--help"} or {"demo", "--no-viewer"} <= words:
        return ()
    if {"cohort", "--dask"} <= words:
        return ("cohort",)
    if arguments[:2] == ["study", "new"] and "--page" in words:
        return ("study", "viewer")
    own = NEEDS.get(arguments[0], ())
    return NEEDS.get(" ".join(arguments[:2]), own)


def unavailable(extras: Collection[str]) -> str:
    """Why extras cannot be installed on this computer; empty where they can."""
    system = sys.platform, platform.machine().lower()
    intel_mac = system == ("darwin", "x86_64")
    if "viewer" in extras and (intel_mac or system == ("linux", "aarch64")):
        return (
            "The viewer needs Windows x64, macOS on Apple silicon or Linux x86_64: Slicer's views "
            "have no build for this computer. The other commands work."
        )
    if "viewer" in extras and sys.version_info >= (3, 14):
        return (
            "The viewer needs Python 3.10 to 3.13: Slicer's views (slicer-core) have no build for "
            f"{platform.python_version()} yet. The other commands work."
        )
    if intel_mac and {"train", "serve", "torch"} & set(extras):
        return "PyTorch has no build for Intel Macs any more, so this cannot run here."
    return ""


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [name for name in EXTRAS[extra].modules if importlib.util.find_spec(name) is None]


def how_to_get(extras: Collection[str], arguments: Sequence[str] = ()) -> str:
    """The line to type that installs extras (and, in a checkout, runs the command too)."""
    root = Path(__file__).resolve().parents[3]
    if (root / "run.py").exists() and Path(sys.prefix).resolve() == root / ".venv":
        words = arguments or ("install", *sorted(extras))
        join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
        return f"python {join([str(root / 'run.py'), *words])}"
    packages = sorted({name for extra in extras for name in _requirements(extra)})
    words = [f'"{name}"' for name in packages] + _torch_for_processors(packages)
    return f'"{sys.executable}" -m pip install ' + " ".join(words)


def _torch_for_processors(packages: Sequence[str]) -> list[str]:
    """Where pip finds PyTorch without the gigabytes for GPUs, which it takes on Linux otherwise."""
    torch = any(name.startswith("torch") for name in packages)
    if not torch or sys.platform != "linux" or shutil.which("nvidia-smi"):
        return []
    return ["--extra-index-url", TORCH_FOR_PROCESSORS]


def _requirements(extra: str) -> list[str]:
    """What pip must install for an extra here, as this package's own metadata say."""
    from packaging.requirements import Requirement

    found = []
    for text in metadata.requires("densesharp") or ():
        one = Requirement(text)
        if one.marker and "extra" in text and one.marker.evaluate({"extra": extra}):
            inner = f"[{','.join(sorted(one.extras))}]" if one.extras else ""
            found.append(f"{one.name}{inner}{one.specifier}")
    return found


def not_installed(arguments: Sequence[str]) -> str:
    """What to say before a command runs without its packages; empty where it has them."""
    lacking = {name: found for name in needed(arguments) if (found := missing(name))}
    if not lacking or arguments[0] == "demo":  # which runs without, and says so at its end
        return ""
    if unavailable(lacking):
        return unavailable(lacking)
    command = " ".join(arguments[: 2 if arguments[0] == "study" else 1])
    names = ", ".join(dict.fromkeys(name for found in lacking.values() for name in found))
    size = sum(EXTRAS[name].megabytes for name in lacking)
    return (
        f"'{command}' needs packages that are not installed ({names}; about {size} MB). Type:\n"
        f"  {how_to_get(lacking, arguments)}"
    )
