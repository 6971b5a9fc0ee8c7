"""`densesharp doctor`: what is installed, which device works, and why not."""

import argparse
import contextlib
import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal

import numpy as np

from densesharp.cli.extras import EXTRAS, NEEDS, how_to_get, missing
from densesharp.errors import DenseSharpError
from densesharp.words import counted

PACKAGES = ("numpy", "SimpleITK", "safetensors", "openvino", "vtk", "matplotlib", "pydicom",
            "highdicom", "torch", "slicer-core", "trame-slicer")  # fmt: skip

GL_LIBRARIES = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so.6")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        part: what was looked at.
        state: `ok`; `note` where something optional is missing; `problem` where a job cannot run.
        text: what was found and, for a problem, what to do.
    """

    part: str
    state: Literal["ok", "note", "problem"]
    text: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", metavar="FILE", help="write the findings here; - for stdout")


def run(args: argparse.Namespace) -> int:
    """Look at every part and report; 0 also with problems, which are an answer."""
    findings = []
    for check in (machine, packages, extras, model, devices, speed, graphics):
        findings += findings_of(check)
    if args.json:
        from densesharp.cli.terminal import write_json

        write_json({"findings": [asdict(finding) for finding in findings]}, args.json)
    if args.json != "-":
        sign = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
        for finding in findings:
            sys.stdout.write(f"{sign[finding.state]}  {finding.part}: {finding.text}\n")
    return 0


def findings_of(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of one check; a fault in it becomes a finding too."""
    found: list[Finding] = []
    try:
        found += check()
    except DenseSharpError as error:
        found.append(Finding(check.__name__, "problem", str(error)))
    except Exception as error:  # a doctor that falls over helps nobody
        found.append(Finding(check.__name__, "problem", f"{type(error).__name__}: {error}"))
    return found


def machine() -> Iterator[Finding]:
    """Python, system and processor."""
    from densesharp.version import __version__

    yield Finding("densesharp", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("Python", "ok", text)
    yield Finding("processor", "ok", f"{os.cpu_count()} cores")


def packages() -> Iterator[Finding]:
    """Versions of what is installed."""
    installed = []
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed.append(f"{name} {metadata.version(name)}")
    yield Finding("packages", "ok", ", ".join(installed))


def extras() -> Iterator[Finding]:
    """What can be added, what each is for, and how to get it."""
    for name, extra in EXTRAS.items():
        users = [command for command, needs in NEEDS.items() if name in needs]
        what = f"{extra.what} ({', '.join(users)})" if users else extra.what
        if not missing(name):
            yield Finding(f"extra {name}", "ok", f"{what}: installed")
        else:
            text = f"{what}: not installed, about {extra.megabytes} MB; {how_to_get([name])}"
            yield Finding(f"extra {name}", "note", text)


def model() -> Iterator[Finding]:
    """The bundled model file."""
    from densesharp.model.model_file import load_model
    from densesharp.resources import model_path

    file = load_model(model_path())
    text = (
        f"{file.card.name}, {counted(file.card.members, 'member')}, "
        f"trained on {file.card.trained_on}; sha256 {file.sha256[:12]}..."
    )
    yield Finding("model", "ok", text)
    if file.card.evaluation:
        yield Finding("measured", "ok", file.card.evaluation)


def devices() -> Iterator[Finding]:
    """Which devices really run a 3D convolution, and why the others do not."""
    from densesharp.model.engines import report_devices

    for report in report_devices():
        missing: Literal["note", "problem"] = "problem" if report.device == "cpu" else "note"
        yield Finding(f"device {report.device}", "ok" if report.works else missing, report.detail)


def speed() -> Iterator[Finding]:
    """Run the bundled model as a click would."""
    from densesharp.model.engines import open_engine
    from densesharp.model.model_file import load_model
    from densesharp.resources import model_path

    engine = open_engine(load_model(model_path()))
    patch = np.zeros((1, 32, 32, 32), dtype=np.float32)
    engine.run(patch)
    start = time.perf_counter()
    engine.run(patch)
    took = (time.perf_counter() - start) * 1e3
    yield Finding("engine", "ok", f"{engine.description}; one pass takes {took:.0f} ms")


def graphics() -> Iterator[Finding]:
    """Whether the viewer can draw."""
    if util.find_spec("trame_slicer") is None:
        return  # the extra says so
    if sys.platform == "linux" and not any(loads(name) for name in GL_LIBRARIES):
        text = (
            "no OpenGL library for drawing without a screen. On Debian or Ubuntu: "
            "sudo apt install libegl1 libgl1-mesa-dri"
        )
        yield Finding("viewer", "problem", text)
        return
    yield Finding("viewer", "ok", "installed, a drawing library is there")


def loads(library: str) -> bool:
    """Whether the system can load a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
